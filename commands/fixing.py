"""The subcommands and buttons about root causes and changes to AWS."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from blocks import answers, evidence, forms, remediation_notes
from blocks import remediation as look
from blocks.ids import Input
from blocks.text import foreign, utc, when
from bot.config import parse_duration
from bot.errors import ChatError, CloudError, Instead, InvalidInput, Refused
from bot.models import Action, Alert, Incident, Order, Remediation, RemediationStatus
from bot.runbooks import RUNBOOKS
from commands import alerting, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply
from commands.request import Request

log = logging.getLogger(__name__)

T = TypeVar("T")
Subject = Alert | Incident
_FIX = "fix-"
_USUAL_APPROVAL = "30d"


# -- what it is about


def of_id(desk: Desk, request: Request, subject: str) -> Subject:
    """The alert or incident that a button names, `AL-17` or `INC-4`."""
    kind, _, number = subject.partition("-")
    if not number.isdigit():
        raise InvalidInput("incident", "This button belongs to no alert or incident I know.")
    if kind == "AL":
        return desk.alerts.show(request.caller, int(number))
    return desk.incidents.show(request.caller, int(number))


def about(desk: Desk, request: Request, rest: str) -> tuple[Subject | None, str, str]:
    """The alert or incident that is named, or of this thread or channel; the service; and the words behind them."""
    alert, left = alerting.meant(desk, request, rest)
    subject: Subject | None = alert
    if subject is None:
        number, left = words.incident_id(rest, words.Bare.NEVER)
        here = desk.incidents.here(request.caller, request.channel_id, request.thread_ts)
        subject = desk.incidents.show(request.caller, number) if number is not None else here
    named, behind = words.word_or_quoted(left)
    service = desk.config.known_service(named) if named else None
    if service is not None:
        left = behind
        subject = subject or desk.incidents.open_of(request.caller, service)
        subject = subject or desk.alerts.of_service(request.caller, service)
    if subject is None and named and service is None:
        raise InvalidInput("service", f"“{named[:40]}” is no service of the catalogue, and nothing here is about one.")
    if subject is None and service is None:
        open_ = desk.incidents.open(request.caller)
        subject = open_[0] if len(open_) == 1 else None
    return subject, service or (subject.service if subject is not None else ""), left


def _need_service(service: str, command: str) -> str:
    if not service:
        raise InvalidInput("service", f"For which service? /incident {command} checkout-api, or in an alert's thread.")
    return service


def asked(ask: Callable[[], T]) -> T:
    """What AWS says, or why it could not be asked, in words for the person."""
    try:
        return ask()
    except CloudError as error:
        raise Refused(f"AWS did not answer as it should: {error}. Nothing was changed.") from error


# -- root cause


def rca(desk: Desk, request: Request, rest: str) -> Reply:
    subject, service, _ = about(desk, request, rest)
    if subject is None and service:
        raise InvalidInput(
            "incident", f"Nothing goes on for {service}. Name an alert or incident: /incident rca AL-17."
        )
    if subject is None:
        raise InvalidInput("incident", "Of what? /incident rca AL-17, or in the thread of an alert or incident.")
    return investigate(desk, request, subject)


def investigate(desk: Desk, request: Request, subject: Subject) -> Reply:
    found, is_new = desk.investigations.ask(request.caller, subject)
    where = "the report will be in the thread within seconds."
    return Answer(
        answers.say(f"{'Looking' if is_new else 'Already looking'} into *{subject.id}* ({found.id}); {where}")
    )


def run_rca(desk: Desk, request: Request) -> Reply:
    """Its button: on a card with the subject's id, on a report with the number of that investigation."""
    subject = request.value
    if subject.isdigit():
        subject = desk.investigations.show(request.caller, int(subject)).subject
    return investigate(desk, request, of_id(desk, request, subject))


def show_evidence(desk: Desk, request: Request) -> Reply:
    return OpenForm(evidence.evidence_pages(desk.investigations.show(request.caller, request.number)))


def dismiss(desk: Desk, request: Request) -> Reply:
    found, is_new = desk.investigations.dismiss(request.caller, request.number)
    return Answer(answers.say(f"*{found.id}* {'is' if is_new else 'was already'} marked as not it."))


