"""The contract of the Store, as far as it is a queue of what is owed: order, claims, outcomes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import VersionConflict
from bot.models import Change, Delivery, Owed, OwedKind, Posted, Priority, Trouble
from bot.store import Store
from tests.bot.conftest import Opener
from tests.bot.make import BOB, NOW, after, event, incident, row, timer
from tests.bot.storing import LEASE, at_once, claim, ids, owe, save

# -- order


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


def test_a_lane_keeps_its_order_and_is_as_urgent_as_the_most_urgent_row_in_it(store: Store) -> None:
    update, page = row("a"), row("a", priority=Priority.PAGE)
    comfort, template = row("b", priority=Priority.COMFORT), row("c", priority=Priority.TEMPLATE)
    owe(store, comfort, update, template, page)
    (first, second) = claim(store, limit=2)
    assert [first.owed.id, second.owed.id] == [update.id, template.id]
    store.settle(first, NOW)
    assert ids(claim(store, limit=9)) == [page.id, comfort.id]


def test_what_waits_is_as_urgent_as_the_newest_that_it_will_show(store: Store) -> None:
    card, other = row("a", coalesce="card", priority=Priority.COMFORT), row("b")
    owe(store, card, other, row("a", coalesce="card", priority=Priority.TEMPLATE))
    assert ids(claim(store)) == [card.id, other.id]


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


def test_a_row_waits_for_another_no_longer_than_it_says(store: Store) -> None:
    slow = row("slow")
    bounded, unbounded = row("a", after=slow.id, patient=False, until=after(60)), row("b", after=slow.id)
    owe(store, slow, bounded, unbounded)
    (first,) = claim(store)
    assert first.owed.id == slow.id
    while_it_is_tried = store.claim_deliveries("b", after(59), lease=LEASE, limit=10, is_held=lambda key: "slow" in key)
    assert while_it_is_tried == []
    then = store.claim_deliveries("b", after(60), lease=LEASE, limit=10, is_held=lambda key: "slow" in key)
    assert ids(then) == [bounded.id]


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
def test_whatever_is_owed_leaves_exactly_once_by_age_in_each_lane(
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
        assert [each.id for each in left if each.lane == lane] == [each.id for each in rows if each.lane == lane]
    assert len(left) == len(rows)


# -- claims


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


# -- outcomes


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


# -- when to look again


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
