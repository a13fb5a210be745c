"""Carries reports of investigations, the cards of remediations, and the calls to AWS that remediations are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from blocks import remediation as look
from blocks import report
from bot.carriers.common import NEEDLESS, Messenger, Settlement, showing
from bot.config import Config
from bot.durations import span
from bot.errors import ChatError, CloudError, DeliveryError, UserError
from bot.investigation import Subject, as_recommended, cause_of, newest_of, subject_of
from bot.models import (
    Action,
    Alert,
    Cause,
    Change,
    Delivery,
    Incident,
    InvestigationStatus,
    Message,
    Order,
    Owed,
    OwedKind,
    Posted,
    Progress,
    Reading,
    Remediation,
    RemediationStatus,
    Shown,
)
from bot.owed import Target
from bot.owed import fixes as owed_fixes
from bot.planning import incident_of
from bot.ports import Alarms, Chat, Clock, Collector, Fixes, Scope, Standing
from bot.remediation import Remediations
from bot.remedies import effect
from bot.resources import Resources
from bot.runbooks import RUNBOOKS
from bot.signals import Alarm, AlarmState
from bot.store import Store
from bot.verification import Beside, Measured, Window, judge

_ALERTS = 50  # of an incident, whose remediations are looked for
_LEAST_WINDOW = timedelta(minutes=5)  # for verifying, where it is as long ago
_SYMPTOM = timedelta(minutes=15)  # before an alarm it was bad already
_MEASURED = 4  # alarms whose metrics are read to verify
_FIRING, _NAMED = 200, 3  # where other troubles of its service are looked for, and how many are named
_STOOD_FOR = (Shown.SILENCED, Shown.INHIBITED)


class ReportCarriers:
    """Reports and pictures, under the card of what they are about."""

    def __init__(self, store: Store, chat: Chat, config: Config, ops_channel: str) -> None:
        self._store = store
        self._chat = chat
        self._config = config
        self._messenger = Messenger(chat, ops_channel)

    def takes(self, owed: Owed) -> bool:
        return owed.kind in (OwedKind.REPORT, OwedKind.PICTURE)

    def carry(self, delivery: Delivery) -> Settlement:
        return self._report(delivery) if delivery.owed.kind is OwedKind.REPORT else self._picture(delivery)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """Nothing can be shown where showing fails; the log says it."""
        return _above_is_lost(self._store, self._store.investigation(_number(delivery.owed.subject)).subject, error)

    def _report(self, delivery: Delivery) -> Settlement:
        investigation = self._store.investigation(_number(delivery.owed.subject))
        subject = subject_of(self._store, investigation.subject)
        shown, document = as_recommended(investigation, subject, self._config)
        message = report.report(
            shown,
            runbook=self._config.service(investigation.service).runbook,
            can_fix=_can_fix(subject),
            document=document,
            pages=self._config.runbook_pages or "",
        )
        posted = _under(self._store, self._messenger, delivery, subject, message)
        return Settlement((posted,) if posted else ())

    def _picture(self, delivery: Delivery) -> Settlement:
        subject = delivery.owed.subject
        picture = self._store.picture(subject)
        place = self._store.posted(subject, str(delivery.owed.body["target"]))
        if picture is None or place is None or delivery.in_doubt:
            return NEEDLESS  # a picture twice says no more than one that was perhaps lost
        self._chat.upload(
            place.channel_id, place.thread_ts or None, f"{subject}.png", f"{subject}: the alarm's metric", picture
        )
        return Settlement()


class Aws(NamedTuple):
    """What is asked of AWS. `metrics` verifies; None: nothing can be measured."""

    fixes: Fixes
    metrics: Collector | None
    alarms: Alarms


class FixCarriers:
    """The calls to AWS. Raises CloudError where AWS did not take it and it may be tried again."""

    def __init__(self, aws: Aws, remediations: Remediations, store: Store, clock: Clock) -> None:
        self._aws = aws
        self._remediations = remediations
        self._store = store
        self._clock = clock
        self._step = {"start": self._start, "follow": self._follow, "verify": self._verify}

    def takes(self, owed: Owed) -> bool:
        return owed.kind in (OwedKind.FIX, OwedKind.PROPOSE)

    def carry(self, delivery: Delivery) -> Settlement:
        if delivery.owed.kind is OwedKind.PROPOSE:
            return self._propose(delivery)
        fix = self._store.remediation(_number(delivery.owed.subject))
        return self._step[str(delivery.owed.body["step"])](fix)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        return None

    def _start(self, fix: Remediation) -> Settlement:
        if fix.status is not RemediationStatus.RUNNING:
            return Settlement()
        if self._remediations.outcomes.is_late(fix):
            return self._timed_out(fix)
        return self._tried(fix, lambda: self._aws.fixes.start(fix))

    def _follow(self, fix: Remediation) -> Settlement:
        if fix.status is not RemediationStatus.RUNNING:
            return Settlement()
        if self._remediations.outcomes.is_late(fix) and not self._came_to_an_end(fix):
            return self._timed_out(fix)
        return self._tried(fix, lambda: self._aws.fixes.follow(fix))

    def _came_to_an_end(self, fix: Remediation) -> bool:
        """While the bot was away it may have been done in time."""
        try:
            return self._aws.fixes.follow(fix).is_over
        except (CloudError, UserError):
            return False

    def _timed_out(self, fix: Remediation) -> Settlement:
        """Also one that never began: what was approved then is not what AWS looks like now."""
        self._let_go(fix)
        problem = "it took longer than it may"
        return Settlement(follow=lambda: self._remediations.outcomes.ended(fix.number, problem, timed_out=True))

    def _tried(self, fix: Remediation, call: Callable[[], Progress]) -> Settlement:
        """What can't be is the end of it; what may pass is tried again, as long as the remediation may take."""
        try:
            progress = call()
        except UserError as error:
            problem = str(error)
        except CloudError as error:
            if error.retryable and not self._remediations.outcomes.is_late(fix):
                raise
            problem = str(error)
        else:
            return Settlement(follow=lambda: self._remediations.outcomes.progressed(fix.number, progress))
        return Settlement(follow=lambda: self._remediations.outcomes.ended(fix.number, problem))

    def _let_go(self, fix: Remediation) -> None:
        try:
            self._aws.fixes.stop(fix)
        except (CloudError, UserError):
            return  # it is over for us either way, and the card says that it took too long

    def _verify(self, fix: Remediation) -> Settlement:
        if fix.status is not RemediationStatus.VERIFYING:
            return Settlement()
        outcomes = self._remediations.outcomes
        if outcomes.put_off(fix) is not None:
            return Settlement(follow=lambda: outcomes.put_off(fix))
        subject, later = outcomes.subject_of(fix), outcomes.later(fix)
        standing, unseen = self._standing_of(fix, later)
        began, again = self._trouble(fix, subject)
        measured = self._measured(fix, subject, began, again or self._clock())
        verdict = judge(measured, self._state(subject), standing, self._beside(fix, subject, later))
        told = f"it fired again {span(again - (fix.finished_at or again))} after it was done" if again else ""
        verdict = verdict._replace(lines=(*verdict.lines, *unseen, *([told] if told else [])))
        return Settlement(follow=lambda: outcomes.judged(fix.number, verdict))

    def _beside(self, fix: Remediation, subject: Subject | None, later: Sequence[Remediation]) -> Beside:
        """Other troubles of the service. Tasks killed out of memory are theirs, unless that is what it was for."""
        service, own = fix.order.service, {one.number for one in self._alerts_of(subject, fix.order.service)}
        others = [one for one in self._store.firing_alerts(limit=_FIRING)
                  if one.service == service and one.number not in own and one.shown not in _STOOD_FOR]  # fmt: skip
        goes_on = [f"{one.id} ({one.alarm.name})" for one in others[:_NAMED]]
        is_for_memory = effect(fix.order.name) == Action.RESTART.value or (
            subject is not None and cause_of(self._store, subject) is Cause.MEMORY_LEAK
        )
        if is_for_memory:
            return Beside(goes_on)
        came = self._store.alerts_fired(service, fix.started_at or fix.requested_at)
        since = [one.id for one in came if one.number not in own and one.shown not in _STOOD_FOR]
        return Beside(goes_on, [*since[:_NAMED], *(one.id for one in later[:_NAMED])])

    def _measured(self, fix: Remediation, subject: Subject | None, began: datetime, until: datetime) -> Measured:
        """From when it was done until then, and how bad it was before, from when it `began` on; nothing where that was
        less than a minute of metrics."""
        alarms = self._alarms_of(subject, fix.order.service)
        since = _settled(fix.finished_at or until, until)
        if since >= until:
            return Measured()
        readings, killed = self._collected(fix, alarms, since, until)
        worst: list[Reading] = []
        if subject is not None and readings:
            worst, _ = self._collected(fix, alarms, began - _SYMPTOM, fix.started_at or until)
        first = next((one for one in alarms if one is not None and one.period), None)
        period = timedelta(seconds=first.period) if first is not None and first.period else Window().period
        return Measured(readings, Window(until - since, period), worst, killed)

    def _trouble(self, fix: Remediation, subject: Subject | None) -> tuple[datetime, datetime | None]:
        """When what it is for fired the last time before it began, and when the first time after it was done, if it
        did: what goes wrong from then on is another trouble's."""
        now = self._clock()
        alerts = self._alerts_of(subject, fix.order.service)
        again = [moment for one in alerts for moment in one.returned]
        begun, done = fix.started_at or now, fix.finished_at or now
        fired = [*again, *(one.fired_at for one in alerts)]
        began = max((moment for moment in fired if moment <= begun), default=begun)
        return began, min((moment for moment in again if moment > done), default=None)

    def _collected(
        self, fix: Remediation, alarms: Sequence[Alarm | None], since: datetime, until: datetime
    ) -> tuple[list[Reading], int]:
        """The metrics of these alarms and of the service over that time, each once; and tasks killed out of memory."""
        found: dict[tuple[str, str], Reading] = {}
        killed = 0
        if self._aws.metrics is None:
            return [], 0
        for alarm in alarms:
            where = _acted_on(fix.order, self._remediations.outcomes.resources_of(fix, alarm))
            values = self._aws.metrics.collect(Scope(fix.order.service, where, alarm, since, since, until)).values
            for each in values.get("readings", ()):
                key = each.measure.value, each.metric
                if key not in found or found[key].threshold is None:
                    found[key] = each
            killed = max(killed, int(values.get("stopped", 0)))
        return list(found.values()), killed

    def _alarms_of(self, subject: Subject | None, service: str) -> list[Alarm | None]:
        """The alarms whose metrics tell whether it helped."""
        alerts = self._alerts_of(subject, service)
        with_metric = [one.alarm for one in alerts if one.alarm.metric]
        return [*with_metric[:_MEASURED]] or [alerts[0].alarm if alerts else None]

    def _alerts_of(self, subject: Subject | None, service: str) -> list[Alert]:
        """What it is for; with a composite alarm's alert those of its children that fired with it, over by now or
        not."""
        if subject is None:
            return []
        alerts = [subject] if isinstance(subject, Alert) else self._store.alerts_of_incident(subject.number)
        alerts = [one for one in alerts if isinstance(subject, Alert) or one.service == service]
        found = {one.number: one for one in alerts}
        for whole in alerts:
            heads = self._store.heads(whole.alarm.children_keys).values()
            children = self._store.alerts(head.number for head in heads if head.number is not None)
            found |= {number: one for number, one in children.items()
                      if one.over_at is None or one.over_at >= whole.fired_at}  # fmt: skip
        return list(found.values())

    def _standing_of(self, fix: Remediation, later: Sequence[Remediation]) -> tuple[Progress | None, tuple[str, ...]]:
        """How what it changed stands by now; where AWS does not tell, why, which speaks neither for nor against it.

        Once something else was changed there, how it stands is the later one's doing: told, and no problem of this one.
        """
        try:
            standing = self._aws.fixes.standing(fix)
        except UserError as error:
            standing = Progress(said="", problem=str(error))
        except CloudError as error:
            return None, (f"how it is deployed could not be read: {error}",)
        if standing is None or not later:
            return standing, ()
        told = f"since {later[-1].id} ({look.change(later[-1])}): {standing.problem or standing.said}"
        return (None, (told,)) if standing.problem else (Progress(said=told), ())

    def _state(self, subject: Subject | None) -> AlarmState | None:
        """The live state of the alarms: firing while one of them does."""
        if subject is None:
            return None
        alerts = [subject] if isinstance(subject, Alert) else self._store.alerts_of_incident(subject.number)
        names = [one.alarm.name for one in alerts]
        if not names:
            return None
        try:
            standing = self._aws.alarms.states(names, alerts[0].alarm.region)
        except CloudError:
            standing = {}
        states = {_standing(one, standing.get(one.alarm.name)) for one in alerts}
        worst = (AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA)
        return next((state for state in worst if state in states), AlarmState.OK)

    def _propose(self, delivery: Delivery) -> Settlement:
        body, subject = delivery.owed.body, delivery.owed.subject
        order = Order.model_validate(body["order"])
        return Settlement(follow=self._remediations.standing.by_itself(subject, order, str(body["approval"])))


