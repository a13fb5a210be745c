"""`python -m benchmarks [name …]`: run all or the named, and print one table and the aims."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from benchmarks.acks import acks
from benchmarks.alarms import alarms
from benchmarks.causes import causes
from benchmarks.declare import declare
from benchmarks.digest import digest
from benchmarks.draft import draft
from benchmarks.fixes import fixes
from benchmarks.home import home
from benchmarks.process import process
from benchmarks.recovery import recovery
from benchmarks.reminders import reminders
from benchmarks.report import Report
from benchmarks.retention import retention
from benchmarks.scale import scale
from benchmarks.triage import triage
from benchmarks.world import ALERTMANAGER, KINDS, LOOP

BENCHMARKS = {
    run.__name__: run
    for run in (
        acks, declare, process, scale, recovery, triage, alarms, causes, fixes, digest, draft, reminders, retention,
        home,
    )
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, _leave)
    report = Report([kind.name for kind in (*KINDS, LOOP, ALERTMANAGER)])
    for name in names:
        started = time.monotonic()
        BENCHMARKS[name](report)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(report)
    return 0


def _leave(number: int, _: FrameType | None) -> None:
    """End like Ctrl-C does, so that every process that was started is ended too."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
