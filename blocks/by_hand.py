"""When a change to AWS did not help, or somebody escalates: what to do by hand, and where to meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from blocks.remediation import title
from blocks.rich import Line, bold, code, own, rich, url, user, words
from blocks.text import foreign
from bot.models import Message, Remediation

_STEPS, _COMMAND = 8, 1_000


class Step(Protocol):
    """A step of a manual runbook."""

    @property
    def text(self) -> str: ...

    @property
    def command(self) -> str: ...


class Manual(NamedTuple):
    """The manual runbook's steps, its page in the repository, the bridge, and the service's dashboard."""

    page: str
    steps: Sequence[Step]
    bridge: str | None = None
    dashboard: str | None = None


def did_not_help(fix: Remediation, manual: Manual) -> Message:
    said = f"{fix.id} did not help: {title(fix)}{f': {fix.problem}' if fix.problem else ''}. Go on by hand."
    head = [bold(f"{fix.id} did not help: "), words(fix.why_not, 400)]
    return Message(foreign(said, 400), _blocks(head, manual))


def escalated(by: str, manual: Manual) -> Message:
    return Message(
        "Escalated. What to do by hand, and where to meet.", _blocks([bold("Escalated by "), user(by)], manual)
    )


def _blocks(head: Line, manual: Manual) -> list[dict[str, Any]]:
    lines: list[Line] = [head]
    if manual.bridge:
        lines.append([own("Meet on the "), url(manual.bridge, "bridge")])
    if manual.dashboard:
        lines.append([own("Look at the "), url(manual.dashboard, "dashboard")])
    lines.append([own("By hand, as "), words(f"docs/runbooks/{manual.page}.md", 120), own(" says:")])
    blocks: list[dict[str, Any]] = [rich(*lines)]
    for number, each in enumerate(manual.steps[:_STEPS], 1):
        blocks.append(rich([own(f"{number}. "), words(each.text.replace("**", ""), 300)]))
        if each.command:
            blocks.append(code(each.command, _COMMAND))
    return blocks
