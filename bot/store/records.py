"""What digests and exports read by time in the SQLite store.

Streamed from connections of their own: however much there is, it is never in memory at once and nobody waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from heapq import merge
from typing import Any

from bot.models import ActionItem, Alert, Change, Incident, Paged, PostMortem, Remediation, Severity
from bot.models.digest import AlarmCount, AlarmDetail, Firing, IncidentFact, PageFact
from bot.store.database import Database, Row, moment, stamp

SHORT_SECONDS = 300
_DETAILS = 500  # the newest alerts of an alarm tell enough about it
_FACTS = "number, service, severity, status, declared_at, began_at, acknowledged_at, resolved_at, due_at"
_COUNTS = (
    "SELECT key, MAX(service), COUNT(*), SUM(seen), SUM(flaps), "
    f"SUM(CASE WHEN lasted <= {SHORT_SECONDS} THEN 1 ELSE 0 END), SUM(has_card) "
    "FROM alerts WHERE fired_at >= ? AND fired_at < ? GROUP BY key"
)


class RecordRows:
    """The part of the store that looks back."""

    _db: Database

    # -- counting

    def incidents_declared(self, since: datetime, until: datetime) -> Iterator[IncidentFact]:
        sql = f"SELECT {_FACTS} FROM incidents WHERE declared_at >= ? AND declared_at < ?"
        return map(_fact, self._db.stream(sql, [stamp(since), stamp(until)]))

    def incidents_resolved(self, since: datetime, until: datetime) -> Iterator[IncidentFact]:
        sql = f"SELECT {_FACTS} FROM incidents WHERE resolved_at >= ? AND resolved_at < ?"
        return map(_fact, self._db.stream(sql, [stamp(since), stamp(until)]))

    def alarm_counts(self, since: datetime, until: datetime) -> Iterator[AlarmCount]:
        return map(AlarmCount._make, self._db.stream(_COUNTS, [stamp(since), stamp(until)]))

    def count_alerts(self, since: datetime, until: datetime) -> dict[str, int]:
        sql = "SELECT service, COUNT(*) FROM alerts WHERE fired_at >= ? AND fired_at < ? GROUP BY service"
        return dict(self._db.stream(sql, [stamp(since), stamp(until)]))

    def alarm_detail(self, key: str, since: datetime, until: datetime) -> AlarmDetail | None:
        sql = (
            "SELECT a.data FROM (SELECT number FROM alerts WHERE fired_at >= ? AND fired_at < ? AND key = ? "
            "ORDER BY fired_at DESC LIMIT ?) newest JOIN alerts a ON a.number = newest.number"
        )
        alarm, firings = None, []
        for (data,) in self._db.stream(sql, [stamp(since), stamp(until), key, _DETAILS]):
            one = Alert.model_validate_json(data)
            alarm = alarm or one.alarm
            firings.append(_firing(one))
        return AlarmDetail(alarm, firings) if alarm else None

    def remediations_started(self, since: datetime, until: datetime) -> Iterator[Remediation]:
        sql = "SELECT data FROM remediations WHERE started_at >= ? AND started_at < ? ORDER BY started_at"
        rows = self._db.stream(sql, [stamp(since), stamp(until)])
        return (Remediation.model_validate_json(data) for (data,) in rows)

    def pages(self, since: datetime, until: datetime) -> Iterator[PageFact]:
        rows = self._db.stream(
            "SELECT at, role, service FROM pages WHERE at >= ? AND at < ?", [stamp(since), stamp(until)]
        )
        return (PageFact(moment(at), role, service) for at, role, service in rows)

    def post_mortems_ended(self, since: datetime, until: datetime) -> Iterator[PostMortem]:
        sql = "SELECT data FROM post_mortems WHERE ended_at >= ? AND ended_at < ? AND is_open = 0"
        rows = self._db.stream(sql, [stamp(since), stamp(until)])
        return (PostMortem.model_validate_json(data) for (data,) in rows)

    def is_older_than(self, at: datetime) -> bool:
        for table, column in (("incidents", "declared_at"), ("alerts", "fired_at")):
            if self._db.row(f"SELECT 1 AS one FROM {table} WHERE {column} < ? LIMIT 1", [stamp(at)]):
                return True
        return False

    # -- exporting

    def export(self, what: str, since: datetime) -> Iterator[Row]:
        return _EXPORTS[what](self._db, stamp(since))

    # -- writing, within the transaction of a change

    def _save_pages(self, change: Change) -> None:
        for alert in change.alerts:
            self._save_calls(alert.paged, alert.service)
        for incident in change.incidents:
            self._save_calls(incident.paged, incident.service)

    def _save_calls(self, calls: Sequence[Paged], service: str) -> None:
        for call in calls:
            row = {"at": stamp(call.at), "role": call.role.value, "who": call.name, "service": service}
            self._db.insert("pages", row, or_ignore=True)


def columns_of_incident(incident: Incident) -> Row:
    """The milestones beside an incident's row."""
    return {
        "status": incident.status.value,
        "declared_at": stamp(incident.declared_at),
        "began_at": stamp(incident.began_at),
        "acknowledged_at": _stamped(incident.acknowledged_at),
        "resolved_at": _stamped(incident.resolved_at),
        "due_at": _stamped(incident.due_at),
    }


