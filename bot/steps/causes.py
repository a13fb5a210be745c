"""The steps of an investigation: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from blocks.report import line
from bot.models import (
    Alert,
    Approval,
    Cause,
    EventKind,
    Incident,
    Investigation,
    InvestigationStatus,
    Remediation,
    Severity,
    Storm,
    TimelineEvent,
)
from bot.rca.matrix import MATRIX
from bot.remedies import effect
from bot.steps.fixes import told

_RECOMMENDED = frozenset(row.action.value for row in MATRIX.values() if row.action is not None)
_LOOKED_WITHIN = timedelta(minutes=5)  # one cause is not looked for again so soon


def wanted_for(subject: Alert | Incident, number: int, now: datetime, by: str | None = None) -> Investigation:
    """One that is to be looked at."""
    return Investigation(
        number=number,
        subject=subject.id,
        service=subject.service,
        environment=subject.environment,
        severity=subject.severity,
        asked_at=now,
        by=by,
    )


def is_wanted(alert: Alert, storm: Storm | None) -> bool:
    """Is an alert that pages to be looked into by itself? Of those in a storm only a SEV-1 of a service that is known:
    what many have in common is not found by looking at each."""
    is_sure = alert.severity is Severity.SEV1 and alert.is_known_service
    return is_sure or storm is None or not storm.is_on


def is_let(alert: Alert, approvals: Iterable[Approval], now: datetime) -> bool:
    """May something that a report can recommend run by itself for the alert's service? Then it is looked into, though
    nobody is paged."""
    return alert.shown.has_card and any(
        one.service == alert.service and effect(one.name) in _RECOMMENDED and one.holds(now) for one in approvals
    )


def is_shared(newest: Investigation, now: datetime) -> bool:
    """Does what is found out for one alert say what others of its service and time have?"""
    if newest.status is InvestigationStatus.WAITING:
        return True
    return has_found(newest) and now - newest.asked_at < _LOOKED_WITHIN


def has_found(one: Investigation) -> bool:
    """Does it name a cause that nobody put aside?"""
    return one.diagnosis is not None and one.diagnosis.cause is not Cause.UNKNOWN and not one.is_dismissed


def is_recent(newest: Investigation | None, alert: Alert, now: datetime) -> bool:
    """Does it wait, or is it done since a moment? One of another alert that failed says nothing of this one."""
    if newest is None:
        return False
    if newest.status is InvestigationStatus.WAITING:
        return True
    is_told = newest.status is InvestigationStatus.DONE or newest.subject == alert.id
    return is_told and now - (newest.done_at or newest.asked_at) < _LOOKED_WITHIN


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
