"""What the store counts by time: in new rows, in those of an older version, and without reading a whole year."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from bot.errors import StoreError, VersionConflict
from bot.models import (
    Action,
    Alert,
    AlertStatus,
    Approval,
    Change,
    EventKind,
    Order,
    Paged,
    Plan,
    PostMortemStatus,
    Remediation,
    Role,
    Severity,
    Shown,
    Status,
    Target,
)
from bot.models.digest import AlarmCount, IncidentFact, PageFact
from bot.store.database import Database
from bot.store.records import COLUMNS
from bot.store.schema import MIGRATIONS
from bot.store.sqlite import SqliteStore
from tests.bot.make import ANA, BOB, CY, NOW, action_item, after, alert, event, incident, post_mortem, silence

DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aiops.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        yield opened


def firing(number: int, at: datetime = NOW, **values: Any) -> Alert:
    return alert(number, fired_at=at, received_at=at, changed_at=at, **values)


def fix(number: int, at: datetime | None, **values: Any) -> Remediation:
    facts: dict[str, Any] = {
        "order": Order(action=Action.ROLLBACK, service="shop"),
        "plan": Plan(target=Target(kind="ecs", name="shop"), before="", after=""),
        "severity": Severity.SEV2,
        "requested_by": ANA,
        "requested_at": NOW,
        "expires_at": NOW,
        "started_at": at,
    }
    return Remediation(number=number, **{**facts, **values})


def whole() -> Change:
    """One of everything."""
    paged = (Paged(at=after(5), role=Role.PRIMARY, name="Ana", user_id=ANA),)
    over: dict[str, Any] = {"status": AlertStatus.RESOLVED, "over_at": after(120), "count": 4, "flaps": 2}
    return Change(
        incidents=(
            incident(1, service="Checkout API", started_at=after(-60), acknowledged_at=after(30), paged=paged),
            incident(2, declared_at=after(DAY), status=Status.RESOLVED, resolved_at=after(2 * DAY), due_at=after(9)),
        ),
        alerts=(
            firing(1, **over, paged=paged),
            firing(2, after(60), key=alert(1).key, alarm=alert(1).alarm, shown=Shown.STORM),
            firing(3, after(DAY), service="search"),
        ),
        remediations=(fix(1, after(7)), fix(2, None)),
    )


def told(store: SqliteStore) -> dict[str, Any]:
    """All that is counted of three days."""
    span = (after(-DAY), after(3 * DAY))
    return {
        "declared": list(store.incidents_declared(*span)),
        "resolved": [one.number for one in store.incidents_resolved(*span)],
        "alarms": sorted(store.alarm_counts(*span)),
        "alerts": store.count_alerts(*span),
        "fixes": [one.number for one in store.remediations_started(*span)],
        "pages": list(store.pages(*span)),
    }


KEY = alert(1).key
EXPECTED = {
    "declared": [
        IncidentFact(1, "checkout-api", Severity.SEV3, "declared", NOW, after(-60), after(30), None, None),
        IncidentFact(
            2, "checkout-api", Severity.SEV3, "resolved", after(DAY), after(DAY), None, after(2 * DAY), after(9)
        ),
    ],
    "resolved": [2],
    "alarms": [AlarmCount(KEY, "shop", 2, 5, 2, 1, 1), AlarmCount(alert(3).key, "search", 1, 1, 0, 0, 1)],
    "alerts": {"shop": 2, "search": 1},
    "fixes": [1],
    "pages": [PageFact(after(5), "primary", "shop")],
}


def test_new_rows_are_counted(store: SqliteStore) -> None:
    store.save(whole(), NOW)
    assert told(store) == EXPECTED


def test_changed_rows_are_counted_as_they_are_now(store: SqliteStore) -> None:
    store.save(Change(alerts=(firing(1),), incidents=(incident(1),)), NOW)
    later = store.alert(1).changed(status=AlertStatus.RESOLVED, over_at=after(30), count=9, flaps=3)
    ended = store.incident(1).changed(status=Status.RESOLVED, resolved_at=after(60))
    store.save(Change(alerts=(later,), incidents=(ended,)), NOW)
    [count] = store.alarm_counts(NOW, after(1))
    assert (count.seen, count.flaps, count.short) == (9, 3, 1)
    assert [one.resolved_at for one in store.incidents_declared(NOW, after(1))] == [after(60)]


def test_an_alert_in_a_thread_has_a_card_too(store: SqliteStore) -> None:
    alerts = tuple(firing(number, shown=how, key="k") for number, how in enumerate(Shown, start=1))
    store.save(Change(alerts=alerts), NOW)
    [count] = store.alarm_counts(NOW, after(1))
    assert (count.alerts, count.cards) == (len(Shown), 2)


def test_rows_of_an_older_version_are_counted_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_before(path, monkeypatch)
    with closing(SqliteStore(path)) as store:
        assert told(store) == EXPECTED
        assert store.alert(1) == whole().alerts[0].changed(version=1)


def _as_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file as the migration before left it: written by this version, then without what came since."""
    with closing(SqliteStore(path)) as store:
        store.save(whole(), NOW)
    with closing(sqlite3.connect(path)) as database:
        for index in ("incidents_declared", "incidents_resolved", "alerts_fired", "remediations_started",
                      "idx_timeline_at_id"):  # fmt: skip
            database.execute(f"DROP INDEX {index}")
        columns = {
            "incidents": ("status", "declared_at", "began_at", "acknowledged_at", "resolved_at", "due_at"),
            "alerts": ("fired_at", "key", "service", "seen", "flaps", "lasted", "has_card"),
            "remediations": ("started_at",),
        }
        for table, names in columns.items():
            for name in names:
                database.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        database.execute("DROP TABLE pages")
        database.execute("DELETE FROM _sqlite_migrations WHERE name = 'm009_reports'")
        database.commit()
    assert [one.name for one in MIGRATIONS.pending(sqlite_utils.Database(path))] == ["m009_reports"]


