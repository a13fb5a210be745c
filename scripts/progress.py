"""How far a long script is: a bar for people, and a file to go on from."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from bot.baselines import Baseline

WIDTH = 30
KEEP = timedelta(days=1)


class Bar:
    """A line on standard error that is written over; where nobody watches (a file, CI), a line each time."""

    def __init__(self, unit: str, total: int, stream: TextIO | None = None) -> None:
        self._unit = unit
        self._total = total
        self._done = 0
        self._stream = stream or sys.stderr

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._done and self._stream.isatty():
            print(file=self._stream)

    def add(self, count: int, label: str) -> None:
        self._done += count
        full = WIDTH * self._done // max(self._total, 1)
        line = f"[{'#' * full}{'.' * (WIDTH - full)}] {self._done}/{self._total} {self._unit}  {label}"
        if self._stream.isatty():
            print(f"\r\x1b[K{line}", end="", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)


class Partial:
    """What was learned before the end, service by service, in `<output>.partial`.

    It counts for a day, and only for a run that asks for the same. `until` stays that of the first run, so that all
    services are about the same weeks. A last line that was cut off is read again.
    """

    def __init__(self, output: Path, asked: Mapping[str, Any], now: datetime) -> None:
        self._file = output.with_name(output.name + ".partial")
        self._asked = dict(asked)
        self.until = now.replace(minute=0, second=0, microsecond=0)
        self._found: dict[str, list[Baseline]] = {}
        self._load(now)

    @property
    def services(self) -> Sequence[str]:
        return list(self._found)

    @property
    def baselines(self) -> list[Baseline]:
        return [each for found in self._found.values() for each in found]

    def add(self, service: str, baselines: Sequence[Baseline]) -> None:
        if not self._found:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(
                json.dumps({"asked": self._asked, "until": self.until.isoformat()}) + "\n", encoding="utf-8"
            )
        self._found[service] = list(baselines)
        line = json.dumps({"service": service, "baselines": [each.model_dump(mode="json") for each in baselines]})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def done(self) -> None:
        self._file.unlink(missing_ok=True)

    def _load(self, now: datetime) -> None:
        if not self._file.exists():
            return
        lines = list(self._lines())
        first = lines[0] if lines else {}
        until = datetime.fromisoformat(first["until"]) if "until" in first else None
        if first.get("asked") != self._asked or until is None or now - until > KEEP:
            return
        self.until = until
        for line in lines[1:]:
            self._found[line["service"]] = [Baseline.model_validate(each) for each in line["baselines"]]

    def _lines(self) -> list[dict[str, Any]]:
        """Whole lines of ours; what follows a broken one is left out."""
        found = []
        for line in self._file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
        return found
