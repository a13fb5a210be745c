"""Looks at an alarm's data points and says what state it should be in, and why."""

import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.aws.clock import CLOCK
from sandbox.aws.cloudwatch import maths, reasons
from sandbox.aws.cloudwatch.alarms import Json
from sandbox.aws.cloudwatch.messages import period
from sandbox.aws.cloudwatch.reasons import Bucket, Found, Limits
from sandbox.aws.cloudwatch.series import Key, Series, key, statistic

SLACK = 2  # periods looked at beyond those that count, for points that come late
LEARNED = 500  # points a band is learned from
LEAST_SPREAD = 0.02  # of the middle, so that a flat line does not make a band without width

Lookup = Mapping[Key, Series]

_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Verdict:
    """`state` None: what is there does not decide it, the state stays."""

    state: str | None
    reason: str
    data: str
    value: float | None
    limits: Limits


def verdict(config: Json, series: Lookup, now: float) -> Verdict:
    periods = int(config.get("EvaluationPeriods") or 1)
    wanted = int(config.get("DatapointsToAlarm") or periods)
    width = period(config) / CLOCK.speed
    values, limits = _watched(config, series, now, periods + SLACK, width)
    present = [b for b in values if b.value is not None][:periods]
    missing = periods - len(present)
    breaching = [b for b in present if _breaches(config, b.value, limits)]
    state = _state(str(config.get("TreatMissingData") or "missing"), len(breaching), len(present), missing, wanted)
    found = Found(config, state, present, breaching, missing, limits)
    last = present[0].value if present else None
    return Verdict(state, reasons.reason(found), reasons.data(found, now), last, limits)


def _state(treat: str, breaching: int, present: int, missing: int, wanted: int) -> str | None:
    if treat == "breaching":
        breaching, present = breaching + missing, present + missing
    if treat == "notBreaching":
        present += missing
    if not present:
        return None if treat == "ignore" else "INSUFFICIENT_DATA"
    if breaching >= wanted:
        return "ALARM"
    unknown = missing if treat in ("missing", "ignore") else 0
    return "OK" if breaching + unknown < wanted else None


def _watched(config: Json, series: Lookup, now: float, count: int, width: float) -> tuple[list[Bucket], Limits]:
    """The values that are compared, the newest first, and what they are compared with."""
    threshold = config.get("Threshold")
    plain: Limits = (float(threshold), float(threshold)) if threshold is not None else (None, None)
    queries = config.get("Metrics") or []
    if not queries:
        stat = str(config.get("ExtendedStatistic") or config.get("Statistic"))
        of = series.get(key(str(config["Namespace"]), str(config["MetricName"]), config.get("Dimensions")))
        return buckets(of, stat, now, count, width), plain
    banded = next((b for q in queries if (b := maths.band(str(q.get("Expression") or "")))), None)
    if banded and config.get("ThresholdMetricId"):
        plain = limits_of(queries, banded, series, now - count * width)
        shown = next(q for q in queries if q["Id"] == banded[0])
    else:
        shown = next((q for q in queries if q.get("ReturnData") is not False), queries[0])
    return computed(queries, shown, series, now, count, width), plain


def buckets(series: Series | None, stat: str, now: float, count: int, width: float) -> list[Bucket]:
    """Periods that end now, the newest first."""
    found = []
    for n in range(count):
        end = now - n * width
        points = series.between(end - width, end) if series else []
        found.append(Bucket(end - width, statistic(points, stat, CLOCK.speed)))
    return found


def computed(
    queries: Sequence[Json], shown: Json, series: Lookup, now: float, count: int, width: float
) -> list[Bucket]:
    """A metric of the alarm, or an expression over them, period by period."""
    known = {q["Id"]: _stat_buckets(q["MetricStat"], series, now, count, width) for q in queries if q.get("MetricStat")}
    if shown["Id"] in known:
        return known[shown["Id"]]
    expressions = {str(q["Id"]): str(q["Expression"]) for q in queries if q.get("Expression")}
    found = []
    for n in range(count):
        values = {name: of[n].value for name, of in known.items()}
        found.append(Bucket(now - (n + 1) * width, resolve(str(shown["Id"]), expressions, values)))
    return found


def resolve(wanted: str, expressions: Mapping[str, str], values: dict[str, float | None]) -> float | None:
    """Expressions may use each other, whatever their order."""
    others = {n: e for n, e in expressions.items() if n != wanted and not maths.band(e)}
    inner = dict(values)
    for name in others:
        if name in expressions[wanted] and name not in inner:
            inner[name] = resolve(name, others, values)
    return maths.evaluate(expressions[wanted], inner)


def _stat_buckets(stat: Json, series: Lookup, now: float, count: int, width: float) -> list[Bucket]:
    return buckets(series.get(_metric_key(stat)), str(stat["Stat"]), now, count, width)


def _metric_key(stat: Json) -> Key:
    metric = stat["Metric"]
    return key(str(metric["Namespace"]), str(metric["MetricName"]), metric.get("Dimensions"))


def limits_of(queries: Sequence[Json], banded: tuple[str, float], series: Lookup, before: float) -> Limits:
    """The band of the expected: the middle of what was before, plus and minus so many spreads of it."""
    stat = next(q["MetricStat"] for q in queries if q["Id"] == banded[0])
    of = series.get(_metric_key(stat))
    values = [p.total / p.count for p in (of.points if of else []) if p.at <= before and p.count][-LEARNED:]
    if not values:
        return None, None
    middle = statistics.median(values)
    spread = max(1.4826 * statistics.median([abs(v - middle) for v in values]), LEAST_SPREAD * abs(middle))
    return middle - banded[1] * spread, middle + banded[1] * spread


def _breaches(config: Json, value: float | None, limits: Limits) -> bool:
    low, high = limits
    if value is None or low is None or high is None:
        return False
    match str(config["ComparisonOperator"]):
        case "LessThanLowerOrGreaterThanUpperThreshold":
            return value < low or value > high
        case "GreaterThanUpperThreshold":
            return value > high
        case "LessThanLowerThreshold":
            return value < low
        case plain:
            return _BREACHES[plain](value, low)
