"""One call of PagerDuty's APIs, with errors that say whether to retry and whether the call may have been taken.

pdpyras retries 429 without end and most 5xx several times, sleeping in between; the outbox decides about retries
instead. A response hook of requests refuses what is no success before pdpyras sees it, and transport faults are told at
the first one. (pdpyras 5.4.1, PDSession.request; developer.pagerduty.com/docs/errors)
"""

from __future__ import annotations

import logging
import warnings
from typing import Any, NoReturn, TypeVar

import requests
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import MaxRetryError

from bot.errors import Outcome, PagerError

with warnings.catch_warnings():  # it warns at import that its successor is called pagerduty
    warnings.simplefilter("ignore", UserWarning)
    import pdpyras

log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)
TIMEOUT = (2.0, 3.0)  # seconds to connect and to read: 5 for a call
DEFAULT_RETRY_AFTER = 30.0
PAGE_SIZE = 100  # the most there is: https://developer.pagerduty.com/docs/pagination
MAX_PAGES = 10
_DETAIL = 300


class EventsApi:
    """Sends events with a routing key. Threads may share it."""

    def __init__(self, routing_key: str, base_url: str) -> None:
        self._session = _prepared(pdpyras.EventsAPISession(routing_key), base_url, "PAGERDUTY_ROUTING_KEY")

    def send(self, action: str, dedup_key: str, **properties: Any) -> None:
        """`trigger`, `acknowledge` or `resolve`; raises PagerError, `invalid_event` with what PagerDuty says of it."""
        try:
            self._session.send_event(action, dedup_key=dedup_key, **properties)
        except pdpyras.PDClientError as error:
            _raise(error)

    def close(self) -> None:
        self._session.close()


class RestApi:
    """REST v2 with a token of the account or of a user. Threads may share it. `sender` is the e-mail in `From`."""

    def __init__(self, token: str, base_url: str) -> None:
        self._session = _prepared(pdpyras.APISession(token), base_url, "PAGERDUTY_API_TOKEN")

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self._call("jget", path, params=params)

    def post(self, path: str, body: dict[str, Any], *, sender: str) -> dict[str, Any]:
        return self._call("jpost", path, json=body, headers=_from(sender))

    def put(self, path: str, body: dict[str, Any], *, sender: str) -> dict[str, Any]:
        return self._call("jput", path, json=body, headers=_from(sender))

    def entries(self, shape: type[T], path: str, *, pages: int = MAX_PAGES, **params: Any) -> list[T]:
        """All entries of a list, at most `pages` times 100 of them; the list's name is the last part of the path."""
        found: list[T] = []
        name = path.rpartition("/")[2]
        for page in range(pages):
            answer = self.get(path, limit=PAGE_SIZE, offset=page * PAGE_SIZE, **params)
            raw = answer.get(name)
            if not isinstance(raw, list):
                raise _unreadable(f"no {name} in the answer")
            found += [parsed(shape, each) for each in raw]
            if not answer.get("more"):
                return found
        log.info("PagerDuty has more %s than the %s that were read", name, len(found))
        return found

    def close(self) -> None:
        self._session.close()

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = getattr(self._session, method)(path, **arguments)
        except pdpyras.PDClientError as error:
            _raise(error)
        if not isinstance(answer, dict):
            raise _unreadable(type(answer).__name__)
        return answer


def parsed(shape: type[T], raw: Any) -> T:
    """PagerDuty's JSON as one of our shapes; raises PagerError `unexpected_answer`."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise _unreadable(f"{shape.__name__}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _prepared(session: Any, base_url: str, credential: str) -> Any:
    session.url = base_url.rstrip("/")
    session.timeout = TIMEOUT
    session.max_network_attempts = 0
    session.hooks["response"].append(lambda response, **_: _refuse(response, credential))
    return session


def _from(sender: str) -> dict[str, str]:
    return {"From": sender} if sender.isascii() else {}


def _refuse(response: requests.Response, credential: str) -> None:
    if not response.ok:
        with response:  # its connection is free again, whatever is raised
            raise _refusal(response, credential)


def _refusal(response: requests.Response, credential: str) -> PagerError:
    status = response.status_code
    if status == 429:
        return PagerError("ratelimited", retryable=True, retry_after=_wait(response))
    if status >= 500 or status == 408:
        return PagerError(f"http_{status}", retryable=True, outcome=Outcome.UNKNOWN, detail=_said(response))
    if status == 401:
        return PagerError("unauthorized", detail=f"{credential} is not accepted: {_said(response)}")
    is_event = status == 400 and response.request.path_url.endswith("/v2/enqueue")
    return PagerError("invalid_event" if is_event else f"http_{status}", detail=_said(response))


def _wait(response: requests.Response) -> float:
    """Seconds until the limit is lifted (developer.pagerduty.com/docs/rest-api-rate-limits)."""
    told = response.headers.get("Retry-After") or response.headers.get("ratelimit-reset") or ""
    try:
        return max(float(told), 0.0)
    except ValueError:
        return DEFAULT_RETRY_AFTER


def _said(response: requests.Response) -> str:
    """PagerDuty's own words: `{"error": {"message", "errors"}}`, or the same at the top for events."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or ""
    told = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(told, dict):
        return str(told)[:_DETAIL]
    errors = told.get("errors") or []
    words = [told.get("message"), *(errors if isinstance(errors, list) else [errors])]
    return "; ".join(str(word) for word in words if word)[:_DETAIL]


def _raise(error: Any) -> NoReturn:
    if error.response is not None:  # a success that is no JSON, from a proxy say
        raise _unreadable("not the JSON of PagerDuty") from error
    cause = error.__cause__
    code = "timeout" if isinstance(cause, requests.Timeout) else "connection"
    never_connected = isinstance(cause, requests.ConnectionError) and isinstance(cause.args[0], MaxRetryError)
    outcome = Outcome.NOT_DONE if never_connected else Outcome.UNKNOWN
    raise PagerError(code, retryable=True, outcome=outcome, detail=type(cause).__name__) from error


def _unreadable(detail: str) -> PagerError:
    return PagerError("unexpected_answer", retryable=True, outcome=Outcome.UNKNOWN, detail=detail)
