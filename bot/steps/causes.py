"""The steps of an investigation: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from blocks.report import line
from bot.models import (
    Alert,
    EventKind,
    Incident,
    Investigation,
    InvestigationStatus,
    Remediation,
    Severity,
    Storm,
    TimelineEvent,
)
from bot.steps.fixes import told


def wanted_for(subject: Alert | Incident, number: int, now: datetime, by: str | None = None) -> Investigation:
    """One that is to be looked at."""
    return Investigation(
        number=number, subject=subject.id, service=subject.service, severity=subject.severity, asked_at=now, by=by
    )


def is_wanted(alert: Alert, storm: Storm | None) -> bool:
    """Is an alert that pages to be looked into by itself? Of those in a storm only a SEV-1 of a service that is known:
    what many have in common is not found by looking at each."""
    is_sure = alert.severity is Severity.SEV1 and alert.is_known_service
    return is_sure or storm is None or not storm.is_on


def known(
    number: int, investigations: Iterable[Investigation], fixes: Iterable[Remediation]
) -> tuple[TimelineEvent, ...]:
    """What was found out and done about alerts before their incident was opened: its timeline begins with that."""
    found = [
        TimelineEvent(incident=number, at=one.done_at, kind=EventKind.CAUSE, text=line(one))
        for one in investigations
        if one.status is InvestigationStatus.DONE and one.done_at is not None
    ]
    asked = [
        TimelineEvent(
            incident=number,
            at=one.requested_at,
            kind=EventKind.FIX,
            text=f"{one.id} asked for: {told(one)}",
            actor=one.requested_by,
        )
        for one in fixes
    ]
    return (*found, *asked)
