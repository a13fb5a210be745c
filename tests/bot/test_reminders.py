"""When owners are reminded: never at night, and once, however long nobody looked."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import PostMortemStatus
from bot.steps import reminders
from tests.bot.make import action_item, post_mortem

BERLIN, TOKYO, LA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/Los_Angeles")
DUE = datetime(2026, 11, 24, 12, tzinfo=UTC)
YEARS = 4 * 365 * 86_400
moments = st.integers(0, YEARS).map(lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
zones = st.sampled_from(
    [BERLIN, TOKYO, LA, ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]
)


def hours(**ahead: float) -> datetime:
    return DUE + timedelta(**ahead)


def test_a_post_mortems_owner_hears_a_day_and_four_hours_ahead_then_when_it_is_due_then_every_morning() -> None:
    moment, heard = DUE - timedelta(hours=48), []
    for _ in range(5):
        moment = reminders.of_moment(DUE, moment, BERLIN)
        heard.append(moment)
    mornings = [datetime(2026, 11, day, 8, tzinfo=UTC) for day in (25, 26)]
    assert heard == [hours(hours=-24), hours(hours=-4), DUE, *mornings]


def test_what_would_come_at_night_comes_in_the_morning() -> None:
    due = datetime(2026, 11, 24, 18, tzinfo=UTC)  # 03:00 in Tokyo
    first = reminders.of_moment(due, due - timedelta(hours=47), TOKYO)
    assert first == datetime(2026, 11, 24, 0, tzinfo=UTC)
    assert reminders.of_moment(due, first, TOKYO) == datetime(2026, 11, 25, 0, tzinfo=UTC), "23:00 is night, too"


def test_the_morning_is_nine_by_the_clock_also_where_the_clock_was_changed() -> None:
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert reminders.next_morning(saturday, BERLIN) == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert reminders.next_morning(datetime(2026, 10, 24, 12, tzinfo=UTC), BERLIN) == datetime(
        2026, 10, 25, 8, tzinfo=UTC
    )


@given(moments, moments, zones)
def test_no_reminder_comes_at_night_and_each_is_later(due: datetime, now: datetime, zone: ZoneInfo) -> None:
    found = reminders.of_moment(due, now, zone)
    assert found > now
    assert not reminders.is_night(found, zone)
    assert found - now <= max(due - now, timedelta()) + timedelta(hours=37)


@given(st.dates(date(2024, 1, 1), date(2028, 1, 1)), moments, zones)
def test_action_items_are_reminded_of_at_nine(due: date, now: datetime, zone: ZoneInfo) -> None:
    found = reminders.of_day(due, now, zone)
    local = found.astimezone(zone)
    assert found > now
    assert local.time() == time(9)
    assert (local.date() - due).days in (-3, 0) or (local.date() > due and (local.date() - due).days % 7 == 0)


@given(moments, zones, st.sampled_from(["hour", "tomorrow", "monday"]))
def test_a_snooze_ends_later_and_by_day(now: datetime, zone: ZoneInfo, how: str) -> None:
    until = reminders.snoozed(how, now, zone)
    assert until > now
    assert not reminders.is_night(until, zone)
    assert until - now <= timedelta(days=8)
    if how == "monday":
        assert until.astimezone(zone).weekday() == 0


@pytest.mark.parametrize(
    "subject",
    [
        post_mortem(status=PostMortemStatus.FILED),
        post_mortem(status=PostMortemStatus.WAIVED),
        post_mortem(due_at=None),
        action_item(is_open=False),
    ],
)
def test_what_is_done_or_waits_reminds_nobody(subject: object) -> None:
    assert reminders.next_for(subject, DUE, BERLIN) is None  # type: ignore[arg-type]
