"""Action items: their list, their form, and what their owners and the channel are reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from blocks import fields, forms
from blocks.ids import Action, Input, View
from blocks.postmortem import action
from blocks.rich import Line, bold, flat, moment, own, rich, user, words
from blocks.text import MESSAGE_TEXT, Block, ago, button, clip, clip_markup, context, option, plain_context
from bot.models import ActionItem, Incident, Message, PostMortem

_LISTED = 40
_NAMED = 15  # overdue ones, in the channel
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
        fields.field(Input.DUE, "Due", fields.text(40, "", "friday"), hint="2026-12-01, tomorrow, friday, in 2 weeks"),
        fields.field(Input.PRIORITY, "Priority", priorities),
    ]
    return fields.modal(View.ACTION_ITEM, "Add an action item", "Add", inputs, carried)


# -- reminders


def reminder(subject: PostMortem | ActionItem, now: datetime, today: date) -> Message:
    """For the owner: what, by when, and what can be done about it here."""
    line = _of_item(subject, today) if isinstance(subject, ActionItem) else _of_post_mortem(subject, now)
    first = _first(subject)
    later = [
        button("In 1 hour", Action.SNOOZE_HOUR, subject.id),
        button("Tomorrow", Action.SNOOZE_TOMORROW, subject.id),
        button("Monday", Action.SNOOZE_MONDAY, subject.id),
        button("Give it to…", Action.REASSIGN, subject.id),
    ]
    rows = [{"type": "actions", "elements": row} for row in (first, later)]
    foot = context("“In 1 hour”, “Tomorrow” and “Monday”: that is when I remind you again.")
    return Message(clip_markup(flat(line), MESSAGE_TEXT), [rich(line), *rows, foot])


def _first(subject: PostMortem | ActionItem) -> list[Block]:
    if isinstance(subject, ActionItem):
        return [button("Done", Action.ACTION_ITEM_CLOSE, str(subject.number), style="primary")]
    number = str(subject.incident)
    return [
        button("Open it", Action.POST_MORTEM, number, style="primary"),
        button("Filed elsewhere", Action.POST_MORTEM_ELSEWHERE, number),
    ]


def _of_post_mortem(written: PostMortem, now: datetime) -> Line:
    is_late = written.due_at is not None and written.due_at <= now
    name = f"{'The' if is_late else 'the'} post-mortem of {written.about}"
    about: Line = [bold(name), own(" ("), words(written.service, 80), own(")")]
    if written.due_at is None or written.due_at > now:
        due: Line = [own(" is due "), moment(written.due_at, "{date_short_pretty} {time}")] if written.due_at else []
        return [own("⏳ Yours: "), *about, *due, own(".")]
    late = ago((now - written.due_at).total_seconds())
    return [own("⏰ "), *about, own(f" was due {late}. Write it, give it away, or say where it is.")]


def _of_item(item: ActionItem, today: date) -> Line:
    days = (item.due - today).days
    when = {0: "is due today", 1: "is due tomorrow"}.get(days, f"is due on {item.due:%d %b}")
    icon, told = ("⏳", when) if days >= 0 else ("⏰", f"was due on {item.due:%d %b}")
    return [own(f"{icon} "), bold(f"{item.id} of {item.about} {told}"), own(": "), words(item.title, 250)]


def nobody(subject: PostMortem | ActionItem, why: str) -> Message:
    """In the channel: its owner is not there any more."""
    what = subject.id if isinstance(subject, ActionItem) else f"The post-mortem of {subject.about}"
    line: Line = [own(f"👤 {what} needs an owner: {why}.")]
    give = button("Give it to…", Action.REASSIGN, subject.id, style="primary")
    return Message(flat(line), [rich(line), {"type": "actions", "elements": [give]}])


def overdue(written: Sequence[tuple[PostMortem, Sequence[str]]], items: Sequence[ActionItem], now: datetime) -> Message:
    """Once a day in the channel. With each post-mortem come those who are to be mentioned beside its owner."""
    lines: list[Line] = [[bold("⏰ Overdue")]]
    for one, others in written[:_NAMED]:
        assert one.due_at is not None
        line: list[Any] = [own(f"• post-mortem of {one.about}, {ago((now - one.due_at).total_seconds())}: ")]
        line.append(user(one.owner) if one.owner else own("nobody owns it"))
        for other in others:
            line += [own(" "), user(other)]
        lines.append(line)
    for item in items[:_NAMED]:
        lines.append([own("• "), *action(item)[1:]])
    more = max(len(written) - _NAMED, 0) + max(len(items) - _NAMED, 0)
    lines += [[own(f"… and {more:,} more: /incident actions, /incident postmortem")]] if more else []
    return Message(clip_markup("\n".join(flat(line) for line in lines), MESSAGE_TEXT), [rich(*lines)])
