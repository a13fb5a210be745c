"""The fixed jobs and their times. Nothing is scheduled per incident: jobs claim due rows from the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from apscheduler.schedulers.background import BackgroundScheduler

from bot.retention import Retention
from bot.timekeeper import Timekeeper
from jobs import retention as let_go
from jobs import timers, upkeep
from jobs.intake import Intake

CATCH_UP_SECONDS = 30.0
HOME_SECONDS = 5.0  # how soon a change shows on pages that are open


class Every(NamedTuple):
    """A job that runs each so many seconds; after a start it waits up to `patience` seconds for the alert queue."""

    name: str
    seconds: float
    run: Callable[[], object]
    patience: float = 0.0


class Jobs:
    """All fixed jobs. The scheduler's own store is memory: what must survive is in ours.

    What counts or calls waits after a start until the alert queue was read to its end, so that nobody is called for
    what was over while the bot was away; but not for ever, since a queue may be out of reach.
    """

    def __init__(
        self,
        timekeeper: Timekeeper,
        retention: Retention,
        intake: Intake | None,
        *,
        more: Sequence[Every] = (),
    ) -> None:
        self._intake = intake
        self._retention = retention
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": 3600}
        )
        self._scheduler.add_job(upkeep.tidy, "interval", hours=1, args=[retention], id="upkeep", jitter=300)
        fixed = (
            Every("timers", 1.0, partial(timers.tick, timekeeper), CATCH_UP_SECONDS),
            Every("retention", let_go.EVERY_SECONDS, partial(let_go.run, retention)),
        )
        for each in (*fixed, *more):
            self._scheduler.add_job(self._run, "interval", seconds=each.seconds, args=[each], id=each.name)
        self._started_at = datetime.now(UTC)

    def start(self) -> None:
        self._started_at = datetime.now(UTC)
        self._scheduler.start()

    def nudge(self, job: str = "timers") -> None:
        """The clock was moved: look at the timers now, or at another job."""
        self._scheduler.modify_job(job, next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        self._retention.stop()
        if self._scheduler.running:
            self._scheduler.shutdown()

    def _run(self, job: Every) -> None:
        is_caught_up = self._intake is None or self._intake.caught_up.is_set()
        if is_caught_up or datetime.now(UTC) >= self._started_at + timedelta(seconds=job.patience):
            job.run()
