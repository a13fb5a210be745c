"""The operations of ECS on service deployments and revisions, which moto lacks."""

from collections.abc import Iterable
from datetime import UTC, datetime

from moto.core.responses import ActionResult

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.ecs import asked, shapes
from sandbox.aws.ecs.asked import Response
from sandbox.aws.ecs.deployments import Deployment
from sandbox.aws.ecs.tasks import Json
from sandbox.aws.refusals import Refused


def list_service_deployments(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    service = fleet.service(given.get("cluster") or "default", given["service"])
    wanted, times = given.get("status"), given.get("createdAt") or {}
    found = [
        r.listed()
        for r in service.rollouts
        if (not wanted or r.status in wanted)
        and ("after" not in times or utc(r.created) >= _aware(times["after"]))
        and ("before" not in times or utc(r.created) <= _aware(times["before"]))
    ]
    page, token = asked.page(found, given)
    return ActionResult({"serviceDeployments": page, **token})


def _aware(at: datetime) -> datetime:
    """moto reads the moments of a request without their zone."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def describe_service_deployments(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    known = {r.arn: r for s in fleet.services.values() for r in s.rollouts}
    wanted = given["serviceDeploymentArns"]
    return ActionResult(
        {
            "serviceDeployments": [known[arn].described() for arn in wanted if arn in known],
            "failures": _failures(arn for arn in wanted if arn not in known),
        }
    )


def describe_service_revisions(response: Response) -> ActionResult:
    fleet, given = asked.fleet(response), response._get_params()
    known: dict[str, Deployment] = {}
    for service in fleet.services.values():
        known |= service.revisions
    wanted = given["serviceRevisionArns"]
    return ActionResult(
        {
            "serviceRevisions": [shapes.revision(known[arn]) for arn in wanted if arn in known],
            "failures": _failures(arn for arn in wanted if arn not in known),
        }
    )


def _failures(arns: Iterable[str]) -> list[Json]:
    return [{"arn": arn, "reason": "MISSING"} for arn in arns]


def stop_service_deployment(response: Response) -> ActionResult:
    """ROLLBACK goes back to what was stable, ABORT leaves things as they are."""
    fleet, given = asked.fleet(response), response._get_params()
    arn, now = given["serviceDeploymentArn"], CLOCK.now()
    found = next(((s, r) for s in fleet.services.values() for r in s.rollouts if r.arn == arn), None)
    if found is None:
        raise Refused("ServiceDeploymentNotFoundException", "Service deployment not found.")
    service, rollout = found
    if rollout.status != "IN_PROGRESS":
        raise Refused("ConflictException", f"The service deployment is {rollout.status}.")
    service.primary.state = "FAILED"
    back = given.get("stopType", "ROLLBACK") == "ROLLBACK" and service.roll_back(now, "Rollback requested by user.")
    if not back:
        rollout.end("STOPPED", now, "Service deployment stopped by user.")
    fleet.run(now)
    return ActionResult({"serviceDeploymentArn": arn})
