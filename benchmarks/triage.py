"""How fast alarms become stored alerts, in this process: parsed, triaged and written to a real file, ten at a time."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.notices import BATCH, SERVICES, again, in_process, message, name, now
from benchmarks.report import Report, middle, spread
from benchmarks.world import OURS
from bot.models import Alert, AlertStatus
from bot.store.database import stamp
from sandbox.shop.notices import notification

ROUNDS = 5
AT_ONCE = 600
FEW, MANY = 1_000, 1_000_000
FIRING = 50
SAMPLES = 60
WARM_UP = 5
FLOWING = 100_000
LIFE = 4  # messages of an alarm's life: it fires, it says so again, it is OK, and that is delivered twice
STORED = "BENCHMARK_ALERTS_STORED"  # an environment variable: fewer alerts than a million in the large store

CROWD, CROWDS = 200, 2  # so many alarms fire for each of so many services already


def triage(report: Report) -> None:
    """On stores of their own, that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        _rates(report, Path(folder))
        _memory(report, Path(folder))
        _stored(report, Path(folder))


def _rates(report: Report, folder: Path) -> None:
    """New alarms all of their own service, and of 40 services, where many fire for each; then duplicates of these."""
    rates: dict[str, list[float]] = {}
    words = {
        "own": "new alarms, each of its own service",
        "shared": f"new alarms of {SERVICES} services",
        "crowded": f"new alarms of {CROWDS} services with {CROWD} firing each",
        "redelivered": "the same messages delivered again",
        "repeated": "alarms that fire already, in new messages",
    }
    for number in range(ROUNDS):
        for kind, services in (("own", AT_ONCE * 2), ("shared", SERVICES)):
            with in_process(folder / f"{kind}-{number}.db") as ours:
                names = [name(each, services) for each in range(AT_ONCE)]
                bodies = [notification(message(each, ago=30)) for each in names]
                rates.setdefault(kind, []).append(AT_ONCE / ours.take(bodies))
                if kind == "shared":
                    rates.setdefault("redelivered", []).append(AT_ONCE / ours.take(bodies))
                    more = [again(body) for body in bodies]
                    rates.setdefault("repeated", []).append(AT_ONCE / ours.take(more))
        with in_process(folder / f"crowded-{number}.db") as ours:
            bodies = [notification(message(name(each, CROWDS), ago=30)) for each in range((CROWD + 100) * CROWDS)]
            ours.take(bodies[: CROWD * CROWDS])
            rates.setdefault("crowded", []).append(100 * CROWDS / ours.take(bodies[CROWD * CROWDS :]))
    for kind, least in (
        ("own", 2_000),
        ("shared", 2_000),
        ("crowded", 2_000),
        ("redelivered", 5_000),
        ("repeated", 5_000),
    ):
        report.row(
            f"{words[kind]}, a second, median of {ROUNDS} / worst",
            {OURS.name: f"{middle(rates[kind]):,.0f} / {min(rates[kind]):,.0f}"},
        )
        report.aim_at_least(words[kind], middle(rates[kind]), least, "/s")


