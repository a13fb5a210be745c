"""Carries events to the bus and e-mail to SNS topics."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from bot.carriers.common import Settlement, showing
from bot.errors import CloudError, DeliveryError
from bot.models import Change, Delivery, Owed, OwedKind
from bot.owed import Target
from bot.owed import alerts as owed
from bot.ports import Chat, Event, EventBus, Mailer
from bot.store import Store

log = logging.getLogger(__name__)

_NO_BUS = frozenset({"ResourceNotFoundException", "ResourceNotFound"})


class CloudCarriers:
    """Raises CloudError where AWS did not take it."""

    def __init__(self, store: Store, bus: EventBus, mailer: Mailer, chat: Chat) -> None:
        self._store = store
        self._bus = bus
        self._mailer = mailer
        self._chat = chat
        self._is_told = False

    def takes(self, owed: Owed) -> bool:
        return owed.kind in (OwedKind.EVENTS, OwedKind.MAIL)

    def carry(self, delivery: Delivery) -> Settlement:
        return self._events(delivery) if delivery.owed.kind is OwedKind.EVENTS else self._mail(delivery)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """An e-mail that fails shows on the card it is about."""
        return showing(self._store, delivery.owed.subject)

    def _events(self, delivery: Delivery) -> Settlement:
        """What the bus did not take is owed again. A bus that does not exist has no listeners: said once."""
        events = [Event(row["type"], row["detail"]) for row in delivery.owed.body["events"]]
        try:
            failed = self._bus.put(events)
        except CloudError as error:
            if error.code not in _NO_BUS:
                raise
            if not self._is_told:
                log.warning("doing without events: the bus does not exist (%s)", error)
            self._is_told = True
            return Settlement()
        if not failed:
            return Settlement()
        log.warning("the bus took all but %d of %d events; they are put again", len(failed), len(events))
        again = owed.events([events[position] for position in failed])
        later = tuple(self._later(delivery, row) for row in again)
        return Settlement(follow=lambda: Change(owed=later))

    def _later(self, delivery: Delivery, row: Owed) -> Owed:
        """Each time a little later, so that an entry that is refused for ever does not keep the bus busy."""
        tries = int(delivery.owed.body.get("tries", 0)) + 1
        body: dict[str, Any] = {**row.body, "tries": tries}
        due = delivery.created_at + timedelta(seconds=min(2.0**tries, 300.0))
        return row.model_copy(update={"body": body, "lane": f"bus:{row.id}", "not_before": due})

    def _mail(self, delivery: Delivery) -> Settlement:
        """With the way to the card, where that stands by now."""
        body, card = delivery.owed.body, self._card(delivery.owed.subject)
        text = f"{body['text']}\nCard in Slack: {card}" if card else body["text"]
        self._mailer.publish(body["topic"], body["title"], text)
        return Settlement()

    def _card(self, subject: str) -> str:
        kind, _, number = subject.partition("-")
        target = owed.places(self._store.alert(int(number)))[0] if kind == "AL" else Target.OPS.value
        place = self._store.posted(subject, target)
        return self._chat.link(place.channel_id, place.ts) if place else ""
