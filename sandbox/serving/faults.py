"""Trouble on request: the next calls that fit fail in a chosen way."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, TypeVar

from sandbox.serving.errors import Refused

ANY = "*"


@dataclass(slots=True, kw_only=True)
class Fault:
    """`times` None: until cleared. Each API says what its calls are told by, in fields of its own."""

    KINDS: ClassVar[frozenset[str]] = frozenset(
        ("ratelimited", "error", "delay", "late", "drop_before", "drop_after"),
    )
    ABOUT: ClassVar[str]
    """The field that says which calls are meant."""

    kind: str
    times: int | None = 1
    seconds: float = 1.0
    status: int = 500
    retry_after: int = 1


@dataclass(slots=True, kw_only=True)
class PathFault(Fault):
    """For an API of paths: meets every call whose path begins so."""

    ABOUT: ClassVar[str] = "path"

    path: str
    method: str | None = None

    def fits(self, method: str, path: str) -> bool:
        return (self.path == ANY or path.startswith(self.path)) and self.method in (None, method)


F = TypeVar("F", bound=Fault)


class Faults(Generic[F]):
    def __init__(self, kind: type[F]) -> None:
        self._kind = kind
        self._waiting: list[F] = []

    def add(self, raw: dict[str, Any]) -> None:
        kind, known = self._kind, {field.name for field in fields(self._kind)}
        if raw.get("kind") not in kind.KINDS or not raw.get(kind.ABOUT):
            raise Refused("invalid_fault", f"A fault needs a {kind.ABOUT} and a kind: {', '.join(sorted(kind.KINDS))}.")
        if unknown := set(raw) - known:
            raise Refused("invalid_fault", f"A fault has no {', '.join(sorted(unknown))}.")
        self._waiting.append(kind(**{k: v for k, v in raw.items() if v is not None or k == "times"}))

    def take(self, fits: Callable[[F], bool]) -> F | None:
        """The first fault that fits, if any; it is used up."""
        found = next((fault for fault in self._waiting if fits(fault)), None)
        if found is not None and found.times is not None:
            found.times -= 1
            if found.times <= 0:
                self._waiting.remove(found)
        return found

    def clear(self) -> None:
        self._waiting.clear()
