"""Did a remediation help? The metrics since then, the deployment and the alarm, judged. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from bot.durations import about
from bot.models import Measure, Progress, Reading
from bot.signals import AlarmState

_SPREAD = 3.0  # deviations from the baseline that still count as usual
_SLACK = 0.25  # and at least so much of its mean: quiet services have hardly any deviation
_LOW_IS_BAD = frozenset({Measure.TASKS, Measure.REQUESTS})
_COUNTS = frozenset({Measure.ERRORS, Measure.REQUESTS})
_ALARM = {AlarmState.OK: "the alarm is OK", AlarmState.ALARM: "the alarm still fires"}
_MINUTE = timedelta(minutes=1)
_LEAST = timedelta(minutes=5)  # fewer datapoints say nothing about a limit


class Verdict(NamedTuple):
    """`is_well`: it helped. `lines` say what was looked at, the worst first."""

    is_well: bool
    lines: tuple[str, ...]


class Window(NamedTuple):
    """How long the readings are of, all of it after the remediation. `period` is the alarm's."""

    length: timedelta = _LEAST
    period: timedelta = _MINUTE


class Measured(NamedTuple):
    """What was measured since the remediation was done.

    worst   the readings of the time from the alarm to the remediation
    killed  how many tasks were killed out of memory since
    """

    readings: Sequence[Reading] = ()
    window: Window = Window()
    worst: Sequence[Reading] = ()
    killed: int = 0


class Beside(NamedTuple):
    """What else there is of the service, in words: it is told, and decides nothing.

    goes_on  other troubles that fire now
    since    other troubles and remediations that came later, where tasks killed out of memory may be theirs
    """

    goes_on: Sequence[str] = ()
    since: Sequence[str] = ()


ALONE = Beside()


def judge(measured: Measured, alarm: AlarmState | None, progress: Progress | None, beside: Beside = ALONE) -> Verdict:
    """`alarm` and what was deployed (`progress`) are told as they stand now.

    A metric beyond its alarm's limit, a task killed out of memory, a firing alarm or a deployment with a problem is a
    no. Where nothing could be looked at, nothing speaks for it, which is a no as well.
    """
    bad: list[str] = []
    good: list[str] = []
    if alarm is not None:
        (good if alarm is AlarmState.OK else bad).append(_ALARM.get(alarm, f"the alarm is {alarm.value}"))
    if beside.goes_on:
        good.append(f"another trouble goes on: {', '.join(beside.goes_on)}")
    if progress is not None:
        (bad if progress.problem else good).append(progress.problem or progress.said)
    if measured.killed:
        tasks = "1 task was" if measured.killed == 1 else f"{measured.killed} tasks were"
        whose = f", in another trouble: {', '.join(beside.since)}" if beside.since else ""
        (good if whose else bad).append(f"{tasks} killed out of memory since{whose}")
    peaks = {(each.measure, each.metric): each.peak for each in measured.worst}
    for each in sorted(measured.readings, key=lambda one: one.threshold is None):  # what the alarms are about first
        reading = _by_the_minute(measured.window, each)
        (bad if _is_beyond(reading) else good).append(_words(reading, peaks.get((each.measure, each.metric))))
    if alarm is None and progress is None and not measured.readings and not measured.killed:
        bad.append("neither the alarm, a metric nor the deployment could be read")
    if measured.readings and measured.window.length < _LEAST:
        good.append(f"measured for {about(measured.window.length)} only")
    return Verdict(not bad, (*bad, *good))


def _by_the_minute(window: Window, reading: Reading) -> Reading:
    """Counts are sums over the window, and their limits over the alarm's period: both by the minute.

    Of a time that is too short the limit says nothing; there the alarm's state has the word.
    """
    if window.length < _LEAST:
        reading = reading.model_copy(update={"threshold": None})
    if reading.measure not in _COUNTS:
        return reading
    lengths = {"now": window.length, "expected": window.length, "deviation": window.length, "threshold": window.period}
    known = {name: (getattr(reading, name), max(length, _MINUTE)) for name, length in lengths.items()}
    return reading.model_copy(
        update={name: value / (length / _MINUTE) for name, (value, length) in known.items() if value is not None}
    )


def _is_beyond(reading: Reading) -> bool:
    """By the alarm's limit; a baseline alone only shows, since what is unusual after a fix is not wrong by itself."""
    if reading.threshold is None:
        return False
    is_low = reading.measure in _LOW_IS_BAD
    return reading.now < reading.threshold if is_low else reading.now > reading.threshold


def _words(reading: Reading, worst: float | None) -> str:
    """`errors 2/min (720/min at its worst, limit 10/min)`."""

    def told(value: float) -> str:
        return f"{number(value, reading.unit)}{'/min' if reading.measure in _COUNTS else ''}"

    name = reading.metric.rpartition(" ")[2] if reading.measure is Measure.OTHER else reading.measure.value
    parts = []
    if worst is not None and _is_worse(worst, reading) and told(worst) != told(reading.now):
        parts.append(f"{told(worst)} at its worst")
    if reading.threshold is not None:
        parts.append(f"limit {told(reading.threshold)}")
    if reading.expected is not None:
        usual = told(reading.expected)
        parts.append(f"expected {usual}" if is_usual(reading) else f"unusual: expected {usual}")
    said = f"{name or reading.measure.value} {told(reading.now)}"
    return f"{said} ({', '.join(parts)})" if parts else said


def _is_worse(value: float, reading: Reading) -> bool:
    """Requests are neither good nor bad."""
    if reading.measure is Measure.REQUESTS:
        return False
    return value < reading.now if reading.measure in _LOW_IS_BAD else value > reading.now


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
