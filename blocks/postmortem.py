"""The card of a post-mortem, its preview, and the forms it is written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from blocks import fields, forms, markdown, sections
from blocks.ids import Action, Input, View
from blocks.rich import Line, Piece, bold, flat, moment, own, prose, rich, url, user, words
from blocks.text import (
    MESSAGE_TEXT,
    SECTION_TEXT,
    Block,
    button,
    clip,
    clip_markup,
    confirm,
    foreign,
    header,
    label,
    option,
    plain_context,
    plain_section,
)
from bot.models import ActionItem, Incident, Message, PostMortem, PostMortemStatus, Section, SectionName, Status

_S = PostMortemStatus
_ICONS = {_S.DRAFT: "📝", _S.IN_REVIEW: "👀", _S.FILED: "📗", _S.WAIVED: "⚪"}
_AT = "{date_short_pretty} {time}"
_ACTIONS_SHOWN = 8
_PREVIEW_BLOCKS = 90  # of 100: https://docs.slack.dev/surfaces/modals
_PREVIEW_TEXT = 40_000
_INPUTS = 3  # of a section's form, at least
_THEIRS = 2500


class Facts(NamedTuple):
    """What the card shows. `missing` are the sections that somebody has to write; `problem` the template's.

    troubles   why something is not there yet: the `file`, the `pull request`, the issue of an action item (its id)
    """

    written: PostMortem
    incident: Incident
    missing: tuple[SectionName, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    problem: str = ""
    troubles: Mapping[str, str] = {}


def card(facts: Facts, now: datetime) -> Message:
    """The card in the post-mortem's present state."""
    blocks: list[Block] = [header(title(facts, now)), rich(*_lines(facts))]
    if facts.problem and facts.written.is_open:
        blocks.append(
            plain_context(f"⚠ The template can't be used, so the built-in one is: {clip(facts.problem, 400)}")
        )
    blocks += [{"type": "actions", "elements": row} for row in _buttons(facts)]
    text = f"{foreign(title(facts, now), 300)} · owner {_person(facts.written.owner)}"
    return Message(clip_markup(text, MESSAGE_TEXT), blocks)


def title(facts: Facts, now: datetime) -> str:
    written = facts.written
    late = " · overdue" if written.is_overdue(now) else ""
    again = " · reopened since" if facts.incident.is_open and not written.is_open else ""
    return f"{_ICONS[written.status]} Post-mortem of {written.about} · {written.status.value}{late}{again}"


def _lines(facts: Facts) -> list[Line]:
    written = facts.written
    owner: list[Piece] = [bold("Owner "), user(written.owner) if written.owner else own("nobody yet")]
    lines: list[Line] = [[*owner, *_due(written)]]
    lines += [[own("Ready for review, says "), user(written.submitted_by)]] if written.status is _S.IN_REVIEW else []
    lines += _ended(written)
    if not written.is_open:
        lines += [_trouble(what, "there", facts) for what in ("file", "pull request") if what in facts.troubles]
    if facts.missing:
        lines.append([bold("Still to be written "), own(", ".join(name.label.lower() for name in facts.missing))])
    if facts.actions:
        lines.append([bold("Action items")])
        for each in facts.actions[:_ACTIONS_SHOWN]:
            lines.append(action(each))
            state = "there" if not each.url else "up to date" if each.is_open else "closed"
            lines += [_trouble(each.id, state, facts)] if each.id in facts.troubles else []
        more = len(facts.actions) - _ACTIONS_SHOWN
        lines += [[own(f"… and {more} more")]] if more > 0 else []
    elif written.is_open:
        lines.append([bold("Action items "), own("none yet")])
    return lines


def _due(written: PostMortem) -> Line:
    if not written.is_open:
        return []
    if written.due_at is None:
        return [own(f" · waits until {written.about} is over again")]
    return [own(" · "), bold("due "), moment(written.due_at, _AT)]


