"""Reads what people type after `/incident`: subcommand, incident id, severity, people, quoted text. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from blocks.text import one_line, unescape
from bot.errors import InvalidInput
from bot.models import Severity

_ID = re.compile(r"(?i)^(?:inc[-_ ]?|#)(\d{1,9})\b[:,]?\s*")
_ALERT = re.compile(r"(?i)^al-(\d{1,15})\b[:,]?\s*")
_BARE_ID = re.compile(r"^(\d{1,9})(?=\s|$)\s*")
_NO_ID = re.compile(r"(?i)^(?:inc-|#\d)")
_USER = re.compile(r"^<@([UW][A-Z0-9]+)(?:\|[^>]*)?>\s*")
_AND = re.compile(r"(?i)^(?:,\s*)?(?:and\s+|&(?:amp;)?\s*)?")
_LINK = re.compile(r"^<(https?://[^|>\s]+)(?:\|[^>]*)?>\s*")
_MARKUP = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_FORMATTED = re.compile(r"(?<!\w)([*_~])(?=\S)(.{1,3000}?)(?<=\S)\1(?!\w)")
_SPACED = re.compile(r"(?i)^\s*sev\s+([1-4])(?=[\s:,]|$)[:,]?\s*")
_QUOTES = {'"': '"', "“": "”", "”": "”", "„": "“”", "«": "»", "‘": "’", "'": "'"}
_SINGLE = re.compile(r"'([^']+)'(?=\s|$)")  # an apostrophe elsewhere is no quote
_SEVERITY = re.compile(r"(?i)^(?:sev[-_]?\w*|p[0-9]|critical|high|medium|low)$")


class Declared(NamedTuple):
    """What an inline declare says; empty where it says nothing."""

    severity: Severity | None
    service: str
    impact: str


def first_word(text: str) -> tuple[str, str]:
    """The first word and the rest."""
    parts = text.split(maxsplit=1)
    return (parts[0] if parts else ""), (parts[1].strip() if len(parts) > 1 else "")


def readable(text: str) -> str:
    """What was typed, from what Slack made of it: `<@U1|ana>` is `@ana` again, entities are characters."""
    return unescape(_MARKUP.sub(_typed, text))


def plain(text: str, name: Callable[[str], str]) -> str:
    """What somebody wrote in one line without its formatting; who is mentioned, by `name`."""
    shown = one_line(readable(_PERSON.sub(lambda found: f"@{name(found[1])}", text)))
    shown = one_line(shown.replace("`", " "))
    while (bare := _FORMATTED.sub(r"\2", shown)) != shown:
        shown = bare
    return shown


def _typed(markup: re.Match[str]) -> str:
    kind, target, shown = markup["kind"], markup["target"], markup["label"]
    if kind and kind in "@#":
        return f"{kind}{shown or target}"
    if kind == "!":
        return shown or f"@{target}"
    if not shown:
        return target
    bare = target.partition(":")[2].removeprefix("//")
    return shown if shown in (target, bare) else f"{shown} ({target})"


class Bare(StrEnum):
    """When a number alone names an incident: where no free text follows that could begin with one."""

    ALWAYS = "always"
    ALONE = "alone"
    NEVER = "never"


def incident_id(text: str, bare: Bare) -> tuple[int | None, str]:
    """`INC-42 rest`, `#42 rest` and, as far as `bare` allows, `42 rest`.

    Raises InvalidInput for what looks like an id and is none: it must not fall through to another incident.
    """
    found = _ID.match(text)
    if found is None and _NO_ID.match(text):
        raise InvalidInput("incident", f"“{first_word(text)[0][:40]}” is no incident. Write it like INC-42.")
    if found is None and bare is not Bare.NEVER:
        found = _BARE_ID.match(text)
        if found is not None and bare is Bare.ALONE and found.end() < len(text):
            found = None
    return (int(found[1]), text[found.end() :]) if found else (None, text)


def alert_id(text: str) -> tuple[int | None, str]:
    """`AL-17 rest`."""
    found = _ALERT.match(text.strip())
    return (int(found[1]), text.strip()[found.end() :]) if found else (None, text)


def user(text: str) -> tuple[str | None, str]:
    """`<@U123|ana> rest`, as Slack escapes an @mention in a command."""
    found = _USER.match(text)
    return (found[1], text[found.end() :]) if found else (None, text)


def users(text: str) -> tuple[list[str], str]:
    """`<@U1|ana>, <@U2|bob> and <@U3|cy> rest`: all that stand at the beginning."""
    found: list[str] = []
    who, left = user(text)
    while who:
        found.append(who)
        rest = left
        who, left = user(_AND.sub("", rest))
    return (found, rest.lstrip(",:; ")) if found else ([], text)


def link(text: str) -> tuple[str, str]:
    """`<https://…|shown> title` or `https://… title`: the address and the title."""
    found = _LINK.match(text)
    if found:
        return unescape(found[1]), phrase(text[found.end() :])
    address, rest = first_word(text)
    return unescape(address), phrase(rest)


def phrase(text: str) -> str:
    """Free text as typed: Slack's escapes undone, and the quotes off when all of it is quoted."""
    words = text.strip()
    if len(words) >= 2 and words[0] in _QUOTES and words[-1] in _QUOTES[words[0]]:
        inner = words[1:-1]
        if not any(mark in inner for mark in (words[0], words[-1])):
            words = inner.strip()
    return readable(words)


def word_or_quoted(text: str) -> tuple[str, str]:
    """The first word, or all of a quoted beginning; and the rest. Raises InvalidInput for an open quote."""
    words = text.strip()
    single = _SINGLE.match(words)
    if single:
        return readable(single[1].strip()), words[single.end() :].strip()
    if words[:1] in _QUOTES and words[:1] != "'":
        ends = [words.find(mark, 1) for mark in _QUOTES[words[0]]]
        end = min((place for place in ends if place > 0), default=-1)
        if end < 0:
            raise InvalidInput("text", f"A quotation starts at {words[:20]} and does not end. Close it with {words[0]}")
        return readable(words[1:end].strip()), words[end + 1 :].strip()
    head, rest = first_word(words)
    return readable(head), rest


def severity_first(text: str) -> tuple[Severity | None, str]:
    """`sev1 rest`, `sev 1 rest`, `SEV-1: rest`; None where the text begins with something else."""
    spaced = _SPACED.match(text)
    if spaced:
        return Severity(int(spaced[1])), text[spaced.end() :]
    head, rest = first_word(text)
    head = head.rstrip(":,")
    return (Severity.parse(head), rest) if head and _SEVERITY.match(head) else (None, text)


def declaration(text: str) -> Declared:
    """`sev1 checkout-api "payments fail"`: any part may be missing from the end, the severity also in front."""
    severity, text = severity_first(text)
    service, rest = word_or_quoted(text)
    return Declared(severity, service, phrase(rest))