class FixCardCarriers:
    """The cards of remediations, under the card of what they are for. Raises ChatError."""

    def __init__(self, remediations: Remediations, store: Store, chat: Chat, clock: Clock, ops_channel: str) -> None:
        self._remediations = remediations
        self._store = store
        self._messenger = Messenger(chat, ops_channel)
        self._clock = clock

    def takes(self, owed: Owed) -> bool:
        return owed.kind is OwedKind.FIX_CARD

    def carry(self, delivery: Delivery) -> Settlement:
        fix = self._store.remediation(_number(delivery.owed.subject))
        message = look.card(fix, now=self._clock(), facts=self._remediations.outcomes.facts(fix))
        subject = subject_of(self._store, fix.subject) if fix.subject else None
        posted = _under(self._store, self._messenger, delivery, subject, message)
        return Settlement((posted,) if posted else ())

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        return _above_is_lost(self._store, self._store.remediation(_number(delivery.owed.subject)).subject, error)


def what_is_known(store: Store, incident: Incident) -> tuple[Owed, ...]:
    """For an incident's channel that opens: the newest report, and the remediations that wait or ran."""
    if incident.channel_id is None:
        return ()
    found = newest_of(store, incident)
    reports = [found] if found is not None and found.status is InvestigationStatus.DONE else []
    ids = [incident.id, *(alert.id for alert in store.alerts_of_incident(incident.number, limit=_ALERTS))]
    fixes = [one for each in ids for one in store.remediations_of(each)]
    shown = [one for one in fixes if one.started_at is not None or one.status is RemediationStatus.PLANNED]
    cards = [
        owed_fixes.card(one, incident.channel_id, is_first=True) for one in sorted(shown, key=attrgetter("number"))
    ]
    return (*(owed_fixes.report(one, incident.channel_id) for one in reports), *cards)


