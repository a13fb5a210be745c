"""What arrives on the alert queue, in our words: alarm changes, deployments, the pager's news, and what can't be read.

Values only; `bot.alarms` makes them from the bodies of messages. `source_id` names the message as its sender did (the
SNS MessageId, the EventBridge event id, else the SQS MessageId), so that a redelivery is known as one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # stored with alerts: other versions stay readable


class AlarmState(StrEnum):
    """CloudWatch's own words."""

    ALARM = "ALARM"
    OK = "OK"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class AlarmKind(StrEnum):
    """What kind of thing fires."""

    METRIC = "metric"
    MATH = "metric math"
    ANOMALY = "anomaly detection"
    COMPOSITE = "composite"
    HEALTH = "AWS Health"
    DEPLOYMENT = "deployment"
    CUSTOM = "custom"


class Alarm(_Value):
    """An alarm as AWS describes it. What a message does not say is empty or None.

    `threshold` is in `unit`; `period` in seconds; `comparison` is the sign that reads best between value and threshold
    (`>`, `≥`, `<`, `≤`, `outside`); `children` are the names of the alarms that a composite one stands for. `label`
    says what a metric math alarm's value is; `metric` then only is one of the metrics that it is computed from.
    """

    name: str
    kind: AlarmKind = AlarmKind.METRIC
    account: str = ""
    region: str = ""
    arn: str = ""
    description: str = ""
    namespace: str = ""
    metric: str = ""
    label: str = ""
    statistic: str = ""
    unit: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()
    comparison: str = ""
    threshold: float | None = None
    period: int | None = None
    evaluation_periods: int | None = None
    datapoints: int | None = None
    children: tuple[str, ...] = ()
    url: str = ""
    service: str = ""
    severity: str = ""

    @property
    def key(self) -> str:
        """The dedup key: account, region and name."""
        return f"{self.account}/{self.region}/{self.name}"

    @property
    def children_keys(self) -> tuple[str, ...]:
        """The dedup keys of the alarms that a composite one stands for: its account and region, their names."""
        return tuple(f"{self.account}/{self.region}/{name}" for name in self.children)


class AlarmChanged(_Value):
    """An alarm's state changed at `at`. `value` is the newest datapoint in the alarm's unit.

    `missing` names the fields that the message should have had, as AWS spells them. `suppressed` says what withholds
    the alarm's own actions at this moment (`WaitPeriod`, `Alarm`, a mute rule); empty: nothing does.
    """

    source_id: str
    alarm: Alarm
    state: AlarmState
    previous: AlarmState | None = None
    at: datetime
    reason: str = ""
    value: float | None = None
    missing: tuple[str, ...] = ()
    suppressed: str = ""


class DeploymentState(StrEnum):
    """How far a deployment got."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


class Deployment(_Value):
    """Something was deployed. `version` is what (task definition, commit, revision), `by` who or what did it.

    `id` is the deployment's own, so that its later states belong together; `began_at` is the time of the first of them,
    where this is a later one.
    """

    source_id: str
    id: str
    service: str
    state: DeploymentState
    at: datetime
    account: str = ""
    region: str = ""
    cluster: str = ""
    version: str = ""
    by: str = ""
    reason: str = ""
    began_at: datetime | None = None

    @property
    def began(self) -> datetime:
        """When it first was heard of; what it changes may break from then on."""
        return self.began_at or self.at

    def follows(self, known: Deployment) -> bool:
        """Do both tell of one run? What is over and heard of again later was begun anew, like a rollback to it."""
        first, last = sorted((known, self), key=lambda each: each.at)
        return first.state is DeploymentState.STARTED or first.at == last.at

    def joined(self, known: Deployment) -> Deployment:
        """Both of one run: the newest state, and when it began."""
        newest = max((known, self), key=lambda each: (each.at, each.state is not DeploymentState.STARTED))
        return newest.model_copy(update={"began_at": min(known.began, self.began)})


class PagerState(StrEnum):
    """What happened to an incident in PagerDuty."""

    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    OTHER = "other"


class PagerChange(_Value):
    """News from the pager. `key` is our dedup key there; `by_*` the person, empty where a program did it."""

    source_id: str
    key: str
    state: PagerState
    at: datetime
    by_id: str = ""
    by_name: str = ""
    by_email: str = ""
    url: str = ""


class Ignored(_Value):
    """Understood, and of no interest; `reason` says why."""

    source_id: str
    reason: str


class Unreadable(_Value):
    """Can't be parsed: kept raw and shown to people. `problem` says what is wrong."""

    source_id: str
    raw: str
    problem: str


Signal = AlarmChanged | Deployment | PagerChange | Ignored | Unreadable
