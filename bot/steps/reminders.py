"""When owners of post-mortems and action items are reminded. Pure.

Never at the quiet hours of their own time zone: what would fall into them comes in the morning. Each moment is derived
from now, so that after any downtime one reminder comes, and not all that were missed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.config import Config
from bot.models import ActionItem, Change, PostMortem, Timer

REMIND = "remind"  # a timer: an owner is reminded
OVERDUE = "overdue"  # a timer: what is overdue is named in the incident channel
MORNING = time(9)
ALL = "all"  # the subject of that timer
_DAY = timedelta(days=1)


class Rhythm(NamedTuple):
    """When somebody who lives in this time zone is reminded, as the config has it."""

    zone: ZoneInfo
    config: Config = Config()

    def next_for(self, subject: PostMortem | ActionItem, now: datetime) -> datetime | None:
        """The first moment after now; None where nobody waits for anything."""
        if not subject.is_open:
            return None
        if isinstance(subject, ActionItem):
            return self.of_day(subject.due, now)
        return self.of_moment(subject.due_at, now) if subject.due_at is not None else None

    def of_moment(self, due: datetime, now: datetime) -> datetime:
        """Some times before, when it is overdue, then again and again."""
        before = [self._by_day_before(due, due - each) for each in self.config.post_mortems.remind]
        marks = sorted([*(mark for mark in before if mark is not None), self.by_day(due)])
        return next((mark for mark in marks if mark > now), None) or self.again(now)

    def is_near(self, subject: PostMortem | ActionItem, moment: datetime) -> bool:
        """Was it due soon by then, or overdue? Owners hear of it earlier than that only as news."""
        if isinstance(subject, ActionItem):
            begins = datetime.combine(subject.due, self._morning, self.zone)
            return moment >= begins - max(self.config.action_items.remind, default=timedelta())
        before = max(self.config.post_mortems.remind, default=timedelta())
        return subject.due_at is not None and moment >= subject.due_at - before

    def of_day(self, due: date, now: datetime) -> datetime:
        """Some days before, in the morning of the day, then again and again."""
        policy = self.config.action_items
        begins = datetime.combine(due, self._morning, self.zone)  # what is added to it is by the clock on the wall
        marks = [self._on_the_wall(begins - each) for each in (*sorted(policy.remind, reverse=True), timedelta())]
        ahead = next((mark for mark in marks if mark > now), None)
        if ahead is not None:
            return ahead
        late = now.astimezone(self.zone).replace(tzinfo=None) - begins.replace(tzinfo=None)
        times = max(late // policy.again, 0)
        while (mark := self._on_the_wall(begins + times * policy.again)) <= now:
            times += 1
        return mark

    def again(self, now: datetime) -> datetime:
        """When what is overdue is said the next time: in the morning, unless it is more often than once a day."""
        span = self.config.reminders.again
        return self.by_day(now + span) if span < _DAY else self._on_the_wall(self.next_morning(now) + (span - _DAY))

    def by_day(self, moment: datetime) -> datetime:
        """The moment, or the next morning where it is at a quiet hour."""
        return self.next_morning(moment) if self.is_quiet(moment) else moment

    def _by_day_before(self, due: datetime, moment: datetime) -> datetime | None:
        """The same, but before it is due: as soon as the quiet hours end, where the morning is too late for that. None:
        that is too late as well."""
        mark = self.by_day(moment)
        if mark >= due and self.config.reminders.quiet is not None:
            mark = self._next(self.config.reminders.quiet[1], moment)
        return mark if mark < due else None

    def is_quiet(self, moment: datetime) -> bool:
        return self._is_quiet_at(moment.astimezone(self.zone).time())

    def _is_quiet_at(self, local: time) -> bool:
        if self.config.reminders.quiet is None:
            return False
        begins, ends = self.config.reminders.quiet
        is_after, is_before = begins <= local, local < ends
        return (is_after and is_before) if begins < ends else (is_after or is_before)

    def next_morning(self, now: datetime) -> datetime:
        """The first morning after now."""
        return self._next(self._morning, now)

    def _next(self, local: time, now: datetime) -> datetime:
        """When clocks show this the next time."""
        today = now.astimezone(self.zone).date()
        mark = self._at(today, local)
        return mark if mark > now else self._at(today + _DAY, local)

    def snoozed(self, how: str, now: datetime) -> datetime:
        """`hour`, `tomorrow` or `monday`."""
        today = now.astimezone(self.zone).date()
        if how == "hour":
            return self.by_day(now + timedelta(hours=1))
        return self._at(today + timedelta(days=7 - today.weekday() if how == "monday" else 1), self._morning)

    @property
    def _morning(self) -> time:
        """Nine, or when the quiet hours end, where nine is one of them."""
        quiet = self.config.reminders.quiet
        return quiet[1] if quiet is not None and self._is_quiet_at(MORNING) else MORNING

    def _at(self, day: date, local: time) -> datetime:
        return datetime.combine(day, local, self.zone).astimezone(UTC)

    def _on_the_wall(self, moment: datetime) -> datetime:
        return self.by_day(moment.astimezone(UTC))


def daily(now: datetime, rhythm: Rhythm) -> Change:
    """The next look at all that is overdue: one timer, whoever sets it."""
    timer = Timer(kind=OVERDUE, subject=ALL, due_at=rhythm.again(now))
    return Change(timers=(timer,), cancel_timers=((OVERDUE, ALL),))
