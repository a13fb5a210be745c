"""Readings of CloudWatch metrics, and the tasks that ECS stopped for want of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import fsum, isfinite
from typing import Any, NamedTuple

from bot.baselines import Measured
from bot.errors import CloudError
from bot.integrations.aws.evidence import console
from bot.integrations.aws.evidence.asking import (
    HOUR,
    Answer,
    Calls,
    Looking,
    Means,
    counted,
    in_utc,
    joined,
    minute,
    off,
    partly,
    symptom,
)
from bot.integrations.aws.evidence.climbing import slope
from bot.integrations.aws.evidence.measured import Watched, factor_of, is_failing_share, measure_of, watched
from bot.integrations.aws.evidence.stopped import stopped_tasks
from bot.models import Measure, Reading, Source
from bot.ports import Clock, Scope
from bot.signals import Alarm

Usual = Callable[[str, str, datetime], tuple[float, float] | None]
"""The mean and deviation of a service's metric, by its key (`Measured.key`), at that time; counts are per minute."""
Points = Mapping[datetime, float]
PAGES = 2
HIGHEST = "Maximum"
"""The statistic of an alarm whose value is no mean but a peak: of one task among many."""
FEWEST = 20
"""Of fewer requests in a minute no share is told."""
MINUTE = 60
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_WAITING = "ApproximateNumberOfMessagesVisible"
KEPT_BY_MINUTE = timedelta(days=15)
COARSE = 300


class Window(NamedTuple):
    """The affected window with an hour before it, in whole periods.

    began    from when on the symptom is there; the hour before it is what is compared with
    counted  from when on it is counted: of what goes on for long only the newest hours
    """

    before: datetime
    since: datetime
    until: datetime
    period: int
    began: datetime
    counted: datetime

    @property
    def minutes(self) -> float:
        """For how long is counted."""
        return max((self.until - self.counted) / timedelta(minutes=1), 1.0)


class Metrics(Looking):
    """Asks GetMetricData once for everything, 1 to 10 metrics, by the minute."""

    source = Source.METRICS

    def __init__(self, means: Means, clock: Clock, usual: Usual) -> None:
        super().__init__(means)
        self._clock = clock
        self._usual = usual

    def link(self, scope: Scope, region: str) -> str:
        metrics = [metric for each in _watched(scope) for metric in each.metrics]
        return console.metrics(region, graph_of(metrics, scope, region)) if metrics else ""

    def look(self, scope: Scope, calls: Calls) -> Answer:
        wanted = _watched(scope)
        if not wanted:
            return off(
                f"no metric is known: name where {scope.service} runs in the catalogue, e.g. cluster and ecs_service"
            )
        window = self._window(scope)
        found, said = _points(wanted, window, calls)
        readings = [reading for each in wanted if (reading := self._reading(each, found, window, scope)) is not None]
        values: dict[str, Any] = {"readings": tuple(readings)} if readings else {}
        try:
            killed, why = stopped_tasks(scope, calls)
        except CloudError as error:
            said = joined(said, partly("stopped tasks are", error))
        else:
            values |= {"stopped": killed} if killed else {}
            values |= {"why_stopped": why} if why else {}
        values |= {"counted_since": window.counted} if readings else {}
        values |= {"failing": share} if (share := _failing(wanted, found, window, scope)) is not None else {}
        return Answer(values, said if values else joined("no data points in the window", said))

    def _window(self, scope: Scope) -> Window:
        is_recent = self._clock() - scope.since + HOUR < KEPT_BY_MINUTE
        since = minute(scope.since)
        period = MINUTE if is_recent else COARSE
        return Window(since - HOUR, since, scope.until, period, symptom(scope), counted(scope))

    def _reading(self, each: Watched, found: Mapping[Measured, Points], window: Window, scope: Scope) -> Reading | None:
        points = _summed(each, found, window)
        during = [value for at, value in points.items() if at >= window.counted]
        earlier = [value for at, value in points.items() if window.began - HOUR <= at < window.began]
        if not during and not each.is_count:  # it is told late: the newest that there is
            during = [value for at, value in points.items() if at >= window.since][-1:]
        if not during and not _told(each, scope):
            return None
        usual = self._expected(each, window, scope)
        return Reading(
            measure=each.measure,
            metric=f"{each.metrics[0].namespace} {each.metrics[0].name}",
            unit=each.unit,
            now=max([_level(each, during, scope), *_told(each, scope)]),
            peak=_worst(each, during, scope, window),
            before=_before(each, earlier) if earlier else None,
            expected=usual[0] if usual else None,
            deviation=usual[1] if usual else None,
            threshold=_threshold(each, scope),
            slope=slope({at: value for at, value in points.items() if at >= window.counted - HOUR}),
            statistic=each.metrics[0].statistic,
            name=_name(each.metrics[0], scope),
        )

    def _expected(self, each: Watched, window: Window, scope: Scope) -> tuple[float, float] | None:
        """As the reading counts: a sum over the window of what baselines hold by the minute."""
        told = (self._usual(scope.service, key, scope.began_at) for key in _keys(each.metrics[0]))
        usual = next((one for one in told if one is not None), None)
        if usual is None:
            return None
        factor = each.factor * (window.minutes if each.is_count else 1.0)
        return usual[0] * factor, usual[1] * factor


