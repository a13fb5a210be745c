"""Delivery: in order, at Slack's pace, exactly once as far as can be known. A scripted carrier on a real store."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest

from blocks.card import CardFacts, card
from bot import outbox as outbox_module
from bot.carriers.common import NEEDLESS, Settlement
from bot.errors import ChatError, DeliveryError, Outcome, StoreBusy
from bot.models import Change, Delivery, Owed, OwedKind, Posted, Priority, Trouble
from bot.outbox import ASIDE_SECONDS, GIVE_UP_AFTER, LEASE_SECONDS, MAX_BACKOFF, Outbox, backoff
from bot.processes import this_process
from bot.store import Store
from tests.bot.make import BOB, NOW, event, incident, row
from tests.clock import MovableClock
from tests.workspace import wait_for

HERE, THERE = "host-a:1:aaaa", "host-b:1:bbbb"
QUIET = 0.15  # seconds in which a delivery that may go would have gone


class Try(NamedTuple):
    row: str
    in_doubt: bool
    attempts: int


class ScriptedCarrier:
    """Takes every row, unless the script says what happens at its next tries. `at_gate` rows wait to be let through."""

    def __init__(self) -> None:
        self.tries: list[Try] = []
        self.delivered: list[str] = []
        self.troubles: list[tuple[str, str]] = []
        self.script: defaultdict[str, list[Exception]] = defaultdict(list)
        self.settlements: dict[str, Settlement] = {}
        self.gates: dict[str, threading.Event] = {}
        self.at_gate: list[str] = []

    def fail(self, owed: Owed, *errors: Exception) -> None:
        self.script[owed.id] += errors

    def carry(self, delivery: Delivery) -> Settlement:
        row_id = delivery.owed.id
        self.tries.append(Try(row_id, delivery.in_doubt, delivery.attempts))
        if row_id in self.gates:
            self.at_gate.append(row_id)
            assert self.gates[row_id].wait(10)
        if self.script[row_id]:
            raise self.script[row_id].pop(0)
        self.delivered.append(row_id)
        return self.settlements.get(row_id, Settlement())

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        self.troubles.append((delivery.owed.id, error.code))
        return Change(timeline=(event(text=f"trouble: {error.code}"),))

    def tries_of(self, owed: Owed) -> list[Try]:
        return [each for each in self.tries if each.row == owed.id]


class Office:
    """A store, a clock and outboxes that deliver from it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = MovableClock()
        self.carrier = ScriptedCarrier()
        self.outboxes: list[Outbox] = []

    def open(self, owner: str = HERE, workers: int = 8, carrier: ScriptedCarrier | None = None) -> Outbox:
        outbox = Outbox(self.store, self.clock, owner, workers)
        self.outboxes.append(outbox)
        outbox.start(carrier or self.carrier)
        return outbox

    def owe(self, *rows: Owed) -> None:
        self.store.save(Change(owed=rows), self.clock())
        self.nudge()

    def nudge(self) -> None:
        for outbox in self.outboxes:
            outbox.nudge()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.nudge()

    def delivers(self, *rows: Owed) -> None:
        """Wait until these have been delivered, in this order, and nothing else."""
        wanted = [each.id for each in rows]
        wait_for(lambda: len(self.carrier.delivered) >= len(wanted), f"{len(wanted)} deliveries")
        assert self.carrier.delivered == wanted

    def rests(self) -> None:
        """Wait until nothing is under way: time may be moved then without a claim running out."""
        wait_for(lambda: self.store.claim_owners() == [], "all claims given back")

    def tried(self, owed: Owed, times: int) -> Trouble:
        """Wait until a row was tried this often in vain, and it is on record."""

        def look() -> Trouble | None:
            return next((each for each in self.store.troubles("INC-1") if each.attempts == times and each.error), None)

        wait_for(lambda: len(self.carrier.tries_of(owed)) >= times, f"try {times}")
        found = wait_for(look, f"try {times} on record")
        self.rests()
        return found

    def stays_quiet(self) -> None:
        """Nothing is tried now."""
        before = len(self.carrier.tries)
        self.nudge()
        time.sleep(QUIET)
        assert len(self.carrier.tries) == before


@pytest.fixture
def office(store: Store) -> Iterator[Office]:
    store.save(Change(incidents=(incident(),)), NOW)
    one = Office(store)
    yield one
    for gate in one.carrier.gates.values():
        gate.set()
    for outbox in one.outboxes:
        outbox.stop()


