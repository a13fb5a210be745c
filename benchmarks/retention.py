"""Letting go of old alerts while somebody else writes: how long a write waits for it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.digest import ALERTS, NOW, fill
from benchmarks.report import Report
from benchmarks.world import OURS
from bot.store.sqlite import SqliteStore

KEPT = timedelta(days=30)
IDLE_SECONDS, EVERY_SECONDS = 5.0, 0.005
AIM_WORST = 500.0  # ms; whoever clicks waits for one write, and Slack for three seconds


def retention(report: Report) -> None:
    """A process lets go of eleven months of a year, to an archive; this one writes all the time, as the intake does."""
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        database = Path(folder) / "aiops.db"
        fill(database, ALERTS // 5, 100)
        with closing(SqliteStore(database)) as store:
            until = time.monotonic() + IDLE_SECONDS
            alone = _written(store, lambda: time.monotonic() < until)
            command = [sys.executable, "-m", "benchmarks.retention", str(database)]
            started = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
                meanwhile = _written(store, lambda: running.poll() is None)
                assert running.stdout is not None
                gone, held = map(float, running.stdout.read().split())
            spent = time.monotonic() - started
        size = sum(file.stat().st_size for file in (Path(folder) / "archive").glob("*.gz")) / 2**20
    report.row(f"{gone:,.0f} old alerts archived and dropped", {OURS.name: f"{spent:.0f} s, {size:.0f} MiB"})
    report.row("… the longest that the database was held, ms", {OURS.name: f"{held:.0f}"})
    report.row("a write, alone, ms, p50 / p99 / worst", {OURS.name: _said(alone)})
    report.row("a write, meanwhile, ms, p50 / p99 / worst", {OURS.name: _said(meanwhile)})
    report.aim("old alerts go: the longest that a write waited", max(meanwhile), AIM_WORST, " ms")


def _written(store: SqliteStore, goes_on: Callable[[], bool]) -> list[float]:
    """How long writes took, in milliseconds."""
    took: list[float] = []
    pause = threading.Event()
    while goes_on():
        began = time.perf_counter()
        store.claim_request(f"{began}", NOW)
        took.append((time.perf_counter() - began) * 1000)
        pause.wait(EVERY_SECONDS)
    return took


def _said(took: list[float]) -> str:
    points = statistics.quantiles(took, n=100)
    return f"{points[49]:.2f} / {points[98]:.2f} / {max(took):.1f}"


def _let_go(database: Path) -> None:
    from bot.config import Retention as Terms  # noqa: PLC0415 - only the process that is measured needs them
    from bot.integrations.archive import FolderArchive  # noqa: PLC0415
    from bot.retention import Retention  # noqa: PLC0415

    with closing(SqliteStore(database)) as store:
        archive = FolderArchive(database.parent / "archive", store.installation())
        drop, held = store.drop_alerts, []

        def dropped(*alerts: Any, **archived: Any) -> None:
            began = time.perf_counter()
            drop(*alerts, **archived)
            held.append((time.perf_counter() - began) * 1000)

        store.drop_alerts = dropped  # type: ignore[method-assign]
        print(Retention(store, lambda: NOW, Terms(alerts=KEPT), archive).run(), max(held))


if __name__ == "__main__":
    _let_go(Path(sys.argv[1]))
