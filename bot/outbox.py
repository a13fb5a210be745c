"""The outbox: delivers what is owed, in order per lane, at the pace Slack allows, exactly once as far as can be known.

One thread claims due rows, a few workers carry them. A row is claimed before it is tried and marked "in doubt" until
the outcome is known, so a process that dies in between leaves a row that looks for its message before it is sent again.
"""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from bot.carriers.common import Settlement
from bot.errors import ChatError, DeliveryError, Outcome, StoreError, VersionConflict
from bot.models import SHOWN_AT_TRY, Change, Delivery, OwedKind
from bot.pace import Paces, Rate
from bot.ports import Clock
from bot.processes import is_dead
from bot.store import Store

log = logging.getLogger(__name__)

WORKERS = 8
LEASE_SECONDS = 180.0  # longer than a carry with all its calls; a dead process's claims are freed at the next start
POLL_SECONDS = 1.0  # rows that another process left, and clocks that jump
ASIDE_SECONDS = 300.0  # between tries of what can't work until somebody mends it
GIVE_UP_AFTER = timedelta(hours=24)
GIVE_UP_TRIES = 20  # a bot that was off for a weekend has not tried yet
MAX_BACKOFF = 60.0
MAX_PAGER_BACKOFF = 5.0  # people are waited for; the rate of pages holds back many of them
_SETTLE_TRIES = 8
_TO_PAGER = frozenset({OwedKind.PAGE, OwedKind.PAGER})
_NOT_CALLED = "card_not_posted"  # found out before any call
_LEVELS = {_NOT_CALLED: logging.DEBUG, "ratelimited": logging.INFO}  # they wait their turn: nothing is wrong


class Carrier(Protocol):
    """Does the Slack calls of a row; see `bot.carriers`."""

    def carry(self, delivery: Delivery) -> Settlement: ...

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None: ...


