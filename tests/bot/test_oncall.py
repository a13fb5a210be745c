"""Who is alerted when: the documents' rules, days when the clocks change, and what holds for any calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.models import Role, Severity
from bot.oncall import (
    SEARCH_DAYS,
    Calendar,
    Call,
    Policy,
    Rung,
    calls,
    end_of_next_business_day,
    is_open,
    next_opening,
    overdue,
    respond,
    uncalled,
    update_due,
)

BERLIN = ZoneInfo("Europe/Berlin")  # 2026: forward on Sunday 29 March, 01:00 UTC; back on Sunday 25 October, 01:00 UTC
SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # 2018: at midnight, Saturday 17 February back, Sunday 4 November forward
KOLKATA = ZoneInfo("Asia/Kolkata")
APIA = ZoneInfo("Pacific/Apia")  # had no Friday 30 December 2011
EVERY_DAY = frozenset(range(7))
OFFICE = Calendar(BERLIN)
POLICY = Policy()
SEV1, SEV2, SEV3, SEV4 = Severity
FIVE, QUARTER, HALF, HOUR = (timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))
SATURDAY, SUNDAY = 5, 6


def utc(text: str) -> datetime:
    """`2026-03-27 16:00` as a moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """The (first) moment at which the clocks there show this."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def nightly(zone: ZoneInfo, opens: str, closes: str) -> Calendar:
    """These hours on all seven days."""
    return Calendar(zone, time.fromisoformat(opens), time.fromisoformat(closes), EVERY_DAY)


def timed(steps: tuple[Call, ...], start: datetime) -> list[tuple[timedelta, Role]]:
    return [(step.due_at - start, step.role) for step in steps]


# --- business hours


def test_business_hours_are_nine_to_six_from_monday_to_friday_in_utc_unless_said_otherwise() -> None:
    assert Calendar() == Calendar(ZoneInfo("UTC"), time(9), time(18), frozenset({0, 1, 2, 3, 4}), frozenset())


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-27 08:59:59.999999", False),
        ("2026-03-27 09:00", True),
        ("2026-03-27 17:59:59.999999", True),
        ("2026-03-27 18:00", False),
        ("2026-03-28 12:00", False),  # Saturday
        ("2026-03-29 12:00", False),  # Sunday
        ("2026-03-30 12:00", True),
    ],
)
def test_open_from_the_opening_time_up_to_the_closing_time_on_business_days(local: str, expected: bool) -> None:
    assert is_open(OFFICE, wall(local)) is expected
    assert is_open(OFFICE, wall(local).astimezone(KOLKATA)) is expected, "whatever zone the moment is written in"


@pytest.mark.parametrize(
    ("zone", "opening"),
    [
        (BERLIN, "2026-07-01 07:00"),
        (SAO_PAULO, "2026-07-01 12:00"),
        (KOLKATA, "2026-07-01 03:30"),
        (APIA, "2026-06-30 20:00"),  # the day before, by UTC
    ],
)
def test_the_hours_are_local(zone: ZoneInfo, opening: str) -> None:
    calendar, moment = Calendar(zone), utc(opening)
    assert not is_open(calendar, moment - timedelta.resolution)
    assert is_open(calendar, moment)
    assert next_opening(calendar, moment - 10 * HOUR) == moment


def test_a_holiday_is_closed_and_the_opening_comes_on_the_day_after() -> None:
    easter = Calendar(BERLIN, holidays=frozenset({date(2026, 4, 3), date(2026, 4, 6)}))
    assert not is_open(easter, wall("2026-04-03 12:00"))
    assert is_open(OFFICE, wall("2026-04-03 12:00"))
    assert next_opening(easter, wall("2026-04-02 18:00")) == wall("2026-04-07 09:00")
    assert end_of_next_business_day(easter, wall("2026-04-02 12:00")) == wall("2026-04-07 18:00")


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2026-03-27 08:00", "2026-03-27 09:00"),
        ("2026-03-27 09:00", "2026-03-27 09:00"),
        ("2026-03-27 12:34", "2026-03-27 12:34"),
        ("2026-03-27 18:00", "2026-03-30 09:00"),  # Friday evening, and on Sunday the clocks change
        ("2026-10-23 18:00", "2026-10-26 09:00"),
    ],
)
def test_the_next_opening_is_at_once_when_open_else_when_the_doors_open_next(at: str, opening: str) -> None:
    found = next_opening(OFFICE, wall(at))
    assert found == wall(opening)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-03-24 00:00", "2026-03-25 18:00"),
        ("2026-03-24 12:00", "2026-03-25 18:00"),
        ("2026-03-24 23:59", "2026-03-25 18:00"),
        ("2026-03-27 12:00", "2026-03-30 18:00"),  # Friday
        ("2026-03-28 12:00", "2026-03-30 18:00"),
        ("2026-03-29 23:59", "2026-03-30 18:00"),
        ("2026-10-23 12:00", "2026-10-26 18:00"),
    ],
)
def test_the_next_business_day_begins_after_the_local_date_and_skips_the_weekend(at: str, end: str) -> None:
    found = end_of_next_business_day(OFFICE, wall(at))
    assert found == wall(end)
    assert found.tzinfo is UTC


def test_the_next_business_day_counts_from_the_local_date_not_from_utcs() -> None:
    at = utc("2026-07-01 22:30")  # Wednesday by UTC, Thursday in Berlin and in Kolkata, and in Apia
    assert end_of_next_business_day(Calendar(), at) == utc("2026-07-02 18:00")
    assert end_of_next_business_day(OFFICE, at) == wall("2026-07-03 18:00")
    assert end_of_next_business_day(Calendar(KOLKATA), at) == utc("2026-07-03 12:30")


# --- hours past midnight

NIGHTS = Calendar(BERLIN, time(22), time(6))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-23 03:00", False),  # Monday before dawn belongs to Sunday
        ("2026-03-23 21:59", False),
        ("2026-03-23 22:00", True),
        ("2026-03-24 05:59", True),
        ("2026-03-24 06:00", False),
        ("2026-03-28 05:59", True),  # Saturday before dawn belongs to Friday
        ("2026-03-28 22:00", False),
    ],
)
def test_a_night_shift_belongs_to_the_day_it_opens_on(local: str, expected: bool) -> None:
    assert is_open(NIGHTS, wall(local)) is expected


def test_a_night_shift_that_opens_on_a_holiday_is_off_and_one_that_ends_on_a_holiday_is_not() -> None:
    nights = NIGHTS._replace(holidays=frozenset({date(2026, 3, 24)}))
    assert is_open(nights, wall("2026-03-24 05:00"))
    assert not is_open(nights, wall("2026-03-24 23:00"))
    assert not is_open(nights, wall("2026-03-25 05:00"))
    assert next_opening(nights, wall("2026-03-24 06:00")) == wall("2026-03-25 22:00")


def test_a_night_shift_is_over_on_the_morning_after_its_business_day() -> None:
    assert end_of_next_business_day(NIGHTS, wall("2026-03-24 12:00")) == wall("2026-03-26 06:00")
    assert end_of_next_business_day(NIGHTS, wall("2026-03-27 23:00")) == wall("2026-03-31 06:00")


def test_hours_that_end_at_midnight_or_last_all_day() -> None:
    late = Calendar(BERLIN, time(9), time(0))
    assert is_open(late, wall("2026-03-24 23:59"))
    assert not is_open(late, wall("2026-03-25 00:00"))
    assert end_of_next_business_day(late, wall("2026-03-24 12:00")) == wall("2026-03-26 00:00")
    always = Calendar(BERLIN, time(0), time(0))
    assert is_open(always, wall("2026-03-23 00:00"))
    assert is_open(always, wall("2026-03-27 23:59"))
    assert not is_open(always, wall("2026-03-28 00:00"))
    assert next_opening(always, wall("2026-03-28 00:00")) == wall("2026-03-30 00:00")


# --- when the clocks change


def test_opening_hours_follow_the_clock_over_both_changes() -> None:
    assert next_opening(OFFICE, wall("2026-03-27 20:00")) == utc("2026-03-30 07:00"), "summer time"
    assert next_opening(OFFICE, wall("2026-03-26 20:00")) == utc("2026-03-27 08:00"), "still winter time"
    assert next_opening(OFFICE, wall("2026-10-23 20:00")) == utc("2026-10-26 08:00"), "winter time again"


@pytest.mark.parametrize("opens", ["02:00", "02:30", "02:59:30.250"])
def test_hours_that_open_while_the_clock_is_put_forward_open_at_the_change(opens: str) -> None:
    calendar = nightly(BERLIN, opens, "10:00")
    change = utc("2026-03-29 01:00")
    assert not is_open(calendar, change - timedelta.resolution)
    assert is_open(calendar, change)
    assert next_opening(calendar, utc("2026-03-28 22:00")) == change


@pytest.mark.parametrize("closes", ["02:00", "02:30", "02:59"])
def test_hours_that_close_while_the_clock_is_put_forward_close_at_the_change(closes: str) -> None:
    calendar = nightly(BERLIN, "00:30", closes)
    assert end_of_next_business_day(calendar, wall("2026-03-28 12:00")) == utc("2026-03-29 01:00")
    assert is_open(calendar, utc("2026-03-29 00:59"))
    assert not is_open(calendar, utc("2026-03-29 01:00"))


def test_a_day_whose_hours_the_clock_leaves_out_is_no_business_day() -> None:
    calendar = nightly(BERLIN, "02:00", "02:45")
    assert next_opening(calendar, wall("2026-03-28 12:00")) == wall("2026-03-30 02:00")
    assert end_of_next_business_day(calendar, wall("2026-03-28 12:00")) == wall("2026-03-30 02:45")


def test_an_hour_that_the_clock_shows_twice_counts_twice() -> None:
    calendar = nightly(BERLIN, "02:15", "02:45")
    open_minutes = [m for m in range(120) if is_open(calendar, utc("2026-10-25 00:00") + timedelta(minutes=m))]
    assert open_minutes == [*range(15, 45), *range(75, 105)]
    assert next_opening(calendar, utc("2026-10-25 00:45")) == utc("2026-10-25 01:15")
    assert end_of_next_business_day(calendar, wall("2026-10-24 12:00")) == utc("2026-10-25 01:45"), "the last time"


def test_hours_that_closed_open_again_when_the_clock_is_put_back_to_before_closing() -> None:
    calendar = nightly(BERLIN, "01:00", "02:30")
    assert not is_open(calendar, utc("2026-10-25 00:45"))
    assert next_opening(calendar, utc("2026-10-25 00:45")) == utc("2026-10-25 01:00")
    assert end_of_next_business_day(calendar, wall("2026-10-24 12:00")) == utc("2026-10-25 01:30")


def test_hours_that_close_on_the_stroke_to_which_the_clock_is_put_back_close_once() -> None:
    calendar = nightly(BERLIN, "01:00", "02:00")
    assert end_of_next_business_day(calendar, wall("2026-10-24 12:00")) == utc("2026-10-25 00:00")
    assert next_opening(calendar, utc("2026-10-25 00:00")) == wall("2026-10-26 01:00")


def test_a_day_without_midnight_opens_at_one() -> None:
    calendar = nightly(SAO_PAULO, "00:00", "08:00")
    assert next_opening(calendar, wall("2018-11-03 20:00", SAO_PAULO)) == utc("2018-11-04 03:00")
    assert end_of_next_business_day(calendar, wall("2018-11-03 20:00", SAO_PAULO)) == utc("2018-11-04 10:00")


def test_a_day_that_goes_back_from_midnight_has_its_last_hour_twice() -> None:
    calendar = Calendar(SAO_PAULO, time(9), time(23, 30), EVERY_DAY)
    assert next_opening(calendar, utc("2018-02-18 01:45")) == utc("2018-02-18 02:00"), "23:45, then 23:00 again"
    assert end_of_next_business_day(calendar, wall("2018-02-16 12:00", SAO_PAULO)) == utc("2018-02-18 02:30")


def test_a_business_day_that_the_calendar_left_out_is_none() -> None:
    calendar, thursday = Calendar(APIA), wall("2011-12-29 12:00", APIA)
    assert end_of_next_business_day(calendar, thursday) == wall("2012-01-02 18:00", APIA)
    assert next_opening(calendar, thursday + 6 * HOUR) == wall("2012-01-02 09:00", APIA)
    all_day = Calendar(APIA, time(0), time(0))
    assert end_of_next_business_day(all_day, thursday) == wall("2012-01-03 00:00", APIA)


def test_durations_are_elapsed_time_even_when_the_clock_jumps() -> None:
    before = wall("2026-03-29 01:30")
    assert respond(POLICY, OFFICE, SEV3, before).due_at == utc("2026-03-29 01:30")
    assert update_due(POLICY, SEV3, before) == utc("2026-03-29 04:30"), "06:30 there, not 05:30"
    assert calls(POLICY, SEV1, before)[-1].due_at == utc("2026-03-29 01:30")
    again = wall("2026-10-25 02:50").replace(fold=0)
    assert respond(POLICY, OFFICE, SEV2, again).due_at == utc("2026-10-25 01:05"), "02:05, for the second time"
    assert overdue(POLICY, OFFICE, SEV2, again, again.replace(fold=1)).by == 9 * FIVE


# --- what can't be answered

NEVER = Calendar(BERLIN, days=frozenset())


@pytest.mark.parametrize("ask", [next_opening, end_of_next_business_day])
def test_a_calendar_without_business_days_says_so(ask: Callable[[Calendar, datetime], datetime]) -> None:
    for calendar in (NEVER, OFFICE._replace(holidays=frozenset(date(2026, 1, 1) + timedelta(d) for d in range(800)))):
        with pytest.raises(ValueError, match=r"Europe/Berlin has no business day within 366 days after 2026-02-01"):
            ask(calendar, wall("2026-02-01 12:00"))


@pytest.mark.parametrize("ask", [next_opening, end_of_next_business_day])
@pytest.mark.parametrize(("closed_days", "is_found"), [(SEARCH_DAYS - 1, True), (SEARCH_DAYS, False)])
def test_a_year_of_holidays_is_searched_and_no_more(
    ask: Callable[[Calendar, datetime], datetime], closed_days: int, is_found: bool
) -> None:
    today = date(2026, 1, 31)
    holidays = frozenset(today + timedelta(days) for days in range(closed_days + 1))
    calendar = Calendar(BERLIN, days=EVERY_DAY, holidays=holidays)
    at = datetime.combine(today, time(12), BERLIN)
    if is_found:
        assert ask(calendar, at).astimezone(BERLIN).date() == today + timedelta(SEARCH_DAYS)
    else:
        with pytest.raises(ValueError, match="check its days and holidays"):
            ask(calendar, at)


def test_a_calendar_that_never_opens_stops_no_page() -> None:
    assert respond(POLICY, NEVER, SEV1, utc("2026-03-24 12:00")).pages
    assert respond(POLICY, NEVER, SEV3, utc("2026-03-24 12:00")).mails


NAIVE = datetime(2026, 3, 24, 12)  # noqa: DTZ001
AWARE = NAIVE.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: is_open(OFFICE, NAIVE),
        lambda: next_opening(OFFICE, NAIVE),
        lambda: end_of_next_business_day(OFFICE, NAIVE),
        lambda: respond(POLICY, OFFICE, SEV1, NAIVE),
        lambda: overdue(POLICY, OFFICE, SEV1, NAIVE, AWARE),
        lambda: overdue(POLICY, OFFICE, SEV1, AWARE, NAIVE),
        lambda: calls(POLICY, SEV1, NAIVE),
        lambda: uncalled(POLICY, SEV1, NAIVE, ()),
        lambda: update_due(POLICY, SEV1, NAIVE),
    ],
)
def test_a_moment_without_a_time_zone_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ask()


# --- what a fresh alert gets

IN_HOURS, AT_NIGHT, ON_SATURDAY = wall("2026-03-24 10:00"), wall("2026-03-24 22:10"), wall("2026-03-28 10:00")


@pytest.mark.parametrize("at", [IN_HOURS, AT_NIGHT, ON_SATURDAY])
@pytest.mark.parametrize(("severity", "within"), [(SEV1, FIVE), (SEV2, QUARTER)])
def test_sev1_and_sev2_page_the_primary_at_any_hour(severity: Severity, within: timedelta, at: datetime) -> None:
    response = respond(POLICY, OFFICE, severity, at)
    assert (response.pages, response.mails) == (True, False)
    assert response.due_at == at + within
    assert response.due_at.tzinfo is UTC
    assert "the primary is paged at once" in response.reason


@pytest.mark.parametrize(("at", "mails"), [(IN_HOURS, False), (AT_NIGHT, True), (ON_SATURDAY, True)])
def test_sev3_is_posted_to_slack_and_mailed_after_hours_and_never_paged(at: datetime, mails: bool) -> None:
    response = respond(POLICY, OFFICE, SEV3, at)
    assert (response.pages, response.mails, response.due_at) == (False, mails, at + HOUR)


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (IN_HOURS, "2026-03-25 18:00"),
        (AT_NIGHT, "2026-03-25 18:00"),
        (wall("2026-03-27 10:00"), "2026-03-30 18:00"),
        (ON_SATURDAY, "2026-03-30 18:00"),
    ],
)
def test_sev4_waits_in_slack_for_the_next_business_day(at: datetime, due: str) -> None:
    response = respond(POLICY, OFFICE, SEV4, at)
    assert (response.pages, response.mails, response.due_at) == (False, False, wall(due))


@pytest.mark.parametrize(
    ("calendar", "severity", "at", "reason"),
    [
        (OFFICE, SEV1, AT_NIGHT, "SEV-1 at 22:10 in Europe/Berlin: the primary is paged at once"),
        (OFFICE, SEV3, IN_HOURS, "SEV-3 at 10:00 in Europe/Berlin, within 09:00–18:00: Slack only"),
        (
            OFFICE,
            SEV3,
            AT_NIGHT,
            "SEV-3 at 22:10 in Europe/Berlin, outside 09:00–18:00: Slack and e-mail, no page",
        ),
        (
            OFFICE,
            SEV3,
            ON_SATURDAY,
            "SEV-3 at 10:00 in Europe/Berlin, a Saturday, no business day: Slack and e-mail, no page",
        ),
        (
            OFFICE._replace(holidays=frozenset({date(2026, 3, 24)})),
            SEV3,
            IN_HOURS,
            "SEV-3 at 10:00 in Europe/Berlin, a holiday (2026-03-24): Slack and e-mail, no page",
        ),
        (
            NIGHTS,
            SEV3,
            wall("2026-03-23 03:00"),
            "SEV-3 at 03:00 in Europe/Berlin, a Sunday, no business day: Slack and e-mail, no page",
        ),
        (
            Calendar(KOLKATA, time(9), time(0)),
            SEV3,
            utc("2026-03-24 18:00"),
            "SEV-3 at 23:30 in Asia/Kolkata, within 09:00–24:00: Slack only",
        ),
        (
            OFFICE,
            SEV4,
            wall("2026-03-27 10:00"),
            "SEV-4 at 10:00 in Europe/Berlin: Slack only, due the next business day (Monday 2026-03-30 18:00)",
        ),
    ],
)
def test_the_reason_says_the_local_time_and_the_rule(
    calendar: Calendar, severity: Severity, at: datetime, reason: str
) -> None:
    assert respond(POLICY, calendar, severity, at).reason == reason


def test_a_policy_may_page_fewer_or_more_severities_and_wait_longer() -> None:
    policy = Policy(acknowledge_within={SEV3: HALF}, paged=frozenset({SEV1, SEV3}))
    assert respond(policy, OFFICE, SEV3, AT_NIGHT)[:3] == (AT_NIGHT + HALF, True, False)
    unpaged = respond(policy, OFFICE, SEV2, AT_NIGHT)
    assert unpaged[:3] == (wall("2026-03-25 18:00"), False, True), "like SEV-3: mailed after hours"
    assert unpaged.reason.endswith("no page, due the next business day (Wednesday 2026-03-25 18:00)")


# --- overdue


@pytest.mark.parametrize(
    ("severity", "after", "is_overdue", "by"),
    [
        (SEV1, FIVE - timedelta.resolution, False, timedelta()),
        (SEV1, FIVE, True, timedelta()),
        (SEV1, QUARTER, True, 2 * FIVE),
        (SEV2, QUARTER - timedelta.resolution, False, timedelta()),
        (SEV2, HOUR, True, 9 * FIVE),
        (SEV3, HOUR - timedelta.resolution, False, timedelta()),
        (SEV3, 2 * HOUR, True, HOUR),
        (SEV4, 31 * HOUR, False, timedelta()),
        (SEV4, 33 * HOUR, True, HOUR),  # 18:00 on Wednesday is 32 h after Tuesday 10:00
        (SEV1, -FIVE, False, timedelta()),  # clocks of two machines differ
    ],
)
def test_an_acknowledgement_is_overdue_from_its_due_time_on(
    severity: Severity, after: timedelta, is_overdue: bool, by: timedelta
) -> None:
    lateness = overdue(POLICY, OFFICE, severity, IN_HOURS, IN_HOURS + after)
    assert (lateness.is_overdue, lateness.by) == (is_overdue, by)
    assert lateness.due_at == respond(POLICY, OFFICE, severity, IN_HOURS).due_at


# --- who is called when nobody acknowledges


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (
            SEV1,
            [(FIVE, Role.SECONDARY), (QUARTER, Role.TEAM_LEAD), (HALF, Role.MANAGER), (HOUR, Role.COMMANDER)],
        ),
        (
            SEV2,
            [(QUARTER, Role.SECONDARY), (QUARTER, Role.TEAM_LEAD), (HALF, Role.MANAGER), (HOUR, Role.COMMANDER)],
        ),
        (SEV3, []),
        (SEV4, []),
    ],
)
def test_unacknowledged_the_secondary_is_called_and_then_the_ladder(
    severity: Severity, expected: list[tuple[timedelta, Role]]
) -> None:
    steps = calls(POLICY, severity, IN_HOURS)
    assert timed(steps, IN_HOURS) == expected
    assert [step.step for step in steps] == list(range(len(expected)))
    assert all(step.due_at.tzinfo is UTC for step in steps)


def test_a_call_says_why() -> None:
    assert [step.reason for step in calls(POLICY, SEV1, IN_HOURS)[:2]] == [
        "SEV-1, not acknowledged for 5 min: the secondary is called",
        "SEV-1, not acknowledged for 15 min: the team lead is called",
    ]
    slow = Policy(secondary_after={}, ladder=(Rung(HOUR + HALF, Role.MANAGER),))
    assert "for 1 h 30 min:" in calls(slow, SEV1, IN_HOURS)[0].reason


def test_a_ladder_in_any_order_is_climbed_by_time_and_calls_each_role_once() -> None:
    ladder = (
        Rung(HOUR, Role.TEAM_LEAD),
        Rung(HALF, Role.SECONDARY),
        Rung(QUARTER, Role.TEAM_LEAD),
        Rung(FIVE, Role.PRIMARY),
    )
    policy = Policy(ladder=ladder)
    assert timed(calls(policy, SEV2, IN_HOURS), IN_HOURS) == [(QUARTER, Role.SECONDARY), (QUARTER, Role.TEAM_LEAD)]


def test_without_a_rule_for_the_secondary_the_ladder_alone_is_climbed() -> None:
    assert [step.role for step in calls(Policy(secondary_after={}), SEV1, IN_HOURS)] == [
        Role.TEAM_LEAD,
        Role.MANAGER,
        Role.COMMANDER,
    ]


def test_an_incident_that_turns_out_worse_calls_at_once_whoever_would_have_been_called() -> None:
    assert uncalled(POLICY, SEV3, IN_HOURS, ()) == ()
    now = IN_HOURS + 4 * FIVE
    made = [call.role for call in uncalled(POLICY, SEV1, IN_HOURS, ()) if call.due_at <= now]
    assert made == [Role.SECONDARY, Role.TEAM_LEAD]
    assert uncalled(POLICY, SEV1, IN_HOURS, made) == calls(POLICY, SEV1, IN_HOURS)[2:]
    assert uncalled(POLICY, SEV3, IN_HOURS, made) == (), "and no further call once it is SEV-3 again"


def test_who_was_called_is_not_called_again_even_where_the_order_depends_on_the_severity() -> None:
    policy = Policy(secondary_after={SEV1: FIVE, SEV2: HOUR})
    called = {calls(policy, SEV2, IN_HOURS)[0].role}
    assert called == {Role.TEAM_LEAD}
    left = uncalled(policy, SEV1, IN_HOURS, called)
    assert [call.role for call in left] == [Role.SECONDARY, Role.MANAGER, Role.COMMANDER]
    assert uncalled(policy, SEV1, IN_HOURS, ()) == calls(policy, SEV1, IN_HOURS)
    assert uncalled(policy, SEV3, IN_HOURS, ()) == ()


# --- updates


@pytest.mark.parametrize(("severity", "within"), [(SEV1, HALF), (SEV2, HOUR), (SEV3, 4 * HOUR), (SEV4, None)])
def test_an_update_is_due_sooner_the_worse_it_is(severity: Severity, within: timedelta | None) -> None:
    due = update_due(POLICY, severity, AT_NIGHT)
    assert due == (None if within is None else AT_NIGHT + within)
    assert due is None or due.tzinfo is UTC


# --- for any calendar

STEP = timedelta(minutes=15)  # all hours below and all offsets of these zones are multiples of it
ZONES = [BERLIN, SAO_PAULO, KOLKATA, APIA]
ZONES += [ZoneInfo(key) for key in ("America/Havana", "Atlantic/Azores", "Australia/Lord_Howe", "Asia/Kathmandu")]
CHANGES = [utc("2026-03-29 01:00"), utc("2026-10-25 01:00"), utc("2018-02-18 02:00"), utc("2018-11-04 03:00")]
CHANGES += [utc("2026-03-08 05:00"), utc("2026-11-01 05:00"), utc("2026-04-04 15:00"), utc("2011-12-30 10:00")]

moments = st.one_of(
    st.datetimes(datetime(2012, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        lambda change, minutes: change + timedelta(minutes=minutes),
        st.sampled_from(CHANGES),
        st.integers(-48 * 60, 24 * 60),
    ),
)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A moment, often near a change of the clocks, and a calendar with holidays around it."""
    at = draw(moments)
    days = draw(st.frozensets(st.integers(0, 6), min_size=1) | st.just(EVERY_DAY))
    holidays = draw(st.frozensets(st.integers(-1, 8).map(lambda ahead: at.date() + timedelta(ahead))))
    return Calendar(draw(st.sampled_from(ZONES)), draw(clocks), draw(clocks), days, holidays), at


