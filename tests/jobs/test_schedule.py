"""When jobs run after a start: what counts or calls waits for the alert queue, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jobs.schedule import Every, Jobs
from tests.workspace import wait_for


class Quiet:
    """A queue, timers and old rows about which there is nothing to do; `stop` was called `stopped` times."""

    def __init__(self) -> None:
        self.caught_up = threading.Event()
        self.stopped = 0

    def run(self) -> int:
        return 0

    def stop(self) -> None:
        self.stopped += 1


@contextmanager
def running(quiet: Quiet, *more: Every, has_queue: bool = True) -> Iterator[Jobs]:
    anything: Any = quiet
    jobs = Jobs(anything, anything, anything if has_queue else None, more=more)
    jobs.start()
    try:
        yield jobs
    finally:
        jobs.stop()


def counting(counts: dict[str, int], name: str) -> Callable[[], None]:
    def run() -> None:
        counts[name] = counts.get(name, 0) + 1

    return run


def test_a_patient_job_waits_until_the_queue_was_read_to_its_end() -> None:
    counts: dict[str, int] = {}
    quiet = Quiet()
    patient = Every("patient", 0.01, counting(counts, "patient"), 60.0)
    other = Every("other", 0.01, counting(counts, "other"))
    with running(quiet, patient, other):
        wait_for(lambda: counts.get("other", 0) > 5, "a job that waits for nothing")
        assert "patient" not in counts
        quiet.caught_up.set()
        wait_for(lambda: counts.get("patient"), "the one that waited")


@pytest.mark.parametrize(("patience", "has_queue"), [(0.05, True), (60.0, False)])
def test_it_does_not_wait_for_ever_nor_for_a_queue_that_is_not_there(patience: float, *, has_queue: bool) -> None:
    counts: dict[str, int] = {}
    with running(Quiet(), Every("patient", 0.01, counting(counts, "run"), patience), has_queue=has_queue):
        wait_for(lambda: counts.get("run"), "a run")


def test_what_takes_long_is_told_before_it_is_waited_for() -> None:
    quiet = Quiet()
    with running(quiet):
        pass
    assert quiet.stopped == 1
