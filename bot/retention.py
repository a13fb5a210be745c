"""Letting go of what is old: once a day, a few rows at a time, so that nobody who writes meanwhile waits for it.

Incidents with their alerts and timelines, and all that says who did what, stay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.config import Retention as Terms
from bot.errors import VersionConflict
from bot.models import Alert
from bot.ports import Archive, Clock
from bot.store import Archived, Place, Store
from bot.store.records import plain

BATCH = 100
PAUSE_SECONDS = 0.05  # between batches: whoever waits for the database has it first
BEGINNING = Place(datetime(1970, 1, 1, tzinfo=UTC), "")
_TRIES = 8


class Retention:
    """`archive` None: what is old is deleted. `run` may be called in any number of processes."""

    def __init__(self, store: Store, clock: Clock, terms: Terms, archive: Archive | None) -> None:
        self._store = store
        self._clock = clock
        self._terms = terms
        self._archive = archive
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the batch under way; the rest is done after the next start."""
        self._stopping.set()

    def run(self) -> int:
        """Today's work, where nobody has done it yet; how many alerts went. Raises StoreError."""
        now = self._clock()
        key = f"retention:{now.date()}"
        if self._terms.alerts is None or self._store.was_requested(key):
            return 0
        gone = self._alerts(now, now - self._terms.alerts)
        if gone is None or not self._forget(self._store.forget_news_before, now - self._terms.alerts):
            return gone or 0
        self._store.claim_request(key, now)
        return gone

    def forget(self, age: timedelta) -> bool:
        """Drop what is of no use after this time; False where it was stopped."""
        return self._forget(self._store.forget_before, self._clock() - age)

    def _forget(self, drop: Callable[..., int], before: datetime) -> bool:
        while drop(before, limit=BATCH):
            if self._stopping.wait(PAUSE_SECONDS):
                return False
        return True

    def _alerts(self, now: datetime, before: datetime) -> int | None:
        """None where it did not come to its end."""
        if self._archive is None:
            return self._batches(before, self._store.drop_alerts)
        with self._archive.mine() as is_mine:
            return self._batches(before, self._mover(self._archive, now)) if is_mine else None

    def _mover(self, archive: Archive, now: datetime) -> Callable[[list[Alert]], None]:
        """Appends alerts to this month's file and drops them. What a run that died left behind is cut off first."""
        name = archive.name("alerts", now.strftime("%Y-%m"))
        files = {file.name: file.length for file in self._store.archives(name)}
        for file, length in files.items():
            archive.cut(file, length)

        def move(alerts: list[Alert]) -> None:
            length = archive.append(name, files[name], map(plain, alerts))
            self._store.drop_alerts(alerts, archived=Archived(name, length))
            files[name] = length

        return move

    def _batches(self, before: datetime, drop: Callable[[list[Alert]], None]) -> int | None:
        gone, place, tries = 0, BEGINNING, 0
        while alerts := self._store.old_alerts(before, after=place, limit=BATCH):
            try:
                drop(alerts)
            except VersionConflict:  # one of them is of use again, or another process was faster: look again
                tries += 1
                if tries == _TRIES:
                    return None
                continue
            gone, tries, last = gone + len(alerts), 0, alerts[-1]
            place = Place(last.fired_at, last.key)
            if self._stopping.wait(PAUSE_SECONDS):
                return None
        return gone
