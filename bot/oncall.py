"""Who is alerted when: business hours, what a fresh alert gets, who is called next, when an update is due.

Pure decisions from values: every function takes the moment it is about, an aware datetime, and answers in UTC. A naive
one is refused with a ValueError. Durations are elapsed time, whatever the clocks on the wall do meanwhile; opening
hours are what those clocks show.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.durations import span
from bot.models import Role, Severity

SEARCH_DAYS = 366  # how far ahead an opening is looked for: a year of holidays is a mistake in the config file
_ONE_DAY = timedelta(days=1)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Calendar(NamedTuple):
    """Business hours of a service. The hours are those of the first document's On-Call Conventions.

    Open from `opens` up to, not including, `closes`, by the wall clock of `zone`. `days` are weekdays, 0 is Monday.
    Hours that do not end after they begin run past midnight: 22:00–06:00 is a night shift, 09:00–00:00 lasts until
    midnight, 00:00–00:00 the whole day. They belong to the day they open on: that day's weekday and holiday count.
    An hour that the clock shows twice counts twice, one that it leaves out does not exist.
    """

    zone: ZoneInfo = ZoneInfo("UTC")
    opens: time = time(9)
    closes: time = time(18)
    days: frozenset[int] = frozenset(range(5))
    holidays: frozenset[date] = frozenset()


class Rung(NamedTuple):
    """One rung of the ladder: who is called how long after the start."""

    after: timedelta
    role: Role


# The first document's severity table: the time to the initial response. SEV-4 is due the next business day.
ACKNOWLEDGE_WITHIN: Mapping[Severity, timedelta] = {
    Severity.SEV1: timedelta(minutes=5),
    Severity.SEV2: timedelta(minutes=15),
    Severity.SEV3: timedelta(hours=1),
}
# The first document's On-Call Conventions: when the secondary is paged, and that the primary handles SEV-1 and SEV-2.
SECONDARY_AFTER: Mapping[Severity, timedelta] = {
    Severity.SEV1: timedelta(minutes=5),
    Severity.SEV2: timedelta(minutes=15),
}
PAGED = frozenset({Severity.SEV1, Severity.SEV2})
# The second document's Escalation Path.
LADDER = (
    Rung(timedelta(), Role.PRIMARY),
    Rung(timedelta(minutes=15), Role.TEAM_LEAD),
    Rung(timedelta(minutes=30), Role.MANAGER),
    Rung(timedelta(hours=1), Role.COMMANDER),
)
# Neither document says how often; these are ours. SEV-4 gets no reminder.
UPDATE_WITHIN: Mapping[Severity, timedelta] = {
    Severity.SEV1: timedelta(minutes=30),
    Severity.SEV2: timedelta(hours=1),
    Severity.SEV3: timedelta(hours=4),
}


class Policy(NamedTuple):
    """How fast an alert must be answered, and who hears of it when it is not.

    A severity that `acknowledge_within` leaves out is due at the end of the next business day; one that
    `secondary_after` leaves out never reaches the secondary, one that `update_within` leaves out is not reminded.
    """

    acknowledge_within: Mapping[Severity, timedelta] = ACKNOWLEDGE_WITHIN
    secondary_after: Mapping[Severity, timedelta] = SECONDARY_AFTER
    paged: frozenset[Severity] = PAGED
    ladder: tuple[Rung, ...] = LADDER
    update_within: Mapping[Severity, timedelta] = UPDATE_WITHIN


class Response(NamedTuple):
    """What a fresh alert gets besides its card in Slack, and by when it has to be acknowledged."""

    due_at: datetime
    pages: bool
    mails: bool
    reason: str


class Call(NamedTuple):
    """Somebody to call at `due_at`, at once where that is past. `step` counts from 0 in the order of the calls."""

    due_at: datetime
    role: Role
    step: int
    reason: str


class Lateness(NamedTuple):
    """Whether an acknowledgement is overdue, and by how much; `by` is zero while there is time left."""

    due_at: datetime
    is_overdue: bool
    by: timedelta


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Are these business hours?"""
    day = _shift(calendar, _local(calendar, at))
    return day is not None and _is_business_day(calendar, day)


