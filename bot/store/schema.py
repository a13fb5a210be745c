"""The tables of the SQLite store, as migrations that run by themselves, each once, in order."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

from sqlite_utils import Database, Migrations

from bot.config import same_service

MIGRATIONS = Migrations("aiops_bot")


@MIGRATIONS()
def m001_incidents(db: Database) -> None:
    db.table("incident_numbers").create({"id": int, "value": int}, pk="id")
    db.table("incident_numbers").insert({"id": 1, "value": 0})
    db.table("incidents").create(
        {
            "number": int,
            "version": int,
            "is_open": int,
            "severity": int,
            "channel_id": str,
            "data": str,
        },
        pk="number",
        not_null={"version", "is_open", "severity", "data"},
    )
    db.execute("CREATE INDEX incidents_open ON incidents (severity, number DESC) WHERE is_open = 1")
    db.execute("CREATE INDEX incidents_channel ON incidents (channel_id) WHERE channel_id IS NOT NULL")
    db.table("timeline").create(
        {
            "id": int,
            "incident": int,
            "at": str,
            "kind": str,
            "actor": str,
            "about": str,
            "text": str,
            "source": str,
        },
        pk="id",
        not_null={"incident", "at", "kind", "text"},
    )
    db.table("timeline").create_index(["incident", "id"])


@MIGRATIONS()
def m002_outbox(db: Database) -> None:
    db.table("outbox").create(
        {
            "seq": int,
            "id": str,
            "kind": str,
            "lane": str,
            "priority": int,
            "incident": int,
            "pace": str,
            "after": str,
            "patient": int,
            "coalesce": str,
            "body": str,
            "state": str,
            "attempts": int,
            "in_doubt": int,
            "due_at": str,
            "claimed_by": str,
            "claimed_until": str,
            "error": str,
            "created_at": str,
            "done_at": str,
        },
        pk="seq",
        not_null={
            "id",
            "kind",
            "lane",
            "priority",
            "body",
            "state",
            "attempts",
            "in_doubt",
            "due_at",
            "created_at",
        },
    )
    db.table("outbox").create_index(["id"], unique=True)
    db.execute("CREATE INDEX outbox_claimed ON outbox (claimed_until) WHERE claimed_until IS NOT NULL")
    db.execute("CREATE INDEX outbox_aside ON outbox (due_at) WHERE state = 'aside'")
    db.execute("CREATE INDEX outbox_waiting ON outbox (lane, priority, seq) WHERE state = 'waiting'")
    db.execute("CREATE INDEX outbox_coalesce ON outbox (coalesce, state) WHERE coalesce IS NOT NULL")
    db.execute("CREATE INDEX outbox_trouble ON outbox (incident) WHERE state <> 'done' AND error <> ''")
    db.execute("CREATE INDEX outbox_done ON outbox (done_at) WHERE state = 'done'")
    db.table("posted").create(
        {"incident": int, "target": str, "channel_id": str, "ts": str},
        pk=("incident", "target"),
    )
    db.table("posted").create_index(["channel_id", "ts"])


@MIGRATIONS()
def m003_timers(db: Database) -> None:
    db.table("timers").create(
        {
            "id": str,
            "kind": str,
            "subject": str,
            "due_at": str,
            "body": str,
            "claimed_by": str,
            "claimed_until": str,
        },
        pk="id",
        not_null={"kind", "subject", "due_at", "body"},
    )
    db.table("timers").create_index(["due_at"])
    db.table("timers").create_index(["subject", "kind"])


@MIGRATIONS()
def m004_requests(db: Database) -> None:
    db.table("requests").create({"key": str, "at": str}, pk="key")
    db.table("requests").create_index(["at"])
    db.table("drafts").create({"id": str, "text": str, "at": str}, pk="id")
    db.table("drafts").create_index(["at"])


@MIGRATIONS()
def m005_subjects(db: Database) -> None:
    """What is owed and shown is about incidents, alerts or storms: one text names which."""
    db.execute("ALTER TABLE outbox ADD COLUMN subject TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE outbox SET subject = 'INC-' || incident WHERE incident IS NOT NULL")
    db.execute("DROP INDEX outbox_trouble")
    db.execute("ALTER TABLE outbox DROP COLUMN incident")
    db.execute("CREATE INDEX outbox_trouble ON outbox (subject) WHERE state <> 'done' AND error <> ''")
    db.execute("ALTER TABLE posted RENAME TO posted_before")
    db.execute("DROP INDEX idx_posted_channel_id_ts")
    db.table("posted").create({"subject": str, "target": str, "channel_id": str, "ts": str}, pk=("subject", "target"))
    db.execute("INSERT INTO posted SELECT 'INC-' || incident, target, channel_id, ts FROM posted_before")
    db.table("posted").create_index(["channel_id", "ts"])
    db.execute("DROP TABLE posted_before")


@MIGRATIONS()
def m006_alerts(db: Database) -> None:
    db.table("incident_numbers").insert({"id": 2, "value": 0})
    db.execute("ALTER TABLE incidents ADD COLUMN service TEXT NOT NULL DEFAULT ''")
    for number, data in db.execute("SELECT number, data FROM incidents").fetchall():
        service = same_service(json.loads(data)["service"])
        db.execute("UPDATE incidents SET service = ? WHERE number = ?", [service, number])
    db.execute("CREATE INDEX incidents_service ON incidents (service, number DESC) WHERE is_open = 1")
    db.table("alerts").create(
        {
            "number": int,
            "version": int,
            "is_firing": int,
            "severity": int,
            "group": str,
            "incident": int,
            "parent": int,
            "silence": str,
            "lead": int,
            "leads": int,
            "data": str,
        },
        pk="number",
        not_null={"version", "is_firing", "severity", "group", "leads", "data"},
    )
    db.execute("CREATE INDEX alerts_firing ON alerts (severity, number DESC) WHERE is_firing = 1")
    db.execute('CREATE INDEX alerts_group ON alerts ("group", number DESC) WHERE is_firing = 1')
    db.execute('CREATE INDEX alerts_leads ON alerts ("group", number DESC) WHERE leads = 1')
    db.execute("CREATE INDEX alerts_led ON alerts (lead, number) WHERE lead IS NOT NULL AND is_firing = 1")
    db.execute("CREATE INDEX alerts_incident ON alerts (incident, number) WHERE incident IS NOT NULL")
    db.execute("CREATE INDEX alerts_parent ON alerts (parent) WHERE parent IS NOT NULL AND is_firing = 1")
    db.execute("CREATE INDEX alerts_silence ON alerts (silence) WHERE silence IS NOT NULL AND is_firing = 1")
    db.table("alert_deduplication").create(
        {"key": str, "version": int, "number": int, "state": str, "changed_at": str, "expires_at": str},
        pk="key",
        not_null={"version", "state", "changed_at", "expires_at"},
    )
    db.table("inhibitions").create({"child": str, "parent": int}, pk=("child", "parent"))
    db.table("inhibitions").create_index(["parent"])


@MIGRATIONS()
def m007_noise(db: Database) -> None:
    db.table("silences").create({"id": str, "version": int, "is_active": int, "data": str}, pk="id")
    db.execute("CREATE INDEX silences_active ON silences (is_active) WHERE is_active = 1")
    db.table("storms").create({"channel": str, "version": int, "data": str}, pk="channel")
    db.table("deployments").create({"id": str, "service": str, "at": str, "data": str}, pk="id")
    db.table("deployments").create_index(["service", "at"])
    db.table("unreadable").create({"id": str, "at": str, "problem": str, "raw": str}, pk="id")
    db.table("unreadable").create_index(["at"])


@MIGRATIONS()
def m008_fixes(db: Database) -> None:
    db.table("incident_numbers").insert_all([{"id": 3, "value": 0}, {"id": 4, "value": 0}])
    db.table("investigations").create(
        {
            "number": int,
            "version": int,
            "is_open": int,
            "subject": str,
            "severity": int,
            "claimed_by": str,
            "claimed_until": str,
            "data": str,
        },
        pk="number",
        not_null={"version", "is_open", "subject", "severity", "data"},
    )
    db.execute("CREATE INDEX investigations_open ON investigations (severity, number) WHERE is_open = 1")
    db.table("investigations").create_index(["subject", "number"])
    db.table("remediations").create(
        {"number": int, "version": int, "is_open": int, "subject": str, "data": str},
        pk="number",
        not_null={"version", "is_open", "subject", "data"},
    )
    db.execute("CREATE INDEX remediations_open ON remediations (number DESC) WHERE is_open = 1")
    db.table("remediations").create_index(["subject", "number"])
    db.table("guards").create({"place": str, "version": int, "data": str}, pk="place")
    db.table("auto_remediation_approval").create({"id": str, "version": int, "data": str}, pk="id")
    db.table("pictures").create({"name": str, "at": str, "data": bytes}, pk="name")
    db.table("baselines").create({"service": str, "metric": str, "data": str}, pk=("service", "metric"))


@MIGRATIONS()
def m009_reports(db: Database) -> None:
    """What digests and exports ask for by time, beside the rows: a year of alerts is counted without reading them."""
    db.register_function(_stamped)
    for column in ("status", "declared_at", "began_at", "acknowledged_at", "resolved_at", "due_at"):
        db.execute(f"ALTER TABLE incidents ADD COLUMN {column} TEXT")
    db.execute(
        "UPDATE incidents SET status = data ->> 'status', declared_at = _stamped(data ->> 'declared_at'), "
        "began_at = _stamped(COALESCE(data ->> 'started_at', data ->> 'declared_at')), "
        "acknowledged_at = _stamped(data ->> 'acknowledged_at'), resolved_at = _stamped(data ->> 'resolved_at'), "
        "due_at = _stamped(data ->> 'due_at')"
    )
    db.execute(
        "CREATE INDEX incidents_declared ON incidents "
        "(declared_at, number, service, severity, status, began_at, acknowledged_at, resolved_at, due_at)"
    )
    db.execute(
        "CREATE INDEX incidents_resolved ON incidents "
        "(resolved_at, number, service, severity, status, declared_at, began_at, acknowledged_at, due_at) "
        "WHERE resolved_at IS NOT NULL"
    )
    for column in ("fired_at TEXT", "key TEXT", "service TEXT", "seen INTEGER", "flaps INTEGER", "lasted INTEGER",
                   "has_card INTEGER"):  # fmt: skip
        db.execute(f"ALTER TABLE alerts ADD COLUMN {column}")
    db.execute(
        "UPDATE alerts SET fired_at = _stamped(data ->> 'fired_at'), key = data ->> 'key', "
        "service = COALESCE(data ->> 'service', ''), seen = COALESCE(data ->> 'count', 1), "
        "flaps = COALESCE(data ->> 'flaps', 0), has_card = COALESCE(data ->> 'shown', 'card') = 'card', "
        "lasted = MAX(unixepoch(data ->> 'over_at') - unixepoch(data ->> 'fired_at'), 0)"
    )
    db.execute("CREATE INDEX alerts_fired ON alerts (fired_at, key, service, seen, flaps, lasted, has_card, number)")
    db.table("pages").create({"at": str, "role": str, "who": str, "service": str}, pk=("at", "role", "who"))
    for table in ("alerts", "incidents"):
        db.execute(
            "INSERT OR IGNORE INTO pages (at, role, who, service) "
            "SELECT _stamped(paged.value ->> 'at'), paged.value ->> 'role', paged.value ->> 'name', "
            f"COALESCE(t.data ->> 'service', '') FROM {table} t, json_each(t.data, '$.paged') paged"
        )
    db.execute("ALTER TABLE remediations ADD COLUMN started_at TEXT")
    db.execute("UPDATE remediations SET started_at = _stamped(data ->> 'started_at')")
    db.execute("CREATE INDEX remediations_started ON remediations (started_at) WHERE started_at IS NOT NULL")
    db.table("timeline").create_index(["at", "id"])


@MIGRATIONS()
def m010_aftermath(db: Database) -> None:
    db.table("incident_numbers").insert({"id": 5, "value": 0})
    db.execute("CREATE INDEX incidents_service_all ON incidents (service, number DESC)")
    db.table("post_mortems").create(
        {"incident": int, "version": int, "is_open": int, "owner": str, "due_at": str, "data": str},
        pk="incident",
        not_null={"version", "is_open", "data"},
    )
    db.execute("CREATE INDEX post_mortems_open ON post_mortems (due_at) WHERE is_open = 1")
    db.table("action_items").create(
        {"number": int, "version": int, "is_open": int, "incident": int, "owner": str, "due": str, "data": str},
        pk="number",
        not_null={"version", "is_open", "incident", "due", "data"},
    )
    db.execute("CREATE INDEX action_items_open ON action_items (due, number) WHERE is_open = 1")
    db.table("action_items").create_index(["incident", "number"])


@MIGRATIONS()
def m011_retention(db: Database) -> None:
    db.table("archives").create({"name": str, "length": int}, pk="name", not_null={"length"})
    db.table("installation").create({"id": str}, pk="id")
    db.table("installation").insert({"id": secrets.token_hex(4)})


@MIGRATIONS()
def m012_home(db: Database) -> None:
    """What is somebody's own, and what outside does not take what it is owed."""
    db.execute("CREATE INDEX post_mortems_owner ON post_mortems (owner, due_at) WHERE is_open = 1")
    db.execute("CREATE INDEX action_items_owner ON action_items (owner, due, number) WHERE is_open = 1")
    db.execute("CREATE INDEX outbox_failing ON outbox (kind) WHERE state IN ('waiting', 'aside') AND error <> ''")


