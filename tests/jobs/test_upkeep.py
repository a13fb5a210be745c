"""What the upkeep drops, what it keeps, and that it waits when the database is busy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.config import Retention as Terms
from bot.models import Change
from bot.retention import Retention
from bot.store import database
from bot.store.sqlite import SqliteStore
from jobs import upkeep
from tests.bot.make import NOW, incident, row


def at(store: SqliteStore, now: datetime) -> Retention:
    return Retention(store, lambda: now, Terms(), None)


def test_after_fifteen_days_requests_and_done_deliveries_are_forgotten_but_no_incident(tmp_path: Path) -> None:
    assert timedelta(days=14) < upkeep.KEEP, "SQS keeps a message for so long"
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        store.save(Change(incidents=(incident(),), owed=(row("done"), row("waits"))), NOW)
        done = store.claim_deliveries("me", NOW, lease=20, limit=1)
        store.settle(done[0], NOW)
        assert store.claim_request("command:1", NOW)
        upkeep.tidy(at(store, NOW + upkeep.KEEP - timedelta(hours=1)))
        assert not store.claim_request("command:1", NOW), "Slack may still deliver it again"
        upkeep.tidy(at(store, NOW + upkeep.KEEP + timedelta(hours=1)))
        assert store.claim_request("command:1", NOW)
        assert store.incident(1).service == "checkout-api"
        assert [each.owed.lane for each in store.claim_deliveries("me", NOW, lease=20, limit=9)] == ["waits"]


def test_a_locked_database_is_left_for_the_next_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        assert store.claim_request("command:1", NOW)
        with closing(sqlite3.connect(tmp_path / "aiops.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            upkeep.tidy(at(store, NOW + 2 * upkeep.KEEP))
            other.execute("ROLLBACK")
        assert "upkeep waits for the next round" in caplog.text
