"""From a story to an incident: the alarm that goes off, what is seen by then, and what is true."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from math import exp, log
from statistics import fmean
from typing import NamedTuple

from benchmarks.outages.changes import ACCOUNT, REGION, SERVICES, changes_around, made_of
from benchmarks.outages.play import AFTER, HISTORY, Fault, Minute, Play, Service
from benchmarks.outages.signals import MINUTE, START, health, logs, readings, traces
from benchmarks.outages.stories import STORIES, Plot
from bot.models import Asked, Cause, ChangeKind, Evidence, LogClass, Made, Source, SourceOutcome

BEFORE = 15  # minutes that are shown before the alarm; what is counted is since it began
NOISE = (
    (LogClass.EXCEPTION, "ClientDisconnectedError: reader left"),
    (LogClass.TIMEOUT, "timed out waiting for idle connection, retrying"),
    (LogClass.EXCEPTION, "ValidationError: email is not valid"),
    (LogClass.RATE_LIMIT, "429 too many requests from crawler"),
)


class Incident(NamedTuple):
    """What is seen, and what is true. `true` is None where nobody's change was the cause, or none can be seen."""

    story: str
    evidence: Evidence
    cause: Cause
    true: Made | None
    is_whole: bool


def incidents(seed: int, each: int = 8) -> list[Incident]:
    """So many of every story."""
    dice = random.Random(seed)
    return [made_up(name, tell, dice) for _ in range(each) for name, tell in STORIES.items()]


def made_up(name: str, tell: Callable[[Service, random.Random], Plot], dice: random.Random) -> Incident:
    while True:  # few errors may turn out to be none at all: then nothing happened
        service = _service(dice)
        plot = tell(service, dice)
        play = Play(service, plot.fault, dice)
        found = _seen(name, service, plot, play, dice)
        if found:
            return found


def _service(dice: random.Random) -> Service:
    is_jvm = dice.random() < 0.35
    noise = [
        (kind, text, exp(dice.uniform(log(0.05), log(4)))) for kind, text in dice.sample(NOISE, dice.randint(0, 3))
    ]
    return Service(
        name=dice.choice(SERVICES),
        tasks=dice.randint(1, 12),
        requests=exp(dice.uniform(log(40), log(6000))),
        cpu=dice.uniform(4, 48),
        memory=dice.uniform(76, 91) if is_jvm else dice.uniform(25, 65),
        latency=exp(dice.uniform(log(0.06), log(1.2))),
        failing=dice.choice((0.0, 0.0, 0.0002, 0.002)),
        has_metrics=dice.random() < 0.85,
        noise=noise,
    )


def _seen(name: str, s: Service, plot: Plot, play: Play, dice: random.Random) -> Incident | None:
    zero = START + timedelta(minutes=dice.randint(0, 30 * 24 * 60))
    baseline = Play(s, Fault(), dice).minutes
    noticed = _alarm(s, plot, play, baseline, dice)
    if noticed is None:
        return None
    alarm, noticed_at, threshold = noticed
    period = dice.choice((1, 5))
    first = noticed_at - noticed_at % period
    since, began = max(1, first - BEFORE), first - dice.choice((0, 0, 1))
    until = min(len(play.minutes), first + dice.randint(6, 15))
    if plot.at_once:
        until = noticed_at + dice.randint(1, 3)
    window = play.minutes[began:until]
    caused = sum(one.caused for one in window)
    cause = plot.cause(sum(one.failed for one in window), caused)
    if cause in {Cause.FEW_ERRORS, Cause.MANY_ERRORS} and not caused:
        return None
    broke_at = zero + HISTORY * MINUTE
    true = made_of(plot.change, s, broke_at) if plot.change else None
    changes = changes_around(s, plot, true, broke_at, dice)
    if true and true.at < zero + since * MINUTE - 65 * MINUTE:  # older than what is asked for
        changes, true = [one for one in changes if one is not true], None
    evidence = Evidence(
        service=s.name,
        environment="prod",
        account=ACCOUNT,
        region=REGION,
        alarm=f"prod-{s.name}-{alarm}",
        began_at=zero + first * MINUTE,
        since=zero + since * MINUTE,
        until=zero + until * MINUTE,
        counted_since=zero + began * MINUTE,
        readings=tuple(readings(s, play.minutes, baseline, (began, until), (alarm, threshold), dice)),
        logs=tuple(logs(play.minutes, began, until, zero, dice)),
        traces=traces(plot.fault, window, dice),
        changes=tuple(changes),
        health=tuple(health(plot, broke_at, dice)),
        stopped=sum(one.killed for one in window),
        asked=tuple(Asked(source=source, outcome=SourceOutcome.FOUND) for source in Source),
    )
    evidence, is_whole = _with_gaps(evidence, dice)
    return Incident(name, evidence, cause, true if true in evidence.changes else None, is_whole)


