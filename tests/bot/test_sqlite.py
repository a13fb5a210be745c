"""What is SQLite's own: opening, migrating, locks, and files that are not what they should be."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from bot.errors import SchemaTooNew, StoreBusy, StoreError
from bot.models import Change
from bot.store import database
from bot.store.schema import MIGRATIONS
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW, event, incident, row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "aiops.db"


@pytest.fixture
def opened(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def applied(path: Path) -> list[str]:
    with closing(sqlite_utils.Database(path)) as db:
        return [migration.name for migration in MIGRATIONS.applied(db)]


def test_the_folder_of_the_file_is_made_where_it_is_missing(opened: SqliteStore, path: Path) -> None:
    assert path.is_file()


def test_what_was_stored_survives_closing_and_opening(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.save(Change(incidents=(incident(store.next_number()),), timeline=(event(),), owed=(row(),)), NOW)
        store.claim_request("click:1", NOW)
    with closing(SqliteStore(path)) as store:
        assert store.incident(1) == incident(1, version=1)
        assert store.timeline_length(1) == 1
        assert store.next_delivery_at() == NOW
        assert store.claim_request("click:1", NOW) is False
        assert store.next_number() == 2


def test_every_commit_is_on_disk_before_it_counts_and_readers_do_not_wait(opened: SqliteStore, path: Path) -> None:
    [synchronous] = opened._db.rows("PRAGMA synchronous")
    assert synchronous == {"synchronous": 2}, "FULL: an answered change survives a power cut"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_migrations_run_once_in_order(opened: SqliteStore, path: Path) -> None:
    once = applied(path)
    assert once == sorted(once)
    assert once
    with closing(SqliteStore(path)):
        assert applied(path) == once


def test_opening_waits_while_somebody_else_is_making_the_file(path: Path) -> None:
    """Two replicas that start together: SQLite refuses the switch to WAL at once, without its usual patience."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.rollback)
        release.start()
        try:
            with closing(SqliteStore(path)) as store:
                assert store.next_number() == 1
        finally:
            release.join()


def test_many_can_open_a_fresh_file_at_the_same_moment(path: Path) -> None:
    path.parent.mkdir()
    for attempt in range(5):
        fresh = path.with_name(f"{attempt}.db")
        gate = threading.Barrier(4)

        def open_it(gate: threading.Barrier = gate, fresh: Path = fresh) -> SqliteStore:
            gate.wait()
            return SqliteStore(fresh)

        with ThreadPoolExecutor(4) as pool:
            stores = [future.result() for future in [pool.submit(open_it) for _ in range(4)]]
        assert sorted(store.next_number() for store in stores) == [1, 2, 3, 4]
        assert len(applied(fresh)) == len(set(applied(fresh)))
        for store in stores:
            store.close()


def test_a_file_of_a_newer_version_is_refused_by_name_with_the_way_out(opened: SqliteStore, path: Path) -> None:
    opened.save(Change(incidents=(incident(),)), NOW)
    known = applied(path)
    with closing(sqlite_utils.Database(path)) as db:
        [table] = [each for each in db.table_names() if "migrations" in each]
        newest = list(db.query(f'SELECT * FROM "{table}"'))[-1]
        values = {key: value for key, value in newest.items() if key != "id"}
        db.table(table).insert({**values, "name": "m999_from_the_future"})
    with pytest.raises(SchemaTooNew) as told:
        SqliteStore(path)
    assert str(path) in str(told.value)
    assert "newer version" in str(told.value)
    assert "m999_from_the_future" in str(told.value)
    assert not any(name in str(told.value) for name in known)
    assert opened.incident(1).version == 1, "and nothing was changed"


@pytest.fixture
def locked(opened: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    """A store whose file is locked by another connection; the bot waits for 0.2 s here."""
    opened.save(Change(incidents=(incident(),), owed=(row(),)), NOW)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with closing(SqliteStore(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield store
        other.rollback()
        assert store.next_number() == 1, "and goes on afterwards"


def test_a_locked_file_is_waited_for_and_then_said_to_be_busy(locked: SqliteStore, path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(StoreBusy, match="locked by another process; nothing was changed") as told:
        locked.save(Change(incidents=(incident(2),)), NOW)
    assert time.monotonic() - started > 0.15
    assert str(path) in str(told.value)


def test_every_kind_of_writing_says_busy_and_reading_goes_on(locked: SqliteStore) -> None:
    with pytest.raises(StoreBusy):
        locked.next_number()
    with pytest.raises(StoreBusy):
        locked.claim_request("click:1", NOW)
    with pytest.raises(StoreBusy):
        locked.claim_deliveries("me", NOW, lease=20, limit=5)
    assert locked.incident(1).version == 1
    assert len(locked.open_incidents()) == 1


def test_the_bot_waits_less_for_a_lock_than_slack_for_an_answer() -> None:
    assert 1.0 <= database.BUSY_SECONDS < 3.0


def test_a_file_that_is_no_database_is_said_to_be_unusable(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("services:\n  checkout-api: {}\n" * 100)
    with pytest.raises(StoreError, match="can't be used") as told:
        SqliteStore(path)
    assert str(path) in str(told.value)
    assert path.read_text().startswith("services:"), "and left as it was"


def test_a_folder_in_the_place_of_the_file_is_said_by_name(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError) as told:
        SqliteStore(path)
    assert str(path) in str(told.value)


def test_a_folder_that_can_not_be_made_is_said_by_name(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    path = tmp_path / "var" / "aiops.db"
    with pytest.raises(StoreError) as told:
        SqliteStore(path)
    assert str(path) in str(told.value)


def test_a_file_that_can_not_be_written_is_a_store_error(opened: SqliteStore) -> None:
    opened._db.write("PRAGMA query_only = ON")  # as a read-only file system; file modes do not bind root
    with pytest.raises(StoreError, match=r"did not take it: .*readonly.* Nothing was changed"):
        opened.save(Change(incidents=(incident(),)), NOW)
    opened._db.write("PRAGMA query_only = OFF")
    opened.save(Change(incidents=(incident(),)), NOW)


def test_a_failed_opening_leaves_nothing_behind_that_is_in_the_way(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    for _ in range(3):
        with pytest.raises(StoreError):
            SqliteStore(path)
    path.unlink()
    with closing(SqliteStore(path)) as store:
        assert store.next_number() == 1


def test_a_broken_step_in_a_transaction_takes_all_of_it_back_and_frees_the_lock(opened: SqliteStore) -> None:
    def write_and_break() -> None:
        with opened._db.transaction():
            opened._db.write("UPDATE incident_numbers SET value = 100")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_break()
    assert opened.next_number() == 1


def test_moments_are_stored_so_that_text_order_is_time_order() -> None:
    moments = [NOW.replace(microsecond=micro) for micro in (0, 1, 10, 500_000, 999_999)]
    stamps = [database.stamp(each) for each in moments]
    assert stamps == sorted(stamps)
    assert len({len(each) for each in stamps}) == 1
    assert [database.moment(each) for each in stamps] == moments
