"""What lines of a log say: their class by their words, and the pattern that lines of one kind share. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bot.models import LogClass
from bot.redaction import redacted

MAX_LINE = 4000
"""Of a line no more is read: it may be a megabyte."""
MAX_SAMPLE = 500
MAX_PATTERN = 160

# The words of docs/runbooks/cloudwatch-insights-queries.md, for rows that do not name their class.
_WORDS = {
    LogClass.MEMORY: r"out ?of ?memory|\boom[ -]?kill|memoryerror|cannot allocate memory|heap space|gc overhead limit"
    r"|signal: killed|exit(?:ed with)? code:? 137",
    LogClass.TIMEOUT: r"tim(?:e|ed|es|ing)[ _-]?out|deadline ?exceeded",
    LogClass.CONNECTION: r"connection ?(?:refused|reset|closed|aborted|error|lost)|econn(?:refused|reset|aborted)"
    r"|broken pipe|\bepipe\b|enotfound|eai_again|no route to host|network is unreachable"
    r"|(?:could ?not|unable to|failed to) connect|name or service not known|too many (?:connections|clients)"
    r"|connection pool",
    LogClass.RATE_LIMIT: r"rate[ _-]?(?:limit|exceeded)|throttl|too ?many ?requests|limit ?exceeded|quota ?exceeded"
    r"|status(?:code)?[\"' :=]{1,4}429",
    LogClass.EXCEPTION: r"exception\b|traceback|\bpanic:|\bfatal\b|unhandled|segmentation fault|error\b",
}
_CLASSES = {kind: re.compile(words, re.IGNORECASE) for kind, words in _WORDS.items()}
_RAISED = re.compile(
    r"^\s{0,8}(?:Caused by: |\[ERROR\] )?((?:[\w$]{1,80}[.:]{1,2}){0,12}\w{0,80}(?:Error|Exception|Timeout|Exit)\b)"
)
_STAMP = re.compile(r"^[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]{0,10}(?:Z|[+-]\d\d:?\d\d)?[\])]?\s{0,4}")
_TELLING = ("message", "msg", "error", "exception", "errorMessage", "err", "detail")
# fmt: off
_VARIES = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "{id}"),
    (re.compile(r"\b(?=[0-9a-f]{0,64}\d)(?=[0-9a-f]{0,64}[a-f])[0-9a-f]{8,64}\b", re.IGNORECASE), "{id}"),
    (re.compile(r"\b0x[0-9a-f]{1,16}\b", re.IGNORECASE), "{id}"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]{0,10}(?:Z\b|[+-]\d\d:?\d\d)?"), "{time}"),
    (re.compile(r"\b(?=\w{0,64}\d)(?=\w{0,64}[A-Za-z])\w{12,64}\b"), "{id}"),
    (re.compile(r"\d+(?:[.,:]\d+){0,8}"), "#"),
)
# fmt: on


def class_of(text: str, row: Mapping[str, str]) -> LogClass | None:
    """By the row's own columns, `memory` to `exception`, else by the words of the line; the first that fits."""
    named = next((kind for kind in LogClass if row.get(_column(kind))), None)
    return named or next((kind for kind, words in _CLASSES.items() if words.search(text)), None)


def words_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """What the query grouped by: the same in the window and in the hour before."""
    return tuple(row.get(_column(kind), "").lower() for kind in LogClass)


def pattern_of(line: str, kind: LogClass) -> str:
    """What lines of one kind share: what was raised, else the line that has the word; without what varies."""
    text = _telling(line)
    for pattern, mark in _VARIES:
        text = pattern.sub(mark, text)
    text = " ".join(text.split())
    return _cut(text, MAX_PATTERN) or kind.value


def sample_of(line: str) -> str:
    """The line for people; of one that was cleaned."""
    return _cut(line.strip(), MAX_SAMPLE)


def clean(text: str) -> str:
    """Without secrets, control characters and more than 4,000 characters; cut between words, for half a token is not
    known as one."""
    if len(text) > MAX_LINE:
        text = " ".join(text[:MAX_LINE].rsplit(maxsplit=1)[:1])
    shown = redacted(text)
    return "".join(char for char in shown if char.isprintable() or char in "\n\t")


def _column(kind: LogClass) -> str:
    return kind.value.replace(" ", "_")


def _telling(line: str) -> str:
    """The last thing that was raised, the message of a JSON line, else the first line that has words of a class."""
    rows = [row for row in _plain(line).splitlines() if row.strip()]
    raised = next((row for row in reversed(rows) if _RAISED.match(row)), None)
    with_words = next((row for row in rows if any(words.search(row) for words in _CLASSES.values())), "")
    told = raised or with_words or (rows[0] if rows else "")
    return _STAMP.sub("", told.strip())


def _plain(line: str) -> str:
    if not line.lstrip().startswith("{"):
        return line
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    told = [found[key] for key in _TELLING if isinstance(found.get(key), str) and found[key]]
    return "\n".join(told) or line


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
