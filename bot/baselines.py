"""What is usual for a service: each metric's mean, spread and percentiles by hour of the week. Pure.

A metric is known by its key, which says all that makes it another one: two queues of one service have the same metric
name. Values of counts (`Sum`, `SampleCount`) are per minute, so that baselines and alarms of any period compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from math import floor, fsum, inf, isfinite, sqrt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.config import Service
from bot.models import Stored

HOURS = 7 * 24
LEAST = 4
"""An hour of the week with fewer samples says nothing by itself."""
NEWS = 0.1
"""What moved by less is as before."""
COUNTS = frozenset({"Sum", "SampleCount"})
_LOAD_BALANCER = (
    ("RequestCount", "Sum"),
    ("HTTPCode_Target_5XX_Count", "Sum"),
    ("TargetResponseTime", "Average"),
    ("TargetResponseTime", "p99"),
)
_FUNCTION = (("Invocations", "Sum"), ("Errors", "Sum"), ("Duration", "Average"), ("Duration", "p99"))
_TASKS = (("CPUUtilization", "Average"), ("MemoryUtilization", "Average"))


class Measured(NamedTuple):
    """A metric of CloudWatch with the statistic that is looked at."""

    namespace: str
    name: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """`AWS/ECS CPUUtilization Average ClusterName=shop-prod,ServiceName=checkout-api`."""
        named = ",".join(f"{name}={value}" for name, value in sorted(self.dimensions))
        return " ".join(part for part in (self.namespace, self.name, self.statistic, named) if part)

    @property
    def is_count(self) -> bool:
        return self.statistic in COUNTS


class Point(NamedTuple):
    """A value of a service's metric at an aware time."""

    service: str
    metric: str
    at: datetime
    value: float


class Basis(StrEnum):
    """Which hours a baseline is drawn from."""

    HOUR_OF_WEEK = "same hour of the week"
    HOUR_OF_DAY = "same hour of the day"
    ALL = "all hours"


class Baseline(Stored):
    """What is usual in one hour of the week: 0 begins on Monday at 00:00 in `zone`, where the service's people are."""

    service: str
    metric: str
    hour_of_week: int = Field(ge=0, lt=HOURS)
    mean: float
    deviation: float
    p50: float
    p90: float
    p99: float
    samples: int = Field(ge=1)
    zone: str = "UTC"
    basis: Basis = Basis.HOUR_OF_WEEK


def per_minute(value: float, statistic: str, period: int) -> float:
    """A value of that statistic over `period` seconds as baselines hold it."""
    return value * 60 / period if statistic in COUNTS else value


def hour_of_week(at: datetime, zone: tzinfo) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def baselines_from(points: Iterable[Point], zone: tzinfo = UTC) -> list[Baseline]:
    """One baseline for each service, metric and hour of the week that has points; what is no number is left out.

    `zone` is UTC or a ZoneInfo: people's habits, and so the load, follow their clocks through summer time.
    """
    hours: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for point in points:
        if isfinite(point.value):
            hours[point.service, point.metric, hour_of_week(point.at, zone)].append(point.value)
    return [_baseline(*key, hours[key], str(zone)) for key in sorted(hours)]


def expected(baselines: Iterable[Baseline], metric: str, at: datetime) -> Baseline | None:
    """What is usual for a metric at that time, by the narrowest hours that have enough samples; None: never seen.

    `baselines` are those of one service. `basis` tells which hours they are. Percentiles over several hours are the
    hours' own, weighted by their samples: near enough for “far from what is usual”.
    """
    known = [each for each in baselines if each.metric == metric]
    if not known:
        return None
    hour = hour_of_week(at, ZoneInfo(known[0].zone))
    same_hour = [each for each in known if each.hour_of_week == hour]
    same_time = [each for each in known if each.hour_of_week % 24 == hour % 24]
    for basis, found in ((Basis.HOUR_OF_WEEK, same_hour), (Basis.HOUR_OF_DAY, same_time)):
        if sum(each.samples for each in found) >= LEAST:
            return _pooled(found, hour, basis)
    return _pooled(known, hour, Basis.ALL)


