"""CloudWatch alarms as SNS delivers them to a queue, and a bot's triage in this process to take them in."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.alarms import parse
from bot.alert_cards import AlertCards
from bot.config import Config
from bot.intake import AlertIntake
from bot.integrations.nothing import NoAlarms
from bot.ledger import Ledger
from bot.signals import Signal
from bot.store.sqlite import SqliteStore
from bot.triage import Rules
from jobs import intake
from sandbox.shop.notices import Json, alarm

BATCH = intake.BATCH * intake.TOGETHER  # what is stored as one while more waits
SERVICES = 40


def now() -> datetime:
    return datetime.now(UTC)


def message(name: str, state: str = "ALARM", *, ago: float = 0.0) -> Json:
    """What an alarm's action puts on its topic."""
    return alarm(name, state, now() - timedelta(seconds=ago), AlarmDescription="Answers are slow")


def again(body: str) -> str:
    """The same alarm sent once more, under an id of its own."""
    return json.dumps({**json.loads(body), "MessageId": str(uuid.uuid4())})


def name(number: int, services: int, severity: str = "medium") -> str:
    """By the naming convention: `services` of them share the alarms."""
    return f"prod-service{number % services}-latency-{number}-{severity}"


class Triage:
    """Everything between the body of a message and the stored alert, on a store of its own; nobody is called."""

    def __init__(self, database: Path) -> None:
        self.store = SqliteStore(database)
        config = Config()
        rules = Rules(config, "ops-incidents", can_page=True)
        cards = AlertCards(self.store, rules, config)
        ledger = Ledger(self.store, now, lambda: None)
        self._intake = AlertIntake(ledger, rules, config, cards, fallback="ops-incidents")
        self._alarms = NoAlarms()

    def take(self, bodies: Sequence[str]) -> float:
        """Parse and store them in batches; the seconds that took."""
        started = time.perf_counter()
        for batch in batches(bodies):
            signals: list[Signal] = []
            for body in batch:
                signals += parse(body, "message", now())
            self._intake.receive(signals, self._alarms)
        return time.perf_counter() - started


@contextmanager
def in_process(database: Path) -> Iterator[Triage]:
    made = Triage(database)
    try:
        yield made
    finally:
        made.store.close()


def batches(bodies: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(bodies), BATCH):
        yield bodies[start : start + BATCH]
