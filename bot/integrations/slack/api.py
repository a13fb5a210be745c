"""One Web API call, with errors that say whether to retry and whether the call may have been taken.

The client's own retry handlers are off: its default repeats a post whose answer was lost, so people would read it
twice (docs.slack.dev/tools/python-slack-sdk, RetryHandler). The outbox decides about retries instead.
"""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple, cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.errors import ChatError, Outcome

# Errors that pass by themselves: https://docs.slack.dev/reference/methods/chat.postMessage#errors
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_IN_DOUBT = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
DEFAULT_RETRY_AFTER = 30.0


class Identity(NamedTuple):
    """Who the bot is in this workspace, from auth.test."""

    team_id: str
    user_id: str
    bot_id: str
    workspace: str
    url: str = "https://slack.com/"


class SlackApi:
    """Calls Web API methods by name. `token` is the bot's; `timeout` is in seconds."""

    def __init__(self, token: str, base_url: str, *, timeout: int = 10) -> None:
        self.client = WebClient(token=token, base_url=base_url, timeout=timeout, retry_handlers=[])

    def identity(self) -> Identity:
        answer = self.call("auth.test")
        return Identity(
            team_id=answer["team_id"],
            user_id=answer["user_id"],
            bot_id=answer.get("bot_id", ""),
            workspace=answer.get("team", ""),
            url=answer.get("url") or "https://slack.com/",
        )

    def call(self, method: str, /, **arguments: Any) -> dict[str, Any]:
        """Call `method` with the arguments that are not None; the answer's fields. Raises ChatError."""
        body = {name: value for name, value in arguments.items() if value is not None}
        try:
            answer = self.client.api_call(method, json=body) if _as_json(method) else self._form(method, body)
        except SlackApiError as error:
            raise _api_error(error) from error
        except SlackClientError as error:
            raise ChatError("client", detail=str(error)) from error
        except (URLError, http.client.HTTPException, OSError) as error:
            raise _transport_error(error) from error
        except (ValueError, AttributeError, KeyError) as error:  # an answer that is no JSON object, from a proxy say
            raise _unreadable(error) from error
        if not isinstance(answer.data, dict):
            raise _unreadable(TypeError(type(answer.data).__name__))
        return cast("dict[str, Any]", answer.data)

    def send(self, address: str, data: bytes) -> None:
        """Put the bytes of a file where `files.getUploadURLExternal` said. Raises ChatError."""
        request = Request(address, data=data, headers={"Content-Type": "application/octet-stream"}, method="POST")
        if not address.startswith(("https://", "http://")):
            raise ChatError("unexpected_answer", detail="Slack gave no address to upload to")
        try:
            with urlopen(request, timeout=self.client.timeout) as answer:
                answer.read()
        except HTTPError as error:
            raise ChatError(f"http_{error.code}", retryable=error.code >= 500, outcome=Outcome.UNKNOWN) from error
        except (URLError, http.client.HTTPException, OSError) as error:
            raise _transport_error(error) from error

    def _form(self, method: str, body: dict[str, Any]) -> SlackResponse:
        flat = {name: json.dumps(v) if isinstance(v, dict | list) else v for name, v in body.items()}
        return self.client.api_call(method, params=flat)


def _as_json(method: str) -> bool:
    """Writing methods take JSON; most reading ones take forms only (docs.slack.dev/apis/web-api)."""
    return method.startswith(("chat.", "views.", "conversations.create", "conversations.invite", "bookmarks.")) and (
        method != "chat.getPermalink"
    )


def _api_error(error: SlackApiError) -> ChatError:
    response = error.response
    status = getattr(response, "status_code", 200)
    if status == 429:
        wait = response.headers.get("Retry-After") or response.headers.get("retry-after")
        return ChatError("ratelimited", retryable=True, retry_after=float(wait) if wait else DEFAULT_RETRY_AFTER)
    if status >= 500:
        return ChatError(f"http_{status}", retryable=True, outcome=Outcome.UNKNOWN)
    data: dict[str, Any] = response.data if isinstance(response.data, dict) else {}
    code = str(data.get("error", "unexpected_answer"))
    outcome = Outcome.UNKNOWN if code in _IN_DOUBT else Outcome.NOT_DONE
    return ChatError(code, retryable=code in _PASSING, outcome=outcome, detail=_detail(data))


def _unreadable(error: Exception) -> ChatError:
    detail = type(error).__name__
    return ChatError("unexpected_answer", retryable=True, outcome=Outcome.UNKNOWN, detail=detail)


def _detail(data: dict[str, Any]) -> str:
    if data.get("needed"):
        return f"the bot needs the scope {data['needed']}"
    messages = (data.get("response_metadata") or {}).get("messages") or []
    return "; ".join(str(message) for message in messages[:3])


def _transport_error(error: Exception) -> ChatError:
    cause = error.reason if isinstance(error, URLError) else error
    refused = isinstance(cause, ConnectionRefusedError) or "getaddrinfo" in repr(cause) or "gaierror" in repr(cause)
    code = "timeout" if isinstance(cause, TimeoutError) else "connection"
    outcome = Outcome.NOT_DONE if refused else Outcome.UNKNOWN
    return ChatError(code, retryable=True, outcome=outcome, detail=str(cause))
