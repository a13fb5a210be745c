"""One execution of a document: its state, and how AWS shows it."""

import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.automation.document import Document, Json, Step
from sandbox.aws.automation.parameters import Given
from sandbox.aws.automation.values import shown, text
from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.identity import identity

PENDING, IN_PROGRESS, WAITING = "Pending", "InProgress", "Waiting"
SUCCESS, FAILED, TIMED_OUT = "Success", "Failed", "TimedOut"
CANCELLING, CANCELLED = "Cancelling", "Cancelled"
ENDED = frozenset((SUCCESS, FAILED, TIMED_OUT, CANCELLED))
NO_OUTPUT = "No output available yet because the step is not successfully executed"


@dataclass(frozen=True)
class Order:
    """What somebody asked for."""

    name: str
    version: str
    document: Document
    given: Given
    values: Json
    caller: str
    role: str
    region: str
    account: str
    token: str | None = None


@dataclass
class StepRun:
    step: Step
    status: str = PENDING
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float | None = None
    ended: float | None = None
    inputs: Json = field(default_factory=dict)
    outputs: Json = field(default_factory=dict)
    answer: Json | None = None
    failure: str | None = None
    failed_by: Json | None = None
    chosen: str | None = None

    def described(self) -> Json:
        details: Json = {
            "StepName": self.step.name,
            "Action": self.step.action,
            "StepExecutionId": self.id,
            "StepStatus": self.status,
            "OnFailure": self.step.on_failure,
            "MaxAttempts": self.step.max_attempts,
            "TimeoutSeconds": self.step.timeout_seconds,
            "IsEnd": self.step.is_end,
            "IsCritical": self.step.counts,
            "NextStep": self.chosen or self.step.next_step,
            "ValidNextSteps": self.step.jumps or None,
            "Inputs": {name: text(value) for name, value in self.inputs.items()},
            "Outputs": {name: shown(value) for name, value in self.outputs.items() if value is not None},
            "Response": text(self.answer) if self.answer is not None else None,
            "ResponseCode": "0" if self.status == SUCCESS else None,
            "FailureMessage": self.failure,
            "FailureDetails": self.failed_by,
            **_times(self.started, self.ended),
        }
        return {name: value for name, value in details.items() if value is not None}


def _times(started: float | None, ended: float | None) -> Json:
    return {
        "ExecutionStartTime": utc(started) if started else None,
        "ExecutionEndTime": utc(ended) if ended else None,
    }


class Execution:
    """Whoever changes it holds `changed`, and whoever waits for something waits on it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.id = str(uuid.uuid4())
        self.status = PENDING
        self.started, self.ended = CLOCK.now(), 0.0
        self.runs = [StepRun(step) for step in order.document.main_steps]
        self.current: StepRun | None = None
        self.failure: str | None = None
        self.stopping: str | None = None  # Cancel or Complete
        self.decisions: list[Json] = []
        self.changed = threading.Condition()
        self.wake = self._wake  # a bound method of its own, for the clock to hold weakly
        CLOCK.moved.add(self.wake)

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def run_of(self, name: str) -> StepRun:
        return next(run for run in self.runs if run.step.name == name)

    def known(self, name: str) -> Any:
        """What a reference stands for."""
        order = self.order
        if name in order.values:
            return order.values[name]
        step, _, output = name.partition(".")
        if output:
            return self.run_of(step).outputs.get(output)
        now = utc(CLOCK.now())
        return {
            "automation:EXECUTION_ID": self.id,
            "global:REGION": order.region,
            "global:ACCOUNT_ID": order.account,
            "global:AWS_PARTITION": "aws",
            "global:DATE": f"{now:%Y-%m-%d}",
            "global:DATE_TIME": f"{now:%Y-%m-%d_%H.%M.%S}",
        }[name]

    @property
    def outputs(self) -> dict[str, list[str]]:
        found = {}
        for name in self.order.document.outputs:
            step, _, output = name.partition(".")
            value = self.run_of(step).outputs.get(output)
            found[name] = [NO_OUTPUT] if value is None else shown(value)
        return found

    def listed(self) -> Json:
        """A row of the list of executions."""
        order, current = self.order, self.current
        details: Json = {
            "AutomationExecutionId": self.id,
            "DocumentName": order.name,
            "DocumentVersion": order.version,
            "AutomationExecutionStatus": self.status,
            "ExecutedBy": identity(order.caller).arn,
            "Mode": "Auto",
            "Outputs": self.outputs,
            "Targets": [],
            "AutomationType": "Local",
            "FailureMessage": self.failure,
            **_times(self.started, self.ended),
        }
        if current and not self.has_ended:
            details |= {"CurrentStepName": current.step.name, "CurrentAction": current.step.action}
        return {name: value for name, value in details.items() if value is not None}

    def described(self) -> Json:
        listed = self.listed()
        del listed["AutomationType"]
        count = [run.status for run in self.runs].count
        return listed | {
            "Parameters": self.order.given,
            "StepExecutions": [run.described() for run in self.runs],
            "StepExecutionsTruncated": False,
            "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
            "ProgressCounters": {
                "TotalSteps": len(self.runs),
                "SuccessSteps": count(SUCCESS),
                "FailedSteps": count(FAILED),
                "CancelledSteps": count(CANCELLED),
                "TimedOutSteps": count(TIMED_OUT),
            },
        }
