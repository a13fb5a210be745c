"""The periods that digests are of: days and weeks as clocks show them in a time zone. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.models.digest import Period

WEEKS = 8  # that the line chart shows


def last_days(days: int, now: datetime, zone: ZoneInfo) -> Period:
    """So many days by the calendar, today's up to now among them."""
    local = now.astimezone(zone)
    first = local.date() - timedelta(days=days - 1)
    until_before = _moment(local.date() - timedelta(days=days), local.time(), zone)
    return Period(_midnight(first, zone), now, _midnight(first - timedelta(days=days), zone), until_before, zone.key)


def week_before(due: datetime, zone: ZoneInfo) -> Period:
    """The seven whole days before the day of `due`."""
    until = due.astimezone(zone).date()
    first, second, third = (_midnight(until - timedelta(days=7 * back), zone) for back in (0, 1, 2))
    return Period(second, first, third, second, zone.key)


def last_due(day: int, at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The newest moment, `now` or before, at which clocks in this zone showed this time on this day of the week.

    A time that clocks leave out is when they are put forward; of one that they show twice the first counts.
    """
    today = now.astimezone(zone).date()
    newest = today - timedelta(days=(today.weekday() - day) % 7)
    due = _moment(newest, at, zone)
    return due if due <= now else _moment(newest - timedelta(days=7), at, zone)


def week_of(due: datetime, zone: ZoneInfo) -> str:
    """The calendar week of a moment: `2026-W47`."""
    year, week, _ = due.astimezone(zone).isocalendar()
    return f"{year}-W{week:02d}"


def first_week(period: Period) -> datetime:
    """From when on the weeks of the line chart are."""
    zone = ZoneInfo(period.zone)
    return _midnight(last_day(period, zone) - timedelta(days=7 * WEEKS - 1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return _moment(day, time(), zone)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at.replace(tzinfo=None, fold=0), zone).astimezone(UTC)


def last_day(period: Period, zone: ZoneInfo) -> date:
    return (period.until - timedelta.resolution).astimezone(zone).date()
