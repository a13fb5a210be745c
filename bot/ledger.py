"""What every use case writes with: the store, the time, and the outbox that is told when something new is owed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

from bot.errors import StoreBusy, VersionConflict
from bot.models import Change
from bot.ports import Clock
from bot.store import Store

_TRIES = 8
T = TypeVar("T")


class Ledger(NamedTuple):
    """`nudge` is called after each change."""

    store: Store
    clock: Clock
    nudge: Callable[[], None]

    def save(self, change: Change, now: datetime) -> None:
        """Write all of it or nothing; raises VersionConflict when a row moved on meanwhile."""
        self.store.save(change, now)
        self.nudge()

    def decide(self, step: Callable[[datetime], tuple[T, Change | None]], what: str) -> T:
        """Take a step that reads, decides and says what to write; take it again when somebody else was faster."""
        for _ in range(_TRIES):
            now = self.clock()
            result, change = step(now)
            if change is None:
                return result
            try:
                self.save(change, now)
            except VersionConflict:
                continue
            return result
        raise StoreBusy(f"{what} is being changed by many at once; nothing was changed. Try again.")
