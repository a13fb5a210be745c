"""What App Home shows to everybody: who is on call, what is silenced, the week's numbers, what is connected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from blocks import digest
from blocks.ids import Action
from blocks.rich import Line, Piece, bold, bullets, moment, own, rich, user, words
from blocks.text import (
    SECTION_TEXT,
    Block,
    button,
    clip,
    counted,
    header,
    mrkdwn,
    one_line,
    plain,
    plain_context,
    plain_section,
    when,
)
from bot.config import Maintenance
from bot.models import Duty, Silence
from bot.models.digest import Digest

AT = "{date_short_pretty} {time}"
NAMES = 60
SOME = 8  # shown of each kind: a view holds 100 blocks, https://docs.slack.dev/surfaces/app-home
_SERVICES = 8  # named of those that share who is on call
_SIGNS = {"on": "✓", "off": "–", "failing": "⚠"}


class Connection(NamedTuple):
    """How something outside stands: `on`, `off` (not configured) or `failing`."""

    name: str
    state: str


class Rota(NamedTuple):
    """Who is on call for these services."""

    duties: Sequence[Duty]
    services: Sequence[str]


def more(count: int, kind: str, command: str) -> list[Block]:
    return [plain_context(f"… and {counted(count, kind)} more: /incident {command}")] if count > 0 else []


def said(text: str, beside: str, accessory: Block | None = None) -> Block:
    """Foreign words, our own beside them, and what can be done."""
    block = {"type": "section", "text": plain(text, SECTION_TEXT), "fields": [mrkdwn(beside)]}
    return {**block, "accessory": accessory} if accessory else block


def on_call(person: str, rotas: Sequence[Rota] | None) -> list[Block]:
    """This person's own first; `rotas` None: nobody can tell."""
    if rotas is None:
        return [header("On call now"), plain_section("The pager does not say who is on call. I go on asking.")]
    mine = [rota for rota in rotas if any(duty.user_id == person for duty in rota.duties)]
    others = [rota for rota in rotas if rota not in mine]
    lines = [_rota(rota) for rota in [*mine, *others][:SOME]]
    if len(rotas) > SOME:
        lines.append([own("… and others: /incident oncall")])
    return [header("On call now"), rich(*lines)] if lines else []


def _rota(rota: Rota) -> Line:
    line: list[Piece] = []
    for duty in rota.duties:
        line += [own(", ")] if line else []
        line += [user(duty.user_id) if duty.user_id else words(duty.name, 80), own(f" ({duty.role.value})")]
    named = [name for name in rota.services[:_SERVICES] if name]
    for number, name in enumerate(named):
        line += [own(", " if number else ": "), words(name, NAMES)]
    rest = len(rota.services) - _SERVICES
    return [*line, own(f" and {rest} more")] if rest > 0 else line


def hidden(silences: Sequence[Silence], maintenance: Sequence[tuple[Maintenance, datetime]]) -> list[Block]:
    blocks = [_silence(each) for each in silences[:SOME]]
    blocks += more(len(silences) - SOME, "silence", "silences")
    windows: list[Line] = [
        [bold("Maintenance: "), words(window.name, 100), own(" until "), moment(ends_at, AT)]
        for window, ends_at in maintenance[:SOME]
    ]
    blocks += [bullets(*windows)] if windows else []
    return [header("Silenced now"), *blocks] if blocks else []


def _silence(silence: Silence) -> Block:
    text = f"{clip(one_line(silence.pattern), 150)}: {clip(one_line(silence.why), 200)}"
    end = button("End it", Action.ALERT_UNSILENCE, silence.id)
    return said(text, f"Until {when(silence.ends_at, AT)} · by <@{silence.by}>", end)


def week(week: Digest, before: Digest) -> list[Block]:
    nameless = week.model_copy(update={"sla": week.sla.model_copy(update={"services": ()})})  # mrkdwn formats names
    numbers = [mrkdwn(text) for text in digest.numbers(nameless)]
    blocks: list[Block] = [header("The last 7 days"), {"type": "section", "fields": numbers}]
    if not week.incidents.now and not week.incidents.before:
        return [blocks[0], plain_section("No incidents, nor in the 7 days before.")]
    names = [f"{point.first:%A}" for point in week.points]
    series = {
        "last 7 days": [float(sum(point.incidents.values())) for point in week.points],
        "7 days before": [float(sum(point.incidents.values())) for point in before.points],
    }
    return [*blocks, digest.chart("bar", "Incidents per day", names, series, y_label="incidents")]


def connected(connections: Sequence[Connection]) -> list[Block]:
    told = " · ".join(f"{_SIGNS[each.state]} {each.name} {each.state}" for each in connections) or "To Slack alone."
    return [header("Connected"), plain_context(told)]
