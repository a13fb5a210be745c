"""The automated runbooks: SSM Automation documents in `scripts/ssm/`, and which alarms they are for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from bot.models import Cause
from bot.signals import Alarm, AlarmKind

_EDGE_ERRORS = frozenset({("AWS/CloudFront", "5xxErrorRate"), ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count")})
_RDS_EVENT = re.compile(r"failover|multi_?az|operational_issue|hardware", re.IGNORECASE)


class Runbook(NamedTuple):
    """`fits`: does the alarm tell of what it repairs? `summary` says in a line what it does."""

    fits: Callable[[Alarm], bool]
    summary: str


def _few_tasks(alarm: Alarm) -> bool:
    return alarm.metric == "RunningTaskCount" and alarm.comparison in ("<", "≤")


def _busy_group(alarm: Alarm) -> bool:
    return alarm.metric == "CPUUtilization" and "AutoScalingGroupName" in dict(alarm.dimensions)


def _dead_letters(alarm: Alarm) -> bool:
    queue = dict(alarm.dimensions).get("QueueName", "").lower()
    return alarm.metric.startswith("ApproximateNumberOfMessages") and ("dlq" in queue or "dead" in queue)


def _function_errors(alarm: Alarm) -> bool:
    return alarm.namespace == "AWS/Lambda" and alarm.metric == "Errors"


def _failover(alarm: Alarm) -> bool:
    """By its name, an event of AWS about RDS that names a resource of ours, or what is written too slowly: there is one
    writer, and a standby for it."""
    if alarm.kind is AlarmKind.HEALTH:
        return alarm.namespace == "RDS" and bool(alarm.dimensions) and _RDS_EVENT.search(alarm.name) is not None
    if alarm.namespace != "AWS/RDS":
        return False
    is_writer = dict(alarm.dimensions).get("Role", "").upper() == "WRITER"
    return "failover" in alarm.name.lower() or (is_writer and alarm.metric in ("CommitLatency", "WriteLatency"))


def _cached_errors(alarm: Alarm) -> bool:
    """What the load balancer answers by itself: a service's own errors are its own, and no matter of a cache."""
    return (alarm.namespace, alarm.metric) in _EDGE_ERRORS and alarm.comparison not in ("<", "≤")


RUNBOOKS: dict[str, Runbook] = {
    "AIOps-RestartECSService": Runbook(_few_tasks, "force a new deployment of an ECS service that has no tasks"),
    "AIOps-ScaleOutEC2ASG": Runbook(_busy_group, "a quarter more capacity for an EC2 Auto Scaling group"),
    "AIOps-PurgeSQSDLQ": Runbook(_dead_letters, "move the messages of a dead-letter queue back to their source"),
    "AIOps-RotateLambdaAlias": Runbook(_function_errors, "point a function's alias at the version before"),
    "AIOps-RDSFailover": Runbook(_failover, "confirm a Multi-AZ failover, and tell"),
    "AIOps-InvalidateCFCache": Runbook(_cached_errors, "invalidate a CloudFront distribution's cache"),
}

# Parameters that say what is changed: typed ones would reach past the guard of the service, and its approvals.
NAMED_BY_THE_CATALOGUE = frozenset(
    {"AliasName", "AutoScalingGroupName", "Cluster", "CurrentCapacity", "DesiredCapacity", "DistributionId"}
    | {"FunctionName", "Identifier", "QueueUrl", "ResourceType", "Service"}
)
# The page of docs/runbooks that says what to do by hand.
MANUAL: dict[Cause, str] = {
    Cause.CPU: "high-cpu",
    Cause.CPU_WITH_ERRORS: "high-cpu-with-errors",
    Cause.MEMORY_LEAK: "memory-leak",
    Cause.FEW_ERRORS: "errors-few",
    Cause.MANY_ERRORS: "errors-many",
    Cause.SLOW: "slow-response",
    Cause.UNKNOWN: "unknown",
}


def runbook_for(alarm: Alarm) -> str:
    """The runbook that repairs what this alarm tells of; empty where there is none."""
    return next((name for name, runbook in RUNBOOKS.items() if runbook.fits(alarm)), "")
