"""A digest that is owed to a channel: its period, so that a late one still tells of the same days."""

from __future__ import annotations

from bot.models import Owed, OwedKind
from bot.models.digest import Period


def digest(channel: str, period: Period, service: str, by: str = "") -> Owed:
    """`by`: who wanted it posted; empty: it is the weekly one."""
    return Owed(
        kind=OwedKind.DIGEST,
        lane=f"post:{channel}",
        pace=f"post:{channel}",
        body={"channel": channel, "period": period.word, "service": service, "by": by},
    )
