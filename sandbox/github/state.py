"""The running server's state in one object, handed to everything that answers."""

from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from sandbox.github import cast
from sandbox.github.desk import Desk
from sandbox.github.limits import Limits
from sandbox.github.repository import Access, Repository
from sandbox.github.shapes import Shapes
from sandbox.serving.calllog import CallLog, Entry
from sandbox.serving.clock import Clock
from sandbox.serving.faults import Fault, Faults, PathFault

INDEX_SECONDS = 30.0
"""How far the search is behind. GitHub names no number; seconds to minutes have been seen."""


@dataclass(slots=True, kw_only=True)
class Call(Entry):
    """A line of the log: one call of the API. Tokens are not kept."""

    method: str
    path: str
    query: dict[str, Any]
    body: Any
    login: str | None


@dataclass(slots=True, kw_only=True)
class GitHubFault(PathFault):
    """`ratelimited` is a secondary limit (`status` 429, else 403), `exhausted` the primary one."""

    KINDS: ClassVar[frozenset[str]] = Fault.KINDS | {"exhausted"}


class GitHub:
    """What one server holds; `reset` starts the repository over."""

    repository: Repository
    access: Access
    limits: Limits
    shapes: Shapes
    desk: Desk
    log: CallLog[Call]
    index_seconds: float

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.faults = Faults(GitHubFault)
        self.base_url = ""
        self.reset()

    def reset(self) -> None:
        self.repository = cast.open_repository(self.clock.now())
        self.access = cast.full_access()
        self.limits = Limits(self.clock.now)
        self.shapes = Shapes(self.repository, self.base_url)
        self.desk = Desk(self.repository, self.clock.now)
        self.log = CallLog()
        self.index_seconds = INDEX_SECONDS
        self.faults.clear()

    def listens_at(self, base_url: str) -> None:
        self.base_url = self.shapes.base_url = base_url


GITHUB: web.AppKey[GitHub] = web.AppKey("github", GitHub)
