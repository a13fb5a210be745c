"""Every AWS call, in order, for tests to read and for policies to be held against."""

import itertools
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.aws.request import Call

KEPT = 50_000


@dataclass(slots=True)
class Entry:
    n: int
    at: float
    service: str
    operation: str
    action: str
    caller: str
    region: str
    resources: dict[str, Any]
    status: int
    error: str | None
    fault: str | None
    seconds: float


class CallLog:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.n = 0

    def add(self, call: Call, at: float, seconds: float, status: int, error: str | None, fault: str | None) -> None:
        """`status` 0: the caller got no answer."""
        with self._lock:
            self.n = next(self._numbers)
            self._entries.append(
                Entry(
                    self.n,
                    at,
                    call.service,
                    call.operation,
                    call.action,
                    call.caller,
                    call.region,
                    call.resources,
                    status,
                    error,
                    fault,
                    round(seconds, 4),
                )
            )

    def since(self, n: int = 0, **wanted: str) -> list[dict[str, Any]]:
        """The calls after number `n` whose service, operation or caller are the wanted ones."""
        with self._lock:
            entries = [e for e in self._entries if e.n > n]
        return [asdict(e) for e in entries if all(getattr(e, name) == value for name, value in wanted.items())]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
