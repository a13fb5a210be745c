"""Plans of changes to AWS: what is stored and shown, who may ask, what takes one back, and which are listed."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import CloudError, NotAllowed, Refused
from bot.models import Action, AlertStatus, Change, EventKind, OwedKind, Progress, RemediationStatus, Status
from bot.signals import AlarmState
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW
from tests.bot.workshop import ANA, BOB, CY, GUS, LEADS, SERVICE, Works, World, order

S = RemediationStatus


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


def test_what_was_taken_back_is_not_looked_at_any_more(works: Works) -> None:
    alert = works.firing()
    first = works.finished(alert)
    works.world.alarms.standing = {alert.alarm.name: AlarmState.OK}
    works.world.clock.move(minutes=14, seconds=50)
    works.fixes.approve(ANA, works.fixes.undo(ANA, first.number).number)
    works.world.aws.answers = [Progress(said="5 of 6 tasks run web:57")] * 10
    works.world.clock.move(seconds=15)
    works.deliver()
    assert works.store.remediation(first.number).status is S.VERIFYING, "its undo runs: there is nothing to judge yet"
    works.world.aws.answers = []
    for _ in range(2):
        works.world.clock.move(seconds=4)
        works.deliver()
    undone = works.store.remediation(first.number)
    assert (undone.status, undone.undone_by, undone.verdict) == (S.UNDONE, 2, ())
    assert undone.status.is_over
    works.world.clock.move(minutes=16)
    works.deliver()
    assert works.store.remediation(first.number).status is S.UNDONE
    assert works.store.remediation(2).status is S.VERIFIED
    assert works.pages() == []


def test_where_the_undo_fails_its_effect_is_looked_at_after_all(works: Works) -> None:
    alert = works.firing()
    first = works.finished(alert)
    works.world.alarms.standing = {alert.alarm.name: AlarmState.OK}
    works.world.clock.move(minutes=14, seconds=55)
    works.fixes.approve(ANA, works.fixes.undo(ANA, first.number).number)
    works.world.aws.answers = [Progress(said="")] * 2 + [Progress(said="", is_over=True, problem="no capacity")]
    for _ in range(6):
        works.world.clock.move(seconds=4)
        works.deliver()
    assert works.store.remediation(2).status is S.FAILED
    assert works.store.remediation(first.number).status is S.VERIFIED


def test_again_plans_the_same_on_aws_as_it_is_now(works: Works) -> None:
    fix = works.plan(revision="web:55")
    works.fixes.reject(ANA, fix.number)
    again = works.fixes.again(ANA, fix.number)
    assert (again.number, again.order, again.requested_by) == (2, fix.order, "U0ANA")
    assert again.token != fix.token


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
