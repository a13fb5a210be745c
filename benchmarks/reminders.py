"""500 people are reminded at the same moment: what that asks of Slack, which enforces its limits here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from benchmarks.client import Json
from benchmarks.report import Report
from benchmarks.world import OURS, World, world
from bot.models import ActionItem, Change, Incident, Severity, Status, Timer
from bot.steps.reminders import REMIND
from bot.store.sqlite import SqliteStore

PEOPLE = 500
PATIENCE_SECONDS = 900
LOOK_EVERY = 1.0
AIM_CALLS, AIM_REFUSED = 2.0 * PEOPLE, 0


def reminders(report: Report) -> None:
    """In real time: several minutes."""
    with world() as here:
        database = here.folder / "wave.db"
        _fill(here, database)
        here.keyboard.post("/control/limits", enforce=True)
        before = here.calls_so_far()
        with here.bot(OURS, database):
            calls = _until_told(here, before)
    told = [call for call in calls if call["method"] == "chat.postMessage" and call["ok"]]
    refused = sum(call["error"] == "ratelimited" for call in calls)
    took = max(call["ended"] for call in told) - min(call["started"] for call in told)
    report.row(f"{PEOPLE} reminders due at once → all there, s", {OURS.name: f"{took:.0f}"})
    report.row("… calls (by method)", {OURS.name: f"{len(calls)} ({_methods(calls)})"})
    report.row(
        "… calls within a second / within a minute, at most", {OURS.name: f"{_most(calls, 1)} / {_most(calls, 60)}"}
    )
    report.row("… calls that Slack refused", {OURS.name: f"{refused}"})
    report.aim(f"{PEOPLE} reminders: calls", len(calls), AIM_CALLS)
    report.aim(f"{PEOPLE} reminders: refused for their rate", refused, AIM_REFUSED)


def _fill(here: World, database: Path) -> None:
    """Everybody owns an action item whose reminder is due, and it is about noon where they live."""
    now = datetime.now(UTC)
    zone = f"Etc/GMT{now.hour - 12:+d}"
    incident = Incident(
        number=1, service="checkout-api", impact="payments fail", severity=Severity.SEV3, status=Status.CANCELLED,
        declared_by="U0ANA", declared_at=now, commander="U0ANA",
    )  # fmt: skip
    people = [f"U1{number:05}" for number in range(PEOPLE)]
    for who in people:
        here.keyboard.post("/control/person", id=who, tz=zone)
    items = tuple(
        ActionItem(
            number=number, incident=1, title="alarm on the pool", owner=who, due=now.date() + timedelta(days=3),
            created_by="U0ANA", created_at=now,
        )
        for number, who in enumerate(people, start=1)
    )  # fmt: skip
    timers = tuple(Timer(kind=REMIND, subject=item.id, due_at=now) for item in items)
    with closing(SqliteStore(database)) as store:
        store.save(Change(incidents=(incident,), action_items=items, timers=timers), now)


def _until_told(here: World, since: int) -> list[Json]:
    """The calls of the wave."""
    pause = Event()
    for _ in range(round(PATIENCE_SECONDS / LOOK_EVERY)):
        calls = [call for call in here.calls(since) if call["method"] in ("chat.postMessage", "users.info")]
        if sum(call["method"] == "chat.postMessage" and call["ok"] for call in calls) >= PEOPLE:
            return calls
        pause.wait(LOOK_EVERY)
    raise TimeoutError(f"{PEOPLE} reminders took more than {PATIENCE_SECONDS} s")


def _methods(calls: Sequence[Json]) -> str:
    return ", ".join(f"{count} {method}" for method, count in Counter(call["method"] for call in calls).most_common())


def _most(calls: Sequence[Json], seconds: float) -> int:
    """The most that began within so many seconds."""
    begun = sorted(call["started"] for call in calls)
    most = first = 0
    for last, at in enumerate(begun):
        while begun[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