def passing(code: str = "connection", outcome: Outcome = Outcome.NOT_DONE) -> ChatError:
    return ChatError(code, retryable=True, outcome=outcome)


def lasting(code: str = "not_in_channel") -> ChatError:
    return ChatError(code)


def test_what_is_owed_is_delivered_in_the_order_of_its_lane(office: Office) -> None:
    rows = [row() for _ in range(20)]
    office.open()
    office.owe(*rows[:10])
    office.owe(*rows[10:])
    office.delivers(*rows)
    wait_for(lambda: office.store.next_delivery_at() is None, "an empty outbox")
    assert all(each.attempts == 1 and not each.in_doubt for each in office.carrier.tries)


def test_what_was_owed_before_the_start_is_delivered_at_the_start(office: Office) -> None:
    waiting = row()
    office.owe(waiting)
    office.open()
    office.delivers(waiting)


# -- whose turn it is


@pytest.mark.parametrize("how", ["needless", "its card comes first"])
def test_what_says_nothing_holds_up_nothing_of_its_channel(office: Office, how: str) -> None:
    """After a storm fifty cards are owed that nobody needs any more: a new one does not wait fifty seconds."""
    moot = [row(f"card:{number}", pace="post:ops") for number in range(50)]
    fresh = row("card:new", pace="post:ops", priority=Priority.COMFORT)
    for each in moot:
        office.carrier.settlements[each.id] = NEEDLESS
        if how != "needless":
            office.carrier.fail(each, ChatError("card_not_posted", retryable=True))
    office.owe(*moot, fresh)
    office.open()
    wait_for(lambda: fresh.id in office.carrier.delivered, "the new card, though the clock stands still")


# -- Retry-After


def test_a_minute_of_retry_after_keeps_the_order_and_loses_nothing(office: Office) -> None:
    rows = [row("ops", pace="post:ops") for _ in range(6)]
    same_pace = row("thread:1", pace="post:ops")
    elsewhere = row("own:1", pace="post:C1")
    office.carrier.fail(rows[1], ChatError("ratelimited", retryable=True, retry_after=60))
    office.open()
    office.owe(*rows)
    office.tried(rows[1], 1)
    office.owe(same_pace, elsewhere)
    wait_for(lambda: elsewhere.id in office.carrier.delivered, "what Slack did not close")
    for _ in range(5):
        office.advance(11)
        office.stays_quiet()
    assert office.carrier.delivered == [rows[0].id, elsewhere.id]

    office.advance(5)
    for _ in range(10):
        time.sleep(0.05)
        office.advance(1)
    wait_for(lambda: len(office.carrier.delivered) == 8, "all of it")
    in_lane = [each for each in office.carrier.delivered if each in {one.id for one in rows}]
    assert in_lane == [each.id for each in rows]
    assert [each.in_doubt for each in office.carrier.tries_of(rows[1])] == [False, False], "Slack refused it for sure"
    assert len(office.carrier.tries) == 9, "one try each, and one more for the refused one"


def test_a_retry_after_without_a_time_is_waited_out_too(office: Office) -> None:
    owed = row("ops", pace="post:ops")
    office.carrier.fail(owed, ChatError("ratelimited", retryable=True))
    office.open()
    office.owe(owed)
    office.tried(owed, 1)
    office.advance(2)
    office.delivers(owed)


def test_posts_of_one_channel_leave_no_faster_than_its_pace(office: Office) -> None:
    rows = [row(f"lane-{n}", pace="post:ops") for n in range(6)]
    office.open()
    office.owe(*rows)
    wait_for(lambda: len(office.carrier.delivered) == 4, "the burst")
    office.stays_quiet()
    office.advance(1)
    wait_for(lambda: len(office.carrier.delivered) >= 5, "the next")
    office.stays_quiet()
    office.advance(1)
    wait_for(lambda: len(office.carrier.delivered) == 6, "the last")


# -- failures that pass


def test_a_passing_failure_is_tried_again_after_a_growing_pause(office: Office) -> None:
    owed = row()
    office.carrier.fail(owed, *(passing() for _ in range(9)))
    office.open()
    office.owe(owed)
    pauses = []
    for times in range(1, 10):
        office.tried(owed, times)
        due = office.store.next_delivery_at()
        assert due is not None
        pauses.append((due - office.clock()).total_seconds())
        office.advance(pauses[-1] + 0.01)
    office.delivers(owed)
    for pause, least in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert 0.8 * least - 0.5 <= pause <= 1.2 * least
    assert office.store.troubles("INC-1") == []


