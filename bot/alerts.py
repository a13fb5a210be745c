"""The alert use cases: what arrives on the queue, and what people do with alerts.

`receive` takes a batch of signals and writes all that follows from them in one transaction, so that the messages may be
deleted. Every signal is decided by `bot.triage` and `bot.steps.alerts` on what the ones before it left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from blocks import notes
from blocks.alert import for_mail, title
from blocks.text import clip
from bot import events
from bot.access import Right
from bot.alert_cards import AlertCards
from bot.config import Config, same_service
from bot.errors import InvalidInput, NotAllowed, Refused
from bot.ledger import Ledger
from bot.models import (
    Action,
    Alert,
    AlertStatus,
    Change,
    Decision,
    Head,
    Incident,
    Investigation,
    InvestigationStatus,
    Order,
    OwedKind,
    Severity,
    Shown,
    Stage,
    Timer,
)
from bot.owed import alerts as owed
from bot.owed import fixes as owed_fixes
from bot.owed import incidents as owed_to_incident
from bot.ports import Alarms
from bot.rights import Caller, Rights
from bot.scene import Scene
from bot.signals import AlarmChanged, AlarmState, Deployment, Signal, Unreadable
from bot.steps import alerts as steps
from bot.steps import causes, consequences
from bot.steps.alerts import By
from bot.triage import Around, Finding, Rules, decide, group_of, minutes

STORM = "storm"  # a timer: look whether the storm of a channel is over
REVEAL = "reveal"  # a timer: the maintenance window that hides an alert ends
_NUMBERS_AT_ONCE = 20
_AFTER_STORM = 5  # cards for what a storm hid, when it is over
_LOOKED_WITHIN = timedelta(minutes=5)  # one cause is not looked for again so soon
_UNDER = 50
_RAW_SHOWN = 10  # unreadable messages shown one by one within _RAW_WINDOW
_RAW_WINDOW = timedelta(minutes=10)
_CLOCKS_APART = timedelta(minutes=5)


class Taken(NamedTuple):
    """The alert as it stands, the incident it belongs to, and whether this call changed it."""

    alert: Alert
    incident: Incident | None
    changed: bool = True


class Alerts:
    """Alerts from their alarm to their end. `fallback` is the channel for what can't be read."""

    def __init__(
        self, ledger: Ledger, rights: Rights, rules: Rules, config: Config, cards: AlertCards, *, fallback: str
    ) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._rules = rules
        self._config = config
        self._cards = cards
        self._fallback = fallback
        self._receiving = threading.Lock()
        self._numbering = threading.Lock()
        self._numbers: Iterator[int] = iter(())

    # -- what arrives

    def receive(self, signals: Sequence[Signal], alarms: Alarms) -> None:
        """Store what follows from these signals, in their order; what was taken care of before changes nothing."""
        with self._receiving:  # batches of one process would only get in each other's way
            self._ledger.decide(lambda now: (None, self._follow(signals, alarms, now)), "an alert")

    def _follow(self, signals: Sequence[Signal], alarms: Alarms, now: datetime) -> Change | None:
        known = self._store.seen(signal.source_id for signal in signals)
        once = {signal.source_id: signal for signal in reversed(signals)}
        fresh = [signal for signal in reversed(once.values()) if signal.source_id not in known]
        if not fresh:
            return None
        scene = Scene(self._store, fresh, now)
        arns = scene.may_be_new(fresh)
        scene.tags = alarms.tags(arns) if arns else {}
        for signal in fresh:
            self._take(scene, signal)
        self._add_consequences(scene)
        scene.apply(Change(owed=(*scene.storms_told.values(), *owed.events(scene.events))))
        return scene.change

    def _take(self, scene: Scene, signal: Signal) -> None:
        match signal:
            case AlarmChanged():
                at = min(signal.at, scene.now + _CLOCKS_APART)  # a time ahead would make all that follows old news
                self._alarm(scene, signal if at == signal.at else signal.model_copy(update={"at": scene.now}))
            case Deployment():
                known = self._config.known_service(signal.service) or signal.service
                scene.apply(Change(deployments=(signal.model_copy(update={"service": same_service(known)}),)))
            case Unreadable():
                scene.apply(self._unreadable(scene, signal))
            case _:
                return

    def _unreadable(self, scene: Scene, signal: Unreadable) -> Change:
        """Shown raw, each once; a flood of them as one number."""
        if scene.unreadable(_RAW_WINDOW) >= _RAW_SHOWN:
            due = scene.now + timedelta(minutes=1)
            row = owed.flood(self._fallback, since=scene.now - _RAW_WINDOW, due=due)
        else:
            row = owed.post(self._fallback, notes.unreadable(signal.raw, signal.problem))
        return Change(unreadable=(signal,), owed=(row,))

    def _alarm(self, scene: Scene, change: AlarmChanged) -> None:
        """Older news than what is known never overwrites it."""
        head = scene.head(change.alarm.key)
        current = scene.alert(head.number) if head else None
        if change.state is AlarmState.INSUFFICIENT_DATA:  # says nothing of whether it fires, so it orders nothing
            if current is not None and current.is_firing and change.at > current.changed_at:
                scene.apply(steps.lost_data(current, change))
            return
        if head is not None and change.at <= head.changed_at:
            self._late(scene, head, current, change)
            return
        match change.state:
            case AlarmState.ALARM:
                current = self._fires(scene, current, change)
            case AlarmState.OK:
                self._is_ok(scene, current, change)
        number = current.number if current is not None else None
        self._keep_head(scene, head, change, number)

    def _keep_head(self, scene: Scene, head: Head | None, change: AlarmChanged, number: int | None) -> None:
        newest = Head(
            key=change.alarm.key,
            number=number,
            state=change.state,
            changed_at=change.at,
            expires_at=scene.now + self._rules.triage.dedup,
            version=head.version if head else 0,
        )
        scene.apply(Change(heads=(newest,)))

    def _late(self, scene: Scene, head: Head, current: Alert | None, change: AlarmChanged) -> None:
        """A duplicate is counted; a firing whose OK came first is shown as what it is: over."""
        if change.state is not AlarmState.ALARM:
            return
        if current is not None and (current.over_at is None or change.at <= current.over_at):
            scene.apply(steps.repeated(current, change.model_copy(update={"value": current.value, "reason": ""})))
            return
        alone = self._around(scene, change)._replace(incident=None, newest=None, lead=None)
        alert = decide(change, self._next_number(), alone, self._rules)
        why = Decision(stage=Stage.DEDUP, outcome="over already", reason="its OK came before it: nobody is paged")
        ended = alert.changed(
            status=AlertStatus.RESOLVED,
            over_at=head.changed_at,
            changed_at=head.changed_at,
            decisions=alert.with_decisions(why),
        )
        self._announce(scene, ended)
        scene.apply(Change(heads=(head.model_copy(update={"number": ended.number}),)))

    # -- ALARM

    def _fires(self, scene: Scene, current: Alert | None, change: AlarmChanged) -> Alert:
        window = self._rules.triage.dedup
        if current is None:
            return self._new(scene, change)
        if current.settling is not None:
            scene.apply(steps.unsettled(current, change))
        elif current.is_firing:
            if change.previous is not AlarmState.OK or change.at - current.changed_at <= window:
                scene.apply(steps.repeated(current, change))
            else:
                self._end(scene, current, at=change.at, ok_reason="its OK never arrived")
                return self._new(scene, change)
        elif current.over_at is not None and change.at - current.over_at <= window:
            self._returns(scene, current, change)
        else:
            return self._new(scene, change)
        return current

    def _returns(self, scene: Scene, current: Alert, change: AlarmChanged) -> None:
        """The same card again; whether something hides it is looked at anew."""
        incident = scene.incident(current.incident)
        place, _ = self._rules.enrich(change.alarm, scene.tags.get(change.alarm.arn))
        around = self._around(scene, change)
        hidden = self._rules.silence(change, place, around) or self._rules.inhibition(current.severity, around)
        was_hidden = current.shown in (Shown.SILENCED, Shown.INHIBITED)
        current = current.changed(pages=False) if hidden else current
        back = steps.returned(current, incident, change, scene.now, self._rules.policy)
        scene.apply(back)
        alert = scene.alert(current.number)
        assert alert is not None
        if hidden is not None:
            values = {key: value for key, value in hidden.values.items() if key in ("silence", "parent")}
            how: Shown = hidden.values["shown"]
            scene.apply(steps.hidden(alert, how, self._rules.policy, hidden.decision.reason, **values))
        elif was_hidden or self._stands_alone(scene, alert):
            shown = self._revealed(alert, scene.now, "it fires again, and stands alone by now")
            scene.apply(shown)
            back += shown
        if any(row.kind is OwedKind.PAGE for row in back.owed):
            self._investigate(scene, scene.alert(current.number) or alert)

    def _stands_alone(self, scene: Scene, alert: Alert) -> bool:
        """What its card stood under is over, or the storm that it was part of is."""
        if not alert.awaits:
            return False
        if alert.shown is Shown.STORM:
            return not scene.storm(alert.channels[0]).is_on
        lead = scene.alert(alert.lead)
        return alert.shown is Shown.THREAD and (lead is None or not lead.is_firing)

    def _new(self, scene: Scene, change: AlarmChanged) -> Alert:
        alert = decide(change, self._next_number(), self._around(scene, change), self._rules)
        incident = scene.incident(alert.incident)
        if alert.shown.has_card or alert.shown is Shown.STORM:
            alert = self._count(scene, alert)
        if incident is not None:
            is_worse = alert.severity < incident.severity
            scene.apply(steps.joined(alert, incident, scene.now))
            self._open_channel(scene, incident.number)
            alert = alert if is_worse else steps.taken_along(alert, incident)
        self._announce(scene, alert)
        if alert.shown is Shown.SILENCED:
            scene.apply(self._look_again(alert))
        if alert.shown is Shown.INHIBITED:
            self._redraw(scene, alert.parent)
        lead = scene.alert(alert.lead)
        if lead is not None and alert.shown is Shown.THREAD:
            scene.apply(Change(owed=owed.cards(lead)))
        if alert.alarm.children:
            self._stand_for_children(scene, alert)
        return alert

    def _open_channel(self, scene: Scene, number: int) -> None:
        """A worse alarm may make it an incident with a channel of its own."""
        incident = scene.incident(number)
        if (
            incident is not None
            and not incident.wants_channel
            and incident.severity in self._config.channels.severities
        ):
            after = incident.changed(wants_channel=True)
            scene.apply(Change(incidents=(after,), owed=(owed_to_incident.own_channel(after),)))

    def _announce(self, scene: Scene, alert: Alert) -> None:
        """Its card, page and clock; what the bus and the mail hear."""
        scene.apply(steps.fired(alert, self._rules.policy))
        self._investigate(scene, alert)
        if alert.approval and alert.is_firing and alert.shown.has_card:
            order = Order(
                action=Action.RUNBOOK, service=alert.service, environment=alert.environment, runbook=alert.runbook
            )
            scene.apply(Change(owed=(owed_fixes.propose(order, alert.id, alert.approval, alert.alarm.name),)))
        context = self._rules.catalogue.context(alert)
        scene.events += [events.created(alert), events.enriched(alert, context)]
        if alert.topic and alert.is_firing and alert.shown is Shown.CARD:
            text = for_mail(self._cards.facts(alert))
            scene.apply(Change(owed=(owed.mail(alert.id, alert.topic, clip(title(alert), 200), text),)))

    def _investigate(self, scene: Scene, alert: Alert) -> None:
        """Its root cause is looked for, unless the same cause is looked for already, or it is one of a storm."""
        if not (alert.pages and alert.is_firing and self._config.investigation.by_itself):
            return
        is_sure = alert.severity is Severity.SEV1 and alert.is_known_service
        if not is_sure and scene.storm(alert.channels[0]).is_on:
            return
        if self._is_looked_at(scene, alert):
            return
        number = self._store.next_investigation_number()
        scene.apply(Change(investigations=(causes.wanted_for(alert, number, scene.now),)))

    def _is_looked_at(self, scene: Scene, alert: Alert) -> bool:
        """Was it just looked into: itself, the composite alarm above it, or one that it stands for?"""
        family = [scene.parent_of(alert.key), *(scene.alert_of(key) for key in alert.children_keys)]
        ids = [alert.id, *(one.id for one in family if one is not None)]
        return any(_is_recent(scene.investigation_of(each), alert, scene.now) for each in ids)

    def _count(self, scene: Scene, alert: Alert) -> Alert:
        """Count it for its channel; in a storm it may be part of the summary only."""
        channel = alert.channels[0]
        before = scene.storm(channel)
        storm, shown = self._rules.storm(before, alert, scene.now)
        scene.apply(Change(storms=(storm,)))
        if storm.is_on:
            scene.storms_told.setdefault(storm.id, owed.storm(storm, is_first=not before.is_on))
        if storm.is_on and not before.is_on:
            look = Timer(kind=STORM, subject=channel, due_at=scene.now + self._rules.triage.storm.calm)
            scene.apply(Change(timers=(look,), cancel_timers=((STORM, channel),)))
        if shown is alert.shown:
            return alert
        limits = self._rules.triage.storm
        reason = f"more than {limits.alerts} new alerts within {minutes(limits.within)}"
        decision = Decision(stage=Stage.STORM, outcome="summary only", reason=reason)
        return alert.changed(shown=shown, decisions=alert.with_decisions(decision))

    def _around(self, scene: Scene, change: AlarmChanged) -> Around:
        """What triage looks at beside the alarm."""
        tags = scene.tags.get(change.alarm.arn)
        place = self._rules.catalogue.place(change.alarm, tags)
        incident = scene.open_incident_of(place.service, place.environment) if place.service else None
        parent = scene.parent_of(change.alarm.key)
        newest = scene.newest_of(incident.number) if incident is not None else None
        lead = scene.lead_of(group_of(place)) if incident is None else None
        return Around(scene.now, tags, scene.silences(), parent, incident, newest, lead, scene.approvals())

    def _stand_for_children(self, scene: Scene, parent: Alert) -> None:
        scene.stands_for(parent)
        for key in parent.children_keys:
            child = scene.alert_of(key)
            if child is not None and child.awaits and child.number != parent.number:
                reason = f"the composite alarm {parent.alarm.name} ({parent.id}) stands for it"
                scene.apply(self._under(scene, child, parent, reason))

    def _under(self, scene: Scene, child: Alert, parent: Alert, reason: str) -> Change:
        group, policy = scene.led_by(child.number), self._rules.policy
        return steps.hidden(child, Shown.INHIBITED, policy, reason, group=group, parent=parent.number)

    # -- OK

    def _is_ok(self, scene: Scene, current: Alert | None, change: AlarmChanged) -> None:
        if current is None or not current.is_firing or current.settling is not None:
            return
        limits = self._rules.triage.flapping
        if steps.is_flapping(current, limits, scene.now):
            scene.apply(steps.settles(current, change, limits.settle, scene.now))
        else:
            self._end(scene, current, at=change.at, ok_value=change.value, ok_reason=change.reason)

    def _end(self, scene: Scene, alert: Alert, *, at: datetime, ok_value: float | None = None, ok_reason: str) -> None:
        incident, group = scene.incident(alert.incident), scene.led_by(alert.number)
        ok = {"over_at": at, "changed_at": at, "ok_value": ok_value, "ok_reason": ok_reason}
        scene.apply(steps.over(alert, incident, group, scene.now, self._rules.policy, **ok))
        self._redraw(scene, alert.lead)
        self._redraw(scene, alert.parent)
        if alert.alarm.children:
            for child in scene.under(alert.number):
                scene.apply(self._without_composite(child, alert, scene.now))

    def _without_composite(self, child: Alert, parent: Alert, now: datetime) -> Change:
        """What nobody has is shown now; what was taken along with the composite belongs to its incident."""
        if not child.awaits:
            return steps.left_alone(child)
        return self._revealed(child, now, f"{parent.alarm.name} is OK, and this one still fires")

    def _redraw(self, scene: Scene, number: int | None) -> None:
        """The card above says how many stand under it."""
        above = scene.alert(number)
        if above is not None and above.has_stood:
            scene.apply(Change(owed=owed.cards(above)))

    def _revealed(self, alert: Alert, now: datetime, reason: str) -> Change:
        """Shown, unless something else hides it too."""
        other = self._rules.still_hidden(alert, self._store.silences(), now)
        if other is not None:
            return self._kept_hidden(alert, other)
        response = self._rules.response(alert.service, alert.severity, now)
        return steps.revealed(alert, response, self._rules.policy, reason)

    def _kept_hidden(self, alert: Alert, other: Finding) -> Change:
        """Hidden by something else from now on."""
        after = alert.changed(
            shown=Shown.SILENCED,
            silence=other.values["silence"],
            parent=None,
            pages=False,
            decisions=alert.with_decisions(other.decision),
        )
        return Change(alerts=(after,), owed=owed.cards(after) if after.has_stood else ()) + self._look_again(after)

    def _look_again(self, alert: Alert) -> Change:
        """A maintenance window has no row whose end is a timer: the alert it hides has one."""
        end = self._rules.maintenance_end(alert, self._ledger.clock())
        if end is None:
            return Change()
        timer = Timer(kind=REVEAL, subject=alert.id, due_at=end)
        return Change(timers=(timer,), cancel_timers=((REVEAL, alert.id),))

    def reveal(self, number: int) -> None:
        """What hid it may be over: then it is shown, if it still fires."""

        def step(now: datetime) -> tuple[None, Change | None]:
            alert = self._store.alert(number)
            if not alert.is_firing or alert.shown is not Shown.SILENCED:
                return None, None
            return None, self._revealed(alert, now, "what hid it is over and it still fires")

        self._ledger.decide(step, f"AL-{number}")

    def after_silence(self, alert: Alert, now: datetime, ended: str) -> Change:
        """The silence `ended` hides it no more; something else may."""
        silences = [one for one in self._store.silences() if one.id != ended]
        other = self._rules.still_hidden(alert, silences, now)
        if other is not None:
            return self._kept_hidden(alert, other)
        response = self._rules.response(alert.service, alert.severity, now)
        reason = "its silence is over and it still fires"
        return steps.revealed(alert, response, self._rules.policy, reason)

    def _next_number(self) -> int:
        with self._numbering:
            number = next(self._numbers, None)
            if number is None:
                self._numbers = iter(self._store.next_alert_numbers(_NUMBERS_AT_ONCE))
                number = next(self._numbers)
            return number

    # -- what people do

    def show(self, caller: Caller, number: int) -> Alert:
        self._rights.need(caller, Right.READ)
        return self._store.alert(number)

    def firing(self, caller: Caller) -> tuple[list[Alert], int]:
        """The worst and newest firing alerts, and how many there are."""
        self._rights.need(caller, Right.READ)
        return self._store.firing_alerts(limit=50), self._store.firing_count()

    def of_service(self, caller: Caller, service: str) -> Alert | None:
        """The worst firing alert of a service that has a card; None where none fires."""
        self._rights.need(caller, Right.READ)
        firing = self._store.firing_alerts(limit=500)
        return next((one for one in firing if same_service(one.service) == same_service(service)), None)

    def acknowledge(self, caller: Caller, number: int) -> Taken:
        """Take this alert and all that fire for the same service. First wins; the second is told who and when."""
        person = self._rights.person(caller)

        def step(now: datetime) -> tuple[Taken, Change | None]:
            alert = self._store.alert(number)
            joined = self._open_incident(alert, now) if alert.awaits else None
            self._may_take(caller, joined)
            return self._acknowledged(alert, joined, By(person.id), now)

        return self._ledger.decide(step, f"AL-{number}")

    def acknowledge_elsewhere(self, number: int, by: By) -> Taken:
        """Somebody took it at the pager, which has checked who they are."""

        def step(now: datetime) -> tuple[Taken, Change | None]:
            alert = self._store.alert(number)
            joined = self._open_incident(alert, now) if alert.awaits else None
            return self._acknowledged(alert, joined, by, now)

        return self._ledger.decide(step, f"AL-{number}")

    def _may_take(self, caller: Caller, joined: Incident | None) -> None:
        """Whoever may respond to incidents, or declare them: this does both."""
        try:
            self._rights.need(caller, Right.DECLARE)
        except NotAllowed:
            self._rights.need(caller, Right.RESPOND, joined)

    def _acknowledged(
        self, alert: Alert, joined: Incident | None, by: By, now: datetime
    ) -> tuple[Taken, Change | None]:
        if alert.is_acknowledged or not alert.is_firing:
            incident = self._store.incident(alert.incident) if alert.incident is not None else None
            return Taken(alert, incident, changed=False), None
        group = [one for one in self._store.alerts_of_group(alert.group) if alert.group and one.awaits]
        together = sorted({one.number: one for one in [*group, alert]}.values(), key=lambda one: one.fired_at)
        visible = [
            one
            for one in together
            if one.shown in (Shown.CARD, Shown.THREAD, Shown.STORM) or one.number == alert.number
        ]
        visible = self._with_children(visible)
        if joined is not None:
            change = steps.added(visible, joined)
            incident = change.incidents[0]
        else:
            incident = self._opened(visible, by, now)
            change = steps.record(visible, incident, now)
        change += self._left_behind(visible, incident) + self._known(visible, incident)
        change += consequences.of(joined, incident, self._rules)
        change += steps.acknowledged(visible, incident, now, by, self._rules.policy)
        mine = next(one for one in change.alerts if one.number == alert.number)
        return Taken(mine, incident), change

    def _with_children(self, alerts: Sequence[Alert]) -> list[Alert]:
        """These and the waiting ones that composite alarms among them stand for; those of composites below too."""
        found = {one.number: one for one in alerts}
        todo = list(alerts)
        while todo:
            one = todo.pop()
            below = self._store.alerts_under(one.number) if one.alarm.children else []
            fresh = [child for child in below if child.awaits and child.number not in found]
            found.update({child.number: child for child in fresh})
            todo += fresh
        return sorted(found.values(), key=lambda one: one.fired_at)

    def _known(self, alerts: Sequence[Alert], incident: Incident) -> Change:
        """What is known by now of these, and of those that a composite one among them stands for."""
        below = [(one, *self._store.alerts_under(one.number, limit=_UNDER)) for one in alerts]
        ids = list(dict.fromkeys(each.id for family in below for each in family))
        investigations = [found for each in ids for found in self._store.investigations_of(each, limit=1)]
        fixes = [fix for each in ids for fix in self._store.remediations_of(each)]
        return Change(timeline=causes.known(incident.number, investigations, fixes))

    def _left_behind(self, alerts: Sequence[Alert], incident: Incident) -> Change:
        """Alerts that belonged to an incident which ended without them count there no more."""
        gone = Change()
        for number in {one.incident for one in alerts} - {None, incident.number}:
            before = self._store.incident(number) if number is not None else incident
            moved = sum(one.incident == number for one in alerts)
            gone += Change(
                incidents=(before.changed(alerts=before.alerts - moved, firing=max(before.firing - moved, 0)),)
            )
        return gone

    def _opened(self, alerts: Sequence[Alert], by: By, now: datetime) -> Incident:
        number = self._store.next_number()
        commander = by.user or self._stand_in(alerts[0].service)
        incident = steps.opened(alerts, number, now, by, commander)
        return incident.changed(wants_channel=incident.severity in self._config.channels.severities)

    def _stand_in(self, service: str) -> str | None:
        """Who commands when whoever acknowledged is not known in Slack: as the config file says."""
        own, common = self._config.service(service).on_call, self._config.on_call
        return own.commander or common.commander or own.primary or common.primary

    def _open_incident(self, alert: Alert, now: datetime) -> Incident | None:
        """The open incident of its service, where the newest of its alerts is not too long ago."""
        if alert.incident is not None:
            found = self._store.incident(alert.incident)
            return found if found.is_open else None
        found_ = self._store.open_incident_of(alert.service) if alert.service else None
        if found_ is None or (found_.environment and alert.environment not in ("", found_.environment)):
            return None
        return found_ if now - found_.declared_at <= self._rules.triage.group else None

    def may_change(self, caller: Caller, number: int) -> Alert:
        """The alert, if this person may change it; so that nobody fills in a form in vain."""
        self._may_take(caller, None)
        alert = self._store.alert(number)
        if not alert.is_firing:
            raise Refused(f"{alert.id} is over: its alarm is OK again.")
        return alert

    def may_rate(self, caller: Caller, number: int) -> Alert:
        """The alert, if its severity can still be changed here."""
        alert = self.may_change(caller, number)
        self._need_unacknowledged(alert)
        return alert

    def _need_unacknowledged(self, alert: Alert) -> None:
        if alert.is_acknowledged:
            where = f"INC-{alert.incident}"
            raise Refused(f"{alert.id} belongs to {where}: /incident sev {where} changes its severity.")

    def change_severity(self, caller: Caller, number: int, severity: Severity) -> Taken:
        self._may_take(caller, None)

        def step(now: datetime) -> tuple[Taken, Change | None]:
            alert = self._store.alert(number)
            self._need_unacknowledged(alert)
            response = self._rules.response(alert.service, severity, now)
            group = self._store.alerts_led_by(number)
            change = steps.rated(alert, severity, response, caller.user_id, self._rules.policy, group)
            return Taken(change.alerts[0] if change else alert, None, changed=change is not None), change

        return self._ledger.decide(step, f"AL-{number}")

    def of_place(self, caller: Caller, channel_id: str, thread_ts: str | None) -> Alert | None:
        """The alert under whose card this thread hangs."""
        self._rights.need(caller, Right.READ)
        subject = self._store.subject_of_message(channel_id, thread_ts) if thread_ts else None
        if subject is None or not subject.startswith("AL-"):
            return None
        return self._store.alert(int(subject.removeprefix("AL-")))

    def newest(self, caller: Caller, incident: int | None) -> Alert:
        """The newest alert of an incident, or the only one that fires; raises InvalidInput where that is none."""
        self._rights.need(caller, Right.READ)
        found = self._store.alerts_of_incident(incident) if incident is not None else self._store.firing_alerts(limit=2)
        if not found or (incident is None and len(found) > 1):
            raise InvalidInput("alert", "Which alert? /incident why AL-17; /incident alerts lists the ones that fire.")
        return found[-1]

    def awaiting(self, caller: Caller) -> list[Alert]:
        """Firing alerts that nobody has acknowledged."""
        hidden = (Shown.SILENCED, Shown.INHIBITED)
        return [alert for alert in self.firing(caller)[0] if alert.awaits and alert.shown not in hidden]

    # -- what time brings

    def settle(self, number: int) -> None:
        """A flapping alarm stayed quiet: its OK counts from when it came."""

        def step(now: datetime) -> tuple[None, Change | None]:
            scene = Scene(self._store, (), now)
            alert = scene.alert(number)
            if alert is None or alert.settling is None or not alert.is_firing:
                return None, None
            self._end(scene, alert, at=alert.settling, ok_value=alert.ok_value, ok_reason=alert.ok_reason)
            self._add_consequences(scene)
            return None, scene.change

        self._ledger.decide(step, f"AL-{number}")

    def calm(self, channel: str) -> None:
        """Is the storm of this channel over? Else look again later. Its alerts that still fire and page get a card."""

        def step(now: datetime) -> tuple[None, Change | None]:
            storm = self._store.storm(channel)
            if storm is None or not storm.is_on:
                return None, None
            limits = self._rules.triage.storm
            is_over = storm.newest_at is None or now - storm.newest_at >= limits.calm
            if not is_over and (storm.recent > limits.alerts or now - storm.window < limits.calm):
                again = Timer(kind=STORM, subject=channel, due_at=now + limits.calm)
                return None, Change(timers=(again,), cancel_timers=((STORM, channel),), owed=(owed.storm(storm),))
            ended = storm.changed(ended_at=now, recent=0, window=now)
            return None, Change(storms=(ended,), owed=(owed.storm(ended),)) + self._shown_after_all(channel, now)

        self._ledger.decide(step, f"the storm in {channel}")

    def _shown_after_all(self, channel: str, now: datetime) -> Change:
        """The worst of the alerts that had no card and still wait get one now: one of each group, and only a few."""
        firing = [one for one in self._store.firing_alerts(limit=2000) if one.channels[:1] == (channel,)]
        waiting = [one for one in firing if one.awaits and (one.shown.has_card or one.shown is Shown.STORM)]
        worst: dict[str, Alert] = {}
        for one in sorted(waiting, key=lambda one: (one.severity, one.shown is Shown.STORM, one.number)):
            worst.setdefault(one.group or one.id, one)
        hidden = [one for one in worst.values() if one.shown is Shown.STORM]
        change = Change()
        for alert in hidden[: min(_AFTER_STORM, self._rules.triage.storm.alerts)]:
            change += steps.shown_after_storm(alert, self._rules.policy)
        return change

    def _add_consequences(self, scene: Scene) -> None:
        for number, before in list(scene.before.items()):
            after = scene.incident(number)
            if after is not None and after is not before:
                scene.apply(consequences.of(before, after, self._rules))


def _is_recent(newest: Investigation | None, alert: Alert, now: datetime) -> bool:
    """Does it wait, run, or is it done since a moment? One of another alert that failed says nothing of this one."""
    if newest is None:
        return False
    if newest.status in (InvestigationStatus.WAITING, InvestigationStatus.RUNNING):
        return True
    is_told = newest.status is InvestigationStatus.DONE or newest.subject == alert.id
    return is_told and now - (newest.done_at or newest.asked_at) < _LOOKED_WITHIN
