"""The tables of the SQLite store, as migrations that run by themselves, each once, in order."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

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
