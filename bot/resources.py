"""Where a service runs, as AWS names it: the catalogue says, and where that is silent an alarm's dimensions. Pure."""

from __future__ import annotations

from typing import NamedTuple

from bot.config import Service
from bot.signals import Alarm


class Resources(NamedTuple):
    """What belongs to one service in one account and region; empty where nothing tells it.

    load_balancer is the dimension's value (`app/shop/0123`), dead_letter_queue a queue's name, distribution and
    database are ids; max_tasks is what a remediation never scales beyond.
    """

    account: str = ""
    region: str = ""
    cluster: str = ""
    ecs_service: str = ""
    load_balancer: str = ""
    function: str = ""
    alias: str = "live"
    auto_scaling_group: str = ""
    dead_letter_queue: str = ""
    distribution: str = ""
    database: str = ""
    log_groups: tuple[str, ...] = ()
    max_tasks: int = 10

    @property
    def is_empty(self) -> bool:
        """Nothing is known that could be looked at or changed."""
        return not any((self.ecs_service, self.function, self.auto_scaling_group, self.load_balancer, self.log_groups,
                        self.dead_letter_queue, self.distribution, self.database))  # fmt: skip


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
_DIMENSIONS = {
    "ClusterName": "cluster",
    "ServiceName": "ecs_service",
    "LoadBalancer": "load_balancer",
    "FunctionName": "function",
    "AutoScalingGroupName": "auto_scaling_group",
    "DistributionId": "distribution",
    "DBClusterIdentifier": "database",
}


def resources(entry: Service, alarm: Alarm | None = None) -> Resources:
    """The catalogue's word counts first."""
    told = {name: getattr(entry, name) for name in Resources._fields if hasattr(entry, name)}
    known = {name: value for name, value in told.items() if value} | {"account": entry.account or ""}
    found = _of_alarm(alarm) if alarm is not None else {}
    merged = {**found, **{name: value for name, value in known.items() if value}}
    merged.setdefault("log_groups", _usual_log_groups(merged))
    return Resources(**merged)


def _of_alarm(alarm: Alarm) -> dict[str, str]:
    found = {_DIMENSIONS[name]: value for name, value in alarm.dimensions if name in _DIMENSIONS}
    queue = dict(alarm.dimensions).get("QueueName", "")
    if queue.lower().endswith("dlq") or "dead" in queue.lower():
        found["dead_letter_queue"] = queue
    return {**found, "account": alarm.account, "region": alarm.region}


def _usual_log_groups(known: dict[str, str]) -> tuple[str, ...]:
    """Where ECS services and functions log unless told otherwise."""
    groups = []
    if known.get("ecs_service"):
        groups.append(f"/ecs/{known['ecs_service']}")
    if known.get("function"):
        groups.append(f"/aws/lambda/{known['function']}")
    return tuple(groups)
