"""App Home: what somebody works on, what waits for them, who is on call, and how the bot is connected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from blocks import alert, remediation
from blocks.card import summary
from blocks.ids import Action
from blocks.rich import Line, bold, bullets, moment, own, rich, user, words
from blocks.text import Block, button, context, counted, header, plain_section
from bot.models import Alert, Duty, Incident, Remediation, Role, Silence

_SHOWN = 8  # of each kind; a view holds 100 blocks
_ROTAS = 6


class Connection(NamedTuple):
    """How something outside stands: `on`, `off` (not configured) or `failing`."""

    name: str
    state: str


class Week(NamedTuple):
    """A week's numbers. `acknowledged` is the median time to acknowledge in minutes; None: nothing to measure."""

    incidents: int
    worst: int
    acknowledged: float | None = None


class HomeFacts(NamedTuple):
    """All that one person's App Home shows. `rotas` are (service, duties); `more` are lines of others that wait."""

    now: datetime
    incidents: Sequence[Incident] = ()
    alerts: Sequence[Alert] = ()
    plans: Sequence[Remediation] = ()
    updates: Sequence[Incident] = ()
    more: Sequence[Block] = ()
    rotas: Sequence[tuple[str, Sequence[Duty]]] = ()
    silences: Sequence[Silence] = ()
    connections: Sequence[Connection] = ()
    week: Week = Week(0, 0)
    week_before: Week = Week(0, 0)


def home(facts: HomeFacts) -> dict[str, Any]:
    """The view."""
    blocks = [
        *_waiting(facts),
        *_mine(facts),
        *_on_call(facts.rotas),
        *_silences(facts.silences),
        *_week(facts),
        context(_connections(facts.connections)),
    ]
    return {"type": "home", "blocks": blocks}


def _waiting(facts: HomeFacts) -> list[Block]:
    blocks: list[Block] = [header("Waiting for you")]
    for one in facts.alerts[:_SHOWN]:
        blocks.append(alert.entry(one, facts.now))
    for plan in facts.plans[:_SHOWN]:
        blocks += _plan(plan)
    for incident in facts.updates[:_SHOWN]:
        due = plain_section(f"{incident.id} {incident.service}: an update is due")
        blocks.append({**due, "accessory": button("Update", Action.UPDATE, str(incident.number))})
    blocks += facts.more
    if len(blocks) == 1:
        blocks.append(plain_section("Nothing. Enjoy the quiet."))
    return blocks


def _plan(plan: Remediation) -> list[Block]:
    value = str(plan.number)
    said = plain_section(f"{plan.id}: {remediation.what(plan)}, {remediation.change(plan)}")
    elements = [
        button("Approve" if plan.needs else "Run it", Action.APPROVE, value, style="primary"),
        button("Reject", Action.REJECT, value),
    ]
    return [said, {"type": "actions", "block_id": f"home-{plan.id}", "elements": elements}]


def _mine(facts: HomeFacts) -> list[Block]:
    blocks: list[Block] = [header("Your open incidents")]
    blocks += [summary(one, facts.now) for one in facts.incidents[:_SHOWN]]
    if len(facts.incidents) > _SHOWN:
        blocks.append(context(f"and {len(facts.incidents) - _SHOWN} more: /incident list"))
    if not facts.incidents:
        blocks.append(plain_section("None."))
    new = button("Declare an incident", Action.DECLARE, "")
    return [*blocks, {"type": "actions", "block_id": "home-declare", "elements": [new]}]


def _on_call(rotas: Sequence[tuple[str, Sequence[Duty]]]) -> list[Block]:
    lines: list[Line] = []
    for service, duties in rotas[:_ROTAS]:
        primary = next((duty for duty in duties if duty.role is Role.PRIMARY), None)
        if primary is None:
            continue
        who = user(primary.user_id) if primary.user_id else words(primary.name, 80)
        lines.append([bold(f"{service or 'Everything'}: "), who])
    return [header("On call now"), rich(*lines)] if lines else []


def _silences(silences: Sequence[Silence]) -> list[Block]:
    if not silences:
        return []
    lines: list[Line] = [
        [words(one.pattern, 100), own(" until "), moment(one.ends_at), own(": "), words(one.why, 150)]
        for one in silences[:_SHOWN]
    ]
    return [header("Silenced"), bullets(*lines)]


def _week(facts: HomeFacts) -> list[Block]:
    this, last = facts.week, facts.week_before
    text = f"{counted(this.incidents, 'incident')} ({_change(this.incidents, last.incidents)}), SEV-1 {this.worst}"
    if this.acknowledged is not None:
        text += f", time to acknowledge {this.acknowledged:.0f} min"
    return [header("This week"), plain_section(text)]


def _change(now: int, before: int) -> str:
    if now == before:
        return "as last week"
    return f"{'▲' if now > before else '▼'}{abs(now - before)} against last week"


def _connections(connections: Sequence[Connection]) -> str:
    signs = {"on": "✓", "off": "–", "failing": "⚠"}
    return " · ".join(f"{signs.get(one.state, '?')} {one.name} {one.state}" for one in connections) or "Slack alone."
