"""Standing approvals: who gives and withdraws them, and what runs by itself or is kept from it."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import CloudError, InvalidInput, Refused
from bot.models import Action, Alert, AlertStatus, Change, Incident, OwedKind, RemediationStatus
from tests.bot.make import NOW
from tests.bot.workshop import ANA, BOB, CY, SERVICE, Works, order, shop

S = RemediationStatus
WEEK = timedelta(days=7)


def test_a_standing_approval_is_for_a_known_service_and_ends(works: Works) -> None:
    given = works.fixes.standing.grant(ANA, "Roll-Back", "Checkout API", WEEK)
    assert (given.id, given.by, given.until) == ("rollback/checkout-api", "U0ANA", NOW + WEEK)
    assert works.fixes.standing.grant(BOB, "aiops-purgesqsdlq", SERVICE, WEEK).name == "AIOps-PurgeSQSDLQ"
    assert len(works.fixes.listing(CY)[1]) == 2
    assert len(works.owed(OwedKind.POST)) == 2, "everybody is told"
    works.world.clock.move(days=7)
    assert works.fixes.listing(CY)[1] == []


@pytest.mark.parametrize(
    ("name", "service", "lasts", "words"),
    [
        ("explode", SERVICE, WEEK, "I don't know “explode”. There are: scale_up, restart, rollback, AIOps-"),
        ("runbook", SERVICE, WEEK, "I don't know “runbook”"),
        ("rollback", "elsewhere", WEEK, "“elsewhere” is not in the catalogue; nothing runs by itself for it"),
        ("rollback", SERVICE, timedelta(days=91), "An approval lasts 90 days at most"),
    ],
)
def test_what_can_not_be_approved_is_told(works: Works, name: str, service: str, lasts: timedelta, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        works.fixes.standing.grant(ANA, name, service, lasts)


def test_a_withdrawn_approval_does_not_hold_and_can_be_given_again(works: Works) -> None:
    with pytest.raises(Refused, match="Nothing is approved: rollback for checkout-api does not run by itself"):
        works.fixes.standing.withdraw(ANA, "rollback", SERVICE)
    works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    assert works.fixes.standing.withdraw(BOB, "rollback", SERVICE).withdrawn_at == NOW
    assert works.fixes.listing(CY)[1] == []
    with pytest.raises(Refused, match="Nothing is approved"):
        works.fixes.standing.withdraw(BOB, "rollback", SERVICE)
    assert works.fixes.standing.grant(BOB, "rollback", SERVICE, WEEK).withdrawn_at is None
    assert [each.by for each in works.fixes.listing(CY)[1]] == ["U0BOB"]


def itself(works: Works, subject: Alert | Incident, approval: str = f"rollback/{SERVICE}") -> None:
    change = works.fixes.standing.by_itself(subject.id, order(), approval)()
    works.store.save(change, works.world.clock())


def test_under_an_approval_it_is_planned_and_begun_at_once_and_says_so(works: Works) -> None:
    works = shop(approvals=[{"people": 1}])
    with closing(works.store), closing(works):
        works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
        itself(works, works.declared())
        fix = works.store.remediation(1)
        assert (fix.status, fix.requested_by, fix.approval) == (S.RUNNING, None, "rollback/checkout-api")
        assert ([*fix.approved_by], fix.needs) == (["U0ANA"], 1)
        assert works.timers() == []
        assert works.told() == ["FIX-1 asked for: rollback of checkout-api, web:57 → web:56"]
        approval = works.fixes.outcomes.facts(fix).approval
        assert approval is not None
        assert approval.by == "U0ANA"
        works.deliver()
        assert works.world.aws.begun == [1]


def test_where_a_policy_asks_for_two_people_a_standing_approval_is_one_of_them() -> None:
    works = shop(approvals=[{"people": 2}])
    with closing(works.store), closing(works):
        works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
        itself(works, works.declared())
        assert works.store.remediation(1).status is S.PLANNED
        assert works.fixes.approve(BOB, 1).fix.status is S.RUNNING


@pytest.mark.parametrize("why", ["never given", "expired", "withdrawn", "over", "unknown subject"])
def test_without_an_approval_that_holds_nothing_happens(works: Works, why: str) -> None:
    subject: Alert | Incident = works.firing()
    if why != "never given":
        works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    if why == "expired":
        works.world.clock.move(days=7)
    if why == "withdrawn":
        works.fixes.standing.withdraw(ANA, "rollback", SERVICE)
    if why == "over":
        works.store.save(Change(alerts=(subject.changed(status=AlertStatus.RESOLVED, over_at=NOW),)), NOW)
    change = works.fixes.standing.by_itself(
        "" if why == "unknown subject" else subject.id, order(), f"rollback/{SERVICE}"
    )()
    assert change == Change()
    assert works.world.aws.orders == []


def kept_from(works: Works, words: str) -> None:
    works.deliver()
    assert [one for one in works.store.remediations() if one.approval] == []
    (note,) = [each.body["text"] for each in works.world.others.of(OwedKind.POST) if "by itself: " in each.body["text"]]
    assert note.startswith("rollback of checkout-api did not begin by itself: ")
    assert words in note


def test_a_guard_rail_keeps_it_from_beginning_by_itself_and_that_is_told(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    works.runs(action=Action.RESTART)
    itself(works, works.firing())
    kept_from(works, "FIX-1 runs for checkout-api right now; one at a time.")


def test_what_people_may_do_again_at_once_does_not_begin_by_itself(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    works.finished()
    itself(works, works.firing())
    kept_from(works, "by itself it could run again in")
    assert works.plan(works.store.alert(1)).status is S.PLANNED


def test_what_keeps_it_is_told_once_while_it_fires(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    works.runs(action=Action.RESTART)
    alert = works.firing()
    for _ in range(2):
        itself(works, alert)
    kept_from(works, "FIX-1 runs for checkout-api right now; one at a time.")
    back = alert.changed(returned=(works.world.clock(),))
    works.store.save(Change(alerts=(works.store.alert(1).changed(returned=back.returned),)), NOW)
    itself(works, works.store.alert(1))
    works.deliver()
    notes = [each for each in works.world.others.of(OwedKind.POST) if "by itself: " in each.body["text"]]
    assert len(notes) == 2, "it came back"


@pytest.mark.parametrize("stand_in", ["AIOps-RestartECSService", "restart"])
def test_an_action_and_the_document_that_stands_in_for_it_share_policies_and_the_cool_down(stand_in: str) -> None:
    works = shop(approvals=[{"action": "restart", "people": 1}], per_hour=9)
    with closing(works.store), closing(works):
        of_document: Any = {"action": Action.RUNBOOK, "runbook": stand_in} if stand_in != "restart" else {}
        fix = works.fixes.plan(BOB, None, order(**{"action": Action.RESTART, **of_document}))
        assert fix.needs == 1
        works.fixes.approve(ANA, fix.number)
        works.deliver()
        works.world.clock.move(seconds=4)
        works.deliver()
        for again in (order(Action.RESTART), order(Action.RUNBOOK, runbook="AIOps-RestartECSService")):
            (warning,) = works.fixes.plan(BOB, None, again).plan.warnings
            assert warning.startswith("restart was done for checkout-api 4 s ago")


def test_one_that_begins_while_it_is_planned_keeps_it_from_beginning_too(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    begins = works.fixes.standing.by_itself(works.firing().id, order(), f"rollback/{SERVICE}")
    works.runs(action=Action.RESTART)
    works.store.save(begins(), NOW)
    kept_from(works, "FIX-1 runs for checkout-api right now")


def test_a_permission_that_is_missing_is_named_and_a_throttle_is_tried_again(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, WEEK)
    subject = works.firing()
    works.world.aws.refuse = CloudError("ThrottlingException", retryable=True)
    with pytest.raises(CloudError):
        itself(works, subject)
    works.world.aws.refuse = CloudError("AccessDeniedException", detail="ecs:DescribeServices on shop/checkout-api")
    itself(works, subject)
    kept_from(works, "ecs:DescribeServices on shop/checkout-api")
