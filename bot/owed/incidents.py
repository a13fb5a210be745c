"""What the changes of an incident owe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.models import Incident, Message, Owed, OwedKind, Priority
from bot.owed import Target


def declaration(incident: Incident) -> tuple[Owed, ...]:
    """The channel first, since the template carries its bridge; then the template, then the card below it."""
    channel = (own_channel(incident),) if incident.wants_channel else ()
    after = channel[0].id if channel else None
    template = _template(OwedKind.DECLARED, incident, after)
    return (*channel, template, first_card(incident, Target.OPS, after=template.id))


def resolution(incident: Incident) -> tuple[Owed, ...]:
    return (_template(OwedKind.RESOLVED, incident, None), *cards(incident))


def own_channel(incident: Incident) -> Owed:
    return Owed(
        kind=OwedKind.CHANNEL,
        lane=f"channel:{incident.number}",
        subject=incident.id,
        priority=Priority.TEMPLATE,
    )


def _template(kind: OwedKind, incident: Incident, after: str | None) -> Owed:
    """A template shows the facts of its moment, so it carries them along."""
    return Owed(
        kind=kind,
        lane="ops",
        pace="post:ops",
        subject=incident.id,
        priority=Priority.TEMPLATE,
        after=after,
        patient=False,
        body={"incident": incident.model_dump(mode="json")},
    )


def cards(incident: Incident) -> tuple[Owed, ...]:
    """New looks for the cards that stand already."""
    targets = (Target.OPS, Target.OWN) if incident.channel_id else (Target.OPS,)
    return tuple(_card(incident, target, pace=f"edit:{incident.number}:{target}") for target in targets)


def first_card(incident: Incident, target: Target, *, after: str | None = None) -> Owed:
    """A card that is posted for the first time: with its template, not behind the cards that wait for the channel."""
    pace = "post:ops" if target is Target.OPS else f"post:{incident.channel_id}"
    return _card(incident, target, pace=pace, priority=Priority.TEMPLATE, after=after)


def _card(
    incident: Incident, target: Target, *, pace: str, priority: Priority = Priority.NORMAL, after: str | None = None
) -> Owed:
    lane = f"card:{incident.number}:{target}"
    return Owed(
        kind=OwedKind.CARD,
        lane=lane,
        coalesce=lane,
        pace=pace,
        subject=incident.id,
        priority=priority,
        after=after,
        body={"target": target.value},
    )


def note(
    incident: Incident,
    message: Message,
    *,
    broadcast: bool = False,
    presses: bool = False,
    elsewhere: Message | None = None,
) -> tuple[Owed, ...]:
    """A message under the card, and it, or what is said `elsewhere`, in the incident's own channel where it has one.

    A broadcast one is read in the operations channel too, so it keeps its place among the templates there. One that
    `presses`, since it says what people are to do by hand, does not wait behind what is only told.
    """
    rows = [
        Owed(
            kind=OwedKind.POST,
            lane="ops" if broadcast else f"thread:{incident.number}",
            pace="post:ops",
            subject=incident.id,
            priority=Priority.TEMPLATE if broadcast or presses else Priority.NORMAL,
            body={"text": message.text, "blocks": message.blocks, "thread": True, "broadcast": broadcast},
        )
    ]
    if incident.channel_id:
        rows.append(own_note(incident, elsewhere or message))
    return tuple(rows)


def own_note(incident: Incident, message: Message) -> Owed:
    """A message in the incident's own channel."""
    body: dict[str, Any] = {"text": message.text, "blocks": message.blocks, "channel": incident.channel_id}
    return _post(incident, f"own:{incident.number}", f"post:{incident.channel_id}", body)


def direct(incident: Incident, message: Message) -> tuple[Owed, ...]:
    """A direct message to the commander, where there is one."""
    if incident.commander is None:
        return ()
    body = {"text": message.text, "blocks": message.blocks, "channel": incident.commander}
    return (_post(incident, f"direct:{incident.commander}", f"post:{incident.commander}", body),)


def _post(incident: Incident, lane: str, pace: str, body: dict[str, Any]) -> Owed:
    return Owed(kind=OwedKind.POST, lane=lane, pace=pace, subject=incident.id, body=body)


def furnishing(incident: Incident, bookmarks: Sequence[tuple[str, str]], invited: Sequence[str]) -> tuple[Owed, ...]:
    """What a new incident channel gets: its card, the people, the topic, the bookmarks. The pin follows the card."""
    rows = [first_card(incident, Target.OWN), invitation(incident, invited), topic(incident)]
    rows += [_comfort(incident, OwedKind.BOOKMARK, title=title, url=url) for title, url in bookmarks]
    return tuple(rows)


def invitation(incident: Incident, users: Sequence[str]) -> Owed:
    return Owed(
        kind=OwedKind.INVITE,
        lane=f"invite:{incident.number}",
        subject=incident.id,
        body={"users": list(users)},
    )


def topic(incident: Incident) -> Owed:
    lane = f"topic:{incident.number}"
    return Owed(kind=OwedKind.TOPIC, lane=lane, coalesce=lane, subject=incident.id, priority=Priority.COMFORT)


def pin(incident: Incident, channel_id: str, ts: str) -> Owed:
    return _comfort(incident, OwedKind.PIN, channel_id=channel_id, ts=ts)


def _comfort(incident: Incident, kind: OwedKind, **body: str) -> Owed:
    return Owed(
        kind=kind,
        lane=f"comfort:{incident.number}",
        subject=incident.id,
        priority=Priority.COMFORT,
        body=dict(body),
    )
