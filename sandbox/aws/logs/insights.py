"""Runs a query of Logs Insights over events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.aws.clock import utc
from sandbox.aws.logs.expressions import Row, aggregated, order, value
from sandbox.aws.logs.syntax import Call, Column, Command, Regex

DEFAULT_LIMIT = 10_000
TIMES = frozenset(("@timestamp", "@ingestionTime"))


@dataclass
class Found:
    """The rows, and what it took to find them."""

    rows: list[list[dict[str, str]]]
    matched: float
    scanned: float
    size: float


class _Table:
    """What a query has made of the events so far."""

    def __init__(self, events: Iterable[Row], limit: int | None) -> None:
        self.rows = sorted(events, key=lambda r: r["@timestamp"], reverse=True)
        self.matched = len(self.rows)
        self.most = limit or DEFAULT_LIMIT
        self.shown = ["@timestamp", "@message"]
        self.times = set(TIMES)
        self.grouped = self._chosen = False

    def take(self, command: Command) -> None:
        match command.name:
            case "filter" if command.condition is not None:
                self.rows = [r for r in self.rows if value(command.condition, r)]
                self.matched = self.matched if self.grouped else len(self.rows)
            case "parse":
                _parse(command, self.rows)
            case "fields" | "display":
                before = self.shown if self._chosen and command.name == "fields" else []
                self.shown, self._chosen = _fields(command, self.rows, before), True
            case "stats":
                self._group(command)
            case "sort":
                _sort(command, self.rows)
            case "dedup":
                self.rows = _dedup(command, self.rows)
            case "limit":
                self.most = command.count

    def _group(self, command: Command) -> None:
        columns = (*command.by, *command.columns)
        self.rows, self.grouped, self._chosen = _stats(command, self.rows), True, False
        self.shown = [c.name for c in columns]
        self.times |= {c.name for c in columns if _is_time(c)}


def run(commands: list[Command], events: Sequence[Row], limit: int | None) -> Found:
    table = _Table(events, limit)
    for command in commands:
        table.take(command)
    size = sum(len(r["@message"].encode()) for r in events)
    rows = [_row(r, table.shown, table.times, pointed=not table.grouped) for r in table.rows[: table.most]]
    return Found(rows, float(table.matched), float(len(events)), float(size))


def _parse(command: Command, rows: list[Row]) -> None:
    of, pattern = command.columns[0].expression, command.condition
    assert isinstance(pattern, Regex)
    for row in rows:
        found = pattern.pattern.search(str(value(of, row) or ""))
        for n, name in enumerate(command.names):
            if found and found.group(n + 1) is not None:
                row[name] = found.group(n + 1)


def _fields(command: Command, rows: list[Row], before: list[str]) -> list[str]:
    for row in rows:
        row |= {c.name: value(c.expression, row) for c in command.columns if c.name not in row}
    return [*before, *(c.name for c in command.columns)]


def _stats(command: Command, rows: list[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(value(c.expression, row) for c in command.by), []).append(row)
    if not command.by and not groups:
        groups[()] = []
    return [
        {c.name: v for c, v in zip(command.by, key, strict=True)}
        | {c.name: aggregated(c.expression, group) for c in command.columns}
        for key, group in groups.items()
    ]


def _is_time(column: Column) -> bool:
    """Time stamps are shown as such, also the first, the last, and those of a bin."""
    of = column.expression
    if not isinstance(of, Call):
        return False
    named = [getattr(a, "name", "") for a in of.arguments]
    return of.function in ("bin", "datefloor") or (
        of.function in ("min", "max", "earliest", "latest") and named[:1] == ["@timestamp"]
    )


def _sort(command: Command, rows: list[Row]) -> None:
    """The last column first: sorting keeps the order of equals."""
    for column, down in reversed(list(zip(command.columns, command.down, strict=True))):

        def key(row: Row, column: Column = column) -> tuple[int, Any]:
            found = row[column.name] if column.name in row else value(column.expression, row)
            return (2, "") if found is None else order(found)

        rows.sort(key=key, reverse=down)


def _dedup(command: Command, rows: list[Row]) -> list[Row]:
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        seen.setdefault(tuple(str(value(c.expression, row)) for c in command.columns), row)
    return list(seen.values())


def _row(row: Row, shown: list[str], times: set[str], *, pointed: bool) -> list[dict[str, str]]:
    cells = [{"field": n, "value": _cell(row[n], n in times)} for n in shown if row.get(n) is not None]
    return [*cells, {"field": "@ptr", "value": row["@ptr"]}] if pointed else cells


def _cell(given: Any, is_time: bool) -> str:
    if is_time:
        return utc(float(given) / 1000).strftime("%Y-%m-%d %H:%M:%S.") + f"{int(float(given)) % 1000:03d}"
    if isinstance(given, float):
        return str(int(given)) if given.is_integer() else f"{given:.4f}".rstrip("0").rstrip(".")
    if isinstance(given, bool):
        return str(int(given))
    return str(given)
