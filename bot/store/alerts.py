"""Alerts in the SQLite store: the deduplication table, alerts, silences, storms, deployments, what can't be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bot.errors import UnknownAlert
from bot.models import Alert, Change, Head, Silence, Storm
from bot.signals import AlarmKind, AlarmState, Deployment, Unreadable
from bot.store.database import Database, Row, moment, stamp
from bot.store.records import columns_of_alert
from bot.store.rows import put

_CHUNK = 500  # parameters of one statement; SQLite allows more
K = TypeVar("K", int, str)


class AlertRows:
    """The part of the store that triage works on."""

    _db: Database

    # -- asking

    def next_alert_numbers(self, count: int) -> range:
        with self._db.transaction():
            self._db.write("UPDATE incident_numbers SET value = value + ? WHERE id = 2", [count])
            row = self._db.row("SELECT value FROM incident_numbers WHERE id = 2")
        assert row is not None
        return range(row["value"] - count + 1, row["value"] + 1)

    def heads(self, keys: Iterable[str]) -> dict[str, Head]:
        rows = self._many("SELECT * FROM alert_deduplication WHERE key IN ({marks})", keys)
        return {row["key"]: _head(row) for row in rows}

    def alert(self, number: int) -> Alert:
        found = self.alerts([number])
        if not found:
            raise UnknownAlert(f"There is no AL-{number}. /incident alerts shows the ones that fire.")
        return found[number]

    def alerts(self, numbers: Iterable[int]) -> dict[int, Alert]:
        rows = self._many("SELECT version, data FROM alerts WHERE number IN ({marks})", numbers)
        return {alert.number: alert for alert in map(_alert, rows)}

    def firing_alerts(self, limit: int = 100) -> list[Alert]:
        return self._alerts("is_firing = 1 ORDER BY severity, number DESC LIMIT ?", [limit])

    def firing_count(self) -> int:
        row = self._db.row("SELECT COUNT(*) AS n FROM alerts WHERE is_firing = 1")
        return int(row["n"]) if row else 0

    def awaiting_count(self) -> int:
        row = self._db.row(
            "SELECT COUNT(*) AS n FROM alerts WHERE is_firing = 1 "
            "AND (data ->> 'acknowledged_at' IS NULL OR data ->> 'left_at' IS NOT NULL) "
            "AND COALESCE(data ->> 'shown', 'card') NOT IN ('silenced', 'inhibited')"
        )
        return int(row["n"]) if row else 0

    def alerts_of_group(self, group: str, limit: int = 1000) -> list[Alert]:
        return self._alerts('"group" = ? AND is_firing = 1 ORDER BY number DESC LIMIT ?', [group, limit])

    def leads_of(self, group: str, limit: int = 5) -> list[Alert]:
        return self._alerts('"group" = ? AND leads = 1 ORDER BY number DESC LIMIT ?', [group, limit])

    def alerts_led_by(self, number: int, limit: int = 1000) -> list[Alert]:
        return self._alerts("lead = ? AND is_firing = 1 ORDER BY number LIMIT ?", [number, limit])

    def count_led_by(self, number: int) -> tuple[int, int]:
        counts = "SELECT COUNT(*) AS n, TOTAL(has_card) AS shown FROM alerts WHERE lead = ? AND is_firing = 1"
        row = self._db.row(counts, [number])
        return (int(row["n"]), int(row["shown"])) if row else (0, 0)

    def alerts_fired(self, service: str, since: datetime, limit: int = 50) -> list[Alert]:
        where = "fired_at >= ? AND service = ? ORDER BY fired_at LIMIT ?"
        return self._alerts(where, [stamp(since), service, limit])

    def alerts_of_incident(self, number: int, limit: int = 500) -> list[Alert]:
        return self._alerts("incident = ? ORDER BY number LIMIT ?", [number, limit])

    def alerts_silenced_by(self, silence_id: str, limit: int = 500) -> list[Alert]:
        return self._alerts("silence = ? AND is_firing = 1 ORDER BY number LIMIT ?", [silence_id, limit])

    def alerts_under(self, parent: int, limit: int = 500) -> list[Alert]:
        return self._alerts("parent = ? AND is_firing = 1 ORDER BY number LIMIT ?", [parent, limit])

    def open_page_keys(self, limit: int = 200) -> list[str]:
        rows = self._db.rows(
            "SELECT data FROM incidents WHERE is_open = 1 ORDER BY severity, number DESC LIMIT ?", [limit]
        )
        keys = [key for row in rows for key in json.loads(row["data"]).get("page_keys", ())]
        keys += [one.page_key for one in self._alerts("is_firing = 1 ORDER BY severity, number DESC LIMIT ?", [limit])
                 if one.pages and one.awaits]  # fmt: skip
        return list(dict.fromkeys(keys))[:limit]

    def composites_over(self, keys: Iterable[str]) -> dict[str, int]:
        rows = self._many(
            "SELECT child, MAX(parent) AS parent FROM inhibitions WHERE child IN ({marks}) GROUP BY child", keys
        )
        return {row["child"]: row["parent"] for row in rows}

    def silence(self, silence_id: str) -> Silence | None:
        row = self._db.row("SELECT version, data FROM silences WHERE id = ?", [silence_id])
        return None if row is None else _versioned(Silence, row)

    def silences(self) -> list[Silence]:
        rows = self._db.rows("SELECT version, data FROM silences WHERE is_active = 1")
        return [_versioned(Silence, row) for row in rows]

    def alarm_keys(self, limit: int = 100_000) -> list[str]:
        return [row["key"] for row in self._db.rows("SELECT key FROM alert_deduplication LIMIT ?", [limit])]

    def storm(self, channel: str) -> Storm | None:
        row = self._db.row("SELECT version, data FROM storms WHERE channel = ?", [channel])
        return None if row is None else _versioned(Storm, row)

    def deployments_of(self, service: str, since: datetime, limit: int = 20) -> list[Deployment]:
        rows = self._db.rows(
            "SELECT data FROM deployments WHERE service = ? AND at >= ? ORDER BY at DESC LIMIT ?",
            [service, stamp(since), limit],
        )
        return [Deployment.model_validate_json(row["data"]) for row in rows]

    def seen(self, ids: Iterable[str]) -> set[str]:
        keys = [f"message:{each}" for each in ids]
        rows = self._many("SELECT key FROM requests WHERE key IN ({marks})", keys)
        return {row["key"].removeprefix("message:") for row in rows}

    def unreadable_since(self, since: datetime) -> int:
        row = self._db.row("SELECT COUNT(*) AS n FROM unreadable WHERE at >= ?", [stamp(since)])
        return int(row["n"]) if row else 0

    def first_unreadable(self, since: datetime) -> datetime | None:
        row = self._db.row("SELECT MIN(at) AS at FROM unreadable WHERE at >= ?", [stamp(since)])
        return moment(row["at"]) if row and row["at"] else None

    def _alerts(self, where: str, parameters: Sequence[Any]) -> list[Alert]:
        return [_alert(row) for row in self._db.rows(f"SELECT version, data FROM alerts WHERE {where}", parameters)]

    def _many(self, sql: str, values: Iterable[K]) -> Iterator[Row]:
        wanted = list(dict.fromkeys(values))
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            yield from self._db.rows(sql.replace("{marks}", ", ".join("?" * len(chunk))), chunk)

    # -- writing, within the transaction of a change

    def _save_alerts(self, change: Change, now: datetime) -> None:
        for source_id in change.seen:
            self._db.insert("requests", {"key": f"message:{source_id}", "at": stamp(now)}, or_ignore=True)
        for alert in change.alerts:
            self._save_alert(alert)
        for head in change.heads:
            row = {"number": head.number, "state": head.state.value}
            times = {"changed_at": stamp(head.changed_at), "expires_at": stamp(head.expires_at)}
            put(self._db, "alert_deduplication", "key", head.key, head.version, {**row, **times})
        for silence in change.silences:
            data = silence.model_dump_json(exclude={"version"})
            put(self._db, "silences", "id", silence.id, silence.version, {"is_active": silence.is_active, "data": data})
        for storm in change.storms:
            data = storm.model_dump_json(exclude={"version"})
            put(self._db, "storms", "channel", storm.channel, storm.version, {"data": data})
        for deployment in change.deployments:
            self._save_deployment(deployment)
        for each in change.unreadable:
            self._save_unreadable(each, now)

    def _save_alert(self, alert: Alert) -> None:
        values: Row = {
            "is_firing": int(alert.is_firing),
            "severity": int(alert.severity),
            "group": alert.group,
            "incident": alert.incident,
            "parent": alert.parent,
            "silence": alert.silence,
            "lead": alert.lead,
            "leads": int(alert.leads),
            **columns_of_alert(alert),
            "data": alert.model_dump_json(exclude={"version"}, exclude_defaults=True),
        }
        put(self._db, "alerts", "number", alert.number, alert.version, values)
        if alert.alarm.kind is AlarmKind.COMPOSITE:
            self._db.write("DELETE FROM inhibitions WHERE parent = ?", [alert.number])
            for child in alert.alarm.children_keys if alert.is_firing else ():
                self._db.insert("inhibitions", {"child": child, "parent": alert.number}, or_ignore=True)

    def _save_deployment(self, news: Deployment) -> None:
        """As one with what is known of this run. Ids are the pipelines' own, so two services may have the same."""
        row = self._db.row("SELECT data FROM deployments WHERE id = ?", [_key(news)])
        known = Deployment.model_validate_json(row["data"]) if row else None
        if known is not None and news.follows(known):
            news = news.joined(known)
        elif known is not None:
            earlier, news = sorted((known, news), key=lambda each: each.at)
            self._put_deployment(earlier.model_copy(update={"id": f"{earlier.id}@{stamp(earlier.at)}"}))
        self._put_deployment(news)

    def _put_deployment(self, deployment: Deployment) -> None:
        self._db.write(
            "INSERT OR REPLACE INTO deployments (id, service, at, data) VALUES (?, ?, ?, ?)",
            [_key(deployment), deployment.service, stamp(deployment.at), deployment.model_dump_json()],
        )

    def _save_unreadable(self, each: Unreadable, now: datetime) -> None:
        raw = each.raw.encode("utf-8", "replace").decode()
        row = {"id": each.source_id, "at": stamp(now), "problem": each.problem, "raw": raw}
        self._db.insert("unreadable", row, or_ignore=True)


def _key(deployment: Deployment) -> str:
    return f"{deployment.service}/{deployment.id}"


V = TypeVar("V", Silence, Storm)


def _versioned(kind: type[V], row: Row) -> V:
    return kind.model_validate_json(row["data"]).model_copy(update={"version": row["version"]})


def _alert(row: Row) -> Alert:
    return Alert.model_validate_json(row["data"]).model_copy(update={"version": row["version"]})


def _head(row: Row) -> Head:
    return Head(
        key=row["key"],
        number=row["number"],
        state=AlarmState(row["state"]),
        changed_at=moment(row["changed_at"]),
        expires_at=moment(row["expires_at"]),
        version=row["version"],
    )
