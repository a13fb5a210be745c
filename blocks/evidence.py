"""Show evidence: all that an investigation collected, in one modal, with where to see the same in AWS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import NamedTuple

from blocks import alert_numbers as numbers
from blocks.ids import View
from blocks.rich import Line, Piece, bold, bullets, moment, own, prose, rich, url, words
from blocks.text import Block, clip, counted, label, one_line, plain_context
from bot import durations
from bot.models import (
    Asked,
    Evidence,
    HealthNote,
    Investigation,
    LogFinding,
    Made,
    Measure,
    Reading,
    SourceOutcome,
    Suspect,
    Traces,
)

_READINGS, _LOGS, _CHANGES, _NOTES, _SOURCES = 15, 12, 25, 12, 12
_SAMPLE = 500
_URL = 2000
_BEFORE = timedelta(hours=1)
_UNITS = {"%": "Percent", "s": "Seconds"}
_NAMES = {Measure.LATENCY: "p99 latency"}
_COLUMNS = ("", "now", "before", "expected")  # more would break the lines on a phone
_WORSE = (SourceOutcome.FAILED, SourceOutcome.NOT_PERMITTED)


def evidence_pages(investigation: Investigation) -> Block:
    """Readings, log lines, changes with their scores, traces, health, and how each source answered."""
    evidence = investigation.evidence
    blocks = _all(investigation, evidence) if evidence is not None else [plain_context("Nothing was collected.")]
    return {
        "type": "modal",
        "callback_id": View.EVIDENCE,
        "title": label(f"Evidence of {investigation.id}", 24),
        "close": label("Close", 24),
        "blocks": blocks,
    }


def _all(investigation: Investigation, evidence: Evidence) -> list[Block]:
    suspects = investigation.diagnosis.suspects if investigation.diagnosis else ()
    return [
        rich(_about(investigation, evidence)),
        *_readings(evidence),
        *_logs(evidence),
        *_changes(suspects, evidence),
        *_traces(evidence.traces),
        *_health(evidence.health),
        *_sources(evidence.asked),
    ]


def _about(investigation: Investigation, evidence: Evidence) -> Line:
    where = (evidence.service, evidence.environment, evidence.account, evidence.region, evidence.alarm)
    facts = " · ".join(part for part in (investigation.subject, *where) if part)
    window = [own(", looked at "), moment(evidence.since), own(" to "), moment(evidence.until)]
    return [words(facts, 500), own(" · began "), moment(evidence.began_at, "{date_short_pretty} {time}"), *window]


# -- metrics


def _readings(evidence: Evidence) -> list[Block]:
    readings = evidence.readings
    if not readings:
        return []
    since = evidence.counted_since or evidence.since
    part = max((evidence.until - since) / _BEFORE, 0.0)
    numbered = [_numbers(reading, part) for reading in readings[:_READINGS]]
    table = [_COLUMNS, *((each.name, each.now, each.before, each.expected) for each in numbered)]
    widths = [max(len(row[n]) for row in table) for n in range(len(_COLUMNS))]
    rows = "\n".join(_padded(row, widths) for row in table)
    worst = " · ".join(f"{each.name} {each.peak}{f' (limit {each.limit})' if each.limit else ''}" for each in numbered)
    span = durations.span(evidence.until - since)
    now: Line = [own("now: from "), moment(since, "{time_secs}"), own(f" on, {span}")]
    compared = "before: the hour before (errors and requests: in as long, on average)"
    note = f"{compared} · expected: usual for this hour of the week"
    below = rich([own("At worst: "), words(worst, 900)], now)
    return [_headed("Metrics", len(readings) - _READINGS, _code(own(rows)), below), plain_context(note)]


class _Numbers(NamedTuple):
    """A measure's numbers as they are written, all to one scale; what is not known is a dash, a limit empty."""

    name: str
    now: str
    before: str
    expected: str
    peak: str
    limit: str