def naively_open(calendar: Calendar, at: datetime) -> bool:
    """The rule again, the other way round: is what the clock shows within today's or yesterday's hours?"""
    local = at.astimezone(calendar.zone).replace(tzinfo=None)
    for opening_day in (local.date(), local.date() - timedelta(days=1)):
        start = datetime.combine(opening_day, calendar.opens)
        end = datetime.combine(opening_day, calendar.closes)
        if end <= start:
            end += timedelta(days=1)
        works = opening_day.weekday() in calendar.days and opening_day not in calendar.holidays
        if works and start <= local < end:
            return True
    return False


def grid(at: datetime) -> Iterator[datetime]:
    """`at`, then every quarter of an hour."""
    yield at
    at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    while True:
        at += STEP
        yield at


@given(cases())
def test_open_is_what_the_wall_clock_says(case: tuple[Calendar, datetime]) -> None:
    calendar, at = case
    assert is_open(calendar, at) is naively_open(calendar, at)


@given(cases())
@example((nightly(BERLIN, "02:30", "10:00"), utc("2026-03-28 23:00")))
@example((nightly(BERLIN, "23:00", "02:15"), utc("2026-10-25 00:30")))
@example((nightly(ZoneInfo("Australia/Lord_Howe"), "01:45", "02:15"), utc("2026-04-04 15:00")))
def test_the_next_opening_is_the_first_open_moment_from_then_on(case: tuple[Calendar, datetime]) -> None:
    calendar, at = case
    found = next_opening(calendar, at)
    assert found >= at
    assert is_open(calendar, found)
    assert found == next(moment for moment in grid(at) if naively_open(calendar, moment))


