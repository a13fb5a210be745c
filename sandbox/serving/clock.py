"""The server's clock: real time plus an offset that tests move, and the timers that hang on it."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count


class Timer:
    """Something due at a moment of the server's clock."""

    __slots__ = ("at", "run")

    def __init__(self, at: float, run: Callable[[], None]) -> None:
        self.at = at
        self.run: Callable[[], None] | None = run

    def cancel(self) -> None:
        self.run = None


class Clock:
    def __init__(self) -> None:
        self._offset = 0.0
        self._order = count()
        self._heap: list[tuple[float, int, Timer]] = []
        self._wake: asyncio.TimerHandle | None = None

    def now(self) -> float:
        return time.time() + self._offset

    def call_later(self, seconds: float, run: Callable[[], None]) -> Timer:
        timer = Timer(self.now() + seconds, run)
        first = self._heap[0][0] if self._heap else None
        heapq.heappush(self._heap, (timer.at, next(self._order), timer))
        if first is None or timer.at < first:
            self._arm()
        return timer

    def advance(self, seconds: float) -> None:
        self._offset += seconds
        self._ring()

    def stop(self) -> None:
        self._heap.clear()
        if self._wake:
            self._wake.cancel()
            self._wake = None

    def _ring(self) -> None:
        now = self.now()
        while self._heap and self._heap[0][0] <= now:
            _, _, timer = heapq.heappop(self._heap)
            if timer.run:
                timer.run()
        self._arm()

    def _arm(self) -> None:
        if self._wake:
            self._wake.cancel()
            self._wake = None
        if self._heap:
            delay = max(0.0, self._heap[0][0] - self.now())
            self._wake = asyncio.get_running_loop().call_later(delay, self._ring)
