"""What every kind of fix can do, and the words they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from bot.errors import CloudError, Refused
from bot.models import Order, Plan, Progress, Remediation, Target
from bot.resources import Resources

KIND = "fix"
"""The key of a plan's state that names the kind of fix which made it, and so who carries it out."""


Past = Callable[[], Iterable[Remediation]]
"""What was planned and done before, the newest first."""


class Fix(Protocol):
    """One kind of change. All it needs to go on is in the plan's state: another process can take over at any moment."""

    kind: str

    def plan(self, order: Order, resources: Resources) -> Plan: ...

    def start(self, remediation: Remediation) -> Progress: ...

    def follow(self, remediation: Remediation) -> Progress: ...

    def stop(self, remediation: Remediation) -> None: ...

    def undo(self, remediation: Remediation) -> Plan: ...

    def standing(self, remediation: Remediation) -> Progress | None: ...

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]: ...


def state_of(kind: str, values: Any) -> dict[str, Any]:
    """A fix's own state as a plan keeps it."""
    return {KIND: kind, **values.model_dump(mode="json")}


def need(service: str, what: str, **keys: str) -> None:
    """Raises Refused that names what the catalogue does not say: a keyword argument for each of its keys."""
    missing = [f"services.{service}.{key}" for key, value in keys.items() if not value]
    if missing:
        raise Refused(f"I don't know {what}. Put {' and '.join(missing)} into config.yml.")


def same_account(found: str, where: Target) -> None:
    """What was found must be in the account that was meant: names alone repeat from one account to the next."""
    if where.account and found and found != where.account:
        raise Refused(
            f"{where.name} belongs to account {where.account}, and the bot acts in {found}: I would change "
            "something else of the same name."
        )


def is_code(error: CloudError, *codes: str) -> bool:
    """AWS answered with one of these; query protocols leave `Exception` or `Fault` off their codes."""
    return any(error.code.removesuffix("Exception").removesuffix("Fault") == code for code in codes)


def number(count: int, what: str) -> str:
    """`1 task`, `4 tasks`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