# -- plans


def planner(action: Action) -> Callable[[Desk, Request, str], Reply]:
    """The subcommand of an action: `rollback`, `scale`, `restart`."""

    def run(desk: Desk, request: Request, rest: str) -> Reply:
        subject, service, left = about(desk, request, rest)
        order = _order(desk, action, _need_service(service, action.value.partition("_")[0]), subject)
        return plan(desk, request, subject, order.model_copy(update={"revision": words.phrase(left).removeprefix(":")}))

    return run


def plan(
    desk: Desk, request: Request, subject: Subject | None, order: Order, *, instead_of: int | None = None
) -> Reply:
    if order.revision and order.action is not Action.ROLLBACK:
        raise InvalidInput(
            "service", f"I don't understand “{order.revision[:40]}”; is that a service of the catalogue?"
        )
    try:
        fix = asked(lambda: desk.remediations.plan(request.caller, subject, order, instead_of=instead_of))
    except Instead as error:
        about = subject.id if subject is not None else ""
        return Answer(remediation_notes.instead(str(error), error.runbook, about, order.service))
    return _planned(desk, request, fix)


def _planned(desk: Desk, request: Request, fix: Remediation, what: str = "is planned") -> Reply:
    """A line: all else stands on the plan's card, or in the thread where that will be."""
    where, there = desk.remediations.stands(fix), ""
    if where is not None:
        try:
            there = f" <{desk.replies.permalink(where.channel_id, where.ts)}|here>"
        except ChatError as error:
            log.warning("no permalink for %s: %s", fix.id, error)
    return Answer(answers.say(f"*{fix.id}* {what}{there}; nothing is changed before somebody runs it."))


def _order(desk: Desk, action: Action, service: str, subject: Subject | None, runbook: str = "") -> Order:
    environment = subject.environment if subject is not None else ""
    return Order(
        action=action,
        service=service,
        environment=environment or desk.config.service(service).environment,
        runbook=runbook,
    )


def button_of(action: Action) -> Callable[[Desk, Request], Reply]:
    """A button with the id of what it is about."""

    def run(desk: Desk, request: Request) -> Reply:
        subject = of_id(desk, request, request.value)
        return plan(desk, request, subject, _order(desk, action, _need_service(subject.service, action.value), subject))

    return run


def choose_revision(desk: Desk, request: Request) -> Reply:
    """A plan of a rollback goes to the last stable one; the form offers the others."""
    fix = desk.remediations.show(request.caller, request.number)
    subject, order = _subject_of(desk, request, fix.subject), fix.order
    choices = asked(lambda: desk.remediations.choices(request.caller, subject, order.service))
    carried = {"channel": request.channel_id, "thread": request.thread_ts, "subject": fix.subject,
               "service": order.service, "fix": fix.number}  # fmt: skip
    return OpenForm(forms.choose_revision(choices, order.service, carried, fix.plan.before))


def _subject_of(desk: Desk, request: Request, subject: str) -> Subject | None:
    """None for what was asked for by hand about a service."""
    return of_id(desk, request, subject) if subject else None


def rollback_to(desk: Desk, request: Request) -> Reply:
    """The form with the revisions."""
    subject = _subject_of(desk, request, str(request.carried.get("subject", "")))
    order = _order(desk, Action.ROLLBACK, str(request.carried.get("service", "")), subject)
    chosen = order.model_copy(update={"revision": request.form.get(Input.REVISION, "")})
    return plan(desk, request, subject, chosen, instead_of=request.carried.get("fix"))


def runbook(desk: Desk, request: Request, rest: str) -> Reply:
    """`runbook <name> [service] [name=value …]`; without a name, a form."""
    first, behind = words.first_word(rest)
    name = _runbook(first) if first else ""
    subject, service, left = about(desk, request, behind if name else rest)
    if not name:
        return _runbook_form(desk, request, subject, service)
    order = _order(desk, Action.RUNBOOK, _need_service(service, f"runbook {name}"), subject, name)
    return plan(
        desk, request, subject, order.model_copy(update={"parameters": _parameters(words.phrase(left).split())})
    )


