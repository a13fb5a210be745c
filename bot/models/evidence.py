"""What an investigation collects and concludes: evidence from AWS, and the diagnosis made of it. Values only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from bot.models.basics import Severity, Stored


class Source(StrEnum):
    """Where evidence comes from; the values are what people read."""

    ALARM = "alarm"
    METRICS = "metrics"
    PICTURE = "metric picture"
    LOGS = "Logs Insights"
    TRACES = "X-Ray"
    CHANGES = "CloudTrail"
    HEALTH = "AWS Health"
    DEPLOYMENTS = "deployments"


class SourceOutcome(StrEnum):
    """What a source answered. `off`: there is nothing to ask, since the catalogue does not say where to look."""

    FOUND = "found"
    NOTHING = "nothing"
    FAILED = "failed"
    NOT_PERMITTED = "not permitted"
    OFF = "off"


class Asked(Stored):
    """How one source answered.

    why      what failed, which permission is missing (`logs:StartQuery on …`), or what was looked at in vain
    seconds  how long it took; calls how many AWS calls it made
    link     the console page that shows the same
    """

    source: Source
    outcome: SourceOutcome
    why: str = ""
    seconds: float = 0.0
    calls: int = 0
    link: str = ""


class Measure(StrEnum):
    """What is measured of a service, whatever its metric is called."""

    CPU = "CPU"
    MEMORY = "memory"
    ERRORS = "errors"
    LATENCY = "latency"
    REQUESTS = "requests"
    TASKS = "running tasks"
    OTHER = "the alarm's metric"


class Reading(Stored):
    """One measure in the affected window, against what is usual.

    unit       `%`, `s`, or empty for counts
    now        since the symptom began: the mean of CPU and memory, the p99 of latency, the sum of errors and requests;
               of tasks how many ran in the newest minute
    peak       the worst datapoint since then; of errors and requests the worst minute
    before     the same as `now` over the hour before the symptom; None where there was no data
    expected   the baseline's mean for that hour of the week, with its deviation; None where there is no baseline
    threshold  the alarm's limit where the alarm is about this measure
    slope      how much it rises a minute since it began to, by least squares
    statistic  CloudWatch's word for how datapoints are made: `Average`, `p99`; empty where nothing tells it
    name       what people call it, where that is another word than the metric's
    """

    measure: Measure
    metric: str = ""
    unit: str = ""
    now: float
    peak: float
    before: float | None = None
    expected: float | None = None
    deviation: float | None = None
    threshold: float | None = None
    slope: float = 0.0
    statistic: str = ""
    name: str = ""


class LogClass(StrEnum):
    """What kind of line it is, by its words. A line is counted in the first class that fits, in this order."""

    MEMORY = "memory"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMIT = "rate limit"
    EXCEPTION = "exception"


class LogFinding(Stored):
    """Lines of one class that say the same, as counted since the symptom began.

    pattern  what they have in common (`KeyError: 'currency'`), redacted
    before   how many there were in the hour before
    sample   one whole line, redacted of secrets and addresses, at most 500 characters
    """

    kind: LogClass
    pattern: str
    count: int
    before: int = 0
    first_seen: datetime | None = None
    sample: str = ""


class Traces(Stored):
    """What X-Ray saw in the window. `downstream` names what the service calls that failed or was slow: (name, what)."""

    total: int = 0
    faults: int = 0
    errors: int = 0
    throttles: int = 0
    p99: float | None = None
    downstream: tuple[tuple[str, str], ...] = ()


class ChangeKind(StrEnum):
    """What was changed."""

    DEPLOYMENT = "deployment"
    CONFIGURATION = "configuration"
    SCALING = "scaling"
    ACCESS = "access"


class Made(Stored):
    """Somebody changed something.

    what    in words: `deployed web:57`, `UpdateFunctionConfiguration`
    target  what was changed: the ECS service, the function, the security group
    service the catalogue's service that the target belongs to; empty where that is not known
    by      who asked for it; through: the role that carried it out, where somebody tells that too
    ended   when a deployment was done; None where it goes on, or nobody tells
    is_ours the bot did it itself
    """

    kind: ChangeKind
    what: str
    target: str
    at: datetime
    service: str = ""
    by: str = ""
    account: str = ""
    region: str = ""
    before: str = ""
    after: str = ""
    link: str = ""
    is_ours: bool = False
    through: str = ""
    ended: datetime | None = None

    @property
    def author(self) -> str:
        """`bob.okafor`, `bob.okafor through ci-deployer`; empty where nobody tells."""
        if self.by and self.through and self.by != self.through:
            return f"{self.by} through {self.through}"
        return self.by or self.through


class HealthNote(Stored):
    """An AWS Health event. `is_ours`: it names a resource of this service or account."""

    service: str
    title: str
    started_at: datetime
    is_open: bool = True
    is_ours: bool = False
    link: str = ""


class Tasks(Stored):
    """How many tasks of an ECS service run, how many should, and what ECS says about it."""

    running: int
    wanted: int
    why: str = ""


class Evidence(Stored):
    """All that was found. Times are aware datetimes in UTC.

    began_at  when the symptom began: the alarm's first breaching datapoint, else its change to ALARM
    since, until   the affected window
    counted_since  from when on errors, requests and lines are counted: the symptom's beginning, or when an earlier
              trouble's deployment was taken back; None: from `since` on
    failing   the largest share of one minute's requests that failed, from 0 to 1
    stopped   ECS tasks that stopped since then with a reason that tells of memory (`OutOfMemoryError`, exit 137)
    tasks     where fewer run than should
    wanted    how many tasks an ECS service is to run; 0: nobody told
    why_stopped  why tasks stopped that nobody stopped, the newest first
    """

    service: str
    environment: str = ""
    account: str = ""
    region: str = ""
    alarm: str = ""
    began_at: datetime
    since: datetime
    until: datetime
    readings: tuple[Reading, ...] = ()
    logs: tuple[LogFinding, ...] = ()
    traces: Traces | None = None
    changes: tuple[Made, ...] = ()
    health: tuple[HealthNote, ...] = ()
    failing: float | None = None
    stopped: int = 0
    counted_since: datetime | None = None
    tasks: Tasks | None = None
    wanted: int = 0
    why_stopped: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()

    def reading(self, measure: Measure) -> Reading | None:
        return next((one for one in self.readings if one.measure is measure), None)

    def answer(self, source: Source) -> Asked | None:
        return next((one for one in self.asked if one.source is source), None)


class Cause(StrEnum):
    """The rows of the response matrix."""

    CPU = "high CPU"
    CPU_WITH_ERRORS = "high CPU with errors"
    MEMORY_LEAK = "memory leak"
    FEW_ERRORS = "errors, 10 or fewer"
    MANY_ERRORS = "errors, more than 10"
    SLOW = "slow response"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What can be done about it. The values are what buttons carry and commands say."""

    SCALE_UP = "scale_up"
    RESTART = "restart"
    ROLLBACK = "rollback"
    RUNBOOK = "runbook"


