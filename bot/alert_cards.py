"""What an alert's card shows, gathered from the store and the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blocks.alert import AlertFacts
from bot.config import Config, same_service
from bot.models import Action, Alert, ChangeKind, Incident, Made, Silence
from bot.owed import Target
from bot.remedies import effect, possible
from bot.resources import resources
from bot.signals import Deployment
from bot.store import Store
from bot.triage import Rules

_DEPLOYED_WITHIN = timedelta(hours=1)
_ONE_ROLLOUT = timedelta(minutes=30)  # a pipeline's word and ECS's own about one deployment lie this close together
_ONE_CHANGE = timedelta(minutes=2)  # so do the call that began a deployment and ECS's first word about it
_ROLLOUTS = (Action.ROLLBACK.value, Action.RESTART.value)  # what new tasks begin with
_DOCUMENT = "Automation-"  # whom CloudTrail names where an SSM document makes the call


class AlertCards:
    """`ops` is the name of the incident channel."""

    def __init__(self, store: Store, rules: Rules, config: Config, *, ops: str = "") -> None:
        self._store = store
        self._rules = rules
        self._config = config
        self._ops = ops

    def facts(self, alert: Alert) -> AlertFacts:
        """`alert` may be newer than the store's."""
        grouped, in_thread = self._grouped(alert)
        return AlertFacts(
            alert=alert,
            context=self._rules.catalogue.context(alert),
            incident=self._incident(alert),
            troubles=[each for each in self._store.troubles(alert.id) if not each.passes],
            deployments=self._deployments(alert),
            grouped=grouped,
            in_thread=in_thread,
            children=self._children(alert),
            silence=self._silence(alert),
            to_call=self._to_call(alert),
            channel=self._channel(alert),
            fixes=self._fixes(alert),
        )

    def _fixes(self, alert: Alert) -> list[Action]:
        """What could be changed where the service runs."""
        return possible(resources(self._config.service(alert.service), alert.alarm))

    def _incident(self, alert: Alert) -> Incident | None:
        return self._store.incident(alert.incident) if alert.incident is not None else None

    def _deployments(self, alert: Alert) -> list[Deployment]:
        if not alert.service:
            return []
        since = alert.fired_at - _DEPLOYED_WITHIN
        found = self._store.deployments_of(same_service(alert.service), since)
        before = [each for each in condensed(found) if each.began <= alert.fired_at]
        if all(each.version and each.by for each in before):
            return before
        told = [
            change
            for one in self._store.investigations_into(alert.service, alert.environment)
            for change in (one.evidence.changes if one.evidence is not None else ())
            if change.kind is ChangeKind.DEPLOYMENT
            and same_service(alert.service) in (same_service(change.service), same_service(change.target))
        ]
        return named(before, told, self._ours(alert))

    def _ours(self, alert: Alert) -> list[Made]:
        """What the bot rolled out itself, or back, is known without an investigation."""
        return [
            Made(
                kind=ChangeKind.DEPLOYMENT,
                what=one.order.name,
                target=one.plan.target.name,
                service=one.order.service,
                at=one.started_at,
                ended=one.finished_at,
                after=one.plan.after if one.order.action is Action.ROLLBACK else "",
                by=one.id,
            )
            for one in self._store.remediations()
            if one.started_at is not None
            and effect(one.order.name) in _ROLLOUTS
            and same_service(one.order.service) == same_service(alert.service)
        ]

    def _grouped(self, alert: Alert) -> tuple[int, int]:
        if not alert.awaits or alert.lead is not None:
            return 0, 0
        return self._store.count_led_by(alert.number)

    def _children(self, alert: Alert) -> list[str]:
        return [one.alarm.name for one in self._store.alerts_under(alert.number)] if alert.alarm.children else []

    def _silence(self, alert: Alert) -> Silence | str:
        """The silence, or in words what else hides it."""
        if alert.silence is None:
            return ""
        kind, colon, name = alert.silence.partition(":")
        if colon:
            return f"{kind.capitalize() if kind == 'maintenance' else kind}: {name}"
        return self._store.silence(alert.silence) or ""

    def _to_call(self, alert: Alert) -> str:
        """Whom to call by hand while paging fails, as far as the config file knows."""
        own, common = self._config.service(alert.service).on_call, self._config.on_call
        user = own.primary or common.primary
        return user or ""

    def _channel(self, alert: Alert) -> str:
        name = alert.channels[0] if alert.channels else Target.OPS.value
        return self._ops if name == Target.OPS else name


def named(found: Sequence[Deployment], told: Sequence[Made], ours: Sequence[Made]) -> list[Deployment]:
    """With the revision and whoever deployed it, as far as somebody found that out: ECS says neither.

    `told` is what investigations found, `ours` what the bot did. A change is one deployment's, the one nearest to it.
    """
    changes = [*(_ours_by_name(each, ours) for each in told), *(each for each in ours if each.after)]
    pairs = sorted(
        ((_apart(each, change), number, change) for number, each in enumerate(found) for change in changes),
        key=lambda pair: pair[:2],
    )
    names: dict[int, Made] = {}
    for apart, number, change in pairs:
        is_taken = number in names or any(_are_one(change, other) for other in names.values())
        is_other = bool(found[number].version) and found[number].version != change.after
        if apart <= _ONE_CHANGE and not is_taken and not is_other:
            names[number] = change
    return [_by_name(each, names.get(number)) for number, each in enumerate(found)]


def _by_name(bare: Deployment, change: Made | None) -> Deployment:
    if change is None:
        return bare
    return bare.model_copy(update={"version": bare.version or change.after, "by": bare.by or change.author})


def _ours_by_name(change: Made, ours: Sequence[Made]) -> Made:
    """What our role, or a document that we began, deployed is known by the remediation's id."""
    if not change.is_ours and not change.by.startswith(_DOCUMENT):
        return change
    mine = next((one for one in ours if one.at - _ONE_CHANGE <= change.at <= (one.ended or change.at)), None)
    return change if mine is None else change.model_copy(update={"by": mine.by, "through": ""})


def _are_one(change: Made, other: Made) -> bool:
    return change.after == other.after and abs(change.at - other.at) <= _ONE_CHANGE


def _apart(deployment: Deployment, change: Made) -> timedelta:
    """By when they began; where that was not heard of, by when they ended."""
    ends = abs(change.ended - deployment.at) if change.ended is not None else timedelta.max
    return min(abs(change.at - deployment.began), ends)


def condensed(found: Sequence[Deployment]) -> list[Deployment]:
    """One entry a deployment, the newest first.

    A pipeline says what is deployed, when and by whom; ECS says under an id of its own how that went.
    """
    made: list[Deployment] = []
    bare = [each for each in found if not each.version]
    for named in (each for each in found if each.version):
        own = _nearest(named, bare)
        bare = [each for each in bare if each is not own]
        newer = own if own is not None and own.at > named.at else named
        began = min(named.began, own.began if own is not None else named.began)
        made.append(named.model_copy(update={"state": newer.state, "began_at": began}))
    return sorted([*made, *bare], key=lambda one: one.at, reverse=True)


def _nearest(named: Deployment, bare: Sequence[Deployment]) -> Deployment | None:
    near = [each for each in bare if abs(each.at - named.at) <= _ONE_ROLLOUT]
    return min(near, key=lambda each: abs(each.at - named.at), default=None)
