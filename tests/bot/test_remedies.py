"""What helps where a service runs, of what the matrix recommends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import Action, Cause, Diagnosis, Severity
from bot.remedies import Remedy, approved_as, possible, remedy, why_unused
from bot.resources import Resources

ECS = Resources(cluster="shop", ecs_service="web")
GROUP = Resources(auto_scaling_group="batch-workers")
FUNCTION = Resources(function="charge")
LIMIT = timedelta(minutes=15)


def best(action: Action | None, where: Resources, tasks: int = 2, runbook: str = "") -> Remedy:
    found = Diagnosis(cause=Cause.UNKNOWN, severity=Severity.SEV3, confidence=1, action=action)
    return remedy(found, where, tasks, LIMIT, runbook)


def test_an_auto_scaling_group_is_scaled_out_by_its_document() -> None:
    assert best(Action.SCALE_UP, GROUP) == Remedy(None, "AIOps-ScaleOutEC2ASG")
    assert best(Action.SCALE_UP, ECS._replace(auto_scaling_group="hosts")) == Remedy(Action.SCALE_UP)
    assert best(Action.RESTART, GROUP) == Remedy(None)


def test_more_tasks_than_can_be_restarted_in_time_are_replaced_by_the_document() -> None:
    assert best(Action.RESTART, ECS, tasks=15) == Remedy(Action.RESTART)
    assert best(Action.RESTART, ECS, tasks=16) == Remedy(None, "AIOps-RestartECSService")


@pytest.mark.parametrize(
    ("best", "approved", "under"),
    [
        (Remedy(None, "AIOps-RestartECSService"), ["restart"], "restart"),
        (Remedy(None, "AIOps-ScaleOutEC2ASG"), ["scale_up"], "scale_up"),
        (Remedy(None, "AIOps-ScaleOutEC2ASG"), ["AIOps-ScaleOutEC2ASG", "scale_up"], "AIOps-ScaleOutEC2ASG"),
        (Remedy(Action.RESTART), ["AIOps-RestartECSService"], ""),
        (Remedy(None, "AIOps-PurgeSQSDLQ"), ["restart", "scale_up", "rollback"], ""),
        (Remedy(None), ["restart", "scale_up", "rollback"], ""),
    ],
)
def test_an_action_is_approved_with_the_document_that_stands_in_for_it(
    best: Remedy, approved: list[str], under: str
) -> None:
    assert approved_as(best.name, approved) == under


@pytest.mark.parametrize(
    ("recommended", "best", "approved", "why"),
    [
        (Action.SCALE_UP, Remedy(None), ["scale_up"], "that can't be done where it runs"),
        (Action.SCALE_UP, Remedy(None), ["rollback"], ""),
        (Action.RESTART, Remedy(Action.RESTART), ["AIOps-RestartECSService"],
         "AIOps-RestartECSService is approved, and restart is what helps"),
        (Action.RESTART, Remedy(None, "AIOps-RestartECSService"), ["restart"], ""),
        (None, Remedy(None), ["restart"], ""),
    ],
)  # fmt: skip
def test_where_what_is_approved_can_not_be_used_there_is_a_reason(
    recommended: Action | None, best: Remedy, approved: list[str], why: str
) -> None:
    assert why_unused(recommended, best, approved) == why


def test_only_what_works_there_is_recommended() -> None:
    assert possible(FUNCTION) == [Action.ROLLBACK]
    assert best(Action.SCALE_UP, FUNCTION, runbook="AIOps-RotateLambdaAlias") == Remedy(None, "AIOps-RotateLambdaAlias")
    assert best(Action.ROLLBACK, FUNCTION) == Remedy(Action.ROLLBACK)
    assert best(None, ECS, runbook="AIOps-RestartECSService") == Remedy(None, "AIOps-RestartECSService")


@pytest.mark.parametrize("action", [Action.SCALE_UP, Action.RESTART, Action.ROLLBACK])
def test_where_nobody_knows_how_it_runs_planning_says_what_is_missing(action: Action) -> None:
    assert best(action, Resources()) == Remedy(action)
