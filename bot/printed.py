"""Digests and exported rows as text: JSON, Markdown and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any, TextIO

from blocks import digest as words
from blocks.text import counted
from bot import triage
from bot.config import Config
from bot.draft.words import address
from bot.errors import InvalidInput
from bot.models.digest import Count, Digest, Named, NoisyAlarm, Overdue, Times
from bot.reporting import MOST_DAYS, Asked, Sources, asked_for, late, links
from bot.store.records import COLUMNS
from bot.store.sqlite import SqliteStore

# https://owasp.org/www-community/attacks/CSV_Injection: the wide ones are for spreadsheets of East Asia.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def made(store: SqliteStore, config: Config, asked: Asked, now: datetime) -> Digest:
    """The digest of the last days. Raises InvalidInput."""
    if not 1 <= asked.days <= MOST_DAYS:
        raise InvalidInput("days", f"1 to {MOST_DAYS}")
    within = triage.policy(config).acknowledge_within
    sources = Sources(store, config, within, late(store), links(store, store.workspace()))
    return asked_for(sources, asked, now)


def digest(made: Digest, form: str, out: TextIO) -> None:
    out.writelines(f"{line}\n" for line in _FORMATS[form](made))


def rows(found: Iterable[dict[str, Any]], what: str, form: str, out: TextIO) -> None:
    """One at a time, as they come."""
    if form == "jsonl":
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        return
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # a bare \r in it would end the row
    writer.writerow(COLUMNS[what])
    for row in found:
        writer.writerow([_cell(row.get(column)) for column in COLUMNS[what]])


def _cell(value: Any) -> Any:
    """Lists, objects and booleans as JSON. Text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(value, (dict, list, tuple, bool)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return value


# -- digests as files


def _json(digest: Digest) -> Iterator[str]:
    whole = digest.model_dump(mode="json")
    whole["period"] = dict(zip(digest.period._fields, whole["period"], strict=True))
    yield json.dumps(whole, indent=2, ensure_ascii=False)


def _table(digest: Digest) -> Iterator[tuple[str, str, Any, Any]]:
    """Measure, of what, now, before."""
    yield "incidents", "", digest.incidents.now, digest.incidents.before
    for severity, count in digest.severities.items():
        yield "incidents", severity.label, count.now, count.before
    for one in digest.services:
        yield "incidents", one.service, one.incidents.now, one.incidents.before
    for name, times in (("acknowledge", digest.acknowledge), ("resolve", digest.resolve)):
        yield f"seconds to {name}", "median", times.median, times.median_before
        yield f"seconds to {name}", "p90", times.p90, None
    yield "acknowledged in time", "", digest.sla.kept, None
    yield "acknowledged late", "", digest.sla.missed, None
    yield "over in time without an acknowledgement", "", digest.sla.without, None
    yield "to be acknowledged in time", "", digest.sla.waiting, None
    yield "without a time to acknowledge", "", digest.sla.free, None
    yield "alerts", "", digest.alerts.alerts.now, digest.alerts.alerts.before
    yield "alarm messages", "", digest.alerts.messages, None
    yield "cards", "", digest.alerts.cards, None
    for alarm in (*digest.noisy, *digest.flapping):
        yield "firings", alarm.name, alarm.firings, None
    yield "remediations", "", digest.automation.runs.now, digest.automation.runs.before
    yield "remediations", "verified", digest.automation.verified, None
    yield "remediations", "did not help", digest.automation.failed, None
    yield "remediations", "not known yet", digest.automation.pending, None
    yield "remediations", "taken back", digest.automation.undone, None
    yield "seconds saved", "", round(digest.automation.saved), None
    for load in digest.load:
        yield "calls", load.service, load.pages, None
        yield "calls at night", load.service, load.at_night, None
    yield "post-mortems", "filed", digest.written.filed, None
    yield "post-mortems", "waived", digest.written.waived, None
    yield "overdue", "", len(digest.overdue), None


def _csv(digest: Digest) -> Iterator[str]:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("measure", "of", "now", "before"))
    writer.writerows([_cell(cell) for cell in row] for row in _table(digest))
    yield from text.getvalue().splitlines()


def _markdown(digest: Digest) -> Iterator[str]:
    yield f"# {words.title(digest.period)}{f' · {digest.service}' if digest.service else ''}"
    yield ""
    if digest.is_empty:
        yield "No incidents, no alerts, nothing overdue."
        return
    yield "| | now | before |"
    yield "|---|---:|---:|"
    yield _row("Incidents", digest.incidents)
    for severity, count in digest.severities.items():
        yield _row(severity.label, count)
    yield f"| Time to acknowledge, median | {_time(digest.acknowledge.median)} | {_before(digest.acknowledge)} |"
    yield f"| Time to resolve, median | {_time(digest.resolve.median)} | {_before(digest.resolve)} |"
    yield f"| Acknowledged in time | {' · '.join(words.in_time(digest.sla))} | |"
    yield _row("Alerts", digest.alerts.alerts)
    yield f"| Alarm messages, cards | {digest.alerts.messages}, {digest.alerts.cards} | |"
    yield _row("Remediations", digest.automation.runs)
    yield from _outcomes(digest)
    yield from _section("Worst incidents", map(_worst, digest.worst))
    yield from _section("Services", (f"{_inert(one.service)}: {one.incidents.now}" for one in digest.services))
    yield from _section("Noisy and flapping alarms", map(_alarm, (*digest.noisy, *digest.flapping)))
    yield from _section(
        "On call",
        (
            f"{_inert(one.service) or 'no service'}: {counted(one.pages, 'call')}, {one.at_night} at night"
            for one in digest.load
        ),
    )
    yield from _section("Overdue", map(_late, digest.overdue) if digest.overdue else ["nothing"])


def _outcomes(digest: Digest) -> Iterator[str]:
    """What became of remediations and post-mortems: rows for what there is."""
    done, written = digest.automation, digest.written
    counts = {
        "… of them helped": done.verified,
        "… of them did not help": done.failed,
        "… of them not known yet": done.pending,
        "… of them taken back": done.undone,
        "Post-mortems filed": written.filed,
        "Post-mortems waived": written.waived,
    }
    yield from (f"| {name} | {count} | |" for name, count in counts.items() if count)
    if done.saved:
        yield f"| Time saved, about | {_time(done.saved)} | |"


def _worst(one: Named) -> str:
    return f"{one.severity.label} {_link(one.id, one.link)} {_inert(one.service)}: {words.lasted(one)}"


def _late(one: Overdue) -> str:
    return f"{_link(one.what, one.link)}: {words.late_by(one)}"


def _link(name: str, place: str) -> str:
    return f"[{_inert(name)}]({address(place)})" if place else _inert(name)


def _row(what: str, count: Count) -> str:
    return f"| {what} | {count.now} | {count.before} |"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = [f"- {line}" for line in lines]
    if found:
        yield from ("", f"## {title}", "", *found)


def _alarm(one: NoisyAlarm) -> str:
    said = f"{_inert(one.name)}: {one.firings}×, {one.short} over within 5 min, {one.flaps} returns"
    if one.proposal is None:
        return said
    return f"{said} → {_inert(one.proposal.change)}, saves {one.proposal.saves} of {one.proposal.of}"


def _inert(line: str) -> str:
    """One line in which nothing is HTML, a link or a table's edge."""
    plain = " ".join(line.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    return plain.replace("|", "\\|").replace("[", "\\[").replace("]", "\\]")


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else words.duration(seconds)


def _before(times: Times) -> str:
    return _time(times.median_before)


_FORMATS = {"json": _json, "csv": _csv, "markdown": _markdown}
