"""Deployments: ECS, CodeDeploy, and those that a pipeline announces on our own bus.

A failed deployment is an alarm too, `deployment of <service>`; the next one of the service that succeeds closes it.

- `ECS Deployment State Change`, with the service's ARN as resource and `detail` {"eventType": "ERROR", "eventName":
  "SERVICE_DEPLOYMENT_FAILED", "deploymentId": "ecs-svc/123", "updatedAt", "reason"}:
  https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
- `ECS Service Action`, the same with {"eventType", "eventName", "clusterArn", "createdAt"}:
  https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
- `CodeDeploy Deployment State-change Notification`, `detail` {"application", "deploymentGroup", "deploymentId",
  "state", "region"}: https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
"""

from __future__ import annotations

from bot.alarms.reading import NAME, REASON, Arn, Event, arn_of, first, moment, scalar, storable, text
from bot.signals import (
    Alarm,
    AlarmChanged,
    AlarmKind,
    AlarmState,
    Deployment,
    DeploymentState,
    Ignored,
    Signal,
    Unreadable,
)

_ECS_STATES = {
    "SERVICE_DEPLOYMENT_IN_PROGRESS": DeploymentState.STARTED,
    "SERVICE_DEPLOYMENT_COMPLETED": DeploymentState.SUCCEEDED,
    "SERVICE_DEPLOYMENT_FAILED": DeploymentState.FAILED,
}
_CODEDEPLOY_STATES = {
    "START": DeploymentState.STARTED,
    "READY": DeploymentState.STARTED,
    "SUCCESS": DeploymentState.SUCCEEDED,
    "FAILURE": DeploymentState.FAILED,
    "STOP": DeploymentState.STOPPED,
}
_WORDS = {
    DeploymentState.STARTED: "start started in_progress inprogress running pending ready",
    DeploymentState.SUCCEEDED: "succeeded success successful completed complete finished done deployed",
    DeploymentState.FAILED: "failed failure error",
    DeploymentState.STOPPED: "stop stopped cancelled canceled aborted rolled-back rolled_back rolledback",
}
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}
_ALARM_STATES = {DeploymentState.FAILED: AlarmState.ALARM, DeploymentState.SUCCEEDED: AlarmState.OK}


def ecs_deployment(event: Event) -> tuple[Signal, ...]:
    """One state of a deployment by ECS. It does not say of what task definition; a rollback is a deployment too."""
    said = text(event.detail.get("eventName"))
    state = _ECS_STATES.get(said)
    cluster, service = _ecs_service(event)
    if state is None or not service:
        return _unreadable(event, f"eventName is “{said}”" if state is None else "there is no ARN of a service")
    deployment = Deployment(
        source_id=event.source_id,
        id=text(event.detail.get("deploymentId")) or event.source_id,
        service=service,
        state=state,
        at=moment(first(event.detail, "updatedAt", "createdAt")) or event.at,
        account=event.account or _service_arn(event).account,
        region=event.region or _service_arn(event).region,
        cluster=cluster,
        reason=text(event.detail.get("reason"), REASON),
    )
    return _with_alarm(deployment)


def ecs_service_action(event: Event) -> tuple[Signal, ...]:
    """What the ECS scheduler says of a service.

    ERROR events (no capacity, no placement, a role that can't be assumed) are alarms, `ECS service <service>`: the
    service can't run what it should. SERVICE_STEADY_STATE closes them. Deployments are read as such, in case only this
    type is routed. The rest is the scheduler's small talk: WARN events come with every restart, and are ignored.
    """
    said = text(event.detail.get("eventName"))
    if said in _ECS_STATES:
        return ecs_deployment(event)
    is_steady = said == "SERVICE_STEADY_STATE"
    if not is_steady and event.detail.get("eventType") in ("INFO", "WARN"):
        return (Ignored(source_id=event.source_id, reason=f"ECS service action {said or 'without a name'}"),)
    cluster, service = _ecs_service(event)
    if not service:
        return _unreadable(event, "there is no ARN of a service")
    details = text(event.detail.get("reason"), REASON)
    changed = AlarmChanged(
        source_id=event.source_id,
        alarm=Alarm(
            name=f"ECS service {service}"[:NAME],
            kind=AlarmKind.CUSTOM,
            account=event.account or _service_arn(event).account,
            region=event.region or _service_arn(event).region,
            arn=next(iter(event.resources), ""),
            namespace="AWS/ECS",
            dimensions=_where(cluster, service),
            service=service,
        ),
        state=AlarmState.OK if is_steady else AlarmState.ALARM,
        at=moment(event.detail.get("createdAt")) or event.at,
        reason=f"{said}: {details}"[:REASON] if details else said,
    )
    return (changed,)


