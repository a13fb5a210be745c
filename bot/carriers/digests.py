"""Carries digests to their channel: counted when they are posted, without charts where Slack refuses them."""

from __future__ import annotations

from collections.abc import Callable

from blocks import digest as shown
from bot.carriers.common import Messenger, Settlement
from bot.errors import DeliveryError
from bot.models import Change, Delivery, Owed, OwedKind, Posted
from bot.models.digest import Digest, Period
from bot.ports import Chat


class DigestCarriers:
    """`of` makes the digest of a period and service. Raises ChatError where Slack did not take it."""

    def __init__(self, of: Callable[[Period, str], Digest], chat: Chat, ops_channel: str) -> None:
        self._of = of
        self._messenger = Messenger(chat, ops_channel)

    def takes(self, owed: Owed) -> bool:
        return owed.kind is OwedKind.DIGEST

    def carry(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        digest = self._of(Period.read(body["period"]), body["service"])
        message = shown.posted(digest, body["by"] or None)
        ref = self._messenger.once(delivery, self._messenger.channel(body["channel"]), message)
        place = {"target": body["channel"], "channel_id": ref.channel_id, "ts": ref.ts}
        return Settlement((Posted(subject=delivery.owed.subject, **place),))

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """It is on no card; the log says it."""
        return None