def test_post_mortems_of_an_older_version_are_found_by_when_they_ended(path: Path) -> None:
    ended = post_mortem(1, status=PostMortemStatus.WAIVED, ended_at=after(60))
    with closing(SqliteStore(path)) as store:
        store.save(Change(post_mortems=(ended, post_mortem(2)), action_items=(action_item(1),)), NOW)
    with closing(sqlite3.connect(path)) as database:
        for table, column in (
            ("post_mortems", "begun_at"), ("post_mortems", "ended_at"), ("action_items", "created_at")
        ):  # fmt: skip
            database.execute(f"DROP INDEX {table}_{column}")
            database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        database.execute("ALTER TABLE installation DROP COLUMN workspace")
        database.execute("DELETE FROM _sqlite_migrations WHERE name = 'm018_looking_back'")
        database.commit()
    with closing(SqliteStore(path)) as store:
        assert [one.id for one in store.post_mortems_ended(after(60), after(61))] == ["PM-1"]
        assert list(store.post_mortems_ended(NOW, after(60))) == []
        assert [row["id"] for row in store.export("post-mortems", NOW)] == ["PM-1", "PM-2"]
        assert [row["id"] for row in store.export("action-items", NOW)] == ["AI-1"]


def test_a_post_mortem_that_is_open_again_has_not_ended(store: SqliteStore) -> None:
    store.save(Change(post_mortems=(post_mortem(1, status=PostMortemStatus.FILED, ended_at=NOW),)), NOW)
    again = store.post_mortem(1).changed(status=PostMortemStatus.DRAFT, ended_at=None)
    store.save(Change(post_mortems=(again,)), NOW)
    assert list(store.post_mortems_ended(NOW, after(1))) == []


def test_the_edges_of_a_span_are_exact(store: SqliteStore) -> None:
    moments = [after(-0.000001), NOW, after(0.000001), after(1)]
    store.save(Change(alerts=tuple(firing(number, at) for number, at in enumerate(moments, start=1))), NOW)
    assert sum(one.alerts for one in store.alarm_counts(NOW, after(1))) == 2


def test_an_alarm_is_described_by_its_newest_alert(store: SqliteStore) -> None:
    older, newer = alert(1).alarm, alert(1).alarm.model_copy(update={"threshold": 2.0})
    store.save(
        Change(alerts=(firing(1, alarm=older, value=1.0), firing(2, after(9), alarm=newer, key=older.key, flaps=1))),
        NOW,
    )
    detail = store.alarm_detail(older.key, NOW, after(DAY))
    assert detail is not None
    assert detail.alarm.threshold == 2.0
    assert [(one.lasted, one.flaps, one.value) for one in detail.firings] == [(None, 1, None), (None, 0, 1.0)]
    assert store.alarm_detail("no/such/alarm", NOW, after(DAY)) is None


def test_a_page_that_several_share_counts_once(store: SqliteStore) -> None:
    paged = (Paged(at=NOW, role=Role.PRIMARY, name="Ana"),)
    store.save(Change(alerts=(firing(1, paged=paged), firing(2, paged=paged)), incidents=(incident(paged=paged),)), NOW)
    assert len(list(store.pages(NOW, after(1)))) == 1


def test_it_is_known_whether_anything_is_older(store: SqliteStore) -> None:
    assert not store.is_older_than(after(DAY))
    store.save(Change(alerts=(firing(1),)), NOW)
    assert store.is_older_than(after(1))
    assert not store.is_older_than(NOW)


def test_a_private_database_answers_too() -> None:
    with closing(SqliteStore(":memory:")) as store:
        store.save(whole(), NOW)
        assert told(store) == EXPECTED


def test_what_is_read_meanwhile_holds_nobody_up_and_stays_as_it_was(store: SqliteStore) -> None:
    store.save(Change(alerts=tuple(firing(number) for number in range(1, 501))), NOW)
    rows = store.export("alerts", NOW)
    assert next(rows)["id"] == "AL-1"
    store.save(Change(alerts=(firing(501),)), NOW)
    assert sum(1 for _ in rows) == 499


def test_a_file_that_is_gone_is_a_store_error(store: SqliteStore, path: Path) -> None:
    store.close()
    path.unlink()
    with pytest.raises(StoreError):
        list(Database.stream(store._db, "SELECT 1"))


