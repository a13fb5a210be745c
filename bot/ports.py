"""What the use cases and the outbox may ask of the world: small Protocols, implemented in `bot/integrations`.

Every method of a chat port raises `ChatError` and never returns a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.models import Message, MessageRef, Person, Said

Clock = Callable[[], datetime]
"""Answers the present moment as an aware datetime in UTC."""


class Directory(Protocol):
    """Who somebody is."""

    def person(self, user_id: str, team_id: str | None) -> Person: ...


class Chat(Protocol):
    """The calls that deliver what is owed. Channels are names or ids; people are user ids."""

    def post(
        self,
        channel: str,
        message: Message,
        *,
        delivery_id: str,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> MessageRef:
        """Post and return where it stands; `delivery_id` is kept in the message's metadata."""
        ...

    def find(
        self, channel: str, delivery_id: str, *, since: datetime, thread_ts: str | None = None
    ) -> MessageRef | None:
        """The message that carries this delivery id, posted at or after `since`; None where there is none."""
        ...

    def edit(self, ref: MessageRef, message: Message) -> None: ...

    def create_channel(self, name: str) -> str:
        """Create a public channel and return its id."""
        ...

    def find_channel(self, names: Sequence[str]) -> tuple[str, str] | None:
        """Name and id of a channel with one of these names which this bot made; None where there is none."""
        ...

    def set_topic(self, channel_id: str, topic: str) -> None: ...

    def invite(self, channel_id: str, users: Sequence[str]) -> None: ...

    def group_members(self, group_id: str) -> list[str]: ...

    def pin(self, ref: MessageRef) -> None: ...

    def bookmark(self, channel_id: str, title: str, url: str) -> None: ...

    def huddle_url(self, channel: str) -> str:
        """The link that opens the channel's huddle."""
        ...


class Replies(Protocol):
    """Answers to the person who just typed or clicked. Not owed, not stored: they are worth nothing later."""

    def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        """An ephemeral answer to a command or click; `replace`: in place of the ephemeral that was clicked."""
        ...

    def whisper(self, channel: str, user: str, message: Message, *, thread_ts: str | None = None) -> None:
        """An ephemeral message in a channel, or a direct message where that can't be."""
        ...

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> None: ...

    def update_view(self, view_id: str, view: dict[str, Any]) -> None: ...

    def permalink(self, channel: str, ts: str) -> str: ...

    def said(self, channel: str, ts: str) -> Said:
        """The message that stands there; raises ChatError `message_not_found`."""
        ...
