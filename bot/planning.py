"""What remediations are planned with: what they are for, where that runs, who may, and what the guard rails say."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from bot.access import Right
from bot.config import Config
from bot.errors import Refused
from bot.ledger import Ledger
from bot.models import (
    Alert,
    Change,
    Guard,
    Incident,
    Message,
    Order,
    Owed,
    Person,
    Plan,
    Remediation,
    RemediationStatus,
    Severity,
    in_words,
)
from bot.owed import alerts as owed_to_alert
from bot.owed import fixes as owed
from bot.owed import incidents as owed_to_incident
from bot.ports import Fixes
from bot.resources import Resources, resources
from bot.rights import Caller, Rights
from bot.runbooks import NAMED_BY_THE_CATALOGUE, typed
from bot.signals import Alarm
from bot.steps import fixes as steps
from bot.store import Store

Subject = Alert | Incident


class Plans:
    """Shared by all that people, standing approvals and time do with remediations."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, fixes: Fixes) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._config = config
        self._limits = config.remediation
        self._fixes = fixes

    def need(self, caller: Caller, subject: Subject | None) -> Person:
        """May they change AWS (for this incident, or the one that the alert belongs to)? Raises NotAllowed."""
        number = incident_of(subject)
        incident = self._store.incident(number) if number is not None else None
        return self._rights.need(caller, Right.REMEDIATE, incident)

    def find(self, subject: str) -> Subject | None:
        kind, _, number = subject.partition("-")
        if not number:
            return None
        return self._store.alert(int(number)) if kind == "AL" else self._store.incident(int(number))

    def subject_of(self, fix: Remediation) -> Subject | None:
        return self.find(fix.subject)

    def shown_for(self, subject: Subject | None) -> Subject | None:
        """The composite alarm's alert where one stands for this one: that is what people see and take."""
        if isinstance(subject, Alert) and subject.parent is not None:
            return self._store.alert(subject.parent)
        return subject

    def ids(self, subject: Subject) -> set[str]:
        if isinstance(subject, Alert):
            return {subject.id, *([f"INC-{subject.incident}"] if subject.incident else [])}
        return {subject.id, *(alert.id for alert in self._store.alerts_of_incident(subject.number, limit=50))}

    def place(self, order: Order) -> str:
        """What its guard watches over. A service of the catalogue is one, whoever tells its environment."""
        known = self._config.known_service(order.service)
        return f"{self._config.service(known).environment}/{known}" if known else steps.place_of(order)

    def resources(self, subject: Subject | None, service: str) -> Resources:
        return resources(self._config.service(service), alarm_of(self._store, subject, service))

    def planned(self, order: Order, where: Resources, *, by_itself: bool = False) -> Plan:
        """What would happen, read from AWS. Raises CloudError, and Refused where a guard rail does not allow it."""
        now, guard = self._ledger.clock(), self._store.guard(self.place(order))
        steps.need_free(guard, order)
        if by_itself:
            steps.need_patience(guard, order, now, self._limits)
        named = sorted(NAMED_BY_THE_CATALOGUE & set(order.parameters))
        if named:
            raise Refused(f"{', '.join(named)} can't be given: the catalogue and the alarm say what is changed.")
        usual = self._config.service(order.service).runbooks.get(order.runbook, {})
        said = typed(order.parameters, usual, where.account, self._config.known_topics)
        known = order.model_copy(update={"parameters": {**usual, **order.parameters}})
        plan = self._fixes.plan(known, where)
        warnings = (*plan.warnings, *steps.haste(guard, order, now, self._limits))
        return plan.model_copy(update={"checks": (*plan.checks, *said), "warnings": warnings})

    def begun(self, fix: Remediation, guard: Guard, now: datetime, *, by_itself: bool = False) -> Change:
        """It runs, and what else waits for its service is withdrawn: it was planned on what will not be so any more."""
        if by_itself:
            steps.need_patience(guard, fix.order, now, self._limits)
        begun = steps.begun(fix, guard, now)
        outdated = [
            self.withdrawn(one, f"{fix.id} changes {fix.order.service} since", now)
            for one in self._store.open_remediations()
            if one.status is RemediationStatus.PLANNED and one.number != fix.number
            and self.place(one.order) == guard.place
        ]  # fmt: skip
        return Change.joined((begun, *outdated))

    def withdrawn(self, fix: Remediation, why: str, now: datetime) -> Change:
        change = steps.withdrawn(fix, why, now)
        return change + Change(owed=steps.shown(fix, self.places(self.subject_of(fix))))

    def new(self, order: Order, plan: Plan, subject: Subject | None, now: datetime, **more: Any) -> Remediation:
        """`more`: who asked, the standing approval, what it undoes."""
        severity = subject.severity if subject is not None else Severity.SEV3
        wanted = steps.needed(self._limits.approvals, order, severity, plan.target.account)
        return Remediation(
            number=self._store.next_remediation_number(),
            order=order,
            plan=plan,
            severity=severity,
            subject=subject.id if subject is not None else "",
            requested_at=now,
            expires_at=now + self._limits.expires,
            needs=wanted.people,
            group=wanted.group,
            policy=wanted.policy,
            token=str(uuid.uuid4()),
            **more,
        )

    def timeline_shown(self, subject: Subject | None) -> Change:
        number = incident_of(subject)
        return Change(owed=owed_to_incident.cards(self._store.incident(number))) if number is not None else Change()

    def noted(self, subject: Subject, message: Message, *, presses: bool = False) -> tuple[Owed, ...]:
        return noted(self._store, subject, message, presses=presses)

    def places(self, subject: Subject | None) -> tuple[str, ...]:
        return places(self._store, subject)


