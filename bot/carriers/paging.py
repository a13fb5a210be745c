"""Carries pages: who is called is looked up when the call is made, and what became of it is said where people look.

While PagerDuty takes no page, whom it should wake gets a direct message meanwhile, once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from blocks import notes, pages
from blocks.alert import summary
from blocks.text import clip
from bot.alert_cards import AlertCards
from bot.cards import Cards
from bot.carriers.common import NEEDLESS, Settlement, showing
from bot.errors import DeliveryError, PagerError
from bot.models import (
    Alert,
    Change,
    Delivery,
    Duty,
    EventKind,
    Incident,
    Means,
    Message,
    Owed,
    OwedKind,
    Page,
    Paged,
    Priority,
    Role,
    TimelineEvent,
)
from bot.owed import alerts as owed
from bot.owed import incidents as owed_to_incident
from bot.ports import Chat, Clock, Pager, Reached, Roster
from bot.store import Store

_SUMMARY, _WHY = 1000, 400  # why somebody is called comes through however much there is to say
_KEYS = 2000  # of pages that are open at once
_MESSAGE_AT_TRY = 2  # of PagerDuty: two tries take some ten seconds at most
Subject = Alert | Incident


class Details(NamedTuple):
    """What a page says besides its summary: what the card shows, in words, and what somebody is called."""

    cards: Cards
    alert_cards: AlertCards
    name_of: Callable[[str], str]

    def of(self, subject: Subject) -> dict[str, str]:
        if isinstance(subject, Alert):
            return pages.of_alert(self.alert_cards.facts(subject))
        return pages.of_incident(self.cards.facts(subject))


class PagingCarriers:
    """Raises PagerError or ChatError where nobody could be called."""

    def __init__(self, store: Store, pager: Pager, roster: Roster, chat: Chat, details: Details, clock: Clock) -> None:
        self._store = store
        self._pager = pager
        self._roster = roster
        self._chat = chat
        self._details = details
        self._clock = clock

    def takes(self, owed: Owed) -> bool:
        return owed.kind in (OwedKind.PAGE, OwedKind.PAGER)

    def carry(self, delivery: Delivery) -> Settlement:
        return self._page(delivery) if delivery.owed.kind is OwedKind.PAGE else self._tell(delivery)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """The card says that paging fails, how often it was tried, and whom to call by hand.

        From the second try on, or the first where no other can help, they have a direct message besides.
        """
        is_late = delivery.attempts >= _MESSAGE_AT_TRY or not error.retryable
        if delivery.owed.kind is OwedKind.PAGE and is_late and _is_pagerdutys(error):
            meanwhile = self._meanwhile(delivery, error)
            if meanwhile is not None:
                return meanwhile
        return showing(self._store, delivery.owed.subject)

    def _tell(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        if delivery.is_aside and self._is_void(delivery.owed):
            return Settlement()
        if body["action"] == "acknowledge":
            user = body.get("user")
            self._pager.acknowledge(body["key"], body["by"] or (self._details.name_of(user) if user else ""))
        else:
            self._pager.resolve(body["key"])
        return Settlement()

    def _is_void(self, row: Owed) -> bool:
        """What stepped aside lost its place in the lane: people may be called anew for what it would end."""
        if row.body["action"] == "acknowledge":
            return self._subject(row.subject).awaits
        return self._rings(row.body["key"])

    def _rings(self, key: str) -> bool:
        return key in self._store.open_page_keys(limit=_KEYS)

    def _page(self, delivery: Delivery) -> Settlement:
        """1. still needed? 2. who has the role now, 3. call, 4. say under the card what became of it."""
        body, subject = delivery.owed.body, self._subject(delivery.owed.subject)
        role = Role(body["role"])
        if not _is_needed(subject, role, body):
            return NEEDLESS
        before = self._store.alert(body["instead_of"]) if body.get("instead_of") else None
        if before is not None and before.was_rung:
            return Settlement(follow=lambda: self._taken_over(delivery.owed.subject, before), is_needless=True)
        duty = self._duty(subject, role, body)
        if duty is None and role is not Role.PRIMARY:
            return Settlement(follow=lambda: self._nobody(delivery.owed.subject, role))
        page = self._words(subject, delivery)
        if duty is not None and role is not Role.PRIMARY:
            reached = self._pager.call(page, duty)
        else:
            reached = self._pager.page(page, duty)
        called = duty or Duty(role=role, name="the primary on call")
        return Settlement(follow=lambda: self._called(delivery, called, reached))

    def _duty(self, subject: Subject, role: Role, body: dict[str, Any]) -> Duty | None:
        return self._asked(body) if role is Role.ASKED else self._on_duty(subject.service, role)

    def _subject(self, subject: str) -> Subject:
        number = int(subject.partition("-")[2])
        return self._store.alert(number) if subject.startswith("AL-") else self._store.incident(number)

    def _on_duty(self, service: str, role: Role) -> Duty | None:
        """Who has the role. When the roster can't be asked, the pager itself still knows its primary."""
        try:
            return next((duty for duty in self._roster.on_call(service) if duty.role is role), None)
        except PagerError:
            if role is Role.PRIMARY:
                return None
            raise

    def _asked(self, body: dict[str, Any]) -> Duty:
        return Duty(role=Role.ASKED, name=body["name"], user_id=body.get("user"), email=body.get("email"))

    def _words(self, subject: Subject, delivery: Delivery) -> Page:
        body = delivery.owed.body
        if isinstance(subject, Alert):
            alarm = subject.alarm
            text, source = summary(subject), f"{alarm.account} {alarm.region}".strip()
        else:
            text, source = subject.impact, "declared in Slack"
        why = f" ({clip(str(body['why']), _WHY)})" if body.get("why") else ""
        return Page(
            key=_key(subject, delivery.owed),
            summary=f"{clip(text, _SUMMARY - len(why))}{why}",
            severity=subject.severity,
            service=subject.service or "unknown service",
            source=source or "CloudWatch",
            asked_at=delivery.created_at,
            is_anew=body["role"] == Role.ASKED or bool(body.get("again")),
            link=self._link(subject),
            details=self._details.of(subject),
        )

    def _link(self, subject: Subject) -> str | None:
        """The card, where it stands already: a page never waits for it."""
        targets = owed.places(subject) if isinstance(subject, Alert) else ("ops",)
        place = self._store.posted(subject.id, targets[0])
        return self._chat.link(place.channel_id, place.ts) if place else None

    # -- what follows

    def _taken_over(self, subject: str, before: Alert) -> Change:
        """The page rang for the alert whose place this one took meanwhile: it is the same call."""
        alert = self._subject(subject)
        assert isinstance(alert, Alert)
        after = alert.changed(paged=(*before.paged, *alert.paged))
        return Change(alerts=(after,), owed=owed.cards(after) if after.has_stood else ())

    def _called(self, delivery: Delivery, duty: Duty, reached: Reached) -> Change:
        subject, why = self._subject(delivery.owed.subject), str(delivery.owed.body.get("why", ""))
        if reached.earlier_at is not None:
            return self._called_before(subject, duty, reached)
        key = _key(subject, delivery.owed)
        before = _made_by(subject, delivery)
        paged = Paged(
            at=before.at if before else self._clock(),
            role=duty.role,
            name=duty.name,
            user_id=duty.user_id,
            means=reached.means,
            why_not=reached.why_not,
            call=delivery.owed.id,
        )
        return self._ended_meanwhile(subject, key) + self._paged(
            subject,
            paged,
            key,
            notes.paged(subject.id, paged, why, mentions=before is None),
            notes.paged(subject.id, paged, why, mentions=False),
        )

    def _ended_meanwhile(self, subject: Subject, key: str) -> Change:
        """It ended while somebody was called, who may ring behind what ended it."""
        goes_on = subject.is_firing if isinstance(subject, Alert) else subject.is_open
        return Change() if goes_on or self._rings(key) else Change(owed=(owed.pager(subject, key, "resolve"),))

    def _meanwhile(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """A direct message to whom PagerDuty should wake; None where they have it, or nobody here is known to be it."""
        body, subject = delivery.owed.body, self._subject(delivery.owed.subject)
        role = Role(body["role"])
        if _made_by(subject, delivery) or not _is_needed(subject, role, body):
            return None
        try:
            duty = self._duty(subject, role, body)
        except PagerError:
            return None
        if duty is None or duty.user_id is None:
            return None
        paged = Paged(
            at=self._clock(),
            role=role,
            name=duty.name,
            user_id=duty.user_id,
            means=Means.MESSAGE,
            why_not=f"it fails ({error.code})",
            call=delivery.owed.id,
        )
        message = pages.page(self._words(subject, delivery), role)
        row = owed.page_message(subject, duty.user_id, message)
        said = (notes.not_paged(subject.id, paged, mentions=True), notes.not_paged(subject.id, paged, mentions=False))
        return Change(owed=(row,)) + self._paged(subject, paged, _key(subject, delivery.owed), *said)

    def _paged(self, subject: Subject, paged: Paged, key: str, message: Message, elsewhere: Message) -> Change:
        """It is on record, and said under the card; without a mention in the incident's own channel: one is enough."""
        calls = (*(one for one in subject.paged if not paged.call or one.call != paged.call), paged)
        if isinstance(subject, Alert):
            after = subject.changed(paged=calls)
            change = Change(alerts=(after,), owed=self._noted(after, message))
            if after.incident is None:
                return change
            return change + Change(timeline=(_line(after.incident, paged, self._clock()),))
        incident = subject.changed(paged=calls, page_keys=tuple(dict.fromkeys([*subject.page_keys, key])))
        rows = (
            *owed_to_incident.note(incident, message, elsewhere=elsewhere),
            *owed_to_incident.cards(incident),
        )
        return Change(incidents=(incident,), timeline=(_line(incident.number, paged, self._clock()),), owed=rows)

    def _called_before(self, subject: Subject, duty: Duty, reached: Reached) -> Change:
        """Nothing was sent, so nothing is on record but what they said to the call before. While it waits for somebody
        that is told once for the same call, behind all that has news."""
        assert reached.earlier_at is not None
        known = (subject.id, duty, reached.earlier_at, reached.answer)
        said = [notes.called_before(*known, mentions=mentions) for mentions in (True, False)]
        words = f"{duty.name} ({duty.role.value}) was called already at {reached.earlier_at:%H:%M} UTC"
        number = subject.incident if isinstance(subject, Alert) else subject.number
        change = Change() if number is None else self._noted_that(number, f"{words}, {reached.answer}")
        if isinstance(subject, Incident):
            return change + Change(owed=owed_to_incident.note(subject, said[0], elsewhere=said[1]))
        if not subject.has_stood:
            return change
        note = owed.note(subject, said[0], while_it_waits=True)
        same = f"called:{subject.id}:{duty.user_id or duty.name}:{reached.earlier_at.isoformat()}"
        return change + Change(owed=(note.model_copy(update={"coalesce": same, "priority": Priority.COMFORT}),))

    def _noted_that(self, number: int, words: str) -> Change:
        return Change(timeline=(TimelineEvent(incident=number, at=self._clock(), kind=EventKind.TROUBLE, text=words),))

    def _noted(self, alert: Alert, message: Message) -> tuple[Owed, ...]:
        return (*owed.cards(alert), owed.note(alert, message)) if alert.has_stood else ()

    def _nobody(self, subject_id: str, role: Role) -> Change:
        subject = self._subject(subject_id)
        message = notes.nobody(subject.id, role)
        if isinstance(subject, Alert):
            return Change(owed=self._noted(subject, message))
        return Change(owed=owed_to_incident.note(subject, message))


def _key(subject: Subject, row: Owed) -> str:
    """The page that it was about when it was owed; a row of an earlier version does not tell."""
    return str(row.body.get("key") or owed.page_key(subject))


def _is_needed(subject: Subject, role: Role, body: dict[str, Any]) -> bool:
    """Somebody asked for by name is called as long as it goes on; for the others the page is over once it is taken, or
    another alert pages in its place."""
    goes_on = subject.is_firing if isinstance(subject, Alert) else subject.is_open
    waits = subject.awaits and (subject.pages if isinstance(subject, Alert) else True)
    return goes_on and (waits or role is Role.ASKED or bool(body.get("again")))


def _is_pagerdutys(error: DeliveryError) -> bool:
    """A direct message would not help where nobody is known to call, or Slack itself fails."""
    return isinstance(error, PagerError) and error.code != "nobody_on_call"


def _made_by(subject: Subject, delivery: Delivery) -> Paged | None:
    """What an earlier try of this row did already."""
    return next((one for one in subject.paged if one.call == delivery.owed.id), None)


def _line(number: int, paged: Paged, now: datetime) -> TimelineEvent:
    return TimelineEvent(incident=number, at=now, kind=EventKind.PAGED, about=paged.user_id, text=paged.told)
