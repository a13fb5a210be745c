"""From a plan to the change: whose yes it takes, who says no, when it is too late, what guard rails hold back."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from bot.errors import Refused, UnknownRemediation
from bot.models import Action, OwedKind, RemediationStatus, Severity, Status
from bot.steps.fixes import EXPIRE
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW, after
from tests.bot.workshop import ANA, BOB, CY, LEADS, SERVICE, Works, World, order, shop

S = RemediationStatus
POLICY = {"service": "checkout-*", "people": 2, "group": LEADS}


# -- approving


def test_where_no_policy_asks_for_others_whoever_asked_may_run_it(works: Works) -> None:
    incident = works.declared()
    fix = works.plan(incident)
    works.deliver()
    step = works.fixes.approve(BOB, fix.number)
    assert step.changed
    assert (step.fix.status, step.fix.approved_by, step.fix.started_at) == (S.RUNNING, {"U0BOB": NOW}, NOW)
    guard = works.store.guard("prod/checkout-api")
    assert (guard.running, guard.started) == (1, (("rollback", NOW),))
    assert works.owed(OwedKind.FIX) == ["FIX-1"]
    assert works.owed(OwedKind.FIX_CARD) == ["FIX-1"]
    assert works.timers() == [], "it does not expire any more"
    assert works.store.incident(1).status is Status.REMEDIATING
    assert works.told()[-2:] == ["FIX-1 approved", "investigating → remediating"]
    works.deliver()
    assert works.world.aws.begun == [1]


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (Status.DECLARED, Status.REMEDIATING),
        (Status.ACKNOWLEDGED, Status.REMEDIATING),
        (Status.MONITORING, Status.MONITORING),
    ],
)
def test_an_incident_that_is_worked_on_is_being_remediated(works: Works, before: Status, then: Status) -> None:
    works.runs(works.declared(status=before))
    assert works.store.incident(1).status is then


def test_the_incident_of_an_alert_is_being_remediated_too(works: Works) -> None:
    works.declared()
    works.runs(works.firing(incident=1))
    assert works.store.incident(1).status is Status.REMEDIATING
    assert works.told()[0].startswith("FIX-1 asked for")


def test_where_others_approve_it_is_who_asked_that_has_it() -> None:
    works = shop(approvals=[{"people": 1}])
    with closing(works.store), closing(works):
        fix = works.plan(works.declared(status=Status.DECLARED))
        assert works.store.incident(1).acknowledged_by is None, "a plan takes nothing up"
        works.fixes.approve(CY, fix.number)
        assert works.store.incident(1).acknowledged_by == "U0BOB"


def test_a_second_click_is_an_answer_and_no_error(works: Works) -> None:
    fix = works.runs()
    for caller in (BOB, ANA):
        step = works.fixes.approve(caller, fix.number)
        assert not step.changed
        assert step.fix.status is S.RUNNING
    assert not works.fixes.reject(ANA, fix.number).changed, "too late"
    works.deliver()
    assert works.world.aws.begun == [1]


def test_a_number_that_was_never_given_is_told(works: Works) -> None:
    with pytest.raises(UnknownRemediation, match=r"There is no FIX-7\. /incident remediations lists the last ones"):
        works.fixes.approve(ANA, 7)


def test_two_others_of_the_group_have_to_approve() -> None:
    works = shop(approvals=[{**POLICY, "group": None}])
    with closing(works.store), closing(works):
        fix = works.plan(works.declared())
        assert (fix.needs, fix.policy) == (2, "config.yml: remediation.approvals[0]")
        with pytest.raises(Refused, match="You asked for FIX-1, so somebody else has to approve it"):
            works.fixes.approve(BOB, fix.number)
        first = works.fixes.approve(ANA, fix.number)
        assert (first.fix.status, [*first.fix.approved_by]) == (S.PLANNED, ["U0ANA"])
        assert works.owed(OwedKind.FIX) == []
        assert works.store.incident(1).status is Status.INVESTIGATING
        with pytest.raises(Refused, match="You approved FIX-1 already; it needs one more approval"):
            works.fixes.approve(ANA, fix.number)
        second = works.fixes.approve(CY, fix.number)
        assert (second.fix.status, [*second.fix.approved_by]) == (S.RUNNING, ["U0ANA", "U0CY"])
        assert works.owed(OwedKind.FIX) == ["FIX-1"]


def test_only_the_groups_approval_counts() -> None:
    works = shop(approvals=[{**POLICY, "people": 1}])
    with closing(works.store), closing(works):
        fix = works.plan()
        with pytest.raises(Refused, match=f"FIX-1 needs the approval of <!subteam\\^{LEADS}>"):
            works.fixes.approve(ANA, fix.number)
        assert works.fixes.approve(CY, fix.number).fix.status is S.RUNNING


@pytest.mark.parametrize(
    ("policy", "needs"),
    [
        ({"service": "checkout-*"}, 1),
        ({"service": "search-*"}, 0),
        ({"service": "/^(checkout|search)/"}, 1),
        ({"environment": "prod"}, 1),
        ({"environment": "staging"}, 0),
        ({"account": "123456789012"}, 1),
        ({"account": "999999999999"}, 0),
        ({"severity": [1, 2]}, 1),
        ({"severity": [3, 4]}, 0),
        ({"action": "rollback"}, 1),
        ({"action": ["restart", "scale*"]}, 0),
        ({"service": "checkout-*", "environment": "staging"}, 0),
        ({"service": "checkout-*", "severity": 2, "action": "roll*", "people": 3}, 3),
        ({"people": 0}, 0),
        ({}, 1),
    ],
)
def test_a_policy_is_for_all_that_it_names(policy: dict[str, Any], needs: int) -> None:
    works = shop(approvals=[policy])
    with closing(works.store), closing(works):
        assert works.plan(works.declared(severity=Severity.SEV2)).needs == needs


@pytest.mark.parametrize(
    ("policies", "needs"),
    [
        ([{"environment": "prod"}], 1),
        ([{"environment": ["dev", "stage"], "people": 0}, {"environment": "prod", "people": 2}], 2),
        ([{"environment": "prod"}, {"people": 0}], 1),
        ([{"people": 0}, {"environment": "prod"}], 0),
        ([{"environment": "prod", "service": "search-*"}], 0),
    ],
)
def test_where_the_environment_is_not_known_the_strictest_that_may_match_counts(
    policies: list[dict[str, Any]], needs: int
) -> None:
    works = shop(approvals=policies)
    with closing(works.store), closing(works):
        assert works.plan(environment="").needs == needs


def test_the_first_policy_that_matches_counts() -> None:
    works = shop(approvals=[{"service": "search-*"}, {"action": "AIOps-*", "people": 2}, {"people": 0}])
    with closing(works.store), closing(works):
        runbook = works.plan(action=Action.RUNBOOK, runbook="AIOps-PurgeSQSDLQ")
        assert (runbook.needs, runbook.policy) == (2, "config.yml: remediation.approvals[1]")
        assert works.plan().needs == 0


# -- reject, expire, rehearse


def test_rejected_is_over_and_nothing_runs(works: Works) -> None:
    fix = works.plan(works.declared())
    step = works.fixes.reject(ANA, fix.number)
    assert (step.changed, step.fix.status, step.fix.rejected_by) == (True, S.REJECTED, "U0ANA")
    assert works.timers() == []
    assert works.told()[-1] == "FIX-1 rejected"
    again = works.fixes.approve(BOB, fix.number)
    assert (again.changed, again.fix.status) == (False, S.REJECTED)
    works.deliver()
    assert works.world.aws.begun == []
    assert works.store.guard("prod/checkout-api").running is None


def test_after_its_time_a_plan_can_not_be_approved_and_expires(works: Works) -> None:
    fix = works.plan(works.declared())
    works.world.clock.now = fix.expires_at
    with pytest.raises(Refused, match=r"The plan of FIX-1 expired at 03:10 UTC; AWS may look different by now\. Ask"):
        works.fixes.approve(BOB, fix.number)
    with pytest.raises(Refused, match="expired at 03:10 UTC"):
        works.fixes.rehearse(BOB, fix.number)
    assert works.fixes.waiting(BOB, None) == []
    works.tick()
    assert works.store.remediation(1).status is S.EXPIRED
    assert works.told()[-1] == "FIX-1 expired, nobody approved it in time"
    assert not works.fixes.approve(BOB, fix.number).changed
    works.fixes.outcomes.expire(1)
    assert works.told().count("FIX-1 expired, nobody approved it in time") == 1


def test_a_plan_that_is_approved_does_not_expire(works: Works) -> None:
    fix = works.runs()
    works.fixes.outcomes.expire(fix.number)
    assert works.store.remediation(1).status is S.RUNNING


def test_a_rehearsal_changes_nothing_and_the_plan_goes_on_waiting(works: Works) -> None:
    fix = works.store.remediation(works.plan().number)
    assert works.fixes.rehearse(ANA, fix.number) == (fix, ("would call UpdateService",))
    assert works.store.remediation(1) == fix
    works.fixes.reject(ANA, 1)
    with pytest.raises(Refused, match="FIX-1 is rejected already"):
        works.fixes.rehearse(ANA, 1)


# -- guard rails


def test_one_runs_at_a_time_for_a_service_and_beside_it_for_others(works: Works) -> None:
    waiting = works.plan(action=Action.RESTART)
    works.runs()
    with pytest.raises(Refused, match="FIX-2 runs for checkout-api right now; one at a time"):
        works.plan()
    assert not works.fixes.approve(ANA, waiting.number).changed, "it was planned on what is not so any more"
    assert works.runs(service="search-api").status is S.RUNNING
    for environment in ("prod", "staging"):
        assert works.runs(service="elsewhere", environment=environment).status is S.RUNNING


def test_a_service_of_the_catalogue_is_one_however_it_is_named() -> None:
    """A click on an alert knows the environment from the alarm's name; a command typed elsewhere does not."""
    works = Works(SqliteStore(":memory:"), World(), more={"services": {SERVICE: {"cluster": "shop"}}})
    with closing(works.store), closing(works):
        works.runs(works.firing())
        for name in (SERVICE, "Checkout API"):
            with pytest.raises(Refused, match="FIX-1 runs for"):
                works.plan(action=Action.RESTART, service=name, environment="")


