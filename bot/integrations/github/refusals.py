"""What GitHub refuses, as TrackerErrors that say what to do; in its own words it goes into the log.

https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

import email.utils
import logging
from typing import Any, NamedTuple

import requests
from urllib3.exceptions import MaxRetryError

from bot.errors import Outcome, TrackerError

log = logging.getLogger(__name__)

DEFAULT_RETRY_AFTER = 60.0  # GitHub: without a header, wait for at least a minute
_DETAIL = 300


class Doing(NamedTuple):
    """What a call is for, for whoever sets up the token: `create issues` takes `Issues: write`."""

    words: str
    permission: str


def refusal(response: requests.Response, repository: str, doing: Doing) -> TrackerError:
    status, told = response.status_code, _said(response)
    log.info("GitHub refused to %s in %s (%d): %s", doing.words, repository, status, told)
    wait = _wait(response, told)
    if wait is not None:
        limit = f"GitHub's limit of calls is reached ({status})"
        return TrackerError("ratelimited", retryable=True, retry_after=wait, detail=limit)
    if status >= 500 or status == 408:
        silent, done = f"GitHub does not answer ({status})", outcome(response.request.method)
        return TrackerError(f"http_{status}", retryable=True, outcome=done, detail=silent)
    code, detail = _reason(status, told, repository, doing)
    return TrackerError(code, retryable=code == "conflict", detail=detail)


def archived(repository: str) -> TrackerError:
    return TrackerError(
        "archived",
        detail=f"{repository} is archived and takes nothing more: unarchive it, or name another in GITHUB_REPOSITORY",
    )


def moved(repository: str) -> TrackerError:
    return TrackerError("moved", detail=f"{repository} has another name by now: set it in GITHUB_REPOSITORY")


def unreadable(detail: str, method: str | None) -> TrackerError:
    log.info("an answer that can't be read: %s", detail)
    told = "what answers for GitHub is not GitHub: look at GITHUB_API_URL"
    return TrackerError("unexpected_answer", retryable=True, outcome=outcome(method), detail=told)


def no_answer(error: requests.RequestException, method: str) -> TrackerError:
    """Names the kind of fault only: what else it says may quote the request."""
    code = "timeout" if isinstance(error, requests.Timeout) else "connection"
    told = "GitHub does not answer" if code == "timeout" else "GitHub can't be reached"
    never_connected = isinstance(error, requests.ConnectTimeout) or (
        isinstance(error, requests.ConnectionError) and bool(error.args) and isinstance(error.args[0], MaxRetryError)
    )
    done = Outcome.NOT_DONE if never_connected else outcome(method)
    return TrackerError(code, retryable=True, outcome=done, detail=f"{told} ({type(error).__name__})")


def outcome(method: str | None) -> Outcome:
    """What a call may have done whose answer was none."""
    return Outcome.NOT_DONE if method == "GET" else Outcome.UNKNOWN


def _reason(status: int, told: str, repository: str, doing: Doing) -> tuple[str, str]:
    if status == 403 and "archived" in told.lower():
        error = archived(repository)
        return error.code, error.detail
    if status == 409 and "empty" in told.lower():
        return "empty", f"{repository} has no commit yet: push a first one, a README say"
    refused = f"{doing.words} in {repository} ({status})"
    known = {
        401: ("unauthorized", "GITHUB_TOKEN is not accepted (401): it has expired or is wrong, set another"),
        403: ("forbidden", f"GITHUB_TOKEN may not {refused}: give it {doing.permission}"),
        404: (
            "not_found",
            f"GITHUB_TOKEN can't {refused}: it is not there, or the token lacks {doing.permission} on it",
        ),
        409: ("conflict", "somebody else changed the same on GitHub at the same moment (409)"),
        410: ("gone", f"can't {refused}: {told}"),
        422: ("invalid", f"GitHub does not take it (422): {told}"),
    }
    return known.get(status, (f"http_{status}", f"can't {refused}: {told}"))


def _wait(response: requests.Response, told: str) -> float | None:
    """Seconds until a limit is lifted; None where it is not about limits. They come as 403 or as 429."""
    headers, status = response.headers, response.status_code
    is_used_up = headers.get("x-ratelimit-remaining") == "0"
    is_limit = "retry-after" in headers or is_used_up or "rate limit" in told.lower()
    if status != 429 and not (status == 403 and is_limit):
        return None
    wait = _seconds(headers.get("retry-after"))
    if wait is None and is_used_up:
        wait = _until_reset(headers)
    return DEFAULT_RETRY_AFTER if wait is None else max(wait, 0.0)


def _until_reset(headers: Any) -> float | None:
    """By GitHub's own clock: it names the moment, and the present one in `Date`."""
    reset, now = _seconds(headers.get("x-ratelimit-reset")), email.utils.parsedate_tz(headers.get("Date", ""))
    return None if reset is None or now is None else reset - email.utils.mktime_tz(now)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None


def _said(response: requests.Response) -> str:
    """GitHub's own words: `{"message", "errors": [{"resource", "field", "code", "message"} or words]}`."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or ""
    if not isinstance(body, dict):
        return response.reason or ""
    errors = body.get("errors")
    words = [str(body.get("message") or ""), *map(_fault, errors if isinstance(errors, list) else [])]
    return "; ".join(" ".join(each.split()) for each in words if each)[:_DETAIL]


def _fault(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    named = ".".join(str(error[name]) for name in ("resource", "field") if error.get(name))
    return str(error.get("message") or f"{named} {error.get('code', '')}".strip())
