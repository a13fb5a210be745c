"""Runs executions, each in a thread of its own, and keeps the list of them.

Time is the sandbox's: what a document says in seconds takes that long divided by the speed, and a clock that is moved
wakes whoever sleeps.
"""

import threading
from collections.abc import Callable
from functools import partial

from sandbox.aws.automation import steps
from sandbox.aws.automation.clients import Clients, caller_key
from sandbox.aws.automation.document import APPROVE, TO_STEP, WAIT, ApproveInputs, Json
from sandbox.aws.automation.execution import (
    CANCELLED,
    CANCELLING,
    FAILED,
    IN_PROGRESS,
    SUCCESS,
    TIMED_OUT,
    WAITING,
    Execution,
    Order,
    StepRun,
)
from sandbox.aws.automation.steps import StepError
from sandbox.aws.automation.values import fill
from sandbox.aws.clock import CLOCK

LONGEST_NAP = 1.0
JOIN_SECONDS = 5.0
DEFAULT_TIMEOUTS = {WAIT: 3600.0, APPROVE: 604800.0}


class StoppedError(Exception):
    """Somebody stopped the execution while a step was waiting."""


class StepTimeoutError(Exception):
    """A step took longer than its timeoutSeconds."""


class Executions:
    """One for the process, as moto's backends are."""

    def __init__(self) -> None:
        self.clients = Clients()
        self.hanging: dict[str, str | None] = {}  # by document; where, if not everywhere
        self._all: dict[str, Execution] = {}
        self._tokens: dict[str, Execution] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def open(self, url: str) -> None:
        self.clients.url = url

    def start(self, order: Order) -> Execution:
        """The same token starts nothing again; whether it means the same order is for the caller to check."""
        with self._lock:
            if order.token and order.token in self._tokens:
                return self._tokens[order.token]
            execution = Execution(order)
            self._all[execution.id] = execution
            if order.token:
                self._tokens[order.token] = execution
            thread = threading.Thread(target=_Run(execution, self).through, name="automation", daemon=True)
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()
        return execution

    def find(self, execution_id: str) -> Execution | None:
        return self._all.get(execution_id)

    def newest_first(self) -> list[Execution]:
        with self._lock:
            return list(reversed(self._all.values()))

    def stop(self, execution: Execution, kind: str) -> None:
        with execution.changed:
            if execution.has_ended:
                return
            execution.stopping = kind
            if kind == "Cancel":
                execution.status = CANCELLING
            execution.changed.notify_all()

    def hang(self, document: str, step: str | None = None) -> None:
        """From now on its executions get no further, or not past that step, and past no deadline either."""
        self.hanging[document] = step

    def release(self, document: str | None = None) -> None:
        self.hanging.clear() if document is None else self.hanging.pop(document, None)
        for execution in self.newest_first():
            execution.wake()

    def reset(self) -> None:
        """Everything stops, and nobody remembers it."""
        self.hanging.clear()
        for execution in self.newest_first():
            self.stop(execution, "Cancel")
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        with self._lock:
            self._all, self._tokens, self._threads = {}, {}, []

    def close(self) -> None:
        self.reset()
        self.clients.close()


