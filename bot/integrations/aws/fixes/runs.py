"""Who runs a document: the state machine in its own region, the bot itself elsewhere or where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from bot.integrations.aws.fixes.automation import Documents, Orchestrator, Run
from bot.models import Remediation
from bot.ports import Clock

REHEARSAL = timedelta(seconds=60)
EVERY = 1.0


class RunAs(NamedTuple):
    """`role` is what runbooks act as, empty: what their documents say. `state_machine` is the ARN of
    RemediationOrchestrator, which then runs the runbooks of its region; empty: the bot does."""

    role: str = ""
    state_machine: str = ""


class Runs:
    """An execution is named by an automation's id, or by the ARN of the state machine's execution."""

    def __init__(
        self,
        documents: Documents,
        orchestrator: Orchestrator,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._documents = documents
        self._orchestrator = orchestrator
        self._clock = clock
        self._sleep = sleep

    def start(self, remediation: Remediation, document: str, parameters: Mapping[str, str]) -> str:
        """The same remediation is the same run: its token names it, with either of the two."""
        region = remediation.plan.target.region
        if self._orchestrator.is_for(region):
            return self._orchestrator.start(remediation.token, _input(remediation, document, parameters))
        return self._documents.start(document, parameters, remediation.token, region)

    def look(self, execution: str, region: str) -> Run:
        if execution.startswith("arn:"):
            return self._orchestrator.look(execution)
        return self._documents.look(execution, region)

    def stop(self, execution: str, region: str) -> None:
        if execution.startswith("arn:"):
            self._orchestrator.stop(execution)
        else:
            self._documents.stop(execution, region)

    def rehearse(self, document: str, parameters: Mapping[str, str], token: str, region: str) -> Run:
        """Without the state machine, which is for what changes something: runs it and waits for its end."""
        execution, until = self._documents.start(document, parameters, token, region), self._clock() + REHEARSAL
        while not (run := self._documents.look(execution, region)).is_over:
            if self._clock() >= until:
                self._documents.stop(execution, region)
                return Run(run.said, is_over=True, problem=f"not over after {REHEARSAL.seconds} s, at {run.said}")
            self._sleep(EVERY)
        return run


def _input(remediation: Remediation, document: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What RemediationOrchestrator expects (infra/README.md). `approval_id` says where the bot keeps the approval."""
    return {
        "remediation_id": remediation.token,
        "document": document,
        "parameters": {name: [value] for name, value in parameters.items()},
        "service": remediation.order.service,
        "incident": remediation.subject,
        "approval_id": remediation.approval or remediation.id,
        "approved_by": ", ".join(remediation.approved_by),
    }
