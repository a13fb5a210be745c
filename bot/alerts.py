"""The alert use cases: what people do with alerts.

What arrives, and what time brings, is `bot.intake`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bot.access import Right
from bot.config import Config, same_service
from bot.errors import NotAllowed, Refused
from bot.ledger import Ledger
from bot.models import Alert, Change, Incident, Severity
from bot.rights import Caller, Rights
from bot.scene import Scene
from bot.steps import alerts as steps
from bot.steps import causes, consequences
from bot.steps.alerts import By
from bot.triage import Rules
from bot.visibility import Visibility

_UNDER = 50


class Taken(NamedTuple):
    """The alert as it stands, the incident it belongs to, and whether this call changed it."""

    alert: Alert
    incident: Incident | None
    changed: bool = True


class Alerts:
    """Everything here is asked for by somebody, in Slack or at the pager."""

    def __init__(self, ledger: Ledger, rights: Rights, rules: Rules, config: Config) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._rules = rules
        self._config = config
        self._visibility = Visibility(ledger.store, rules)

    def show(self, caller: Caller, number: int) -> Alert:
        self._rights.need(caller, Right.READ)
        return self._store.alert(number)

    def firing(self, caller: Caller) -> tuple[list[Alert], int]:
        """The worst and newest firing alerts, and how many there are."""
        self._rights.need(caller, Right.READ)
        return self._store.firing_alerts(limit=50), self._store.firing_count()

    def count_awaiting(self, caller: Caller) -> int:
        """How many fire, not hidden, and nobody has."""
        self._rights.need(caller, Right.READ)
        return self._store.awaiting_count()

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
            joined = self._open_incident(alert, now) if alert.can_be_taken else None
            self._may_take(caller, joined)
            return self._acknowledged(alert, joined, By(person.id), now)

        return self._ledger.decide(step, f"AL-{number}")

    def acknowledge_elsewhere(self, number: int, by: By) -> Taken:
        """Somebody took it at the pager, which has checked who they are. What was left there is not taken by that."""

        def step(now: datetime) -> tuple[Taken, Change | None]:
            alert = self._paging_now(number)
            if alert.is_left:
                return self._known_as(alert), None
            joined = self._open_incident(alert, now) if alert.awaits else None
            return self._acknowledged(alert, joined, by, now)

        return self._ledger.decide(step, f"AL-{number}")

    def resolve_elsewhere(self, number: int, by: By) -> Taken:
        """Somebody resolved its page at the pager. Where it fires on and nobody had it, nobody has it now either."""

        def step(now: datetime) -> tuple[Taken, Change | None]:
            alert = self._paging_now(number)
            if not alert.awaits:
                return self._known_as(alert), None
            below = [one for one in self._store.alerts_led_by(alert.number) if one.awaits and not one.is_hidden]
            change = steps.left([alert, *below], by, now, self._rules.policy)
            return Taken(change.alerts[0], None), change

        return self._ledger.decide(step, f"AL-{number}")

    def _paging_now(self, number: int) -> Alert:
        """The alert for whose page this one's key stands by now: its own, or that of its heir after its OK."""
        alert = self._store.alert(number)
        if alert.is_firing or not alert.group:
            return alert
        heirs = [one for one in self._store.alerts_of_group(alert.group) if one.pages and one.page_as]
        return next((one for one in heirs if one.page_key == alert.page_key), alert)

    def _known_as(self, alert: Alert) -> Taken:
        incident = self._store.incident(alert.incident) if alert.incident is not None else None
        return Taken(alert, incident, changed=False)

    def taken_up(self, number: int, by: By, now: datetime) -> Change:
        """As part of a step that was authorised already: whoever takes it has it from then on, unless somebody does."""
        alert = self._store.alert(number)
        joined = self._open_incident(alert, now) if alert.can_be_taken else None
        return self._acknowledged(alert, joined, by, now)[1] or Change()

    def _may_take(self, caller: Caller, joined: Incident | None) -> None:
        """Whoever may respond to incidents, or declare them: this does both."""
        try:
            self._rights.need(caller, Right.DECLARE)
        except NotAllowed:
            self._rights.need(caller, Right.RESPOND, joined)

    def _acknowledged(
        self, alert: Alert, joined: Incident | None, by: By, now: datetime
    ) -> tuple[Taken, Change | None]:
        if not alert.can_be_taken:
            return self._known_as(alert), None
        group = [one for one in self._store.alerts_of_group(alert.group) if alert.group and one.can_be_taken]
        together = {one.number: one for one in [*group, alert] if self._goes_with(one, alert)}
        visible = self._with_children(list(together.values()))
        if joined is not None:
            change = steps.added(visible, joined)
            incident = change.incidents[0]
        else:
            incident = self._opened(visible, by, now)
            beside = [one for one in group if one.number not in together and not one.is_hidden]
            change = steps.record(visible, incident, now, beside) + Change(numbers=(incident.number,))
        change += self._left_behind(visible, incident) + self._known(visible, incident)
        change += consequences.of(joined, incident, self._rules)
        change += steps.acknowledged(visible, incident, now, by, self._rules.policy)
        mine = next(one for one in change.alerts if one.number == alert.number)
        return Taken(mine, incident), change

    def _goes_with(self, one: Alert, taken: Alert) -> bool:
        """Is it taken along? An older, milder alert of the service that calls nobody is a matter of its own: it neither
        dates the incident nor holds it open."""
        if one.number == taken.number:
            return True
        is_milder = one.severity > taken.severity and not one.pages
        is_near = abs(one.received_at - taken.received_at) <= self._rules.triage.group or one.lead == taken.number
        is_of_one = one.incident is not None and one.incident == taken.incident
        return not one.is_hidden and (is_near or is_of_one or not is_milder)

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
        number = self._store.coming_number()
        commander = by.user or self._stand_in(alerts[0].service)
        incident = steps.opened(alerts, number, now, by, commander)
        return incident.changed(wants_channel=incident.severity in self._config.channels.severities)

    def _stand_in(self, service: str) -> str | None:
        """Who commands when whoever acknowledged is not known in Slack: as the config file says."""
        own, common = self._config.service(service).on_call, self._config.on_call
        return own.commander or common.commander or own.primary or common.primary

    def _open_incident(self, alert: Alert, now: datetime) -> Incident | None:
        """The open incident of its service, where the newest of its alerts is not too long ago."""
        own = self._store.incident(alert.incident) if alert.incident is not None else None
        if own is not None and own.is_open:
            return own
        found = self._store.open_incident_of(alert.service) if alert.service else None
        if found is None or (found.environment and alert.environment not in ("", found.environment)):
            return None
        return found if self._rules.is_recent(found, now) else None

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
            rating = steps.Rating(severity, response, caller.user_id, now)
            change = steps.rated(alert, rating, self._rules.policy, group)
            rated = alert
            if change is not None:
                rated, scene = change.alerts[0], Scene(self._store, (), now)
                scene.apply(change)
                self._uncover(rated, scene)
                if rated.pages and not alert.pages:
                    scene.apply(self._visibility.looked_into(rated, scene))
                change = scene.change
            return Taken(rated, None, changed=change is not None), change

        return self._ledger.decide(step, f"AL-{number}")

    def _uncover(self, rated: Alert, scene: Scene) -> None:
        """A composite alarm hides none that is worse by now than itself."""
        children = self._store.alerts_under(rated.number) if rated.alarm.children else []
        pairs = [(child, rated) for child in children]
        if rated.parent is not None:
            pairs.append((rated, self._store.alert(rated.parent)))
        for child, parent in pairs:
            if child.awaits and child.severity < parent.severity:
                reason = f"it is worse than the composite alarm {parent.alarm.name} ({parent.id})"
                scene.apply(self._visibility.shown_again(child, scene, reason))

    def of_place(self, caller: Caller, channel_id: str, thread_ts: str | None) -> Alert | None:
        """The alert under whose card this thread hangs."""
        self._rights.need(caller, Right.READ)
        subject = self._store.subject_of_message(channel_id, thread_ts) if thread_ts else None
        if subject is None or not subject.startswith("AL-"):
            return None
        return self._store.alert(int(subject.removeprefix("AL-")))

    def newest(self, caller: Caller, incident: int | None) -> Alert | None:
        """The newest alert of an incident, or the only one that fires; None where there is no such one."""
        self._rights.need(caller, Right.READ)
        found = self._store.alerts_of_incident(incident) if incident is not None else self._store.firing_alerts(limit=2)
        return found[-1] if found and (incident is not None or len(found) == 1) else None

    def awaiting(self, caller: Caller) -> list[Alert]:
        """Firing alerts that nobody has acknowledged."""
        return [alert for alert in self.firing(caller)[0] if alert.awaits and not alert.is_hidden]
