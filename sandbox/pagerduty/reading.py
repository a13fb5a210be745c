"""The GETs of the REST API."""

from collections.abc import Callable

from sandbox.pagerduty.account import Entry, Incident, Json
from sandbox.pagerduty.asked import Asked, paged
from sandbox.pagerduty.errors import Refusal, invalid_input, not_found
from sandbox.pagerduty.shapes import included

STATUSES = frozenset(("triggered", "acknowledged", "resolved"))
NOT_OVERVIEW = frozenset(("notify_log_entry", "assign_log_entry"))
SORTS: dict[str, Callable[[Incident], float]] = {
    "incident_number": lambda i: i.number,
    "created_at": lambda i: i.created,
    "resolved_at": lambda i: i.resolved or 0.0,
    "urgency": lambda i: i.urgency == "high",
}


def on_calls(asked: Asked) -> Json:
    duty, wanted = asked.duty, asked.many("include")
    now = duty.clock.now()
    since = asked.moment("since") or now
    until = asked.moment("until") or since
    if until < since:
        raise Refusal(400, 2005, "Invalid Query Date Range")
    policies, schedules = asked.many("escalation_policy_ids"), asked.many("schedule_ids")
    found, seen = [], set()
    for policy in duty.account.policies.values():
        for entry in duty.shapes.on_calls(policy, since, until):
            schedule, user = entry["schedule"] or {}, entry["user"]["id"]
            shift = (policy.id, entry["escalation_level"], user)
            if (policies and policy.id not in policies) or (schedules and schedule.get("id") not in schedules):
                continue
            if (users := asked.many("user_ids")) and user not in users:
                continue
            if asked.flag("earliest") and shift in seen:
                continue
            seen.add(shift)
            found.append(_with_on_call(asked, entry, wanted))
    return paged(asked, "oncalls", found)


def _with_on_call(asked: Asked, entry: Json, wanted: list[str]) -> Json:
    account, shapes = asked.duty.account, asked.duty.shapes
    whole = {
        "user": shapes.user(account.users[entry["user"]["id"]]),
        "escalation_policy": shapes.policy(account.policies[entry["escalation_policy"]["id"]]),
    }
    if "escalation_policies" in wanted:
        wanted = [*wanted, "escalation_policy"]
    if entry["schedule"]:
        whole["schedule"] = shapes.schedule(account.schedules[entry["schedule"]["id"]])
    return included(wanted, entry, whole)


def users(asked: Asked) -> Json:
    query = asked.query.get("query", "").lower()
    everybody = asked.duty.account.users.values()
    found = [asked.duty.shapes.user(u) for u in everybody if query in u.name.lower() or query in u.email.lower()]
    return paged(asked, "users", found)


def user(asked: Asked) -> Json:
    account = asked.duty.account
    if asked.ids["id"] not in account.users:
        raise not_found()
    return {"user": asked.duty.shapes.user(account.users[asked.ids["id"]])}


def me(asked: Asked) -> Json:
    """Whose token it is. One of the account is nobody's, and PagerDuty says so in an error that is a mere text."""
    if asked.token_user is None:
        raise NobodysToken
    return {"user": asked.duty.shapes.user(asked.token_user)}


class NobodysToken(Refusal):
    def __init__(self) -> None:
        super().__init__(400, 0, "The 'me' endpoint cannot be used with an account-level access token")

    def answer(self) -> Json:
        return {"error": self.message}


def services(asked: Asked) -> Json:
    query = asked.query.get("query", "").lower()
    found = [s for s in asked.duty.account.services.values() if query in s.name.lower()]
    return paged(asked, "services", [asked.duty.shapes.service(s) for s in found])


def service(asked: Asked) -> Json:
    found = asked.duty.account.services.get(asked.ids["id"])
    if found is None:
        raise not_found()
    return {"service": asked.duty.shapes.service(found)}


def policies(asked: Asked) -> Json:
    query = asked.query.get("query", "").lower()
    found = [p for p in asked.duty.account.policies.values() if query in p.name.lower()]
    return paged(asked, "escalation_policies", [asked.duty.shapes.policy(p) for p in found])


