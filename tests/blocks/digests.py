"""Digests as tests need them: a usual one, and any that could be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from bot import digest as pure
from bot import periods
from bot.models import Severity
from bot.models.digest import (
    AlertNumbers,
    Automation,
    Count,
    Digest,
    Load,
    NoisyAlarm,
    Overdue,
    Point,
    Proposal,
    ServiceCount,
    Sla,
    Times,
    Written,
)
from tests.blocks.texts import texts
from tests.bot.make import ANA

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WEEK = periods.week_before(MONDAY, BERLIN)
_EMPTY = pure.digest(pure.Rows(), WEEK, pure.Terms(str, lambda _: BERLIN, {}, timedelta(minutes=30)))
HERE = "https://acme.slack.com/archives/C0OPS"
SEV1, SEV2, SEV3 = Severity.SEV1, Severity.SEV2, Severity.SEV3


def empty(**values: Any) -> Digest:
    return _EMPTY.model_copy(update=values)


def noisy(name: str = "prod-search-cpu-warning", proposal: str = "3 of 5 datapoints instead of 1 of 1") -> NoisyAlarm:
    wanted = Proposal(change=proposal, saves=55, of=61) if proposal else None
    return NoisyAlarm(key=name, name=name, service="search", firings=61, flaps=12, short=58, proposal=wanted)


def digest(**values: Any) -> Digest:
    """The week of the mock-up."""
    points = [
        Point(first=point.first, incidents=counts)
        for point, counts in zip(
            _EMPTY.points, ({}, {2: 1}, {1: 1, 3: 2}, {3: 1}, {2: 2, 3: 1}, {}, {3: 1}), strict=True
        )
    ]
    minutes = (52, 47, None, 61, 38, 44, 35, 41)
    weeks = [
        week.model_copy(update={"median": took and took * 60.0})
        for week, took in zip(_EMPTY.weeks, minutes, strict=True)
    ]
    facts: dict[str, Any] = {
        "incidents": Count(now=9, before=12),
        "severities": {SEV1: Count(now=1, before=1), SEV2: Count(now=3, before=2), SEV3: Count(now=5, before=9)},
        "services": (
            ServiceCount(service="checkout-api", incidents=Count(now=4, before=2)),
            ServiceCount(service="search", incidents=Count(now=3, before=8)),
            ServiceCount(service="mail", incidents=Count(now=2, before=2)),
        ),
        "still_open": 1,
        "acknowledge": Times(count=9, median=180, p90=720, median_before=240),
        "resolve": Times(count=10, median=2460, p90=7500, median_before=2100),
        "sla": Sla(kept=7, missed=1, without=1, services=("search",)),
        "alerts": AlertNumbers(alerts=Count(now=214, before=180), messages=626, cards=37),
        "noisy": (noisy(), noisy("prod-mail-queue-medium", "")),
        "automation": Automation(runs=Count(now=7, before=5), verified=6, failed=1, by_itself=2, saved=7800),
        "load": (
            Load(service="search", pages=9, at_night=4),
            Load(service="checkout-api", pages=5, at_night=1),
        ),
        "written": Written(filed=3, waived=2),
        "overdue": (
            Overdue(what="post-mortem INC-39", days=2, owner=ANA, link=f"{HERE}/p39"),
            Overdue(what="AI-7 alarm on depth", days=9),
        ),
        "points": tuple(points),
        "weeks": tuple(weeks),
    }
    return empty(**{**facts, **values})


_many = st.integers(0, 10**9)
_counts = st.builds(Count, now=_many, before=_many)
_seconds = st.none() | st.floats(0, 10**9)
_times = st.builds(Times, count=_many, median=_seconds, p90=_seconds, median_before=_seconds)
_proposals = st.none() | st.builds(Proposal, change=texts, saves=_many, of=_many)
_alarms = st.builds(
    NoisyAlarm, key=texts, name=texts, service=texts, firings=_many, flaps=_many, short=_many, proposal=_proposals
)
_overdue = st.builds(
    Overdue,
    what=texts,
    days=st.integers(0, 10**5),
    owner=st.sampled_from([None, ANA]),
    link=st.sampled_from(["", f"{HERE}/p1"]),
)
_periods = st.builds(
    periods.last_days, st.sampled_from([1, 2, 7, 14, 15, 126, 127, 366]), st.just(MONDAY), st.just(BERLIN)
) | st.just(WEEK)


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    """Any."""
    terms = pure.Terms(str, lambda _: BERLIN, {}, timedelta(minutes=30))
    plain = pure.digest(pure.Rows(), draw(_periods), terms)
    points = [point.model_copy(update={"incidents": draw(st.dictionaries(st.integers(1, 4), _many))})
              for point in plain.points]  # fmt: skip
    weeks = [week.model_copy(update={"median": draw(_seconds)}) for week in plain.weeks]
    return plain.model_copy(
        update={
            "service": draw(texts),
            "incidents": draw(_counts),
            "severities": draw(st.dictionaries(st.sampled_from(Severity), _counts)),
            "services": draw(st.lists(st.builds(ServiceCount, service=texts, incidents=_counts), max_size=9)),
            "still_open": draw(_many),
            "acknowledge": draw(_times),
            "resolve": draw(_times),
            "sla": draw(
                st.builds(
                    Sla,
                    kept=_many,
                    missed=_many,
                    without=_many,
                    waiting=_many,
                    free=_many,
                    services=st.lists(texts, max_size=9).map(tuple),
                )
            ),
            "alerts": AlertNumbers(alerts=draw(_counts), messages=draw(_many), cards=draw(_many)),
            "noisy": draw(st.lists(_alarms, max_size=5)),
            "flapping": draw(st.lists(_alarms, max_size=5)),
            "automation": draw(
                st.builds(Automation, runs=_counts, verified=_many, failed=_many, saved=st.floats(0, 1e9))
            ),
            "load": draw(st.lists(st.builds(Load, service=texts, pages=_many, at_night=_many), max_size=9)),
            "written": draw(st.builds(Written, filed=_many, waived=_many)),
            "overdue": draw(st.lists(_overdue, max_size=9)),
            "points": tuple(points),
            "weeks": tuple(weeks),
        }
    )


def saying(typed: str) -> Digest:
    """One that says this everywhere."""
    return digest(
        service=typed,
        services=tuple(ServiceCount(service=typed, incidents=Count(now=1)) for _ in range(9)),
        sla=Sla(kept=1, missed=9, services=(typed,) * 9),
        noisy=(noisy(typed, typed or "x"),) * 5,
        flapping=(noisy(typed, typed or "x"),) * 5,
        load=(Load(service=typed, pages=9, at_night=4),) * 9,
        overdue=(Overdue(what=typed, days=2, owner=ANA),) * 9,
    )
