"""`/incident baseline`: what is usual for a service, shown or learned anew."""

from __future__ import annotations

from blocks import answers, baselines
from blocks.text import foreign
from bot.errors import InvalidInput
from commands import fixing, words
from commands.desk import Desk
from commands.reply import Answer, Reply
from commands.request import Request

_SHOW, _UPDATE = ("show", "list"), ("update", "learn", "refresh")


def baseline(desk: Desk, request: Request, rest: str) -> Reply:
    """`baseline [show] checkout-api` or `baseline update checkout-api`; without a service, the one of this thread."""
    verb, behind = words.first_word(rest)
    is_update = verb.lower() in _UPDATE
    left = behind if is_update or verb.lower() in _SHOW else rest
    service = _service(desk, request, left, "update" if is_update else "show")
    if is_update:
        known = desk.learning.ask(request.caller, service)
        where = f"<#{desk.ops}>" if desk.ops.startswith("C") else f"#{desk.ops}"
        text = f"Learning what is usual for {foreign(known, 80)} from CloudWatch; how it goes is said in {where}."
        return Answer(answers.say(text))
    usual = desk.learning.show(request.caller, service)
    return Answer(baselines.shown(usual.service, usual.metrics, desk.clock()))


def _service(desk: Desk, request: Request, rest: str, verb: str) -> str:
    """The one that is named, as it was typed; else that of the alert or incident here."""
    named = words.phrase(rest)
    found = named or fixing.about(desk, request, "")[1]
    if not found:
        raise InvalidInput("service", f"Of which service? /incident baseline {verb} checkout-api")
    return found
