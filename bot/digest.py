"""The digest of a period: counts, medians, what is noisy and what would help. Pure: from what the store counted.

Days, weeks and nights are those that clocks show in a time zone; durations are elapsed time, whatever those clocks do.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from math import ceil
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.models import PostMortem, PostMortemStatus, Remediation, RemediationStatus, Severity, Status
from bot.models.digest import (
    AlarmCount,
    AlarmDetail,
    AlertNumbers,
    Automation,
    Bar,
    Count,
    Digest,
    IncidentFact,
    Load,
    Named,
    NoisyAlarm,
    Overdue,
    PageFact,
    Period,
    Point,
    ServiceCount,
    Sla,
    Times,
    WeekTime,
    Written,
)
from bot.periods import WEEKS, last_day
from bot.proposals import propose

NIGHT = (time(22), time(7))
TOP = 5
_SOME = 5  # values from which on “9 of 10” means something
_FLAPPING = 3  # returns that make an alarm a flapping one
_NOISY = 3  # firings that make it worth a line
_FEW_DAYS, _MANY_DAYS = 14, 126  # up to here a bar is a day; up to there a week
_NO_INCIDENT = frozenset({Status.CANCELLED.value, Status.MERGED.value})


class Terms(NamedTuple):
    """What things are measured by: the spelling and time zone of services, the time to acknowledge, to do by hand."""

    name: Callable[[str], str]
    zone: Callable[[str], ZoneInfo]
    within: Mapping[Severity, timedelta]
    manual: timedelta


class Rows(NamedTuple):
    """What the store counted, each read once, in any order.

    declared  incidents of the period and the one before; `resolved` those that ended since `first_week`
    alarms    of the period; `alerts_before` how many alerts there were in the one before
    written   post-mortems that were filed or waived in the period
    """

    declared: Iterable[IncidentFact] = ()
    resolved: Iterable[IncidentFact] = ()
    alarms: Iterable[AlarmCount] = ()
    alerts_before: int = 0
    fixes: Iterable[Remediation] = ()
    pages: Iterable[PageFact] = ()
    written: Iterable[PostMortem] = ()
    overdue: Sequence[Overdue] = ()


def digest(rows: Rows, period: Period, terms: Terms, service: str = "") -> Digest:
    """All numbers of a period but the proposals (`proposed`). `service`: the rows are of this one only."""
    declared = _Declared(period, terms)
    declared.read(rows.declared)
    resolved = _Resolved(period)
    resolved.read(rows.resolved)
    alarms = _Alarms(terms)
    alarms.read(rows.alarms)
    return Digest(
        period=period,
        service=service,
        acknowledge=declared.acknowledge.times(),
        resolve=resolved.resolve.times(),
        alerts=alarms.numbers(rows.alerts_before),
        noisy=alarms.noisy(),
        flapping=alarms.flapping(),
        automation=_automation(rows.fixes, period, terms.manual),
        load=_load(rows.pages, terms),
        written=_written(rows.written),
        overdue=tuple(rows.overdue),
        weeks=resolved.weeks(),
        **declared.numbers(),
    )


def proposed(digest: Digest, details: Mapping[str, AlarmDetail]) -> Digest:
    """With what would make its noisy and flapping alarms quieter, as far as that is known."""

    def with_proposal(one: NoisyAlarm) -> NoisyAlarm:
        detail = details.get(one.key)
        proposal = propose(detail, is_flapping=one.flaps >= _FLAPPING) if detail else None
        return one.model_copy(update={"proposal": proposal})

    noisy, flapping = tuple(map(with_proposal, digest.noisy)), tuple(map(with_proposal, digest.flapping))
    return digest.model_copy(update={"noisy": noisy, "flapping": flapping})


class _Durations:
    """Durations of the period, and of the one before."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._now, self._before = array("d"), array("d")

    def add(self, at: datetime, began: datetime, ended: datetime) -> None:
        took = max((ended - began).total_seconds(), 0.0)
        if self._period.since <= at < self._period.until:
            self._now.append(took)
        elif self._period.since_before <= at < self._period.until_before:
            self._before.append(took)

    def times(self) -> Times:
        if not self._now:
            return Times(median_before=median(self._before) if self._before else None)
        before = median(self._before) if self._before else None
        p90 = _p90(self._now) if len(self._now) >= _SOME else None
        return Times(count=len(self._now), median=median(self._now), p90=p90, median_before=before)


def _p90(values: Sequence[float]) -> float:
    """The smallest value that at least nine of ten do not exceed."""
    return sorted(values)[ceil(len(values) * 0.9) - 1]


class _Clock(Enum):
    """How an incident's acknowledgement stands against its limit; the values are the fields of `Sla`."""

    KEPT = "kept"
    MISSED = "missed"
    WITHOUT = "without"
    WAITING = "waiting"
    FREE = "free"


