"""The rolling summary of a storm: one message that stands for many alerts."""

from __future__ import annotations

from blocks.ids import Action
from blocks.rich import Line, bold, flat, moment, own, rich, words
from blocks.text import MESSAGE_TEXT, button, clip_markup, counted, header
from bot.models import Message, Severity, Storm

_SERVICES_SHOWN = 8


def summary(storm: Storm, firing: int) -> Message:
    """How many alerts of which services since when, and what is still shown one by one; `firing` in all channels."""
    began = storm.began_at or storm.window
    brought = own(f"{counted(storm.alerts, 'alert')} since ")
    now = f" · {firing:,} {'fires' if firing == 1 else 'fire'} now" if storm.is_on else ""
    lines: list[Line] = [[brought, moment(began), own(now)] if now else [brought, moment(began)]]
    if storm.severities:
        counts = sorted((int(number), count) for number, count in storm.severities.items())
        lines.append([own(" · ".join(f"{Severity(number).label}: {count:,}" for number, count in counts))])
    top = sorted(storm.services.items(), key=lambda entry: -entry[1])
    if top:
        named = " · ".join(f"{name} {count:,}" for name, count in top[:_SERVICES_SHOWN])
        more = f" · and {counted(len(top) - _SERVICES_SHOWN, 'more service')}" if len(top) > _SERVICES_SHOWN else ""
        lines.append([bold("Most: "), words(named + more, 800)])
    lines.append([own(_what_is_shown(storm))])
    title = "🌩 Storm" if storm.is_on else "🌤 The storm is over"
    blocks = [header(title), rich(*lines)]
    blocks.append({"type": "actions", "elements": [button("Show the alerts", Action.ALERTS, storm.channel)]})
    text = f"{title}: {flat(lines[0])}"
    return Message(clip_markup(text, MESSAGE_TEXT), blocks)


def _what_is_shown(storm: Storm) -> str:
    if not storm.is_on:
        return f"{counted(storm.hidden, 'alert')} had no card of their own; all are stored."
    return (
        f"Without a card: {storm.hidden:,}. Until it calms down only pages and SEV-1 get one, the worst of each "
        "service. Nothing is lost, and pages go out as always."
    )
