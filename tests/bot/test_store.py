"""The contract of the Store: whatever keeps the bot's memory has to pass this."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import sqlite_utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import StoreError, UnknownAlert, UnknownIncident, VersionConflict
from bot.models import (
    Alert,
    AlertStatus,
    Change,
    Delivery,
    EventKind,
    Incident,
    Link,
    Owed,
    OwedKind,
    Posted,
    Priority,
    Severity,
    Status,
    Trouble,
    Update,
)
from bot.signals import Alarm, AlarmKind, AlarmState, Deployment, DeploymentState, Unreadable
from bot.store import Store, never
from bot.store.schema import MIGRATIONS
from bot.store.sqlite import SqliteStore
from tests.bot.conftest import Opener
from tests.bot.make import ANA, BOB, CY, NOW, after, alert, event, head, incident, row, silence, storm, timer

T = TypeVar("T")
LEASE = 20.0


def save(store: Store, *incidents: Incident) -> None:
    store.save(Change(incidents=incidents), NOW)


def owe(store: Store, *rows: Owed, now: datetime = NOW) -> None:
    store.save(Change(owed=rows), now)


def claim(
    store: Store,
    now: datetime = NOW,
    *,
    owner: str = "a",
    limit: int = 10,
    is_held: Callable[[str], bool] = never,
) -> list[Delivery]:
    return store.claim_deliveries(owner, now, lease=LEASE, limit=limit, is_held=is_held)


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [each.owed.id for each in deliveries]


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What the calls answer when threads make them at the same moment."""
    gate = threading.Barrier(len(calls))

    def pass_the_gate(call: Callable[[], T]) -> T:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(pass_the_gate, calls))


# -- incidents


def test_an_incident_comes_back_as_it_was_saved_with_the_next_version(store: Store) -> None:
    saved = incident(
        42,
        severity=Severity.SEV1,
        responders=(ANA, BOB),
        links=(Link(url="https://example.com/a?b=1&c=2", title="p99 “now”"),),
        update=Update(text="rolling back\nweb:57", by=BOB, at=after(61.25)),
        origin="https://example.slack.com/archives/C1/p1",
        impact="<!channel> & *all* of it 🔥 مرحبا",
    )
    save(store, saved)
    assert store.incident(42) == saved.changed(version=1)
    save(store, store.incident(42).moved(Status.ACKNOWLEDGED, by=BOB, at=after(60)))
    stored = store.incident(42)
    assert (stored.version, stored.status, stored.acknowledged_at) == (2, Status.ACKNOWLEDGED, after(60))


def test_an_unknown_number_is_said_by_its_id(store: Store) -> None:
    with pytest.raises(UnknownIncident, match="INC-7"):
        store.incident(7)