@MIGRATIONS()
def m013_until(db: Database) -> None:
    """How long a row waits for the one that goes before it."""
    db.execute("ALTER TABLE outbox ADD COLUMN until TEXT")


def _stamped(moment: str | None) -> str | None:
    """A moment of the JSON as the tables hold moments."""
    if moment is None:
        return None
    return datetime.fromisoformat(moment).astimezone(UTC).isoformat(timespec="microseconds")


@MIGRATIONS()
def m014_timeline(db: Database) -> None:
    """By when things happened: what is noted late, a root cause say, stands where it belongs."""
    db.table("timeline").create_index(["incident", "at", "id"])
    db.execute("DROP INDEX idx_timeline_incident_id")


@MIGRATIONS()
def m015_threads(db: Database) -> None:
    """Which message something stands under: what follows it stands there too."""
    db.execute("ALTER TABLE posted ADD COLUMN thread_ts TEXT NOT NULL DEFAULT ''")


@MIGRATIONS()
def m016_homes(db: Database) -> None:
    """Who had App Home open when; and alerts in a thread have a card too."""
    db.table("homes").create({"user": str, "team": str, "opened_at": str}, pk="user", not_null={"opened_at"})
    db.execute("UPDATE alerts SET has_card = 1 WHERE has_card = 0 AND data ->> 'shown' = 'thread'")


@MIGRATIONS()
def m017_lanes(db: Database) -> None:
    """What waits in a lane leaves in the order in which it was owed."""
    db.execute("CREATE INDEX outbox_order ON outbox (lane, seq) WHERE state = 'waiting'")


@MIGRATIONS()
def m018_looking_back(db: Database) -> None:
    """What exports and digests ask for by time of what comes after incidents; and which workspace links lead to."""
    db.register_function(_stamped)
    for table, columns in (("post_mortems", ("begun_at", "ended_at")), ("action_items", ("created_at",))):
        for column in columns:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
            db.execute(f"UPDATE {table} SET {column} = _stamped(data ->> '{column}')")
            db.execute(f"CREATE INDEX {table}_{column} ON {table} ({column}) WHERE {column} IS NOT NULL")
    db.execute("ALTER TABLE installation ADD COLUMN workspace TEXT NOT NULL DEFAULT ''")
