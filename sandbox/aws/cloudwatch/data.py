"""The operations of CloudWatch on data points: putting them, statistics over them, expressions, pictures."""

import re
from datetime import UTC, datetime

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from sandbox.aws.clock import utc
from sandbox.aws.cloudwatch import maths, widget
from sandbox.aws.cloudwatch.alarms import Json
from sandbox.aws.cloudwatch.evaluate import limits_of, resolve
from sandbox.aws.cloudwatch.series import Series, key, statistic
from sandbox.aws.cloudwatch.watch import Watch, watch_of

PERIOD_OF = re.compile(r"\bPERIOD\(\w+\)")
POINTS_MAX = 1_440
Response = CloudWatchResponse


def given_to(response: Response) -> tuple[Watch, Json]:
    return watch_of(response.cloudwatch_backend), dict(response._get_params())


def aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def put_metric_data(response: Response) -> ActionResult:
    watch, given = given_to(response)
    data = given.get("MetricData") or []
    for number, datum in enumerate(data, start=1):
        response.cloudwatch_backend._validate_parameters_put_metric_data(datum, number)
    watch.add(str(given["Namespace"]), data)
    return EmptyResult()


def get_metric_statistics(response: Response) -> ActionResult:
    watch, given = given_to(response)
    names = [*(given.get("Statistics") or []), *(given.get("ExtendedStatistics") or [])]
    if not names:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    start, end, width = _span(given), _span(given, "EndTime"), int(given["Period"])
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    starts = _starts(start, end, width)
    if len(starts) > POINTS_MAX + 1:
        raise InvalidParameterCombination(
            f"You have requested up to {len(starts):,} datapoints, which exceeds the limit of {POINTS_MAX:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    of = watch.series.get(key(given["Namespace"], given["MetricName"], given.get("Dimensions")))
    points = []
    for at in starts:
        found = {name: _over(of, name, at, width) for name in names}
        if any(v is not None for v in found.values()):
            plain = {n: v for n, v in found.items() if not n.startswith("p")}
            extended = {n: v for n, v in found.items() if n.startswith("p")}
            points.append({"Timestamp": utc(at), **plain, **({"ExtendedStatistics": extended} if extended else {})})
    return ActionResult({"Label": given["MetricName"], "Datapoints": points})


def get_metric_data(response: Response) -> ActionResult:
    """Periods are aligned to the clock; expressions and bands are computed."""
    watch, given = given_to(response)
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


def get_metric_widget_image(response: Response) -> ActionResult:
    """A picture of the metrics, drawn from what is stored."""
    watch, given = given_to(response)

    def data(queries: list[Json], start: float, end: float) -> list[tuple[str, widget.Points]]:
        shown = [q for q in queries if q.get("ReturnData") is not False]
        found = [r for q in shown for r in _results(watch, queries, q, start, end)]
        return [
            (r["Label"], [(at.timestamp(), v) for at, v in zip(r["Timestamps"], r["Values"], strict=True)])
            for r in found
        ]

    try:
        image = widget.draw(widget.read(str(given["MetricWidget"])), data)
    except (widget.WidgetError, maths.MathError) as error:
        raise ValidationError(str(error)) from None
    return ActionResult({"MetricWidgetImage": image})


def _results(watch: Watch, queries: list[Json], query: Json, start: float, end: float) -> list[Json]:
    width = _width(queries, query)
    starts = _starts(start, end, width)
    expression = str(query.get("Expression") or "")
    if banded := maths.band(expression):
        low, high = limits_of(queries, banded, watch.series, end)
        label = {"Id": query["Id"], "Label": query.get("Label") or f"{banded[0]} (expected)"}
        return [label | _column(starts, [limit] * len(starts)) for limit in (high, low)]
    stats = {q["Id"]: q["MetricStat"] for q in queries if q.get("MetricStat")}
    expressions = {q["Id"]: PERIOD_OF.sub(str(width), str(q["Expression"])) for q in queries if q.get("Expression")}
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
    return aware(given[name]).timestamp()
