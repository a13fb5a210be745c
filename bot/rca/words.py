"""Sentences with numbers, as people read them: `CPU: 60 % (expected 4 %)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING

from bot.durations import about
from bot.models import Evidence, LogClass, LogFinding, Made, Measure, Reading, Suspect
from bot.rca.usual import Basis, Rise, in_hours

if TYPE_CHECKING:
    from bot.rca.facts import Facts

LINES = 3
"""So many kinds of log lines are named in a sentence."""
PATTERN = 80
REASON = 180
UNITS = {Measure.CPU: "%", Measure.MEMORY: "%", Measure.LATENCY: "s"}
Sentence = Callable[["Facts"], str]


def number(value: float) -> str:
    """`1,312`, `31`, `2.4`, `0.31`: about as exact as anybody reads it."""
    size = abs(value)
    if not isfinite(size):
        return str(value)
    if size >= 9.95 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if size >= 0.995 else f"{value:.2g}"


def things(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def risen(measure: Measure) -> Sentence:
    """The reading of a measure against what is usual."""
    return lambda found: reading(found.rises[measure]) if measure in found.rises else ""


def reading(rise: Rise) -> str:
    """`CPU: 31 % (expected 28 % ± 6)`. Where only the worst was over the alarm's limit, it says that too."""
    unit = rise.reading.unit or UNITS.get(rise.reading.measure, "")
    told = f"{_name(rise.reading)}: {_with_unit(rise.reading.now, unit)}"
    limit = rise.reading.threshold
    if unit and limit is not None and rise.reading.now < limit <= rise.reading.peak:
        told += f", at most {_with_unit(rise.reading.peak, unit)}"
    if rise.usual is None:
        return told
    usual = _with_unit(rise.usual, unit)
    if rise.basis is Basis.BASELINE and _deviation(rise.reading):
        usual += f" ± {_deviation(rise.reading)}"
    return f"{told} ({rise.basis.value.format(usual)})"


def tasks(found: Facts) -> str:
    """`0 of 2 tasks run: CannotPullContainerError: …`, `3 of 4 tasks run; one was killed: …`, else
    `running tasks: 0 (expected 4)`."""
    known, why = found.evidence.tasks, next(iter(found.evidence.why_stopped), "")
    if known is not None:
        told, is_none = f"{known.running} of {things(known.wanted, 'task')} run", not known.running
        why = why or known.why
    else:
        one = found.evidence.reading(Measure.TASKS)
        if one is None:
            return ""
        usual = one.expected if one.expected is not None else one.before
        told = f"{_name(one)}: {number(one.now)}" + (f" (expected {usual:,.0f})" if usual is not None else "")
        is_none = not one.now
    if not why:
        return told
    return f"{told}{'' if is_none else _of_another(found.evidence)}: {_cut(why, REASON)}"


def _of_another(evidence: Evidence) -> str:
    """Whose reason it is, where others run: a task's that was killed or stopped; else ECS complains about them all."""
    if not evidence.why_stopped:
        return ""
    killed = "one was" if evidence.stopped == 1 else f"{evidence.stopped:,} were"
    return f"; {killed} killed" if evidence.stopped else "; one stopped"


def other(one: Reading) -> str:
    """`SpoolLength: 412 (3 in the hour before, limit 100)`: what the matrix has no row for."""
    known = [f"{number(one.before)} in the hour before"] if one.before is not None else []
    known += [f"limit {number(one.threshold)}"] if one.threshold is not None else []
    return f"{_name(one)}: {number(one.now)}" + (f" ({', '.join(known)})" if known else "")


def is_empty(rise: Rise) -> bool:
    """Nothing now and nothing before: not worth a word."""
    one = rise.reading
    return not one.now and not one.peak and not one.before and not one.expected


def killed(found: Facts) -> str:
    how_many = found.evidence.stopped
    return f"{things(how_many, 'task was', 'tasks were')} killed out of memory" if how_many > 0 else ""


def memory_lines(found: Facts) -> str:
    lines = [line for line in found.evidence.logs if line.kind is LogClass.MEMORY and line.count > 0]
    return f"{things(_total(lines), 'log line')} about memory{_before(lines)}: {patterns(lines)}" if lines else ""


def climbing(found: Facts) -> str:
    one = found.evidence.reading(Measure.MEMORY)
    if one is not None and not one.slope:
        return risen(Measure.MEMORY)(found)
    return f"memory rises {number(one.slope)} % a minute, to {number(one.peak)} %" if one else ""


