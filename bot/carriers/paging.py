"""Carries pages: who is called is looked up when the call is made, and what became of it stands on the card."""

from __future__ import annotations

from typing import Any

from blocks import notes, pages
from blocks.alert import summary
from blocks.text import clip
from bot.alert_cards import AlertCards
from bot.cards import Cards
from bot.carriers.common import Settlement, showing
from bot.errors import DeliveryError, PagerError
from bot.models import (
    Alert,
    Change,
    Delivery,
    Duty,
    EventKind,
    Incident,
    Message,
    Owed,
    OwedKind,
    Page,
    Paged,
    Role,
    TimelineEvent,
)
from bot.owed import alerts as owed
from bot.owed import incidents as owed_to_incident
from bot.ports import Chat, Clock, Pager, Roster
from bot.store import Store

_SUMMARY, _WHY = 1000, 400  # why somebody is called comes through however much there is to say
Subject = Alert | Incident


class Details:
    """What a page says besides its summary: what the card shows, in words."""

    def __init__(self, cards: Cards, alert_cards: AlertCards) -> None:
        self._cards = cards
        self._alert_cards = alert_cards

    def of(self, subject: Subject) -> dict[str, str]:
        if isinstance(subject, Alert):
            return pages.of_alert(self._alert_cards.facts(subject))
        return pages.of_incident(self._cards.facts(subject))


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
        """The card says that paging fails, how often it was tried, and whom to call by hand."""
        return showing(self._store, delivery.owed.subject)

    def _tell(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        if body["action"] == "acknowledge":
            self._pager.acknowledge(body["key"], body["by"])
        else:
            self._pager.resolve(body["key"])
        return Settlement()

    def _page(self, delivery: Delivery) -> Settlement:
        """1. still needed? 2. who has the role now, 3. call, 4. say so under the card."""
        body, subject = delivery.owed.body, self._subject(delivery.owed.subject)
        role = Role(body["role"])
        if not _is_needed(subject, role, body):
            return Settlement()
        duty = self._asked(body) if role is Role.ASKED else self._on_duty(subject.service, role)
        if duty is None and role is not Role.PRIMARY:
            return Settlement(follow=lambda: self._nobody(delivery.owed.subject, role))
        page = self._words(subject, body)
        if role is Role.PRIMARY:
            self._pager.page(page, duty)
        elif duty is not None:
            self._pager.call(page, duty)
        called = duty or Duty(role=role, name="the primary on call")
        return Settlement(follow=lambda: self._called(delivery.owed.subject, called, str(body.get("why", ""))))

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

    def _words(self, subject: Subject, body: dict[str, Any]) -> Page:
        if isinstance(subject, Alert):
            alarm = subject.alarm
            text, source = summary(subject), f"{alarm.account} {alarm.region}".strip()
        else:
            text, source = subject.impact, "declared in Slack"
        why = f" ({clip(str(body['why']), _WHY)})" if body.get("why") else ""
        head = f"{subject.severity.label} {subject.service}: {text}"
        return Page(
            key=self._key(subject),
            summary=f"{clip(head, _SUMMARY - len(why))}{why}",
            severity=subject.severity,
            service=subject.service or "unknown service",
            source=source or "CloudWatch",
            link=self._link(subject),
            details=self._details.of(subject),
        )

    def _key(self, subject: Subject) -> str:
        """The page that stands for it at the pager, so that its end ends all calls."""
        return subject.page_keys[0] if isinstance(subject, Incident) and subject.page_keys else subject.page_key

    def _link(self, subject: Subject) -> str | None:
        """The card, where it stands already: a page never waits for it."""
        targets = owed.places(subject) if isinstance(subject, Alert) else ("ops",)
        place = self._store.posted(subject.id, targets[0])
        return self._chat.link(place.channel_id, place.ts) if place else None

    # -- what follows

    def _called(self, subject_id: str, duty: Duty, why: str) -> Change:
        now, subject = self._clock(), self._subject(subject_id)
        paged = Paged(at=now, role=duty.role, name=duty.name, user_id=duty.user_id)
        message = notes.paged(subject.id, duty.role, duty.user_id, duty.name, why)
        if isinstance(subject, Alert):
            after = subject.changed(paged=(*subject.paged, paged))
            change = Change(alerts=(after,), owed=self._noted(after, message))
            if after.incident is None:
                return change
            return change + Change(timeline=(_line(after.incident, paged),))
        keys = subject.page_keys or (subject.page_key,)
        incident = subject.changed(paged=(*subject.paged, paged), page_keys=keys)
        rows = (*owed_to_incident.note(incident, message), *owed_to_incident.cards(incident))
        return Change(incidents=(incident,), timeline=(_line(incident.number, paged),), owed=rows)

    def _noted(self, alert: Alert, message: Message) -> tuple[Owed, ...]:
        return (*owed.cards(alert), owed.note(alert, message)) if alert.has_stood else ()

    def _nobody(self, subject_id: str, role: Role) -> Change:
        subject = self._subject(subject_id)
        message = notes.nobody(subject.id, role)
        if isinstance(subject, Alert):
            return Change(owed=self._noted(subject, message))
        return Change(owed=owed_to_incident.note(subject, message))


def _is_needed(subject: Subject, role: Role, body: dict[str, Any]) -> bool:
    """Somebody asked for by name is called as long as it goes on; for the others the page is over once it is taken."""
    goes_on = subject.is_firing if isinstance(subject, Alert) else subject.is_open
    return goes_on and (subject.awaits or role is Role.ASKED or bool(body.get("again")))


def _line(number: int, paged: Paged) -> TimelineEvent:
    words = paged.role.value if paged.user_id else f"{paged.name} ({paged.role.value})"
    return TimelineEvent(incident=number, at=paged.at, kind=EventKind.PAGED, about=paged.user_id, text=words)
