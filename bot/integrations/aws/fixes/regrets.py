"""What remediations of before say against a version: nothing goes back there by itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.models import Remediation, RemediationStatus, Target

_DONE = frozenset({RemediationStatus.VERIFYING, RemediationStatus.VERIFIED, RemediationStatus.NOT_RECOVERED})
Turned = Callable[[Mapping[str, Any]], tuple[str, str]]
"""From which version to which a plan's state leads; empty where it is of another kind."""


def regretted(past: Iterable[Remediation], where: Target, turned: Turned) -> dict[str, str]:
    """Versions of this target, each with the reason; `past` has the newest first.

    One that a remediation went back from or went to in vain, and one that a plan for an alert found live: an alarm
    fired meanwhile. What was taken back says nothing against the version that it had left.
    """
    found: dict[str, str] = {}
    for fix in past:
        if _place(fix.plan.target) != _place(where) or fix.undoes is not None or fix.undone_by is not None:
            continue
        left, reached = turned(fix.plan.state)
        if fix.status in _DONE:
            found.setdefault(left, f"{fix.id} went back from it")
        elif fix.subject.startswith("AL-"):
            found.setdefault(left, f"{fix.subject} fired while it was live")
        if fix.status is RemediationStatus.NOT_RECOVERED:
            found.setdefault(reached, f"{fix.id} went there, and it did not help")
    return found


def _place(target: Target) -> tuple[str, str, str, str]:
    return target.kind, target.cluster, target.name, target.region