def test_of_two_who_decided_on_the_same_version_only_the_first_writes(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    save(one, incident())
    seen_by_one, seen_by_other = one.incident(1), other.incident(1)
    save(one, seen_by_one.changed(commander=BOB))
    with pytest.raises(VersionConflict, match="INC-1"):
        save(other, seen_by_other.changed(commander=CY))
    assert other.incident(1).commander == BOB


def test_of_many_who_write_at_the_same_moment_exactly_one_wins(open_store: Callable[[], Store]) -> None:
    handles = [open_store() for _ in range(4)]
    save(handles[0], incident())

    def write(store: Store, by: str) -> str | None:
        try:
            save(store, seen.changed(commander=by))
        except VersionConflict:
            return None
        return by

    seen = handles[0].incident(1)
    answers = at_once(*(partial(write, handle, f"U{n}") for n, handle in enumerate(handles)))
    winners = [answer for answer in answers if answer]
    assert len(winners) == 1
    assert handles[0].incident(1).commander == winners[0]
    assert handles[0].incident(1).version == 2


def test_the_same_new_incident_can_not_be_saved_twice(store: Store) -> None:
    save(store, incident())
    with pytest.raises(VersionConflict):
        save(store, incident(commander=BOB))
    assert store.incident(1).commander == ANA


def test_a_change_is_written_whole_or_not_at_all(store: Store) -> None:
    save(store, incident(1), incident(2))
    stale = store.incident(2)
    save(store, stale.changed(commander=BOB))
    store.save(Change(timers=(timer(60),)), NOW)
    change = Change(
        incidents=(store.incident(1).changed(commander=CY), stale.changed(commander=CY), incident(3)),
        timeline=(event(1),),
        owed=(row(),),
        timers=(timer(10, subject="INC-3"),),
        cancel_timers=(("remind", "INC-1"),),
    )
    with pytest.raises(VersionConflict):
        store.save(change, NOW)

    assert (store.incident(1).commander, store.incident(1).version) == (ANA, 1)
    assert store.incident(2).commander == BOB
    with pytest.raises(UnknownIncident):
        store.incident(3)
    assert store.timeline(1, limit=9) == []
    assert store.timeline_length(1) == 0
    assert store.next_delivery_at() is None
    assert [each.subject for each in store.claim_timers("a", after(99), lease=LEASE, limit=9)] == ["INC-1"]


def test_what_fails_late_takes_back_what_was_written_before(store: Store) -> None:
    twice = timer(60)
    with pytest.raises(StoreError):
        store.save(Change(incidents=(incident(),), timeline=(event(),), timers=(twice, twice)), NOW)
    assert store.recent_incidents() == []
    assert store.timeline_length(1) == 0
    save(store, incident())
    assert store.incident(1).version == 1, "and the store goes on"


# -- numbers


def test_numbers_start_at_one_and_go_on_in_every_handle(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    assert [one.next_number(), other.next_number(), one.next_number()] == [1, 2, 3]
    assert open_store().next_number() == 4


def ten_numbers(store: Store) -> list[int]:
    return [store.next_number() for _ in range(10)]


def test_threads_on_two_handles_never_get_the_same_number(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    taken = at_once(*(partial(ten_numbers, handle) for handle in [one, other] * 3))
    numbers = [number for some in taken for number in some]
    assert sorted(numbers) == list(range(1, 61))


def take_numbers(opener: Opener, folder: Path, count: int) -> list[int]:
    """Runs in a process of its own."""
    store = opener(folder)
    try:
        return [store.next_number() for _ in range(count)]
    finally:
        store.close()


def test_processes_never_get_the_same_number(opener: Opener, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        runs = [pool.apply_async(take_numbers, (opener, tmp_path, 60)) for _ in range(2)]
        taken = [run.get(timeout=30) for run in runs]
    assert sorted(taken[0] + taken[1]) == list(range(1, 121))


# -- asking


def test_open_incidents_come_worst_first_then_newest_and_ended_ones_do_not(store: Store) -> None:
    severities = {1: 3, 2: 1, 3: 2, 4: 1, 5: 3}
    save(store, *(incident(number, severity=Severity(severity)) for number, severity in severities.items()))
    save(store, store.incident(3).moved(Status.RESOLVED, by=ANA, at=after(9)))
    assert [each.number for each in store.open_incidents()] == [4, 2, 5, 1]
    assert [each.number for each in store.open_incidents(limit=3)] == [4, 2, 5]
    save(store, store.incident(3).moved(Status.INVESTIGATING, by=ANA, at=after(10)))
    save(store, store.incident(1).changed(severity=Severity.SEV1))
    assert [each.number for each in store.open_incidents()] == [4, 2, 1, 3, 5]


def test_recent_incidents_come_newest_first_open_or_not(store: Store) -> None:
    save(store, *(incident(number) for number in (1, 2, 3)))
    save(store, store.incident(2).moved(Status.CANCELLED, by=ANA, at=after(9)))
    assert [each.number for each in store.recent_incidents()] == [3, 2, 1]
    assert [each.number for each in store.recent_incidents(limit=2)] == [3, 2]
    assert store.recent_incidents()[1].status is Status.CANCELLED


def test_an_incident_is_found_by_its_own_channel(store: Store) -> None:
    save(store, incident(1, channel_id="C1"), incident(2), incident(3, channel_id="C3"))
    found = store.incident_in_channel("C3")
    assert found is not None
    assert (found.number, found.version) == (3, 1)
    assert store.incident_in_channel("C2") is None
    save(store, store.incident(2).changed(channel_id="C2"))
    assert store.incident_in_channel("C2") == store.incident(2)


def test_an_incident_is_found_by_its_card_and_a_new_card_replaces_the_old_one(store: Store) -> None:
    save(store, incident(1), incident(2))
    owe(store, row("x"), row("y"))
    first, second = claim(store)
    store.settle(first, NOW, posted=[Posted(subject="INC-2", target="ops", channel_id="C1", ts="1.0")])
    found = store.incident_of_message("C1", "1.0")
    assert found is not None
    assert found.number == 2
    assert store.incident_of_message("C2", "1.0") is None
    assert store.incident_of_message("C1", "1.1") is None

    store.settle(second, NOW, posted=[Posted(subject="INC-2", target="ops", channel_id="C1", ts="2.0")])
    assert store.posted("INC-2", "ops") == Posted(subject="INC-2", target="ops", channel_id="C1", ts="2.0")
    assert store.posted("INC-2", "own") is None
    assert store.posted("INC-1", "ops") is None
    assert store.incident_of_message("C1", "1.0") is None


# -- the timeline


def test_a_timeline_is_read_page_by_page_from_its_newest_end(store: Store) -> None:
    events = tuple(event(1, f"step {n}", at=after(n)) for n in range(7))
    store.save(Change(timeline=events[:4]), NOW)
    store.save(Change(timeline=(event(2, "of another"), *events[4:])), NOW)

    newest = store.timeline(1, limit=3)
    assert [each.text for _, each in newest] == ["step 4", "step 5", "step 6"]
    middle = store.timeline(1, limit=3, before=newest[0][0])
    assert [each.text for _, each in middle] == ["step 1", "step 2", "step 3"]
    oldest = store.timeline(1, limit=3, before=middle[0][0])
    assert [each.text for _, each in oldest] == ["step 0"]
    assert store.timeline(1, limit=3, before=oldest[0][0]) == []
    assert (store.timeline_length(1), store.timeline_length(2), store.timeline_length(3)) == (7, 1, 0)


def test_a_timeline_event_comes_back_as_it_was_written(store: Store) -> None:
    written = event(
        1,
        "said\n<@U1> “é” 🔥",
        at=after(0.123456),
        kind=EventKind.MESSAGE,
        actor=None,
        about=BOB,
        source="https://x/p1",
    )
    store.save(Change(timeline=(written,)), NOW)
    assert [each for _, each in store.timeline(1, limit=1)] == [written]


# -- requests and drafts


def test_a_request_is_claimed_by_its_first_caller_only(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    answers = at_once(*(partial(handle.claim_request, "click:1", NOW) for handle in [one, other] * 4))
    assert sorted(answers) == [False] * 7 + [True]
    assert one.claim_request("click:2", NOW) is True
    assert other.claim_request("click:2", after(3600)) is False


def test_a_draft_is_kept_as_it_was_typed_and_not_overwritten(store: Store) -> None:
    store.keep_draft("d1", "update <&> “rolling\nback” 🔥", NOW)
    assert store.draft("d1") == "update <&> “rolling\nback” 🔥"
    store.keep_draft("d1", "something else", NOW)
    assert store.draft("d1") == "update <&> “rolling\nback” 🔥"
    assert store.draft("d2") is None


def test_a_draft_with_half_a_character_is_kept_without_it_or_refused_but_no_surprise(store: Store) -> None:
    try:
        store.keep_draft("d1", "note broken \ud83d emoji", NOW)
    except StoreError:
        assert store.draft("d1") is None
    else:
        kept = store.draft("d1")
        assert kept is not None
        assert kept.startswith("note broken ")


# -- deliveries: order


def test_rows_of_a_lane_leave_one_after_the_other_in_the_order_they_came(store: Store) -> None:
    rows = [row(), row(), row()]
    owe(store, rows[0], rows[1])
    owe(store, rows[2])
    left = []
    for _ in rows:
        (taken,) = claim(store)
        assert claim(store) == [], "the lane is busy"
        store.settle(taken, NOW)
        left.append(taken.owed.id)
    assert left == [each.id for each in rows]
    assert claim(store) == []


def test_lanes_run_side_by_side(store: Store) -> None:
    first_a, second_a, first_b = row("a"), row("a"), row("b")
    owe(store, first_a, second_a, first_b)
    assert sorted(ids(claim(store))) == sorted([first_a.id, first_b.id])


def test_a_row_comes_back_as_it_was_owed(store: Store) -> None:
    owed = row(
        kind=OwedKind.DECLARED,
        priority=Priority.TEMPLATE,
        pace="post:ops",
        subject="INC-7",
        body={"text": "“é” 🔥", "blocks": [{"a": [1, None, True]}], "incident": {"n": 1}},
    )
    owe(store, owed)
    (taken,) = claim(store)
    assert taken == Delivery(owed=owed, attempts=1, in_doubt=False, created_at=NOW)


def test_pages_go_before_updates_in_a_lane_and_between_lanes(store: Store) -> None:
    update, page = row("a"), row("a", priority=Priority.PAGE)
    comfort, template = row("b", priority=Priority.COMFORT), row("c", priority=Priority.TEMPLATE)
    owe(store, comfort, update, template, page)
    assert ids(claim(store, limit=2)) == [page.id, template.id]
    assert ids(claim(store, limit=9)) == [comfort.id]


def test_no_more_rows_are_taken_than_asked_for(store: Store) -> None:
    owe(store, *(row(f"lane-{n}") for n in range(5)))
    assert [len(claim(store, limit=2)) for _ in range(3)] == [2, 2, 1]


def test_a_row_waits_for_its_earliest_moment(store: Store) -> None:
    owe(store, row("later", not_before=after(10)), row("long ago", not_before=after(-10)))
    assert [each.owed.lane for each in claim(store)] == ["long ago"]
    assert claim(store, after(9.9)) == []
    assert [each.owed.lane for each in claim(store, after(10))] == ["later"]


def test_an_impatient_row_behind_another_waits_for_its_first_try_not_for_its_success(store: Store) -> None:
    channel = row("channel")
    template = row("ops", after=channel.id, patient=False)
    owe(store, channel, template)
    (first,) = claim(store)
    assert first.owed.id == channel.id
    assert claim(store) == [], "the first try is under way"
    store.postpone(first, after(60), error="timeout", in_doubt=False)
    assert ids(claim(store)) == [template.id], "it was tried once: the template goes without the channel"


def test_a_patient_row_behind_another_waits_until_that_one_is_through(store: Store) -> None:
    template = row("ops")
    card = row("card", after=template.id)
    owe(store, template, card)
    store.postpone(claim(store)[0], after(5), error="timeout", in_doubt=False)
    assert claim(store) == [], "the card stands below its template, however long that takes"
    store.settle(claim(store, after(5))[0], after(5))
    assert ids(claim(store, after(5))) == [card.id]


@pytest.mark.parametrize("is_patient", [True, False])
@pytest.mark.parametrize("outcome", ["settled", "put aside", "given up"])
def test_a_row_behind_another_goes_once_that_one_is_through(store: Store, outcome: str, is_patient: bool) -> None:
    channel = row("channel")
    template = row("ops", after=channel.id, patient=is_patient)
    owe(store, channel, template)
    (first,) = claim(store)
    if outcome == "settled":
        store.settle(first, NOW)
    elif outcome == "put aside":
        store.postpone(first, after(60), error="no", in_doubt=False, aside=True)
    else:
        store.give_up(first, "no", NOW)
    assert ids(claim(store)) == [template.id]


def test_a_row_behind_one_that_never_was_goes_at_once(store: Store) -> None:
    orphan = row(after="long-forgotten")
    owe(store, orphan)
    assert ids(claim(store)) == [orphan.id]


def test_of_rows_that_show_the_newest_state_one_waits_at_most(store: Store) -> None:
    def card() -> Owed:
        return row("card:1", kind=OwedKind.CARD, coalesce="card:1")

    first, second, third = card(), card(), card()
    owe(store, first)
    owe(store, second)
    (taken,) = claim(store)
    assert taken.owed.id == first.id, "the waiting row stands for both"
    owe(store, third)
    store.settle(taken, NOW)
    (taken,) = claim(store)
    assert taken.owed.id == third.id, "what came while the first was under way is shown afterwards"
    store.settle(taken, NOW)
    assert claim(store) == []
    owe(store, row("card:2", coalesce="card:2"), row("plain"), row("plain"))
    assert len(claim(store)) == 2, "other keys, and rows without one, stay"


def test_a_held_rate_key_keeps_its_rows_and_lets_others_pass(store: Store) -> None:
    held, free = row("a", pace="post:ops"), row("b", pace="post:C1")
    owe(store, held, free)
    assert ids(claim(store, is_held=lambda key: key == "post:ops")) == [free.id]
    assert ids(claim(store)) == [held.id]


def test_a_row_without_a_pace_is_held_under_its_kind(store: Store) -> None:
    pin, topic = row("a", kind=OwedKind.PIN, pace=""), row("b", kind=OwedKind.TOPIC, pace="")
    owe(store, pin, topic)
    assert ids(claim(store, is_held=lambda key: key == "pin")) == [topic.id]


def test_of_rows_that_share_a_rate_key_one_goes_at_a_time(store: Store) -> None:
    owe(store, row("a", pace="post:ops"), row("b", pace="post:ops"), row("c", pace="post:C1"))
    assert [each.owed.lane for each in claim(store)] == ["a", "c"]
    assert [each.owed.lane for each in claim(store)] == ["b"], "the next look may take the next one"


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Priority)), min_size=1, max_size=10))
def test_whatever_is_owed_leaves_exactly_once_by_priority_then_by_age_in_each_lane(
    opener: Opener, tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, Priority]]
) -> None:
    store = opener(tmp_path_factory.mktemp("store"))
    rows = [row(lane, priority=priority) for lane, priority in plan]
    owe(store, *rows)
    left: list[Owed] = []
    while taken := claim(store, limit=2):
        left += [each.owed for each in taken]
        for each in taken:
            store.settle(each, NOW)
    store.close()
    for lane in "abc":
        expected = sorted((each for each in rows if each.lane == lane), key=lambda each: each.priority)
        assert [each.id for each in left if each.lane == lane] == [each.id for each in expected]
    assert len(left) == len(rows)


