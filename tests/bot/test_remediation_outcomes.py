"""What becomes of a change to AWS: it is followed and verified, or climbs the ladder until somebody takes it up."""

from __future__ import annotations

from typing import Any

import pytest

from bot.models import (
    Action,
    Alert,
    AlertStatus,
    Change,
    Incident,
    OwedKind,
    Progress,
    Remediation,
    RemediationStatus,
    Role,
    Status,
    Update,
)
from bot.signals import AlarmState
from bot.verification import Verdict
from tests.bot.make import NOW, after
from tests.bot.workshop import ANA, Works

S = RemediationStatus
FINE = Progress(said="6 of 6 tasks run web:56", is_over=True)
BROKEN = Progress(said="", is_over=True, problem="web:56 does not start")


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
