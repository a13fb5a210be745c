"""One call of GitHub's REST API, with errors that say whether to retry and whether the call may have been taken."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError

from bot.errors import SettingsError, TrackerError
from bot.integrations.github.refusals import Doing, moved, no_answer, refusal, unreadable

T = TypeVar("T", bound=BaseModel)
TIMEOUT = (2.0, 12.0)  # seconds to connect and to read. GitHub ends a call after 10: nothing goes on once we gave up
PAGE_SIZE = 100  # the most there is
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": "aiops-bot",  # GitHub refuses calls without one
}
_TOKEN = re.compile(r"[\x21-\x7e]+")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_BECAME_A_GET = frozenset({301, 302, 303})


class RestApi:
    """The REST API of one repository. Threads may share it. Paths begin at the repository."""

    def __init__(self, token: str, repository: str, base_url: str) -> None:
        token, repository = token.strip(), repository.strip()
        if not _TOKEN.fullmatch(token):
            raise SettingsError("GITHUB_TOKEN has characters that no token has")
        if not _REPOSITORY.fullmatch(repository):
            raise SettingsError(f"GITHUB_REPOSITORY must look like owner/name, not “{repository}”")
        self.repository = repository
        self._base = f"{base_url.rstrip('/')}/repos/{repository}"
        self._session = requests.Session()
        self._session.headers.update(_HEADERS)
        self._session.auth = _Bearer(token)

    def get(self, shape: type[T], path: str, doing: Doing, **params: Any) -> T:
        return _parsed(shape, self._call("GET", path, doing, params=params), "GET")

    def find(self, shape: type[T], path: str, doing: Doing, **params: Any) -> T | None:
        """None where it is not there, or the repository is out of sight: what is done next would tell."""
        try:
            return self.get(shape, path, doing, **params)
        except TrackerError as error:
            if error.code != "not_found":
                raise
            return None

    def page(self, shape: type[T], path: str, doing: Doing, **params: Any) -> list[T]:
        """Up to 100 entries of a list."""
        found = self._call("GET", path, doing, params={"per_page": PAGE_SIZE, **params})
        if not isinstance(found, list):
            raise unreadable(f"no list but {type(found).__name__}", "GET")
        return [_parsed(shape, each, "GET") for each in found]

    def post(self, shape: type[T], path: str, doing: Doing, body: dict[str, Any]) -> T:
        return _parsed(shape, self._call("POST", path, doing, json=body), "POST")

    def patch(self, shape: type[T], path: str, doing: Doing, body: dict[str, Any]) -> T:
        return _parsed(shape, self._call("PATCH", path, doing, json=body), "PATCH")

    def put(self, shape: type[T], path: str, doing: Doing, body: dict[str, Any]) -> T:
        return _parsed(shape, self._call("PUT", path, doing, json=body), "PUT")

    def close(self) -> None:
        self._session.close()

    def _call(self, method: str, path: str, doing: Doing, **arguments: Any) -> Any:
        try:
            response = self._session.request(method, self._base + quote(path), timeout=TIMEOUT, **arguments)
        except requests.RequestException as error:
            raise no_answer(error, method) from None
        if method != "GET" and any(each.status_code in _BECAME_A_GET for each in response.history):
            raise moved(self.repository)
        if not response.ok:
            raise refusal(response, self.repository, doing)
        try:
            return response.json()
        except ValueError:
            raise unreadable("not the JSON of GitHub", method) from None


class _Bearer(requests.auth.AuthBase):
    """A header by itself would give way to an entry in `~/.netrc`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _parsed(shape: type[T], raw: Any, method: str) -> T:
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise unreadable(f"{shape.__name__}.{where}: {first['msg']}", method) from None