def places(store: Store, subject: Subject | None) -> tuple[str, ...]:
    """Where something about it is shown: under its card, and in its incident's own channel, where people work."""
    own = _incident_with_channel(store, subject)
    return (owed.place(subject), *((own.channel_id,) if own is not None and own.channel_id else ()))


def noted(store: Store, subject: Subject, message: Message, *, presses: bool = False) -> tuple[Owed, ...]:
    """A message in the same places. It `presses` where it says what people are to do by hand."""
    if isinstance(subject, Incident):
        return owed_to_incident.note(subject, message, presses=presses)
    under = (owed_to_alert.note(subject, message, presses=presses),) if subject.has_stood else ()
    own = _incident_with_channel(store, subject)
    return (*under, *((owed_to_incident.own_note(own, message),) if own is not None else ()))


def not_begun(store: Store, subject: Subject, name: str, service: str, why: str) -> Change:
    """What was approved does not begin by itself, and why: told once while it fires, however often it is tried."""
    text = f"{in_words(name)} of {service} did not begin by itself: {why}"
    back = subject.returned[-1].isoformat() if isinstance(subject, Alert) and subject.returned else ""
    told = f"{subject.id}/{back}/{text}"
    if store.seen([told]):
        return Change()
    return Change(seen=(told,), owed=noted(store, subject, Message(text, [])))


def _incident_with_channel(store: Store, subject: Subject | None) -> Incident | None:
    """Its incident, where that has a channel of its own."""
    number = incident_of(subject)
    incident = store.incident(number) if number is not None else None
    return incident if incident is not None and incident.channel_id else None


def alarm_of(store: Store, subject: Subject | None, service: str) -> Alarm | None:
    """The alert's, or that of the first alert of the incident that is about this service."""
    if isinstance(subject, Alert):
        return subject.alarm
    alerts = store.alerts_of_incident(subject.number) if subject is not None else []
    return next((one.alarm for one in alerts if one.service == service), None)


def goes_on(subject: Subject) -> bool:
    return subject.is_firing if isinstance(subject, Alert) else subject.is_open


def incident_of(subject: Subject | None) -> int | None:
    return subject.incident if isinstance(subject, Alert) else subject.number if subject is not None else None
