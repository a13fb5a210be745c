"""CloudWatch alarms: the message an alarm action puts on SNS, and the event that EventBridge gets.

The two tell the same in different words; both are first brought into `_Told`.

- SNS: {"AlarmName", "AlarmDescription", "AWSAccountId", "NewStateValue", "NewStateReason", "StateChangeTime",
  "Region": "US East (N. Virginia)", "AlarmArn", "OldStateValue", "Trigger": {…}} and, for a composite alarm,
  "AlarmRule" and "TriggeringChildren" in place of "Trigger":
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
- EventBridge, `detail`: {"alarmName", "state": {"value", "reason", "reasonData": "<JSON>", "timestamp"},
  "previousState", "configuration": {"description", "metrics": [] | "alarmRule"}, "muteDetail"}:
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html

An event carries neither threshold nor comparison, so they are read from its reason.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NamedTuple

from bot.alarms.reading import (
    ARN,
    DESCRIPTION,
    REASON,
    Event,
    Letter,
    arn_of,
    count,
    first,
    listing,
    mapping,
    moment,
    number,
    scalar,
    text,
)
from bot.signals import Alarm, AlarmChanged, AlarmKind, AlarmState, Ignored, Signal

MAX_CHILDREN = 100  # alarms under one composite: AWS's own limit
MAX_DIMENSIONS = 30
MAX_RULE = 10_240  # characters of an AlarmRule

STATES = {state.value: state for state in AlarmState}
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside",
    "LessThanLowerThreshold": "<",
    "GreaterThanUpperThreshold": ">",
}
"""ComparisonOperator, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
_SPOKEN = {
    "greater than the threshold": ">",
    "greater than or equal to the threshold": "≥",
    "less than the threshold": "<",
    "less than or equal to the threshold": "≤",
    "greater than the upper threshold": ">",
    "less than the lower threshold": "<",
}
_STATISTICS = {
    "AVERAGE": "Average",
    "SUM": "Sum",
    "MINIMUM": "Minimum",
    "MAXIMUM": "Maximum",
    "SAMPLE_COUNT": "SampleCount",
    "SAMPLECOUNT": "SampleCount",
}
"""SNS shouts them; everywhere else (and for reading the metric) they are spelled so."""

_POINTS = re.compile(r"datapoints?(?: which crossed the threshold)?:? (?:\[([^\]]*)\]|\(([^)]*)\))")
_POINT = re.compile(r"(\S+)(?: \((\d\d)/(\d\d)/(\d\d) (\d\d:\d\d:\d\d)\))?")
_COMPARED = re.compile(r"(?:greater|less) than (?:or equal to )?the (?:upper |lower )?threshold")
_THRESHOLD = re.compile(r"the threshold \(([^)]*)\)")
_FUNCTION = re.compile(r'(\bNOT\s+)?\bALARM\s*\(\s*(?:"((?:[^"\\]|\\.)*)"|([^"()\s]+))\s*\)')
_AT_LEAST = re.compile(r"\bAT_LEAST\s*\([^,()]+,\s*ALARM\s*,\s*\(((?:\"(?:[^\"\\]|\\.)*\"|[^\"()])*)\)")
_OPERAND = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",\s]+)')


class _Told(NamedTuple):
    """An alarm's message in neither of its two spellings. `spelled` names its required fields, for `missing`."""

    spelled: tuple[str, str, str, str, str]
    name: str
    arn: str
    account: str
    region: str
    state: str
    previous: str
    at: object
    reason: str
    data: dict[str, Any]
    description: str
    trigger: dict[str, Any]
    rule: str
    triggering: tuple[str, ...]
    suppressed: str = ""


