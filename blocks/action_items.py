"""Action items: their list, their form, and what their owners and the channel are reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from blocks import fields, forms
from blocks.ids import Action, Input, View
from blocks.postmortem import action
from blocks.rich import Line, Piece, bold, flat, moment, own, rich, url, user, words
from blocks.text import (
    MESSAGE_TEXT,
    SECTION_TEXT,
    Block,
    ago,
    button,
    clip,
    clip_markup,
    context,
    lasted,
    option,
    plain_context,
    section,
)
from bot.models import ActionItem, Incident, Message, PostMortem, SectionName

AT = "{date_short_pretty} {time}"
_LISTED = 40
NAMED = 15  # overdue ones of each kind, in the channel
_ASKED = 30  # of what needs an owner, in one message
_SUNDAY = 6
PRIORITIES = {1: "P1 now", 2: "P2 soon", 3: "P3 later", 4: "P4 some day"}


def listing(items: Sequence[ActionItem], today: date) -> Message:
    """The open ones by the day they are due."""
    if not items:
        text = 'No action item is open. /incident action "what" @owner friday adds one.'
        return Message(text, [plain_context(text)])
    head = f"{len(items)} open action {'item' if len(items) == 1 else 'items'}"
    blocks: list[Block] = [rich([bold(head)])]
    for item in items[:_LISTED]:
        blocks.append(_entry(item, today))
    if len(items) > _LISTED:
        blocks.append(plain_context(f"… and {len(items) - _LISTED:,} more"))
    more = f"`/incident actions due {items[0].id} friday` changes when one is due, `reopen` opens one that was done"
    blocks.append(context(more))
    return Message(head, blocks)


def _entry(item: ActionItem, today: date) -> Block:
    late = " · *overdue*" if item.is_overdue(today) else ""
    return {
        "type": "section",
        "text": {
            "type": "mrkdwn",
            "text": clip_markup(f"{flat(action(item))}{late} · {item.about}", 2900),
            "verbatim": True,
        },
        "accessory": button("Done", Action.ACTION_ITEM_CLOSE, str(item.number)),
    }


def added(item: ActionItem, *, is_tracked: bool) -> Message:
    where = " Its issue is being opened." if is_tracked else ""
    line: Line = [own(f"{item.id} for {item.about}: "), *action(item)[3:], own(f".{where}")]
    return Message(clip_markup(flat(line), MESSAGE_TEXT), [rich(line)])


def form(incidents: Sequence[Incident], chosen: Incident | None, title: str, carried: dict[str, Any]) -> Block:
    """What, who, by when, how important. The owner is whoever opens it until they choose another."""
    known = fields.choice([forms.incident_option(one) for one in incidents[:100]])
    if chosen is not None:
        known["initial_option"] = forms.incident_option(chosen)
    priorities = fields.choice([option(text, str(number)) for number, text in PRIORITIES.items()])
    priorities["initial_option"] = priorities["options"][1]
    owner: Block = {"type": "users_select", "action_id": fields.VALUE}
    if carried.get("owner"):
        owner["initial_user"] = carried["owner"]
    inputs = [
        fields.field(Input.INCIDENT, "Incident", known),
        fields.field(
            Input.TITLE, "What is to be done?", fields.text(250, clip(title, 250), "Alarm on the pool's size")
        ),
        fields.field(Input.OWNER, "Owner", owner),
        _due_field(""),
        fields.field(Input.PRIORITY, "Priority", priorities),
    ]
    return fields.modal(View.ACTION_ITEM, "Add an action item", "Add", inputs, carried)


def due_form(item: ActionItem, carried: dict[str, Any]) -> Block:
    """On what other day it is due."""
    about = rich([bold(f"{item.id} "), words(item.title, 250)])
    return fields.modal(View.ACTION_ITEM_DUE, "Change due date", "Save", [about, _due_field(f"{item.due}")], carried)


def _due_field(day: str) -> Block:
    return fields.field(
        Input.DUE, "Due", fields.text(40, day, "friday"), hint="2026-12-01, tomorrow, friday, in 2 weeks"
    )


# -- reminders


Subject = PostMortem | ActionItem


class Told(NamedTuple):
    """What an owner is told. `link` leads to the card, `missing` are the sections that somebody has to write, and what
    is due within `near` is due soon."""

    subject: Subject
    incident: Incident
    link: str = ""
    missing: tuple[SectionName, ...] = ()
    near: timedelta = timedelta()


class Late(NamedTuple):
    """What the channel is told is overdue, and who is mentioned beside its owner."""

    subject: Subject
    incident: Incident
    link: str = ""
    commander: str | None = None
    manager: str | None = None


class Unowned(NamedTuple):
    """What the channel is asked to find an owner for. `link` leads to its incident."""

    subject: Subject
    link: str = ""


def named(subject: Subject) -> str:
    """At the beginning of a sentence."""
    return subject.id if isinstance(subject, ActionItem) else f"The post-mortem of {subject.about}"


def reminder(told: Told, now: datetime, today: date) -> Message:
    """For the owner: what, by when, what it is about, and what can be done about it here."""
    subject = told.subject
    lines = [_head(told, now, today), *_about(told)]
    snoozes = [button("In 1 hour", Action.SNOOZE_HOUR, subject.id), *_later(subject.id, today)]
    rows = [
        {"type": "actions", "elements": row}
        for row in (_first(subject), [*snoozes, button("Give it to…", Action.REASSIGN, subject.id)])
    ]
    words_ = [f"“{each['text']['text']}”" for each in snoozes]
    foot = context(f"{', '.join(words_[:-1])} and {words_[-1]}: that is when I remind you again.")
    return Message(clip_markup(flat(lines[0]), MESSAGE_TEXT), [rich(*lines), *rows, foot])


def _later(subject: str, today: date) -> list[Block]:
    """On a Sunday, tomorrow is Monday."""
    tomorrow = button("Tomorrow", Action.SNOOZE_TOMORROW, subject)
    return [tomorrow] if today.weekday() == _SUNDAY else [tomorrow, button("Monday", Action.SNOOZE_MONDAY, subject)]


def _first(subject: Subject) -> list[Block]:
    if isinstance(subject, ActionItem):
        return [button("Done", Action.ACTION_ITEM_CLOSE, str(subject.number), style="primary"), other_day(subject)]
    number = str(subject.incident)
    return [
        button("Open it", Action.POST_MORTEM, number, style="primary"),
        button("Filed elsewhere", Action.POST_MORTEM_ELSEWHERE, number),
    ]


def other_day(item: ActionItem) -> Block:
    """For whoever can't do it by then."""
    return button("Change due date", Action.ACTION_ITEM_DUE, str(item.number))


