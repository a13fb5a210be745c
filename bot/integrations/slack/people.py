"""Who somebody is in this workspace (the Directory port), from users.info and user groups, kept for a few minutes.

Also names and e-mail addresses, which tie people here to those in PagerDuty.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from bot.errors import ChatError
from bot.integrations.slack.api import Identity, SlackApi
from bot.models import Person, PersonKind

log = logging.getLogger(__name__)

T = TypeVar("T")
KEEP_SECONDS = 300.0
KEEP_PROFILE_SECONDS = 3600.0
KEEP_MISS_SECONDS = 600.0
MAX_KEPT = 5000


class Profile(NamedTuple):
    """What somebody is called, their e-mail where the app may see it, and their time zone."""

    name: str
    email: str | None
    zone: str | None = None


class SlackPeople:
    """Answers from memory where it can. `groups` are the user groups that the permissions name."""

    def __init__(self, api: SlackApi, identity: Identity, groups: Iterable[str] = ()) -> None:
        self._api = api
        self._identity = identity
        self._groups = tuple(groups)
        self._kinds: _Kept[PersonKind] = _Kept()
        self._members: _Kept[frozenset[str]] = _Kept()
        self._profiles: _Kept[Profile] = _Kept()
        self._ids: _Kept[str] = _Kept()
        self._is_email_told = False

    def person(self, user_id: str, team_id: str | None) -> Person:
        if not user_id:
            return Person(id="", kind=PersonKind.BOT)
        if team_id and team_id != self._identity.team_id:
            return Person(id=user_id, kind=PersonKind.STRANGER)
        kind = self._kinds.get(user_id)
        if kind is None:
            kind = self._ask(user_id)
        groups = frozenset(group for group in self._groups if user_id in self._group(group))
        return Person(id=user_id, kind=kind, groups=groups)

    def by_email(self, email: str) -> str | None:
        """The id of who has this address; None where nobody does, or the app may not ask. Raises ChatError."""
        key = email.strip().lower()
        known = self._ids.get(key)
        if known is None:
            known = self._look_up(key)
            self._ids.put(key, known, KEEP_PROFILE_SECONDS if known else KEEP_MISS_SECONDS)
        return known or None

    def _look_up(self, email: str) -> str:
        try:
            return str(self._api.call("users.lookupByEmail", email=email)["user"]["id"])
        except ChatError as error:
            if error.code == "missing_scope" and not self._is_email_told:
                self._is_email_told = True
                log.warning("people of PagerDuty are not known here: %s. Install the app again with it.", error)
            if error.code not in ("users_not_found", "missing_scope"):
                raise
            return ""

    def email(self, user_id: str) -> str | None:
        """Their address; None where they have none, or the app may not see it. Raises ChatError."""
        return self._profile(user_id).email

    def name(self, user_id: str) -> str:
        """Their full name, which is known outside Slack too; else what they call themselves; the id where Slack tells
        neither."""
        try:
            return self._profile(user_id).name
        except ChatError as error:
            log.warning("can't tell the name of %s (%s)", user_id, error)
            return user_id

    def zone(self, user_id: str) -> str | None:
        """Their time zone; None where Slack does not tell it."""
        try:
            return self._profile(user_id).zone
        except ChatError as error:
            log.warning("can't tell the time zone of %s (%s)", user_id, error)
            return None

    def _profile(self, user_id: str) -> Profile:
        known = self._profiles.get(user_id)
        if known is not None:
            return known
        try:
            return self._learn(user_id)[1]
        except ChatError as error:
            if error.code == "user_not_found":
                return self._profiles.put(user_id, Profile(user_id, None), KEEP_MISS_SECONDS)
            stale = self._profiles.stale(user_id)
            if stale is None:
                raise
            return stale

    def _learn(self, user_id: str) -> tuple[PersonKind, Profile]:
        """One answer tells both, and a morning's reminders ask for both of many people. Raises ChatError."""
        user = self._api.call("users.info", user=user_id)["user"]
        kind = self._kinds.put(user_id, _kind(user, self._identity.team_id))
        return kind, self._profiles.put(user_id, _profile(user_id, user), KEEP_PROFILE_SECONDS)

    def _ask(self, user_id: str) -> PersonKind:
        try:
            return self._learn(user_id)[0]
        except ChatError as error:
            log.warning("can't tell who %s is (%s)", user_id, error)
            if error.retryable or error.code in {"missing_scope", "unknown_method"}:
                return PersonKind.UNKNOWN
            return self._kinds.put(user_id, PersonKind.STRANGER)

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


def _profile(user_id: str, user: dict[str, Any]) -> Profile:
    told = user.get("profile") or {}
    names = (told.get("real_name"), user.get("real_name"), told.get("display_name"), user.get("name"))
    return Profile(
        next((str(name) for name in names if name), user_id), told.get("email") or None, user.get("tz") or None
    )


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

    def put(self, key: str, value: T, seconds: float = KEEP_SECONDS) -> T:
        self._entries.pop(key, None)
        while len(self._entries) >= MAX_KEPT:
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[key] = (time.monotonic() + seconds, value)
        return value
