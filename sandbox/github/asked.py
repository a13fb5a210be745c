"""One call as the handlers see it: query, body, ids, and in whose name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multidict import MultiMapping

from sandbox.github.cast import ROBOT
from sandbox.github.errors import Refusal, invalid
from sandbox.github.repository import Json
from sandbox.github.state import GitHub

USER_TOKEN = "u+"
PAGE = 30
PAGE_MAX = 100
TITLE_MAX = 256
BODY_MAX = 65_536


@dataclass(slots=True)
class Asked:
    hub: GitHub
    path: str
    """With its query, as it was sent."""
    query: MultiMapping[str]
    ids: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    @property
    def login(self) -> str:
        """Whose token it is: `u+bob-okafor` is Bob's, every other one is the bot's."""
        name = token_of(self.headers).removeprefix(USER_TOKEN)
        return name if name in self.hub.repository.users else ROBOT

    @property
    def fields(self) -> Json:
        if not isinstance(self.body, dict):
            raise Refusal(400, "Body should be a JSON object")
        return self.body

    def text(self, name: str, resource: str, usual: str | None = None) -> str:
        """A text that must be there and not be blank."""
        given = self.fields.get(name, usual)
        if not isinstance(given, str) or not given.strip():
            raise invalid(resource, name, "missing_field" if given is None else "invalid")
        return given

    def title(self, resource: str, usual: str | None = None) -> str:
        return limited(resource, "title", self.text("title", resource, usual), TITLE_MAX)

    def body_text(self, resource: str, usual: str | None = None) -> str | None:
        given = self.fields.get("body", usual)
        if given is not None and not isinstance(given, str):
            raise invalid(resource, "body", "invalid")
        return limited(resource, "body", given, BODY_MAX) if given else given

    def names(self, name: str, resource: str) -> list[str]:
        given = self.fields.get(name) or []
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise invalid(resource, name, "invalid")
        return given


def limited(resource: str, name: str, text: str, most: int) -> str:
    if len(text) > most:
        told = f"{name} is too long (maximum is {most} characters)"
        error = {"resource": resource, "code": "custom", "field": name, "message": told}
        raise Refusal(422, "Validation Failed", error)
    return text


def token_of(headers: Mapping[str, str]) -> str:
    """The token of `Bearer …` or `token …`; nothing if there is none."""
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    return rest.strip() if scheme.lower() in ("bearer", "token") else ""


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Where the page that is asked for begins and ends."""
    size, page = _number(query, "per_page", PAGE), _number(query, "page", 1)
    size = min(size, PAGE_MAX)
    return (page - 1) * size, page * size


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    """GitHub takes what is no number for nothing."""
    given = query.get(name, "")
    return max(int(given), 1) if given.isdecimal() else usual
