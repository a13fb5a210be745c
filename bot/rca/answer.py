"""An external root cause function: what it is asked, and what its answer says. Both in the second document's terms.

It is asked with {"anomalies": […], "metrics": {…}, "service": …, "evidence": {…}}; an answer needs `root_cause` and may
have `severity`, `auto_action`, `manual_action`, `confidence`, `evidence` and `not_seen`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from bot.errors import InvalidInput
from bot.models import Action, Cause, Diagnosis, Evidence, Measure, Reading, Severity
from bot.rca.matrix import MATRIX, SEVERITY_WORDS
from bot.redaction import redacted

MAX_LINES, MAX_LINE = 12, 500
_NAMES = {
    Measure.CPU: "cpu_utilization",
    Measure.MEMORY: "memory_utilization",
    Measure.ERRORS: "error_count",
    Measure.LATENCY: "response_time",
    Measure.REQUESTS: "request_count",
    Measure.TASKS: "running_tasks",
}
# By words that say which row is meant, where an answer does not name it as the document does; the first that fits.
_ROWS = (
    (Cause.MEMORY_LEAK, r"memory|\boom\b"),
    (Cause.CPU_WITH_ERRORS, r"cpu.*with err"),
    (Cause.CPU, r"cpu"),
    (Cause.FEW_ERRORS, r"\bfew(er)?\b.*err|err.*\bfew(er)?\b|<\s*10"),
    (Cause.MANY_ERRORS, r"error|5xx|exception|bad deploy"),
    (Cause.SLOW, r"slow|latency|timeout|response"),
    (Cause.UNKNOWN, r"unknown"),
)
# Only what begins with it is taken for it: “alert only, never roll back” is none.
_ACTIONS = (
    (Action.SCALE_UP, r"scale[ _-]?(up|out)"),
    (Action.RESTART, r"restart"),
    (Action.ROLLBACK, r"roll[ _-]?back"),
)
_SEVERITIES = {word: severity for severity, word in SEVERITY_WORDS.items()} | {"LOW": Severity.SEV4}


def to_question(evidence: Evidence) -> dict[str, Any]:
    """The document's payload, and beside it all that was found."""
    numbers = [reading for reading in evidence.readings if isfinite(reading.now)]
    return {
        "anomalies": [_anomaly(reading) for reading in numbers if reading.expected is not None],
        "metrics": {_NAMES.get(reading.measure, reading.metric): reading.now for reading in numbers},
        "service": evidence.service,
        "evidence": json.loads(evidence.model_dump_json()),
    }


def from_answer(answer: Any, ours: Diagnosis, name: str) -> Diagnosis:
    """What the function called `name` says, with our own suspects and what we could not see.

    Raises InvalidInput where it says no root cause.
    """
    said = _opened(answer)
    title = said.get("root_cause") or said.get("rootCause") or said.get("cause")
    if not isinstance(title, str) or not title.strip():
        raise InvalidInput("root_cause", "the answer names no root_cause")
    cause = _cause(title)
    row = MATRIX[cause]
    return ours.model_copy(
        update={
            "cause": cause,
            "severity": _severity(said.get("severity"), row.severity),
            "confidence": _confidence(said.get("confidence"), ours.confidence if cause is ours.cause else 0.5),
            "findings": (f"{name}: {_line(title)}", *_lines(said.get("evidence") or said.get("findings"))),
            "excluded": (),
            "unseen": tuple(dict.fromkeys((*ours.unseen, *_lines(said.get("not_seen"))))),
            "action": _action(said, cause, ours),
            "advice": next(iter(_lines(said.get("manual_action") or said.get("recommendation"))), row.manual),
        }
    )


def _anomaly(reading: Reading) -> str:
    """`CPU: 60% (expected 4%)`."""
    unit = "%" if reading.unit == "%" else f" {reading.unit}" if reading.unit else ""
    usual = f"{reading.expected:.4g}{unit}" + (f" ± {reading.deviation:.4g}{unit}" if reading.deviation else "")
    return f"{reading.measure.value}: {reading.now:.6g}{unit} (expected {usual})"


def _opened(answer: Any) -> Mapping[str, Any]:
    """The answer itself, where it comes as text or within an HTTP response (`statusCode`, `body`)."""
    for _ in range(3):
        if isinstance(answer, str | bytes):
            try:
                answer = json.loads(answer)
            except ValueError as error:
                raise InvalidInput("payload", "the answer is no JSON") from error
        if isinstance(answer, Mapping) and "body" in answer and "root_cause" not in answer:
            answer = answer["body"]
    if not isinstance(answer, Mapping):
        raise InvalidInput("payload", "the answer is no object")
    return answer


def _cause(title: str) -> Cause:
    plain = " ".join(title.lower().split())
    for cause, row in MATRIX.items():
        if plain in (row.title.lower(), cause.value.lower(), cause.name.lower()):
            return cause
    return next((cause for cause, pattern in _ROWS if re.search(pattern, plain)), Cause.UNKNOWN)


def _severity(said: Any, usual: Severity) -> Severity:
    """`CRITICAL`, `SEV-1` or `1`; the row's own where it is none of these."""
    word = str(said).strip().upper()
    digit = word.removeprefix("SEV").lstrip("-_ ")
    if digit in ("1", "2", "3", "4"):
        return Severity(int(digit))
    return _SEVERITIES.get(word, usual)


def _confidence(said: Any, usual: float) -> float:
    """From 0 to 1; what is larger is percent."""
    try:
        value = float(str(said).rstrip("% "))
    except ValueError:
        return usual
    if not isfinite(value):
        return usual
    is_percent = value > 1 or str(said).endswith("%")
    return min(max(value / 100 if is_percent else value, 0.0), 1.0)


def _action(said: Mapping[str, Any], cause: Cause, ours: Diagnosis) -> Action | None:
    """What it says is to be done. Where it says nothing, ours counts if we agree on the cause."""
    named = said.get("auto_action", said.get("action"))
    if isinstance(named, str) and named.strip():
        return next((action for action, pattern in _ACTIONS if re.match(pattern, named.strip().lower())), None)
    if said.get("rollback") is True:
        return Action.ROLLBACK
    return ours.action if cause is ours.cause else None


def _lines(said: Any) -> tuple[str, ...]:
    """Texts, as far as they are some."""
    listed = [said] if isinstance(said, str) else said if isinstance(said, list | tuple) else []
    return tuple(line for each in listed[:MAX_LINES] if isinstance(each, str) and (line := _line(each)))


def _line(text: str) -> str:
    line = redacted(" ".join(text[: 4 * MAX_LINE].split()))
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"
