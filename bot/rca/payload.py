"""The payload with which the second document tests its `aiops-platform-rca`, and the answer in its terms.

{"anomalies": ["CPU: 60% (expected 4%)"], "metrics": {"cpu_utilization": 60}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from bot.errors import InvalidInput
from bot.models import Action, Asked, Cause, ChangeKind, Diagnosis, Evidence, Measure, Reading, Source, SourceOutcome
from bot.rca.matrix import MATRIX, NO_ACTION, SEVERITY_WORDS, Row

WINDOW = timedelta(minutes=10)
MOST = 100
"""So many anomalies or metrics are read; nobody means more."""
NO_DEPLOYMENT = "no deployment is known that could be rolled back"
EXAMPLE = "Write them like `CPU: 60% (expected 4%)`."
# By their beginnings, without spaces and signs; the first that fits counts.
_MEASURES = (
    (Measure.CPU, ("cpu",)),
    (Measure.MEMORY, ("memory", "mem")),
    (Measure.TASKS, ("runningtask", "taskcount", "tasks")),
    (Measure.LATENCY, ("latency", "response", "targetresponse", "p99", "p95", "duration", "timeout")),
    (Measure.ERRORS, ("error", "exception", "5xx", "http5xx", "httpcode", "fault", "failure", "failed")),
    (Measure.REQUESTS, ("request", "traffic", "invocation")),
)
_UNITS = {Measure.CPU: "%", Measure.MEMORY: "%", Measure.LATENCY: "s"}
_FACTORS = {"ms": 0.001, "millisecond": 0.001, "milliseconds": 0.001}
_NUMBER = r"(?P<{0}>[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)\s*(?P<{0}_unit>%|ms|milliseconds?|s|seconds?|sec)?"
_ANOMALY = re.compile(
    rf"\s*(?P<name>[^:=]+?)\s*[:=]\s*{_NUMBER.format('now')}[^()\d]*"
    rf"(?:\(\s*(?:expected|usually|usual|normal|baseline)\s*:?\s*{_NUMBER.format('expected')}"
    rf"(?:\s*(?:±|\+/-)\s*{_NUMBER.format('deviation')})?[^()]*\))?\s*\.?\s*",
    re.IGNORECASE,
)
_OTHERS = (Source.LOGS, Source.TRACES, Source.CHANGES, Source.HEALTH, Source.DEPLOYMENTS)


class _Anomaly(NamedTuple):
    measure: Measure
    now: float
    expected: float | None
    deviation: float | None


def from_payload(anomalies: Sequence[str], metrics: Mapping[str, float], *, at: datetime) -> Evidence:
    """Evidence of the ten minutes before `at`, as far as the payload has it.

    The metrics' values count before the anomalies' where both say something. Metrics that the matrix knows nothing of
    are named as such. Raises InvalidInput with what would be right.
    """
    told = _anomalies(anomalies)
    values, unknown = _metrics(metrics)
    measures = [measure for measure, _ in _MEASURES if measure in told or measure in values]
    why = f"the matrix knows nothing of {', '.join(unknown)}" if unknown else ""
    asked = [Asked(source=Source.METRICS, outcome=SourceOutcome.FOUND if measures else SourceOutcome.NOTHING, why=why)]
    asked += [Asked(source=source, outcome=SourceOutcome.OFF, why="not part of the payload") for source in _OTHERS]
    return Evidence(
        service="",
        began_at=at,
        since=at - WINDOW,
        until=at,
        readings=tuple(_reading(measure, told.get(measure), values.get(measure)) for measure in measures),
        asked=tuple(asked),
    )


def to_payload(diagnosis: Diagnosis, evidence: Evidence) -> dict[str, Any]:
    """The answer in the second document's terms. `auto_action` is what is right here, not only what the row says;
    where the row would roll back and no deployment is known, `note` says so."""
    row = MATRIX[diagnosis.cause]
    has_none = row.action is Action.ROLLBACK and not any(
        change.kind is ChangeKind.DEPLOYMENT for change in evidence.changes
    )
    return {
        "root_cause": row.title,
        "severity": SEVERITY_WORDS[diagnosis.severity],
        "auto_action": _auto(diagnosis.action if not has_none else row.action, row),
        "manual_action": diagnosis.advice,
        "confidence": diagnosis.confidence,
        "evidence": list(diagnosis.findings),
        "not_seen": list(diagnosis.unseen),
        "service": evidence.service,
        "rollback": diagnosis.action is Action.ROLLBACK,
        "note": NO_DEPLOYMENT if has_none else "",
    }


def _auto(action: Action | None, row: Row) -> str:
    if action is None:
        return NO_ACTION
    return row.auto if action is row.action else MATRIX[Cause.MANY_ERRORS].auto


def _anomalies(anomalies: Sequence[str]) -> dict[Measure, _Anomaly]:
    if isinstance(anomalies, str) or not isinstance(anomalies, Sequence):
        raise InvalidInput("anomalies", f"anomalies has to be a list of sentences. {EXAMPLE}")
    if len(anomalies) > MOST:
        raise InvalidInput("anomalies", f"{len(anomalies):,} anomalies are too many; {MOST} are read at most.")
    told: dict[Measure, _Anomaly] = {}
    for text in anomalies:
        anomaly = _anomaly(text)
        told.setdefault(anomaly.measure, anomaly)
    return told


def _anomaly(text: Any) -> _Anomaly:
    found = _ANOMALY.fullmatch(text[:500]) if isinstance(text, str) else None
    if not found:
        raise InvalidInput("anomalies", f"I can't read the anomaly “{_short(text)}”. {EXAMPLE}")
    measure = _measure(found["name"])
    if measure is None:
        known = ", ".join(each.value for each, _ in _MEASURES)
        raise InvalidInput("anomalies", f"I don't know what “{_short(found['name'])}” measures. I know {known}.")
    if measure is Measure.ERRORS and found["now_unit"] == "%":
        raise InvalidInput(
            "anomalies", f"“{_short(text)}” is a share, but errors are counted. Write `Errors: 12 (expected 0)`."
        )
    now, expected, deviation = (_amount(found, name) for name in ("now", "expected", "deviation"))
    if now is None or not all(each is None or (isfinite(each) and each >= 0) for each in (now, expected, deviation)):
        raise InvalidInput("anomalies", f"“{_short(text)}” has a number that I can't read. {EXAMPLE}")
    return _Anomaly(measure, now, expected, deviation)


def _amount(found: re.Match[str], name: str) -> float | None:
    if found[name] is None:
        return None
    unit = found[f"{name}_unit"] or (found["expected_unit"] if name == "deviation" else None) or ""
    return float(found[name].replace(",", "")) * _FACTORS.get(unit.lower(), 1.0)


def _metrics(metrics: Mapping[str, float]) -> tuple[dict[Measure, float], list[str]]:
    if not isinstance(metrics, Mapping):
        raise InvalidInput("metrics", "metrics has to be an object of numbers, like `{“cpu_utilization”: 60}`.")
    if len(metrics) > MOST:
        raise InvalidInput("metrics", f"{len(metrics):,} metrics are too many; {MOST} are read at most.")
    values: dict[Measure, float] = {}
    unknown: list[str] = []
    for name, given in metrics.items():
        value = _value(name, given)
        measure = _measure(name)
        is_share = measure is Measure.ERRORS and re.search(r"rate|percent|share", str(name), re.IGNORECASE)
        if measure is None or is_share:
            unknown.append(_short(name))
        else:
            values.setdefault(measure, value * (0.001 if _is_in_ms(measure, name) else 1.0))
    return values, unknown


def _value(name: Any, given: Any) -> float:
    try:
        value = float("nan") if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if not isfinite(value) or value < 0:
        problem = f"The metric {_short(name)} is “{_short(given)}”; it has to be a number of 0 or more, like 60."
        raise InvalidInput("metrics", problem)
    return value


def _is_in_ms(measure: Measure, name: Any) -> bool:
    return measure is Measure.LATENCY and bool(re.search(r"(?:_ms|Ms|millis\w*)$", str(name)))


def _measure(name: Any) -> Measure | None:
    plain = re.sub(r"[^a-z0-9]", "", str(name).lower()).removeprefix("high")
    return next((measure for measure, starts in _MEASURES if plain.startswith(starts)), None)


def _reading(measure: Measure, told: _Anomaly | None, value: float | None) -> Reading:
    now = value if value is not None else told.now if told else 0.0
    return Reading(
        measure=measure,
        unit=_UNITS.get(measure, ""),
        now=now,
        peak=now,
        expected=told.expected if told else None,
        deviation=told.deviation if told else None,
    )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
