"""Trouble on request: the next calls of an operation fail in a chosen way."""

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.aws.request import Call

KINDS = frozenset(("error", "throttle", "http", "delay", "drop_before", "drop_after"))
EVERY = "*"
DENIED = "AccessDeniedException"


class FaultError(ValueError):
    """A fault that nobody can mean."""


@dataclass(slots=True)
class Fault:
    service: str
    kind: str
    operation: str = EVERY
    times: int | None = 1
    seconds: float = 1.0
    status: int | None = None
    error: str = DENIED
    message: str = "Made to fail by the sandbox"
    caller: str | None = None
    resource: str | None = None

    def fits(self, call: Call) -> bool:
        return (
            self.service in (EVERY, call.service)
            and self.operation in (EVERY, call.operation)
            and self.caller in (None, call.caller)
            and (self.resource is None or self.resource in str(call.resources))
        )


class Faults:
    """`spared` is who never meets one: the little production that must go on."""

    def __init__(self, spared: frozenset[str] = frozenset()) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self._spared = spared

    def add(self, raw: dict[str, Any]) -> None:
        if raw.get("kind") not in KINDS or not raw.get("service"):
            raise FaultError(f"needs a service and a kind: {', '.join(sorted(KINDS))}")
        known = {k: v for k, v in raw.items() if k in Fault.__dataclass_fields__ and v is not None}
        known["times"] = raw.get("times", 1)
        if unknown := set(raw) - set(Fault.__dataclass_fields__):
            raise FaultError(f"unknown: {', '.join(sorted(unknown))}")
        with self._lock:
            self._waiting.append(Fault(**known))

    def take(self, call: Call) -> Fault | None:
        """The fault that this call meets, if any; it is used up."""
        if call.caller in self._spared:
            return None
        with self._lock:
            fault = next((f for f in self._waiting if f.fits(call)), None)
            if fault and fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
            return fault

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
