"""The digest: asked for, posted by a button, posted every week by whichever bot is first, with and without charts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot import periods
from bot.app import Bot
from bot.config import Config, Digests
from bot.models import Change, PostMortemStatus, Severity, Status
from bot.reporting import parse
from jobs import intake
from tests.blocks.texts import elements
from tests.bot.make import ANA, action_item, alert, incident, post_mortem
from tests.bot.storing import at_once
from tests.flows.aws import queue
from tests.workspace import Channel, Message, Workspace, wait_for

CONFIG = Config(time_zone="Europe/Berlin", digest=Digests(at="09:00"))
BERLIN = ZoneInfo("Europe/Berlin")


def bot_of(world: Workspace) -> Bot:
    assert world.bot is not None
    return world.bot


def happened(world: Workspace, ago: timedelta, number: int = 1, **values: Any) -> None:
    """An incident that was declared then, acknowledged after 3 minutes and over after 41; and two alerts of it."""
    at = world.clock() - ago
    facts: dict[str, Any] = {
        "service": "checkout-api",
        "severity": Severity.SEV2,
        "status": Status.RESOLVED,
        "declared_at": at,
        "acknowledged_at": at + timedelta(minutes=3),
        "resolved_at": at + timedelta(minutes=41),
    }
    alerts = tuple(
        alert(2 * number + each, fired_at=at, received_at=at, changed_at=at, over_at=at, service="checkout-api")
        for each in (0, 1)
    )
    one = incident(number, **{**facts, **values})
    bot_of(world).store.save(Change(incidents=(one,), alerts=alerts), at)


def until_due(world: Workspace, *, weeks: int = 1) -> float:
    """Seconds until half a minute after the so-manieth next Monday, 09:00 in Berlin."""
    last = periods.last_due(0, CONFIG.digest.at, BERLIN, world.clock())
    day = last.astimezone(BERLIN).date() + timedelta(days=7 * weeks)
    due = datetime.combine(day, CONFIG.digest.at, BERLIN)
    return (due - world.clock()).total_seconds() + 30


def digests(channel: Channel) -> list[Message]:
    return [
        message for message in channel.messages() if not message.is_ephemeral and "▲▼ compared with" in message.text
    ]


def charts(message: Message) -> list[str]:
    return [each["title"] for each in elements(message.raw["blocks"], "data_visualization")]


@pytest.fixture
def world(empty_world: Workspace) -> Workspace:
    empty_world.start_bot(CONFIG)
    return empty_world


@contextmanager
def another_bot(world: Workspace) -> Iterator[Bot]:
    """A second process on the same store, as far as jobs go."""
    other = Bot(world.settings(), CONFIG, world.clock)
    try:
        yield other
    finally:
        other.store.close()


# -- asked for


def test_somebody_looks_at_the_week_and_posts_it(world: Workspace) -> None:
    happened(world, timedelta(hours=1))
    happened(world, timedelta(days=2), 2, severity=Severity.SEV1)
    happened(world, timedelta(days=9), 3)
    world.ana.run("/incident digest")
    shown = world.ana.told("▲▼ compared with")
    assert "*2* (▲1)\n1 SEV-1 · 1 SEV-2" in shown.text
    assert "*3 min* typically (=)" in shown.text
    assert charts(shown) == ["Incidents per day", "Time to resolve, 8 weeks"]
    assert digests(world.ops) == [], "nobody else has seen it"

    world.ana.click(shown, "Post to channel")
    world.ana.told("Posted to #ops-incidents.")
    posted = world.ops.expect("posted by")
    assert f"<@{ANA}>" in posted.text
    assert posted.buttons == []
    world.ana.click(shown, "Post to channel")
    told = world.ana.told("nothing in it is different now").text
    assert "It is in #ops-incidents already (" in told
    assert f"/p{posted.ts.replace('.', '')}|Here it is" in told
    world.advance(3)
    world.bob.run("/incident digest")
    world.bob.click(world.bob.told("▲▼ compared with"), "Post to channel")
    world.bob.told("nothing in it is different now")
    world.settled()
    assert len(digests(world.ops)) == 1
    happened(world, timedelta(hours=2), 4)
    world.bob.run("/incident digest 1w")
    world.bob.click(world.bob.sees().expect("3 incidents", ephemeral=True), "Post to channel")
    world.bob.told("Posted to #ops-incidents.")
    wait_for(lambda: len(digests(world.ops)) == 2, "the digest with what happened since")


def test_its_worst_incidents_are_named_and_lead_to_their_cards(world: Workspace) -> None:
    world.ana.run("/incident declare sev2 search slow")
    card = world.ops.expect("INC-1 · SEV-2")
    for number in range(2, 8):
        happened(world, timedelta(hours=number), number, severity=Severity.SEV3)
    world.ana.run("/incident digest")
    shown = world.ana.told("Worst incidents")
    [first] = elements(shown.raw["blocks"], "link")
    assert first["text"] == "INC-1"
    assert first["url"].endswith(f"/p{card.ts.replace('.', '')}")
    assert shown.text.index("INC-1") < shown.text.index("INC-2") < shown.text.index("INC-5")
    assert "INC-6" not in shown.text


def test_what_is_overdue_leads_to_where_it_is_and_belongs_to_its_service(world: Workspace) -> None:
    world.ana.run("/incident declare sev1 checkout-api payments fail")
    above = world.ops.expect("INC-1 · SEV-1")
    world.ana.run('/incident resolve INC-1 "rolled back"')
    card = world.ops.expect("Post-mortem of INC-1", thread_ts=above.ts)
    world.advance(4 * 86_400)
    happened(world, timedelta(days=1), 3, service="search")
    now = world.clock()
    item = action_item(1, due=(now - timedelta(days=1)).date(), url="https://git.example.com/7")
    filed = post_mortem(3, status=PostMortemStatus.FILED, ended_at=now)
    bot_of(world).store.save(Change(post_mortems=(filed,), action_items=(item,)), now)
    world.ana.run("/incident digest checkout-api")
    shown = world.ana.told("Overdue")
    found = {each["text"]: each["url"] for each in elements(shown.raw["blocks"], "link")}
    assert found["post-mortem INC-1"].endswith(f"/p{card.ts.replace('.', '')}")
    assert found["AI-1 alarm on the pool"] == "https://git.example.com/7"
    assert "1 filed" in shown.text
    world.ana.run("/incident digest search")
    world.ana.sees().expect("Nothing overdue.", ephemeral=True)


@pytest.mark.parametrize(
    ("typed", "days"), [("2w", 14), ("week", 7), ("2 weeks", 14), ("month", 30), ("1 day", 1), ("30d", 30), ("", 7)]
)
def test_periods_are_understood_as_people_type_them(typed: str, days: int) -> None:
    assert parse(typed) == (days, "")
    assert parse(f"{typed} checkout api") == (days, "checkout api")


def test_of_one_service_and_of_more_days(world: Workspace) -> None:
    happened(world, timedelta(days=9))
    happened(world, timedelta(days=9), 2, service="search")
    world.ana.run("/incident digest 30d Checkout_API")
    shown = world.ana.told("30 days")
    assert "Checkout_API" in shown.text
    assert "*1 SEV-2* (▲1)" in shown.text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("400d", "I can look back 1 to 366 days"),
        ("0d", "I can look back 1 to 366 days"),
        ("7d 30d", "Which one: 7d or 30d? One period at a time"),
        ("100 weeks", "I can look back 1 to 366 days"),
        ("chekout", "I know nothing about “chekout”. No alarm named it."),
    ],
)
def test_what_can_not_be_shown_is_said(world: Workspace, typed: str, told: str) -> None:
    world.ana.run(f"/incident digest {typed}")
    world.ana.told(told)


def test_guests_see_no_digest(world: Workspace) -> None:
    world.gus.run("/incident digest")
    world.gus.told("Guests can't")


def test_an_empty_week_is_one_line(world: Workspace) -> None:
    world.ana.run("/incident digest")
    world.ana.told("no incidents, no alerts, nothing overdue")


# -- every week


def test_two_bots_post_one_digest_when_it_is_due(world: Workspace) -> None:
    happened(world, timedelta(minutes=1))
    world.advance(until_due(world))
    with another_bot(world) as other:
        mine = bot_of(world)
        assert sorted(at_once(mine.digests.weekly, other.digests.weekly)) == [False, True]
        world.ops.expect("▲▼ compared with")
        for _ in range(3):
            assert not mine.digests.weekly()
            assert not other.digests.weekly()
    world.settled()
    [posted] = digests(world.ops)
    assert "(week " in posted.plain, "the whole week, Monday to Sunday"
    world.advance(7 * 86_400)
    assert bot_of(world).digests.weekly(), "and the next one a week later"


def test_the_weekly_one_and_one_by_hand_of_the_same_days_are_the_same(world: Workspace) -> None:
    world.advance(until_due(world) - 3600)
    world.restart_bot(Config(time_zone="Europe/Berlin", digest=Digests(at="09:00", until="now")))
    happened(world, timedelta(minutes=50))
    world.advance(3600)
    assert bot_of(world).digests.weekly()
    world.ops.expect("▲▼ compared with")
    world.advance(12)
    world.ana.run("/incident digest")
    world.ana.click(world.ana.told("▲▼ compared with"), "Post to channel")
    world.ana.told("nothing in it is different now")
    happened(world, timedelta(minutes=3), 2)
    world.ana.click(world.ana.told("▲▼ compared with"), "Post to channel")
    world.ana.told("Posted to #ops-incidents.")
    wait_for(lambda: len(digests(world.ops)) == 2, "the one with what happened since")


def test_the_weekly_one_is_not_posted_where_somebody_was_faster(world: Workspace) -> None:
    world.advance(until_due(world) - 60)
    world.restart_bot(Config(time_zone="Europe/Berlin", digest=Digests(at="09:00", until="now")))
    happened(world, timedelta(minutes=50))
    world.ana.run("/incident digest")
    world.ana.click(world.ana.told("▲▼ compared with"), "Post to channel")
    world.ana.told("Posted to #ops-incidents.")
    world.advance(60)
    assert not bot_of(world).digests.weekly()
    world.settled()
    assert len(digests(world.ops)) == 1


def test_one_that_ends_when_it_is_due_tells_of_that_day_too(world: Workspace) -> None:
    world.advance(until_due(world) - 3600)
    world.stop_bot()
    world.start_bot(Config(time_zone="Europe/Berlin", digest=Digests(at="09:00", until="now")))
    happened(world, timedelta(minutes=50))
    world.advance(3600)
    assert bot_of(world).digests.weekly()
    assert charts(world.ops.expect("▲▼ compared with"))


def test_nothing_is_posted_before_it_is_due_nor_for_when_the_bot_was_not_there(world: Workspace) -> None:
    assert not bot_of(world).digests.weekly()
    world.advance(until_due(world) - 60)
    assert not bot_of(world).digests.weekly()


def test_three_weeks_away_are_one_digest_of_the_last_week(world: Workspace) -> None:
    happened(world, timedelta(minutes=1))
    away = until_due(world, weeks=3) + 3 * 86_400
    world.stop_bot()
    world.advance(away)
    world.start_bot(CONFIG)
    assert bot_of(world).digests.weekly()
    world.ops.expect("no incidents, no alerts")
    assert not bot_of(world).digests.weekly()
    world.settled()
    assert world.ops.count("no incidents, no alerts") == 1


@pytest.mark.logs_errors
def test_what_waited_in_the_alert_queue_meanwhile_is_counted(
    empty_world: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away from Sunday on, back on Monday at five past nine, and the queue can't be read at first."""
    world = empty_world
    monkeypatch.setattr(intake, "backoff", lambda failures: 0.02)
    with queue(world) as alerts:
        world.start_bot(CONFIG, **alerts.environment)
        happened(world, timedelta(minutes=1))
        world.stop_bot()
        world.advance(until_due(world, weeks=2) + 300)
        for name in ("prod-search-latency-high", "prod-mail-latency-high", "prod-pay-latency-high"):
            alerts.alarm(name, ago=86_400)
        fault = {"service": "sqs", "operation": "ReceiveMessage", "kind": "error", "error": "AccessDenied"}
        alerts.aws.faults.add({**fault, "status": 400, "times": None})
        bot = world.start_bot(CONFIG, **alerts.environment)
        wait_for(lambda: not bot.intake.is_healthy if bot.intake else False, "a queue that can't be read")
        _looked_at(bot)
        due = periods.last_due(0, CONFIG.digest.at, BERLIN, world.clock())
        assert not bot.store.was_requested(f"digest:{periods.week_of(due, BERLIN)}"), "it waits for the queue"

        alerts.aws.faults.clear()
        alerts.taken()
        _looked_at(bot)
        world.ops.expect("3 alerts")
        world.settled()
        world.stop_bot()


