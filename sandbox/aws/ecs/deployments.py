"""A deployment of a service: what its tasks are made from, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.aws.ecs.rollouts import Rollout
from sandbox.aws.ecs.tasks import Failure, Task, failure_of

if TYPE_CHECKING:
    from sandbox.aws.ecs.services import Service

_numbers = iter(range(4_711_000_000_000_000_001, 4_712_000_000_000_000_000, 7_777_777))


def serial() -> str:
    return f"{next(_numbers):019d}"


@dataclass(eq=False)
class Deployment:
    """`failure`: what its tasks meet when they start, if anything."""

    service: Service
    definition: Any
    created: float
    failure: Failure | None = None
    number: str = field(default_factory=serial)
    revision: str = field(default_factory=serial)
    updated: float = 0.0
    state: str = "IN_PROGRESS"
    reason: str = ""
    failed: int = 0
    retry_at: float = 0.0
    rollout: Rollout | None = None

    def __post_init__(self) -> None:
        self.updated = self.created
        self.failure = self.failure or failure_of(self.definition)
        self.reason = f"ECS deployment {self.id} in progress."

    @property
    def id(self) -> str:
        return f"ecs-svc/{self.number}"

    @property
    def revision_arn(self) -> str:
        return f"{self.service.place('service-revision')}/{self.revision}"

    def tasks(self) -> list[Task]:
        return [t for t in self.service.tasks if t.deployment is self and t.alive]
