"""What helps where a service runs, of what the response matrix recommends. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from bot.models import Action, Diagnosis, in_words
from bot.resources import Resources

SECONDS_A_TASK = 60
"""How long a task takes to be replaced, about."""
_RESTART, _SCALE_OUT = "AIOps-RestartECSService", "AIOps-ScaleOutEC2ASG"
STANDS_IN = {_RESTART: Action.RESTART, _SCALE_OUT: Action.SCALE_UP}
"""The documents that help in place of an action."""


class Remedy(NamedTuple):
    """An action of the bot, or the SSM document that fits; both where either would help."""

    action: Action | None
    runbook: str = ""

    @property
    def name(self) -> str:
        """As guards and approvals call it; empty where nothing helps."""
        return self.runbook if self.action in (None, Action.RUNBOOK) else self.action.value


def effect(name: str) -> str:
    """The action that a document stands in for, else the name itself. Both do the same to the same service: approvals,
    policies and the cool-down of the action are its document's, too."""
    return STANDS_IN[name].value if name in STANDS_IN else name


def approved_as(name: str, approved: Collection[str]) -> str:
    """The approval under which this may run by itself: its own, or that of the action it stands in for; else empty."""
    return next((each for each in (name, effect(name)) if each in approved), "")


def why_unused(recommended: Action | None, best: Remedy, approved: Collection[str]) -> str:
    """Why nothing begins although something of this effect is approved; empty where nothing like it is.

    `recommended` is the matrix's, `best` what helps where the service runs.
    """
    alike = [each for each in approved if recommended is not None and effect(each) == recommended.value]
    if not alike or approved_as(best.name, approved):
        return ""
    if effect(best.name) != effect(alike[0]):
        return "that can't be done where it runs"
    return f"{alike[0]} is approved, and {in_words(best.name)} is what helps"


def possible(where: Resources) -> list[Action]:
    """What could be changed where the service runs."""
    if where.ecs_service and where.cluster:
        return [Action.ROLLBACK, Action.SCALE_UP, Action.RESTART]
    return [Action.ROLLBACK] if where.function else []


def helpful(where: Resources) -> list[Action]:
    """The actions that could be done there, or by the document that stands in for one. Empty where nobody knows how the
    service runs."""
    scaled = [Action.SCALE_UP] if where.auto_scaling_group else []
    return [*possible(where), *(each for each in scaled if each not in possible(where))]


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
    return Remedy(None if helpful(where) and action not in possible(where) else action, runbook)
