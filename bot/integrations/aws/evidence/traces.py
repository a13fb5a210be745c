"""Requests that failed or were slow, and which dependency they waited for, from X-Ray."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.integrations.aws.evidence import console
from bot.integrations.aws.evidence.asking import Answer, Calls, Looking, counted
from bot.integrations.aws.evidence.measured import factor_of, measure_of
from bot.models import Measure, Source, Traces
from bot.ports import Scope

PAGES = 5
SLOW = 1.0
"""Seconds after which a request counts as slow where no alarm says what is."""
SHARE = 0.3
"""A dependency that takes less of a slow request's time is not what it waited for."""
MAX_DOWNSTREAM = 5
MAX_NAME = 100
Json = Mapping[str, Any]


class XRay(Looking):
    """Up to five pages of summaries; X-Ray itself samples them where they are many."""

    source = Source.TRACES

    def link(self, scope: Scope, region: str) -> str:
        return console.traces(region, _expression(scope), counted(scope), scope.until)

    def look(self, scope: Scope, calls: Calls) -> Answer:
        found, looked_at, is_whole = _summaries(scope, calls)
        names = ", ".join(_names(scope))
        if not found:
            why = f"{looked_at} traces, none of {names} failed or was slow" if looked_at else f"no traces of {names}"
            return Answer(why=why)
        return Answer({"traces": traces(found, looked_at, _slow(scope), _names(scope))}, "" if is_whole else _CUT)


_CUT = "there are more traces than were read"


def traces(found: Sequence[Json], looked_at: int, slow: float, ours: Sequence[str]) -> Traces:
    """What summaries of failed and slow requests say.

    `looked_at` counts the good ones too. Since all slower than `slow` are here, the 99th percentile of all is known
    where more than one in a hundred is.
    """
    total = max(looked_at, len(found))
    times = sorted((float(each.get("ResponseTime") or 0.0) for each in found), reverse=True)
    place = total // 100
    p99 = times[place] if place < len(times) and times[place] > slow else None
    return Traces(
        total=total,
        faults=sum(bool(each.get("HasFault")) for each in found),
        errors=sum(bool(each.get("HasError")) for each in found),
        throttles=sum(bool(each.get("HasThrottle")) for each in found),
        p99=p99,
        downstream=_downstream(found, slow, ours),
    )


def _summaries(scope: Scope, calls: Calls) -> tuple[list[Json], int, bool]:
    """The summaries, how many traces were looked at, and whether that is all."""
    asked: dict[str, Any] = {
        "StartTime": counted(scope),
        "EndTime": scope.until,
        "FilterExpression": _expression(scope),
        "Sampling": True,
    }
    found: list[Json] = []
    looked_at = 0
    for _ in range(PAGES):
        with calls.client("xray", "GetTraceSummaries") as client:
            page = client.get_trace_summaries(**asked)
        found += page.get("TraceSummaries", [])
        looked_at += int(page.get("TracesProcessedCount") or 0)
        if not page.get("NextToken"):
            return found, looked_at, True
        asked["NextToken"] = page["NextToken"]
    return found, looked_at, False


def _expression(scope: Scope) -> str:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html"""
    of = " OR ".join(f"service({json.dumps(name)})" for name in _names(scope))
    return f"({of}) AND (fault OR error OR throttle OR responsetime > {_slow(scope):g})"


def _names(scope: Scope) -> list[str]:
    """What the service may call itself in its traces."""
    names = (scope.service, scope.resources.ecs_service, scope.resources.function)
    return [name[:MAX_NAME] for name in dict.fromkeys(names) if name]


def _slow(scope: Scope) -> float:
    """The limit of an alarm on latency, where that is what rang."""
    alarm = scope.alarm
    if alarm and alarm.threshold and alarm.threshold > 0 and measure_of(alarm) is Measure.LATENCY:
        return alarm.threshold * factor_of(alarm)
    return SLOW


def _downstream(found: Sequence[Json], slow: float, ours: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The dependencies that most requests failed in or waited for: `("catalog-db", "slow in 12 traces")`."""
    counted: Counter[tuple[str, str]] = Counter()
    for summary in found:
        told = {(name, "failed") for name in _failed(summary)}
        if float(summary.get("ResponseTime") or 0.0) > slow:
            told |= {(name, "slow") for name in _waited_for(summary)}
        counted.update((name, what) for name, what in told if name and name not in ours)
    most = counted.most_common(MAX_DOWNSTREAM)
    return tuple((name[:MAX_NAME], f"{what} in {count} traces") for (name, what), count in most)


def _failed(summary: Json) -> Iterator[str]:
    """The last service of each path that a fault or an error came along."""
    for kind in ("FaultRootCauses", "ErrorRootCauses"):
        for cause in summary.get(kind) or []:
            services = cause.get("Services") or []
            if services:
                yield _name(services[-1])
                yield from _remote(services[-1])


def _waited_for(summary: Json) -> Iterator[str]:
    """Who took a good part of the time."""
    for cause in summary.get("ResponseTimeRootCauses") or []:
        for service in cause.get("Services") or []:
            path = service.get("EntityPath") or [{}]
            if float(path[-1].get("Coverage") or 0.0) >= SHARE:
                yield _name(service)
                yield from _remote(service)


def _remote(service: Json) -> Iterator[str]:
    """What it called that tells X-Ray nothing itself: a database, another company's API."""
    return (str(each.get("Name", "")) for each in service.get("EntityPath") or [] if each.get("Remote"))


def _name(service: Json) -> str:
    return str(service.get("Name", ""))
