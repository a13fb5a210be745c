"""ECS tasks that stopped for want of memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.integrations.aws.evidence.asking import Calls
from bot.ports import Scope

MAX_TASKS = 100  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
KILLED = 137  # 128 + SIGKILL
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
_MEMORY = ("outofmemory", "out of memory", "memory usage")
_ON_PURPOSE = frozenset({"ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption", "TerminationNotice"})


def stopped_for_memory(scope: Scope, calls: Calls) -> int:
    """How many stopped in the window; ECS tells of stopped tasks for an hour. Raises CloudError."""
    at = scope.resources
    if not (at.cluster and at.ecs_service):
        return 0
    of = f"{at.cluster}/{at.ecs_service}"
    with calls.client("ecs", "ListTasks", of) as client:
        listed = client.list_tasks(
            cluster=at.cluster, serviceName=at.ecs_service, desiredStatus="STOPPED", maxResults=MAX_TASKS
        )
    arns = list(listed.get("taskArns", []))[:MAX_TASKS]
    if not arns:
        return 0
    with calls.client("ecs", "DescribeTasks", of) as client:
        tasks = client.describe_tasks(cluster=at.cluster, tasks=arns).get("tasks", [])
    return sum(_is_in_window(task, scope) and _is_for_memory(task) for task in tasks)


def _is_in_window(task: Mapping[str, Any], scope: Scope) -> bool:
    at = task.get("stoppedAt") or task.get("stoppingAt")
    return at is not None and scope.since <= at <= scope.until


def _is_for_memory(task: Mapping[str, Any]) -> bool:
    """By the words, or by exit code 137 where nobody stopped it: a task that is told to go may be killed too."""
    containers = task.get("containers", [])
    said = " ".join([str(task.get("stoppedReason", "")), *(str(each.get("reason", "")) for each in containers)])
    if any(word in said.lower() for word in _MEMORY):
        return True
    was_killed = any(each.get("exitCode") == KILLED for each in containers)
    return was_killed and task.get("stopCode") not in _ON_PURPOSE
