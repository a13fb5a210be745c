"""/sandbox-aws/*: what else can be turned: the trail, AWS Health, traces, the pace of ECS and of queries."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from sandbox.aws.clock import CLOCK
from sandbox.aws.control import Json, Turning
from sandbox.aws.ecs import fleet
from sandbox.aws.ecs.services import Service
from sandbox.aws.ecs.tasks import ESSENTIAL, OUT_OF_MEMORY, PACE, Failure, Pace, cannot_pull
from sandbox.aws.health import HEALTH
from sandbox.aws.logs.operations import TIMING, Timing
from sandbox.aws.trail import TRAIL
from sandbox.aws.xray.traces import TRACES

FAILURES: dict[str, Callable[[str], Failure]] = {
    "memory": lambda _: OUT_OF_MEMORY,
    "exit": lambda _: Failure(ESSENTIAL),
    "pull": cannot_pull,
}


def reset() -> None:
    """Everything as at the start, with nothing in it."""
    for kept in (TRAIL, HEALTH, TRACES):
        kept.clear()
    _turn(PACE, vars(Pace()))
    _turn(TIMING, vars(Timing()))


def controls() -> list[tuple[str, str, Turning]]:
    return [
        ("POST", "trail", _trail),
        ("POST", "health", _health),
        ("POST", "xray", _xray),
        ("POST", "ecs/pace", lambda given: _turn(PACE, given)),
        ("POST", "ecs/kill", _kill),
        ("POST", "ecs/doom", _doom),
        ("POST", "logs/pace", lambda given: _turn(TIMING, given)),
    ]


def _turn(of: Any, given: Json) -> Json:
    known = {f.name for f in fields(of)}
    if unknown := set(given) - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    for name, seconds in given.items():
        setattr(of, name, float(seconds))
    return dict(vars(of))


def _trail(given: Json) -> Json:
    names = ("parameters", "at", "error")
    TRAIL.add(given["source"], given["name"], given["user"], **{n: given[n] for n in names if n in given})
    return {}


def _health(given: Json) -> Json:
    HEALTH.put(given)
    return {"events": list(HEALTH.events)}


def _xray(given: Json) -> Json:
    TRACES.on = bool(given["on"])
    return {"on": TRACES.on}


def _kill(given: Json) -> Json:
    """So many running tasks end by themselves."""
    service, why = _service(given), _failure(given)
    with fleet.LOCK:
        going = service.running()[: int(given.get("count", 1))]
        for task in going:
            service.kill(task, why, CLOCK.now())
    return {"tasks": [t.arn for t in going]}


def _doom(given: Json) -> Json:
    """The tasks of its deployment of now fail at their start, or no more."""
    service = _service(given)
    with fleet.LOCK:
        service.doom(_failure(given) if given.get("how") else None)
    return {"deployment": service.primary.id}


def _service(given: Json) -> Service:
    found = fleet.find(str(given["cluster"]), str(given["service"]))
    if found is None:
        raise LookupError(f"There is no service {given['service']} in {given['cluster']}")
    return found


def _failure(given: Json) -> Failure:
    how = str(given.get("how", "exit"))
    if how not in FAILURES:
        raise ValueError(f"unknown: {how}; known: {', '.join(FAILURES)}")
    return FAILURES[how](str(given.get("image", "image")))
