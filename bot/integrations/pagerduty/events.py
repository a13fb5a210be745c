"""What the bot tells PagerDuty, as values: keys, events and incidents. Limits are those of Events v2.

https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import Any

from blocks.text import clean, clip, one_line
from bot.models import Duty, Page, Role, Severity

CLIENT = "AIOps Bot"
SUMMARY = 1024
DEDUP_KEY = 255
_OWN_KEY = 190  # leaves room for whom a page calls besides, see `call_key`
_CALL = "/call:"  # a slash alone may be an alarm's own
_DETAIL = 4000  # an event may have 512 KB
_DETAILS = 50
_URL = 2048
_SEVERITIES = {
    Severity.SEV1: "critical",
    Severity.SEV2: "error",
    Severity.SEV3: "warning",
    Severity.SEV4: "info",
}


def dedup_key(key: str) -> str:
    """A page's key as PagerDuty knows it: the same, unless it is longer than 190 characters."""
    if len(key) <= _OWN_KEY:
        return key
    return f"{key[: _OWN_KEY - 33]}~{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}"


def call_key(page: Page, to: Duty, user_id: str) -> str:
    """The key of an incident that calls somebody besides: by role, by Slack id (else PagerDuty's) who was named.

    A call that is made anew has a key of its own.
    """
    who = to.user_id or user_id if to.role is Role.ASKED else to.role.value
    moment = f":{page.asked_at.astimezone(UTC):%Y%m%dT%H%M%S}" if page.is_anew else ""
    return f"{dedup_key(page.key)}{_CALL}{who}{moment}"[:DEDUP_KEY]


def page_of(incident_key: str) -> str:
    """The key of the page that such an incident belongs to; empty for any other incident."""
    return incident_key.rpartition(_CALL)[0]


def trigger(page: Page) -> dict[str, Any]:
    """The event that pages, without its key."""
    payload = {
        "summary": clip(f"{_about(page)}: {one_line(page.summary)}", SUMMARY),
        "source": one_line(page.source) or CLIENT,
        "severity": _SEVERITIES[page.severity],
        "component": one_line(page.service),
        "group": _detail(page, "environment") or one_line(page.service),
        "class": _detail(page, "metric") or page.severity.label,
        "custom_details": details(page),
    }
    event: dict[str, Any] = {"payload": payload, "client": CLIENT}
    if page.link:
        event["client_url"] = page.link
    links = _links(page)
    return {**event, "links": links} if links else event


def _links(page: Page) -> list[dict[str, str]]:
    """The card, and what else has an address: runbook, dashboard, console."""
    card = [{"href": page.link, "text": "Open the card in Slack"}] if page.link else []
    named = [(one_line(name), value) for name, value in page.details.items() if _is_address(value)]
    return [*card, *({"href": value, "text": name[:1].upper() + name[1:]} for name, value in named if name)]


def _is_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and len(value) <= _URL and not any(map(str.isspace, value))


def details(page: Page) -> dict[str, str]:
    return {one_line(name): clip(clean(value), _DETAIL) for name, value in list(page.details.items())[:_DETAILS]}


def opening(page: Page, to: Duty, service: str, user: str, key: str) -> dict[str, Any]:
    """An incident that pages one person (POST /incidents). `service` and `user` are PagerDuty's ids."""
    facts = {"Severity": page.severity.label, "Service": page.service, "Source": page.source, **details(page)}
    lines = [f"{name}: {value}" for name, value in facts.items()] + [f"Card: {page.link}"] * bool(page.link)
    return {
        "type": "incident",
        "title": _summons(page, to),
        "service": _reference("service", service),
        "assignments": [{"assignee": _reference("user", user)}],
        "incident_key": key,
        "urgency": "high",
        "body": {"type": "incident_body", "details": "\n".join(lines)},
    }


def request(page: Page, to: Duty, user: str, requester: str) -> dict[str, Any]:
    """Asks one person to join an incident (POST /incidents/<id>/responder_requests)."""
    return {
        "requester_id": requester,
        "message": _summons(page, to),
        "responder_request_targets": [{"responder_request_target": _reference("user", user)}],
    }


def changing(incident: str, status: str) -> dict[str, str]:
    return {"id": incident, "type": "incident_reference", "status": status}


def called_as(page: Page, to: Duty) -> str:
    """In which role; when too where a call is made anew, which tells it from others that ask the same person."""
    role = to.role.value if to.role is Role.ASKED else f"called as {to.role.value}"
    return f"{role} at {page.asked_at.astimezone(UTC):%H:%M:%S} UTC" if page.is_anew else role


def _summons(page: Page, to: Duty) -> str:
    return clip(f"{_about(page)} · {called_as(page, to)}: {one_line(page.summary)}", SUMMARY)


def _about(page: Page) -> str:
    return f"{page.severity.label} {one_line(page.service)}".rstrip()


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"id": name, "type": f"{kind}_reference"}


def _detail(page: Page, name: str) -> str:
    return next((one_line(value) for known, value in page.details.items() if known.lower() == name), "")