def test_who_does_the_same_again_at_once_is_warned_and_may(works: Works) -> None:
    works.finished()
    works.world.clock.move(minutes=2)
    again = works.plan(revision="web:55")
    (warning,) = again.plan.warnings
    assert warning.startswith("rollback was done for checkout-api 2 min 4 s ago; by itself it could run again in")
    assert works.fixes.approve(ANA, again.number).fix.status is S.RUNNING
    assert works.plan(service="search-api").plan.warnings == ()


def test_a_plan_from_before_another_change_is_withdrawn(works: Works) -> None:
    waiting, elsewhere = works.plan(works.firing(), action=Action.RESTART), works.plan(service="search-api")
    ran = works.finished()
    step = works.fixes.approve(ANA, waiting.number)
    assert (step.changed, step.fix.status) == (False, S.WITHDRAWN)
    assert step.fix.problem == f"{ran.id} changes checkout-api since"
    assert (EXPIRE, waiting.id) not in [(kind, subject) for kind, subject, _ in works.timers()]
    assert "Withdrawn" in str(works.world.chat.said), "its card says so, and has no button to run it"
    assert works.store.remediation(elsewhere.number).status is S.PLANNED


def test_a_plan_takes_the_place_of_the_one_it_was_made_from(works: Works) -> None:
    first, other = works.plan(), works.plan(action=Action.RESTART)
    chosen = works.fixes.plan(ANA, None, order(revision="web:55"), instead_of=first.number)
    assert works.store.remediation(first.number).problem == f"{chosen.id} takes its place"
    again = works.fixes.plan(ANA, None, order(revision="web:54"))
    assert works.store.remediation(chosen.number).status is S.WITHDRAWN, "who asks anew wants the new one"
    works.plan(revision="web:53")
    assert {works.store.remediation(one.number).status for one in (other, again)} == {S.PLANNED}, "others' stay"


