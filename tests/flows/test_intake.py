"""The alert queue in bad times: nothing is lost, nothing is done twice, and the bot says once what is wrong."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta

import pytest

from bot.app import Bot
from bot.config import Config
from bot.store import database
from jobs import intake
from sandbox.aws.server import AwsServer
from sandbox.shop.notices import alarm, notification
from tests.flows.aws import Queue, alerted, queue
from tests.workspace import Workspace, wait_for

NAME = "prod-checkout-api-latency-critical"
HIDDEN = 31  # seconds: a message that was taken and not deleted comes again


def running(world: Workspace) -> Bot:
    assert world.bot is not None
    return world.bot


def rows(world: Workspace, sql: str) -> list[tuple[object, ...]]:
    """What the database file says."""
    with closing(sqlite3.connect(world.folder / "aiops.db")) as db:
        return list(db.execute(sql).fetchall())


def stored(world: Workspace) -> Counter[str]:
    """The messages that every alert counts, by the name of its alarm."""
    found: Counter[str] = Counter()
    for (data,) in rows(world, "SELECT data FROM alerts"):
        alert = json.loads(str(data))
        found[alert["alarm"]["name"]] += alert.get("count", 1)
    return found


def taken(alerts: Queue, bot: Bot, times: int) -> None:
    """Wait until the bot has taken so many messages from the queue."""
    assert bot.intake is not None
    seen = bot.intake
    wait_for(lambda: seen.received >= times, f"{times} messages taken")


SHAPES = {
    "no JSON": '{"AlarmName": "prod-checkout-<latency> & more", ',
    "256 KB": "x<&>" * (64 * 1024 - 1),
    "binary": "\ufffd\t\ud7ff binary \u00ff\u0080 \U0001f4a5",
    "no object": "[1, 2, 3]",
    "unknown shape": '{"hello": "world"}',
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES)
def test_what_cannot_be_read_is_shown_raw_once_stored_and_ends_in_the_dead_letter_queue(
    empty_world: Workspace, alerts: Queue, body: str
) -> None:
    bot = running(empty_world)
    alerts.put(body)
    shown = empty_world.ops.expect("can't be read")
    start = body[:12].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    start = "\\ufffd\\t" if body == SHAPES["binary"] else start
    assert start in shown.text
    assert len(shown.text) < 8000
    for times in (2, 3):
        alerts.aws.advance(HIDDEN)
        taken(alerts, bot, times)
    alerts.aws.advance(HIDDEN)
    wait_for(lambda: alerts.dead() == 1, "the message in the dead-letter queue")
    assert alerts.left() == 0
    empty_world.settled()
    assert empty_world.ops.count("can't be read") == 1
    assert rows(empty_world, "SELECT raw FROM unreadable") == [(body,)]


def test_what_cannot_be_read_does_not_keep_what_can(empty_world: Workspace, alerts: Queue) -> None:
    alerts.put("garbage one")
    alerts.alarm(NAME)
    alerts.put("garbage two")
    empty_world.ops.expect("SEV-1 · checkout-api")
    empty_world.ops.expect("garbage two")
    assert alerts.left() == 2, "the two stay for the queue's own count"


def test_a_flood_of_garbage_becomes_one_number(empty_world: Workspace, alerts: Queue) -> None:
    for number in range(60):
        alerts.put(f"garbage {number}")
    wait_for(lambda: rows(empty_world, "SELECT COUNT(*) FROM unreadable") == [(60,)], "60 messages kept")
    empty_world.advance(61)
    told = empty_world.ops.expect("messages on the alert queue could not be read")
    assert " 60 messages" in told.text
    empty_world.settled()
    assert empty_world.ops.count("messages on the alert queue could not be read") == 1
    assert empty_world.ops.count("can't be read") == 3


@pytest.mark.logs_errors
@pytest.mark.parametrize("error", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue"])
def test_a_queue_that_cannot_be_read_is_said_once_and_taken_up_again(
    empty_world: Workspace, alerts: Queue, caplog: pytest.LogCaptureFixture, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "backoff", lambda failures: 0.02)
    bot = running(empty_world)
    assert bot.health()["queue"] is True
    fault = {"service": "sqs", "operation": "ReceiveMessage", "kind": "error", "error": error, "status": 400}
    alerts.aws.faults.add({**fault, "times": None})
    wait_for(lambda: bot.health()["queue"] is False, "an ill queue")
    before = alerts.aws.log.n
    wait_for(lambda: alerts.aws.log.n > before + 4, "more tries")
    empty_world.ana.run("/incident declare sev4 search slow")
    empty_world.ops.expect("INC-1 · SEV-4")
    said = [each.getMessage() for each in caplog.records if "the alert queue can't be read" in each.getMessage()]
    assert len(said) == 1
    assert error in said[0]
    alerts.aws.faults.clear()
    alerts.alarm(NAME)
    empty_world.ops.expect("SEV-1 · checkout-api")
    wait_for(lambda: bot.health()["queue"] is True, "a healthy queue")


TOPIC = "arn:aws:sns:us-east-1:123456789012:sev1"


@pytest.mark.parametrize(
    "fault",
    [
        {"service": "sns", "operation": "Publish", "error": "AuthorizationError", "status": 403},
        {"service": "events", "operation": "PutEvents", "error": "AccessDeniedException", "status": 400},
        {"service": "events", "operation": "PutEvents", "error": "ResourceNotFoundException", "status": 400},
    ],
    ids=["no e-mail", "no events", "no bus"],
)
def test_aws_refusing_mail_or_events_breaks_nothing(
    empty_world: Workspace, fault: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with alerted(empty_world, topics={1: TOPIC}, on_call={"primary": "U0BOB"}) as alerts:
        alerts.aws.faults.add({**fault, "kind": "error", "times": None})
        alerts.alarm(NAME, ago=30)
        card = empty_world.ops.expect("SEV-1 · checkout-api")
        name = str(fault["error"])
        wait_for(lambda: [r for r in caplog.records if name in r.getMessage()], f"a warning about {name}")
        empty_world.ana.click(card, "Acknowledge")
        empty_world.ops.expect("INCIDENT DECLARED — SEV-1")
        alerts.alarm(NAME, "OK", value=0.1)
        empty_world.ops.expect("INCIDENT RESOLVED — SEV-1")
        wait_for(lambda: alerts.left() == 0, "an empty queue")


def test_two_hundred_at_once_with_duplicates_and_out_of_order_add_up(empty_world: Workspace, alerts: Queue) -> None:
    rng = random.Random(7)
    now = empty_world.clock()
    bodies: list[str] = []
    for number in range(40):
        at = now - timedelta(seconds=200 - number)
        name = f"prod-shop{number}-latency-high"
        bodies += [notification(alarm(name, "ALARM", at + timedelta(seconds=second))) for second in (0, 1, 2, 3)]
    again = rng.sample(bodies, 35)
    everything = [*bodies, *again, *(f"no json {number}" for number in range(5))]
    rng.shuffle(everything)
    for body in everything:
        alerts.put(body)
    wait_for(lambda: alerts.left() == 5, "all but what can't be read taken", 30)
    counted = stored(empty_world)
    assert set(counted) == {f"prod-shop{number}-latency-high" for number in range(40)}
    assert set(counted.values()) == {4}, "each message counts once, its duplicates do not"
    wait_for(lambda: _moved(alerts), "the dead-letter queue", 15)
    assert sum(counted.values()) + alerts.dead() + len(again) == 200


def _moved(alerts: Queue) -> bool:
    alerts.aws.advance(HIDDEN)
    return alerts.dead() == 5


def test_a_restart_in_the_middle_of_a_batch_loses_nothing_and_does_nothing_twice(
    empty_world: Workspace, alerts: Queue
) -> None:
    for number in range(40):
        alerts.alarm(f"prod-shop{number}-latency-medium")
    wait_for(lambda: stored(empty_world), "the first alerts")
    empty_world.stop_bot()
    empty_world.start_bot(Config(), **alerts.environment)
    alerts.aws.advance(HIDDEN)
    wait_for(lambda: alerts.left() == 0, "an empty queue", 20)
    assert stored(empty_world) == Counter({f"prod-shop{number}-latency-medium": 1 for number in range(40)})


def test_two_bots_on_one_queue_and_store_show_one_card_for_each_alarm(empty_world: Workspace, alerts: Queue) -> None:
    other = Bot(empty_world.settings(**alerts.environment), Config(), empty_world.clock)
    other.start()
    try:
        bodies = [
            notification(alarm(f"prod-shop{number}-cpu-low", "ALARM", empty_world.clock())) for number in range(12)
        ]
        for body in bodies * 3:
            alerts.put(body)
        alerts.taken()
        assert stored(empty_world) == Counter({f"prod-shop{number}-cpu-low": 1 for number in range(12)})
        cards = [m for m in empty_world.ops.messages() if "SEV-4 · shop" in m.text]
        services = Counter(next(f"shop{n}" for n in reversed(range(12)) if f"shop{n}" in m.text) for m in cards)
        assert services == Counter({f"shop{number}": 1 for number in range(12)})
    finally:
        with alerts.aws.hurried():
            other.stop()


def test_messages_that_could_not_be_deleted_change_nothing_when_they_come_again(
    empty_world: Workspace, alerts: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"service": "sqs", "operation": "DeleteMessageBatch", "kind": "error", "status": 403}
    alerts.aws.faults.add({**refused, "error": "AccessDenied", "times": 1})
    alerts.alarm(NAME)
    empty_world.ops.expect("SEV-1 · checkout-api")
    wait_for(lambda: "could not be deleted" in caplog.text, "the refusal")
    assert alerts.left() == 1
    alerts.aws.advance(HIDDEN)
    alerts.taken()
    assert alerts.dead() == 0
    assert stored(empty_world) == Counter({NAME: 1})
    assert empty_world.ops.count("SEV-1 · checkout-api") == 1


@pytest.mark.logs_errors
def test_while_the_database_is_locked_messages_wait_and_are_taken_later(
    empty_world: Workspace, alerts: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "backoff", lambda failures: 0.05)
    with closing(sqlite3.connect(empty_world.folder / "aiops.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        alerts.alarm(NAME)
        wait_for(lambda: "can't be stored yet" in caplog.text, "the first try", database.BUSY_SECONDS + 8)
        assert alerts.left() == 1
        other.execute("ROLLBACK")
    empty_world.ops.expect("SEV-1 · checkout-api")
    alerts.taken()
    assert stored(empty_world) == Counter({NAME: 1})


def test_a_jump_of_the_clock_neither_loses_nor_repeats(empty_world: Workspace, alerts: Queue) -> None:
    alerts.alarm(NAME)
    empty_world.ops.expect("SEV-1 · checkout-api")
    empty_world.advance(3 * 86400)
    alerts.alarm("prod-mail-latency-high")
    empty_world.ops.expect("SEV-2 · mail")
    empty_world.clock.advance(-7200)
    alerts.alarm("prod-search-latency-high")
    wait_for(lambda: alerts.left() == 0, "an empty queue")
    assert stored(empty_world) == Counter({NAME: 1, "prod-mail-latency-high": 1, "prod-search-latency-high": 1})


def test_what_came_while_the_bot_was_away_is_taken_when_it_is_back(empty_world: Workspace) -> None:
    with pytest.MonkeyPatch.context() as patch, queue(empty_world) as alerts:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        alerts.alarm(NAME, ago=300)
        alerts.alarm(NAME, "OK", ago=30, value=0.2)
        alerts.alarm("prod-search-latency-high", ago=60)
        bot = empty_world.start_bot(Config(), **alerts.environment)
        assert isinstance(alerts.aws, AwsServer)
        empty_world.ops.expect("SEV-2 · search")
        alerts.taken()
        assert [alert.service for alert in bot.store.firing_alerts()] == ["search"]
        empty_world.stop_bot()
