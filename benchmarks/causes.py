"""How often the diagnosis is right: made-up incidents with known causes, also those that mislead or lack a source.

Two seeds: the first is the one that the weights were looked at with, the second was left alone until they stood.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.outages import Incident, incidents
from benchmarks.report import Report, spread
from benchmarks.world import OURS
from bot.models import Action, Cause, ChangeKind, Diagnosis, Made, Suspect
from bot.rca import diagnose

SEEDS = {"known": 1, "held out": 90210}
EACH = 24
SHORT = {
    Cause.CPU: "CPU",
    Cause.CPU_WITH_ERRORS: "CPU+",
    Cause.MEMORY_LEAK: "memory",
    Cause.FEW_ERRORS: "≤ 10",
    Cause.MANY_ERRORS: "> 10",
    Cause.SLOW: "slow",
    Cause.UNKNOWN: "unknown",
}


class Tried(NamedTuple):
    """An incident, what the bot says of it, and how long that took, in ms."""

    incident: Incident
    diagnosis: Diagnosis
    spent: float

    @property
    def is_right(self) -> bool:
        return self.diagnosis.cause is self.incident.cause


def causes(report: Report) -> None:
    """Pure: nothing is asked, nothing is stored."""
    for name, seed in SEEDS.items():
        tried = [_tried(one) for one in incidents(seed, EACH)]
        _matrix(report, f"seed {seed}, {name}", tried)
        _rates(report, f"seed {seed}, {name}", tried)


def _tried(incident: Incident) -> Tried:
    started = time.perf_counter()
    diagnosis = diagnose(incident.evidence)
    return Tried(incident, diagnosis, (time.perf_counter() - started) * 1000)


def _matrix(report: Report, name: str, tried: Sequence[Tried]) -> None:
    counts = Counter((one.incident.cause, one.diagnosis.cause) for one in tried)
    report.row(f"{name}: {len(tried)} incidents, cause ↓ told as →", {OURS.name: _line(SHORT.values())})
    for cause, short in SHORT.items():
        report.row(f"  {short}", {OURS.name: _line(str(counts[cause, told] or "·") for told in SHORT)})


def _rates(report: Report, name: str, tried: Sequence[Tried]) -> None:
    right = [one for one in tried if one.is_right]
    wrong = [one for one in tried if not one.is_right]
    gaps = [one for one in tried if not one.incident.is_whole]
    caused = [one for one in tried if one.incident.true]
    first = [one for one in caused if _is_it(one.diagnosis.suspects[:1], one.incident.true)]
    back = [one for one in tried if one.diagnosis.action is Action.ROLLBACK]
    justly = [one for one in back if one.incident.true and one.incident.true.kind is ChangeKind.DEPLOYMENT]
    rows = {
        "right cause, all / a source is missing": f"{_share(right, tried):.1f} / {_rightly(gaps):.1f} %",
        "true change first": f"{len(first)} of {len(caused)}",
        "rollback recommended, for a deployment that did it": f"{len(justly)} of {len(back)}",
        "confidence where right / where wrong": f"{_confidence(right):.2f} / {_confidence(wrong):.2f}",
        "ms a diagnosis, p50 / p99": spread([one.spent for one in tried]),
    }
    for what, value in rows.items():
        report.row(f"{name}: {what}", {OURS.name: value})
    report.aim_at_least(f"{name}: right cause", _share(right, tried), 95, " %")
    report.aim_at_least(f"{name}: the true change is ranked first", _share(first, caused), 90, " %")


def _is_it(first: Sequence[Suspect], true: Made | None) -> bool:
    """Is it the change itself, or the call that is the same change?"""
    return true is not None and any(
        (one.change.target, one.change.kind) == (true.target, true.kind)
        and abs((one.change.at - true.at).total_seconds()) < 60
        for one in first
    )


def _share(part: Sequence[Tried], whole: Sequence[Tried]) -> float:
    return 100 * len(part) / max(1, len(whole))


def _rightly(tried: Sequence[Tried]) -> float:
    return _share([one for one in tried if one.is_right], tried)


def _confidence(tried: Sequence[Tried]) -> float:
    return sum(one.diagnosis.confidence for one in tried) / max(1, len(tried))


def _line(cells: Iterable[str]) -> str:
    return " ".join(f"{cell:>7}" for cell in cells)
