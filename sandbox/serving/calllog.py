"""Every call of an API, in order, for tests and benchmarks to read."""

from collections import deque
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

KEPT = 50_000


@dataclass(slots=True, kw_only=True)
class Entry:
    """`at` is by the server's clock, `started` and `ended` by the machine's. `status` 0: no answer was sent."""

    n: int
    at: float
    status: int
    error: str | None
    started: float
    ended: float

    def shown(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


E = TypeVar("E", bound=Entry)


class CallLog(Generic[E]):
    def __init__(self) -> None:
        self.n = 0
        self._entries: deque[E] = deque(maxlen=KEPT)

    def add(self, entry: E) -> None:
        self._entries.append(entry)

    def next_number(self) -> int:
        self.n += 1
        return self.n

    def since(self, n: int) -> list[dict[str, Any]]:
        return [entry.shown() for entry in self._entries if entry.n > n]
