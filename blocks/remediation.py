"""The card of a change to AWS: its plan, who asked and approved, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from blocks.alert import owner
from blocks.ids import Action
from blocks.rich import Line, Piece, bold, moment, own, rich, url, user, words
from blocks.text import Block, button, clip, context, foreign, header, one_line
from bot import durations
from bot.models import Action as Remedy
from bot.models import Approval, Message, Remediation, RemediationStatus, Role

_S = RemediationStatus
_INLINE, _DIFFERENCES, _STEPS, _VERDICT, _PEOPLE, _WARNINGS = 3, 10, 8, 8, 8, 4
_ICONS: Mapping[RemediationStatus, str] = {
    _S.PLANNED: "📋",
    _S.RUNNING: "⏳",
    _S.VERIFYING: "🔎",
    _S.VERIFIED: "🟢",
    _S.NOT_RECOVERED: "🔴",
    _S.FAILED: "🔴",
    _S.TIMED_OUT: "🔴",
    _S.REJECTED: "⚪",
    _S.EXPIRED: "⚪",
    _S.WITHDRAWN: "⚪",
    _S.UNDONE: "↩",
}
_VERBS: Mapping[Remedy, str] = {
    Remedy.ROLLBACK: "Roll back",
    Remedy.SCALE_UP: "Scale up",
    Remedy.RESTART: "Restart",
}
_UNDONE_FROM = (_S.VERIFYING, _S.VERIFIED, _S.NOT_RECOVERED)


class FixFacts(NamedTuple):
    """What a card shows beside the stored remediation.

    approval is the standing one it runs under; runbook the address of the page for doing it by hand; verify_at when its
    effect is looked at; `called` whom the ladder called at once.
    """

    approval: Approval | None = None
    runbook: str | None = None
    verify_at: datetime | None = None
    called: Sequence[Role] = ()


NOTHING_MORE = FixFacts()


def card(remediation: Remediation, *, now: datetime, facts: FixFacts = NOTHING_MORE) -> Message:
    """The card in the remediation's present state."""
    blocks = [header(title(remediation)), rich(*_lines(remediation, facts)), context(_foot(remediation))]
    elements = buttons(remediation, now)
    if elements:
        blocks.append({"type": "actions", "block_id": remediation.id, "elements": elements})
    where = f"{remediation.severity.label} {remediation.order.environment}".strip()
    return Message(foreign(f"{title(remediation)} — {where}, {change(remediation)}", 900), blocks)


def title(remediation: Remediation) -> str:
    """The first line: what it does, where, and how it stands."""
    icon = "↩" if remediation.undone_by else _ICONS[remediation.status]
    return f"{icon} {what(remediation)} · {standing_of(remediation)}"


def what(remediation: Remediation) -> str:
    """`Roll back checkout-api (cluster shop)`."""
    order, target = remediation.order, remediation.plan.target
    service = clip(one_line(target.name or order.service), 50) or "unknown service"
    where = f" (cluster {clip(one_line(target.cluster), 30)})" if target.cluster else ""
    if remediation.undoes is not None:
        return f"Undo FIX-{remediation.undoes}: {service}{where}"
    if order.action in _VERBS:
        return f"{_VERBS[order.action]} {service}{where}"
    return f"Run {clip(one_line(order.name), 40)} on {service}{where}"


def standing_of(remediation: Remediation) -> str:
    """`needs one more approval`, `running`, `undone by FIX-9`."""
    if remediation.undone_by is not None:
        return f"undone by FIX-{remediation.undone_by}"
    if remediation.status is _S.PLANNED:
        return missing(remediation) or "ready to run"
    if remediation.stopped_by is not None:
        return "stopped"
    return "done, verifying" if remediation.status is _S.VERIFYING else remediation.status.value


def awaited(remediation: Remediation) -> int:
    """How many people besides the requester still have to approve."""
    return max(remediation.needs - len({*remediation.approved_by} - {remediation.requested_by}), 0)


def missing(remediation: Remediation) -> str:
    count = awaited(remediation)
    return {0: "", 1: "needs one more approval"}.get(count, f"needs {count} more approvals")


def change(remediation: Remediation) -> str:
    return f"{remediation.plan.before} → {remediation.plan.after}"


# -- the card's lines


