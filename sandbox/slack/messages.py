"""Messages as they happen: written down, shown to the pages of people, told to the app."""

import re
from typing import Any

from sandbox.slack.blocks import identified
from sandbox.slack.state import Slack
from sandbox.slack.workspace import APP_ID, BOT_ID, BOT_USER, TEAM_ID, Channel, Json

MENTION = re.compile(r"<@(U[A-Z0-9]+)(?:\|[^>]*)?>")
CONTENT = ("text", "blocks", "attachments", "metadata", "files")


def from_bot(slack: Slack, content: Json) -> Json:
    """The part of a bot's message that does not depend on where it goes."""
    return {
        "user": BOT_USER,
        "type": "message",
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "team": TEAM_ID,
        "text": content.get("text", ""),
        "bot_profile": {
            "id": BOT_ID,
            "deleted": False,
            "name": slack.manifest.name,
            "updated": 0,
            "app_id": APP_ID,
            "user_id": BOT_USER,
            "icons": {},
            "team_id": TEAM_ID,
        },
        **_content(content),
    }


def from_person(slack: Slack, person: str, text: str) -> Json:
    team = slack.workspace.person(person).team_id
    return {"user": person, "type": "message", "team": team, "text": text}


def post(slack: Slack, channel: Channel, message: Json, *, thread_ts: str = "", broadcast: bool = False) -> Json:
    """Adds a message to a channel, or to a thread in it."""
    message["ts"] = slack.workspace.next_ts()
    if thread_ts:
        message["thread_ts"] = thread_ts
        parent = channel.messages.get(thread_ts)
        if parent:
            message["parent_user_id"] = parent.get("user")
        if broadcast:
            message["subtype"] = "thread_broadcast"
    channel.add(message)
    channel.read_up_to[message["user"]] = message["ts"]
    slack.stream.tell_channel(channel, "message", message)
    parent = channel.messages.get(thread_ts) if thread_ts else None
    if parent:
        slack.stream.tell_channel(channel, "message_changed", parent)
    _tell_app(slack, channel, message)
    return message


_KEPT = 50  # blocks of earlier looks of a message


def change(slack: Slack, channel: Channel, message: Json, content: Json, *, edited: bool) -> Json:
    """Puts new content into a message: text without blocks removes the blocks."""
    fresh = _content(content)
    channel.outdated[message["ts"]] = [*message.get("blocks", []), *channel.outdated.get(message["ts"], [])][:_KEPT]
    message["text"] = content.get("text", "")
    for part in ("blocks", "attachments", "files"):
        if part in fresh:
            message[part] = fresh[part]
        elif part != "files":
            message.pop(part, None)
    if "metadata" in fresh:
        message["metadata"] = fresh["metadata"]
    if edited:
        message["edited"] = {"user": message["user"], "ts": slack.workspace.next_ts()}
    slack.stream.tell_channel(channel, "message_changed", message)
    _tell_event(slack, channel, {"subtype": "message_changed", "hidden": True, "message": shown(message)})
    return message


def delete(slack: Slack, channel: Channel, message: Json) -> None:
    """Removes a message; one with replies leaves a tombstone that holds its thread."""
    if message.get("reply_count"):
        for part in ("blocks", "attachments", "metadata", "files", "reactions"):
            message.pop(part, None)
        channel.pins.pop(message["ts"], None)
        message.update(subtype="tombstone", text="This message was deleted.", hidden=True)
        slack.stream.tell_channel(channel, "message_changed", message)
    else:
        channel.remove(message["ts"])
        slack.stream.tell_channel(channel, "message_deleted", {"ts": message["ts"]})
    _tell_event(slack, channel, {"subtype": "message_deleted", "hidden": True, "deleted_ts": message["ts"]})
    root = message.get("thread_ts")
    if root and root in channel.messages:
        slack.stream.tell_channel(channel, "message_changed", channel.messages[root])


def whisper(slack: Slack, channel: Channel, person: str, content: Json, *, thread_ts: str = "") -> Json:
    """Shows an ephemeral message to one person."""
    message = from_bot(slack, content) | {"ts": slack.workspace.next_ts(), "is_ephemeral": True, "to": person}
    if thread_ts:
        message["thread_ts"] = thread_ts
    channel.ephemerals[message["ts"]] = message
    _tell_whisper(slack, channel, "ephemeral", message)
    return message


def change_whisper(slack: Slack, channel: Channel, ts: str, content: Json) -> None:
    message = channel.ephemerals[ts]
    for part in ("blocks", "attachments"):
        message.pop(part, None)
    message.update({"text": content.get("text", ""), **_content(content)})
    _tell_whisper(slack, channel, "message_changed", message)


def delete_whisper(slack: Slack, channel: Channel, ts: str) -> None:
    message = channel.ephemerals.pop(ts)
    _tell_whisper(slack, channel, "message_deleted", {"ts": ts, "to": message["to"]})


def shown(message: Json, *, metadata: bool = True) -> Json:
    """A message as Slack hands it out: without our own marks, metadata only on request."""
    hidden = ("to",) if metadata else ("to", "metadata")
    return {k: v for k, v in message.items() if k not in hidden}


def _content(content: Json) -> Json:
    given = {k: content[k] for k in CONTENT if content.get(k)}
    if "blocks" in given:
        given["blocks"] = identified(given["blocks"])
    if "attachments" in given:
        given["attachments"] = [_attachment(n, a) for n, a in enumerate(given["attachments"], 1)]
    return given


def _attachment(number: int, attachment: Json) -> Json:
    identity = {"id": number, "fallback": attachment.get("fallback") or "[no preview available]"}
    blocks = attachment.get("blocks")
    return {**attachment, **identity, **({"blocks": identified(blocks)} if blocks else {})}


def _tell_whisper(slack: Slack, channel: Channel, kind: str, message: Json) -> None:
    visible = {k: v for k, v in message.items() if k != "to"}
    slack.stream.tell_person(message["to"], {"type": kind, "channel": channel.id, "message": visible})


def _tell_app(slack: Slack, channel: Channel, message: Json) -> None:
    if BOT_USER not in channel.members:
        return
    mentioned = message["user"] != BOT_USER and BOT_USER in MENTION.findall(message["text"])
    if mentioned and not channel.is_im and slack.delivery.wants("app_mention"):
        slack.delivery.emit({**shown(message), "type": "app_mention", **_where(channel, message["ts"])})
    _tell_event(slack, channel, shown(message))


def _tell_event(slack: Slack, channel: Channel, event: Json) -> None:
    kind = "im" if channel.is_im else "group" if channel.is_private else "channel"
    subscription = "message.im" if channel.is_im else "message.groups" if channel.is_private else "message.channels"
    if BOT_USER in channel.members and slack.delivery.wants(subscription):
        ts = event.get("ts") or slack.workspace.next_ts()
        slack.delivery.emit({**event, "type": "message", **_where(channel, ts), "channel_type": kind, "ts": ts})


def _where(channel: Channel, ts: str) -> dict[str, Any]:
    return {"channel": channel.id, "event_ts": ts}