def columns_of_alert(alert: Alert) -> Row:
    """What is counted beside an alert's row."""
    return {
        "fired_at": stamp(alert.fired_at),
        "key": alert.key,
        "service": alert.service,
        "seen": alert.count,
        "flaps": alert.flaps,
        "lasted": None if alert.over_at is None else int(alert.lasted(alert.over_at).total_seconds()),
        "has_card": int(alert.shown.has_card),
    }


def _stamped(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


def _fact(row: tuple[Any, ...]) -> IncidentFact:
    number, service, severity, status, *times = row
    declared, began, *later = times
    ends = [None if each is None else moment(each) for each in later]
    return IncidentFact(number, service, Severity(severity), status, moment(declared), moment(began), *ends)


def _firing(alert: Alert) -> Firing:
    lasted = None if alert.over_at is None else alert.lasted(alert.over_at).total_seconds()
    return Firing(lasted, alert.flaps, alert.value)


# -- what an export holds: rows of plain values, the oldest first


COLUMNS: dict[str, tuple[str, ...]] = {
    what: tuple(names.split())
    for what, names in {
        "incidents": (
            "id service environment severity status impact declared_at declared_by started_at due_at missed_at "
            "acknowledged_at acknowledged_by via commander responders paged alerts firing update links reopened "
            "resolved_at resolved_by resolved_via resolution despite is_closed_by_alarm merged_into channel_id "
            "channel_name origin"
        ),
        "alerts": (
            "id key alarm service is_known_service environment severity status fired_at received_at changed_at over_at "
            "count flaps value ok_value reason ok_reason has_no_data missing shown channels topic pages lead parent "
            "silence in_storm due_at missed_at acknowledged_at acknowledged_by via paged incident left_at left_by "
            "left_via runbook approval decisions"
        ),
        "post-mortems": (
            "id incident service severity status owner given_by begun_at begun_by due_at submitted_at submitted_by "
            "ended_at ended_by reason url is_elsewhere sections"
        ),
        "action-items": (
            "id incident title priority owner given_by due created_at created_by source is_open closed_at closed_by "
            "via ticket url"
        ),
        "timeline": "at incident kind actor about text source",
        "audit": "at who did to text",
    }.items()
}
"""What an export has of each: not what only the bot needs, such as what it still has to ask or tell. Documented."""


def _incidents(db: Database, since: str) -> Iterator[Row]:
    sql = "SELECT data FROM incidents WHERE declared_at >= ? ORDER BY declared_at, number"
    return (_plain(Incident.model_validate_json(data), "incidents") for (data,) in db.stream(sql, [since]))


def _alerts(db: Database, since: str) -> Iterator[Row]:
    sql = "SELECT data FROM alerts WHERE fired_at >= ? ORDER BY fired_at"
    return (plain(Alert.model_validate_json(data)) for (data,) in db.stream(sql, [since]))


def _post_mortems(db: Database, since: str) -> Iterator[Row]:
    sql = "SELECT data FROM post_mortems WHERE begun_at >= ? ORDER BY begun_at, incident"
    return (_plain(PostMortem.model_validate_json(data), "post-mortems") for (data,) in db.stream(sql, [since]))


def _action_items(db: Database, since: str) -> Iterator[Row]:
    sql = "SELECT data FROM action_items WHERE created_at >= ? ORDER BY created_at, number"
    return (_plain(ActionItem.model_validate_json(data), "action-items") for (data,) in db.stream(sql, [since]))


def plain(alert: Alert) -> Row:
    """An alert as an export and the archive have it."""
    return _plain(alert, "alerts")


def _plain(one: Incident | Alert | PostMortem | ActionItem, what: str) -> Row:
    """With ids in place of numbers, as people and the other exports have them."""
    row = {"id": one.id, **one.model_dump(mode="json", include=_FIELDS[what], exclude=_OURS)}
    for column, prefix in _IDS.items():
        if row.get(column) is not None:
            row[column] = f"{prefix}-{row[column]}"
    return {column: row[column] for column in COLUMNS[what]}


_FIELDS = {what: set(columns) for what, columns in COLUMNS.items()}
_OURS = {"paged": {"__all__": {"call"}}, "sections": {"__all__": {"version"}}}  # within the columns
_IDS = {"incident": "INC", "merged_into": "INC", "lead": "AL", "parent": "AL"}


_LINES = "SELECT incident, at, kind, actor, about, text, source FROM timeline WHERE at >= ? {} ORDER BY at, id"


def _timeline(db: Database, since: str, where: str = "") -> Iterator[Row]:
    for incident, at, kind, actor, about, text, source in db.stream(_LINES.format(where), [since]):
        row = {"at": _zulu(at), "incident": f"INC-{incident}", "kind": kind, "actor": actor}
        yield {**row, "about": about, "text": text, "source": source}


def _audit(db: Database, since: str) -> Iterator[Row]:
    """Who did what: the lines of timelines that people caused, and what was decided about changes to AWS."""
    lines = (_act(row) for row in _timeline(db, since, "AND actor IS NOT NULL"))
    begin = moment(since)
    fixes = sorted((row for row in _decisions(db) if _at(row) >= begin), key=_at)
    return merge(lines, fixes, key=_at)


def _act(line: Row) -> Row:
    return {"at": line["at"], "who": line["actor"], "did": line["kind"], "to": line["incident"], "text": line["text"]}


def _decisions(db: Database) -> Iterator[Row]:
    for (data,) in db.stream("SELECT data FROM remediations"):
        yield from _of_fix(Remediation.model_validate_json(data))
    for (data,) in db.stream("SELECT data FROM auto_remediation_approval"):
        one = json.loads(data)
        text = f"until {one['until']}"
        yield _decision(one["at"], one["by"], "standing approval", f"{one['name']}/{one['service']}", text)
    for (data,) in db.stream("SELECT data FROM silences"):
        one = json.loads(data)
        yield _decision(one["starts_at"], one["by"], "silence", one["pattern"], one["why"])


def _of_fix(fix: Remediation) -> Iterator[Row]:
    what, asked_by = f"{fix.order.name} {fix.order.service}", fix.requested_by or fix.via or "the bot"
    yield _decision(fix.requested_at.isoformat(), asked_by, "plan", fix.id, what)
    for who, at in fix.approved_by.items():
        when = at or fix.started_at or fix.requested_at
        yield _decision(when.isoformat(), who, "approve", fix.id, what)
    if fix.rejected_by:
        yield _decision((fix.finished_at or fix.requested_at).isoformat(), fix.rejected_by, "reject", fix.id, what)
    if fix.started_at:
        yield _decision(fix.started_at.isoformat(), asked_by, "run", fix.id, fix.status.value)


def _decision(at: str, who: str, did: str, to: str, text: str) -> Row:
    return {"at": _zulu(at), "who": who, "did": did, "to": to, "text": text}


def _at(row: Row) -> datetime:
    return moment(row["at"])


def _zulu(at: str) -> str:
    """As the models write moments."""
    return moment(at).astimezone(UTC).isoformat().replace("+00:00", "Z")


_EXPORTS = {
    "incidents": _incidents,
    "alerts": _alerts,
    "timeline": _timeline,
    "audit": _audit,
    "post-mortems": _post_mortems,
    "action-items": _action_items,
}
