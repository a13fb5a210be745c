"""/control/*: what can be turned in this server alone."""

from sandbox.pagerduty.account import Json
from sandbox.pagerduty.desk import by_user
from sandbox.pagerduty.errors import invalid_input
from sandbox.pagerduty.people import CLIENT
from sandbox.pagerduty.state import PagerDuty


def partner(duty: PagerDuty, given: Json) -> Json:
    duty.partner.on = bool(given.get("on", duty.partner.on))
    return sent(duty, {})


def sent(duty: PagerDuty, _: Json) -> Json:
    return {"on": duty.partner.on, "sent": duty.partner.sent, "failed": duty.partner.failed}


def acknowledge(duty: PagerDuty, given: Json) -> Json:
    return _by_hand(duty, given, "acknowledge")


def resolve(duty: PagerDuty, given: Json) -> Json:
    return _by_hand(duty, given, "resolve")


def _by_hand(duty: PagerDuty, given: Json, what: str) -> Json:
    """As that person would with the button. The incident by its id, number or key."""
    wanted = str(given.get("incident"))
    incidents = list(duty.account.incidents.values())[::-1]
    found = next((i for i in incidents if wanted in (i.id, str(i.number), i.key)), None)
    incident = found or duty.account.incident(wanted)
    actor = by_user(duty.shapes, duty.account.user(str(given.get("user"))), "website", CLIENT)
    getattr(duty.desk, what)(incident, actor)
    return {"incident": duty.shapes.incident(incident)}


def pages(duty: PagerDuty, _: Json) -> Json:
    """Who was told what, and why, in order."""
    told = [(page, incident) for incident in duty.account.incidents.values() for page in incident.pages]
    return {
        "pages": [
            {
                "at": page.at,
                "user": page.user,
                "name": duty.account.users[page.user].name,
                "reason": page.reason,
                "urgency": page.urgency,
                "incident": incident.id,
                "key": incident.key,
            }
            for page, incident in sorted(told, key=lambda pair: pair[0].at)
        ]
    }


def on_call(duty: PagerDuty, given: Json) -> Json:
    """Gives a schedule to somebody, or to nobody."""
    schedule = duty.account.schedules.get(str(given.get("schedule")))
    if schedule is None:
        raise invalid_input("no such schedule")
    schedule.user = duty.account.user(str(given["user"])).id if given.get("user") else None
    return {"schedule": schedule.id, "user": schedule.user}


def escalation(duty: PagerDuty, given: Json) -> Json:
    """After how many seconds incidents that are opened from now on escalate by themselves; null: never."""
    after = given.get("after")
    duty.auto_escalate_after = duty.desk.auto_escalate_after = None if after is None else float(after)
    return {"after": duty.auto_escalate_after}
