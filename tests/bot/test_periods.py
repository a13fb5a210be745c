"""Periods by the clocks of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import periods

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = periods.week_before(MONDAY, UTC_ZONE)


moments = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A moment of November 2026; the 16th is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_a_week_is_the_seven_whole_days_before() -> None:
    assert (WEEK.since, WEEK.until) == (at(16, 0), at(23, 0))
    assert (WEEK.since_before, WEEK.until_before) == (at(9, 0), at(16, 0))


@pytest.mark.parametrize(
    ("due", "hours"),
    [
        (datetime(2026, 3, 30, 7, 0, tzinfo=UTC), 167),  # clocks were put forward on Sunday the 29th
        (datetime(2026, 10, 26, 8, 0, tzinfo=UTC), 169),  # and back on the 25th
    ],
)
def test_a_week_with_a_change_of_the_clocks_has_seven_days_all_the_same(due: datetime, hours: int) -> None:
    week = periods.week_before(due, BERLIN)
    assert week.until - week.since == timedelta(hours=hours)
    assert all(moment.astimezone(BERLIN).time() == time(0) for moment in week[:4])
    assert (periods.last_day(week, BERLIN) - week.since.astimezone(BERLIN).date()).days == 6


def test_the_last_days_end_now_and_are_compared_with_as_much_of_the_days_before() -> None:
    period = periods.last_days(7, at(22, 15, 30), UTC_ZONE)
    assert (period.since, period.until) == (at(16, 0), at(22, 15, 30))
    assert (period.since_before, period.until_before) == (at(9, 0), at(15, 15, 30))


def test_one_day_is_today() -> None:
    assert periods.last_days(1, at(22, 15), UTC_ZONE).since == at(22, 0)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),  # 09:00 in Berlin
        (datetime(2026, 11, 23, 7, 59, 59, tzinfo=UTC), datetime(2026, 11, 16, 8, 0, tzinfo=UTC)),
        (datetime(2026, 11, 29, 23, 0, tzinfo=UTC), datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        (datetime(2026, 10, 26, 8, 30, tzinfo=UTC), datetime(2026, 10, 26, 8, 0, tzinfo=UTC)),  # winter since the day
        (datetime(2026, 10, 26, 7, 30, tzinfo=UTC), datetime(2026, 10, 19, 7, 0, tzinfo=UTC)),  # before: still summer
    ],
)
def test_it_is_due_at_the_same_time_of_the_wall_clock(now: datetime, due: datetime) -> None:
    assert periods.last_due(0, time(9), BERLIN, now) == due


def test_a_time_that_the_clocks_leave_out_or_show_twice_is_due_once() -> None:
    sunday = 6
    forward = periods.last_due(sunday, time(2, 30), BERLIN, datetime(2026, 3, 29, 12, 0, tzinfo=UTC))
    assert forward == datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "03:30, an hour after 01:30"
    back = periods.last_due(sunday, time(2, 30), BERLIN, datetime(2026, 10, 25, 12, 0, tzinfo=UTC))
    assert back == datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "the first 02:30"


@given(
    now=moments,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    day=st.integers(0, 6),
    clock=st.times(),
)
def test_it_is_always_due_within_the_last_week_and_once_a_week(now: datetime, zone: str, day: int, clock: time) -> None:
    there = ZoneInfo(zone)
    due = periods.last_due(day, clock, there, now)
    assert due <= now < due + timedelta(days=7, hours=2)
    assert periods.last_due(day, clock, there, due) == due
    earlier = periods.last_due(day, clock, there, due - timedelta.resolution)
    assert periods.week_of(earlier, there) != periods.week_of(due, there)
