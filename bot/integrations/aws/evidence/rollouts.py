"""What ECS itself knows of a service's deployments: which task definition gave way to which, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.errors import CloudError
from bot.integrations.aws.evidence.asking import Calls, in_utc, joined, partly
from bot.integrations.aws.evidence.revisions import differences, short
from bot.models.evidence import Tasks
from bot.resources import Resources

MAX_ROLLOUTS = 10
MAX_LISTED = 100  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html
Json = Mapping[str, Any]


class Rollout(NamedTuple):
    """A deployment of an ECS service. `before` is empty where ECS does not tell what ran until then."""

    id: str
    at: datetime
    after: str
    before: str = ""
    status: str = ""
    reason: str = ""
    ended: datetime | None = None
    changed: tuple[str, ...] = ()
    by: str = ""


class Rollouts(NamedTuple):
    """`is_there`: ECS has the service; `said` is what could not be looked at, or the scheduler's last complaint.
    `tasks`: where fewer run than should, `wanted` how many should."""

    found: Sequence[Rollout]
    is_there: bool = True
    said: str = ""
    tasks: Tasks | None = None
    wanted: int = 0


def rollouts(at: Resources, since: datetime, until: datetime, calls: Calls) -> Rollouts:
    """The deployments that began in that time, the newest first, with the differences of the newest.

    1. DescribeServices tells the present deployment; an old one means that there was none since.
    2. The service's deployments and revisions tell what ran before. Where they can't be looked at, what still drains
       does, and no more.
    3. Both task definitions of the newest are compared.

    Raises CloudError where the service itself can't be looked at.
    """
    service = _service(at, calls)
    if service is None:
        return Rollouts((), is_there=False)
    said = _complaint(service, since)
    rest = Rollouts((), said=said, tasks=_tasks(service, said), wanted=int(service.get("desiredCount") or 0))
    present = _present(service)
    if not any(since <= each.at <= until for each in present):
        return rest
    try:
        found = _history(at, since, until, calls)
    except CloudError as error:
        said = joined(said, partly("earlier deployments are", error))
        found = []
    found = found or [each for each in present if since <= each.at <= until]
    return rest._replace(found=_with_differences(found, calls), said=said)


def _tasks(service: Json, said: str) -> Tasks | None:
    running, wanted = service.get("runningCount"), service.get("desiredCount")
    if not isinstance(running, int) or not isinstance(wanted, int) or running >= wanted:
        return None
    return Tasks(running=running, wanted=wanted, why=said)


def _service(at: Resources, calls: Calls) -> Json | None:
    with calls.client("ecs", "DescribeServices", f"{at.cluster}/{at.ecs_service}") as client:
        answer = client.describe_services(cluster=at.cluster, services=[at.ecs_service])
    found = next(iter(answer.get("services", [])), None)
    return found if found and found.get("status") != "INACTIVE" else None


def _present(service: Json) -> list[Rollout]:
    """Of DescribeServices: the primary one, and before it what is not yet gone."""
    deployments = sorted(service.get("deployments", []), key=lambda each: each["createdAt"], reverse=True)
    names = [short(str(each.get("taskDefinition", ""))) for each in deployments]
    return [
        Rollout(
            id=str(each.get("id", "")),
            at=in_utc(each["createdAt"]),
            after=names[number],
            before=names[number + 1] if number + 1 < len(names) else "",
            status={"COMPLETED": "SUCCESSFUL"}.get(each.get("rolloutState", ""), each.get("rolloutState", "")),
            reason=str(each.get("rolloutStateReason", "")) if each.get("rolloutState") == "FAILED" else "",
        )
        for number, each in enumerate(deployments)
    ]


def _complaint(service: Json, since: datetime) -> str:
    """The newest of the service's events that tells of trouble; ECS keeps the last hundred."""
    for event in service.get("events", [])[:20]:
        message = str(event.get("message", ""))
        if any(word in message.lower() for word in ("unable", "unhealthy", "failed")):
            return f"ECS: {message[:160]}" if event.get("createdAt", since) >= since else ""
    return ""


def _history(at: Resources, since: datetime, until: datetime, calls: Calls) -> list[Rollout]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html

    The list is not asked for by time, for AWS says neither in what order it comes nor that its filter is about the
    deployments' times and not the service's.
    """
    of = f"{at.cluster}/{at.ecs_service}"
    with calls.client("ecs", "ListServiceDeployments", of) as client:
        answer = client.list_service_deployments(cluster=at.cluster, service=at.ecs_service, maxResults=MAX_LISTED)
    listed = [each for each in answer.get("serviceDeployments", []) if since <= each["createdAt"] <= until]
    if not listed:
        return []
    newest = sorted(listed, key=lambda each: each["createdAt"], reverse=True)[:MAX_ROLLOUTS]
    with calls.client("ecs", "DescribeServiceDeployments", of) as client:
        told = client.describe_service_deployments(
            serviceDeploymentArns=[each["serviceDeploymentArn"] for each in newest]
        ).get("serviceDeployments", [])
    names = _definitions(told, of, calls)
    return sorted((_rollout(each, names) for each in told), key=lambda each: each.at, reverse=True)


def _definitions(deployments: Sequence[Json], of: str, calls: Calls) -> dict[str, str]:
    """Task definitions by the ARNs of revisions."""
    arns = dict.fromkeys(arn for each in deployments for arn in (_target(each), *_sources(each)) if arn)
    with calls.client("ecs", "DescribeServiceRevisions", of) as client:
        answer = client.describe_service_revisions(serviceRevisionArns=list(arns)[: 2 * MAX_ROLLOUTS])
    return {
        each["serviceRevisionArn"]: short(str(each.get("taskDefinition", "")))
        for each in answer.get("serviceRevisions", [])
    }


def _rollout(told: Json, names: Mapping[str, str]) -> Rollout:
    sources = [names[arn] for arn in _sources(told) if names.get(arn)]
    status = str(told.get("status", ""))
    return Rollout(
        id=short(str(told.get("serviceDeploymentArn", ""))),
        at=in_utc(told.get("startedAt") or told["createdAt"]),
        after=names.get(_target(told), ""),
        before=sources[0] if sources else "",
        status=status,
        reason=str(told.get("statusReason", "")) if status not in ("SUCCESSFUL", "IN_PROGRESS") else "",
        ended=in_utc(told["finishedAt"]) if told.get("finishedAt") else None,
    )


def _target(told: Json) -> str:
    return str((told.get("targetServiceRevision") or {}).get("arn", ""))


def _sources(told: Json) -> list[str]:
    return [str(each.get("arn", "")) for each in told.get("sourceServiceRevisions") or []]


def _with_differences(found: Sequence[Rollout], calls: Calls) -> list[Rollout]:
    """Of the newest whose task definition is another one. Without permission there are just no differences."""
    number = next((n for n, each in enumerate(found) if each.before and each.before != each.after), None)
    if number is None:
        return list(found)
    newest = found[number]
    try:
        old, new = (_definition(name, calls) for name in (newest.before, newest.after))
    except CloudError:
        return list(found)
    is_new = new.get("registeredAt") is not None and abs(newest.at - new["registeredAt"]).days < 1
    by = short(str(new.get("registeredBy", ""))) if is_new else ""
    told = newest._replace(changed=tuple(differences(old, new)), by=by)
    return [*found[:number], told, *found[number + 1 :]]


def _definition(name: str, calls: Calls) -> Json:
    with calls.client("ecs", "DescribeTaskDefinition", name) as client:
        answer: Json = client.describe_task_definition(taskDefinition=name)
    definition: Json = answer["taskDefinition"]
    return definition
