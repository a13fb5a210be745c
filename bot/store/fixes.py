"""Investigations, remediations and what guards them in the SQLite store; baselines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.baselines import Baseline
from bot.errors import UnknownInvestigation, UnknownRemediation
from bot.models import Approval, Change, Guard, Investigation, InvestigationStatus, Remediation
from bot.store.database import Database, Row, stamp
from bot.store.rows import put

R = TypeVar("R", Investigation, Remediation, Guard, Approval)
_NEWEST = 50  # investigations among which those of a service are looked for: what is asked is minutes old
_INVESTIGATIONS, _REMEDIATIONS = 3, 4  # rows of the table that numbers are taken from


class FixRows:
    """The part of the store that looking for causes and changing AWS work on."""

    _db: Database

    def next_investigation_number(self) -> int:
        return self._next(_INVESTIGATIONS)

    def next_remediation_number(self) -> int:
        return self._next(_REMEDIATIONS)

    def _next(self, kind: int) -> int:
        with self._db.transaction():
            self._db.write("UPDATE incident_numbers SET value = value + 1 WHERE id = ?", [kind])
            row = self._db.row("SELECT value FROM incident_numbers WHERE id = ?", [kind])
        assert row is not None
        return int(row["value"])

    # -- investigations

    def claim_investigation(self, owner: str, now: datetime, *, lease: float) -> Investigation | None:
        if not self._db.row("SELECT 1 AS one FROM investigations WHERE is_open = 1 LIMIT 1"):
            return None
        until = stamp(now + timedelta(seconds=lease))
        with self._db.transaction():
            row = self._db.row(
                "SELECT version, data, number FROM investigations WHERE is_open = 1 "
                "AND (claimed_until IS NULL OR claimed_until <= ?) ORDER BY severity, number LIMIT 1",
                [stamp(now)],
            )
            if row is None:
                return None
            self._db.write(
                "UPDATE investigations SET claimed_by = ?, claimed_until = ? WHERE number = ?",
                [owner, until, row["number"]],
            )
        return _versioned(Investigation, row)

    def investigation(self, number: int) -> Investigation:
        row = self._db.row("SELECT version, data FROM investigations WHERE number = ?", [number])
        if row is None:
            raise UnknownInvestigation(f"There is no RCA-{number}.")
        return _versioned(Investigation, row)

    def investigations_into(self, service: str, environment: str) -> list[Investigation]:
        rows = self._db.rows(
            "SELECT version, data FROM (SELECT * FROM investigations ORDER BY number DESC LIMIT ?) "
            "WHERE data ->> 'service' = ? AND COALESCE(data ->> 'environment', '') = ? ORDER BY number DESC",
            [_NEWEST, service, environment],
        )
        return [_versioned(Investigation, row) for row in rows]

    def investigations_of(self, subject: str, limit: int = 10) -> list[Investigation]:
        rows = self._db.rows(
            "SELECT version, data FROM investigations WHERE subject = ? ORDER BY number DESC LIMIT ?", [subject, limit]
        )
        return [_versioned(Investigation, row) for row in rows]

    def keep_picture(self, name: str, picture: bytes, now: datetime) -> None:
        self._db.write("INSERT OR REPLACE INTO pictures (name, at, data) VALUES (?, ?, ?)", [name, stamp(now), picture])

    def picture(self, name: str) -> bytes | None:
        row = self._db.row("SELECT data FROM pictures WHERE name = ?", [name])
        return None if row is None else bytes(row["data"])

    # -- baselines

    def keep_baselines(self, service: str, baselines: Sequence[Baseline]) -> None:
        by_metric: dict[str, list[Baseline]] = {}
        for one in baselines:
            by_metric.setdefault(one.metric, []).append(one)
        with self._db.transaction():
            for metric, rows in by_metric.items():
                data = json.dumps([one.model_dump(mode="json") for one in rows])
                self._db.write(
                    "INSERT OR REPLACE INTO baselines (service, metric, data) VALUES (?, ?, ?)", [service, metric, data]
                )

    def baselines(self, service: str, metric: str | None = None) -> list[Baseline]:
        where, parameters = ("AND metric = ?", [metric]) if metric else ("", [])
        rows = self._db.rows(f"SELECT data FROM baselines WHERE service = ? {where}", [service, *parameters])
        return [Baseline.model_validate(one) for row in rows for one in json.loads(row["data"])]

    # -- remediations

    def remediation(self, number: int) -> Remediation:
        row = self._db.row("SELECT version, data FROM remediations WHERE number = ?", [number])
        if row is None:
            raise UnknownRemediation(f"There is no FIX-{number}. /incident remediations lists the last ones.")
        return _versioned(Remediation, row)

    def remediations(self, limit: int = 20) -> list[Remediation]:
        return self._remediations("ORDER BY number DESC LIMIT ?", [limit])

    def open_remediations(self, limit: int = 100) -> list[Remediation]:
        return self._remediations("WHERE is_open = 1 ORDER BY number DESC LIMIT ?", [limit])

    def remediations_of(self, subject: str, limit: int = 20) -> list[Remediation]:
        return self._remediations("WHERE subject = ? ORDER BY number DESC LIMIT ?", [subject, limit])

    def _remediations(self, where: str, parameters: Sequence[Any]) -> list[Remediation]:
        rows = self._db.rows(f"SELECT version, data FROM remediations {where}", parameters)
        return [_versioned(Remediation, row) for row in rows]

    def guard(self, place: str) -> Guard:
        row = self._db.row("SELECT version, data FROM guards WHERE place = ?", [place])
        return Guard(place=place) if row is None else _versioned(Guard, row)

    def approval(self, name: str, service: str) -> Approval | None:
        row = self._db.row("SELECT version, data FROM auto_remediation_approval WHERE id = ?", [f"{name}/{service}"])
        return None if row is None else _versioned(Approval, row)

    def approvals(self) -> list[Approval]:
        rows = self._db.rows("SELECT version, data FROM auto_remediation_approval ORDER BY id")
        return [_versioned(Approval, row) for row in rows]

    # -- writing, within the transaction of a change

    def _save_fixes(self, change: Change) -> None:
        for one in change.investigations:
            is_open = one.status is InvestigationStatus.WAITING
            values = {"is_open": int(is_open), "subject": one.subject, "severity": int(one.severity)}
            self._put_fix("investigations", "number", one.number, one, values)
        for fix in change.remediations:
            started = stamp(fix.started_at) if fix.started_at else None
            values = {"is_open": int(not fix.status.is_over), "subject": fix.subject, "started_at": started}
            self._put_fix("remediations", "number", fix.number, fix, values)
        for guard in change.guards:
            self._put_fix("guards", "place", guard.place, guard, {})
        for approval in change.approvals:
            self._put_fix("auto_remediation_approval", "id", approval.id, approval, {})

    def _put_fix(
        self, table: str, pk: str, key: object, one: Investigation | Remediation | Guard | Approval, more: Row
    ) -> None:
        data = one.model_dump_json(exclude={"version"}, exclude_defaults=True)
        put(self._db, table, pk, key, one.version, {**more, "data": data})


def _versioned(kind: type[R], row: Row) -> R:
    return kind.model_validate_json(row["data"]).model_copy(update={"version": row["version"]})
