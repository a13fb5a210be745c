"""POST /response/<token>: an app's later answers to a command or a click."""

import json
from typing import Any

from aiohttp import web

from sandbox.slack import messages
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.chat import check_content
from sandbox.slack.responses import ResponseUrl
from sandbox.slack.state import SLACK, Slack
from sandbox.slack.workspace import Channel, Json

STATUS = {"used_url": 404, "expired_url": 404, "no_such_url": 404}


async def response(request: web.Request) -> web.Response:
    slack = request.app[SLACK]
    token, body = request.match_info["token"], await request.read()
    wait = slack.limits.take_message(f"response/{token}")
    if wait:
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(wait)})
    try:
        url = slack.responses.find(token)
        _answer(slack, url, _content(body))
        url.uses += 1
    except SlackError as error:
        return web.json_response(error.answer(), status=STATUS.get(error.error, 400))
    return web.json_response({"ok": True})


def _content(body: bytes) -> Json:
    try:
        content: Any = json.loads(body)
    except ValueError:
        raise SlackError("invalid_payload") from None
    if not isinstance(content, dict):
        raise SlackError("invalid_payload")
    deletes = content.get("delete_original") in (True, "true")
    if not deletes:
        check_content(content.get("blocks"), content.get("attachments"))
        if not any(content.get(k) for k in ("text", "blocks", "attachments")):
            raise SlackError("no_text")
    return content | {"text": content.get("text") or ""}


def _answer(slack: Slack, url: ResponseUrl, content: Json) -> None:
    channel = slack.workspace.channel(url.channel)
    if content.get("delete_original") in (True, "true"):
        _delete_original(slack, channel, url)
    elif content.get("replace_original") in (True, "true") and url.original_ts:
        _replace_original(slack, channel, url, content)
    else:
        _say(slack, channel, url, content)


def _say(slack: Slack, channel: Channel, url: ResponseUrl, content: Json) -> None:
    thread_ts = str(content.get("thread_ts") or url.thread_ts or "")
    if content.get("response_type") == "in_channel":
        if channel.is_archived:
            raise SlackError("is_archived")
        messages.post(slack, channel, messages.from_bot(slack, content), thread_ts=thread_ts)
    else:
        messages.whisper(slack, channel, url.person, content, thread_ts=thread_ts)


def _replace_original(slack: Slack, channel: Channel, url: ResponseUrl, content: Json) -> None:
    """What was ephemeral stays ephemeral, whatever response_type says."""
    ts = url.original_ts or ""
    if url.is_ephemeral and ts in channel.ephemerals:
        messages.change_whisper(slack, channel, ts, content)
    elif url.is_ephemeral:
        messages.whisper(slack, channel, url.person, content)
    elif ts in channel.messages:
        messages.change(slack, channel, channel.messages[ts], content, edited=False)
    else:
        raise SlackError("message_not_found")


def _delete_original(slack: Slack, channel: Channel, url: ResponseUrl) -> None:
    ts = url.original_ts or ""
    if url.is_ephemeral and ts in channel.ephemerals:
        messages.delete_whisper(slack, channel, ts)
    elif ts in channel.messages:
        messages.delete(slack, channel, channel.messages[ts])
    else:
        raise SlackError("message_not_found")
