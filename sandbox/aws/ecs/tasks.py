"""A task of a service: started, running, stopped, and why."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.aws.clock import CLOCK, utc

if TYPE_CHECKING:
    from sandbox.aws.ecs.deployments import Deployment

Json = dict[str, Any]
NEVER = float("inf")
LEAST = 0.1  # stated seconds: nothing happens at once, or failing would never end
ESSENTIAL = "Essential container in task exited"
PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {}: not found"


@dataclass
class Pace:
    """How long things take, in stated seconds."""

    notice: float = 2.0  # until the scheduler looks at a service again
    start: float = 30.0
    stop: float = 10.0
    retry: float = 10.0  # after the first task that failed to start; twice as long after each further one
    longest_retry: float = 900.0


PACE = Pace()


def later(at: float, stated: float) -> float:
    return at + max(stated, LEAST) / CLOCK.speed


@dataclass(frozen=True)
class Failure:
    """Why tasks stop by themselves."""

    reason: str
    code: str = "EssentialContainerExited"
    exit_code: int | None = 1
    container_reason: str | None = None


OUT_OF_MEMORY = Failure(
    "OutOfMemoryError: Container killed due to memory usage",
    exit_code=137,
    container_reason="OutOfMemoryError: Container killed due to memory usage",
)


def failure_of(definition: Any) -> Failure | None:
    """A task definition is bad if its containers' SANDBOX_FAIL says so: "1" or "pull"."""
    for container in definition.container_definitions:
        environment = {e["name"]: e["value"] for e in container.get("environment") or []}
        if how := environment.get("SANDBOX_FAIL"):
            return cannot_pull(container["image"]) if how == "pull" else Failure(ESSENTIAL)
    return None


def cannot_pull(image: str) -> Failure:
    said = PULL.format(image)
    return Failure(said, "TaskFailedToStart", None, said)


@dataclass(eq=False)
class Task:
    deployment: Deployment
    created: float
    due: float  # when it runs, or fails to, or has stopped
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float | None = None
    stopping: float | None = None
    stopped: float | None = None
    failure: Failure | None = None

    @property
    def alive(self) -> bool:
        return self.stopping is None

    @property
    def running(self) -> bool:
        return self.alive and self.started is not None

    @property
    def status(self) -> str:
        if self.stopped is not None:
            return "STOPPED"
        if self.stopping is not None:
            return "DEPROVISIONING" if self.started is None else "DEACTIVATING"
        return "PENDING" if self.started is None else "RUNNING"

    def stop(self, at: float, why: Failure) -> None:
        """What has ended by itself has stopped at once."""
        self.stopping, self.failure = at, why
        if why.code in ("EssentialContainerExited", "TaskFailedToStart"):
            self.stopped, self.due = at, NEVER
        else:
            self.due = later(at, PACE.stop)

    @property
    def arn(self) -> str:
        service = self.deployment.service
        return f"arn:aws:ecs:{service.region}:{service.account}:task/{service.cluster}/{self.id}"

    def described(self) -> Json:
        service, definition = self.deployment.service, self.deployment.definition
        times = {"startedAt": self.started, "stoppingAt": self.stopping, "stoppedAt": self.stopped}
        why = {"stoppedReason": self.failure.reason, "stopCode": self.failure.code} if self.failure else {}
        return {
            "taskArn": self.arn,
            "clusterArn": service.cluster_arn,
            "taskDefinitionArn": definition.arn,
            "group": f"service:{service.name}",
            "startedBy": self.deployment.id,
            "lastStatus": self.status,
            "desiredStatus": "RUNNING" if self.alive else "STOPPED",
            "healthStatus": "UNKNOWN",
            "launchType": service.launch_type,
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "cpu": str(definition.cpu or "256"),
            "memory": str(definition.memory or "512"),
            "createdAt": utc(self.created),
            "connectivity": "CONNECTED",
            "version": 1,
            "availabilityZone": f"{service.region}a",
            "attachments": [],
            "tags": [],
            "containers": [self._container(c) for c in definition.container_definitions],
            **{name: utc(at) for name, at in times.items() if at is not None},
            **why,
        }

    def _container(self, of: Json) -> Json:
        ended = self.failure if self.stopped is not None else None
        extra: Json = {}
        if ended and ended.exit_code is not None:
            extra["exitCode"] = ended.exit_code
        if ended and ended.container_reason:
            extra["reason"] = ended.container_reason
        return {
            "containerArn": f"{self.arn.replace(':task/', ':container/')}/{of['name']}",
            "taskArn": self.arn,
            "name": of["name"],
            "image": of["image"],
            "imageDigest": digest(of["image"]),
            "runtimeId": f"{self.id}-0",
            "lastStatus": self.status if self.status in ("PENDING", "RUNNING", "STOPPED") else "RUNNING",
            "cpu": str(of.get("cpu") or 0),
            "memory": str(of.get("memory") or 0),
            "networkInterfaces": [],
            **extra,
        }


def digest(image: str) -> str:
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
