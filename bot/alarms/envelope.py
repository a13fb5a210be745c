"""From a message's body to its signals: opens the envelopes, and hands what is inside to whoever knows its shape.

A body may be, in any nesting up to `MAX_WRAPS`:

- an SNS notification, {"Type": "Notification", "MessageId", "TopicArn", "Message": "<text>", "Timestamp"}:
  https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
- with raw message delivery, the message itself:
  https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
- an EventBridge event (see `bot.alarms.reading.Event`), also as the message of an SNS notification
- any of these as JSON inside a JSON string

Nothing that somebody routed here is lost: what no rule knows is `Unreadable`, and only what is known to be of no
interest is `Ignored`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bot.alarms import cloudwatch, deployments, health, own, pagerduty
from bot.alarms.reading import ARN, Event, Letter, arn_of, listing, mapping, moment, scalar, storable, text
from bot.signals import Ignored, Signal, Unreadable

MAX_WRAPS = 4
MAX_ID = 200  # characters of a sender's message id; AWS's have 36

_Rule = Callable[[Event], tuple[Signal, ...]]
_HANDSHAKES = {
    "SubscriptionConfirmation": "SNS asks to confirm the subscription to {topic}; that is done by hand",
    "UnsubscribeConfirmation": "SNS says that the subscription to {topic} has ended",
}
_ALARM_MARKS = ("AlarmName", "AlarmArn", "NewStateValue", "NewStateReason", "OldStateValue", "StateChangeTime")
_KINDS = {dict: "an object", list: "an array", str: "a string", int: "a number", float: "a number", bool: "true/false"}

_BY_TYPE: dict[tuple[str, str], _Rule] = {
    ("aws.cloudwatch", "CloudWatch Alarm State Change"): cloudwatch.state_change,
    ("aws.cloudwatch", "CloudWatch Alarm Configuration Change"): cloudwatch.configuration_change,
    ("aws.cloudwatch", "CloudWatch Alarm Contributor State Change"): cloudwatch.contributor_change,
    ("aws.health", "AWS Health Event"): health.event,
    ("aws.health", "AWS Health Abuse Event"): health.event,
    ("aws.ecs", "ECS Deployment State Change"): deployments.ecs_deployment,
    ("aws.ecs", "ECS Service Action"): deployments.ecs_service_action,
    ("aws.codedeploy", "CodeDeploy Deployment State-change Notification"): deployments.codedeploy,
    ("aws.codedeploy", "CodeDeploy Instance State-change Notification"): deployments.codedeploy_instance,
}
_BY_SOURCE: dict[str, _Rule] = {"aiops.alerts": own.event, "aiops.deployments": deployments.announced}
_BY_DETAIL_TYPE: dict[str, _Rule] = {"Deployment": deployments.announced}


def parse(body: str, message_id: str, received_at: datetime) -> tuple[Signal, ...]:
    """What a message of the alert queue says: one signal or more; never raises, whatever the body is.

    `message_id` is the SQS MessageId and `received_at` an aware time; both only stand in where the message does not
    name itself (SNS MessageId, EventBridge id) or its moment. The first signal has the message's id as `source_id`,
    further ones have `#1`, `#2`, … added.
    """
    signals = _read(body, Letter(message_id, received_at, body), MAX_WRAPS)
    if len(signals) == 1:
        return signals
    return signals[:1] + tuple(
        signal.model_copy(update={"source_id": f"{signal.source_id}#{at}"}) for at, signal in enumerate(signals[1:], 1)
    )


def _read(said: str, letter: Letter, wraps: int) -> tuple[Signal, ...]:
    try:
        value = json.loads(said)
    except json.JSONDecodeError as error:
        if not said.strip():
            return _unreadable(letter, f"{letter.place} is empty")
        where = f"line {error.lineno}, column {error.colno}"
        return _unreadable(letter, f"{letter.place} is not JSON: {error.msg} ({where})")
    except RecursionError:
        return _unreadable(letter, f"{letter.place} is JSON that is nested too deep")
    except ValueError:  # the only other: an integer of more than 4,300 digits
        return _unreadable(letter, f"{letter.place} is JSON with a number that is too long")
    return _open(value, letter, wraps)


def _open(value: object, letter: Letter, wraps: int) -> tuple[Signal, ...]:
    if wraps == 0:
        return _unreadable(letter, f"{letter.place} is wrapped more than {MAX_WRAPS} times")
    if isinstance(value, str):
        return _read(value, letter._replace(place=f"the string in {letter.place}"), wraps - 1)
    if not isinstance(value, dict):
        kind = _KINDS.get(type(value), "null")
        return _unreadable(letter, f"{letter.place} is JSON, but {kind} where an object should be")
    return _sns(value, letter, wraps) if _is_sns(value) else _bare(value, letter)


def _bare(value: dict[str, Any], letter: Letter) -> tuple[Signal, ...]:
    """An object that is no envelope: an event or an alarm's message, by the fields that only these have."""
    if "detail-type" in value or ("detail" in value and "source" in value):
        return _event(value, letter)
    if any(mark in value for mark in _ALARM_MARKS):
        return cloudwatch.from_sns(value, letter)
    keys = ", ".join(text(key, 30) for key in list(value)[:8])
    fields = f"its fields are {keys}" if keys else "it has no fields"
    return _unreadable(letter, f"{letter.place} is no message of a known shape: {fields}")


