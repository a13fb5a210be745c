"""Whatever lies on the alert queue, something comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bot.signals import Signal
from tests.bot.bodies import NAMES, alarm_message, changed, changed_at, fixture, opened, paths, read, sealed

SIGNAL: TypeAdapter[Signal] = TypeAdapter(Signal)


@pytest.mark.parametrize("depth", [100, 900, 960, 990, 1000, 5000])
@pytest.mark.parametrize("field", ["AlarmName", "NewStateValue", "Trigger", "Dimensions", "Metrics", "Type", "unknown"])
def test_however_deep_a_field_is_nested_it_comes_to_something(field: str, depth: int) -> None:
    deep = '{"MetricStat":[' * (depth // 2) + "]}" * (depth // 2)
    inner = f'{{"{field}": [{deep}, {deep}]}}'
    body = json.dumps(alarm_message(AlarmName=None))
    check(f'{body[:-1]}, "{field}": {deep}, "Trigger": {inner}}}')


KEYS = st.sampled_from(
    ["Type", "Message", "MessageId", "TopicArn", "AlarmName", "AlarmArn", "NewStateValue", "Trigger", "Metrics",
     "AlarmRule", "detail", "detail-type", "source", "resources", "event", "state", "configuration", "x"]
)  # fmt: skip
AWKWARD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1e308, float("nan"), float("inf"), 10**400, "", "ALARM", "abc", "\ud800", "é" * 2000,
     "[" * 3000, "Notification", "aws.cloudwatch", "CloudWatch Alarm State Change", "AWS Health Event", "Deployment",
     "FAILED", [], {}, [None], [[]], [{}], {"": None}, {"Name": {"Name": 1}}, "arn:::::",
     "arn:aws:ecs:::service/", "{}", '"{}"']
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | AWKWARD
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
)


def stored(signals: tuple[Signal, ...]) -> list[Signal]:
    """What comes back from the database."""
    return [SIGNAL.validate_json(SIGNAL.dump_json(signal)) for signal in signals]


def check(body: str) -> tuple[Signal, ...]:
    """What holds whatever the body is: something comes of it, twice the same, and it can be stored."""
    signals = read(body)
    assert signals
    assert signals == read(body)
    assert stored(signals) == list(signals)
    assert len({signal.source_id for signal in signals}) == len(signals)
    return signals


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_text_comes_to_something(body: str) -> None:
    assert len(check(body)) == 1


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_comes_to_something(value: Any) -> None:
    check(json.dumps(value))


@settings(max_examples=600, deadline=None)
@given(st.data(), st.sampled_from(NAMES))
def test_a_message_with_any_part_gone_or_replaced_comes_to_something(data: st.DataObject, name: str) -> None:
    value, is_sns = opened(name)
    for _ in range(data.draw(st.integers(1, 3))):
        ways = paths(value)
        if ways:
            changed_at(value, data.draw(st.sampled_from(ways)), data.draw(st.booleans()), data.draw(JSON))
    check(sealed(value, is_sns))


@pytest.mark.parametrize(
    "rule",
    ["ALARM(" * 50_000, 'ALARM("' * 50_000, "NOT " * 60_000, "AT_LEAST(" + " " * 250_000, "ALARM" + " " * 250_000,
     "AT_LEAST(1, ALARM, (" + '"\\' * 120_000, "ALARM(" + "a" * 250_000],
)  # fmt: skip
@pytest.mark.timeout(10)
def test_no_rule_takes_long_to_read(rule: str) -> None:
    message = {**json.loads(fixture("sns_composite")["Message"]), "AlarmRule": rule, "NewStateReason": rule}
    assert changed(message).alarm.name == "checkout-broken"
