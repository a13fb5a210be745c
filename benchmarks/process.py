"""What a process costs: its start, its memory, and its rest."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import ExitStack, closing

from benchmarks.acks import button, is_answer
from benchmarks.client import Crowd
from benchmarks.report import Report, middle, spread
from benchmarks.world import BUILTIN, KINDS, OURS, Bot, Kind, World, world

STARTS = 4
COMMANDS = 1000
AT_ONCE = 10
SETTLED = 1.0
IDLE = 10.0
Samples = defaultdict[tuple[str, str], list[float]]


def process(report: Report) -> None:
    """Every bot in turn is started four times; then all rest beside each other for ten seconds."""
    samples: Samples = defaultdict(list)
    with world() as place:
        for number in range(STARTS):
            for kind in KINDS:
                place.reset()
                started = _start(place, kind)
                if number:  # the first start reads the libraries from the disk
                    samples[kind.name, "start"].append(started)
    with ExitStack() as stack:
        bots = [_used(stack, kind, samples) for kind in KINDS]
        time.sleep(SETTLED)
        before = [bot.cpu_seconds() for bot in bots]
        time.sleep(IDLE)
        for bot, seconds in zip(bots, before, strict=True):
            samples[bot.kind.name, "idle"].append((bot.cpu_seconds() - seconds) / IDLE * 100)
    _tell(report, samples)


def _start(place: World, kind: Kind) -> float:
    with place.bot(kind) as bot:
        return bot.starting


def _used(stack: ExitStack, kind: Kind, samples: Samples) -> Bot:
    """A bot that has answered a thousand commands."""
    place = stack.enter_context(world())
    crowd = stack.enter_context(closing(Crowd(place.url, AT_ONCE)))
    bot = stack.enter_context(place.bot(kind))
    time.sleep(SETTLED)
    samples[kind.name, "fresh"].append(bot.resident_mib())
    button(place, kind)
    for _ in range(COMMANDS // AT_ONCE):
        crowd.send("/incident help", place.ops)
        for _ in range(AT_ONCE):
            place.page.wait(is_answer(kind), "the answers")
    samples[kind.name, "used"].append(bot.resident_mib())
    return bot


def _tell(report: Report, samples: Samples) -> None:
    def row(measure: str, key: str, form: str) -> None:
        report.row(measure, {kind.name: form.format(middle(samples[kind.name, key])) for kind in KINDS})

    starts = {kind.name: spread(samples[kind.name, "start"]) for kind in KINDS}
    report.row("start → connected, s, median / worst", starts)
    row("resident after the start, MiB", "fresh", "{:.1f}")
    row(f"resident after {COMMANDS} commands, MiB", "used", "{:.1f}")
    row("processor while idle, %", "idle", "{:.1f}")
    ours, bare = OURS.name, BUILTIN.name
    report.aim("start → connected, median", middle(samples[ours, "start"]), 1.0, " s")
    for key, words in (("fresh", "after the start"), ("used", f"after {COMMANDS} commands")):
        report.aim(
            f"memory {words}, against 1.6 × bare Bolt", samples[ours, key][0], 1.6 * samples[bare, key][0], " MiB"
        )
    report.aim("processor while idle", samples[ours, "idle"][0], 0.5, " %")
