"""The subcommands, buttons and forms of action items."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blocks import action_items, answers
from blocks.ids import Input
from blocks.text import escape, foreign
from bot.actions import Asked
from bot.dates import is_day
from bot.errors import InvalidInput, UserError
from bot.models import Incident
from commands import words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply
from commands.request import Request

if TYPE_CHECKING:
    from blocks.text import Block

_PRIORITY = re.compile(r"(?i)(?:^|\s)p(\d{1,3})(?=\s|$)")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_ME = re.compile(r"(?i)(?:^|\s)@?me(?=\s|$)")
_AT = re.compile(r"(?:^|\s)(@\S+)")
_ITEM = re.compile(r"(?i)(?:ai-)?(\d{1,9})")
_LIKE = '/incident action "alarm on the pool" @bob friday'


def action(desk: Desk, request: Request, number: int, rest: str) -> Reply:
    if not rest.strip():
        if request.trigger_id is None:
            raise InvalidInput("action", f"Say what, who and by when: {_LIKE}")
        return OpenForm(_item_form(desk, request, desk.incidents.show(request.caller, number), ""))
    try:
        return _added(desk, request, number, typed(rest))
    except UserError as error:
        return _refused(request, str(error), error.who)


def unplaced(desk: Desk, request: Request, rest: str, why: str) -> Reply:
    """No incident is open: the form offers those that ended; what was typed comes back, to be used again."""
    if not rest.strip() and request.trigger_id is not None:
        return OpenForm(_item_form(desk, request, None, ""))
    return _refused(request, why)


def _refused(request: Request, why: str, who: str | None = None) -> Reply:
    return Answer(answers.problem(why, who, typed=words.readable(request.text)), is_problem=True)


def typed(rest: str) -> Asked:
    """The title is quoted, or what stands before the owner; the rest is the owner, the priority and the day."""
    owner = _MENTION.search(rest)
    if rest.strip()[:1] in '"“„«':
        title, behind = words.word_or_quoted(rest)
    elif owner is not None:
        title, behind = words.phrase(rest[: owner.start()]), rest[owner.start() :]
    else:
        raise InvalidInput("action", _unquoted(rest))
    named = _MENTION.search(behind)
    behind = _MENTION.sub(" ", behind, count=1)
    priority = _PRIORITY.search(behind)
    day = " ".join(_ME.sub(" ", _PRIORITY.sub(" ", behind)).split())
    stranger = _AT.search(day)
    if stranger is not None:
        raise InvalidInput("owner", _unknown(stranger[1]))
    if not day:
        raise InvalidInput("due", "By when? End with a day: 2026-12-01, tomorrow, friday or in 2 weeks.")
    _need_day_alone(day)
    return Asked(title, named[1] if named else None, day, int(priority[1]) if priority else 2)


def _unquoted(rest: str) -> str:
    """Without quotes and owner it can't be told where the title ends."""
    said = _ME.sub(" ", _PRIORITY.sub(" ", rest))
    stranger = _AT.search(said)
    if stranger is not None:
        return _unknown(stranger[1])
    parts = said.split()
    if any(is_day(" ".join(parts[start:])) for start in range(len(parts))):
        return f"Put what is to be done in quotes: {_LIKE}"
    none = "no day" if _ME.search(rest) else "no owner and no day"
    return f"There is {none}. Say what, who and by when: {_LIKE}"


def _unknown(name: str) -> str:
    return f"I don't know who {words.readable(name)[:40]} is. Choose them from the list after @."


def _need_day_alone(day: str) -> None:
    """Raises InvalidInput for what stands beside a day and is no priority."""
    parts = [] if is_day(day) else day.split()
    for cut in range(1, len(parts)):
        head, tail = " ".join(parts[:cut]), " ".join(parts[cut:])
        beside = tail if is_day(head) else head if is_day(tail) else ""
        if beside:
            raise InvalidInput("priority", f"I don't understand “{beside[:40]}”. The priority is P1, P2, P3 or P4.")


def _added(desk: Desk, request: Request, number: int, asked: Asked) -> Reply:
    item = desk.actions.add(request.caller, number, asked)
    return Answer(action_items.added(item, is_tracked=desk.actions.is_tracked))


def _item_form(desk: Desk, request: Request, chosen: Incident | None, title: str, source: str | None = None) -> Block:
    """With the incidents that it may belong to: that of this place, the open ones, those that ended last."""
    known = [*([chosen] if chosen else []), *desk.incidents.open(request.caller), *desk.incidents.over(request.caller)]
    if not known:
        raise InvalidInput("incident", "There is no incident that this could belong to.")
    incidents = list({one.number: one for one in known}.values())
    chosen = chosen or (incidents[0] if len(incidents) == 1 else None)
    taken = {
        "channel": request.channel_id,
        "thread": request.thread_ts,
        "owner": request.caller.user_id,
        "source": source,
    }
    return action_items.form(incidents, chosen, title, taken)


