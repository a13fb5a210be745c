"""What an alert's card shows, gathered from the store and the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blocks.alert import AlertFacts
from bot.config import Config, same_service
from bot.models import Action, Alert, ChangeKind, Incident, Made, Silence
from bot.owed import Target
from bot.remedies import possible
from bot.resources import resources
from bot.signals import Deployment
from bot.store import Store
from bot.triage import Rules

_DEPLOYED_WITHIN = timedelta(hours=1)
_ONE_ROLLOUT = timedelta(minutes=30)  # a pipeline's word and ECS's own about one deployment lie this close together


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
        newest = next(iter(self._store.investigations_of(alert.id, limit=1)), None)
        changes = newest.evidence.changes if newest is not None and newest.evidence is not None else ()
        return [_named(each, (*self._rolled_back(), *changes)) for each in before]

    def _rolled_back(self) -> list[Made]:
        """What the bot went back to itself is known without an investigation."""
        return [
            Made(
                kind=ChangeKind.DEPLOYMENT,
                what=one.order.name,
                target=one.plan.target.name,
                service=one.order.service,
                at=one.started_at,
                after=one.plan.after,
                by=one.id,
            )
            for one in self._store.remediations()
            if one.order.action is Action.ROLLBACK and one.started_at is not None
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


def _named(bare: Deployment, changes: Sequence[Made]) -> Deployment:
    """With the revision and whoever deployed it, as far as the investigation found that out: ECS says neither."""
    service = same_service(bare.service)
    near = [
        each
        for each in changes
        if each.kind is ChangeKind.DEPLOYMENT
        and service in (same_service(each.service), same_service(each.target))
        and abs(each.at - bare.began) <= _ONE_ROLLOUT
    ]
    made = min(near, key=lambda each: abs(each.at - bare.began), default=None)
    if made is None:
        return bare
    return bare.model_copy(update={"version": bare.version or made.after, "by": bare.by or made.author})


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