def next_opening(calendar: Calendar, at: datetime) -> datetime:
    """The first moment from `at` on within business hours: `at` itself when open.

    An opening time that the clock leaves out opens at the change. Raises ValueError where SEARCH_DAYS bring none.
    """
    now = _utc(at)
    if is_open(calendar, now):
        return now
    today = _local(calendar, now).date()
    for ahead in range(SEARCH_DAYS + 1):
        day = today + ahead * _ONE_DAY
        # Hours begin at `opens`, or where the clock is put back to before `closes`.
        edges = (*_moments(calendar.zone, day, calendar.opens), *_moments(calendar.zone, day, calendar.closes))
        openings = [edge for edge in edges if edge > now and is_open(calendar, edge)]
        if openings:
            return min(openings)
    raise _never_open(calendar, today)


def end_of_next_business_day(calendar: Calendar, at: datetime) -> datetime:
    """The closing time of the first business day after the local date of `at`: from a Friday, Monday's.

    A night shift closes on the morning after. A day whose hours the clock leaves out altogether is none (Samoa had no
    30 December 2011). Raises ValueError where SEARCH_DAYS bring none.
    """
    today = _local(calendar, at).date()
    overnight = _ONE_DAY if calendar.closes <= calendar.opens else timedelta()
    for ahead in range(1, SEARCH_DAYS + 1):
        day = today + ahead * _ONE_DAY
        if not _is_business_day(calendar, day):
            continue
        for edge in reversed(_moments(calendar.zone, day + overnight, calendar.closes)):
            if _shift(calendar, _local(calendar, edge - timedelta.resolution)) == day:
                return edge
    raise _never_open(calendar, today)


def respond(policy: Policy, calendar: Calendar, severity: Severity, at: datetime) -> Response:
    """What a fresh, unacknowledged alert of this severity gets at this moment (On-Call Conventions).

    Paged severities page the primary, at any hour. The others are posted to Slack; after hours they are mailed as
    well, except SEV-4, which waits for the next business day. Raises ValueError where there is no such day.
    """
    local = _local(calendar, at)
    pages = severity in policy.paged
    mails = not pages and severity < Severity.SEV4 and not is_open(calendar, at)
    due_at = _acknowledge_by(policy, calendar, severity, at)
    reason = f"{severity.label} at {local:%H:%M} in {calendar.zone}"
    if pages:
        reason += ": the primary is paged at once"
    elif mails:
        reason += f", {_why_closed(calendar, local)}: Slack and e-mail, no page"
    elif severity < Severity.SEV4:
        reason += f", within {_hours(calendar)}: Slack only"
    else:
        reason += ": Slack only"
    if severity not in policy.acknowledge_within:
        due = _local(calendar, due_at)
        reason += f", due the next business day ({_WEEKDAYS[due.weekday()]} {due:%Y-%m-%d %H:%M})"
    return Response(due_at, pages, mails, reason)


def overdue(policy: Policy, calendar: Calendar, severity: Severity, started_at: datetime, at: datetime) -> Lateness:
    """Is the acknowledgement of an alert that started at `started_at` overdue at `at`, and for how long?

    Overdue from the due moment on: the documents ask for less than 5 minutes. For an acknowledged alert, `at` is when
    that happened: the answer then says whether it was in time.
    """
    due_at = _acknowledge_by(policy, calendar, severity, started_at)
    late = _utc(at) - due_at
    return Lateness(due_at, late >= timedelta(), max(late, timedelta()))


def calls(policy: Policy, severity: Severity, started_at: datetime) -> tuple[Call, ...]:
    """Everybody who is called, in order, if nobody acknowledges: the secondary and the ladder without the primary.

    The primary was paged at the start. At the same moment the secondary comes first. A role is called once, the
    earliest time counts. Severities that do not page call nobody.
    """
    if severity not in policy.paged:
        return ()
    rungs = [rung for rung in policy.ladder if rung.role is not Role.PRIMARY]
    if severity in policy.secondary_after:
        rungs.insert(0, Rung(policy.secondary_after[severity], Role.SECONDARY))
    return _climb(rungs, started_at, severity.label)