def from_sns(said: dict[str, Any], letter: Letter) -> tuple[Signal, ...]:
    """The message of an alarm action. Its Region is a name for people, so the region comes from the ARN.

    Where there is no ARN, it is the region of the topic: an alarm can only notify a topic of its own region.
    """
    told = _Told(
        spelled=("AlarmName", "NewStateValue", "StateChangeTime", "AWSAccountId", "AlarmArn"),
        name=text(said.get("AlarmName")),
        arn=text(said.get("AlarmArn"), ARN),
        account=text(said.get("AWSAccountId")),
        region=letter.region,
        state=text(said.get("NewStateValue")),
        previous=text(said.get("OldStateValue")),
        at=said.get("StateChangeTime"),
        reason=text(said.get("NewStateReason"), REASON),
        data=_reason_data(said.get("NewStateReasonData")),
        description=text(said.get("AlarmDescription"), DESCRIPTION),
        trigger=mapping(said.get("Trigger")),
        rule=text(said.get("AlarmRule"), MAX_RULE),
        triggering=_names(listing(said.get("TriggeringChildren"))),
    )
    return (_changed(told, letter),)


def state_change(event: Event) -> tuple[Signal, ...]:
    """`CloudWatch Alarm State Change`. The ARN is the resource.

    CloudWatch sends it also while the alarm's actions are suppressed or muted; `suppressed` then says by what.
    """
    detail, configuration = event.detail, mapping(event.detail.get("configuration"))
    state = mapping(detail.get("state"))
    data = _reason_data(state.get("reasonData"))
    told = _Told(
        spelled=("alarmName", "state.value", "state.timestamp", "account", "region"),
        name=text(detail.get("alarmName")),
        arn=next((arn for arn in event.resources if ":alarm:" in arn), ""),
        account=event.account,
        region=event.region,
        state=text(state.get("value")),
        previous=text(mapping(detail.get("previousState")).get("value")),
        at=state.get("timestamp"),
        reason=text(state.get("reason"), REASON),
        data=data,
        description=text(configuration.get("description"), DESCRIPTION),
        trigger=configuration,
        rule=text(configuration.get("alarmRule"), MAX_RULE),
        triggering=_names(listing(data.get("triggeringAlarms"))),
        suppressed=_suppressed(state, mapping(detail.get("muteDetail"))),
    )
    return (_changed(told, Letter(event.source_id, event.at, event.raw)),)


def configuration_change(event: Event) -> tuple[Signal, ...]:
    """`CloudWatch Alarm Configuration Change`: somebody made, changed or deleted an alarm; its state did not change."""
    return (Ignored(source_id=event.source_id, reason="an alarm's configuration changed, not its state"),)


def contributor_change(event: Event) -> tuple[Signal, ...]:
    """`CloudWatch Alarm Contributor State Change`: one of an alarm's time series.

    The alarm's own event comes besides. Under the alarm's name this one would close it while other series still breach.
    """
    return (Ignored(source_id=event.source_id, reason="one time series of an alarm; the alarm speaks for itself"),)


def nameless(raw: str) -> str:
    """A name for an alarm that has none: the same for the same body."""
    digest = hashlib.sha256(raw.encode("utf-8", "replace")).hexdigest()
    return f"(alarm without a name) {digest[:8]}"


def _changed(told: _Told, letter: Letter) -> AlarmChanged:
    arn, at, state = arn_of(told.arn), moment(told.at), STATES.get(told.state)
    account, region = told.account or arn.account, arn.region or told.region
    found = (told.name, state, at, account, region)
    alarm = Alarm(
        name=told.name or text(arn.resource.partition(":")[2]) or nameless(letter.raw),
        account=account,
        region=region,
        arn=told.arn,
        description=told.description,
        **(_composite(told) if told.rule else _metric(told)),
    )
    return AlarmChanged(
        source_id=letter.source_id,
        alarm=alarm,
        state=state or AlarmState.ALARM,
        previous=STATES.get(told.previous),
        at=at or letter.at,
        reason=told.reason,
        value=None if told.rule else _newest(told.reason, told.data),
        suppressed=told.suppressed,
        missing=tuple(name for name, value in zip(told.spelled, found, strict=True) if not value),
    )


