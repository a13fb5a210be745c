"""The subcommands about alerts, silences and who is on call."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from blocks import alert_answers, answers, forms
from blocks.alert import service_name
from blocks.rich import Line, own, rich
from blocks.rich import words as foreign
from blocks.text import clip
from bot.config import parse_duration
from bot.errors import CloudError, InvalidInput, PagerError, StillFiring, UnknownAlert
from bot.models import Alert, Duty, Incident, Message, new_id
from commands import say, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply
from commands.request import Request

log = logging.getLogger(__name__)

_SERVICES_ASKED = 50  # each may take a call to PagerDuty
_ALERTS_NAMED = 5
_CALLS = {"page": ' @bob "why"', "call": ' @bob "why"', "escalate": ""}  # the usage behind the id
_NUMBERED = re.compile(r"\bINC-\d|^\s*#?\d+\b", re.IGNORECASE)
_ALARMS_ASKED = 10


@dataclass(frozen=True)
class AlertCall:
    """A subcommand about an alert: which, and what follows its id."""

    request: Request
    alert: Alert
    rest: str


def meant(desk: Desk, request: Request, rest: str) -> tuple[Alert | None, str]:
    """The alert that is named, or under whose card this thread hangs; and the words without it."""
    number, left = words.alert_id(rest)
    if number is not None:
        return desk.alerts.show(request.caller, number), left
    if words.incident_id(rest, words.Bare.NEVER)[0] is not None:
        return None, rest
    here = desk.alerts.of_place(request.caller, request.channel_id, request.thread_ts)
    if here is None:
        _need_one(desk, request, rest)
    return here, rest


def _which(desk: Desk, request: Request, why: str, how: str) -> InvalidInput:
    """Asks for one of the alerts that fire; `how` to name it, behind its id."""
    firing, total = desk.alerts.firing(request.caller)
    name = words.first_word(request.text)[0].lower() or "why"
    if not firing:
        return InvalidInput("alert", f"{why} No alert fires now.".strip())
    named = ", ".join(f"{each.id} ({each.severity.label} {service_name(each)})" for each in firing[:_ALERTS_NAMED])
    more = f" and {total - _ALERTS_NAMED} more" if total > _ALERTS_NAMED else ""
    said = f"{named}{more} {'fires' if total == 1 else 'fire'}."
    return InvalidInput("alert", f"{why} {said} Name it: /incident {name} {firing[0].id}{how}".strip())


def _need_one(desk: Desk, request: Request, rest: str) -> None:
    """Calling people where no incident is open but alerts fire: for which of these?"""
    name = words.first_word(request.text)[0].lower()
    if name not in _CALLS or _NUMBERED.search(rest) or desk.incidents.open(request.caller):
        return
    if desk.incidents.here(request.caller, request.channel_id, request.thread_ts) is not None:
        return
    if desk.alerts.firing(request.caller)[1]:
        raise _which(desk, request, "Which alert? No incident is open, but", _CALLS[name])


def waiting(desk: Desk, request: Request) -> Reply | Alert:
    """What `ack` means where no incident waits: the only alert that does, or which of them. None: there is none."""
    if desk.incidents.here(request.caller, request.channel_id, request.thread_ts) is not None:
        return None
    if any(incident.awaits for incident in desk.incidents.open(request.caller)):
        return None
    awaiting = desk.alerts.awaiting(request.caller)
    if len(awaiting) == 1:
        return awaiting[0]
    if not awaiting:
        return None
    return Answer(alert_answers.listing(awaiting, len(awaiting), desk.clock(), "Which one? These are not acknowledged"))


def acknowledge(desk: Desk, call: AlertCall) -> Reply:
    """`ack AL-4 AL-3`: all that are named."""
    caller, numbers, rest = call.request.caller, [call.alert.number], call.rest
    while rest.strip():
        number, left = words.alert_id(rest.strip().lstrip(",").strip())
        if number is None:
            raise InvalidInput("alert", f"I don't understand “{clip(rest.strip(), 40)}”: /incident ack AL-4 AL-3")
        numbers.append(desk.alerts.show(caller, number).number)
        rest = left
    done = [desk.alerts.acknowledge(caller, number) for number in dict.fromkeys(numbers)]
    return Answer(say.all_taken(done, desk.clock(), caller.user_id))


def rate(desk: Desk, call: AlertCall) -> Reply:
    """`sev AL-4 sev1`; without words, a form opens."""
    request, (chosen, rest) = call.request, words.severity_first(call.rest)
    if chosen is not None and not rest.strip():
        return Answer(say.rated(desk.alerts.change_severity(request.caller, call.alert.number, chosen)))
    if call.rest.strip() or request.trigger_id is None:
        raise InvalidInput("severity", f"Say which: /incident sev {call.alert.id} sev2")
    alert = desk.alerts.may_rate(request.caller, call.alert.number)
    carried = {"channel": request.channel_id, "thread": request.thread_ts, "alert": alert.number}
    return OpenForm(forms.alert_severity(alert, carried))


def listing(desk: Desk, request: Request, rest: str) -> Reply:
    firing, total = desk.alerts.firing(request.caller)
    return Answer(alert_answers.listing(firing, total, desk.clock()))


def why(desk: Desk, request: Request, rest: str) -> Reply:
    try:
        alert, _ = meant(desk, request, rest)
    except UnknownAlert:
        raise _which(desk, request, f"There is no {words.first_word(rest)[0]}.", "") from None
    alert = alert or desk.alerts.newest(request.caller, _incident_here(desk, request, rest))
    if alert is None:
        raise _which(desk, request, "Which alert?", "")
    return Answer(alert_answers.why(alert))


def _incident_here(desk: Desk, request: Request, rest: str) -> int | None:
    number, _ = words.incident_id(rest, words.Bare.NEVER)
    if number is not None:
        return number
    here = desk.incidents.here(request.caller, request.channel_id, request.thread_ts)
    return here.number if here else None


def silence(desk: Desk, request: Request, rest: str, *, is_sure: bool = False) -> Reply:
    """`silence <glob> 2h why`, `silence AL-17 2h why`, and in an alert's thread `silence 2h why`.

    A pattern that hides what fires, or much of what could, is asked about first: `is_sure` says that it was.
    """
    number, left = words.alert_id(rest)
    first, _ = words.first_word(left)
    if number is None and parse_duration(first) is not None:
        here = desk.alerts.of_place(request.caller, request.channel_id, request.thread_ts)
        if here is None:
            raise InvalidInput("alarms", f"Which alarms? /incident silence *checkout-api* {first} why")
        number = here.number
    pattern, left = ("", left) if number is not None else words.word_or_quoted(left)
    span, reason = words.first_word(left)
    if not span or not (pattern or number):
        raise InvalidInput("alarms", 'Say which, how long and why: /incident silence *checkout-api* 2h "load test"')
    args = (span, words.phrase(reason))
    if number is not None:
        return Answer(say.silenced(desk.silences.silence_alert(request.caller, number, *args)))
    reach = desk.silences.reach(request.caller, pattern, *args)
    if reach.is_wide and not is_sure:
        draft_id = new_id()
        desk.memory.keep_draft(draft_id, rest, desk.clock())
        return Answer(alert_answers.sure(pattern, span, reach.alerts, reach.alarms, draft_id))
    return Answer(say.silenced(desk.silences.silence(request.caller, pattern, *args)))


def silence_surely(desk: Desk, request: Request) -> Reply:
    """Somebody was asked whether they mean that much, and does."""
    typed = desk.memory.draft(request.value)
    if typed is None:
        raise InvalidInput("alarms", "That question is too old. Type the command again.")
    reply = silence(desk, request, typed, is_sure=True)
    return reply._replace(replace=True) if isinstance(reply, Answer) else reply


def unsilence(desk: Desk, request: Request, rest: str) -> Reply:
    ended = desk.silences.unsilence(request.caller, words.phrase(rest))
    return Answer(say.unsilenced(ended))


def silences(desk: Desk, request: Request, rest: str) -> Reply:
    return Answer(alert_answers.silences(*desk.silences.listing(request.caller)))


def on_call(desk: Desk, request: Request, rest: str) -> Reply:
    asked = words.phrase(rest)
    known = desk.config.known_service(asked)
    is_unknown = bool(asked) and known is None
    catalogue = list(desk.config.services)
    services = [known or ""] if asked else catalogue[:_SERVICES_ASKED] or [""]
    try:
        rotas = desk.paging.on_call(request.caller, services)
    except PagerError as error:
        return Answer(answers.problem(f"PagerDuty does not say who is on call ({error}). Try again in a minute."))
    if is_unknown:
        return Answer(_by_default(desk, asked, rotas[0].duties))
    named = [(rota.service, rota.duties) for rota in rotas]
    more = 0 if asked else max(len(catalogue) - len(services), 0)
    return Answer(alert_answers.on_call(named, all_named=not more, more=more))


def _by_default(desk: Desk, asked: str, duties: Sequence[Duty]) -> Message:
    """A name that the catalogue does not have, and who is called for what it does not have."""
    near = get_close_matches(asked.lower(), list(desk.config.services), 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    line: Line = [own("“"), foreign(asked, 80), own(f"” is not in the catalogue (services of config.yml).{hint}")]
    message = alert_answers.on_call([("On call by default", duties)])
    return Message(message.text, [rich(line), *message.blocks])


def live(desk: Desk, firing: StillFiring) -> list[str]:
    """How each alarm stands right now, as CloudWatch says; as its last message said where that can't be asked."""
    names: dict[str, list[str]] = {}
    for alert in firing.alerts[:_ALARMS_ASKED]:
        names.setdefault(alert.alarm.region, []).append(alert.alarm.name)
    states: dict[str, str] = {}
    for region, alarms in names.items():
        try:
            standing = desk.live.states(alarms, region)
        except CloudError as error:
            log.warning("the live state of alarms can't be read: %s", error)
            continue
        states.update({name: each.state.value for name, each in standing.items()})
    return [
        f"{alert.alarm.name}: {states.get(alert.alarm.name, 'ALARM when last heard of')}"
        for alert in firing.alerts[:_ALARMS_ASKED]
    ]


def page(desk: Desk, request: Request, subject: Alert | Incident, rest: str) -> Reply:
    who, left = words.users(rest)
    if not who:
        team, left = words.word_or_quoted(rest)
        who = [team] if team else []
    if not who:
        raise InvalidInput("person", 'Say who, and why if you like: /incident page @bob "database expert needed"')
    called = desk.paging.page(request.caller, subject, who, words.phrase(left))
    return Answer(say.paging(subject, called, desk.clock(), request.caller.user_id))


def escalate(desk: Desk, request: Request, subject: Alert | Incident, rest: str) -> Reply:
    done = desk.paging.escalate(request.caller, subject)
    return Answer(say.escalated(subject, done, desk.clock(), request.caller.user_id))
