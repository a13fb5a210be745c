"""Buttons and selects: one function an action, one table."""

from __future__ import annotations

from collections.abc import Callable

from blocks import alert_answers, answers, forms, timeline
from blocks.ids import Action
from bot.access import Right
from bot.models import Action as Remedy
from commands import aftermath, alerting, fixing, following, reporting, say, subcommands, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply, TurnPage
from commands.request import Request


def acknowledge(desk: Desk, request: Request) -> Reply:
    result = desk.incidents.acknowledge(request.caller, request.number)
    return Answer(say.acknowledged(result, desk.clock(), request.caller.user_id))


def assign_me(desk: Desk, request: Request) -> Reply:
    return Answer(say.assigned(desk.incidents.assign(request.caller, request.number, request.caller.user_id)))


def update(desk: Desk, request: Request) -> Reply:
    incident = desk.incidents.may_change(request.caller, request.number)
    return OpenForm(forms.update(incident, subcommands.carried(request, incident.number)))


def severity(desk: Desk, request: Request) -> Reply:
    incident = desk.incidents.may_change(request.caller, request.number, Right.COMMAND)
    carried = subcommands.carried(request, incident.number, severity=int(incident.severity))
    return OpenForm(forms.severity(incident, carried))


def open_timeline(desk: Desk, request: Request) -> Reply:
    incident, events, total = desk.incidents.timeline(request.caller, request.number, limit=timeline.PAGE + 1)
    return OpenForm(timeline.page(incident, events, total))


def turn_page(desk: Desk, request: Request) -> Reply:
    _, _, position = request.value.partition(":")
    before = int(position) if position.isdigit() else None
    incident, events, total = desk.incidents.timeline(
        request.caller, request.number, limit=timeline.PAGE + 1, before=before
    )
    return TurnPage(timeline.page(incident, events, total, is_newest=before is None))


def resolve(desk: Desk, request: Request) -> Reply:
    return subcommands.resolved(desk, request, request.number, "")


def reopen(desk: Desk, request: Request) -> Reply:
    return Answer(say.reopened(desk.incidents.reopen(request.caller, request.number)))


def resolution(desk: Desk, request: Request) -> Reply:
    incident = desk.incidents.show(request.caller, request.number)
    return OpenForm(forms.resolution(incident, subcommands.carried(request, incident.number)))


def show(desk: Desk, request: Request) -> Reply:
    return Answer(answers.shown(desk.incidents.facts(request.caller, request.number)))


def declare(desk: Desk, request: Request) -> Reply:
    desk.incidents.may_declare(request.caller)
    typed = words.declaration(desk.memory.draft(request.value) or "")
    return OpenForm(subcommands.declare_form(desk, request, typed))


def take_alert(desk: Desk, request: Request) -> Reply:
    taken = desk.alerts.acknowledge(request.caller, request.number)
    return Answer(say.taken(taken, desk.clock(), request.caller.user_id))


def silence_alert(desk: Desk, request: Request) -> Reply:
    alert = desk.alerts.may_change(request.caller, request.number)
    return OpenForm(forms.silence(alert, {**subcommands.place(request), "alert": alert.number}))


def end_silence(desk: Desk, request: Request) -> Reply:
    return Answer(say.unsilenced(desk.silences.unsilence(request.caller, request.value)))


def rate_alert(desk: Desk, request: Request) -> Reply:
    alert = desk.alerts.may_rate(request.caller, request.number)
    return OpenForm(forms.alert_severity(alert, {**subcommands.place(request), "alert": alert.number}))


def why(desk: Desk, request: Request) -> Reply:
    return OpenForm(alert_answers.why_view(desk.alerts.show(request.caller, request.number)))


def alerts(desk: Desk, request: Request) -> Reply:
    return alerting.listing(desk, request, "")


