"""What learning a service's baselines owes: a message that says so, the reading itself, and what came of it."""

from __future__ import annotations

from typing import Any

from bot.models import Owed, OwedKind, Priority, new_id
from bot.owed import Target

BEGIN, READ, TELL = "begin", "read", "tell"


def learn(service: str, by: str) -> Owed:
    """To be learned anew. While it waits, asking again adds nothing."""
    lane = f"baseline:{service}"
    return Owed(
        kind=OwedKind.BASELINE,
        lane=lane,
        coalesce=lane,
        pace=f"post:{Target.OPS.value}",
        subject=f"baseline-{new_id()[:12]}",
        priority=Priority.COMFORT,
        body={"step": BEGIN, "service": service, "by": by},
    )


def then(row: Owed, step: str, **more: Any) -> Owed:
    """The next step of the same."""
    pace = f"edit:{row.subject}" if step == TELL else row.lane
    body = {**row.body, "step": step, **more}
    return Owed(kind=OwedKind.BASELINE, lane=row.lane, pace=pace, subject=row.subject, priority=row.priority, body=body)
