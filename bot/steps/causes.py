"""The steps of an investigation: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from blocks.report import line
from bot.models import Alert, EventKind, Incident, Investigation, InvestigationStatus, Remediation, TimelineEvent
from bot.steps.fixes import told


def wanted_for(subject: Alert | Incident, number: int, now: datetime, by: str | None = None) -> Investigation:
    """One that is to be looked at."""
    return Investigation(
        number=number, subject=subject.id, service=subject.service, severity=subject.severity, asked_at=now, by=by
    )


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
