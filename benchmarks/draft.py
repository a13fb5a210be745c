"""How long the draft of a post-mortem takes: from the store to Markdown, with timelines of several lengths."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.report import Report, middle, spread
from benchmarks.world import OURS
from bot import draft as pure
from bot.casefile import CaseFile
from bot.config import Config
from bot.models import Change, EventKind, Incident, Person, PostMortem, Severity, Status, TimelineEvent
from bot.page_template import BUILT_IN
from bot.store.sqlite import SqliteStore

LENGTHS = (50, 5_000, 10_000)
EARLIER = 30
ROUNDS = 7
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
_KINDS = (EventKind.NOTE, EventKind.UPDATE, EventKind.MESSAGE, EventKind.ALARM, EventKind.FIX)


class Everybody:
    """People whose names need no call."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)

    def name(self, user_id: str) -> str:
        return user_id.capitalize()

    def zone(self, user_id: str) -> str | None:
        return "Europe/Berlin"


def draft(report: Report) -> None:
    """On a store of its own, that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        for length in LENGTHS:
            with closing(SqliteStore(Path(folder) / f"{length}.db")) as store:
                _measure(report, store, length)


def _measure(report: Report, store: SqliteStore, length: int) -> None:
    incident, written = _filled(store, length)
    case = CaseFile(store, Config(), Everybody())
    taken, size = [], 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        text = pure.page(case.known(incident, written), written, BUILT_IN)
        taken.append((time.perf_counter() - started) * 1000)
        size = len(text)
    what = f"draft, {length:,} timeline rows, {EARLIER} earlier incidents: ms p50 / p99 ({size // 1024:,} KiB)"
    report.row(what, {OURS.name: spread(taken)})
    if length == 5_000:
        report.aim("a draft with 5,000 timeline rows, p50", middle(taken), 1000, " ms")


def _filled(store: SqliteStore, length: int) -> tuple[Incident, PostMortem]:
    for number in range(1, EARLIER + 2):
        store.save(Change(incidents=(_incident(number),)), NOW)
    store.save(Change(timeline=tuple(_events(EARLIER + 1, length))), NOW)
    incident = store.incident(EARLIER + 1)
    written = PostMortem(
        incident=incident.number,
        service=incident.service,
        severity=incident.severity,
        owner="U0ANA",
        begun_at=NOW,
        due_at=NOW + timedelta(hours=48),
    )
    return incident, written


def _incident(number: int) -> Incident:
    return Incident(
        number=number,
        service="checkout-api",
        impact="payments fail",
        severity=Severity.SEV1,
        status=Status.RESOLVED,
        declared_by="U0ANA",
        declared_at=NOW,
        commander="U0ANA",
        resolved_at=NOW + timedelta(hours=1),
        resolution="rolled back web:57",
    )


def _events(number: int, length: int) -> Iterator[TimelineEvent]:
    for each in range(length):
        yield TimelineEvent(
            incident=number,
            at=NOW + timedelta(seconds=each),
            kind=_KINDS[each % len(_KINDS)],
            text=f"line {each}: the *pool* of <checkout-api> is at {each % 100} % and {'rising ' * 8}",
            actor=f"U0{each % 40:04d}",
            about="U0BOB",
        )
