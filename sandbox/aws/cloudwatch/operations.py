"""The operations of CloudWatch that moto lacks or answers wrongly, in the form of methods of its response class."""

import json
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import (
    InvalidFormat,
    InvalidParameterCombination,
    ResourceNotFound,
    ValidationError,
)
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from sandbox.aws.clock import CLOCK
from sandbox.aws.cloudwatch import data, rules
from sandbox.aws.cloudwatch.alarms import Alarm, Json
from sandbox.aws.cloudwatch.data import aware, given_to
from sandbox.aws.cloudwatch.series import key

STATES = ("INSUFFICIENT_DATA", "ALARM", "OK")
PAGE = 100
NEEDED = ("AlarmName", "EvaluationPeriods", "ComparisonOperator")
Response = CloudWatchResponse


def put_metric_alarm(response: Response) -> ActionResult:
    watch, given = given_to(response)
    for name in NEEDED:
        if given.get(name) is None:
            raise ValidationError(f"The parameter {name} is required")
    if not given.get("MetricName") and not given.get("Metrics"):
        raise InvalidParameterCombination("Either MetricName or Metrics must be given")
    wanted, periods = given.get("DatapointsToAlarm"), given["EvaluationPeriods"]
    if wanted and int(wanted) > int(periods):
        raise ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    watch.put(given)
    return EmptyResult()


def put_composite_alarm(response: Response) -> ActionResult:
    watch, given = given_to(response)
    try:
        names = rules.children(str(given["AlarmRule"]))
    except rules.RuleError as error:
        raise ValidationError(f"AlarmRule is invalid: {error}") from None
    for name in names:
        if name not in watch.alarms:
            raise ValidationError(
                f"Could not save the composite alarm as alarm {name} in the alarm rule does not exist"
            )
    watch.put(given)
    return EmptyResult()


def set_alarm_state(response: Response) -> ActionResult:
    watch, given = given_to(response)
    alarm, state = watch.alarms.get(str(given["AlarmName"])), given["StateValue"]
    if state not in STATES:
        raise ValidationError(f"Value '{state}' at 'stateValue' must be one of {', '.join(STATES)}")
    if alarm is None:
        raise ResourceNotFound("Resource not found")
    data = given.get("StateReasonData")
    try:
        json.loads(data or "{}")
    except ValueError:
        raise InvalidFormat("StateReasonData is not JSON") from None
    watch.change(alarm, state, str(given["StateReason"]), data, CLOCK.now())
    return EmptyResult()


def describe_alarms(response: Response) -> ActionResult:
    """Composite alarms only when asked for, as AWS does it."""
    watch, given = given_to(response)
    kinds = given.get("AlarmTypes") or ["MetricAlarm"]
    found = [a for a in watch.alarms.values() if a.kind in kinds and _fits(a, given)]
    page, token = _page(found, given)
    shown: Json = {
        f"{kind}s": [a.described() for a in page if a.kind == kind] for kind in ("MetricAlarm", "CompositeAlarm")
    }
    return ActionResult(shown | token)


def _fits(alarm: Alarm, given: Json) -> bool:
    names, prefix = given.get("AlarmNames"), given.get("AlarmNamePrefix") or ""
    action, state = given.get("ActionPrefix"), given.get("StateValue")
    return (
        (not names or alarm.name in names)
        and alarm.name.startswith(prefix)
        and (not state or alarm.state == state)
        and (not action or any(a.startswith(action) for s in STATES for a in alarm.actions(s)))
    )


def _page(found: list[Any], given: Json) -> tuple[list[Any], Json]:
    start, size = int(given.get("NextToken") or 0), int(given.get("MaxRecords") or PAGE)
    token = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return found[start : start + size], token


def describe_alarms_for_metric(response: Response) -> ActionResult:
    watch, given = given_to(response)
    wanted = key(given["Namespace"], given["MetricName"], given.get("Dimensions"))
    found = [a.described() for a in watch.alarms.values() if _watches(a.config) == wanted]
    return ActionResult({"MetricAlarms": found})


def _watches(config: Json) -> object:
    if not config.get("MetricName"):
        return None
    return key(str(config["Namespace"]), str(config["MetricName"]), config.get("Dimensions"))


def describe_alarm_history(response: Response) -> ActionResult:
    watch, given = given_to(response)
    kinds = given.get("AlarmTypes") or ["MetricAlarm"]
    start = given.get("StartDate") or datetime.min.replace(tzinfo=UTC)
    end = given.get("EndDate") or datetime.max.replace(tzinfo=UTC)
    found = [
        item
        for alarm in watch.alarms.values()
        for item in alarm.history
        if given.get("AlarmName") in (None, alarm.name)
        and alarm.kind in kinds
        and given.get("HistoryItemType") in (None, item["HistoryItemType"])
        and aware(start) <= item["Timestamp"] <= aware(end)
    ]
    found.sort(key=lambda item: item["Timestamp"], reverse=given.get("ScanBy") != "TimestampAscending")
    page, token = _page(found, given)
    return ActionResult({"AlarmHistoryItems": page} | token)


def set_actions(enabled: bool) -> Any:
    def operation(response: Response) -> ActionResult:
        watch, given = given_to(response)
        for name in given["AlarmNames"]:
            if alarm := watch.alarms.get(name):
                alarm.config["ActionsEnabled"] = enabled
        return EmptyResult()

    return operation


def put_anomaly_detector(response: Response) -> ActionResult:
    watch, given = given_to(response)
    watch.detectors = [d for d in watch.detectors if d != given] + [given]
    return EmptyResult()


def describe_anomaly_detectors(response: Response) -> ActionResult:
    watch, _ = given_to(response)
    return ActionResult({"AnomalyDetectors": [{**d, "StateValue": "TRAINED"} for d in watch.detectors]})


def delete_anomaly_detector(response: Response) -> ActionResult:
    watch, given = given_to(response)
    watch.detectors = [d for d in watch.detectors if d != given]
    return EmptyResult()


OPERATIONS = {
    "put_metric_alarm": put_metric_alarm,
    "put_composite_alarm": put_composite_alarm,
    "set_alarm_state": set_alarm_state,
    "describe_alarms": describe_alarms,
    "describe_alarms_for_metric": describe_alarms_for_metric,
    "describe_alarm_history": describe_alarm_history,
    "enable_alarm_actions": set_actions(True),
    "disable_alarm_actions": set_actions(False),
    "put_anomaly_detector": put_anomaly_detector,
    "describe_anomaly_detectors": describe_anomaly_detectors,
    "delete_anomaly_detector": delete_anomaly_detector,
    "put_metric_data": data.put_metric_data,
    "get_metric_statistics": data.get_metric_statistics,
    "get_metric_data": data.get_metric_data,
    "get_metric_widget_image": data.get_metric_widget_image,
}


def install() -> None:
    for name, operation in OPERATIONS.items():
        setattr(CloudWatchResponse, name, operation)