def _ended(written: PostMortem) -> list[Line]:
    if written.is_open or written.ended_at is None:
        return []
    who = [user(written.ended_by), own(" · "), moment(written.ended_at, _AT)]
    if written.status is _S.WAIVED:
        return [[own("Waived by "), *who, own(": "), words(written.reason, 600)]]
    where: Line = [own(" · "), url(written.url, _where(written))] if written.url else []
    file: Line = [] if written.is_elsewhere else [own(" · the file is in the thread of the incident's card")]
    declined = [[own("⚠ The pull request was closed without merging.")]] if written.is_declined else []
    return [[own("Filed by "), *who, *where, *file], *declined]


def _trouble(what: str, state: str, facts: Facts) -> Line:
    name = f"issue of {what}" if what.startswith("AI-") else what
    return [own(f"⚠ the {name} is not {state} yet: "), words(facts.troubles[what], 300), own(" · it is tried again")]


def _where(written: PostMortem) -> str:
    return "where it was filed" if written.is_elsewhere else "pull request"


def action(item: ActionItem) -> Line:
    """One action item in a line."""
    name: Piece = url(item.url, item.id) if item.url else own(item.id)
    state = "○ " if item.is_open else "✓ "
    return [own(state), name, own(" "), words(item.title, 150), own(" · "), user(item.owner), own(_when(item))]


def _when(item: ActionItem) -> str:
    return f" · due {item.due:%d %b %Y} · P{item.priority}"


def _buttons(facts: Facts) -> list[list[Block]]:
    """Two rows: writing, and what else can be done. First comes what is next: a section, or else filing it."""
    written = facts.written
    number = str(written.incident)
    look = button("Preview", Action.POST_MORTEM_PREVIEW, number)
    item = button("Add action item", Action.ACTION_ITEM, number)
    if not written.is_open:
        return [[look, item, *_again(facts)]]
    file, write = _file(written), []
    if facts.missing:
        name = facts.missing[0]
        verb = f"Write the {name.label.lower()}"
        write = [button(verb, Action.POST_MORTEM_WRITE, f"{number}:{name.value}", style="primary")]
    else:
        file["style"] = "primary"
    ready = [button("Ready for review", Action.POST_MORTEM_SUBMIT, number)] if written.status is _S.DRAFT else []
    more = [
        button("Assign", Action.REASSIGN, written.id),
        button("Filed elsewhere", Action.POST_MORTEM_ELSEWHERE, number),
        button("Waive", Action.POST_MORTEM_WAIVE, number),
    ]
    return [[*write, editing(written), look, *ready, file], [item, *more]]


def _again(facts: Facts) -> list[Block]:
    """What can be done about one that has ended: another address, or after all a draft."""
    written = facts.written
    if written.status is _S.FILED and written.is_elsewhere:
        return [button("Change the address", Action.POST_MORTEM_ELSEWHERE, str(written.incident))]
    if written.status is _S.WAIVED and facts.incident.status is Status.RESOLVED:
        return [button("Begin it after all", Action.POST_MORTEM_BEGIN, str(written.incident))]
    return []


def _file(written: PostMortem) -> Block:
    return button("File it", Action.POST_MORTEM_FILE, str(written.incident), confirm=filing(written))


def filing(written: PostMortem) -> Block:
    """What is asked before it is filed."""
    told = "It goes into the thread of the incident's card as a file and, with GitHub, there as a pull request."
    return confirm(f"File the post-mortem of {written.about}?", told, "File it")


def editing(written: PostMortem) -> Block:
    """A select, since each section has a form of its own."""
    return {
        "type": "static_select",
        "action_id": Action.POST_MORTEM_EDIT.value,
        "placeholder": label("Edit a section"),
        "options": [option(name.label, f"{written.incident}:{name.value}") for name in SectionName],
    }


def offer(incident: Incident) -> Message:
    """There is none; it can be begun."""
    text = f"{incident.id} ({incident.severity.label}) has no post-mortem."
    begin = button("Begin one", Action.POST_MORTEM_BEGIN, str(incident.number), style="primary")
    return Message(text, [plain_section(text), {"type": "actions", "elements": [begin]}])


