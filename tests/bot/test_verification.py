"""Did a remediation help: what speaks against it, what for it, and how both are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Measure, Progress, Reading
from bot.signals import AlarmState
from bot.verification import Beside, Measured, Verdict, Window, is_usual, number
from bot.verification import judge as judged

OK, FIRES, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
STABLE, STUCK = Progress(said="6 of 6 tasks run web:56"), Progress(said="", problem="web:56 does not start")
QUARTER = timedelta(minutes=15)
DEFAULT = Window()


def judge(
    readings: Sequence[Reading],
    alarm: AlarmState | None,
    progress: Progress | None,
    window: Window = DEFAULT,
    **more: Any,
) -> Verdict:
    return judged(Measured(readings, window, **more), alarm, progress)


def reading(measure: Measure = Measure.CPU, now: float = 31.0, **values: Any) -> Reading:
    return Reading(measure=measure, now=now, **{"unit": "%", "peak": now, **values})


def count(now: float, **values: Any) -> Reading:
    return reading(Measure.ERRORS, now, **{"unit": "", **values})


def test_an_alarm_that_is_ok_is_enough() -> None:
    assert judge((), OK, None) == (True, ("the alarm is OK",))


@pytest.mark.parametrize("state", [FIRES, NO_DATA])
def test_an_alarm_that_is_not_ok_is_a_no_whatever_the_metrics_say(state: AlarmState) -> None:
    verdict = judge([reading(threshold=80.0)], state, STABLE)
    assert not verdict.is_well
    assert verdict.lines == (
        "the alarm still fires" if state is FIRES else "the alarm is INSUFFICIENT_DATA",
        "6 of 6 tasks run web:56",
        "CPU 31 % (limit 80 %)",
    )


@pytest.mark.parametrize("length", [QUARTER, timedelta(minutes=3)])
def test_what_the_alarm_is_about_comes_first(length: timedelta) -> None:
    latency = reading(Measure.LATENCY, 0.2, unit="s", threshold=0.5)
    lines = judge([reading(), reading(Measure.TASKS, 4, unit=""), latency], OK, None, Window(length)).lines
    assert lines[1].startswith("latency 0.20 s")


def test_what_belongs_to_another_trouble_is_told_and_decides_nothing() -> None:
    beside = Beside(["AL-13 (prod-latency-high)"], ["AL-12", "FIX-4"])
    verdict = judged(Measured(killed=1), OK, STABLE, beside)
    assert verdict.is_well
    assert verdict.lines == (
        "the alarm is OK",
        "another trouble goes on: AL-13 (prod-latency-high)",
        "6 of 6 tasks run web:56",
        "1 task was killed out of memory since, in another trouble: AL-12, FIX-4",
    )
    assert not judged(Measured(killed=1), OK, STABLE, beside._replace(since=())).is_well
    assert not judged(Measured(), FIRES, STABLE, beside).is_well


def test_where_nothing_is_known_nothing_speaks_for_it() -> None:
    assert judge((), None, None) == (False, ("neither the alarm, a metric nor the deployment could be read",))
    assert judge([reading()], None, None) == (True, ("CPU 31 %",))


def test_what_was_deployed_counts() -> None:
    assert judge((), OK, STABLE).lines == ("the alarm is OK", "6 of 6 tasks run web:56")
    verdict = judge((), OK, STUCK)
    assert verdict == (False, ("web:56 does not start", "the alarm is OK"))


@pytest.mark.parametrize(
    ("measure", "now", "threshold", "is_well"),
    [
        (Measure.CPU, 80.1, 80.0, False),
        (Measure.CPU, 80.0, 80.0, True),
        (Measure.LATENCY, 2.4, 2.0, False),
        (Measure.TASKS, 1, 2, False),
        (Measure.TASKS, 2, 2, True),
        (Measure.TASKS, 9, 2, True),
        (Measure.MEMORY, 99, None, True),
    ],
)
def test_a_metric_beyond_its_limit_is_a_no(
    measure: Measure, now: float, threshold: float | None, is_well: bool
) -> None:
    assert judge([reading(measure, now, threshold=threshold)], OK, None).is_well is is_well


def test_what_is_unusual_only_shows() -> None:
    unusual = reading(now=70.0, expected=30.0, deviation=5.0)
    assert judge([unusual], OK, None) == (True, ("the alarm is OK", "CPU 70 % (unusual: expected 30 %)"))
    assert judge([reading(expected=30.0, deviation=5.0)], OK, None).lines[-1] == "CPU 31 % (expected 30 %)"


def test_counts_are_held_against_a_limit_over_the_same_time() -> None:
    """An alarm on more than 10 errors in 5 minutes is not beyond its limit with 29 of them in 15."""
    window = Window(length=QUARTER, period=timedelta(minutes=5))
    assert judge([count(29, threshold=10.0)], OK, None, window).is_well
    verdict = judge([count(31, threshold=10.0)], OK, None, window, worst=[count(5000, peak=720.0)])
    assert verdict == (False, ("errors 2.07/min (720/min at its worst, limit 2/min)", "the alarm is OK"))


def test_what_was_not_worse_is_not_its_worst() -> None:
    readings = [reading(now=52.0), reading(Measure.REQUESTS, 900.0, unit="", peak=60.0)]
    before = [reading(now=40.0), reading(Measure.REQUESTS, 300.0, unit="", peak=20.0)]
    verdict = judge(readings, OK, None, worst=before)
    assert verdict.lines[1:] == ("CPU 52 %", "requests 180/min")


def test_means_are_not_longer_in_a_longer_window() -> None:
    assert not judge([reading(now=81, threshold=80.0)], OK, None, Window(length=QUARTER)).is_well


def test_a_few_minutes_say_nothing_about_the_limit_and_that_is_told() -> None:
    verdict = judge([reading(now=95, threshold=80.0)], OK, None, Window(length=timedelta(minutes=2)))
    assert verdict == (True, ("the alarm is OK", "CPU 95 %", "measured for 2 min only"))


def test_less_than_a_minute_is_told_in_seconds() -> None:
    verdict = judge([reading(now=70)], OK, None, Window(length=timedelta(seconds=40)))
    assert verdict.lines[-1] == "measured for 40 s only"


def test_tasks_that_are_killed_out_of_memory_since_are_a_no_whatever_the_alarm_says() -> None:
    assert judge((), OK, STABLE, killed=2) == (
        False,
        ("2 tasks were killed out of memory since", "the alarm is OK", "6 of 6 tasks run web:56"),
    )


def test_the_worst_is_told_first() -> None:
    readings = [reading(), count(300, threshold=10.0), reading(Measure.LATENCY, 2.414, unit="s", threshold=2.0)]
    assert judge(readings, OK, STABLE).lines == (
        "errors 60/min (limit 10/min)",
        "latency 2.41 s (limit 2 s)",
        "the alarm is OK",
        "6 of 6 tasks run web:56",
        "CPU 31 %",
    )


@given(
    st.lists(st.builds(reading, st.sampled_from(Measure), st.floats(0, 1e6), threshold=st.none() | st.floats(0, 1e6))),
    st.none() | st.sampled_from(AlarmState),
)
def test_everything_that_was_looked_at_is_told_once(readings: list[Reading], alarm: AlarmState | None) -> None:
    verdict = judge(readings, alarm, None)
    nothing = alarm is None and not readings
    assert len(verdict.lines) == len(readings) + (alarm is not None) + nothing
    if alarm in (FIRES, NO_DATA) or nothing:
        assert not verdict.is_well


@pytest.mark.parametrize(
    ("now", "expected", "deviation", "usual"),
    [
        (31, None, None, True),
        (44, 30, 5, True),
        (46, 30, 5, False),
        (37, 30, 0, True),
        (38, 30, 0, False),
        (14, 30, 5, False),
        (0, 0, 0, True),
        (1, 0, 0, False),
    ],
)
def test_usual_is_within_three_deviations_and_a_quarter_of_the_mean(
    now: float, expected: float | None, deviation: float | None, usual: bool
) -> None:
    assert is_usual(reading(now=now, expected=expected, deviation=deviation)) is usual


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(31.4, "%", "31 %"), (2.414, "s", "2.41 s"), (212, "", "212"), (3.0, "", "3"), (1234567.8, "", "1,234,568")],
)
def test_numbers_are_short(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text