def test_the_pause_doubles_up_to_a_minute_and_is_spread() -> None:
    for attempts in range(1, 40):
        usual = min(2.0 ** (attempts - 1), MAX_BACKOFF)
        pauses = [backoff(attempts) for _ in range(20)]
        assert all(0.8 * usual <= pause <= 1.2 * usual for pause in pauses)
        assert len(set(pauses)) > 1
    assert backoff(1_440) <= 1.2 * MAX_BACKOFF, "a day of tries, one a minute"


def test_a_page_is_tried_every_five_seconds_as_long_as_it_takes(office: Office) -> None:
    page = row().model_copy(update={"kind": OwedKind.PAGE})
    office.carrier.fail(page, *(passing() for _ in range(9)))
    office.open()
    office.owe(page)
    for tries in range(1, 10):
        office.tried(page, tries)
        office.advance(6.1)
    office.delivers(page)


def test_while_a_row_waits_for_its_next_try_the_lane_waits_and_other_lanes_go_on(office: Office) -> None:
    failing, behind, elsewhere = row(), row(), row("other")
    office.carrier.fail(failing, passing())
    office.open()
    office.owe(failing, behind)
    office.tried(failing, 1)
    office.owe(elsewhere)
    office.delivers(elsewhere)
    office.advance(1.5)
    office.delivers(elsewhere, failing, behind)


def test_a_try_that_surely_did_nothing_leaves_no_doubt(office: Office) -> None:
    owed = row()
    office.carrier.fail(owed, passing(outcome=Outcome.NOT_DONE))
    office.open()
    office.owe(owed)
    office.tried(owed, 1)
    office.advance(2)
    office.delivers(owed)
    assert [each.in_doubt for each in office.carrier.tries_of(owed)] == [False, False]


def test_a_try_with_unknown_outcome_is_in_doubt_at_the_next_one_and_stays_so_until_it_is_done(office: Office) -> None:
    owed = row()
    looking = ChatError("ratelimited", retryable=True, retry_after=2, outcome=Outcome.UNKNOWN)
    office.carrier.fail(owed, passing("timeout", Outcome.UNKNOWN), looking, passing("connection", Outcome.NOT_DONE))
    office.open()
    office.owe(owed)
    for times in (1, 2, 3):
        office.tried(owed, times)
        office.advance(6)
    office.delivers(owed)
    assert [each.in_doubt for each in office.carrier.tries_of(owed)] == [False, True, True, True]


def test_a_passing_failure_is_shown_at_the_third_try_and_only_then(office: Office) -> None:
    owed = row()
    office.carrier.fail(owed, *(passing() for _ in range(5)))
    office.open()
    office.owe(owed)
    for times in range(1, 6):
        office.tried(owed, times)
        assert office.carrier.troubles == ([] if times < 3 else [(owed.id, "connection")])
        office.advance(60)
    office.delivers(owed)


# -- failures that last


def test_what_can_not_work_is_put_aside_while_its_lane_goes_on_and_tried_again_later(office: Office) -> None:
    broken, fine = row(), row()
    office.carrier.fail(broken, lasting(), lasting())
    office.open()
    office.owe(broken, fine)
    office.delivers(fine)
    office.rests()
    office.advance(ASIDE_SECONDS - 5)
    office.stays_quiet()
    office.advance(6)
    office.tried(broken, 2)
    office.advance(ASIDE_SECONDS + 1)
    office.delivers(fine, broken)
    assert office.store.troubles("INC-1") == []


def test_what_can_not_work_is_shown_once(office: Office) -> None:
    broken = row()
    office.carrier.fail(broken, lasting(), lasting(), lasting())
    office.open()
    office.owe(broken)
    for times in (1, 2, 3):
        office.tried(broken, times)
        office.advance(ASIDE_SECONDS + 1)
    office.delivers(broken)
    assert office.carrier.troubles == [(broken.id, "not_in_channel")]
    [(_, line)] = office.store.timeline(1, limit=9)
    assert line.text == "trouble: not_in_channel"


