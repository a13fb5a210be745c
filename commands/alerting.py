"""The subcommands about alerts, silences and who is on call."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from blocks import alert_answers, answers
from blocks.alert import service_name
from blocks.rich import Line, own, rich
from blocks.rich import words as foreign
from bot.config import parse_duration
from bot.errors import CloudError, InvalidInput, PagerError, StillFiring
from bot.models import Alert, Duty, Incident, Message
from commands import say, words
from commands.desk import Desk
from commands.reply import Answer, Reply
from commands.request import Request

log = logging.getLogger(__name__)

_SERVICES_SHOWN = 10
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


def _need_one(desk: Desk, request: Request, rest: str) -> None:
    """Calling people where no incident is open but alerts fire: for which of these?"""
    name = words.first_word(request.text)[0].lower()
    if name not in _CALLS or _NUMBERED.search(rest) or desk.incidents.open(request.caller):
        return
    if desk.incidents.here(request.caller, request.channel_id, request.thread_ts) is not None:
        return
    firing, total = desk.alerts.firing(request.caller)
    if not firing:
        return
    named = ", ".join(f"{each.id} ({each.severity.label} {service_name(each)})" for each in firing[:_ALERTS_NAMED])
    more = f" and {total - _ALERTS_NAMED} more" if total > _ALERTS_NAMED else ""
    raise InvalidInput(
        "alert",
        f"Which alert? No incident is open, but {named}{more} {'fires' if total == 1 else 'fire'}. "
        f"Name it: /incident {name} {firing[0].id}{_CALLS[name]}",
    )


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
    taken = desk.alerts.acknowledge(call.request.caller, call.alert.number)
    return Answer(say.taken(taken, desk.clock(), call.request.caller.user_id))


def listing(desk: Desk, request: Request, rest: str) -> Reply:
    firing, total = desk.alerts.firing(request.caller)
    return Answer(alert_answers.listing(firing, total, desk.clock()))


def why(desk: Desk, request: Request, rest: str) -> Reply:
    alert, _ = meant(desk, request, rest)
    if alert is None:
        alert = desk.alerts.newest(request.caller, _incident_here(desk, request, rest))
    return Answer(alert_answers.why(alert))


def _incident_here(desk: Desk, request: Request, rest: str) -> int | None:
    number, _ = words.incident_id(rest, words.Bare.NEVER)
    if number is not None:
        return number
    here = desk.incidents.here(request.caller, request.channel_id, request.thread_ts)
    return here.number if here else None


def silence(desk: Desk, request: Request, rest: str) -> Reply:
    """`silence <glob> 2h why`, `silence AL-17 2h why`, and in an alert's thread `silence 2h why`."""
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
    args = (span, words.phrase(reason), request.channel_id)
    if number is not None:
        hidden = desk.silences.silence_alert(request.caller, number, *args)
    else:
        hidden = desk.silences.silence(request.caller, pattern, *args)
    return Answer(say.silenced(hidden))


def unsilence(desk: Desk, request: Request, rest: str) -> Reply:
    ended = desk.silences.unsilence(request.caller, words.phrase(rest))
    return Answer(say.unsilenced(ended))


def silences(desk: Desk, request: Request, rest: str) -> Reply:
    return Answer(alert_answers.silences(*desk.silences.listing(request.caller)))


def on_call(desk: Desk, request: Request, rest: str) -> Reply:
    asked = words.phrase(rest)
    known = desk.config.known_service(asked)
    is_unknown = bool(asked) and known is None
    services = [known or ""] if asked else list(desk.config.services)[:_SERVICES_SHOWN] or [""]
    try:
        rotas = desk.paging.on_call(request.caller, services)
    except PagerError as error:
        return Answer(answers.problem(f"PagerDuty does not say who is on call ({error}). Try again in a minute."))
    if is_unknown:
        return Answer(_by_default(desk, asked, rotas[0].duties))
    return Answer(alert_answers.on_call([(rota.service, rota.duties) for rota in rotas]))


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
    user, left = words.user(rest)
    who, left = (user, left) if user else words.word_or_quoted(rest)
    if not who:
        raise InvalidInput("person", 'Say who, and why: /incident page @bob "database expert needed"')
    duty = desk.paging.page(request.caller, subject, who, words.phrase(left))
    return Answer(say.paging(subject, duty))


def escalate(desk: Desk, request: Request, subject: Alert | Incident, rest: str) -> Reply:
    return Answer(say.escalated(subject, desk.paging.escalate(request.caller, subject)))