def _memory(report: Report, folder: Path) -> None:
    """A hundred thousand messages, four an alarm: fires, fires again, is OK, the OK is delivered twice."""
    resident = [resident_mib()]
    with in_process(folder / "flowing.db") as ours:
        for start in range(0, FLOWING // LIFE, BATCH):
            names = [name(number, SERVICES) for number in range(start, start + BATCH)]
            fired = [notification(message(each, ago=20)) for each in names]
            ours.take(fired)
            ours.take([again(body) for body in fired])
            over = [notification(message(each, "OK", ago=5)) for each in names]
            ours.take(over)
            ours.take(over)
            done = (start + BATCH) * LIFE
            if done % (FLOWING // 10) < BATCH * LIFE:
                resident.append(resident_mib())
    half = resident[len(resident) // 2]
    row = " / ".join(f"{each:.0f}" for each in (resident[0], half, resident[-1]))
    report.row(f"resident before, at half and after {FLOWING:,} messages, MiB", {OURS.name: row})
    report.aim(f"memory growth in the second half of {FLOWING:,} messages", max(resident[-1] - half, 0.0), 20, " MiB")


def _stored(report: Report, folder: Path) -> None:
    """The same batches, in turn, on a store that is small and one that is large; in both fifty alerts fire."""
    many = int(os.environ.get(STORED, MANY))
    for size in (FEW, many):
        with in_process(folder / f"{size}.db"):
            pass  # makes the tables
        fill(folder / f"{size}.db", size)
    times: dict[tuple[str, int], list[float]] = {}
    with in_process(folder / f"{FEW}.db") as small, in_process(folder / f"{many}.db") as large:
        for number in range(WARM_UP + SAMPLES):
            names = [f"prod-batch{number}-latency-{each}-medium" for each in range(BATCH)]
            fires = [notification(message(each, ago=20)) for each in names]
            more = [again(body) for body in fires]
            over = [notification(message(each, "OK", ago=5)) for each in names]
            for kind, bodies in (("new", fires), ("repeated", more), ("OK", over)):
                for size, ours in ((FEW, small), (many, large)) if number % 2 else ((many, large), (FEW, small)):
                    spent = ours.take(bodies) / BATCH * 1000
                    if number >= WARM_UP:
                        times.setdefault((kind, size), []).append(spent)
    for kind in ("new", "repeated", "OK"):
        for size in (FEW, many):
            title = f"{kind}, {size:,} stored, ms an alarm, p50 / p99"
            report.row(title, {OURS.name: spread(times[kind, size])})
        ratio = middle(times[kind, many]) / middle(times[kind, FEW])
        report.aim(f"{kind}: {many:,} alerts stored against {FEW:,}, p50", ratio, 1.2, " ×")


def fill(database: Path, size: int) -> None:
    """Rows as a year of alarms leaves them: over, each with its deduplication row and the id of its message."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        template, started = _template(database), now() - timedelta(days=300)
        counted = "leads, seen, flaps, lasted, has_card"
        columns = f'number, version, is_firing, severity, {counted}, "group", fired_at, key, service, data'
        connection.executemany(
            f"INSERT INTO alerts ({columns}) VALUES (?, 1, 0, 3, 0, 1, 0, 60, 1, ?, ?, ?, ?, ?)",
            (_stored_row(number, template, started) for number in range(1, size + 1)),
        )
        connection.executemany(
            "INSERT INTO alert_deduplication (key, version, number, state, changed_at, expires_at) "
            "VALUES (?, 1, ?, 'OK', ?, ?)",
            _heads(size, started),
        )
        connection.executemany(
            "INSERT INTO requests (key, at) VALUES (?, ?)",
            ((f"message:{number:08x}-0000-4000-8000-000000000000", stamp(started)) for number in range(size)),
        )
        firing = "UPDATE alerts SET is_firing = 1, data = REPLACE(data, ?, ?) WHERE number % ? = 0"
        connection.execute(firing, [f'"status":"{AlertStatus.RESOLVED.value}",', "", size // FIRING])
        connection.execute("UPDATE incident_numbers SET value = ? WHERE id = 2", [size])
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _stored_row(number: int, template: str, started: datetime) -> tuple[int, str, str, str, str, str]:
    service, at = f"stored{number % SERVICES}", stamp(started + timedelta(seconds=number))
    return number, f"prod/{service}", at, f"123456789012/us-east-1/{_name(number)}", service, _data(template, number)


def _heads(size: int, started: datetime) -> Iterator[tuple[str, int, str, str]]:
    until = stamp(now() + timedelta(days=1))
    for number in range(1, size + 1):
        yield f"123456789012/us-east-1/{_name(number)}", number, stamp(started + timedelta(seconds=number)), until


def _template(database: Path) -> str:
    """The data of an alert that was triaged and is over, with a mark where its number is."""
    marked = name(0, 1).replace("-0-", "-@-")
    with in_process(database.with_suffix(".template.db")) as ours:
        ours.take([notification(message(marked, ago=20))])
        ours.take([notification(message(marked, "OK", ago=5))])
        alert: Alert = ours.store.alert(1)
    text = alert.changed(group="prod/@", service="@").model_dump_json(exclude={"version"}, exclude_defaults=True)
    return text.replace('"number":1,', '"number":@,', 1)


def _data(template: str, number: int) -> str:
    return template.replace("@", str(number))


def _name(number: int) -> str:
    return f"prod-service0-latency-{number}-medium"


def resident_mib() -> float:
    """Of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc does not say how large this process is")
