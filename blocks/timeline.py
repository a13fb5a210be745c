"""Timeline events in words, and the pages of the timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from blocks.ids import Action, View
from blocks.rich import Line, bullets, moment, own, url, user, words
from blocks.text import Block, button, context, label
from bot.models import EventKind, Incident, TimelineEvent

PAGE = 25  # events on one page of the modal
_SHORT = 120
_LONG = 600


def _by(event: TimelineEvent, verb: str, text: Line) -> Line:
    """`resolved by Ana: rolled back`, or without the colon where nothing was said."""
    reason = [own(": "), *text] if event.text else []
    return [own(f"{verb} by "), user(event.actor), *reason]


def _assigned(event: TimelineEvent, _: Line) -> Line:
    if event.actor == event.about:
        return [user(event.actor), own(" took command")]
    return [user(event.actor), own(" gave command to "), user(event.about)]


def _message(event: TimelineEvent, text: Line) -> Line:
    link = [own(" ("), url(event.source, "message"), own(")")] if event.source else []
    return [user(event.about), own(" said: "), *text, *link, own(", added by "), user(event.actor)]


def _linked(event: TimelineEvent, text: Line) -> Line:
    return [user(event.actor), own(" linked "), *([url(event.source, event.text)] if event.source else text)]


def _afterwards(event: TimelineEvent, text: Line) -> Line:
    whom = [own(" "), user(event.about)] if event.about else []
    return [*text, *whom, *([own(", by "), user(event.actor)] if event.actor else [])]


_PHRASES: dict[EventKind, Callable[[TimelineEvent, Line], Line]] = {
    EventKind.DECLARED: lambda e, t: _by(e, "declared", t),
    EventKind.ACKNOWLEDGED: lambda e, t: _by(e, "acknowledged", t),
    EventKind.ASSIGNED: _assigned,
    EventKind.JOINED: lambda e, t: [user(e.actor), own(" joined")],
    EventKind.SEVERITY: lambda e, t: _by(e, "severity changed", t),
    EventKind.STATUS: lambda e, t: _by(e, "status changed", t),
    EventKind.UPDATE: lambda e, t: _by(e, "update", t),
    EventKind.NOTE: lambda e, t: _by(e, "note", t),
    EventKind.MESSAGE: _message,
    EventKind.LINK: _linked,
    EventKind.RESOLVED: lambda e, t: _by(e, "resolved", t),
    EventKind.REOPENED: lambda e, t: _by(e, "reopened", t),
    EventKind.CANCELLED: lambda e, t: _by(e, "cancelled", t),
    EventKind.MERGED: lambda e, t: [*t, own(" by "), user(e.actor)],
    EventKind.CHANNEL: lambda e, t: t,
    EventKind.ALARM: lambda e, t: t,
    EventKind.PAGED: lambda e, t: [own("paged "), *([user(e.about), own(" as ")] if e.about else []), *t],
    EventKind.REMINDED: lambda e, t: [own("asked for an update after "), *t],
    EventKind.CAUSE: lambda e, t: [own("root cause: "), *t],
    EventKind.FIX: lambda e, t: [*t, *([own(", by "), user(e.actor)] if e.actor else [])],
    EventKind.POST_MORTEM: _afterwards,
    EventKind.ACTION_ITEM: lambda e, t: [user(e.actor), own(": action item for "), user(e.about), own(": "), *t],
    EventKind.TROUBLE: lambda e, t: [own("⚠ "), *t],
    EventKind.REPAIRED: lambda e, t: [own("repaired: "), *t],
}


def line(event: TimelineEvent, limit: int = _LONG) -> Line:
    """One event, its time in the reader's zone."""
    return [moment(event.at), own(" "), *_PHRASES[event.kind](event, [words(event.text, limit)])]


def tail(events: Iterable[TimelineEvent]) -> Block:
    """The newest few, for the card."""
    return bullets(*(line(event, _SHORT) for event in events))


def listing(events: Iterable[TimelineEvent]) -> Block:
    return bullets(*(line(event) for event in events))


def page(incident: Incident, events: list[tuple[int, TimelineEvent]], total: int, *, is_newest: bool = True) -> Block:
    """The modal that shows one page of the timeline, the oldest on top, with a way to older and newest ones.

    `events` are the newest of those asked for; one more than a page says that there are older ones.
    """
    has_older, events = len(events) > PAGE, events[-PAGE:]
    buttons = []
    if has_older:
        buttons.append(button("← Older", Action.TIMELINE_PAGE, f"{incident.number}:{events[0][0]}"))
    if not is_newest:
        buttons.append(button("Newest →", Action.TIMELINE_NEWEST, f"{incident.number}:"))
    blocks = [context(f"{total} entries · times in your time zone")]
    if events:
        blocks.append(listing(event for _, event in events))
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {
        "type": "modal",
        "callback_id": View.TIMELINE,
        "title": label(f"Timeline of {incident.id}", 24),
        "close": label("Close", 24),
        "blocks": blocks,
    }
