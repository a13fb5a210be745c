"""Bodies of the alert queue's messages, read."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache, reduce
from pathlib import Path
from typing import Any

from bot.alarms import parse
from bot.signals import AlarmChanged, Signal, Unreadable

FIXTURES = Path(__file__).parent.parent / "fixtures"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))
RECEIVED = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
ALARM_AT = datetime(2026, 11, 22, 10, 1, 12, 123_000, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
HEALTH_NAME = "AWS_EC2_OPERATIONAL_ISSUE in eu-west-1 (VKTXI_0123456789)"


@cache
def body_of(name: str) -> str:
    return FIXTURES.joinpath(f"{name}.json").read_text(encoding="utf-8")


def fixture(name: str) -> Any:
    return json.loads(body_of(name))


def read(body: str | dict[str, Any], message_id: str = "sqs-1") -> tuple[Signal, ...]:
    return parse(body if isinstance(body, str) else json.dumps(body), message_id, RECEIVED)


def alarm_message(**fields: Any) -> dict[str, Any]:
    """The message of a metric alarm, with these fields changed; None drops one."""
    changed = {**fixture("raw_metric_alarm"), **fields}
    return {name: value for name, value in changed.items() if value is not None}


def changed(body: str | dict[str, Any]) -> AlarmChanged:
    (signal,) = read(body)
    assert isinstance(signal, AlarmChanged), signal
    return signal


def problem(body: str) -> str:
    (signal,) = read(body)
    assert isinstance(signal, Unreadable), signal
    assert signal.raw == body
    return signal.problem


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(*before, key) for key, _ in items]
    return found + [path for key, inner in items for path in paths(inner, (*before, key))]


def opened(name: str) -> tuple[Any, bool]:
    """A fixture with its SNS message as a document, so that it can be changed inside."""
    value = fixture(name)
    is_sns = isinstance(value, dict) and str(value.get("Message", "")).startswith("{")
    if is_sns:
        value["Message"] = json.loads(value["Message"])
    return value, is_sns


def sealed(value: Any, is_sns: bool) -> str:
    if is_sns and isinstance(value.get("Message"), dict):
        value = {**value, "Message": json.dumps(value["Message"])}
    return json.dumps(value)


def changed_at(value: Any, path: tuple[Any, ...], drop: bool, new: Any) -> None:
    parent = reduce(lambda inner, key: inner[key], path[:-1], value)
    if drop:
        del parent[path[-1]]
    else:
        parent[path[-1]] = deepcopy(new)
