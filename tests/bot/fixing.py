"""Changes to AWS without AWS: what was planned, begun, followed and stopped, and answers as a test wants them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.models import Action, Order, Plan, Progress, Remediation, RemediationStatus, Severity, Target
from bot.ports import Choice
from bot.resources import Resources
from tests.bot.make import BOB, NOW

TARGET = Target(kind="ECS service", name="checkout-api", cluster="shop", account="123456789012", region="us-east-1")


def plan(before: str = "web:57", after: str = "web:56", **values: Any) -> Plan:
    return Plan(target=TARGET, before=before, after=after, undo=f"back to {before}", **values)


def remediation(number: int = 12, **values: Any) -> Remediation:
    """One that Bob asked for and that waits."""
    known = {
        "order": Order(action=Action.ROLLBACK, service="checkout-api", environment="prod"),
        "plan": plan(),
        "severity": Severity.SEV2,
        "requested_by": BOB,
        "requested_at": NOW,
        "expires_at": NOW + timedelta(minutes=10),
        "token": f"00000000-0000-4000-8000-{number:012d}",
    }
    return Remediation(number=number, **{**known, **values})


def done(number: int = 12, **values: Any) -> Remediation:
    """One that ran, and whose effect is still looked at."""
    times = {"started_at": NOW, "finished_at": NOW, "approved_by": {BOB: NOW}}
    return remediation(number, status=RemediationStatus.VERIFYING, **{**times, **values})


class FakeFixes:
    """The Fixes port. `refuse` is raised by the next plan, `fail` by the next start; `answers` are given by follow.

    `stands` is how what was changed stands when it is verified, `unseen` why that can't be told.
    """

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.stopped: list[int] = []
        self.orders: list[Order] = []
        self.refuse: Exception | None = None
        self.fail: Exception | None = None
        self.answers: list[Progress] = []
        self.stands: Progress | None = None
        self.unseen: Exception | None = None
        self._lock = threading.Lock()

    def plan(self, order: Order, resources: Resources) -> Plan:
        if self.refuse is not None:
            raise self.refuse
        self.orders.append(order)
        return plan()

    def choices(self, resources: Resources) -> list[Choice]:
        return [Choice("web:56", NOW, "ci-deployer", ("image 42 → 41",), was_stable=True)]

    def start(self, remediation: Remediation) -> Progress:
        with self._lock:
            if self.fail is not None:
                error, self.fail = self.fail, None
                raise error
            self.begun.append(remediation.number)
        return Progress(said="begun")

    def follow(self, remediation: Remediation) -> Progress:
        return self.answers.pop(0) if self.answers else Progress(said="6 of 6 tasks run web:56", is_over=True)

    def standing(self, remediation: Remediation) -> Progress | None:
        if self.unseen is not None:
            raise self.unseen
        return self.stands

    def rehearse(self, remediation: Remediation) -> Sequence[str]:
        return ("would call UpdateService",)

    def stop(self, remediation: Remediation) -> None:
        self.stopped.append(remediation.number)

    def undo(self, remediation: Remediation) -> Plan:
        return plan("web:56", "web:57")
