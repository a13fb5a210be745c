"""What is measured: every metric has a value that goes where it is sent, with some noise on the way, and a past."""

import math
import random
import threading
import zlib
from collections.abc import Iterable, Mapping

from sandbox.aws.cloudwatch.series import Point
from sandbox.shop.kinds import Metric
from sandbox.shop.production import rhythm

SEED = 20_26
SLOT = 60.0
COARSE_SLOT = 300.0  # what is asked for hour by hour needs no minutes
COARSE_FROM = 1800.0
Values = tuple[float, ...]


class World:
    """Healthy at first. A metric that is sent somewhere takes `ticks` ticks to get there."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = {m.id: m for m in metrics}
        self._values: dict[str, Values] = {m.id: (m.normal,) for m in self._metrics.values()}
        self._ways: dict[str, tuple[float, int]] = {}
        self._away: set[str] = set()  # those that do not follow the day, for somebody else says what they are
        self._random = random.Random(SEED)
        self._lock = threading.Lock()

    def add(self, metrics: Iterable[Metric]) -> None:
        with self._lock:
            for metric in metrics:
                self._metrics.setdefault(metric.id, metric)
                self._values.setdefault(metric.id, (metric.normal,))

    def __contains__(self, metric: str) -> bool:
        return metric in self._metrics

    def metric(self, name: str) -> Metric:
        return self._metrics[name]

    def value(self, name: str) -> float:
        return self._values[name][0]

    def send(self, metric: str, value: float, ticks: int = 1) -> None:
        with self._lock:
            self._ways[metric] = (value, max(ticks, 1))
            self._away.add(metric)

    def heal(self, metric: str, ticks: int = 1) -> None:
        self.send(metric, self._metrics[metric].normal, ticks)
        self._away.discard(metric)

    def measure(self, values: Mapping[str, Values]) -> None:
        """What somebody else knows, at once."""
        with self._lock:
            self._values |= values
            self._away |= set(values)

    def step(self, now: float) -> list[tuple[Metric, Values]]:
        """The next values of everything."""
        with self._lock:
            for name, (target, ticks) in list(self._ways.items()):
                value = self._values[name][0]
                self._values[name] = (value + (target - value) / ticks,)
                if ticks == 1:
                    del self._ways[name]
                else:
                    self._ways[name] = (target, ticks - 1)
            return [(m, tuple(self._noisy(m, v) for v in self._asked(m, now))) for m in self._metrics.values()]

    def _asked(self, metric: Metric, now: float) -> Values:
        follows = metric.busy and metric.id not in self._away
        return tuple(v * rhythm(now) for v in self._values[metric.id]) if follows else self._values[metric.id]

    def _noisy(self, metric: Metric, value: float) -> float:
        noisy = value * (1 + metric.noise * self._random.uniform(-1, 1))
        if metric.unit == "Percent":
            noisy = min(noisy, 100.0)
        return float(round(noisy)) if metric.whole else round(noisy, 4)


def past(metric: Metric, start: float, end: float) -> list[Point]:
    """Ordinary days, made up when they are asked for; the same every time."""
    slot = COARSE_SLOT if end - start >= COARSE_FROM else SLOT
    first, last = math.floor(start / slot) + 1, math.floor(end / slot)
    seed = zlib.crc32(metric.id.encode()) % 1000
    return [_past_point(metric, n * slot, slot, seed) for n in range(first, last + 1)]


def _past_point(metric: Metric, at: float, slot: float, seed: int) -> Point:
    chance = math.sin(at / SLOT * 12.9898 + seed) * 43758.5453 % 1.0 * 2 - 1
    value = metric.normal * (1 + metric.noise * chance) * (rhythm(at) if metric.busy else 1.0)
    value = float(round(value)) if metric.whole else round(value, 4)
    count = slot / SLOT
    total = float(round(value * slot)) if metric.per_second else value * count
    shown = value * SLOT if metric.per_second else value
    return Point(at, total, count, shown, shown, (shown,))
