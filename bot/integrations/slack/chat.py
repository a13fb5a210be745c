"""Delivers what is owed: posts, cards, channels, pins, bookmarks (the Chat port)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.errors import ChatError
from bot.integrations.slack.api import Identity, SlackApi
from bot.models import Message, MessageRef, permalink

METADATA_EVENT = "aiops_delivery"
_ID = re.compile(r"[CDGUW][A-Z0-9]+")  # channel names are lower case
_INVITE_AT_ONCE = 100  # https://docs.slack.dev/reference/methods/conversations.invite
_CLOCK_SKEW = timedelta(minutes=2)
_PAGES = 10


class SlackChat:
    """The Chat port on the Web API."""

    def __init__(self, api: SlackApi, identity: Identity) -> None:
        self._api = api
        self._identity = identity
        self._channel_ids: dict[str, str] = {}

    def post(
        self,
        channel: str,
        message: Message,
        *,
        delivery_id: str,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> MessageRef:
        arguments = {
            "text": message.text,
            "blocks": message.blocks or None,
            "thread_ts": thread_ts,
            "reply_broadcast": broadcast or None,
            "metadata": {"event_type": METADATA_EVENT, "event_payload": {"delivery_id": delivery_id}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        answer = self._post(channel, arguments)
        ref = MessageRef(answer["channel"], answer["ts"])
        if not channel.startswith(("U", "W")):
            self._channel_ids[channel] = ref.channel_id
        return ref

    def _post(self, channel: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._api.call("chat.postMessage", channel=self._address(channel), **arguments)
        except ChatError as error:
            if error.code == "not_in_channel":
                self._join(channel, error)
            elif error.code == "channel_not_found" and not _ID.fullmatch(channel):
                self._channel_ids[channel] = self._look_up(channel, error)
            else:
                raise
        return self._api.call("chat.postMessage", channel=self._address(channel), **arguments)

    def _address(self, channel: str) -> str:
        known = self._channel_ids.get(channel, channel)
        return known if _ID.fullmatch(known) else f"#{known}"

    def _join(self, channel: str, cause: ChatError) -> None:
        """A public channel can be joined; a private one needs an invitation, and then the first error stands."""
        try:
            self._api.call("conversations.join", channel=self.channel_id(channel))
        except ChatError:
            raise cause from None

    def channel_id(self, channel: str) -> str:
        """The id of a channel given by name or id; raises ChatError `channel_not_found`."""
        if _ID.fullmatch(channel):
            return channel
        if channel not in self._channel_ids:
            self._channel_ids[channel] = self._look_up(channel, ChatError("channel_not_found", detail=f"#{channel}"))
        return self._channel_ids[channel]

    def _look_up(self, name: str, cause: ChatError) -> str:
        for entry in self._channels():
            if entry.get("name") == name:
                return str(entry["id"])
        raise cause

    def _channels(self) -> Iterator[dict[str, Any]]:
        """All channels, page by page: the last resort, where a name alone is known and Slack refused it."""
        cursor = None
        while True:
            answer = self._api.call("conversations.list", limit=1000, exclude_archived="true", cursor=cursor)
            yield from answer.get("channels", [])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    def find(
        self, channel: str, delivery_id: str, *, since: datetime, thread_ts: str | None = None
    ) -> MessageRef | None:
        channel_id = self.channel_id(channel)
        method = "conversations.replies" if thread_ts else "conversations.history"
        cursor = None
        for _ in range(_PAGES):
            answer = self._api.call(
                method,
                channel=channel_id,
                ts=thread_ts,
                oldest=f"{(since - _CLOCK_SKEW).timestamp():.6f}",
                include_all_metadata="true",
                limit=200,
                cursor=cursor,
            )
            for message in answer.get("messages", []):
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload.get("delivery_id") == delivery_id:
                    return MessageRef(channel_id, message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        return None

    def edit(self, ref: MessageRef, message: Message) -> None:
        self._api.call(
            "chat.update",
            channel=ref.channel_id,
            ts=ref.ts,
            text=message.text,
            blocks=message.blocks,
            parse="none",
        )

    def upload(self, channel_id: str, thread_ts: str | None, name: str, title: str, data: bytes) -> None:
        """Ask where to, send the bytes there, say where they belong (docs.slack.dev/messaging/working-with-files)."""
        place = self._api.call("files.getUploadURLExternal", filename=name, length=len(data))
        self._api.send(place["upload_url"], data)
        files = [{"id": place["file_id"], "title": title}]
        self._api.call("files.completeUploadExternal", files=files, channel_id=channel_id, thread_ts=thread_ts)

    def create_channel(self, name: str) -> str:
        answer = self._api.call("conversations.create", name=name)
        return str(answer["channel"]["id"])

    def find_channel(self, names: Sequence[str]) -> tuple[str, str] | None:
        for entry in self._channels():
            if entry.get("name") in names and entry.get("creator") == self._identity.user_id:
                return str(entry["name"]), str(entry["id"])
        return None

    def set_topic(self, channel_id: str, topic: str) -> None:
        self._api.call("conversations.setTopic", channel=channel_id, topic=topic)

    def invite(self, channel_id: str, users: Sequence[str]) -> None:
        """Invite all who can be; people who are there already or can't come don't keep the others out."""
        for start in range(0, len(users), _INVITE_AT_ONCE):
            some = ",".join(users[start : start + _INVITE_AT_ONCE])
            try:
                self._api.call("conversations.invite", channel=channel_id, users=some, force=True)
            except ChatError as error:
                if error.code not in {"already_in_channel", "cant_invite_self"}:
                    raise

    def group_members(self, group_id: str) -> list[str]:
        answer = self._api.call("usergroups.users.list", usergroup=group_id)
        return [str(user) for user in answer.get("users", [])]

    def pin(self, ref: MessageRef) -> None:
        try:
            self._api.call("pins.add", channel=ref.channel_id, timestamp=ref.ts)
        except ChatError as error:
            if error.code != "already_pinned":
                raise

    def bookmark(self, channel_id: str, title: str, url: str) -> None:
        self._api.call("bookmarks.add", channel_id=channel_id, title=title, type="link", link=url)

    def link(self, channel_id: str, ts: str) -> str:
        return permalink(self._identity.url, channel_id, ts)

    def huddle_url(self, channel: str) -> str:
        """Opens the channel's huddle; the workspace, while the channel is known by name only."""
        known = self._channel_ids.get(channel, channel)
        if not _ID.fullmatch(known):
            return f"https://app.slack.com/client/{self._identity.team_id}"
        return f"https://app.slack.com/huddle/{self._identity.team_id}/{known}"
