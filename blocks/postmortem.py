"""The card of a post-mortem, its preview, and the forms it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from blocks import fields, forms, sections
from blocks.ids import Action, Input, View
from blocks.rich import Line, Piece, bold, bullets, flat, moment, own, prose, rich, url, user, words
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
from bot.models import ActionItem, Incident, Message, PostMortem, PostMortemStatus, Section, SectionName

_S = PostMortemStatus
_ICONS = {_S.DRAFT: "📝", _S.IN_REVIEW: "👀", _S.FILED: "📗", _S.WAIVED: "⚪"}
_AT = "{date_short_pretty} {time}"
_ACTIONS_SHOWN = 8
_LISTED = 50
_PREVIEW_BLOCKS = 90  # of 100: https://docs.slack.dev/surfaces/modals


class Facts(NamedTuple):
    """What the card shows. `missing` are the sections that somebody has to write; `problem` the template's."""

    written: PostMortem
    incident: Incident
    missing: tuple[SectionName, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    problem: str = ""


def card(facts: Facts, now: datetime) -> Message:
    """The card in the post-mortem's present state."""
    blocks: list[Block] = [header(title(facts.written, now)), rich(*_lines(facts))]
    if facts.problem and facts.written.is_open:
        blocks.append(
            plain_context(f"⚠ The template can't be used, so the built-in one is: {clip(facts.problem, 400)}")
        )
    blocks += [{"type": "actions", "elements": row} for row in _buttons(facts)]
    text = f"{foreign(title(facts.written, now), 300)} · owner {_person(facts.written.owner)}"
    return Message(clip_markup(text, MESSAGE_TEXT), blocks)


def title(written: PostMortem, now: datetime) -> str:
    late = " · overdue" if written.is_overdue(now) else ""
    return f"{_ICONS[written.status]} Post-mortem of {written.about} · {written.status.value}{late}"


def _lines(facts: Facts) -> list[Line]:
    written = facts.written
    owner: list[Piece] = [bold("Owner "), user(written.owner) if written.owner else own("nobody yet")]
    lines: list[Line] = [[*owner, *_due(written)]]
    lines += [[own("Ready for review, says "), user(written.submitted_by)]] if written.status is _S.IN_REVIEW else []
    lines += _ended(written)
    if facts.missing:
        lines.append([bold("Still to be written "), own(", ".join(name.label.lower() for name in facts.missing))])
    if facts.actions:
        lines += [[bold("Action items")], *(action(each) for each in facts.actions[:_ACTIONS_SHOWN])]
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
    who = [user(written.ended_by), own(" on "), moment(written.ended_at, _AT)]
    if written.status is _S.WAIVED:
        return [[own("Waived by "), *who, own(": "), words(written.reason, 600)]]
    where: Line = [own(" · "), url(written.url, _where(written))] if written.url else []
    file: Line = [] if written.is_elsewhere else [own(" · the file is in this thread")]
    return [[own("Filed by "), *who, *where, *file]]


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
    """Two rows: writing, and what else can be done."""
    written = facts.written
    number = str(written.incident)
    look = button("Preview", Action.POST_MORTEM_PREVIEW, number)
    item = button("Add action item", Action.ACTION_ITEM, number)
    if not written.is_open:
        return [[look, item]]
    file = button("File it", Action.POST_MORTEM_FILE, number, style="primary", confirm=filing(written))
    ready = [button("Ready for review", Action.POST_MORTEM_SUBMIT, number)] if written.status is _S.DRAFT else []
    more = [
        button("Assign", Action.REASSIGN, written.id),
        button("Filed elsewhere", Action.POST_MORTEM_ELSEWHERE, number),
        button("Waive", Action.POST_MORTEM_WAIVE, number),
    ]
    return [[editing(written), look, *ready, file], [item, *more]]


def filing(written: PostMortem) -> Block:
    """What is asked before it is filed."""
    return confirm(f"File the post-mortem of {written.about}?", "It goes into the thread as a file.", "File it")


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


def preview(facts: Facts, pages: Sequence[tuple[str, str]]) -> Block:
    """Title and text of each section; empty: nobody wrote it yet."""
    blocks: list[Block] = []
    for name, text in pages:
        blocks += [header(name), *(_chunks(text) if text else [plain_context("Still to be written.")])]
    if len(blocks) > _PREVIEW_BLOCKS:
        blocks = [*blocks[:_PREVIEW_BLOCKS], plain_context("… the rest is in the file.")]
    blocks.append(header("Action items"))
    listed = [action(item) for item in facts.actions[:_LISTED]]
    blocks.append(bullets(*listed) if listed else plain_context("There are none."))
    return fields.modal(View.POST_MORTEM_PREVIEW, f"Post-mortem {facts.incident.id}", "", blocks, {})


def _chunks(text: str) -> list[Block]:
    """The text in as many blocks as it needs."""
    return [plain_section(piece) for piece in sections.split(text).pieces]


def section(
    incident: Incident, name: SectionName, text: str, carried: dict[str, Any], *, mine: Section | None
) -> Block:
    """The form of one section. A text that is too long for it keeps standing: what is typed comes ahead of it.

    `mine` is what somebody wrote; None: all of it is drafted.
    """
    parts = sections.split(text)
    if len(parts.pieces) >= sections.PARTS or (mine is not None and mine.is_added):
        return _ahead(incident, name, text, carried, mine.text if mine is not None and mine.is_added else "")
    pieces = [*parts.pieces, ""] if len(text) > sections.PART // 2 else parts.pieces
    hint = "Markdown. " + ("" if mine else "Drafted from what is known. ") + "Empty: it is drafted anew."
    inputs = [_part(number, piece, name.label, hint) for number, piece in enumerate(pieces)]
    more = {**carried, "section": name.value, "seams": list(parts.seams)}
    return fields.modal(View.POST_MORTEM_SECTION, name.label, "Save", [forms.about(incident), *inputs], more)


def _part(number: int, piece: str, title_: str, hint: str) -> Block:
    shown = title_ if number == 0 else f"{title_}, continued"
    element = fields.text(3000, piece, "Write it here", lines=True)
    field = fields.field(Input.TEXT, shown, element, optional=True, hint=hint if number == 0 else "")
    return {**field, "block_id": Input.TEXT.value if number == 0 else f"{Input.TEXT.value}{number + 1}"}


def _ahead(incident: Incident, name: SectionName, text: str, carried: dict[str, Any], typed: str) -> Block:
    lines = text.count("\n") + 1
    told = f"This section has {lines:,} lines, too many for a form. All of them are in the file."
    element = fields.text(3000, typed, "What matters most of it", lines=True)
    field = fields.field(Input.TEXT, f"Ahead of the {name.label.lower()}", element, optional=True)
    more = {**carried, "section": name.value, "ahead": True}
    blocks = [forms.about(incident), plain_section(told), field]
    return fields.modal(View.POST_MORTEM_SECTION, name.label, "Save", blocks, more)


def waive(incident: Incident, carried: dict[str, Any]) -> Block:
    element = fields.text(1000, "", "Same as INC-17, whose post-mortem covers it", lines=True)
    field = fields.field(Input.REASON, "Why is there no post-mortem?", element)
    blocks = [forms.about(incident), field]
    return fields.modal(View.POST_MORTEM_WAIVE, "Waive the post-mortem", "Waive", blocks, carried)


def elsewhere(incident: Incident, carried: dict[str, Any]) -> Block:
    field = fields.field(Input.LINK, "Where was it filed?", fields.text(2000, "", "https://wiki.example.com/…"))
    blocks = [forms.about(incident), field]
    return fields.modal(View.POST_MORTEM_ELSEWHERE, "Filed elsewhere", "Save", blocks, carried)


def reassign(subject: str, owner: str | None, carried: dict[str, Any]) -> Block:
    """Who owns a post-mortem (`PM-n`) or action item (`AI-n`)."""
    what = f"the post-mortem of INC-{subject[3:]}" if subject.startswith("PM-") else subject
    element: Block = {"type": "users_select", "action_id": fields.VALUE}
    if owner:
        element["initial_user"] = owner
    field = fields.field(Input.OWNER, f"Who takes {what}?", element)
    return fields.modal(View.REASSIGN, "Assign", "Assign", [field], {**carried, "subject": subject})


def replaced(before: Section, incident: Incident, by: str) -> Message:
    """For whoever wrote what somebody else has overruled: their text, all of it."""
    head: Line = [
        user(by),
        own(f" saved another “{before.name.label}” of the post-mortem of {incident.id}. Yours was:"),
    ]
    pieces = sections.split(before.text).pieces
    blocks: list[Block] = [rich(head), *(rich([prose(piece, SECTION_TEXT)]) for piece in pieces[:45])]
    return Message(clip_markup(flat(head), MESSAGE_TEXT), blocks)


def _person(user_id: str | None) -> str:
    return f"<@{user_id}>" if user_id else "nobody yet"