@given(cases())
@example((nightly(BERLIN, "09:00", "00:00"), utc("2026-10-24 12:00")))
@example((nightly(ZoneInfo("Atlantic/Azores"), "09:00", "00:00"), utc("2026-10-23 12:00")))
def test_the_next_business_day_ends_when_its_hours_do(case: tuple[Calendar, datetime]) -> None:
    calendar, at = case
    end = end_of_next_business_day(calendar, at)
    last = (end - timedelta.resolution).astimezone(calendar.zone)
    assert naively_open(calendar, last), "until then it was open"
    is_night = calendar.closes <= calendar.opens
    day = last.date() - timedelta(days=1) if is_night and last.time() < calendar.closes else last.date()
    today = at.astimezone(calendar.zone).date()
    assert day > today
    assert day.weekday() in calendar.days
    assert day not in calendar.holidays
    meanwhile = [(at + timedelta(days)).astimezone(calendar.zone) for days in range((end - at).days + 3)]
    if len({local.utcoffset() for local in meanwhile}) == 1:  # the clocks do not change
        assert end.astimezone(calendar.zone).time() == calendar.closes
        between = {today + timedelta(days) for days in range(1, (day - today).days)} - calendar.holidays
        assert not {skipped.weekday() for skipped in between} & calendar.days


