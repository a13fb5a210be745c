"""The repository as data: people, labels, issues, pull requests. Decides nothing."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.github.errors import not_found
from sandbox.github.git import Git

Json = dict[str, Any]


@dataclass(slots=True)
class User:
    login: str
    name: str
    id: int
    association: str = "MEMBER"
    """What this person is to the repository: `MEMBER`, `COLLABORATOR`, `NONE`, …"""


@dataclass(slots=True)
class Label:
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Comment:
    id: int
    login: str
    body: str
    at: float


@dataclass(slots=True)
class Issue:
    number: int
    title: str
    body: str | None
    login: str
    created: float
    updated: float
    labels: list[str] = field(default_factory=list)
    state: str = "open"
    reason: str | None = None
    closed: float | None = None
    closed_by: str | None = None
    comments: list[Comment] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state == "open"


@dataclass(slots=True)
class Pull(Issue):
    """`head_sha` and `base_sha` stay as they were when it was merged or closed."""

    head: str = ""
    base: str = ""
    head_sha: str = ""
    base_sha: str = ""
    merged: float | None = None
    merged_by: str | None = None
    merge_sha: str | None = None
    is_draft: bool = False


@dataclass(slots=True)
class Access:
    """What tokens may. Without `push` a token's labels are left out in silence, as for a reader of the repository."""

    repository: bool = True
    push: bool = True
    permissions: dict[str, str] = field(default_factory=dict)

    def allows(self, needed: str) -> bool:
        """`issues=write`, say."""
        area, _, level = needed.partition("=")
        had = self.permissions.get(area)
        return had == "write" or (had == "read" and level == "read")


@dataclass(slots=True)
class Repository:
    id: int
    owner: str
    name: str
    default_branch: str = "main"
    is_archived: bool = False
    has_issues: bool = True
    former: list[str] = field(default_factory=list)
    """The names it had before it was renamed."""
    git: Git = field(default_factory=Git)
    users: dict[str, User] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    """By the name in small letters."""
    threads: dict[int, Issue] = field(default_factory=dict)
    """Issues and pull requests, which share their numbers."""

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def pulls(self) -> list[Pull]:
        return [each for each in self.threads.values() if isinstance(each, Pull)]

    def thread(self, number: str) -> Issue:
        """An issue or a pull request."""
        found = self.threads.get(int(number)) if number.isdecimal() else None
        if found is None:
            raise not_found()
        return found

    def pull(self, number: str) -> Pull:
        found = self.thread(number)
        if not isinstance(found, Pull):
            raise not_found()
        return found
