"""Carries what is owed to alerts and storms: cards, notes under them, summaries, raw messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from blocks import notes
from blocks.alert import card
from blocks.storm import summary
from bot.alert_cards import AlertCards
from bot.carriers.common import NEEDLESS, Messenger, Settlement
from bot.errors import ChatError, DeliveryError
from bot.models import Alert, Change, Delivery, Message, MessageRef, Owed, OwedKind, Posted, Shown, Storm
from bot.owed import Target
from bot.owed import alerts as owed
from bot.ports import Chat
from bot.store import Store


class AlertCarriers:
    """One method a kind. Raises ChatError where Slack did not take it."""

    def __init__(self, store: Store, chat: Chat, cards: AlertCards, ops_channel: str) -> None:
        self._store = store
        self._cards = cards
        self._messenger = Messenger(chat, ops_channel)
        self._carry = {OwedKind.ALERT: self._card, OwedKind.STORM: self._storm, OwedKind.POST: self._post}

    def takes(self, owed: Owed) -> bool:
        return owed.kind in self._carry and not owed.subject.startswith("INC-")

    def carry(self, delivery: Delivery) -> Settlement:
        return self._carry[delivery.owed.kind](delivery)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """Nothing can be shown where showing fails; the log says it."""
        return None

    def _card(self, delivery: Delivery) -> Settlement:
        """From the row as it is now: edited in place, posted where there is none yet."""
        alert = self._store.alert(number_of(delivery.owed.subject))
        target = str(delivery.owed.body["target"])
        place = self._store.posted(alert.id, target)
        if place is None and self._needs_no_card(alert):
            return NEEDLESS
        message = card(self._cards.facts(alert))
        posted = self._messenger.show(
            delivery,
            place,
            self._messenger.channel(target),
            message,
            target=target,
            above=lambda: self._above(alert) if alert.shown is Shown.THREAD else None,
        )
        return Settlement((posted,) if posted else ())

    def _needs_no_card(self, alert: Alert) -> bool:
        """Hidden before its card could be posted, or over and one of a storm: the summary counted it."""
        if alert.incident is not None or (alert.is_firing and not alert.is_hidden):
            return False
        if self._store.investigations_of(alert.id, limit=1) or self._store.remediations_of(alert.id, limit=1):
            return False  # they are told under the card
        storm = self._store.storm(alert.channels[0]) if alert.channels else None
        return alert.is_hidden or alert.in_storm or _brought(storm, alert)

    def _above(self, alert: Alert) -> Posted:
        """The card under which this one stands: that of its group, or of its incident."""
        target = owed.places(alert)[0]
        place = self._store.posted(f"AL-{alert.lead}", target) if alert.lead is not None else None
        if place is None and alert.incident is not None:
            place = self._store.posted(f"INC-{alert.incident}", Target.OPS)
        if place is None:
            raise ChatError("card_not_posted", retryable=True, detail="the card above it comes first")
        return place

    def _storm(self, delivery: Delivery) -> Settlement:
        channel = str(delivery.owed.body["channel"])
        storm = self._store.storm(channel)
        if storm is None or storm.id != delivery.owed.subject:
            return NEEDLESS
        message = summary(storm, self._store.firing_count())
        place = self._store.posted(storm.id, channel)
        posted = self._messenger.show(delivery, place, self._messenger.channel(channel), message, target=channel)
        return Settlement((posted,) if posted else ())

    def _flood(self, since: str) -> Message:
        moment = datetime.fromisoformat(since)
        return notes.more_unreadable(self._store.unreadable_since(moment), moment)

    def _post(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        if body.get("thread") and self._is_needless(delivery):
            return NEEDLESS
        message = self._flood(body["unreadable_since"]) if "unreadable_since" in body else _message(body)
        if not body.get("thread"):
            self._messenger.once(delivery, self._messenger.channel(body["channel"]), message)
            return Settlement()
        place = self._store.posted(delivery.owed.subject, body["target"])
        if place is None:
            raise ChatError("card_not_posted", retryable=True, detail="its card comes first")
        ref = MessageRef(place.channel_id, place.ts)
        self._messenger.once(delivery, ref.channel_id, message, thread_ts=ref.ts)
        return Settlement()

    def _is_needless(self, delivery: Delivery) -> bool:
        """Somebody has it by now, it is over, or its card was not needed any more."""
        body, subject = delivery.owed.body, delivery.owed.subject
        if not subject.startswith("AL-"):
            return False
        alert = self._store.alert(number_of(subject))
        if body.get("while_it_waits") and not alert.awaits:
            return True
        return self._needs_no_card(alert) and self._store.posted(subject, body["target"]) is None


def _brought(storm: Storm | None, alert: Alert) -> bool:
    """Is it one of the alerts that the newest storm of its channel began with, or came with?"""
    if storm is None or storm.began_at is None or alert.received_at < storm.began_at:
        return False
    return storm.ended_at is None or alert.received_at <= storm.ended_at


def _message(body: dict[str, Any]) -> Message:
    return Message(body["text"], body["blocks"])


def number_of(subject: str) -> int:
    return int(subject.partition("-")[2])
