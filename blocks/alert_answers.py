"""Answers about alerts: lists, why triage decided as it did, silences, who is on call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blocks import alert_numbers as numbers
from blocks.alert import entry, reason, title
from blocks.answers import say
from blocks.ids import Action, View
from blocks.rich import Line, bold, bullets, literal, moment, own, rich, user, words
from blocks.text import Block, button, clip, context, label, one_line, section
from bot.config import Maintenance
from bot.models import Alert, Duty, Message, Silence, Stage

_LISTED = 20
_SILENCES_LISTED = 15  # a message has 50 blocks, a silence two


def listing(alerts: Sequence[Alert], total: int, now: datetime, head: str = "") -> Message:
    """Firing alerts, the worst first, each with its next step."""
    if not alerts:
        return say("No alert fires. `/incident list` shows the open incidents.")
    heading = head or f"{total:,} {'alert fires' if total == 1 else 'alerts fire'}"
    blocks: list[Block] = [section(f"*{heading}*"), *(entry(alert, now) for alert in alerts[:_LISTED])]
    if total > len(alerts[:_LISTED]):
        blocks.append(context(f"… and {total - len(alerts[:_LISTED]):,} more. `/incident ack AL-n` takes any of them."))
    return Message(heading, blocks)


def why(alert: Alert) -> Message:
    """Each stage of triage, what it decided and for what reason."""
    heading = f"Why {alert.id} is what it is"
    return Message(heading, [section(f"*{heading}*"), *_decisions(alert)])


def why_view(alert: Alert) -> Block:
    """The same as a modal."""
    return {
        "type": "modal",
        "callback_id": View.WHY,
        "title": label(f"Why? {alert.id}", 24),
        "close": label("Close", 24),
        "blocks": _decisions(alert),
    }


def _decisions(alert: Alert) -> list[Block]:
    order = list(Stage)
    decided = sorted(alert.decisions, key=lambda decision: order.index(decision.stage))
    lines: list[Line] = [
        [bold(f"{each.stage.value}: "), words(each.outcome, 200), own(" — "), *reason(each)] for each in decided
    ]
    facts: Line = [words(title(alert), 300)]
    about: list[Block] = [rich(facts), bullets(*lines)] if lines else [rich(facts)]
    source = numbers.source(alert.alarm)
    if source:
        about.append(rich([bold("Measured: "), words(source, 500)]))
    if alert.reason:
        about.append(rich([bold("CloudWatch says: "), words(alert.reason, 1000)]))
    return about


def silences(active: Sequence[Silence], maintenance: Sequence[tuple[Maintenance, datetime]]) -> Message:
    """What is hidden now, by whom and until when, with a way to end it."""
    if not active and not maintenance:
        return say("Nothing is silenced. `/incident silence *checkout-api* 2h why` hides alarms for a while.")
    total = len(active) + len(maintenance)
    blocks: list[Block] = [section(f"*{total} {'silence' if total == 1 else 'silences'}*")]
    for silence in active[:_SILENCES_LISTED]:
        ends = [own(" until "), moment(silence.ends_at, "{date_short_pretty} {time}"), own(" by "), user(silence.by)]
        blocks.append(rich([literal(silence.pattern, 300), *ends, own(": "), words(silence.why, 300)]))
        end = button("End it", Action.ALERT_UNSILENCE, silence.id)
        blocks.append({"type": "actions", "block_id": f"silence-{silence.id}", "elements": [end]})
    for window, ends_at in maintenance[:_SILENCES_LISTED]:
        ends = [own(" until "), moment(ends_at, "{date_short_pretty} {time}"), own(" (config.yml)")]
        blocks.append(rich([bold("Maintenance: "), words(window.name, 100), *ends]))
    more = total - len(active[:_SILENCES_LISTED]) - len(maintenance[:_SILENCES_LISTED])
    if more > 0:
        blocks.append(context(f"… and {more} more."))
    return Message(f"{total} silences", blocks)


def on_call(rotas: Sequence[tuple[str, Sequence[Duty]]]) -> Message:
    """Who is on call, by service."""
    lines: list[Line] = []
    for service, duties in rotas:
        head: Line = [bold(clip(one_line(service), 80) or "On call"), own(": ")]
        people: list[Line] = [
            [user(duty.user_id) if duty.user_id else words(duty.name, 80), own(f" ({duty.role.value})")]
            for duty in duties
        ]
        joined: Line = [
            piece for number, line in enumerate(people) for piece in ([own(", ")] if number else []) + [*line]
        ]
        lines.append([*head, *(joined or [own("nobody: name on_call.primary in config.yml, or set up PagerDuty")])])
    return Message("On call now", [rich(*lines)])