def _settled(done: datetime, now: datetime) -> datetime:
    """Since when it should be well, in whole minutes as CloudWatch counts, and never before it was done.

    What was done needs half of the time to be felt, where enough of it is left then.
    """
    felt = max(done, min(done + (now - done) / 2, now - _LEAST_WINDOW))
    whole = felt.replace(second=0, microsecond=0)
    return whole if whole == felt else whole + timedelta(minutes=1)


def _acted_on(order: Order, resources: Resources) -> Resources:
    """A runbook's effect is measured at what it acts on: what else the service runs on says nothing about it."""
    runbook = RUNBOOKS.get(order.runbook)
    if runbook is None:
        return resources
    return Resources(**{name: getattr(resources, name) for name in ("account", "region", *runbook.acts_on)})


def _standing(alert: Alert, found: Standing | None) -> AlarmState:
    """Without data an alarm that fired has not recovered, and one that was over is still over."""
    known = AlarmState.ALARM if alert.is_firing else AlarmState.OK
    if found is None:
        return known
    return AlarmState.OK if found.state is AlarmState.INSUFFICIENT_DATA and not alert.is_firing else found.state


def _can_fix(subject: Subject) -> bool:
    return subject.is_firing if isinstance(subject, Alert) else subject.is_open


def _under(
    store: Store, messenger: Messenger, delivery: Delivery, subject: Subject | None, message: Message
) -> Posted | None:
    """Where it stands it is edited; else it is posted under the card of what it is about."""
    target = str(delivery.owed.body["target"])
    place = store.posted(delivery.owed.subject, target)
    channel = messenger.channel(target)
    return messenger.show(
        delivery, place, channel, message, target=target, above=lambda: _card_above(store, subject, target)
    )