def _looked_at(bot: Bot) -> None:
    """The job has run, whatever it did."""
    jobs = bot._jobs._scheduler
    before = datetime.now(UTC)
    bot._jobs.nudge("digest")
    wait_for(lambda: jobs.get_job("digest").next_run_time > before + timedelta(seconds=1), "its next time")


def test_a_bot_that_died_after_claiming_the_week_has_it_posted_after_its_restart(world: Workspace) -> None:
    happened(world, timedelta(minutes=1))
    world.fault("chat.postMessage", "drop_before", times=1)
    world.advance(until_due(world))
    assert bot_of(world).digests.weekly()
    world.stop_bot()
    world.start_bot(CONFIG)
    assert not bot_of(world).digests.weekly()
    world.advance(120)
    world.ops.expect("▲▼ compared with")
    assert len(digests(world.ops)) == 1


def test_who_wants_none_gets_none_and_another_channel_is_possible(world: Workspace) -> None:
    happened(world, timedelta(minutes=1))
    world.stop_bot()
    world.start_bot(Config(digest=Digests(weekly=False)))
    world.advance(until_due(world))
    assert not bot_of(world).digests.weekly()
    world.stop_bot()
    world.start_bot(Config(time_zone="Europe/Berlin", digest=Digests(channel="general")))
    assert bot_of(world).digests.weekly()
    world.channel("general").expect("▲▼ compared with")
    assert digests(world.ops) == []


