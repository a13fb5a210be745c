"""ECS tasks that stopped: for want of memory, or for something else that nobody wanted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.integrations.aws.evidence.asking import Calls, counted
from bot.ports import Scope
from bot.redaction import redacted

MAX_REASONS, MAX_REASON = 3, 200
MAX_TASKS = 100  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
KILLED = 137  # 128 + SIGKILL
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
_MEMORY = ("outofmemory", "out of memory", "memory usage")
_ON_PURPOSE = frozenset({"ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption", "TerminationNotice"})


def stopped_tasks(scope: Scope, calls: Calls) -> tuple[int, tuple[str, ...]]:
    """How many were killed out of memory since the symptom began, and why tasks stopped that nobody stopped, the newest
    first. ECS tells of stopped tasks for an hour. Raises CloudError."""
    at = scope.resources
    if not (at.cluster and at.ecs_service):
        return 0, ()
    of = f"{at.cluster}/{at.ecs_service}"
    with calls.client("ecs", "ListTasks", of) as client:
        listed = client.list_tasks(
            cluster=at.cluster, serviceName=at.ecs_service, desiredStatus="STOPPED", maxResults=MAX_TASKS
        )
    arns = list(listed.get("taskArns", []))[:MAX_TASKS]
    if not arns:
        return 0, ()
    with calls.client("ecs", "DescribeTasks", of) as client:
        tasks = client.describe_tasks(cluster=at.cluster, tasks=arns).get("tasks", [])
    began = counted(scope)
    since = sorted((each for each in tasks if (when := _stopped_at(each)) is not None and began <= when <= scope.until),
                   key=lambda each: str(_stopped_at(each)), reverse=True)  # fmt: skip
    why = dict.fromkeys(reason for each in since if (reason := _why(each)))
    return sum(_is_for_memory(each) for each in since), tuple(why)[:MAX_REASONS]


def _stopped_at(task: Mapping[str, Any]) -> datetime | None:
    at: datetime | None = task.get("stoppedAt") or task.get("stoppingAt")
    return at


def _why(task: Mapping[str, Any]) -> str:
    """`CannotPullContainerError: …`: the container's own reason where it has one."""
    if task.get("stopCode") in _ON_PURPOSE - {"SpotInterruption", "TerminationNotice"}:
        return ""
    own = next((str(each["reason"]) for each in task.get("containers", []) if each.get("reason")), "")
    return redacted(" ".join((own or str(task.get("stoppedReason", ""))).split()))[:MAX_REASON]


def _is_for_memory(task: Mapping[str, Any]) -> bool:
    """By the words, or by exit code 137 where nobody stopped it: a task that is told to go may be killed too."""
    containers = task.get("containers", [])
    said = " ".join([str(task.get("stoppedReason", "")), *(str(each.get("reason", "")) for each in containers)])
    if any(word in said.lower() for word in _MEMORY):
        return True
    was_killed = any(each.get("exitCode") == KILLED for each in containers)
    return was_killed and task.get("stopCode") not in _ON_PURPOSE
