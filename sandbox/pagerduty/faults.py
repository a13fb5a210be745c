"""Trouble on request: the next calls of a path fail in a chosen way."""

from dataclasses import dataclass
from typing import Any

from sandbox.pagerduty.errors import invalid_input

KINDS = frozenset(("ratelimited", "error", "delay", "drop_before", "drop_after"))


@dataclass(slots=True)
class Fault:
    path: str
    kind: str
    method: str | None = None
    times: int | None = 1
    seconds: float = 1.0
    status: int = 500
    reset: int = 1
    """What `ratelimit-reset` says."""

    def fits(self, method: str, path: str) -> bool:
        return (self.path == "*" or path.startswith(self.path)) and self.method in (None, method)


class Faults:
    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, raw: dict[str, Any]) -> None:
        if raw.get("kind") not in KINDS or not raw.get("path"):
            raise invalid_input(f"a fault needs a path and a kind: {', '.join(sorted(KINDS))}")
        known = {k: v for k, v in raw.items() if k in Fault.__dataclass_fields__ and v is not None}
        known["times"] = raw.get("times", 1)
        self._waiting.append(Fault(**known))

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, if any; it is used up."""
        for fault in self._waiting:
            if fault.fits(method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._waiting.clear()
