"""A service: how many tasks it should have, the deployments that start and stop them, and what it has to say.

A rolling deployment starts tasks as far as `maximumPercent` allows, and stops old ones as far as what runs stays above
`minimumHealthyPercent`. Time goes by in steps: each runs at the moment it was due, however late anybody looks.
"""

from __future__ import annotations

import math
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.ecs.deployments import Deployment
from sandbox.aws.ecs.rollouts import Rollout
from sandbox.aws.ecs.tasks import NEVER, PACE, Failure, Json, Task, later

EVENTS_KEPT = 100
DEPLOYMENTS_KEPT = 100
STOPPED_KEPT = 3600.0
SCALED_IN = "Scaling activity initiated by (deployment {})"
TROUBLE = (
    "is unable to consistently start tasks successfully. "
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)
BREAKER = "ECS deployment circuit breaker: tasks failed to start."
CONFIGURATION = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "strategy": "ROLLING",
}


@dataclass(eq=False)
class Service:
    """`look`: when the scheduler looks at it next. `told`: what the event bus has yet to hear."""

    name: str
    cluster: str
    account: str
    region: str
    moto: Any
    desired: int
    created: float
    created_by: str
    launch_type: str = "FARGATE"
    configuration: Json = field(default_factory=lambda: dict(CONFIGURATION))
    tasks: list[Task] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    rollouts: deque[Rollout] = field(default_factory=lambda: deque(maxlen=DEPLOYMENTS_KEPT))
    revisions: dict[str, Deployment] = field(default_factory=dict)
    events: deque[Json] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    told: list[tuple[str, Any, float]] = field(default_factory=list)
    look: float = NEVER
    steady: bool = False
    deleted: float | None = None

    @property
    def arn(self) -> str:
        return self.place("service")

    @property
    def cluster_arn(self) -> str:
        return f"arn:aws:ecs:{self.region}:{self.account}:cluster/{self.cluster}"

    def place(self, kind: str) -> str:
        return f"arn:aws:ecs:{self.region}:{self.account}:{kind}/{self.cluster}/{self.name}"

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    def definitions(self, family: str) -> list[Any]:
        """The task definitions of a family, oldest first."""
        known = self.moto._backend.task_definitions.get(family) or {}
        return [known[n] for n in sorted(known)]

    def alive(self) -> list[Task]:
        return [t for t in self.tasks if t.alive]

    def running(self) -> list[Task]:
        return [t for t in self.tasks if t.running]

    def say(self, at: float, message: str) -> None:
        self.events.appendleft(
            {"id": str(uuid.uuid4()), "createdAt": at, "message": f"(service {self.name}) {message}"}
        )

    # What others do to it

    def deploy(self, definition: Any, at: float, failure: Failure | None = None) -> Deployment:
        """A new primary deployment; the one before it steps back."""
        made = Deployment(self, definition, at, failure)
        if self.deployments and (under_way := self.primary.rollout) and under_way.open:
            under_way.end("STOPPED", at, "Service deployment stopped because a newer one was started.")
        made.rollout = Rollout(made, tuple(d for d in self.deployments if d.tasks()), at)
        self._make_primary(made, at)
        self.rollouts.appendleft(made.rollout)
        self.told.append(("IN_PROGRESS", made, at))
        return made

    def scale(self, desired: int, at: float) -> None:
        self.desired, self.primary.updated = desired, at
        self._look(at)

    def stop_task(self, task: Task, reason: str, at: float) -> None:
        task.stop(at, Failure(reason or "Task stopped by user", "UserInitiated", None))
        self._look(at)

    def kill(self, task: Task, why: Failure, at: float) -> None:
        """A container ends by itself; the scheduler hears of it."""
        task.stop(at, why)
        self.told.append(("TASK", task, at))
        self._look(at)

    def doom(self, failure: Failure | None) -> None:
        """What the tasks of the deployment of now will meet from now on; a new deployment knows nothing of it."""
        self.primary.failure = failure

    def delete(self, at: float) -> None:
        self.desired, self.deleted = 0, at
        self._look(at)

    def settle(self, at: float, started: float) -> None:
        """Everything is as it should be, and has been since `started`: a past for a service that was just made."""
        self.deployments, self.look, self.steady = [self.primary], NEVER, True
        primary = self.primary
        self.tasks = [Task(primary, started, NEVER, started=started) for _ in range(self.desired)]
        primary.created = primary.updated = started
        primary.state, primary.reason = "COMPLETED", f"ECS deployment {primary.id} completed."
        if primary.rollout:
            primary.rollout.created = started
            primary.rollout.end("SUCCESSFUL", started)
        self.told.clear()
        self.events.clear()
        self.say(started, "has reached a steady state.")

    # Time goes by

    def next(self) -> float:
        return min([self.look, *(t.due for t in self.tasks)])

    def run(self, now: float) -> None:
        while (at := self.next()) <= now:
            self._ripen(at)
            self.look = NEVER
            self._schedule(at)
        kept = now - STOPPED_KEPT
        self.tasks = [t for t in self.tasks if t.stopped is None or t.stopped > kept]

    def _ripen(self, at: float) -> None:
        for task in [t for t in self.tasks if t.due <= at]:
            task.due = NEVER
            if task.stopping is not None:
                task.stopped = at
            elif failure := task.deployment.failure:
                self._failed(task, failure, at)
            else:
                task.started = at
                task.deployment.retry_at = 0.0

    def _failed(self, task: Task, failure: Failure, at: float) -> None:
        deployment = task.deployment
        task.stop(at, failure)
        self.told.append(("TASK", task, at))
        deployment.failed += 1
        wait = min(PACE.retry * 2.0 ** min(deployment.failed - 1, 20), PACE.longest_retry)
        deployment.retry_at = later(at, wait)
        if deployment.failed == 3:
            self.say(
                at,
                TROUBLE,
            )

    def _schedule(self, at: float) -> None:
        if self._breaks(at):
            self._fail(self.primary, at, BREAKER)
        self._start(at)
        self._drain(at)
        self._scale_in(at)
        self._settle(at)

    def _start(self, at: float) -> None:
        primary = self.primary
        room = math.ceil(self.desired * self.configuration["maximumPercent"] / 100) - len(self.alive())
        wanted = min(self.desired - len(primary.tasks()), max(room, 0))
        if wanted <= 0 or primary.state == "FAILED":
            return
        self.steady = False
        if primary.retry_at > at:
            self.look = min(self.look, primary.retry_at)
            return
        made = [Task(primary, at, later(at, PACE.start)) for _ in range(wanted)]
        self.tasks += made
        self.say(at, f"has started {wanted} tasks: {_named(made)}.")

    def _drain(self, at: float) -> None:
        """Tasks of older deployments go as far as enough others run."""
        if self.primary.state == "FAILED":
            return
        spare = len(self.running()) - math.ceil(self.desired * self.configuration["minimumHealthyPercent"] / 100)
        going: list[Task] = []
        for deployment in self.deployments[1:]:
            for task in deployment.tasks():
                if not task.running:
                    going.append(task)
                elif spare > 0:
                    going.append(task)
                    spare -= 1
        self._stop(going, at)

    def _scale_in(self, at: float) -> None:
        over = len(self.primary.tasks()) - self.desired
        if over > 0:
            self._stop(sorted(self.primary.tasks(), key=lambda t: (t.running, -t.created))[:over], at)

    def _stop(self, going: list[Task], at: float) -> None:
        if not going:
            return
        self.steady = False
        for task in going:
            task.stop(at, Failure(SCALED_IN.format(task.deployment.id), "ServiceSchedulerInitiated", None))
        self.say(at, f"has stopped {len(going)} running tasks: {_named(going)}.")

    def _settle(self, at: float) -> None:
        primary = self.primary
        gone = [d for d in self.deployments[1:] if not any(t.deployment is d and t.stopped is None for t in self.tasks)]
        self.deployments = [d for d in self.deployments if d not in gone]
        complete = len(primary.tasks()) == self.desired == len(self.running())
        if not complete or len(self.deployments) > 1 or primary.state == "FAILED":
            return
        if primary.state == "IN_PROGRESS":
            self._complete(primary, at)
        if not self.steady:
            self.steady = True
            self.say(at, "has reached a steady state.")

    def _complete(self, deployment: Deployment, at: float) -> None:
        deployment.state, deployment.updated = "COMPLETED", at
        deployment.reason = f"ECS deployment {deployment.id} completed."
        if deployment.rollout and deployment.rollout.open:
            deployment.rollout.end(deployment.rollout.outcome, at)
        self.say(at, f"(deployment {deployment.id}) deployment completed.")
        self.told.append(("COMPLETED", deployment, at))

    # Failing

    @property
    def threshold(self) -> int:
        return min(200, max(3, math.ceil(self.desired / 2)))

    def _breaks(self, at: float) -> bool:
        breaker = self.configuration.get("deploymentCircuitBreaker") or {}
        primary = self.primary
        return primary.state == "IN_PROGRESS" and bool(breaker.get("enable")) and primary.failed >= self.threshold

    def _fail(self, deployment: Deployment, at: float, reason: str) -> None:
        deployment.state, deployment.reason, deployment.updated = "FAILED", reason, at
        self.say(at, f"(deployment {deployment.id}) deployment failed: tasks failed to start.")
        self.told.append(("FAILED", deployment, at))
        breaker = self.configuration.get("deploymentCircuitBreaker") or {}
        if deployment.rollout:
            deployment.rollout.broke = True
        if not (breaker.get("rollback") and self.roll_back(at, reason)) and deployment.rollout:
            deployment.rollout.end("STOPPED", at, reason)

    def roll_back(self, at: float, reason: str) -> bool:
        """To the last one that completed, under the same service deployment; False if there was none."""
        failed = self.primary
        before = next((d for d in self._earlier() if d is not failed and d.state == "COMPLETED"), None)
        if before is None or failed.rollout is None:
            return False
        made = Deployment(self, before.definition, at)
        made.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {before.id}."
        made.rollout = failed.rollout
        made.rollout.roll_back(made, at, reason)
        self._make_primary(made, at)
        self.say(at, f"rolling back to deployment {made.id}.")
        self.told.append(("IN_PROGRESS", made, at))
        return True

    def _earlier(self) -> Iterator[Deployment]:
        return (d for d in reversed(self.revisions.values()))

    def _make_primary(self, made: Deployment, at: float) -> None:
        self.deployments.insert(0, made)
        self.revisions[made.revision_arn] = made
        self.moto.task_definition = made.definition.arn
        self.steady = False
        self._look(at)

    def _look(self, at: float) -> None:
        self.look = min(self.look, later(at, PACE.notice))


def _named(tasks: list[Task]) -> str:
    return " ".join(f"(task {t.id})" for t in tasks)
