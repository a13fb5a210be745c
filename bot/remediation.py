"""Changing AWS: plan → guard rails → approval → claim → execute → follow → verify → (undo | escalate).

Each state is stored with its time and who brought it about, in one transaction with what it owes: the call to AWS is
a row as well, so that a bot that dies in between goes on where it was. Two clicks, two people or two processes meet at
the version of the remediation and of its service's guard: one of them wins, the other is told.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from blocks import remediation_notes
from blocks.remediation import FixFacts
from bot import events
from bot.access import Right
from bot.config import Config
from bot.errors import CloudError, InvalidInput, Refused, UserError
from bot.ledger import Ledger
from bot.models import (
    Action,
    Alert,
    Approval,
    Change,
    Incident,
    Message,
    Order,
    Owed,
    Plan,
    Progress,
    Remediation,
    RemediationStatus,
    Role,
    Severity,
    Status,
    Timer,
)
from bot.owed import Target
from bot.owed import alerts as owed_to_alert
from bot.owed import fixes as owed
from bot.owed import incidents as owed_to_incident
from bot.ports import Choice, Fixes
from bot.resources import Resources, resources
from bot.rights import Caller, Rights
from bot.runbooks import NAMED_BY_THE_CATALOGUE, RUNBOOKS
from bot.steps import fixes as steps
from bot.steps import incidents as incident_steps
from bot.verification import Verdict

log = logging.getLogger(__name__)

Subject = Alert | Incident
Escalation = Callable[[Remediation, "Subject | None"], Message]
"""The words for when it did not help: what to do by hand, and where to meet."""
_LONGEST_APPROVAL = timedelta(days=90)
_WORDS = {Status.ACKNOWLEDGED, Status.INVESTIGATING}


class Step(NamedTuple):
    """The remediation as it stands, and whether this call changed it."""

    fix: Remediation
    changed: bool = True


class Remediations:
    """All that people, standing approvals and time do with remediations."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, fixes: Fixes, escalation: Escalation) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._config = config
        self._limits = config.remediation
        self._fixes = fixes
        self._escalation = escalation

    # -- asking

    def show(self, caller: Caller, number: int) -> Remediation:
        self._rights.need(caller, Right.READ)
        return self._store.remediation(number)

    def listing(self, caller: Caller) -> tuple[list[Remediation], list[Approval]]:
        """The newest remediations, and the standing approvals that hold."""
        self._rights.need(caller, Right.READ)
        now = self._ledger.clock()
        return self._store.remediations(limit=15), [one for one in self._store.approvals() if one.holds(now)]

    def waiting(self, caller: Caller, subject: Subject | None) -> list[Remediation]:
        """Plans that wait for a click (about this alert or incident)."""
        self._rights.need(caller, Right.READ)
        now = self._ledger.clock()
        planned = [one for one in self._store.open_remediations() if one.status is RemediationStatus.PLANNED]
        mine = [one for one in planned if subject is None or one.subject in self._ids(subject)]
        return [one for one in mine if now < one.expires_at]

    def _ids(self, subject: Subject) -> set[str]:
        if isinstance(subject, Alert):
            return {subject.id, *([f"INC-{subject.incident}"] if subject.incident else [])}
        return {subject.id, *(alert.id for alert in self._store.alerts_of_incident(subject.number, limit=50))}

    def choices(self, caller: Caller, subject: Subject | None, service: str) -> list[Choice]:
        """What a rollback of this service can go back to. Raises CloudError."""
        self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
        return self._fixes.choices(self._resources(subject, service))

    # -- planning

    def plan(self, caller: Caller, subject: Subject | None, order: Order) -> Remediation:
        """What would happen, shown with who has to approve. Raises CloudError, and Refused with the reason."""
        self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
        if subject is not None and not _goes_on(subject):
            raise Refused(f"{subject.id} is over; nothing needs to be changed for it.")
        about = self._shown_for(subject)
        waiting = self._waiting(order, about, None, self._ledger.clock())
        if waiting is not None:
            return waiting
        return self._keep(order, self._planned(order, subject), about, caller.user_id)

    def undo(self, caller: Caller, number: int) -> Remediation:
        """The plan that takes a remediation back."""
        before = self._store.remediation(number)
        subject = self._subject(before)
        self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
        if before.undone_by is not None:
            raise Refused(f"{before.id} is taken back already, by FIX-{before.undone_by}.")
        if before.started_at is None:
            raise Refused(f"{before.id} never ran, so there is nothing to take back.")
        if not before.plan.undo:
            raise Refused(f"{before.id} can't be taken back: there is nothing to go back to.")
        plan = self._fixes.undo(before)
        return self._keep(before.order, plan, subject, caller.user_id, undoes=before.number)

    def again(self, caller: Caller, number: int) -> Remediation:
        """The same once more, planned on AWS as it is now."""
        before = self._store.remediation(number)
        if before.undoes is not None:
            return self.undo(caller, before.undoes)
        return self.plan(caller, self._subject(before), before.order)

    def _planned(self, order: Order, subject: Subject | None) -> Plan:
        now = self._ledger.clock()
        steps.need_free(self._store.guard(self._place(order)), order, now, self._limits)
        named = sorted(NAMED_BY_THE_CATALOGUE & set(order.parameters))
        if named:
            raise Refused(f"{', '.join(named)} can't be given: the catalogue and the alarm say what is changed.")
        usual = self._config.service(order.service).runbooks.get(order.runbook, {})
        known = order.model_copy(update={"parameters": {**usual, **order.parameters}})
        return self._fixes.plan(known, self._resources(subject, order.service))

    def _resources(self, subject: Subject | None, service: str) -> Resources:
        alert = subject if isinstance(subject, Alert) else None
        if isinstance(subject, Incident):
            alerts = self._store.alerts_of_incident(subject.number)
            alert = next((one for one in alerts if one.service == service), None)
        return resources(self._config.service(service), alert.alarm if alert is not None else None)

    def _keep(
        self, order: Order, plan: Plan, subject: Subject | None, by: str | None, *, undoes: int | None = None
    ) -> Remediation:
        """Stored and shown; the same plan that waits already is that one. The guard's row makes two of them meet."""

        def step(now: datetime) -> tuple[Remediation, Change | None]:
            guard = self._store.guard(self._place(order))
            waiting = self._waiting(order, subject, undoes, now)
            if waiting is not None:
                return waiting, None
            fix = self._new(order, plan, subject, now, requested_by=by, undoes=undoes)
            change = steps.planned(fix, self._places(subject), _incident_of(subject))
            return fix, change + Change(guards=(guard,)) + self._timeline_shown(subject)

        return self._ledger.decide(step, order.service)

    def _waiting(self, order: Order, subject: Subject | None, undoes: int | None, now: datetime) -> Remediation | None:
        """A plan for just this that can still be approved: not once something else was done for the service."""
        about = subject.id if subject is not None else ""
        newest = max((at for _, at in self._store.guard(self._place(order)).started), default=None)
        return next(
            (
                one
                for one in self._store.open_remediations()
                if one.status is RemediationStatus.PLANNED
                and (one.order, one.subject, one.undoes) == (order, about, undoes)
                and now < one.expires_at
                and (newest is None or newest <= one.requested_at)
            ),
            None,
        )

    def _new(self, order: Order, plan: Plan, subject: Subject | None, now: datetime, **more: Any) -> Remediation:
        """`more`: who asked, the standing approval, what it undoes."""
        severity = subject.severity if subject is not None else Severity.SEV3
        wanted = steps.needed(self._limits.approvals, order, severity, plan.target.account)
        return Remediation(
            number=self._store.next_remediation_number(),
            order=order,
            plan=plan,
            severity=severity,
            subject=subject.id if subject is not None else "",
            requested_at=now,
            expires_at=now + self._limits.expires,
            needs=wanted.people,
            group=wanted.group,
            policy=wanted.policy,
            token=str(uuid.uuid4()),
            **more,
        )

    # -- approving

    def approve(self, caller: Caller, number: int) -> Step:
        """One more yes; with enough of them it begins. What was approved already is an answer, not an error."""
        place = self._place(self._store.remediation(number).order)

        def step(now: datetime) -> tuple[Step, Change | None]:
            guard = self._store.guard(place)  # first: a guard that is held by this one tells that somebody was faster
            fix = self._store.remediation(number)
            subject = self._subject(fix)
            person = self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
            if fix.status is not RemediationStatus.PLANNED:
                return Step(fix, changed=False), None
            self._need_not_taken_back(fix)
            if subject is not None and fix.undoes is None and not _goes_on(subject):
                raise Refused(f"{subject.id} is over by now; nothing needs to be changed for it.")
            after = steps.approved(fix, steps.Click(person.id, person.groups), now)
            words = f"{fix.id} approved"
            change = Change(remediations=(after,), timeline=steps.line(_incident_of(subject), now, words, person.id))
            if steps.is_approved(after):
                change += steps.begun(after, guard, now, self._limits) + self._on_it(subject, now, person.id)
            return self._told(change, subject)

        return self._ledger.decide(step, f"FIX-{number}")

    def _need_not_taken_back(self, fix: Remediation) -> None:
        before = self._store.remediation(fix.undoes) if fix.undoes is not None else None
        if before is not None and before.undone_by is not None:
            raise Refused(f"{before.id} is taken back already, by FIX-{before.undone_by}.")

    def reject(self, caller: Caller, number: int) -> Step:
        def step(now: datetime) -> tuple[Step, Change | None]:
            fix = self._store.remediation(number)
            subject = self._subject(fix)
            person = self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
            if fix.status is not RemediationStatus.PLANNED:
                return Step(fix, changed=False), None
            change = steps.rejected(fix, person.id, now)
            change += Change(timeline=steps.line(_incident_of(subject), now, f"{fix.id} rejected", person.id))
            return self._told(change, subject)

        return self._ledger.decide(step, f"FIX-{number}")

    def stop(self, caller: Caller, number: int) -> Step:
        """Let go of one that runs and does not help: what AWS goes on doing by itself is told. Raises CloudError."""
        fix = self._store.remediation(number)
        subject = self._subject(fix)
        person = self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
        if fix.status is not RemediationStatus.RUNNING:
            return Step(fix, changed=False)
        self._fixes.stop(fix)

        def step(now: datetime) -> tuple[Step, Change | None]:
            change = self.ended(number, "stopped", by=person.id)
            return Step(self._store.remediation(number), changed=change is not None), change

        return self._ledger.decide(step, f"FIX-{number}")

    def rehearse(self, caller: Caller, number: int) -> tuple[Remediation, Sequence[str]]:
        """Tried without changing anything: what it would do by now. The plan goes on waiting. Raises CloudError."""
        fix = self._store.remediation(number)
        subject = self._subject(fix)
        self._rights.need(caller, Right.REMEDIATE, subject if isinstance(subject, Incident) else None)
        steps.need_planned(fix, self._ledger.clock())
        return fix, self._fixes.rehearse(fix)

    # -- standing approvals

    def grant(self, caller: Caller, name: str, service: str, lasts: timedelta) -> Approval:
        """Let this run by itself for this service for so long."""
        self._rights.need(caller, Right.REMEDIATE)
        known = self._config.known_service(service)
        if known is None:
            raise InvalidInput("service", f"“{service[:60]}” is not in the catalogue; nothing runs by itself for it.")
        action = _runnable(name)
        if lasts > _LONGEST_APPROVAL:
            raise InvalidInput("duration", "An approval lasts 90 days at most, so that somebody thinks of it again.")

        def step(now: datetime) -> tuple[Approval, Change]:
            before = self._store.approval(action, known)
            given = Approval(
                name=action, service=known, by=caller.user_id, at=now, until=now + lasts,
                version=before.version if before else 0,
            )  # fmt: skip
            told = owed_to_alert.post(Target.OPS, remediation_notes.granted(given))
            return given, Change(approvals=(given,), owed=(told,))

        return self._ledger.decide(step, f"{action}/{known}")

    def withdraw(self, caller: Caller, name: str, service: str) -> Approval:
        self._rights.need(caller, Right.REMEDIATE)
        action, known = _runnable(name), self._config.known_service(service) or service

        def step(now: datetime) -> tuple[Approval, Change | None]:
            before = self._store.approval(action, known)
            if before is None or not before.holds(now):
                raise Refused(f"Nothing is approved: {action} for {known[:60]} does not run by itself.")
            after = before.changed(withdrawn_at=now)
            told = owed_to_alert.post(Target.OPS, remediation_notes.withdrawn(after, caller.user_id))
            return after, Change(approvals=(after,), owed=(told,))

        return self._ledger.decide(step, f"{action}/{known}")

    def by_itself(self, subject_id: str, order: Order, approval_id: str) -> Callable[[], Change]:
        """Plan what a standing approval allows; gives what begins it, or tells what keeps it from that.

        Raises CloudError that passes by itself.
        """
        allowed = self._allowed(subject_id, approval_id)
        if allowed is None:
            return Change
        subject, _ = allowed
        try:
            plan = self._planned(order, subject)
        except UserError as error:
            problem = str(error)
        except CloudError as error:
            if error.retryable:
                raise
            problem = f"AWS did not answer as it should: {error}"
        else:
            return lambda: self._begun(subject_id, order, plan, approval_id)
        return lambda: self._kept_from(subject, order, problem)

    def _begun(self, subject_id: str, order: Order, plan: Plan, approval_id: str) -> Change:
        """Planned and begun at once, if that still holds."""
        allowed, now = self._allowed(subject_id, approval_id), self._ledger.clock()
        if allowed is None:
            return Change()
        subject, approval = self._shown_for(allowed[0]) or allowed[0], allowed[1]
        fix = self._new(order, plan, subject, now, requested_by=None, approval=approval.id)
        if not fix.group or fix.group in self._rights.person(Caller(approval.by)).groups:
            fix = fix.changed(approved_by=(approval.by,), approved_at=now)
        shown = steps.planned(fix, self._places(subject), _incident_of(subject)) + self._timeline_shown(subject)
        if not steps.is_approved(fix):  # a policy asks for more people than whoever gave the standing approval
            return shown
        try:
            begun = steps.begun(fix, self._store.guard(self._place(order)), now, self._limits)
        except Refused as error:
            return self._kept_from(subject, order, str(error))
        return Change(owed=shown.owed, timeline=shown.timeline) + begun

    def _allowed(self, subject_id: str, approval_id: str) -> tuple[Subject, Approval] | None:
        """What it is for and the standing approval, while both hold."""
        subject = self._find(subject_id)
        name, _, service = approval_id.partition("/")
        approval = self._store.approval(name, service)
        if subject is None or not _goes_on(subject) or approval is None or not approval.holds(self._ledger.clock()):
            return None
        return subject, approval

    def _kept_from(self, subject: Subject, order: Order, problem: str) -> Change:
        name = order.name.replace("_", " ")
        return self._note(subject, f"{name} of {order.service} did not begin by itself: {problem}")

    # -- what AWS says

    def progressed(self, number: int, progress: Progress) -> Change | None:
        """Of one that runs: it goes on, is done or failed."""
        fix = self._store.remediation(number)
        if fix.status is not RemediationStatus.RUNNING:
            return None
        now, guard = self._ledger.clock(), self._store.guard(self._place(fix.order))
        change = steps.progressed(fix, guard, progress, now, self._limits)
        return self._after(change, now)

    def is_late(self, fix: Remediation) -> bool:
        return fix.started_at is not None and self._ledger.clock() - fix.started_at > self._limits.timeout

    def ended(self, number: int, problem: str, *, timed_out: bool = False, by: str | None = None) -> Change | None:
        """It can't be done, took too long, or somebody stopped it: they know, and nobody is called."""
        fix = self._store.remediation(number)
        if fix.status is not RemediationStatus.RUNNING:
            return None
        now, guard = self._ledger.clock(), self._store.guard(self._place(fix.order))
        status = RemediationStatus.TIMED_OUT if timed_out else RemediationStatus.FAILED
        return self._after(steps.failed(fix, guard, problem, now, status), now, by=by)

    def judged(self, number: int, verdict: Verdict) -> Change | None:
        fix = self._store.remediation(number)
        if fix.status is not RemediationStatus.VERIFYING:
            return None
        now = self._ledger.clock()
        return self._after(steps.judged(fix, verdict.is_well, verdict.lines, now), now)

    def facts(self, fix: Remediation) -> FixFacts:
        """What its card shows beside it."""
        name, _, service = fix.approval.partition("/")
        return FixFacts(
            approval=self._store.approval(name, service) if fix.approval else None,
            runbook=self._config.service(fix.order.service).runbook,
            verify_at=fix.finished_at + self._limits.verify if fix.finished_at else None,
            called=Role.COMMANDER if fix.status in _NO_HELP and self._still_goes_on(fix) else None,
        )

    def _still_goes_on(self, fix: Remediation) -> bool:
        subject = self._subject(fix)
        return subject is not None and _goes_on(subject)

    def resources_of(self, fix: Remediation) -> tuple[Subject | None, Resources]:
        subject = self._subject(fix)
        return subject, self._resources(subject, fix.order.service)

    def _after(self, change: Change, now: datetime, by: str | None = None) -> Change:
        """With the cards, the timeline, and the ladder where it did not help."""
        fix = change.remediations[0]
        subject = self._subject(fix)
        change += Change(owed=steps.shown(fix, self._places(subject)))
        said = _NEWS.get(fix.status)
        if said is not None:
            words = f"{fix.id} {said}" + (f": {fix.problem or fix.said}" if fix.problem or fix.said else "")
            change += Change(timeline=steps.line(_incident_of(subject), now, words)) + self._timeline_shown(subject)
        if (event := events.finished(fix, now)) is not None:
            change += Change(owed=owed_to_alert.events((event,)))
        if fix.status is RemediationStatus.VERIFYING and fix.undoes is not None:
            change += self._taken_back(fix)
        if fix.status in _NO_HELP and fix.undone_by is None and by is None:
            change += self._climbs(fix, subject, now)
        return change

    def _taken_back(self, fix: Remediation) -> Change:
        assert fix.undoes is not None
        before = self._store.remediation(fix.undoes).changed(undone_by=fix.number)
        return Change(remediations=(before,), owed=steps.shown(before, self._places(self._subject(before))))

    # -- time

    def expire(self, number: int) -> None:
        def step(now: datetime) -> tuple[None, Change | None]:
            fix = self._store.remediation(number)
            change = steps.expired(fix, now)
            return None, self._after(change, now) if change else None

        self._ledger.decide(step, f"FIX-{number}")

    def rung(self, number: int, role: Role) -> None:
        """The next on the ladder, unless somebody took it up since."""

        def step(now: datetime) -> tuple[None, Change | None]:
            fix = self._store.remediation(number)
            subject = self._subject(fix)
            if subject is None or not _goes_on(subject) or self._is_taken_up(fix, subject):
                return None, None
            why = f"{fix.id} did not help"
            return None, Change(owed=(owed_to_alert.page(subject, role, why, again=True),))

        self._ledger.decide(step, f"FIX-{number}")

    def _climbs(self, fix: Remediation, subject: Subject | None, now: datetime) -> Change:
        """At once whoever is on call and the commander, then the rest of the ladder; and what to do by hand."""
        message = self._escalation(fix, subject)
        if subject is None:
            return Change(owed=(owed_to_alert.post("ops", message),))
        if not _goes_on(subject):
            return Change()
        paging, why = self._config.paging, f"{fix.id} did not help: {fix.problem or fix.status.value}"
        at_once = [
            owed_to_alert.page(subject, role, why, again=True).model_copy(
                update={"lane": f"page:{subject.id}:{role.value}"}
            )
            for role in (Role.PRIMARY, Role.COMMANDER)
        ]
        later = {Role.TEAM_LEAD: paging.team_lead, Role.MANAGER: paging.manager}
        timers = tuple(
            Timer(kind=steps.RUNG, subject=fix.id, due_at=now + after, body={"role": role.value})
            for role, after in later.items()
        )
        return Change(owed=(*self._noted(subject, message), *at_once), timers=timers)

    def _is_taken_up(self, fix: Remediation, subject: Subject) -> bool:
        """Did somebody do something since it failed: acknowledge, write, or ask for another remediation?"""
        ended = fix.verified_at or fix.finished_at or fix.requested_at
        later = [one for one in self._store.remediations_of(fix.subject) if one.number > fix.number]
        if any(one.requested_by is not None or one.status is RemediationStatus.VERIFIED for one in later):
            return True
        incident = subject if isinstance(subject, Incident) else None
        if incident is None and isinstance(subject, Alert) and subject.incident is not None:
            incident = self._store.incident(subject.incident)
        acted = [incident.acknowledged_at, incident.update.at if incident.update else None] if incident else []
        return any(at is not None and at > ended for at in acted)

    # -- telling

    def _told(self, change: Change, subject: Subject | None) -> tuple[Step, Change]:
        fix = change.remediations[0]
        change += Change(owed=steps.shown(fix, self._places(subject)))
        return Step(fix), change + self._timeline_shown(subject)

    def _on_it(self, subject: Subject | None, now: datetime, by: str) -> Change:
        """An incident that is worked on by changing AWS is being remediated."""
        number = _incident_of(subject)
        incident = self._store.incident(number) if number is not None else None
        if incident is None or incident.status not in _WORDS:
            return Change()
        return incident_steps.set_status(incident, now, by, status=Status.REMEDIATING) or Change()

    def _timeline_shown(self, subject: Subject | None) -> Change:
        number = _incident_of(subject)
        return Change(owed=owed_to_incident.cards(self._store.incident(number))) if number is not None else Change()

    def _note(self, subject: Subject, text: str) -> Change:
        return Change(owed=self._noted(subject, Message(text, [])))

    def _noted(self, subject: Subject, message: Message) -> tuple[Owed, ...]:
        if isinstance(subject, Incident):
            return owed_to_incident.note(subject, message)
        return (owed_to_alert.note(subject, message),) if subject.has_stood else ()

    def _place(self, order: Order) -> str:
        """What its guard watches over. A service of the catalogue is one, whoever tells its environment."""
        known = self._config.known_service(order.service)
        return f"{self._config.service(known).environment}/{known}" if known else steps.place_of(order)

    def _places(self, subject: Subject | None) -> tuple[str, ...]:
        return owed.places(subject)

    def _subject(self, fix: Remediation) -> Subject | None:
        return self._find(fix.subject)

    def _shown_for(self, subject: Subject | None) -> Subject | None:
        """The composite alarm's alert where one stands for this one: that is what people see and take."""
        if isinstance(subject, Alert) and subject.parent is not None:
            return self._store.alert(subject.parent)
        return subject

    def _find(self, subject: str) -> Subject | None:
        kind, _, number = subject.partition("-")
        if not number:
            return None
        return self._store.alert(int(number)) if kind == "AL" else self._store.incident(int(number))


