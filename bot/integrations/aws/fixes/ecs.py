"""ECS as fixes see it: a service with its deployments, its tasks, its task definitions and its past.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from bot.errors import CloudError, Refused
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.integrations.aws.fixes.kind import is_code, need, number, same_account
from bot.integrations.aws.fixes.revisions import Revision
from bot.models import Progress, Target
from bot.resources import Resources

SERVICE = "ECS service"
MAX_TASKS = 100  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
MAX_REVISIONS = 20  # …/API_DescribeServiceRevisions.html
MAX_PAST = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Json = dict[str, Any]
T = TypeVar("T")


class Deployment(NamedTuple):
    """One of those that a service has at the same time. `rollout` is IN_PROGRESS, COMPLETED, FAILED, or empty."""

    id: str
    revision: Revision
    is_primary: bool
    rollout: str
    reason: str
    running: int


class Service(NamedTuple):
    """How a service stands. `revision` is what it is meant to run, wherever the rollout of that is."""

    arn: str
    name: str
    desired: int
    running: int
    pending: int
    revision: Revision
    deployments: tuple[Deployment, ...]
    controller: str
    scheduling: str
    events: tuple[tuple[datetime, str], ...]

    @property
    def primary(self) -> Deployment | None:
        return next((each for each in self.deployments if each.is_primary), None)

    @property
    def is_deploying(self) -> bool:
        primary = self.primary
        return primary is not None and primary.rollout == "IN_PROGRESS"

    def standing(self, since: datetime | None) -> Progress:
        """Is it steady: as many tasks as are wanted, and no deployment that goes on or failed?"""
        primary = self.primary
        said = f"{self.running} of {number(self.desired, 'task')} run {self.revision.name}"
        problem = ""
        if primary is not None and primary.rollout == "FAILED":
            problem = f"ECS gave up deploying {self.revision.name}: {primary.reason}"
        elif self.is_deploying:
            problem = f"{said}, a deployment is in progress"
        elif self.running < self.desired or self.pending:
            trouble = self.trouble(since)
            problem = f"{said}. ECS {trouble}" if trouble else said
        return Progress(said=said, problem=problem)

    def trouble(self, since: datetime | None) -> str:
        """The newest event of the service since then that says why tasks don't start; empty where there is none."""
        told = (text for at, text in self.events if since is None or at >= since)
        return next((text.partition(") ")[2] or text for text in told if "unable to" in text), "")


class Task(NamedTuple):
    """`is_wanted`: nobody has stopped it; else `reason` says why that was done."""

    arn: str
    is_wanted: bool
    status: str
    health: str
    reason: str = ""

    @property
    def is_running(self) -> bool:
        return self.is_wanted and self.status == "RUNNING"


class Past(NamedTuple):
    """A deployment of the last 90 days: what was deployed, and how it went."""

    arn: str
    revision: Revision
    status: str
    at: datetime


def place(service: str, resources: Resources, region: str) -> Target:
    """Where the service runs. Raises Refused with the keys of the catalogue that would tell it."""
    need(
        service,
        f"which ECS service {service} runs as",
        cluster=resources.cluster,
        ecs_service=resources.ecs_service,
    )
    return Target(
        kind=SERVICE,
        name=resources.ecs_service.rsplit("/", 1)[-1],
        cluster=resources.cluster.rsplit("/", 1)[-1],
        account=resources.account,
        region=resources.region or region,
    )


