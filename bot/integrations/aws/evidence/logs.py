"""Lines that tell of trouble, by Logs Insights: since the symptom began, and how much of it was there before."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from bot.errors import CloudError
from bot.integrations.aws.evidence import console, lines
from bot.integrations.aws.evidence.asking import (
    HOUR,
    LONGEST,
    Answer,
    Calls,
    Looking,
    Means,
    counted,
    goes_on_for_long,
    joined,
    off,
    symptom,
)
from bot.models import LogFinding, Source, SourceOutcome
from bot.ports import Scope

log = logging.getLogger(__name__)

RECENT = timedelta(minutes=15)
SILENCE = timedelta(minutes=2)
"""Lines that were silent for so long before the symptom are an earlier trouble's."""
MAX_ROWS = 100
MAX_FINDINGS = 20
MAX_GROUPS = 50  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
MAX_SCAN = 20 * 10**9
"""Bytes after which a query is stopped; ten cents."""
MAX_CHARACTERS = 200_000
FIRST_PAUSE, LONGEST_PAUSE = 0.15, 1.0
RESERVE = 0.4
"""Seconds that are left for stopping what is late."""
LINES = (
    "fields @timestamp, @logStream, @message\n"
    "| filter @message like /(?i)error|exception|fatal|panic|time[d ]?out|refused|out ?of ?memory|throttl/\n"
    "| sort @timestamp desc\n| limit 100"
)
"""What the console's link shows: the lines themselves. The bot's own query is too long for an address in Slack."""

Row = dict[str, str]


class _Result(NamedTuple):
    rows: list[Row]
    is_whole: bool
    scanned: float


class Logs(Looking):
    """Starts both queries at once and asks for their results, ever less often, until both are there or it is late."""

    source = Source.LOGS

    def __init__(self, means: Means, query: str) -> None:
        super().__init__(means)
        self._query = query

    def link(self, scope: Scope, region: str) -> str:
        groups = scope.resources.log_groups[:MAX_GROUPS]
        return console.insights(region, LINES, groups, counted(scope), scope.until) if groups else ""

    def look(self, scope: Scope, calls: Calls) -> Answer:
        groups = list(scope.resources.log_groups[:MAX_GROUPS])
        if not groups:
            return off(f"no log group is known: name log_groups of {scope.service} in the catalogue")
        began, since = symptom(scope), counted(scope)
        queries, missing = self._start(groups, ((since, scope.until), (began - HOUR, began)), calls)
        if not queries:
            named = ", ".join(missing)
            return off(f"there is no log group {named}: name log_groups of {scope.service} in the catalogue")
        during, before = self._results(queries, calls)
        found = findings(during.rows, before.rows, began)
        said = _said(scope, missing, during, found)
        if not during.is_whole and not found:
            return Answer(why=said, outcome=SourceOutcome.FAILED)
        values = {"logs": tuple(found[:MAX_FINDINGS]), "counted_since": since} if found else {}
        return Answer(values, said or ("" if found else _in_vain(groups)))

    def _start(
        self, groups: list[str], spans: Sequence[tuple[datetime, datetime]], calls: Calls
    ) -> tuple[list[str], list[str]]:
        """The ids of the queries, and log groups that do not exist: usual names are a guess."""
        missing: list[str] = []
        while groups:
            try:
                return [self._start_one(groups, *span, calls) for span in spans], missing
            except CloudError as error:
                gone = [group for group in groups if f"'{group}'" in error.detail]
                if error.code != "ResourceNotFoundException":
                    raise
                missing += gone or groups
                groups = [group for group in groups if gone and group not in gone]
        return [], missing

    def _start_one(self, groups: Sequence[str], since: datetime, until: datetime, calls: Calls) -> str:
        start = ceil(since.timestamp())  # whole seconds: that in which a deployment was taken back is not after it
        with calls.client("logs", "StartQuery", ", ".join(groups)) as client:
            answer = client.start_query(
                logGroupNames=list(groups),
                startTime=start,
                endTime=max(ceil(until.timestamp()) - 1, start),  # both ends belong to it
                queryString=self._query,
                limit=MAX_ROWS,
            )
        return str(answer["queryId"])

    def _results(self, queries: Sequence[str], calls: Calls) -> list[_Result]:
        found = {query: _Result([], False, 0.0) for query in queries}
        waiting, pause = list(queries), FIRST_PAUSE
        try:
            while waiting and calls.left > pause + RESERVE and calls.pause(pause):
                for query in list(waiting):
                    found[query], is_over = _ask(query, calls)
                    if is_over:
                        waiting.remove(query)
                pause = min(pause * 1.5, LONGEST_PAUSE)
        finally:
            for query in waiting:
                _stop(query, calls)
        return list(found.values())


