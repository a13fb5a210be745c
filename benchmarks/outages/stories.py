"""What can break: each story bends a service's behaviour and names the cause, and the change behind it, if any."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import exp, log
from typing import NamedTuple

from benchmarks.outages.play import Fault, Service
from bot.models import Cause, ChangeKind

DEPENDENCIES = ("catalog-db", "session-cache", "payments-provider", "stock-service")
NEW = (
    "KeyError: 'currency'",
    "TypeError: NoneType is not iterable",
    "NullPointerException at Cart.total",
    "ValidationException: unknown column price_net",
    "panic: index out of range",
)


class Change(NamedTuple):
    """What broke it: how many minutes before, and what was done."""

    ago: float
    kind: ChangeKind
    what: str
    target: str = ""
    before: str = ""
    after: str = ""


class Plot(NamedTuple):
    """An outage to be played: the fault, the cause by the matrix as far as it is not a matter of the errors' number,
    and the change that brought it about, if one did. `alarm` is which one goes off, empty for the first; `at_once`: it
    is looked at as soon as that does, not minutes later."""

    fault: Fault
    cause: Callable[[int, int], Cause]
    change: Change | None = None
    health: bool = False
    alarm: str = ""
    at_once: bool = False


def _busy(_: int, caused: int) -> Cause:
    return Cause.CPU_WITH_ERRORS if caused else Cause.CPU


def _failing(failed: int, _: int) -> Cause:
    return Cause.MANY_ERRORS if failed > 10 else Cause.FEW_ERRORS


def _always(cause: Cause) -> Callable[[int, int], Cause]:
    return lambda *_: cause


def _deploy(dice: random.Random, most: float = 5.0) -> Change:
    n = dice.randint(12, 90)
    return Change(dice.uniform(0.5, most), ChangeKind.DEPLOYMENT, f"deployed web:{n}", "", f"web:{n - 1}", f"web:{n}")


def _configure(dice: random.Random, what: str = "") -> Change:
    calls = ("UpdateFunctionConfiguration", "PutParameter", "ModifyTargetGroupAttributes", "PutSecretValue")
    return Change(dice.uniform(0.2, 4), ChangeKind.CONFIGURATION, what or dice.choice(calls))


def traffic(s: Service, dice: random.Random) -> Plot:
    return Plot(Fault(load=dice.uniform(70, 110) / s.cpu, ramp=dice.randint(1, 6)), _busy)


def dear_code(s: Service, dice: random.Random) -> Plot:
    return Plot(Fault(dear=dice.uniform(65, 120) / s.cpu, ramp=dice.randint(1, 4)), _busy, _deploy(dice))


def scaled_in(s: Service, dice: random.Random) -> Plot:
    s.tasks = max(s.tasks, 3)
    s.cpu = max(s.cpu, 25.0)
    left = max(1, round(s.tasks * s.cpu / dice.uniform(75, 110)))
    fewer = min(left, s.tasks - 1)
    change = Change(dice.uniform(0.5, 4), ChangeKind.SCALING, "desired count changed", "", str(s.tasks), str(fewer))
    return Plot(Fault(tasks=fewer / s.tasks), _busy, change)


def hot_and_failing(s: Service, dice: random.Random) -> Plot:
    """Code that loops and fails at times: all CPU is used, and some of the requests fail for it."""
    fault = Fault(dear=dice.uniform(95, 130) / s.cpu, own=dice.uniform(0.002, 0.04), pattern=dice.choice(NEW), ramp=2)
    return Plot(fault, _busy, _deploy(dice) if dice.random() < 0.6 else None)


def leak(s: Service, dice: random.Random) -> Plot:
    """It takes a while until tasks are killed; the deployment may be older than what CloudTrail is asked for."""
    rate = dice.uniform(0.6, 3.5)
    return Plot(Fault(leak=rate), _always(Cause.MEMORY_LEAK), _deploy(dice, 3), alarm="memory")


def thrashing(s: Service, dice: random.Random) -> Plot:
    """A full heap: the collector uses the CPU."""
    fault = Fault(leak=dice.uniform(1.2, 4), thrash=dice.uniform(0.6, 2))
    return Plot(fault, _always(Cause.MEMORY_LEAK), _deploy(dice, 3), alarm="memory")


def fast_leak(s: Service, dice: random.Random) -> Plot:
    """Within minutes memory is nearly full; nobody was killed yet."""
    s.memory = min(s.memory, 70.0)
    fault = Fault(leak=exp(dice.uniform(log(1), log(10))))
    change = _deploy(dice, 3) if dice.random() < 0.6 else None
    return Plot(fault, _always(Cause.MEMORY_LEAK), change, alarm="full", at_once=True)


def filled_cache(s: Service, dice: random.Random) -> Plot:
    """Memory that is used at one go and then kept: an index that was loaded, a cache. An alarm is raised, but that is
    all."""
    s.memory = min(s.memory, 65.0)
    return Plot(Fault(cached=dice.uniform(88, 93) - s.memory), _always(Cause.UNKNOWN), alarm="full")


def bad_deploy(s: Service, dice: random.Random) -> Plot:
    s.requests = max(s.requests, 90)
    fault = Fault(
        own=exp(dice.uniform(log(0.03), log(0.95))),
        pattern=dice.choice(NEW),
        retries=dice.choice((0, 0.5, 2)),
        ramp=dice.randint(1, 4),
    )
    return Plot(fault, _failing, _deploy(dice))


def bad_setting(s: Service, dice: random.Random) -> Plot:
    fault = Fault(own=dice.uniform(0.1, 0.9), pattern="ConfigError: PAYMENT_URL is not set")
    change = _configure(dice)
    return Plot(fault, _failing, change if dice.random() < 0.6 else change._replace(target="parameter/payment-url"))


def access_lost(s: Service, dice: random.Random) -> Plot:
    fault = Fault(own=dice.uniform(0.1, 0.6), pattern="AccessDeniedException: not authorized to perform s3:GetObject")
    call = dice.choice(("PutRolePolicy", "DetachRolePolicy", "PutBucketPolicy"))
    return Plot(fault, _failing, Change(dice.uniform(0.3, 5), ChangeKind.ACCESS, call, f"{s.name}-role"))


def few_errors(s: Service, dice: random.Random) -> Plot:
    """One client, one broken record, or hardly any traffic."""
    s.failing = min(s.failing, 5 / max(s.requests, 1) / 60)
    fault = Fault(own=min(0.9, dice.uniform(0.15, 0.8) / s.requests), pattern=dice.choice(NEW))
    return Plot(fault, _failing, _deploy(dice) if dice.random() < 0.3 else None, alarm="errors")


def dependency_fails(s: Service, dice: random.Random) -> Plot:
    fault = Fault(down=dice.uniform(0.05, 0.7), refused=dice.random() < 0.6, retries=dice.choice((0.3, 1, 2.5)),
                  dependency=dice.choice(DEPENDENCIES), waits=dice.choice((0.0, 1.5)))  # fmt: skip
    return Plot(fault, _failing)


def port_closed(s: Service, dice: random.Random) -> Plot:
    """Somebody tidied a security group up, and the database can't be reached."""
    fault = Fault(down=dice.uniform(0.3, 0.9), refused=True, retries=0.5, dependency="catalog-db")
    target = dice.choice(("sg-0f9e8d", "sg-catalog-db", "catalog-db"))
    return Plot(fault, _failing, Change(dice.uniform(0.2, 2), ChangeKind.ACCESS, "RevokeSecurityGroupIngress", target))


