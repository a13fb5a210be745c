"""What the changes of an alert owe: its cards, notes under them, pages, events on the bus, e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.models import Alert, Duty, Incident, Message, Owed, OwedKind, Priority, Role, Severity, Storm
from bot.owed import Target
from bot.ports import Event

_MAIL_WAITS = timedelta(minutes=1)
_EVENTS_AT_ONCE = 10  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html


def cards(alert: Alert, *, is_first: bool = False) -> tuple[Owed, ...]:
    """The card in each channel of the alert; under another card only where that one stands."""
    return tuple(_card(alert, channel, is_first=is_first) for channel in places(alert))


def places(alert: Alert) -> tuple[str, ...]:
    """Where its card stands: by the name of the channel, `ops` for the incident channel."""
    channels = alert.channels or (Target.OPS.value,)
    return channels if alert.lead is None and alert.incident is None else channels[:1]


def _card(alert: Alert, channel: str, *, is_first: bool) -> Owed:
    lane = f"card:{alert.number}:alert:{channel}"
    return Owed(
        kind=OwedKind.ALERT,
        lane=lane,
        coalesce=lane,
        pace=f"post:{channel}" if is_first else f"edit:{alert.id}:{channel}",
        subject=alert.id,
        priority=_priority(alert),
        body={"target": channel},
    )


def _priority(alert: Alert) -> Priority:
    """In one channel an incident's template and card go before the cards of many alerts; what is over or hidden comes
    last."""
    if not alert.is_firing or alert.is_hidden or alert.severity > Severity.SEV2:
        return Priority.COMFORT
    return Priority.TEMPLATE if alert.severity is Severity.SEV1 else Priority.NORMAL


def note(alert: Alert, message: Message, *, while_it_waits: bool = False, presses: bool = False) -> Owed:
    """A message under the alert's card; one for `while_it_waits` is dropped when somebody has it or it is over.

    One that `presses`, since it says what people are to do by hand, is as urgent as the card.
    """
    channel = places(alert)[0]
    usual = Priority.NORMAL if alert.severity is Severity.SEV1 else Priority.COMFORT  # before no card as bad as its own
    return Owed(
        kind=OwedKind.POST,
        lane=f"thread:{alert.id}",
        pace=f"post:{channel}",
        subject=alert.id,
        priority=min(usual, _priority(alert)) if presses else usual,
        body={
            "text": message.text,
            "blocks": message.blocks,
            "thread": True,
            "target": channel,
            **({"while_it_waits": True} if while_it_waits else {}),
        },
    )


def post(channel: str, message: Message, subject: str = "") -> Owed:
    """A message in a channel, or to a person, about no card."""
    body = {"text": message.text, "blocks": message.blocks, "channel": channel}
    return Owed(kind=OwedKind.POST, lane=f"post:{channel}", pace=f"post:{channel}", subject=subject, body=body)


def unreadable(channel: str, message: Message) -> Owed:
    """What can't be read, shown behind all that can."""
    row = post(channel, message)
    return row.model_copy(update={"lane": "unreadable:raw", "priority": Priority.COMFORT})


def flood(channel: str, *, since: datetime, due: datetime) -> Owed:
    """How many messages could not be read since then, counted when it is told."""
    return Owed(
        kind=OwedKind.POST,
        lane="unreadable",
        pace=f"post:{channel}",
        coalesce="unreadable",
        priority=Priority.COMFORT,
        body={"channel": channel, "unreadable_since": since.isoformat()},
        not_before=due,
    )


def page_key(subject: Alert | Incident) -> str:
    """The page that stands for it at the pager, so that its end ends all calls."""
    return subject.page_keys[0] if isinstance(subject, Incident) and subject.page_keys else subject.page_key


def page(subject: Alert | Incident, role: Role, why: str = "", **more: Any) -> Owed:
    """Somebody is to be called about it: whoever has this role by then."""
    body = {"key": page_key(subject), "role": role.value, "why": why, **more}
    return _to_pager(OwedKind.PAGE, subject, body["key"], body)


def page_by_name(subject: Alert | Incident, duty: Duty, why: str) -> Owed:
    """Somebody is wanted by name; nobody else's page is waited for. While one call waits for the pager, another would
    ring as soon as that."""
    row = page(subject, Role.ASKED, why, name=duty.name, user=duty.user_id, email=duty.email)
    lane = f"{row.lane}:{duty.user_id or duty.name}"
    return row.model_copy(update={"lane": lane, "coalesce": lane})


def page_message(subject: Alert | Incident, user: str, message: Message) -> Owed:
    """The direct message that pages while the pager does not."""
    body = {"text": message.text, "blocks": message.blocks, "channel": user}
    row = _to_pager(OwedKind.POST, subject, f"{user}:{subject.id}", body)
    return row.model_copy(update={"pace": f"post:{user}"})


def pager(subject: Alert | Incident, key: str, action: str, by: str = "", *, user: str | None = None) -> Owed:
    """The pager is to know that a page was acknowledged or is over; `by` in words, or by this user."""
    return _to_pager(OwedKind.PAGER, subject, key, {"key": key, "action": action, "by": by, "user": user})


def _to_pager(kind: OwedKind, subject: Alert | Incident, key: str, body: dict[str, Any]) -> Owed:
    """All that the pager hears of one page, whether by its alert or by its incident, is in one lane: what was resolved
    rings again, and what rings is resolved, in the order in which it happened."""
    return Owed(
        kind=kind,
        lane=f"page:{key}",
        pace=f"{kind.value}:{subject.id}",
        subject=subject.id,
        priority=Priority.URGENT if subject.severity is Severity.SEV1 else Priority.PAGE,
        body=body,
    )


def events(events: Sequence[Event]) -> tuple[Owed, ...]:
    """Events for the bus, as many in one call as it takes."""
    rows = [{"type": event.type, "detail": dict(event.detail)} for event in events]
    chunks = [rows[start : start + _EVENTS_AT_ONCE] for start in range(0, len(rows), _EVENTS_AT_ONCE)]
    return tuple(
        Owed(kind=OwedKind.EVENTS, lane="bus", pace="bus", priority=Priority.COMFORT, body={"events": chunk})
        for chunk in chunks
    )


def mail(subject: str, topic: str, title: str, text: str) -> Owed:
    """An e-mail to the subscribers of an SNS topic."""
    body = {"topic": topic, "title": title, "text": text}
    return Owed(kind=OwedKind.MAIL, lane=f"mail:{topic}", pace=f"mail:{topic}", subject=subject, body=body)


def first_mail(subject: str, topic: str, title: str, text: str, *, card: Owed, now: datetime) -> Owed:
    """One that links to a card which is to be posted: after its first try, or a minute later without the link."""
    row = mail(subject, topic, title, text)
    lane = f"{row.lane}:{subject}"  # others of the topic need not wait for this card
    return row.model_copy(update={"lane": lane, "after": card.id, "patient": False, "until": now + _MAIL_WAITS})


def storm(storm: Storm, *, is_first: bool = False) -> Owed:
    """The rolling summary that stands for a storm's alerts."""
    lane = storm.id
    pace = f"post:{storm.channel}" if is_first else f"edit:{storm.id}"
    return Owed(
        kind=OwedKind.STORM,
        lane=lane,
        coalesce=lane,
        pace=pace,
        subject=storm.id,
        priority=Priority.TEMPLATE,
        body={"channel": storm.channel},
    )
