"""PagerDuty users by e-mail and by id, kept for an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.errors import PagerError
from bot.integrations.pagerduty.answers import User
from bot.integrations.pagerduty.api import RestApi, parsed
from bot.ports import Clock

KEEP = timedelta(hours=1)


class Users:
    """Raises PagerError. `sender` is the e-mail of whom the bot acts for; without it, whose token it is."""

    def __init__(self, rest: RestApi, sender: str | None, clock: Clock) -> None:
        self._rest = rest
        self._sender = sender
        self._clock = clock
        self._kept: dict[str, tuple[datetime, User | None]] = {}

    def by_email(self, email: str) -> User | None:
        """None where nobody has this address."""
        known, user = self._remembered(email.lower())
        if known and user:
            return user
        found = self._rest.entries(User, "/users", query=email)
        match = next((each for each in found if each.email.lower() == email.lower()), None)
        return self._remember(email.lower(), match)

    def by_id(self, user_id: str) -> User | None:
        """None where they are gone."""
        known, user = self._remembered(user_id)
        if known:
            return user
        try:
            user = parsed(User, self._rest.get(f"/users/{user_id}").get("user"))
        except PagerError as error:
            if error.code != "http_404":
                raise
            user = None
        return self._remember(user_id, user)

    def requester(self) -> User | None:
        """In whose name the bot changes things; None where nobody is named and the token is the account's."""
        return self.by_email(self._sender) if self._sender else self._token_user()

    def _token_user(self) -> User | None:
        """https://developer.pagerduty.com/api-reference/ "Get the current user": 400 for a token of the account."""
        known, user = self._remembered("me")
        if known:
            return user
        try:
            user = parsed(User, self._rest.get("/users/me").get("user"))
        except PagerError as error:
            if error.code not in ("http_400", "http_403", "http_404"):
                raise
            user = None
        return self._remember("me", user)

    def _remembered(self, key: str) -> tuple[bool, User | None]:
        at, user = self._kept.get(key, (None, None))
        return at is not None and self._clock() - at < KEEP, user

    def _remember(self, key: str, user: User | None) -> User | None:
        self._kept[key] = (self._clock(), user)
        return user
