"""What remediations are planned with: what they are for, where that runs, who may, and what the guard rails say."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from bot.access import Right
from bot.config import Config
from bot.errors import Refused
from bot.ledger import Ledger
from bot.models import Alert, Change, Incident, Message, Order, Owed, Person, Plan, Remediation, Severity
from bot.owed import alerts as owed_to_alert
from bot.owed import incidents as owed_to_incident
from bot.ports import Fixes
from bot.resources import Resources, resources
from bot.rights import Caller, Rights
from bot.runbooks import NAMED_BY_THE_CATALOGUE, typed
from bot.steps import fixes as steps

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
        alert = subject if isinstance(subject, Alert) else None
        if isinstance(subject, Incident):
            alerts = self._store.alerts_of_incident(subject.number)
            alert = next((one for one in alerts if one.service == service), None)
        return resources(self._config.service(service), alert.alarm if alert is not None else None)

    def planned(self, order: Order, where: Resources) -> Plan:
        """What would happen, read from AWS. Raises CloudError, and Refused where a guard rail does not allow it."""
        now = self._ledger.clock()
        steps.need_free(self._store.guard(self.place(order)), order, now, self._limits)
        named = sorted(NAMED_BY_THE_CATALOGUE & set(order.parameters))
        if named:
            raise Refused(f"{', '.join(named)} can't be given: the catalogue and the alarm say what is changed.")
        usual = self._config.service(order.service).runbooks.get(order.runbook, {})
        said = typed(order.parameters, usual, where.account, self._config.known_topics)
        known = order.model_copy(update={"parameters": {**usual, **order.parameters}})
        plan = self._fixes.plan(known, where)
        return plan.model_copy(update={"checks": (*plan.checks, *said)})

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

    def note(self, subject: Subject, text: str) -> Change:
        return Change(owed=self.noted(subject, Message(text, [])))

    def noted(self, subject: Subject, message: Message) -> tuple[Owed, ...]:
        if isinstance(subject, Incident):
            return owed_to_incident.note(subject, message)
        return (owed_to_alert.note(subject, message),) if subject.has_stood else ()


def goes_on(subject: Subject) -> bool:
    return subject.is_firing if isinstance(subject, Alert) else subject.is_open


def incident_of(subject: Subject | None) -> int | None:
    return subject.incident if isinstance(subject, Alert) else subject.number if subject is not None else None