def graph_of(metrics: Sequence[Measured], scope: Scope, region: str) -> dict[str, Any]:
    """A graph as CloudWatch writes it, over the window and the hour before.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
    """
    return {
        "metrics": [
            [each.namespace, each.name, *(part for pair in each.dimensions for part in pair), {"stat": each.statistic}]
            for each in metrics
        ],
        "view": "timeSeries",
        "region": region,
        "period": MINUTE,
        "start": f"{minute(scope.since - HOUR):%Y-%m-%dT%H:%M:%S}.000Z",
        "end": f"{scope.until:%Y-%m-%dT%H:%M:%S}.000Z",
    }


def _points(wanted: Sequence[Watched], window: Window, calls: Calls) -> tuple[dict[Measured, Points], str]:
    """The data points of each metric, and what CloudWatch says about those that it could not give."""
    metrics = list(dict.fromkeys(metric for each in wanted for metric in each.metrics))
    asked = {
        "MetricDataQueries": [_query(f"m{number}", metric, window.period) for number, metric in enumerate(metrics)],
        "StartTime": window.before,
        "EndTime": window.until,
        "ScanBy": "TimestampAscending",
    }
    found: dict[Measured, dict[datetime, float]] = {metric: {} for metric in metrics}
    incomplete: set[str] = set()
    token: dict[str, str] = {}
    for _ in range(PAGES):
        with calls.client("cloudwatch", "GetMetricData") as client:
            page = client.get_metric_data(**asked, **token)
        for result in page.get("MetricDataResults", []):
            metric = metrics[int(result["Id"][1:])]
            pairs = zip(result.get("Timestamps", []), result.get("Values", []), strict=False)
            found[metric] |= {in_utc(at): float(value) for at, value in pairs if isfinite(value)}
            if result.get("StatusCode") in ("Forbidden", "InternalError"):
                incomplete.add(metric.name)
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    told = f"CloudWatch did not give {', '.join(sorted(incomplete))}" if incomplete else ""
    return dict(found), told


def _query(query_id: str, metric: Measured, period: int) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    named = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    return {"Id": query_id, "MetricStat": {"Metric": named, "Period": period, "Stat": metric.statistic}}


def _summed(each: Watched, found: Mapping[Measured, Points], window: Window) -> dict[datetime, float]:
    """The metrics of a measure as one, in its unit.

    CloudWatch has no data points for what did not happen: a count is zero wherever another metric of the same source
    has points.
    """
    of = each.metrics[0]
    points: dict[datetime, float] = {}
    if each.is_count:
        alive = (at for other, series in found.items() if _same_source(other, of) for at in series)
        points = dict.fromkeys(alive, 0.0)
    for metric in each.metrics:
        for at, value in found.get(metric, {}).items():
            points[at] = points.get(at, 0.0) + value * each.factor
    return {at: points[at] for at in sorted(points) if window.before <= at < window.until}


def _same_source(other: Measured, of: Measured) -> bool:
    return other.namespace == of.namespace and set(other.dimensions) == set(of.dimensions)


def _total(each: Watched, values: Sequence[float]) -> float:
    """A sum of counts; of percentiles the mean of the minutes', since p99s can't be put together exactly."""
    return fsum(values) if each.is_count else fsum(values) / len(values)


