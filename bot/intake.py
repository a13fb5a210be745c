"""What becomes of the signals that arrive on the queue, and of alerts as time passes: nobody is asked.

`receive` takes a batch of signals and writes all that follows from them in one transaction, so that the messages may be
deleted. Every signal is decided by `bot.triage` and `bot.steps.alerts` on what the ones before it left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from blocks import notes
from blocks.alert import for_mail, title
from blocks.text import clip
from bot import events
from bot.alert_cards import AlertCards
from bot.catalogue import Place
from bot.config import Config, same_service
from bot.durations import span
from bot.ledger import Ledger
from bot.models import (
    Action,
    Alert,
    AlertStatus,
    Change,
    Decision,
    Head,
    Incident,
    Order,
    OwedKind,
    Shown,
    Stage,
    Storm,
    Timer,
)
from bot.owed import alerts as owed
from bot.owed import fixes as owed_fixes
from bot.owed import incidents as owed_to_incident
from bot.ports import Alarms
from bot.scene import Scene
from bot.signals import Alarm, AlarmChanged, AlarmState, Deployment, Signal, Unreadable
from bot.steps import alerts as steps
from bot.steps import consequences
from bot.triage import Around, Finding, Rules, decide, group_of
from bot.visibility import Visibility

STORM = "storm"  # a timer: look whether the storm of a channel is over
_NUMBERS_AT_ONCE = 20
_AFTER_STORM = 5  # cards for what a storm hid, when it is over
_RAW_SHOWN = 3  # unreadable messages shown one by one within _RAW_WINDOW
_RAW_WINDOW = timedelta(minutes=1)
_CLOCKS_APART = timedelta(minutes=5)


class AlertIntake:
    """Alerts from their alarm to its OK. `fallback` is the channel for what can't be read."""

    def __init__(self, ledger: Ledger, rules: Rules, config: Config, cards: AlertCards, *, fallback: str) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rules = rules
        self._config = config
        self._cards = cards
        self._visibility = Visibility(ledger.store, rules)
        self._fallback = fallback
        self._receiving = threading.Lock()
        self._numbering = threading.Lock()
        self._numbers: Iterator[int] = iter(())

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
        for signal in _composites_first(fresh):
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
            began = self._store.first_unreadable(scene.now - _RAW_WINDOW) or scene.now
            row = owed.flood(self._fallback, since=began, due=scene.now + _RAW_WINDOW)
        else:
            row = owed.unreadable(self._fallback, notes.unreadable(signal.raw, signal.problem))
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
        alone = self._around(scene, change)._replace(incident=None, child=None, lead=None)
        alert = decide(change, self._next_number(), alone, self._rules)
        why = Decision(stage=Stage.DEDUP, outcome="over already", reason="its OK came before it: nobody is paged")
        ended = alert.changed(
            status=AlertStatus.RESOLVED,
            incident=None,
            over_at=head.changed_at,
            changed_at=head.changed_at,
            decisions=alert.with_decisions(why),
        )
        self._announce(scene, ended)
        scene.apply(Change(heads=(head.model_copy(update={"number": ended.number}),)))

    # -- ALARM

    def _fires(self, scene: Scene, current: Alert | None, change: AlarmChanged) -> Alert:
        if current is None:
            return self._new(scene, change)
        if current.settling is not None:
            scene.apply(steps.unsettled(current, change))
        elif current.is_firing:
            if change.previous is not AlarmState.OK or change.at - current.changed_at <= self._rules.triage.dedup:
                scene.apply(steps.repeated(current, change))
            else:
                self._end(scene, current, at=change.at, ok_reason="its OK never arrived")
                return self._new(scene, change)
        elif self._is_back(scene, current, change.at):
            self._returns(scene, current, change)
        else:
            return self._new(scene, change)
        return current

    def _is_back(self, scene: Scene, alert: Alert, at: datetime) -> bool:
        """Is it the same trouble again? Soon after its OK, or after the last OK of its incident, which lasted until
        then: that one begins again, whichever of its alarms is back first."""
        incident = scene.incident(alert.incident)
        ended = incident.resolved_at if incident is not None and incident.is_closed_by_alarm else None
        last = max([moment for moment in (alert.over_at, ended) if moment is not None], default=None)
        return last is not None and at - last <= self._rules.triage.dedup

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
            self._hide(scene, alert, hidden)
        elif was_hidden or self._stands_alone(scene, alert):
            shown = self._visibility.shown_again(alert, scene, "it fires again, and stands alone by now")
            scene.apply(shown)
            back += shown
        alert = scene.alert(current.number) or alert
        if any(row.kind is OwedKind.PAGE for row in back.owed):
            scene.apply(self._visibility.looked_into(alert, scene))
        if alert.alarm.children:
            self._stand_for_children(scene, alert)

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
            alert = self._join(scene, alert, incident)
        self._announce(scene, alert)
        if alert.shown is Shown.SILENCED:
            scene.apply(self._visibility.look_again(alert, scene.now))
        if alert.shown is Shown.INHIBITED:
            self._redraw(scene, alert.parent)
        lead = scene.alert(alert.lead)
        if lead is not None and alert.shown is Shown.THREAD:
            scene.apply(Change(owed=owed.cards(lead)))
        if alert.alarm.children:
            self._stand_for_children(scene, alert)
        return alert

    def _join(self, scene: Scene, alert: Alert, incident: Incident) -> Alert:
        """It belongs to the incident; unless it makes that worse, whoever has the incident has it too."""
        scene.apply(steps.joined(alert, incident, scene.now))
        self._open_channel(scene, incident.number)
        return alert if steps.worsens(alert, incident) else steps.taken_along(alert, incident)

    def _hide(self, scene: Scene, alert: Alert, why: Finding) -> None:
        """A silence or composite alarm stands for a stored alert from now on; with the latter goes its incident."""
        values = {key: value for key, value in why.values.items() if key in ("silence", "parent")}
        group = scene.led_by(alert.number)
        how: Shown = why.values["shown"]
        scene.apply(steps.hidden(alert, how, self._rules.policy, why.decision.reason, group=group, **values))
        incident = scene.incident(why.values.get("incident"))
        hidden = scene.alert(alert.number)
        if incident is not None and hidden is not None and hidden.incident is None:
            scene.apply(Change(alerts=(self._join(scene, hidden, incident),)))

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
        fired = steps.fired(alert, self._rules.policy)
        scene.apply(fired)
        scene.apply(self._visibility.looked_into(alert, scene))
        if alert.approval and alert.is_firing and alert.shown.has_card:
            order = Order(
                action=Action.RUNBOOK, service=alert.service, environment=alert.environment, runbook=alert.runbook
            )
            scene.apply(Change(owed=(owed_fixes.propose(order, alert.id, alert.approval, alert.alarm.name),)))
        context = self._rules.catalogue.context(alert)
        scene.events += [events.created(alert), events.enriched(alert, context)]
        if alert.topic and alert.is_firing and alert.shown is Shown.CARD:
            text = for_mail(self._cards.facts(alert))
            card = next(row for row in fired.owed if row.kind is OwedKind.ALERT)
            mail = owed.first_mail(alert.id, alert.topic, clip(title(alert), 200), text, card=card, now=scene.now)
            scene.apply(Change(owed=(mail,)))

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
        why = self._about_storm(storm, shown)
        return alert.changed(shown=shown, in_storm=storm.is_on, decisions=alert.with_decisions(why))

    def _about_storm(self, storm: Storm, shown: Shown) -> Decision:
        limits = self._rules.triage.storm
        within = f"{limits.alerts} new alerts within {span(limits.within)}"
        if not storm.is_on:
            return Decision(stage=Stage.STORM, outcome="none", reason=f"not more than {within} in its channel")
        if shown is Shown.STORM:
            return Decision(stage=Stage.STORM, outcome="summary only", reason=f"more than {within}")
        reason = f"more than {within}, but it pages or is a SEV-1, the worst of its service"
        return Decision(stage=Stage.STORM, outcome="own card", reason=reason)

    def _around(self, scene: Scene, change: AlarmChanged) -> Around:
        """What triage looks at beside the alarm."""
        tags = scene.tags.get(change.alarm.arn)
        place = self._rules.catalogue.place(change.alarm, tags)
        return Around(
            scene.now,
            tags,
            scene.silences(),
            parent=self._standing_over(scene, change.alarm),
            child=self._known_child(scene, change.alarm, place),
            incident=scene.open_incident_of(place.service, place.environment) if place.service else None,
            lead=scene.lead_of(group_of(place)),
            approvals=scene.approvals(),
        )

    def _standing_over(self, scene: Scene, alarm: Alarm) -> Alert | None:
        """The composite alarm's alert over this one. After its incident was ended by hand it stands for no further
        ones: nobody has it any more."""
        parent = scene.parent_of(alarm.key)
        if parent is None or parent.awaits:
            return parent
        incident = scene.incident(parent.incident)
        return parent if incident is not None and incident.is_open else None

    def _known_child(self, scene: Scene, alarm: Alarm, place: Place) -> Alert | None:
        """The alert whose page or incident this composite alarm shares: that of its worst child of the same service."""
        service = same_service(place.service)
        children = [one for one in scene.children_of(alarm) if one.is_firing and service == same_service(one.service)]
        heads = [scene.alert(one.lead) or one for one in children] if service else []
        known = [one for one in heads if one.is_acknowledged or (one.pages and one.leads)]
        return min(known, key=lambda one: (one.severity, one.number), default=None)

    def _stand_for_children(self, scene: Scene, parent: Alert) -> None:
        scene.stands_for(parent)
        for number in [one.number for one in scene.children_of(parent.alarm)]:
            child = scene.alert(number)  # as hiding the ones before it left it
            if child is not None and child.awaits:
                why = self._rules.inhibition(child.severity, Around(scene.now, parent=parent))
                if why is not None:
                    self._hide(scene, child, why)

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
                scene.apply(self._without_composite(scene, child, alert))

    def _without_composite(self, scene: Scene, child: Alert, parent: Alert) -> Change:
        """What nobody has is shown now; what was taken along with the composite belongs to its incident."""
        if not child.awaits:
            return steps.left_alone(child)
        return self._visibility.shown_again(child, scene, f"{parent.alarm.name} is OK, and this one still fires")

    def _redraw(self, scene: Scene, number: int | None) -> None:
        """The card above says how many stand under it."""
        above = scene.alert(number)
        if above is not None and above.has_stood:
            scene.apply(Change(owed=owed.cards(above)))

    def _next_number(self) -> int:
        with self._numbering:
            number = next(self._numbers, None)
            if number is None:
                self._numbers = iter(self._store.next_alert_numbers(_NUMBERS_AT_ONCE))
                number = next(self._numbers)
            return number

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

    def still_fires(self, number: int) -> None:
        """People resolved its incident, or its page, some time ago: they are told that it fires on."""

        def step(now: datetime) -> tuple[None, Change | None]:
            alert = self._store.alert(number)
            return None, steps.still_fires(alert, self._left_with(alert), now, self._rules.policy)

        self._ledger.decide(step, f"AL-{number}")

    def _left_with(self, alert: Alert) -> list[Alert]:
        if alert.incident is not None:
            together = self._store.alerts_of_incident(alert.incident)
        else:
            first = alert.lead or alert.number
            together = [self._store.alert(first), *self._store.alerts_led_by(first)]
        return [one for one in together if one.number != alert.number]

    def reveal(self, number: int) -> None:
        """What hid it may be over: then it is shown, if it still fires."""

        def step(now: datetime) -> tuple[None, Change | None]:
            alert = self._store.alert(number)
            if not alert.is_firing or alert.shown is not Shown.SILENCED:
                return None, None
            scene = Scene(self._store, (), now)
            return None, self._visibility.shown_again(alert, scene, "what hid it is over and it still fires")

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


def _composites_first(signals: Sequence[Signal]) -> list[Signal]:
    """A composite alarm that begins to fire goes before what it stands for: of one batch it is shown and paged alone.

    The news of one alarm stay in their order.
    """
    first: dict[str, Signal] = {}
    for signal in signals:
        if isinstance(signal, AlarmChanged):
            first.setdefault(signal.alarm.key, signal)
    ahead = [one for one in first.values()
             if isinstance(one, AlarmChanged) and one.alarm.children and one.state is AlarmState.ALARM]  # fmt: skip
    ids = {one.source_id for one in ahead}
    return [*ahead, *(one for one in signals if one.source_id not in ids)]
