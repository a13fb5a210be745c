"""What App Homes show to whom, and that reading it never goes through a whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.home import HomeFacts
from bot.config import Config, Maintenance, OnCall, Permissions, Service
from bot.errors import PagerError
from bot.models import (
    AlertStatus,
    Change,
    Duty,
    Incident,
    OwedKind,
    Paged,
    PostMortemStatus,
    Remediation,
    RemediationStatus,
    Role,
    Section,
    SectionName,
    Severity,
    Shown,
    Status,
)
from bot.rights import Caller
from bot.store.sqlite import SqliteStore
from tests.bot.fixing import remediation
from tests.bot.homes import GROUP, board
from tests.bot.make import (
    ANA,
    BOB,
    CY,
    NOW,
    action_item,
    after,
    alert,
    event,
    incident,
    post_mortem,
    row,
    silence,
    timer,
)
from tests.bot.storing import claim, owe


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        yield store


def keep(store: SqliteStore, **values: Any) -> None:
    store.save(Change(**values), NOW)


def facts(store: SqliteStore, person: str, config: Config | None = None, at: float = 0) -> HomeFacts:
    known = board(store, config)
    return known.facts(known.read(after(at)), known.reader(Caller(person)))


def numbers(found: Any) -> list[int]:
    return [one.number for one in found]


def test_mine_is_what_i_command_or_respond_to(store: SqliteStore) -> None:
    others = incident(4, commander=BOB, responders=(BOB, f"{ANA}X"))
    done = incident(5, status=Status.RESOLVED, resolved_at=NOW)
    first, second = incident(1), incident(2, commander=BOB, responders=(CY, ANA), severity=Severity.SEV1)
    keep(store, incidents=(first, second, incident(3, commander=None, responders=()), others, done))
    assert numbers(facts(store, ANA).incidents) == [2, 1]
    assert numbers(facts(store, CY).incidents) == [2]
    assert [one.number for one in store.open_incidents_with(ANA, limit=1)] == [2]


def test_alerts_wait_for_who_is_on_call_or_was_called(store: SqliteStore) -> None:
    config = Config(
        on_call=OnCall(primary=BOB, manager=CY),
        services={"shop": Service(), "search": Service(on_call=OnCall(primary=ANA))},
    )
    called = Paged(at=NOW, role=Role.MANAGER, name="Cy", user_id=CY)
    taken = alert(3, pages=True, acknowledged_by=BOB, acknowledged_at=NOW)
    search, climbed = alert(4, pages=True, service="search"), alert(5, pages=True, paged=(called,))
    keep(store, alerts=(alert(1, pages=True), alert(2), taken, search, climbed))
    assert numbers(facts(store, BOB, config).waiting.alerts) == [5, 1]
    assert numbers(facts(store, ANA, config).waiting.alerts) == [4]
    assert numbers(facts(store, CY, config).waiting.alerts) == [5]


def test_what_fires_on_after_people_ended_it_waits_behind_the_rest(store: SqliteStore) -> None:
    config = Config(on_call=OnCall(primary=BOB))
    left = {"left_at": after(60), "left_by": CY, "incident": 4, "acknowledged_at": after(30), "acknowledged_by": CY}
    keep(
        store,
        alerts=(
            alert(1, severity=Severity.SEV1, shown=Shown.THREAD, **left),
            alert(2, severity=Severity.SEV2, pages=True),
            alert(3, shown=Shown.SILENCED, **left),
            alert(4, status=AlertStatus.RESOLVED, over_at=after(90), **left),
        ),
    )
    assert numbers(facts(store, BOB, config).waiting.alerts) == [2, 1]
    assert numbers(facts(store, CY, config).waiting.alerts) == []


def test_an_incident_that_i_was_called_to_waits_for_my_acknowledgement(store: SqliteStore) -> None:
    called = (Paged(at=NOW, role=Role.PRIMARY, name="Bob", user_id=BOB),)
    keep(store, incidents=(incident(1, paged=called), incident(2, paged=called, status=Status.INVESTIGATING)))
    assert numbers(facts(store, BOB).waiting.called) == [1]
    assert numbers(facts(store, ANA).waiting.called) == [1], "she has not acknowledged hers"


PLANS = {
    "mine, and nobody else has to agree": (remediation(requested_by=ANA), True),
    "somebody else's, and nobody else has to agree": (remediation(requested_by=BOB), False),
    "mine, somebody else has to agree": (remediation(requested_by=ANA, needs=1), False),
    "somebody else's that needs one more": (remediation(requested_by=BOB, needs=1), True),
    "of my group": (remediation(requested_by=BOB, needs=1, group=GROUP), True),
    "of another group": (remediation(requested_by=BOB, needs=1, group="S0OTHER"), False),
    "approved by me already": (remediation(requested_by=BOB, needs=2, approved_by={ANA: NOW}), False),
    "expired": (remediation(requested_by=ANA, expires_at=NOW), False),
    "running": (remediation(requested_by=ANA, status=RemediationStatus.RUNNING), False),
    "for an incident that is over": (remediation(requested_by=ANA, subject="INC-2"), False),
    "taking back what was done for one that is over": (remediation(requested_by=ANA, subject="INC-2", undoes=3), True),
}


@pytest.mark.parametrize("name", PLANS)
def test_plans_wait_for_those_whose_yes_counts(store: SqliteStore, name: str) -> None:
    plan, waits = PLANS[name]
    over = incident(2, status=Status.RESOLVED, resolved_at=NOW)
    keep(store, remediations=(plan,), incidents=(over,))
    assert bool(facts(store, ANA).waiting.plans) is waits


def test_plans_wait_for_nobody_who_may_not_change_aws(store: SqliteStore) -> None:
    plan: Remediation = remediation(requested_by=BOB, needs=1)
    keep(store, remediations=(plan,))
    assert facts(store, ANA, Config(permissions=Permissions(remediate=(BOB,)))).waiting.plans == []


@pytest.mark.parametrize(
    ("minutes", "values", "waits"),
    [
        (19, {}, False),
        (20, {}, True),
        (45, {}, True),
        (45, {"reminded_at": after(30 * 60)}, True),
        (45, {"commander": BOB}, False),
        (45, {"severity": Severity.SEV4}, False),
        (45, {"status": Status.DECLARED}, False),
    ],
    ids=["not yet", "soon", "overdue", "reminded of", "not mine to give", "never", "not acknowledged"],
)
def test_updates_wait_for_the_commander(store: SqliteStore, minutes: int, values: dict[str, Any], waits: bool) -> None:
    one: Incident = incident(severity=Severity.SEV1, status=Status.INVESTIGATING, acknowledged_at=NOW)
    keep(store, incidents=(one.changed(**values),))
    found = facts(store, ANA, at=minutes * 60).waiting.updates
    assert found == ([(store.incident(1), after(30 * 60))] if waits else [])


def test_what_i_own_waits_until_it_is_done(store: SqliteStore) -> None:
    filed = post_mortem(3, status=PostMortemStatus.FILED)
    keep(
        store,
        incidents=tuple(incident(number, status=Status.RESOLVED, resolved_at=NOW) for number in range(1, 5)),
        post_mortems=(post_mortem(1), post_mortem(2, owner=BOB), filed, post_mortem(4, due_at=NOW)),
        action_items=(
            action_item(1, owner=ANA),
            action_item(2, owner=ANA, is_open=False),
            action_item(3, owner=ANA, due=date(2026, 1, 1)),
            action_item(4),
        ),
        timers=(timer(60, subject="AI-1"), timer(90, subject="AI-1", kind="other"), timer(30, subject="PM-2")),
    )
    waiting = facts(store, ANA).waiting
    assert [one.id for one in waiting.post_mortems] == ["PM-4", "PM-1"]
    assert [one.id for one in waiting.actions] == ["AI-3", "AI-1"]
    assert waiting.reminded == {"AI-1": after(60)}


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("values", "presses"),
    [
        ({"due_at": NOW + DAY}, False),
        ({"due_at": NOW + timedelta(hours=20)}, True),
        ({"due_at": NOW - DAY}, True),
        ({"due_at": NOW + DAY, "reminded_at": NOW}, True),
        ({"due_at": NOW + 2 * DAY, "reminded_at": NOW}, False),
        ({"due_at": None, "reminded_at": NOW}, False),
    ],
    ids=["tomorrow", "today", "overdue", "due soon, and told so", "told that it is theirs", "waits for its incident"],
)
def test_a_post_mortem_presses_on_its_day_or_once_its_owner_was_told_that_it_is_due_soon(
    store: SqliteStore, values: dict[str, Any], *, presses: bool
) -> None:
    over = tuple(incident(number, status=Status.RESOLVED, resolved_at=NOW) for number in (1, 2))
    keep(store, incidents=over, post_mortems=(post_mortem(1, **values), post_mortem(2, due_at=NOW + DAY * 9)))
    assert facts(store, ANA).waiting.pressing == ({"PM-1"} if presses else set())


@pytest.mark.parametrize(
    ("values", "presses"),
    [
        ({"due": (NOW + DAY).date()}, False),
        ({"due": NOW.date()}, True),
        ({"due": (NOW + 3 * DAY).date(), "reminded_at": NOW + timedelta(hours=6)}, True),
        ({"due": (NOW + 3 * DAY).date(), "reminded_at": NOW}, False),
    ],
    ids=["tomorrow", "today", "due soon, and told so", "told that it is theirs"],
)
def test_so_does_an_action_item(store: SqliteStore, values: dict[str, Any], *, presses: bool) -> None:
    keep(store, action_items=(action_item(1, owner=ANA, **values), action_item(2, owner=ANA)))
    assert facts(store, ANA).waiting.pressing == ({"AI-1"} if presses else set())


def test_a_post_mortem_has_its_card_and_what_is_to_be_written(store: SqliteStore) -> None:
    over = tuple(incident(number, status=Status.RESOLVED, resolved_at=NOW) for number in (1, 2))
    section = Section(name=SectionName.ROOT_CAUSE, text="a leak", by=ANA, at=NOW)
    every = tuple(section.model_copy(update={"name": name}) for name in SectionName)
    keep(
        store,
        incidents=over,
        post_mortems=(post_mortem(1, sections=(section,)), post_mortem(2, sections=every)),
        timeline=(event(1),),
    )
    known = board(store, link=lambda subject: {"PM-1": "card", "INC-2": "incident"}.get(subject, ""))
    waiting = known.facts(known.read(NOW), known.reader(Caller(ANA))).waiting
    assert waiting.cards == {"PM-1": "card", "PM-2": "incident"}
    assert {one: list(left) for one, left in waiting.missing.items()} == {"PM-1": [SectionName.FACTORS], "PM-2": []}


def test_what_was_filed_and_is_not_there_is_shown_to_who_owns_or_filed_it(store: SqliteStore) -> None:
    filed = {"status": PostMortemStatus.FILED, "ended_at": NOW, "ended_by": BOB}
    there = post_mortem(2, url="https://git.example.com/7", **filed)
    over = tuple(incident(number, status=Status.RESOLVED, resolved_at=NOW) for number in (1, 2, 3))
    keep(store, incidents=over, post_mortems=(post_mortem(1, owner=CY, **filed), there, post_mortem(3)))
    kinds = {OwedKind.PULL_REQUEST: (1, 2, 3), OwedKind.POST_MORTEM: (1,)}
    owe(store, *(row(f"{kind}{n}", kind=kind, subject=f"PM-{n}") for kind, found in kinds.items() for n in found))
    for one in claim(store):
        store.postpone(one, after(60), error="the token may not write", in_doubt=False, aside=True)
    found = {person: facts(store, person).waiting.unfiled for person in (ANA, BOB, CY)}
    told = {person: [(one.written.id, one.what, one.why) for one in found[person]] for person in found}
    assert told == {ANA: [], BOB: [("PM-1", "pull request", "the token may not write")], CY: told[BOB]}


def test_services_that_share_who_is_on_call_share_a_line(store: SqliteStore) -> None:
    config = Config(
        on_call=OnCall(primary=BOB, secondary=CY),
        services={"shop": Service(), "search": Service(), "pay": Service(on_call=OnCall(primary=ANA))},
    )
    rotas = facts(store, ANA, config).rotas or []
    told = [([duty.user_id for duty in rota.duties], rota.services) for rota in rotas]
    assert told == [([BOB, CY], ["shop", "search"]), ([ANA, CY], ["pay"])]


def test_a_pager_that_does_not_answer_leaves_the_rest(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    class Silent:
        def on_call(self, service: str) -> list[Duty]:
            raise PagerError("timeout")

        def find(self, name: str) -> Duty | None:
            return None

    keep(store, incidents=(incident(),))
    known = board(store)
    object.__setattr__(known, "roster", Silent())
    found = known.facts(known.read(NOW), known.reader(Caller(ANA)))
    assert (found.rotas, numbers(found.incidents)) == (None, [1])
    assert "timeout" in caplog.text


def test_silences_and_maintenance_that_are_on(store: SqliteStore) -> None:
    window = Maintenance(name="deploys", alarm=("prod-*",), at=time(2), lasts=timedelta(hours=2))
    keep(store, silences=(silence("a"), silence("b", ends_at=after(60)), silence("c", ends_at=NOW)))
    found = facts(store, ANA, Config(maintenance=(window,)))
    assert [one.id for one in found.silences] == ["b", "a"]
    assert found.maintenance == [(window, after(3600))]
    assert facts(store, ANA, Config(maintenance=(window,)), at=3600).maintenance == []


def test_this_week_stands_beside_the_one_before(store: SqliteStore) -> None:
    moments = {1: timedelta(hours=1), 2: timedelta(days=6), 3: timedelta(days=8), 4: timedelta(days=20)}
    keep(store, incidents=tuple(incident(number, declared_at=NOW - ago) for number, ago in moments.items()))
    found = facts(store, ANA)
    assert (found.week.incidents.now, found.week.incidents.before) == (2, 1)
    assert [sum(point.incidents.values()) for point in found.week.points] == [1, 0, 0, 0, 0, 0, 1]
    assert [sum(point.incidents.values()) for point in found.week_before.points] == [0, 0, 0, 0, 0, 1, 0]


def test_what_is_failing_is_what_was_tried_and_waits(store: SqliteStore) -> None:
    owe(store, row("a", kind=OwedKind.PAGE), row("b", kind=OwedKind.TICKET), row("c"), row("d", kind=OwedKind.MAIL))
    for one in claim(store):
        match one.owed.kind:
            case OwedKind.PAGE:
                store.postpone(one, after(60), error="timeout", in_doubt=True)
            case OwedKind.TICKET:
                store.postpone(one, after(60), error="archived", in_doubt=False, aside=True)
            case OwedKind.MAIL:
                store.give_up(one, "no such topic", NOW)
            case _:
                store.settle(one, NOW)
    assert store.failing() == {OwedKind.PAGE, OwedKind.TICKET}


def test_no_table_is_read_from_end_to_end() -> None:
    """Each statement of a page, as SQLite would run it: whatever grows with the years is found by an index."""
    asked: set[str] = set()
    with closing(SqliteStore(":memory:")) as store:
        keep(
            store, incidents=(incident(),), post_mortems=(post_mortem(),), remediations=(remediation(subject="INC-1"),)
        )
        connection = store._db._db.conn
        connection.set_trace_callback(asked.add)
        facts(store, ANA)
        store.failing()
        connection.set_trace_callback(None)
        plans = {sql: [line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in asked}
    assert len(plans) > 8
    tables = re.compile(r"SCAN (?!json_each)\w+(?! USING (COVERING )?INDEX)\b(?! USING)")
    found = {sql: plan for sql, plan in plans.items() if any(tables.search(line) for line in plan)}
    assert found == {}
