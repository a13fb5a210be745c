"""The contract of the Store, for alerts and all that belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from bot.errors import UnknownAlert, VersionConflict
from bot.models import Alert, AlertStatus, Change, Posted, Severity, Shown
from bot.signals import Alarm, AlarmKind, AlarmState, Deployment, DeploymentState, Unreadable
from bot.store import Store
from bot.store.schema import MIGRATIONS
from bot.store.sqlite import SqliteStore
from tests.bot.make import ANA, NOW, after, alert, head, incident, row, silence, storm
from tests.bot.storing import at_once, claim


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


def test_those_that_wait_are_shown_and_nobodys(store: Store) -> None:
    taken = {"acknowledged_at": NOW, "acknowledged_by": ANA}
    made = [
        alert(1),
        alert(2, shown=Shown.STORM),
        alert(3, **taken, left_at=NOW),
        alert(4, **taken),
        alert(5, shown=Shown.SILENCED),
        alert(6, shown=Shown.INHIBITED),
        alert(7, status=AlertStatus.RESOLVED, over_at=NOW),
    ]
    store.save(Change(alerts=tuple(made)), NOW)
    assert store.awaiting_count() == 3


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


def test_what_fired_of_a_service_since_then_is_found_over_or_not(store: Store) -> None:
    over = {"status": AlertStatus.RESOLVED, "over_at": after(9)}
    fired = [alert(1, fired_at=after(-1)), alert(2, fired_at=after(5)), alert(3, fired_at=NOW, **over),
             alert(4, fired_at=NOW, service="search-api")]  # fmt: skip
    store.save(Change(alerts=tuple(fired)), NOW)
    assert [one.number for one in store.alerts_fired("shop", NOW)] == [3, 2]


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


DONE = DeploymentState.SUCCEEDED


def deployed(state: DeploymentState, at: float, **values: Any) -> Deployment:
    facts: dict[str, Any] = {"id": "d1", "service": "shop", **values}
    return Deployment(source_id="m", state=state, at=after(at), **facts)


def test_the_newest_state_of_a_deployment_counts_also_when_it_comes_first(store: Store) -> None:
    store.save(Change(deployments=(deployed(DeploymentState.SUCCEEDED, 9),)), NOW)
    store.save(Change(deployments=(deployed(DeploymentState.STARTED, 1),)), NOW)
    assert [each.state for each in store.deployments_of("shop", NOW)] == [DeploymentState.SUCCEEDED]
    assert store.deployments_of("shop", after(10)) == []
    assert store.deployments_of("search", NOW) == []


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_whatever_the_order_a_deployment_is_as_it_was_last_and_began_with_its_first_news(
    store: Store, order: tuple[int, ...]
) -> None:
    news = [deployed(DeploymentState.STARTED, 1), deployed(DeploymentState.STARTED, 5), deployed(DONE, 9)]
    for place in order:
        store.save(Change(deployments=(news[place],)), NOW)
    (one,) = store.deployments_of("shop", after(9))
    assert (one.state, one.at, one.began) == (DONE, after(9), after(1))


def test_the_same_version_deployed_again_is_another_deployment(store: Store) -> None:
    for state, at in ((DeploymentState.STARTED, 1), (DONE, 2), (DeploymentState.STARTED, 61), (DONE, 62)):
        store.save(Change(deployments=(deployed(state, at, id="shop/v1"),)), NOW)
    store.save(Change(deployments=(deployed(DONE, 30, id="shop/v2"),)), NOW)
    found = store.deployments_of("shop", NOW)
    assert [(each.at, each.began) for each in found] == [
        (after(62), after(61)),
        (after(30), after(30)),
        (after(2), after(1)),
    ]
    assert len({each.id for each in found}) == 3


def test_two_services_may_give_their_deployments_the_same_id(store: Store) -> None:
    store.save(Change(deployments=(deployed(DONE, 1, id="42"), deployed(DONE, 2, id="42", service="search"))), NOW)
    assert [each.at for each in store.deployments_of("shop", NOW)] == [after(1)]
    assert [each.at for each in store.deployments_of("search", NOW)] == [after(2)]


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
