"""Submitted modals. They run before the ack, so that every refusal appears in the form and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable

from blocks import answers, forms
from blocks.ids import Input, View
from bot.errors import InvalidInput, Overtaken
from bot.incidents import Declaration
from bot.models import EventKind, Severity, Status
from commands import aftermath, fixing, following, say
from commands.desk import Desk
from commands.reply import Answer, Reply, TurnPage
from commands.request import Request

_LOOKED_BACK = 50  # lines of the timeline, for who set the severity meanwhile


def declare(desk: Desk, request: Request) -> Reply:
    form = request.form
    asked = Declaration(
        service=form.get(Input.SERVICE, ""),
        impact=form.get(Input.IMPACT, ""),
        severity=_severity(form),
        commander=form.get(Input.COMMANDER) or None,
        origin=request.carried.get("origin"),
    )
    return Answer(say.declared(desk.incidents.declare(request.caller, asked)))


def update(desk: Desk, request: Request) -> Reply:
    status = Status(request.form[Input.STATUS]) if request.form.get(Input.STATUS) else None
    text = request.form.get(Input.UPDATE, "")
    return Answer(say.updated(desk.incidents.update(request.caller, request.number, text, status)))


def severity(desk: Desk, request: Request) -> Reply:
    """Held against what the form showed. Overtaken, it shows what was set meanwhile, and is held against that."""
    caller, number, carried = request.caller, request.number, request.carried
    chosen, why = _severity(request.form), request.form.get(Input.REASON, "")
    seen = Severity(carried["severity"]) if carried.get("severity") else None
    try:
        return Answer(say.severity(desk.incidents.change_severity(caller, number, chosen, why, seen=seen)))
    except Overtaken:
        incident, events, _ = desk.incidents.timeline(caller, number, limit=_LOOKED_BACK)
        theirs = next((each for _, each in reversed(events) if each.kind is EventKind.SEVERITY), None)
        again = {**carried, "severity": int(incident.severity)}
        return TurnPage(forms.severity_overtaken(incident, chosen, why, again, theirs))


def resolution(desk: Desk, request: Request) -> Reply:
    text = request.form.get(Input.RESOLUTION, "")
    return Answer(say.recorded(desk.incidents.record_resolution(request.caller, request.number, text)))


def add_to_timeline(desk: Desk, request: Request) -> Reply:
    number = request.form.get(Input.INCIDENT, "")
    if not number.isdigit():
        raise InvalidInput(Input.INCIDENT, "Choose the incident.")
    result = desk.incidents.add_message(
        request.caller,
        int(number),
        request.form.get(Input.NOTE, ""),
        author=request.carried.get("author"),
        source=request.carried.get("source"),
    )
    return Answer(say.noted(result))


def resolve_anyway(desk: Desk, request: Request) -> Reply:
    text = request.form.get(Input.RESOLUTION, "")
    if not text.strip():
        raise InvalidInput(Input.RESOLUTION, "Say why it is over although an alarm fires.")
    return Answer(say.resolved(desk.incidents.resolve(request.caller, request.number, text), desk.clock()))


def silence(desk: Desk, request: Request) -> Reply:
    span, reason = request.form.get(Input.DURATION, ""), request.form.get(Input.REASON, "")
    return Answer(say.silenced(desk.silences.silence_alert(request.caller, _alert(request), span, reason)))


def alert_severity(desk: Desk, request: Request) -> Reply:
    return Answer(say.rated(desk.alerts.change_severity(request.caller, _alert(request), _severity(request.form))))


def _alert(request: Request) -> int:
    number = request.carried.get("alert")
    if not isinstance(number, int):
        raise InvalidInput("alert", "This form belongs to no alert I know.")
    return number


def _severity(form: dict[str, str]) -> Severity:
    if not form.get(Input.SEVERITY):
        raise InvalidInput(Input.SEVERITY, "Choose how bad it is.")
    return Severity.parse(form[Input.SEVERITY])


def nothing(desk: Desk, request: Request) -> Reply:
    """A view without a submit button."""
    return None


VIEWS: dict[str, Callable[[Desk, Request], Reply]] = {
    View.DECLARE: declare,
    View.UPDATE: update,
    View.SEVERITY: severity,
    View.RESOLUTION: resolution,
    View.ADD_TO_TIMELINE: add_to_timeline,
    View.TIMELINE: nothing,
    View.WHY: nothing,
    View.RESOLVE: resolve_anyway,
    View.SILENCE: silence,
    View.ALERT_SEVERITY: alert_severity,
    View.ROLLBACK: fixing.rollback_to,
    View.RUNBOOK: fixing.run_runbook,
    View.EVIDENCE: nothing,
    View.PROBLEM: nothing,
    View.POST_MORTEM_SECTION: aftermath.save_section,
    View.POST_MORTEM_PREVIEW: nothing,
    View.POST_MORTEM_WAIVE: aftermath.save_waive,
    View.POST_MORTEM_ELSEWHERE: aftermath.save_elsewhere,
    View.ACTION_ITEM: following.save_action,
    View.ACTION_ITEM_DUE: following.save_due,
    View.REASSIGN: aftermath.save_reassign,
}


def submit(desk: Desk, request: Request) -> Reply:
    view = VIEWS.get(request.action)
    if view is None:
        return Answer(answers.problem("This form is from another version of the bot. Open it again."))
    return view(desk, request)
