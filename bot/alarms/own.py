"""Events of the `aiops.alerts` source: the bot's own, which come back on the bus, and other producers' alerts.

Shape of an `AlertCreated` detail: {"producer", "name" | "title", "service", "severity", "state", "value", "threshold",
"comparison", "unit", "account", "region", "description", "reason", "url", "at"}. Only the name is needed; numbers
may be in quotes, `at` is ISO 8601.
"""

from __future__ import annotations

from bot.alarms.cloudwatch import SIGNS, nameless
from bot.alarms.reading import DESCRIPTION, REASON, Event, first, link, moment, number, scalar, text
from bot.signals import Alarm, AlarmChanged, AlarmKind, AlarmState, Ignored, Signal

PRODUCER = "aiops-bot"
PRODUCERS = (PRODUCER, "aiops-orchestrator")
"""Of events that are ours. The bot follows what RemediationOrchestrator runs by itself."""
_WORDS = {
    AlarmState.ALARM: "alarm alert firing triggered open",
    AlarmState.OK: "ok resolved closed",
    AlarmState.INSUFFICIENT_DATA: "insufficient_data",
}
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}


def event(event: Event) -> tuple[Signal, ...]:
    """An alert of another producer; what the bot itself sent, and what is no alert, is ignored."""
    if event.detail.get("producer") in PRODUCERS:
        return (Ignored(source_id=event.source_id, reason="our own event"),)
    if event.detail_type and event.detail_type != "AlertCreated":
        return (Ignored(source_id=event.source_id, reason=f"{event.detail_type} is no alert"),)
    return (_created(event),)


def _created(event: Event) -> AlarmChanged:
    detail = event.detail
    name, said = text(first(detail, "name", "title")), scalar(detail.get("state"))
    state = _STATES.get(said.strip().lower() or "alarm")
    comparison = text(detail.get("comparison"))
    alarm = Alarm(
        name=name or nameless(event.raw),
        kind=AlarmKind.CUSTOM,
        account=scalar(detail.get("account")) or event.account,
        region=text(detail.get("region")) or event.region,
        description=text(detail.get("description"), DESCRIPTION),
        unit=text(detail.get("unit")),
        comparison=SIGNS.get(comparison) or (comparison if comparison in SIGNS.values() else ""),
        threshold=number(detail.get("threshold")),
        url=link(detail.get("url")),
        service=text(detail.get("service")),
        severity=scalar(detail.get("severity")),
    )
    return AlarmChanged(
        source_id=event.source_id,
        alarm=alarm,
        state=state or AlarmState.ALARM,
        at=moment(detail.get("at")) or event.at,
        reason=text(detail.get("reason"), REASON),
        value=number(detail.get("value")),
        missing=tuple(field for field, found in (("name", name), ("state", state)) if not found),
    )
