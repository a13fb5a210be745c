"""What CloudWatch tells the world when an alarm changes: the SNS message and the EventBridge event."""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from sandbox.aws.clock import utc
from sandbox.aws.cloudwatch.alarms import ACTIONS, Alarm, Json

SUBJECT_MAX = 100
REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
}
STATISTICS = {
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
    "SampleCount": "SAMPLE_COUNT",
}


@dataclass(frozen=True)
class Change:
    """From what to what, why, and which children made a composite alarm change."""

    before: str
    before_reason: str
    before_data: str | None
    before_at: float
    after: str
    reason: str
    data: str | None
    at: float
    children: tuple[Alarm, ...] = ()


def stamp(at: float) -> str:
    return utc(at).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}+0000"


def region_name(region: str) -> str:
    return REGIONS.get(region, region)


def subject(alarm: Alarm, state: str) -> str:
    """Long names are cut: SNS takes no more than a hundred characters."""
    rest = f'{state}: "" in {region_name(alarm.region)}'
    room = SUBJECT_MAX - len(rest)
    name = alarm.name if len(alarm.name) <= room else f"{alarm.name[: room - 3]}..."
    return f'{state}: "{name}" in {region_name(alarm.region)}'


def body(alarm: Alarm, change: Change) -> Json:
    """The keys in CloudWatch's order; a composite alarm has its rule and children where others have a trigger."""
    message: Json = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.config.get("AlarmDescription"),
        "AWSAccountId": alarm.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.updated),
        "NewStateValue": change.after,
        "NewStateReason": change.reason,
        "StateChangeTime": stamp(change.at),
        "Region": region_name(alarm.region),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": change.before,
        **{name: list(alarm.config.get(name) or []) for name in ("OKActions", "AlarmActions")},
        ACTIONS["INSUFFICIENT_DATA"]: alarm.actions("INSUFFICIENT_DATA"),
    }
    if alarm.rule is None:
        return message | {"Trigger": _trigger(alarm.config)}
    children = [
        {"Arn": c.alarm_arn, "State": {"Value": c.state, "Timestamp": stamp(c.changed)}} for c in change.children
    ]
    return message | {"AlarmRule": alarm.rule, "TriggeringChildren": children}


def _trigger(config: Json) -> Json:
    how = {name: config[name] for name in ("EvaluationPeriods", "DatapointsToAlarm") if config.get(name) is not None}
    threshold = "ThresholdMetricId" if config.get("ThresholdMetricId") else "Threshold"
    rest: Json = {
        "Period": period(config),
        **how,
        "ComparisonOperator": config.get("ComparisonOperator"),
        threshold: config.get(threshold),
        "TreatMissingData": config.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": config.get("EvaluateLowSampleCountPercentile") or "",
    }
    if metrics := config.get("Metrics"):
        return rest | {"Metrics": [_query(m) for m in metrics]}
    extended = config.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
        if extended
        else {"StatisticType": "Statistic", "Statistic": STATISTICS.get(str(config.get("Statistic")))}
    )
    return {
        "MetricName": config.get("MetricName"),
        "Namespace": config.get("Namespace"),
        **statistic,
        "Unit": config.get("Unit"),
        "Dimensions": _dimensions(config.get("Dimensions")),
        **rest,
    }


def period(config: Json) -> int:
    """The period of an alarm with metric math is that of its metrics."""
    metrics = config.get("Metrics") or []
    periods = [m["MetricStat"]["Period"] for m in metrics if m.get("MetricStat")]
    return int(config.get("Period") or next(iter(periods), 60))


def _query(metric: Json) -> Json:
    shown: Json = {k: metric[k] for k in ("Expression", "Id", "Label") if metric.get(k) is not None}
    if stat := metric.get("MetricStat"):
        of = stat["Metric"]
        shown["MetricStat"] = {
            "Metric": {
                "Dimensions": _dimensions(of.get("Dimensions")),
                "MetricName": of["MetricName"],
                "Namespace": of["Namespace"],
            },
            "Period": int(stat["Period"]),
            "Stat": stat["Stat"],
        }
    return shown | {"ReturnData": metric.get("ReturnData") is not False}


def _dimensions(given: Any) -> list[Json]:
    return [{"value": d["Value"], "name": d["Name"]} for d in given or []]


def event(alarm: Alarm, change: Change) -> Json:
    """The detail of "CloudWatch Alarm State Change"."""
    return {
        "alarmName": alarm.name,
        "state": _state(change.after, change.reason, change.data, change.at),
        "previousState": _state(change.before, change.before_reason, change.before_data, change.before_at),
        "configuration": _configuration(alarm.config),
    }


def _state(value: str, reason: str, data: str | None, at: float) -> Json:
    return {"value": value, "reason": reason, **({"reasonData": data} if data else {}), "timestamp": stamp(at)}


def _configuration(config: Json) -> Json:
    described = {"description": config["AlarmDescription"]} if config.get("AlarmDescription") else {}
    if config.get("AlarmRule") is not None:
        return described | {"alarmRule": config["AlarmRule"]}
    return described | {"metrics": [_event_metric(m) for m in config.get("Metrics") or [_single(config)]]}


def _single(config: Json) -> Json:
    names = ("Namespace", "MetricName", "Dimensions")
    made = uuid.UUID(bytes=hashlib.md5(str(config.get("AlarmName")).encode(), usedforsecurity=False).digest())
    stat = config.get("ExtendedStatistic") or config.get("Statistic")
    return {
        "Id": str(made),
        "MetricStat": {"Metric": {n: config.get(n) for n in names}, "Period": period(config), "Stat": stat},
    }


def _event_metric(metric: Json) -> Json:
    shown: Json = {"id": metric["Id"], "returnData": metric.get("ReturnData") is not False}
    for theirs, ours in (("expression", "Expression"), ("label", "Label")):
        if metric.get(ours) is not None:
            shown[theirs] = metric[ours]
    if stat := metric.get("MetricStat"):
        of = stat["Metric"]
        shown["metricStat"] = {
            "metric": {
                "namespace": of["Namespace"],
                "name": of["MetricName"],
                "dimensions": {d["Name"]: d["Value"] for d in of.get("Dimensions") or []},
            },
            "period": int(stat["Period"]),
            "stat": stat["Stat"],
        }
    return shown