def uncalled(policy: Policy, severity: Severity, started_at: datetime, called: Collection[Role]) -> tuple[Call, ...]:
    """The calls to roles that were not called yet: right after any change of severity, whatever the policy."""
    return tuple(call for call in calls(policy, severity, started_at) if call.role not in called)


def update_due(policy: Policy, severity: Severity, last_update_at: datetime) -> datetime | None:
    """When an incident without a further update gets a reminder; None: never."""
    within = policy.update_within.get(severity)
    return None if within is None else _utc(last_update_at) + within


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone: a moment is an aware datetime")
    return at.astimezone(UTC)


def _local(calendar: Calendar, at: datetime) -> datetime:
    return _utc(at).astimezone(calendar.zone)


def _shift(calendar: Calendar, local: datetime) -> date | None:
    """The day to whose hours this wall-clock time belongs, business day or not; None when outside the hours."""
    clock, today = local.time(), local.date()
    if calendar.opens < calendar.closes:
        return today if calendar.opens <= clock < calendar.closes else None
    if clock >= calendar.opens:
        return today
    return today - _ONE_DAY if clock < calendar.closes else None


def _is_business_day(calendar: Calendar, day: date) -> bool:
    return day.weekday() in calendar.days and day not in calendar.holidays


def _moments(zone: ZoneInfo, day: date, clock: time) -> tuple[datetime, ...]:
    """The moments at which a clock shows this time of this day, in order and UTC.

    One, as a rule. Where the clock is put back: the first, the change, and the last. Where the clock is put forward
    past this time: the change alone.
    """
    wall = datetime.combine(day, clock, zone)
    first, last = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == last:
        return (first,)
    change = _change(zone, min(first, last), max(first, last))
    return (first, change, last) if first < last else (change,)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """When between these moments the zone changes its offset from UTC; zones do so on whole seconds."""
    start = before.replace(microsecond=0)
    offset = start.astimezone(zone).utcoffset()

    def has_changed(seconds: int) -> bool:
        return (start + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != offset

    seconds = range(int((after - start).total_seconds()) + 1)
    return start + timedelta(seconds=bisect_left(seconds, True, key=has_changed))


def _never_open(calendar: Calendar, today: date) -> ValueError:
    return ValueError(
        f"{_hours(calendar)} in {calendar.zone} has no business day within {SEARCH_DAYS} days after {today}: "
        "check its days and holidays"
    )


def _acknowledge_by(policy: Policy, calendar: Calendar, severity: Severity, started_at: datetime) -> datetime:
    within = policy.acknowledge_within.get(severity)
    return end_of_next_business_day(calendar, started_at) if within is None else _utc(started_at) + within


def _climb(rungs: Iterable[Rung], started_at: datetime, why: str) -> tuple[Call, ...]:
    """The calls of these rungs by due time, each role once; at the same moment in the order given."""
    first: dict[Role, Rung] = {}
    for rung in sorted(rungs, key=lambda rung: rung.after):
        first.setdefault(rung.role, rung)
    start = _utc(started_at)
    return tuple(
        Call(start + rung.after, rung.role, step, f"{why}{_waited(rung.after)}: the {rung.role} is called")
        for step, rung in enumerate(first.values())
    )


def _waited(duration: timedelta) -> str:
    return f", not acknowledged for {span(duration)}" if duration else ""


def _hours(calendar: Calendar) -> str:
    """The hours as people write them: `09:00–18:00`; an end at midnight is 24:00."""
    closes = f"{calendar.closes:%H:%M}" if calendar.closes != time() else "24:00"
    return f"{calendar.opens:%H:%M}–{closes}"


def _why_closed(calendar: Calendar, local: datetime) -> str:
    """Why these are no business hours: the time, or the day whose hours these would be."""
    day = _shift(calendar, local)
    if day is None:
        return f"outside {_hours(calendar)}"
    if day in calendar.holidays:
        return f"a holiday ({day})"
    return f"a {_WEEKDAYS[day.weekday()]}, no business day"
