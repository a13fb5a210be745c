"""Pages by direct message (the Pager port): without PagerDuty, and for whom PagerDuty can't call."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from blocks import pages
from bot.errors import ChatError, Outcome, PagerError
from bot.models import Duty, Means, Message, Page
from bot.ports import Chat, Clock, Reached
from bot.signals import PagerChange

log = logging.getLogger(__name__)

_NAMESPACE = uuid.UUID("5f0c6a3e-9d0f-4c55-8e5b-6f3f0e6a7d21")
_MAX_IN_DOUBT = 1000


class SlackPager:
    """`find_user` answers the Slack id of an e-mail, for those whose duty does not name it."""

    def __init__(self, chat: Chat, clock: Clock, *, find_user: Callable[[str], str | None] = lambda _: None) -> None:
        self._chat = chat
        self._clock = clock
        self._find_user = find_user
        self._in_doubt: dict[str, datetime] = {}
        self._rooms: dict[str, str] = {}

    def page(self, page: Page, to: Duty | None) -> Reached:
        if to is None:
            raise _nobody(f"nobody is on call for {page.service}: set on_call.primary in the config file")
        return self.call(page, to)

    def call(self, page: Page, to: Duty) -> Reached:
        user = to.user_id or (self._find_user(to.email) if to.email else None)
        if user is None:
            raise _nobody(f"{to.name} ({to.role.value}) is not known in Slack: name a Slack user id in on_call")
        self._once(user, pages.page(page, to.role), delivery_id(page, to, user))
        return Reached(Means.MESSAGE)

    def way(self, to: Duty) -> Reached:
        return Reached(Means.MESSAGE)

    def acknowledge(self, key: str, by: str) -> None:
        """Nothing to do: a message pages once, and the card says who has it."""

    def resolve(self, key: str) -> None:
        """Nothing to do: the card says it."""

    def email_of(self, person_id: str) -> str | None:
        """Nobody is known by another id than Slack's."""
        return None

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        """None: people act on the card."""
        return []

    def _once(self, user: str, message: Message, delivery: str) -> None:
        """Post, unless an earlier try did, whose answer was lost."""
        if delivery in self._in_doubt and self._is_there(user, delivery, self._in_doubt[delivery]):
            del self._in_doubt[delivery]
            return
        tried_at = self._clock()
        try:
            self._post(user, message, delivery)
        except ChatError as error:
            if error.outcome is Outcome.UNKNOWN:
                self._remember(delivery, tried_at)
            raise
        self._in_doubt.pop(delivery, None)

    def _post(self, user: str, message: Message, delivery: str) -> None:
        try:
            self._rooms[user] = self._chat.post(user, message, delivery_id=delivery).channel_id
        except ChatError as error:
            if error.code != "invalid_blocks":
                raise
            log.error("Slack refuses blocks of ours, paging with the text alone: %s", error)
            self._chat.post(user, Message(message.text, []), delivery_id=delivery)

    def _remember(self, delivery: str, tried_at: datetime) -> None:
        self._in_doubt.setdefault(delivery, tried_at)
        while len(self._in_doubt) > _MAX_IN_DOUBT:
            self._in_doubt.pop(next(iter(self._in_doubt)))

    def _is_there(self, user: str, delivery: str, since: datetime) -> bool:
        """Slack reads a direct message back by the id of its channel, and with `im:history` only.

        A page twice is better than none (docs.slack.dev/reference/methods/conversations.history).
        """
        try:
            return self._chat.find(self._rooms.get(user, user), delivery, since=since) is not None
        except ChatError as error:
            if error.retryable:
                raise
            log.warning("can't see whether %s was paged already (%s); the page may appear twice", user, error)
            return False


def delivery_id(page: Page, to: Duty, user: str) -> str:
    """The same for each try of one call."""
    asked_at = page.asked_at.isoformat()
    return uuid.uuid5(_NAMESPACE, f"{page.key}\n{to.role.value}\n{user}\n{asked_at}").hex


def _nobody(detail: str) -> PagerError:
    return PagerError("nobody_on_call", retryable=False, detail=detail)
