"""SQS queues whose cost does not grow with what waits in them.

moto walks the whole queue for every send, receive and delete: ten messages a second with three thousand waiting. Here a
standard queue keeps what is ready, what is hidden until a time, and who holds which receipt; a lock makes sure that no
two receivers get the same message. FIFO queues stay moto's.
"""

import copy
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Condition, Event
from typing import Any

from moto.sqs.exceptions import PurgeQueueInProgress, ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes

from sandbox.aws.clock import CLOCK

READY, HIDDEN, DELAYED, GONE = "ready", "hidden", "delayed", "gone"
PURGE_SECONDS = 60
LONGEST_NAP = 1.0  # who hung up while waiting is noticed after this

# Whether the caller of this request is still there: a message for nobody would be hidden until its timeout.
LISTENING: ContextVar[Callable[[], bool]] = ContextVar("LISTENING", default=lambda: True)
# While it is set, nobody waits for a message.
HASTE = Event()
_PLACE = "sandbox_shelf"


@dataclass(slots=True, eq=False)
class Parcel:
    message: Message
    state: str = READY
    turn: int = 0  # what the ready row and the timers know it by: older ones have lapsed


class Shelf:
    """The messages of one standard queue."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._ready: deque[tuple[int, Parcel]] = deque()
        self._timers: list[tuple[float, int, Parcel]] = []
        self._receipts: dict[str, Parcel] = {}
        self._turns = itertools.count(1)
        self._counts = dict.fromkeys((READY, HIDDEN, DELAYED, GONE), 0)
        self.wake = self._wake  # a bound method of its own, for the clock to hold weakly
        CLOCK.moved.add(self.wake)

    def count(self, state: str) -> int:
        with self._changed:
            self._ripen()
            return self._counts[state]

    def put(self, message: Message) -> None:
        with self._changed:
            parcel = Parcel(message)
            self._counts[READY] += 1
            due = CLOCK.from_moto(message.delayed_until / 1000) if message.delayed_until else 0.0
            if due > CLOCK.now():
                self._hide(parcel, due, DELAYED)
            else:
                self._show(parcel)
            self._changed.notify()

    def receive(self, queue: Queue, count: int, wait: float, visibility: float) -> list[Message]:
        """Up to `count` messages; waits for the first one, unless the caller has hung up in the meantime."""
        end = CLOCK.now() + wait
        while LISTENING.get()():
            with self._changed:
                taken = self._take(count, _redrive(queue))
                received = [self._hand_out(p, visibility) for p in taken]
                if received or HASTE.is_set() or CLOCK.now() >= end:
                    return received
                self._changed.wait(max(0.0, min(end - CLOCK.now(), self._next() - CLOCK.now(), LONGEST_NAP)))
        return []

    def delete(self, receipt: str) -> None:
        """An old receipt is taken and does nothing, as SQS documents it."""
        with self._changed:
            parcel = self._holder(receipt)
            if parcel.message.receipt_handle == receipt and parcel.state != GONE:
                self._move(parcel, GONE)
                parcel.turn = next(self._turns)

    def change_visibility(self, receipt: str, seconds: float) -> None:
        with self._changed:
            parcel = self._holder(receipt)
            self._ripen()
            if parcel.state != HIDDEN or parcel.message.receipt_handle != receipt:
                raise SQSException("MessageNotInflight", "The message is not in flight.")
            if seconds > 0:
                self._hide(parcel, CLOCK.now() + seconds, HIDDEN)
            else:
                self._show(parcel)
                self._changed.notify()

    def purge(self) -> None:
        with self._changed:
            self._ready.clear()
            self._timers.clear()
            self._receipts.clear()
            self._counts = dict.fromkeys(self._counts, 0)

    def drain(self) -> list[Message]:
        """Everything that is ready, taken out: for redriving a dead-letter queue."""
        with self._changed:
            self._ripen()
            taken = self._take(len(self._ready), None)
            for parcel in taken:
                self._move(parcel, GONE)
            return [p.message for p in taken]

    def _holder(self, receipt: str) -> Parcel:
        if receipt not in self._receipts:
            raise ReceiptHandleIsInvalid
        return self._receipts[receipt]

    def _take(self, count: int, redrive: tuple[Queue, int] | None) -> list[Parcel]:
        """The next that are ready; what was received too often goes to the dead-letter queue instead."""
        self._ripen()
        taken: list[Parcel] = []
        while self._ready and len(taken) < count:
            turn, parcel = self._ready.popleft()
            if parcel.turn != turn or parcel.state != READY:
                continue
            if redrive and parcel.message.approximate_receive_count >= redrive[1]:
                self._move(parcel, GONE)
                redrive[0].add_message(parcel.message)
                continue
            taken.append(parcel)
        return taken

    def _hand_out(self, parcel: Parcel, visibility: float) -> Message:
        message = parcel.message
        message.mark_received(visibility_timeout=int(visibility))
        self._receipts[str(message.receipt_handle)] = parcel
        if visibility > 0:
            self._hide(parcel, CLOCK.now() + visibility, HIDDEN)
        else:
            self._show(parcel)
        return copy.copy(message)

    def _ripen(self) -> None:
        while self._timers and self._timers[0][0] <= CLOCK.now():
            _, turn, parcel = heapq.heappop(self._timers)
            if parcel.turn == turn and parcel.state in (HIDDEN, DELAYED):
                self._show(parcel)

    def _next(self) -> float:
        return self._timers[0][0] if self._timers else float("inf")

    def _show(self, parcel: Parcel) -> None:
        self._move(parcel, READY)
        parcel.turn = next(self._turns)
        self._ready.append((parcel.turn, parcel))

    def _hide(self, parcel: Parcel, until: float, state: str) -> None:
        self._move(parcel, state)
        parcel.turn = next(self._turns)
        heapq.heappush(self._timers, (until, parcel.turn, parcel))

    def _move(self, parcel: Parcel, state: str) -> None:
        self._counts[parcel.state] -= 1
        self._counts[state] += 1
        parcel.state = state

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def shelf_of(queue: Queue) -> Shelf:
    found = queue.__dict__.get(_PLACE)
    if not isinstance(found, Shelf):
        found = queue.__dict__.setdefault(_PLACE, Shelf())
    return found


def _redrive(queue: Queue) -> tuple[Queue, int] | None:
    policy: Any = getattr(queue, "redrive_policy", None)
    if queue.dead_letter_queue is None or not policy:
        return None
    return queue.dead_letter_queue, int(policy["maxReceiveCount"])


_add_message = Queue.add_message
_delete_message = Queue.delete_message
_receive_message = SQSBackend.receive_message
_change_visibility = SQSBackend.change_message_visibility
_purge_queue = SQSBackend.purge_queue


def add_message(queue: Queue, message: Message) -> None:
    _add_message(queue, message) if queue.fifo_queue else shelf_of(queue).put(message)


def delete_message(queue: Queue, receipt_handle: str) -> None:
    _delete_message(queue, receipt_handle) if queue.fifo_queue else shelf_of(queue).delete(receipt_handle)


def receive_message(
    backend: SQSBackend,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[Message]:
    queue, names = backend.get_queue(queue_name), message_attribute_names or []
    if queue.fifo_queue:
        return _receive_message(backend, queue_name, count, wait_seconds_timeout, visibility_timeout, names)
    received = shelf_of(queue).receive(queue, count, wait_seconds_timeout, visibility_timeout)
    for message in received:
        _filter_message_attributes(message, names)
    return received


def change_message_visibility(
    backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
) -> None:
    queue = backend.get_queue(queue_name)
    if queue.fifo_queue:
        _change_visibility(backend, queue_name, receipt_handle, visibility_timeout)
    else:
        shelf_of(queue).change_visibility(receipt_handle, visibility_timeout)


def purge_queue(backend: SQSBackend, queue_name: str) -> None:
    """Once a minute, as in AWS, but a minute of this clock."""
    queue, now = backend.get_queue(queue_name), CLOCK.now()
    if queue.last_purged_at is not None and now - queue.last_purged_at < PURGE_SECONDS:
        raise PurgeQueueInProgress(queue_name)
    queue.last_purged_at = None
    _purge_queue(backend, queue_name)
    queue.last_purged_at = now
    shelf_of(queue).purge()


def _counting(state: str, original: property) -> property:
    def count(queue: Queue) -> int:
        return int(original.__get__(queue)) if queue.fifo_queue else shelf_of(queue).count(state)

    return property(count)


def install() -> None:
    changes: list[tuple[type, str, Any]] = [
        (Queue, "add_message", add_message),
        (Queue, "delete_message", delete_message),
        (SQSBackend, "receive_message", receive_message),
        (SQSBackend, "change_message_visibility", change_message_visibility),
        (SQSBackend, "purge_queue", purge_queue),
    ]
    for owner, name, change in changes:
        setattr(owner, name, change)
    for state, name in (
        (READY, "approximate_number_of_messages"),
        (HIDDEN, "approximate_number_of_messages_not_visible"),
        (DELAYED, "approximate_number_of_messages_delayed"),
    ):
        original = getattr(Queue, name)
        if name not in _COUNTED:
            setattr(Queue, name, _counting(state, original))
            _COUNTED.add(name)


_COUNTED: set[str] = set()
