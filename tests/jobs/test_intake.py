"""The queue's loop by itself: when messages are deleted, and what a failure keeps from whom."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bot.errors import CloudError, StoreBusy
from bot.ports import Received
from bot.signals import PagerChange, Signal, Unreadable
from jobs import intake
from jobs.intake import Intake, backoff
from tests.bot.make import NOW
from tests.workspace import wait_for


def message(number: int, body: str | None = None) -> Received:
    alarm = {
        "AlarmName": f"alarm-{number}",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-11-22T03:00:00.000+0000",
    }
    alarm |= {"AWSAccountId": "123456789012", "Region": "US East (N. Virginia)", "OldStateValue": "OK"}
    text = json.dumps(alarm) if body is None else body
    return Received(message_id=f"m{number}", body=text, receipt=f"r{number}", attempts=1, sent_at=NOW)


class FakeInbox:
    """Gives out these batches, then nothing; writes down what is deleted and extended."""

    def __init__(self, *batches: Sequence[Received] | CloudError) -> None:
        self.batches = list(batches)
        self.deleted: list[str] = []
        self.extended: list[tuple[list[str], int]] = []
        self.refuses: CloudError | None = None
        self.waits: list[float] = []
        self.takers: set[str] = set()
        self._lock = threading.Lock()

    def receive(self, *, wait: float, limit: int = 10) -> list[Received]:
        with self._lock:
            self.waits.append(wait)
            self.takers.add(threading.current_thread().name)
            given = self.batches.pop(0) if self.batches else []
        if isinstance(given, CloudError):
            raise given
        if not given:
            threading.Event().wait(0.005)
        return list(given)

    def delete(self, receipts: Sequence[str]) -> None:
        if self.refuses:
            raise self.refuses
        self.deleted += receipts

    def extend(self, receipts: Sequence[str], seconds: int) -> None:
        self.extended.append((list(receipts), seconds))


class FakeAlerts:
    """Stores what it is given, unless it is about an alarm that `fails`, or it is busy so many times first."""

    def __init__(self, inbox: FakeInbox) -> None:
        self._inbox = inbox
        self.stored: list[str] = []
        self.raw: list[Unreadable] = []
        self.fails: set[str] = set()
        self.busy = 0
        self.deleted_early: list[str] = []

    def receive(self, signals: Sequence[Signal], alarms: Any) -> None:
        if self.busy:
            self.busy -= 1
            raise StoreBusy("locked")
        ids = [signal.source_id for signal in signals]
        if self.fails.intersection(ids):
            raise ZeroDivisionError("a rule stumbled")
        self.deleted_early += [one for one in ids if one.replace("m", "r") in self._inbox.deleted]
        self.stored += ids
        self.raw += [signal for signal in signals if isinstance(signal, Unreadable)]


class FakeSync:
    def __init__(self) -> None:
        self.heard_: list[PagerChange] = []

    def heard(self, change: PagerChange) -> None:
        self.heard_.append(change)


def made(*batches: Sequence[Received] | CloudError) -> tuple[Intake, FakeInbox, FakeAlerts]:
    inbox = FakeInbox(*batches)
    alerts = FakeAlerts(inbox)
    fake: Any = alerts
    sync: Any = FakeSync()
    nothing: Any = None
    return Intake(inbox, fake, sync, nothing, lambda: NOW), inbox, alerts


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "backoff", lambda failures: 0.001)


@pytest.fixture
def runs() -> Iterator[list[Intake]]:
    """What a test starts, stopped at its end."""
    started: list[Intake] = []
    yield started
    for one in started:
        one.stop()


def test_messages_are_deleted_after_they_are_stored_and_never_before() -> None:
    taker, inbox, alerts = made()
    taker.take([message(1), message(2)])
    assert alerts.stored == ["m1", "m2"]
    assert alerts.deleted_early == []
    assert inbox.deleted == ["r1", "r2"]
    assert (taker.received, taker.unreadable) == (2, 0)


def test_what_cannot_be_read_is_stored_and_left_on_the_queue() -> None:
    taker, inbox, alerts = made()
    taker.take([message(1, "no json"), message(2)])
    assert [each.raw for each in alerts.raw] == ["no json"]
    assert inbox.deleted == ["r2"]
    assert taker.unreadable == 1


@pytest.mark.logs_errors
def test_one_bad_message_keeps_none_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    taker, inbox, alerts = made()
    alerts.fails = {"m2"}
    taker.take([message(1), message(2), message(3)])
    assert inbox.deleted == ["r1", "r3"], "the bad one stays for the dead-letter queue"
    assert [each.source_id for each in alerts.raw] == ["m2#raw"]
    assert "the message m2 can't be handled" in caplog.text


@pytest.mark.logs_errors
@pytest.mark.usefixtures("at_once")
def test_while_the_store_is_busy_messages_stay_hidden_and_undeleted_until_they_are_stored() -> None:
    taker, inbox, alerts = made()
    alerts.busy = 2
    taker.take([message(1), message(2)])
    assert inbox.extended == [(["r1", "r2"], intake.EXTENSION_SECONDS)] * 2
    assert inbox.deleted == ["r1", "r2"]
    assert alerts.stored == ["m1", "m2"]


@pytest.mark.logs_errors
@pytest.mark.usefixtures("at_once")
def test_what_cannot_be_stored_at_all_is_not_deleted() -> None:
    taker, inbox, alerts = made()
    alerts.busy = 1000
    taker.take([message(1), message(2)])
    assert inbox.deleted == []
    assert alerts.stored == []


@pytest.mark.logs_errors
@pytest.mark.usefixtures("at_once")
def test_a_failing_queue_is_said_once_and_taken_up_again(caplog: pytest.LogCaptureFixture, runs: list[Intake]) -> None:
    refused = CloudError("AccessDenied", detail="sqs:ReceiveMessage")
    taker, inbox, _ = made(refused, refused, refused, [message(1)])
    runs.append(taker)
    taker.start()
    wait_for(lambda: inbox.deleted == ["r1"], "the message")
    assert taker.is_healthy
    assert caplog.text.count("the alert queue can't be read") == 1
    assert not inbox.extended


@pytest.mark.usefixtures("at_once")
def test_a_failed_delete_is_a_warning_and_the_next_batch_comes(
    caplog: pytest.LogCaptureFixture, runs: list[Intake]
) -> None:
    taker, inbox, alerts = made([message(1)], [message(2)])
    inbox.refuses = CloudError("AccessDenied")
    runs.append(taker)
    taker.start()
    wait_for(lambda: alerts.stored == ["m1", "m2"], "both batches")
    assert "could not be deleted" in caplog.text


def test_full_batches_bring_the_helpers_and_an_empty_queue_is_caught_up(runs: list[Intake]) -> None:
    full = [[message(batch * 10 + number) for number in range(10)] for batch in range(60)]
    taker, inbox, alerts = made(*full)
    runs.append(taker)
    taker.start()
    wait_for(lambda: len(inbox.deleted) == 600, "600 messages")
    assert sorted(alerts.stored) == sorted(f"m{number}" for number in range(600))
    assert len(inbox.takers) > 1, "nobody helped"
    wait_for(taker.caught_up.is_set, "the end of the queue")


def test_without_full_batches_one_thread_polls_alone(runs: list[Intake]) -> None:
    taker, inbox, _ = made(*[[message(number)] for number in range(20)])
    runs.append(taker)
    taker.start()
    wait_for(lambda: len(inbox.deleted) == 20, "20 messages")
    assert inbox.takers == {"intake-0"}
    assert set(inbox.waits) == {intake.FIRST_WAIT_SECONDS, intake.WAIT_SECONDS}


def test_stop_finishes_the_batch_under_way_and_takes_no_other() -> None:
    taker, inbox, alerts = made([message(1)])
    entered, go_on = threading.Event(), threading.Event()
    receive = alerts.receive

    def slowly(signals: Sequence[Signal], alarms: Any) -> None:
        entered.set()
        assert go_on.wait(20)
        receive(signals, alarms)

    alerts.receive = slowly  # type: ignore[method-assign]
    taker.start()
    assert entered.wait(20)
    stopping = threading.Thread(target=taker.stop)
    stopping.start()
    inbox.batches.append([message(2)])
    go_on.set()
    stopping.join(20)
    assert not stopping.is_alive()
    assert inbox.deleted == ["r1"]
    assert alerts.stored == ["m1"]


def test_stop_without_a_start_is_nothing() -> None:
    made()[0].stop()


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (500, 60)])
def test_the_pause_doubles_up_to_a_minute_and_is_spread(failures: int, seconds: float) -> None:
    drawn = {backoff(failures) for _ in range(50)}
    assert all(seconds * 0.79 <= each <= seconds * 1.21 for each in drawn)
    assert len(drawn) > 1
