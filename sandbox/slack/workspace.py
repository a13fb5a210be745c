"""The workspace as data: people, channels, messages, and Slack's rules for names. Sends nothing."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.slack.errors import SlackError

Json = dict[str, Any]

TEAM_ID = "T0AIOPS"
OTHER_TEAM_ID = "T0PARTNER"
APP_ID = "A0AIOPS"
BOT_USER = "U0BOT"
BOT_ID = "B0BOT"
CHANNEL_NAME_MAX = 80


@dataclass(slots=True)
class Person:
    id: str
    name: str
    real_name: str
    title: str = ""
    tz: str = "Etc/UTC"
    color: str = "5b6b7b"
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    deleted: bool = False

    @property
    def email(self) -> str:
        """The address the paging account knows them by, too. A bot has none."""
        if self.is_bot:
            return ""
        return f"{self.name}@{'partner.example' if self.is_stranger else 'shop.example'}"

    @property
    def team_id(self) -> str:
        return OTHER_TEAM_ID if self.is_stranger else TEAM_ID

    def tz_offset(self, now: float) -> int:
        offset = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.tz)).utcoffset()
        return int(offset.total_seconds()) if offset else 0


@dataclass(slots=True)
class Channel:
    id: str
    name: str
    creator: str
    created: int
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_general: bool = False
    topic: str = ""
    purpose: str = ""
    members: dict[str, None] = field(default_factory=dict)
    messages: dict[str, Json] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    threads: dict[str, list[str]] = field(default_factory=dict)
    ephemerals: dict[str, Json] = field(default_factory=dict)
    outdated: dict[str, list[Json]] = field(default_factory=dict)
    """By message: blocks it had before. A click on what a slow client still shows is delivered, as in Slack."""
    pins: dict[str, Json] = field(default_factory=dict)
    bookmarks: dict[str, Json] = field(default_factory=dict)
    read_up_to: dict[str, str] = field(default_factory=dict)

    def counterpart(self, person: str) -> str:
        """Who the other one is in a direct message."""
        return next((m for m in self.members if m != person), person)

    def unread(self, person: str) -> int:
        read = self.read_up_to.get(person)
        return len(self.timeline) - (bisect_right(self.timeline, read) if read else 0)

    def visible_to(self, person: Person) -> bool:
        if person.id in self.members:
            return True
        return not (self.is_im or self.is_private or person.is_guest or person.is_stranger)

    def add(self, message: Json) -> None:
        """Files a message: in its thread, in the channel, or in both (`thread_broadcast`)."""
        ts, root = message["ts"], message.get("thread_ts")
        self.messages[ts] = message
        if root and root != ts:
            self._add_reply(root, message)
        if not root or root == ts or message.get("subtype") == "thread_broadcast":
            insort(self.timeline, ts)

    def _add_reply(self, root: str, message: Json) -> None:
        replies = self.threads.setdefault(root, [])
        replies.append(message["ts"])
        self._count_replies(root)

    def _count_replies(self, root: str) -> None:
        parent, replies = self.messages.get(root), self.threads.get(root, [])
        if parent is None:
            return
        if not replies:
            for key in ("reply_count", "reply_users", "reply_users_count", "latest_reply", "thread_ts"):
                parent.pop(key, None)
            return
        last = self.messages[replies[-1]]
        users: list[str] = parent.setdefault("reply_users", [])
        if last.get("user") and last["user"] not in users:
            users.append(last["user"])
        parent.update(thread_ts=root, reply_count=len(replies), latest_reply=replies[-1])
        parent["reply_users_count"] = len(users)

    def remove(self, ts: str) -> None:
        message = self.messages.pop(ts)
        self.pins.pop(ts, None)
        place = bisect_left(self.timeline, ts)
        if place < len(self.timeline) and self.timeline[place] == ts:
            del self.timeline[place]
        root = message.get("thread_ts")
        if root and root != ts and ts in self.threads.get(root, []):
            self.threads[root].remove(ts)
            self._count_replies(root)


class Workspace:
    """Everything that is remembered. `now` is the server's clock."""

    name = "AIOps"
    domain = "aiops"

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, Json] = {}
        self.files: dict[str, Json] = {}
        self._names: dict[str, str] = {}
        self._directs: dict[frozenset[str], Channel] = {}
        self._numbers = count(1)
        self._last_ts = 0

    def next_id(self, prefix: str) -> str:
        return f"{prefix}{0x5A0000 + next(self._numbers):08X}"

    def next_ts(self) -> str:
        """A timestamp that no other message of the workspace has, later than all before."""
        self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def person(self, person: str) -> Person:
        if person not in self.people:
            raise SlackError("user_not_found")
        return self.people[person]

    def channel(self, channel: str) -> Channel:
        if channel not in self.channels:
            raise SlackError("channel_not_found")
        return self.channels[channel]

    def channel_named(self, name: str) -> Channel | None:
        found = self._names.get(name.removeprefix("#"))
        return self.channels[found] if found else None

    def channels_of(self, person: str) -> Iterator[Channel]:
        return (c for c in self.channels.values() if person in c.members)

    def create_channel(self, name: str, creator: str, *, is_private: bool = False) -> Channel:
        check_name(name)
        if name in self._names:
            raise SlackError("name_taken")
        channel = Channel(self.next_id("C"), name, creator, int(self.now()), is_private)
        channel.members[creator] = None
        self.channels[channel.id] = channel
        self._names[name] = channel.id
        return channel

    def rename_channel(self, channel: Channel, name: str) -> None:
        check_name(name)
        if self._names.get(name, channel.id) != channel.id:
            raise SlackError("name_taken")
        del self._names[channel.name]
        self._names[name] = channel.id
        channel.name = name

    def direct(self, one: str, other: str) -> Channel:
        """The direct message of two people, made on first use."""
        pair = frozenset((one, other))
        if pair in self._directs:
            return self._directs[pair]
        channel = Channel(self.next_id("D"), "", one, int(self.now()), is_private=True, is_im=True)
        channel.members.update({one: None, other: None})
        self.channels[channel.id] = self._directs[pair] = channel
        return channel


def check_name(name: str) -> None:
    """Slack's rules for channel names, each with its own error."""
    if not name:
        raise SlackError("invalid_name_required")
    if len(name) > CHANNEL_NAME_MAX:
        raise SlackError("invalid_name_maxlength")
    if not any(c.isalnum() for c in name):
        raise SlackError("invalid_name_punctuation")
    if name != name.lower() or not all(c.isalnum() or c in "-_" for c in name):
        raise SlackError("invalid_name_specials")
