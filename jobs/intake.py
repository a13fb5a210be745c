"""The alert queue's loop: receive → parse → store → delete. A message is deleted only after what it caused is stored.

One thread polls. When its batches come full, the others help until the queue is empty, and several batches are stored
as one: a commit waits for the disk, whatever is in it. What can't be stored stays on the queue: it comes again, and
after the queue's own count it goes to its dead-letter queue.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from typing import NamedTuple

from bot.alarms import parse
from bot.errors import CloudError, StoreError
from bot.intake import AlertIntake
from bot.paging import PagerSync
from bot.ports import Alarms, Clock, Inbox, Received
from bot.signals import PagerChange, Signal, Unreadable

log = logging.getLogger(__name__)

WORKERS = 3
BATCH = 10  # what SQS gives at once
TOGETHER = 5  # full batches that are stored as one, while more wait
WAIT_SECONDS = 5.0
FIRST_WAIT_SECONDS = 1.0  # timers wait until the queue is empty; SQS asks all its servers only in a poll that waits
MAX_BACKOFF = 60.0
STORE_TRIES = 5
EXTENSION_SECONDS = 60
LINGER_SECONDS = 0.02  # before what is stored is deleted, where no more waits: the processor shows the card first


class Read(NamedTuple):
    """A message and what it says."""

    message: Received
    signals: tuple[Signal, ...]

    @property
    def is_unreadable(self) -> bool:
        return any(isinstance(signal, Unreadable) for signal in self.signals)


class Intake:
    """Polls `inbox` from `start` to `stop`. `is_healthy` while the queue can be read; `caught_up` once it was empty."""

    def __init__(self, inbox: Inbox, alerts: AlertIntake, sync: PagerSync, alarms: Alarms, clock: Clock) -> None:
        self._inbox = inbox
        self._alerts = alerts
        self._sync = sync
        self._alarms = alarms
        self._clock = clock
        self._stopping = threading.Event()
        self._busy = threading.Event()
        self._threads: list[threading.Thread] = []
        self._counting = threading.Lock()
        self.is_healthy = True
        self.caught_up = threading.Event()
        self.received = 0
        self.unreadable = 0

    def start(self) -> None:
        for number in range(WORKERS):
            run = self._poll if number == 0 else self._help
            thread = threading.Thread(target=run, name=f"intake-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Finish the batches under way. A poll that is still waiting is left alone: what it gets comes again."""
        self._stopping.set()
        self._busy.set()
        for thread in self._threads:
            thread.join(timeout=WAIT_SECONDS + 1)

    def _poll(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                taken, is_all = self._receive(WAIT_SECONDS if self.caught_up.is_set() else FIRST_WAIT_SECONDS)
            except CloudError as error:
                failures += 1
                self._is_ill(error)
                self._stopping.wait(backoff(failures))
                continue
            failures = 0
            self._is_well()
            self._safely(taken)
            if is_all:
                self.caught_up.set()

    def _help(self) -> None:
        """Take batches while there are full ones."""
        while not self._stopping.is_set():
            self._busy.wait()
            try:
                taken, is_all = ([], True) if self._stopping.is_set() else self._receive(0)
            except CloudError:
                taken, is_all = [], True  # the polling thread meets it too, and says it
            if is_all:
                self._busy.clear()
            self._safely(taken)

    def _receive(self, wait: float) -> tuple[list[Received], bool]:
        """A batch, and more while they come full; whether that was all. Raises CloudError where there is not one."""
        taken = self._inbox.receive(wait=wait, limit=BATCH)
        is_full = len(taken) == BATCH
        if is_full:
            self._busy.set()
        while is_full and len(taken) < BATCH * TOGETHER:
            try:
                more = self._inbox.receive(wait=0, limit=BATCH)
            except CloudError:
                break  # what was taken is stored first
            taken += more
            is_full = len(more) == BATCH
        return taken, not is_full

    def _is_ill(self, error: CloudError) -> None:
        if self.is_healthy:
            log.error("the alert queue can't be read: %s. It is tried again and again.", error)
        self.is_healthy = False

    def _is_well(self) -> None:
        if not self.is_healthy:
            log.info("the alert queue can be read again")
        self.is_healthy = True

    # -- one batch

    def _safely(self, taken: Sequence[Received]) -> None:
        if not taken:
            return
        try:
            self.take(taken)
        except CloudError as error:
            log.warning(
                "messages that are done could not be deleted, they change nothing when they come again: %s", error
            )
        except Exception:
            log.exception("a batch of %d messages stumbled; they come again", len(taken))

    def take(self, taken: Sequence[Received]) -> None:
        """Store what the messages say, then delete them. One that can't be handled does not keep the others."""
        batch = [Read(message, parse(message.body, message.message_id, self._clock())) for message in taken]
        done = self._stored(batch)
        with self._counting:
            self.received += len(batch)
            self.unreadable += sum(read.is_unreadable and read.message.attempts == 1 for read in batch)
        receipts = [read.message.receipt for read in done if not read.is_unreadable]
        if receipts:
            if not self._busy.is_set():
                self._stopping.wait(LINGER_SECONDS)
            self._inbox.delete(receipts)

    def _stored(self, batch: Sequence[Read]) -> list[Read]:
        if self._store(batch):
            return list(batch)
        if len(batch) == 1:
            return []
        return [read for read in batch if self._store([read])]

    def _store(self, batch: Sequence[Read]) -> bool:
        """False when it can't be: the messages stay on the queue."""
        signals = [signal for read in batch for signal in read.signals]
        from_pager = [signal for signal in signals if isinstance(signal, PagerChange)]
        others = [signal for signal in signals if not isinstance(signal, PagerChange)]
        for attempt in range(STORE_TRIES):
            try:
                self._alerts.receive(others, self._alarms)
                for change in from_pager:
                    self._sync.heard(change)
            except StoreError as error:
                log.error("%d messages can't be stored yet: %s", len(batch), error)
                self._hold([read.message.receipt for read in batch])
                self._stopping.wait(backoff(attempt + 1))
            except Exception:
                return self._unforeseen(batch)
            else:
                return True
        return False

    def _hold(self, receipts: Sequence[str]) -> None:
        """Keep them from being taken elsewhere meanwhile."""
        try:
            self._inbox.extend(receipts, EXTENSION_SECONDS)
        except CloudError as error:
            log.warning("messages under way may come twice, which changes nothing: %s", error)

    def _unforeseen(self, batch: Sequence[Read]) -> bool:
        """Alone, a message that nothing can be done with is shown raw, and left to the dead-letter queue's rules."""
        if len(batch) == 1:
            log.exception("the message %s can't be handled", batch[0].message.message_id)
            message = batch[0].message
            raw = Unreadable(source_id=f"{message.message_id}#raw", raw=message.body, problem="it could not be handled")
            self._alerts.receive([raw], self._alarms)
        return False


def backoff(failures: int) -> float:
    """Seconds before the next try: 1, 2, 4 … 60, spread by a fifth so that processes don't march in step."""
    return min(MAX_BACKOFF, 2.0 ** min(failures - 1, 10)) * random.uniform(0.8, 1.2)
