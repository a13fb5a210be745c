"""What a batch of signals is decided on: the stored rows it is about, and what the batch changed of them so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.catalogue import Tags
from bot.config import same_service
from bot.models import Alert, Approval, Change, Head, Incident, Investigation, Owed, Silence, Storm
from bot.ports import Event
from bot.signals import Alarm, AlarmChanged, AlarmState, Signal
from bot.store import Store


class Scene:
    """Reads each row once, and shows it as the batch left it."""

    def __init__(self, store: Store, signals: Sequence[Signal], now: datetime) -> None:
        alarms = [signal for signal in signals if isinstance(signal, AlarmChanged)]
        keys = [signal.alarm.key for signal in alarms]
        self._store = store
        self.now = now
        self._changes = [Change(seen=tuple(signal.source_id for signal in signals))]
        self.events: list[Event] = []
        self.storms_told: dict[str, Owed] = {}
        self.tags: Mapping[str, Tags] = {}
        self._heads = store.heads(keys)
        self._alerts = store.alerts(head.number for head in self._heads.values() if head.number is not None)
        self._parents = store.composites_over(keys)
        self._silences: list[Silence] | None = None
        self._approvals: list[Approval] | None = None
        self._incidents: dict[int, Incident] = {}
        self._looked_up: set[str] = set()
        self._led: set[str] = set()
        self._storms: dict[str, Storm | None] = {}
        self._investigations: dict[str, Investigation] = {}
        self._unreadable: int | None = None
        self.before: dict[int, Incident] = {}

    @property
    def change(self) -> Change:
        """All that the batch changes."""
        return Change.joined(self._changes)

    def apply(self, change: Change) -> None:
        """The batch changed this too."""
        self._changes.append(change)
        for alert in change.alerts:
            self._alerts[alert.number] = alert
        for incident in change.incidents:
            self._incidents[incident.number] = incident
        for head in change.heads:
            self._heads[head.key] = head
        for storm in change.storms:
            self._storms[storm.channel] = storm
        for investigation in change.investigations:
            self._investigations[investigation.subject] = investigation
        if self._unreadable is not None:
            self._unreadable += len(change.unreadable)

    def may_be_new(self, signals: Sequence[Signal]) -> list[str]:
        """The ARNs of the alarms that may become new alerts: those whose tags are of interest."""
        alarms = [each for each in signals if isinstance(each, AlarmChanged) and each.state is AlarmState.ALARM]
        return [each.alarm.arn for each in alarms if each.alarm.arn and not self._is_firing(each.alarm.key)]

    def _is_firing(self, key: str) -> bool:
        head = self._heads.get(key)
        alert = self._alerts.get(head.number) if head is not None and head.number is not None else None
        return alert is not None and alert.is_firing

    def head(self, key: str) -> Head | None:
        return self._heads.get(key)

    def alert(self, number: int | None) -> Alert | None:
        """The alert as the batch left it."""
        if number is None:
            return None
        if number not in self._alerts:
            self._alerts.update(self._store.alerts([number]))
        return self._alerts.get(number)

    def children_of(self, alarm: Alarm) -> list[Alert]:
        """The newest alerts of the alarms that a composite one stands for."""
        keys = [key for key in alarm.children_keys if key != alarm.key]
        self._heads.update(self._store.heads(key for key in keys if key not in self._heads))
        heads = [self._heads[key] for key in keys if key in self._heads]
        found = [self.alert(head.number) for head in heads]
        return [one for one in found if one is not None]

    def parent_of(self, key: str) -> Alert | None:
        """The firing composite alarm's alert that stands for this key."""
        parent = self.alert(self._parents.get(key))
        return parent if parent is not None and parent.is_firing else None

    def stands_for(self, parent: Alert) -> None:
        """A composite alarm began to stand for its children within this batch."""
        self._parents.update(dict.fromkeys(parent.alarm.children_keys, parent.number))

    def investigation_of(self, subject: str) -> Investigation | None:
        """The newest look at what is behind an alert."""
        begun = self._investigations.get(subject)
        return begun or next(iter(self._store.investigations_of(subject, limit=1)), None)

    def investigations_into(self, alert: Alert) -> list[Investigation]:
        """What is or was just looked into of its service, the newest first."""
        if not alert.service:
            return []
        begun = [one for one in self._investigations.values()
                 if (one.service, one.environment) == (alert.service, alert.environment)]  # fmt: skip
        found = {one.number: one for one in self._store.investigations_into(alert.service, alert.environment)}
        found |= {one.number: one for one in begun}
        return [found[number] for number in sorted(found, reverse=True)]

    def goes_on(self, subject: str) -> bool:
        """Does the alert fire, or is the incident open?"""
        kind, _, number = subject.partition("-")
        if kind == "INC":
            incident = self.incident(int(number))
            return incident is not None and incident.is_open
        alert = self.alert(int(number))
        return alert is not None and alert.is_firing

    def silences(self) -> list[Silence]:
        if self._silences is None:
            self._silences = self._store.silences()
        return self._silences

    def approvals(self) -> list[Approval]:
        if self._approvals is None:
            self._approvals = self._store.approvals()
        return self._approvals

    def incident(self, number: int | None) -> Incident | None:
        if number is None:
            return None
        if number not in self._incidents:
            self._keep(self._store.incident(number))
        return self._incidents[number]

    def open_incident_of(self, service: str, environment: str) -> Incident | None:
        """The newest open incident of a service; one of another environment is none of its."""
        name = same_service(service)
        if name not in self._looked_up:
            self._looked_up.add(name)
            found = self._store.open_incident_of(service)
            if found is not None and found.number not in self._incidents:
                self._keep(found)
        mine = [one for one in self._incidents.values() if one.is_open and same_service(one.service) == name]
        here = [one for one in mine if not (environment and one.environment) or one.environment == environment]
        return max(here, key=lambda one: one.number, default=None)

    def _keep(self, incident: Incident) -> None:
        self._incidents[incident.number] = incident
        self.before[incident.number] = incident

    def lead_of(self, group: str) -> Alert | None:
        """The newest alert of a group under whose card others can stand."""
        if not group:
            return None
        if group not in self._led:
            self._led.add(group)
            for one in self._store.leads_of(group):
                self._alerts.setdefault(one.number, one)
        mine = [one for one in self._alerts.values() if one.group == group and one.leads]
        return max(mine, key=lambda one: one.number, default=None)

    def led_by(self, number: int) -> list[Alert]:
        """The firing alerts that stand under this one's card, the oldest first."""
        for one in self._store.alerts_led_by(number):
            self._alerts.setdefault(one.number, one)
        mine = [one for one in self._alerts.values() if one.lead == number and one.is_firing]
        return sorted(mine, key=lambda one: one.number)

    def under(self, parent: int) -> list[Alert]:
        """The firing alerts that a composite one hides."""
        for one in self._store.alerts_under(parent):
            self._alerts.setdefault(one.number, one)
        return [one for one in self._alerts.values() if one.parent == parent and one.is_firing]

    def unreadable(self, window: timedelta) -> int:
        """How many messages could not be read within the window that ends now."""
        if self._unreadable is None:
            self._unreadable = self._store.unreadable_since(self.now - window)
            self._unreadable += sum(len(change.unreadable) for change in self._changes)
        return self._unreadable

    def storm(self, channel: str) -> Storm:
        if channel not in self._storms:
            self._storms[channel] = self._store.storm(channel)
        return self._storms[channel] or Storm(channel=channel, window=self.now)
