"""The Store: what the bot remembers, in the field's words.

Small enough for a key-value database: no method needs a scan or a join. State changes are conditional writes on a
version; a `claim_*` method answers who won.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from bot.models import Change, Delivery, Incident, Posted, TimelineEvent, Timer, Trouble


def never(_: str) -> bool:
    """Nothing is held."""
    return False


class Store(Protocol):
    """Thread-safe. Every method may raise StoreBusy or another StoreError; then nothing was written."""

    def next_number(self) -> int:
        """A fresh incident number: never given twice, whatever dies or runs beside."""
        ...

    def save(self, change: Change, now: datetime) -> None:
        """Write all of a change or nothing; raises VersionConflict when an incident moved on meanwhile."""
        ...

    def incident(self, number: int) -> Incident:
        """Raises UnknownIncident."""
        ...

    def open_incidents(self, limit: int = 100) -> list[Incident]:
        """Open ones, the worst first, then the newest."""
        ...

    def recent_incidents(self, limit: int = 20) -> list[Incident]:
        """Open or not, the newest first."""
        ...

    def incident_in_channel(self, channel_id: str) -> Incident | None:
        """The incident whose own channel this is."""
        ...

    def incident_of_message(self, channel_id: str, ts: str) -> Incident | None:
        """The incident whose card or template this message is."""
        ...

    def timeline(self, number: int, *, limit: int, before: int | None = None) -> list[tuple[int, TimelineEvent]]:
        """The newest `limit` events (before position `before`), oldest first, each with its position."""
        ...

    def timeline_length(self, number: int) -> int: ...

    def posted(self, number: int, target: str) -> Posted | None:
        """Where a card stands."""
        ...

    def claim_request(self, key: str, now: datetime) -> bool:
        """True for the first caller with this key, False for every later one."""
        ...

    def was_requested(self, key: str) -> bool:
        """Was this key claimed?"""
        ...

    def keep_draft(self, draft_id: str, text: str, now: datetime) -> None:
        """Keep what somebody typed until they have answered a question about it."""
        ...

    def draft(self, draft_id: str) -> str | None: ...

    def claim_deliveries(
        self, owner: str, now: datetime, *, lease: float, limit: int, is_held: Callable[[str], bool] = never
    ) -> list[Delivery]:
        """Take the first due row of each lane in which nothing is under way, for `lease` seconds.

        Rows whose rate key `is_held` stay, and of those that share a rate key one goes at a time.
        """
        ...

    def claim_owners(self) -> list[str]:
        """Who holds claims on deliveries or timers."""
        ...

    def release_claims(self, owner: str) -> None:
        """The owner is dead: what it held may be claimed again, still in doubt."""
        ...

    def next_delivery_at(self) -> datetime | None:
        """When the first row of any lane is due or its claim runs out; None when nothing waits."""
        ...

    def settle(
        self,
        delivery: Delivery,
        now: datetime,
        *,
        posted: Sequence[Posted] = (),
        change: Change | None = None,
    ) -> None:
        """The row is done: record what it made, and what follows from it, in one transaction."""
        ...

    def postpone(self, delivery: Delivery, until: datetime, *, error: str, in_doubt: bool, aside: bool = False) -> None:
        """The try failed: again at `until`. `aside` lets the rest of the lane pass meanwhile."""
        ...

    def give_up(self, delivery: Delivery, error: str, now: datetime) -> None:
        """Never try this row again; it stays on record."""
        ...

    def troubles(self, number: int) -> list[Trouble]:
        """What is owed for this incident and has failed at least once."""
        ...

    def claim_timers(self, owner: str, now: datetime, *, lease: float, limit: int) -> list[Timer]:
        """Take due timers, the oldest first."""
        ...

    def finish_timer(self, timer: Timer) -> None: ...

    def forget_before(self, moment: datetime) -> int:
        """Drop done deliveries, request keys and drafts older than `moment`; how many rows that were."""
        ...

    def close(self) -> None: ...
