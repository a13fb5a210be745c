"""Remediations: what is to be changed in AWS, who asked and approved, and how far it got. Values only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from bot.errors import Refused
from bot.models.basics import Severity, Stored
from bot.models.evidence import Action


class Order(Stored):
    """What somebody wants done.

    runbook     the SSM document, for `runbook`
    revision    the task definition to go back to, for `rollback`; empty: the last one that was stable
    parameters  of the runbook, beside those that the catalogue fills in
    """

    action: Action
    service: str
    environment: str = ""
    runbook: str = ""
    revision: str = ""
    parameters: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """What guards, approvals and people call it: `rollback`, `AIOps-PurgeSQSDLQ`."""
        return self.runbook or self.action.value

    @property
    def told(self) -> str:
        return in_words(self.name)


def in_words(name: str) -> str:
    """An action's or document's name as sentences have it: `scale up`."""
    return name.replace("_", " ")


class Target(Stored):
    """Where it happens. An ECS service has `cluster` and `name`, a function its `name` and `alias`."""

    kind: str
    name: str
    cluster: str = ""
    alias: str = ""
    account: str = ""
    region: str = ""


class Plan(Stored):
    """What will happen, as found in AWS when it was asked for.

    before, after  from → to, for people: `web:57`, `4 tasks`
    differences    what differs between them, a line each (images, environment names, never values)
    steps          what will be called, in words
    radius         what else it touches
    undo           how to go back, in words; empty: it can't be undone
    checks         what was looked at and is all right
    warnings       what speaks against it, and keeps nobody from it
    is_look        it changes nothing, so there is nothing to take back
    offers         what the same runbook would do with a parameter more: the parameter by the button's words
    about_seconds  how long it should take
    state          what the execution needs to know: exact ARNs, counts, tokens; not shown
    """

    target: Target
    before: str
    after: str
    differences: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    radius: str = ""
    undo: str = ""
    checks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_look: bool = False
    offers: dict[str, str] = Field(default_factory=dict)
    about_seconds: int = 0
    state: dict[str, Any] = Field(default_factory=dict)


class Progress(Stored):
    """How far an execution is. `is_over` with `problem` empty: it succeeded.

    said    in words: `3 of 6 tasks run web:56`
    state   the plan's state as it is to be kept for the next look
    """

    said: str
    is_over: bool = False
    problem: str = ""
    state: dict[str, Any] = Field(default_factory=dict)


class RemediationStatus(StrEnum):
    """Where a remediation stands. `planned` waits for a click; `running` holds its service alone; one that is `undone`
    was taken back before its effect was looked at."""

    PLANNED = "planned"
    RUNNING = "running"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    NOT_RECOVERED = "not recovered"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    UNDONE = "undone"

    @property
    def is_over(self) -> bool:
        return self not in (RemediationStatus.PLANNED, RemediationStatus.RUNNING, RemediationStatus.VERIFYING)


_S = RemediationStatus
STEPS: dict[RemediationStatus, frozenset[RemediationStatus]] = {
    _S.PLANNED: frozenset({_S.RUNNING, _S.REJECTED, _S.EXPIRED, _S.WITHDRAWN}),
    _S.RUNNING: frozenset({_S.VERIFYING, _S.FAILED, _S.TIMED_OUT}),
    _S.VERIFYING: frozenset({_S.VERIFIED, _S.NOT_RECOVERED, _S.UNDONE}),
}


def _with_times(value: Any) -> Any:
    """Rows of before say who, and not when."""
    return value if isinstance(value, dict) else dict.fromkeys(value)


Approved = Annotated[dict[str, datetime | None], BeforeValidator(_with_times)]


class Remediation(Stored):
    """One change to AWS, FIX-<number>. Times are aware datetimes in UTC; people are Slack user ids.

    subject      `AL-n` or `INC-n` that it is for; empty: asked for by hand about a service
    requested_by None: the bot itself, under the standing approval `approval`, or somebody outside of Slack: `via` says
                 who, where and why
    needs        how many people besides the requester have to approve; `group` of whom
    policy       which rule asks for that, in words
    approved_by  who let it run, and when
    problem      why it failed, or was withdrawn
    token        makes each call to AWS the same call, however often it is tried
    undoes       the remediation that this one takes back; undone_by the one that took this back
    """

    number: int
    order: Order
    plan: Plan
    severity: Severity
    subject: str = ""
    status: RemediationStatus = RemediationStatus.PLANNED
    requested_by: str | None
    requested_at: datetime
    expires_at: datetime
    needs: int = 0
    group: str = ""
    policy: str = ""
    approval: str = ""
    via: str = ""
    approved_by: Approved = Field(default_factory=dict)
    rejected_by: str | None = None
    stopped_by: str | None = None
    token: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    said: str = ""
    problem: str = ""
    verified_at: datetime | None = None
    verdict: tuple[str, ...] = ()
    undoes: int | None = None
    undone_by: int | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"FIX-{self.number}"

    @property
    def why_not(self) -> str:
        """Why it did not help, in words."""
        return self.problem or "; ".join(self.verdict[:2]) or self.status.value

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)

    def moved(self, status: RemediationStatus, **values: Any) -> Self:
        """In another status; raises Refused where there is no such step."""
        if status not in STEPS.get(self.status, frozenset()):
            raise Refused(f"{self.id} is {self.status.value}; it can't become {status.value} any more.")
        return self.changed(status=status, **values)


class Guard(Stored):
    """What keeps remediations of one service apart: at most one runs, and not too many an hour.

    place    service and environment; `running` the number of the one that holds it
    started  when the last ones began, by name: (`rollback`, moment)
    """

    place: str
    running: int | None = None
    started: tuple[tuple[str, datetime], ...] = ()
    version: int = 0

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)


class Approval(Stored):
    """A standing approval: this may run by itself for this service until then. A row of AutoRemediationApproval."""

    name: str
    service: str
    by: str
    at: datetime
    until: datetime
    withdrawn_at: datetime | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.name}/{self.service}"

    @property
    def told(self) -> str:
        return in_words(self.name)

    def holds(self, now: datetime) -> bool:
        return self.withdrawn_at is None and self.at <= now < self.until

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)