class _Declared:
    """Incidents by when they were declared."""

    def __init__(self, period: Period, terms: Terms) -> None:
        self._period, self._terms = period, terms
        self._zone = ZoneInfo(period.zone)
        self.acknowledge = _Durations(period)
        self._severities: tuple[Counter[Severity], Counter[Severity]] = (Counter(), Counter())
        self._services: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._days: Counter[tuple[date, int]] = Counter()
        self._open = 0
        self._clock: Counter[_Clock] = Counter()
        self._missed: Counter[str] = Counter()
        self._worst: list[IncidentFact] = []

    def read(self, facts: Iterable[IncidentFact]) -> None:
        for one in facts:
            if one.status in _NO_INCIDENT:
                continue
            if self._period.since <= one.declared_at < self._period.until:
                self._count(one, 0)
                self._take(one)
            elif self._period.since_before <= one.declared_at < self._period.until_before:
                self._count(one, 1)

    def _count(self, one: IncidentFact, which: int) -> None:
        self._severities[which][one.severity] += 1
        self._services[which][one.service] += 1
        if one.acknowledged_at is not None:
            self.acknowledge.add(one.declared_at, one.began_at, one.acknowledged_at)

    def _take(self, one: IncidentFact) -> None:
        self._open += one.resolved_at is None
        self._worst = sorted([*self._worst, one], key=self._badness)[:TOP]
        self._days[one.declared_at.astimezone(self._zone).date(), int(one.severity)] += 1
        how = self._acknowledged(one)
        self._clock[how] += 1
        if how is _Clock.MISSED:
            self._missed[one.service] += 1

    def _badness(self, one: IncidentFact) -> tuple[int, float, int]:
        """The severest first, of those the longest."""
        return int(one.severity), -((one.resolved_at or self._period.until) - one.began_at).total_seconds(), one.number

    def _named(self, one: IncidentFact) -> Named:
        lasted = max((one.resolved_at - one.began_at).total_seconds(), 0.0) if one.resolved_at else None
        name = self._terms.name(one.service)
        return Named(number=one.number, service=name, severity=one.severity, lasted=lasted)

    def _acknowledged(self, one: IncidentFact) -> _Clock:
        due = one.due_at
        if due is None:
            within = self._terms.within.get(one.severity)
            due = None if within is None else one.began_at + within
        if due is None:
            return _Clock.FREE
        if one.acknowledged_at is not None:
            return _Clock.KEPT if one.acknowledged_at <= due else _Clock.MISSED
        if one.resolved_at is not None and one.resolved_at <= due:
            return _Clock.WITHOUT
        return _Clock.MISSED if due < self._period.until else _Clock.WAITING

    def numbers(self) -> dict[str, object]:
        (now, before), clock = self._severities, self._clock
        services = sorted({*self._services[0]}, key=lambda name: (-self._services[0][name], name))
        return {
            "incidents": Count(now=now.total(), before=before.total()),
            "severities": {
                each: Count(now=now[each], before=before[each]) for each in Severity if now[each] or before[each]
            },
            "services": tuple(map(self._service, services)),
            "worst": tuple(map(self._named, self._worst)),
            "still_open": self._open,
            "sla": Sla(**{each.value: clock[each] for each in _Clock}, services=self._late()),
            **self._bars(),
        }

    def _service(self, name: str) -> ServiceCount:
        count = Count(now=self._services[0][name], before=self._services[1][name])
        return ServiceCount(service=self._terms.name(name), incidents=count)

    def _late(self) -> tuple[str, ...]:
        ordered = sorted(self._missed, key=lambda name: (-self._missed[name], name))
        return tuple(map(self._terms.name, ordered))

    def _bars(self) -> dict[str, object]:
        first, last = self._period.since.astimezone(self._zone).date(), last_day(self._period, self._zone)
        bar = _bar((last - first).days + 1)
        points: dict[date, dict[int, int]] = {start: {} for start in _starts(bar, first, last)}
        for (day, severity), count in self._days.items():
            counts = points[max(_start(bar, day), first)]
            counts[severity] = counts.get(severity, 0) + count
        return {
            "bar": bar,
            "points": tuple(Point(first=start, incidents=counts) for start, counts in points.items()),
        }


def _bar(days: int) -> Bar:
    if days <= _FEW_DAYS:
        return Bar.DAY
    return Bar.WEEK if days <= _MANY_DAYS else Bar.MONTH


def _start(bar: Bar, day: date) -> date:
    """The first day of the week or month that this day is in."""
    if bar is Bar.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if bar is Bar.MONTH else day


def _starts(bar: Bar, first: date, last: date) -> Iterator[date]:
    """The first days of all bars; the first bar may begin late."""
    day = first
    while day <= last:
        yield day
        day = _start(bar, day)
        day = (day + timedelta(days=32)).replace(day=1) if bar is Bar.MONTH else day + _STEP[bar]


_STEP = {Bar.DAY: timedelta(days=1), Bar.WEEK: timedelta(days=7)}


