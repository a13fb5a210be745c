"""App Homes without Slack: a board on a real store, and replies that only note what is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from bot.board import Board
from bot.casefile import CaseFile
from bot.config import Config
from bot.errors import ChatError
from bot.integrations.roster import ConfigRoster
from bot.models import Message, Person, PersonKind, Said
from bot.oncall import Policy
from bot.rights import Rights
from bot.store.sqlite import SqliteStore

GROUP = "S0PROD"


class People:
    """Members who live by UTC; Ana is of the group, and one is a guest."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        kind = PersonKind.GUEST if user_id == "U0GUS" else PersonKind.MEMBER
        return Person(id=user_id, kind=kind, groups=frozenset([GROUP]) if user_id == "U0ANA" else frozenset())

    def name(self, user_id: str) -> str:
        return user_id

    def zone(self, user_id: str) -> str | None:
        return None


class Publisher:
    """The Replies port; `refuse` is raised once by the next publishing."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, dict[str, Any]]] = []
        self.refuse: ChatError | None = None

    @property
    def counts(self) -> Counter[str]:
        return Counter(user for user, _ in self.pages)

    def publish_home(self, user: str, view: dict[str, Any]) -> None:
        refusal, self.refuse = self.refuse, None
        if refusal is not None:
            raise refusal
        self.pages.append((user, view))

    def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        raise AssertionError

    def whisper(self, channel: str, user: str, message: Message, *, thread_ts: str | None = None) -> None:
        raise AssertionError

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> None:
        raise AssertionError

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        raise AssertionError

    def permalink(self, channel: str, ts: str) -> str:
        raise AssertionError

    def said(self, channel: str, ts: str) -> Said:
        raise AssertionError


def board(store: SqliteStore, config: Config | None = None, link: Callable[[str], str] = lambda _: "") -> Board:
    known, people = config or Config(), People()
    case, rights = CaseFile(store, known, people), Rights(people, known)
    return Board(store, store, rights, ConfigRoster(known), case, known, Policy(), lambda: [], link)
