"""When a change to AWS did not help: what to do by hand, and where to meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from blocks.remediation import title
from blocks.rich import Line, bold, code, own, rich, url, words
from blocks.text import foreign
from bot.models import Message, Remediation

_STEPS, _COMMAND = 8, 1_000


class Step(Protocol):
    """A step of a manual runbook."""

    @property
    def text(self) -> str: ...

    @property
    def command(self) -> str: ...


def by_hand(fix: Remediation, steps: Sequence[Step], *, page: str, bridge: str | None) -> Message:
    """The manual runbook's steps, its page in the repository, and the bridge."""
    head: list[Line] = [[bold(f"{fix.id} did not help. "), words(fix.why_not, 400)]]
    if bridge:
        head.append([own("Meet on the "), url(bridge, "bridge")])
    head.append([own("By hand, as "), words(f"docs/runbooks/{page}.md", 120), own(" says:")])
    blocks: list[dict[str, Any]] = [rich(*head)]
    for number, each in enumerate(steps[:_STEPS], 1):
        blocks.append(rich([own(f"{number}. "), words(each.text.replace("**", ""), 300)]))
        if each.command:
            blocks.append(code(each.command, _COMMAND))
    said = f"{fix.id} did not help: {title(fix)}{f': {fix.problem}' if fix.problem else ''}. Go on by hand."
    return Message(foreign(said, 400), blocks)