class _Run:
    """One execution on its way; what its steps may do to the world."""

    def __init__(self, execution: Execution, all_of_them: Executions) -> None:
        self._execution = execution
        self._executions = all_of_them
        self._caller = caller_key(execution.order.role, execution.order.caller)
        self._deadline = float("inf")

    def through(self) -> None:
        """From the first step to the end; the outcome is on the execution."""
        execution, document = self._execution, self._execution.order.document
        self._set_status(IN_PROGRESS)
        name: str | None = document.main_steps[0].name
        outcome = SUCCESS
        while name and not execution.stopping:
            run = execution.run_of(name)
            self._take(run)
            outcome = self._worse(outcome, run)
            name = self._next(run)
        self._end(CANCELLED if execution.stopping == "Cancel" else outcome)

    def _set_status(self, status: str) -> None:
        with self._execution.changed:
            if not self._execution.stopping:
                self._execution.status = status

    def _take(self, run: StepRun) -> None:
        execution, step = self._execution, run.step
        run.started, run.status, execution.current = CLOCK.now(), IN_PROGRESS, run
        limit = step.timeout_seconds or DEFAULT_TIMEOUTS.get(step.action, float("inf"))
        self._deadline = run.started + limit / CLOCK.speed
        for _ in range(step.max_attempts):
            self._attempt(run)
            if run.status != FAILED:
                break
        run.ended = CLOCK.now()

    def _attempt(self, run: StepRun) -> None:
        execution = self._execution
        try:
            self._hang(run)
            run.inputs = fill(run.step.inputs, execution.known)
            steps.run(run, run.inputs, self)
            run.status, run.failure, run.failed_by = SUCCESS, None, None
        except StepError as error:
            run.status, run.failure, run.failed_by = FAILED, str(error), error.details
        except StepTimeoutError:
            run.status, run.failure = TIMED_OUT, "Step timed out while it is waiting."
        except StoppedError:
            run.status = CANCELLED
        except Exception as error:  # a document that no check foresaw; it must not end the thread unseen
            run.status, run.failure = FAILED, f"Step fails when it is Validating. {error!r}"

    def _worse(self, outcome: str, run: StepRun) -> str:
        """A step that counts makes the automation fail, wherever it goes from there."""
        if run.status in (FAILED, TIMED_OUT) and run.step.counts:
            self._execution.failure = run.failure
            return run.status
        return outcome

    def _next(self, run: StepRun) -> str | None:
        step, document = run.step, self._execution.order.document
        if run.status in (FAILED, TIMED_OUT):
            if step.on_failure == "Abort":
                return None
            if step.on_failure.startswith(TO_STEP):
                return step.on_failure.removeprefix(TO_STEP)
        if run.chosen:
            return run.chosen
        return None if step.is_end else step.next_step or document.after(step.name)

    def _end(self, status: str) -> None:
        execution = self._execution
        with execution.changed:
            execution.ended = CLOCK.now()
            execution.status = status
            execution.changed.notify_all()

    # What steps may do

    def call(self, service: str, api: str, sent: Json) -> Json:
        session, region = f"Automation-{self._execution.id}", self._execution.order.region
        return self._executions.clients.call(self._caller, session, region, service, api, sent)

    def pause(self, seconds: float) -> None:
        until = CLOCK.now() + seconds / CLOCK.speed
        self._wait(lambda: CLOCK.now() >= until, until)

    def decided(self, approve: ApproveInputs) -> list[Json]:
        execution, run = self._execution, self._execution.current
        self._set_status(WAITING)
        if run:
            run.status = WAITING
        self._wait(partial(self._is_decided, approve))
        self._set_status(IN_PROGRESS)
        decisions, execution.decisions = execution.decisions, []
        return decisions

    def _is_decided(self, approve: ApproveInputs) -> bool:
        decisions = self._execution.decisions
        approvers = {d["Approver"] for d in decisions if d["Decision"] == "Approve"}
        rejected = any(d["Decision"] == "Reject" for d in decisions)
        return rejected or len(approvers) >= approve.min_required_approvals

    def _hang(self, run: StepRun) -> None:
        hanging, name = self._executions.hanging, self._execution.order.name
        deadline, self._deadline = self._deadline, float("inf")
        self._wait(lambda: name not in hanging or hanging[name] not in (None, run.step.name))
        self._deadline = deadline

    def _wait(self, is_over: Callable[[], bool], until: float = float("inf")) -> None:
        """Until it is over, the step's time is up, or somebody stops the execution; a moved clock wakes it."""
        execution = self._execution
        with execution.changed:
            while not is_over():
                if execution.stopping == "Cancel":
                    raise StoppedError
                now = CLOCK.now()
                if now >= self._deadline:
                    raise StepTimeoutError
                execution.changed.wait(max(0.0, min(LONGEST_NAP, until - now, self._deadline - now)))


EXECUTIONS = Executions()
