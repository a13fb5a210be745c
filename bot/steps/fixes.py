"""The steps of a remediation, and the guard rails: pure decisions from what is stored to all that is written.

They raise Refused where a guard rail or the state of the remediation does not allow the step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.config import ApprovalPolicy, Remediations
from bot.durations import span
from bot.errors import Refused
from bot.models import (
    Change,
    EventKind,
    Guard,
    Order,
    Owed,
    Progress,
    Remediation,
    RemediationStatus,
    Severity,
    TimelineEvent,
    Timer,
    fits,
    in_words,
)
from bot.owed import fixes as owed
from bot.remedies import effect

EXPIRE = "expire"  # a timer: the plan can't be approved any more
RUNG = "rung"  # a timer: the next on the ladder is called, since a remediation did not help
FOLLOW_EVERY = timedelta(seconds=3)
_KEPT = timedelta(hours=24)  # how far back a guard remembers what began


class Needed(NamedTuple):
    """How many others have to approve, of which group, and which policy says so."""

    people: int
    group: str
    policy: str


def needed(policies: Sequence[ApprovalPolicy], order: Order, severity: Severity, account: str) -> Needed:
    """The first policy that matches; nobody else where there is none.

    Where environment or account are not known, policies that name them may match: then the strictest of all that may.
    """
    found: list[Needed] = []
    for number, policy in enumerate(policies):
        applies = _applies(policy, order, severity, account)
        if applies is not False:
            found.append(Needed(policy.people, policy.group or "", f"config.yml: remediation.approvals[{number}]"))
        if applies:
            break
    return max(found, key=lambda each: each.people, default=Needed(0, "", ""))


def _applies(policy: ApprovalPolicy, order: Order, severity: Severity, account: str) -> bool | None:
    """None: it may."""
    told = ((policy.environment, order.environment), (policy.account, account))
    always = ((policy.service, [order.service]), (policy.action, [order.name, effect(order.name)]))
    known = [(patterns, [text]) for patterns, text in told if text]
    if policy.severity and severity not in policy.severity:
        return False
    for patterns, names in (*always, *known):
        if patterns and not any(fits(each, name) for each in patterns for name in names):
            return False
    return None if any(patterns and not text for patterns, text in told) else True


def place_of(order: Order) -> str:
    """What a guard watches over: a service in its environment."""
    return f"{order.environment}/{order.service}"


def need_free(guard: Guard, order: Order) -> None:
    """One at a time for a service, whoever asks."""
    if guard.running is not None:
        raise Refused(f"FIX-{guard.running} runs for {order.service} right now; one at a time.")


def haste(guard: Guard, order: Order, now: datetime, limits: Remediations) -> tuple[str, ...]:
    """What speaks against one more so soon. It keeps back what would run by itself; people read it and decide."""
    said = []
    same = [at for name, at in guard.started if effect(name) == effect(order.name)]
    wait = max(same) + limits.cool_down - now if same else timedelta()
    if wait > timedelta():
        said.append(f"{in_words(effect(order.name))} was done for {order.service} {span(now - max(same))} ago; "
                    f"by itself it could run again in {span(wait)} (remediation.cool_down)")  # fmt: skip
    recent = [at for _, at in guard.started if now - at < timedelta(hours=1)]
    if len(recent) >= limits.per_hour:
        said.append(f"{len(recent)} remediations within the hour (remediation.per_hour); something else may be wrong")
    return tuple(said)


def need_patience(guard: Guard, order: Order, now: datetime, limits: Remediations) -> None:
    """Of what runs by itself: not the same thing again at once, not too many an hour."""
    if said := haste(guard, order, now, limits):
        raise Refused(f"{'; '.join(said)}.")


def planned(fix: Remediation, places: Sequence[str], incident: int | None) -> Change:
    """Shown, and waiting for a click until it expires."""
    timer = Timer(kind=EXPIRE, subject=fix.id, due_at=fix.expires_at)
    rows = tuple(owed.card(fix, place, is_first=True) for place in places)
    asked = f"{fix.id} asked for: {told(fix)}"
    return Change(
        remediations=(fix,), owed=rows, timers=(timer,), timeline=_line(incident, fix.requested_at, asked, fix)
    )


class Click(NamedTuple):
    """Who clicks Approve, and the user groups they are in."""

    user: str
    groups: Collection[str]


def approved(fix: Remediation, click: Click, now: datetime) -> Remediation:
    """With this person's approval; raises Refused where it does not count."""
    need_planned(fix, now)
    if fix.needs == 0:
        return fix.changed(approved_by={click.user: now})
    if click.user == fix.requested_by:
        raise Refused(f"You asked for {fix.id}, so somebody else has to approve it ({fix.policy}).")
    if click.user in fix.approved_by:
        raise Refused(f"You approved {fix.id} already; it needs {_more(fix)}.")
    if fix.group and fix.group not in click.groups:
        raise Refused(f"{fix.id} needs the approval of <!subteam^{fix.group}> ({fix.policy}).")
    return fix.changed(approved_by={**fix.approved_by, click.user: now})


