"""How the shop's services do: from what runs in ECS, what is asked of them, and what is wrong with them.

One more task takes load off the others; tasks of a flawed version fail; what a task leaks is gone with the task.
What heals a service in AWS heals it here, whoever does it.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.ecs import fleet
from sandbox.aws.ecs.services import Service
from sandbox.aws.ecs.tasks import Task
from sandbox.shop.catalogue import CLUSTER, FLAW
from sandbox.shop.kinds import Metric

Values = tuple[float, ...]
FLAWED_SHARE = 0.2  # of the requests that a flawed version answers with an error
FLAWED_SECONDS = 0.7
CROWDING = 85.0  # how much longer answers take for each task's worth of requests that is too many
LEAK = 7.0  # percent of its memory that a task loses in a stated minute
MEMORY_MAX = 99.0
WEEKEND = 0.82
PEAK_HOUR = 15.0
SWING = 0.28


def rhythm(at: float) -> float:
    """What is asked for at this hour of the week, in ordinary ones."""
    moment = utc(at)
    hour = moment.hour + moment.minute / 60
    day = 1 + SWING * math.cos(2 * math.pi * (hour - PEAK_HOUR) / 24)
    return day * (WEEKEND if moment.weekday() >= 5 else 1.0)


def flawed(task: Task) -> bool:
    return any(
        e["name"] == FLAW for c in task.deployment.definition.container_definitions for e in c.get("environment") or []
    )


@dataclass
class Trouble:
    """`load`: what is asked for, in ordinary hours; None: as on any day. `crowd`: the same for what only waits.

    `failing`: the share of requests that fail; `few`: how many do, in a tick. `slow`: seconds that another service
    adds. `leaking`: since when, by task.
    """

    load: float | None = None
    crowd: float = 1.0
    failing: float = 0.0
    slow: float = 0.0
    few: int = 0
    leaking: dict[str, float] = field(default_factory=dict)


class Production:
    """The services of the cluster, and what is wrong with each."""

    def __init__(self) -> None:
        self._troubles: dict[str, Trouble] = {}

    def trouble(self, name: str) -> Trouble:
        return self._troubles.setdefault(name, Trouble())

    def service(self, name: str) -> Service:
        found = fleet.find(CLUSTER, name)
        if found is None:
            raise LookupError(f"There is no service {name} in {CLUSTER}")
        return found

    def running(self, name: str) -> list[Task]:
        found = fleet.find(CLUSTER, name)
        return found.running() if found else []

    def flawed_share(self, name: str) -> float:
        running = self.running(name)
        return sum(flawed(t) for t in running) / len(running) if running else 0.0

    def leaked(self, name: str, task: Task) -> float:
        since = self.trouble(name).leaking.get(task.id)
        return 0.0 if since is None else max(CLOCK.now() - since, 0.0) * CLOCK.speed / 60 * LEAK

    def values(self, metrics: dict[str, Metric], name: str, now: float, step: float) -> dict[str, Values]:
        """What is measured of a service, by the metric's key; what is counted, for each of `step` seconds."""
        running, trouble = self.running(name), self.trouble(name)
        load = rhythm(now) if trouble.load is None else trouble.load
        count, ordinary = len(running), metrics["tasks"].normal
        each = load * ordinary / count if count else 0.0
        memory = [min(metrics["memory"].normal + self.leaked(name, t), MEMORY_MAX) for t in running]
        found: dict[str, Values] = {
            "cpu": (min(metrics["cpu"].normal * each, 100.0),),
            "memory": tuple(memory) or (0.0,),
            "tasks": (float(count),),
        }
        if "requests" in metrics:
            found |= self._answers(metrics, name, load, step)
        if "latency" in metrics:
            found["latency"] = (self._latency(metrics["latency"].normal, name, count / ordinary, load),)
        return found

    def _answers(self, metrics: dict[str, Metric], name: str, load: float, step: float) -> dict[str, Values]:
        trouble, asked = self.trouble(name), metrics["requests"].normal * load
        failing = self.flawed_share(name) * FLAWED_SHARE + trouble.failing
        few = trouble.few / step / CLOCK.speed  # in a stated minute: alarms extrapolate
        return {
            "requests": (asked,),
            "errors": (metrics["errors"].normal * load + asked * failing + few,),
        }

    def _latency(self, ordinary: float, name: str, size: float, load: float) -> float:
        trouble = self.trouble(name)
        waiting = CROWDING * max(trouble.crowd / size - 1, 0.0) if size and trouble.crowd > 1 else 0.0
        return ordinary * (0.9 + 0.1 * load + waiting) + trouble.slow + FLAWED_SECONDS * self.flawed_share(name)

    def shown(self, name: str) -> dict[str, Any]:
        """An ECS service for people."""
        service = self.service(name)
        running, definition = service.running(), service.primary.definition
        return {
            "name": name,
            "desired": service.desired,
            "running": len(running),
            "pending": len(service.alive()) - len(running),
            "task_definition": f"{definition.family}:{definition.revision}",
            "image": definition.container_definitions[0]["image"].rsplit("/", 1)[-1],
            "rollout": service.primary.state,
            "deploying": len(service.deployments) > 1 or not service.steady,
        }
