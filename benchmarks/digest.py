"""The digest of a year, with more and more of it stored, and an export of all of it.

Rows are written as the store writes them, but a template's JSON is used again and again: what is measured is reading.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.report import Report
from benchmarks.world import OURS
from bot.models import Alert, AlertStatus, Incident, Severity, Status
from bot.signals import Alarm
from bot.store.database import Database
from bot.store.records import columns_of_alert, columns_of_incident

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
YEAR = 365 * 24 * 3600
ALERTS = int(os.environ.get("BENCHMARK_ALERTS_STORED", "1000000"))
SERVICES = [f"service-{number}" for number in range(40)]
ALARMS = 2_000
AIM_SECONDS, AIM_MEMORY, AIM_EXPORT = 3.0, 150.0, 20.0


def digest(report: Report) -> None:
    """Each reading is a process of its own, so that its memory is its own too."""
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        for alerts in (ALERTS // 10, ALERTS):
            database = Path(folder) / f"{alerts}.db"
            started = time.monotonic()
            fill(database, alerts, alerts // 50)
            filled = time.monotonic() - started
            name = f"{alerts:,} alerts, {alerts // 50:,} incidents"
            idle = _measured(database, "idle")
            print(f"{name}: filled in {filled:.0f} s, {database.stat().st_size / 2**20:.0f} MiB", file=sys.stderr)
            for what in ("year", "week", "service", "export"):
                spent, memory = _measured(database, what)
                cells = f"{spent:.2f} s, {max(memory - idle[1], 0):.0f} MiB"
                report.row(f"{what}: {name}", {OURS.name: cells})
                if alerts == ALERTS and what == "export":
                    report.aim(f"memory of exporting {alerts:,} alerts", max(memory - idle[1], 0), AIM_EXPORT, " MiB")
                if alerts == ALERTS and what == "year":
                    report.aim(f"digest of a year, {name}", spent, AIM_SECONDS, " s")
                    report.aim(f"its memory, {name}", max(memory - idle[1], 0), AIM_MEMORY, " MiB")


def _measured(database: Path, what: str) -> tuple[float, float]:
    """Seconds and peak resident MiB of a process that does this."""
    command = [sys.executable, "-m", "benchmarks.digest", str(database), what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def fill(database: Path, alerts: int, incidents: int) -> None:
    """A year that ends at NOW."""
    store, dice = Database(database), Random(47)
    with store.transaction():
        for row in _incidents(incidents, dice):
            store.insert("incidents", row)
        for number, row in enumerate(_alerts(alerts, dice), start=1):
            store.insert("alerts", row)
            if number % 20 == 0:
                page = {"at": row["fired_at"], "role": "primary", "who": "Ana", "service": row["service"]}
                store.insert("pages", page, or_ignore=True)
    store.close()


def _incidents(count: int, dice: Random) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        at = NOW - timedelta(seconds=dice.random() * YEAR)
        acknowledged = at + timedelta(seconds=dice.expovariate(1 / 300))
        one = Incident(
            number=number,
            service=dice.choice(SERVICES),
            impact="payments fail for all customers " * 5,
            severity=dice.choice(list(Severity)),
            status=Status.RESOLVED,
            declared_by="U0ANA",
            declared_at=at,
            commander="U0ANA",
            acknowledged_at=acknowledged,
            resolved_at=acknowledged + timedelta(seconds=dice.expovariate(1 / 3000)),
        )
        plain = {"number": number, "version": 1, "is_open": 0, "severity": int(one.severity), "service": one.service}
        yield {**plain, **columns_of_incident(one), "data": one.model_dump_json(exclude={"version"})}


def _alerts(count: int, dice: Random) -> Iterator[dict[str, Any]]:
    alarms = [f"prod-{dice.choice(SERVICES)}-metric-{number}-warning" for number in range(ALARMS)]
    template = ""
    for number in range(1, count + 1):
        name = alarms[int(dice.paretovariate(0.6)) % ALARMS]
        at = NOW - timedelta(seconds=dice.random() * YEAR)
        alarm = Alarm(name=name, account="123456789012", region="eu-west-1", threshold=80, comparison=">", period=60)
        lasted = timedelta(seconds=dice.expovariate(1 / 600))
        one = Alert.model_construct(
            number=number, key=alarm.key, alarm=alarm, status=AlertStatus.RESOLVED, severity=Severity.SEV3,
            service=name.split("-metric")[0].removeprefix("prod-"), fired_at=at, received_at=at, changed_at=at,
            over_at=at + lasted, count=dice.randint(1, 4), flaps=int(dice.random() * 1.2), value=81.5,
        )  # fmt: skip
        template = template or one.model_dump_json(exclude={"version", "number", "fired_at"})
        plain = {"number": number, "version": 1, "is_firing": 0, "severity": 3, "group": "prod", "leads": 0}
        data = template.replace("{", f'{{"number":{number},"fired_at":"{at.isoformat()}",', 1)
        yield {**plain, **columns_of_alert(one), "data": data}


def _read(database: Path, what: str) -> None:
    from bot import printed, triage  # noqa: PLC0415 - only the process that is measured needs them
    from bot.config import Config  # noqa: PLC0415
    from bot.periods import last_days  # noqa: PLC0415
    from bot.reporting import Sources, gather  # noqa: PLC0415
    from bot.store.sqlite import SqliteStore  # noqa: PLC0415

    store, config = SqliteStore(database), Config()
    sources = Sources(store, config, triage.policy(config).acknowledge_within, lambda now: [])
    started = time.perf_counter()
    if what == "export":
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            printed.rows(store.export("alerts", NOW - timedelta(days=366)), "alerts", "csv", nowhere)
    elif what != "idle":
        period = last_days(7 if what == "week" else 365, NOW, sources.zone)
        assert not gather(sources, period, SERVICES[0] if what == "service" else "").is_empty
    spent = time.perf_counter() - started
    print(spent, _peak())
    store.close()


def _peak() -> float:
    """The most memory that this process ever had, in MiB; getrusage would count that of its parent too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    _read(Path(sys.argv[1]), sys.argv[2])
