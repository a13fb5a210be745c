"""The user's two messages, word for word. `text` carries the lines in full, the blocks show the same facts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from blocks.rich import Line, Piece, bold, flat, own, rich, url, user, words
from blocks.text import hours, utc
from bot.models import Incident, Message

SERVICE_SHOWN = 100
IMPACT_SHOWN = 1000


def declared(incident: Incident, bridge: str) -> Message:
    """INCIDENT DECLARED, with the link of the bridge."""
    return _message(
        [own("🔴 "), bold(f"INCIDENT DECLARED — {incident.severity.label}")],
        _fact("Service", words(incident.service, SERVICE_SHOWN)),
        _fact("Impact", words(incident.impact, IMPACT_SHOWN)),
        _fact("Incident ID", own(incident.id)),
        _fact("Commander", user(incident.commander) if incident.commander else own("nobody yet")),
        _fact("Bridge", url(bridge)),
        _fact("Status page", own("Being updated")),
    )


def _usual(incident: Incident) -> datetime | None:
    return incident.post_mortem_due


def resolved(incident: Incident, due_at: Callable[[Incident], datetime | None] = _usual) -> Message:
    """INCIDENT RESOLVED; `incident` carries its `resolved_at`. `due_at` says when its post-mortem is due."""
    assert incident.resolved_at is not None
    due = due_at(incident)
    return _message(
        [own("✅ "), bold(f"INCIDENT RESOLVED — {incident.severity.label}")],
        _fact("Service", words(incident.service, SERVICE_SHOWN)),
        _fact("Duration", own(hours(incident.duration(incident.resolved_at).total_seconds()))),
        _fact("Incident ID", own(incident.id)),
        _fact("Post-mortem due", own(utc(due) if due else f"not required for {incident.severity.label}")),
    )


def _fact(name: str, value: Piece) -> Line:
    return [bold(f"{name}:"), own(" "), value]


def _message(*lines: Line) -> Message:
    return Message("\n".join(flat(line, IMPACT_SHOWN) for line in lines), [rich(*lines)])
