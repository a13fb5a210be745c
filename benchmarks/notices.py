"""CloudWatch alarms as SNS delivers them to a queue, and a bot's triage in this process to take them in."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.alarms import parse
from bot.alert_cards import AlertCards
from bot.alerts import Alerts
from bot.config import Config
from bot.integrations.nothing import NoAlarms
from bot.ledger import Ledger
from bot.models import Person
from bot.rights import Rights
from bot.signals import Signal
from bot.store.sqlite import SqliteStore
from bot.triage import Rules

ACCOUNT, REGION = "123456789012", "us-east-1"
BATCH = 10  # what the intake takes from the queue at once
SERVICES = 40


def now() -> datetime:
    return datetime.now(UTC)


def message(name: str, state: str = "ALARM", *, ago: float = 0.0) -> str:
    """What an alarm's action puts on its topic."""
    at = now() - timedelta(seconds=ago)
    crossed = "greater" if state == "ALARM" else "not greater"
    reason = f"Threshold Crossed: 1 out of the last 1 datapoints [2.41 ({at:%d/%m/%y %H:%M:%S})] was {crossed} than the"
    said: dict[str, Any] = {
        "AlarmName": name,
        "AlarmDescription": "Answers are slow",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state,
        "OldStateValue": "OK" if state == "ALARM" else "ALARM",
        "NewStateReason": f"{reason} threshold (0.8) (minimum 1 datapoint).",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        "Trigger": {
            "MetricName": "TargetResponseTime",
            "Namespace": "AWS/ApplicationELB",
            "ExtendedStatistic": "p99",
            "Unit": "Seconds",
            "Dimensions": [{"value": "app/checkout", "name": "LoadBalancer"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.8,
        },
    }
    return json.dumps(said)


def notification(said: str) -> str:
    """The same as it stands on the queue."""
    envelope = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
        "Message": said,
        "Timestamp": "2026-11-22T10:00:00.000Z",
    }
    return json.dumps(envelope)


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
        rights = Rights(_Anybody(), config)
        self._alerts = Alerts(
            Ledger(self.store, now, lambda: None), rights, rules, config, cards, fallback="ops-incidents"
        )
        self._alarms = NoAlarms()

    def take(self, bodies: Sequence[str]) -> float:
        """Parse and store them in batches; the seconds that took."""
        started = time.perf_counter()
        for batch in batches(bodies):
            signals: list[Signal] = []
            for body in batch:
                signals += parse(body, "message", now())
            self._alerts.receive(signals, self._alarms)
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


class _Anybody:
    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)
