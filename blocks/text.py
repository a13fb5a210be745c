"""Text for Slack: foreign text made inert, lengths kept, and the small Block Kit objects that carry text.

Foreign text is whatever a person, an alarm or a log line wrote. It must not mention, link, format or break the layout.
Four measures, each where it works: control characters and direction overrides go (`clean`), Slack's control
characters are escaped (`escape`), marks of mrkdwn are replaced (`unformatted`), and blocks hold foreign text as
`plain_text` or rich text, which know no markup (docs.slack.dev, "Escaping text" and "automatic parsing").
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

Block = dict[str, Any]

SECTION_TEXT = 3000  # https://docs.slack.dev/reference/block-kit/blocks/section-block
FIELD_TEXT = 2000
HEADER_TEXT = 150  # https://docs.slack.dev/reference/block-kit/blocks/header-block
OPTION_TEXT = 75  # https://docs.slack.dev/reference/block-kit/composition-objects/option-object
MESSAGE_TEXT = 3900  # chat.update refuses more than 4000: https://docs.slack.dev/reference/methods/chat.update

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_HALF = re.compile(r"&[a-z]{0,3}$|<[^<>]*$")
_FORMAT = re.compile(r"(?<!\w)([*_~])(?=\S)([^\n]{1,300}?)(?<=\S)\1(?!\w)")
_LOOK_ALIKES = {"*": "∗", "_": "ˍ", "~": "∼"}
_RTL = frozenset({"R", "AL"})
FSI, PDI = "\u2068", "\u2069"


def clean(text: str) -> str:
    """Without control characters, direction overrides and lone surrogates; line ends as `\\n`; trimmed."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _CONTROLS.sub("", unified).strip()


def one_line(text: str) -> str:
    """Cleaned, with every run of white space a single space."""
    return " ".join(clean(text).split())


def escape(text: str) -> str:
    """Slack's three control characters as entities: nothing in it mentions or links any more."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unformatted(text: str) -> str:
    """With look-alikes where mrkdwn would make something bold, italic, struck or code; names with `_` stay."""
    quiet = text.replace("`", "ˋ")
    while (quieter := _FORMAT.sub(_look_alikes, quiet)) != quiet:
        quiet = quieter
    return quiet


def _look_alikes(found: re.Match[str]) -> str:
    mark = _LOOK_ALIKES[found[1]]
    return f"{mark}{found[2]}{mark}"


def unescape(text: str) -> str:
    """What a person typed, from what Slack sends of it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, a cut shown by `…`."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def clip_markup(text: str, limit: int) -> str:
    """At most `limit` characters of mrkdwn, without cutting an entity, a mention or a link in two."""
    if len(text) <= limit:
        return text
    return _HALF.sub("", text[: max(limit - 1, 0)]).rstrip() + "…"


def isolated(text: str, limit: int) -> str:
    """At most `limit` characters; right-to-left text is kept from turning around the line it stands in.

    That is what Unicode's first-strong isolate is for; it counts towards the limit.
    """
    if not any(unicodedata.bidirectional(character) in _RTL for character in text):
        return clip(text, limit)
    return f"{FSI}{clip(text, limit - 2)}{PDI}"


def foreign(text: str, limit: int) -> str:
    """Foreign text for one line of mrkdwn or message text: inert, at most `limit` characters after escaping."""
    return unformatted(_escaped(text, limit))


def _escaped(text: str, limit: int) -> str:
    line = one_line(text)
    room = limit
    while True:
        shown = escape(isolated(line, room))
        if len(shown) <= limit or room <= 3:
            return clip_markup(shown, limit)
        room = max(3, room - max(1, (len(shown) - limit) // 5))


def literal(text: str, limit: int) -> str:
    """Foreign text as code in mrkdwn, where `*`, `_` and `~` stay what they are; at most `limit` characters."""
    return f"`{_escaped(text.replace('`', 'ˋ'), limit - 2)}`"


def link(url: str, title: str) -> str:
    """A link written by us; the title may be foreign."""
    return f"<{escape(url).replace('|', '%7C')}|{foreign(title.replace('|', '¦'), 200)}>"


def plain(text: str, limit: int) -> Block:
    """A plain_text object: no markup at all, and no `:emoji:` from foreign text. Never empty."""
    return {"type": "plain_text", "text": isolated(clean(text), limit) or "–", "emoji": False}


def label(text: str, limit: int = 75) -> Block:
    """A plain_text object for our own words."""
    return {"type": "plain_text", "text": clip(text, limit), "emoji": True}


def mrkdwn(text: str) -> Block:
    """A mrkdwn object in which only explicit markup counts."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(one_line(text), HEADER_TEXT)}


def section(text: str, **more: Any) -> Block:
    return {"type": "section", "text": mrkdwn(text), **more}


def plain_section(text: str) -> Block:
    return {"type": "section", "text": plain(text, SECTION_TEXT)}


def context(*texts: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text) for text in texts if text]}


def plain_context(text: str) -> Block:
    return {"type": "context", "elements": [plain(text, SECTION_TEXT)]}


def button(text: str, action_id: str, value: str, **more: Any) -> Block:
    return {"type": "button", "text": label(text), "action_id": action_id, "value": value, **more}


def confirm(title: str, text: str, yes: str) -> Block:
    """A confirmation dialog."""
    return {
        "title": label(title, 100),
        "text": plain(text, 300),
        "confirm": label(yes, 30),
        "deny": label("Cancel", 30),
    }


def option(text: str, value: str) -> Block:
    return {"text": plain(one_line(text), OPTION_TEXT), "value": value}


def when(moment: datetime, form: str = "{time}") -> str:
    """A moment in the reader's own time zone, with UTC where a client can't."""
    return f"<!date^{int(moment.timestamp())}^{form}|{utc(moment)}>"


def utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def hours(seconds: float) -> str:
    """A duration as HH:MM; hours go past 24."""
    minutes = int(seconds) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def ago(seconds: float) -> str:
    """How long since, in the one unit that matters."""
    minutes = int(seconds) // 60
    if minutes < 1:
        return "just now"
    if minutes < 90:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{round(minutes / 60)} h ago"
    return f"{round(minutes / 1440)} days ago"


def lasted(seconds: float) -> str:
    """How long, in the one unit that matters."""
    return ago(max(seconds, 60)).removesuffix(" ago")


def counted(number: int, noun: str) -> str:
    """`1 alert`, `1,312 alerts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
