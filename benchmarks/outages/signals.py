"""What AWS would show of it: readings, log lines, traces, health, as collectors make them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean, pstdev

from benchmarks.outages.dice import binomial
from benchmarks.outages.play import Fault, Minute, Service
from benchmarks.outages.stories import Plot
from bot.integrations.aws.evidence.climbing import slope
from bot.models import HealthNote, LogClass, LogFinding, Measure, Reading, Traces

MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 16, tzinfo=UTC)
RECENT = 15


def readings(
    s: Service,
    minutes: Sequence[Minute],
    baseline: Sequence[Minute],
    window: tuple[int, int],
    alarm: tuple[str, float | None],
    dice: random.Random,
) -> list[Reading]:
    """As a collector makes them of datapoints a minute apart."""
    since, until = window
    now, before, long = minutes[since:until], minutes[max(0, since - 60) : since], minutes[max(0, since - 60) : until]
    has_baseline, drift = dice.random() < 0.8, dice.choice((1.0, 1.0, 1.0, dice.uniform(0.8, 1.25)))
    measures: list[tuple[Measure, str, str, Callable[[Minute], float], Callable[[Sequence[float]], float]]] = [
        (Measure.CPU, "cpu", "%", lambda one: one.cpu, fmean),
        (Measure.MEMORY, "memory", "%", lambda one: one.memory, fmean),
        (Measure.TASKS, "tasks", "", lambda one: float(one.tasks), fmean),
    ]
    if s.has_metrics:
        measures += [
            (Measure.LATENCY, "latency", "s", lambda one: one.latency, lambda values: sorted(values)[-2:][0]),
            (Measure.ERRORS, "errors", "", lambda one: float(one.failed), sum),
            (Measure.REQUESTS, "requests", "", lambda one: float(one.requests), sum),
        ]
    found = []
    for measure, name, unit, value, over in measures:
        values, usual = [value(one) for one in now], [value(one) for one in baseline]
        span = len(now)
        samples = [over(usual[t : t + span]) for t in range(0, len(usual) - span, span)]
        is_level = measure in {Measure.MEMORY, Measure.TASKS}
        factor = 1.0 if is_level else drift
        found.append(
            Reading(
                measure=measure,
                metric=name,
                unit=unit,
                now=over(values),
                peak=max(values),
                before=over([value(one) for one in before]) if dice.random() < 0.95 else None,
                expected=fmean(samples) * factor if has_baseline else None,
                deviation=pstdev(samples) + 0.05 * fmean(samples) if has_baseline else None,
                threshold=alarm[1] if alarm[0] == name else None,
                slope=slope({START + t * MINUTE: value(one) for t, one in enumerate(long)}),
            )
        )
    return found


def logs(minutes: Sequence[Minute], since: int, until: int, zero: datetime, dice: random.Random) -> list[LogFinding]:
    """What began in the minutes before began then; of what was there all the time the first one since counts."""
    now: Counter[tuple[LogClass, str]] = Counter()
    before: Counter[tuple[LogClass, str]] = Counter()
    begun: dict[tuple[LogClass, str], int] = {}
    first: dict[tuple[LogClass, str], datetime] = {}
    for t in range(max(0, since - 60), until):
        (now if t >= since else before).update(minutes[t].lines)
        for key in minutes[t].lines:
            begun.setdefault(key, t)
            if t >= since and key not in first:
                seen = begun[key] if begun[key] >= since - RECENT else t
                first[key] = zero + seen * MINUTE + timedelta(seconds=dice.uniform(0, 59))
    return [
        LogFinding(kind=kind, pattern=text, count=count, before=before[kind, text], first_seen=first[kind, text])
        for (kind, text), count in now.most_common()
    ]


def traces(fault: Fault, window: Sequence[Minute], dice: random.Random) -> Traces | None:
    """A sample of one request in twenty, of services that are traced."""
    if dice.random() < 0.35:
        return None
    total = sum(one.requests for one in window) // 20
    faults = binomial(dice, total, sum(one.failed for one in window) / max(1, sum(one.requests for one in window)))
    downstream = []
    if any(one.failed_calls for one in window) and total and fault.down > 0.01:
        downstream.append((fault.dependency, "failed"))
    elif any(one.slow_calls for one in window) and total:
        downstream.append((fault.dependency, "slow"))
    return Traces(total=total, faults=faults, p99=max(one.latency for one in window), downstream=tuple(downstream))


def health(plot: Plot, at: datetime, dice: random.Random) -> list[HealthNote]:
    notes = []
    if plot.health:
        notes.append(HealthNote(service="RDS", title="Increased latencies in euc1-az2", started_at=at, is_ours=True))
    if dice.random() < 0.15:
        notes.append(HealthNote(service="IOT", title="Elevated errors", started_at=at - 30 * MINUTE))
    return notes
