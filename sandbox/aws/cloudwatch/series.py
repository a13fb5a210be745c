"""Data points as CloudWatch keeps them, and the statistics over them."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT = 30_000
Past = Callable[[float, float], "list[Point]"]  # what there was after the first and up to the second instant
Key = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(slots=True, order=True)
class Point:
    at: float
    total: float = field(compare=False)
    count: float = field(compare=False)
    low: float = field(compare=False)
    high: float = field(compare=False)
    values: tuple[float, ...] = field(compare=False)


def key(namespace: str, name: str, dimensions: Iterable[dict[str, Any]] | None) -> Key:
    return namespace, name, tuple(sorted((str(d["Name"]), str(d["Value"])) for d in dimensions or ()))


def point(datum: dict[str, Any], at: float) -> Point:
    """One entry of PutMetricData: a value, a set of statistics, or values with counts."""
    if stats := datum.get("StatisticValues"):
        total, count = float(stats["Sum"]), float(stats["SampleCount"])
        mean = (total / count,) if count else ()
        return Point(at, total, count, float(stats["Minimum"]), float(stats["Maximum"]), mean)
    values = [float(v) for v in datum.get("Values") or [datum.get("Value", 0.0)]]
    counts = [int(c) for c in datum.get("Counts") or [1] * len(values)]
    flat = tuple(v for v, c in zip(values, counts, strict=True) for _ in range(c))
    return Point(at, sum(flat), len(flat), min(flat, default=0.0), max(flat, default=0.0), flat)


class Series:
    """The points of one metric with one set of dimensions, oldest first."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._past: Past | None = None
        self._since = 0.0

    def remember(self, past: Past, since: float) -> None:
        """What was before the first point is not stored: it is made when somebody asks."""
        self._past, self._since = past, since

    def add(self, new: Point) -> None:
        insort(self.points, new)
        if len(self.points) > KEPT:
            del self.points[: KEPT // 10]

    def between(self, start: float, end: float) -> list[Point]:
        """The points after `start`, up to and with `end`."""
        stored = self.points[bisect_right(self.points, start, key=_at) : bisect_right(self.points, end, key=_at)]
        first = self.points[0].at if self.points else float("inf")
        before = min(end, first - 1)
        if self._past is None or max(start, self._since) >= before:
            return stored
        return [*self._past(max(start, self._since), before), *stored]


def _at(p: Point) -> float:
    return p.at


def statistic(points: Sequence[Point], stat: str, per: float = 1.0) -> float | None:
    """`per`: sums over a window that stands for one that many times as long are that many times as big."""
    if not points:
        return None
    if stat.startswith("p"):
        return _percentile(sorted(v for p in points for v in p.values), float(stat[1:]))
    return _STATISTICS[stat](points, per) if stat in _STATISTICS else None


def _average(points: Sequence[Point], _: float) -> float | None:
    count = sum(p.count for p in points)
    return sum(p.total for p in points) / count if count else None


_STATISTICS: dict[str, Callable[[Sequence[Point], float], float | None]] = {
    "Sum": lambda points, per: sum(p.total for p in points) * per,
    "SampleCount": lambda points, per: sum(p.count for p in points) * per,
    "Average": _average,
    "Minimum": lambda points, _: min(p.low for p in points),
    "Maximum": lambda points, _: max(p.high for p in points),
}


def _percentile(values: Sequence[float], percent: float) -> float | None:
    if not values:
        return None
    place = (len(values) - 1) * min(max(percent, 0.0), 100.0) / 100
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)
