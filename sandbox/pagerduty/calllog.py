"""Every call of both APIs, in order, for tests to read. Tokens are not kept."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 20_000


@dataclass(slots=True)
class Call:
    n: int
    at: float
    method: str
    path: str
    query: dict[str, Any]
    body: Any
    requester: str | None
    status: int
    """0: no answer was sent."""
    error: str | None
    started: float
    ended: float


class CallLog:
    def __init__(self) -> None:
        self.n = 0
        self._calls: deque[Call] = deque(maxlen=KEPT)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def next_number(self) -> int:
        self.n += 1
        return self.n

    def since(self, n: int) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls if call.n > n]