def _numbers(reading: Reading, part: float) -> _Numbers:
    """`part`: how much of the hour before a sum is held against."""
    earlier, is_count = reading.before, reading.measure in (Measure.ERRORS, Measure.REQUESTS)
    if earlier is not None and is_count:
        earlier *= part
    is_tasks = reading.measure is Measure.TASKS
    seen, given = (reading.now, earlier, reading.peak), (reading.expected, reading.deviation, reading.threshold)
    values = (
        *(None if value is None else _rounded(value, is_whole=is_count or is_tasks) for value in seen),
        *(None if value is None else _rounded(value, is_whole=is_tasks) for value in given),
    )
    shown = numbers.quantities(values, _UNITS.get(reading.unit, reading.unit))
    now, before, peak, expected, deviation, limit = (
        "–" if value is None else said for value, said in zip(values, shown, strict=True)
    )
    if reading.expected is not None and reading.deviation is not None and not is_tasks:
        expected = f"{expected.partition(' ')[0]} ± {deviation}"
    name, a_minute = _name(reading), "/min" if is_count else ""
    return _Numbers(name, now, before, expected, peak + a_minute, limit if reading.threshold is not None else "")


def _rounded(value: float, *, is_whole: bool) -> float:
    """Three digits, of what is large all before the point: nobody reads `51.86784 %`, and nobody has 4.43 tasks."""
    if not isfinite(value) or value == 0:
        return value
    return float(f"{value:.3g}") if abs(value) < 100 and not is_whole else float(round(value))


def _name(reading: Reading) -> str:
    if reading.measure is Measure.OTHER:
        return clip(reading.name or reading.metric.rpartition(" ")[2] or reading.measure.value, 20)
    if reading.measure is not Measure.LATENCY or not reading.statistic:
        return _NAMES.get(reading.measure, reading.measure.value)
    return (
        f"{reading.statistic} latency" if reading.statistic.startswith("p") else f"{reading.statistic.lower()} latency"
    )


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        text.ljust(width) if n == 0 else text.rjust(width)
        for n, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *rest])


# -- logs


def _logs(evidence: Evidence) -> list[Block]:
    found = evidence.logs
    lines = [block for each in found[:_LOGS] for block in _finding(each)]
    told: list[Line] = []
    if evidence.tasks is not None:
        told.append([own(f"{evidence.tasks.running:,} of {counted(evidence.tasks.wanted, 'task')} run")])
    if evidence.stopped:
        told.append([own(f"{counted(evidence.stopped, 'ECS task')} stopped for want of memory")])
    told += [[own("a task stopped: "), words(why, 250)] for why in evidence.why_stopped[:_NOTES]]
    blocks = [_headed("Logs", len(found) - _LOGS), *lines] if lines else []
    return [*blocks, *([_headed("Tasks", 0, bullets(*told))] if told else [])]


def _finding(finding: LogFinding) -> list[Block]:
    """`198 × KeyError: 'currency'`, how many before, since when, and one line of them."""
    since = [own(", first "), moment(finding.first_seen, "{time_secs}")] if finding.first_seen else []
    head: Line = [
        bold(f"{finding.count:,} × "),
        {**words(finding.pattern, 300), "style": {"code": True}},
        own(f" ({finding.kind.value}; {finding.before:,} in the hour before)"),
        *since,
    ]
    told = rich(head)
    return [_joined(told, _code(prose(finding.sample, _SAMPLE))) if one_line(finding.sample) else told]


# -- changes


def change(made: Made, service: str) -> Line:
    """`deployed web:57 (was web:56) by ci-deployer`; what was changed where it is not the service itself."""
    to = f" → {made.after}" if made.after and made.after not in made.what else ""
    was = f" (was {made.before})" if made.before and made.before not in made.what else ""
    where = f" on {made.target}" if made.target and made.target != service and made.target not in made.what else ""
    by = [own(" by the bot")] if made.is_ours else [own(" by "), words(made.author, 200)] if made.author else []
    return [words(f"{made.what}{to}{was}{where}", 300), *by]


def reasons(suspect: Suspect, began_at: datetime | None) -> Line:
    """Why it is suspected; at least how near it is."""
    return (
        [own(": "), words(", ".join(suspect.reasons), 300)] if suspect.reasons else distance(suspect.change, began_at)
    )


