"""POST /v2/enqueue: an event is checked as the contract says, and becomes, changes or ends an incident."""

import uuid
from datetime import datetime
from typing import Any

from sandbox.pagerduty.account import Actor, Incident, Json, Service
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import InvalidEvent

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "warning", "error", "info")
LOW = ("warning", "info")
KEY_LENGTH = 32
DEDUP_KEY_MAX = 255
SUMMARY_MAX = 1024
TEXTS = ("client", "client_url")
PAYLOAD_TEXTS = ("component", "group", "class")


def take(desk: Desk, event: Any) -> Json:
    """The answer to an event. Who acknowledges or resolves what is not open is told the same as everybody."""
    if not isinstance(event, dict):
        raise unreadable()
    wrong = check(event)
    service = desk.account.service_of(str(event.get("routing_key")))
    if not wrong and service is None:
        wrong = ["Invalid routing key"]
    if wrong or service is None:
        raise InvalidEvent(*wrong)
    key = event.get("dedup_key") or uuid.uuid4().hex
    if event["event_action"] == "trigger":
        desk.trigger(service, key, _actor(desk, service, event), **_opening(service, event))
    elif incident := desk.account.open_with(service.id, key):
        _change(desk, incident, event["event_action"], _actor(desk, service, event))
    return {"status": "success", "message": "Event processed", "dedup_key": key}


def unreadable() -> InvalidEvent:
    said = "Event object format is unrecognized"
    return InvalidEvent("JSON parse error", name="Unrecognized object", message=said)


def check(event: Json) -> list[str]:
    """What is wrong with an event, in words; nothing if it can be taken."""
    wrong = [*_blank("routing_key", event.get("routing_key")), *_action(event)]
    key = event.get("routing_key")
    if isinstance(key, str) and key.strip() and len(key) != KEY_LENGTH:
        wrong.append(f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)")
    wrong += [f"'{name}' is invalid (must be a string)" for name in TEXTS if not _text(event.get(name))]
    if event.get("event_action") == "trigger":
        wrong += _payload(event.get("payload")) + _listed("links", "href", event) + _listed("images", "src", event)
    return wrong


def _action(event: Json) -> list[str]:
    action, key = event.get("event_action"), event.get("dedup_key")
    wrong = _blank("event_action", action)
    if not wrong and action not in ACTIONS:
        wrong.append(f"'event_action' is invalid (must be one of the following: {_named(ACTIONS)})")
    if action in ("acknowledge", "resolve"):
        wrong += _blank("dedup_key", key)
    elif not _text(key):
        wrong.append("'dedup_key' is invalid (must be a string)")
    if isinstance(key, str) and len(key) > DEDUP_KEY_MAX:
        wrong.append(f"'dedup_key' max length {DEDUP_KEY_MAX}")
    return wrong


def _payload(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    wrong = [
        line for name in ("summary", "severity", "source") for line in _blank(f"payload.{name}", payload.get(name))
    ]
    if isinstance(payload.get("summary"), str) and len(payload["summary"]) > SUMMARY_MAX:
        wrong.append(f"'payload.summary' max length {SUMMARY_MAX}")
    severity = payload.get("severity")
    if severity and severity not in SEVERITIES:
        wrong.append(f"'payload.severity' is invalid (must be one of the following: {_named(SEVERITIES)})")
    wrong += [f"'payload.{n}' is invalid (must be a string)" for n in PAYLOAD_TEXTS if not _text(payload.get(n))]
    if not _is_time(payload.get("timestamp")):
        wrong.append("'payload.timestamp' is invalid (must be an ISO 8601 time)")
    if not isinstance(payload.get("custom_details") or {}, dict):
        wrong.append("'payload.custom_details' is invalid (must be an object)")
    return wrong


def _listed(name: str, needed: str, event: Json) -> list[str]:
    given = event.get(name) or []
    if isinstance(given, list) and all(isinstance(each, dict) and each.get(needed) for each in given):
        return []
    return [f"'{name}' is invalid (must be a list of objects with '{needed}')"]


def _blank(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, str) and value.strip() else [f"'{name}' is missing or blank"]


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_time(value: Any) -> bool:
    try:
        return value is None or bool(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def _named(values: tuple[str, ...]) -> str:
    return f"{', '.join(repr(v) for v in values[:-1])} or {values[-1]!r}"


def _actor(desk: Desk, service: Service, event: Json) -> Actor:
    client = {"name": event["client"], "url": event.get("client_url")} if event.get("client") else None
    return Actor(desk.shapes.integration_ref(service), "events_api_v2", client)


def _opening(service: Service, event: Json) -> Json:
    payload = event["payload"]
    return {
        "title": payload["summary"],
        "urgency": "low" if service.by_severity and payload["severity"] in LOW else "high",
        "severity": payload["severity"],
        "source": payload["source"],
        "details": payload.get("custom_details") or {},
        "client": {"name": event.get("client"), "url": event.get("client_url")} if event.get("client") else None,
        "links": [{"type": "link", **link} for link in event.get("links") or []],
        "images": [{"type": "image", **image} for image in event.get("images") or []],
    }


def _change(desk: Desk, incident: Incident, action: str, actor: Actor) -> None:
    if action == "acknowledge":
        desk.acknowledge(incident, actor)
    else:
        desk.resolve(incident, actor)
