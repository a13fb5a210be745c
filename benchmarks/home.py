"""App Home with 5,000 users and years of rows: how long a page takes, and how many are published after changes.

What is measured is the bot's own time: a call to Slack is taken down as JSON and takes no time.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.digest import ALERTS, NOW, SERVICES, fill
from benchmarks.report import Report, middle, percentile, spread
from benchmarks.world import OURS
from bot import triage
from bot.board import Board
from bot.casefile import CaseFile
from bot.config import Config, OnCall, Service
from bot.home import Homes
from bot.integrations.roster import ConfigRoster
from bot.models import ActionItem, Alert, Change, Incident, Message, Person, PostMortem, Said, Severity, Silence, Status
from bot.rights import Caller, Rights
from bot.signals import Alarm
from bot.store.sqlite import SqliteStore

USERS = [f"U{number:04d}" for number in range(5_000)]
OPEN, FIRING, VIEWERS, STORM = 50, 200, 12, 1_000
AIM, A_MINUTE = 300.0, 100  # ms; calls of views.publish that Slack takes: tier 4
ROUND = timedelta(seconds=5)


class Everybody:
    """People whose names need no call."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)

    def name(self, user_id: str) -> str:
        return user_id

    def zone(self, user_id: str) -> str | None:
        return "Europe/Berlin"


