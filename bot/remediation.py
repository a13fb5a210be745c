"""Changing AWS: plan → guard rails → approval → claim → execute → follow → verify → (undo | escalate).

Each state is stored with its time and who brought it about, in one transaction with what it owes: the call to AWS is
a row as well, so that a bot that dies in between goes on where it was. Two clicks, two people or two processes meet at
the version of the remediation and of its service's guard: one of them wins, the other is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.access import Right
from bot.config import Config
from bot.errors import Refused
from bot.ledger import Ledger
from bot.models import (
    Approval,
    Change,
    Order,
    Plan,
    Posted,
    Remediation,
    RemediationStatus,
    Status,
)
from bot.outcomes import ByHand, Outcomes
from bot.owed import fixes as owed
from bot.planning import Plans, Subject, goes_on, incident_of
from bot.ports import Choice, Fixes
from bot.resources import Resources
from bot.rights import Caller, Rights
from bot.standing import StandingApprovals
from bot.steps import fixes as steps
from bot.steps import incidents as incident_steps
from bot.steps.alerts import By

_WORKED_ON = {Status.ACKNOWLEDGED, Status.INVESTIGATING}


class Neighbours(NamedTuple):
    """What the other use cases do for this one.

    by_hand   the words for when it did not help
    taken_up  what follows when somebody takes an alert or incident up that nobody has acknowledged
    """

    by_hand: ByHand
    taken_up: Callable[[Subject, By, datetime], Change]


class Step(NamedTuple):
    """The remediation as it stands, and whether this call changed it."""

    fix: Remediation
    changed: bool = True


class Remediations:
    """What people do with remediations. `standing` are those that run by themselves, `outcomes` what becomes of all."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, fixes: Fixes, neighbours: Neighbours) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._limits = config.remediation
        self._fixes = fixes
        self._taken_up_by = neighbours.taken_up
        self._plans = Plans(ledger, rights, config, fixes)
        self.outcomes = Outcomes(ledger, config, self._plans, neighbours.by_hand)
        self.standing = StandingApprovals(ledger, rights, config, self._plans)

    # -- asking

    def show(self, caller: Caller, number: int) -> Remediation:
        self._rights.need(caller, Right.READ)
        return self._store.remediation(number)

    def listing(self, caller: Caller, subject: Subject | None = None) -> tuple[list[Remediation], list[Approval]]:
        """The newest remediations, and the standing approvals that hold; of an alert or incident only its own."""
        self._rights.need(caller, Right.READ)
        now = self._ledger.clock()
        if subject is not None:
            found = [one for each in self._plans.ids(subject) for one in self._store.remediations_of(each)]
            return sorted(found, key=lambda one: -one.number), []
        return self._store.remediations(limit=15), [one for one in self._store.approvals() if one.holds(now)]

    def waiting(self, caller: Caller, subject: Subject | None) -> list[Remediation]:
        """Plans that wait for a click (about this alert or incident)."""
        self._rights.need(caller, Right.READ)
        now = self._ledger.clock()
        planned = [one for one in self._store.open_remediations() if one.status is RemediationStatus.PLANNED]
        mine = [one for one in planned if subject is None or one.subject in self._plans.ids(subject)]
        return [one for one in mine if now < one.expires_at]

    def choices(self, caller: Caller, subject: Subject | None, service: str) -> list[Choice]:
        """What a rollback of this service can go back to. Raises CloudError."""
        self._plans.need(caller, subject)
        return self._fixes.choices(self._plans.resources(subject, service))

    def stands(self, fix: Remediation) -> Posted | None:
        """Where its card is; before it is posted, the card in whose thread it will be."""
        subject = self._plans.subject_of(fix)
        place = owed.place(subject)
        own = self._store.posted(fix.id, place)
        return own or (self._store.posted(subject.id, place) if subject is not None else None)

    # -- planning

    def plan(
        self, caller: Caller, subject: Subject | None, order: Order, *, instead_of: int | None = None
    ) -> Remediation:
        """What would happen, shown with who has to approve. Raises CloudError, and Refused with the reason.

        It takes the place of the plan `instead_of`, and of another one for the same action that the caller asked for.
        """
        self._plans.need(caller, subject)
        if subject is not None and not goes_on(subject):
            raise Refused(f"{subject.id} is over; nothing needs to be changed for it.")
        about = self._plans.shown_for(subject)
        waiting = self._waiting(order, about, None, self._ledger.clock())
        if waiting is not None:
            return waiting
        plan = self._plans.planned(order, self._plans.resources(subject, order.service))
        return self._keep(order, plan, about, caller.user_id, instead_of=instead_of)

    def undo(self, caller: Caller, number: int) -> Remediation:
        """The plan that takes a remediation back."""
        before = self._store.remediation(number)
        subject = self._plans.subject_of(before)
        self._plans.need(caller, subject)
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
        return self.plan(caller, self._plans.subject_of(before), before.order)

    def at_once(self, order: Order, where: Resources, via: str) -> Remediation:
        """Planned and begun for somebody outside of Slack, through the same guard rails. `via`: who, where and why.

        Raises CloudError, and Refused with the reason: also where a policy asks for people, who are in Slack.
        """
        plan = self._plans.planned(order, where, by_itself=True)

        def step(now: datetime) -> tuple[Remediation, Change]:
            fix = self._plans.new(order, plan, None, now, requested_by=None, via=via)
            if fix.needs:
                raise Refused(f"{order.told} of {order.service} needs the approval of others ({fix.policy}): "
                              "ask for it in Slack.")  # fmt: skip
            shown = steps.planned(fix, self._plans.places(None), None)
            begun = self._plans.begun(fix, self._store.guard(self._plans.place(order)), now, by_itself=True)
            return begun.remediations[0], shown + begun

        return self._ledger.decide(step, order.service)

    def _keep(
        self,
        order: Order,
        plan: Plan,
        subject: Subject | None,
        by: str,
        *,
        undoes: int | None = None,
        instead_of: int | None = None,
    ) -> Remediation:
        """Stored and shown; the same plan that waits already is that one. The guard's row makes two of them meet."""

        def step(now: datetime) -> tuple[Remediation, Change | None]:
            guard = self._store.guard(self._plans.place(order))
            waiting = self._waiting(order, subject, undoes, now)
            if waiting is not None:
                return waiting, None
            fix = self._plans.new(order, plan, subject, now, requested_by=by, undoes=undoes)
            change = steps.planned(fix, self._plans.places(subject), incident_of(subject))
            replaced = [self._plans.withdrawn(one, f"{fix.id} takes its place", now)
                        for one in self._replaced(fix, instead_of)]  # fmt: skip
            shown = Change(guards=(guard,)) + self._plans.timeline_shown(subject)
            return fix, Change.joined((change, *replaced, shown))

        return self._ledger.decide(step, order.service)

    def _replaced(self, fix: Remediation, instead_of: int | None) -> list[Remediation]:
        """Plans that wait, and that nobody wants once there is this one."""
        key = (fix.order.name, fix.order.service, fix.subject, fix.undoes, fix.requested_by)
        return [
            one
            for one in self._store.open_remediations()
            if one.status is RemediationStatus.PLANNED
            and (
                one.number == instead_of
                or (one.order.name, one.order.service, one.subject, one.undoes, one.requested_by) == key
            )
        ]

    def _waiting(self, order: Order, subject: Subject | None, undoes: int | None, now: datetime) -> Remediation | None:
        """A plan for just this that can still be approved: not once something else was done for the service."""
        about = subject.id if subject is not None else ""
        newest = max((at for _, at in self._store.guard(self._plans.place(order)).started), default=None)
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

    # -- approving

    def approve(self, caller: Caller, number: int) -> Step:
        """One more yes; with enough of them it begins. What was approved already is an answer, not an error."""
        place = self._plans.place(self._store.remediation(number).order)

        def step(now: datetime) -> tuple[Step, Change | None]:
            guard = self._store.guard(place)  # first: a guard that is held by this one tells that somebody was faster
            fix = self._store.remediation(number)
            subject = self._plans.subject_of(fix)
            person = self._plans.need(caller, subject)
            if fix.status is not RemediationStatus.PLANNED:
                return Step(fix, changed=False), None
            self._need_not_taken_back(fix)
            if subject is not None and fix.undoes is None and not goes_on(subject):
                raise Refused(f"{subject.id} is over by now; nothing needs to be changed for it.")
            after = steps.approved(fix, steps.Click(person.id, person.groups), now)
            change, is_begun = Change(remediations=(after,)), steps.is_approved(after)
            if is_begun:
                change += self._taken_up(subject, after, now)
            taken = _left_by(change, subject)
            change += Change(timeline=steps.line(incident_of(taken), now, f"{fix.id} approved", person.id))
            if is_begun:
                change += self._plans.begun(after, guard, now) + self._on_it(taken, change, now, person.id)
            return self._told(change, subject)

        return self._ledger.decide(step, f"FIX-{number}")

    def _need_not_taken_back(self, fix: Remediation) -> None:
        before = self._store.remediation(fix.undoes) if fix.undoes is not None else None
        if before is not None and before.undone_by is not None:
            raise Refused(f"{before.id} is taken back already, by FIX-{before.undone_by}.")

    def reject(self, caller: Caller, number: int) -> Step:
        def step(now: datetime) -> tuple[Step, Change | None]:
            fix = self._store.remediation(number)
            subject = self._plans.subject_of(fix)
            person = self._plans.need(caller, subject)
            if fix.status is not RemediationStatus.PLANNED:
                return Step(fix, changed=False), None
            change = steps.rejected(fix, person.id, now)
            change += Change(timeline=steps.line(incident_of(subject), now, f"{fix.id} rejected", person.id))
            return self._told(change, subject)

        return self._ledger.decide(step, f"FIX-{number}")

    def stop(self, caller: Caller, number: int) -> Step:
        """Let go of one that runs and does not help: what AWS goes on doing by itself is told. Raises CloudError."""
        fix = self._store.remediation(number)
        subject = self._plans.subject_of(fix)
        person = self._plans.need(caller, subject)
        if fix.status is not RemediationStatus.RUNNING:
            return Step(fix, changed=False)
        self._fixes.stop(fix)

        def step(now: datetime) -> tuple[Step, Change | None]:
            change = self.outcomes.ended(number, "stopped", by=person.id)
            return Step(self._store.remediation(number), changed=change is not None), change

        return self._ledger.decide(step, f"FIX-{number}")

    def rehearse(self, caller: Caller, number: int) -> tuple[Remediation, Sequence[str]]:
        """Tried without changing anything: what it would do by now. The plan goes on waiting. Raises CloudError."""
        fix = self._store.remediation(number)
        subject = self._plans.subject_of(fix)
        self._plans.need(caller, subject)
        steps.need_planned(fix, self._ledger.clock())
        return fix, self._fixes.rehearse(fix)

    # -- telling

    def _told(self, change: Change, subject: Subject | None) -> tuple[Step, Change]:
        fix = change.remediations[0]
        change += Change(owed=steps.shown(fix, self._plans.places(subject)))
        return Step(fix), change + self._plans.timeline_shown(subject)

    def _taken_up(self, subject: Subject | None, fix: Remediation, now: datetime) -> Change:
        """Whoever runs it has taken up what it is for: who clicked, or who asked where others had to approve."""
        if subject is None:
            return Change()
        by = (fix.requested_by if fix.needs else None) or next(reversed(fix.approved_by))
        return self._taken_up_by(subject, By(by), now)

    def _on_it(self, subject: Subject | None, change: Change, now: datetime, by: str) -> Change:
        """An incident that is worked on by changing AWS is being remediated. `change` may have opened it."""
        number = incident_of(subject)
        if number is None:
            return Change()
        fresh = next((one for one in change.incidents if one.number == number), None)
        incident = fresh or self._store.incident(number)
        if incident.status not in _WORKED_ON:
            return Change()
        return incident_steps.set_status(incident, now, by, status=Status.REMEDIATING) or Change()


def _left_by(change: Change, subject: Subject | None) -> Subject | None:
    """The same as the change leaves it."""
    rows: tuple[Subject, ...] = (*change.alerts, *change.incidents)
    return next((one for one in rows if subject is not None and one.id == subject.id), subject)
