"""The config file's model: the catalogue of services and the policies. Every key is optional.

Durations are written `30s`, `5m`, `1h30m`, `2d`. A `Match` names what it looks at; all that it names must fit.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cached_property
from string import Formatter
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from bot.models import Incident, Severity

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _http(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("must be an address that starts with https:// (or http://)")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"“{value}” is no time zone; write one like Europe/Berlin") from error
    return value


def parse_duration(text: str) -> timedelta | None:
    """`1h30m` as a duration; None where it is none, or nothing at all."""
    found = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts) or any(part > 100_000 for part in parts):
        return None
    days, hours, minutes, seconds = parts
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _duration(value: Any) -> timedelta:
    found = value if isinstance(value, timedelta) else parse_duration(value) if isinstance(value, str) else None
    if found is None or found <= timedelta():
        raise ValueError(f"“{value}” is no duration; write one like 30s, 5m or 1h30m")
    return found


def _clock_time(value: Any) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"“{value}” is no time; write it in quotes, like '09:00'") from None


def _quiet(value: Any) -> tuple[time, time] | None:
    """`22:00-08:00` as two times, `none` as None."""
    if value is None or isinstance(value, tuple):
        return value
    if str(value).strip().lower() == "none":
        return None
    begins, dash, ends = str(value).partition("-")
    if not dash or begins.strip() == ends.strip():
        raise ValueError(f"“{value}” are no hours; write them like 22:00-08:00, or none")
    return _clock_time(begins.strip()), _clock_time(ends.strip())


def _weekday(value: Any) -> int:
    word = str(value).lower()[:3]
    if word not in WEEKDAYS:
        raise ValueError(f"“{value}” is no day; use {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(word)


def _many(value: Any) -> Any:
    """One value may stand for a list of one."""
    return value if isinstance(value, (list, tuple)) else [value]


def _pattern(value: Any) -> str:
    """A glob, or a regular expression between slashes."""
    text = str(value)
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        try:
            re.compile(text[1:-1])
        except re.error as error:
            raise ValueError(f"{text} is no regular expression: {error}") from error
    return text


Url = Annotated[str, Field(max_length=1000), AfterValidator(_http)]
Zone = Annotated[str, AfterValidator(_zone)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
ClockTime = Annotated[time, BeforeValidator(_clock_time)]
QuietHours = Annotated[tuple[time, time] | None, BeforeValidator(_quiet)]
Weekday = Annotated[int, BeforeValidator(_weekday)]
Pattern = Annotated[str, BeforeValidator(_pattern), Field(min_length=1, max_length=300)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_many)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(_many)]
Severities = Annotated[tuple[Severity, ...], BeforeValidator(_many)]
Account = Annotated[str, Field(pattern=r"^\d{12}$")]
User = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]+$")]
UserGroup = Annotated[str, Field(pattern=r"^S[A-Z0-9]+$")]
UserOrGroup = Annotated[str, Field(pattern=r"^[UWS][A-Z0-9]+$")]
Grant = Annotated[str, Field(pattern=r"^(everyone|commander|responders|[UWS][A-Z0-9]+)$")]
TopicArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+$")]
Channel = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(lambda value: value.removeprefix("#"))]


class OnCall(_Section):
    """Who is called in which role, by Slack user id: without PagerDuty, and for the roles PagerDuty does not know."""

    primary: User | None = None
    secondary: User | None = None
    team_lead: User | None = None
    manager: User | None = None
    commander: User | None = None


class Slo(_Section):
    """A service level objective: `target` in percent of good events, `metric` the alarms that measure bad ones."""

    target: float = Field(gt=0, lt=100)
    metric: Pattern = "*5xx*"
    name: str = ""


class PagerDutyIds(_Section):
    """Ids in PagerDuty: of the service that incidents are opened on, and of the escalation policy on call for it."""

    service: str | None = None
    escalation_policy: str | None = None


class Service(_Section):
    """One entry of the service catalogue.

    cluster … log_groups  where it runs and logs, as AWS names it; what is left out is taken from its alarms' dimensions
    max_tasks             what a remediation never scales beyond
    runbooks              parameters of SSM documents, by the document's name
    """

    owner: str = ""
    alarms: Patterns = ()
    dimensions: dict[str, Pattern] = Field(default_factory=dict)
    account: Account | None = None
    region: str = ""
    environment: str = ""
    cluster: str = ""
    ecs_service: str = ""
    load_balancer: str = ""
    function: str = ""
    alias: str = "live"
    auto_scaling_group: str = ""
    dead_letter_queue: str = ""
    distribution: str = ""
    database: str = ""
    log_groups: Annotated[tuple[str, ...], BeforeValidator(_many)] = ()
    max_tasks: int = Field(default=10, ge=1, le=1000)
    runbooks: dict[str, dict[str, str]] = Field(default_factory=dict)
    dashboard: Url | None = None
    runbook: Url | None = None
    bridge: Url | None = None
    slo: Slo | None = None
    time_zone: Zone | None = None
    responders: tuple[UserOrGroup, ...] = ()
    channel: Channel | None = None
    on_call: OnCall = OnCall()
    pagerduty: PagerDutyIds = PagerDutyIds()


class AwsAccount(_Section):
    """What an AWS account is called here."""

    alias: str = ""
    environment: str = ""


class Match(_Section):
    """Which alarms are meant. Each entry is a glob or a `/regular expression/`, or a list of them."""

    alarm: Patterns = ()
    namespace: Patterns = ()
    metric: Patterns = ()
    service: Patterns = ()
    environment: Patterns = ()
    account: Patterns = ()
    tags: dict[str, Pattern] = Field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, name) for name in Match.model_fields)


class SeverityRule(Match):
    """Alarms that match have this severity. Rules are tried in order."""

    severity: Severity


class Route(Match):
    """Where alerts that match are shown and mailed, and whether they page. What it leaves out is decided without it."""

    severity: Severities = ()
    channels: tuple[Channel, ...] = ()
    topic: TopicArn | None = None
    page: bool | None = None


class BusinessHours(_Section):
    """When people are at work, in the service's time zone. Hours that end before they begin run past midnight."""

    opens: ClockTime = time(9)
    closes: ClockTime = time(18)
    days: tuple[Weekday, ...] = (0, 1, 2, 3, 4)
    holidays: tuple[date, ...] = ()

    @field_validator("days")
    @classmethod
    def _some_day(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("name at least one day")
        return value


Deadlines = dict[Severity, Duration]


class Paging(_Section):
    """The on-call policy. Deadlines by severity; a severity that is left out keeps its default."""

    severities: Severities = (Severity.SEV1, Severity.SEV2)
    acknowledge: Deadlines = Field(default_factory=dict)
    secondary: Deadlines = Field(default_factory=dict)
    update: Deadlines = Field(default_factory=dict)
    team_lead: Duration = timedelta(minutes=15)
    manager: Duration = timedelta(minutes=30)
    commander: Duration = timedelta(hours=1)


class Flapping(_Section):
    """An alarm that returned `count` times within `within` is flapping: its OK counts after `settle` of quiet."""

    count: int = Field(default=3, ge=2)
    within: Duration = timedelta(minutes=30)
    settle: Duration = timedelta(minutes=10)


class Storms(_Section):
    """More than `alerts` new ones within `within` in a channel are a storm, until `calm` passes with fewer."""

    alerts: int = Field(default=15, ge=2)
    within: Duration = timedelta(minutes=1)
    calm: Duration = timedelta(minutes=5)


class Triage(_Section):
    """How alerts are told apart and put together."""

    dedup: Duration = timedelta(minutes=10)
    group: Duration = timedelta(minutes=30)
    flapping: Flapping = Flapping()
    storm: Storms = Storms()


class Maintenance(Match):
    """Planned work: alarms that match are not shown. Once (`from`, `until`) or weekly (`days`, `at`, `lasts`)."""

    name: str = Field(min_length=1, max_length=100)
    starts: datetime | None = Field(default=None, alias="from")
    until: datetime | None = None
    days: tuple[Weekday, ...] = ()
    at: ClockTime | None = None
    lasts: Duration | None = None
    time_zone: Zone = "UTC"

    @model_validator(mode="after")
    def _once_or_weekly(self) -> Maintenance:
        once, weekly = (self.starts, self.until), (self.at, self.lasts)
        if all(once) == all(weekly) or (any(once) and any(weekly)):
            raise ValueError("give either from and until, or at and lasts (with days for some days only)")
        if self.starts and self.until and _aware(self.starts, self.time_zone) >= _aware(self.until, self.time_zone):
            raise ValueError("from must be before until")
        if self.is_empty:
            raise ValueError("say what is under maintenance: alarm, service, environment, account …")
        return self


def _aware(moment: datetime, zone: str) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


class PagerDutySettings(PagerDutyIds):
    """How PagerDuty is used. `sender` is the e-mail of a PagerDuty user in whose name the REST calls are made."""

    sender: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    poll: Duration = timedelta(seconds=30)


class Investigations(_Section):
    """How root causes are looked for. `deadline` is each source's; `by_itself`: for every alert that pages."""

    by_itself: bool = True
    deadline: Duration = timedelta(seconds=10)
    before: Duration = timedelta(minutes=15)
    function: str = ""


class ApprovalPolicy(_Section):
    """Remediations that match need the approval of `people` others than whoever asked, of the `group` if one is named.

    Whoever gave a standing approval counts as one of them: there the bot asks.
    """

    service: Patterns = ()
    environment: Patterns = ()
    account: Patterns = ()
    severity: Severities = ()
    action: Patterns = ()
    people: int = Field(default=1, ge=0, le=5)
    group: UserGroup | None = None


class Remediations(_Section):
    """The guard rails of changes to AWS.

    cool_down     how long the same action on a service has to wait after the last one
    per_hour      how many there may be for one service
    expires       how long a plan can be approved; verify after how long its effect is looked at
    timeout       how long an execution may take
    approvals     the first policy that matches; without one, whoever asks may run it
    state_machine the ARN of RemediationOrchestrator; without it the bot runs SSM documents itself
    role          the ARN of the role that SSM documents assume
    """

    cool_down: Duration = timedelta(minutes=10)
    per_hour: int = Field(default=4, ge=1, le=60)
    expires: Duration = timedelta(minutes=10)
    verify: Duration = timedelta(minutes=15)
    timeout: Duration = timedelta(minutes=15)
    approvals: tuple[ApprovalPolicy, ...] = ()
    state_machine: str = Field(default="", pattern=r"^(arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:.+)?$")
    role: str = Field(default="", pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/.+)?$")


class Digests(_Section):
    """The weekly digest: when and where it is posted. `manual` is how long people take for what a remediation does.

    It tells of seven days: whole ones (`until: midnight`), or those that end when it is due (`until: now`).
    """

    weekly: bool = True
    day: Weekday = 0
    at: ClockTime = time(9)
    until: Literal["midnight", "now"] = "midnight"
    time_zone: Zone | None = None
    channel: Channel | None = None
    manual: Duration = timedelta(minutes=30)


_LEAST = timedelta(days=30)  # the digest compares two weeks, and old news of an alarm comes for up to 15 days


class Retention(_Section):
    """How long alerts of no incident are kept after they are over, and the folder they go to; without one, nowhere."""

    alerts: Duration | None = None
    archive: str = ""

    @field_validator("alerts")
    @classmethod
    def _long_enough(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < _LEAST:
            raise ValueError(f"must be {_LEAST.days}d or more: digests and late news still need the alerts")
        return value


class Channels(_Section):
    """When an incident gets a channel of its own, what it is called and who is invited."""

    severities: tuple[Severity, ...] = (Severity.SEV1, Severity.SEV2)
    name: str = "inc-{number}-{service}"
    invite: tuple[UserOrGroup, ...] = ()

    @field_validator("name")
    @classmethod
    def _numbered(cls, value: str) -> str:
        try:
            parts = [part for part in Formatter().parse(value) if part[1] is not None]
        except ValueError as error:
            raise ValueError("may use {number} and {service} only") from error
        names = [name for _, name, _, _ in parts]
        if any(name not in {"number", "service"} or spec or conversion for _, name, spec, conversion in parts):
            raise ValueError("may use {number} and {service} only")
        if "number" not in names:
            raise ValueError("must contain {number}: channel names are unique for ever")
        return value


class PostMortems(_Section):
    """Which incidents get a post-mortem by themselves, by when, made from which template, and filed where.

    remind   how long before it is due its owner is reminded
    """

    template: str = "docs/post-mortems/_template.md"
    severities: Severities = (Severity.SEV1, Severity.SEV2)
    due: Duration = timedelta(hours=48)
    remind: Durations = (timedelta(hours=24), timedelta(hours=4))
    folder: str = Field(default="docs/post-mortems", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")

    @field_validator("folder")
    @classmethod
    def _within(cls, value: str) -> str:
        if ".." in value.split("/"):
            raise ValueError("is a folder of the repository, so it can't lead out of it")
        return value

    def due_at(self, incident: Incident) -> datetime | None:
        """When the post-mortem of an incident that is over is due; None where it needs none."""
        if incident.resolved_at is None or incident.severity not in self.severities:
            return None
        return incident.resolved_at + self.due


class ActionItems(_Section):
    """How long before its day the owner of an action item is reminded, how often of one that is overdue, and how often
    it is looked whether issues were closed."""

    remind: Durations = (timedelta(days=3),)
    again: Duration = timedelta(days=7)
    look: Duration = timedelta(minutes=3)


class Reminders(_Section):
    """The hours, by the clock of whoever is reminded, at which nobody is; and how often of what is overdue."""

    quiet: QuietHours = (time(22), time(8))
    again: Duration = timedelta(days=1)


class Permissions(_Section):
    """Who may do what: `everyone`, `commander`, `responders`, user ids and user group ids."""

    declare: tuple[Grant, ...] = ("everyone",)
    respond: tuple[Grant, ...] = ("everyone",)
    command: tuple[Grant, ...] = ("everyone",)
    remediate: tuple[Grant, ...] = ("everyone",)


def same_service(name: str) -> str:
    """`Checkout API`, `checkout_api` and `checkout-api` are one service."""
    return "-".join(name.lower().replace("_", " ").replace("-", " ").split())


class Config(_Section):
    """The config file."""

    services: dict[str, Service] = Field(default_factory=dict)
    accounts: dict[Account, AwsAccount] = Field(default_factory=dict)
    time_zone: Zone = "UTC"
    business_hours: BusinessHours = BusinessHours()
    severities: tuple[SeverityRule, ...] = ()
    routes: tuple[Route, ...] = ()
    topics: dict[Severity, TopicArn] = Field(default_factory=dict)
    on_call: OnCall = OnCall()
    paging: Paging = Paging()
    pagerduty: PagerDutySettings = PagerDutySettings()
    triage: Triage = Triage()
    maintenance: tuple[Maintenance, ...] = ()
    investigation: Investigations = Investigations()
    remediation: Remediations = Remediations()
    digest: Digests = Digests()
    retention: Retention = Retention()
    bridge_url: Url | None = None
    runbook_pages: Url | None = None
    timeline_emoji: str = Field(default="pushpin", pattern=r"^[a-z0-9_'+-]+$")
    channels: Channels = Channels()
    post_mortems: PostMortems = PostMortems()
    action_items: ActionItems = ActionItems()
    reminders: Reminders = Reminders()
    permissions: Permissions = Permissions()

    def service(self, name: str) -> Service:
        """The catalogue's entry, or an empty one for a service it does not list."""
        known = self.known_service(name)
        return self.services[known] if known else Service()

    def known_service(self, name: str) -> str | None:
        """The catalogue's spelling of a service; None where it does not list it."""
        return self._spellings.get(same_service(name))

    @cached_property
    def known_topics(self) -> frozenset[str]:
        """All SNS topics that are named here."""
        runbooks = (values for service in self.services.values() for values in service.runbooks.values())
        named = (value for values in runbooks for value in values.values() if ":sns:" in value)
        return frozenset({*self.topics.values(), *(route.topic for route in self.routes if route.topic), *named})

    @cached_property
    def _spellings(self) -> dict[str, str]:
        return {same_service(name): name for name in self.services}

    def zone(self, service: str) -> ZoneInfo:
        """The time zone of a service's people."""
        return ZoneInfo(self.service(service).time_zone or self.time_zone)
