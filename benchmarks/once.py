"""Remediations that many people approve at once, in two processes that lose answers and are restarted."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.notices import now
from bot.carriers import Carriers
from bot.carriers.cloud import CloudCarriers
from bot.carriers.fixes import Aws, FixCardCarriers, FixCarriers
from bot.config import Config
from bot.errors import CloudError, Outcome, UserError
from bot.integrations.nothing import NoAlarms, NoBus, NoFixes, NoMailer
from bot.ledger import Ledger
from bot.models import (
    Action,
    Change,
    Message,
    MessageRef,
    Order,
    Person,
    Plan,
    Progress,
    Remediation,
    RemediationStatus,
    Target,
)
from bot.outbox import Outbox
from bot.processes import this_process
from bot.remediation import Neighbours, Remediations
from bot.resources import Resources
from bot.rights import Caller, Rights
from bot.store.sqlite import SqliteStore

RUNS, CLICKS = 200, 8
LOST_EVERY, RESTART_EVERY = 10, 25
PATIENCE = 60.0


class Counting(NoFixes):
    """An AWS that counts: each token is done once. Every tenth answer is lost on its way."""

    def __init__(self) -> None:
        self.calls = 0
        self.done: set[str] = set()
        self._lock = threading.Lock()

    def plan(self, order: Order, resources: Resources) -> Plan:
        return Plan(target=Target(kind="ECS service", name=order.service), before="web:57", after="web:56")

    def start(self, remediation: Remediation) -> Progress:
        with self._lock:
            self.calls += 1
            self.done.add(remediation.token)
            is_lost = self.calls % LOST_EVERY == 0
        if is_lost:
            raise CloudError("timeout", retryable=True, outcome=Outcome.UNKNOWN, retry_after=0.1)
        return Progress(said="done", is_over=True)


class Silent:
    """A Slack that takes everything."""

    def post(self, channel: str, message: Message, **_: Any) -> MessageRef:
        return MessageRef("C0OPS", f"{time.time():.6f}")

    def edit(self, ref: MessageRef, message: Message) -> None:
        pass

    def find(self, *_: Any, **__: Any) -> None:
        return None


class Anybody:
    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)


class Process:
    """One bot process, as far as it changes AWS."""

    def __init__(self, database: Path, aws: Counting) -> None:
        self.store = SqliteStore(database)
        config = Config()
        self.outbox = Outbox(self.store, now, this_process())
        ledger = Ledger(self.store, now, self.outbox.nudge)
        neighbours = Neighbours(lambda fix, subject: Message("", []), lambda *_: Change())
        self.fixes = Remediations(ledger, Rights(Anybody(), config), config, aws, neighbours)
        chat: Any = Silent()
        fixes = FixCarriers(Aws(aws, None, NoAlarms()), self.fixes, self.store, now)
        cards = FixCardCarriers(self.fixes, self.store, chat, now, "ops-incidents")
        self.outbox.start(Carriers(fixes, cards, CloudCarriers(self.store, NoBus(), NoMailer(), chat)))

    def stop(self) -> None:
        self.outbox.stop()
        self.store.close()


class Outcomes:
    """What became of the runs: `started` by one click, clicks without an answer, `executions` and calls in AWS."""

    def __init__(self) -> None:
        self.started = self.unanswered = 0
        self.aws = Counting()

    @property
    def executions(self) -> int:
        return len(self.aws.done)


def once(folder: Path) -> Outcomes:
    """Half of the eight clicks in each of two processes.

    Every 25th run one of them is restarted, and takes the claims of the other for those of a dead one: both are this
    process by its pid.
    """
    outcomes = Outcomes()
    database = folder / "once.db"
    processes = [Process(database, outcomes.aws) for _ in range(2)]
    gate = threading.Barrier(CLICKS)
    with ThreadPoolExecutor(CLICKS) as pool:

        def click(number: int, place: int) -> bool:
            gate.wait()
            return processes[place % 2].fixes.approve(Caller(f"U{place}"), number).changed

        for run in range(RUNS):
            order = Order(action=Action.ROLLBACK, service=f"service-{run}", environment="prod")
            number = processes[0].fixes.plan(Caller("U0"), None, order).number
            clicks = [pool.submit(click, number, place) for place in range(CLICKS)]
            _count(outcomes, clicks)
            if run % RESTART_EVERY == RESTART_EVERY - 1:
                processes[run % 2].stop()
                processes[run % 2] = Process(database, outcomes.aws)
        _until_over(processes[0])
    for each in processes:
        each.stop()
    return outcomes


def _count(outcomes: Outcomes, clicks: Sequence[Any]) -> None:
    for each in clicks:
        try:
            outcomes.started += bool(each.result())
        except UserError:
            outcomes.unanswered += 1  # all eight click what is there and may be approved: none is to be refused


def _until_over(process: Process) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        left = [one for one in process.store.open_remediations(RUNS) if one.status is not RemediationStatus.VERIFYING]
        if not left:
            return
        time.sleep(0.05)
