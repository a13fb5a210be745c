"""What the bot answers to the person who asked: confirmations, lists, questions, help."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from blocks.card import CardFacts, card, summary
from blocks.forms import incident_option
from blocks.ids import Action
from blocks.rich import flat, own, prose, rich, user, words
from blocks.text import (
    MESSAGE_TEXT,
    SECTION_TEXT,
    Block,
    button,
    clip_markup,
    context,
    counted,
    label,
    section,
)
from blocks.timeline import listing as events_listing
from bot.models import Incident, Message, TimelineEvent

_LISTED = 20
_CHOICES = 100  # https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element


class HelpLine(NamedTuple):
    """One subcommand as `/incident help` shows it."""

    group: str
    summary: str
    example: str


def say(text: str) -> Message:
    """A short answer; `text` is mrkdwn in which foreign parts are inert already."""
    return Message(clip_markup(text, MESSAGE_TEXT), [section(clip_markup(text, SECTION_TEXT))])


def problem(text: str, who: str | None = None, typed: str = "") -> Message:
    """Something the person can mend, without markup, since what they typed may be quoted in it.

    `who` is behind it; `typed` is given back, to be used again.
    """
    pieces = [words(f"⚠ {text}", SECTION_TEXT), *([own(" By "), user(who)] if who else [])]
    lines = [pieces, [own("You typed: "), prose(typed, SECTION_TEXT)]] if typed else [pieces]
    return Message(clip_markup(flat(pieces), MESSAGE_TEXT), [rich(*lines)])


def resolved(incident: Incident, text: str) -> Message:
    """Resolved; offers to say what fixed it where nobody has yet."""
    blocks = [section(text)]
    if not incident.resolution:
        ask = button("Say what fixed it", Action.RESOLUTION, str(incident.number))
        blocks.append({"type": "actions", "elements": [ask]})
    return Message(text, blocks)


def listing(incidents: Sequence[Incident], total: int, now: datetime, alerts: int = 0) -> Message:
    """The open incidents, the worst first. `alerts`: so many fire that nobody has."""
    fire = f"{counted(alerts, 'alert')} {'fires' if alerts == 1 else 'fire'} unacknowledged: `/incident alerts`"
    if not incidents:
        return say(f"No open incidents. {f'{fire}.' if alerts else '`/incident declare` starts one.'}")
    shown = incidents[:_LISTED]
    noun = "incident" if total == 1 else "incidents"
    blocks: list[Block] = [section(f"*{total} open {noun}*")]
    blocks += [summary(incident, now) for incident in shown]
    if total > len(shown):
        blocks.append(context(f"… and {total - len(shown)} more. `/incident show INC-n` shows any of them."))
    if alerts:
        blocks.append(context(fire))
    return Message(f"{total} open {noun}", blocks)


def choose(question: str, incidents: Sequence[Incident], draft_id: str) -> Message:
    """Which incident did they mean? The draft keeps what they typed."""
    select = {
        "type": "static_select",
        "action_id": Action.CHOOSE.value,
        "placeholder": label("Choose an incident"),
        "options": [incident_option(incident) for incident in incidents[:_CHOICES]],
    }
    blocks = [section(question), {"type": "actions", "block_id": draft_id, "elements": [select]}]
    if len(incidents) > _CHOICES:
        blocks.append(context(f"The {_CHOICES} worst and newest. For another one type the command with its id."))
    return Message(question, blocks)


def offer_declare(draft_id: str) -> Message:
    """A form needs a click first: a mention carries none."""
    text = "A form needs a click:"
    element = button("Declare an incident", Action.DECLARE, draft_id, style="primary")
    return Message(text, [section(text), {"type": "actions", "elements": [element]}])


def shown(facts: CardFacts) -> Message:
    """The card, for one person."""
    return card(facts)


def timeline(incident: Incident, events: Sequence[TimelineEvent], total: int) -> Message:
    """The newest entries of the timeline."""
    head = f"*Timeline of {incident.id}* · {total} entries"
    if total > len(events):
        head += f", the newest {len(events)}; the Timeline button on the card shows all"
    return Message(f"Timeline of {incident.id}", [section(head), *([events_listing(events)] if events else [])])


def help_page(lines: Sequence[HelpLine], here: str | None) -> Message:
    """What this person may do, in groups, one line each with an example; `here` is the incident of this place."""
    where = f"you are in {here}'s place, so commands act on it" if here else "name an incident as INC-42"
    blocks: list[Block] = [section(f"*What you can do* · {where}")]
    for group in dict.fromkeys(line.group for line in lines):
        rows = [f"`{line.example}` {line.summary}" for line in lines if line.group == group]
        blocks.append(section(clip_markup(f"*{group}*\n" + "\n".join(rows), SECTION_TEXT)))
    foot = (
        "In a thread, mention me instead: `@AIOps Bot update …`. "
        "The id can be left out in an incident's channel or thread, and where only one is open."
    )
    return Message("What you can do", [*blocks, context(foot)])


def help_on(name: str, usage: str, summary: str, example: str, aliases: Sequence[str]) -> Message:
    """One subcommand in full."""
    also = f"\nAlso: {', '.join(f'`{alias}`' for alias in aliases)}" if aliases else ""
    return say(f"`/incident {name}{' ' if usage else ''}{usage}`\n{summary}\n_e.g._ `{example}`{also}")