def _runbook_form(desk: Desk, request: Request, subject: Subject | None, service: str) -> Reply:
    if request.trigger_id is None:
        raise InvalidInput("runbook", f"Which? /incident runbook {next(iter(RUNBOOKS))} checkout-api")
    carried = {"channel": request.channel_id, "thread": request.thread_ts, "service": service,
               "subject": subject.id if subject is not None else ""}  # fmt: skip
    summaries = {name: runbook.summary for name, runbook in RUNBOOKS.items()}
    return OpenForm(forms.choose_runbook(summaries, carried, service))


def run_runbook(desk: Desk, request: Request) -> Reply:
    """The form with the runbooks."""
    carried = request.carried
    subject = _subject_of(desk, request, str(carried.get("subject", "")))
    name, lines = request.form.get(Input.RUNBOOK, ""), request.form.get(Input.PARAMETERS, "").splitlines()
    typed = request.form.get(Input.SERVICE, "")
    service = str(carried.get("service", "")) or desk.config.known_service(typed) or ""
    if not service:
        raise InvalidInput("service", f"“{typed[:40]}” is no service of the catalogue.")
    order = _order(desk, Action.RUNBOOK, service, subject, _runbook(name))
    return plan(
        desk,
        request,
        subject,
        order.model_copy(update={"parameters": _parameters([each for each in lines if each.strip()])}),
    )


def run_button(desk: Desk, request: Request) -> Reply:
    """`AIOps-PurgeSQSDLQ|AL-17`; where there is no alert or incident, a service behind it, and then a parameter."""
    name, subject_id, service, given = (*request.value.split("|"), "", "")[:4]
    subject = _subject_of(desk, request, subject_id)
    service = service or (subject.service if subject is not None else "")
    order = _order(desk, Action.RUNBOOK, _need_service(service, "runbook"), subject, _runbook(name))
    return plan(desk, request, subject, order.model_copy(update={"parameters": _parameters(given.split())}))


def _runbook(name: str) -> str:
    """Its name, however it is spelt; empty where it is none. Raises InvalidInput for what begins like one."""
    spellings = {each.lower(): each for each in RUNBOOKS} | {
        each.lower().removeprefix("aiops-"): each for each in RUNBOOKS
    }
    found = spellings.get(name.lower())
    if found is None and name.lower().startswith("aiops"):
        raise InvalidInput("runbook", f"I don't know “{name[:60]}”. There are: {', '.join(RUNBOOKS)}.")
    return found or ""


