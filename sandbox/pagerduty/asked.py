"""One call as the handlers see it: query, body, ids, and on whose behalf."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from multidict import MultiMapping

from sandbox.pagerduty.account import Actor, Incident, Json, User
from sandbox.pagerduty.desk import by_user
from sandbox.pagerduty.errors import Refusal, bad_arguments, invalid_input
from sandbox.pagerduty.shapes import seconds_of
from sandbox.pagerduty.state import PagerDuty

Thing = TypeVar("Thing", dict[str, Any], list[Any])

USER_TOKEN = "u+"
PAGE = 25
PAGE_MAX = 100
OFFSET_MAX = 10_000


@dataclass(slots=True)
class Asked:
    duty: PagerDuty
    query: MultiMapping[str]
    ids: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    def many(self, name: str) -> list[str]:
        """A list of the query, with or without the brackets PagerDuty wants."""
        return [*self.query.getall(f"{name}[]", []), *self.query.getall(name, [])]

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")

    def moment(self, name: str) -> float | None:
        given = self.query.get(name)
        try:
            return seconds_of(given) if given else None
        except ValueError:
            raise Refusal(400, 2004, "Invalid time values in 'since' and/or 'until' parameters") from None

    def wrapped(self, name: str, kind: type[Thing]) -> Thing:
        given = self.body.get(name) if isinstance(self.body, dict) else None
        if not given:
            raise Refusal(400, 2003, "Missing Arguments", f"{name} cannot be blank")
        if not isinstance(given, kind):
            raise invalid_input(f"{name.capitalize()} must be {'an array' if kind is list else 'an object'}")
        return given

    @property
    def incident(self) -> Incident:
        return self.duty.account.incident(self.ids["id"])

    @property
    def token_user(self) -> User | None:
        """Whose token it is: `u+bob` is Bob's, every other one is the account's."""
        token = token_of(self.headers)
        if not token.startswith(USER_TOKEN):
            return None
        name = token.removeprefix(USER_TOKEN)
        return next((u for u in self.duty.account.users.values() if u.email.startswith(f"{name}@")), None)

    @property
    def requester(self) -> Actor:
        """Who does it. A token of the account acts for the user whose e-mail is in `From`."""
        user, email = self.token_user, self.headers.get("From", "")
        if user is None and not email:
            raise bad_arguments("You must specify a user's email address in the 'From' header to perform this action")
        user = user or self.duty.account.user_by_email(email)
        if user is None:
            raise Refusal(400, 1008, "Requester User Not Found")
        return by_user(self.duty.shapes, user)


def token_of(headers: Mapping[str, str]) -> str:
    """The token of `Token token=…` or `Bearer …`; nothing if there is none."""
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    given = rest.strip()
    if scheme.lower() == "bearer":
        return given
    return given.removeprefix("token=").strip('"') if scheme.lower() == "token" and given.startswith("token=") else ""


def paged(asked: Asked, name: str, found: list[Json]) -> Json:
    """One page of what was found, in PagerDuty's classic pagination."""
    limit, offset = _number(asked, "limit", PAGE), _number(asked, "offset", 0)
    if limit < 1 or offset < 0:
        raise invalid_input("Limit must be positive", "Offset must not be negative")
    limit = min(limit, PAGE_MAX)
    if offset + limit > OFFSET_MAX:
        raise invalid_input("Offset plus limit must not be greater than 10000")
    total = len(found) if asked.flag("total") else None
    more = offset + limit < len(found)
    return {name: found[offset : offset + limit], "limit": limit, "offset": offset, "total": total, "more": more}


def _number(asked: Asked, name: str, default: int) -> int:
    try:
        return int(asked.query.get(name, default))
    except ValueError:
        raise invalid_input(f"{name.capitalize()} must be a number") from None
