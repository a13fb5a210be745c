"""The operations of ECS on tasks: those of services are ours, those of run_task moto's."""

from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import InvalidParameterException, ServiceNotFoundException
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.models import Task as MotoTask

from sandbox.aws.clock import CLOCK
from sandbox.aws.ecs import asked
from sandbox.aws.ecs.asked import Response
from sandbox.aws.ecs.fleet import Fleet, cluster_name
from sandbox.aws.ecs.tasks import Json, Task

_list_moto_tasks = EC2ContainerServiceBackend.list_tasks


def list_tasks(response: Response) -> ActionResult:
    """What runs, unless what has stopped is asked for."""
    fleet, given = asked.fleet(response), response._get_params()
    cluster = cluster_name(fleet.backend, given.get("cluster"))
    if (name := given.get("serviceName")) and (cluster, name.rsplit("/", 1)[-1]) not in fleet.services:
        raise ServiceNotFoundException
    wanted = given.get("desiredStatus") or "RUNNING"
    arns = [t.arn for t in fleet.tasks() if _listed(t, cluster, wanted, given)]
    if not name:
        others = _list_moto_tasks(
            fleet.backend,
            cluster,
            given.get("containerInstance"),
            given.get("family"),
            given.get("startedBy"),
            None,
            wanted,
        )
        arns += [t.task_arn for t in others]
    page, token = asked.page(arns, given)
    return ActionResult({"taskArns": page, **token})


def _listed(task: Task, cluster: str, wanted: str, given: Json) -> bool:
    service = task.deployment.service
    return (
        service.cluster == cluster
        and ("RUNNING" if task.alive else "STOPPED") == wanted
        and (given.get("serviceName") or service.name).rsplit("/", 1)[-1] == service.name
        and given.get("family") in (None, task.deployment.definition.family)
        and given.get("startedBy") in (None, task.deployment.id)
        and given.get("launchType") in (None, service.launch_type)
        and not given.get("containerInstance")
    )


def describe_tasks(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    cluster = cluster_name(fleet.backend, given.get("cluster"))
    if not given.get("tasks"):
        raise InvalidParameterException("Tasks cannot be empty.")
    found: list[Any] = []
    failures = []
    for name in given["tasks"]:
        if task := fleet.task(name):
            found.append(task.described())
        elif others := [t for t in _of_moto(fleet, name)]:
            others[0].advance()
            found += others
        else:
            failures.append(asked.missing(fleet, "task", cluster, name))
    return ActionResult({"tasks": found, "failures": failures})


def _of_moto(fleet: Fleet, name: str) -> Iterator[MotoTask]:
    wanted = name.rsplit("/", 1)[-1]
    for tasks in fleet.backend.tasks.values():
        yield from (t for t in tasks.values() if t.id == wanted)


def stop_task(response: Response) -> ActionResult:
    """A task of a service is replaced after a moment."""
    fleet, given = asked.fleet(response), response._get_params()
    cluster = cluster_name(fleet.backend, given.get("cluster"))
    reason = str(given.get("reason") or "")
    if task := fleet.task(given["task"]):
        if task.alive:
            task.deployment.service.stop_task(task, reason, CLOCK.now())
        fleet.run(CLOCK.now())
        return ActionResult({"task": task.described()})
    if not any(_of_moto(fleet, given["task"])):
        raise InvalidParameterException("The referenced task was not found.")
    return ActionResult({"task": fleet.backend.stop_task(cluster, given["task"], reason)})
