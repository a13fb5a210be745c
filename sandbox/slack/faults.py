"""What can go wrong with a call of the Web API."""

from dataclasses import dataclass
from typing import ClassVar

from sandbox.serving import faults
from sandbox.slack.args import Args


@dataclass(slots=True, kw_only=True)
class Fault(faults.Fault):
    """`error` is Slack's code with HTTP status 200, `http` a bare status."""

    KINDS: ClassVar[frozenset[str]] = faults.Fault.KINDS | {"http"}
    ABOUT: ClassVar[str] = "method"

    method: str
    error: str = "internal_error"
    channel: str | None = None

    def fits(self, method: str, args: Args) -> bool:
        return self.method in (faults.ANY, method) and (not self.channel or args.get("channel") == self.channel)


class Faults(faults.Faults[Fault]):
    """`disabled` methods answer `unknown_method` until cleared."""

    def __init__(self) -> None:
        super().__init__(Fault)
        self.disabled: frozenset[str] = frozenset()

    def clear(self) -> None:
        super().clear()
        self.disabled = frozenset()