def _above_is_lost(store: Store, subject: str, error: DeliveryError) -> Change | None:
    """Shown anew, the card above it is posted in place of the lost one; what waits for it then comes under that."""
    if error.code != "thread_not_found":
        return None
    about = subject_of(store, subject)
    lead = about.lead if isinstance(about, Alert) else None
    return showing(store, subject if lead is None else f"AL-{lead}")


def _card_above(store: Store, subject: Subject | None, target: str) -> Posted | None:
    """The card whose thread it belongs into; none in an incident's own channel. One to be posted still comes first."""
    number = incident_of(subject)
    if subject is None or (number is not None and store.incident(number).channel_id == target):
        return None
    if isinstance(subject, Alert):
        stands = _stands_for(store, subject)
        found = _of_alert(store, stands, target)
        if found is None and stands.shown.has_card and stands.has_stood:
            raise ChatError("card_not_posted", retryable=True, detail="its card comes first")
        return found
    return store.posted(subject.id, Target.OPS)


def _stands_for(store: Store, alert: Alert) -> Alert:
    """Under a composite alarm's card people look for what is known of its children."""
    return store.alert(alert.parent) if alert.shown is Shown.INHIBITED and alert.parent is not None else alert


def _of_alert(store: Store, alert: Alert, target: str) -> Posted | None:
    """Its own card, or the one that it stands under: a thread has no threads."""
    if alert.lead is not None:
        return store.posted(f"AL-{alert.lead}", target)
    own = store.posted(alert.id, target)
    if own is None and alert.incident is not None:
        return store.posted(f"INC-{alert.incident}", Target.OPS)
    return own


def _number(subject: str) -> int:
    return int(subject.partition("-")[2])