# -- deliveries: claims


def test_a_claim_holds_until_its_lease_runs_out_and_then_the_row_is_in_doubt(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    owe(one, row())
    (first,) = claim(one)
    assert (first.attempts, first.in_doubt) == (1, False)
    assert claim(other, after(LEASE - 0.1), owner="b") == []
    (second,) = claim(other, after(LEASE), owner="b")
    assert second.owed.id == first.owed.id
    assert (second.attempts, second.in_doubt) == (2, True), "its outcome is not known"


def test_workers_on_two_handles_never_take_the_same_row(open_store: Callable[[], Store]) -> None:
    handles = [open_store(), open_store()]
    owe(handles[0], *(row(f"lane-{n}") for n in range(30)))

    def work(store: Store, owner: str) -> list[str]:
        taken: list[str] = []
        while some := claim(store, owner=owner, limit=3):
            taken += ids(some)
        return taken

    taken = at_once(*(partial(work, handles[n % 2], f"w{n}") for n in range(4)))
    everything = [each for some in taken for each in some]
    assert len(everything) == len(set(everything)) == 30


@pytest.mark.parametrize(("first", "second"), [("slow", "quick"), ("same process", "same process")])
def test_a_worker_whose_lease_ran_out_can_not_take_the_row_from_the_one_who_has_it_now(
    store: Store, first: str, second: str
) -> None:
    owe(store, row())
    (slow,) = claim(store, owner=first)
    (quick,) = claim(store, after(LEASE), owner=second)
    store.postpone(slow, after(LEASE), error="timeout", in_doubt=False)
    assert claim(store, after(LEASE + 1), owner="third") == [], "quick is still at it"
    store.settle(quick, after(LEASE + 2))
    assert claim(store, after(99)) == []


def test_a_row_that_is_done_stays_done(store: Store) -> None:
    owe(store, row())
    (slow,) = claim(store)
    (quick,) = claim(store, after(LEASE))
    store.settle(quick, after(LEASE))
    store.postpone(slow, after(LEASE), error="timeout", in_doubt=True)
    assert claim(store, after(999)) == []
    assert store.troubles("INC-1") == []


def test_a_dead_owners_claims_are_free_again_and_in_doubt_and_nobody_elses(store: Store) -> None:
    owe(store, row("a"), row("b"))
    (held_by_dead,) = claim(store, owner="dead", limit=1)
    claim(store, owner="alive", limit=1)
    store.save(Change(timers=(timer(),)), NOW)
    store.claim_timers("sleeper", NOW, lease=LEASE, limit=1)
    assert sorted(store.claim_owners()) == ["alive", "dead", "sleeper"]

    store.release_claims("dead")
    (again,) = claim(store, owner="new")
    assert again.owed.id == held_by_dead.owed.id
    assert (again.attempts, again.in_doubt) == (2, True)
    store.release_claims("sleeper")
    assert len(store.claim_timers("new", NOW, lease=LEASE, limit=1)) == 1
    assert sorted(store.claim_owners()) == ["alive", "new"]


def test_who_has_nothing_claimed_is_no_owner(store: Store) -> None:
    owe(store, row("a"), row("b"), row("c"))
    done, later, never_again = claim(store, owner="me")
    store.settle(done, NOW)
    store.postpone(later, after(60), error="timeout", in_doubt=False)
    store.give_up(never_again, "no", NOW)
    assert store.claim_owners() == []


# -- deliveries: outcomes


def test_a_postponed_row_keeps_its_place_in_the_lane_and_says_why(store: Store) -> None:
    first, second = row(), row()
    owe(store, first, second)
    (taken,) = claim(store)
    store.postpone(taken, after(30), error="timeout", in_doubt=True)
    assert claim(store, after(29)) == [], "order is kept: the second waits too"
    (again,) = claim(store, after(30))
    assert (again.owed.id, again.attempts, again.in_doubt, again.error) == (first.id, 2, True, "timeout")
    store.postpone(again, after(60), error="connection", in_doubt=False)
    (third,) = claim(store, after(60))
    assert (third.attempts, third.in_doubt, third.error) == (3, False, "connection")


def test_a_row_put_aside_lets_its_lane_pass_and_comes_back(store: Store) -> None:
    broken, fine, last = row(), row(), row()
    owe(store, broken, fine, last)
    (taken,) = claim(store)
    store.postpone(taken, after(300), error="not_in_channel", in_doubt=False, aside=True)
    (passing,) = claim(store)
    assert passing.owed.id == fine.id
    store.settle(passing, NOW)
    store.settle(claim(store)[0], NOW)
    assert claim(store, after(299)) == []
    (again,) = claim(store, after(300))
    assert (again.owed.id, again.attempts, again.error) == (broken.id, 2, "not_in_channel")
    assert (taken.is_aside, passing.is_aside, again.is_aside) == (False, False, True)
    store.settle(again, after(300))
    assert claim(store, after(999)) == []


def test_a_row_put_aside_is_not_taken_while_its_lane_is_busy(store: Store) -> None:
    broken, fine = row(pace="post:C1"), row(pace="post:C2")
    owe(store, broken, fine)
    store.postpone(claim(store)[0], after(10), error="no", in_doubt=False, aside=True)
    (passing,) = claim(store, after(10))
    assert passing.owed.id == fine.id
    assert claim(store, after(11)) == []
    store.settle(passing, after(11))
    assert ids(claim(store, after(11))) == [broken.id]


def test_settling_records_where_it_stands_and_what_follows_in_one_step(store: Store) -> None:
    save(store, incident())
    owe(store, row())
    (taken,) = claim(store)
    place = Posted(subject="INC-1", target="ops", channel_id="C1", ts="1.0")
    follow_up = row("pins")
    change = Change(incidents=(store.incident(1).changed(channel_id="C1"),), timeline=(event(),), owed=(follow_up,))
    store.settle(taken, NOW, posted=[place], change=change)
    assert store.posted("INC-1", "ops") == place
    assert store.incident(1).channel_id == "C1"
    assert store.timeline_length(1) == 1
    assert ids(claim(store)) == [follow_up.id]


def test_settling_on_a_stale_incident_records_nothing_so_that_it_can_be_settled_again(store: Store) -> None:
    save(store, incident())
    owe(store, row())
    (taken,) = claim(store)
    place = Posted(subject="INC-1", target="ops", channel_id="C1", ts="1.0")
    stale = store.incident(1)
    save(store, stale.changed(commander=BOB))
    with pytest.raises(VersionConflict):
        store.settle(taken, NOW, posted=[place], change=Change(incidents=(stale.changed(channel_id="C1"),)))
    assert store.posted("INC-1", "ops") is None
    assert store.claim_owners() == ["a"], "still claimed"
    store.settle(taken, NOW, posted=[place], change=Change(incidents=(store.incident(1).changed(channel_id="C1"),)))
    assert (store.incident(1).commander, store.incident(1).channel_id) == (BOB, "C1")
    assert claim(store, after(999)) == []


def test_a_given_up_row_is_never_tried_again_and_stays_on_record(store: Store) -> None:
    owe(store, row(kind=OwedKind.TOPIC))
    store.give_up(claim(store)[0], "is_archived", NOW)
    assert claim(store, after(99_999)) == []
    assert store.next_delivery_at() is None
    assert store.troubles("INC-1") == [Trouble(kind=OwedKind.TOPIC, error="is_archived", attempts=1, is_given_up=True)]
    store.forget_before(after(99_999))
    assert len(store.troubles("INC-1")) == 1


def test_troubles_are_what_failed_and_is_not_done_yet(store: Store) -> None:
    owe(store, row("a", kind=OwedKind.CHANNEL), row("b", kind=OwedKind.PIN), row("c"), row("d", subject="INC-2"))
    channel, pin, fine, of_another = claim(store)
    assert store.troubles("INC-1") == [], "nothing failed so far"
    store.postpone(channel, after(1), error="timeout", in_doubt=False)
    store.postpone(pin, after(1), error="missing_scope", in_doubt=False, aside=True)
    store.settle(fine, NOW)
    store.postpone(of_another, after(1), error="timeout", in_doubt=False)
    assert [(each.kind, each.error, each.attempts) for each in store.troubles("INC-1")] == [
        (OwedKind.CHANNEL, "timeout", 1),
        (OwedKind.PIN, "missing_scope", 1),
    ]
    for again in claim(store, after(1)):
        store.settle(again, after(1))
    assert store.troubles("INC-1") == store.troubles("INC-2") == []


# -- deliveries: when to look again


def test_when_to_look_again_is_the_first_moment_anything_can_be_taken(store: Store) -> None:
    assert store.next_delivery_at() is None
    owe(store, row("a", not_before=after(60)), row("b", not_before=after(30)))
    assert store.next_delivery_at() == after(30)
    (taken,) = claim(store, after(30))
    store.postpone(taken, after(90), error="no", in_doubt=False, aside=True)
    assert store.next_delivery_at() == after(60)
    (taken,) = claim(store, after(60))
    store.settle(taken, after(60))
    assert store.next_delivery_at() == after(90)
    store.settle(claim(store, after(90))[0], after(90))
    assert store.next_delivery_at() is None


def test_while_the_only_row_is_under_way_there_is_nothing_to_look_for_before_its_claim_runs_out(store: Store) -> None:
    owe(store, row())
    claim(store, after(5))
    assert store.next_delivery_at() == after(5 + LEASE)


# -- timers


def test_due_timers_are_taken_once_the_oldest_first(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    late, early, future = timer(20, subject="late"), timer(10, subject="early", body={"n": 1}), timer(99)
    one.save(Change(timers=(late, early, future)), NOW)
    assert other.claim_timers("b", after(9), lease=LEASE, limit=9) == []
    assert other.claim_timers("b", after(20), lease=LEASE, limit=1) == [early]
    assert one.claim_timers("a", after(20), lease=LEASE, limit=9) == [late]
    assert one.claim_timers("a", after(20), lease=LEASE, limit=9) == []
    one.finish_timer(late)
    assert one.claim_timers("a", after(20 + LEASE), lease=LEASE, limit=9) == [early], "its claim ran out"
    one.finish_timer(early)
    assert one.claim_timers("a", after(98), lease=LEASE, limit=9) == []


def test_two_workers_never_take_the_same_timer(open_store: Callable[[], Store]) -> None:
    handles = [open_store(), open_store()]
    handles[0].save(Change(timers=tuple(timer(n) for n in range(20))), NOW)
    calls = [partial(handle.claim_timers, "x", after(60), lease=LEASE, limit=7) for handle in handles * 2]
    taken = [each.id for some in at_once(*calls) for each in some]
    assert len(taken) == len(set(taken)) == 20


def test_a_change_cancels_timers_by_kind_and_subject_and_may_set_them_anew(store: Store) -> None:
    store.save(Change(timers=(timer(10), timer(10, kind="page"), timer(10, subject="INC-2"))), NOW)
    anew = timer(15, body={"round": 2})
    store.save(Change(cancel_timers=(("remind", "INC-1"),), timers=(anew,)), NOW)
    due = store.claim_timers("a", after(60), lease=LEASE, limit=9)
    assert [(each.kind, each.subject, each.due_at) for each in due] == [
        ("page", "INC-1", after(10)),
        ("remind", "INC-2", after(10)),
        ("remind", "INC-1", after(15)),
    ]
    assert due[2] == anew


# -- forgetting


def test_what_is_old_and_done_is_forgotten_and_nothing_else(store: Store) -> None:
    owe(store, row("old"), row("new"), row("waits"), row("aside"))
    deliveries = {each.owed.lane: each for each in claim(store)}
    store.settle(deliveries["old"], after(10))
    store.settle(deliveries["new"], after(100))
    store.postpone(deliveries["waits"], after(1), error="timeout", in_doubt=False)
    store.postpone(deliveries["aside"], after(1), error="no", in_doubt=False, aside=True)
    for age, key in ((10, "old"), (100, "new")):
        store.claim_request(key, after(age))
        store.keep_draft(key, "text", after(age))
    save(store, incident())
    store.save(Change(timeline=(event(),), timers=(timer(1),)), NOW)

    assert store.forget_before(after(50)) == 3
    assert store.forget_before(after(50)) == 0
    assert (store.draft("old"), store.draft("new")) == (None, "text")
    assert store.claim_request("old", after(101)) is True
    assert store.claim_request("new", after(101)) is False
    assert sorted(each.owed.lane for each in claim(store, after(101))) == ["aside", "waits"]
    assert store.incident(1).version == 1
    assert store.timeline_length(1) == 1
    assert len(store.claim_timers("a", after(101), lease=LEASE, limit=9)) == 1


def test_a_row_set_aside_is_tried_again_instead_of_a_second_one_for_the_same_thing(store: Store) -> None:
    owe(store, row(coalesce="card:1"))
    (first,) = claim(store)
    store.postpone(first, after(300), error="channel_not_found", in_doubt=False, aside=True)
    assert claim(store, after(1)) == []
    store.save(Change(owed=(row(coalesce="card:1"),)), after(2))
    (again,) = claim(store, after(2))
    assert again.owed.id == first.owed.id
    store.settle(again, after(2))
    assert store.next_delivery_at() is None


# -- alerts


def test_an_alert_comes_back_as_it_was_saved_with_the_next_version(store: Store) -> None:
    made = alert(3, value=2.5, returned=(NOW, after(5)), missing=("Region",), silence="s1", group="prod/shop")
    store.save(Change(alerts=(made,)), NOW)
    assert store.alert(3) == made.changed(version=1)
    assert store.alerts([3, 4, 3]) == {3: made.changed(version=1)}
    with pytest.raises(UnknownAlert, match="AL-4"):
        store.alert(4)


@pytest.mark.parametrize(
    "first",
    [
        Change(alerts=(alert(1),)),
        Change(heads=(head("k"),)),
        Change(silences=(silence("s1"),)),
        Change(storms=(storm("ops"),)),
    ],
    ids=["alert", "head", "silence", "storm"],
)
def test_of_two_who_decided_on_the_same_row_only_the_first_writes_and_the_other_nothing(
    open_store: Callable[[], Store], first: Change
) -> None:
    one, other = open_store(), open_store()
    one.save(first, NOW)
    with pytest.raises(VersionConflict):
        other.save(first + Change(seen=("m1",), owed=(row("lost"),)), NOW)
    assert other.seen(["m1"]) == set()
    assert claim(other) == []


def test_of_many_who_write_one_alert_at_the_same_moment_exactly_one_wins(open_store: Callable[[], Store]) -> None:
    handles = [open_store() for _ in range(4)]
    handles[0].save(Change(alerts=(alert(1),)), NOW)
    read = [handle.alert(1) for handle in handles]

    def write(handle: Store, mine: Alert, count: int) -> bool:
        try:
            handle.save(Change(alerts=(mine.changed(count=count),)), NOW)
        except VersionConflict:
            return False
        return True

    calls = [partial(write, *each) for each in zip(handles, read, range(2, 6), strict=True)]
    assert sum(at_once(*calls)) == 1
    assert handles[0].alert(1).version == 2


def test_alert_numbers_are_given_once_in_every_handle_and_do_not_touch_those_of_incidents(
    open_store: Callable[[], Store],
) -> None:
    handles = [open_store() for _ in range(3)]
    taken = at_once(*(partial(handle.next_alert_numbers, 7) for handle in handles))
    assert sorted(number for numbers in taken for number in numbers) == list(range(1, 22))
    assert handles[0].next_number() == 1


def test_firing_alerts_come_worst_first_and_those_that_are_over_do_not(store: Store) -> None:
    over = {"status": AlertStatus.RESOLVED, "over_at": NOW}
    made = [alert(1), alert(2, severity=Severity.SEV1), alert(3, severity=Severity.SEV1, **over), alert(4)]
    store.save(Change(alerts=tuple(made)), NOW)
    assert [each.number for each in store.firing_alerts()] == [2, 4, 1]
    assert [each.number for each in store.firing_alerts(limit=1)] == [2]
    assert store.firing_count() == 3


def test_alerts_are_found_by_what_they_belong_to(store: Store) -> None:
    over = {"status": AlertStatus.RESOLVED, "over_at": NOW}
    made = [
        alert(1, group="prod/shop", incident=5),
        alert(2, group="prod/shop", incident=5, **over),
        alert(3, group="prod/shop", parent=9),
        alert(4, silence="s1"),
        alert(5, silence="s1", parent=9, **over),
    ]
    store.save(Change(alerts=tuple(made)), NOW)
    assert [each.number for each in store.alerts_of_group("prod/shop")] == [3, 1]
    assert [each.number for each in store.alerts_of_incident(5)] == [1, 2]
    assert [each.number for each in store.alerts_silenced_by("s1")] == [4]
    assert [each.number for each in store.alerts_under(9)] == [3]
    store.save(Change(alerts=(store.alert(4).changed(silence=None),)), NOW)
    assert store.alerts_silenced_by("s1") == []


def test_a_head_comes_back_as_it_was_saved_and_only_the_ones_asked_for(store: Store) -> None:
    mine, other = head("a", number=4, state=AlarmState.OK), head("b")
    store.save(Change(heads=(mine, other)), NOW)
    assert store.heads(["a", "c"]) == {"a": mine.model_copy(update={"version": 1})}
    assert store.heads([]) == {}
    many = tuple(head(f"k{number}") for number in range(1200))
    store.save(Change(heads=many), NOW)
    assert len(store.heads(each.key for each in many)) == 1200


def test_a_composite_alarm_stands_for_its_children_while_it_fires(store: Store) -> None:
    facts = {"name": "parent", "account": "1", "region": "r", "kind": AlarmKind.COMPOSITE, "children": ("a", "b")}
    store.save(Change(alerts=(alert(2, alarm=Alarm(**facts)),)), NOW)
    store.save(Change(alerts=(alert(3, alarm=Alarm(**{**facts, "name": "other", "children": ("b",)})),)), NOW)
    assert store.composites_over(["1/r/a", "1/r/b", "1/r/c"]) == {"1/r/a": 2, "1/r/b": 3}
    store.save(Change(alerts=(store.alert(3).changed(status=AlertStatus.RESOLVED, over_at=NOW),)), NOW)
    assert store.composites_over(["1/r/a", "1/r/b"]) == {"1/r/a": 2, "1/r/b": 2}


def test_silences_are_active_until_somebody_ends_them(store: Store) -> None:
    store.save(Change(silences=(silence("s1"), silence("s2"))), NOW)
    mine = store.silence("s1")
    assert mine is not None
    store.save(Change(silences=(mine.changed(ended_at=NOW, ended_by=ANA),)), NOW)
    assert [each.id for each in store.silences()] == ["s2"]
    ended = store.silence("s1")
    assert ended is not None
    assert (ended.ended_by, ended.version) == (ANA, 2)
    assert store.silence("s3") is None


def test_a_storm_comes_back_as_it_was_saved(store: Store) -> None:
    made = storm("ops", began_at=NOW, services={"shop": 3}, severities={1: 2, 3: 1}, alerts=3)
    store.save(Change(storms=(made,)), NOW)
    assert store.storm("ops") == made.changed(version=1)
    assert store.storm("other") is None


def test_a_message_that_was_taken_care_of_is_known_and_no_request_with_the_same_name_is(store: Store) -> None:
    store.save(Change(seen=("m1", "m2", "m1")), NOW)
    assert store.seen(["m1", "m3"]) == {"m1"}
    assert store.claim_request("m1", NOW)
    assert store.claim_request("m3", NOW)
    assert store.seen(["m3"]) == set()


def test_the_newest_state_of_a_deployment_counts_also_when_it_comes_first(store: Store) -> None:
    def deployed(state: DeploymentState, at: float) -> Deployment:
        return Deployment(source_id="m", id="d1", service="shop", state=state, at=after(at))

    store.save(Change(deployments=(deployed(DeploymentState.SUCCEEDED, 9),)), NOW)
    store.save(Change(deployments=(deployed(DeploymentState.STARTED, 1),)), NOW)
    assert [each.state for each in store.deployments_of("shop", NOW)] == [DeploymentState.SUCCEEDED]
    assert store.deployments_of("shop", after(10)) == []
    assert store.deployments_of("search", NOW) == []


def test_unreadable_messages_are_counted_once_each_whatever_is_in_them(store: Store) -> None:
    odd = Unreadable(source_id="m1", raw="\ud83d half", problem="no JSON")
    store.save(Change(unreadable=(odd, odd)), NOW)
    store.save(Change(unreadable=(odd.model_copy(update={"source_id": "m2"}),)), after(60))
    assert store.unreadable_since(NOW) == 2
    assert store.unreadable_since(after(1)) == 1


def test_a_head_is_forgotten_when_it_is_old_and_its_alert_is_over(store: Store) -> None:
    over = alert(2, status=AlertStatus.RESOLVED, over_at=NOW)
    heads = (head("fires", number=1), head("over", number=2), head("ok"), head("new", expires_at=after(900)))
    store.save(Change(alerts=(alert(1), over), heads=heads), NOW)
    store.forget_before(after(700))
    assert set(store.heads(["fires", "over", "ok", "new"])) == {"fires", "new"}


def test_a_file_of_the_version_before_alerts_keeps_what_is_owed_and_shown(tmp_path: Path) -> None:
    """Rows of a real file from then, upgraded by opening it."""
    path = tmp_path / "aiops.db"
    before = sqlite_utils.Database(path)
    MIGRATIONS.apply(before, stop_before="m005_subjects")
    data = incident(4, service="Checkout_API").model_dump_json(exclude={"version"})
    facts = {"number": 4, "version": 2, "is_open": 1, "severity": 3, "channel_id": None, "data": data}
    before.table("incidents").insert(facts)
    stamped = "2026-11-22T03:00:00.000000+00:00"
    waits = {"priority": 2, "state": "waiting", "attempts": 1, "in_doubt": 0, "due_at": stamped, "created_at": stamped}
    common = {"kind": "post", "patient": 1, "body": '{"text": "hi"}', **waits}
    for number, name in ((4, "about INC-4"), (None, "about nothing")):
        before.table("outbox").insert(
            {**common, "id": name, "lane": name, "pace": name, "incident": number, "error": "refused"}
        )
    before.table("posted").insert({"incident": 4, "target": "ops", "channel_id": "C1", "ts": "1.2"})
    before.table("incident_numbers").update(1, {"value": 4})
    before.close()
    store = SqliteStore(path)
    try:
        assert store.incident(4).version == 2
        found = store.open_incident_of("checkout api")
        assert found is not None
        assert found.number == 4
        assert {each.owed.id: each.owed.subject for each in claim(store)} == {
            "about INC-4": "INC-4",
            "about nothing": "",
        }
        assert [each.error for each in store.troubles("INC-4")] == ["refused"]
        assert store.posted("INC-4", "ops") == Posted(subject="INC-4", target="ops", channel_id="C1", ts="1.2")
        assert store.subject_of_message("C1", "1.2") == "INC-4"
        assert (store.next_number(), list(store.next_alert_numbers(2))) == (5, [1, 2])
    finally:
        store.close()
