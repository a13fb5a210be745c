"""What becomes of remediations: what AWS says of them, what time brings, and who is called when one did not help."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from blocks.remediation import FixFacts
from blocks.rich import plain
from bot import events
from bot.config import Config
from bot.ledger import Ledger
from bot.models import Alert, Change, Message, Owed, Progress, Remediation, RemediationStatus, Role, Timer
from bot.owed import alerts as owed_to_alert
from bot.owed import fixes as owed
from bot.planning import Plans, Subject, goes_on, incident_of
from bot.resources import Resources, resources
from bot.signals import Alarm
from bot.steps import fixes as steps
from bot.verification import Verdict

ByHand = Callable[[Remediation, Subject | None], Message]
"""The words for when it did not help: what to do by hand, and where to meet."""
_LATER = 100  # of the newest remediations, those of the same service are looked for
_AT_ONCE = (Role.PRIMARY, Role.COMMANDER)  # who is called when it did not help; the others of the ladder in their time


class Outcomes:
    """Of remediations that began."""

    def __init__(self, ledger: Ledger, config: Config, plans: Plans, by_hand: ByHand) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._config = config
        self._limits = config.remediation
        self._plans = plans
        self._by_hand = by_hand

    def progressed(self, number: int, progress: Progress) -> Change | None:
        """Of one that runs: it goes on, is done or failed."""
        fix = self._store.remediation(number)
        if fix.status is not RemediationStatus.RUNNING:
            return None
        now, guard = self._ledger.clock(), self._store.guard(self._plans.place(fix.order))
        change = steps.progressed(fix, guard, progress, now, self._limits)
        after = change.remediations[0]
        is_news = (after.status, after.said) != (fix.status, fix.said)
        return self._after(change, now) if is_news else change

    def is_late(self, fix: Remediation) -> bool:
        return fix.started_at is not None and self._ledger.clock() - fix.started_at > self._limits.timeout

    def ended(self, number: int, problem: str, *, timed_out: bool = False, by: str | None = None) -> Change | None:
        """It can't be done, took too long, or somebody stopped it: they know, and nobody is called."""
        fix = self._store.remediation(number)
        if fix.status is not RemediationStatus.RUNNING:
            return None
        now, guard = self._ledger.clock(), self._store.guard(self._plans.place(fix.order))
        status = RemediationStatus.TIMED_OUT if timed_out else RemediationStatus.FAILED
        return self._after(steps.failed(fix, guard, problem, now, status, by=by), now)

    def later(self, fix: Remediation) -> list[Remediation]:
        """What else was changed in its service since it began, the oldest first."""
        place, began = self._plans.place(fix.order), fix.started_at or fix.requested_at
        found = [one for one in self._store.remediations(limit=_LATER)
                 if one.number != fix.number and one.started_at is not None and one.started_at > began
                 and not one.plan.is_look and self._plans.place(one.order) == place]  # fmt: skip
        return sorted(found, key=lambda one: (one.started_at, one.number))

    def put_off(self, fix: Remediation) -> Change | None:
        """While it is being taken back there is nothing to judge; if that fails, there is again."""
        running = self._store.guard(self._plans.place(fix.order)).running
        if running is None or self._store.remediation(running).undoes != fix.number:
            return None
        return Change(owed=(owed.step(fix, "verify", self._ledger.clock() + steps.FOLLOW_EVERY),))

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
            called=_AT_ONCE if fix.status in _NO_HELP and self._still_goes_on(fix) else (),
        )

    def _still_goes_on(self, fix: Remediation) -> bool:
        subject = self._plans.subject_of(fix)
        return subject is not None and goes_on(subject)

    def subject_of(self, fix: Remediation) -> Subject | None:
        return self._plans.subject_of(fix)

    def resources_of(self, fix: Remediation, alarm: Alarm | None) -> Resources:
        """Where its service runs, as the catalogue and this alarm tell."""
        return resources(self._config.service(fix.order.service), alarm)

    def _after(self, change: Change, now: datetime) -> Change:
        """With the cards, the timeline, and the ladder where it did not help."""
        fix = change.remediations[0]
        subject = self._plans.subject_of(fix)
        change += Change(owed=steps.shown(fix, self._plans.places(subject)))
        said = "was stopped" if fix.stopped_by is not None else _NEWS.get(fix.status)
        if said is not None:
            why = _why(fix)
            words = f"{fix.id} {said}: {why}" if why else f"{fix.id} {said}"
            change += Change(timeline=steps.line(incident_of(subject), now, words, fix.stopped_by))
            change += self._plans.timeline_shown(subject)
        if (event := events.finished(fix, now)) is not None:
            change += Change(owed=owed_to_alert.events((event,)))
        if fix.status is RemediationStatus.VERIFYING and fix.undoes is not None:
            change += self._taken_back(fix)
        if fix.status in _NO_HELP and fix.undone_by is None and fix.stopped_by is None:
            change += self._climbs(fix, subject, now)
        return change

    def _taken_back(self, fix: Remediation) -> Change:
        """Of what is not so any more, no effect is looked at."""
        assert fix.undoes is not None
        before = self._store.remediation(fix.undoes).changed(undone_by=fix.number)
        if before.status is RemediationStatus.VERIFYING:
            before = before.moved(RemediationStatus.UNDONE)
        return Change(
            remediations=(before,), owed=steps.shown(before, self._plans.places(self._plans.subject_of(before)))
        )

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
            subject = self._plans.subject_of(fix)
            if subject is None or not goes_on(subject) or self._is_taken_up(fix, subject):
                return None, None
            why = f"{fix.id} did not help"
            return None, Change(owed=(owed_to_alert.page(subject, role, why, again=True),))

        self._ledger.decide(step, f"FIX-{number}")

    def _climbs(self, fix: Remediation, subject: Subject | None, now: datetime) -> Change:
        """At once whoever is on call, by e-mail too, and the commander, then the rest of the ladder; and what to do by
        hand."""
        message = self._by_hand(fix, subject)
        if subject is None:
            return Change(owed=(owed_to_alert.post("ops", message),))
        if not goes_on(subject):
            return Change()
        paging, why = self._config.paging, f"{fix.id} did not help: {fix.why_not}"
        at_once = [
            owed_to_alert.page(subject, role, why, again=True).model_copy(
                update={"lane": f"page:{subject.id}:{role.value}"}
            )
            for role in _AT_ONCE
        ]
        later = {Role.TEAM_LEAD: paging.team_lead, Role.MANAGER: paging.manager}
        timers = tuple(
            Timer(kind=steps.RUNG, subject=fix.id, due_at=now + after, body={"role": role.value})
            for role, after in later.items()
        )
        mails = self._mails(fix, subject, message)
        return Change(owed=(*self._plans.noted(subject, message, presses=True), *at_once, *mails), timers=timers)

    def _mails(self, fix: Remediation, subject: Subject, message: Message) -> tuple[Owed, ...]:
        routed = subject.topic if isinstance(subject, Alert) else None
        topic = routed or self._config.topics.get(subject.severity)
        if topic is None:
            return ()
        return (
            owed_to_alert.mail(subject.id, topic, f"{fix.id} did not help: {subject.service}", plain(message.blocks)),
        )

    def _is_taken_up(self, fix: Remediation, subject: Subject) -> bool:
        """Did somebody do something since it failed: acknowledge, write, or ask for another remediation?

        For the alert, its incident, or another alert of that.
        """
        ended = fix.verified_at or fix.finished_at or fix.requested_at
        number = incident_of(subject)
        incident = self._store.incident(number) if number is not None else None
        fixes = [one for each in self._plans.ids(incident or subject) for one in self._store.remediations_of(each)]
        later = [one for one in fixes if one.number > fix.number]
        if any(one.requested_by is not None or one.status is RemediationStatus.VERIFIED for one in later):
            return True
        acted = [incident.acknowledged_at, incident.update.at if incident.update else None] if incident else []
        acted += [subject.acknowledged_at]
        return any(at is not None and at > ended for at in acted)


def _why(fix: Remediation) -> str:
    """What was found: of its effect where that was looked at, else what AWS said last."""
    if fix.status is _S.VERIFIED:
        return "; ".join(fix.verdict[:2])
    if fix.status is _S.NOT_RECOVERED:
        return fix.why_not
    return fix.said if fix.stopped_by is not None else fix.problem or fix.said


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