BUTTONS: dict[str, Callable[[Desk, Request], Reply]] = {
    Action.ACKNOWLEDGE: acknowledge,
    Action.ASSIGN_ME: assign_me,
    Action.UPDATE: update,
    Action.SEVERITY: severity,
    Action.TIMELINE: open_timeline,
    Action.TIMELINE_PAGE: turn_page,
    Action.TIMELINE_NEWEST: turn_page,
    Action.RESOLVE: resolve,
    Action.REOPEN: reopen,
    Action.RESOLUTION: resolution,
    Action.SHOW: show,
    Action.CHOOSE: subcommands.chosen,
    Action.DECLARE: declare,
    Action.ALERT_ACKNOWLEDGE: take_alert,
    Action.ALERT_SILENCE: silence_alert,
    Action.ALERT_SILENCE_SURELY: alerting.silence_surely,
    Action.ALERT_UNSILENCE: end_silence,
    Action.ALERT_SEVERITY: rate_alert,
    Action.ALERT_WHY: why,
    Action.ALERTS: alerts,
    Action.RCA_RUN: fixing.run_rca,
    Action.RCA_EVIDENCE: fixing.show_evidence,
    Action.RCA_DISMISS: fixing.dismiss,
    Action.ROLLBACK: fixing.button_of(Remedy.ROLLBACK),
    Action.CHOOSE_REVISION: fixing.choose_revision,
    Action.SCALE_UP: fixing.button_of(Remedy.SCALE_UP),
    Action.RESTART: fixing.button_of(Remedy.RESTART),
    Action.RUN: fixing.run_button,
    Action.APPROVE: lambda desk, request: fixing.approve_number(desk, request, request.number),
    Action.REJECT: lambda desk, request: fixing.reject_number(desk, request, request.number),
    Action.REHEARSE: fixing.rehearse_number,
    Action.UNDO: lambda desk, request: fixing.undo_number(desk, request, request.number),
    Action.RETRY: fixing.again_number,
    Action.STOP: fixing.stop_number,
    Action.POST_MORTEM: lambda desk, request: aftermath.show(desk, request, request.number),
    Action.POST_MORTEM_BEGIN: lambda desk, request: aftermath.begin(desk, request, request.number),
    Action.POST_MORTEM_EDIT: aftermath.click_edit,
    Action.POST_MORTEM_WRITE: aftermath.click_edit,
    Action.POST_MORTEM_PREVIEW: aftermath.click_preview,
    Action.POST_MORTEM_SUBMIT: lambda desk, request: aftermath.review(desk, request, request.number),
    Action.POST_MORTEM_FILE: lambda desk, request: aftermath.file(desk, request, request.number),
    Action.POST_MORTEM_WAIVE: lambda desk, request: aftermath.open_waive(desk, request, request.number),
    Action.POST_MORTEM_ELSEWHERE: aftermath.click_elsewhere,
    Action.ACTION_ITEM: following.click_action,
    Action.ACTION_ITEM_CLOSE: following.click_close,
    Action.ACTION_ITEM_DUE: following.click_due,
    Action.REASSIGN: aftermath.click_reassign,
    Action.SNOOZE: aftermath.click_snooze,
    Action.SNOOZE_HOUR: aftermath.snooze("hour"),
    Action.SNOOZE_TOMORROW: aftermath.snooze("tomorrow"),
    Action.SNOOZE_MONDAY: aftermath.snooze("monday"),
    Action.DIGEST_POST: reporting.post,
}
_ON_CARDS = frozenset(
    {
        Action.ACKNOWLEDGE,
        Action.ASSIGN_ME,
        Action.UPDATE,
        Action.SEVERITY,
        Action.TIMELINE,
        Action.RESOLVE,
        Action.REOPEN,
    }
)


def click(desk: Desk, request: Request) -> Reply:
    """Do what the button says; a card that is no longer kept up to date shows the present state after it."""
    button = BUTTONS.get(request.action)
    if button is None:
        return None
    reply = button(desk, request)
    if isinstance(reply, Answer) and request.action in _ON_CARDS and _is_old_card(desk, request):
        facts = desk.incidents.facts(request.caller, request.number)
        return reply._replace(refresh=answers.shown(facts))
    return reply


def _is_old_card(desk: Desk, request: Request) -> bool:
    if request.is_ephemeral or not request.message_ts:
        return False
    return not desk.incidents.is_card(request.channel_id, request.message_ts)