def distance(made: Made, began_at: datetime | None) -> Line:
    """How long before or after the symptom."""
    if began_at is None:
        return []
    side = "before" if made.at <= began_at else "after"
    return [own(f", {durations.span(abs(made.at - began_at))} {side} it began")]


def _changes(suspects: Sequence[Suspect], evidence: Evidence) -> list[Block]:
    """The suspects in their order, then the changes that nothing speaks for, the newest first."""
    known = [suspect.change for suspect in suspects]
    lines: list[Line] = [_suspected(each, evidence) for each in suspects]
    for made in sorted(evidence.changes, key=lambda one: one.at, reverse=True):
        if made not in known:
            lines.append([*_told(made, evidence), *distance(made, evidence.began_at), *_console(made.link)])
    if not lines:
        return []
    heading = "Changes, the likeliest first (score from 0 to 1)" if suspects else "Changes"
    return [_headed(heading, len(lines) - _CHANGES, _ranked(lines[:_CHANGES]))]


def _suspected(suspect: Suspect, evidence: Evidence) -> Line:
    why = [*reasons(suspect, evidence.began_at), *_console(suspect.change.link)]
    return [bold(f"{suspect.score:.2f} "), *_told(suspect.change, evidence), *why]


def _told(made: Made, evidence: Evidence) -> Line:
    return [moment(made.at), own(" "), *change(made, evidence.service)]


def _ranked(lines: Sequence[Line]) -> Block:
    items = [{"type": "rich_text_section", "elements": list(line)} for line in lines]
    return {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "ordered", "elements": items}]}


# -- traces, health, sources


def _traces(traces: Traces | None) -> list[Block]:
    if traces is None:
        return []
    counts = f"{counted(traces.total, 'trace')}: {traces.faults:,} faults, {traces.errors:,} errors"
    p99 = f", p99 {numbers.quantity(traces.p99, 'Seconds')}" if traces.p99 is not None else ""
    head: Line = [bold("X-Ray  "), own(f"{counts}, {traces.throttles:,} throttled{p99}")]
    lines: list[Line] = [
        [own("calls "), words(name, 150), own(": "), words(what, 200)] for name, what in traces.downstream[:_NOTES]
    ]
    return [_joined(rich(head), bullets(*lines)) if lines else rich(head)]


def _health(notes: Sequence[HealthNote]) -> list[Block]:
    if not notes:
        return []
    lines = [
        [
            words(f"{note.service}: {note.title}", 300),
            own(" · since "),
            moment(note.started_at, "{date_short_pretty} {time}"),
            own(f" · {'open' if note.is_open else 'over'}{', names a resource of ours' if note.is_ours else ''}"),
            *_console(note.link),
        ]
        for note in notes[:_NOTES]
    ]
    return [_headed("AWS Health", len(notes) - _NOTES, bullets(*lines))]


def _sources(asked: Sequence[Asked]) -> list[Block]:
    """How each source answered, those that could not be asked first."""
    ordered = sorted(asked, key=lambda one: one.outcome not in _WORSE)[:_SOURCES]
    return [_headed("Sources", len(asked) - _SOURCES, bullets(*map(_source, ordered)))] if asked else []


def _source(one: Asked) -> Line:
    mark = "⚠ " if one.outcome in _WORSE else ""
    took = [own(f" · {one.seconds:.1f} s, {counted(one.calls, 'call')}")] if one.calls or one.seconds else []
    why = [own(" — "), words(one.why, 300)] if one.why else []
    name = bold(mark + one.source.value[:1].upper() + one.source.value[1:])
    return [name, own(f": {one.outcome.value}"), *why, *took, *_console(one.link)]


def _console(address: str) -> Line:
    is_address = address.startswith(("https://", "http://")) and len(address) <= _URL
    return [own(" · "), url(address, "Console")] if is_address else []


def _headed(text: str, more: int, *below: Block) -> Block:
    cut = [own(f"  the first ones; {more:,} more are stored")] if more > 0 else []
    return _joined(rich([bold(text), *cut]), *below)


def _joined(*parts: Block) -> Block:
    """Rich texts as one block, which stands closer together."""
    return {"type": "rich_text", "elements": [element for part in parts for element in part["elements"]]}


def _code(text: Piece) -> Block:
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [text]}]}
