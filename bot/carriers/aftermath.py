"""Carries what comes after an incident: the post-mortem's card, file and pull request, issues, and reminders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from blocks import postmortem as look
from bot.actions import LABEL, Actions
from bot.carriers.common import Messenger, Settlement
from bot.errors import ChatError, DeliveryError, TrackerError
from bot.models import (
    ActionItem,
    Change,
    Delivery,
    EventKind,
    Incident,
    MessageRef,
    Owed,
    OwedKind,
    Posted,
    TimelineEvent,
)
from bot.owed import Target
from bot.owed import aftermath as owed
from bot.owed import incidents as owed_to_incident
from bot.ports import Changed, Chat, Clock, Tracker
from bot.postmortems import PostMortems
from bot.reminders import Reminder, Reminders
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
        if not subject:
            return None  # a look at all issues: the next one sees the same
        what = {OwedKind.FILE: "file", OwedKind.PULL_REQUEST: "pull request"}.get(delivery.owed.kind, "issue")
        number = _number(subject)
        item = self._store.action_item(number) if subject.startswith("AI-") else None
        incident = item.incident if item is not None else number
        stated = "open again" if item is not None and item.is_open else "closed"
        still = {"state": stated, "revise": "up to date"}.get(delivery.owed.body.get("what", ""), "there")
        about = subject.replace("PM-", "the post-mortem of INC-")
        text = f"the {what} for {about} is not {still} yet: {error}; it is tried again"
        event = TimelineEvent(incident=incident, at=self._clock(), kind=EventKind.TROUBLE, text=text)
        cards = owed_to_incident.cards(self._store.incident(incident))  # and of its post-mortem, where it is listed
        return Change(timeline=(event,), owed=cards) + self._after.actions.shown(incident)

    def _begin(self, delivery: Delivery) -> Settlement:
        return Settlement(follow=self._after.written.followed(_number(delivery.owed.subject)))

    # -- post-mortems

    def _card(self, delivery: Delivery) -> Settlement:
        """Edited where it stands, else posted under the incident's card."""
        number, target = _number(delivery.owed.subject), str(delivery.owed.body["target"])
        facts = self._after.written.facts(number)
        place = self._store.posted(delivery.owed.subject, target)
        posted = self._messenger.show(
            delivery,
            place,
            self._messenger.channel(target),
            look.card(facts, self._clock()),
            target=target,
            above=lambda: self._above(facts.incident) if target == Target.OPS else None,
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
        self._chat.upload(card.channel_id, card.ts, name, f"Post-mortem of INC-{number}, as of filing", text.encode())
        return Settlement(follow=lambda: self._after.actions.shown(number))

    def _pull_request(self, delivery: Delivery) -> Settlement:
        number = _number(delivery.owed.subject)
        path, text = self._after.written.page(number)
        title = f"Post-mortem of INC-{number}"
        link = self._link(f"INC-{number}")
        body = f"{title}, as it was filed in Slack{f': {link}' if link else '.'}"
        url = self._after.tracker.propose(self._key(f"INC-{number}"), path, text, title, body)
        return Settlement(follow=lambda: self._after.written.proposed(number, url))

    # -- action items

    def _ticket(self, delivery: Delivery) -> Settlement:
        what = delivery.owed.body["what"]
        if what == "look":
            return self._looked(datetime.fromisoformat(delivery.owed.body["since"]))
        number = _number(delivery.owed.subject)
        if what != "open":
            return self._revised(number) if what == "revise" else self._stated(number)
        link = self._link(self._store.incident(self._store.action_item(number).incident).id)
        item, title, body = self._after.actions.issue(number, link)
        ticket = self._after.tracker.open_issue(self._key(item.id), title, body, [LABEL])
        return Settlement(follow=lambda: self._after.actions.tracked(item, ticket, is_after_trouble=delivery.was_shown))

    def _looked(self, since: datetime) -> Settlement:
        """One look at all issues and pull requests. Where it fails, or something changed here meanwhile, the next one
        looks from the same moment on."""
        now, before = self._clock(), self._after.actions.followed()
        if not before and not self._after.written.proposals():
            return Settlement()
        try:
            found = self._after.tracker.changed(since)
        except TrackerError as error:
            if error.code == "ratelimited":
                raise
            log.warning("can't see what changed at the tracker: %s", error)
            return Settlement(follow=lambda: self._look_again(since))
        return Settlement(follow=lambda: self._seen(before, found, since, now))

    def _seen(self, before: Mapping[int, ActionItem], found: Changed, since: datetime, now: datetime) -> Change:
        change, is_all = self._after.actions.seen(before, found.issues)
        return change + self._after.written.answered(found.declined) + self._look_again(now if is_all else since)

    def _look_again(self, since: datetime) -> Change:
        return Change(owed=(owed.look_at_tracker(self._clock() + self._after.actions.look_every, since),))

    def _revised(self, number: int) -> Settlement:
        """Its issue says what changed."""
        item = self._store.action_item(number)
        if item.ticket is not None:
            facts = self._after.actions.issue_facts(item)
            self._takes(item, partial(self._after.tracker.revise_issue, item.ticket, facts))
        return Settlement(follow=lambda: self._after.actions.shown(item.incident))

    def _stated(self, number: int) -> Settlement:
        """Its issue is closed or reopened, as the item is by now. One that was deleted is as good as closed."""
        item, tracker = self._store.action_item(number), self._after.tracker
        if item.ticket is None:
            return Settlement()
        is_there = self._takes(
            item, partial(tracker.reopen_issue if item.is_open else tracker.close_issue, item.ticket)
        )
        is_open = is_there and item.is_open
        return Settlement(follow=lambda: self._after.actions.left(number, is_ticket_open=is_open))

    def _takes(self, item: ActionItem, call: Callable[[], None]) -> bool:
        """False where its issue was deleted."""
        try:
            call()
        except TrackerError as error:
            if error.code != "gone":
                raise
            log.info("the issue of %s is gone: %s", item.id, error)
            return False
        return True

    def _key(self, what: str) -> str:
        """Other installations have an AI-1 too, perhaps in the same repository."""
        return f"{what}/{self._store.installation()}"

    def _link(self, subject: str) -> str:
        """Where the card of this stands; what is said is worth having without it."""
        found = self._store.posted(subject, Target.OPS)
        if found is None:
            return ""
        try:
            return self._chat.link(found.channel_id, found.ts)
        except ChatError as error:
            log.warning("no permalink for the card of %s: %s", subject, error)
            return ""

    # -- reminders

    def _remind(self, delivery: Delivery) -> Settlement:
        subject, body = delivery.owed.subject, delivery.owed.body
        if not subject:
            told = self._after.reminders.told_unowned if body else self._after.reminders.told_overdue
            return self._tell_channel(delivery, told(self._link))
        if body:
            until = datetime.fromisoformat(body["until"]) if body["until"] else None
            self._show_what_became(subject, body["to"], until)
            return Settlement()
        reminder = self._after.reminders.told(subject, self._link)
        if reminder.message is None:
            return Settlement(follow=reminder.follow)
        ref = self._messenger.once(delivery, reminder.channel, reminder.message)
        self._show_what_became(subject, reminder.channel, None, newest=ref)
        posted = Posted(subject=subject, target=reminder.channel, channel_id=ref.channel_id, ts=ref.ts)
        return Settlement((posted,), follow=reminder.follow)

    def _tell_channel(self, delivery: Delivery, told: Reminder) -> Settlement:
        if told.message is None:
            return Settlement()
        self._messenger.once(delivery, self._messenger.channel(told.channel), told.message)
        return Settlement(follow=told.follow)

    def _show_what_became(
        self, subject: str, user: str, until: datetime | None, *, newest: MessageRef | None = None
    ) -> None:
        """The last reminder loses its buttons, in a message that may be gone by now. `newest`: one that stays."""
        place = self._store.posted(subject, user)
        if place is None or (newest is not None and place.ts == newest.ts):
            return
        message = self._after.reminders.became(subject, user, until)
        try:
            self._messenger.edit(MessageRef(place.channel_id, place.ts), message)
        except ChatError as error:
            if error.retryable and newest is None:
                raise
            log.info("an earlier reminder of %s stays as it is: %s", subject, error)


def _number(subject: str) -> int:
    return int(subject.partition("-")[2])