def test_the_same_plan_twice_is_one(works: Works) -> None:
    first = works.plan()
    assert works.plan().number == first.number
    assert works.plan(action=Action.RESTART).number != first.number
    works.world.clock.now = first.expires_at
    assert works.plan().number != first.number, "that one can't be approved any more"


def test_one_that_runs_can_be_stopped_and_nobody_is_called_for_it(works: Works) -> None:
    fix = works.plan(works.firing())
    works.fixes.approve(ANA, fix.number)
    step = works.fixes.stop(BOB, fix.number)
    assert step.changed
    stored = works.store.remediation(fix.number)
    assert (stored.status, stored.stopped_by) == (S.FAILED, "U0BOB")
    works.deliver()
    (card,) = works.world.chat.said.values()
    assert "· stopped" in card.message.text
    assert "U0BOB" in str(card.message.blocks)
    assert works.store.guard("prod/checkout-api").running is None
    assert not works.fixes.stop(BOB, fix.number).changed
    assert works.owed(OwedKind.PAGE) == []


def test_after_so_many_an_hour_people_are_warned_whatever_they_are() -> None:
    works = shop(cool_down="1s", per_hour=2)
    with closing(works.store), closing(works):
        for action in (Action.ROLLBACK, Action.RESTART):
            works.finished(action=action)
        fix = works.plan(action=Action.SCALE_UP)
        assert fix.plan.warnings == (
            "2 remediations within the hour (remediation.per_hour); something else may be wrong",
        )
        works.fixes.reject(BOB, fix.number)
        works.world.clock.now = after(3600)
        assert works.plan(action=Action.SCALE_UP).plan.warnings == ()


def test_the_guard_forgets_after_a_day(works: Works) -> None:
    works.finished()
    works.world.clock.move(hours=25)
    works.runs(action=Action.RESTART)
    assert [name for name, _ in works.store.guard("prod/checkout-api").started] == ["restart"]