def test_what_can_not_work_is_shown_although_it_failed_in_passing_before(office: Office) -> None:
    broken = row()
    office.carrier.fail(broken, passing(), lasting())
    office.open()
    office.owe(broken)
    office.tried(broken, 1)
    office.advance(2)
    office.tried(broken, 2)
    wait_for(lambda: office.carrier.troubles, "a line about it")
    assert office.carrier.troubles == [(broken.id, "not_in_channel")]


def test_after_a_day_of_tries_a_row_is_given_up_and_stays_on_record(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "GIVE_UP_TRIES", 1)
    broken, behind = row(), row()
    office.carrier.fail(broken, *(passing() for _ in range(9)))
    office.open()
    office.owe(broken)
    office.tried(broken, 1)
    office.advance(GIVE_UP_AFTER.total_seconds() + 1)
    wait_for(lambda: office.store.next_delivery_at() is None, "giving up")
    office.advance(GIVE_UP_AFTER.total_seconds())
    office.owe(behind)
    office.delivers(behind)
    assert len(office.carrier.tries_of(broken)) == 2
    assert [each.error for each in office.store.troubles("INC-1")] == ["connection"]


def test_a_row_that_waited_for_days_while_the_bot_was_off_is_not_given_up_at_its_first_failure(office: Office) -> None:
    waiting = row()
    office.owe(waiting)
    office.clock.advance(3 * GIVE_UP_AFTER.total_seconds())
    office.carrier.fail(waiting, passing(), passing())
    office.open()
    office.tried(waiting, 1)
    office.advance(2)
    office.tried(waiting, 2)
    office.advance(3)
    office.delivers(waiting)


