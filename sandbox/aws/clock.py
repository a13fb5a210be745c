"""What time it is in this AWS: the machine's clock, plus what tests have moved it on by."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakSet

from moto.core.utils import unix_time


class Clock:
    """One for the process, as moto's backends are. Nothing moves it back but a fresh start."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.speed = 1.0  # an alarm's minute lasts 60 s / speed; its stated period stays what it is
        self.moved: WeakSet[Callable[[], None]] = WeakSet()

    def now(self) -> float:
        return time.time() + self.offset

    def from_moto(self, at: float) -> float:
        """A time that moto wrote down, in this clock's terms."""
        return at - unix_time() + self.now()

    def advance(self, seconds: float) -> None:
        self.offset += seconds
        for wake in list(self.moved):
            wake()

    def reset(self, speed: float = 1.0) -> None:
        self.offset, self.speed = 0.0, speed


CLOCK = Clock()


def utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
