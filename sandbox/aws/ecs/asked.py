"""What the operations of ECS have in common: the fleet that is asked, pages, and what is missing."""

from typing import Any

from moto.ecs.responses import EC2ContainerServiceResponse

from sandbox.aws.clock import CLOCK
from sandbox.aws.ecs.fleet import Fleet, fleet_of
from sandbox.aws.ecs.tasks import Json

Response = EC2ContainerServiceResponse
PAGE = 100


def fleet(response: Response) -> Fleet:
    """As it is by now."""
    found = fleet_of(response.ecs_backend)
    found.run(CLOCK.now())
    return found


def page(found: list[Any], given: Json) -> tuple[list[Any], Json]:
    start, size = int(given.get("nextToken") or 0), int(given.get("maxResults") or PAGE)
    token = {"nextToken": str(start + size)} if start + size < len(found) else {}
    return found[start : start + size], token


def missing(of: Fleet, kind: str, cluster: str, name: str) -> Json:
    place = f"arn:aws:ecs:{of.backend.region_name}:{of.backend.account_id}:{kind}/{cluster}"
    return {"arn": name if name.startswith("arn:") else f"{place}/{name}", "reason": "MISSING"}
