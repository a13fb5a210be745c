"""Every Web API call, in order, for tests and benchmarks to read."""

import json
from collections import deque
from dataclasses import dataclass
from typing import Any

KEPT = 50_000
SECRET = "token"


@dataclass(slots=True)
class Entry:
    n: int
    at: float
    method: str
    args: dict[str, Any]
    status: int
    ok: bool
    error: str | None
    started: float
    ended: float

    def shown(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in Entry.__dataclass_fields__}
        return fields | {"args": {k: _decoded(v) for k, v in self.args.items() if k != SECRET}}


class CallLog:
    def __init__(self) -> None:
        self.n = 0
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def next_number(self) -> int:
        self.n += 1
        return self.n

    def since(self, n: int) -> list[dict[str, Any]]:
        return [e.shown() for e in self._entries if e.n > n]


def _decoded(value: Any) -> Any:
    """Structures that came as JSON in a form field are shown as structures."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
