"""How soon a command, a click and a burst of commands are acknowledged, and how soon the answer is seen."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing

from benchmarks.client import Crowd, Json, Seen
from benchmarks.report import Report, middle, percentile, spread
from benchmarks.world import BUILTIN, KINDS, OURS, Kind, World, world

ROUNDS = 3
COMMANDS = 300
CLICKS = 100
BURSTS = 3
BURST = 200
WARM_UP = 20
Samples = defaultdict[tuple[str, str], list[float]]


def acks(report: Report) -> None:
    """Three rounds; in each, every bot in turn gets 300 commands and 100 clicks one by one, and 3 bursts of 200."""
    samples: Samples = defaultdict(list)
    with world() as place, closing(Crowd(place.url, BURST)) as crowd:
        for _ in range(ROUNDS):
            for kind in KINDS:
                _round(place, crowd, kind, samples)
    _tell(report, samples)


def _round(place: World, crowd: Crowd, kind: Kind, samples: Samples) -> None:
    place.reset()
    with place.bot(kind):
        message, action_id = button(place, kind)
        for _ in range(WARM_UP):
            timed(place, kind, lambda: place.send("/incident help"))
        done = [timed(place, kind, lambda: place.send("/incident help")) for _ in range(COMMANDS)]
        samples[kind.name, "ack"] += latencies(place, COMMANDS)
        samples[kind.name, "seen"] += [seen for seen, _ in done]
        samples[kind.name, "both"] += [both for _, both in done]
        if kind is OURS:
            for _ in range(COMMANDS):
                timed(place, kind, lambda: place.send("/incident note INC-1 x"))
            samples[kind.name, "note"] += latencies(place, COMMANDS)
        for _ in range(CLICKS):
            timed(place, kind, lambda: place.click(message, action_id))
        samples[kind.name, "click"] += latencies(place, CLICKS)
        for _ in range(BURSTS):
            _burst(place, crowd, kind, samples)


def _burst(place: World, crowd: Crowd, kind: Kind, samples: Samples) -> None:
    place.page.forget()
    crowd.send("/incident help", place.ops)
    acked = place.acks(BURST)
    sent = min(ack["at"] - ack["latency_ms"] / 1000 for ack in acked)
    samples[kind.name, "burst"].append((max(ack["at"] for ack in acked) - sent) * 1000)
    samples[kind.name, "worst"].append(max(ack["latency_ms"] for ack in acked))
    for _ in range(BURST):
        place.page.wait(is_answer(kind), "the answers to a burst")


def button(place: World, kind: Kind) -> tuple[Json, str]:
    """A message with a button that can be pressed again and again, and the button's id."""
    if kind is OURS:
        place.send('/incident declare sev3 checkout-api "payments fail"')
        action_id = "incident.assign_me"  # who declared has the command already: each click is answered, none changes
    else:
        place.send("/incident button")
        action_id = "peer.click"
    message = place.page.wait(lambda seen: action_id in str(seen.message.get("blocks")), "a button").message
    return message, action_id


def timed(place: World, kind: Kind, act: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds until the answer is seen, and until it is seen and the person's client has its ack."""
    started = time.perf_counter()
    act()
    acked = time.perf_counter()
    seen = place.page.wait(is_answer(kind), f"the answer of {kind.name}").at
    return (seen - started) * 1000, (max(seen, acked) - started) * 1000


def is_answer(kind: Kind) -> Callable[[Seen], bool]:
    """Ours answers for the person's eyes only, the peers in the channel."""
    wanted = "ephemeral" if kind is OURS else "message"
    return lambda seen: seen.kind == wanted


def latencies(place: World, newest: int) -> list[float]:
    return [ack["latency_ms"] for ack in place.acks(newest)]


def _tell(report: Report, samples: Samples) -> None:
    measures = {
        "ack": "/incident help → ack, ms, p50 / p99",
        "note": "/incident note → ack, ms, p50 / p99",
        "click": "button → ack, ms, p50 / p99",
        "seen": "/incident help → answer seen, ms, p50 / p99",
        "burst": f"burst of {BURST} → all acked, ms, median / worst",
        "worst": f"burst of {BURST} → slowest ack, ms, median / worst",
    }
    for key, measure in measures.items():
        values = {kind.name: spread(samples[kind.name, key]) for kind in KINDS if samples[kind.name, key]}
        report.row(measure, values)
    bare = middle(samples[BUILTIN.name, "ack"])
    for key, words in (("ack", "/incident help"), ("note", "/incident note")):
        ours = samples[OURS.name, key]
        report.aim(f"{words} → ack, p50", middle(ours), 1.0, " ms")
        report.aim(f"{words} → ack, p99 against bare Bolt's p50", percentile(ours, 99), bare, " ms")
    report.aim(f"burst of {BURST} acked, median", middle(samples[OURS.name, "burst"]), 150, " ms")