def click_action(desk: Desk, request: Request) -> Reply:
    return OpenForm(_item_form(desk, request, desk.incidents.show(request.caller, request.number), ""))


def of_message(desk: Desk, request: Request, source: str | None) -> Reply:
    """The message's words become the title; the owner is whoever makes it, until they choose another."""
    here = desk.incidents.here(request.caller, request.channel_id, request.thread_ts or request.message_ts)
    title = words.plain(request.message_text, desk.actions.name_of)
    return OpenForm(_item_form(desk, request, here, title, source))


def save_action(desk: Desk, request: Request) -> Reply:
    form = request.form
    number = form.get(Input.INCIDENT, "")
    if not number.isdigit():
        raise InvalidInput(Input.INCIDENT, "Choose the incident.")
    priority = form.get(Input.PRIORITY, "")
    asked = Asked(
        title=form.get(Input.TITLE, ""),
        owner=form.get(Input.OWNER) or None,
        due=form.get(Input.DUE, ""),
        priority=int(priority) if priority.isdigit() else 2,
        source=request.carried.get("source") or "",
    )
    return _added(desk, request, int(number), asked)


def actions(desk: Desk, request: Request, rest: str) -> Reply:
    word, behind = words.first_word(rest)
    if not word:
        return Answer(action_items.listing(desk.actions.open(request.caller), desk.actions.today(request.caller)))
    named, day = words.first_word(behind)
    found, verb = _ITEM.fullmatch(named), word.lower()
    if found is not None and verb == "due":
        return due(desk, request, int(found[1]), day)
    if found is not None and verb == "reopen" and not day:
        return _reopened(desk, request, int(found[1]))
    if found is None or verb not in ("close", "done") or day:
        raise InvalidInput(
            "action",
            "That is /incident actions, /incident actions close AI-3, /incident actions reopen AI-3"
            " or /incident actions due AI-3 friday",
        )
    return _closed(desk, request, int(found[1]))


def due(desk: Desk, request: Request, number: int, day: str) -> Reply:
    """Without a day, a form asks for it."""
    if day:
        return _moved(desk, request, number, day)
    if request.trigger_id is None:
        raise InvalidInput("due", f"Say when: /incident actions due AI-{number} friday")
    item = desk.actions.moving(request.caller, number)
    taken = {"channel": request.channel_id, "thread": request.thread_ts, "item": number}
    return OpenForm(action_items.due_form(item, taken))


def click_due(desk: Desk, request: Request) -> Reply:
    """From a reminder only by who is reminded: it may be somebody else's by now."""
    if request.is_direct:
        desk.reminders.need_own(request.caller, f"AI-{request.number}")
    return due(desk, request, request.number, "")


def save_due(desk: Desk, request: Request) -> Reply:
    return _moved(desk, request, int(request.carried.get("item") or 0), request.form.get(Input.DUE, ""))


def _moved(desk: Desk, request: Request, number: int, day: str) -> Reply:
    done = desk.actions.move(request.caller, number, day)
    item = done.item
    verb = "is due" if done.changed else "is already due on"
    issue = f" Its issue will say so: {escape(item.url)}" if done.changed and item.url else ""
    return Answer(answers.say(f"*{item.id}* {verb} {item.due:%a %d %b %Y}: {foreign(item.title, 250)}.{issue}"))


def _reopened(desk: Desk, request: Request, number: int) -> Reply:
    done = desk.actions.reopen(request.caller, number)
    item = done.item
    if not done.changed:
        return Answer(answers.say(f"*{item.id}* is open already."))
    issue = f" Its issue is being reopened: {escape(item.url)}" if item.url else ""
    told = f"*{item.id}* is open again, due {item.due:%a %d %b %Y}: {foreign(item.title, 250)}.{issue}"
    return Answer(answers.say(told))


def click_close(desk: Desk, request: Request) -> Reply:
    return _closed(desk, request, request.number)


def _closed(desk: Desk, request: Request, number: int) -> Reply:
    done = desk.actions.close(request.caller, number)
    item = done.item
    if not done.changed:
        who = f", closed by <@{item.closed_by}>" if item.closed_by else ""
        return Answer(answers.say(f"*{item.id}* was done already{who}."))
    issue = f" Its issue is being closed: {escape(item.url)}" if item.url else ""
    return Answer(answers.say(f"*{item.id}* is done: {foreign(item.title, 250)}.{issue}"))
