"""Digests: gathered from the store, shown to whoever asks, posted once a week."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from bot import digest as pure
from bot import periods
from bot.access import Right
from bot.config import Config, same_service
from bot.errors import InvalidInput
from bot.ledger import Ledger
from bot.models import Change, Owed, Posted, Severity, permalink
from bot.models.digest import AlarmCount, Digest, Overdue, Period
from bot.owed import Target
from bot.owed import digests as owed
from bot.rights import Caller, Rights
from bot.store import Records, Store

MOST_DAYS = 366
DAYS = 7
_DETAILS = timedelta(days=14)  # what proposals are made from
_DAYS = re.compile(r"(\d{1,4})(?:d|days?)?|(\d{0,3})(w|weeks?|months?)", re.IGNORECASE)
_NAMED = 20  # services that somebody may have meant
_LONG = {"w": 7, "m": 30}

Late = Callable[[datetime], Sequence[Overdue]]
"""What is to be done after incidents and late at this moment, the latest first."""


class Asked(NamedTuple):
    """What somebody wants to see: so many days, of one service or of all."""

    days: int = DAYS
    service: str = ""


def parse(text: str) -> Asked:
    """`30d`, `2w`, `month`, `checkout-api`, `30d checkout-api`; raises InvalidInput."""
    names: list[str] = []
    spans: dict[str, int] = {}
    for word in _apart(text).split():
        found = _DAYS.fullmatch(word)
        if found is None:
            names.append(word)
        else:
            spans[word] = int(found[1]) if found[1] else int(found[2] or 1) * _LONG[found[3][0].lower()]
    if len(spans) > 1:
        raise InvalidInput("days", f"Which one: {' or '.join(spans)}? One period at a time: /incident digest 30d")
    days = next(iter(spans.values()), DAYS)
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput("days", f"I can look back 1 to {MOST_DAYS} days: /incident digest 30d")
    return Asked(days, " ".join(names))


def _apart(text: str) -> str:
    """`30 days` and `2 weeks` as one word."""
    return re.sub(r"\b(\d+)\s+(d|w|days?|weeks?|months?)\b", r"\1\2", text, flags=re.IGNORECASE)


def _no_link(subject: str) -> str:
    return ""


class Sources(NamedTuple):
    """Where a digest comes from. `link` leads to the card of `INC-n` or `PM-n`; empty: it stands nowhere."""

    records: Records
    config: Config
    within: Mapping[Severity, timedelta]
    late: Late
    link: Callable[[str], str] = _no_link

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.config.digest.time_zone or self.config.time_zone)


def gather(sources: Sources, period: Period, service: str = "") -> Digest:
    """The digest of a period, of all services or of one. Raises StoreError."""
    records, config = sources.records, sources.config
    wanted = _Wanted(service)
    terms = pure.Terms(
        name=lambda name: config.known_service(name) or name,
        zone=config.zone,
        within=sources.within,
        manual=config.digest.manual,
    )
    first = min(periods.first_week(period), period.since_before)
    before = records.count_alerts(period.since_before, period.until_before)
    rows = pure.Rows(
        declared=wanted.of(records.incidents_declared(period.since_before, period.until), lambda one: one.service),
        resolved=wanted.of(records.incidents_resolved(first, period.until), lambda one: one.service),
        alarms=wanted.of(records.alarm_counts(period.since, period.until), _service),
        alerts_before=sum(count for name, count in before.items() if wanted.fits(name)),
        fixes=wanted.of(records.remediations_started(period.since_before, period.until), lambda one: one.order.service),
        pages=wanted.of(records.pages(period.since, period.until), lambda one: one.service),
        written=wanted.of(records.post_mortems_ended(period.since, period.until), lambda one: one.service),
        overdue=tuple(wanted.of(sources.late(period.until), lambda one: one.service)),
    )
    made = pure.digest(rows, period, terms, terms.name(service))
    worst = tuple(one.model_copy(update={"link": sources.link(one.id)}) for one in made.worst)
    overdue = tuple(_linked(one, sources.link) for one in made.overdue)
    since = max(period.since, period.until - _DETAILS)
    keys = [one.key for one in (*made.noisy, *made.flapping)]
    details = {key: detail for key in keys if (detail := records.alarm_detail(key, since, period.until))}
    return pure.proposed(made.model_copy(update={"worst": worst, "overdue": overdue}), details)


def _linked(one: Overdue, link: Callable[[str], str]) -> Overdue:
    """To its issue, else its own card, else that of its incident."""
    found = one.link or link(one.subject) or link(f"INC-{one.about}")
    return one.model_copy(update={"link": found})


def asked_for(sources: Sources, asked: Asked, now: datetime) -> Digest:
    """The digest of the last days. Raises InvalidInput for a service that nobody ever heard of."""
    found = gather(sources, periods.last_days(asked.days, now, sources.zone), asked.service)
    if asked.service and found.is_empty and not sources.config.known_service(asked.service):
        raise InvalidInput("service", _unknown(asked.service, sorted(sources.config.services)))
    return found


def _service(count: AlarmCount) -> str:
    return count.service


T = TypeVar("T")


class _Wanted:
    """Is a row about the service that was asked for, however its name is spelt?"""

    def __init__(self, service: str) -> None:
        self._service = same_service(service)
        self._known: dict[str, bool] = {}

    def of(self, rows: Iterable[T], service: Callable[[T], str]) -> Iterable[T]:
        return (row for row in rows if self.fits(service(row))) if self._service else rows

    def fits(self, name: str) -> bool:
        if not self._service:
            return True
        if name not in self._known:
            self._known[name] = same_service(name) == self._service
        return self._known[name]


class Digests:
    """What people see of it."""

    def __init__(self, ledger: Ledger, rights: Rights, sources: Sources) -> None:
        self._ledger = ledger
        self._store: Store = ledger.store
        self._rights = rights
        self._sources = sources
        self._config = sources.config
        self._done = ""
        self._born = ledger.clock()

    @property
    def channel(self) -> str:
        """Where digests are posted; `ops` stands for the incident channel."""
        return self._config.digest.channel or Target.OPS.value

    def show(self, caller: Caller, asked: Asked) -> Digest:
        """For the one who asks."""
        self._rights.need(caller, Right.READ)
        return asked_for(self._sources, asked, self._ledger.clock())

    def of(self, period: Period, service: str) -> Digest:
        """Of a period that was settled on before: the numbers as they are by now."""
        return gather(self._sources, period, service)

    def post(self, caller: Caller, period: Period, service: str) -> bool:
        """Owe it to the channel; False where somebody has already, and nothing in it is different now."""
        person = self._rights.need(caller, Right.RESPOND)
        row = owed.digest(self.channel, period, service, by=person.id)
        key = self._numbers(row, period, service)

        def step(now: datetime) -> tuple[bool, Change | None]:
            change = self._once(row, key)
            return change is not None, change

        return self._ledger.decide(step, "the digest")

    def _numbers(self, row: Owed, period: Period, service: str) -> str:
        """What the digest says now, as a key: whoever posts it claims that, so that it is not posted twice."""
        return f"{row.subject}:{_mark(self.of(period, service))}"

    def _once(self, row: Owed, key: str) -> Change | None:
        return None if self._store.was_requested(key) else Change(claims=(key,), owed=(row,))

    def posted(self, period: Period, service: str) -> Posted | None:
        """Where the newest one of these days stands."""
        return self._store.posted(owed.subject(period, service), self.channel)

    def weekly(self) -> bool:
        """Owe the digest of the last week where it is due and nobody has yet; did this call?

        However long nobody looked, only the newest is owed; none where the bot was not there yet when it was due, nor
        where somebody posted it with the same numbers.
        """
        settings, zone = self._config.digest, self._sources.zone
        if not settings.weekly:
            return False
        due = periods.last_due(settings.day, settings.at, zone, self._ledger.clock())
        week = f"digest:{periods.week_of(due, zone)}"
        if week == self._done:
            return False
        is_mine = self._is_due(week, due) and self._owe_week(week, due)
        self._done = week
        return is_mine

    def _is_due(self, week: str, due: datetime) -> bool:
        was_there = self._born <= due or self._sources.records.is_older_than(due)
        return was_there and not self._store.was_requested(week)

    def _owe_week(self, week: str, due: datetime) -> bool:
        settings, zone = self._config.digest, self._sources.zone
        period = periods.week_before(due, zone) if settings.until == "midnight" else periods.last_days(DAYS, due, zone)
        row = owed.digest(self.channel, period, "")
        key = self._numbers(row, period, "")

        def step(now: datetime) -> tuple[bool, Change | None]:
            if self._store.was_requested(week):
                return False, None
            change = self._once(row, key)
            return change is not None, (change or Change()) + Change(claims=(week,))

        return self._ledger.decide(step, week)


def _mark(digest: Digest) -> str:
    """The same for digests that say the same: when they were asked for, and their links, are no part of it."""
    links = {"__all__": {"link"}}
    said = digest.model_dump_json(exclude={"period": True, "worst": links, "overdue": links})
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _unknown(service: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(service, known, n=1)
    named = ", ".join(known[:_NAMED]) + (f" and {len(known) - _NAMED} more" if len(known) > _NAMED else "")
    hint = f"Did you mean {close[0]}?" if close else f"The services are {named}." if known else "No alarm named it."
    return f"I know nothing about “{service[:80]}”. {hint}"


def links(store: Store, workspace: str) -> Callable[[str], str]:
    """Where the cards of incidents and post-mortems stand, by their ids; `workspace`: its address."""

    def link(subject: str) -> str:
        place = store.posted(subject, Target.OPS)
        return permalink(workspace, place.channel_id, place.ts) if place is not None and workspace else ""

    return link


def late(store: Store) -> Late:
    """Post-mortems and action items that are overdue."""

    def look(now: datetime) -> list[Overdue]:
        found = [
            Overdue(
                what=f"post-mortem {one.about}",
                days=(now - one.due_at).days,
                owner=one.owner,
                subject=one.id,
                about=one.incident,
                service=one.service,
            )
            for one in store.open_post_mortems()
            if one.due_at is not None and one.is_overdue(now)
        ]
        found += [
            Overdue(
                what=f"{one.id} {one.title}",
                days=(now.date() - one.due).days,
                owner=one.owner,
                subject=one.id,
                about=one.incident,
                service=store.incident(one.incident).service,
                link=one.url,
            )
            for one in store.open_action_items()
            if one.is_overdue(now.date())
        ]
        return sorted(found, key=lambda one: -one.days)

    return look
