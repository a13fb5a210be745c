"""What the page calls: everything that is to be seen, and the three buttons."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from sandbox.pagerduty.account import Actor, Incident, Json
from sandbox.pagerduty.cast import ROBOT
from sandbox.pagerduty.desk import by_user
from sandbox.pagerduty.state import PAGERDUTY, PagerDuty
from sandbox.serving import control
from sandbox.serving.errors import Refused

PAGE = Path(__file__).with_name("page.html")
CLIENT: Json = {"name": "PagerDuty"}
"""What an event names as the place where somebody pressed the button."""


async def state(request: web.Request) -> web.Response:
    return web.json_response(seen(request.app[PAGERDUTY]), headers={"Cache-Control": "no-store"})


def doing(what: Callable[[PagerDuty, Incident, Json], None]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        duty = request.app[PAGERDUTY]
        try:
            given = await control.given(request)
            what(duty, duty.account.incident(str(given.get("incident"))), given)
            return web.json_response({"ok": True})
        except Refused as refused:
            return web.json_response(refused.told(), status=refused.status)

    return handler


def acknowledge(duty: PagerDuty, incident: Incident, given: Json) -> None:
    duty.desk.acknowledge(incident, _who(duty, given))


def resolve(duty: PagerDuty, incident: Incident, given: Json) -> None:
    duty.desk.resolve(incident, _who(duty, given))


def escalate(duty: PagerDuty, incident: Incident, given: Json) -> None:
    duty.desk.escalate_further(incident, _who(duty, given))


def _who(duty: PagerDuty, given: Json) -> Actor:
    return by_user(duty.shapes, duty.account.user(str(given.get("as"))), "website", CLIENT)


def seen(duty: PagerDuty) -> Json:
    account = duty.account
    return {
        "people": [
            {"id": u.id, "name": u.name, "email": u.email, "color": u.color}
            for u in account.users.values()
            if u.id != ROBOT
        ],
        "on_call": [
            {
                "policy": policy.name,
                "levels": [
                    {
                        "level": n,
                        "name": ", ".join(account.users[u].name for u in account.on_call(policy, n)) or "nobody",
                    }
                    for n in range(1, len(policy.levels) + 1)
                ],
            }
            for policy in account.policies.values()
        ],
        "incidents": [_incident(duty, i) for i in reversed(account.incidents.values())],
        "partner": {"on": duty.partner.on, "sent": len(duty.partner.sent), "failed": duty.partner.failed},
        "now": duty.clock.now(),
    }


def _incident(duty: PagerDuty, incident: Incident) -> Json:
    account = duty.account
    service, policy = account.services[incident.service], account.policies[incident.policy]
    return {
        "id": incident.id,
        "number": incident.number,
        "title": incident.title,
        "status": incident.status,
        "urgency": incident.urgency,
        "severity": incident.severity,
        "source": incident.source,
        "service": service.name,
        "policy": policy.name,
        "level": incident.level,
        "can_escalate": incident.is_open and incident.level < len(policy.levels),
        "key": incident.key,
        "client": incident.client,
        "details": incident.details,
        "links": incident.links,
        "created": incident.created,
        "assigned": [account.users[u].name for u in incident.assigned],
        "acknowledged": [actor.reference["summary"] for actor, _ in incident.acknowledged],
        "pages": [
            {"at": p.at, "name": account.users[p.user].name, "reason": p.reason, "urgency": p.urgency}
            for p in incident.pages
        ],
        "log": [
            {"at": e.at, "type": e.type, "text": e.summary, "by": e.actor.reference["summary"], "via": e.actor.channel}
            for e in incident.log
        ],
    }
