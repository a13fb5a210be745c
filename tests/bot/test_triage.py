"""The rules of triage, stage by stage: what a new alert is, who hears of it, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.config import Config
from bot.models import Alert, Severity, Shown, Silence, Stage, Storm
from bot.owed import Target
from bot.signals import Alarm, AlarmChanged, AlarmState
from bot.triage import Around, Rules, decide
from tests.bot.make import ANA, NOW, after, incident

SUNDAY_NIGHT = NOW  # 03:00 UTC
MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:123456789012:sev{}"
TOPICS = {number: TOPIC.format(number) for number in (1, 2, 3, 4)}


def rules(*, can_page: bool = True, **config: Any) -> Rules:
    return Rules(Config.model_validate(config), "ops-incidents", can_page=can_page)


def change(name: str = "prod-shop-latency-high", *, suppressed: str = "", **alarm: Any) -> AlarmChanged:
    facts = {"account": "123456789012", "region": "us-east-1", **alarm}
    made = Alarm(name=name, **facts)
    return AlarmChanged(source_id="m1", alarm=made, state=AlarmState.ALARM, at=NOW, suppressed=suppressed)


def decided(name: str = "prod-shop-latency-high", around: Around | None = None, **config: Any) -> Alert:
    alarm = config.pop("alarm", {})
    return decide(change(name, **alarm), 7, around or Around(NOW, {}), rules(**config))


def why(alert: Alert, stage: Stage) -> str:
    return next(f"{each.outcome}: {each.reason}" for each in alert.decisions if each.stage is stage)


def fellow(number: int = 1, **values: Any) -> Alert:
    """An alert of the same service that fires."""
    facts: dict[str, Any] = {"severity": Severity.SEV2, "service": "shop", "group": "prod/shop", "channels": ("ops",)}
    times = {"fired_at": NOW, "received_at": NOW, "changed_at": NOW}
    alarm = change(f"prod-shop-other{number}-high").alarm
    return Alert(number=number, key=alarm.key, alarm=alarm, **{**facts, **times, **values})


# -- severity


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("prod-shop-latency-critical", Severity.SEV1),
        ("prod-shop-latency-CRIT", Severity.SEV1),
        ("prod-shop-p1", Severity.SEV1),
        ("prod-shop-latency-high", Severity.SEV2),
        ("prod-shop-latency-error", Severity.SEV2),
        ("prod-shop-latency-warning", Severity.SEV3),
        ("prod-shop-latency-medium", Severity.SEV3),
        ("prod-shop-latency-low", Severity.SEV4),
        ("prod-shop-latency-info", Severity.SEV4),
        ("prod-critical-shop-latency", Severity.SEV3),
        ("critical", Severity.SEV3),
    ],
)
def test_the_end_of_the_name_says_how_bad_it_is(name: str, severity: Severity) -> None:
    assert decided(name).severity is severity


def test_the_first_rule_of_the_config_file_wins_and_is_named() -> None:
    own = [
        {"alarm": "other-*", "severity": 1},
        {"service": "shop", "environment": "prod", "severity": 4},
        {"alarm": "*-critical", "severity": 2},
    ]
    alert = decided("prod-shop-latency-critical", severities=own)
    assert alert.severity is Severity.SEV4
    assert "config.yml: severities[1]" in why(alert, Stage.SEVERITY)
    assert decided("dev-shop-latency-critical", severities=own).severity is Severity.SEV2


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"alarm": "PROD-*"}, True),
        ({"alarm": "/shop-(latency|errors)/"}, True),
        ({"alarm": "/^shop/"}, False),
        ({"alarm": ["nothing", "prod-shop-*"]}, True),
        ({"namespace": "AWS/EC2"}, True),
        ({"namespace": "AWS/RDS"}, False),
        ({"account": "123456789012", "metric": "CPU*"}, True),
        ({"account": "999999999999", "metric": "CPU*"}, False),
        ({"tags": {"tier": "gold*"}}, True),
        ({"tags": {"tier": "silver"}}, False),
        ({"tags": {"tier": "*"}}, True),
        ({"tags": {"team": "*"}}, False),
        ({"tags": {"tier": "*", "team": "*"}}, False),
        ({"service": "shop", "environment": "prod"}, True),
    ],
)
def test_all_that_a_rule_names_must_fit(rule: dict[str, Any], fits: bool) -> None:
    alarm = {"namespace": "AWS/EC2", "metric": "CPUUtilization"}
    around = Around(NOW, {"tier": "golden"})
    alert = decided(around=around, alarm=alarm, severities=[{**rule, "severity": 4}])
    assert (alert.severity is Severity.SEV4) is fits


def test_a_tag_that_is_empty_is_there_and_one_that_was_not_read_is_not() -> None:
    rule = [{"tags": {"tier": "*"}, "severity": 4}]
    assert decided(around=Around(NOW, {"tier": ""}), severities=rule).severity is Severity.SEV4
    assert decided(around=Around(NOW, None), severities=rule).severity is not Severity.SEV4


def test_what_the_message_says_goes_before_the_name_and_after_the_rules() -> None:
    assert decided("prod-shop-x-critical", alarm={"severity": "SEV-4"}).severity is Severity.SEV4
    assert decided("prod-shop-x-critical", alarm={"severity": "unheard of"}).severity is Severity.SEV1
    forced = [{"alarm": "*", "severity": 2}]
    assert decided("prod-shop-x-critical", alarm={"severity": "low"}, severities=forced).severity is Severity.SEV2


# -- routing and business hours


@pytest.mark.parametrize(
    ("name", "now", "pages", "mailed"),
    [
        ("prod-shop-x-critical", SUNDAY_NIGHT, True, True),
        ("prod-shop-x-high", SUNDAY_NIGHT, True, True),
        ("prod-shop-x-medium", SUNDAY_NIGHT, False, True),
        ("prod-shop-x-medium", MONDAY_NOON, False, False),
        ("prod-shop-x-low", SUNDAY_NIGHT, False, False),
        ("prod-shop-x-high", MONDAY_NOON, True, True),
    ],
)
def test_who_hears_of_it_by_severity_and_hour(name: str, now: datetime, pages: bool, mailed: bool) -> None:
    alert = decided(name, Around(now, {}), topics=TOPICS)
    assert alert.pages is pages
    assert alert.topic == (TOPIC.format(int(alert.severity)) if mailed else None)
    assert alert.channels == (Target.OPS.value,)


def test_business_hours_are_those_of_the_services_people() -> None:
    """Monday 00:30 UTC is Monday morning in Tokyo."""
    monday = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    tokyo = {"services": {"shop": {"time_zone": "Asia/Tokyo"}}, "topics": TOPICS}
    assert decided("prod-shop-x-medium", Around(monday, {}), **tokyo).topic is None
    assert decided("prod-shop-x-medium", Around(monday, {}), topics=TOPICS).topic is not None


def test_nobody_is_paged_where_nobody_can_be() -> None:
    alert = decide(change(), 7, Around(NOW, {}), rules(can_page=False))
    assert not alert.pages
    assert "nobody can be paged" in why(alert, Stage.ROUTING)


def test_the_first_route_that_fits_says_where_and_whether_to_page() -> None:
    routes = [
        {"severity": 1, "channels": ["sev1"]},
        {"service": "shop", "channels": ["#shop", "ops-incidents", "shop"], "page": False, "topic": TOPIC.format(9)},
        {"service": "shop", "channels": ["never"]},
    ]
    alert = decided(routes=routes)
    assert alert.channels == ("shop", Target.OPS.value)
    assert not alert.pages
    assert alert.topic == TOPIC.format(9)
    assert "routes[1] says no page" in why(alert, Stage.ROUTING)
    assert decided("prod-shop-x-critical", routes=routes).channels == ("sev1",)
    assert decided("prod-shop-x-critical", routes=routes).pages


def test_a_route_may_page_for_what_otherwise_waits() -> None:
    assert decided("prod-shop-x-low", routes=[{"alarm": "*", "page": True}]).pages


def test_a_services_own_channel_is_where_it_goes_without_a_route() -> None:
    assert decided(services={"shop": {"channel": "#shop-alerts"}}).channels == ("shop-alerts",)


# -- grouping


@pytest.mark.parametrize(
    ("lead", "later", "stands_under"),
    [
        ({}, 1799, 1),
        ({}, 1801, None),
        ({"severity": Severity.SEV3}, 60, None),
        ({"severity": Severity.SEV1}, 60, 1),
    ],
)
def test_alerts_of_a_service_stand_under_one_card(lead: dict[str, Any], later: float, stands_under: int | None) -> None:
    alert = decided(around=Around(after(later), {}, lead=fellow(**lead)))
    assert alert.lead == stands_under
    assert alert.pages is (stands_under is None)
    assert alert.shown is (Shown.CARD if stands_under is None else Shown.THREAD)


@pytest.mark.parametrize(
    ("severity", "later", "joins", "pages"),
    [
        (Severity.SEV2, 60, True, False),
        (Severity.SEV1, 60, True, False),
        (Severity.SEV3, 60, True, True),
        (Severity.SEV2, 1801, False, True),
    ],
)
def test_an_alert_joins_the_open_incident_of_its_service(
    severity: Severity, later: float, joins: bool, pages: bool
) -> None:
    alert = decided(around=Around(after(later), {}, incident=incident(4, severity=severity)))
    assert alert.incident == (4 if joins else None)
    assert alert.pages is pages


def test_the_window_of_an_incident_starts_anew_with_each_of_its_alerts() -> None:
    around = Around(after(3000), {}, incident=incident(4, fired_at=after(2000)))
    assert decided("prod-shop-x-low", around).incident == 4


def test_alerts_without_a_service_have_no_group() -> None:
    assert decided("SomethingElse").group == ""


# -- silences, maintenance, inhibition


@pytest.mark.parametrize(
    ("silence", "hides"),
    [
        ({"pattern": "prod-shop-*"}, True),
        ({"pattern": "/LATENCY/"}, True),
        ({"pattern": "prod-shop"}, False),
        ({"pattern": "x", "key": "123456789012/us-east-1/prod-shop-latency-high"}, True),
        ({"pattern": "*", "key": "123456789012/eu-west-1/prod-shop-latency-high"}, False),
        ({"pattern": "*", "ends_at": NOW}, False),
        ({"pattern": "*", "starts_at": after(1)}, False),
        ({"pattern": "*", "ended_at": NOW}, False),
    ],
)
def test_a_silence_hides_what_it_covers_and_nobody_is_paged(silence: dict[str, Any], hides: bool) -> None:
    facts: dict[str, Any] = {"starts_at": NOW, "ends_at": after(60), **silence}
    around = Around(NOW, {}, silences=[Silence(id="s1", by=ANA, why="known", **facts)])
    alert = decided(around=around, topics=TOPICS)
    assert (alert.shown is Shown.SILENCED) is hides
    assert (alert.silence == "s1") is hides
    assert alert.pages is not hides
    assert (alert.topic is None) is hides


def test_what_cloudwatch_suppresses_is_silent_here_too() -> None:
    alert = decide(change(suppressed="WaitPeriod"), 7, Around(NOW, {}), rules())
    assert alert.shown is Shown.SILENCED
    assert alert.silence == "CloudWatch:WaitPeriod"


def test_a_composite_alarm_stands_for_its_children() -> None:
    alert = decided(around=Around(NOW, {}, parent=fellow(3)))
    assert (alert.shown, alert.parent, alert.pages) == (Shown.INHIBITED, 3, False)


def test_a_silence_goes_before_a_composite_alarm() -> None:
    silence = Silence(id="s1", pattern="*shop*", by=ANA, why="known", starts_at=NOW, ends_at=after(60))
    alert = decided(around=Around(NOW, {}, silences=[silence], parent=fellow(3)))
    assert (alert.shown, alert.parent) == (Shown.SILENCED, None)


BERLIN = "Europe/Berlin"
NIGHTLY = {"at": "02:30", "lasts": "1h", "time_zone": BERLIN}


@pytest.mark.parametrize(
    ("window", "now", "is_on"),
    [
        ({"from": "2026-11-22T02:00:00", "until": "2026-11-22T04:00:00"}, "2026-11-22T03:59:59+00:00", True),
        ({"from": "2026-11-22T02:00:00", "until": "2026-11-22T04:00:00"}, "2026-11-22T04:00:00+00:00", False),
        (
            {"from": "2026-11-22T02:00:00", "until": "2026-11-22T04:00:00", "time_zone": BERLIN},
            "2026-11-22T03:30:00+00:00",
            False,
        ),
        ({"from": "2026-11-22T02:00:00+05:00", "until": "2026-11-22T04:00:00+05:00"}, "2026-11-21T22:00:00Z", True),
        (NIGHTLY, "2026-11-22T01:30:00+00:00", True),
        (NIGHTLY, "2026-11-22T02:30:00+00:00", False),
        ({**NIGHTLY, "days": ["sun"]}, "2026-11-22T01:45:00+00:00", True),
        ({**NIGHTLY, "days": ["mon"]}, "2026-11-22T01:45:00+00:00", False),
        ({"at": "23:00", "lasts": "3h", "days": ["sat"]}, "2026-11-22T01:59:00+00:00", True),
        ({"at": "23:00", "lasts": "3h", "days": ["sun"]}, "2026-11-22T01:59:00+00:00", False),
        ({"at": "08:00", "lasts": "2d12h", "days": ["fri"]}, "2026-11-22T19:59:00+00:00", True),
        ({"at": "08:00", "lasts": "2d12h", "days": ["fri"]}, "2026-11-22T20:01:00+00:00", False),
        # summer time begins on 29 March 2026 at 01:00 UTC: a window that starts at 00:30 is an hour long all the same
        ({"at": "01:30", "lasts": "1h", "time_zone": BERLIN}, "2026-03-29T01:29:00+00:00", True),
        ({"at": "01:30", "lasts": "1h", "time_zone": BERLIN}, "2026-03-29T01:31:00+00:00", False),
        # and ends on 25 October at 01:00 UTC
        ({"at": "01:30", "lasts": "2h", "time_zone": BERLIN}, "2026-10-25T01:29:00+00:00", True),
        ({"at": "01:30", "lasts": "2h", "time_zone": BERLIN}, "2026-10-25T01:31:00+00:00", False),
        ({"at": "01:30", "lasts": "2h", "time_zone": BERLIN}, "2026-10-24T23:30:00+00:00", True),
    ],
)
def test_a_maintenance_window_hides_what_it_names_while_it_is_on(window: dict[str, Any], now: str, is_on: bool) -> None:
    windows = [{"name": "patching", "service": "shop", **window}]
    moment = datetime.fromisoformat(now).astimezone(UTC)
    alert = decided(around=Around(moment, {}), maintenance=windows)
    assert (alert.shown is Shown.SILENCED) is is_on
    assert decided("prod-search-x-high", Around(moment, {}), maintenance=windows).shown is Shown.CARD
    if is_on:
        assert alert.silence == "maintenance:patching"


# -- storms


def stormy(limit: int = 3) -> Rules:
    return rules(triage={"storm": {"alerts": limit, "within": "1m", "calm": "5m"}})


def test_one_more_than_allowed_within_the_window_is_a_storm_and_only_what_pages_keeps_its_card() -> None:
    by, storm = stormy(), Storm(channel="ops", window=NOW)
    shown = []
    for number in range(5):
        storm, how = by.storm(storm, fellow(number, severity=Severity.SEV3), after(number))
        shown.append(how)
    assert shown == [Shown.CARD] * 3 + [Shown.STORM] * 2
    assert storm.is_on
    assert (storm.alerts, storm.shown, storm.hidden) == (5, 3, 2)
    storm, how = by.storm(storm, fellow(6, pages=True), after(6))
    assert how is Shown.CARD
    storm, how = by.storm(storm, fellow(7, severity=Severity.SEV1), after(7))
    assert how is Shown.CARD
    assert (storm.alerts, storm.shown, storm.hidden) == (7, 5, 2)


def test_in_a_storm_each_service_that_pages_has_a_card_and_another_for_what_is_worse() -> None:
    by, storm = stormy(), Storm(channel="ops", window=NOW)
    for number in range(9):  # three services, three alerts each
        page = fellow(number, pages=True, severity=Severity.SEV2, group=f"prod/s{number % 3}")
        storm, how = by.storm(storm, page, after(number))
        assert how is (Shown.CARD if number < 3 else Shown.CARD if not storm.is_on else Shown.STORM)
    assert storm.is_on
    storm, how = by.storm(storm, fellow(10, pages=True, severity=Severity.SEV1, group="prod/s0"), after(10))
    assert how is Shown.CARD, "worse than what has a card"
    storm, how = by.storm(storm, fellow(11, pages=True, severity=Severity.SEV2, group="prod/s9"), after(11))
    assert how is Shown.CARD, "however many there were"
    assert (storm.alerts, storm.shown, storm.hidden) == (11, 5, 6)


def test_slow_alerts_are_no_storm() -> None:
    by, storm = stormy(), Storm(channel="ops", window=NOW)
    for number in range(30):
        storm, how = by.storm(storm, fellow(number), after(number * 25))
        assert how is Shown.CARD
    assert not storm.is_on


def test_every_alert_has_a_reason_for_each_stage_and_a_number() -> None:
    alert = decided()
    stages = [each.stage for each in alert.decisions]
    assert stages == [
        Stage.DEDUP,
        Stage.FLAP,
        Stage.SILENCE,
        Stage.INHIBITION,
        Stage.ENRICHMENT,
        Stage.SEVERITY,
        Stage.ROUTING,
        Stage.GROUPING,
        Stage.REMEDIATION,
    ]
    assert all(each.reason for each in alert.decisions)
    assert (alert.number, alert.fired_at, alert.received_at) == (7, NOW, NOW)


def test_tags_that_were_not_read_are_said() -> None:
    assert "its tags were not read" in why(decided(around=Around(NOW, None)), Stage.ENRICHMENT)
    assert "tags" not in why(decided(around=Around(NOW, {})), Stage.ENRICHMENT)
