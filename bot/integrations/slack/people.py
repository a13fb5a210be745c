"""Who somebody is in this workspace (the Directory port), from users.info and user groups, kept for a few minutes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from bot.errors import ChatError
from bot.integrations.slack.api import Identity, SlackApi
from bot.models import Person, PersonKind

log = logging.getLogger(__name__)

T = TypeVar("T")
KEEP_SECONDS = 300.0
MAX_KEPT = 5000


class SlackPeople:
    """Answers from memory where it can. `groups` are the user groups that the permissions name."""

    def __init__(self, api: SlackApi, identity: Identity, groups: Iterable[str] = ()) -> None:
        self._api = api
        self._identity = identity
        self._groups = tuple(groups)
        self._kinds: _Kept[PersonKind] = _Kept()
        self._members: _Kept[frozenset[str]] = _Kept()

    def person(self, user_id: str, team_id: str | None) -> Person:
        if not user_id:
            return Person(id="", kind=PersonKind.BOT)
        if team_id and team_id != self._identity.team_id:
            return Person(id=user_id, kind=PersonKind.STRANGER)
        kind = self._kinds.get(user_id)
        if kind is None:
            kind = self._ask(user_id)
            if kind is not PersonKind.UNKNOWN:
                self._kinds.put(user_id, kind)
        groups = frozenset(group for group in self._groups if user_id in self._group(group))
        return Person(id=user_id, kind=kind, groups=groups)

    def _ask(self, user_id: str) -> PersonKind:
        try:
            return _kind(self._api.call("users.info", user=user_id)["user"], self._identity.team_id)
        except ChatError as error:
            log.warning("can't tell who %s is (%s)", user_id, error)
            passes = error.retryable or error.code in {"missing_scope", "unknown_method"}
            return PersonKind.UNKNOWN if passes else PersonKind.STRANGER

    def _group(self, group_id: str) -> frozenset[str]:
        members = self._members.get(group_id)
        if members is None:
            try:
                answer = self._api.call("usergroups.users.list", usergroup=group_id)
                members = frozenset(answer.get("users", []))
            except ChatError as error:
                log.warning("can't read user group %s (%s)", group_id, error)
                return self._members.stale(group_id) or frozenset()
            self._members.put(group_id, members)
        return members


def _kind(user: dict[str, Any], home_team: str) -> PersonKind:
    if user.get("deleted"):
        return PersonKind.GONE
    if user.get("is_bot"):
        return PersonKind.BOT
    if user.get("is_stranger") or user.get("team_id", home_team) != home_team:
        return PersonKind.STRANGER
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return PersonKind.GUEST
    return PersonKind.MEMBER


class _Kept(Generic[T]):
    """A small memory with an expiry; the oldest entries make room."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, T]] = {}

    def get(self, key: str) -> T | None:
        entry = self._entries.get(key)
        if entry is None or entry[0] < time.monotonic():
            return None
        return entry[1]

    def stale(self, key: str) -> T | None:
        """The entry, however old."""
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def put(self, key: str, value: T) -> T:
        self._entries.pop(key, None)
        while len(self._entries) >= MAX_KEPT:
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[key] = (time.monotonic() + KEEP_SECONDS, value)
        return value