class _Resolved:
    """Incidents by when they were resolved."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._zone = ZoneInfo(period.zone)
        self._last = last_day(period, self._zone)
        self.resolve = _Durations(period)
        self._weeks = [array("d") for _ in range(WEEKS)]

    def read(self, facts: Iterable[IncidentFact]) -> None:
        for one in facts:
            if one.status == Status.RESOLVED.value and one.resolved_at is not None:
                self._take(one, one.resolved_at)

    def _take(self, one: IncidentFact, at: datetime) -> None:
        self.resolve.add(at, one.began_at, at)
        back = (self._last - at.astimezone(self._zone).date()).days // 7
        if 0 <= back < WEEKS and at < self._period.until:
            self._weeks[back].append(max((at - one.began_at).total_seconds(), 0.0))

    def weeks(self) -> tuple[WeekTime, ...]:
        """The oldest first; they end with the period, whatever day that is."""
        starts = [self._last - timedelta(days=7 * back + 6) for back in range(WEEKS)]
        pairs = zip(starts, self._weeks, strict=True)
        return tuple(WeekTime(first=start, median=median(took) if took else None) for start, took in pairs)[::-1]


class _Alarms:
    """Alarms by their firings, of which only the noisiest are kept."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._alerts = self._messages = self._cards = 0
        self._noisy: list[AlarmCount] = []
        self._flapping: list[AlarmCount] = []

    def read(self, counts: Iterable[AlarmCount]) -> None:
        for one in counts:
            self._alerts += one.alerts
            self._messages += one.seen
            self._cards += one.cards
            if one.firings >= _NOISY:
                _keep(self._noisy, one, lambda each: each.firings)
            if one.flaps >= _FLAPPING:
                _keep(self._flapping, one, lambda each: each.flaps)

    def numbers(self, before: int) -> AlertNumbers:
        return AlertNumbers(alerts=Count(now=self._alerts, before=before), messages=self._messages, cards=self._cards)

    def noisy(self) -> tuple[NoisyAlarm, ...]:
        return tuple(map(self._shown, self._noisy))

    def flapping(self) -> tuple[NoisyAlarm, ...]:
        """Those that are not among the noisy ones already."""
        told = {one.key for one in self._noisy}
        return tuple(self._shown(one) for one in self._flapping if one.key not in told)

    def _shown(self, one: AlarmCount) -> NoisyAlarm:
        return NoisyAlarm(
            key=one.key,
            name=one.key.split("/", 2)[-1],
            service=self._terms.name(one.service) if one.service else "",
            firings=one.firings,
            flaps=one.flaps,
            short=one.short,
        )


def _keep(best: list[AlarmCount], one: AlarmCount, by: Callable[[AlarmCount], int]) -> None:
    """Among the few with the highest number; of equal ones the first by name."""
    if len(best) == TOP and by(one) < by(best[-1]):
        return
    best.append(one)
    best.sort(key=lambda each: (-by(each), each.key))
    del best[TOP:]


def _automation(fixes: Iterable[Remediation], period: Period, manual: timedelta) -> Automation:
    runs, before, verified, failed, pending, alone, saved = 0, 0, 0, 0, 0, 0, 0.0
    for one in fixes:
        if one.started_at is None:
            continue
        if one.started_at < period.since:
            before += one.started_at < period.until_before
            continue
        runs += 1
        alone += bool(one.approval)
        failed += one.status in _FAILED
        pending += not one.status.is_over
        if one.status is RemediationStatus.VERIFIED:
            verified += 1
            saved += max(manual.total_seconds() - _took(one), 0.0)
    count = Count(now=runs, before=before)
    return Automation(runs=count, verified=verified, failed=failed, pending=pending, by_itself=alone, saved=saved)


_FAILED = (RemediationStatus.FAILED, RemediationStatus.TIMED_OUT, RemediationStatus.NOT_RECOVERED)


def _took(fix: Remediation) -> float:
    if fix.started_at is None or fix.finished_at is None:
        return 0.0
    return (fix.finished_at - fix.started_at).total_seconds()


def _written(ended: Iterable[PostMortem]) -> Written:
    counts = Counter(one.status for one in ended)
    return Written(filed=counts[PostMortemStatus.FILED], waived=counts[PostMortemStatus.WAIVED])


def _load(pages: Iterable[PageFact], terms: Terms) -> tuple[Load, ...]:
    """By the service whose rotation was called, the most nights first."""
    total, night, roles = Counter[str](), Counter[str](), dict[str, Counter[str]]()
    for page in pages:
        service = terms.name(page.service)
        total[service] += 1
        night[service] += is_night(page.at, terms.zone(page.service))
        roles.setdefault(service, Counter())[page.role] += 1
    ordered = sorted(total, key=lambda name: (-night[name], -total[name], name))
    return tuple(
        Load(service=name, pages=total[name], at_night=night[name], roles=dict(roles[name])) for name in ordered
    )


def is_night(at: datetime, zone: ZoneInfo) -> bool:
    clock = at.astimezone(zone).time()
    return clock >= NIGHT[0] or clock < NIGHT[1]
