"""chat.*: posting, editing, deleting."""

import json
from typing import Any

from sandbox.slack import messages, rooms
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.call import Call
from sandbox.slack.validate import message_errors
from sandbox.slack.workspace import BOT_USER, Channel, Json

TEXT_MAX = 40_000
EDIT_TEXT_MAX = 4_000
ATTACHMENTS_MAX = 100
METADATA_MAX = 16_000


def post_message(call: Call) -> Json:
    channel = _destination(call)
    content = content_of(call)
    _take_turn(call, channel)
    message = messages.post(
        call.slack,
        channel,
        messages.from_bot(call.slack, content),
        thread_ts=_thread(call, channel),
        broadcast=call.args.flag("reply_broadcast"),
    )
    return {"channel": channel.id, "ts": message["ts"], "message": messages.shown(message)}


def post_ephemeral(call: Call) -> Json:
    channel = call.open_channel()
    person = call.args.need("user")
    if person not in call.workspace.people:
        raise SlackError("user_not_found")
    if person not in channel.members:
        raise SlackError("user_not_in_channel")
    message = messages.whisper(call.slack, channel, person, content_of(call), thread_ts=call.args.text("thread_ts"))
    return {"message_ts": message["ts"]}


def update(call: Call) -> Json:
    channel = call.joined_channel()
    message = _own_message(call, channel, "cant_update_message")
    if channel.is_archived:
        raise SlackError("is_inactive")
    window = call.slack.limits.edit_window
    if window is not None and call.slack.clock.now() - float(message["ts"]) > window:
        raise SlackError("edit_window_closed")
    content = content_of(call, EDIT_TEXT_MAX)
    edited = not (content.get("blocks") or content.get("attachments"))
    messages.change(call.slack, channel, message, content, edited=edited)
    shown = messages.shown(message)
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": shown}


def delete(call: Call) -> Json:
    channel = call.joined_channel()
    message = _own_message(call, channel, "cant_delete_message")
    messages.delete(call.slack, channel, message)
    return {"channel": channel.id, "ts": message["ts"]}


def get_permalink(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": permalink(call.base_url, channel, message)}


def permalink(base_url: str, channel: Channel, message: Json) -> str:
    link = f"{base_url}/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    root = message.get("thread_ts")
    return f"{link}?thread_ts={root}&cid={channel.id}" if root and root != message["ts"] else link


def content_of(call: Call, text_max: int = TEXT_MAX) -> Json:
    """Text, blocks, attachments and metadata of a call, checked the way Slack does."""
    args = call.args
    content: Json = {"text": args.text("text")}
    if args.get("markdown_text"):
        if content["text"] or args.get("blocks"):
            raise SlackError("markdown_text_conflict")
        content["text"] = args.text("markdown_text")
    if len(content["text"]) > text_max:
        raise SlackError("msg_too_long")
    blocks = args.structure("blocks", error="invalid_blocks_format")
    attachments = args.structure("attachments", error="invalid_attachments")
    check_content(blocks, attachments)
    if not (content["text"] or blocks or attachments):
        raise SlackError("no_text")
    content |= {"blocks": blocks, "attachments": attachments, "metadata": _metadata(call)}
    return content


def check_content(blocks: Any, attachments: Any) -> None:
    if blocks is not None:
        errors = message_errors(blocks)
        if errors:
            raise SlackError("invalid_blocks", errors=_plain(errors), response_metadata={"messages": errors})
    if attachments is None:
        return
    if not isinstance(attachments, list) or not all(isinstance(a, dict) for a in attachments):
        raise SlackError("invalid_attachments")
    if len(attachments) > ATTACHMENTS_MAX:
        raise SlackError("too_many_attachments")
    for attachment in attachments:
        if attachment.get("blocks") is not None:
            check_content(attachment["blocks"], None)


def _plain(errors: list[str]) -> list[str]:
    return [e.removeprefix("[ERROR] ") for e in errors]


def _metadata(call: Call) -> Json | None:
    metadata = call.args.structure("metadata", error="invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_MAX:
        raise SlackError("metadata_too_large")
    return metadata


def _destination(call: Call) -> Channel:
    """Where a message goes: a channel by id or name, or the direct message with a person."""
    target = call.args.need("channel")
    workspace = call.workspace
    channel = workspace.channels.get(target) or workspace.channel_named(target)
    if target in workspace.people:
        channel = _direct(call, target)
    if channel is None:
        raise SlackError("channel_not_found")
    if BOT_USER not in channel.members:
        if channel.is_private:
            raise SlackError("channel_not_found")
        if "chat:write.public" not in call.slack.scopes:
            raise SlackError("not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel


def _direct(call: Call, person: str) -> Channel:
    if call.workspace.people[person].deleted:
        raise SlackError("user_disabled")
    if person == BOT_USER:
        raise SlackError("cannot_dm_bot")
    if not call.slack.manifest.messages_tab:
        raise SlackError("messages_tab_disabled")
    return rooms.direct(call.slack, BOT_USER, person)


def _thread(call: Call, channel: Channel) -> str:
    thread_ts = call.args.text("thread_ts")
    if not thread_ts:
        return ""
    parent = channel.messages.get(thread_ts)
    if parent is None:
        raise SlackError("thread_not_found")
    return str(parent.get("thread_ts") or thread_ts)


def _own_message(call: Call, channel: Channel, refusal: str) -> Json:
    message = call.message(channel)
    if message.get("user") != BOT_USER:
        raise SlackError(refusal)
    return message


def _take_turn(call: Call, channel: Channel) -> None:
    wait = call.slack.limits.take_message(channel.id)
    if wait:
        raise SlackError("ratelimited", retry_after=wait)
