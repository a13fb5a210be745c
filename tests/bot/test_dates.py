"""Days as people type them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dates import LONGEST, due_day
from bot.errors import InvalidInput

SUNDAY = date(2026, 11, 22)
days = st.dates(date(2020, 1, 1), date(2090, 1, 1))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-12-01", date(2026, 12, 1)),
        ("2026-12-1", date(2026, 12, 1)),
        ("today", SUNDAY),
        ("Tomorrow", date(2026, 11, 23)),
        ("friday", date(2026, 11, 27)),
        ("Fri", date(2026, 11, 27)),
        ("by friday.", date(2026, 11, 27)),
        ("sunday", date(2026, 11, 29)),
        ("next monday", date(2026, 11, 23)),
        ("next friday", date(2026, 11, 27)),
        ("next week", date(2026, 11, 23)),
        ("in 3 days", date(2026, 11, 25)),
        ("in a week", date(2026, 11, 29)),
        ("  in  2   weeks ", date(2026, 12, 6)),
    ],
)
def test_what_people_type_is_understood(typed: str, meant: date) -> None:
    assert due_day(typed, SUNDAY) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("yesterday", "2026-11-21 is past; today is 2026-11-22"),
        ("", "I don't understand the due date"),
        ("12/01", "I don't understand"),
        ("s", "I don't understand"),
        ("2026-11-21", "2026-11-21 is past; today is 2026-11-22"),
        ("2027-02-29", "There is no 2027-02-29"),
        ("2062-12-01", "more than two years away"),
        ("in 999 months", "more than two years away"),
        ("x" * 5000, "I don't understand the due date “xxx"),
    ],
)
def test_what_is_wrong_is_said(typed: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        due_day(typed, SUNDAY)
    assert caught.value.field == "due"
    assert len(str(caught.value)) < 300


@given(days, st.timedeltas(timedelta(), LONGEST))
def test_a_written_day_is_that_day(today: date, ahead: timedelta) -> None:
    assert due_day((today + ahead).isoformat(), today) == today + ahead


@given(days, st.sampled_from(["mon", "tuesday", "wed", "thu", "friday", "saturday", "sun"]))
def test_a_weekday_is_within_the_next_seven_days(today: date, name: str) -> None:
    found = due_day(name, today)
    assert timedelta() < found - today <= timedelta(days=7)
    assert f"{found:%A}".lower().startswith(name)


@given(days, st.text(max_size=30))
def test_anything_typed_is_a_day_or_an_answer(today: date, typed: str) -> None:
    with suppress(InvalidInput):
        assert due_day(typed, today) >= today
