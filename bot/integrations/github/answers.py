"""What the REST API answers, as far as the bot reads it (docs.github.com/rest)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.ports import Ticket

_OF_THE_HOUSE = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Account(_Answer):
    login: str
    type: str = ""


class Label(_Answer):
    name: str


class PullFacts(_Answer):
    """What the list of issues tells of a pull request."""

    merged_at: str | None = None


class Issue(_Answer):
    """Pull requests are listed among the issues; `pull_request` tells them."""

    number: int
    html_url: str
    state: str
    body: str | None = None
    user: Account | None = None
    author_association: str = ""
    labels: list[Label] = Field(default_factory=list)
    pull_request: PullFacts | None = None

    @property
    def ticket(self) -> Ticket:
        return Ticket(self.number, self.html_url, is_open=self.state == "open")

    @property
    def is_declined(self) -> bool:
        """A pull request that was closed without merging."""
        return self.pull_request is not None and self.pull_request.merged_at is None and not self.ticket.is_open

    @property
    def is_by_an_insider(self) -> bool:
        """Anybody may open issues in a public repository, with any text."""
        return self.author_association in _OF_THE_HOUSE or (self.user is not None and self.user.type == "Bot")


class Repository(_Answer):
    owner: Account
    default_branch: str
    archived: bool = False


class Commit(_Answer):
    sha: str


class Reference(_Answer):
    object: Commit


class File(_Answer):
    """`sha` is git's name of the content."""

    sha: str
    html_url: str | None = None


class Written(_Answer):
    """A commit that the API made."""

    commit: Commit


class Head(_Answer):
    ref: str


class Pull(_Answer):
    html_url: str
    state: str
    head: Head

    @property
    def is_open(self) -> bool:
        return self.state == "open"