class Suspect(Stored):
    """A change that may have caused it; `score` from 0 to 1, `reasons` in words."""

    change: Made
    score: float
    reasons: tuple[str, ...] = ()


class Diagnosis(Stored):
    """What the evidence says.

    severity    as the response matrix rates this cause
    confidence  from 0 to 1, computed from the weights of `findings`
    findings    what speaks for it, the strongest first
    excluded    what was looked at and is not it
    unseen      what could not be looked at, and why
    suspects    changes, the likeliest first
    action      what the matrix recommends; None: alert only
    advice      what a person has to do, as the matrix says
    title       what it is where the matrix has no row for it: `no task runs`
    """

    cause: Cause
    severity: Severity
    confidence: float
    findings: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    action: Action | None = None
    advice: str = ""
    title: str = ""


class InvestigationStatus(StrEnum):
    """`waiting` until its sources have answered."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Investigation(Stored):
    """One look at what is behind an alert or incident, RCA-<number>.

    subject   `AL-n` or `INC-n`; by the user id of who asked, None when it began by itself;
              dismissed_by of who said that this is not it
    """

    number: int
    subject: str
    service: str
    environment: str = ""
    severity: Severity
    asked_at: datetime
    by: str | None = None
    status: InvestigationStatus = InvestigationStatus.WAITING
    done_at: datetime | None = None
    evidence: Evidence | None = None
    diagnosis: Diagnosis | None = None
    problem: str = ""
    is_dismissed: bool = False
    dismissed_by: str | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"RCA-{self.number}"

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)
