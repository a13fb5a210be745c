"""What is said about changes to AWS: a line each in the thread of what they are for, and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blocks.answers import say
from blocks.remediation import (
    NOTHING_MORE,
    FixFacts,
    afterwards,
    awaited,
    change,
    failed,
    missing,
    never,
    title,
    took,
    verdict,
    verifying,
    what,
    whom,
)
from blocks.rich import Line, Piece, bold, bullets, flat, moment, own, rich, user, words
from blocks.text import MESSAGE_TEXT, Block, clip_markup, context, section
from bot.models import Approval, Message, Remediation, RemediationStatus

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


def _named(remediation: Remediation) -> Line:
    return [own(f"{remediation.id}: "), words(f"{what(remediation)}, {change(remediation)}", 300)]


def asked(remediation: Remediation) -> Message:
    """Calls those who have to approve."""
    head: Line = [own("📋 "), *_named(remediation), own(", asked by "), user(remediation.requested_by), own(".")]
    if not awaited(remediation):
        return _note(head)
    return _note([*head, own(" To be approved by "), *whom(remediation), own(".")])


def approved(remediation: Remediation, by: str) -> Message:
    then = missing(remediation) if remediation.status is RemediationStatus.PLANNED else ""
    return _note([own("👍 "), user(by), own(f" approved {remediation.id}; it {then or 'runs now'}.")])


def refused(remediation: Remediation) -> Message:
    """Rejected by somebody, or expired."""
    return _note([own("⚪ "), *_named(remediation), own(" · "), *never(remediation), own(".")])


def done(remediation: Remediation, *, facts: FixFacts = NOTHING_MORE) -> Message:
    """It ran, and its effect is looked at next; or it failed."""
    if remediation.status in (RemediationStatus.FAILED, RemediationStatus.TIMED_OUT):
        return _note([own("🔴 "), *_named(remediation), own(" · "), *failed(remediation)], *afterwards(facts))
    return _note([own("✅ "), *_named(remediation), own(f" · done{took(remediation)}"), *verifying(facts), own(".")])


def verified(remediation: Remediation) -> Message:
    return _note([own("🟢 "), *_named(remediation), own(" · verified"), *verdict(remediation)])


def not_recovered(remediation: Remediation, *, facts: FixFacts = NOTHING_MORE) -> Message:
    told: Line = [own("🔴 "), *_named(remediation), own(" · not recovered"), *verdict(remediation)]
    return _note(told, *afterwards(facts))


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
            own(" by "), user(remediation.requested_by)]  # fmt: skip


def standing(approval: Approval) -> Line:
    """`AIOps-PurgeSQSDLQ of orders until 30 Nov, approved by @Ana`."""
    name = words(f"{approval.name} of {approval.service}", 200)
    until = [own(" until "), moment(approval.until, _DAY), own(", approved by "), user(approval.by)]
    ended = [own(", withdrawn "), moment(approval.withdrawn_at, _DAY)] if approval.withdrawn_at else []
    return [name, *until, *ended]


def granted(approval: Approval) -> Message:
    """Everybody reads what may run by itself from now on."""
    return _note([own("⚙ By itself from now on: "), *standing(approval)])


def withdrawn(approval: Approval, by: str) -> Message:
    name = words(f"{approval.name.replace('_', ' ')} of {approval.service}", 200)
    return _note([own("⚙ "), name, own(" does not run by itself any more, says "), user(by)])