class Published:
    """The Replies port; counts pages."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0

    def publish_home(self, user: str, view: dict[str, object]) -> None:
        self.count += 1
        self.longest = max(self.longest, len(json.dumps(view)))

    def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None: ...

    def whisper(self, channel: str, user: str, message: Message, *, thread_ts: str | None = None) -> None: ...

    def open_view(self, trigger_id: str, view: dict[str, object]) -> None: ...

    def update_view(self, view_id: str, view: dict[str, object]) -> None: ...

    def permalink(self, channel: str, ts: str) -> str:
        return ""

    def said(self, channel: str, ts: str) -> Said:
        return Said("", None, None)


class Scene:
    """Homes on a store, with a clock of their own."""

    def __init__(self, store: SqliteStore) -> None:
        self.now = NOW
        self.store = store
        self.slack = Published()
        on_call = OnCall(primary=USERS[0], secondary=USERS[1])
        config = Config(services={name: Service(on_call=on_call) for name in SERVICES})
        people = Everybody()
        case, rights = CaseFile(store, config, people), Rights(people, config)
        policy = triage.policy(config)
        board = Board(store, store, rights, ConfigRoster(config), case, config, policy, lambda: [])
        self.homes = Homes(board, self.slack, self._clock)

    def _clock(self) -> datetime:
        return self.now

    def change(self, number: int) -> None:
        """Something that is on everybody's page."""
        silence = self.store.silence("s1")
        assert silence is not None
        self.store.save(Change(silences=(silence.changed(why=f"known {number}"),)), self.now)
        self.homes.changed()

    def published(self, act: Callable[[], None]) -> int:
        before = self.slack.count
        act()
        return self.slack.count - before

    def rounds(self, span: timedelta) -> None:
        for number in range(span // ROUND):
            self.now += ROUND
            self.change(number)
            self.homes.refresh()


def home(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        for alerts in (ALERTS // 10, ALERTS):
            database = Path(folder) / f"{alerts}.db"
            with closing(SqliteStore(database)):
                pass  # the tables
            started = time.monotonic()
            fill(database, alerts, alerts // 50)
            print(f"home: {alerts:,} alerts filled in {time.monotonic() - started:.0f} s", file=sys.stderr)
            with closing(SqliteStore(database)) as store:
                _live(store)
                _measure(report, Scene(store), f"{alerts:,} alerts, {alerts // 50:,} incidents")


def _measure(report: Report, scene: Scene, stored: str) -> None:
    taken = []
    for user in USERS[:: len(USERS) // 200]:
        scene.now += timedelta(seconds=1)
        started = time.perf_counter()
        scene.homes.opened(Caller(user))
        taken.append((time.perf_counter() - started) * 1000)
    report.row(f"App Home published, {stored}: ms p50 / p99", {OURS.name: spread(taken)})
    if stored.startswith(f"{ALERTS:,}"):
        report.aim(f"App Home published, {stored}, p99", percentile(taken, 99), AIM, " ms")
        _storm(report, scene)


def _storm(report: Report, scene: Scene) -> None:
    """First a few look on, then everybody."""
    scene.now += timedelta(hours=1)
    scene.homes.refresh()
    for user in USERS[:VIEWERS]:
        scene.now += timedelta(seconds=1)
        scene.homes.opened(Caller(user))
    for number in range(STORM):
        scene.change(number)
    started = time.perf_counter()
    count = scene.published(scene.homes.refresh)
    spent = (time.perf_counter() - started) * 1000
    what = f"{STORM:,} changes, {VIEWERS} of {len(USERS):,} users look on"
    report.row(f"{what}: pages published / ms", {OURS.name: f"{count} / {spent:.0f}"})
    report.aim(f"{what}: pages published", count, VIEWERS)
    for user in USERS:
        scene.homes.opened(Caller(user))
    scene.now += timedelta(minutes=1)
    minutes = [scene.published(lambda: scene.rounds(timedelta(minutes=1))) for _ in range(5)]
    what = f"all {len(USERS):,} look on, changes all the time"
    report.row(f"{what}: pages published a minute", {OURS.name: f"{middle(minutes):.0f}"})
    report.aim(f"{what}: pages published a minute", max(minutes), A_MINUTE)


def _live(store: SqliteStore) -> None:
    """What goes on: incidents, firing alerts, a post-mortem and an action item for many, silences."""
    first, last = ALERTS + 1, ALERTS + OPEN
    incidents = tuple(_incident(number) for number in range(first, last + 1))
    store.save(Change(incidents=incidents, alerts=tuple(_alert(ALERTS + each) for each in range(1, FIRING + 1))), NOW)
    due = NOW + timedelta(days=1)
    items = tuple(
        ActionItem(
            number=number, incident=first, title=f"alarm on the pool {number}", owner=USERS[number % len(USERS)],
            due=due.date(), created_by=USERS[0], created_at=NOW,
        )
        for number in range(1, 2 * len(USERS))
    )  # fmt: skip
    written = tuple(
        PostMortem(
            incident=number, service=SERVICES[0], severity=Severity.SEV1, owner=USERS[number % len(USERS)],
            begun_at=NOW, due_at=due,
        )
        for number in range(1, len(USERS) // 10)
    )  # fmt: skip
    store.save(Change(action_items=items, post_mortems=written, silences=tuple(map(_silence, range(1, 9)))), NOW)


def _incident(number: int) -> Incident:
    people = tuple(USERS[(number * 7 + each) % len(USERS)] for each in range(12))
    return Incident(
        number=number,
        service=SERVICES[number % len(SERVICES)],
        impact="payments fail for all customers " * 5,
        severity=Severity.SEV2,
        status=Status.INVESTIGATING,
        declared_by=people[0],
        declared_at=NOW - timedelta(hours=1),
        acknowledged_at=NOW - timedelta(minutes=59),
        commander=people[0],
        responders=people,
    )


def _alert(number: int) -> Alert:
    service = SERVICES[number % len(SERVICES)]
    alarm = Alarm(name=f"prod-{service}-live-{number}-critical", account="123456789012", region="eu-west-1")
    return Alert(
        number=number, key=alarm.key, alarm=alarm, severity=Severity.SEV1, service=service, pages=True,
        fired_at=NOW, received_at=NOW, changed_at=NOW,
    )  # fmt: skip


def _silence(number: int) -> Silence:
    ends_at = NOW + timedelta(hours=8 + number)
    return Silence(
        id=f"s{number}", pattern=f"prod-{number}-*", by=USERS[0], why="known", starts_at=NOW, ends_at=ends_at
    )
