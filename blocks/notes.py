"""Short messages in the card's thread and in the incident's own channel."""

from __future__ import annotations

from blocks.rich import Line, flat, own, prose, rich, user, words
from blocks.text import MESSAGE_TEXT, clip_markup, hours
from bot.models import Incident, Message, Severity, Status

_REASON = 500


def _note(*lines: Line) -> Message:
    return Message(clip_markup("\n".join(flat(line) for line in lines), MESSAGE_TEXT), [rich(*lines)])


def _because(why: str) -> Line:
    return [own(": "), words(why, _REASON)] if why else [own(".")]


def assigned(incident: Incident, by: str) -> Message:
    if incident.commander == by:
        return _note([own("🧭 "), user(by), own(f" took command of {incident.id}.")])
    return _note([own("🧭 "), user(by), own(f" gave command of {incident.id} to "), user(incident.commander)])


def severity(incident: Incident, before: Severity, by: str, why: str) -> Message:
    arrow = "⬆" if incident.severity < before else "⬇"
    change = f"{arrow} {incident.id} is {incident.severity.label} now (was {before.label}), by "
    return _note([own(change), user(by), *_because(why)])


def status(incident: Incident, before: Status, by: str) -> Message:
    return _note([own(f"➡ {incident.id} is {incident.status} now (was {before}), by "), user(by), own(".")])


def update(incident: Incident, before: Status) -> Message:
    assert incident.update is not None
    moved = f" · {before} → {incident.status}" if before is not incident.status else ""
    head = [
        own("📣 "),
        own(f"{incident.id} update", bold=True),
        own(" by "),
        user(incident.update.by),
        own(moved or " "),
    ]
    return _note(head, [prose(incident.update.text, 3000)])


def ended(incident: Incident, by: str) -> Message:
    assert incident.resolved_at is not None
    took = hours(incident.duration(incident.resolved_at).total_seconds())
    lines: list[Line] = [[own(f"✅ {incident.id} resolved after {took} by "), user(by), own(".")]]
    if incident.resolution:
        lines.append([own("What fixed it: "), prose(incident.resolution, 1500)])
    return _note(*lines)


def reopened(incident: Incident, by: str, why: str) -> Message:
    return _note([own(f"🔁 {incident.id} reopened by "), user(by), *_because(why)])


def cancelled(incident: Incident, by: str, why: str) -> Message:
    return _note([own(f"⚪ {incident.id} cancelled by "), user(by), *_because(why)])


def merged(incident: Incident, target: Incident, by: str) -> Message:
    head = [
        own(f"🔀 {incident.id} ("),
        words(incident.service, 60),
        own(f") is part of {target.id} now, by "),
    ]
    return _note([*head, user(by), own(".")])


def not_shown(incident: Incident, channel: str, error: str) -> Message:
    """For the commander, when the operations channel can't be written to."""
    head = [own(f"⚠ {incident.id} is stored, but Slack does not let me post it in #{channel}: "), words(error, 300)]
    return _note(head, [own("Create the channel or invite me. I try again every 5 minutes, and go on meanwhile.")])
