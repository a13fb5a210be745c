"""The steps of an incident's life: pure decisions from the stored incident to all that the step writes.

Each returns the Change, or None where there is nothing to do because it is so already (a second click). It raises
Refused where the incident's state does not allow the step. `by` is the user id of whoever asks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from blocks import notes
from bot.errors import Overtaken, Refused
from bot.models import (
    Change,
    EventKind,
    Incident,
    Link,
    Message,
    Owed,
    Role,
    Severity,
    Status,
    TimelineEvent,
    Update,
)
from bot.owed import alerts as owed_to_alert
from bot.owed import incidents as owed


def declare(incident: Incident, now: datetime, by: str) -> Change:
    event = _event(incident, now, EventKind.DECLARED, by, f"{incident.severity.label}, {incident.service}")
    return Change(incidents=(incident,), timeline=(event,), owed=owed.declaration(incident))


def acknowledge(incident: Incident, now: datetime, by: str | None, *, via: str = "") -> Change | None:
    """First wins. `via` says where, when not in Slack."""
    if incident.acknowledged_at is not None or not incident.is_open:
        return None
    after = incident.moved(Status.ACKNOWLEDGED, by=by, at=now)
    after = after.changed(responders=incident.with_responder(by), via=via)
    return _change(
        after, _event(after, now, EventKind.ACKNOWLEDGED, by, via), *_invited(incident, after), *_shown(after)
    )


def assign(incident: Incident, now: datetime, by: str, *, commander: str) -> Change | None:
    need_open(incident, "assigned")
    if incident.commander == commander:
        return None
    after = incident.changed(commander=commander, responders=incident.with_responder(commander))
    event = _event(after, now, EventKind.ASSIGNED, by, about=commander)
    return _change(after, event, *_own(after, notes.assigned(after, by)), *_invited(incident, after), *_shown(after))


def join(incident: Incident, now: datetime, by: str) -> Change | None:
    need_open(incident, "joined")
    if by in incident.responders:
        return None
    after = incident.changed(responders=incident.with_responder(by))
    return _change(after, _event(after, now, EventKind.JOINED, by), *_invited(incident, after), *owed.cards(after))


def change_severity(
    incident: Incident, now: datetime, by: str, *, severity: Severity, why: str, wants_channel: bool
) -> Change | None:
    """`wants_channel`: incidents of that severity get a channel of their own."""
    need_open(incident, "changed")
    if incident.severity is severity:
        return None
    after = incident.changed(severity=severity, wants_channel=incident.wants_channel or wants_channel)
    words = f"{incident.severity.label} → {severity.label}" + (f": {why}" if why else "")
    message = notes.severity(after, incident.severity, by, why)
    rows = [*owed.note(after, message, broadcast=severity < incident.severity), *_shown(after)]
    if after.wants_channel and not incident.wants_channel:
        rows.append(owed.own_channel(after))
    return _change(after, _event(after, now, EventKind.SEVERITY, by, words), *rows)


def need_seen(incident: Incident, seen: Severity | None) -> None:
    """Raises Overtaken when the severity is another by now than the person saw when choosing."""
    if seen is not None and incident.severity is not seen:
        raise Overtaken("severity", f"Somebody set {incident.severity.label} while you were choosing.")


def set_status(incident: Incident, now: datetime, by: str, *, status: Status) -> Change | None:
    if incident.status is status:
        return None
    need_open(incident, "moved")
    after = incident.moved(status, by=by, at=now)
    event = _event(after, now, EventKind.STATUS, by, f"{incident.status} → {status}")
    return _change(after, event, *_own(after, notes.status(after, incident.status, by)), *_shown(after))


def update(incident: Incident, now: datetime, by: str, *, text: str, status: Status | None) -> Change:
    """A status update; with `status`, the incident moves along as well."""
    need_open(incident, "updated")
    after, events = incident, [_event(incident, now, EventKind.UPDATE, by, text)]
    if status is not None and status is not incident.status:
        after = incident.moved(status, by=by, at=now)
        events.append(_event(after, now, EventKind.STATUS, by, f"{incident.status} → {status}"))
    after = after.changed(update=Update(text=text, by=by, at=now), responders=after.with_responder(by))
    rows = (*owed.note(after, notes.update(after, incident.status)), *_invited(incident, after), *_shown(after))
    return Change(incidents=(after,), timeline=tuple(events), owed=rows)


def note(incident: Incident, now: datetime, by: str, *, text: str) -> Change:
    """Only the timeline grows, so any number of notes may be written at once."""
    return Change(timeline=(_event(incident, now, EventKind.NOTE, by, text),), owed=owed.cards(incident))


def add_message(
    incident: Incident, now: datetime, by: str, *, text: str, author: str | None, source: str | None
) -> Change:
    event = _event(incident, now, EventKind.MESSAGE, by, text, about=author, source=source)
    return Change(timeline=(event,), owed=owed.cards(incident))


def link(incident: Incident, now: datetime, by: str, *, reference: Link) -> Change | None:
    if any(known.url == reference.url for known in incident.links):
        return None
    after = incident.changed(links=(*incident.links, reference))
    event = _event(after, now, EventKind.LINK, by, reference.title or reference.url, source=reference.url)
    return _change(after, event, *owed.cards(after))


def resolve(
    incident: Incident, now: datetime, by: str | None, *, resolution: str = "", despite: str = "", via: str = ""
) -> Change | None:
    """`resolution` is what fixed it; `despite` why it is over although alarms fire; `via` where, when not in Slack."""
    if incident.status is Status.RESOLVED:
        return None
    _need_unmerged(incident)
    after = incident.moved(Status.RESOLVED, by=by, at=now)
    after = after.changed(resolution=resolution, despite=despite, resolved_via=via)
    where = f"in {via}" if via else ""
    event = _event(after, now, EventKind.RESOLVED, by, resolution or despite or where)
    return _change(after, event, *_own(after, notes.ended(after, by)), *owed.resolution(after), *_topic(after))


def record_resolution(incident: Incident, now: datetime, by: str, *, resolution: str) -> Change | None:
    if incident.status is not Status.RESOLVED:
        raise Refused(f"{incident.id} is {incident.status} again; resolve it first. You wrote: {resolution}")
    if incident.resolution == resolution:
        return None
    event = _event(incident, now, EventKind.NOTE, by, f"what fixed it: {resolution}")
    return _change(incident.changed(resolution=resolution), event, *owed.cards(incident))


def reopen(incident: Incident, now: datetime, by: str | None, *, why: str) -> Change | None:
    if incident.is_open:
        return None
    _need_unmerged(incident)
    after = incident.moved(Status.INVESTIGATING, by=by, at=now)
    event = _event(after, now, EventKind.REOPENED, by, why)
    rows = [*owed.note(after, notes.reopened(after, by, why), broadcast=True), *_shown(after)]
    if after.wants_channel and after.channel_id is None:
        rows.append(owed.own_channel(after))
    return _change(after, event, *rows)


def cancel(incident: Incident, now: datetime, by: str, *, why: str) -> Change | None:
    if incident.status is Status.CANCELLED:
        return None
    _need_unmerged(incident)
    after = incident.moved(Status.CANCELLED, by=by, at=now)
    event = _event(after, now, EventKind.CANCELLED, by, why)
    return _change(after, event, *owed.note(after, notes.cancelled(after, by, why)), *_shown(after))


def merge(incident: Incident, target: Incident, now: datetime, by: str) -> Change | None:
    """End `incident` as part of `target`, whose responders its people become."""
    if incident.status is Status.MERGED and incident.merged_into == target.number:
        return None
    need_open(target, "merged into")
    after = incident.moved(Status.MERGED, by=by, at=now).changed(merged_into=target.number)
    people = tuple(dict.fromkeys([*target.responders, *incident.responders]))
    started = [one.started_at for one in (target, incident) if one.started_at]
    target_after = target.changed(
        responders=people,
        alerts=target.alerts + incident.alerts,
        firing=target.firing + incident.firing,
        page_keys=tuple(dict.fromkeys([*target.page_keys, *incident.page_keys])),
        started_at=min(started, default=None) if target.started_at else None,
        fired_at=max(target.news_at, incident.news_at),
    )
    message = notes.merged(after, target, by)
    return Change(
        incidents=(after, target_after),
        timeline=(
            _event(after, now, EventKind.MERGED, by, f"merged into {target.id}"),
            _event(target, now, EventKind.MERGED, by, f"{incident.id} ({incident.service}) merged into this"),
        ),
        owed=(
            *owed.note(after, message),
            *_own(target_after, message),
            *_invited(target, target_after),
            *_shown(after),
            *owed.cards(target_after),
        ),
    )


def missed(incident: Incident, now: datetime) -> Change | None:
    """The acknowledgement was due and did not come."""
    if not incident.awaits or incident.missed_at is not None:
        return None
    after = incident.changed(missed_at=now)
    rows = (*owed.note(after, notes.sla_missed(after)), *owed.cards(after))
    return Change(incidents=(after,), owed=rows)


def called(incident: Incident, role: Role, why: str) -> Change:
    """The next in line is called."""
    after = incident.changed(called=(*incident.called, role))
    return Change(incidents=(after,), owed=(owed_to_alert.page(after, role, why),))


def reminded(incident: Incident, now: datetime, since: str) -> Change | None:
    """Nobody wrote an update for too long: the commander is asked."""
    if not incident.is_open:
        return None
    after = incident.changed(reminded_at=now)
    message = notes.update_due(after, since)
    rows = (owed.own_note(after, message),) if after.channel_id else owed.note(after, message)
    event = _event(after, now, EventKind.REMINDED, None, since)
    return Change(incidents=(after,), timeline=(event,), owed=rows)


def _need_unmerged(incident: Incident) -> None:
    if incident.status is Status.MERGED:
        raise Refused(f"{incident.id} was merged into INC-{incident.merged_into}; work on that one.")


def need_open(incident: Incident, verb: str = "changed") -> None:
    """Raises Refused, with who ended it, for an incident that is over."""
    _need_unmerged(incident)
    if not incident.is_open:
        raise Refused(f"{incident.id} is {incident.status}; it can't be {verb} any more.", who=incident.resolved_by)


def _event(
    incident: Incident, now: datetime, kind: EventKind, by: str | None, text: str = "", **more: Any
) -> TimelineEvent:
    return TimelineEvent(incident=incident.number, at=now, kind=kind, actor=by, text=text, **more)


def _change(after: Incident, event: TimelineEvent, *rows: Owed) -> Change:
    return Change(incidents=(after,), timeline=(event,), owed=rows)


def _own(incident: Incident, message: Message) -> tuple[Owed, ...]:
    return (owed.own_note(incident, message),) if incident.channel_id else ()


def _topic(incident: Incident) -> tuple[Owed, ...]:
    return (owed.topic(incident),) if incident.channel_id else ()


def _shown(incident: Incident) -> tuple[Owed, ...]:
    """The cards, and the topic of the incident's own channel."""
    return (*owed.cards(incident), *_topic(incident))


def _invited(before: Incident, after: Incident) -> tuple[Owed, ...]:
    """Invitations for the responders who are new."""
    new = [user for user in after.responders if user not in before.responders]
    return (owed.invitation(after, new),) if new and after.channel_id else ()
