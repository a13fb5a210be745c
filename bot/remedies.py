"""What helps where a service runs, of what the response matrix recommends. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from bot.models import Action, Diagnosis
from bot.resources import Resources

SECONDS_A_TASK = 60
"""How long a task takes to be replaced, about."""
_RESTART, _SCALE_OUT = "AIOps-RestartECSService", "AIOps-ScaleOutEC2ASG"
DOCUMENTS = frozenset({_RESTART, _SCALE_OUT})
"""What helps in place of an action."""


class Remedy(NamedTuple):
    """An action of the bot, or the SSM document that fits; both where either would help."""

    action: Action | None
    runbook: str = ""


def possible(where: Resources) -> list[Action]:
    """What could be changed where the service runs."""
    if where.ecs_service and where.cluster:
        return [Action.ROLLBACK, Action.SCALE_UP, Action.RESTART]
    return [Action.ROLLBACK] if where.function else []


def remedy(diagnosis: Diagnosis, where: Resources, tasks: int, timeout: timedelta, runbook: str) -> Remedy:
    """`runbook` fits the alarm; `tasks` is how many the service wants, 0 where nobody knows.

    An Auto Scaling group is scaled out by a document, and more tasks than can be restarted one by one within `timeout`
    are replaced side by side by one. Where nobody knows how it runs, planning says what the catalogue lacks.
    """
    action = diagnosis.action
    if action is Action.SCALE_UP and where.auto_scaling_group and action not in possible(where):
        return Remedy(None, _SCALE_OUT)
    if action is Action.RESTART and tasks * SECONDS_A_TASK > timeout.total_seconds():
        return Remedy(None, _RESTART)
    is_known = bool(possible(where) or where.auto_scaling_group)
    return Remedy(None if is_known and action not in possible(where) else action, runbook)
