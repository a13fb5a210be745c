"""Standing approvals: what may run by itself for a service, who let it, and what then begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from blocks import remediation_notes
from bot.access import Right
from bot.config import Config
from bot.errors import CloudError, InvalidInput, Refused, UserError
from bot.ledger import Ledger
from bot.models import Action, Approval, Change, Order, Plan, in_words
from bot.owed import Target
from bot.owed import alerts as owed_to_alert
from bot.planning import Plans, Subject, goes_on, incident_of, not_begun
from bot.remedies import STANDS_IN, effect, helpful
from bot.resources import resources
from bot.rights import Caller, Rights
from bot.runbooks import RUNBOOKS
from bot.steps import fixes as steps

_LONGEST_APPROVAL = timedelta(days=90)


class StandingApprovals:
    """Given and withdrawn by people, used by alarms and reports."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, plans: Plans) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._config = config
        self._limits = config.remediation
        self._plans = plans

    def held(self, caller: Caller, name: str, service: str) -> Approval | None:
        """What lets this run by itself by now."""
        self._rights.need(caller, Right.READ)
        found = self._store.approval(_runnable(name), self._config.known_service(service) or service)
        return found if found is not None and found.holds(self._ledger.clock()) else None

    def grant(self, caller: Caller, name: str, service: str, lasts: timedelta) -> Approval:
        """Let this run by itself for this service for so long."""
        self._rights.need(caller, Right.REMEDIATE)
        known = self._config.known_service(service)
        if known is None:
            raise InvalidInput("service", f"“{service[:60]}” is not in the catalogue; nothing runs by itself for it.")
        action = _runnable(name)
        self._need_helpful(action, known)
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

    def _need_helpful(self, name: str, service: str) -> None:
        """Whoever approves what can never run would rely on it."""
        can = [each.value for each in helpful(resources(self._config.service(service)))]
        if can and effect(name) not in can and (name in STANDS_IN or name not in RUNBOOKS):
            told = ", ".join(map(in_words, can))
            raise Refused(f"{in_words(name)} can't be done where {service} runs. What can: {told}.")

    def withdraw(self, caller: Caller, name: str, service: str) -> Approval:
        self._rights.need(caller, Right.REMEDIATE)
        action, known = _runnable(name), self._config.known_service(service) or service

        def step(now: datetime) -> tuple[Approval, Change | None]:
            before = self._store.approval(action, known)
            if before is None or not before.holds(now):
                raise Refused(f"Nothing is approved: {in_words(action)} for {known[:60]} does not run by itself.")
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
            where = self._plans.resources(subject, order.service)
            plan = self._plans.planned(order, where, by_itself=True)
        except UserError as error:
            problem = str(error)
        except CloudError as error:
            if error.retryable:
                raise
            problem = f"AWS did not answer as it should: {error}"
        else:
            return lambda: self._begun(subject_id, order, plan, approval_id)
        return lambda: not_begun(self._store, subject, order.name, order.service, problem)

    def _begun(self, subject_id: str, order: Order, plan: Plan, approval_id: str) -> Change:
        """Planned and begun at once, if that still holds."""
        allowed, now = self._allowed(subject_id, approval_id), self._ledger.clock()
        if allowed is None:
            return Change()
        subject, approval = self._plans.shown_for(allowed[0]) or allowed[0], allowed[1]
        fix = self._plans.new(order, plan, subject, now, requested_by=None, approval=approval.id)
        if not fix.group or fix.group in self._rights.person(Caller(approval.by)).groups:
            fix = fix.changed(approved_by={approval.by: now})
        shown = steps.planned(fix, self._plans.places(subject), incident_of(subject)) + self._plans.timeline_shown(
            subject
        )
        if not steps.is_approved(fix):  # a policy asks for more people than whoever gave the standing approval
            return shown
        try:
            begun = self._plans.begun(fix, self._store.guard(self._plans.place(order)), now, by_itself=True)
        except Refused as error:
            return not_begun(self._store, subject, order.name, order.service, str(error))
        return Change(owed=shown.owed, timeline=shown.timeline) + begun

    def _allowed(self, subject_id: str, approval_id: str) -> tuple[Subject, Approval] | None:
        """What it is for and the standing approval, while both hold."""
        subject = self._plans.find(subject_id)
        name, _, service = approval_id.partition("/")
        approval = self._store.approval(name, service)
        if subject is None or not goes_on(subject) or approval is None or not approval.holds(self._ledger.clock()):
            return None
        return subject, approval


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
