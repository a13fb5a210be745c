"""What is said about changes to AWS: a line each in the thread of what they are for, and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blocks.answers import say
from blocks.ids import Action
from blocks.remediation import change, title, who
from blocks.rich import Line, Piece, bold, bullets, flat, moment, own, rich, user, words
from blocks.text import MESSAGE_TEXT, Block, button, clip_markup, context, section
from bot.models import Approval, Message, Remediation

_LISTED = 20
_DAY = "{date_short_pretty} {time}"


def _note(*lines: Sequence[Piece]) -> Message:
    text = "\n".join("".join(map(_flat, line)) for line in lines)
    return Message(clip_markup(text, MESSAGE_TEXT), [rich(*lines)])


def _flat(piece: Piece) -> str:
    """Without bold: a word's blank end would show its asterisks."""
    if piece["type"] == "usergroup":
        return f"<!subteam^{piece['usergroup_id']}>"
    return flat([{name: value for name, value in piece.items() if name != "style"}])


# -- lists


def listing(remediations: Sequence[Remediation], approvals: Sequence[Approval], now: datetime) -> Message:
    """What waits, runs and ran, the newest first; and what may run by itself."""
    holding = [one for one in approvals if one.holds(now)]
    if not remediations and not holding:
        return say("No remediations, and nothing may run by itself. The buttons on a report start one.")
    waiting = [one for one in remediations if not one.status.is_over]
    over = [one for one in remediations if one.status.is_over]
    heading = f"{len(waiting)} open {'remediation' if len(waiting) == 1 else 'remediations'}"
    blocks: list[Block] = [section(f"*{heading}*")]
    blocks += _rows(waiting, now) + ([section("*Over*"), *_rows(over, now)] if over else [])
    if holding:
        more = len(holding) - _LISTED
        blocks += [section("*May run by themselves*"), bullets(*map(standing, holding[:_LISTED]))]
        blocks += [context(f"… and {more} more.")] if more > 0 else []
    return Message(heading, blocks)


def _rows(remediations: Sequence[Remediation], now: datetime) -> list[Block]:
    more = len(remediations) - _LISTED
    rows = [bullets(*(_row(one) for one in remediations[:_LISTED]))] if remediations else []
    return [*rows, *([context(f"… and {more} more.")] if more > 0 else [])]


def _row(remediation: Remediation) -> Line:
    subject = f" · {remediation.subject}" if remediation.subject else ""
    told = f"{title(remediation)} · {change(remediation)}{subject}"
    return [bold(f"{remediation.id} "), words(told, 400), own(" · "), moment(remediation.requested_at, _DAY),
            *_by(remediation)]  # fmt: skip


def _by(remediation: Remediation) -> Line:
    """Who let it run, or where it did not run who asked."""
    if remediation.approval:
        return [own(" by itself")]
    if remediation.started_at is None or not remediation.approved_by:
        return [own(" asked for by "), who(remediation)]
    return [own(" run by "), user(next(reversed(remediation.approved_by)))]


def standing(approval: Approval) -> Line:
    """`AIOps-PurgeSQSDLQ of orders until 30 Nov, approved by @Ana`."""
    name = words(f"{approval.told} of {approval.service}", 200)
    until = [own(" until "), moment(approval.until, _DAY), own(", approved by "), user(approval.by)]
    ended = [own(", withdrawn "), moment(approval.withdrawn_at, _DAY)] if approval.withdrawn_at else []
    return [name, *until, *ended]


def instead(why: str, runbook: str, subject: str, service: str) -> Message:
    """Why something can't be begun, with the button of what can."""
    offered = button(f"{runbook}…", Action.RUN, f"{runbook}|{subject}|{service}", style="primary")
    said = _note([words(f"⚠ {why}", 600)])
    return Message(said.text, [*said.blocks, {"type": "actions", "elements": [offered]}])


def granted(approval: Approval) -> Message:
    """Everybody reads what may run by itself from now on."""
    return _note([own("⚙ By itself from now on: "), *standing(approval)])


def withdrawn(approval: Approval, by: str) -> Message:
    name = words(f"{approval.told} of {approval.service}", 200)
    return _note([own("⚙ "), name, own(" does not run by itself any more, says "), user(by)])
