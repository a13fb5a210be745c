"""What the pages of docs/runbooks hold for the bot: Logs Insights queries and manual steps. Pure.

A query is the first fenced block below a heading `### <id>`. A step is an item of the numbered list below `## Steps`: a
line for people, then the fenced block with its command, if it has one. docs/runbooks/README.md describes both for those
who write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bot.errors import SettingsError

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*")
_ITEM = re.compile(r"\d+\.\s+(.+?)\s*")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")


class Step(NamedTuple):
    """One manual step: what to do, and the command for it, empty where it is done elsewhere."""

    text: str
    command: str = ""


class _Part(NamedTuple):
    """A line of the page, or a whole fenced block, with the number of its first line."""

    line: int
    text: str
    is_block: bool = False


def queries(text: str) -> dict[str, str]:
    """The queries of a page by their ids, in its order. Raises SettingsError with the line of what can't be told."""
    found: dict[str, str] = {}
    open_id, at = "", 0
    for part in _parts(text):
        heading = None if part.is_block else _HEADING.fullmatch(part.text)
        if heading:
            _has_query(open_id, at)
            open_id, at = (heading[2].strip("`"), part.line) if heading[1] == "###" else ("", 0)
            if open_id in found:
                raise SettingsError(f"line {at}: the query {open_id} stands twice; keep one")
        elif part.is_block and open_id:
            found[open_id], open_id = part.text, ""
    _has_query(open_id, at)
    return found


def steps(text: str) -> list[Step]:
    """The manual steps of a runbook, in order; none where it has no section `Steps`."""
    found: list[Step] = []
    is_inside = False
    for part in _parts(text):
        heading = None if part.is_block else _HEADING.fullmatch(part.text)
        if heading and len(heading[1]) <= 2:
            is_inside = heading[2] == "Steps"
        elif is_inside and part.is_block and found and not found[-1].command:
            found[-1] = found[-1]._replace(command=part.text)
        elif is_inside and not part.is_block and (item := _ITEM.fullmatch(part.text)):
            found.append(Step(item[1]))
    return found


def _has_query(query_id: str, line: int) -> None:
    if query_id:
        raise SettingsError(f"line {line}: ### {query_id} has no fenced block with its query below it")


def _parts(text: str) -> Iterator[_Part]:
    """Lines outside fenced blocks, and the blocks without their fences and without the indentation of a list."""
    block: list[str] = []
    fence, at = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.fullmatch(line)
        if not fence and mark:
            fence, at, block = mark[1], number, []
        elif fence and mark and mark[1].startswith(fence) and not mark[2].strip():
            yield _Part(at, _dedented(block), is_block=True)
            fence = ""
        elif fence:
            block.append(line)
        else:
            yield _Part(number, line)
    if fence:
        raise SettingsError(f"line {at}: the fenced block that begins here does not end")


def _dedented(lines: list[str]) -> str:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    cut = min(indents, default=0)
    return "\n".join(line[cut:].rstrip() for line in lines).strip("\n")
