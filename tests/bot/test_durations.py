"""How long, in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.durations import about, after, span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (20.9, "20 s"),
        (60, "1 min"),
        (160, "2 min 40 s"),
        (3600, "1 h"),
        (3930, "1 h 05 min"),
        (172_799, "47 h 59 min"),
        (273_600, "3 days 4 h"),
    ],
)
def test_a_span_is_told_in_two_units_at_most(seconds: float, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


def test_what_took_no_second_happened_at_once() -> None:
    assert [after(timedelta(seconds=seconds)) for seconds in (-3, 0.9, 1)] == ["at once", "at once", "after 1 s"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (39.6, "40 s"),
        (89, "1 min"),
        (91, "2 min"),
        (5400, "90 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
        (259_200, "3 days"),
    ],
)
def test_what_is_not_exact_is_rounded(seconds: float, said: str) -> None:
    assert about(timedelta(seconds=seconds)) == said
