"""What speaks for which symptom, each piece with its weight, and the confidence that follows.

The symptoms are the branches of the second document's flow: CPU, memory, errors, slowness; `nothing` is that none of
them is there. Each is scored by

    score = Σ weight × strength        over its signs; a negative weight speaks against it

which is a sum of log odds, as if the signs were independent; the weights are ours, in natural logarithms (a weight of
2 makes it e² ≈ 7 times as likely). The confidence in the likeliest symptom is its share, less what was not seen:

    confidence = min(0.99, e^score / Σ e^scores)  ×  (1 − Σ SEEN of the sources that did not answer)

Errors and CPU go together: what is saturated times out, and code that fails and tries again uses CPU. So each is
weighed against how well the other explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from math import exp
from typing import NamedTuple

from bot.models import Evidence, Measure, Source
from bot.rca import words
from bot.rca.facts import Facts, was_seen

NOTHING = 1.8
"""The score of `nothing`: what a symptom has to reach to be believed."""
MOST = 0.99
"""Nobody is surer than that."""
SEEN = {
    Source.METRICS: 0.35,
    Source.LOGS: 0.2,
    Source.DEPLOYMENTS: 0.1,
    Source.TRACES: 0.08,
    Source.CHANGES: 0.06,
    Source.HEALTH: 0.04,
    Source.ALARM: 0.02,
}
"""How much a source that failed, or may not be asked, takes from the confidence. Ours, by how often it decides."""


class Symptom(Enum):
    """The branches of the flow."""

    CPU = "CPU"
    MEMORY = "memory"
    ERRORS = "errors"
    SLOW = "slowness"
    NOTHING = "nothing"


class Sign(NamedTuple):
    """A piece of evidence: its weight, how strong it is here, and the sentence that says it, empty where it is said
    by another's."""

    weight: float
    strength: Callable[[Facts], float]
    says: Callable[[Facts], str] = lambda _: ""


class Judged(NamedTuple):
    """What the signs come to. `findings`: sentences with what they contributed."""

    symptom: Symptom
    confidence: float
    findings: tuple[tuple[float, str], ...]


def _alarmed(measure: Measure) -> Callable[[Facts], float]:
    return lambda f: float(f.is_alarmed(measure))


def _killed(f: Facts) -> float:
    return max(f.memory.killed, f.memory.lines)


def _retries(f: Facts) -> float:
    """CPU that follows from errors: much fails, not by waiting, and is tried again; or another host fails."""
    not_by_waiting = max(f.errors.hard * (1 - f.busy), f.errors.others)
    return f.errors.strength * not_by_waiting * f.errors.failing(0.02, 0.1, unknown=0.7)


def _choked(f: Facts) -> float:
    """Errors that a saturated service has anyway: what fails does so by waiting, and by far not everything fails."""
    by_code = f.errors.hard * (0.5 + 0.5 * f.deployed)
    return f.busy * (1 - max(by_code, f.errors.others)) * (1 - 0.7 * f.errors.failing(0.3, 0.7))


SIGNS: Mapping[Symptom, tuple[Sign, ...]] = {
    Symptom.CPU: (
        Sign(4.0, lambda f: f.rise(Measure.CPU), words.risen(Measure.CPU)),
        Sign(1.5, lambda f: f.busy),
        Sign(1.0, lambda f: min(f.rise(Measure.CPU), f.rise(Measure.REQUESTS)), words.risen(Measure.REQUESTS)),
        Sign(0.5, _alarmed(Measure.CPU)),
        Sign(-2.5, _retries),
        Sign(-2.0, _killed),
    ),
    Symptom.MEMORY: (
        Sign(4.5, lambda f: f.memory.killed, words.killed),
        Sign(2.5, lambda f: f.memory.lines, words.memory_lines),
        Sign(3.0, lambda f: f.memory.climbs, words.climbing),
        Sign(1.5, lambda f: f.memory.full, words.risen(Measure.MEMORY)),
        Sign(0.5, lambda f: f.memory.climbs * f.is_alarmed(Measure.MEMORY)),
    ),
    Symptom.ERRORS: (
        Sign(4.0, lambda f: f.errors.strength, words.errors),
        Sign(1.0, lambda f: f.errors.strength * f.errors.failing(0.01, 0.1), words.share),
        Sign(1.0, lambda f: f.errors.strength * f.errors.own),
        Sign(1.0, lambda f: f.errors.strength * f.errors.own * f.deployed),
        Sign(1.0, _alarmed(Measure.ERRORS)),
        Sign(-2.5, _killed),
        Sign(-3.0, _choked),
        Sign(-2.0, lambda f: f.errors.strength * f.errors.guessed),
    ),
    Symptom.SLOW: (
        Sign(3.5, lambda f: f.rise(Measure.LATENCY), words.risen(Measure.LATENCY)),
        Sign(1.0, lambda f: min(f.rise(Measure.LATENCY), f.waits), words.waits),
        Sign(1.0, lambda f: f.rise(Measure.LATENCY) * f.blame.strength, words.blame),
        Sign(0.5, _alarmed(Measure.LATENCY)),
        Sign(2.5, lambda f: f.slow_traces, words.slow_traces),
        Sign(2.5, lambda f: f.errors.strength * f.errors.guessed, words.waits),
        Sign(-2.0, lambda f: f.rise(Measure.CPU)),
        # The flow's branch is called TIMEOUT: that a few of many slow requests time out is part of it.
        Sign(-2.5, lambda f: f.errors.strength * f.errors.are_many * f.errors.failing(0.005, 0.03, unknown=1.0)),
        Sign(-2.5, _killed),
    ),
    Symptom.NOTHING: (Sign(NOTHING, lambda _: 1.0),),
}


def judge(found: Facts) -> Judged:
    """The likeliest symptom; of equals the first in the order above."""
    told = {symptom: [(sign.weight * sign.strength(found), sign) for sign in signs] for symptom, signs in SIGNS.items()}
    scores = {symptom: sum(part for part, _ in parts) for symptom, parts in told.items()}
    best = max(scores, key=lambda symptom: scores[symptom])
    share = min(MOST, 1 / sum(exp(score - scores[best]) for score in scores.values()))
    parts = sorted(((part, sign.says(found)) for part, sign in told[best] if part > 0), key=lambda each: -each[0])
    findings = tuple((part, text) for part, text in parts if text)
    return Judged(best, round(share * seen(found.evidence), 2), findings)


def seen(evidence: Evidence) -> float:
    """The part of what could be seen that was."""
    return 1 - sum(weight for source, weight in SEEN.items() if not was_seen(evidence, source))
