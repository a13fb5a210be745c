"""What tests are about: incidents, owed rows and timers with only the facts that matter spelled out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.models import (
    ActionItem,
    Alert,
    Delivery,
    EventKind,
    Head,
    Incident,
    Owed,
    OwedKind,
    PostMortem,
    Severity,
    Silence,
    Storm,
    TimelineEvent,
    Timer,
)
from bot.signals import Alarm, AlarmState

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ANA, BOB, CY = "U0ANA", "U0BOB", "U0CY"


def after(seconds: float) -> datetime:
    """A moment this long after NOW."""
    return NOW + timedelta(seconds=seconds)


def incident(number: int = 1, **values: Any) -> Incident:
    facts: dict[str, Any] = {
        "service": "checkout-api",
        "impact": "payments fail",
        "severity": Severity.SEV3,
        "declared_by": ANA,
        "declared_at": NOW,
        "commander": ANA,
        "responders": (ANA,),
    }
    return Incident(number=number, **{**facts, **values})


def event(number: int = 1, text: str = "looked at the logs", **values: Any) -> TimelineEvent:
    facts: dict[str, Any] = {"at": NOW, "kind": EventKind.NOTE, "actor": ANA}
    return TimelineEvent(incident=number, text=text, **{**facts, **values})


def row(lane: str = "ops", **values: Any) -> Owed:
    """Something owed to Slack."""
    facts: dict[str, Any] = {
        "kind": OwedKind.POST,
        "subject": "INC-1",
        "pace": f"own-pace-of:{lane}",
        "body": {"text": "hi"},
    }
    return Owed(lane=lane, **{**facts, **values})


def delivery(owed: Owed, **values: Any) -> Delivery:
    facts: dict[str, Any] = {"attempts": 1, "in_doubt": False, "created_at": NOW}
    return Delivery(owed=owed, **{**facts, **values})


def timer(due: float = 0.0, **values: Any) -> Timer:
    facts: dict[str, Any] = {"kind": "remind", "subject": "INC-1"}
    return Timer(due_at=after(due), **{**facts, **values})


def alert(number: int = 1, **values: Any) -> Alert:
    """A firing alert, by itself."""
    alarm = Alarm(name=f"prod-shop-latency{number}-medium", account="123456789012", region="us-east-1")
    facts: dict[str, Any] = {"alarm": alarm, "severity": Severity.SEV3, "service": "shop", "key": alarm.key}
    times = {"fired_at": NOW, "received_at": NOW, "changed_at": NOW}
    return Alert(number=number, **{**facts, **times, **values})


def head(key: str, **values: Any) -> Head:
    facts: dict[str, Any] = {"state": AlarmState.ALARM, "changed_at": NOW, "expires_at": after(600)}
    return Head(key=key, **{**facts, **values})


def silence(silence_id: str, **values: Any) -> Silence:
    facts: dict[str, Any] = {"pattern": "prod-shop-*", "by": ANA, "why": "known", "starts_at": NOW}
    return Silence(id=silence_id, **{**facts, "ends_at": after(3600), **values})


def storm(channel: str, **values: Any) -> Storm:
    return Storm(channel=channel, **{"window": NOW, **values})


def post_mortem(number: int = 1, **values: Any) -> PostMortem:
    """A draft of Ana's, due in two days."""
    facts: dict[str, Any] = {"service": "checkout-api", "severity": Severity.SEV1, "owner": ANA, "begun_at": NOW}
    return PostMortem(incident=number, **{**facts, "due_at": NOW + timedelta(hours=48), **values})


def action_item(number: int = 1, **values: Any) -> ActionItem:
    """One of Bob's, due in ten days."""
    facts: dict[str, Any] = {"incident": 1, "title": "alarm on the pool", "owner": BOB, "created_by": ANA}
    due = (NOW + timedelta(days=10)).date()
    return ActionItem(number=number, **{**facts, "due": due, "created_at": NOW, **values})
