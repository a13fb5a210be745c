"""When a change to AWS did not help: what to do by hand, and where to meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from blocks.remediation import title
from blocks.rich import Line, bold, bullets, own, rich, url, words
from blocks.text import foreign
from bot.models import Message, Remediation

_STEPS = 8


class Step(Protocol):
    """A step of a manual runbook."""

    @property
    def text(self) -> str: ...

    @property
    def command(self) -> str: ...


def by_hand(fix: Remediation, steps: Sequence[Step], *, page: str, bridge: str | None) -> Message:
    """The manual runbook's steps, its page in the repository, and the bridge."""
    why = fix.problem or "; ".join(fix.verdict[:2]) or fix.status.value
    head: list[Line] = [[bold("It did not help. "), words(why, 400)]]
    if bridge:
        head.append([own("Meet on the "), url(bridge, "bridge")])
    head.append([own(f"By hand, as docs/runbooks/{page}.md says:")])
    blocks: list[dict[str, Any]] = [rich(*head)]
    if steps:
        blocks.append(bullets(*([words(each.text.replace("**", ""), 300)] for each in steps[:_STEPS])))
    return Message(foreign(f"{title(fix)}: {fix.problem or fix.status.value}. Go on by hand.", 400), blocks)
