"""The SQLite store: incidents, timelines, cards, requests and drafts.

Alerts are in `alerts`, investigations and remediations in `fixes`, post-mortems and action items in `aftermath`,
deliveries and timers in `queue`. What looks back over all of them is in `records`, what lets go in `retention`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bot.config import same_service
from bot.errors import UnknownIncident, VersionConflict
from bot.models import Change, Delivery, EventKind, Incident, Posted, TimelineEvent
from bot.store import Opened
from bot.store.aftermath import AftermathRows
from bot.store.alerts import AlertRows
from bot.store.database import Database, Row, moment, stamp
from bot.store.fixes import FixRows
from bot.store.queue import Queue
from bot.store.records import RecordRows, columns_of_incident
from bot.store.retention import RetentionRows

_INCIDENT_ID = re.compile(r"INC-(\d+)")


class SqliteStore(Queue, AlertRows, FixRows, AftermathRows, RecordRows, RetentionRows):
    """A Store in one file, for any number of processes on one machine."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(Database(path))

    def next_number(self) -> int:
        with self._db.transaction():
            self._db.write("UPDATE incident_numbers SET value = value + 1 WHERE id = 1")
            row = self._db.row("SELECT value FROM incident_numbers WHERE id = 1")
        assert row is not None
        return int(row["value"])

    def coming_number(self) -> int:
        row = self._db.row("SELECT value FROM incident_numbers WHERE id = 1")
        assert row is not None
        return int(row["value"]) + 1

    def save(self, change: Change, now: datetime) -> None:
        with self._db.transaction():
            self._save(change, now)

    def settle(
        self,
        delivery: Delivery,
        now: datetime,
        *,
        posted: Sequence[Posted] = (),
        change: Change | None = None,
    ) -> None:
        with self._db.transaction():
            if not self._close(delivery, "done", "", now):
                return
            for place in posted:
                self._db.write(
                    "INSERT INTO posted (subject, target, channel_id, ts, thread_ts) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (subject, target) DO UPDATE SET channel_id = excluded.channel_id, ts = excluded.ts, "
                    "thread_ts = excluded.thread_ts",
                    [place.subject, place.target, place.channel_id, place.ts, place.thread_ts],
                )
            if change is not None:
                self._save(change, now)

    def _save(self, change: Change, now: datetime) -> None:
        self._claim(change, now)
        self._save_alerts(change, now)
        self._save_fixes(change)
        self._save_pages(change)
        self._save_aftermath(change)
        for incident in change.incidents:
            self._save_incident(incident)
        for event in change.timeline:
            row = event.model_dump(mode="json")
            self._db.insert("timeline", {**row, "at": stamp(event.at)})
        for kind, subject in change.cancel_timers:
            self._db.write("DELETE FROM timers WHERE subject = ? AND kind = ?", [subject, kind])
        for timer in change.timers:
            row = timer.model_dump(mode="json")
            self._db.insert("timers", {**row, "body": json.dumps(timer.body), "due_at": stamp(timer.due_at)})
        for owed in change.owed:
            self._owe(owed, now)

    def _claim(self, change: Change, now: datetime) -> None:
        """What only one may have; raises VersionConflict where somebody else has it."""
        for key in change.claims:
            if not self.claim_request(key, now):
                raise VersionConflict(f"{key} was claimed meanwhile.")
        for number in change.numbers:
            taken = self._db.write(
                "UPDATE incident_numbers SET value = ? WHERE id = 1 AND value = ?", [number, number - 1]
            )
            if taken != 1:
                raise VersionConflict(f"INC-{number} was taken meanwhile.")

    def _save_incident(self, incident: Incident) -> None:
        values: Row = {
            "version": incident.version + 1,
            "is_open": int(incident.is_open),
            "severity": int(incident.severity),
            "channel_id": incident.channel_id,
            "service": same_service(incident.service),
            **columns_of_incident(incident),
            "data": incident.model_dump_json(exclude={"version"}),
        }
        if incident.version == 0:
            written = self._db.insert("incidents", {"number": incident.number, **values}, or_ignore=True)
        else:
            assignments = ", ".join(f"{name} = ?" for name in values)
            written = self._db.write(
                f"UPDATE incidents SET {assignments} WHERE number = ? AND version = ?",
                [*values.values(), incident.number, incident.version],
            )
        if written != 1:
            raise VersionConflict(f"{incident.id} changed meanwhile (it was read at version {incident.version}).")

    def incident(self, number: int) -> Incident:
        row = self._db.row("SELECT number, version, data FROM incidents WHERE number = ?", [number])
        if row is None:
            raise UnknownIncident(f"There is no INC-{number}. /incident list shows the open ones.")
        return _incident(row)

    def open_incidents(self, limit: int = 100) -> list[Incident]:
        return self._incidents("WHERE is_open = 1 ORDER BY severity, number DESC LIMIT ?", [limit])

    def open_incidents_with(self, person: str, limit: int = 100) -> list[Incident]:
        return self._incidents(
            "WHERE is_open = 1 AND (data ->> 'commander' = ? "
            "OR EXISTS (SELECT 1 FROM json_each(data, '$.responders') WHERE value = ?)) "
            "ORDER BY severity, number DESC LIMIT ?",
            [person, person, limit],
        )

    def recent_incidents(self, limit: int = 20) -> list[Incident]:
        return self._incidents("ORDER BY number DESC LIMIT ?", [limit])

    def incident_in_channel(self, channel_id: str) -> Incident | None:
        found = self._incidents("WHERE channel_id = ? ORDER BY number DESC LIMIT 1", [channel_id])
        return found[0] if found else None

    def incident_of_message(self, channel_id: str, ts: str) -> Incident | None:
        found = _INCIDENT_ID.fullmatch(self.subject_of_message(channel_id, ts) or "")
        return self.incident(int(found[1])) if found else None

    def subject_of_message(self, channel_id: str, ts: str) -> str | None:
        row = self._db.row("SELECT subject FROM posted WHERE channel_id = ? AND ts = ?", [channel_id, ts])
        return None if row is None else str(row["subject"])

    def open_incident_of(self, service: str) -> Incident | None:
        found = self._incidents(
            "WHERE service = ? AND is_open = 1 ORDER BY number DESC LIMIT 1", [same_service(service)]
        )
        return found[0] if found else None

    def incidents_of(self, service: str, limit: int = 50) -> list[Incident]:
        return self._incidents("WHERE service = ? ORDER BY number DESC LIMIT ?", [same_service(service), limit])

    def _incidents(self, where: str, parameters: list[object]) -> list[Incident]:
        rows = self._db.rows(f"SELECT number, version, data FROM incidents {where}", parameters)
        return [_incident(row) for row in rows]

    def timeline(self, number: int, *, limit: int, before: int | None = None) -> list[tuple[int, TimelineEvent]]:
        earlier = "AND (at, id) < (SELECT at, id FROM timeline WHERE id = ?)" if before is not None else ""
        rows = self._db.rows(
            f"SELECT * FROM timeline WHERE incident = ? {earlier} ORDER BY at DESC, id DESC LIMIT ?",
            [number, *([before] if before is not None else []), limit],
        )
        return [(row["id"], _event(row)) for row in reversed(rows)]

    def timeline_length(self, number: int) -> int:
        row = self._db.row("SELECT COUNT(*) AS n FROM timeline WHERE incident = ?", [number])
        return int(row["n"]) if row else 0

    def posted(self, subject: str, target: str) -> Posted | None:
        row = self._db.row("SELECT * FROM posted WHERE subject = ? AND target = ?", [subject, target])
        return None if row is None else Posted(**row)

    def claim_request(self, key: str, now: datetime) -> bool:
        return self._db.insert("requests", {"key": key, "at": stamp(now)}, or_ignore=True) == 1

    def was_requested(self, key: str) -> bool:
        return self._db.row("SELECT 1 AS one FROM requests WHERE key = ?", [key]) is not None

    def keep_home(self, opened: Opened) -> None:
        values = [opened.user, opened.team, stamp(opened.at)]
        self._db.write("INSERT OR REPLACE INTO homes (user, team, opened_at) VALUES (?, ?, ?)", values)

    def homes_since(self, at: datetime) -> list[Opened]:
        rows = self._db.rows("SELECT user, team, opened_at FROM homes WHERE opened_at >= ?", [stamp(at)])
        return [Opened(row["user"], row["team"], moment(row["opened_at"])) for row in rows]

    def keep_draft(self, draft_id: str, text: str, now: datetime) -> None:
        whole = text.encode("utf-8", "ignore").decode()
        self._db.insert("drafts", {"id": draft_id, "text": whole, "at": stamp(now)}, or_ignore=True)

    def draft(self, draft_id: str) -> str | None:
        row = self._db.row("SELECT text FROM drafts WHERE id = ?", [draft_id])
        return None if row is None else str(row["text"])

    def close(self) -> None:
        self._db.close()


def _incident(row: Row) -> Incident:
    incident = Incident.model_validate_json(row["data"])
    return incident.model_copy(update={"version": row["version"]})


def _event(row: Row) -> TimelineEvent:
    return TimelineEvent(
        incident=row["incident"],
        at=moment(row["at"]),
        kind=EventKind(row["kind"]),
        actor=row["actor"],
        about=row["about"],
        text=row["text"],
        source=row["source"],
    )
