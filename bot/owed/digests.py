"""A digest that is owed to a channel: its period, so that a late one still tells of the same days."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.config import same_service
from bot.models import Owed, OwedKind
from bot.models.digest import Period


def subject(period: Period, service: str) -> str:
    """Its days and service: what people take for the same digest, whenever they ask for it."""
    zone = ZoneInfo(period.zone)
    first, last = (at.astimezone(zone).date() for at in (period.since, period.until - timedelta.resolution))
    return f"digest:{first}:{last}:{same_service(service)}"


def digest(channel: str, period: Period, service: str, by: str = "") -> Owed:
    """`by`: who wanted it posted; empty: it is the weekly one."""
    return Owed(
        kind=OwedKind.DIGEST,
        lane=f"post:{channel}",
        pace=f"post:{channel}",
        subject=subject(period, service),
        body={"channel": channel, "period": period.word, "service": service, "by": by},
    )
