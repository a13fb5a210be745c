"""What was measured, as one aligned table, and what was aimed at."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Aim(NamedTuple):
    """`value` must not exceed `limit`; with `is_least`, it must reach it."""

    what: str
    value: float
    limit: float
    unit: str
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def sign(self) -> str:
        return "≥" if self.is_least else "≤"


class Report:
    """Rows by measure, one column a bot; a column that nothing was measured for is left out."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._rows: list[tuple[str, dict[str, str]]] = []
        self._aims: list[Aim] = []

    def row(self, measure: str, values: dict[str, str]) -> None:
        """`values` by column."""
        self._rows.append((measure, values))

    def aim(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._aims.append(Aim(what, value, limit, unit))

    def aim_at_least(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._aims.append(Aim(what, value, limit, unit, is_least=True))

    def __str__(self) -> str:
        columns = [column for column in self._columns if any(column in values for _, values in self._rows)]
        lines = [["", *columns]]
        lines += [[measure, *(values.get(column, "") for column in columns)] for measure, values in self._rows]
        aims = [
            [
                "✓" if aim.is_met else "✗",
                aim.what,
                f"{_short(aim.value)}{aim.unit}",
                f"{aim.sign} {_short(aim.limit)}{aim.unit}",
            ]
            for aim in self._aims
        ]
        return "\n".join([*_aligned(lines), "", "Aims", *_aligned(aims, left=2)])


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def middle(values: Iterable[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """`p50 / p99`."""
    return f"{_short(middle(values))} / {_short(percentile(values, 99))}"


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aligned(lines: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Columns as wide as their widest cell; the first `left` ones start at the left, numbers end at the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(_cell(*each, index < left) for index, each in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in lines]  # fmt: skip


def _cell(text: str, width: int, is_left: bool) -> str:
    return text.ljust(width) if is_left else text.rjust(width)
