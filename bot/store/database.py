"""One SQLite connection, shared by all threads behind a lock: transactions, busy handling, typed errors."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlite_utils

from bot.errors import SchemaTooNew, StoreBusy, StoreError
from bot.store.schema import MIGRATIONS

BUSY_SECONDS = 2.0  # under Slack's 3 s, so that a form still gets its answer while another process holds the lock

Row = dict[str, Any]


def stamp(moment: datetime) -> str:
    """A moment as the tables hold it: UTC, fixed width, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(stamped: str) -> datetime:
    return datetime.fromisoformat(stamped)


class Database:
    """Open (and migrate) the file at `path`; `:memory:` for a private one."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._where = str(path)
        with self._typed_errors():
            if self._where != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._where, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._db = sqlite_utils.Database(connection, execute_plugins=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._switch_to_wal()
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            self._refuse_future_schema()
            MIGRATIONS.apply(self._db)

    def _switch_to_wal(self) -> None:
        """SQLite refuses this at once while another process opens the same fresh file, without its usual patience."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._db.enable_wal()
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def _refuse_future_schema(self) -> None:
        newer = sorted({migration.name for migration in MIGRATIONS.applied(self._db)} - _registered())
        if newer:
            raise SchemaTooNew(
                f"{self._where} was written by a newer version of the bot (it has {', '.join(newer)}). "
                "Start that version, or restore the backup made before the upgrade."
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one writer at a time; takes the write lock at once, so that nothing read goes stale."""
        with self._lock, self._typed_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            cursor = self._execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows one by one, from a connection of its own: nobody waits for it, however long it takes.

        A private database has no second connection: its rows are read at once.
        """
        if self._where == ":memory:":
            yield from (tuple(row.values()) for row in self.rows(sql, parameters))
            return
        with self._typed_errors(), closing(self._reader()) as connection:
            yield from connection.execute(sql, parameters)

    def _reader(self) -> sqlite3.Connection:
        address = f"{Path(self._where).resolve().as_uri()}?mode=ro"
        return sqlite3.connect(address, timeout=BUSY_SECONDS, check_same_thread=False, uri=True)

    def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement, in the open transaction or in its own; how many rows it changed."""
        with self._lock:
            return self._execute(sql, parameters).rowcount

    def _execute(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._db.conn.execute(sql, parameters)
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise self._typed(error) from error

    def insert(self, table: str, row: Row, *, or_ignore: bool = False) -> int:
        columns = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
        return self.write(f'{verb} INTO "{table}" ({columns}) VALUES ({marks})', list(row.values()))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise self._typed(error) from error

    def _typed(self, error: Exception) -> StoreError:
        text = str(error)
        if not isinstance(error, sqlite3.OperationalError):
            return StoreError(f"The database {self._where} can't be used: {error}.")
        if "locked" in text or "busy" in text:
            return StoreBusy(
                f"The database {self._where} is locked by another process; nothing was changed. Try again."
            )
        return StoreError(f"The database {self._where} did not take it: {text}. Nothing was changed.")


def _registered() -> set[str]:
    return {migration.name for migration in MIGRATIONS.pending(sqlite_utils.Database(memory=True))}
