"""A long text in the inputs of a form, and back: nothing is lost on the way. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from blocks.text import clean

PART = 2500  # of the 3000 characters that an input takes, so that each can grow
PARTS = 20
_SEAM = 20


class Parts(NamedTuple):
    """The pieces of a text, each without white space around it; `seams` is what stood between them."""

    pieces: Sequence[str]
    seams: Sequence[str]


def split(text: str) -> Parts:
    """At the end of a paragraph where there is one near, else of a line, else of a word, else anywhere."""
    left, pieces, seams = clean(text), [], []
    while len(left) > PART:
        cut = _cut(left)
        head, tail = left[:cut].rstrip(), left[cut:].lstrip()
        seams.append(_short(left[len(head) : len(left) - len(tail)]))
        pieces.append(head)
        left = tail
    return Parts([*pieces, left], seams)


def _short(seam: str) -> str:
    """What stands between two pieces travels with the form, which has little room for that."""
    return seam if len(seam) <= _SEAM else next(mark for mark in ("\n\n", "\n", " ") if mark in seam)


def _cut(text: str) -> int:
    for mark in ("\n\n", "\n", " "):
        at = text.rfind(mark, PART // 2, PART)
        if at > 0:
            return at
    return PART


def joined(pieces: Sequence[str], seams: Sequence[str]) -> str:
    """The text again; a piece that somebody emptied leaves no seam, one that was added gets a paragraph of its own."""
    text = ""
    for number, piece in enumerate(pieces):
        words = clean(piece)
        if words:
            seam = seams[number - 1] if 0 < number <= len(seams) else "\n\n"
            text += f"{seam if text else ''}{words}"
    return text


def of_form(form: Mapping[str, str], name: str) -> list[str]:
    """The inputs `name`, `name2`, `name3` … in their order."""
    found = [form.get(name, "")]
    while (key := f"{name}{len(found) + 1}") in form:
        found.append(form[key])
    return found