def _lines(remediation: Remediation, facts: FixFacts) -> list[Line]:
    """A plan from its beginning to its end; later what came of it first."""
    asked, plan = _asked(remediation, facts), remediation.plan
    if remediation.status is not _S.PLANNED:
        can_be_undone = remediation.status in (_S.RUNNING, *_UNDONE_FROM) and remediation.undone_by is None
        undo = [_undo(remediation)] if can_be_undone and not remediation.plan.is_look else []
        return [*_so_far(remediation, facts), *_changed(remediation), *undo, asked]
    about = f", about {_about(plan.about_seconds)}" if plan.about_seconds else ""
    radius: Line = [bold("Blast radius: "), words(plan.radius, 300)] if plan.radius else []
    back = _undo(remediation)
    touches: Line = [*radius, *([own(" · ")] if radius and back else []), *back]
    return [
        asked,
        *_changed(remediation),
        [bold("Will: "), words(" · ".join(plan.steps[:_STEPS]) + about, 900)],
        *([touches] if touches else []),
        *([[bold("Checked: "), words(" · ".join(plan.checks), 900)]] if plan.checks else []),
        *([bold("⚠ "), words(each, 300)] for each in plan.warnings[:_WARNINGS]),
        [own("Expires "), moment(remediation.expires_at)],
    ]


def _undo(remediation: Remediation) -> Line:
    how = remediation.plan.undo
    if remediation.plan.is_look:
        return []
    return [bold("Undo: "), words(how, 300)] if how else [bold("⚠ It can't be undone")]