def _composite(told: _Told) -> dict[str, Any]:
    children = dict.fromkeys((*_children(told.rule), *told.triggering))
    return {"kind": AlarmKind.COMPOSITE, "children": tuple(children)[:MAX_CHILDREN]}


def _children(rule: str) -> list[str]:
    """The alarms that must be in ALARM for the rule to be: `ALARM(…)`, by name, quoted name or ARN, and `AT_LEAST`.

    `NOT ALARM(maintenance)` holds the composite back, so that one is none of its children.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
    """
    found = [(quoted, bare) for negated, quoted, bare in _FUNCTION.findall(rule) if not negated]
    for operands in _AT_LEAST.findall(rule):
        found += _OPERAND.findall(operands)
    return [_child(re.sub(r"\\(.)", r"\1", quoted) or bare) for quoted, bare in found]


def _child(name: str) -> str:
    """A child's name, whether it is given by name or by ARN."""
    return text(arn_of(name).resource.partition(":")[2] or name)


def _names(children: list[Any]) -> tuple[str, ...]:
    """TriggeringChildren and triggeringAlarms: [{"Arn" | "arn": …, "State": {…}}]; plain names are taken too."""
    said = (first(child, "Arn", "arn") if isinstance(child, dict) else child for child in children)
    return tuple(_child(text(name, ARN)) for name in said if isinstance(name, str) and name)


def _metric(told: _Told) -> dict[str, Any]:
    """What an alarm on one metric, on metric math or on anomaly detection compares with what."""
    trigger = told.trigger
    entries = [entry for entry in listing(first(trigger, "Metrics", "metrics")) if isinstance(entry, dict)]
    facts = _listed(entries) if entries else _flat(trigger)
    if first(trigger, "ThresholdMetricId", "thresholdMetricId"):
        facts["kind"] = AlarmKind.ANOMALY
    operator = text(first(trigger, "ComparisonOperator", "comparisonOperator"))
    facts["comparison"] = SIGNS.get(operator) or _compared(told.reason)
    facts["threshold"] = None if facts["kind"] is AlarmKind.ANOMALY else _threshold(told)
    facts["evaluation_periods"] = count(first(trigger, "EvaluationPeriods", "evaluationPeriods"))
    facts["datapoints"] = count(first(trigger, "DatapointsToAlarm", "datapointsToAlarm"))
    return facts


def _flat(trigger: dict[str, Any]) -> dict[str, Any]:
    """Trigger of an alarm on one metric: {"MetricName", "Namespace", "Statistic": "AVERAGE", "Unit", "Period", …}."""
    statistic = text(first(trigger, "ExtendedStatistic", "Statistic"))
    return {
        "kind": AlarmKind.METRIC,
        "metric": text(trigger.get("MetricName")),
        "namespace": text(trigger.get("Namespace")),
        "statistic": _STATISTICS.get(statistic, statistic),
        "unit": text(trigger.get("Unit")),
        "dimensions": _dimensions(trigger.get("Dimensions")),
        "period": count(trigger.get("Period")),
    }


