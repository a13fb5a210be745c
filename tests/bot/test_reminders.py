"""When owners are reminded: never at night, and once, however long nobody looked."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Config
from bot.models import PostMortemStatus
from bot.steps.reminders import Rhythm
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
        moment = Rhythm(BERLIN).of_moment(DUE, moment)
        heard.append(moment)
    mornings = [datetime(2026, 11, day, 8, tzinfo=UTC) for day in (25, 26)]
    assert heard == [hours(hours=-24), hours(hours=-4), DUE, *mornings]


def test_what_would_come_at_night_comes_in_the_morning() -> None:
    due = datetime(2026, 11, 24, 18, tzinfo=UTC)  # 03:00 in Tokyo
    first = Rhythm(TOKYO).of_moment(due, due - timedelta(hours=47))
    assert first == datetime(2026, 11, 24, 0, tzinfo=UTC)
    assert Rhythm(TOKYO).of_moment(due, first) == datetime(2026, 11, 25, 0, tzinfo=UTC), "23:00 is night, too"


def test_the_morning_is_nine_by_the_clock_also_where_the_clock_was_changed() -> None:
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert Rhythm(BERLIN).next_morning(saturday) == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert Rhythm(BERLIN).next_morning(datetime(2026, 10, 24, 12, tzinfo=UTC)) == datetime(2026, 10, 25, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "heard"),
    [
        ((8, 30), [(23, 8, 30), (24, 8, 0), (24, 8, 30)]),
        ((9, 0), [(23, 9, 0), (24, 8, 0), (24, 9, 0), (25, 9, 0)]),
        ((11, 30), [(23, 11, 30), (24, 9, 0), (24, 11, 30), (25, 9, 0)]),
        ((8, 0), [(23, 8, 0), (24, 8, 0)]),
        ((5, 0), [(23, 9, 0), (24, 9, 0), (25, 9, 0), (26, 9, 0)]),
    ],
    ids=[
        "nine is too late",
        "nine is when it is due",
        "at nine",
        "the night lasts until then",
        "due at night",
    ],
)
def test_what_the_morning_is_too_late_for_comes_as_the_night_ends(
    due: tuple[int, int], heard: list[tuple[int, int, int]]
) -> None:
    due_at, moments_ = datetime(2026, 11, 24, *due, tzinfo=BERLIN).astimezone(UTC), []
    moment = due_at - timedelta(hours=48)
    for _ in heard:
        moment = Rhythm(BERLIN).of_moment(due_at, moment)
        moments_.append(moment.astimezone(BERLIN))
    assert [(each.day, each.hour, each.minute) for each in moments_] == heard


def test_the_marks_are_taken_in_the_order_of_time() -> None:
    """07:30 is moved to nine and 08:15 is not."""
    due = datetime(2026, 11, 24, 9, 30, tzinfo=BERLIN)
    two = of(post_mortems={"remind": ["2h", "75m"]})
    moment, heard = due - timedelta(hours=10), []
    for _ in range(3):
        moment = two.of_moment(due, moment)
        heard.append(f"{moment.astimezone(BERLIN):%H:%M}")
    assert heard == ["08:15", "09:00", "09:30"]


@given(moments, st.integers(1, 48 * 60), zones)
def test_before_it_is_due_comes_a_reminder_unless_its_night_lasts_until_then(
    due: datetime, minutes: int, zone: ZoneInfo
) -> None:
    rhythm, now = Rhythm(zone), due - timedelta(minutes=minutes)
    found = rhythm.of_moment(due, now)
    assert found > now
    assert found < due or found == rhythm.by_day(due)


@given(moments, moments, zones)
def test_no_reminder_comes_at_night_and_each_is_later(due: datetime, now: datetime, zone: ZoneInfo) -> None:
    found = Rhythm(zone).of_moment(due, now)
    assert found > now
    assert not Rhythm(zone).is_quiet(found)
    assert found - now <= max(due - now, timedelta()) + timedelta(hours=37)


@given(st.dates(date(2024, 1, 1), date(2028, 1, 1)), moments, zones)
def test_action_items_are_reminded_of_at_nine(due: date, now: datetime, zone: ZoneInfo) -> None:
    found = Rhythm(zone).of_day(due, now)
    local = found.astimezone(zone)
    assert found > now
    assert local.time() == time(9)
    assert (local.date() - due).days in (-3, 0) or (local.date() > due and (local.date() - due).days % 7 == 0)


@given(moments, zones, st.sampled_from(["hour", "tomorrow", "monday"]))
def test_a_snooze_ends_later_and_by_day(now: datetime, zone: ZoneInfo, how: str) -> None:
    until = Rhythm(zone).snoozed(how, now)
    assert until > now
    assert not Rhythm(zone).is_quiet(until)
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
    assert Rhythm(BERLIN).next_for(subject, DUE) is None  # type: ignore[arg-type]


# -- as the config has it


def of(**config: object) -> Rhythm:
    return Rhythm(BERLIN, Config.model_validate(config))


def test_quiet_hours_may_be_others_or_none() -> None:
    night = datetime(2026, 11, 24, 23, tzinfo=UTC)  # midnight in Berlin
    assert of(reminders={"quiet": "none"}).by_day(night) == night
    noon, until_ten = datetime(2026, 11, 24, 12, tzinfo=UTC), of(reminders={"quiet": "20:00-10:00"})
    assert until_ten.by_day(noon) == noon
    assert until_ten.by_day(night) == datetime(2026, 11, 25, 9, tzinfo=UTC), "nine would be quiet: at ten"


def test_in_the_demo_minutes_are_what_hours_are_elsewhere() -> None:
    short = of(
        reminders={"quiet": "none", "again": "24m"},
        post_mortems={"remind": ["4m", "24m"]},
        action_items={"again": "3h"},
    )
    moment, heard = DUE - timedelta(minutes=48), []
    for _ in range(5):
        moment = short.of_moment(DUE, moment)
        heard.append((moment - DUE) // timedelta(minutes=1))
    assert heard == [-24, -4, 0, 24, 48]
    noon = datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert short.of_day(noon.date(), noon - timedelta(seconds=1)) == noon, "every three hours from nine"
    assert short.of_day(noon.date(), noon) == noon + timedelta(hours=3)


def test_what_is_overdue_may_be_named_more_rarely() -> None:
    noon = datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert of(reminders={"again": "2d"}).again(noon) == datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.mark.parametrize("quiet", ["22:00", "8-22h", "09:00-09:00", 5])
def test_hours_that_are_none_are_refused(quiet: object) -> None:
    with pytest.raises(ValueError, match=r"no hours|no time"):
        of(reminders={"quiet": quiet})
