"""PagerDuty, as a partner event source of EventBridge.

Two shapes of `detail` are about:

- {"event": "incident.acknowledge", "log_entries": [{"agent": {…}}], "incident": {"incident_key", "html_url"},
  "created_on"}: what its EventBridge integration sends,
  https://support.pagerduty.com/main/docs/amazon-eventbridge-integration-guide
- {"event": {"event_type": "incident.acknowledged", "occurred_at", "agent": {…}, "data": {"incident_key",
  "html_url"}}}: its webhooks' third version, https://developer.pagerduty.com/docs/webhooks-overview

An agent is {"id", "type": "user_reference" | "service_reference" | …, "summary": <name>}.
"""

from __future__ import annotations

from typing import Any

from bot.alarms.reading import Event, first, link, listing, mapping, moment, storable, text
from bot.signals import PagerChange, PagerState, Signal, Unreadable

SOURCE = "aws.partner/pagerduty.com"
_STATES = {
    "incident.acknowledge": PagerState.ACKNOWLEDGED,
    "incident.acknowledged": PagerState.ACKNOWLEDGED,
    "incident.resolve": PagerState.RESOLVED,
    "incident.resolved": PagerState.RESOLVED,
}
_PEOPLE = ("user_reference", "user")


def event(event: Event) -> tuple[Signal, ...]:
    """Somebody or something acknowledged or resolved an incident there; any other news is `PagerState.OTHER`."""
    said = event.detail.get("event")
    if isinstance(said, dict):
        return (_change(event, text(said.get("event_type")), said, mapping(said.get("data"))),)
    if isinstance(said, str):
        entry = next((entry for entry in listing(event.detail.get("log_entries")) if isinstance(entry, dict)), {})
        told = {
            "agent": entry.get("agent"),
            "occurred_at": first(entry, "created_at") or event.detail.get("created_on"),
        }
        return (_change(event, text(said), told, mapping(event.detail.get("incident"))),)
    problem = f"{event.source} / {event.detail_type or 'no detail-type'}: there is no detail.event"
    return (Unreadable(source_id=event.source_id, raw=storable(event.raw), problem=problem),)


def _change(event: Event, kind: str, told: dict[str, Any], incident: dict[str, Any]) -> PagerChange:
    agent = mapping(told.get("agent"))
    person = agent if agent.get("type") in _PEOPLE else {}
    return PagerChange(
        source_id=event.source_id,
        key=_key(incident),
        state=_STATES.get(kind, PagerState.OTHER),
        at=moment(told.get("occurred_at")) or event.at,
        by_id=text(person.get("id")),
        by_name=text(first(person, "summary", "name")),
        by_email=text(person.get("email")),
        url=link(incident.get("html_url")),
    )


def _key(incident: dict[str, Any]) -> str:
    """Our dedup key: the incident's key or its first alert's; else PagerDuty's own id, which is no key of ours."""
    alerts = (mapping(alert).get("alert_key") for alert in listing(incident.get("alerts")))
    said = (incident.get("incident_key"), *alerts, incident.get("id"))
    return next((found for found in map(text, said) if found), "")