def _listed(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Metrics: [{"Id", "Expression", "Label", "ReturnData"} | {"Id", "MetricStat": {"Metric", "Period", "Stat"}}].

    The metric is that of the entry which returns the data or, where that is an expression, the first it names. The
    value then is the expression's, so the metric's unit is not its unit, and `label` says what it is.
    """
    expressions = [text(first(entry, "Expression", "expression"), DESCRIPTION) for entry in entries]
    returned = next((entry for entry in entries if first(entry, "ReturnData", "returnData") is True), entries[0])
    measured = _measured(returned, entries)
    stat = mapping(first(measured, "MetricStat", "metricStat"))
    metric = mapping(first(stat, "Metric", "metric"))
    kind = _kind(expressions)
    is_math = kind is AlarmKind.MATH
    return {
        "kind": kind,
        "label": text(first(returned, "Label", "label", "Expression", "expression")) if is_math else "",
        "metric": text(first(metric, "MetricName", "metricName", "name")),
        "namespace": text(first(metric, "Namespace", "namespace")),
        "statistic": text(first(stat, "Stat", "stat")),
        "unit": "" if is_math else text(first(stat, "Unit", "unit")),
        "dimensions": _dimensions(first(metric, "Dimensions", "dimensions")),
        "period": count(first(stat, "Period", "period") or first(returned, "Period", "period")),
    }


def _kind(expressions: list[str]) -> AlarmKind:
    if any("ANOMALY_DETECTION_BAND" in expression for expression in expressions):
        return AlarmKind.ANOMALY
    return AlarmKind.MATH if any(expressions) else AlarmKind.METRIC


def _measured(returned: dict[str, Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The entry whose metric stands for the alarm; empty where no entry has one (a Metrics Insights query)."""
    stats = [entry for entry in entries if first(entry, "MetricStat", "metricStat")]
    if not stats or any(entry is returned for entry in stats):
        return returned
    words = set(re.findall(r"\w+", text(first(returned, "Expression", "expression"), DESCRIPTION)))
    return next((entry for entry in stats if text(first(entry, "Id", "id")) in words), stats[0])


def _dimensions(value: object) -> tuple[tuple[str, str], ...]:
    """[{"value", "name"}] in SNS, [{"Name", "Value"}] in the API, {name: value} in events."""
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())
    else:
        said = [entry for entry in listing(value) if isinstance(entry, dict)]
        pairs = [(first(entry, "name", "Name"), first(entry, "value", "Value")) for entry in said]
    whole = ((text(name), scalar(held, DESCRIPTION)) for name, held in pairs[:MAX_DIMENSIONS])
    return tuple((name, held) for name, held in whole if name)


def _threshold(told: _Told) -> float | None:
    said = number(first(told.trigger, "Threshold", "threshold"))
    if said is None:
        said = number(told.data.get("threshold"))
    if said is None and (found := _THRESHOLD.search(told.reason)):
        said = number(found[1])
    return said


def _compared(reason: str) -> str:
    """The sign from “was (not) greater than the threshold”: the same for both directions of a change."""
    found = dict.fromkeys(_SPOKEN.get(words, "") for words in _COMPARED.findall(reason))
    if {"<", ">"} <= found.keys():
        return "outside"
    return next(iter(found), "")


def _reason_data(value: object) -> dict[str, Any]:
    """reasonData: JSON in a string, {"recentDatapoints": [oldest … newest], "threshold", "evaluatedDatapoints"}."""
    if not isinstance(value, str):
        return mapping(value)
    try:
        return mapping(json.loads(value))
    except (ValueError, RecursionError):
        return {}


def _newest(reason: str, data: dict[str, Any]) -> float | None:
    """The newest datapoint: from the reason's data where there is any, else from its text.

    The text lists datapoints newest first with their times as dd/mm/yy, and without times (old alarms) oldest first;
    the data lists them oldest first. “no datapoints were received” has none.
    """
    recent = [value for value in listing(data.get("recentDatapoints")) if number(value) is not None]
    if recent:
        return number(recent[-1])
    found = _POINTS.search(reason)
    if not found:
        return None
    points = [_POINT.fullmatch(point.strip()) for point in (found[1] or found[2] or "").split(",")]
    dated = [((*point.group(4, 3, 2, 5), at), point[1]) for at, point in enumerate(points) if point]
    return number(max(dated, key=_when)[1]) if dated else None


def _when(point: tuple[tuple[Any, ...], str]) -> tuple[Any, ...]:
    """Sorts datapoints by their time and, where they have none, by their place."""
    return tuple(part or "" for part in point[0][:4]), point[0][4]


def _suppressed(state: dict[str, Any], mute: dict[str, Any]) -> str:
    """actionsSuppressedBy (`Alarm`, `WaitPeriod`, `ExtensionPeriod`), else the name of the mute rule; else empty."""
    by, rule = text(state.get("actionsSuppressedBy")), arn_of(mute.get("mutedByArn")).resource
    return by or (f"mute rule {rule.rpartition(':')[2]}"[:255] if rule else "")
