"""What would make a noisy alarm quieter: more datapoints, a longer period, another threshold. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from math import ceil, floor, log10

from bot.durations import span
from bot.models.digest import AlarmDetail, Proposal

_WINDOWS = ((2, 3), (3, 5), (4, 6), (5, 5))  # datapoints to alarm, of so many
_ENOUGH, _WORTH = 0.6, 0.3  # which share of the firings a proposal should save, and has to
_LONGER = 300  # seconds of a calmer period
_FAR = 0.5  # no threshold is moved by more than this share of it
_VALUES = 5  # to be known before a threshold is moved


def propose(detail: AlarmDetail, *, is_flapping: bool) -> Proposal | None:
    """What would make an alarm quieter; None where nothing that is known would. The first that saves enough, else the
    one that saves the most."""
    tried = [each for each in _candidates(detail, is_flapping=is_flapping) if each and each.saves >= each.of * _WORTH]
    enough = [each for each in tried if each.saves >= each.of * _ENOUGH]
    return enough[0] if enough else max(tried, key=lambda each: each.saves, default=None)


def _candidates(detail: AlarmDetail, *, is_flapping: bool) -> Iterator[Proposal | None]:
    for needed, of in _WINDOWS:
        yield _datapoints(detail, needed, of)
    if is_flapping:
        yield _period(detail)
    yield _threshold(detail)


def _datapoints(detail: AlarmDetail, needed: int, of: int) -> Proposal | None:
    """More datapoints have to be bad: what was over sooner than they take would not have fired."""
    alarm = detail.alarm
    evaluated = alarm.evaluation_periods or 1
    now = alarm.datapoints or evaluated
    if alarm.period is None or needed <= now or of < evaluated:
        return None
    longer = (needed - now) * alarm.period
    later = span(timedelta(seconds=longer))
    saves = sum(one.times for one in detail.firings if one.lasted is not None and one.lasted < longer)
    return Proposal(
        change=f"{needed} of {of} datapoints instead of {now} of {evaluated} (fires {later} later)",
        saves=saves,
        of=_firings(detail),
    )


def _firings(detail: AlarmDetail) -> int:
    return sum(one.times for one in detail.firings)


def _period(detail: AlarmDetail) -> Proposal | None:
    """A longer period evens out what comes and goes."""
    period = detail.alarm.period
    if period is None or period >= _LONGER:
        return None
    saves = sum(one.flaps for one in detail.firings)
    return Proposal(
        change=f"a period of {_LONGER // 60} min instead of {span(timedelta(seconds=period))}",
        saves=saves,
        of=_firings(detail),
    )


def _threshold(detail: AlarmDetail) -> Proposal | None:
    """So far that only the worst quarter of the values reaches it."""
    alarm = detail.alarm
    values = sorted(one.value for one in detail.firings if one.value is not None)
    is_upper = alarm.comparison in (">", "≥")
    if alarm.threshold is None or len(values) < _VALUES or not (is_upper or alarm.comparison in ("<", "≤")):
        return None
    aim = values[len(values) * 3 // 4] if is_upper else values[len(values) // 4]
    wanted = _rounded(aim, ceil if is_upper else floor)
    if wanted == alarm.threshold or abs(wanted - alarm.threshold) > abs(alarm.threshold) * _FAR:
        return None
    known = ((one.value, one.times) for one in detail.firings if one.value is not None)
    saves = sum(times for each, times in known if (each < wanted if is_upper else each > wanted))
    unit = f" {alarm.unit}" if alarm.unit else ""
    return Proposal(
        change=f"a threshold of {wanted:g}{unit} instead of {alarm.threshold:g}{unit}",
        saves=saves,
        of=_firings(detail),
    )


def _rounded(value: float, way: Callable[[float], int]) -> float:
    """To two digits, upwards or downwards."""
    if not value:
        return 0.0
    step = 10.0 ** (floor(log10(abs(value))) - 1)
    return float(f"{way(round(value / step, 9)) * step:.6g}")
