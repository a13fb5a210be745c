"""The same commands with 100 and with 100,000 incidents stored."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.acks import latencies, timed
from benchmarks.report import Report, middle, spread
from benchmarks.world import OURS, World, world
from bot.models import Change, EventKind, Incident, Severity, Status, TimelineEvent
from bot.store.sqlite import SqliteStore

FEW, MANY = 100, 100_000
OPEN = 50
EVENTS = 4
AT_ONCE = 1000
SAMPLES = 150
WARM_UP = 10
PERSON = "U0ANA"
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
Samples = defaultdict[tuple[str, str], list[float]]


def scale(report: Report) -> None:
    """Two bots, one on each store, are asked the same in turn; in both stores fifty incidents are open."""
    samples: Samples = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aiops-bench-")))
        places: dict[int, World] = {}
        for size in (FEW, MANY):
            database = folder / f"{size}.db"
            fill(database, size)
            places[size] = stack.enter_context(world())
            stack.enter_context(places[size].bot(OURS, database))
        for number in range(WARM_UP + SAMPLES):
            for name in ("help", "list", "show", "note"):
                for size in (FEW, MANY) if number % 2 else (MANY, FEW):
                    seen = _ask(places[size], name, size)
                    if number >= WARM_UP:
                        samples[name, f"{size} seen"].append(seen)
                        samples[name, f"{size} ack"] += latencies(places[size], 1)
    for name in ("help", "list", "show", "note"):
        few, many = samples[name, f"{FEW} seen"], samples[name, f"{MANY} seen"]
        report.row(f"{name}: answer seen, {FEW} stored, ms, p50 / p99", {OURS.name: spread(few)})
        report.row(f"{name}: answer seen, {MANY:,} stored, ms, p50 / p99", {OURS.name: spread(many)})
        report.aim(f"{name}: {MANY:,} stored against {FEW}, p50", middle(many) / middle(few), 1.2, " ×")
        acks = [middle(samples[name, f"{size} ack"]) for size in (FEW, MANY)]
        report.aim(f"{name} → ack: the same", acks[1] / acks[0], 1.2, " ×")


def _ask(place: World, name: str, size: int) -> float:
    """About an incident that is open in both stores: the newest."""
    text = {"show": f"show INC-{size}", "note": f"note INC-{size} x"}.get(name, name)
    return timed(place, OURS, lambda: place.send(f"/incident {text}"))[0]


def fill(database: Path, size: int) -> None:
    """Incidents with timelines: the last of every `size / 50` is open, the others are resolved."""
    store = SqliteStore(database)
    try:
        for start in range(1, size + 1, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, size + 1))
            incidents = tuple(_incident(number, is_open=number % (size // OPEN) == 0) for number in numbers)
            timeline = tuple(_event(number, position) for number in numbers for position in range(EVENTS))
            store.save(Change(incidents=incidents, timeline=timeline), FIRST_DAY)
    finally:
        store.close()


def _incident(number: int, *, is_open: bool) -> Incident:
    declared = FIRST_DAY + timedelta(minutes=number)
    incident = Incident(
        number=number,
        service=f"service-{number % 40}",
        impact="payments fail for one customer in ten",
        severity=Severity.SEV3,
        declared_by=PERSON,
        declared_at=declared,
        commander=PERSON,
        responders=(PERSON,),
    )
    return incident if is_open else incident.moved(Status.RESOLVED, by=PERSON, at=declared + timedelta(hours=1))


def _event(number: int, position: int) -> TimelineEvent:
    at = FIRST_DAY + timedelta(minutes=number + position)
    return TimelineEvent(incident=number, at=at, kind=EventKind.NOTE, text="looked at the graphs", actor=PERSON)
