"""The operations of CloudWatch that moto lacks or answers wrongly, in the form of methods of its response class."""

import json
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import (
    InvalidFormat,
    InvalidParameterCombination,
    InvalidParameterValue,
    ResourceNotFound,
    ValidationError,
)
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.cloudwatch import maths, rules
from sandbox.aws.cloudwatch.alarms import Alarm, Json
from sandbox.aws.cloudwatch.evaluate import limits_of, resolve
from sandbox.aws.cloudwatch.series import Series, key, statistic
from sandbox.aws.cloudwatch.watch import Watch, watch_of

STATES = ("INSUFFICIENT_DATA", "ALARM", "OK")
PAGE = 100
NEEDED = ("AlarmName", "EvaluationPeriods", "ComparisonOperator")
Response = CloudWatchResponse


def _given(response: Response) -> tuple[Watch, Json]:
    return watch_of(response.cloudwatch_backend), dict(response._get_params())


def put_metric_alarm(response: Response) -> ActionResult:
    watch, given = _given(response)
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
    watch, given = _given(response)
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
    watch, given = _given(response)
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
    watch, given = _given(response)
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
    watch, given = _given(response)
    wanted = key(given["Namespace"], given["MetricName"], given.get("Dimensions"))
    found = [a.described() for a in watch.alarms.values() if _watches(a.config) == wanted]
    return ActionResult({"MetricAlarms": found})


def _watches(config: Json) -> object:
    if not config.get("MetricName"):
        return None
    return key(str(config["Namespace"]), str(config["MetricName"]), config.get("Dimensions"))


def describe_alarm_history(response: Response) -> ActionResult:
    watch, given = _given(response)
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
        and _aware(start) <= item["Timestamp"] <= _aware(end)
    ]
    found.sort(key=lambda item: item["Timestamp"], reverse=given.get("ScanBy") != "TimestampAscending")
    page, token = _page(found, given)
    return ActionResult({"AlarmHistoryItems": page} | token)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def set_actions(enabled: bool) -> Any:
    def operation(response: Response) -> ActionResult:
        watch, given = _given(response)
        for name in given["AlarmNames"]:
            if alarm := watch.alarms.get(name):
                alarm.config["ActionsEnabled"] = enabled
        return EmptyResult()

    return operation


def put_anomaly_detector(response: Response) -> ActionResult:
    watch, given = _given(response)
    watch.detectors = [d for d in watch.detectors if d != given] + [given]
    return EmptyResult()


def describe_anomaly_detectors(response: Response) -> ActionResult:
    watch, _ = _given(response)
    return ActionResult({"AnomalyDetectors": [{**d, "StateValue": "TRAINED"} for d in watch.detectors]})


def delete_anomaly_detector(response: Response) -> ActionResult:
    watch, given = _given(response)
    watch.detectors = [d for d in watch.detectors if d != given]
    return EmptyResult()


def put_metric_data(response: Response) -> ActionResult:
    watch, given = _given(response)
    data = given.get("MetricData") or []
    for number, datum in enumerate(data, start=1):
        response.cloudwatch_backend._validate_parameters_put_metric_data(datum, number)
    watch.add(str(given["Namespace"]), data)
    return EmptyResult()


def get_metric_statistics(response: Response) -> ActionResult:
    watch, given = _given(response)
    names = [*(given.get("Statistics") or []), *(given.get("ExtendedStatistics") or [])]
    if not names:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    start, end, width = _span(given), _span(given, "EndTime"), int(given["Period"])
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    of = watch.series.get(key(given["Namespace"], given["MetricName"], given.get("Dimensions")))
    points = []
    for at in _starts(start, end, width):
        found = {name: _over(of, name, at, width) for name in names}
        if any(v is not None for v in found.values()):
            plain = {n: v for n, v in found.items() if not n.startswith("p")}
            extended = {n: v for n, v in found.items() if n.startswith("p")}
            points.append({"Timestamp": utc(at), **plain, **({"ExtendedStatistics": extended} if extended else {})})
    return ActionResult({"Label": given["MetricName"], "Datapoints": points})


def get_metric_data(response: Response) -> ActionResult:
    """Periods are aligned to the clock; expressions and bands are computed."""
    watch, given = _given(response)
    start, end = _span(given), _span(given, "EndTime")
    if start >= end:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    queries = given.get("MetricDataQueries") or []
    for n, query in enumerate(queries, start=1):
        if "MetricStat" not in query and "Expression" not in query:
            raise ValidationError(f"The parameter MetricDataQueries.member.{n}.MetricStat is required.\n")
    down = (given.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
    try:
        results = [
            r for q in queries if q.get("ReturnData") is not False for r in _results(watch, queries, q, start, end)
        ]
    except maths.MathError as error:
        raise ValidationError(str(error)) from None
    for result in results:
        result["StatusCode"] = "Complete"
        for name in ("Timestamps", "Values"):
            result[name] = result[name][::-1] if down else result[name]
    return ActionResult({"MetricDataResults": results, "Messages": []})


def _results(watch: Watch, queries: list[Json], query: Json, start: float, end: float) -> list[Json]:
    width = _width(queries, query)
    starts = _starts(start, end, width)
    expression = str(query.get("Expression") or "")
    if banded := maths.band(expression):
        low, high = limits_of(queries, banded, watch.series, end)
        label = {"Id": query["Id"], "Label": query.get("Label") or f"{banded[0]} (expected)"}
        return [label | _column(starts, [limit] * len(starts)) for limit in (high, low)]
    stats = {q["Id"]: q["MetricStat"] for q in queries if q.get("MetricStat")}
    expressions = {q["Id"]: str(q["Expression"]) for q in queries if q.get("Expression")}
    values = []
    for at in starts:
        known = {name: _over(_of(watch, stat), stat["Stat"], at, width) for name, stat in stats.items()}
        values.append(known[query["Id"]] if query["Id"] in known else resolve(query["Id"], expressions, known))
    plain = query["MetricStat"]["Metric"]["MetricName"] if query.get("MetricStat") else query["Id"]
    return [{"Id": query["Id"], "Label": query.get("Label") or plain} | _column(starts, values)]


def _of(watch: Watch, stat: Json) -> Series | None:
    metric = stat["Metric"]
    return watch.series.get(key(metric["Namespace"], metric["MetricName"], metric.get("Dimensions")))


def _column(starts: list[float], values: list[float | None]) -> Json:
    kept = [(at, v) for at, v in zip(starts, values, strict=True) if v is not None]
    return {"Timestamps": [utc(at) for at, _ in kept], "Values": [v for _, v in kept]}


def _width(queries: list[Json], query: Json) -> int:
    stats = [q["MetricStat"]["Period"] for q in [query, *queries] if q.get("MetricStat")]
    return int(query.get("Period") or next(iter(stats), 60))


def _over(of: Series | None, stat: str, at: float, width: int) -> float | None:
    """A period has its first instant and not its last."""
    return statistic(of.between(at - 1e-6, at + width - 1e-6), stat) if of else None


def _starts(start: float, end: float, width: int) -> list[float]:
    first = start // width * width
    return [first + n * width for n in range(int((end - first - 1e-9) // width) + 1)]


def _span(given: Json, name: str = "StartTime") -> float:
    return _aware(given[name]).timestamp()


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
    "put_metric_data": put_metric_data,
    "get_metric_statistics": get_metric_statistics,
    "get_metric_data": get_metric_data,
}


def install() -> None:
    for name, operation in OPERATIONS.items():
        setattr(CloudWatchResponse, name, operation)