def _alarm(
    s: Service, plot: Plot, play: Play, baseline: Sequence[Minute], dice: random.Random
) -> tuple[str, int, float | None] | None:
    """The first alarm that goes off, when, and its limit, as people set them up. Without one nobody notices."""
    usual_errors = fmean(one.failed for one in baseline)
    limits: dict[str, tuple[Callable[[Minute], float], float]] = {
        "cpu": (lambda one: one.cpu, min(90.0, s.cpu + dice.uniform(20, 40))),
        "memory": (lambda one: one.memory, max(85.0, s.memory + 5)),
    }
    if s.has_metrics:
        limits["latency"] = (lambda one: one.latency, 2.5 * s.latency)
        limits["errors"] = (lambda one: float(one.failed), 3 * usual_errors + (1 if plot.alarm == "errors" else 4))
    else:  # somebody counts lines of errors
        usual_lines = sum(rate for _, _, rate in s.noise)
        limits["log"] = (lambda one: float(sum(one.lines.values())), 3 * usual_lines + 3)
    if plot.alarm == "nervous":
        return "cpu", HISTORY + 5, round(s.cpu * 0.9, 1)
    if plot.alarm == "other":
        return "queue", HISTORY + 3, None
    if plot.alarm == "memory":
        killed = next((t for t, one in enumerate(play.minutes) if t > HISTORY and one.killed), HISTORY + AFTER - 15)
        return "memory", min(killed, HISTORY + AFTER - 15), limits["memory"][1]
    if plot.alarm == "full":
        limits = {"memory": limits["memory"]}
    over = (
        (name, t, limit)
        for t in range(HISTORY, HISTORY + AFTER - 15)
        for name, (value, limit) in limits.items()
        if value(play.minutes[t]) >= limit
    )
    return next(over, None)


def _with_gaps(evidence: Evidence, dice: random.Random) -> tuple[Evidence, bool]:
    """One in four lacks something: a source fails or may not be asked."""
    if dice.random() > 0.25:
        return evidence, True
    emptied: dict[Source, dict[str, object]] = {
        Source.LOGS: {"logs": ()},
        Source.TRACES: {"traces": None},
        Source.CHANGES: {"changes": tuple(c for c in evidence.changes if c.kind is ChangeKind.DEPLOYMENT)},
        Source.HEALTH: {"health": ()},
        Source.DEPLOYMENTS: {"stopped": 0},
        Source.METRICS: {"readings": ()},
    }
    source = dice.choices(list(emptied), weights=(5, 4, 3, 3, 3, 1))[0]
    outcome = dice.choice((SourceOutcome.FAILED, SourceOutcome.NOT_PERMITTED))
    asked = tuple(
        one.model_copy(update={"outcome": outcome, "why": "made up"}) if one.source is source else one
        for one in evidence.asked
    )
    return evidence.model_copy(update={**emptied[source], "asked": asked}), False
