"""How the shop is doing: every metric has a value that goes where it is sent, with some noise on the way."""

import random
import threading
from collections.abc import Iterable

from sandbox.shop.catalogue import Metric

SEED = 20_26


class World:
    """Healthy at first. A metric that is sent somewhere takes `ticks` ticks to get there."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = {m.id: m for m in metrics}
        self._values = {m.id: m.normal for m in self._metrics.values()}
        self._ways: dict[str, tuple[float, int]] = {}
        self._random = random.Random(SEED)
        self._lock = threading.Lock()

    def add(self, metrics: Iterable[Metric]) -> None:
        with self._lock:
            for metric in metrics:
                self._metrics.setdefault(metric.id, metric)
                self._values.setdefault(metric.id, metric.normal)

    def __contains__(self, metric: str) -> bool:
        return metric in self._metrics

    def send(self, metric: str, value: float, ticks: int = 1) -> None:
        with self._lock:
            self._ways[metric] = (value, max(ticks, 1))

    def heal(self, metric: str, ticks: int = 1) -> None:
        self.send(metric, self._metrics[metric].normal, ticks)

    def step(self) -> list[tuple[Metric, float]]:
        """The next value of everything."""
        with self._lock:
            for name, (target, ticks) in list(self._ways.items()):
                self._values[name] += (target - self._values[name]) / ticks
                if ticks == 1:
                    del self._ways[name]
                else:
                    self._ways[name] = (target, ticks - 1)
            return [(m, self._noisy(m, self._values[m.id])) for m in self._metrics.values()]

    def _noisy(self, metric: Metric, value: float) -> float:
        noisy = value * (1 + self._random.uniform(-metric.noise, metric.noise))
        if metric.unit == "Percent":
            noisy = min(noisy, 100.0)
        return float(round(noisy)) if metric.whole else round(noisy, 4)