def errors(found: Facts) -> str:
    """`212 exceptions in 10 min (0 in the hour before): `KeyError: 'currency'` × 198`, or as metrics count them:
    `720 errors in 10 min (expected 0); in the logs: …`."""
    failed, rise = found.errors, found.rises.get(Measure.ERRORS)
    span = about(timedelta(hours=in_hours(found.evidence)))
    exceptions = [line for line in failed.lines if line.kind is LogClass.EXCEPTION]
    named = f": {patterns(failed.lines)}" if failed.lines else ""
    if exceptions and _total(exceptions) >= failed.number:
        return f"{things(failed.number, 'exception')} in {span}{_before(exceptions)}{named}"
    traces = found.evidence.traces
    if traces and not rise and not failed.lines:
        return f"X-Ray: {things(failed.number, 'faulty trace')} of {traces.total:,} in {span}"
    usual = ""
    if rise and rise.usual is not None and rise.basis is not Basis.LIMIT:
        usual = f" ({rise.basis.value.format(number(rise.usual))})"
    logged = f"; in the logs: {patterns(failed.lines)}" if failed.lines else ""  # which may have but a part of them
    return f"{things(failed.number, 'error')} in {span}{usual}{logged}"


def share(found: Facts) -> str:
    """Errors that have just begun are but a small part of the minutes that are counted: so the worst minute, too."""
    span = about(timedelta(hours=in_hours(found.evidence)))
    mean, worst = (number(100 * (each or 0.0)) for each in (found.errors.share, found.evidence.failing))
    if (found.evidence.failing or 0.0) <= (found.errors.share or 0.0) or worst == mean:
        return f"{mean} % of the requests in these {span} fail"
    return f"{worst} % of the requests fail in the worst minute, {mean} % in these {span}"


def waits(found: Facts) -> str:
    lines = [line for line in found.errors.lines if line.kind is not LogClass.EXCEPTION]
    if not lines:
        return ""
    what = things(_total(lines), "timeout or broken connection", "timeouts and broken connections")
    return f"{what}{_before(lines)}: {patterns(lines)}"


def slow_traces(found: Facts) -> str:
    p99 = found.evidence.traces.p99 if found.evidence.traces else None
    return f"X-Ray: p99 {number(p99)} s" if p99 else ""


def blame(found: Facts) -> str:
    return f"what it depends on is in trouble: {', '.join(found.blame.names[:LINES])}" if found.blame.names else ""


def suspect(one: Suspect) -> str:
    """`deployed web:56 → web:57 by ci-deployer, 3 min before the first error, same service`."""
    change = one.change
    by = f" by {change.author}" if change.author else ""
    return f"{_made(change)}{by}, {', '.join(one.reasons)}"


def taken_back(change: Made, back: Made, began_at: datetime) -> str:
    """`web:57: taken back to web:56 4 min before it began`."""
    return f"{change.after}: taken back to {back.after} {about(max(began_at - back.at, timedelta()))} before it began"


def _made(change: Made) -> str:
    step = f"{change.before} → {change.after}".lstrip() if change.after else ""
    if change.before and step and change.after in change.what:
        what = change.what.replace(change.after, step, 1)
    else:
        what = change.what if change.after in change.what else f"{change.what} {step}"
    is_said = not change.target or change.target in what or change.target == change.service
    return what if is_said else f"{what} on {change.target}"


def patterns(lines: Iterable[LogFinding]) -> str:
    """The most frequent ones with their counts."""
    ordered = sorted(lines, key=lambda line: (-line.count, line.pattern))
    return ", ".join(f"`{_cut(line.pattern)}` × {line.count:,}" for line in ordered[:LINES])


def _name(one: Reading) -> str:
    """Latencies by their statistic, what is not known by the metric's own name."""
    if one.measure is Measure.OTHER:
        return one.name or one.metric.rpartition(" ")[2] or one.measure.value
    if one.measure is not Measure.LATENCY or not one.statistic:
        return "p99 latency" if one.measure is Measure.LATENCY else one.measure.value
    return f"{one.statistic if one.statistic.startswith('p') else one.statistic.lower()} latency"


def _deviation(one: Reading) -> str:
    return number(one.deviation) if one.deviation and isfinite(one.deviation) and one.deviation > 0 else ""


def _with_unit(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".rstrip()


def _before(lines: Iterable[LogFinding]) -> str:
    return f" ({sum(max(line.before, 0) for line in lines):,} in the hour before)"


def _total(lines: Iterable[LogFinding]) -> int:
    return sum(max(line.count, 0) for line in lines)


def _cut(text: str, most: int = PATTERN) -> str:
    flat = " ".join(text.replace("`", "'").split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