class Outbox:
    """Delivery for one process; any number may share a store. `owner` names the process in claims, `paging` how fast
    people may be paged."""

    def __init__(
        self, store: Store, clock: Clock, owner: str, workers: int = WORKERS, paging: Rate | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._paces = Paces(page=paging) if paging else Paces()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._free = threading.Semaphore(workers)
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="deliver")
        self._thread: threading.Thread | None = None

    def start(self, carrier: Carrier) -> None:
        """Deliver from now on. Claims of processes that died on this machine are free again at once."""
        for owner in self._store.claim_owners():
            if is_dead(owner, self._owner):
                self._store.release_claims(owner)
        self._thread = threading.Thread(target=self._run, args=(carrier,), name="outbox", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Something new is owed, or the clock was moved."""
        self._wake.set()

    def stop(self) -> None:
        """Finish what is under way; what waits stays stored for the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(wait=True)

    def _run(self, carrier: Carrier) -> None:
        while not self._stopping.is_set():
            is_all = True
            try:
                is_all = self._dispatch(carrier)
            except StoreError as error:
                log.error("can't read what is owed: %s", error)
            except Exception:
                log.exception("the outbox stumbled and goes on")
            if is_all:
                self._wake.wait(self._pause())
                self._wake.clear()

    def _dispatch(self, carrier: Carrier) -> bool:
        """Claim as much as there are free workers for, and hand it to them; whether that was all that may go now."""
        free = self._take_workers()
        now = self._clock()
        taken: list[Delivery] = []
        try:
            if free:
                taken = self._store.claim_deliveries(
                    self._owner,
                    now,
                    lease=LEASE_SECONDS,
                    limit=free,
                    is_held=lambda key: not self._paces.may_take(key, now),
                )
        finally:
            for _ in range(free - len(taken)):
                self._free.release()
        for delivery in taken:
            self._pool.submit(self._deliver, carrier, delivery)
        return len(taken) < free or not free

    def _take_workers(self) -> int:
        """All that are free: a row that waited for one could outlive its claim."""
        free = 0
        while free < self._workers and self._free.acquire(blocking=False):
            free += 1
        return free

    def _pause(self) -> float:
        """Seconds until a lane or a pace opens; never longer than the poll.

        What is due already and was not taken waits for a worker, for the row before it or for its pace: the first two
        wake this thread when they are done.
        """
        now = self._clock()
        try:
            moments = [self._store.next_delivery_at(), self._paces.next_opening(now)]
        except StoreError:
            return POLL_SECONDS
        ahead = [(moment - now).total_seconds() for moment in moments if moment is not None and moment > now]
        return min([*ahead, POLL_SECONDS])

    def _deliver(self, carrier: Carrier, delivery: Delivery) -> None:
        try:
            self.carry(carrier, delivery)
        except StoreError as error:
            log.error("%s can't be recorded; its claim will run out: %s", delivery.owed.kind, error)
        except Exception:
            log.exception("recording %s for %s failed", delivery.owed.kind, delivery.owed.subject)
        finally:
            self._free.release()
            self._wake.set()

    def carry(self, carrier: Carrier, delivery: Delivery) -> None:
        """One row that was claimed: do it, and record what became of it."""
        try:
            settlement = carrier.carry(delivery)
        except DeliveryError as error:
            self._failed(carrier, delivery, error)
        except StoreError:
            raise
        except Exception as error:
            log.exception("carrying %s for %s failed", delivery.owed.kind, delivery.owed.subject)
            unforeseen = ChatError("internal", detail=type(error).__name__, outcome=Outcome.UNKNOWN)
            self._failed(carrier, delivery, unforeseen)
        else:
            if settlement.is_needless:
                self._paces.give_back(delivery.owed.rate_key)
            self._settle(delivery, settlement)

    def _settle(self, delivery: Delivery, settlement: Settlement) -> None:
        """Record it with what follows; what follows is built again when the incident changed meanwhile."""
        for _ in range(_SETTLE_TRIES):
            change = settlement.follow() if settlement.follow else None
            try:
                self._store.settle(delivery, self._clock(), posted=settlement.posted, change=change)
            except VersionConflict:
                continue
            return
        raise StoreError(f"{delivery.owed.subject} is being changed by many at once")

    def _failed(self, carrier: Carrier, delivery: Delivery, error: DeliveryError) -> None:
        now = self._clock()
        if error.code == "ratelimited":
            self._paces.block(delivery.owed.rate_key, now + timedelta(seconds=error.retry_after or 1.0))
        if error.code == _NOT_CALLED:
            self._paces.give_back(delivery.owed.rate_key)
        log.log(
            _LEVELS.get(error.code, logging.WARNING),
            "%s for %s not taken (try %d): %s",
            delivery.owed.kind,
            delivery.owed.subject,
            delivery.attempts,
            error,
        )
        if now - delivery.created_at > GIVE_UP_AFTER and delivery.attempts > GIVE_UP_TRIES:
            self._store.give_up(delivery, str(error), now)
            self._show(carrier, delivery, error, now)
            return
        in_doubt = delivery.in_doubt or error.outcome is Outcome.UNKNOWN
        is_aside = delivery.is_aside or not error.retryable
        most = MAX_PAGER_BACKOFF if delivery.owed.kind in _TO_PAGER else MAX_BACKOFF
        wait = (error.retry_after or backoff(delivery.attempts, most)) if error.retryable else ASIDE_SECONDS
        until = now + timedelta(seconds=wait)
        self._store.postpone(delivery, until, error=str(error), in_doubt=in_doubt, aside=is_aside)
        self._show(carrier, delivery, error, now)

    def _show(self, carrier: Carrier, delivery: Delivery, error: DeliveryError, now: datetime) -> None:
        is_first = delivery.attempts == SHOWN_AT_TRY if error.retryable else not delivery.is_aside
        is_first = is_first or delivery.owed.kind is OwedKind.PAGE  # people wait for it: each try is shown
        for _ in range(_SETTLE_TRIES if is_first else 0):
            change = carrier.trouble(delivery, error)
            try:
                if change is not None:
                    self._store.save(change, now)
            except VersionConflict:
                continue
            return


def backoff(attempts: int, most: float = MAX_BACKOFF) -> float:
    """Seconds before the next try: 1, 2, 4 … `most`, spread by a fifth so that processes don't march in step."""
    return min(most, 2.0 ** min(attempts - 1, 10)) * random.uniform(0.8, 1.2)
