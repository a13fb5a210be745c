"""The account's things as the REST API shows them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.pagerduty.account import Account, Entry, Incident, Json, Policy, Schedule, Service, User

INTEGRATION = "events_api_v2_inbound_integration"
ROTA_SECONDS = 7 * 86400
ROTA_START = 4 * 86400
"""Shifts change on Mondays at midnight: the first one of the epoch was its fifth day."""
COLLECTIONS = {"escalation_policy": "escalation_policies", "schedule": "schedules", "log_entry": "log_entries"}


def time_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(time: str) -> float:
    """A time of a query in seconds; ValueError if it is none."""
    read = datetime.fromisoformat(time)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


class Shapes:
    def __init__(self, account: Account, base_url: str, now: Callable[[], float]) -> None:
        self.account = account
        self.base_url = base_url
        self.now = now

    def reference(self, kind: str, id_: str, summary: str, under: str = "") -> Json:
        return self._head(kind, id_, summary, under) | {"type": f"{kind}_reference"}

    def _head(self, kind: str, id_: str, summary: str, under: str = "") -> Json:
        collection = under or COLLECTIONS.get(kind, f"{kind}s")
        return {
            "id": id_,
            "type": kind,
            "summary": summary,
            "self": f"{self.base_url}/{collection}/{id_}",
            "html_url": f"{self.base_url}/#{id_}",
        }

    # -- references

    def user_ref(self, user: str) -> Json:
        return self.reference("user", user, self.account.users[user].name)

    def service_ref(self, service: str) -> Json:
        return self.reference("service", service, self.account.services[service].name)

    def policy_ref(self, policy: str) -> Json:
        return self.reference("escalation_policy", policy, self.account.policies[policy].name)

    def schedule_ref(self, schedule: str) -> Json:
        return self.reference("schedule", schedule, self.account.schedules[schedule].name)

    def incident_ref(self, incident: Incident) -> Json:
        return self.reference("incident", incident.id, summary(incident))

    def integration_ref(self, service: Service) -> Json:
        under = f"services/{service.id}/integrations"
        return self.reference(INTEGRATION, service.integration, "Events API V2", under)

    # -- whole things

    def user(self, user: User) -> Json:
        return self._head("user", user.id, user.name) | {
            "name": user.name,
            "email": user.email,
            "time_zone": user.time_zone,
            "color": user.color,
            "avatar_url": "",
            "billed": True,
            "role": "user",
            "description": None,
            "invitation_sent": False,
            "job_title": user.job_title,
            "teams": [],
            "contact_methods": [],
            "notification_rules": [],
            "coordinated_incidents": [],
        }

    def service(self, service: Service) -> Json:
        open_ = [i.status for i in self.account.incidents.values() if i.service == service.id and i.is_open]
        status = "critical" if "triggered" in open_ else "warning" if open_ else "active"
        urgency = "severity_based" if service.by_severity else "high"
        return self._head("service", service.id, service.name) | {
            "name": service.name,
            "description": service.description,
            "status": status,
            "auto_resolve_timeout": None,
            "acknowledgement_timeout": None,
            "escalation_policy": self.policy_ref(service.policy),
            "incident_urgency_rule": {"type": "constant", "urgency": urgency},
            "integrations": [self.integration_ref(service)],
            "teams": [],
            "alert_creation": "create_alerts_and_incidents",
        }

    def policy(self, policy: Policy) -> Json:
        rules = [
            {
                "id": f"{policy.id[:5]}R{number}",
                "escalation_delay_in_minutes": 30,
                "targets": [self.schedule_ref(level.schedule) if level.schedule else self.user_ref(str(level.user))],
            }
            for number, level in enumerate(policy.levels, 1)
        ]
        services = [self.service_ref(s.id) for s in self.account.services.values() if s.policy == policy.id]
        return self._head("escalation_policy", policy.id, policy.name) | {
            "name": policy.name,
            "description": None,
            "num_loops": 0,
            "on_call_handoff_notifications": "if_has_services",
            "escalation_rules": rules,
            "services": services,
            "teams": [],
        }

    def on_calls(self, policy: Policy, since: float, until: float) -> list[Json]:
        """Who is on call for each level between two moments, shift by shift, the first one first."""
        found = []
        for number, level in enumerate(policy.levels, 1):
            for user in self.account.on_call(policy, number):
                entry = {"escalation_policy": self.policy_ref(policy.id), "escalation_level": number}
                schedule = self.schedule_ref(level.schedule) if level.schedule else None
                found += [
                    {**entry, "schedule": schedule, "user": self.user_ref(user), "start": start, "end": end}
                    for start, end in (_shifts(since, until) if schedule else [(None, None)])
                ]
        return found

    def incident(self, incident: Incident) -> Json:
        by = incident.changed_by
        return self._head("incident", incident.id, summary(incident)) | {
            "incident_number": incident.number,
            "title": incident.title,
            "description": incident.title,
            "status": incident.status,
            "incident_key": incident.key,
            "urgency": incident.urgency,
            "created_at": time_of(incident.created),
            "updated_at": time_of(incident.changed),
            "resolved_at": time_of(incident.resolved) if incident.resolved else None,
            "service": self.service_ref(incident.service),
            "escalation_policy": self.policy_ref(incident.policy),
            "assigned_via": "direct_assignment" if incident.direct else "escalation_policy",
            "assignments": [{"at": time_of(at), "assignee": self.user_ref(u)} for u, at in incident.assigned.items()],
            "acknowledgements": [
                {"at": time_of(at), "acknowledger": actor.reference} for actor, at in incident.acknowledged
            ],
            "last_status_change_at": time_of(incident.changed),
            "last_status_change_by": by.reference if by else None,
            "first_trigger_log_entry": self.reference("trigger_log_entry", incident.log[0].id, "", "log_entries"),
            "pending_actions": [],
            "teams": [],
            "priority": None,
            "resolve_reason": None,
            "incidents_responders": incident.responders,
            "responder_requests": [],
            "conference_bridge": None,
            "is_mergeable": incident.is_open,
        }

    def body(self, incident: Incident) -> Json:
        return {"type": "incident_body", "details": incident.details}

    def entry(self, incident: Incident, entry: Entry) -> Json:
        return self._head(entry.type, entry.id, entry.summary, "log_entries") | {
            "created_at": time_of(entry.at),
            "agent": entry.actor.reference,
            "channel": {"type": entry.actor.channel, **entry.more.get("channel", {})},
            "service": self.service_ref(incident.service),
            "incident": self.incident_ref(incident),
            "teams": [],
            "contexts": incident.links if entry.type == "trigger_log_entry" else [],
            **{k: v for k, v in entry.more.items() if k != "channel"},
        }

    def schedule(self, schedule: Schedule) -> Json:
        return self._head("schedule", schedule.id, schedule.name) | {"name": schedule.name, "time_zone": "Etc/UTC"}


def summary(incident: Incident) -> str:
    return f"[#{incident.number}] {incident.title}"


def _shifts(since: float, until: float) -> list[tuple[str | None, str | None]]:
    start = since - (since - ROTA_START) % ROTA_SECONDS
    shifts: list[tuple[str | None, str | None]] = []
    while start <= until:
        shifts.append((time_of(start), time_of(start + ROTA_SECONDS)))
        start += ROTA_SECONDS
    return shifts


def included(wanted: list[str], shown: Json, whole: dict[str, Any]) -> Json:
    """The references that a query wants as whole things (`include[]`) made whole."""
    return shown | {name: make for name, make in whole.items() if f"{name}s" in wanted or name in wanted}