def _more(fix: Remediation) -> str:
    left = fix.needs - len(fix.approved_by)
    return "one more approval" if left == 1 else f"{left} more approvals"


def is_approved(fix: Remediation) -> bool:
    """Enough people said yes: one click where no policy asks for others."""
    return len(fix.approved_by) >= max(fix.needs, 1)


def need_planned(fix: Remediation, now: datetime) -> None:
    if fix.status is not RemediationStatus.PLANNED:
        raise Refused(f"{fix.id} is {fix.status.value} already.")
    if now >= fix.expires_at:
        raise Refused(f"The plan of {fix.id} expired at {fix.expires_at:%H:%M} UTC; AWS may look different by now. "
                      "Ask for it again.")  # fmt: skip


def begun(fix: Remediation, guard: Guard, now: datetime) -> Change:
    """It holds its service from here on, and the call to AWS is owed."""
    need_free(guard, fix.order)
    if any(at > fix.requested_at for _, at in guard.started):
        raise Refused(f"{fix.order.service} was changed since {fix.id} was planned. Ask for it again, as it is now.")
    after = fix.moved(RemediationStatus.RUNNING, started_at=now, said="")
    kept = tuple(each for each in guard.started if now - each[1] < _KEPT)
    held = guard.changed(running=fix.number, started=(*kept, (fix.order.name, now)))
    return Change(
        remediations=(after,), guards=(held,), owed=(owed.step(after, "start"),), cancel_timers=((EXPIRE, fix.id),)
    )


def rejected(fix: Remediation, by: str, now: datetime) -> Change:
    after = fix.moved(RemediationStatus.REJECTED, rejected_by=by, finished_at=now)
    return Change(remediations=(after,), cancel_timers=((EXPIRE, fix.id),))


def withdrawn(fix: Remediation, why: str, now: datetime) -> Change:
    """Nobody is to run it any more: another plan takes its place, or what it was planned on is not so any more."""
    after = fix.moved(RemediationStatus.WITHDRAWN, problem=why, finished_at=now)
    return Change(remediations=(after,), cancel_timers=((EXPIRE, fix.id),))


def expired(fix: Remediation, now: datetime) -> Change | None:
    if fix.status is not RemediationStatus.PLANNED:
        return None
    return Change(remediations=(fix.moved(RemediationStatus.EXPIRED, finished_at=now),))


def progressed(fix: Remediation, guard: Guard, progress: Progress, now: datetime, limits: Remediations) -> Change:
    """What AWS said of it: it goes on, is done, or failed."""
    plan = fix.plan.model_copy(update={"state": progress.state or fix.plan.state})
    after = fix.changed(plan=plan, said=progress.said or fix.said)
    if not progress.is_over:
        return Change(remediations=(after,), owed=(owed.step(after, "follow", now + FOLLOW_EVERY),))
    if progress.problem:
        return failed(after, guard, progress.problem, now)
    done = after.moved(RemediationStatus.VERIFYING, finished_at=now)
    return Change(
        remediations=(done,),
        guards=_freed(guard, fix),
        owed=(owed.step(done, "verify", now + limits.verify),),
    )


def failed(
    fix: Remediation,
    guard: Guard,
    problem: str,
    now: datetime,
    status: RemediationStatus = RemediationStatus.FAILED,
    *,
    by: str | None = None,
) -> Change:
    """`by`: who stopped it."""
    after = fix.moved(status, finished_at=now, problem=problem, stopped_by=by)
    return Change(remediations=(after,), guards=_freed(guard, fix))


def judged(fix: Remediation, is_well: bool, verdict: Sequence[str], now: datetime) -> Change:
    """Fifteen minutes later: did it help?"""
    status = RemediationStatus.VERIFIED if is_well else RemediationStatus.NOT_RECOVERED
    return Change(remediations=(fix.moved(status, verified_at=now, verdict=tuple(verdict)),))


def _freed(guard: Guard, fix: Remediation) -> tuple[Guard, ...]:
    return (guard.changed(running=None),) if guard.running == fix.number else ()


def told(fix: Remediation) -> str:
    """What it does, in a line."""
    if fix.undoes is not None:
        return f"take back FIX-{fix.undoes}, {fix.plan.before} → {fix.plan.after}"
    return f"{fix.order.told} of {fix.order.service}, {fix.plan.before} → {fix.plan.after}"


def shown(fix: Remediation, places: Sequence[str]) -> tuple[Owed, ...]:
    return tuple(owed.card(fix, place) for place in places)


def _line(incident: int | None, at: datetime, text: str, fix: Remediation) -> tuple[TimelineEvent, ...]:
    return line(incident, at, text, fix.requested_by)


def line(incident: int | None, at: datetime, text: str, actor: str | None = None) -> tuple[TimelineEvent, ...]:
    """A line of the incident's timeline, where there is one."""
    if incident is None:
        return ()
    return (TimelineEvent(incident=incident, at=at, kind=EventKind.FIX, text=text, actor=actor),)
