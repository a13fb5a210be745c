"""RDS failovers that take a minute, change the zone, and leave events to be found."""

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import InvalidDBInstanceStateError, InvalidParameterCombination
from moto.rds.models import DBCluster, DBInstance, Event, RDSBackend
from moto.rds.responses import RDSResponse

from sandbox.aws.clock import CLOCK, utc

REBOOT_SECONDS = 60.0
DEFAULT_MINUTES = 60
SAID: dict[str, tuple[str, str]] = {
    "restarted": ("availability", "DB instance restarted"),
    "failover started": ("failover", "Multi-AZ instance failover started."),
    "failover completed": ("failover", "Multi-AZ instance failover completed"),
    "cluster failover started": ("failover", "Started failover to DB instance"),
    "cluster failover completed": ("failover", "Completed failover to DB instance"),
}
ONE_ZONE = "ForceFailover cannot be specified since the instance is not configured for MultiAZ or High Availability."
_UNTIL, _OTHER = "sandbox_rebooting_until", "sandbox_other_zone"
_failover_db_cluster = RDSResponse.failover_db_cluster
_describe_events = RDSBackend.describe_events


def reboot_db_instance(response: RDSResponse) -> ActionResult:
    instance = response.backend.reboot_db_instance(response.params.get("DBInstanceIdentifier"))
    if instance.status != "available":
        raise InvalidDBInstanceStateError(instance.db_instance_identifier, "reboot")
    if response.params.get("ForceFailover"):
        _fail_over(instance)
    instance.__dict__[_UNTIL] = CLOCK.now() + REBOOT_SECONDS / CLOCK.speed
    _say(response.backend, "restarted", instance)
    return ActionResult({"DBInstance": instance})


def _fail_over(instance: DBInstance) -> None:
    if not instance.multi_az:
        raise InvalidParameterCombination(ONE_ZONE)
    _say(instance.backend, "failover started", instance)
    zone, other = instance.availability_zone, secondary_zone(instance)
    instance.availability_zone, instance.__dict__[_OTHER] = str(other), zone
    _say(instance.backend, "failover completed", instance)


def secondary_zone(instance: DBInstance) -> str | None:
    """Where the standby is; a single-zone instance has none."""
    if not instance.multi_az:
        return None
    return str(instance.__dict__.get(_OTHER) or f"{instance.region}b")


def failover_db_cluster(response: RDSResponse) -> ActionResult:
    answer = _failover_db_cluster(response)
    cluster: Any = answer.result["DBCluster"]  # type: ignore[index]
    for said in ("cluster failover started", "cluster failover completed"):
        _say(response.backend, said, cluster)
    return answer


def _say(backend: RDSBackend, said: str, resource: DBInstance | DBCluster) -> None:
    """moto knows no events of clusters."""
    event = Event.__new__(Event)
    category, event.message = SAID[said]
    event.event_categories = [category]
    event.source_type = "db-cluster" if isinstance(resource, DBCluster) else "db-instance"
    event.source_identifier, event.source_arn = resource.resource_id, resource.arn
    event.date = utc(CLOCK.now())
    backend.events.append(event)


def describe_events(
    backend: RDSBackend, source_identifier: str | None = None, source_type: str | None = None, **more: Any
) -> list[Event]:
    """Of the last hour unless told otherwise, and of the categories that are asked for."""
    found = _describe_events(backend, source_identifier, source_type)
    since = more.get("start_time") or utc(CLOCK.now()) - timedelta(minutes=int(more.get("duration") or DEFAULT_MINUTES))
    wanted = set(more.get("event_categories") or ())
    return [
        e for e in found if e.date.timestamp() >= since.timestamp() and (not wanted or wanted & set(e.event_categories))
    ]


def _status(instance: DBInstance) -> str:
    if CLOCK.now() < float(instance.__dict__.get(_UNTIL, 0.0)):
        return "rebooting"
    return str(instance.__dict__["status"])


def _set_status(instance: DBInstance, status: str) -> None:
    instance.__dict__["status"] = status


def install() -> None:
    setattr(RDSResponse, reboot_db_instance.__name__, reboot_db_instance)
    setattr(RDSResponse, failover_db_cluster.__name__, failover_db_cluster)
    setattr(RDSBackend, describe_events.__name__, describe_events)
    setattr(DBInstance, "status", property(_status, _set_status))  # noqa: B010
    setattr(DBInstance, "secondary_availability_zone", property(secondary_zone))  # noqa: B010
