"""Message and global shortcuts, mentions of the bot, and the reaction that keeps a message."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from blocks import forms
from blocks.ids import Shortcut
from blocks.text import clip
from bot.errors import ChatError, InvalidInput
from bot.models import MAX_TEXT
from commands import following, say, subcommands, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply
from commands.request import Request

log = logging.getLogger(__name__)


def declare(desk: Desk, request: Request) -> Reply:
    desk.incidents.may_declare(request.caller)
    return OpenForm(subcommands.declare_form(desk, request, words.Declared(None, "", "")))


def declare_from_message(desk: Desk, request: Request) -> Reply:
    """The message's words become the impact, its link stays with the incident."""
    desk.incidents.may_declare(request.caller)
    typed = words.Declared(None, "", words.readable(request.message_text))
    return OpenForm(subcommands.declare_form(desk, request, typed, origin=_permalink(desk, request)))


def add_to_timeline(desk: Desk, request: Request) -> Reply:
    """Offer the incidents this message may belong to, that of its channel or thread first."""
    here = desk.incidents.here(request.caller, request.channel_id, request.thread_ts or request.message_ts)
    incidents = desk.incidents.open(request.caller)
    if here is not None:
        incidents = [here, *(each for each in incidents if each.number != here.number)]
    if not incidents:
        raise InvalidInput("incident", "There is no open incident to add this to. /incident declare starts one.")
    carried = {
        **subcommands.place(request),
        "author": request.message_user,
        "source": _permalink(desk, request),
    }
    chosen = incidents[0] if here is not None or len(incidents) == 1 else None
    text = words.readable(request.message_text)
    return OpenForm(forms.add_to_timeline(incidents, chosen, text, carried))


def action_item(desk: Desk, request: Request) -> Reply:
    """The message's words become what is to be done."""
    return following.of_message(desk, request, _permalink(desk, request))


def _permalink(desk: Desk, request: Request) -> str | None:
    """The message's address; an incident is worth having without it."""
    try:
        return desk.replies.permalink(request.channel_id, request.message_ts or "")
    except ChatError as error:
        log.warning("no permalink for %s in %s: %s", request.message_ts, request.channel_id, error)
        return None


SHORTCUTS: dict[str, Callable[[Desk, Request], Reply]] = {
    Shortcut.DECLARE: declare,
    Shortcut.DECLARE_FROM_MESSAGE: declare_from_message,
    Shortcut.ADD_TO_TIMELINE: add_to_timeline,
    Shortcut.ACTION_ITEM: action_item,
}


def use(desk: Desk, request: Request) -> Reply:
    shortcut = SHORTCUTS.get(request.action)
    return shortcut(desk, request) if shortcut else None


def mention(desk: Desk, request: Request) -> Reply:
    """`@AIOps Bot update …`: any subcommand, which in a thread is the only way to type one."""
    _, _, text = request.text.partition(f"<@{desk.bot_user}>")
    text = text.lstrip(" ,:").removeprefix("/").removeprefix("incident ").strip()
    return subcommands.run(desk, replace(request, text=text))


def keep(desk: Desk, request: Request) -> Reply:
    """The timeline emoji on a message in an incident's channel or thread puts it on the timeline, once."""
    kept = f"kept:{request.channel_id}:{request.message_ts}"
    if desk.memory.was_requested(kept):
        return None
    try:
        said = desk.replies.said(request.channel_id, request.message_ts or "")
    except ChatError as error:
        log.warning("can't read the message that got :%s: (%s)", request.value, error)
        return None
    number = desk.incidents.number_here(request.channel_id, said.thread_ts)
    if number is None or said.user == desk.bot_user:
        return None
    text = clip(words.readable(said.text), MAX_TEXT)
    result = desk.incidents.add_message(request.caller, number, text, said.user, _permalink(desk, request))
    desk.memory.claim_request(kept, desk.clock())
    return Answer(say.noted(result))


def open_home(desk: Desk, request: Request) -> Reply:
    """Somebody opened App Home."""
    desk.homes.opened(request.caller)
    return None