def findings(during: Iterable[Row], before: Iterable[Row], began: datetime) -> list[LogFinding]:
    """Rows as findings: the most frequent first, those of one class and pattern as one. What came up shortly before
    the symptom `began`, and had not stopped by then, was first seen when it came up."""
    earlier: dict[tuple[str, ...], int] = {}
    spells: dict[tuple[str, str], list[datetime]] = {}
    by_pattern: dict[tuple[str, str], int] = {}
    for _, count, words, found, last in _read(before):
        key = (found.kind, found.pattern)
        earlier[words] = earlier.get(words, 0) + count
        by_pattern[key] = by_pattern.get(key, 0) + count
        if found.first_seen is not None:
            spells.setdefault(key, []).extend((found.first_seen, last or max(found.first_seen, began)))
    merged: dict[tuple[str, str], LogFinding] = {}
    for is_grouped, count, words, found, _ in _read(during):
        key = (found.kind, found.pattern)
        known = merged.get(key)
        was = earlier.pop(words, 0) if is_grouped else by_pattern.pop(key, 0)
        merged[key] = found.model_copy(
            update={
                "count": count + (known.count if known else 0),
                "before": was + (known.before if known else 0),
                "first_seen": _earliest(found.first_seen, known.first_seen if known else None),
                "sample": known.sample if known else found.sample,
            }
        )
    for of, seen in spells.items():
        if of in merged and min(seen) >= began - RECENT and max(seen) >= began - SILENCE:
            merged[of] = merged[of].model_copy(update={"first_seen": _earliest(min(seen), merged[of].first_seen)})
    return sorted(merged.values(), key=lambda each: -each.count)


def _read(rows: Iterable[Row]) -> Iterator[tuple[bool, int, tuple[str, ...], LogFinding, datetime | None]]:
    """Each row that has a class: is it a group of lines, how many, by which words, as a finding, and when it was last
    seen."""
    left = MAX_CHARACTERS
    for row in rows:
        text = row.get("sample") or row.get("@message") or ""
        line = lines.clean(text)
        kind = lines.class_of(line, row)
        left -= len(line)
        if kind is None or left < 0:
            continue
        is_grouped, count = any(lines.words_of(row)), _count(row)
        found = LogFinding(
            kind=kind,
            pattern=lines.pattern_of(line, kind),
            count=count,
            first_seen=_moment(row.get("first_seen") or row.get("@timestamp") or ""),
            sample=lines.sample_of(line),
        )
        yield is_grouped, count, lines.words_of(row), found, _moment(row.get("last_seen") or "")


def _ask(query: str, calls: Calls) -> tuple[_Result, bool]:
    """What there is by now, and whether no more will come."""
    with calls.client("logs", "GetQueryResults") as client:
        answer = client.get_query_results(queryId=query)
    rows = [_row(cells) for cells in answer.get("results", [])[:MAX_ROWS]]
    status, scanned = answer.get("status"), float((answer.get("statistics") or {}).get("bytesScanned") or 0)
    if status in ("Scheduled", "Running", "Unknown"):
        if scanned <= MAX_SCAN:
            return _Result(rows, False, scanned), False
        _stop(query, calls)
    elif status in ("Failed", "Timeout") and not rows:
        raise CloudError("query_failed", detail=f"logs:GetQueryResults: the query ended as {status}")
    return _Result(rows, status == "Complete", scanned), True


def _stop(query: str, calls: Calls) -> None:
    """Ends the scan, which is what costs. One that has just ended can't be stopped, and need not be."""
    try:
        with calls.client("logs", "StopQuery") as client:
            client.stop_query(queryId=query)
    except CloudError as error:
        log.info("a query of Logs Insights could not be stopped: %s", error)


def _row(cells: Iterable[Mapping[str, Any]]) -> Row:
    return {str(cell.get("field", "")): str(cell.get("value") or "") for cell in cells}


def _said(scope: Scope, missing: Sequence[str], during: _Result, found: Sequence[LogFinding]) -> str:
    """What was left out, as far as something was."""
    is_cut = len(during.rows) >= MAX_ROWS
    kinds = f"the first {min(len(found), MAX_FINDINGS)} of {len(found)}{' or more' if is_cut else ''} kinds of lines"
    return joined(
        "" if during.is_whole else f"stopped after {during.scanned / 1e9:.3g} GB: what it had by then",
        kinds if is_cut or len(found) > MAX_FINDINGS else "",
        f"only the last {LONGEST // HOUR} hours" if goes_on_for_long(scope) else "",
        f"there is no log group {', '.join(missing)}" if missing else "",
    )


def _in_vain(groups: Sequence[str]) -> str:
    return f"no line in {', '.join(groups)} tells of trouble"


def _count(row: Row) -> int:
    try:
        return max(int(float(row.get("hits") or row.get("count") or 1)), 0)
    except (ValueError, OverflowError):
        return 1


def _moment(text: str) -> datetime | None:
    """Milliseconds since 1970, or as `@timestamp` is shown: `2026-07-01 12:00:00.000`."""
    try:
        return datetime.fromtimestamp(float(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
