"""What the SQLite store gives away again, in batches: each is one short transaction, and nobody waits longer for it.

Rows to go are looked for on a connection of its own; within the transaction they are taken only as they were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.errors import VersionConflict
from bot.models import Alert, Storm
from bot.store import Archived, Place
from bot.store.database import Database, Row, stamp

# What belongs to an incident stays with it, and what something is still to be done about.
_FREE = """
a.is_firing = 0 AND a.incident IS NULL
AND NOT EXISTS (SELECT 1 FROM alerts o WHERE o.lead = a.number AND o.is_firing = 1)
AND NOT EXISTS (SELECT 1 FROM alerts o WHERE o.parent = a.number AND o.is_firing = 1)
AND NOT EXISTS (SELECT 1 FROM investigations r WHERE r.subject = 'AL-' || a.number AND r.is_open = 1)
AND NOT EXISTS (SELECT 1 FROM remediations f WHERE f.subject = 'AL-' || a.number AND f.is_open = 1)
AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.subject = 'AL-' || a.number)
AND 'AL-' || a.number NOT IN (SELECT subject FROM outbox WHERE state = 'waiting')
AND 'AL-' || a.number NOT IN (SELECT subject FROM outbox WHERE state = 'aside')
"""
# The index on `fired_at` has all that the condition on the time needs, in this order.
_OLD = f"""
SELECT a.version, a.data FROM alerts a
WHERE (a.fired_at, a.key) > (?, ?) AND a.fired_at < ? AND unixepoch(a.fired_at) + a.lasted < ? AND {_FREE}
ORDER BY a.fired_at, a.key LIMIT ?
"""
# What is of no use after a while: table, key, and which rows of it are older than a moment.
_PASSING = (
    ("outbox", "seq", "state = 'done' AND done_at < ?"),
    ("requests", "key", "at < ?"),
    ("drafts", "id", "at < ?"),
    ("pictures", "name", "at < ?"),
    ("homes", "user", "opened_at < ?"),
    (
        "alert_deduplication",
        "key",
        "expires_at < ? "
        "AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.number = alert_deduplication.number AND a.is_firing = 1)",
    ),
)
_OLD_NEWS = (
    ("outbox", "seq", "state = 'failed' AND done_at < ?"),
    ("unreadable", "id", "at < ?"),
    ("deployments", "id", "at < ?"),
)


class RetentionRows:
    """The part of the store that lets go."""

    _db: Database

    def forget_before(self, moment: datetime, *, limit: int = 200) -> int:
        return self._drop(_PASSING, moment, limit)

    def forget_news_before(self, moment: datetime, *, limit: int = 200) -> int:
        return self._drop(_OLD_NEWS, moment, limit) + self._drop_storms(moment)

    def _drop(self, tables: Sequence[tuple[str, str, str]], before: datetime, limit: int) -> int:
        gone = 0
        for table, key, where in tables:
            sql = f"SELECT {key} FROM {table} WHERE {where} LIMIT {limit}"
            found = [key for (key,) in self._db.stream(sql, [stamp(before)])]
            if found:
                marks = ", ".join("?" * len(found))
                sql = f"DELETE FROM {table} WHERE {key} IN ({marks}) AND {where}"
                gone += self._db.write(sql, [*found, stamp(before)])
        return gone

    def _drop_storms(self, before: datetime) -> int:
        """Where the summaries of former storms stand; a channel's newest one may still be edited."""
        newest = {Storm.model_validate_json(row["data"]).id for row in self._db.rows("SELECT data FROM storms")}
        places = self._db.rows("SELECT DISTINCT subject FROM posted WHERE subject >= 'storm:' AND subject < 'storm;'")
        gone = 0
        for storm in {row["subject"] for row in places} - newest:
            if int(storm.rpartition(":")[2]) < before.timestamp():
                gone += self._db.write("DELETE FROM posted WHERE subject = ?", [storm])
        return gone

    # -- alerts

    def old_alerts(self, before: datetime, *, after: Place, limit: int) -> list[Alert]:
        values = [stamp(after.fired_at), after.key, stamp(before), int(before.timestamp()), limit]
        found = self._db.stream(_OLD, values)
        return [Alert.model_validate_json(data).changed(version=version) for version, data in found]

    def drop_alerts(self, alerts: Sequence[Alert], *, archived: Archived | None = None) -> None:
        numbers = [alert.number for alert in alerts]
        marks = ", ".join("?" * len(numbers))
        with self._db.transaction():
            free = self._db.rows(f"SELECT number, version FROM alerts a WHERE number IN ({marks}) AND {_FREE}", numbers)
            if {row["number"]: row["version"] for row in free} != {alert.number: alert.version for alert in alerts}:
                raise VersionConflict("Some of these alerts changed meanwhile.")
            self._db.write(f"DELETE FROM alerts WHERE number IN ({marks})", numbers)
            self._db.write(f"DELETE FROM inhibitions WHERE parent IN ({marks})", numbers)
            for alert in alerts:
                self._db.write("DELETE FROM posted WHERE subject = ?", [alert.id])
                self._db.write(
                    "UPDATE alert_deduplication SET number = NULL, version = version + 1 WHERE key = ? AND number = ?",
                    [alert.key, alert.number],
                )
            if archived is not None:
                self._db.write("INSERT OR REPLACE INTO archives (name, length) VALUES (?, ?)", [*archived])

    def archives(self, name: str) -> list[Archived]:
        self._db.insert("archives", {"name": name, "length": 0}, or_ignore=True)
        return [Archived(**row) for row in self._db.rows("SELECT name, length FROM archives")]

    def installation(self) -> str:
        return str(self._installed()["id"])

    def workspace(self) -> str:
        return str(self._installed()["workspace"])

    def keep_workspace(self, address: str) -> None:
        if self.workspace() != address:
            self._db.write("UPDATE installation SET workspace = ?", [address])

    def _installed(self) -> Row:
        row = self._db.row("SELECT id, workspace FROM installation")
        assert row is not None
        return row
