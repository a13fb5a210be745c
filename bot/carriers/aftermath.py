"""Carries what comes after an incident: the post-mortem's card, file and pull request, issues, and reminders."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from blocks import postmortem as look
from bot.actions import LABEL, Actions
from bot.carriers.common import Messenger, Settlement
from bot.errors import ChatError, DeliveryError, TrackerError
from bot.models import Change, Delivery, EventKind, Incident, MessageRef, Owed, OwedKind, Posted, TimelineEvent
from bot.owed import Target
from bot.owed import incidents as owed_to_incident
from bot.ports import Chat, Clock, Tracker
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
        still = {"close": "closed", "revise": "up to date"}.get(delivery.owed.body.get("what", ""), "there")
        number = _number(subject)
        incident = self._store.action_item(number).incident if subject.startswith("AI-") else number
        text = f"the {what} for {subject.replace('PM-', 'the post-mortem of INC-')} is not {still} yet: {error}"
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
        self._chat.upload(card.channel_id, card.ts, name, f"Post-mortem of INC-{number}", text.encode())
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
            return self._changed(number, is_done=what == "close")
        link = self._link(self._store.incident(self._store.action_item(number).incident).id)
        item, title, body = self._after.actions.issue(number, link)
        ticket = self._after.tracker.open_issue(self._key(item.id), title, body, [LABEL])
        return Settlement(follow=lambda: self._after.actions.tracked(item, ticket))

    def _looked(self, since: datetime) -> Settlement:
        """One look at all issues. Where it fails, the next one looks at what this one would have seen."""
        now = self._clock()
        if not self._after.actions.open_tickets():
            return Settlement()
        try:
            closed = self._after.tracker.closed_issues(since)
        except TrackerError as error:
            if error.code == "ratelimited":
                raise
            log.warning("can't see which issues were closed: %s", error)
            return Settlement(follow=self._after.actions.seen([], since))
        return Settlement(follow=self._after.actions.seen(closed, now))

    def _changed(self, number: int, *, is_done: bool) -> Settlement:
        """An issue that was deleted is as good as closed."""
        item = self._store.action_item(number)
        if item.ticket is None:
            return Settlement()
        try:
            if is_done:
                self._after.tracker.close_issue(item.ticket)
            else:
                self._after.tracker.revise_issue(item.ticket, self._after.actions.issue_facts(item))
        except TrackerError as error:
            if error.code != "gone":
                raise
            log.info("the issue of %s is gone: %s", item.id, error)
        return Settlement(follow=lambda: self._after.actions.shown(item.incident))

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