def dependency_slow(s: Service, dice: random.Random) -> Plot:
    fault = Fault(waits=s.latency * dice.uniform(3, 12), down=dice.choice((0.0, 0.0, 0.0008, 0.003)),
                  dependency=dice.choice(DEPENDENCIES), ramp=dice.randint(1, 5))  # fmt: skip
    return Plot(fault, _always(Cause.SLOW))


def dependency_changed(s: Service, dice: random.Random) -> Plot:
    """Somebody changed the database, and its answers take long."""
    name = dice.choice(DEPENDENCIES[:2])
    change = Change(dice.uniform(0.5, 5), ChangeKind.CONFIGURATION, "ModifyDBInstance", name)
    return Plot(Fault(waits=s.latency * dice.uniform(3, 10), dependency=name), _always(Cause.SLOW), change)


def locked(s: Service, dice: random.Random) -> Plot:
    """A lock or a pool that is too small, since a deployment."""
    return Plot(Fault(locked=dice.uniform(3, 9), ramp=2), _always(Cause.SLOW), _deploy(dice))


def slow_and_chatty(s: Service, dice: random.Random) -> Plot:
    """A new version logs what it handles; what is slow is the database."""
    fault = Fault(waits=s.latency * dice.uniform(4, 10), dependency="catalog-db", chatter=dice.uniform(3, 30))
    s.has_metrics = True
    return Plot(fault, _always(Cause.SLOW))


def zone_trouble(s: Service, dice: random.Random) -> Plot:
    fault = Fault(waits=s.latency * dice.uniform(3, 10), dependency="catalog-db")
    return Plot(fault, _always(Cause.SLOW), health=True)


def flapping(s: Service, dice: random.Random) -> Plot:
    """An alarm with a limit that an ordinary day reaches."""
    return Plot(Fault(load=dice.uniform(0.9, 1.15)), _always(Cause.UNKNOWN), alarm="nervous")


def something_else(s: Service, dice: random.Random) -> Plot:
    """Dead letters, a certificate, a disk: an alarm about what is not among the measures."""
    return Plot(Fault(), _always(Cause.UNKNOWN), alarm="other")


STORIES: dict[str, Callable[[Service, random.Random], Plot]] = {
    tell.__name__: tell
    for tell in (
        *(traffic, dear_code, scaled_in, hot_and_failing),
        *(leak, thrashing, fast_leak, filled_cache),
        *(bad_deploy, bad_setting, access_lost, few_errors, dependency_fails, port_closed),
        *(dependency_slow, dependency_changed, locked, slow_and_chatty, zone_trouble),
        *(flapping, something_else),
    )
}