def _parameters(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise InvalidInput("parameters", f"“{pair[:40]}” is no parameter; write name=value.")
        found[name.strip()] = value.strip()
    return found


# -- decisions


def approve(desk: Desk, request: Request, rest: str) -> Reply:
    """`approve FIX-12`; `approve rollback checkout-api 7d` lets it run by itself."""
    first, behind = words.first_word(rest)
    if _is_standing(first):
        service, left = words.word_or_quoted(behind)
        lasts = parse_duration(left.strip() or _USUAL_APPROVAL)
        if not service or lasts is None:
            raise InvalidInput(
                "duration", f"Say for which service and how long: /incident approve {first} checkout-api 7d"
            )
        held = desk.remediations.standing.held(request.caller, first, service)
        if held is not None and not left.strip():
            raise Refused(
                f"{held.told} may run by itself for {held.service} until {utc(held.until)} already; say how long to "
                f"change that: /incident approve {first} {service} 7d"
            )
        given = desk.remediations.standing.grant(request.caller, first, service, lasts)
        instead = f", instead of {_at(held.until)}" if held is not None else ""
        return Answer(
            answers.say(f"{given.told} may run by itself for {given.service} until {_at(given.until)}{instead}.")
        )
    return approve_number(desk, request, _meant(desk, request, rest).number)


def reject(desk: Desk, request: Request, rest: str) -> Reply:
    """`reject FIX-12`; `reject rollback checkout-api` ends a standing approval."""
    first, behind = words.first_word(rest)
    if _is_standing(first):
        service, _ = words.word_or_quoted(behind)
        ended = desk.remediations.standing.withdraw(request.caller, first, service)
        return Answer(answers.say(f"{ended.told} does not run by itself for {ended.service} any more."))
    return reject_number(desk, request, _meant(desk, request, rest).number)


def undo(desk: Desk, request: Request, rest: str) -> Reply:
    return undo_number(desk, request, _number(rest) or _newest_done(desk, request))


def _newest_done(desk: Desk, request: Request) -> int:
    done = [one for one in desk.remediations.listing(request.caller)[0] if one.started_at and one.undone_by is None]
    if len(done) != 1:
        raise InvalidInput("remediation", "Which one? /incident undo FIX-12; /incident remediations lists them.")
    return done[0].number


def remediations(desk: Desk, request: Request, rest: str) -> Reply:
    subject = about(desk, request, rest)[0] if rest.strip() else None
    fixes, approvals = desk.remediations.listing(request.caller, subject)
    return Answer(remediation_notes.listing(fixes, approvals, desk.clock()))


def _at(moment: datetime) -> str:
    return when(moment, "{date_short_pretty} {time}")


def _is_standing(word: str) -> bool:
    """Does it name an action or a runbook, rather than a remediation?"""
    return bool(word) and not word.lower().startswith(_FIX) and not word.isdigit()


def _number(rest: str) -> int | None:
    word = words.first_word(rest)[0].lower().removeprefix(_FIX)
    if word and not word.isdigit():
        raise InvalidInput(
            "remediation", f"“{words.first_word(rest)[0][:40]}” is no remediation. Write it like FIX-12."
        )
    return int(word) if word else None


def _meant(desk: Desk, request: Request, rest: str) -> Remediation:
    """The one that is named: no change to AWS begins by a guess. Else what waits is told."""
    number = _number(rest)
    if number is not None:
        return desk.remediations.show(request.caller, number)
    subject, _, _ = about(desk, request, "")
    waiting = desk.remediations.waiting(request.caller, subject)
    named = "; ".join(f"{one.id}: {look.what(one)}, {look.change(one)}" for one in waiting[:5])
    raise InvalidInput("remediation", f"Which one? {named}." if named else "Nothing waits here.")


def approve_number(desk: Desk, request: Request, number: int) -> Reply:
    step = desk.remediations.approve(request.caller, number)
    return Answer(answers.say(_approved(step.fix, changed=step.changed)))


def _approved(fix: Remediation, *, changed: bool) -> str:
    if changed:
        return f"You approved *{fix.id}*; {'it runs' if fix.started_at else 'it still needs another approval'}."
    if fix.status is RemediationStatus.WITHDRAWN:
        return f"*{fix.id}* is withdrawn: {foreign(fix.problem, 300)}."
    who = f", approved by <@{[*fix.approved_by][-1]}>" if fix.approved_by else ""
    return f"*{fix.id}* is {fix.status.value} already{who}."


def reject_number(desk: Desk, request: Request, number: int) -> Reply:
    step = desk.remediations.reject(request.caller, number)
    if step.changed:
        return Answer(answers.say(f"You rejected *{step.fix.id}*; nothing was changed."))
    return Answer(answers.say(f"*{step.fix.id}* is {step.fix.status.value} already."))


def undo_number(desk: Desk, request: Request, number: int) -> Reply:
    fix = asked(lambda: desk.remediations.undo(request.caller, number))
    return _planned(desk, request, fix, f"takes back FIX-{number}")


def rehearse_number(desk: Desk, request: Request) -> Reply:
    fix, lines = asked(lambda: desk.remediations.rehearse(request.caller, request.number))
    told = "\n".join(f"• {foreign(each, 300)}" for each in lines)
    return Answer(answers.say(f"Dry run of *{fix.id}*, nothing was changed:\n{told}"))


def again_number(desk: Desk, request: Request) -> Reply:
    fix = asked(lambda: desk.remediations.again(request.caller, request.number))
    return _planned(desk, request, fix)


def stop_number(desk: Desk, request: Request) -> Reply:
    step = asked(lambda: desk.remediations.stop(request.caller, request.number))
    if step.changed:
        return Answer(answers.say(f"You stopped *{step.fix.id}*. What AWS had begun may go on by itself."))
    return Answer(answers.say(f"*{step.fix.id}* is {step.fix.status.value} already."))
