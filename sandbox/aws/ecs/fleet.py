"""All services of one account and region, kept on moto's backend; whoever looks lets time go by first."""

import json
import threading
from collections.abc import Iterator
from typing import Any

from moto.ecs.exceptions import ServiceNotFoundException
from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
from moto.events.models import events_backends

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.ecs.deployments import Deployment
from sandbox.aws.ecs.services import BREAKER, Service
from sandbox.aws.ecs.tasks import Json, Task

LOCK = threading.RLock()
FORGOTTEN = 3600.0
_PLACE = "sandbox_fleet"
_SAID = {
    "IN_PROGRESS": "ECS deployment {} in progress.",
    "COMPLETED": "ECS deployment {} completed.",
    "FAILED": BREAKER,
}


def fleet_of(backend: EC2ContainerServiceBackend) -> "Fleet":
    """It lives on moto's backend and goes with it at a reset."""
    found = backend.__dict__.get(_PLACE)
    if not isinstance(found, Fleet):
        found = backend.__dict__[_PLACE] = Fleet(backend)
    return found


def fleets() -> Iterator["Fleet"]:
    for account in list(ecs_backends.values()):
        yield from (fleet_of(backend) for backend in list(account.values()))


def tick(now: float | None = None) -> None:
    with LOCK:
        for fleet in fleets():
            fleet.run(CLOCK.now() if now is None else now)


def find(cluster: str, name: str) -> Service | None:
    """For whoever shares this process with the server."""
    tick()
    return next((s for fleet in fleets() if (s := fleet.services.get((cluster, name)))), None)


class Fleet:
    def __init__(self, backend: EC2ContainerServiceBackend) -> None:
        self.backend = backend
        self.services: dict[tuple[str, str], Service] = {}

    def run(self, now: float) -> None:
        for key, service in list(self.services.items()):
            service.run(now)
            if service.deleted is not None:
                self._bury(key, service, now)
            while service.told:
                self._tell(*service.told.pop(0))
        for cluster in self.backend.clusters.values():
            here = [s for (name, _), s in self.services.items() if name == cluster.name]
            cluster.running_tasks_count = sum(len(s.running()) for s in here)
            cluster.pending_tasks_count = sum(len(s.alive()) - len(s.running()) for s in here)
            cluster.active_services_count = sum(s.moto.status == "ACTIVE" for s in here)

    def _bury(self, key: tuple[str, str], service: Service, now: float) -> None:
        """Draining, then inactive, then gone."""
        if any(t.stopped is None for t in service.tasks):
            return
        service.moto.status = "INACTIVE"
        if service.deleted is not None and now - service.deleted > FORGOTTEN:
            del self.services[key]
            self.backend.services.pop(":".join(key), None)

    def service(self, cluster: str, name: str) -> Service:
        """By name or ARN."""
        found = self.services.get((cluster_name(self.backend, cluster), name.rsplit("/", 1)[-1]))
        if found is None:
            raise ServiceNotFoundException
        return found

    def tasks(self) -> Iterator[Task]:
        for service in self.services.values():
            yield from service.tasks

    def task(self, name: str) -> Task | None:
        wanted = name.rsplit("/", 1)[-1]
        return next((t for t in self.tasks() if t.id == wanted), None)

    def _tell(self, what: str, of: Any, at: float) -> None:
        entry = _task_event(of) if what == "TASK" else _deployment_event(what, of, at)
        events = events_backends[self.backend.account_id][self.backend.region_name]
        events.put_events(
            [{**entry, "Source": "aws.ecs", "Time": at, "Detail": json.dumps(entry["Detail"], default=str)}]
        )


def cluster_name(backend: EC2ContainerServiceBackend, given: str | None) -> str:
    return str(backend._get_cluster(given or "default").name)


def _deployment_event(what: str, of: Deployment, at: float) -> Json:
    return {
        "DetailType": "ECS Deployment State Change",
        "Resources": [of.service.arn],
        "Detail": {
            "eventType": "ERROR" if what == "FAILED" else "INFO",
            "eventName": f"SERVICE_DEPLOYMENT_{what}",
            "deploymentId": of.id,
            "updatedAt": utc(at).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "reason": _SAID[what].format(of.id),
        },
    }


def _task_event(of: Task) -> Json:
    return {"DetailType": "ECS Task State Change", "Resources": [of.arn], "Detail": of.described()}
