"""What a draft is made from, and how names, times and foreign words stand in Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from blocks.text import clean, one_line
from bot.draft.alike import Alike
from bot.durations import span
from bot.models import ActionItem, Alert, Incident, Investigation, Remediation, TimelineEvent

_TEXT = 3000
_MARKUP = re.compile(r"([\\`*_{}\[\]|~]|^#|#(?=\d))")
_MENTION = re.compile(r"@(?=[A-Za-z0-9])")


class Known(NamedTuple):
    """All that a draft is made from. `names` are people by their ids; `zone` is the service's."""

    incident: Incident
    zone: ZoneInfo
    owner: str | None = None
    events: Sequence[TimelineEvent] = ()
    alerts: Sequence[Alert] = ()
    investigations: Sequence[Investigation] = ()
    remediations: Sequence[Remediation] = ()
    actions: Sequence[ActionItem] = ()
    alike: Sequence[Alike] = ()
    names: Mapping[str, str] = {}


def inert(text: str, limit: int = _TEXT) -> str:
    """Foreign words in one line of Markdown: no markup, no HTML, no mention."""
    line = one_line(text)
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    quiet = _MARKUP.sub(r"\\\1", line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub("@\u2060", quiet)


def coded(text: str) -> str:
    """The same, where what stands between backticks is code: a log line, a revision."""
    pieces = one_line(text)[:_TEXT].split("`")
    if len(pieces) % 2 == 0 or "" in pieces[1::2]:
        return inert(text)
    return "".join(f"`{piece}`" if number % 2 else spaced(piece) for number, piece in enumerate(pieces))


def spaced(text: str) -> str:
    """Inert, with the spaces around it."""
    return text[: len(text) - len(text.lstrip())] + inert(text) + text[len(text.rstrip()) :] if text.strip() else text


def said(text: str) -> str:
    """Foreign text of several lines, as a quotation."""
    return "\n".join(f"> {inert(line)}".rstrip() for line in clean(text).split("\n"))


def address(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")


def name_of(known: Known, who: str | None) -> str:
    return inert(known.names.get(who, who)) if who else "the bot"


def at_of(known: Known, at: datetime) -> str:
    """With its seconds, as all times of the page; the page's head says in which zone."""
    return f"{at.astimezone(known.zone):%Y-%m-%d %H:%M:%S}"


def day_of(known: Known, at: datetime) -> str:
    return f"{at.astimezone(known.zone):%Y-%m-%d}"


def since_of(known: Known, at: datetime | None) -> str:
    """`2 min 40 s`, from the start."""
    if at is None:
        return "not recorded"
    return span(at - known.incident.began_at)