_S = RemediationStatus
_NO_HELP = frozenset({_S.FAILED, _S.TIMED_OUT, _S.NOT_RECOVERED})
_NEWS = {
    _S.VERIFYING: "is done",
    _S.VERIFIED: "helped",
    _S.NOT_RECOVERED: "did not help",
    _S.FAILED: "failed",
    _S.TIMED_OUT: "took too long and was stopped",
    _S.EXPIRED: "expired, nobody approved it in time",
}


def _goes_on(subject: Subject) -> bool:
    return subject.is_firing if isinstance(subject, Alert) else subject.is_open


def _incident_of(subject: Subject | None) -> int | None:
    return subject.incident if isinstance(subject, Alert) else subject.number if subject is not None else None


def _runnable(name: str) -> str:
    """An action or runbook as approvals name it; raises InvalidInput with what there is."""
    known = {**{action.value: action.value for action in Action if action is not Action.RUNBOOK},
             **{runbook: runbook for runbook in RUNBOOKS}}  # fmt: skip
    by_spelling = {_spelt(each): each for each in known}
    by_spelling |= {_spelt(each).removeprefix("aiops"): each for each in known} | {"scale": Action.SCALE_UP.value}
    found = by_spelling.get(_spelt(name))
    if found is None:
        raise InvalidInput("action", f"I don't know “{name[:40]}”. There are: {', '.join(known)}.")
    return found


def _spelt(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
