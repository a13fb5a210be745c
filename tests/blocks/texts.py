"""Text as nobody wants it: empty, endless, right to left, full of markup. And what Slack would make of a message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from bot.models import Message

NASTY = (
    "",
    " \n\t ",
    "x" * 3000,
    "&" * 3000,
    "<" * 200,
    "word " * 600,
    "<!channel> <!here> <!everyone> <!subteam^S0ONCALL|@oncall> <@U0BOB> <#C0OPS|ops>",
    "<https://evil.example|https://good.example>",
    "@channel @here #general https://evil.example",
    "*bold* _italic_ ~strike~ `code` ```block``` > quote",
    "one\ntwo\r\nthree\rfour\u2028five\u2029six\x0bseven\x0ceight\x85nine\x1cten",
    "“quotes” „und“ «так» 'single' \"double\"",
    "فشل الدفع في المنطقة (eu-west-1) <!channel>",
    "תשלום נכשל: checkout-api 500",
    "ا" * 3000,
    "🔥" * 1500,
    "👨‍👩‍👧‍👦 🏳️‍🌈 e\u0301 ﷽",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u200e\u061c",
    "half \ud83d a \udc00 pair",
    "\x00\x1b[31mred\x1b[0m\x07\x7f\x9b",
    "&amp; &lt;!channel&gt; &#60;",
    "a|b|c",
    "–",
    "{service} %s {0} \\",
)

anything = st.text(alphabet=st.characters(), max_size=120)
"""Any characters at all, lone surrogates among them."""

troublesome = st.text(alphabet="&<>*_~`|@#!\n :.…\u061c\u200f\u202e\u2028\ud83dاeש🔥0", max_size=400)
"""Little but trouble."""

texts = st.one_of(st.sampled_from(NASTY), anything, troublesome)


def angled(text: str) -> list[str]:
    """All that Slack would read as markup in message text: `<…>` that was not escaped."""
    return re.findall(r"<[^<>]*>", text)


def is_escaped(text: str) -> bool:
    """No control character of Slack stands alone, and no entity is cut."""
    return re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;)*", text) is not None


def strings(node: Any) -> Iterator[str]:
    """Every string in a piece of JSON."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from strings(value)


def elements(node: Any, kind: str) -> list[dict[str, Any]]:
    """Every object of this `type` in a piece of Block Kit."""
    found: list[dict[str, Any]] = []
    if isinstance(node, dict):
        found += [node] if node.get("type") == kind else []
        for value in node.values():
            found += elements(value, kind)
    elif isinstance(node, list | tuple):
        for value in node:
            found += elements(value, kind)
    return found


def shown(message: Message) -> str:
    """All the words in the blocks of a message."""
    return "\n".join(
        str(each["text"]) for kind in ("text", "plain_text", "mrkdwn") for each in elements(message.blocks, kind)
    )


def can_be_sent(node: Any) -> bool:
    """It is JSON that any server can read: no half characters."""
    try:
        json.dumps(node, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