def _head(told: Told, now: datetime, today: date) -> Line:
    subject = told.subject
    what = _of_item(subject, today) if isinstance(subject, ActionItem) else _of_post_mortem(subject, now, told.near)
    is_news = subject.given_by is not None and subject.reminded_at is None
    return [own("👤 "), user(subject.given_by), own(" gave you this. "), *what] if is_news else what


def _about(told: Told) -> list[Line]:
    """What people want to know before they do it."""
    subject = told.subject
    lines: list[Line] = [[own("Impact of the incident: "), words(told.incident.impact, 300)]]
    if told.missing:
        lines.append([own("Still to be written: " + ", ".join(name.label.lower() for name in told.missing))])
    places: list[Line] = [[url(told.link, "its card" if isinstance(subject, PostMortem) else subject.about)]]
    places = places if told.link else []
    if isinstance(subject, ActionItem):
        places += [[url(subject.url, "its issue")]] if subject.url else []
        places += [[url(subject.source, "where it was said")]] if subject.source else []
    line = [piece for each in places for piece in (own(" · "), *each)][1:]
    return [*lines, line] if line else lines


def _of_post_mortem(written: PostMortem, now: datetime, near: timedelta) -> Line:
    about: Line = [bold(named(written)), own(" ("), words(written.service, 80), own(")")]
    if written.due_at is None:
        return [own("📝 Yours: "), *about, own(".")]
    left = (written.due_at - now).total_seconds()
    due = moment(written.due_at, AT)
    if left > near.total_seconds():
        return [own("📝 Yours: "), *about, own(" is due "), due, own(".")]
    if left > 0:
        return [own("⏳ "), *about, own(f" is due soon, in {lasted(left)}: "), due, own(".")]
    return [own("⏰ "), *about, own(f" was due {ago(-left)}. Write it, give it away, or say where it is.")]


def _of_item(item: ActionItem, today: date) -> Line:
    days = (item.due - today).days
    when = {0: "is due today", 1: "is due tomorrow"}.get(days, f"is due on {item.due:%d %b}")
    icon, told = ("⏳", when) if days >= 0 else ("⏰", f"was due on {item.due:%d %b}")
    return [own(f"{icon} "), bold(f"{item.id} of {item.about} {told}"), own(": "), words(item.title, 250)]


