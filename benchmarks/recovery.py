"""How long people wait after the connection was lost in each of the ways in which connections are lost."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks.client import PERSON, Keyboard
from benchmarks.report import Report
from benchmarks.world import OURS, World, world

KINDS = ("refresh", "close", "eof", "rst", "half_open")
EVERY = 0.05
PATIENCE = 40.0
SETTLED = 1.0
AT_ONCE = 80  # what is sent into a dead connection waits three seconds for its ack


def recovery(report: Report) -> None:
    """After each fault, commands are sent every 50 ms until one of them is acked."""
    with world() as place, place.bot(OURS), ThreadPoolExecutor(AT_ONCE) as pool:
        place.send("/incident help")
        for kind in KINDS:
            time.sleep(SETTLED)
            place.keyboard.post("/control/socket", kind=kind)
            seconds = _until_acked(place, pool)
            place.keyboard.post("/control/socket", kind="heal")
            report.row(f"connection lost ({kind}) → next command acked, s", {OURS.name: f"{seconds:.2f}"})


def _until_acked(place: World, pool: ThreadPoolExecutor) -> float:
    started = time.monotonic()
    tries: list[Future[float]] = []
    while time.monotonic() < started + PATIENCE:
        tries.append(pool.submit(_try, place.url, place.ops))
        time.sleep(EVERY)
        acked = [each.result() for each in tries if each.done() and each.result()]
        if acked:
            return min(acked) - started
    return float("inf")


def _try(url: str, channel: str) -> float:
    """The moment of the ack, 0 if none came."""
    keyboard = Keyboard(url)
    try:
        answer = keyboard.post("/sandbox/send", **{"as": PERSON}, channel=channel, text="/incident help")
    finally:
        keyboard.close()
    return time.monotonic() if answer["ok"] else 0.0
