"""No statement reads a whole table: however much is stored and done, what is asked for is found by an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.models import Change
from bot.store.database import Database
from bot.store.sqlite import SqliteStore
from tests.bot.make import (
    NOW,
    action_item,
    after,
    alert,
    event,
    head,
    incident,
    post_mortem,
    row,
    silence,
    storm,
    timer,
)
from tests.bot.storing import claim, owe

_SCAN = re.compile(r"SCAN (\w+)( USING (COVERING )?INDEX \w+)?")
_FEW_ROWS = {"lanes", "CONSTANT", "storms", "silences", "incident_numbers"}
_SELDOM = (
    "SELECT claimed_by FROM outbox",  # who died is looked for when the bot starts
    "UPDATE outbox SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by",
    "UPDATE timers SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by",
    "UPDATE investigations SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by",
    "DELETE FROM pictures",
    "DELETE FROM alert_deduplication",  # once an hour
)
_STOPS_EARLY = re.compile(r"FROM (incidents|remediations) ORDER BY number DESC LIMIT \?$")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Every statement that the store ran after it was opened, and how many parameters it has."""
    statements: dict[str, int] = {}
    execute = Database._execute

    def remember(database: Database, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        statements[sql] = len(parameters)
        return execute(database, sql, parameters)

    store = SqliteStore(tmp_path / "plans.db")
    with monkeypatch.context() as patched, closing(store):
        patched.setattr(Database, "_execute", remember)
        _work(store)
    return statements


def test_every_statement_finds_its_rows_by_an_index(asked: dict[str, int], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "plans.db")) as database:
        plans = {
            sql: [str(step[3]) for step in database.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * count)]
            for sql, count in asked.items()
            if not sql.startswith(("PRAGMA", "BEGIN"))
        }
    assert len(plans) > 50, "the store did little"
    reading_all = {
        sql: steps
        for sql, steps in plans.items()
        for step in steps
        if (found := _SCAN.match(step)) and not found[2] and found[1] not in _FEW_ROWS
    }
    assert [sql for sql in reading_all if not sql.startswith(_SELDOM) and not _STOPS_EARLY.search(sql)] == []


def _work(store: SqliteStore) -> None:
    """What a bot does all day: things are owed, claimed, settled and put off; alerts and incidents come and go."""
    store.next_number()
    store.save(
        Change(
            incidents=(incident(1),),
            timeline=(event(1),),
            alerts=(alert(1),),
            heads=(head("k"),),
            silences=(silence("s"),),
            storms=(storm("ops"),),
            timers=(timer(),),
            cancel_timers=(("sla", "AL-1"),),
            seen=("m",),
        ),
        NOW,
    )
    owe(store, row(coalesce="c"), row("b"), row("c", after="x"))
    taken = claim(store, limit=3)
    store.settle(taken[0], NOW)
    store.postpone(taken[1], after(1), error="no", in_doubt=False)
    store.postpone(taken[2], after(1), error="no", in_doubt=False, aside=True)
    claim(store, now=after(2))
    store.next_delivery_at()
    store.claim_owners()
    store.release_claims("nobody")
    store.troubles("INC-1")
    for found in store.claim_timers("me", after(5), lease=60, limit=5):
        store.finish_timer(found)
    _ask(store)
    _fix(store)
    _follow(store)
    store.forget_before(NOW)


def _follow(store: SqliteStore) -> None:
    store.save(Change(post_mortems=(post_mortem(1),), action_items=(action_item(1),)), NOW)
    store.next_action_number()
    store.post_mortem(1)
    store.open_post_mortems()
    store.action_item(1)
    store.open_action_items()
    store.action_items_of(1)
    store.incidents_of("checkout-api")


def _fix(store: SqliteStore) -> None:
    store.next_investigation_number()
    store.next_remediation_number()
    store.claim_investigation("me", NOW, lease=60)
    store.investigations_of("AL-1")
    store.keep_picture("p", b"", NOW)
    store.picture("p")
    store.remediations()
    store.open_remediations()
    store.remediations_of("AL-1")
    store.guard("prod/checkout-api")
    store.approval("rollback", "checkout-api")
    store.approvals()
    store.baselines("checkout-api", "m")
    store.baselines("checkout-api")


def _ask(store: SqliteStore) -> None:
    store.incident(1)
    store.open_incidents()
    store.recent_incidents()
    store.incident_in_channel("C1")
    store.incident_of_message("C1", "1.0")
    store.timeline(1, limit=5)
    store.timeline_length(1)
    store.posted("INC-1", "ops")
    store.open_incident_of("checkout-api")
    store.next_alert_numbers(5)
    store.heads(["k"])
    store.alerts([1])
    store.firing_alerts()
    store.firing_count()
    store.awaiting_count()
    store.alerts_of_group("prod/checkout-api")
    store.leads_of("prod/checkout-api")
    store.alerts_led_by(1)
    store.count_led_by(1)
    store.alerts_of_incident(1)
    store.alerts_silenced_by("s")
    store.alerts_under(1)
    store.alerts_fired("shop", NOW)
    store.open_page_keys()
    store.composites_over(["k"])
    store.silence("s")
    store.silences()
    store.storm("ops")
    store.deployments_of("checkout-api", NOW)
    store.seen(["m"])
    store.unreadable_since(NOW)
    store.claim_request("r", NOW)
    store.was_requested("r")
    store.keep_draft("d", "text", NOW)
    store.draft("d")
