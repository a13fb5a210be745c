"""The automated runbooks: SSM Automation documents in `scripts/ssm/`, and which alarms they are for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from bot.errors import Refused
from bot.models import Cause
from bot.signals import Alarm, AlarmKind

_EDGE_ERRORS = frozenset({("AWS/CloudFront", "5xxErrorRate"), ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count")})
_RDS_EVENT = re.compile(r"failover|multi_?az|operational_issue|hardware", re.IGNORECASE)


class Runbook(NamedTuple):
    """`fits`: does the alarm tell of what it repairs? `summary` says in a line what it does.

    acts_on  the fields of Resources that its effect is measured at, beside the alarm's own metric
    """

    fits: Callable[[Alarm], bool]
    summary: str
    acts_on: tuple[str, ...] = ()


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
    "AIOps-RestartECSService": Runbook(
        _few_tasks,
        "force a new deployment of an ECS service that has no tasks",
        ("cluster", "ecs_service", "load_balancer"),
    ),
    "AIOps-ScaleOutEC2ASG": Runbook(
        _busy_group, "a quarter more capacity for an EC2 Auto Scaling group", ("auto_scaling_group",)
    ),
    "AIOps-PurgeSQSDLQ": Runbook(_dead_letters, "move the messages of a dead-letter queue back to their source"),
    "AIOps-RotateLambdaAlias": Runbook(
        _function_errors, "point a function's alias at the version before", ("function",)
    ),
    "AIOps-RDSFailover": Runbook(_failover, "confirm a Multi-AZ failover, and tell", ("database",)),
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


def typed(given: Mapping[str, str], usual: Mapping[str, str], account: str, topics: Collection[str]) -> tuple[str, ...]:
    """What is given in place of the config file's parameters, in words: nobody should overlook it in a plan.

    Raises Refused for an ARN of another account than where the service runs, unless it is one of the config's topics: a
    run would tell strangers, or act on what is theirs.
    """
    for name, value in given.items():
        if value.startswith("arn:") and value not in topics and (not account or _account_of(value) != account):
            where = f"account {account}, where the service runs" if account else "what config.yml names"
            raise Refused(f"{name} can't be {value[:120]}: it is not of {where}.")
    return tuple(
        f"{name} is {value}, as typed; config.yml has {usual[name]}"
        for name, value in given.items()
        if usual.get(name, value) != value
    )


def _account_of(arn: str) -> str:
    return [*arn.split(":"), "", "", "", "", ""][4]


def runbook_for(alarm: Alarm) -> str:
    """The runbook that repairs what this alarm tells of; empty where there is none."""
    return next((name for name, runbook in RUNBOOKS.items() if runbook.fits(alarm)), "")
