"""How fast a measure rises by now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import fsum, sqrt
from typing import NamedTuple

LEAST = 5
"""Fewer points tell no line: one that stands out would."""
BREAK = 0.1
"""That it changed its course at some point is believed where this leaves at most a tenth of what one line leaves."""
SURE = 3.0
"""Since then it rises where the slope is so many of its standard errors; else it is level again, only higher."""
Points = Sequence[tuple[float, float]]


class _Line(NamedTuple):
    """The line with the least squares: its slope with the standard error, and the sum of the squares that it leaves."""

    slope: float
    error: float
    left: float


def slope(points: Mapping[datetime, float]) -> float:
    """By how much it rises a minute, since it began to: beside an hour that was level, minutes of a leak hardly count.

    It is one line through all points, or a level and then a line, wherever that fits far better.
    """
    if len(points) < 2:
        return 0.0
    first = min(points)
    placed = sorted(((at - first) / timedelta(minutes=1), value) for at, value in points.items())
    whole = _line(placed)
    parts = [(_level(placed[:n]), _line(placed[n:])) for n in range(1, len(placed) - LEAST + 1)]
    before, since = min(parts, key=lambda each: each[0] + each[1].left, default=(0.0, whole))
    if before + since.left > BREAK * whole.left:
        return whole.slope
    return since.slope if abs(since.slope) >= SURE * since.error else 0.0


def _level(points: Points) -> float:
    """The sum of the squares that their mean leaves."""
    mean = fsum(value for _, value in points) / len(points)
    return fsum((value - mean) ** 2 for _, value in points)


def _line(points: Points) -> _Line:
    middle = fsum(at for at, _ in points) / len(points)
    mean = fsum(value for _, value in points) / len(points)
    spread = fsum((at - middle) ** 2 for at, _ in points)
    rise = fsum((at - middle) * (value - mean) for at, value in points) / spread
    left = fsum((value - mean - rise * (at - middle)) ** 2 for at, value in points)
    return _Line(rise, sqrt(left / max(len(points) - 2, 1) / spread), left)
