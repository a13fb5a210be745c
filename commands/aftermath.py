"""The subcommands, buttons and forms of post-mortems, action items and their reminders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blocks import answers, postmortem, sections
from blocks.ids import Input
from blocks.text import clip, escape, foreign, when
from bot.errors import InvalidInput, Overtaken
from bot.models import SectionName, Status
from bot.postmortems import Kept, Typed
from commands import words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply, TurnPage
from commands.request import Request

if TYPE_CHECKING:
    from blocks.text import Block

_OF_FORM = "Open the form from the post-mortem's card, or type"


def carried(request: Request, number: int, **more: object) -> dict[str, Any]:
    return {"channel": request.channel_id, "thread": request.thread_ts, "incident": number, **more}


# -- post-mortems: /incident postmortem [show|edit|assign|review|file|waive|begin]


def command(desk: Desk, request: Request, number: int, rest: str) -> Reply:
    word, behind = words.first_word(rest)
    run = _VERBS.get(word.lower() or "show")
    if run is None:
        raise InvalidInput(
            "postmortem", f"I don't know “{clip(words.readable(word), 40)}”. There are: {', '.join(_VERBS)}."
        )
    return run(desk, request, number, behind)


def show(desk: Desk, request: Request, number: int, rest: str = "") -> Reply:
    incident, written = desk.post_mortems.find(request.caller, number)
    if written is not None:
        return Answer(postmortem.card(desk.post_mortems.show(request.caller, number), desk.clock()))
    if incident.status is Status.RESOLVED:
        return Answer(postmortem.offer(incident))
    return Answer(answers.say(f"*{incident.id}* is {incident.status}; its post-mortem begins when it is resolved."))


def begin(desk: Desk, request: Request, number: int, rest: str = "") -> Reply:
    """One that was waived is a draft again, and that is said."""
    _, before = desk.post_mortems.find(request.caller, number)
    kept = desk.post_mortems.begin(request.caller, number)
    verb = "has a draft now" if kept.changed else "has a post-mortem already"
    was = ""
    if before is not None and kept.changed:
        verb = "has its draft again"
        by = f" by <@{before.ended_by}>" if before.ended_by else ""
        was = f" It was waived{by}: {foreign(before.reason, 300)}."
    owner = f"<@{kept.written.owner}>" if kept.written.owner else "Nobody"
    return Answer(answers.say(f"*INC-{number}* {verb}; its card is in the thread. {owner} owns it.{was}"))


def edit(desk: Desk, request: Request, number: int, rest: str = "") -> Reply:
    if not rest.strip():
        desk.post_mortems.begun(request.caller, number)
        return show(desk, request, number)
    name = SectionName.parse(rest)
    if request.trigger_id is None:
        raise InvalidInput("section", f"A form needs a click. {_OF_FORM} /incident postmortem edit {name.label}")
    return OpenForm(section_form(desk, request, number, name))


def section_form(desk: Desk, request: Request, number: int, name: SectionName) -> Block:
    incident, written, text = desk.post_mortems.writing(request.caller, number, name)
    mine = written.section(name)
    taken = carried(request, number, seen=mine.version if mine is not None else 0)
    zone = f"{desk.config.zone(incident.service)}"
    return postmortem.section(incident, name, text, taken, mine=mine, zone=zone)


def assign(desk: Desk, request: Request, number: int, rest: str) -> Reply:
    user, more = words.user(rest.strip())
    if rest.strip().lower() == "me":
        user, more = request.caller.user_id, ""
    if user is None or more.strip():
        raise InvalidInput("owner", "Say who, chosen from the list after @: /incident postmortem assign @bob")
    return _assigned(desk.post_mortems.assign(request.caller, number, user))


def _assigned(kept: Kept) -> Reply:
    verb, more = ("owns", "") if kept.changed else ("already owns", " Nothing changed.")
    return Answer(answers.say(f"<@{kept.written.owner}> {verb} the post-mortem of *{kept.written.about}*.{more}"))


def review(desk: Desk, request: Request, number: int, rest: str = "") -> Reply:
    kept = desk.post_mortems.submit(request.caller, number)
    verb = "is" if kept.changed else "was already"
    missing = ", ".join(name.label.lower() for name in desk.post_mortems.show(request.caller, number).missing)
    more = f" Still to be written before it can be filed: {missing}." if missing else ""
    return Answer(answers.say(f"The post-mortem of *INC-{number}* {verb} ready for review.{more}"))


def file(desk: Desk, request: Request, number: int, rest: str = "") -> Reply:
    if rest.strip():
        address, behind = words.link(rest.strip())
        return elsewhere(desk, request, number, f"{address} {behind}")
    return _filed(desk.post_mortems.file(request.caller, number))


def elsewhere(desk: Desk, request: Request, number: int, address: str) -> Reply:
    return _filed(desk.post_mortems.file_elsewhere(request.caller, number, address))


def _filed(kept: Kept) -> Reply:
    written = kept.written
    if not kept.changed:
        return Answer(answers.say(f"The post-mortem of *{written.about}* was filed already, by <@{written.ended_by}>."))
    where = f" at {escape(written.url)}" if written.is_elsewhere else "; the file comes into the thread"
    return Answer(answers.say(f"The post-mortem of *{written.about}* is filed{where}."))


def waive(desk: Desk, request: Request, number: int, rest: str) -> Reply:
    if not rest.strip() and request.trigger_id is not None:
        return open_waive(desk, request, number)
    return _waived(desk.post_mortems.waive(request.caller, number, words.phrase(rest)))


def open_waive(desk: Desk, request: Request, number: int) -> Reply:
    incident = desk.post_mortems.waiving(request.caller, number)
    return OpenForm(postmortem.waive(incident, carried(request, number)))


def _waived(kept: Kept) -> Reply:
    verb = "is" if kept.changed else "was already"
    return Answer(answers.say(f"The post-mortem of *{kept.written.about}* {verb} waived."))


_VERBS: dict[str, Callable[[Desk, Request, int, str], Reply]] = {
    "show": show,
    "edit": edit,
    "assign": assign,
    "review": review,
    "file": file,
    "waive": waive,
    "begin": begin,
}


# -- its buttons and forms


def click_edit(desk: Desk, request: Request) -> Reply:
    _, _, name = request.value.partition(":")
    return OpenForm(section_form(desk, request, request.number, SectionName.parse(name)))


def click_preview(desk: Desk, request: Request) -> Reply:
    return OpenForm(postmortem.preview(*desk.post_mortems.preview(request.caller, request.number)))


def click_elsewhere(desk: Desk, request: Request) -> Reply:
    """From a reminder only by who is reminded: it may be somebody else's by now."""
    if request.is_direct:
        desk.reminders.need_own(request.caller, f"PM-{request.number}")
    incident, written = desk.post_mortems.find(request.caller, request.number)
    url = written.url if written is not None and written.is_elsewhere else ""
    return OpenForm(postmortem.elsewhere(incident, url, carried(request, request.number)))


