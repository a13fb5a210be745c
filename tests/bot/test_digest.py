"""The numbers of a digest: counts against the period before, medians, what is noisy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import digest as pure
from bot import periods
from bot.models import (
    Action,
    Order,
    Plan,
    PostMortemStatus,
    Remediation,
    RemediationStatus,
    Severity,
    Status,
    Target,
)
from bot.models.digest import AlarmCount, AlarmDetail, Bar, Digest, Firing, IncidentFact, PageFact, Period
from bot.oncall import ACKNOWLEDGE_WITHIN
from bot.signals import Alarm
from tests.bot.make import post_mortem

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = periods.week_before(MONDAY, UTC_ZONE)
TERMS = pure.Terms(str.title, lambda _: UTC_ZONE, ACKNOWLEDGE_WITHIN, timedelta(minutes=30))


moments = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A moment of November 2026; the 16th is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def fact(day: int = 17, took: float | None = 60, resolved: float | None = 600, **values: Any) -> IncidentFact:
    """An incident at noon, acknowledged and resolved after so many seconds."""
    declared = values.get("declared_at", at(day))
    known = {
        "number": 1,
        "service": "checkout",
        "severity": Severity.SEV2,
        "status": Status.RESOLVED.value if resolved is not None else Status.ACKNOWLEDGED.value,
        "declared_at": declared,
        "began_at": declared,
        "acknowledged_at": None if took is None else declared + timedelta(seconds=took),
        "resolved_at": None if resolved is None else declared + timedelta(seconds=resolved),
        "due_at": None,
    }
    return IncidentFact(**{**known, **values})


def made(period: Period = WEEK, **rows: Any) -> Digest:
    return pure.digest(pure.Rows(**rows), period, TERMS)


def of(*facts: IncidentFact, period: Period = WEEK) -> Digest:
    return made(period, declared=facts, resolved=[one for one in facts if one.resolved_at])


@given(
    now=moments,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    days=st.integers(1, 366),
    back=st.floats(0, 1, exclude_max=True),
)
def test_every_incident_of_the_period_is_in_one_of_at_most_twenty_bars(
    now: datetime, zone: str, days: int, back: float
) -> None:
    period = periods.last_days(days, now, ZoneInfo(zone))
    declared = max(period.until - (period.until - period.since) * back - timedelta.resolution, period.since)
    found = of(fact(declared_at=declared), period=period)
    assert found.incidents.now == (period.since < period.until), "at midnight, today has nothing yet"
    assert len(found.points) <= 20
    assert sum(sum(point.incidents.values()) for point in found.points) == found.incidents.now
    assert len({point.first for point in found.points}) == len(found.points)


# -- incidents


def test_nothing_is_an_empty_digest() -> None:
    empty = made()
    assert empty.is_empty
    assert empty.acknowledge.median is empty.resolve.median is None
    assert empty.acknowledge.change is None
    assert len(empty.weeks) == periods.WEEKS


def test_incidents_are_counted_by_severity_and_service_against_the_period_before() -> None:
    found = of(
        fact(16),
        fact(17, severity=Severity.SEV1),
        fact(18, service="search"),
        fact(10),
        fact(10, severity=Severity.SEV3),
        fact(3),
    )
    assert (found.incidents.now, found.incidents.before, found.incidents.change) == (3, 2, 1)
    shown = {severity.label: (count.now, count.before) for severity, count in found.severities.items()}
    assert shown == {"SEV-1": (1, 0), "SEV-2": (2, 1), "SEV-3": (0, 1)}
    services = [(one.service, one.incidents.now, one.incidents.before) for one in found.services]
    assert services == [("Checkout", 2, 2), ("Search", 1, 0)]


def test_the_edges_belong_to_one_period_each() -> None:
    found = of(fact(declared_at=at(16, 0)), fact(declared_at=at(23, 0)), fact(declared_at=at(9, 0)))
    assert (found.incidents.now, found.incidents.before) == (1, 1)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.MERGED])
def test_what_was_no_incident_of_its_own_is_not_counted(status: Status) -> None:
    found = of(fact(status=status.value))
    assert found.incidents.now == found.resolve.count == 0


def test_medians_of_odd_even_and_equal_times() -> None:
    assert of(*(fact(took=took) for took in (60, 600, 120))).acknowledge.median == 120
    assert of(*(fact(took=took) for took in (60, 120))).acknowledge.median == 90
    ties = of(*(fact(took=60) for _ in range(10))).acknowledge
    assert (ties.median, ties.p90, ties.count) == (60, 60, 10)


def test_nine_of_ten_are_within_the_p90() -> None:
    found = of(*(fact(took=60 * number) for number in range(1, 11))).acknowledge
    assert found.p90 == 540
    assert of(*(fact(took=60) for _ in range(5))).acknowledge.p90 == 60
    assert of(*(fact(took=60) for _ in range(4))).acknowledge.p90 is None, "of four, nine of ten is all of them"


def test_times_are_compared_with_those_of_the_period_before() -> None:
    found = of(fact(17, took=180), fact(10, took=240))
    assert found.acknowledge.change == -60


def test_a_time_counts_when_it_was_resolved_and_from_the_first_alarm_on() -> None:
    over_the_weekend = fact(15, resolved=86_400, began_at=at(15, 11))
    assert of(over_the_weekend).resolve.median == 90_000
    assert of(over_the_weekend).incidents.now == 0, "it was declared the week before"


def test_clocks_that_disagree_make_no_negative_times() -> None:
    assert of(fact(took=-30)).acknowledge.median == 0


def test_what_was_late_is_named_by_service_and_what_still_has_time_is_neither() -> None:
    found = of(
        fact(took=899),
        fact(took=901, service="search"),
        fact(took=None, resolved=None, service="search"),
        fact(took=None, resolved=None, declared_at=at(22, 23, 59)),
        fact(took=10**6, severity=Severity.SEV4),
        fact(took=100, due_at=at(17, 12, 1), service="mail"),
    )
    assert (found.sla.kept, found.sla.missed, found.sla.services) == (1, 3, ("Search", "Mail"))
    assert (found.sla.waiting, found.sla.free) == (1, 1)
    assert found.still_open == 2


def test_one_that_was_over_in_time_needed_no_acknowledgement_and_one_that_went_on_did() -> None:
    """Also weeks later, when the time to acknowledge is long over."""
    found = of(fact(took=None, resolved=899), fact(took=None, resolved=901, service="mail"), fact())
    assert (found.sla.kept, found.sla.missed, found.sla.without) == (1, 1, 1)
    assert found.sla.services == ("Mail",)


def test_all_services_are_counted() -> None:
    found = of(*(fact(service=name) for name in "abcdefg"))
    assert sum(one.incidents.now for one in found.services) == found.incidents.now == 7


def test_post_mortems_are_counted_by_how_they_ended() -> None:
    status = PostMortemStatus
    ended = [post_mortem(status=each) for each in (status.FILED, status.WAIVED, status.WAIVED)]
    found = made(written=ended)
    assert (found.written.filed, found.written.waived) == (1, 2)
    assert not found.is_empty


def test_the_line_has_eight_weeks_that_end_with_the_period_and_gaps() -> None:
    found = of(fact(17, resolved=600), fact(17, resolved=1200), fact(1, resolved=60))
    assert [week.median for week in found.weeks] == [None, None, None, None, 60, None, None, 900]
    assert found.weeks[-1].first == date(2026, 11, 16)
    assert periods.first_week(WEEK) == datetime(2026, 9, 28, tzinfo=UTC)


@pytest.mark.parametrize(("days", "bar", "count"), [(7, Bar.DAY, 7), (30, Bar.WEEK, 5), (365, Bar.MONTH, 13)])
def test_longer_periods_have_longer_bars(days: int, bar: Bar, count: int) -> None:
    found = made(periods.last_days(days, at(22), UTC_ZONE))
    assert (found.bar, len(found.points)) == (bar, count)


# -- alarms, changes, calls


def count(name: str, alerts: int, flaps: int = 0, **values: int) -> AlarmCount:
    known = {"seen": alerts, "short": 0, "cards": alerts}
    return AlarmCount(key=f"1/eu/{name}", service="checkout", alerts=alerts, flaps=flaps, **{**known, **values})


def test_the_five_noisiest_are_kept_and_ties_go_by_name() -> None:
    found = made(alarms=[*(count(name, 4) for name in "gfedcb"), count("a", 9), count("z", 2)])
    assert [one.name for one in found.noisy] == ["a", "b", "c", "d", "e"]
    assert found.alerts.alerts.now == 35


def test_flapping_alarms_are_those_that_came_back_and_are_named_once() -> None:
    quiet = [count(name, 50) for name in "abcde"]
    found = made(alarms=[*quiet, count("flaps/often", 1, flaps=9), count("flaps", 1, flaps=2)])
    assert [(one.name, one.firings) for one in found.flapping] == [("flaps/often", 10)]


def test_suppressed_is_what_nobody_had_to_look_at() -> None:
    numbers = made(alarms=[count("a", 10, seen=90, cards=9), count("b", 1, seen=10, cards=1)], alerts_before=20).alerts
    assert (numbers.messages, numbers.cards, numbers.suppressed, numbers.ratio) == (100, 10, 90, 0.9)
    assert numbers.alerts.change == -9
    assert made().alerts.ratio is None


def fix(day: int, status: RemediationStatus, took: float = 300, **values: Any) -> Remediation:
    started = at(day)
    return Remediation(
        number=1,
        order=Order(action=Action.ROLLBACK, service="checkout"),
        plan=Plan(target=Target(kind="ecs", name="checkout"), before="", after=""),
        severity=Severity.SEV2,
        requested_by="U0ANA",
        requested_at=started,
        expires_at=started,
        **{"started_at": started, "finished_at": started + timedelta(seconds=took), "status": status, **values},
    )


def test_automation_saves_the_time_that_people_take_where_it_helped() -> None:
    status = RemediationStatus
    found = made(
        fixes=[
            fix(17, status.VERIFIED),
            fix(18, status.VERIFIED, took=10**6, approval="rollback/checkout"),
            fix(19, status.NOT_RECOVERED),
            fix(19, status.REJECTED, started_at=None),
            fix(10, status.VERIFIED),
        ]
    ).automation
    assert (found.runs.now, found.runs.before, found.verified, found.failed, found.by_itself) == (3, 1, 2, 1, 1)
    assert found.saved == 1500, "25 of 30 minutes, and nothing by the one that took longer"


def test_calls_at_night_are_by_the_clocks_of_the_service() -> None:
    zones = {"berlin": BERLIN}
    terms = TERMS._replace(name=str, zone=lambda name: zones.get(name, UTC_ZONE))
    pages = [PageFact(at(17, 21, 30), "primary", name) for name in ("berlin", "mail")]
    pages += [PageFact(at(17, 7, 0), "secondary", "mail"), PageFact(at(17, 6, 59), "primary", "mail")]
    load = pure.digest(pure.Rows(pages=pages), WEEK, terms).load
    assert [(one.service, one.pages, one.at_night) for one in load] == [("mail", 3, 1), ("berlin", 1, 1)]
    assert load[0].roles == {"primary": 2, "secondary": 1}


def test_proposals_come_to_the_alarms_they_are_about() -> None:
    digest = made(alarms=[count("a", 9), count("b", 1, flaps=9)])
    alarm = Alarm(name="cpu", period=60, evaluation_periods=1, datapoints=1)
    quick = AlarmDetail(alarm, [Firing(30, 0, None)] * 9)
    whole = pure.proposed(digest, {"1/eu/a": quick})
    assert [one.proposal is not None for one in whole.noisy] == [False, True]
