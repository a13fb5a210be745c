"""A service, minute by minute: what its trouble does to CPU, memory, latency, errors and log lines.

What is saturated gets slow and times out, what fails is tried again, what leaks is killed.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from math import exp
from statistics import fmean

from benchmarks.outages.dice import binomial, grown, logged, poisson
from bot.models import LogClass

HISTORY = 120  # minutes before the outage begins
AFTER = 45
Lines = Counter[tuple[LogClass, str]]


@dataclass
class Service:
    """What it is like on an ordinary day."""

    name: str
    tasks: int
    requests: float  # a minute
    cpu: float
    memory: float
    latency: float  # p99, seconds
    failing: float  # the share that fails on any day
    has_metrics: bool = True  # requests, errors and latency are counted by a load balancer
    noise: list[tuple[LogClass, str, float]] = field(default_factory=list)


@dataclass
class Fault:
    """How the service behaves from the beginning of the outage on; one means as ever, zero none."""

    load: float = 1.0
    dear: float = 1.0
    tasks: float = 1.0
    own: float = 0.0
    pattern: str = ""
    down: float = 0.0
    refused: bool = False
    retries: float = 0.0
    waits: float = 0.0
    locked: float = 0.0
    leak: float = 0.0
    cached: float = 0.0
    thrash: float = 0.0
    chatter: float = 0.0
    ramp: int = 1
    dependency: str = ""


@dataclass
class Minute:
    cpu: float
    memory: float
    latency: float
    requests: int
    failed: int
    caused: int
    tasks: int
    killed: int
    lines: Lines
    slow_calls: bool
    failed_calls: bool


class Play:
    """One service over time."""

    def __init__(self, service: Service, fault: Fault, dice: random.Random, begin: int = HISTORY) -> None:
        self._service, self._fault, self._dice, self._begin = service, fault, dice, begin
        self._wave = 0.0
        self._leaked = [0.0] * service.tasks
        self.minutes = [self._minute(t) for t in range(HISTORY + AFTER)]

    def _minute(self, t: int) -> Minute:
        s, f, dice = self._service, self._fault, self._dice
        part = min(1.0, (t - self._begin + 1) / f.ramp) if t >= self._begin else 0.0
        self._wave = 0.8 * self._wave + dice.gauss(0, 0.025)
        requests = poisson(dice, s.requests * (1 + self._wave) * grown(f.load, part))
        tasks = max(1, round(s.tasks * grown(f.tasks, part)))
        memory, killed = self._memory(t, tasks)
        thrash = 1 + f.thrash * max(0.0, memory - 80) / 15 if part else 1.0
        own, down = f.own * part, f.down * part
        demand = s.cpu * requests / s.requests * grown(f.dear, part) * s.tasks / tasks * thrash
        demand *= 1 + f.retries * (own + down)
        demand = max(0.5, demand + dice.gauss(0, 0.6 + 0.03 * demand))
        cpu = min(demand, 99.5 + dice.uniform(-1, 0.4))
        crowd = min(1 / (1 - min(demand, 96) / 100), 25) * (1 - min(s.cpu, 90) / 100)
        choked = min(0.6, max(0.0, demand - 97) / demand * 0.5)
        latency = s.latency * exp(dice.gauss(0, 0.12)) * crowd * grown(f.locked or 1.0, part)
        latency = min(latency + f.waits * part * exp(dice.gauss(0, 0.1)), 29.0) + (0.4 if choked > 0.05 else 0)
        usual = binomial(dice, requests, s.failing)
        by_code, by_others = binomial(dice, requests, own), binomial(dice, requests, down)
        by_load = binomial(dice, requests, choked) + (binomial(dice, requests, 0.02 * killed / tasks) if killed else 0)
        caused = min(requests, by_code + by_others + by_load)
        lines = self._lines((by_code, by_others, by_load), usual, killed, part)
        is_slow = part > 0 and f.waits > 0
        return Minute(
            cpu, memory, latency, requests, usual + caused, caused, tasks, killed, lines, is_slow, by_others > 0
        )

    def _memory(self, t: int, tasks: int) -> tuple[float, int]:
        """The mean of the tasks, and how many were killed: what is full dies, and begins anew."""
        if self._fault.leak and t >= self._begin:
            self._leaked = [each + self._fault.leak * self._dice.uniform(0.7, 1.3) for each in self._leaked]
        room = 99 - self._service.memory
        killed = sum(each > room for each in self._leaked)
        self._leaked = [0.0 if each > room else each for each in self._leaked]
        kept = self._fault.cached if t >= self._begin else 0.0
        used = self._service.memory + fmean(self._leaked) + kept + self._dice.gauss(0, 0.7)
        return min(99.0, used), min(killed, tasks)

    def _lines(self, why: tuple[int, int, int], usual: int, killed: int, part: float) -> Lines:
        """What the code writes: more than one line for a failure at times, and at times none."""
        f, dice = self._fault, self._dice
        lines: Lines = Counter()
        for kind, pattern, rate in self._service.noise:
            lines[kind, pattern] += poisson(dice, rate)
        by_code, by_others, by_load = why
        lines[LogClass.EXCEPTION, f.pattern or "KeyError: 'currency'"] += logged(dice, by_code)
        refused = (LogClass.CONNECTION, f"connection refused to {f.dependency}.internal:5432")
        timeout = (LogClass.TIMEOUT, f"call of {f.dependency}.internal timed out after 2 s")
        lines[refused if f.refused else timeout] += logged(dice, by_others)
        if part and f.waits:
            lines[timeout] += poisson(dice, 0.001 * self._service.requests * part)
        lines[LogClass.TIMEOUT, "request was not answered in time"] += logged(dice, by_load)
        lines[LogClass.EXCEPTION, "HTTPException: request failed"] += binomial(dice, usual, 0.5)
        lines[LogClass.EXCEPTION, "StockLevelException was handled, level 0 assumed"] += poisson(dice, f.chatter * part)
        if killed and dice.random() < 0.7:
            lines[LogClass.MEMORY, "OutOfMemoryError: container killed (exit code 137)"] += killed
        return Counter({key: count for key, count in lines.items() if count > 0})
