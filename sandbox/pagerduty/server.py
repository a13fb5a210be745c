"""The application: which address is answered by what."""

from collections.abc import Callable

from aiohttp import web

from sandbox.pagerduty import changing, control, gate, people, reading
from sandbox.pagerduty.account import Json
from sandbox.pagerduty.asked import Asked
from sandbox.pagerduty.state import PAGERDUTY, PagerDuty
from sandbox.serving import control as controls
from sandbox.serving import page
from sandbox.serving.running import LISTENS_AT

READING: dict[str, Callable[[Asked], Json]] = {
    "oncalls": reading.on_calls,
    "users": reading.users,
    "users/me": reading.me,
    "users/{id}": reading.user,
    "services": reading.services,
    "services/{id}": reading.service,
    "escalation_policies": reading.policies,
    "escalation_policies/{id}": reading.policy,
    "incidents": reading.incidents,
    "incidents/{id}": reading.incident,
    "incidents/{id}/alerts": reading.alerts,
    "incidents/{id}/notes": reading.notes,
    "incidents/{id}/log_entries": reading.incident_log,
    "log_entries": reading.log,
}
SHOWING = {"partner": control.sent, "pages": control.pages}
TURNING = {
    "partner": control.partner,
    "ack": control.acknowledge,
    "resolve": control.resolve,
    "oncall": control.on_call,
    "escalation": control.escalation,
}
PRESSING = {"ack": people.acknowledge, "resolve": people.resolve, "escalate": people.escalate}


def create_app(duty: PagerDuty) -> web.Application:
    app = web.Application()
    app[PAGERDUTY], app[LISTENS_AT] = duty, duty.listens_at
    route = app.router
    route.add_post("/v2/enqueue", gate.answering(gate.enqueue))
    for name, read in READING.items():
        route.add_get(f"/{name}", gate.rest(read), allow_head=False)
    route.add_post("/incidents", gate.rest(changing.create, 201))
    route.add_put("/incidents", gate.rest(changing.change_many))
    route.add_put("/incidents/{id}", gate.rest(changing.change))
    route.add_post("/incidents/{id}/responder_requests", gate.rest(changing.request_responders))
    route.add_post("/incidents/{id}/notes", gate.rest(changing.add_note))
    page.add(app, people.PAGE, ["/"])
    route.add_get("/people/state", people.state)
    for name, press in PRESSING.items():
        route.add_post(f"/people/{name}", people.doing(press))
    controls.add(app, PAGERDUTY, SHOWING, TURNING)
    route.add_route("*", "/{rest:.*}", gate.rest(reading.unknown))
    app.on_cleanup.append(_stop)
    return app


async def _stop(app: web.Application) -> None:
    app[PAGERDUTY].stop()
