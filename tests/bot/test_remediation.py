"""Changing AWS, as far as people, guard rails, standing approvals and time decide about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import CloudError, InvalidInput, NotAllowed, Refused, UnknownRemediation
from bot.models import (
    Action,
    Alert,
    AlertStatus,
    Change,
    EventKind,
    Incident,
    OwedKind,
    Progress,
    Remediation,
    RemediationStatus,
    Role,
    Severity,
    Status,
    Update,
)
from bot.signals import AlarmState
from bot.steps.fixes import EXPIRE
from bot.store.sqlite import SqliteStore
from bot.verification import Verdict
from tests.bot.make import NOW, after
from tests.bot.workshop import ANA, BOB, CY, GUS, LEADS, SERVICE, Works, World, order

S = RemediationStatus
FINE = Progress(said="6 of 6 tasks run web:56", is_over=True)
BROKEN = Progress(said="", is_over=True, problem="web:56 does not start")


def shop(**limits: Any) -> Works:
    return Works(SqliteStore(":memory:"), World(), limits=limits)


@pytest.fixture
def works() -> Iterator[Works]:
    made = shop()
    with closing(made.store), closing(made):
        yield made


# -- planning


def test_a_plan_is_stored_and_shown_and_changes_nothing(works: Works) -> None:
    incident = works.declared()
    fix = works.plan(incident)
    assert (fix.id, fix.status, fix.requested_by, fix.needs) == ("FIX-1", S.PLANNED, "U0BOB", 0)
    assert fix.expires_at == NOW + timedelta(minutes=10)
    assert works.owed(OwedKind.FIX_CARD) == ["FIX-1"]
    assert works.owed(OwedKind.CARD) == ["INC-1"], "the incident's card tells of it too"
    assert works.timers() == [("expire", "FIX-1", fix.expires_at)]
    assert works.told() == ["FIX-1 asked for: rollback of checkout-api, web:57 → web:56"]
    assert works.store.timeline(1, limit=5)[0][1].kind is EventKind.FIX
    works.deliver()
    assert works.world.aws.begun == []
    assert works.store.incident(1).status is Status.INVESTIGATING


def test_a_plan_for_an_incident_with_a_channel_is_shown_there_too(works: Works) -> None:
    works.plan(works.declared(channel_id="C1INC"))
    rows = works.store._db.rows("SELECT body FROM outbox WHERE kind = 'fix_card'")
    assert sorted(row["body"] for row in rows) == ['{"target": "C1INC"}', '{"target": "ops"}']


def test_nothing_is_planned_for_what_is_over(works: Works) -> None:
    over = works.firing(status=AlertStatus.RESOLVED, over_at=NOW)
    with pytest.raises(Refused, match="AL-1 is over; nothing needs to be changed for it"):
        works.plan(over)
    with pytest.raises(Refused, match="INC-1 is over"):
        works.plan(works.declared(status=Status.RESOLVED))


def test_what_aws_says_against_a_plan_is_passed_on_and_nothing_is_stored(works: Works) -> None:
    for error in (Refused("There is no ECS cluster shop."), CloudError("AccessDenied", detail="ecs:DescribeServices")):
        works.world.aws.refuse = error
        with pytest.raises(type(error)):
            works.plan()
    assert works.store.remediations() == []


def test_what_the_catalogue_names_can_not_be_typed_and_its_parameters_are_usual() -> None:
    catalogue = {SERVICE: {"runbooks": {"AIOps-PurgeSQSDLQ": {"MaxMessages": "10", "Wait": "5"}}}}
    works = Works(SqliteStore(":memory:"), World(), more={"services": catalogue})
    purge: dict[str, Any] = {"action": Action.RUNBOOK, "runbook": "AIOps-PurgeSQSDLQ"}
    with closing(works.store), closing(works):
        with pytest.raises(Refused, match="Cluster, QueueUrl can't be given: the catalogue and the alarm say"):
            works.plan(**purge, parameters={"QueueUrl": "https://elsewhere", "Cluster": "x", "Wait": "1"})
        works.plan(**purge, parameters={"Wait": "1"})
        assert works.world.aws.orders[-1].parameters == {"MaxMessages": "10", "Wait": "1"}


def test_a_typed_topic_is_the_configs_or_of_the_services_account_and_the_plan_says_so() -> None:
    usual, other, ours, theirs = (
        f"arn:aws:sns:eu-west-1:{account}:{name}"
        for account, name in (("1" * 12, "sev1"), ("9" * 12, "sev2"), ("1" * 12, "team"), ("6" * 12, "loot"))
    )
    more = {
        "services": {SERVICE: {"account": "1" * 12, "runbooks": {"AIOps-RDSFailover": {"TopicArn": usual}}}},
        "topics": {"2": other},
    }
    works = Works(SqliteStore(":memory:"), World(), more=more)
    failover: dict[str, Any] = {"action": Action.RUNBOOK, "runbook": "AIOps-RDSFailover"}
    with closing(works.store), closing(works):
        for topic in (other, ours):
            plan = works.plan(**failover, parameters={"TopicArn": topic}).plan
            assert f"TopicArn is {topic}, as typed; config.yml has {usual}" in plan.checks
        with pytest.raises(Refused, match=f"TopicArn can't be {theirs}: it is not of account 1+, where the service"):
            works.plan(**failover, parameters={"TopicArn": theirs})
        same = works.plan(**failover, parameters={"TopicArn": usual}).plan
        assert not any("as typed" in each for each in same.checks)


@pytest.mark.parametrize("call", ["plan", "approve", "reject", "undo", "rehearse", "choices", "grant", "withdraw"])
def test_guests_change_nothing(works: Works, call: str) -> None:
    fix = works.store.remediation(works.plan().number)
    arguments: dict[str, tuple[Any, ...]] = {
        "plan": (None, order()),
        "choices": (None, SERVICE),
        "grant": ("rollback", SERVICE, timedelta(days=1)),
        "withdraw": ("rollback", SERVICE),
    }
    place: Any = works.fixes.standing if call in ("grant", "withdraw") else works.fixes
    with pytest.raises(NotAllowed, match="Guests can't"):
        getattr(place, call)(GUS, *arguments.get(call, (fix.number,)))
    assert works.store.remediation(fix.number) == fix


def test_the_permissions_say_who_may() -> None:
    works = Works(SqliteStore(":memory:"), World(), more={"permissions": {"remediate": ["commander", LEADS]}})
    with closing(works.store), closing(works):
        mine = works.declared(commander="U0ANA", responders=("U0BOB",))
        assert works.plan(mine, ANA).requested_by == "U0ANA"
        assert works.plan(mine, CY, action=Action.RESTART).requested_by == "U0CY"
        with pytest.raises(NotAllowed, match="You can't change AWS"):
            works.plan(mine, BOB)
        with pytest.raises(NotAllowed, match="You can't change AWS"):
            works.fixes.approve(BOB, 1)
        joined = works.firing(incident=1)
        assert works.plan(joined, ANA, action=Action.SCALE_UP).requested_by == "U0ANA", "of the alert's incident too"
        with pytest.raises(NotAllowed, match="You can't change AWS"):
            works.plan(joined, BOB)


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


POLICY = {"service": "checkout-*", "people": 2, "group": LEADS}


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
        assert fix.plan.warnings == ("2 remediations within the hour (remediation.per_hour): is something else wrong?",)
        works.fixes.reject(BOB, fix.number)
        works.world.clock.now = after(3600)
        assert works.plan(action=Action.SCALE_UP).plan.warnings == ()


def test_the_guard_forgets_after_a_day(works: Works) -> None:
    works.finished()
    works.world.clock.move(hours=25)
    works.runs(action=Action.RESTART)
    assert [name for name, _ in works.store.guard("prod/checkout-api").started] == ["restart"]


# -- what AWS says


def test_it_is_followed_until_it_is_done_and_then_looked_at_again(works: Works) -> None:
    works.world.aws.answers = [Progress(said="3 of 6 tasks run web:56", state={"seen": 3}), FINE]
    fix = works.runs(works.declared())
    works.deliver()
    works.world.clock.move(seconds=3)
    works.deliver()
    half = works.store.remediation(fix.number)
    assert (half.status, half.said, half.plan.state) == (S.RUNNING, "3 of 6 tasks run web:56", {"seen": 3})
    works.world.clock.move(seconds=3)
    works.deliver()
    done = works.store.remediation(fix.number)
    assert (done.status, done.finished_at) == (S.VERIFYING, after(6))
    assert works.store.guard("prod/checkout-api").running is None, "others may run meanwhile"
    assert works.told()[-1] == "FIX-1 is done: 6 of 6 tasks run web:56"
    assert works.fixes.outcomes.facts(done).verify_at == after(6 + 900)


def test_what_helped_is_verified_and_nobody_is_called(works: Works) -> None:
    fix = works.finished(works.firing())
    change = works.fixes.outcomes.judged(fix.number, Verdict(True, ("the alarm is OK",)))
    assert change is not None
    works.store.save(change, works.world.clock())
    assert (works.store.remediation(1).status, works.store.remediation(1).verdict) == (S.VERIFIED, ("the alarm is OK",))
    assert change.timers == ()
    assert OwedKind.PAGE not in {each.kind for each in change.owed}


def test_news_of_what_does_not_run_any_more_are_none(works: Works) -> None:
    fix = works.plan()
    assert works.fixes.outcomes.progressed(fix.number, FINE) is None
    assert works.fixes.outcomes.ended(fix.number, "no") is None
    assert works.fixes.outcomes.judged(fix.number, Verdict(True, ())) is None


# -- when it did not help


def failed(works: Works, subject: Alert | Incident | None) -> Remediation:
    works.world.aws.answers = [BROKEN]
    return works.finished(subject)


def test_a_failure_frees_the_service_and_climbs_the_ladder(works: Works) -> None:
    fix = failed(works, works.declared())
    assert (fix.status, fix.problem) == (S.FAILED, "web:56 does not start")
    assert works.store.guard("prod/checkout-api").running is None
    assert works.told()[-1] == "FIX-1 failed: web:56 does not start"
    assert sorted(works.pages()) == [("INC-1", "incident commander"), ("INC-1", "primary")]
    why = {each.body["why"] for each in works.world.others.of(OwedKind.PAGE)}
    assert why == {"FIX-1 did not help: web:56 does not start"}
    notes = [each.body["text"] for each in works.world.others.of(OwedKind.POST)]
    assert "FIX-1: go on by hand" in notes
    assert works.timers() == [
        ("rung", "FIX-1", after(4 + 15 * 60)),
        ("rung", "FIX-1", after(4 + 30 * 60)),
    ]
    assert works.fixes.outcomes.facts(fix).called == (Role.PRIMARY, Role.COMMANDER)


def test_the_rest_of_the_ladder_is_called_in_its_time(works: Works) -> None:
    failed(works, works.firing())
    works.world.others.taken.clear()
    for minutes, role in ((15, "team lead"), (15, "engineering manager")):
        works.world.clock.move(minutes=minutes)
        works.tick()
        works.deliver()
        assert works.pages()[-1] == ("AL-1", role)
    assert len(works.pages()) == 2


def acknowledges(works: Works) -> None:
    change = works.store.incident(1).changed(acknowledged_at=works.world.clock())
    works.store.save(Change(incidents=(change,)), works.world.clock())


def writes(works: Works) -> None:
    update = Update(text="on it", by="U0ANA", at=works.world.clock())
    works.store.save(Change(incidents=(works.store.incident(1).changed(update=update),)), works.world.clock())


def resolves(works: Works) -> None:
    resolved = works.store.incident(1).changed(status=Status.RESOLVED)
    works.store.save(Change(incidents=(resolved,)), works.world.clock())


def asks_for_another(works: Works) -> None:
    works.plan(works.store.incident(1), action=Action.RESTART)


@pytest.mark.parametrize("somebody", [acknowledges, writes, resolves, asks_for_another])
def test_the_ladder_ends_when_somebody_takes_it_up(works: Works, somebody: Any) -> None:
    failed(works, works.declared(acknowledged_at=NOW))
    works.world.others.taken.clear()
    works.world.clock.move(minutes=1)
    somebody(works)
    works.world.clock.move(minutes=30)
    works.tick()
    works.deliver()
    assert works.pages() == []


def asks_for_another_of_an_alert_beside(works: Works) -> None:
    works.plan(works.firing(2, incident=1), action=Action.RESTART)


def takes_the_alert(works: Works) -> None:
    alert = works.store.alert(1).changed(acknowledged_at=works.world.clock())
    works.store.save(Change(alerts=(alert,)), works.world.clock())


@pytest.mark.parametrize(
    "somebody",
    [acknowledges, writes, asks_for_another, asks_for_another_of_an_alert_beside, takes_the_alert],
)
def test_the_ladder_ends_when_the_alerts_incident_is_taken_up(works: Works, somebody: Any) -> None:
    works.declared()
    failed(works, works.firing(incident=1))
    works.world.others.taken.clear()
    works.world.clock.move(minutes=1)
    somebody(works)
    works.world.clock.move(minutes=30)
    works.tick()
    works.deliver()
    assert works.pages() == []


def test_for_what_is_over_nobody_is_called(works: Works) -> None:
    subject = works.firing()
    fix = works.runs(subject)
    over = subject.changed(status=AlertStatus.RESOLVED, over_at=NOW)
    works.store.save(Change(alerts=(over,)), NOW)
    change = works.fixes.outcomes.ended(fix.number, "no tasks")
    assert change is not None
    assert change.timers == ()
    assert {each.kind for each in change.owed} == {OwedKind.FIX_CARD, OwedKind.EVENTS}


def test_a_failure_that_belongs_to_nothing_is_told_in_the_incident_channel(works: Works) -> None:
    failed(works, None)
    (note,) = works.world.others.of(OwedKind.POST)
    assert (note.body["channel"], note.body["text"]) == ("ops", "FIX-1: go on by hand")
    assert works.pages() == []
    assert works.timers() == []


def test_the_timeline_tells_what_was_found_and_what_was_taken_back(works: Works) -> None:
    whole = works.declared()
    works.world.alarms.standing = {works.firing(incident=1).alarm.name: AlarmState.ALARM}
    fix = works.finished(whole)
    works.world.clock.move(minutes=15)
    works.deliver()
    assert "FIX-1 did not help: the alarm still fires" in works.told()
    works.fixes.undo(ANA, fix.number)
    assert "FIX-2 asked for: take back FIX-1, web:56 → web:57" in works.told()


def test_a_failure_is_told_in_the_thread_and_where_people_work(works: Works) -> None:
    works.declared(channel_id="C0INC")
    fix = works.finished(works.firing(incident=1))
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.ALARM}
    works.world.clock.move(minutes=15)
    works.deliver()
    posts = [each.body.get("channel") or each.body["target"] for each in works.world.others.of(OwedKind.POST)
             if each.body["text"] == f"{fix.id}: go on by hand"]  # fmt: skip
    assert sorted(posts) == ["C0INC", "ops"]
    assert sorted(said.channel for said in works.world.chat.said.values()) == ["C0INC", "C0OPS"], "so is its card"


def test_not_recovered_climbs_too(works: Works) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.ALARM}
    works.world.clock.move(minutes=15)
    works.deliver()
    assert works.store.remediation(fix.number).status is S.NOT_RECOVERED
    assert sorted(works.pages()) == [("AL-1", "incident commander"), ("AL-1", "primary")]
    assert len(works.timers()) == 2


# -- undo


def test_an_undo_is_a_plan_of_its_own_and_marks_what_it_takes_back(works: Works) -> None:
    first = works.finished(works.declared())
    back = works.fixes.undo(ANA, first.number)
    assert (back.id, back.undoes, back.plan.before, back.plan.after) == ("FIX-2", 1, "web:56", "web:57")
    works.fixes.approve(ANA, back.number)
    works.deliver()
    assert works.store.remediation(1).undone_by is None, "not before it is done"
    works.world.clock.move(seconds=4)
    works.deliver()
    assert works.store.remediation(1).undone_by == 2
    with pytest.raises(Refused, match="FIX-1 is taken back already, by FIX-2"):
        works.fixes.undo(ANA, 1)


def test_an_undo_waits_for_nothing_but_the_one_that_runs(works: Works) -> None:
    first = works.finished()
    running = works.runs(action=Action.RESTART)
    back = works.fixes.undo(ANA, first.number)
    with pytest.raises(Refused, match=f"{running.id} runs for checkout-api right now"):
        works.fixes.approve(ANA, back.number)
    works.deliver()
    works.world.clock.move(seconds=4)
    works.deliver()
    assert works.fixes.approve(ANA, back.number).fix.status is S.RUNNING


def test_who_asks_for_the_same_finds_the_plan_that_waits(works: Works) -> None:
    incident = works.declared()
    first = works.plan(incident)
    assert works.plan(incident, ANA).number == first.number
    others = (works.plan(None), works.plan(incident, revision="web:55"), works.plan(incident, action=Action.RESTART))
    assert [each.number for each in others] == [2, 3, 4]
    works.fixes.reject(ANA, first.number)
    assert works.plan(incident).number == 5


def test_of_two_who_undo_the_same_one_plan_runs(works: Works) -> None:
    first = works.finished()
    one, other = works.fixes.undo(ANA, first.number), works.fixes.undo(BOB, first.number)
    assert one.number == other.number
    works.fixes.approve(ANA, one.number)
    works.deliver()
    works.world.clock.move(seconds=4)
    works.deliver()
    assert not works.fixes.approve(BOB, other.number).changed
    assert works.world.aws.begun == [1, 2]


def test_what_never_ran_or_can_not_be_undone_is_told(works: Works) -> None:
    with pytest.raises(Refused, match="FIX-1 never ran, so there is nothing to take back"):
        works.fixes.undo(ANA, works.plan().number)
    fix = works.finished(action=Action.RESTART)
    final = fix.changed(plan=fix.plan.model_copy(update={"undo": ""}))
    works.store.save(Change(remediations=(final,)), NOW)
    with pytest.raises(Refused, match="FIX-2 can't be taken back"):
        works.fixes.undo(ANA, fix.number)


def test_nobody_is_called_because_what_was_taken_back_did_not_help(works: Works) -> None:
    first = works.finished(works.firing())
    back = works.fixes.undo(ANA, first.number)
    works.fixes.approve(ANA, back.number)
    works.deliver()
    works.world.clock.move(seconds=4)
    works.deliver()
    change = works.fixes.outcomes.judged(first.number, Verdict(False, ("the alarm is ALARM",)))
    assert change is not None
    assert change.timers == ()
    assert OwedKind.PAGE not in {each.kind for each in change.owed}


def test_again_plans_the_same_on_aws_as_it_is_now(works: Works) -> None:
    fix = works.plan(revision="web:55")
    works.fixes.reject(ANA, fix.number)
    again = works.fixes.again(ANA, fix.number)
    assert (again.number, again.order, again.requested_by) == (2, fix.order, "U0ANA")
    assert again.token != fix.token


# -- standing approvals


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


# -- asking


def test_what_waits_for_an_incident_is_also_what_waits_for_its_alerts(works: Works) -> None:
    incident = works.declared()
    alert = works.firing(incident=1)
    other = works.firing(2, service="search-api")
    works.plan(alert)
    works.plan(incident, action=Action.RESTART)
    works.plan(other, service="search-api")
    numbers = {
        name: [one.number for one in works.fixes.waiting(ANA, subject)]
        for name, subject in (("incident", incident), ("alert", alert), ("other", other), ("all", None))
    }
    assert numbers == {"incident": [2, 1], "alert": [2, 1], "other": [3], "all": [3, 2, 1]}


def test_of_an_incident_only_its_own_are_listed(works: Works) -> None:
    whole = works.declared()
    mine = [works.plan(whole), works.plan(works.firing(incident=1))]
    works.plan(service="search-api")
    assert [one.id for one in works.fixes.listing(ANA, whole)[0]] == [one.id for one in reversed(mine)]
    assert len(works.fixes.listing(ANA)[0]) == 3


def test_the_choices_are_those_of_aws(works: Works) -> None:
    assert [each.revision for each in works.fixes.choices(ANA, works.declared(), SERVICE)] == ["web:56"]
    assert works.fixes.show(ANA, works.plan().number).id == "FIX-1"
