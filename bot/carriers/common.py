"""What all carriers share: the outcome of a delivery, and messages that are posted once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bot.errors import ChatError
from bot.models import Change, Delivery, Message, MessageRef, Posted
from bot.owed import Target
from bot.owed import alerts as owed_to_alert
from bot.owed import incidents as owed_to_incident
from bot.ports import Chat
from bot.store import Store

log = logging.getLogger(__name__)

Above = Callable[[], Posted | MessageRef | None]
LOST_CARD = frozenset({"message_not_found", "edit_window_closed", "cant_update_message"})


class Settlement(NamedTuple):
    """What a delivery made: messages that are edited later, and the change that follows (built when it is saved).

    `is_needless`: nothing was to be said or done any more, so no call was made.
    """

    posted: Sequence[Posted] = ()
    follow: Callable[[], Change | None] | None = None
    is_needless: bool = False


NEEDLESS = Settlement(is_needless=True)


class Messenger:
    """Posts and edits. `ops` is the name or id of the incident channel, which rows call `ops`."""

    def __init__(self, chat: Chat, ops: str) -> None:
        self._chat = chat
        self.ops = ops

    def channel(self, key: str) -> str:
        return self.ops if key == Target.OPS else key

    def edit(self, ref: MessageRef, message: Message) -> None:
        try:
            self._chat.edit(ref, message)
        except ChatError as error:
            if error.code != "invalid_blocks":
                raise
            log.error("Slack refuses blocks of ours, showing the text alone: %s", error)
            self._chat.edit(ref, Message(message.text, []))

    def once(
        self,
        delivery: Delivery,
        channel: str,
        message: Message,
        *,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> MessageRef:
        """Post, unless an earlier try already did: the row's id is looked for in the messages' metadata first."""
        if delivery.in_doubt:
            found = self._find(delivery, channel, thread_ts)
            if found is not None:
                return found
        return self._post(delivery, channel, message, thread_ts=thread_ts, broadcast=broadcast)

    def _post(
        self, delivery: Delivery, channel: str, message: Message, *, thread_ts: str | None, broadcast: bool = False
    ) -> MessageRef:
        arguments: dict[str, Any] = {
            "delivery_id": delivery.owed.id,
            "thread_ts": thread_ts,
            "broadcast": broadcast,
        }
        try:
            return self._chat.post(channel, message, **arguments)
        except ChatError as error:
            if error.code != "invalid_blocks":
                raise
            return self._chat.post(channel, _plainer(message, error), **arguments)

    def _find(self, delivery: Delivery, channel: str, thread_ts: str | None) -> MessageRef | None:
        try:
            return self._chat.find(channel, delivery.owed.id, since=delivery.created_at, thread_ts=thread_ts)
        except ChatError as error:
            if error.retryable:
                raise
            log.warning("can't see whether a message was sent already (%s); it may appear twice", error)
            return None

    def show(
        self,
        delivery: Delivery,
        place: Posted | None,
        channel: str,
        message: Message,
        *,
        target: str,
        above: Above = lambda: None,
    ) -> Posted | None:
        """Edit the card that stands at `place`: None. Where there is none or it is lost, post it: where it stands now.

        `above` is asked for the message under which it is posted; it may say with ChatError that this one comes first.
        A named channel that is gone may have been replaced by another one of that name; an incident's own can't be.
        """
        if place is not None:
            try:
                self.edit(MessageRef(place.channel_id, place.ts), message)
            except ChatError as error:
                is_moved = error.code == "channel_not_found" and target != Target.OWN
                if error.code not in LOST_CARD and not is_moved:
                    raise
                log.warning("%s: its card can't be edited (%s), posting a new one", delivery.owed.subject, error)
            else:
                return None
        over = above()
        channel, thread_ts = (over.channel_id, over.ts) if over is not None else (channel, None)
        found = self._find(delivery, channel, thread_ts) if delivery.in_doubt else None
        if found is not None:
            self.edit(found, message)  # an earlier try posted it, with the looks of then
        ref = found or self._post(delivery, channel, message, thread_ts=thread_ts)
        return Posted(
            subject=delivery.owed.subject,
            target=target,
            channel_id=ref.channel_id,
            ts=ref.ts,
            thread_ts=thread_ts or "",
        )


def _plainer(message: Message, error: ChatError) -> Message:
    """Without the blocks that Slack refuses: a surprise, unless there are others for that."""
    if message.plainer is not None:
        log.warning("Slack refuses blocks, sending the plainer ones: %s", error)
        return Message(message.text, message.plainer)
    log.error("Slack refuses blocks of ours, sending the text alone: %s", error)
    return Message(message.text, [])


def showing(store: Store, subject: str) -> Change | None:
    """New looks for the cards of what a row is about."""
    kind, _, number = subject.partition("-")
    if kind == "AL":
        alert = store.alert(int(number))
        return Change(owed=owed_to_alert.cards(alert)) if alert.has_stood else None
    if kind == "INC":
        return Change(owed=owed_to_incident.cards(store.incident(int(number))))
    return None
