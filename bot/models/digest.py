"""The digest: what the store counts for it, and what it says. Times are aware datetimes in UTC, durations seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from bot.models.basics import Severity, Value
from bot.signals import Alarm

# -- what is counted


class IncidentFact(NamedTuple):
    """An incident's milestones."""

    number: int
    service: str
    severity: Severity
    status: str
    declared_at: datetime
    began_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    due_at: datetime | None


class AlarmCount(NamedTuple):
    """The alerts of one alarm: how many, how many messages they stand for, how often they came back, how many were
    over within minutes, how many had a card."""

    key: str
    service: str
    alerts: int
    seen: int
    flaps: int
    short: int
    cards: int

    @property
    def firings(self) -> int:
        return self.alerts + self.flaps


class PageFact(NamedTuple):
    """Somebody was called."""

    at: datetime
    role: str
    service: str


class Firing(NamedTuple):
    """One alert of an alarm: how long it lasted (None: it still fires), and the value that it fired with."""

    lasted: float | None
    flaps: int
    value: float | None

    @property
    def times(self) -> int:
        """How often it fired: once, and each time it came back."""
        return 1 + self.flaps


class AlarmDetail(NamedTuple):
    """An alarm as its newest alert describes it, and its newest alerts."""

    alarm: Alarm
    firings: Sequence[Firing]


# -- what is said


class Bar(StrEnum):
    """What one bar of the chart stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Period(NamedTuple):
    """From `since` up to, not including, `until`; compared with the same time before. Its days are those of `zone`."""

    since: datetime
    until: datetime
    since_before: datetime
    until_before: datetime
    zone: str

    @property
    def word(self) -> str:
        """The period as one word, for rows and buttons."""
        return "|".join([*(moment.isoformat() for moment in self[:4]), self.zone])

    @classmethod
    def read(cls, word: str) -> Period:
        """Raises ValueError where it is none."""
        *moments, zone = word.split("|")
        since, until, since_before, until_before = (datetime.fromisoformat(moment) for moment in moments)
        return cls(since, until, since_before, until_before, zone)


class Count(Value):
    """How many, and how many in the period before."""

    now: int = 0
    before: int = 0

    @property
    def change(self) -> int:
        return self.now - self.before


class Times(Value):
    """How long something took, in seconds: None where there is nothing to measure."""

    count: int = 0
    median: float | None = None
    p90: float | None = None
    median_before: float | None = None

    @property
    def change(self) -> float | None:
        known = self.median is not None and self.median_before is not None
        return self.median - self.median_before if known else None  # type: ignore[operator]


class ServiceCount(Value):
    """A service's incidents."""

    service: str
    incidents: Count


class Named(Value):
    """One incident. `lasted` in seconds; None: it is still open. `link` leads to its card."""

    number: int
    service: str
    severity: Severity
    lasted: float | None
    link: str = ""

    @property
    def id(self) -> str:
        return f"INC-{self.number}"


class Sla(Value):
    """Acknowledged in time or not; `services` are those that missed it, the worst first.

    without  over before it was due, and nobody had acknowledged
    waiting  nobody has, and there is still time
    free     of a severity that has no limit
    """

    kept: int = 0
    missed: int = 0
    without: int = 0
    waiting: int = 0
    free: int = 0
    services: tuple[str, ...] = ()


class Proposal(Value):
    """A change of an alarm's settings; `saves` how many of the `of` newest firings would not have been."""

    change: str
    saves: int
    of: int


class NoisyAlarm(Value):
    """An alarm that fires often. `short`: how many were over within minutes; `flaps`: how many were returns."""

    key: str
    name: str
    service: str
    firings: int
    flaps: int
    short: int
    proposal: Proposal | None = None


class AlertNumbers(Value):
    """Messages of alarms, the alerts they became, and the cards people saw."""

    alerts: Count = Count()
    messages: int = 0
    cards: int = 0

    @property
    def suppressed(self) -> int:
        return max(self.messages - self.cards, 0)

    @property
    def ratio(self) -> float | None:
        """Which share of the messages nobody had to look at."""
        return self.suppressed / self.messages if self.messages else None


class Automation(Value):
    """Changes to AWS by the bot; `saved` against doing it by hand, for those that helped; of the `pending` ones nobody
    knows yet."""

    runs: Count = Count()
    verified: int = 0
    failed: int = 0
    pending: int = 0
    by_itself: int = 0
    saved: float = 0.0

    @property
    def undone(self) -> int:
        """Those that were taken back before anybody could know."""
        return max(self.runs.now - self.verified - self.failed - self.pending, 0)


class Load(Value):
    """Calls to the people on call for a service."""

    service: str
    pages: int
    at_night: int
    roles: dict[str, int] = Field(default_factory=dict)


class Overdue(Value):
    """Something to be done after an incident that is late: `what` it is, whose, and for how many days.

    `subject` is the id of its row, `about` the incident's number; `link` leads to its issue or card.
    """

    what: str
    days: int
    owner: str | None = None
    subject: str = ""
    about: int = 0
    service: str = ""
    link: str = ""


class Written(Value):
    """How many post-mortems came to an end: filed, and waived."""

    filed: int = 0
    waived: int = 0


class Point(Value):
    """Incidents of a day, week or month by severity number. `first` is its first day."""

    first: date
    incidents: dict[int, int] = Field(default_factory=dict)


class WeekTime(Value):
    """A week's median time to resolve."""

    first: date
    median: float | None = None


class Digest(Value):
    """A period's numbers. With `service`, those of one service."""

    period: Period
    service: str = ""
    incidents: Count = Count()
    severities: dict[Severity, Count] = Field(default_factory=dict)
    services: tuple[ServiceCount, ...] = ()
    worst: tuple[Named, ...] = ()
    still_open: int = 0
    acknowledge: Times = Times()
    resolve: Times = Times()
    sla: Sla = Sla()
    alerts: AlertNumbers = AlertNumbers()
    noisy: tuple[NoisyAlarm, ...] = ()
    flapping: tuple[NoisyAlarm, ...] = ()
    automation: Automation = Automation()
    load: tuple[Load, ...] = ()
    written: Written = Written()
    overdue: tuple[Overdue, ...] = ()
    bar: Bar = Bar.DAY
    points: tuple[Point, ...] = ()
    weeks: tuple[WeekTime, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing happened, and nothing is late."""
        happened = self.incidents.now, self.alerts.alerts.now, self.automation.runs.now, len(self.load)
        ended = self.resolve.count, self.written.filed, self.written.waived
        return not any((*happened, *ended)) and not self.overdue
