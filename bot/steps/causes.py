"""The steps of an investigation: pure."""

from __future__ import annotations

from datetime import datetime

from bot.models import Alert, Incident, Investigation


def wanted_for(subject: Alert | Incident, number: int, now: datetime, by: str | None = None) -> Investigation:
    """One that is to be looked at."""
    return Investigation(
        number=number, subject=subject.id, service=subject.service, severity=subject.severity, asked_at=now, by=by
    )