def codedeploy(event: Event) -> tuple[Signal, ...]:
    """One state of a deployment by CodeDeploy: the application is the service, the deployment group the cluster."""
    detail = event.detail
    said, service = text(detail.get("state")), text(detail.get("application"))
    state = _CODEDEPLOY_STATES.get(said)
    if state is None or not service:
        return _unreadable(event, f"state is “{said}”" if state is None else "there is no application")
    deployment = Deployment(
        source_id=event.source_id,
        id=text(detail.get("deploymentId")) or event.source_id,
        service=service,
        state=state,
        at=event.at,
        account=event.account,
        region=event.region or text(detail.get("region")),
        cluster=text(detail.get("deploymentGroup")),
    )
    return _with_alarm(deployment)


def codedeploy_instance(event: Event) -> tuple[Signal, ...]:
    """One instance of a CodeDeploy deployment; the deployment's own events tell how it ends."""
    return (Ignored(source_id=event.source_id, reason="one instance of a CodeDeploy deployment"),)


def announced(event: Event) -> tuple[Signal, ...]:
    """A pipeline's own event, detail-type `Deployment`.

    Shape of `detail`: {"service", "version" | "commit", "status", "by" | "deployedBy", "cluster", "id" |
    "deploymentId", "reason", "at", "account", "region"}. Needed are the service and the status, in any of the usual
    words. Without an id, the states of one version of a service belong together.
    """
    detail = event.detail
    said, service = scalar(first(detail, "status", "state")), text(detail.get("service"))
    state = _STATES.get(said.strip().lower().replace("-", "_").replace(" ", "_"))
    if state is None or not service:
        return _unreadable(event, f"status is “{said[:40]}”" if state is None else "there is no service")
    version = scalar(first(detail, "version", "commit"))
    known = scalar(first(detail, "id", "deploymentId", "deployment_id"))
    deployment = Deployment(
        source_id=event.source_id,
        id=known or (f"{service}/{version}" if version else event.source_id),
        service=service,
        state=state,
        at=moment(first(detail, "at", "time", "timestamp", "updatedAt")) or event.at,
        account=scalar(detail.get("account")) or event.account,
        region=text(detail.get("region")) or event.region,
        cluster=text(detail.get("cluster")),
        version=version,
        by=text(first(detail, "by", "deployedBy", "deployed_by", "actor", "author")),
        reason=text(first(detail, "reason", "message", "error"), REASON),
    )
    return _with_alarm(deployment)


def _with_alarm(deployment: Deployment) -> tuple[Signal, ...]:
    """The deployment and, where it ended well or badly, the change of the alarm that stands for it."""
    state = _ALARM_STATES.get(deployment.state)
    if state is None:
        return (deployment,)
    version = f" of {deployment.version}" if deployment.version else ""
    alarm = Alarm(
        name=f"deployment of {deployment.service}"[:NAME],
        kind=AlarmKind.DEPLOYMENT,
        account=deployment.account,
        region=deployment.region,
        dimensions=_where(deployment.cluster, deployment.service),
        service=deployment.service,
    )
    changed = AlarmChanged(
        source_id=deployment.source_id,
        alarm=alarm,
        state=state,
        at=deployment.at,
        reason=deployment.reason or f"the deployment{version} {deployment.state.value}",
    )
    return (deployment, changed)


def _where(cluster: str, service: str) -> tuple[tuple[str, str], ...]:
    named = (("ClusterName", cluster), ("ServiceName", service))
    return tuple((name, value) for name, value in named if value)


def _service_arn(event: Event) -> Arn:
    """arn:aws:ecs:region:account:service/cluster/service, or of old service/service."""
    found = (arn_of(arn) for arn in event.resources)
    return next((arn for arn in found if arn.resource.startswith("service/")), Arn())


def _ecs_service(event: Event) -> tuple[str, str]:
    """The names of cluster and service; empty where the event does not say."""
    parts = _service_arn(event).resource.split("/")
    if len(parts) > 2:
        return text(parts[1]), text(parts[2])
    cluster = arn_of(event.detail.get("clusterArn")).resource.partition("/")[2]
    return text(cluster), text(parts[1]) if len(parts) == 2 else ""


def _unreadable(event: Event, problem: str) -> tuple[Signal, ...]:
    named = f"{event.source or 'an unnamed source'} / {event.detail_type or 'no detail-type'}"
    return (Unreadable(source_id=event.source_id, raw=storable(event.raw), problem=f"{named}: {problem}"),)