@given(cases(), st.sampled_from(Severity))
def test_there_is_always_time_left_at_first_and_who_is_paged_is_not_mailed(
    case: tuple[Calendar, datetime], severity: Severity
) -> None:
    calendar, at = case
    response = respond(POLICY, calendar, severity, at)
    assert response.due_at > at
    assert not (response.pages and response.mails)
    assert response.mails is (severity is SEV3 and not naively_open(calendar, at))
    assert f"{at.astimezone(calendar.zone):%H:%M} in {calendar.zone.key}" in response.reason


durations = st.integers(0, 300).map(lambda minutes: timedelta(minutes=minutes))
policies = st.builds(
    Policy,
    secondary_after=st.dictionaries(st.sampled_from(Severity), durations),
    paged=st.frozensets(st.sampled_from(Severity)),
    ladder=st.lists(st.builds(Rung, durations, st.sampled_from(Role))).map(tuple),
)


@given(policies, st.sampled_from(Severity), moments)
def test_calls_come_in_order_of_time_and_reach_everybody_once(
    policy: Policy, severity: Severity, start: datetime
) -> None:
    made = calls(policy, severity, start)
    assert all(one.due_at <= other.due_at for one, other in pairwise(made))
    assert len({step.role for step in made}) == len(made)
    assert [step.step for step in made] == list(range(len(made)))
    expected = {rung.role for rung in policy.ladder} - {Role.PRIMARY}
    expected |= {Role.SECONDARY} if severity in policy.secondary_after else set()
    assert {step.role for step in made} == (expected if severity in policy.paged else set())


@given(policies, st.sampled_from(sorted(POLICY.paged)), moments)
def test_at_the_same_moment_the_secondary_comes_first(policy: Policy, severity: Severity, start: datetime) -> None:
    both = policy._replace(paged=POLICY.paged, secondary_after={severity: QUARTER})
    rival = Rung(QUARTER, Role.TEAM_LEAD)
    steps = calls(both._replace(ladder=(rival, *policy.ladder)), severity, start)
    at_once = [step.role for step in steps if step.due_at == start + QUARTER]
    assert Role.SECONDARY not in at_once[1:]