# -- claims


def test_a_key_is_claimed_once_with_all_that_goes_with_it(store: SqliteStore) -> None:
    store.save(Change(claims=("digest:2026-W47",), incidents=(incident(1),)), NOW)
    with pytest.raises(VersionConflict):
        store.save(Change(claims=("digest:2026-W47",), incidents=(incident(2),)), NOW)
    assert [one.number for one in store.recent_incidents()] == [1], "nothing of the second was written"


# -- exports


def test_exports_are_plain_rows_the_oldest_first(store: SqliteStore) -> None:
    store.save(whole(), NOW)
    assert [row["id"] for row in store.export("incidents", NOW)] == ["INC-1", "INC-2"]
    [first, *_] = store.export("alerts", NOW)
    assert (first["id"], first["severity"], first["alarm"]["name"]) == ("AL-1", 3, alert(1).alarm.name)
    assert [row["id"] for row in store.export("alerts", after(1))] == ["AL-2", "AL-3"]


def test_exports_have_ids_one_form_of_moments_and_nothing_that_only_the_bot_needs(store: SqliteStore) -> None:
    at = after(0.25)
    store.save(
        Change(
            incidents=(
                incident(1, declared_at=at, merged_into=2, paged=(Paged(at=at, role=Role.PRIMARY, name="Ana"),)),
            ),
            alerts=(firing(1, at, incident=1, lead=3, parent=4),),
            timeline=(event(1, at=at),),
            post_mortems=(post_mortem(1, begun_at=at),),
            action_items=(action_item(1, created_at=at),),
        ),
        NOW,
    )
    rows = {what: list(store.export(what, NOW)) for what in COLUMNS}
    assert {what: [tuple(row) for row in found] for what, found in rows.items()} == {
        what: [columns] for what, columns in COLUMNS.items()
    }
    moments = set(re.findall(r"2026-11-22T\S*?(?=\")", json.dumps(rows)))
    assert moments == {"2026-11-22T03:00:00.250000Z"}
    assert rows["incidents"][0]["merged_into"] == "INC-2"
    assert "call" not in rows["incidents"][0]["paged"][0]
    assert [rows["alerts"][0][each] for each in ("incident", "lead", "parent")] == ["INC-1", "AL-3", "AL-4"]
    assert rows["post-mortems"][0]["incident"] == rows["action-items"][0]["incident"] == "INC-1"


def test_the_audit_is_what_people_did_and_decided(store: SqliteStore) -> None:
    lines = (event(1, "looked"), event(1, "it fires", actor=None, at=after(1)), event(1, "over", at=after(200)))
    decided = fix(1, after(100), approved_by={BOB: after(90)}, requested_at=after(50))
    refused = fix(2, None, requested_by=None, requested_at=after(60), rejected_by=CY, finished_at=after(70))
    standing = Approval(name="rollback", service="shop", by=ANA, at=after(110), until=after(DAY))
    change = Change(
        timeline=lines, remediations=(decided, refused), approvals=(standing,), silences=(silence("s", by=BOB),)
    )
    store.save(change, NOW)
    assert [(row["who"], row["did"], row["to"]) for row in store.export("audit", NOW)] == [
        (ANA, EventKind.NOTE.value, "INC-1"),
        (BOB, "silence", "prod-shop-*"),
        (ANA, "plan", "FIX-1"),
        ("the bot", "plan", "FIX-2"),
        (CY, "reject", "FIX-2"),
        (BOB, "approve", "FIX-1"),
        (ANA, "run", "FIX-1"),
        (ANA, "standing approval", "rollback/shop"),
        (ANA, EventKind.NOTE.value, "INC-1"),
    ]
    assert [row["text"] for row in store.export("timeline", NOW)] == ["looked", "it fires", "over"]
    assert list(store.export("audit", after(10 * DAY))) == []


# -- plans


def test_a_span_is_found_by_an_index_and_counted_without_reading_the_rows(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    stream = Database.stream

    def remember(database: Database, sql: str, parameters: Any = ()) -> Iterator[tuple[Any, ...]]:
        asked.append((sql, len(parameters)))
        return stream(database, sql, parameters)

    monkeypatch.setattr(Database, "stream", remember)
    told(store)
    store.alarm_detail("k", NOW, after(1))
    list(store.post_mortems_ended(NOW, after(1)))
    for what in ("incidents", "alerts", "timeline", "post-mortems", "action-items"):
        list(store.export(what, NOW))
    with closing(sqlite3.connect(path)) as database:
        plans = {
            sql: [str(step[3]) for step in database.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * count)]
            for sql, count in asked
        }
    assert len(plans) == 13
    scans = [step for steps in plans.values() for step in steps if step.startswith("SCAN")]
    assert scans == ["SCAN newest"], "the few that were just found"
    counted = [
        steps[0] for sql, steps in plans.items() if "data" not in sql and re.search("FROM (incidents|alerts)", sql)
    ]
    assert len(counted) == 4
    assert all("COVERING INDEX" in step for step in counted)
