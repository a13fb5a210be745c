"""Evidence of checkout-api in trouble, with only what matters spelled out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.models import ChangeKind, Evidence, LogClass, LogFinding, Made, Measure, Reading, Severity

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCOUNT, REGION = "123456789012", "eu-central-1"
MEDIUM, HIGH, CRITICAL = Severity.SEV3, Severity.SEV2, Severity.SEV1


def evidence(*readings: Reading, **values: Any) -> Evidence:
    """Ten minutes of checkout-api, with only what matters spelled out."""
    facts: dict[str, Any] = {"service": "checkout-api", "account": ACCOUNT, "region": REGION}
    times = {"began_at": NOW, "since": NOW, "until": NOW + 10 * MINUTE}
    return Evidence(readings=readings, **{**facts, **times, **values})


def cpu(now: float, expected: float | None = 28, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": None if expected is None else 6, "unit": "%"}
    return Reading(measure=Measure.CPU, now=now, **{**facts, **values})


def memory(now: float, expected: float | None = 44, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": None if expected is None else 4, "unit": "%"}
    return Reading(measure=Measure.MEMORY, now=now, **{**facts, **values})


def errors(now: float, expected: float | None = 0, **values: Any) -> Reading:
    return Reading(measure=Measure.ERRORS, now=now, **{"peak": now, "expected": expected, "deviation": 0.0, **values})


def latency(now: float, expected: float | None = 0.4, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": None if expected is None else 0.05, "unit": "s"}
    return Reading(measure=Measure.LATENCY, now=now, **{**facts, **values})


def requests(now: float, expected: float | None = 5000, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": 300.0}
    return Reading(measure=Measure.REQUESTS, now=now, **{**facts, **values})


def lines(pattern: str, count: int, kind: LogClass = LogClass.EXCEPTION, **values: Any) -> LogFinding:
    return LogFinding(kind=kind, pattern=pattern, count=count, **{"first_seen": NOW, **values})


def change(kind: ChangeKind = ChangeKind.DEPLOYMENT, ago: float = 3, **values: Any) -> Made:
    facts: dict[str, Any] = {"what": "deployed web:57", "target": "checkout-api", "service": "checkout-api"}
    place = {"account": ACCOUNT, "region": REGION}
    return Made(kind=kind, at=NOW - ago * MINUTE, **{**facts, **place, **values})


DEPLOYED = change(by="ci-deployer", before="web:56", after="web:57")
KEY_ERROR = lines("KeyError: 'currency'", 198)
FAILING = evidence(errors(212), requests(5000), cpu(31), logs=(KEY_ERROR,), changes=(DEPLOYED,))