@pytest.mark.logs_errors
def test_a_mistake_of_ours_is_logged_put_aside_in_doubt_and_the_outbox_goes_on(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    broken, fine = row(), row()
    office.carrier.fail(broken, KeyError("blocks"))
    office.open()
    office.owe(broken, fine)
    office.delivers(fine)
    assert "KeyError" in caplog.text
    assert "Traceback" in caplog.text
    assert office.carrier.troubles == [(broken.id, "internal")]
    [trouble] = office.store.troubles("INC-1")
    assert "KeyError" in trouble.error
    office.advance(ASIDE_SECONDS + 1)
    office.delivers(fine, broken)
    assert [each.in_doubt for each in office.carrier.tries_of(broken)] == [False, True]


def test_the_mark_of_a_lasting_failure_is_not_shown_to_people(office: Office) -> None:
    broken = row(kind=OwedKind.TOPIC)
    office.carrier.fail(broken, lasting("missing_scope"))
    office.open()
    office.owe(broken)
    office.tried(broken, 1)
    shown = str(card(CardFacts(incident(), troubles=office.store.troubles("INC-1"))).blocks)
    assert "channel topic (missing_scope, try 1, trying again)" in shown


# -- settling


def test_what_follows_a_delivery_is_stored_with_it(office: Office) -> None:
    owed, follow_up = row(), row("pins")
    place = Posted(subject="INC-1", target="ops", channel_id="C1", ts="1.0")
    office.carrier.settlements[owed.id] = Settlement((place,), lambda: Change(owed=(follow_up,)))
    office.open()
    office.owe(owed)
    office.delivers(owed, follow_up)
    assert office.store.posted("INC-1", "ops") == place


def test_what_follows_is_built_again_when_the_incident_changed_meanwhile(office: Office) -> None:
    owed = row()
    others = [BOB, None]

    def follow() -> Change:
        seen = office.store.incident(1)
        commander = others.pop(0)
        if commander is not None:  # somebody is faster, between the look and the write
            office.store.save(Change(incidents=(seen.changed(commander=commander),)), NOW)
        return Change(incidents=(seen.changed(channel_id="C1"),))

    office.carrier.settlements[owed.id] = Settlement(follow=follow)
    office.open()
    office.owe(owed)
    wait_for(lambda: office.store.next_delivery_at() is None, "the settlement")
    assert (office.store.incident(1).commander, office.store.incident(1).channel_id) == (BOB, "C1")
    assert len(office.carrier.tries) == 1, "it was sent once"


# -- stopping and sharing


def test_stopping_finishes_what_is_under_way_and_leaves_the_rest_for_the_next_start(office: Office) -> None:
    under_way, behind = row(), row()
    office.carrier.gates[under_way.id] = threading.Event()
    outbox = office.open()
    office.owe(under_way, behind)
    wait_for(lambda: office.carrier.at_gate, "the delivery under way")
    stopping = threading.Thread(target=outbox.stop)
    stopping.start()
    stopping.join(QUIET)
    assert stopping.is_alive(), "it waits for the delivery"
    office.carrier.gates[under_way.id].set()
    stopping.join(20)
    assert not stopping.is_alive()
    assert office.carrier.delivered == [under_way.id]
    assert office.store.claim_owners() == []

    office.open(owner=THERE)
    office.delivers(under_way, behind)
    assert office.carrier.tries[-1] == Try(behind.id, in_doubt=False, attempts=1)


def test_an_outbox_that_was_never_started_can_be_stopped(office: Office) -> None:
    Outbox(office.store, office.clock, HERE).stop()


def test_two_outboxes_on_one_store_deliver_each_row_exactly_once_and_in_order(office: Office) -> None:
    lanes = [[row(f"lane-{n}") for _ in range(8)] for n in range(6)]
    office.open(HERE)
    office.open(THERE)
    for place in range(8):
        office.owe(*(lane[place] for lane in lanes))
    wait_for(lambda: office.store.next_delivery_at() is None, "an empty outbox")
    delivered = office.carrier.delivered
    assert len(delivered) == len(set(delivered)) == 48
    assert len(office.carrier.tries) == 48
    for lane in lanes:
        places = [delivered.index(each.id) for each in lane]
        assert all(before < later for before, later in pairwise(places))


def test_a_row_that_waits_for_a_free_worker_is_not_sent_twice_when_its_claim_runs_out(office: Office) -> None:
    slow, waits = row("a"), row("b")
    office.carrier.gates[slow.id] = threading.Event()
    office.open(HERE, workers=1)
    office.owe(slow, waits)
    wait_for(lambda: office.carrier.at_gate, "the slow delivery")
    time.sleep(QUIET)
    office.advance(LEASE_SECONDS + 1)
    elsewhere = ScriptedCarrier()
    elsewhere.gates[slow.id] = office.carrier.gates[slow.id]  # the same Slack is as slow for the other process
    office.open(THERE, carrier=elsewhere)
    wait_for(lambda: waits.id in elsewhere.delivered, "the other process takes over")
    office.carrier.gates[slow.id].set()
    wait_for(lambda: office.store.next_delivery_at() is None, "an empty outbox")
    time.sleep(QUIET)
    sent = [*office.carrier.delivered, *elsewhere.delivered]
    assert sent.count(waits.id) == 1


def test_what_a_dead_process_held_is_tried_again_at_once_and_in_doubt(office: Office) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    host, _, _ = this_process().rsplit(":", 2)
    owed = row()
    office.owe(owed)
    office.store.claim_deliveries(f"{host}:{int(ended.stdout)}:dead", office.clock(), lease=3600, limit=1)
    office.open(this_process())
    office.delivers(owed)
    assert office.carrier.tries == [Try(owed.id, in_doubt=True, attempts=2)]


def test_what_a_process_elsewhere_holds_is_left_to_it_until_its_claim_runs_out(office: Office) -> None:
    owed = row()
    office.owe(owed)
    office.store.claim_deliveries(THERE, office.clock(), lease=LEASE_SECONDS, limit=1)
    office.open(HERE)
    office.stays_quiet()
    office.advance(LEASE_SECONDS + 1)
    office.delivers(owed)
    assert office.carrier.tries == [Try(owed.id, in_doubt=True, attempts=2)]


def test_a_lost_answer_of_the_store_costs_one_lease_and_then_the_row_is_in_doubt(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owed, settle, refusals = row(), office.store.settle, [StoreBusy("locked")]

    def busy_once(delivery: Delivery, *arguments: object, **more: object) -> None:
        if refusals:
            raise refusals.pop()
        settle(delivery, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(office.store, "settle", busy_once)
    with caplog.at_level(logging.CRITICAL, logger="bot.outbox"):
        office.open()
        office.owe(owed)
        wait_for(lambda: office.carrier.delivered, "the first try")
        office.stays_quiet()
        office.advance(LEASE_SECONDS + 1)
        wait_for(lambda: office.store.next_delivery_at() is None, "the second try")
    assert [each.in_doubt for each in office.carrier.tries_of(owed)] == [False, True]


def test_a_clock_that_jumps_is_noticed_without_a_nudge(office: Office) -> None:
    owed = row(not_before=office.clock() + timedelta(hours=1))
    office.open()
    office.owe(owed)
    office.stays_quiet()
    office.clock.advance(3601)
    office.delivers(owed)