def became(subject: Subject, told: str, until: datetime | None) -> Message:
    """What somebody was reminded with by now; without buttons, since what they did is done. `until`: they are reminded
    again then."""
    what: list[Piece] = [bold(named(subject))]
    what += [own(": "), words(subject.title, 250)] if isinstance(subject, ActionItem) else []
    if not subject.is_open:
        state = "done" if isinstance(subject, ActionItem) else subject.status.value
        line: Line = [own("✓ "), *what, own(f" · {state}")]
    elif subject.owner != told:
        line = [
            own("→ "),
            *what,
            own(" · "),
            user(subject.owner) if subject.owner else own("nobody"),
            own(" owns it now"),
        ]
    elif until is not None:
        due = [own(f" · due {subject.due:%d %b %Y}")] if isinstance(subject, ActionItem) else []
        line = [own("💤 "), *what, *due, own(" · I'll remind you again "), moment(until, AT)]
    else:
        line = [own("↓ "), *what, own(" · see the newer reminder below")]
    return Message(clip_markup(flat(line), MESSAGE_TEXT), [rich(line)])


def moved(before: ActionItem, after: ActionItem, by: str) -> Message:
    """For the owner, when somebody else said that it is due on another day."""
    when = f" is due {after.due:%a %d %b %Y}, not {before.due:%d %b %Y}"
    return _notice(
        after, [own("📅 "), bold(after.id + when), own(": "), words(after.title, 250), own(" · says "), user(by)]
    )


def reopened(item: ActionItem, by: str | None, via: str) -> Message:
    """For the owner, when somebody else says that it is not done. `via`: where, when not here."""
    who: Line = [own(f" · {via}")] if via else [own(" · says "), user(by)]
    told = bold(f"{item.id} is open again, due {item.due:%a %d %b %Y}")
    return _notice(item, [own("↩ "), told, own(": "), words(item.title, 250), *who])


def _notice(item: ActionItem, line: Line) -> Message:
    """With the way to its issue and its incident."""
    issue: list[Line] = [[url(item.url, "its issue")]] if item.url else []
    see = button(f"Show {item.about}", Action.SHOW, str(item.incident))
    blocks = [rich(line, *issue), {"type": "actions", "elements": [see]}]
    return Message(clip_markup(flat(line), MESSAGE_TEXT), blocks)


def unowned(found: Sequence[Unowned]) -> Message:
    """In the channel: all that needs an owner, each with the way to give it one."""
    head = f"👤 {len(found):,} things need an owner" if len(found) > 1 else "👤 This needs an owner"
    lines = [_unowned(one) for one in found[:_ASKED]]
    blocks: list[Block] = [rich([bold(head)])]
    for one, line in zip(found, lines, strict=False):
        give = button("Give it to…", Action.REASSIGN, one.subject.id)
        blocks.append(section(clip_markup(flat(line), SECTION_TEXT), accessory=give))
    if len(found) > _ASKED:
        blocks.append(plain_context(f"… and {len(found) - _ASKED:,} more: /incident actions, /incident postmortem"))
    text = "\n".join([f"*{head}*", *(flat(line) for line in lines)])
    return Message(clip_markup(text, MESSAGE_TEXT), blocks)


def _unowned(one: Unowned) -> Line:
    subject = one.subject
    what: Line = [own(": "), words(subject.title, 250)] if isinstance(subject, ActionItem) else []
    name = named(subject) if isinstance(subject, ActionItem) else "Post-mortem"
    about: Line = [own(" of "), url(one.link, subject.about) if one.link else own(subject.about)]
    why = "whoever had it has left this workspace" if subject.owner else "nobody owns it"
    return [bold(name), *about, *what, own(f" · {why}")]


def overdue(late: Sequence[Late], more: int, now: datetime) -> Message:
    """From time to time in the channel. `more`: so many are not named."""
    lines: list[Line] = [[bold("⏰ Overdue")]]
    for one in late:
        lines.append(_late_item(one.subject) if isinstance(one.subject, ActionItem) else _late(one, one.subject, now))
    lines += [[own(f"… and {more:,} more: /incident actions, /incident postmortem")]] if more else []
    return Message(clip_markup("\n".join(flat(line) for line in lines), MESSAGE_TEXT), [rich(*lines)])


def _late(one: Late, written: PostMortem, now: datetime) -> Line:
    assert written.due_at is not None
    name = f"post-mortem of {written.about}"
    line: list[Piece] = [own("• "), url(one.link, name) if one.link else own(name)]
    line += [
        own(" ("),
        words(written.service, 80),
        own(f"), overdue by {lasted((now - written.due_at).total_seconds())}: "),
    ]
    line += [own("owner "), user(written.owner)] if written.owner else [own("nobody owns it")]
    beside = (("commander", one.commander), ("manager", one.manager))
    for role, person in beside:
        line += [own(f", {role} "), user(person)] if person and person != written.owner else []
    return line


def _late_item(item: ActionItem) -> Line:
    return [own("• "), *action(item)[1:]]
