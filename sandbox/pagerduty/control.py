"""/control/*: what tests and the demo turn."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.pagerduty.account import Json
from sandbox.pagerduty.desk import by_user
from sandbox.pagerduty.errors import Refusal, invalid_input
from sandbox.pagerduty.people import CLIENT
from sandbox.pagerduty.state import PAGERDUTY, PagerDuty

Turning = Callable[[PagerDuty, Json], Json]


def answering(run: Turning) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            given = dict(request.query) if request.method == "GET" else await body_of(request)
            return web.json_response({"ok": True, **run(request.app[PAGERDUTY], given)})
        except Refusal as refusal:
            return web.json_response({"ok": False, **refusal.answer()}, status=refusal.status)

    return handler


async def body_of(request: web.Request) -> Json:
    if not request.can_read_body:
        return {}
    try:
        given = await request.json()
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise invalid_input("That was not a JSON object.")
    return given


def log(duty: PagerDuty, given: Json) -> Json:
    return {"calls": duty.log.since(int(given.get("since", 0))), "n": duty.log.n}


def fault(duty: PagerDuty, given: Json) -> Json:
    duty.faults.add(given)
    return {}


def clear_faults(duty: PagerDuty, _: Json) -> Json:
    duty.faults.clear()
    return {}


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


def clock(duty: PagerDuty, given: Json) -> Json:
    seconds = float(given.get("advance", 0))
    if seconds < 0:
        raise invalid_input("The clock only moves forward.")
    duty.clock.advance(seconds)
    return {"now": duty.clock.now()}


def reset(duty: PagerDuty, _: Json) -> Json:
    duty.reset()
    return {}