# -- without charts


def test_where_slack_refuses_the_charts_the_same_goes_out_without_them(world: Workspace) -> None:
    happened(world, timedelta(minutes=1))
    world.advance(until_due(world))
    world.fault("chat.postMessage", "error", error="invalid_blocks", times=1)
    assert bot_of(world).digests.weekly()
    posted = world.ops.expect("▲▼ compared with")
    assert charts(posted) == []
    assert "checkout-api" in posted.text
    world.settled()
    assert len(digests(world.ops)) == 1


def test_so_does_the_answer_to_who_asked(world: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response_url answers 400 with the reason as text."""
    send, refused = WebhookClient.send, WebhookResponse(url="", status_code=400, body="invalid_blocks", headers={})

    def without_charts(client: WebhookClient, **message: Any) -> WebhookResponse:
        has_charts = elements(message["blocks"] or [], "data_visualization")
        return refused if has_charts else send(client, **message)

    monkeypatch.setattr(WebhookClient, "send", without_charts)
    happened(world, timedelta(days=1))
    world.ana.run("/incident digest")
    shown = world.ana.told("▲▼ compared with")
    assert charts(shown) == []
    assert shown.buttons == ["Post to channel"]


def test_a_mention_is_answered_with_it_too(world: Workspace) -> None:
    happened(world, timedelta(days=1))
    world.fault("chat.postEphemeral", "error", error="invalid_blocks", times=1)
    said = world.ana.say("<@U0BOT> digest 7d")
    told = world.ana.sees().expect("▲▼ compared with", thread_ts=said["ts"], ephemeral=True)
    assert charts(told) == []
