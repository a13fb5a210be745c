"""What happens because time has passed: claims due timers, the oldest first, and takes the step each stands for.

A step is decided on what is stored by then: a timer whose alert is acknowledged or over does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from bot import oncall
from bot.durations import about
from bot.errors import StoreError, UserError
from bot.intake import STORM, AlertIntake
from bot.ledger import Ledger
from bot.models import Alert, Change, Incident, Role, Timer
from bot.paging import next_call
from bot.remediation import Remediations
from bot.silences import SILENCE, Silences
from bot.steps import alerts as alert_steps
from bot.steps import deadlines
from bot.steps import incidents as incident_steps
from bot.steps.fixes import EXPIRE, RUNG
from bot.triage import Rules
from bot.visibility import REVEAL

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
AT_ONCE = 50


class Timekeeper:
    """`owner` names the process in claims."""

    def __init__(
        self,
        ledger: Ledger,
        rules: Rules,
        intake: AlertIntake,
        silences: Silences,
        remediations: Remediations,
        owner: str,
    ) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rules = rules
        self._intake = intake
        self._silences = silences
        self._remediations = remediations
        self._owner = owner
        self._on: dict[str, Callable[[Timer], None]] = {
            deadlines.SLA: self._missed,
            deadlines.CALL: self._call,
            deadlines.UPDATE: self._remind,
            deadlines.SETTLE: lambda timer: self._intake.settle(_number(timer)),
            SILENCE: lambda timer: self._silences.end(timer.subject),
            deadlines.LEFT: lambda timer: self._intake.still_fires(_number(timer)),
            REVEAL: lambda timer: self._intake.reveal(_number(timer)),
            STORM: lambda timer: self._intake.calm(timer.subject),
            EXPIRE: lambda timer: self._remediations.outcomes.expire(_number(timer)),
            RUNG: lambda timer: self._remediations.outcomes.rung(_number(timer), Role(timer.body["role"])),
        }

    def also(self, on: Mapping[str, Callable[[Timer], None]]) -> None:
        """What is done for timers of further kinds."""
        self._on |= on

    def run(self) -> int:
        """Take what is due; how many timers that were. Raises StoreError."""
        taken = 0
        while due := self._store.claim_timers(self._owner, self._ledger.clock(), lease=LEASE_SECONDS, limit=AT_ONCE):
            for timer in due:
                self._act(timer)
            taken += len(due)
        return taken

    def _act(self, timer: Timer) -> None:
        """One that can't be acted on comes again after its lease; the others go on."""
        act = self._on.get(timer.kind)
        try:
            if act is None:
                log.warning("nothing is to be done for a timer %s of %s", timer.kind, timer.subject)
            else:
                act(timer)
            self._store.finish_timer(timer)
        except StoreError as error:
            log.error("the timer %s of %s waits: %s", timer.kind, timer.subject, error)
        except UserError as error:
            log.warning("the timer %s of %s is moot: %s", timer.kind, timer.subject, error)
            self._store.finish_timer(timer)

    def _subject(self, timer: Timer) -> Alert | Incident:
        number = _number(timer)
        return self._store.alert(number) if timer.subject.startswith("AL-") else self._store.incident(number)

    def _missed(self, timer: Timer) -> None:
        def step(now: datetime) -> tuple[None, Change | None]:
            subject = self._subject(timer)
            if isinstance(subject, Alert):
                return None, alert_steps.missed(subject, now, self._rules.policy)
            return None, self._followed(incident_steps.missed(subject, now))

        self._ledger.decide(step, timer.subject)

    def _call(self, timer: Timer) -> None:
        def step(now: datetime) -> tuple[None, Change | None]:
            subject = self._subject(timer)
            call = next_call(subject, self._rules)
            if not subject.awaits or call is None or call.due_at > now:
                return None, None
            if isinstance(subject, Alert):
                return None, alert_steps.called(subject, call.role, call.reason, self._rules.policy)
            return None, self._followed(incident_steps.called(subject, call.role, call.reason))

        self._ledger.decide(step, timer.subject)

    def _remind(self, timer: Timer) -> None:
        def step(now: datetime) -> tuple[None, Change | None]:
            incident = self._store.incident(_number(timer))
            since = deadlines.quiet_since(incident)
            due = oncall.update_due(self._rules.policy, incident.severity, since)
            if due is None or due > now:
                return None, None
            heard = deadlines.heard_at(incident)
            return None, self._followed(incident_steps.reminded(incident, now, about(now - heard)))

        self._ledger.decide(step, timer.subject)

    def _followed(self, change: Change | None) -> Change | None:
        """The incident's next timers."""
        if change is None:
            return None
        return change + deadlines.of_incident(change.incidents[0], self._rules.policy)


def _number(timer: Timer) -> int:
    return int(timer.subject.partition("-")[2])
