"""The contract of the Store, which whatever keeps the bot's memory has to pass: incidents, requests, timers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.errors import StoreError, UnknownIncident, VersionConflict
from bot.models import Change, EventKind, Link, Posted, Severity, Status, Update
from bot.store import Store
from tests.bot.conftest import Opener
from tests.bot.make import ANA, BOB, CY, NOW, after, event, incident, row, timer
from tests.bot.storing import LEASE, at_once, claim, owe, save

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


def test_what_is_noted_late_stands_where_it_happened(store: Store) -> None:
    noted = [event(1, str(n), at=after(minute)) for n, minute in enumerate((0, 2, 1, 2))]
    store.save(Change(timeline=tuple(noted)), NOW)
    latest = store.timeline(1, limit=2)
    assert [each.text for _, each in latest] == ["1", "3"], "at one moment, in the order they were noted"
    assert [each.text for _, each in store.timeline(1, limit=2, before=latest[0][0])] == ["0", "2"]


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
