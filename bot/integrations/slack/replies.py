"""Answers to the person who just typed or clicked: ephemeral messages, modals, App Home, permalinks."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.error import URLError

from slack_sdk.webhook import WebhookClient

from bot.errors import ChatError, Outcome
from bot.integrations.slack.api import SlackApi
from bot.models import Message, Said

_TIMEOUT = 10


class SlackReplies:
    """The Replies port on the Web API and on response_urls (5 uses within 30 minutes)."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        client = WebhookClient(response_url, timeout=_TIMEOUT, retry_handlers=[])
        try:
            answer = client.send(
                text=message.text,
                blocks=message.blocks or None,
                response_type="ephemeral",
                replace_original=replace,
                unfurl_links=False,
            )
        except (URLError, http.client.HTTPException, OSError) as error:
            raise ChatError("connection", outcome=Outcome.UNKNOWN, detail=str(error)) from error
        if answer.status_code != 200 and message.plainer is not None and "invalid_blocks" in answer.body:
            self.respond(response_url, Message(message.text, message.plainer), replace=replace)
        elif answer.status_code != 200:
            raise ChatError(f"http_{answer.status_code}", detail=answer.body[:200])

    def whisper(self, channel: str, user: str, message: Message, *, thread_ts: str | None = None) -> None:
        """An ephemeral message; a direct message where the bot can't whisper in that channel."""
        arguments: dict[str, Any] = {"text": message.text, "blocks": message.blocks or None}
        try:
            self._api.call("chat.postEphemeral", channel=channel, user=user, thread_ts=thread_ts, **arguments)
        except ChatError as error:
            if error.retryable:
                raise
            if error.code == "invalid_blocks" and message.plainer is not None:
                self.whisper(channel, user, Message(message.text, message.plainer), thread_ts=thread_ts)
                return
            self._api.call("chat.postMessage", channel=user, **arguments)

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> None:
        self._api.call("views.open", trigger_id=trigger_id, view=view)

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        self._api.call("views.update", view_id=view_id, view=view)

    def publish_home(self, user: str, view: dict[str, Any]) -> None:
        self._api.call("views.publish", user_id=user, view=view)

    def said(self, channel: str, ts: str) -> Said:
        """A message of the channel, else a reply in one of its threads."""
        for method in ("conversations.history", "conversations.replies"):
            arguments = {"channel": channel, "oldest": ts, "latest": ts, "inclusive": "true", "limit": 2}
            if method == "conversations.replies":
                arguments["ts"] = ts
            for message in self._api.call(method, **arguments).get("messages", []):
                if message["ts"] == ts:
                    return Said(message.get("text") or "", message.get("user"), message.get("thread_ts"))
        raise ChatError("message_not_found")

    def permalink(self, channel: str, ts: str) -> str:
        return str(self._api.call("chat.getPermalink", channel=channel, message_ts=ts)["permalink"])
