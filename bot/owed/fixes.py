"""What investigations and remediations owe: reports, pictures, cards, and the calls to AWS themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.models import Alert, Incident, Investigation, Order, Owed, OwedKind, Priority, Remediation
from bot.owed import Target
from bot.owed import alerts as owed_to_alert

Subject = Alert | Incident


def place(subject: Subject | None) -> str:
    """Where something about it is shown first: under its card."""
    return owed_to_alert.places(subject)[0] if isinstance(subject, Alert) else Target.OPS.value


def report(investigation: Investigation, place: str) -> Owed:
    """The report in this place: edited where it stands already."""
    lane = f"report:{investigation.id}:{place}"
    return Owed(
        kind=OwedKind.REPORT,
        lane=lane,
        coalesce=lane,
        pace=f"post:{place}",
        subject=investigation.id,
        priority=Priority.TEMPLATE,
        body={"target": place},
    )


def picture(investigation: Investigation, place: str, after: str) -> Owed:
    """The metric picture, once the report stands."""
    return Owed(
        kind=OwedKind.PICTURE,
        lane=f"picture:{investigation.id}:{place}",
        pace=f"post:{place}",
        subject=investigation.id,
        priority=Priority.COMFORT,
        after=after,
        body={"target": place},
    )


def card(fix: Remediation, place: str, *, is_first: bool = False) -> Owed:
    lane = f"fix-card:{fix.number}:{place}"
    return Owed(
        kind=OwedKind.FIX_CARD,
        lane=lane,
        coalesce=lane,
        pace=f"post:{place}" if is_first else f"edit:{fix.id}:{place}",
        subject=fix.id,
        priority=Priority.TEMPLATE,
        body={"target": place},
    )


def step(fix: Remediation, what: str, due: datetime | None = None) -> Owed:
    """A call to AWS: `start`, `follow` or `verify`. A later one waits in a lane of its own."""
    lane = f"fix:{fix.number}" if what == "start" else f"fix:{fix.number}:{what}"
    return Owed(
        kind=OwedKind.FIX,
        lane=lane,
        pace=lane,
        subject=fix.id,
        priority=Priority.PAGE,
        not_before=due,
        body={"step": what},
    )


def propose(order: Order, subject: str, approval: str, why: str) -> Owed:
    """A remediation that a standing approval allows is to be planned and begun."""
    body: dict[str, Any] = {"order": order.model_dump(mode="json"), "approval": approval, "why": why}
    lane = f"propose:{order.environment}/{order.service}"
    return Owed(kind=OwedKind.PROPOSE, lane=lane, pace=lane, subject=subject, priority=Priority.PAGE, body=body)
