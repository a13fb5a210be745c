"""The fixed jobs and their times. Nothing is scheduled per incident: jobs claim due rows from the store."""

from __future__ import annotations

from apscheduler.schedulers.background import BackgroundScheduler

from bot.ports import Clock
from bot.store import Store
from jobs import upkeep


def scheduler(store: Store, clock: Clock) -> BackgroundScheduler:
    """All fixed jobs, not started yet. The job store is memory: what must survive is in the store."""
    jobs = BackgroundScheduler(timezone="UTC")
    jobs.add_job(upkeep.tidy, "interval", hours=1, args=[store, clock], id="upkeep", jitter=300, coalesce=True)
    return jobs
