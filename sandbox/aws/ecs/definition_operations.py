"""The operations of ECS on task definitions: signed by who registered them, sorted by the number of their revision."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import EcsClientException
from moto.ecs.models import EC2ContainerServiceBackend, TaskDefinition

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.ecs import asked
from sandbox.aws.ecs.asked import Response
from sandbox.aws.identity import caller

_register = Response.register_task_definition
_deregister = Response.deregister_task_definition


def register_task_definition(response: Response) -> ActionResult:
    result = _register(response)
    shown: Any = result.result
    made = shown["taskDefinition"]
    made.registered_at, made.registered_by = utc(CLOCK.now()), caller(response).arn
    return result


def deregister_task_definition(response: Response) -> ActionResult:
    result = _deregister(response)
    shown: Any = result.result
    shown["taskDefinition"].deregistered_at = utc(CLOCK.now())
    return result


def list_task_definitions(response: Response) -> ActionResult:
    """By family and number of the revision."""
    backend, given = response.ecs_backend, response._get_params()
    prefix, status = given.get("familyPrefix"), given.get("status") or "ACTIVE"
    found = [
        d
        for family in backend.task_definitions.values()
        for d in family.values()
        if d.status == status and prefix in (None, d.family)
    ]
    found.sort(key=lambda d: (d.family, d.revision), reverse=given.get("sort") == "DESC")
    page, token = asked.page([d.arn for d in found], given)
    return ActionResult({"taskDefinitionArns": page, **token})


def find(backend: EC2ContainerServiceBackend, name: str) -> TaskDefinition:
    """By ARN, family:revision, or the newest of a family that is active."""
    short = name.rsplit("/", 1)[-1]
    family, _, revision = short.partition(":")
    known = backend.task_definitions.get(family) or {}
    if not revision:
        active = [d for d in known.values() if d.status == "ACTIVE"]
        if active:
            return max(active, key=lambda d: d.revision)
    elif revision.isdigit() and int(revision) in known:
        return known[int(revision)]
    raise EcsClientException("TaskDefinition not found.")