def _is_sns(value: dict[str, Any]) -> bool:
    said = text(value.get("Type"))
    return said == "Notification" or said in _HANDSHAKES or ("TopicArn" in value and "Message" in value)


def _sns(value: dict[str, Any], letter: Letter, wraps: int) -> tuple[Signal, ...]:
    topic = text(value.get("TopicArn"), ARN)
    own_id = text(value.get("MessageId"), MAX_ID)
    inner = Letter(
        source_id=own_id or letter.source_id,
        at=moment(value.get("Timestamp")) or letter.at,
        raw=letter.raw,
        region=arn_of(topic).region,
        place="the SNS message",
        is_named=bool(own_id) or letter.is_named,
    )
    kind = value.get("Type")
    if isinstance(kind, str) and kind in _HANDSHAKES:
        reason = _HANDSHAKES[kind].format(topic=topic or "a topic without a name")
        return (Ignored(source_id=inner.source_id, reason=reason),)
    message = value.get("Message")
    if message is None:
        return _unreadable(inner, "the SNS notification has no Message")
    if isinstance(message, str):
        return _read(message, inner, wraps - 1)
    return _open(message, inner, wraps - 1)


def _event(value: dict[str, Any], letter: Letter) -> tuple[Signal, ...]:
    """An EventBridge event. Inside SNS it keeps the notification's id, so that a redelivery is known as one."""
    event = Event(
        source_id=letter.source_id if letter.is_named else text(value.get("id"), MAX_ID) or letter.source_id,
        at=moment(value.get("time")) or letter.at,
        raw=letter.raw,
        source=text(value.get("source")),
        detail_type=text(value.get("detail-type")),
        account=scalar(value.get("account")),
        region=text(value.get("region")),
        resources=tuple(text(arn, ARN) for arn in listing(value.get("resources")) if isinstance(arn, str)),
        detail=mapping(value.get("detail")),
    )
    rule = _rule(event)
    if rule:
        return rule(event)
    named = f"{event.source or 'an unnamed source'} / {event.detail_type or 'no detail-type'}"
    return _unreadable(letter._replace(source_id=event.source_id), f"there is no rule for {named}")


def _rule(event: Event) -> _Rule | None:
    if event.source.startswith(pagerduty.SOURCE):
        return pagerduty.event
    return (
        _BY_TYPE.get((event.source, event.detail_type))
        or _BY_SOURCE.get(event.source)
        or _BY_DETAIL_TYPE.get(event.detail_type)
    )


def _unreadable(letter: Letter, problem: str) -> tuple[Signal, ...]:
    return (Unreadable(source_id=letter.source_id, raw=storable(letter.raw), problem=problem),)
