"""Our words as GitHub takes them: bounded, and without what GitHub would act upon. Pure.

`@name` mails somebody who has nothing to do with it, and `fixes #12` in a description, or in the title that becomes a
commit message, closes that issue when the pull request is merged. Both are broken by a space of no width.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote

TITLE_MAX = 256
BODY_MAX = 65_536
BRANCH_MAX = 60
_NO_WIDTH = "\u200b"
_MENTION = re.compile(r"(?<![\w/.-])@(?=[A-Za-z0-9])")
_CLOSING = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?=:?\s{1,9}\S{0,300}?(?:#|GH-|/issues/)\d)", re.IGNORECASE
)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CUT = "\n\n… cut here, it was longer than GitHub takes."


def marker(key: str) -> str:
    """By this line, which nobody sees, what was made for a key is found again."""
    return f"<!-- aiops:{quote(encoded(key), safe=':/@ ')} -->"


def title(text: str) -> str:
    """One line; GitHub refuses a longer one, and a blank one."""
    line = " ".join(_harmless(text).split())
    return (line if len(line) <= TITLE_MAX else f"{line[: TITLE_MAX - 1]}…") or "(no title)"


def body(text: str, key: str) -> str:
    """With the marker at its end. What looks like a marker in the text itself is none."""
    end = f"\n\n{marker(key)}"
    rest = _harmless(text).replace("<!--", "&lt;!--")
    if len(rest) + len(end) > BODY_MAX:
        rest = rest[: BODY_MAX - len(end) - len(_CUT)] + _CUT
    return rest + end


def revised(text: str, facts: Mapping[str, str]) -> str:
    """The text with other values in its lines `- Name: value`, the first of each name."""
    for name, value in facts.items():
        line = f"- {name}: {' '.join(_harmless(value).split()).replace('<!--', '&lt;!--')}".replace("\\", r"\\")
        text = re.sub(rf"(?m)^- {re.escape(name)}: [^\r\n]*", line, text, count=1)
    return text


def branch(key: str) -> str:
    """Readable, and another one for every key. Without a slash: a branch `aiops` would be in the way of `aiops/…`."""
    readable = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:BRANCH_MAX].rstrip("-")
    return "-".join(filter(None, ("aiops", readable, hashlib.sha256(encoded(key)).hexdigest()[:8])))


def blob_sha(content: bytes) -> str:
    """What git calls this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def encoded(text: str) -> bytes:
    """UTF-8; half a pair of surrogates, which text from elsewhere may hold, is a question mark."""
    return text.encode(errors="replace")


def _harmless(text: str) -> str:
    seen = _UNSEEN.sub(" ", encoded(text).decode())
    return _CLOSING.sub(rf"\1{_NO_WIDTH}", _MENTION.sub(f"@{_NO_WIDTH}", seen))