def preview(incident: Incident, page: str) -> Block:
    """The page, as its Markdown reads."""
    text = clip(page, _PREVIEW_TEXT)
    blocks = markdown.blocks(text) or [plain_context("There is nothing in it.")]
    if len(blocks) > _PREVIEW_BLOCKS or text != page:
        blocks = [*blocks[:_PREVIEW_BLOCKS], plain_context("… the rest is in the file.")]
    return fields.modal(View.POST_MORTEM_PREVIEW, f"Post-mortem {incident.id}", "", blocks, {})


def section(
    incident: Incident, name: SectionName, text: str, carried: dict[str, Any], *, mine: Section | None, zone: str
) -> Block:
    """The form of one section. A text that is too long for it keeps standing: what is typed comes ahead of it.

    `mine` is what somebody wrote; None: all of it is drafted. `zone`: in which its times are.
    """
    parts = sections.split(text)
    is_ahead = len(parts.pieces) >= sections.PARTS or (mine is not None and mine.is_added)
    if is_ahead:
        lines = text.count("\n") + 1
        told = f"This section has {lines:,} lines, too many for a form. All of them are in the file."
        more = {**carried, "section": name.value, "ahead": True}
        typed = mine.text if mine is not None and mine.is_added else ""
        return _form(incident, name, [typed], more, [plain_section(told)])
    spare = [""] * max(_INPUTS - len(parts.pieces), 1)
    pieces = [*parts.pieces, *spare][: sections.PARTS]
    more = {**carried, "section": name.value, "seams": list(parts.seams)}
    return _form(incident, name, pieces, more, [], hint=_hint(name, text, mine, zone))


def _hint(name: SectionName, text: str, mine: Section | None, zone: str) -> str:
    drafted = "" if mine else "Drafted from what is known. " if text else "Nothing is known of it yet. "
    again = "Empty: it is drafted anew." if text else ""
    times = f"The times are in the time zone {zone}. " if name is SectionName.TIMELINE else ""
    long = "Markdown. An input takes 3,000 characters; what is longer goes on in the next."
    return f"{times}{long} {drafted}{again}".strip()


def overtaken(
    incident: Incident, name: SectionName, typed: Mapping[str, str], carried: dict[str, Any], theirs: Section | None
) -> Block:
    """The form again, as it was typed, below what somebody else saved meanwhile (None: they emptied it)."""
    if theirs is None:
        told = [rich([own("Somebody emptied this section meanwhile. Save again, and yours is in its place.")])]
    else:
        head = rich([user(theirs.by), own(" saved this meanwhile:")])
        quote = {"type": "rich_text_quote", "elements": [prose(theirs.text, _THEIRS)]}
        after = "Yours is below. Save again to put it in place of theirs, which they then get as a message."
        told = [head, {"type": "rich_text", "elements": [quote]}, plain_context(after)]
    pieces = sections.of_form(typed, Input.TEXT)
    return _form(incident, name, pieces, {**carried, "overrules": theirs is not None}, told)


def _form(
    incident: Incident,
    name: SectionName,
    pieces: Sequence[str],
    carried: dict[str, Any],
    told: Sequence[Block],
    hint: str = "",
) -> Block:
    first = f"Ahead of the {name.label.lower()}" if carried.get("ahead") else name.label
    inputs = [
        _part(number, piece, first if number == 0 else f"{name.label}, continued", hint)
        for number, piece in enumerate(pieces)
    ]
    return fields.modal(View.POST_MORTEM_SECTION, name.label, "Save", [forms.about(incident), *told, *inputs], carried)


def _part(number: int, piece: str, shown: str, hint: str) -> Block:
    element = fields.text(3000, piece, "Write it here", lines=True)
    field = fields.field(Input.TEXT, shown, element, optional=True, hint=hint if number == 0 else "")
    return {**field, "block_id": Input.TEXT.value if number == 0 else f"{Input.TEXT.value}{number + 1}"}


def waive(incident: Incident, carried: dict[str, Any]) -> Block:
    element = fields.text(1000, "", "Same as INC-17, whose post-mortem covers it", lines=True)
    field = fields.field(Input.REASON, "Why is there no post-mortem?", element)
    blocks = [forms.about(incident), field]
    return fields.modal(View.POST_MORTEM_WAIVE, "Waive the post-mortem", "Waive", blocks, carried)


