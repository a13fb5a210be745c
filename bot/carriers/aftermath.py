"""Carries what comes after an incident: the post-mortem's card, file and pull request, issues, and reminders."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from blocks import postmortem as look
from bot.actions import LABEL, Actions
from bot.carriers.common import Messenger, Settlement
from bot.errors import ChatError, DeliveryError, TrackerError
from bot.models import Change, Delivery, EventKind, Incident, MessageRef, Owed, OwedKind, TimelineEvent
from bot.owed import Target
from bot.owed import aftermath as owed
from bot.owed import incidents as owed_to_incident
from bot.ports import Chat, Clock, Tracker
from bot.postmortems import PostMortems
from bot.reminders import Reminders
from bot.store import Store

log = logging.getLogger(__name__)

_ARCHIVED = frozenset({"is_archived", "is_inactive"})  # the latter is chat.update's word for it


class Aftermath(NamedTuple):
    """The use cases of what comes after an incident, and where it is tracked."""

    written: PostMortems
    actions: Actions
    reminders: Reminders
    tracker: Tracker


class AftermathCarriers:
    """One method a kind. Raises ChatError where Slack, TrackerError where GitHub did not take it."""

    def __init__(self, after: Aftermath, store: Store, chat: Chat, clock: Clock, ops: str) -> None:
        self._after = after
        self._store = store
        self._chat = chat
        self._clock = clock
        self._messenger = Messenger(chat, ops)
        self._carry: dict[OwedKind, Callable[[Delivery], Settlement]] = {
            OwedKind.AFTERMATH: self._begin,
            OwedKind.POST_MORTEM: self._card,
            OwedKind.FILE: self._file,
            OwedKind.PULL_REQUEST: self._pull_request,
            OwedKind.TICKET: self._ticket,
            OwedKind.REMIND: self._remind,
        }

    def takes(self, owed: Owed) -> bool:
        return owed.kind in self._carry

    def carry(self, delivery: Delivery) -> Settlement:
        """Do it; an incident channel that people have archived is left in peace."""
        try:
            return self._carry[delivery.owed.kind](delivery)
        except ChatError as error:
            target = delivery.owed.body.get("target", Target.OPS)
            if error.code not in _ARCHIVED or target == Target.OPS:
                raise
            log.info("the channel of %s is archived: no %s there", delivery.owed.subject, delivery.owed.kind)
            return Settlement()

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """What has to be seen by people: a file or an issue that is not there."""
        if delivery.owed.kind not in (OwedKind.FILE, OwedKind.PULL_REQUEST, OwedKind.TICKET):
            return None
        subject = delivery.owed.subject
        what = {OwedKind.FILE: "file", OwedKind.PULL_REQUEST: "pull request"}.get(delivery.owed.kind, "issue")
        still = "closed" if delivery.owed.body.get("what") == "close" else "there"
        number = _number(subject)
        incident = self._store.action_item(number).incident if subject.startswith("AI-") else number
        text = f"the {what} for {subject.replace('PM-', 'the post-mortem of INC-')} is not {still} yet: {error}"
        event = TimelineEvent(incident=incident, at=self._clock(), kind=EventKind.TROUBLE, text=text)
        return Change(timeline=(event,), owed=owed_to_incident.cards(self._store.incident(incident)))

    def _begin(self, delivery: Delivery) -> Settlement:
        return Settlement(follow=self._after.written.followed(_number(delivery.owed.subject)))

    # -- post-mortems

    def _card(self, delivery: Delivery) -> Settlement:
        """Edited where it stands, else posted under the incident's card."""
        number, target = _number(delivery.owed.subject), str(delivery.owed.body["target"])
        facts = self._after.written.facts(number)
        place = self._store.posted(delivery.owed.subject, target)
        above = self._above(facts.incident) if target == Target.OPS and place is None else None
        channel = above.channel_id if above else self._messenger.channel(target)
        posted = self._messenger.show(
            delivery,
            place,
            channel,
            look.card(facts, self._clock()),
            target=target,
            thread_ts=above.ts if above else None,
        )
        return Settlement((posted,) if posted else ())

    def _above(self, incident: Incident) -> MessageRef:
        found = self._store.posted(incident.id, Target.OPS)
        if found is None:
            raise ChatError("card_not_posted", retryable=True, detail="its card comes first")
        return MessageRef(found.channel_id, found.ts)

    def _file(self, delivery: Delivery) -> Settlement:
        """Slack can't be asked whether a file arrived: after an unknown outcome it comes a second time."""
        number = _number(delivery.owed.subject)
        path, text = self._after.written.page(number)
        card = self._above(self._store.incident(number))
        name = path.rsplit("/", 1)[-1]
        self._chat.upload(card.channel_id, card.ts, name, f"Post-mortem of INC-{number}", text.encode())
        return Settlement()

    def _pull_request(self, delivery: Delivery) -> Settlement:
        number = _number(delivery.owed.subject)
        path, text = self._after.written.page(number)
        title = f"Post-mortem of INC-{number}"
        link = self._link(self._store.incident(number))
        body = f"{title}, as it was filed in Slack{f': {link}' if link else '.'}"
        url = self._after.tracker.propose(self._key(f"INC-{number}"), path, text, title, body)
        return Settlement(follow=lambda: self._after.written.proposed(number, url))

    # -- action items

    def _ticket(self, delivery: Delivery) -> Settlement:
        number, what = _number(delivery.owed.subject), delivery.owed.body["what"]
        if what == "follow":
            return self._followed(number)
        if what == "close":
            return self._closed(number)
        link = self._link(self._store.incident(self._store.action_item(number).incident))
        item, title, body = self._after.actions.issue(number, link)
        ticket = self._after.tracker.open_issue(self._key(item.id), title, body, [LABEL])
        return Settlement(follow=lambda: self._after.actions.tracked(number, ticket))

    def _followed(self, number: int) -> Settlement:
        """One that can't be looked at now is looked at again like one that is open."""
        item = self._store.action_item(number)
        if item.ticket is None or not item.is_open:
            return Settlement()
        try:
            ticket = self._after.tracker.issue(item.ticket)
        except TrackerError as error:
            if error.retryable:
                raise
            log.warning("the issue of %s can't be looked at: %s", item.id, error)
            return Settlement(follow=lambda: self._later(number))
        return Settlement(follow=self._after.actions.seen(number, ticket))

    def _closed(self, number: int) -> Settlement:
        """An issue that was deleted is as good as closed."""
        item = self._store.action_item(number)
        if item.ticket is None:
            return Settlement()
        try:
            self._after.tracker.close_issue(item.ticket)
        except TrackerError as error:
            if error.code != "gone":
                raise
            log.info("the issue of %s is gone: %s", item.id, error)
        return Settlement()

    def _key(self, what: str) -> str:
        """Other installations have an AI-1 too, perhaps in the same repository."""
        return f"{what}/{self._store.installation()}"

    def _later(self, number: int) -> Change:
        item = self._store.action_item(number)
        return Change(owed=(owed.ticket(item, "follow", self._after.actions.look_at()),) if item.is_open else ())

    def _link(self, incident: Incident) -> str:
        """The incident's card; an issue is worth having without it."""
        found = self._store.posted(incident.id, Target.OPS)
        if found is None:
            return ""
        try:
            return self._chat.link(found.channel_id, found.ts)
        except ChatError as error:
            log.warning("no permalink for the card of %s: %s", incident.id, error)
            return ""

    # -- reminders

    def _remind(self, delivery: Delivery) -> Settlement:
        reminder = self._after.reminders.told(delivery.owed.subject)
        if reminder.message is not None:
            self._messenger.once(delivery, self._messenger.channel(reminder.channel), reminder.message)
        return Settlement(follow=reminder.follow)


def _number(subject: str) -> int:
    return int(subject.partition("-")[2])
