"""How far a reading is from what is usual, as a strength from 0 (usual) to 1 (far from it).

What is usual is told by the baseline, else by the hour before, else by the alarm's limit, else by an absolute rule. A
rise has to be both rare (in deviations) and material (in percent or as a multiple): a steady service's CPU that goes
from 4 ± 0.2 % to 6 % is rare, but nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from math import isfinite, sqrt
from typing import NamedTuple

from bot.models import Evidence, LogFinding, Measure, Reading

HOUR = timedelta(hours=1)
DEVIATIONS = (2.0, 4.0)
"""So many deviations above the mean say nothing, and everything. In between it counts in part."""
OF_A_PEAK = 0.5
"""One bad datapoint counts half of what a bad window counts."""
BY_LIMIT = 0.5
"""An alarm's limit alone counts half, for many are set too low; the rest is told by the absolute rule."""
OF_OLD_NEWS = 0.4
"""What is unusual but was so for the whole hour before did not begin with the symptom."""
MOST = 1e9


class Scale(NamedTuple):
    """How a measure is judged.

    spread     the least deviation there is, in the measure's unit: below it is noise
    share      the deviation as a share of what is usual, where no baseline says it
    material   a rise that says nothing, and one that says everything: in the unit, or as a multiple of the usual
    is_ratio   which of the two
    absolute   the same without anything to compare with
    """

    spread: float
    share: float
    material: tuple[float, float]
    is_ratio: bool
    absolute: tuple[float, float]


SCALES = {
    Measure.CPU: Scale(3.0, 0.12, (8, 25), is_ratio=False, absolute=(65, 85)),
    Measure.MEMORY: Scale(3.0, 0.1, (6, 18), is_ratio=False, absolute=(85, 97)),
    # The first document's example of a SEV-2: “Latency P99 > 3× normal”.
    Measure.LATENCY: Scale(0.02, 0.25, (1.5, 3), is_ratio=True, absolute=(1, 3)),
    Measure.ERRORS: Scale(0.4, 0.3, (0, 2), is_ratio=False, absolute=(0, 2)),
    Measure.REQUESTS: Scale(10.0, 0.2, (1.2, 1.8), is_ratio=True, absolute=(MOST, MOST)),
}
COUNTS = frozenset({Measure.ERRORS, Measure.REQUESTS})


class Basis(Enum):
    """What a reading is compared with; the values are how it is said."""

    BASELINE = "expected {}"
    BEFORE = "{} in the hour before"
    RATE = "usually {}"
    LIMIT = "alarm at {}"
    RULE = ""


class Rise(NamedTuple):
    """A reading, how far it is above the usual, and what the usual is. `usual` and `spread` are those of the window."""

    reading: Reading
    strength: float
    basis: Basis
    usual: float | None = None
    spread: float | None = None

    @property
    def is_alarmed(self) -> bool:
        """Is the alarm about this, and did it go over its limit?"""
        limit = _sane(self.reading.threshold)
        return limit is not None and max(self.reading.now, self.reading.peak) >= limit


def ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high`, a straight line in between."""
    if high <= low or value >= high:
        return 1.0 if value >= high else 0.0
    return max(0.0, (value - low) / (high - low))


def in_hours(evidence: Evidence) -> float:
    """How long is counted; never 0."""
    return max((evidence.until - (evidence.counted_since or evidence.since)) / HOUR, 1 / 60)


def rises(evidence: Evidence) -> dict[Measure, Rise]:
    """Every measure that can rise and has a number, against what is usual."""
    found = {measure: evidence.reading(measure) for measure in SCALES}
    hours, more = in_hours(evidence), traffic(evidence)
    return {
        measure: _rise(reading, hours, more if measure is Measure.ERRORS else 1.0)
        for measure, reading in found.items()
        if reading is not None and isfinite(reading.now) and isfinite(reading.peak)
    }


def traffic(evidence: Evidence) -> float:
    """How many times the usual requests there are: where some always fail, more fail of more. Never less than 1."""
    requests = evidence.reading(Measure.REQUESTS)
    if requests is None or not isfinite(requests.now):
        return 1.0
    usual = _first(_sane(requests.expected), _before(requests, in_hours(evidence)))
    return min(max(requests.now / usual, 1.0), 100.0) if usual and usual > 0 else 1.0


def fallen(reading: Reading | None) -> float:
    """How much is missing of what there should be, as a share: for running tasks, where fewer is worse."""
    if reading is None or not isfinite(reading.now):
        return 0.0
    usual = _first(_sane(reading.expected), _sane(reading.before))
    return max(0.0, 1 - reading.now / usual) if usual and usual > 0 else 0.0


def above(value: float, usual: float, spread: float, scale: Scale) -> float:
    """How far a value is above the usual: rare and material, whichever is less."""
    rise = value / max(usual, scale.spread) if scale.is_ratio else value - usual
    return min(ramp((value - usual) / spread, *DEVIATIONS), ramp(rise, *scale.material))


def news(line: LogFinding, hours: float, more: float = 1.0) -> float:
    """How much more of these lines there are than in the hour before, with `more` times the traffic.

    What was there before has a rate that a handful of lines tell but roughly, so it has to grow more to be news.
    """
    usual = min(max(line.before, 0), MOST) * hours * more
    spread = 1 + sqrt(usual * (1 + hours)) if line.before > 0 else counted_spread(usual)
    return above(min(line.count, MOST), usual, spread, SCALES[Measure.ERRORS])


def counted_spread(usual: float, deviation: float = 0.0) -> float:
    """The deviation of a count is at least that of chance (Poisson)."""
    return max(deviation, sqrt(max(usual, 0.0)), SCALES[Measure.ERRORS].spread)


def _rise(reading: Reading, hours: float, more: float) -> Rise:
    scale = SCALES[reading.measure]
    basis, usual, spread = _usual(reading, scale, hours)
    if usual is None:
        return Rise(reading, _strength(reading, lambda value: ramp(value, *scale.absolute)), basis)
    if spread is None:
        is_over = max(reading.now, reading.peak) >= usual
        return Rise(reading, is_over * (BY_LIMIT + (1 - BY_LIMIT) * ramp(reading.now, *scale.absolute)), basis, usual)
    strength = _strength(reading, lambda value: above(value, usual * more, spread * sqrt(more), scale))
    rise = Rise(reading, strength, basis, usual, spread)
    if _is_old_news(reading, scale, hours) and not rise.is_alarmed:
        return rise._replace(strength=strength * OF_OLD_NEWS)
    return rise


def _usual(reading: Reading, scale: Scale, hours: float) -> tuple[Basis, float | None, float | None]:
    """What is usual and its deviation: the baseline's, the hour before, the alarm's limit, nothing."""
    expected, before, limit = _sane(reading.expected), _before(reading, hours), _sane(reading.threshold)
    if expected is not None:
        deviation = _sane(reading.deviation)
        return Basis.BASELINE, expected, _spread(reading.measure, expected, deviation, scale)
    if before is not None:
        basis = Basis.RATE if reading.measure in COUNTS else Basis.BEFORE
        return basis, before, _spread(reading.measure, before, None, scale)
    if limit is not None:
        return Basis.LIMIT, limit, None
    return Basis.RULE, None, None


def _spread(measure: Measure, usual: float, deviation: float | None, scale: Scale) -> float:
    spread = max(scale.spread, scale.share * abs(usual) if deviation is None else deviation)
    return counted_spread(usual, spread) if measure in COUNTS else spread


def _before(reading: Reading, hours: float) -> float | None:
    """The hour before, for a window of this length: sums are shared out."""
    before = _sane(reading.before)
    return before * hours if before is not None and reading.measure in COUNTS else before


def _is_old_news(reading: Reading, scale: Scale, hours: float) -> bool:
    before = _before(reading, hours)
    if before is None or _sane(reading.expected) is None:
        return False
    spread = _spread(reading.measure, before, None, scale)
    return above(max(reading.now, reading.peak), before, spread, scale) < 0.2


def _strength(reading: Reading, judged: Callable[[float], float]) -> float:
    peak = 0.0 if reading.measure in COUNTS else OF_A_PEAK * judged(reading.peak)
    return max(judged(reading.now), peak)


def _sane(value: float | None) -> float | None:
    """None for what is no number."""
    return value if value is not None and isfinite(value) and abs(value) <= MOST else None


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