def policy(asked: Asked) -> Json:
    found = asked.duty.account.policies.get(asked.ids["id"])
    if found is None:
        raise not_found()
    return {"escalation_policy": asked.duty.shapes.policy(found)}


def incidents(asked: Asked) -> Json:
    fits = _filter(asked)
    found = sorted((i for i in asked.duty.account.incidents.values() if fits(i)), key=SORTS["incident_number"])
    for rule in reversed([r for each in asked.many("sort_by") for r in each.split(",")]):
        field, _, direction = rule.partition(":")
        if field not in SORTS or direction not in ("", "asc", "desc"):
            raise invalid_input("sort_by is invalid")
        found.sort(key=SORTS[field], reverse=direction == "desc")
    return paged(asked, "incidents", [_incident(asked, i) for i in found])


def _filter(asked: Asked) -> Callable[[Incident], bool]:
    statuses, key = asked.many("statuses"), asked.query.get("incident_key")
    if not STATUSES.issuperset(statuses):
        raise Refusal(400, 1003, "Invalid Status Provided")
    since, until = asked.moment("since"), asked.moment("until")
    lists = {name: asked.many(f"{name}s") for name in ("service_id", "user_id", "urgencie")}

    def fits(incident: Incident) -> bool:
        return (
            (not statuses or incident.status in statuses)
            and (not key or incident.key == key)
            and (since is None or incident.created >= since)
            and (until is None or incident.created < until)
            and (not lists["service_id"] or incident.service in lists["service_id"])
            and (not lists["user_id"] or not incident.assigned.keys().isdisjoint(lists["user_id"]))
            and (not lists["urgencie"] or incident.urgency in lists["urgencie"])
        )

    return fits


def _incident(asked: Asked, incident: Incident) -> Json:
    account, shapes, wanted = asked.duty.account, asked.duty.shapes, asked.many("include")
    shown = shapes.incident(incident)
    if "assignees" in wanted:
        for each in shown["assignments"]:
            each["assignee"] = shapes.user(account.users[each["assignee"]["id"]])
    whole = {"service": shapes.service(account.services[incident.service]), "body": shapes.body(incident)}
    return included(wanted, shown, whole)


def incident(asked: Asked) -> Json:
    return {"incident": _incident(asked, asked.incident)}


def alerts(asked: Asked) -> Json:
    """The alert behind an incident: where PagerDuty keeps what the event said."""
    incident = asked.incident
    body = {
        "type": "alert_body",
        "details": incident.details,
        "contexts": [*incident.links, *incident.images],
        "cef_details": {"severity": incident.severity, "source_origin": incident.source, "client": incident.client},
    }
    alert = asked.duty.shapes.reference("alert", f"A{incident.id[1:]}", incident.title) | {
        "type": "alert",
        "status": "resolved" if incident.status == "resolved" else "triggered",
        "alert_key": incident.key,
        "severity": incident.severity,
        "incident": asked.duty.shapes.incident_ref(incident),
        "service": asked.duty.shapes.service_ref(incident.service),
        "body": body,
    }
    return paged(asked, "alerts", [alert] if incident.severity else [])


def notes(asked: Asked) -> Json:
    return {"notes": asked.incident.notes}


def incident_log(asked: Asked) -> Json:
    return _log(asked, [(asked.incident, entry) for entry in asked.incident.log])


def log(asked: Asked) -> Json:
    return _log(asked, list(asked.duty.account.entries()))


def _log(asked: Asked, entries: list[tuple[Incident, Entry]]) -> Json:
    """The newest first."""
    since, until = asked.moment("since"), asked.moment("until")
    kept = [
        (incident, entry)
        for incident, entry in sorted(entries, key=lambda pair: pair[1].id, reverse=True)
        if (since is None or entry.at >= since) and (until is None or entry.at < until)
        if not (asked.flag("is_overview") and entry.type in NOT_OVERVIEW)
    ]
    return paged(asked, "log_entries", [asked.duty.shapes.entry(incident, entry) for incident, entry in kept])


def unknown(_: Asked) -> Json:
    raise not_found()
