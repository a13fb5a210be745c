"""What must happen later, derived from how an alert or incident stands: its timers, rewritten with each change.

Kinds of timers: `sla` (the acknowledgement is due), `call` (the next one in line is called), `update` (an update is
due), `settle` (a flapping alarm was OK long enough), `left` (it fires on although people resolved its incident). Each
exists at most once for its subject.
"""

from __future__ import annotations

from datetime import datetime

from bot import oncall
from bot.models import Alert, Change, Incident, Timer
from bot.oncall import Policy

SLA, CALL, UPDATE, SETTLE, LEFT = "sla", "call", "update", "settle", "left"


def of_alert(alert: Alert, policy: Policy) -> Change:
    """Its timers, whatever they were before."""
    timers: list[Timer] = []
    if alert.awaits and not alert.is_hidden:
        if alert.due_at is not None and alert.missed_at is None:
            timers.append(Timer(kind=SLA, subject=alert.id, due_at=alert.due_at))
        timers += _next_call(alert, policy) if alert.pages else ()
    ask = ask_again_at(alert, policy)
    if ask is not None:
        timers.append(Timer(kind=LEFT, subject=alert.id, due_at=ask))
    return Change(timers=tuple(timers), cancel_timers=_all(alert.id, SLA, CALL, LEFT))


def ask_again_at(alert: Alert, policy: Policy) -> datetime | None:
    """When people are told that it still fires, where they resolved its incident: as often as an update is due."""
    if alert.left_at is None or not alert.is_left or alert.is_hidden:
        return None
    return oncall.update_due(policy, alert.severity, alert.reminded_at or alert.left_at)


def of_incident(incident: Incident, policy: Policy) -> Change:
    """Its timers; people are called in turn only where somebody was paged to begin with."""
    timers: list[Timer] = []
    if incident.awaits:
        if incident.due_at is not None and incident.missed_at is None:
            timers.append(Timer(kind=SLA, subject=incident.id, due_at=incident.due_at))
        timers += _next_call(incident, policy) if incident.page_keys else ()
    elif incident.is_open:
        due = oncall.update_due(policy, incident.severity, quiet_since(incident))
        timers += [Timer(kind=UPDATE, subject=incident.id, due_at=due)] if due else ()
    return Change(timers=tuple(timers), cancel_timers=_all(incident.id, SLA, CALL, UPDATE))


def heard_at(incident: Incident) -> datetime:
    """When people last heard something: an update, or the acknowledgement."""
    moments = [incident.declared_at, incident.acknowledged_at, incident.update.at if incident.update else None]
    return max(moment for moment in moments if moment is not None)


def quiet_since(incident: Incident) -> datetime:
    """The same, or when an update was last asked for: nobody is asked twice within the time."""
    return max(heard_at(incident), incident.reminded_at or heard_at(incident))


def _next_call(subject: Alert | Incident, policy: Policy) -> tuple[Timer, ...]:
    left = oncall.uncalled(policy, subject.severity, subject.waits_since, subject.called)
    return (Timer(kind=CALL, subject=subject.id, due_at=left[0].due_at),) if left else ()


def _all(subject: str, *kinds: str) -> tuple[tuple[str, str], ...]:
    return tuple((kind, subject) for kind in kinds)