def elsewhere(incident: Incident, url: str, carried: dict[str, Any]) -> Block:
    """`url`: the address so far."""
    field = fields.field(Input.LINK, "Where was it filed?", fields.text(2000, url, "https://wiki.example.com/…"))
    blocks = [forms.about(incident), field]
    return fields.modal(View.POST_MORTEM_ELSEWHERE, "Filed elsewhere", "Save", blocks, carried)


def reassign(subject: PostMortem | ActionItem, carried: dict[str, Any]) -> Block:
    """Who is to own it."""
    if isinstance(subject, ActionItem):
        what: Line = [bold(subject.id), own(f" of {subject.about}: "), words(subject.title, 250)]
    else:
        what = [bold(f"The post-mortem of {subject.about}"), own(" ("), words(subject.service, 80), own(")")]
    now: Line = [user(subject.owner), own(" owns it.")] if subject.owner else [own("Nobody owns it.")]
    element: Block = {"type": "users_select", "action_id": fields.VALUE, "placeholder": label("Choose somebody")}
    field = fields.field(Input.OWNER, "Who takes it?", element)
    blocks = [rich(what, now), field]
    return fields.modal(View.REASSIGN, "Give it to…", "Give it", blocks, {**carried, "subject": subject.id})


def waived(written: PostMortem) -> Message:
    """For its owner, when somebody else decided that there will be none."""
    line: Line = [user(written.ended_by), own(" waived "), *_yours(written), own(": "), words(written.reason, 600)]
    return _notice(_ICONS[_S.WAIVED], line, written)


def revived(after: PostMortem, before: PostMortem, by: str) -> Message:
    """For its owner, when somebody else wants it all the same."""
    due: Line = [own(" It is due "), moment(after.due_at, _AT), own(".")] if after.due_at else []
    why: Line = [own(", which was waived: "), words(before.reason, 300), own(".")]
    return _notice(_ICONS[_S.DRAFT], [user(by), own(" brought back "), *_yours(after), *why, *due], after)


def taken(before: PostMortem, owner: str, by: str) -> Message:
    """For whoever owned it, when somebody else gave it away."""
    if owner == by:
        return _notice("→", [user(by), own(" took over "), *_yours(before), own(".")], before)
    return _notice("→", [user(by), own(" gave "), *_yours(before), own(" to "), user(owner), own(".")], before)


def _yours(written: PostMortem) -> Line:
    return [own("your "), bold(f"post-mortem of {written.about}"), own(" ("), words(written.service, 80), own(")")]


def _notice(icon: str, line: Line, written: PostMortem) -> Message:
    """With the way to its card."""
    told: Line = [own(f"{icon} "), *line]
    see = button("Open it", Action.POST_MORTEM, str(written.incident))
    blocks = [rich(told), {"type": "actions", "elements": [see]}]
    return Message(clip_markup(flat(told), MESSAGE_TEXT), blocks)


def replaced(before: Section, incident: Incident, by: str) -> Message:
    """For whoever wrote what somebody else has overruled: their text, all of it."""
    head: Line = [
        user(by),
        own(f" saved another “{before.name.label}” of the post-mortem of {incident.id}. Yours was:"),
    ]
    pieces = sections.split(before.text).pieces
    blocks: list[Block] = [rich(head), *(rich([prose(piece, SECTION_TEXT)]) for piece in pieces[:45])]
    return Message(clip_markup(flat(head), MESSAGE_TEXT), blocks)


def without_template(incident: Incident, problem: str) -> Message:
    """Filed with the built-in template, and why."""
    line: Line = [
        own(f"⚠ The post-mortem of {incident.id} is filed with the built-in template, as the own one can't be used: "),
        words(problem, 400),
    ]
    return Message(clip_markup(flat(line), MESSAGE_TEXT), [rich(line)])


def _person(user_id: str | None) -> str:
    return f"<@{user_id}>" if user_id else "nobody yet"
