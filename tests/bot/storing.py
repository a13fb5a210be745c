"""Short words for a store under test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from bot.models import Change, Delivery, Incident, Owed
from bot.store import Store, never
from tests.bot.make import NOW

T = TypeVar("T")
LEASE = 20.0


def save(store: Store, *incidents: Incident) -> None:
    store.save(Change(incidents=incidents), NOW)


def owe(store: Store, *rows: Owed, now: datetime = NOW) -> None:
    store.save(Change(owed=rows), now)


def claim(
    store: Store,
    now: datetime = NOW,
    *,
    owner: str = "a",
    limit: int = 10,
    is_held: Callable[[str], bool] = never,
) -> list[Delivery]:
    return store.claim_deliveries(owner, now, lease=LEASE, limit=limit, is_held=is_held)


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [each.owed.id for each in deliveries]


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What the calls answer when threads make them at the same moment."""
    gate = threading.Barrier(len(calls))

    def pass_the_gate(call: Callable[[], T]) -> T:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(pass_the_gate, calls))
