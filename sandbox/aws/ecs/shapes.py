"""A service, its deployments and its revisions as ECS shows them."""

from typing import Any

from sandbox.aws.clock import utc
from sandbox.aws.ecs.deployments import Deployment
from sandbox.aws.ecs.services import Service
from sandbox.aws.ecs.tasks import Json, digest


def service(of: Service, *, tags: bool) -> Json:
    moto = of.moto
    running = len(of.running())
    current = of.primary.rollout
    shown: Json = {
        "serviceArn": of.arn,
        "serviceName": of.name,
        "clusterArn": of.cluster_arn,
        "status": moto.status,
        "desiredCount": of.desired,
        "runningCount": running,
        "pendingCount": len(of.alive()) - running,
        "launchType": of.launch_type,
        "platformVersion": moto.platform_version or "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": of.primary.definition.arn,
        "deploymentConfiguration": of.configuration,
        "deployments": [_deployment(d) for d in of.deployments] if of.deleted is None else [],
        "events": [event | {"createdAt": utc(event["createdAt"])} for event in of.events],
        "createdAt": utc(of.created),
        "createdBy": of.created_by,
        "currentServiceRevisions": [
            {
                "arn": d.revision_arn,
                "requestedTaskCount": _desired(d),
                "runningTaskCount": sum(t.running for t in d.tasks()),
                "pendingTaskCount": sum(not t.running for t in d.tasks()),
            }
            for d in of.deployments
        ],
        "loadBalancers": moto.load_balancers,
        "serviceRegistries": moto.service_registries,
        "schedulingStrategy": moto.scheduling_strategy,
        "deploymentController": moto.deployment_controller,
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 0,
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "propagateTags": moto.propagate_tags,
        "networkConfiguration": moto.network_configuration,
    }
    if current and current.open:
        shown["currentServiceDeployment"] = current.arn
    if moto.role_arn:
        shown["roleArn"] = moto.role_arn
    return shown | ({"tags": moto.tags} if tags else {})


def _desired(of: Deployment) -> int:
    return of.service.desired if of is of.service.primary else len(of.tasks())


def _deployment(of: Deployment) -> Json:
    tasks = of.tasks()
    running = sum(t.running for t in tasks)
    return {
        "id": of.id,
        "status": "PRIMARY" if of is of.service.primary else "ACTIVE",
        "taskDefinition": of.definition.arn,
        "desiredCount": _desired(of),
        "pendingCount": len(tasks) - running,
        "runningCount": running,
        "failedTasks": of.failed,
        "createdAt": utc(of.created),
        "updatedAt": utc(of.updated),
        "launchType": of.service.launch_type,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": of.service.moto.network_configuration,
        "rolloutState": of.state,
        "rolloutStateReason": of.reason,
    }


def revision(of: Deployment) -> Json:
    images: list[Any] = of.definition.container_definitions
    return {
        "serviceRevisionArn": of.revision_arn,
        "serviceArn": of.service.arn,
        "clusterArn": of.service.cluster_arn,
        "taskDefinition": of.definition.arn,
        "launchType": of.service.launch_type,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": of.service.moto.network_configuration,
        "containerImages": [
            {"containerName": c["name"], "image": c["image"], "imageDigest": digest(c["image"])} for c in images
        ],
        "guardDutyEnabled": False,
        "createdAt": utc(of.created),
    }
