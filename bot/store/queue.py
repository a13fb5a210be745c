"""What waits in the SQLite store: deliveries owed to Slack, and timers. Claimed by conditional writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from bot.models import Delivery, Owed, OwedKind, Priority, Timer, Trouble
from bot.store import never
from bot.store.database import Database, Row, moment, stamp

# The lanes with something waiting, found by jumping along the index: cheap however long one lane is.
_LANES = """
WITH RECURSIVE lanes(lane) AS (
    SELECT MIN(lane) FROM outbox WHERE state = 'waiting'
    UNION ALL
    SELECT (SELECT MIN(lane) FROM outbox WHERE state = 'waiting' AND lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane FROM lanes WHERE lane IS NOT NULL
"""
# Each half has a partial index of its own; one condition on both states would read all rows that are done.
_ANY = (
    "SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting') "
    "OR EXISTS (SELECT 1 FROM outbox WHERE state = 'aside')"
)
# A lane leaves in order, and is as urgent as the most urgent row in it.
_HEAD = """
SELECT outbox.*, (SELECT MIN(priority) FROM outbox WHERE state = 'waiting' AND lane = ?) AS urgency
FROM outbox WHERE state = 'waiting' AND lane = ? ORDER BY seq LIMIT 1
"""
_BUSY = "SELECT lane FROM outbox WHERE claimed_until > ? AND state IN ('waiting', 'aside')"
_ASIDE = "SELECT * FROM outbox WHERE state = 'aside' AND due_at <= ? ORDER BY due_at LIMIT ?"
_CLAIM = """
UPDATE outbox SET claimed_by = ?, claimed_until = ?, attempts = attempts + 1, in_doubt = 1
WHERE seq = ? AND state IN ('waiting', 'aside')
"""


class Queue:
    """The half of the store that the delivery and timer threads work on."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def claim_deliveries(
        self, owner: str, now: datetime, *, lease: float, limit: int, is_held: Callable[[str], bool] = never
    ) -> list[Delivery]:
        """1. see which lanes are under way, 2. take the due head of each other lane, then due rows put aside."""
        if not self._db.row(_ANY):
            return []
        until = stamp(now + timedelta(seconds=lease))
        taken: list[Delivery] = []
        with self._db.transaction():
            busy = {row["lane"] for row in self._db.rows(_BUSY, [stamp(now)])}
            candidates = [row for row in self._heads() if self._ready(row, now)]
            candidates += self._db.rows(_ASIDE, [stamp(now), limit])
            for row in candidates:
                key = row["pace"] or row["kind"]
                if row["lane"] in busy or key in busy or len(taken) == limit or is_held(key):
                    continue
                busy |= {row["lane"], key}
                self._db.write(_CLAIM, [owner, until, row["seq"]])
                taken.append(_delivery(row))
        return taken

    def _heads(self) -> list[Row]:
        heads = []
        for lane in self._db.rows(_LANES):
            heads += self._db.rows(_HEAD, [lane["lane"], lane["lane"]])
        return sorted(heads, key=lambda row: (row["urgency"], row["seq"]))

    def _ready(self, row: Row, now: datetime) -> bool:
        return row["due_at"] <= stamp(now) and not self._is_held(row, now)

    def _is_held(self, row: Row, now: datetime) -> bool:
        """Does the row that goes first still wait? An impatient one looks only whether it had its first try."""
        if row["after"] is None or (row["until"] is not None and row["until"] <= stamp(now)):
            return False
        first = self._db.row("SELECT error FROM outbox WHERE id = ? AND state = 'waiting'", [row["after"]])
        return first is not None and (bool(row["patient"]) or not first["error"])

    def claim_owners(self) -> list[str]:
        rows = self._db.rows(
            "SELECT claimed_by FROM outbox WHERE claimed_until IS NOT NULL AND claimed_by IS NOT NULL "
            "UNION SELECT claimed_by FROM timers WHERE claimed_by IS NOT NULL "
            "UNION SELECT claimed_by FROM investigations WHERE is_open = 1 AND claimed_by IS NOT NULL"
        )
        return [row["claimed_by"] for row in rows]

    def release_claims(self, owner: str) -> None:
        with self._db.transaction():
            for table in ("outbox", "timers", "investigations"):
                self._db.write(
                    f"UPDATE {table} SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by = ?", [owner]
                )

    def next_delivery_at(self) -> datetime | None:
        claims = self._db.rows(
            "SELECT lane, claimed_until AS at FROM outbox "
            "WHERE claimed_until IS NOT NULL AND state IN ('waiting', 'aside')"
        )
        busy = {row["lane"] for row in claims}
        aside = self._db.rows("SELECT MIN(due_at) AS at FROM outbox WHERE state = 'aside' AND claimed_until IS NULL")
        heads = [row["due_at"] for row in self._heads() if row["lane"] not in busy]
        times = heads + [row["at"] for row in (*aside, *claims) if row["at"]]
        return moment(min(times)) if times else None

    def postpone(self, delivery: Delivery, until: datetime, *, error: str, in_doubt: bool, aside: bool = False) -> None:
        self._db.write(
            "UPDATE outbox SET claimed_by = NULL, claimed_until = NULL, due_at = ?, error = ?, in_doubt = ?, state = ? "
            "WHERE id = ? AND attempts = ? AND state IN ('waiting', 'aside')",
            [stamp(until), error, int(in_doubt), "aside" if aside else "waiting", delivery.owed.id, delivery.attempts],
        )

    def give_up(self, delivery: Delivery, error: str, now: datetime) -> None:
        self._close(delivery, "failed", error, now)

    def _close(self, delivery: Delivery, state: str, error: str, now: datetime) -> bool:
        """False when the row is another try's by now, or closed already: then nothing follows from this one."""
        closed = self._db.write(
            "UPDATE outbox SET state = ?, error = ?, done_at = ?, claimed_by = NULL, claimed_until = NULL "
            "WHERE id = ? AND attempts = ? AND state IN ('waiting', 'aside')",
            [state, error, stamp(now), delivery.owed.id, delivery.attempts],
        )
        return closed == 1

    def troubles(self, subject: str) -> list[Trouble]:
        rows = self._db.rows(
            "SELECT kind, error, attempts, state FROM outbox "
            "WHERE subject = ? AND state <> 'done' AND error <> '' ORDER BY seq",
            [subject],
        )
        return list(map(_trouble, rows))

    def post_mortem_troubles(self, limit: int) -> list[tuple[str, Trouble]]:
        rows = self._db.rows(
            "SELECT subject, kind, error, attempts, state FROM outbox "
            "WHERE subject >= 'PM-' AND subject < 'PM.' AND state <> 'done' AND error <> '' ORDER BY subject LIMIT ?",
            [limit],
        )
        return [(row["subject"], _trouble(row)) for row in rows]

    def failing(self) -> set[OwedKind]:
        rows = self._db.rows(
            "SELECT DISTINCT kind FROM outbox WHERE state IN ('waiting', 'aside') AND error <> ''",
        )
        return {OwedKind(row["kind"]) for row in rows}

    def timers_due(self, kind: str, subjects: Iterable[str]) -> dict[str, datetime]:
        named = list(subjects)
        rows = self._db.rows(
            f"SELECT subject, due_at FROM timers WHERE subject IN ({', '.join('?' * len(named))}) AND kind = ?",
            [*named, kind],
        )
        return {row["subject"]: moment(row["due_at"]) for row in rows}

    def claim_timers(self, owner: str, now: datetime, *, lease: float, limit: int) -> list[Timer]:
        with self._db.transaction():
            rows = self._db.rows(
                "SELECT * FROM timers WHERE due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?) "
                "ORDER BY due_at, rowid LIMIT ?",
                [stamp(now), stamp(now), limit],
            )
            until = stamp(now + timedelta(seconds=lease))
            for row in rows:
                self._db.write(
                    "UPDATE timers SET claimed_by = ?, claimed_until = ? WHERE id = ?",
                    [owner, until, row["id"]],
                )
        return [_timer(row) for row in rows]

    def finish_timer(self, timer: Timer) -> None:
        self._db.write("DELETE FROM timers WHERE id = ?", [timer.id])

    def _is_owed_already(self, owed: Owed, now: datetime) -> bool:
        """A row that waits will show the newest state, as urgently as that is; one set aside is tried again now, since
        something changed."""
        waiting = (
            "UPDATE outbox SET priority = MIN(priority, ?) WHERE coalesce = ? AND state = 'waiting' "
            "AND claimed_until IS NULL"
        )
        if self._db.write(waiting, [int(owed.priority), owed.coalesce]):
            return True
        aside = "UPDATE outbox SET due_at = ? WHERE coalesce = ? AND state = 'aside' AND claimed_until IS NULL"
        return self._db.write(aside, [stamp(now), owed.coalesce]) > 0

    def _owe(self, owed: Owed, now: datetime) -> None:
        if owed.coalesce and self._is_owed_already(owed, now):
            return
        values: dict[str, Any] = owed.model_dump(mode="json", exclude={"body", "not_before", "until"})
        due = max(now, owed.not_before) if owed.not_before else now
        self._db.insert(
            "outbox",
            {
                **values,
                "body": json.dumps(owed.body, ensure_ascii=False),
                "until": stamp(owed.until) if owed.until else None,
                "state": "waiting",
                "attempts": 0,
                "in_doubt": 0,
                "due_at": stamp(due),
                "created_at": stamp(now),
                "error": "",
            },
        )


def _delivery(row: Row) -> Delivery:
    owed = Owed(
        id=row["id"],
        kind=OwedKind(row["kind"]),
        lane=row["lane"],
        subject=row["subject"],
        priority=Priority(row["priority"]),
        pace=row["pace"],
        after=row["after"],
        until=moment(row["until"]) if row["until"] else None,
        patient=bool(row["patient"]),
        coalesce=row["coalesce"],
        body=json.loads(row["body"]),
    )
    return Delivery(
        owed=owed,
        attempts=row["attempts"] + 1,
        in_doubt=bool(row["in_doubt"]),
        is_aside=row["state"] == "aside",
        created_at=moment(row["created_at"]),
        error=row["error"],
    )


def _trouble(row: Row) -> Trouble:
    return Trouble(
        kind=OwedKind(row["kind"]),
        error=row["error"],
        attempts=row["attempts"],
        is_aside=row["state"] == "aside",
        is_given_up=row["state"] == "failed",
    )


def _timer(row: Row) -> Timer:
    return Timer(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        due_at=moment(row["due_at"]),
        body=json.loads(row["body"]),
    )
