"""The redrive of a dead-letter queue: a task that moves what waits, at once or so many messages a second."""

import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from sandbox.aws.clock import CLOCK
from sandbox.aws.queues import shelf_of

RUNNING, CANCELLING, CANCELLED, COMPLETED = "RUNNING", "CANCELLING", "CANCELLED", "COMPLETED"
MAX_PER_SECOND = 500
KEPT = 10
ONE_AT_A_TIME = (
    "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
)
_PLACE = "sandbox_moves"
_LOCK = threading.RLock()


@dataclass
class Move:
    """`waiting` are the messages it took and has not put yet."""

    source: Queue
    target: Queue
    wanted: str | None
    rate: int | None
    waiting: list[Message]
    started: float
    handle: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = RUNNING
    moved: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.total = len(self.waiting)
        self.wake = self._wake  # a bound method of its own, for the clock to hold weakly
        self._changed = threading.Condition(_LOCK)
        CLOCK.moved.add(self.wake)

    def _wake(self) -> None:
        with _LOCK:
            self._changed.notify_all()

    def advance(self) -> None:
        """What should have been moved by now is moved."""
        with _LOCK:
            due = self.total if self.rate is None else self._due(self.rate)
            while self.status == RUNNING and self.moved < due:
                message = self.waiting.pop(0)
                message.approximate_receive_count = 0
                self.target.add_message(message)
                self.moved += 1
            if self.status == RUNNING and not self.waiting:
                self.status = COMPLETED

    def _due(self, rate: int) -> int:
        """The first second's messages go at once."""
        seconds = int((CLOCK.now() - self.started) * CLOCK.speed)
        return min(self.total, rate * (seconds + 1))

    def go_on(self) -> None:
        """Until nothing is left, a second of the sandbox's time at a time."""
        while self.status == RUNNING:
            self.advance()
            with _LOCK:
                if self.status == RUNNING:
                    self._changed.wait(1.0 / CLOCK.speed)

    def cancel(self) -> None:
        """What was not moved yet is in the dead-letter queue again."""
        with _LOCK:
            self.status = CANCELLED
            for message in self.waiting:
                self.source.add_message(message)
            self.waiting.clear()

    def described(self) -> dict[str, Any]:
        details = {
            "TaskHandle": self.handle if self.status == RUNNING else None,
            "Status": self.status,
            "SourceArn": self.source.queue_arn,
            "DestinationArn": self.wanted,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.total,
            "StartedTimestamp": int(self.started * 1000),
        }
        return {name: value for name, value in details.items() if value is not None}


def start_message_move_task(response: SQSResponse) -> ActionResult:
    """To where it is asked to go, or back to the queue that the dead letters came from."""
    backend, wanted = response.sqs_backend, response._get_param("DestinationArn")
    source = _queue(backend, str(response._get_param("SourceArn")))
    targets = [_queue(backend, wanted)] if wanted else served(backend, source)
    rate = int(response._get_param("MaxNumberOfMessagesPerSecond") or 0) or None
    if not targets:
        raise SQSException("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if rate and rate > MAX_PER_SECOND:
        raise SQSException("InvalidParameterValue", "MaxNumberOfMessagesPerSecond must be between 1 and 500.")
    with _LOCK:
        moves = _moves(source)
        if any(move.status == RUNNING for move in moves):
            raise SQSException("InvalidParameterValue", ONE_AT_A_TIME)
        move = Move(source, targets[0], wanted, rate, shelf_of(source).drain(), CLOCK.now())
        moves.insert(0, move)
        move.advance()
    threading.Thread(target=move.go_on, name="sqs-move", daemon=True).start()
    return ActionResult({"TaskHandle": move.handle})


def list_message_move_tasks(response: SQSResponse) -> ActionResult:
    source = _queue(response.sqs_backend, str(response._get_param("SourceArn")))
    limit = int(response._get_param("MaxResults") or 1)
    with _LOCK:
        for move in _moves(source):
            move.advance()
        return ActionResult({"Results": [m.described() for m in _moves(source)[: min(limit, KEPT)]]})


def cancel_message_move_task(response: SQSResponse) -> ActionResult:
    handle = str(response._get_param("TaskHandle"))
    with _LOCK:
        found = next((m for q in response.sqs_backend.queues.values() for m in _moves(q) if m.handle == handle), None)
        if found is None or found.status != RUNNING:
            raise SQSException("ResourceNotFoundException", "Task does not exist.")
        found.cancel()
        return ActionResult({"ApproximateNumberOfMessagesMoved": found.moved})


def _moves(queue: Queue) -> list[Move]:
    found: list[Move] = queue.__dict__.setdefault(_PLACE, [])
    return found


def _queue(backend: SQSBackend, arn: str) -> Queue:
    return backend.get_queue(arn.rsplit(":", 1)[-1])


def served(backend: SQSBackend, dead: Queue) -> list[Queue]:
    """By ARN: moto's own comparison loses the link when a queue's attributes are set again."""
    arns = {str(q.queue_arn): q for q in backend.queues.values()}
    policies = {arn: getattr(q, "redrive_policy", None) for arn, q in arns.items()}
    return [
        arns[arn]
        for arn, policy in policies.items()
        if policy and json.loads(json.dumps(policy))["deadLetterTargetArn"] == dead.queue_arn
    ]


def install() -> None:
    for operation in (start_message_move_task, list_message_move_tasks, cancel_message_move_task):
        setattr(SQSResponse, operation.__name__, operation)