def save_section(desk: Desk, request: Request) -> Reply:
    """Held against what the form showed. Overtaken, it shows what was saved meanwhile, and is held against that."""
    carried, number = request.carried, request.number
    name = SectionName.parse(str(request.carried.get("section", "")))
    seams = [str(each) for each in carried.get("seams") or []]
    text = sections.joined(sections.of_form(request.form, Input.TEXT), seams)
    seen, overrules = int(carried.get("seen") or 0), bool(carried.get("overrules"))
    typed = Typed(name, text, seen, is_added=bool(carried.get("ahead")), overrules=overrules)
    try:
        kept = desk.post_mortems.edit(request.caller, number, typed)
    except Overtaken:
        incident, written, _ = desk.post_mortems.writing(request.caller, number, name)
        theirs = written.section(name)
        again = {**carried, "seen": theirs.version if theirs is not None else 0}
        return TurnPage(postmortem.overtaken(incident, name, request.form, again, theirs))
    verb = "saved" if kept.changed else "as it was"
    return Answer(answers.say(f"{name.label} of the post-mortem of *INC-{number}* {verb}."))


def save_waive(desk: Desk, request: Request) -> Reply:
    return _waived(desk.post_mortems.waive(request.caller, request.number, request.form.get(Input.REASON, "")))


def save_elsewhere(desk: Desk, request: Request) -> Reply:
    return elsewhere(desk, request, request.number, request.form.get(Input.LINK, ""))


# -- reminders


def snooze(how: str) -> Callable[[Desk, Request], Reply]:
    return lambda desk, request: _snoozed(desk, request, request.value, how)


def click_snooze(desk: Desk, request: Request) -> Reply:
    how, _, subject = request.value.partition(" ")
    return _snoozed(desk, request, subject, how)


def _snoozed(desk: Desk, request: Request, subject: str, how: str) -> Reply:
    snoozed = desk.reminders.snooze(request.caller, subject, how)
    late = " That is after it is due." if snoozed.is_late else ""
    return Answer(answers.say(f"I'll remind you again {when(snoozed.until, '{date_short_pretty} {time}')}.{late}"))


def click_reassign(desk: Desk, request: Request) -> Reply:
    taken = {"channel": request.channel_id, "thread": request.thread_ts}
    return OpenForm(postmortem.reassign(desk.reminders.subject(request.value), taken))


def save_reassign(desk: Desk, request: Request) -> Reply:
    subject, owner = str(request.carried.get("subject", "")), request.form.get(Input.OWNER, "")
    if not owner:
        raise InvalidInput(Input.OWNER, "Choose who takes it.")
    found = desk.reminders.subject(subject)
    if subject.startswith("PM-"):
        return _assigned(desk.post_mortems.assign(request.caller, found.incident, owner))
    done = desk.actions.give(request.caller, int(subject[3:]), owner)
    told = "'s now." if done.changed else "'s already. Nothing changed."
    return Answer(answers.say(f"*{done.item.id}* is <@{done.item.owner}>{told}"))
