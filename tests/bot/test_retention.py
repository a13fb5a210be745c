"""Letting go of old alerts: which go and which stay, each archived once whatever dies in between."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import retention as subject
from bot.config import Retention as Terms
from bot.errors import StoreError, UnknownAlert
from bot.integrations.archive import FolderArchive
from bot.models import Alert, AlertStatus, Change, Posted, Shown
from bot.retention import Retention
from bot.signals import AlarmState, Deployment, DeploymentState, Unreadable
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW, alert, head, incident, row, storm, timer
from tests.bot.storing import at_once, claim, owe

KEPT = timedelta(days=90)
THEN = NOW - timedelta(days=100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as made:
        yield made


class Keeper:
    """The retention of one process: archived to `folder`, or deleted without one."""

    def __init__(self, store: SqliteStore, folder: Path | None = None) -> None:
        self.store = store
        self.folder = folder
        self.now = NOW

    def made(self) -> Retention:
        archive = FolderArchive(self.folder, self.store.installation()) if self.folder else None
        return Retention(self.store, lambda: self.now, Terms(alerts=KEPT), archive)

    def run(self) -> int:
        return self.made().run()

    def archived(self) -> list[dict[str, Any]]:
        assert self.folder is not None
        files = sorted(self.folder.glob("*.jsonl.gz"))
        return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


def old(number: int, at: datetime = THEN, **values: Any) -> Alert:
    """An alert that was over a minute after it fired."""
    over = {"status": AlertStatus.RESOLVED, "over_at": at + timedelta(minutes=1)}
    times = {"fired_at": at, "received_at": at, "changed_at": at}
    return alert(number, **{**over, **times, **values})


def there(store: SqliteStore) -> list[int]:
    return sorted(store.alerts(range(1, 2000)))


def test_without_a_setting_nothing_goes(store: SqliteStore) -> None:
    store.save(Change(alerts=(old(1),)), THEN)
    assert Retention(store, lambda: NOW, Terms(), None).run() == 0
    assert there(store) == [1]


@pytest.mark.parametrize("days", [1, 29])
def test_what_digests_still_count_can_not_be_let_go(days: int) -> None:
    with pytest.raises(ValueError, match="must be 30d or more"):
        Terms.model_validate({"alerts": f"{days}d"})


def test_old_alerts_go_and_all_that_is_young_open_or_of_an_incident_stays(store: SqliteStore) -> None:
    long_ago = NOW - timedelta(days=99)
    alerts = (
        old(1),
        old(2, NOW - KEPT + timedelta(minutes=2)),
        alert(3, fired_at=THEN),
        old(4, incident=1),
        old(5),
        alert(6, fired_at=NOW, lead=5, shown=Shown.THREAD),
        old(7, over_at=NOW - timedelta(days=1)),
        old(8),
        old(9),
        old(10, long_ago),
    )
    store.save(Change(incidents=(incident(1),), alerts=alerts, timers=(timer(subject="AL-8"),)), THEN)
    owe(store, row("card", subject="AL-9"))
    assert Keeper(store).run() == 2
    assert there(store) == [2, 3, 4, 5, 6, 7, 8, 9]
    with pytest.raises(UnknownAlert):
        store.alert(1)
    assert store.incident(1)


def test_what_refers_to_them_goes_too_and_old_news_of_the_alarm_stays_old(store: SqliteStore) -> None:
    gone = old(1)
    known = head(gone.key, number=1, state=AlarmState.OK, changed_at=THEN, expires_at=THEN)
    store.save(Change(alerts=(gone,), heads=(known,), owed=(row("card", subject="AL-1"),)), THEN)
    (card,) = claim(store)
    place = Posted(subject="AL-1", target="ops", channel_id="C1", ts="1.1")
    store.settle(card, THEN, posted=[place])
    Keeper(store).run()
    assert store.posted("AL-1", "ops") is None
    found = store.heads([gone.key])[gone.key]
    assert (found.number, found.changed_at) == (None, THEN)
    store.save(Change(heads=(found,)), NOW)


def test_given_up_rows_unreadable_messages_deployments_and_places_of_storms_go(store: SqliteStore) -> None:
    then, now = storm("ops", window=THEN, began_at=THEN), storm("ops", window=NOW, began_at=NOW)
    for at, mark in ((THEN, "then"), (NOW, "now")):
        said = Unreadable(source_id=mark, raw="?", problem="odd")
        made = Deployment(source_id=mark, id=mark, service="shop", at=at, state=DeploymentState.SUCCEEDED)
        store.save(Change(unreadable=(said,), deployments=(made,)), at)
    store.save(Change(storms=(now,)), NOW)
    for each in (then, now):
        owe(store, row(each.id, subject=each.id))
        (summary,) = claim(store)
        store.settle(summary, NOW, posted=[Posted(subject=each.id, target="ops", channel_id="C1", ts=each.id)])
    owe(store, row("lost"), now=THEN)
    (lost,) = claim(store)
    store.give_up(lost, "no", THEN)
    Keeper(store).run()
    assert store.unreadable_since(THEN) == 1
    assert [each.id for each in store.deployments_of("shop", THEN)] == ["now"]
    assert (store.posted(then.id, "ops"), bool(store.posted(now.id, "ops"))) == (None, True)
    assert store.troubles("INC-1") == []


def test_they_go_to_the_archive_as_an_export_has_them(store: SqliteStore, tmp_path: Path) -> None:
    store.save(Change(alerts=(old(1, reason="naïve ✓"), old(2))), THEN)
    exported = list(store.export("alerts", THEN))
    keeper = Keeper(store, tmp_path / "archive")
    assert keeper.run() == 2
    assert keeper.archived() == exported
    (file,) = (tmp_path / "archive").glob("*.gz")
    assert file.name == f"alerts-2026-11-{store.installation()}.jsonl.gz"


def test_once_a_day(store: SqliteStore) -> None:
    keeper = Keeper(store)
    store.save(Change(alerts=(old(1),)), THEN)
    assert keeper.run() == 1
    store.save(Change(alerts=(old(2),)), THEN)
    assert keeper.run() == 0
    keeper.now += timedelta(days=1)
    assert keeper.run() == 1


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("when", ["half written", "written", "dropped"])
@pytest.mark.parametrize("next_month", [False, True])
def test_killed_anywhere_none_is_lost_and_none_is_there_twice(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, *, next_month: bool
) -> None:
    monkeypatch.setattr(subject, "BATCH", 3)
    store.save(Change(alerts=tuple(old(n, THEN + timedelta(seconds=n)) for n in range(1, 11))), THEN)
    keeper = Keeper(store, tmp_path)
    with monkeypatch.context() as patch:
        _die(patch, store, when, at_batch=2)
        with pytest.raises(Killed):
            keeper.run()
    assert there(store), "some are still to go"
    keeper.now += timedelta(days=30) if next_month else timedelta(minutes=10)
    keeper.run()
    assert there(store) == []
    assert sorted(int(each["id"][3:]) for each in keeper.archived()) == list(range(1, 11))


def _die(patch: pytest.MonkeyPatch, store: SqliteStore, when: str, *, at_batch: int) -> None:
    batches = 0
    drop, sync = store.drop_alerts, os.fsync

    def dropped(*alerts: Any, **archived: Any) -> None:
        nonlocal batches
        batches += 1
        if when == "dropped" or batches < at_batch:
            drop(*alerts, **archived)
        if batches == at_batch:
            raise Killed

    def half(file: int) -> None:
        if batches == at_batch - 1:
            os.truncate(file, os.fstat(file).st_size - 20)
            raise Killed
        sync(file)

    patch.setattr(store, "drop_alerts", dropped)
    if when == "half written":
        patch.setattr(os, "fsync", half)


def test_a_change_in_between_is_seen_and_that_alert_stays(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(Change(alerts=(old(1), old(2))), THEN)
    keeper, append = Keeper(store, tmp_path), FolderArchive.append

    def meanwhile(*arguments: Any) -> int:
        found = store.alert(2)
        if found.incident is None:
            store.save(Change(alerts=(found.changed(incident=7),)), NOW)
        return append(*arguments)

    monkeypatch.setattr(FolderArchive, "append", meanwhile)
    assert keeper.run() == 1
    assert there(store) == [2]
    assert [each["id"] for each in keeper.archived()] == ["AL-1"]


def test_two_processes_at_once_archive_each_once(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 5)
    store.save(Change(alerts=tuple(old(n, THEN + timedelta(seconds=n)) for n in range(1, 61))), THEN)
    with closing(SqliteStore(tmp_path / "aiops.db")) as other:
        mine, theirs = Keeper(store, tmp_path / "archive"), Keeper(other, tmp_path / "archive")
        gone = at_once(mine.run, theirs.run)
        assert sum(gone) == 60
    assert sorted(int(each["id"][3:]) for each in mine.archived()) == list(range(1, 61))


def test_two_processes_at_once_delete_without_an_archive(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 5)
    store.save(Change(alerts=tuple(old(n, THEN + timedelta(seconds=n)) for n in range(1, 61))), THEN)
    with closing(SqliteStore(tmp_path / "aiops.db")) as other:
        at_once(Keeper(store).run, Keeper(other).run)
    assert there(store) == []


def test_it_ends_after_a_batch_when_the_bot_stops_and_goes_on_later(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "BATCH", 2)
    store.save(Change(alerts=tuple(old(n) for n in range(1, 6))), THEN)
    keeper = Keeper(store)
    stopped = keeper.made()
    stopped.stop()
    stopped.run()
    assert there(store) == [3, 4, 5]
    keeper.run()
    assert there(store) == []


def test_files_that_were_taken_away_begin_anew_and_damaged_ones_are_said(store: SqliteStore, tmp_path: Path) -> None:
    keeper = Keeper(store, tmp_path)
    store.save(Change(alerts=(old(1),)), THEN)
    keeper.run()
    (file,) = tmp_path.glob("*.gz")
    file.rename(tmp_path / "elsewhere")
    store.save(Change(alerts=(old(2),)), THEN)
    keeper.now += timedelta(days=1)
    keeper.run()
    assert [each["id"] for each in keeper.archived()] == ["AL-2"]
    os.truncate(file, 5)
    store.save(Change(alerts=(old(3),)), THEN)
    keeper.now += timedelta(days=1)
    with pytest.raises(StoreError, match="is shorter than what was archived"):
        keeper.run()
    assert there(store) == [3]


def test_a_folder_that_can_not_be_written_keeps_everything(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    store.save(Change(alerts=(old(1),)), THEN)
    with pytest.raises(StoreError, match="can't be written"):
        Keeper(store, tmp_path / "file").run()
    assert there(store) == [1]


def test_another_databases_files_are_left_alone(store: SqliteStore, tmp_path: Path) -> None:
    store.save(Change(alerts=(old(1),)), THEN)
    Keeper(store, tmp_path / "archive").run()
    with closing(SqliteStore(tmp_path / "new.db")) as new:
        new.save(Change(alerts=(old(1),)), THEN)
        keeper = Keeper(new, tmp_path / "archive")
        keeper.run()
        assert len(keeper.archived()) == 2
        assert new.installation() != store.installation()


def test_a_writer_meanwhile_waits_for_a_batch_at_most(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between batches nobody holds the database: a statement of another process gets in after each of them."""
    monkeypatch.setattr(subject, "BATCH", 1)
    store.save(Change(alerts=tuple(old(n) for n in range(1, 6))), THEN)
    drop, seen = store.drop_alerts, []

    with closing(sqlite3.connect(tmp_path / "aiops.db", timeout=0)) as other:

        def dropped(*alerts: Any, **archived: Any) -> None:
            other.execute("UPDATE incident_numbers SET value = value + 1 WHERE id = 1")
            other.commit()
            drop(*alerts, **archived)
            seen.append(len(there(store)))

        monkeypatch.setattr(store, "drop_alerts", dropped)
        Keeper(store).run()
    assert seen == [4, 3, 2, 1, 0]
