"""Our own events on the bus, as `docs/events/*.json` describe them. Pure.

`producer` tells our events from those that others put on the bus for us; `version` grows when a field changes meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bot.catalogue import Context
from bot.models import Alert, Incident, Remediation, RemediationStatus
from bot.ports import Event

PRODUCER = "aiops-bot"
VERSION = "1"
_ENDED = {
    RemediationStatus.VERIFYING: "Success",
    RemediationStatus.FAILED: "Failed",
    RemediationStatus.TIMED_OUT: "TimedOut",
}


def created(alert: Alert) -> Event:
    """A detection, as it came."""
    return _event("AlertCreated", at=alert.received_at, alert={**_detected(alert)})


def enriched(alert: Alert, context: Context) -> Event:
    """The same alert after triage: what it is about, how bad it is, who hears of it, and why."""
    more = {
        **_rated(alert),
        "owner": context.owner,
        "runbook": context.runbook,
        "dashboard": context.dashboard,
        "slo": context.slo,
        "accountName": context.account,
        "channels": list(alert.channels),
        "pages": alert.pages,
        "shown": alert.shown.value,
        "decisions": [decision.model_dump(mode="json") for decision in alert.decisions],
    }
    return _event("AlertEnriched", at=alert.received_at, alert={**_detected(alert), **more})


def acknowledged(alert: Alert, incident: Incident) -> Event:
    assert alert.acknowledged_at is not None
    return _event(
        "AlertAcknowledged",
        at=alert.acknowledged_at,
        alert={**_detected(alert), **_rated(alert)},
        incident=incident.id,
        acknowledgedBy=alert.acknowledged_by,
        via=alert.via or "Slack",
    )


def _usual(incident: Incident) -> datetime | None:
    return incident.post_mortem_due


def resolved(incident: Incident, due_at: Callable[[Incident], datetime | None] = _usual) -> Event:
    """`due_at` says when its post-mortem is due."""
    assert incident.resolved_at is not None
    facts = {
        "id": incident.id,
        "service": incident.service,
        "environment": incident.environment,
        "severity": incident.severity.label,
        "startedAt": _iso(incident.began_at),
        "declaredAt": _iso(incident.declared_at),
        "acknowledgedAt": _iso(incident.acknowledged_at),
        "resolvedAt": _iso(incident.resolved_at),
        "resolvedBy": incident.resolved_by,
        "resolution": incident.resolution,
        "durationSeconds": int(incident.duration(incident.resolved_at).total_seconds()),
        "alerts": incident.alerts,
        "postMortemDue": _iso(due_at(incident)),
    }
    return _event("IncidentResolved", at=incident.resolved_at, incident=facts)


def finished(fix: Remediation, at: datetime) -> Event | None:
    """How a remediation ended, as RemediationOrchestrator tells it (infra/README.md).

    None where it has not ended, or where that state machine tells it. One that was stopped can't tell any more.
    """
    status = _ENDED.get(fix.status)
    execution = str(fix.plan.state.get("execution") or "")
    by_machine = execution.startswith("arn:")
    if status is None or (by_machine and fix.status is not RemediationStatus.TIMED_OUT):
        return None
    facts = {
        "id": fix.token,
        "runbook": fix.order.name,
        "service": fix.order.service,
        "incident": fix.subject,
        "approval": fix.approval or fix.id,
        "approvedBy": ", ".join(fix.approved_by) or fix.via,
        "status": status,
        "reason": fix.problem,
        "automationExecution": "" if by_machine else execution,
        "stateMachineExecution": execution if by_machine else "",
    }
    return _event("RemediationFinished", at=at, remediation=facts)


def _event(type_: str, at: datetime, **more: Any) -> Event:
    return Event(type_, {"version": VERSION, "producer": PRODUCER, "at": _iso(at), **more})


def _detected(alert: Alert) -> dict[str, Any]:
    alarm = alert.alarm
    return {
        "id": alert.id,
        "key": alert.key,
        "name": alarm.name,
        "kind": alarm.kind.value,
        "account": alarm.account,
        "region": alarm.region,
        "arn": alarm.arn,
        "description": alarm.description,
        "namespace": alarm.namespace,
        "metric": alarm.metric,
        "dimensions": dict(alarm.dimensions),
        "value": alert.value,
        "threshold": alarm.threshold,
        "comparison": alarm.comparison,
        "unit": alarm.unit,
        "reason": alert.reason,
        "firedAt": _iso(alert.fired_at),
        "missing": list(alert.missing),
    }


def _rated(alert: Alert) -> dict[str, Any]:
    return {"service": alert.service, "environment": alert.environment, "severity": alert.severity.label}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
