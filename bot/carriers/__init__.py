"""Carries owed rows to the world: what each kind means, and what follows from it once it was taken."""

from __future__ import annotations

from typing import Protocol

from bot.carriers.common import Settlement
from bot.errors import DeliveryError
from bot.models import Change, Delivery, Owed


class Part(Protocol):
    """Carries some kinds of rows."""

    def takes(self, owed: Owed) -> bool: ...

    def carry(self, delivery: Delivery) -> Settlement:
        """Do it; raises DeliveryError where it was not taken."""
        ...

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """What a failure changes that people should see."""
        ...


class Carriers:
    """All parts together: the first that takes a row carries it."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts

    def carry(self, delivery: Delivery) -> Settlement:
        return self._of(delivery).carry(delivery)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        return self._of(delivery).trouble(delivery, error)

    def _of(self, delivery: Delivery) -> Part:
        return next(part for part in self._parts if part.takes(delivery.owed))
