"""The evidence in the terms that decide: what rose, what failed and why, what others did. Strengths are 0 to 1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bot.models import ChangeKind, Evidence, LogClass, LogFinding, Measure, Reading, Source, SourceOutcome, Traces
from bot.rca.matrix import FEW
from bot.rca.suspects import beginning, eligible, is_own, nearness
from bot.rca.usual import MOST, SCALES, Rise, fallen, in_hours, news, ramp, rises, traffic

WAITS = frozenset({LogClass.TIMEOUT, LogClass.CONNECTION, LogClass.RATE_LIMIT})
"""What code says when what it waits for does not answer: not its own fault, as a rule."""
HIGH_MEMORY = (80, 95)
NEW_MEMORY = (2, 6)
"""Percent above the hour before: what refills after a restart comes back to where it was, and is no leak."""
SOME = (0.5, 2)
"""One line may be chance, two are something."""
HOST = re.compile(
    r"\b[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*(?:\.(?:internal|local|com|net|org|io)\b|:\d{2,5}\b)", re.IGNORECASE
)
"""Another host that a line names, by its domain or port."""
NOT_SEEN_RISING = 0.8
"""So much does memory far above what is expected say of a leak, where nobody saw how it came there."""
LONG = 500
THERE = 0.5
"""From this strength on something counts as there."""
LOGGED_ONLY = 0.4
"""More exceptions are logged than the metric knows of failed requests: handled ones, or a chatty new version."""
KNOWN = 0.5
"""Exceptions that are more but were there before count half as a sign of new code."""
TIMEOUTS = 0.6
"""So much less do timeouts of calls say of who is called, where no trace blames them."""
LOGGED_TOO = 0.8
"""The metric has them too, but so many fail on any day; what is new is what they say."""
TRACED = 0.01
"""A share of faulty traces up to this says nothing: X-Ray knows no usual one."""
_NO_TRACES = Traces()


class Errors(NamedTuple):
    """What failed in the window.

    number    the larger of the errors that metrics count and the exceptions that logs show
    strength  how unusual that is
    lines     new log lines of errors, the most frequent first; usual noise is left out
    own       of those lines, the share that speaks of the service's own code rather than of what it waits for
    hard      of those lines, the share that does not come of being slow itself: all but timeouts that name nobody else
    others    of those lines, the share that names another host; timeouts count in part, for slowness has them too
    guessed   how much of it is but timeouts in the logs, while nothing counts what failed
    share     of the requests; None where nobody counts those
    """

    number: int
    strength: float
    lines: tuple[LogFinding, ...]
    own: float
    hard: float
    others: float
    guessed: float
    share: float | None

    def failing(self, low: float, high: float, unknown: float = 0.0) -> float:
        """How large the failing share is, as a strength."""
        return unknown if self.share is None else ramp(self.share, low, high)

    @property
    def are_there(self) -> bool:
        return self.strength >= THERE

    @property
    def are_many(self) -> bool:
        return self.number > FEW


class Memory(NamedTuple):
    """killed: tasks out of memory; lines: log lines that say so; climbs: it rises; full: nearly all is used."""

    killed: float
    lines: float
    climbs: float
    full: float


class Blame(NamedTuple):
    """Whether somebody else is the cause: 1 where traces or AWS itself say so, less where only log lines hint at it."""

    strength: float
    names: tuple[str, ...] = ()


class Facts(NamedTuple):
    """The evidence, and what it comes to.

    busy         how little CPU is left, or how many times the usual it is
    waits        how many lines tell of waiting in vain
    slow_traces  how slow traces are, where no metric says how long answers take
    gone         the share of the tasks that do not run
    deployed     how near the nearest deployment of this service is
    """

    evidence: Evidence
    rises: Mapping[Measure, Rise]
    errors: Errors
    memory: Memory
    blame: Blame
    busy: float
    waits: float
    slow_traces: float
    gone: float
    deployed: float

    def rise(self, measure: Measure) -> float:
        return self.rises[measure].strength if measure in self.rises else 0.0

    def is_alarmed(self, measure: Measure) -> bool:
        return measure in self.rises and self.rises[measure].is_alarmed


def facts(evidence: Evidence) -> Facts:
    risen = rises(evidence)
    new = _new_lines(evidence)
    failed = _errors(evidence, risen, new)
    start = beginning(evidence)
    deployments = (one for one in eligible(evidence) if one.kind is ChangeKind.DEPLOYMENT)
    return Facts(
        evidence=evidence,
        rises=risen,
        errors=failed,
        memory=_memory(evidence, risen, new),
        blame=_blame(evidence, failed),
        busy=_busy(risen.get(Measure.CPU)),
        waits=ramp(_total(new, WAITS), 0, 5),
        slow_traces=_slow_traces(evidence, risen),
        gone=_gone(evidence),
        deployed=max((nearness(one, evidence, start) for one in deployments if is_own(one, evidence)), default=0.0),
    )


def _new_lines(evidence: Evidence) -> tuple[LogFinding, ...]:
    hours, more = in_hours(evidence), traffic(evidence)
    new = [line for line in evidence.logs if line.count > 0 and news(line, hours, more) >= THERE / 2]
    return tuple(sorted(new, key=lambda line: (-line.count, line.kind, line.pattern)))


def _errors(evidence: Evidence, risen: Mapping[Measure, Rise], new: tuple[LogFinding, ...]) -> Errors:
    """Count what failed.

    Timeouts and broken connections count only where nothing else counts errors: a call that was tried again and then
    succeeded leaves such a line too. X-Ray sees a sample, so its faults are the least there were.
    """
    lines = tuple(line for line in new if line.kind is not LogClass.MEMORY)
    exceptions = _total(lines, {LogClass.EXCEPTION})
    counter = risen.get(Measure.ERRORS)
    logged = exceptions if counter else exceptions + _total(lines, WAITS)
    counted = counter.reading.now if counter and counter.strength > 0 else 0.0
    share = _traced_share(evidence)
    traced = evidence.traces.faults if evidence.traces and not counter and share and share > TRACED else 0
    number = max(counted, logged, traced)
    if counter and counter.strength < THERE:
        part = LOGGED_TOO if counter.reading.now >= logged else LOGGED_ONLY
        strength = max(counter.strength, part * ramp(logged, *SOME))
    else:
        strength = counter.strength if counter else ramp(max(logged, traced), *SOME)
    others = _names(evidence)
    about = [line for line in lines if _is_about(line, others)]
    doubted = 0.0 if others else TIMEOUTS * _total(about, {LogClass.TIMEOUT})
    own = [line for line in lines if line.kind is LogClass.EXCEPTION and not _is_about(line, others)]
    waited = [line for line in lines if line.kind is LogClass.TIMEOUT and not _is_about(line, others)]
    return Errors(
        number=round(min(number, MOST)),
        strength=strength,
        lines=lines,
        own=_ratio(_total(own) - KNOWN * _total(line for line in own if line.before > 0), _total(lines)),
        hard=1 - _ratio(_total(waited), _total(lines)) if lines else 0.5,
        others=_ratio(_total(about) - doubted, _total(lines)),
        guessed=0.0 if counter or traced else _ratio(_total(lines, {LogClass.TIMEOUT}), max(number, 1)),
        share=_share(evidence, number),
    )


def _share(evidence: Evidence, number: float) -> float | None:
    requests = evidence.reading(Measure.REQUESTS)
    if requests is not None and 0 < requests.now < MOST:
        return min(1.0, number / requests.now)
    return _traced_share(evidence)


def _traced_share(evidence: Evidence) -> float | None:
    traces = evidence.traces
    return min(1.0, _ratio(max(traces.faults, 0), traces.total)) if traces and traces.total > 0 else None


def _memory(evidence: Evidence, risen: Mapping[Measure, Rise], new: tuple[LogFinding, ...]) -> Memory:
    """Memory that is high but flat is how a JVM or a cache lives: only what rises, or kills, is a leak."""
    lines = _total(new, {LogClass.MEMORY})
    known = risen.get(Measure.MEMORY)
    climbs = full = 0.0
    if known:
        high = max(known.strength, ramp(known.reading.peak, *HIGH_MEMORY))
        before = known.reading.before
        is_new = 1.0 if before is None else ramp(known.reading.peak - before, *NEW_MEMORY)
        climbs = ramp(known.reading.slope, 0.1, 0.5) * high * is_new
        if not has_course(known.reading) and known.reading.expected is not None:
            climbs = NOT_SEEN_RISING * known.strength * ramp(known.reading.peak, *HIGH_MEMORY)
        full = ramp(known.reading.peak, 85, 97) * known.strength
    return Memory(killed=ramp(evidence.stopped, 0, 2), lines=ramp(lines, 0, 2), climbs=climbs, full=full)


def has_course(reading: Reading) -> bool:
    """Is known how it came to where it is? A payload has a number only."""
    return reading.slope != 0 or reading.before is not None


def _blame(evidence: Evidence, failed: Errors) -> Blame:
    """What others did: traces that name it, an open AWS Health event of ours, else mostly timeouts in the logs."""
    names = [f"{name} ({what})" if what else name for name, what in (evidence.traces or _NO_TRACES).downstream]
    names += [f"AWS {note.service}: {note.title}" for note in evidence.health if note.is_ours and note.is_open]
    if names:
        return Blame(1.0, tuple(names))
    waiting = _total(failed.lines, WAITS)
    return Blame(0.7 * ramp(waiting, 1, 5) * ramp(1 - failed.own, 0.3, 0.6))


def _gone(evidence: Evidence) -> float:
    """What ECS itself says counts first: the metric is of the last minutes."""
    known = evidence.tasks
    if known is not None and known.wanted > 0:
        return min(1.0, max(0.0, 1 - known.running / known.wanted))
    return fallen(evidence.reading(Measure.TASKS))


def _busy(cpu: Rise | None) -> float:
    """Saturation: nearly all CPU is used, or many times what is usual."""
    if cpu is None:
        return 0.0
    times = cpu.reading.now / max(cpu.usual, 1.0) if cpu.usual is not None else 0.0
    full = max(ramp(cpu.reading.now, 72, 88), 0.7 * ramp(cpu.reading.peak, 85, 97))
    return cpu.strength * max(full, ramp(times, 3, 8))


def _slow_traces(evidence: Evidence, risen: Mapping[Measure, Rise]) -> float:
    """By an absolute rule: nobody knows what is usual for them."""
    p99 = evidence.traces.p99 if evidence.traces else None
    return ramp(p99, *SCALES[Measure.LATENCY].absolute) if p99 and Measure.LATENCY not in risen else 0.0


def _names(evidence: Evidence) -> list[str]:
    return [name.lower() for name, _ in (evidence.traces or _NO_TRACES).downstream if len(name) > 3]


def _is_about(line: LogFinding, others: Iterable[str]) -> bool:
    """Does it name another host, or what traces blame?"""
    text = f"{line.pattern} {line.sample}".lower()
    return HOST.search(line.pattern[:LONG]) is not None or any(name in text for name in others)


def _total(lines: Iterable[LogFinding], kinds: Iterable[LogClass] = tuple(LogClass)) -> float:
    wanted = frozenset(kinds)
    return float(min(sum(line.count for line in lines if line.kind in wanted), MOST))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def was_seen(evidence: Evidence, source: Source) -> bool:
    answer = evidence.answer(source)
    return answer is None or answer.outcome in {SourceOutcome.FOUND, SourceOutcome.NOTHING}
