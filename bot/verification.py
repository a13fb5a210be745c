"""Did a remediation help? The metrics since then, the deployment and the alarm, judged. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from bot.models import Measure, Progress, Reading
from bot.signals import AlarmState

_SPREAD = 3.0  # deviations from the baseline that still count as usual
_SLACK = 0.25  # and at least so much of its mean: quiet services have hardly any deviation
_LOW_IS_BAD = frozenset({Measure.TASKS, Measure.REQUESTS})
_COUNTS = frozenset({Measure.ERRORS, Measure.REQUESTS})
_PERIOD = timedelta(minutes=1)
_BEFORE = timedelta(hours=1)  # what a reading's `before` is counted over


class Verdict(NamedTuple):
    """`is_well`: it helped. `lines` say what was looked at, the worst first."""

    is_well: bool
    lines: tuple[str, ...]


class Window(NamedTuple):
    """What the readings are of: how long, and whether all of it is after the remediation. `period` is the alarm's."""

    length: timedelta = _PERIOD
    is_after: bool = True
    period: timedelta = _PERIOD


_NEWEST = Window()


def judge(
    readings: Sequence[Reading], alarm: AlarmState | None, progress: Progress | None, window: Window = _NEWEST
) -> Verdict:
    """`readings` since the remediation was done; `alarm` and what was deployed (`progress`) as they stand now.

    A metric beyond its alarm's limit, a firing alarm or a deployment with a problem is a no. Where nothing could be
    looked at, nothing speaks for it, which is a no as well.
    """
    readings = [_over(window, each) for each in readings]
    bad: list[str] = []
    good: list[str] = []
    if alarm is not None:
        (good if alarm is AlarmState.OK else bad).append(f"the alarm is {alarm.value}")
    if progress is not None:
        (bad if progress.problem else good).append(progress.problem or progress.said)
    for reading in readings:
        (bad if _is_beyond(reading) else good).append(_words(reading))
    if alarm is None and progress is None and not readings:
        bad.append("neither the alarm, a metric nor the deployment could be read")
    return Verdict(not bad, (*bad, *good))


def _over(window: Window, reading: Reading) -> Reading:
    """Counts are sums: what they are held against is as well, and for as long.

    What was measured in part before the remediation says nothing about a limit; there the alarm's state has the word.
    """
    if not window.is_after:
        reading = reading.model_copy(update={"threshold": None})
    if reading.measure not in _COUNTS:
        return reading
    factors = {"threshold": window.length / window.period, "before": window.length / _BEFORE}
    known = {name: getattr(reading, name) for name in factors}
    return reading.model_copy(
        update={name: value * factors[name] for name, value in known.items() if value is not None}
    )


def _is_beyond(reading: Reading) -> bool:
    """By the alarm's limit; a baseline alone only shows, since what is unusual after a fix is not wrong by itself."""
    if reading.threshold is None:
        return False
    is_low = reading.measure in _LOW_IS_BAD
    return reading.now < reading.threshold if is_low else reading.now > reading.threshold


def _words(reading: Reading) -> str:
    name = reading.metric.rpartition(" ")[2] if reading.measure is Measure.OTHER else reading.measure.value
    parts = [f"{name or reading.measure.value} {number(reading.now, reading.unit)}"]
    if reading.before is not None:
        parts.append(f"before {number(reading.before, reading.unit)}")
    if reading.threshold is not None:
        parts.append(f"limit {number(reading.threshold, reading.unit)}")
    if reading.expected is not None:
        usual = number(reading.expected, reading.unit)
        parts.append(f"expected {usual}" if is_usual(reading) else f"unusual: expected {usual}")
    return f"{parts[0]} ({', '.join(parts[1:])})" if parts[1:] else parts[0]


def is_usual(reading: Reading) -> bool:
    """Within the baseline, where there is one."""
    if reading.expected is None:
        return True
    room = max(_SPREAD * (reading.deviation or 0.0), _SLACK * abs(reading.expected))
    return abs(reading.now - reading.expected) <= room


def number(value: float, unit: str) -> str:
    """`31 %`, `2.41 s`, `212`."""
    text = f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2f}"
    return f"{text} {unit}".strip()
