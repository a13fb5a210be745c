"""Trouble on request: the next calls of a method fail in a chosen way."""

from dataclasses import dataclass
from typing import Any

from sandbox.slack.args import Args
from sandbox.slack.errors import SlackError

KINDS = frozenset(("ratelimited", "error", "http", "drop_after", "drop_before", "delay", "late"))


@dataclass(slots=True)
class Fault:
    method: str
    kind: str
    times: int | None = 1
    seconds: float = 1.0
    status: int = 500
    error: str = "internal_error"
    retry_after: int = 1
    channel: str | None = None

    def fits(self, method: str, args: Args) -> bool:
        return self.method in ("*", method) and (not self.channel or args.get("channel") == self.channel)


class Faults:
    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.disabled: frozenset[str] = frozenset()

    def add(self, raw: dict[str, Any]) -> None:
        if raw.get("kind") not in KINDS or not raw.get("method"):
            raise SlackError("invalid_fault", f"needs a method and a kind: {', '.join(sorted(KINDS))}")
        known = {k: v for k, v in raw.items() if k in Fault.__dataclass_fields__ and v is not None}
        known["times"] = raw.get("times", 1)
        self._waiting.append(Fault(**known))

    def take(self, method: str, args: Args) -> Fault | None:
        """The fault that this call meets, if any; it is used up."""
        for fault in self._waiting:
            if fault.fits(method, args):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._waiting.clear()
        self.disabled = frozenset()
