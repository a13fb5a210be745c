"""When owners of post-mortems and action items are reminded. Pure.

Never at night: what would fall between 22:00 and 08:00 of their own time zone comes at 09:00. Each moment is derived
from now, so that after any downtime one reminder comes, and not all that were missed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.models import ActionItem, Change, PostMortem, Timer

REMIND = "remind"  # a timer: an owner is reminded
OVERDUE = "overdue"  # a timer: what is overdue is named in the incident channel
MORNING, DAY_BEGINS, DAY_ENDS = time(9), time(8), time(22)
ALL = "all"  # the subject of that timer
_BEFORE = (timedelta(hours=24), timedelta(hours=4), timedelta())
_DAYS_BEFORE = 3
_WEEK = 7


def next_for(subject: PostMortem | ActionItem, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment after now; None where nobody waits for anything."""
    if not subject.is_open:
        return None
    if isinstance(subject, ActionItem):
        return of_day(subject.due, now, zone)
    return of_moment(subject.due_at, now, zone) if subject.due_at is not None else None


def of_moment(due: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """24 hours and 4 hours before, when it is overdue, then every morning."""
    marks = [by_day(due - before, zone) for before in _BEFORE]
    return next((mark for mark in marks if mark > now), None) or next_morning(now, zone)


def of_day(due: date, now: datetime, zone: ZoneInfo) -> datetime:
    """In the morning three days before, on the day, then every week."""
    first = [morning(due - timedelta(days=_DAYS_BEFORE), zone), morning(due, zone)]
    ahead = next((mark for mark in first if mark > now), None)
    if ahead is not None:
        return ahead
    weeks = max((now.astimezone(zone).date() - due).days // _WEEK, 0)
    mark = morning(due + timedelta(days=weeks * _WEEK), zone)
    return mark if mark > now else morning(due + timedelta(days=(weeks + 1) * _WEEK), zone)


def by_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment, or the next morning where it is at night."""
    local = moment.astimezone(zone)
    if DAY_BEGINS <= local.time() < DAY_ENDS:
        return moment
    day = local.date() + timedelta(days=1 if local.time() >= DAY_ENDS else 0)
    return morning(day, zone)


def is_night(moment: datetime, zone: ZoneInfo) -> bool:
    return not DAY_BEGINS <= moment.astimezone(zone).time() < DAY_ENDS


def morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, MORNING, zone).astimezone(UTC)


def next_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """The first 09:00 after now."""
    today = now.astimezone(zone).date()
    mark = morning(today, zone)
    return mark if mark > now else morning(today + timedelta(days=1), zone)


def daily(now: datetime, zone: ZoneInfo) -> Change:
    """The next look at all that is overdue: one timer, whoever sets it."""
    timer = Timer(kind=OVERDUE, subject=ALL, due_at=next_morning(now, zone))
    return Change(timers=(timer,), cancel_timers=((OVERDUE, ALL),))


def snoozed(how: str, now: datetime, zone: ZoneInfo) -> datetime:
    """`hour`, `tomorrow` or `monday`."""
    today = now.astimezone(zone).date()
    if how == "hour":
        return by_day(now + timedelta(hours=1), zone)
    if how == "monday":
        return morning(today + timedelta(days=7 - today.weekday()), zone)
    return morning(today + timedelta(days=1), zone)
