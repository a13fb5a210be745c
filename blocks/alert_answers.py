"""Answers about alerts: lists, why triage decided as it did, silences, who is on call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blocks import alert_numbers as numbers
from blocks.alert import entry, reason, title
from blocks.answers import say
from blocks.ids import Action, View
from blocks.rich import Line, Piece, bold, bullets, flat, literal, moment, own, rich, user, words
from blocks.text import MESSAGE_TEXT, Block, button, clip, clip_markup, context, counted, label, one_line, section
from bot.config import Maintenance
from bot.models import Alert, Duty, Message, Silence, Stage

_LISTED = 20
_ASKED = 8
_ROTAS_LISTED = 20
_SERVICES_NAMED = 20
_NOBODY_ON_CALL = "nobody: name on_call.primary in config.yml, or set up PagerDuty"
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


def sure(pattern: str, lasts: str, firing: Sequence[Alert], alarms: int, draft_id: str) -> Message:
    """Asked before a silence that hides what fires, or much of what could."""
    head: Line = [literal(pattern, 300), own(" for "), words(lasts, 30)]
    hides = f" hides {counted(len(firing), 'firing alert')} now" if firing else " hides nothing that fires now"
    known = f", and fits {counted(alarms, 'alarm')} that I know. Nothing is silenced yet."
    named: list[Line] = [[own(f"{one.id} · "), words(title(one), 200)] for one in firing[:_ASKED]]
    if len(firing) > _ASKED:
        named.append([own(f"… and {len(firing) - _ASKED} more")])
    line: Line = [own("🔕 "), *head, own(hides + known)]
    blocks: list[Block] = [rich(line), *([bullets(*named)] if named else [])]
    ask = button("Silence them", Action.ALERT_SILENCE_SURELY, draft_id, style="danger")
    blocks.append({"type": "actions", "elements": [ask]})
    return Message(clip_markup(flat(line), MESSAGE_TEXT), blocks)


def silences(active: Sequence[Silence], maintenance: Sequence[tuple[Maintenance, datetime]]) -> Message:
    """What is hidden now, by whom and until when, with a way to end it."""
    if not active and not maintenance:
        return say("Nothing is silenced. `/incident silence *checkout-api* 2h why` hides alarms for a while.")
    total = len(active) + len(maintenance)
    heading = counted(total, "silence")
    blocks: list[Block] = [section(f"*{heading}*")]
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
    return Message(heading, blocks)


def on_call(rotas: Sequence[tuple[str, Sequence[Duty]]], *, all_named: bool = False, more: int = 0) -> Message:
    """Who is on call, the services that share it together.

    `all_named`: these are all services there are; else `more` is how many there are besides.
    """
    shared: dict[tuple[Duty, ...], list[str]] = {}
    for service, duties in rotas:
        shared.setdefault(tuple(duties), []).append(clip(one_line(service), 80) or "On call")
    is_one = all_named and len(shared) == 1 and len(rotas) > 1
    lines: list[Line] = []
    for people, services in list(shared.items())[:_ROTAS_LISTED]:
        head = bold("all services" if is_one else _named(services))
        lines.append([head, own(": "), *(_on_duty(people) or [own(_NOBODY_ON_CALL)])])
    more += sum(len(services) for services in list(shared.values())[_ROTAS_LISTED:])
    if more:
        lines.append([own(f"… and {counted(more, 'more service')}: /incident oncall with its name")])
    return Message("On call now", [rich(*lines)])


def _named(services: Sequence[str]) -> str:
    rest = len(services) - _SERVICES_NAMED
    return ", ".join(services[:_SERVICES_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _on_duty(duties: Sequence[Duty]) -> list[Piece]:
    pieces: list[Piece] = []
    for duty in duties:
        pieces += [own(", ")] if pieces else []
        pieces += [user(duty.user_id) if duty.user_id else words(duty.name, 80), own(f" ({duty.role.value}")]
        pieces += [own(" until "), moment(duty.until, "{date_short_pretty} {time}")] if duty.until else []
        pieces.append(own(")"))
    return pieces