class Moved(NamedTuple):
    """What is usual for a metric now, before and after it was learned anew; None: nothing was known."""

    metric: str
    before: float | None
    after: float | None

    @property
    def share(self) -> float:
        """How far it moved, in proportion: 0 not at all, infinity where nothing was known."""
        if self.before is None or self.after is None:
            return inf
        if self.before == self.after:
            return 0.0
        return abs(self.after - self.before) / max(abs(self.before), 1e-9)

    @property
    def is_news(self) -> bool:
        """More than the weeks' own noise."""
        return self.share >= NEWS


def moved(before: Sequence[Baseline], after: Sequence[Baseline], at: datetime) -> list[Moved]:
    """Each metric of either, what moved furthest in proportion first. Metrics that are only in `before` stay known."""
    found = []
    for metric in sorted({each.metric for each in (*before, *after)}):
        old, new = expected(before, metric, at), expected(after, metric, at)
        kept = new or old
        found.append(Moved(metric, old.mean if old else None, kept.mean if kept else None))
    return sorted(found, key=lambda each: -each.share)


def measured_by_default(name: str, service: Service) -> list[Measured]:
    """What every service of its kind has: tasks in a cluster, a load balancer, a function, as the catalogue says."""
    cluster, function = _named(service, "cluster"), _named(service, "function")
    tasks = {"ClusterName": cluster, "ServiceName": _named(service, "ecs_service") or name}
    balancer = _named(service, "load_balancer").rpartition("loadbalancer/")[2]  # an ARN ends with the dimension's value
    kinds = (
        (cluster, "AWS/ECS", _TASKS, tasks),
        (balancer, "AWS/ApplicationELB", _LOAD_BALANCER, {"LoadBalancer": balancer}),
        (function, "AWS/Lambda", _FUNCTION, {"FunctionName": function}),
    )
    return [
        Measured(namespace, metric, statistic, tuple(dimensions.items()))
        for is_there, namespace, metrics, dimensions in kinds
        if is_there
        for metric, statistic in metrics
    ]


def with_zeros(points: Sequence[Point], metrics: Sequence[Measured], times: Sequence[datetime]) -> list[Point]:
    """The points of one service, and a zero wherever a count has none since the service was first seen.

    CloudWatch has no data points for what did not happen: without this a service with one error in a month would
    have the usual number of errors 1. A count without any points needs a sign that its source exists: another metric of
    its namespace.
    """
    if not points:
        return []
    service, first = points[0].service, min(point.at for point in points)
    seen = {(point.metric, point.at) for point in points}
    with_points = {metric for metric, _ in seen}
    alive = {each.namespace for each in metrics if each.key in with_points}
    counts = {each.key for each in metrics if each.is_count and each.namespace in alive}
    zeros = [
        Point(service, metric, at, 0.0)
        for metric in sorted(counts)
        for at in times
        if at >= first and (metric, at) not in seen
    ]
    return [*points, *zeros]


def _named(service: Service, key: str) -> str:
    return str(getattr(service, key, None) or "")


def _baseline(service: str, metric: str, hour: int, values: Sequence[float], zone: str) -> Baseline:
    ordered = sorted(values)
    mean = fsum(ordered) / len(ordered)
    return Baseline(
        service=service,
        metric=metric,
        hour_of_week=hour,
        mean=mean,
        deviation=sqrt(fsum((value - mean) ** 2 for value in ordered) / len(ordered)),
        p50=_percentile(ordered, 0.50),
        p90=_percentile(ordered, 0.90),
        p99=_percentile(ordered, 0.99),
        samples=len(ordered),
        zone=zone,
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest values, as CloudWatch does it."""
    place = (len(ordered) - 1) * share
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _pooled(hours: Sequence[Baseline], hour: int, basis: Basis) -> Baseline:
    """Several hours as one: mean and deviation exactly, percentiles weighted."""
    samples = sum(each.samples for each in hours)

    def weighted(values: Iterable[float]) -> float:
        return fsum(value * each.samples for value, each in zip(values, hours, strict=True)) / samples

    mean = weighted(each.mean for each in hours)
    return hours[0].model_copy(
        update={
            "hour_of_week": hour,
            "mean": mean,
            "deviation": sqrt(weighted(each.deviation**2 + (each.mean - mean) ** 2 for each in hours)),
            "p50": weighted(each.p50 for each in hours),
            "p90": weighted(each.p90 for each in hours),
            "p99": weighted(each.p99 for each in hours),
            "samples": samples,
            "basis": basis,
        }
    )