class Ecs:
    """The calls. Raises CloudError that names the permission, and Refused for what is not there."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def service(self, where: Target) -> Service:
        try:
            with cloud_errors("ecs:DescribeServices", _named(where)):
                answer = self._client(where).describe_services(cluster=where.cluster, services=[where.name])
        except CloudError as error:
            if is_code(error, "ClusterNotFound"):
                raise Refused(f"There is no ECS cluster {where.cluster} in {where.region}.") from error
            raise
        if not answer.get("services"):
            raise Refused(f"There is no ECS service {_named(where)} in {where.region}. Was it deleted or renamed?")
        raw = answer["services"][0]
        if raw["status"] != "ACTIVE":
            raise Refused(f"The ECS service {_named(where)} is being deleted or was deleted ({raw['status']}).")
        same_account(arn_field(raw["serviceArn"], 4), where)
        return _service(raw)

    def update(self, where: Target, **change: Any) -> Service:
        """UpdateService sets what it is given: the same change a second time changes nothing."""
        with cloud_errors("ecs:UpdateService", _named(where)):
            answer = self._client(where).update_service(cluster=where.cluster, service=where.name, **change)
        return _service(answer["service"])

    def tasks(self, where: Target, also: Sequence[str] = ()) -> dict[str, Task]:
        """The tasks that are meant to run, and `also` those of these ARNs that ECS still knows, by their ARNs."""
        listed = self._pages(where, "list_tasks", "taskArns", cluster=where.cluster, serviceName=where.name)
        found: dict[str, Task] = {}
        for arns in _chunks(list(dict.fromkeys([*listed, *also])), MAX_TASKS):
            with cloud_errors("ecs:DescribeTasks", _named(where)):
                answer = self._client(where).describe_tasks(cluster=where.cluster, tasks=arns)
            found |= {raw["taskArn"]: _task(raw) for raw in answer["tasks"]}
        return found

    def stop_task(self, where: Target, arn: str, reason: str) -> None:
        """One that is not there any more is no error: it was to be stopped."""
        try:
            with cloud_errors("ecs:StopTask", arn):
                self._client(where).stop_task(cluster=where.cluster, task=arn, reason=reason)
        except CloudError as error:
            if not (is_code(error, "InvalidParameter") and "not found" in error.detail):
                raise

    def definition(self, where: Target, name: str) -> Json | None:
        """A task definition by ARN or `family:revision`; None where there is none."""
        try:
            with cloud_errors("ecs:DescribeTaskDefinition", name):
                answer = self._client(where).describe_task_definition(taskDefinition=name)
        except CloudError as error:
            if is_code(error, "Client", "InvalidParameter"):
                return None
            raise
        found: Json = answer["taskDefinition"]
        return found

    def revisions(self, where: Target, family: str) -> list[Revision]:
        """The newest hundred that are active, sorted by their numbers whatever the order of the answer is."""
        with cloud_errors("ecs:ListTaskDefinitions", family):
            answer = self._client(where).list_task_definitions(
                familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=100
            )
        found = [Revision.of(arn) for arn in answer["taskDefinitionArns"]]
        return sorted((each for each in found if each.family == family), key=lambda each: -each.number)

    def past(self, where: Target) -> list[Past]:
        """The service's last deployments, newest first. ECS keeps them for 90 days.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
        """
        with cloud_errors("ecs:ListServiceDeployments", _named(where)):
            answer = self._client(where).list_service_deployments(
                cluster=where.cluster, service=where.name, maxResults=MAX_PAST
            )
        listed = [raw for raw in answer["serviceDeployments"] if raw.get("targetServiceRevisionArn")]
        known = self._definitions_of(where, [raw["targetServiceRevisionArn"] for raw in listed])
        found = [
            Past(raw["serviceDeploymentArn"], revision, raw["status"], raw.get("createdAt", EPOCH))
            for raw in listed
            if (revision := known.get(raw["targetServiceRevisionArn"]))
        ]
        return sorted(found, key=lambda each: each.at, reverse=True)

    def replaced(self, where: Target, deployment: str) -> list[Revision]:
        """What ran before that service deployment, for deployments older than ECS keeps."""
        with cloud_errors("ecs:DescribeServiceDeployments", _named(where)):
            answer = self._client(where).describe_service_deployments(serviceDeploymentArns=[deployment])
        sources = [
            source["arn"] for raw in answer["serviceDeployments"] for source in raw.get("sourceServiceRevisions", [])
        ]
        return list(self._definitions_of(where, sources).values())

    def _definitions_of(self, where: Target, revisions: Sequence[str]) -> dict[str, Revision]:
        """A *service* revision is a service's settings at one moment; it names its task definition."""
        found: dict[str, Revision] = {}
        for arns in _chunks(list(dict.fromkeys(revisions)), MAX_REVISIONS):
            with cloud_errors("ecs:DescribeServiceRevisions", _named(where)):
                answer = self._client(where).describe_service_revisions(serviceRevisionArns=arns)
            for raw in answer["serviceRevisions"]:
                if raw.get("taskDefinition"):
                    found[raw["serviceRevisionArn"]] = Revision.of(raw["taskDefinition"])
        return found

    def _pages(self, where: Target, operation: str, key: str, **given: Any) -> list[str]:
        found: list[str] = []
        with cloud_errors("ecs:ListTasks", _named(where)):
            for page in self._client(where).get_paginator(operation).paginate(**given):
                found += page[key]
        return found

    def _client(self, where: Target) -> Any:
        return self._clients.get("ecs", region=where.region)


def _named(where: Target) -> str:
    return f"{where.cluster}/{where.name}"


def _chunks(values: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _service(raw: Json) -> Service:
    deployments = tuple(_deployment(each) for each in raw.get("deployments", []))
    primary = next((each for each in deployments if each.is_primary), None)
    return Service(
        arn=raw["serviceArn"],
        name=raw["serviceName"],
        desired=raw["desiredCount"],
        running=raw["runningCount"],
        pending=raw["pendingCount"],
        revision=primary.revision if primary else Revision.of(raw.get("taskDefinition") or ""),
        deployments=deployments,
        controller=raw.get("deploymentController", {}).get("type") or "ECS",
        scheduling=raw.get("schedulingStrategy") or "REPLICA",
        events=tuple((each["createdAt"], each["message"]) for each in raw.get("events", [])),
    )


def _deployment(raw: Json) -> Deployment:
    return Deployment(
        id=raw["id"],
        revision=Revision.of(raw["taskDefinition"]),
        is_primary=raw["status"] == "PRIMARY",
        rollout=raw.get("rolloutState") or "",
        reason=raw.get("rolloutStateReason") or "",
        running=raw["runningCount"],
    )


def _task(raw: Json) -> Task:
    return Task(
        arn=raw["taskArn"],
        is_wanted=raw.get("desiredStatus") == "RUNNING",
        status=raw.get("lastStatus") or "",
        health=raw.get("healthStatus") or "UNKNOWN",
        reason=raw.get("stoppedReason") or "",
    )
