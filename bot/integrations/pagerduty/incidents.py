"""PagerDuty's incidents by REST: found by key, escalated, joined, opened, changed. Raises PagerError.

https://developer.pagerduty.com/api-reference, "Incidents"
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.integrations.pagerduty import events
from bot.integrations.pagerduty.answers import Incident, OnCallEntry
from bot.integrations.pagerduty.api import RestApi

_LIST_PAGES = 3


class PagerIncidents:
    """`sender` is the e-mail of the user in whose name something changes."""

    def __init__(self, rest: RestApi) -> None:
        self._rest = rest

    def with_key(self, key: str) -> list[Incident]:
        """The last month's incidents of a key, newest first."""
        found = self._rest.entries(Incident, "/incidents", pages=1, incident_key=key, sort_by="created_at:desc")
        return _newest_first(found)

    def is_open(self, key: str) -> bool:
        return any(each.is_open for each in self.with_key(key))

    def listed(self, statuses: Sequence[str], since: datetime | None = None) -> list[Incident]:
        """The newest 300 with these statuses, created since then (else in the last month), newest first."""
        query: dict[str, Any] = {"statuses[]": list(statuses), "sort_by": "created_at:desc"}
        if since:
            query["since"] = since.isoformat(timespec="seconds")
        return _newest_first(self._rest.entries(Incident, "/incidents", pages=_LIST_PAGES, **query))

    def levels(self, incident: Incident) -> dict[int, set[str]]:
        """Who is on call now at each level of its policy."""
        if incident.escalation_policy is None:
            return {}
        query: dict[str, Any] = {"escalation_policy_ids[]": [incident.escalation_policy.id], "earliest": "true"}
        levels: dict[int, set[str]] = {}
        for entry in self._rest.entries(OnCallEntry, "/oncalls", **query):
            levels.setdefault(entry.escalation_level, set()).add(entry.user.id)
        return levels

    def escalate(self, incident: Incident, level: int, *, sender: str) -> None:
        change = {"type": "incident_reference", "escalation_level": level}
        self._rest.put(f"/incidents/{incident.id}", {"incident": change}, sender=sender)

    def ask_to_join(self, incident: Incident, request: dict[str, Any], *, sender: str) -> None:
        self._rest.post(f"/incidents/{incident.id}/responder_requests", request, sender=sender)

    def open(self, opening: dict[str, Any], *, sender: str) -> None:
        self._rest.post("/incidents", {"incident": opening}, sender=sender)

    def change(self, some: Sequence[Incident], status: str, *, sender: str) -> None:
        self._rest.put("/incidents", {"incidents": [events.changing(one.id, status) for one in some]}, sender=sender)

    def note(self, incident: Incident, text: str, *, sender: str) -> None:
        self._rest.post(f"/incidents/{incident.id}/notes", {"note": {"content": text}}, sender=sender)


def _newest_first(found: list[Incident]) -> list[Incident]:
    return sorted(found, key=lambda each: (each.created_at, each.incident_number), reverse=True)