def _about(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _asked(remediation: Remediation, facts: FixFacts) -> Line:
    """Who asked, under which approval, who let it run and when, and who still has to."""
    standing = facts.approval
    is_asked = remediation.requested_by is not None or bool(remediation.via)
    line = _by_somebody(remediation) if is_asked else _by_itself(standing)
    people = [one for one in remediation.approved_by.items() if standing is None or one[0] != standing.by]
    verb = "approved by" if remediation.needs else "run by"
    for number, (person, at) in enumerate(people[:_PEOPLE]):
        line += [own(", " if number else f" · {verb} "), user(person), *([own(" "), moment(at)] if at else [])]
    if remediation.status is _S.PLANNED and awaited(remediation):
        line += [own(" · to be approved by "), *_whom(remediation)]
        line += [own(" ("), words(remediation.policy, 200), own(")")] if remediation.policy else []
    return line


def _whom(remediation: Remediation) -> Line:
    """Who has to approve: they are called, since they need to act."""
    left = awaited(remediation)
    if remediation.group:
        return [*([own(f"{left} of ")] if left > 1 else []), owner(remediation.group)]
    return [own("somebody else" if left == 1 else f"{left} others")]


def _by_somebody(remediation: Remediation) -> list[Piece]:
    return [own("Asked by "), who(remediation), own(" "), moment(remediation.requested_at)]


def who(remediation: Remediation) -> Piece:
    """Who asked: somebody here, somebody whom Slack does not know, or the bot."""
    return words(remediation.via, 300) if remediation.via else user(remediation.requested_by)


def _by_itself(approval: Approval | None) -> list[Piece]:
    if approval is None:
        return [own("By itself")]
    until = moment(approval.until, "{date_short_pretty}")
    return [own("By itself, standing approval by "), user(approval.by), own(" until "), until]


def _changed(remediation: Remediation) -> list[Line]:
    """From → to, and what differs: beside it where that is little, else a line each."""
    differences = remediation.plan.differences
    head: list[Piece] = [{**words(change(remediation), 300), "style": {"bold": True}}]
    if len(differences) <= _INLINE:
        return [[*head, *([own("  "), words(" · ".join(differences), 600)] if differences else [])]]
    lines: list[Line] = [[own("   "), words(each, 200)] for each in differences[:_DIFFERENCES]]
    more = len(differences) - _DIFFERENCES
    return [head, *lines, *([[own(f"   and {more} more")]] if more > 0 else [])]


def _so_far(remediation: Remediation, facts: FixFacts) -> list[Line]:
    """How far it is, or what came of it."""
    match remediation.status:
        case _S.RUNNING:
            lines: list[Line] = [[bold("Running: "), words(remediation.said or "started", 300), *_since(remediation)]]
        case _S.VERIFYING:
            lines = [[bold(f"Done{_took(remediation)}"), *_said(remediation), *_verifying(facts)]]
        case _S.VERIFIED:
            lines = [[bold("Verified"), *_at(remediation.verified_at), *_verdict(remediation)]]
        case _S.NOT_RECOVERED:
            told = [bold("Not recovered"), *_at(remediation.verified_at), *_verdict(remediation)]
            lines = [told, *_afterwards(facts)]
        case _S.UNDONE:
            lines = [[bold("Undone"), own(f" by FIX-{remediation.undone_by}, before its effect was looked at")]]
        case _S.FAILED | _S.TIMED_OUT:
            lines = [_failed(remediation), *_afterwards(facts)]
        case _:
            lines = [_never(remediation)]
    return lines


def _since(remediation: Remediation) -> Line:
    return [own(" · since "), moment(remediation.started_at)] if remediation.started_at else []


def _took(remediation: Remediation) -> str:
    if remediation.started_at is None or remediation.finished_at is None:
        return ""
    return f" in {durations.span(remediation.finished_at - remediation.started_at)}"


def _said(remediation: Remediation) -> Line:
    return [own(": "), words(remediation.said, 300)] if remediation.said else []


def _verifying(facts: FixFacts) -> Line:
    return [own(" · verifying at "), moment(facts.verify_at)] if facts.verify_at else [own(" · verifying")]


def _at(at: datetime | None) -> Line:
    return [own(" at "), moment(at)] if at else []


def _verdict(remediation: Remediation) -> Line:
    """What the look at its effect found."""
    found = " · ".join(remediation.verdict[:_VERDICT])
    return [own(": "), words(found, 900)] if found else []


def _failed(remediation: Remediation) -> Line:
    after = _took(remediation).replace(" in ", " after ")
    if remediation.stopped_by is not None:
        return [bold("Stopped"), own(" by "), user(remediation.stopped_by), own(after), *_said(remediation)]
    verb = "Timed out" if remediation.status is _S.TIMED_OUT else "Failed"
    is_news = remediation.said and remediation.said not in remediation.problem
    so_far = [own(" · got as far as: "), words(remediation.said, 300)] if is_news else []
    told = words(remediation.problem or "AWS did not say why", 600)
    return [bold(f"{verb}{after}: "), told, *so_far]


def _afterwards(facts: FixFacts) -> list[Line]:
    """What happens next, and what there is to do by hand."""
    called: list[Line] = [[own(f"Called: {' and '.join(facts.called)}")]] if facts.called else []
    return [*called, *([[bold("By hand: "), url(facts.runbook, "Runbook")]] if facts.runbook else [])]


def _never(remediation: Remediation) -> Line:
    """It never ran: rejected, withdrawn or expired."""
    head: list[Piece] = [bold("Rejected"), own(" by "), user(remediation.rejected_by)]
    if remediation.status is _S.EXPIRED:
        head = [bold("Expired "), moment(remediation.expires_at), own(": nobody let it run in time")]
    if remediation.status is _S.WITHDRAWN:
        head = [bold("Withdrawn: "), words(remediation.problem, 300)]
    return [*head, own(" · nothing was changed")]


def _foot(remediation: Remediation) -> str:
    order = remediation.order
    where = " ".join(part for part in (remediation.plan.target.account, remediation.plan.target.region) if part)
    return " · ".join(
        foreign(part, 120)
        for part in (
            f"{remediation.id} for {remediation.subject}" if remediation.subject else remediation.id,
            remediation.severity.label,
            order.environment,
            where,
            f"takes FIX-{remediation.undoes} back" if remediation.undoes is not None else "",
        )
        if part
    )


def _with(remediation: Remediation, given: str) -> str:
    return f"{remediation.order.runbook}|{remediation.subject}|{remediation.order.service}|{given}"


def _decisions(remediation: Remediation, value: str) -> list[Block]:
    """The green one helps: of a plan that only looks, what its runbook would do with a parameter more."""
    yes = "Approve" if awaited(remediation) else "Run it"
    goes_back = remediation.order.action is Remedy.ROLLBACK and remediation.undoes is None
    offers = [
        button(label, Action.RUN, _with(remediation, given), style="primary")
        for label, given in remediation.plan.offers.items()
    ]
    return [
        *offers,
        button(yes, Action.APPROVE, value, **({} if offers else {"style": "primary"})),
        button("Reject", Action.REJECT, value),
        button("Dry run", Action.REHEARSE, value),
        *([button("Another version…", Action.CHOOSE_REVISION, value)] if goes_back else []),
    ]


def buttons(remediation: Remediation, now: datetime) -> list[Block]:
    """The buttons that apply in this state."""
    value, status = str(remediation.number), remediation.status
    if status is _S.PLANNED:
        if now >= remediation.expires_at:
            return []
        return _decisions(remediation, value)
    if status is _S.RUNNING:
        return [button("Stop", Action.STOP, value)]
    if status in _UNDONE_FROM and remediation.plan.undo and remediation.undone_by is None:
        return [button("Undo", Action.UNDO, value)]
    again = {_S.FAILED: "Try again", _S.TIMED_OUT: "Try again", _S.EXPIRED: "Plan it again"}.get(status)
    return [button(again, Action.RETRY, value)] if again else []
