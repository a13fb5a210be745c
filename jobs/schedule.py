"""The fixed jobs and their times. Nothing is scheduled per incident: jobs claim due rows from the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from apscheduler.schedulers.background import BackgroundScheduler

from bot.ports import Clock
from bot.store import Store
from bot.timekeeper import Timekeeper
from jobs import timers, upkeep
from jobs.intake import Intake

CATCH_UP_SECONDS = 30.0
HOME_SECONDS = 5.0  # how soon a change shows on pages that are open


class Every(NamedTuple):
    """A job that runs each so many seconds."""

    name: str
    seconds: float
    run: Callable[[], object]


class Jobs:
    """All fixed jobs. The scheduler's own store is memory: what must survive is in ours.

    Timers wait after a start until the alert queue was read to its end, so that nobody is called for what was over
    while the bot was away; but no longer than CATCH_UP_SECONDS, since a queue may be out of reach.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        timekeeper: Timekeeper,
        intake: Intake | None,
        *,
        more: Sequence[Every] = (),
    ) -> None:
        self._timekeeper = timekeeper
        self._intake = intake
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": 3600}
        )
        self._scheduler.add_job(upkeep.tidy, "interval", hours=1, args=[store, clock], id="upkeep", jitter=300)
        self._scheduler.add_job(self._tick, "interval", seconds=1, id="timers")
        for each in more:
            self._scheduler.add_job(each.run, "interval", seconds=each.seconds, id=each.name)
        self._give_up_at = datetime.now(UTC)

    def start(self) -> None:
        self._give_up_at = datetime.now(UTC) + timedelta(seconds=CATCH_UP_SECONDS)
        self._scheduler.start()

    def nudge(self) -> None:
        """The clock was moved: look at the timers now."""
        self._scheduler.modify_job("timers", next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown()

    def _tick(self) -> None:
        is_caught_up = self._intake is None or self._intake.caught_up.is_set()
        if is_caught_up or datetime.now(UTC) >= self._give_up_at:
            timers.tick(self._timekeeper)
