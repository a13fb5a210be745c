"""The subcommand and the button of digests."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from blocks import answers, digest
from blocks.text import foreign, link, when
from bot.errors import InvalidInput
from bot.models.digest import Period
from bot.owed import Target
from bot.reporting import parse
from commands import words
from commands.desk import Desk
from commands.reply import Answer, Reply
from commands.request import Request

_CHANNEL_ID = re.compile(r"[CG][A-Z0-9]{8,}")


def show(desk: Desk, request: Request, rest: str) -> Reply:
    asked = parse(words.phrase(rest))
    return Answer(digest.shown(desk.digests.show(request.caller, asked)))


def post(desk: Desk, request: Request) -> Reply:
    """The same period and service as were shown, with the numbers of now."""
    word, _, service = request.value.partition(" ")
    try:
        period = Period.read(word)
    except ValueError:
        raise InvalidInput("digest", "This button is too old. Type /incident digest again.") from None
    is_new = desk.digests.post(request.caller, period, service)
    channel = desk.ops if desk.digests.channel == Target.OPS else desk.digests.channel
    where = f"<#{channel}>" if _CHANNEL_ID.fullmatch(channel) else foreign(f"#{channel}", 100)
    if is_new:
        return Answer(answers.say(f"Posted to {where}."))
    place = desk.digests.posted(period, service)
    if place is None:
        return Answer(answers.say(f"It is on its way to {where} already."))
    at = when(datetime.fromtimestamp(float(place.ts), UTC), "{date_short_pretty} {time}")
    found = link(desk.replies.permalink(place.channel_id, place.ts), "Here it is")
    return Answer(answers.say(f"It is in {where} already ({at}), and nothing in it is different now. {found}."))
