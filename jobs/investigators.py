"""Looks for root causes: claims investigations that wait, the worst first, and asks AWS about them."""

from __future__ import annotations

import logging
import threading
from typing import NamedTuple

from bot.errors import StoreError, UserError
from bot.investigation import Investigations, Investigator
from bot.models import Investigation
from bot.ports import Clock
from bot.store import Store

log = logging.getLogger(__name__)

THREADS = 2
LEASE_SECONDS = 120.0
POLL_SECONDS = 1.0
NO_SOURCES = "AWS is not configured: set AWS_REGION and the bot's credentials, then it can be looked at from here."


class Bench(NamedTuple):
    """What an investigation is done with. `owner` names the process in claims."""

    store: Store
    clock: Clock
    owner: str


class Investigators:
    """A few threads; `nudge` says that something new waits."""

    def __init__(self, bench: Bench, investigations: Investigations, investigator: Investigator) -> None:
        self._bench = bench
        self._investigations = investigations
        self._investigator = investigator
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for number in range(THREADS):
            thread = threading.Thread(target=self._run, name=f"investigator-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def nudge(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """One that is under way is finished; it would be begun anew by whoever starts next."""
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=POLL_SECONDS + 5)
        self._investigator.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._next():
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()

    def _next(self) -> bool:
        """Take the next one; False where none waits."""
        try:
            found = self._bench.store.claim_investigation(self._bench.owner, self._bench.clock(), lease=LEASE_SECONDS)
            if found is None:
                return False
            self._look(found)
        except StoreError as error:
            log.error("an investigation waits: %s", error)
            return False
        except Exception:
            log.exception("an investigation stumbled")
            return False
        return True

    def _look(self, investigation: Investigation) -> None:
        """A bug in one of them ends that one, and says so; else it would be tried for ever."""
        if self._investigations.left_out(investigation):
            return
        if not self._investigator.has_sources:
            self._investigations.fail(investigation, NO_SOURCES)
            return
        try:
            looked = self._investigator.look(self._investigations.scope(investigation))
            self._investigations.conclude(investigation, looked)
        except (StoreError, UserError):
            raise
        except Exception:
            log.exception("%s can't be finished", investigation.id)
            self._investigations.fail(investigation, "the bot could not finish it; its log says why")