def _worst(each: Watched, during: Sequence[float], scope: Scope, window: Window) -> float:
    """Of tasks the fewest; of counts those of a minute."""
    if each.measure is Measure.TASKS:
        return float(round(min(during)))
    worst = max([*during, *_told(each, scope, HIGHEST)])
    return worst * MINUTE / window.period if each.is_count else worst


def _before(each: Watched, earlier: Sequence[float]) -> float:
    usual = _total(each, earlier)
    return float(round(usual)) if each.measure is Measure.TASKS else usual


def _failing(wanted: Sequence[Watched], found: Mapping[Measured, Points], window: Window, scope: Scope) -> float | None:
    """The largest share of a minute's requests that failed: as one source counts both, and as alarms saw it."""
    shares = [one.value / 100 for one in scope.firing if is_failing_share(one.alarm)]
    for errors, requests in _pairs(wanted):
        failed = _summed(errors, found, window)
        asked = {at: n for at, n in _summed(requests, found, window).items() if at >= window.counted and n >= FEWEST}
        shares += [failed.get(at, 0.0) / count for at, count in asked.items()]
        shares += [told / max(asked.values()) for told in _told(errors, scope) if asked]
    return min(max(shares), 1.0) if shares else None


def _pairs(wanted: Sequence[Watched]) -> Iterator[tuple[Watched, Watched]]:
    """Errors with the requests that the same source counts."""
    counted = [each for each in wanted if each.is_count]
    errors = [each for each in counted if each.measure is Measure.ERRORS]
    requests = [each for each in counted if each.measure is Measure.REQUESTS]
    return ((a, b) for a in errors for b in requests if a.metrics[0].namespace == b.metrics[0].namespace)


def _watched(scope: Scope) -> list[Watched]:
    """What fires of the service has metrics of its own, too."""
    return watched(scope.resources, scope.alarm, [one.alarm for one in scope.firing])


def _level(each: Watched, during: Sequence[float], scope: Scope) -> float:
    """Of tasks those of the newest minute, in which one may have come or gone. Which way an unknown metric is bad is
    not known either: the alarm's own value it is."""
    if each.measure is Measure.TASKS:
        return float(round(during[-1]))
    level = _total(each, during)
    if each.measure is Measure.OTHER:
        return next((one.value for one in scope.firing if one.alarm == scope.alarm), level)
    return level


def _told(each: Watched, scope: Scope, *more: str) -> list[float]:
    """What alarms were raised with, on the newest minute, of which the metrics may tell but a part by now: those of the
    same statistic, or of one `more`. What another alarm counted may be long over."""
    if each.measure in (Measure.TASKS, Measure.OTHER):
        return []
    statistics = (each.metrics[0].statistic, *more)
    told = [one for one in scope.firing if _is_about(one.alarm, each) and one.alarm.statistic in statistics]
    if each.is_count:
        told = [one for one in told if scope.alarm is not None and one.alarm.name == scope.alarm.name]
    return [one.value * factor_of(one.alarm) for one in told]


def _name(metric: Measured, scope: Scope) -> str:
    queue = dict(metric.dimensions).get("QueueName", "")
    is_dead = bool(queue) and queue == scope.resources.dead_letter_queue
    return "messages in DLQ" if is_dead and metric.name == _WAITING else ""


def _threshold(each: Watched, scope: Scope) -> float | None:
    alarms = [*([scope.alarm] if scope.alarm is not None else []), *(one.alarm for one in scope.firing)]
    if each.measure is Measure.OTHER:
        alarms = [one for one in alarms if one.comparison in (">", "≥")]
    found = (one for one in alarms if one.threshold is not None and _is_about(one, each))
    return next((one.threshold * factor_of(one) for one in found if one.threshold is not None), None)


def _is_about(alarm: Alarm, each: Watched) -> bool:
    """Is it raised on this measure's metric?"""
    if measure_of(alarm) is not each.measure and each.measure is not Measure.OTHER:
        return False
    return any((metric.namespace, metric.name) == (alarm.namespace, alarm.metric) for metric in each.metrics)


def _keys(metric: Measured) -> Iterable[str]:
    """Baselines are learned for whole load balancers; for one that is not shared its target group's are the same."""
    yield metric.key
    if len(metric.dimensions) > 1 and metric.dimensions[0][0] == "LoadBalancer":
        yield metric._replace(dimensions=metric.dimensions[:1]).key
