"""Which earlier incidents are like this one, and what fixed them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from blocks import remediation as fix_words
from blocks import report
from bot.models import (
    Alert,
    Diagnosis,
    Incident,
    Investigation,
    InvestigationStatus,
    Remediation,
    RemediationStatus,
)


class Alike(NamedTuple):
    """An earlier incident: in what it is alike, why it ended, and what fixed it."""

    incident: Incident
    reasons: Sequence[str]
    over: str
    fix: str


class Earlier(NamedTuple):
    """Another incident of the service, with its alarms and what was found."""

    incident: Incident
    alerts: Sequence[Alert]
    investigations: Sequence[Investigation]
    remediations: Sequence[Remediation]


def alike(
    alerts: Sequence[Alert], investigations: Sequence[Investigation], others: Iterable[Earlier], most: int = 5
) -> list[Alike]:
    """The most alike first: the same cause, the same alarms, the same service alone."""
    mine, cause = {each.alarm.name for each in alerts}, cause_of(investigations)
    found = []
    for other in others:
        same = sorted(mine & {each.alarm.name for each in other.alerts})
        theirs = cause_of(other.investigations)
        is_same = cause is not None and theirs is not None and cause.cause is theirs.cause
        reasons = ["same service", *([f"same alarms: {', '.join(same[:3])}"] if same else [])]
        reasons += [f"same cause: {report.cause(theirs)}"] if is_same and theirs is not None else []
        rank = (2 if is_same else 0) + (1 if same else 0)
        one = Alike(other.incident, reasons, over(other.incident), fixed_by(other.incident, other.remediations))
        found.append((rank, other.incident.number, one))
    found.sort(key=lambda each: each[:2], reverse=True)
    return [each for _, _, each in found[:most]]


def over(incident: Incident) -> str:
    """Why it ended, which is no fix: its alarms are OK again, or somebody's reason although they fire."""
    return incident.resolution if incident.is_closed_by_alarm else incident.despite


def fixed_by(incident: Incident, remediations: Sequence[Remediation]) -> str:
    """What somebody wrote that fixed it, and the remediations that are known to have helped."""
    wrote = [] if incident.is_closed_by_alarm else [incident.resolution]
    helped = [fix for fix in remediations if fix.status is RemediationStatus.VERIFIED]
    told = [f"{fix.id}, {fix_words.what(fix)}, {fix_words.change(fix)}" for fix in helped]
    return "; ".join(part for part in (*wrote, *told) if part)


def report_of(investigations: Sequence[Investigation]) -> Investigation | None:
    """The newest report that nobody dismissed."""
    done = [
        each
        for each in investigations
        if each.status is InvestigationStatus.DONE and each.diagnosis is not None and not each.is_dismissed
    ]
    return max(done, key=lambda each: each.number, default=None)


def cause_of(investigations: Sequence[Investigation]) -> Diagnosis | None:
    found = report_of(investigations)
    return found.diagnosis if found is not None else None
