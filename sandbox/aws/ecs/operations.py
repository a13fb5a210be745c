"""The operations of ECS that moto lacks or answers wrongly, in the form of methods of its response class."""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import EcsClientException, InvalidParameterException

from sandbox.aws.clock import CLOCK
from sandbox.aws.ecs import asked, definition_operations, rollout_operations, shapes, task_operations
from sandbox.aws.ecs.asked import Response
from sandbox.aws.ecs.definition_operations import find
from sandbox.aws.ecs.fleet import LOCK, cluster_name
from sandbox.aws.ecs.services import CONFIGURATION, Service
from sandbox.aws.ecs.tasks import Json
from sandbox.aws.identity import caller
from sandbox.aws.refusals import Refused

Operation = Callable[[Response], ActionResult]
PASSED_ON = {
    "loadBalancers": "load_balancers",
    "platformVersion": "platform_version",
    "propagateTags": "propagate_tags",
    "networkConfiguration": "network_configuration",
}
_create_service = Response.create_service
_describe_clusters = Response.describe_clusters


def create_service(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    key = cluster_name(fleet.backend, given.get("cluster")), str(given["serviceName"])
    if (old := fleet.services.get(key)) and old.deleted is None:
        raise InvalidParameterException("Creation of service was not idempotent.")
    desired = _count(given.get("desiredCount", 0))
    moto: Any = _create_service(response).result
    made = Service(
        name=key[1],
        cluster=key[0],
        account=fleet.backend.account_id,
        region=fleet.backend.region_name,
        moto=moto["service"],
        desired=desired,
        created=CLOCK.now(),
        created_by=caller(response).arn,
        launch_type=given.get("launchType") or "EC2",
    )
    made.configuration = _configured(made, given)
    fleet.services[key] = made
    made.deploy(find(fleet.backend, given["taskDefinition"]), CLOCK.now())
    fleet.run(CLOCK.now())
    return ActionResult({"service": shapes.service(made, tags=False)})


def _configured(service: Service, given: Json) -> Json:
    wanted = given.get("deploymentConfiguration") or {}
    return {**CONFIGURATION, **service.configuration, **wanted}


def _count(given: Any) -> int:
    if int(given) < 0:
        raise InvalidParameterException("desiredCount cannot be less than 0.")
    return int(given)


def update_service(response: Response) -> ActionResult:
    """A new task definition, or being forced, makes a new deployment; a new count alone does not."""
    fleet, given = asked.fleet(response), response._get_params()
    service, now = fleet.service(given.get("cluster") or "default", given["service"]), CLOCK.now()
    if service.deleted is not None:
        raise Refused("ServiceNotActiveException", "Service was not ACTIVE.")
    desired = _count(given["desiredCount"]) if given.get("desiredCount") is not None else None
    named = given.get("taskDefinition")
    definition = find(fleet.backend, named) if named else service.primary.definition
    if named and definition.status != "ACTIVE":
        raise EcsClientException("TaskDefinition is inactive")
    service.configuration = _configured(service, given)
    _pass_on(service, given)
    if desired is not None:
        service.scale(desired, now)
    rewired = given.get("networkConfiguration") is not None
    if given.get("forceNewDeployment") or rewired or definition.arn != service.primary.definition.arn:
        service.deploy(definition, now)
    fleet.run(now)
    return ActionResult({"service": shapes.service(service, tags=False)})


def _pass_on(service: Service, given: Json) -> None:
    for theirs, ours in PASSED_ON.items():
        if given.get(theirs) is not None:
            setattr(service.moto, ours, given[theirs])


def delete_service(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    service, now = fleet.service(given.get("cluster") or "default", given["service"]), CLOCK.now()
    if service.deleted is not None:
        raise Refused("ServiceNotActiveException", "Service was not ACTIVE.")
    if service.desired and not given.get("force"):
        raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
    service.moto.status = "DRAINING"
    service.delete(now)
    fleet.run(now)
    return ActionResult({"service": shapes.service(service, tags=False)})


def describe_services(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    cluster = cluster_name(fleet.backend, given.get("cluster"))
    tags = "TAGS" in (given.get("include") or [])
    found, failures = [], []
    for name in given.get("services") or []:
        if service := fleet.services.get((cluster, name.rsplit("/", 1)[-1])):
            found.append(shapes.service(service, tags=tags))
        else:
            failures.append(asked.missing(fleet, "service", cluster, name))
    return ActionResult({"services": found, "failures": failures})


def describe_clusters(response: Response) -> ActionResult:
    asked.fleet(response)
    return _describe_clusters(response)


OPERATIONS: tuple[Operation, ...] = (
    create_service,
    update_service,
    delete_service,
    describe_services,
    describe_clusters,
    task_operations.list_tasks,
    task_operations.describe_tasks,
    task_operations.stop_task,
    definition_operations.register_task_definition,
    definition_operations.deregister_task_definition,
    definition_operations.list_task_definitions,
    rollout_operations.list_service_deployments,
    rollout_operations.describe_service_deployments,
    rollout_operations.describe_service_revisions,
    rollout_operations.stop_service_deployment,
)


def install() -> None:
    for operation in OPERATIONS:
        setattr(Response, operation.__name__, _one_at_a_time(operation))


def _one_at_a_time(operation: Operation) -> Operation:
    """Time goes by in a thread of its own."""

    def locked(response: Response) -> ActionResult:
        with LOCK:
            return operation(response)

    return locked
