"""A service deployment: from which revisions of a service to which, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.aws.clock import utc

if TYPE_CHECKING:
    from sandbox.aws.ecs.deployments import Deployment

Json = dict[str, Any]
ENDED = frozenset(("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"))


@dataclass(eq=False)
class Rollout:
    target: Deployment
    sources: tuple[Deployment, ...]
    created: float
    status: str = "IN_PROGRESS"
    reason: str | None = None
    finished: float | None = None
    back_to: Deployment | None = None
    back_at: float = 0.0
    back_why: str = ""
    broke: bool = False

    @property
    def arn(self) -> str:
        return f"{self.target.service.place('service-deployment')}/{self.target.number}"

    @property
    def open(self) -> bool:
        return self.status not in ENDED

    @property
    def outcome(self) -> str:
        return "ROLLBACK_SUCCESSFUL" if self.back_to else "SUCCESSFUL"

    def end(self, status: str, at: float, reason: str | None = None) -> None:
        self.status, self.finished, self.reason = status, at, reason or self.reason

    def roll_back(self, to: Deployment, at: float, why: str) -> None:
        self.status, self.back_to, self.back_at, self.back_why = "ROLLBACK_IN_PROGRESS", to, at, why

    def listed(self) -> Json:
        """As ListServiceDeployments shows it."""
        service = self.target.service
        return {
            "serviceDeploymentArn": self.arn,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "createdAt": utc(self.created),
            "startedAt": utc(self.created),
            "targetServiceRevisionArn": self.target.revision_arn,
            "status": self.status,
            **({"finishedAt": utc(self.finished)} if self.finished is not None else {}),
            **({"statusReason": self.reason} if self.reason else {}),
        }

    def described(self) -> Json:
        service = self.target.service
        listed = {k: v for k, v in self.listed().items() if k != "targetServiceRevisionArn"}
        breaker = service.configuration.get("deploymentCircuitBreaker") or {}
        watching = "MONITORING" if self.open else "MONITORING_COMPLETE"
        back: Json = {}
        if self.back_to:
            to = self.back_to.revision_arn
            back = {"reason": self.back_why, "startedAt": utc(self.back_at), "serviceRevisionArn": to}
        return {
            **listed,
            "updatedAt": utc(self.finished or self.created),
            "sourceServiceRevisions": [_counted(d) for d in self.sources],
            "targetServiceRevision": _counted(self.target),
            "deploymentConfiguration": service.configuration,
            "deploymentCircuitBreaker": {
                "status": "TRIGGERED" if self.broke else watching if breaker.get("enable") else "DISABLED",
                "failureCount": self.target.failed,
                "threshold": service.threshold,
            },
            **({"rollback": back} if back else {}),
            **({"stoppedAt": utc(self.finished)} if self.finished is not None and self.status == "STOPPED" else {}),
        }


def _counted(deployment: Deployment) -> Json:
    tasks = deployment.tasks()
    running = sum(t.running for t in tasks)
    primary = deployment is deployment.service.primary
    return {
        "arn": deployment.revision_arn,
        "requestedTaskCount": deployment.service.desired if primary else len(tasks),
        "runningTaskCount": running,
        "pendingTaskCount": len(tasks) - running,
    }
