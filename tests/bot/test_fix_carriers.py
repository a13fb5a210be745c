"""What rows about root causes and changes to AWS do: calls to AWS, cards, reports and pictures."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import ChatError, CloudError, Outcome, Refused
from bot.models import (
    Action,
    AlertStatus,
    Asked,
    Change,
    Investigation,
    InvestigationStatus,
    Measure,
    Message,
    Order,
    OwedKind,
    Progress,
    Reading,
    Remediation,
    RemediationStatus,
    Severity,
    Shown,
    Source,
    SourceOutcome,
)
from bot.owed import fixes as owed
from bot.ports import Gathered
from bot.signals import AlarmState
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW, after, alert, head
from tests.bot.workshop import ANA, SERVICE, Works, World, order

S = RemediationStatus
LOST = CloudError("timeout", retryable=True, outcome=Outcome.UNKNOWN, detail="ecs:UpdateService")
THROTTLED = CloudError("ThrottlingException", retryable=True, detail="ecs:UpdateService: Rate exceeded")
DENIED = CloudError("AccessDeniedException", detail="ecs:UpdateService on shop/checkout-api")
PNG = b"\x89PNG\x00"


def now(works: Works, fix: Remediation) -> Remediation:
    return works.store.remediation(fix.number)


def later(works: Works, **by: float) -> None:
    works.world.clock.move(**by)
    works.deliver()


# -- start


def test_a_start_whose_answer_was_lost_is_called_again(works: Works) -> None:
    fix = works.runs()
    works.world.aws.fail = LOST
    works.deliver()
    assert (works.world.aws.begun, now(works, fix).status) == ([], S.RUNNING)
    later(works, seconds=2)
    assert works.world.aws.begun == [fix.number]
    later(works, seconds=4)
    assert now(works, fix).status is S.VERIFYING


def test_a_throttled_start_is_tried_again_until_it_is_taken(works: Works) -> None:
    fix = works.runs()
    for seconds in (2, 4, 6):
        works.world.aws.fail = THROTTLED
        later(works, seconds=seconds)
        assert now(works, fix).status is S.RUNNING
    later(works, seconds=20)
    assert works.world.aws.begun == [fix.number]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("checkout-api runs web:58 by now, not web:57 as planned. Nothing was changed."), "runs web:58 by now"),
        (DENIED, "ecs:UpdateService on shop/checkout-api"),
    ],
)
def test_what_can_not_be_is_the_end_and_says_why(works: Works, error: Exception, words: str) -> None:
    fix = works.runs(works.firing())
    works.world.aws.fail = error
    works.deliver()
    failed = now(works, fix)
    assert failed.status is S.FAILED
    assert words in failed.problem
    assert works.store.guard("prod/checkout-api").running is None
    assert len(works.pages()) == 2
    later(works, hours=1)
    assert works.world.aws.begun == [], "it is not tried again"


def test_what_is_not_begun_in_time_is_not_begun_any_more(works: Works) -> None:
    """A bot that was off for an hour does not run what was approved for the AWS of then."""
    fix = works.runs()
    later(works, minutes=16)
    assert (now(works, fix).status, now(works, fix).problem) == (S.TIMED_OUT, "it took longer than it may")
    assert works.world.aws.begun == []
    assert works.store.guard("prod/checkout-api").running is None


@pytest.mark.logs_errors
def test_a_bug_does_not_hold_the_service_for_ever(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    fix = works.runs()
    for _ in range(5):
        works.world.aws.fail = ZeroDivisionError()
        later(works, minutes=5)
    assert now(works, fix).status is S.TIMED_OUT
    assert works.store.guard("prod/checkout-api").running is None
    assert "carrying fix for FIX-1 failed" in caplog.text


def test_a_start_that_comes_when_all_is_over_calls_nothing(works: Works) -> None:
    fix = works.plan()
    works.store.save(Change(owed=(owed.step(fix, "start"), owed.step(fix, "follow"), owed.step(fix, "verify"))), NOW)
    works.deliver()
    assert works.world.aws.begun == []
    assert now(works, fix).status is S.PLANNED


# -- follow


def test_what_hangs_is_stopped_after_its_time(works: Works) -> None:
    works.world.aws.answers = [Progress(said="3 of 6 tasks run web:56")] * 500
    fix = works.runs(works.firing())
    works.deliver()
    for _ in range(3):
        later(works, seconds=4)
    assert now(works, fix).said == "3 of 6 tasks run web:56"
    later(works, minutes=15)
    assert now(works, fix).status is S.TIMED_OUT
    assert works.world.aws.stopped == [fix.number]
    assert len(works.pages()) == 2


def test_what_can_not_be_stopped_is_over_all_the_same(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(fix: Remediation) -> None:
        raise DENIED

    monkeypatch.setattr(works.world.aws, "stop", stop)
    works.world.aws.answers = [Progress(said="")] * 500
    fix = works.runs()
    works.deliver()
    later(works, minutes=16)
    assert now(works, fix).status is S.TIMED_OUT


def test_while_aws_throttles_it_is_followed_on_but_not_for_ever(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(fix: Remediation) -> Progress:
        raise THROTTLED

    fix = works.runs()
    works.deliver()
    monkeypatch.setattr(works.world.aws, "follow", follow)
    later(works, minutes=14)
    assert now(works, fix).status is S.RUNNING
    later(works, minutes=2)
    assert now(works, fix).status is S.TIMED_OUT


def test_the_card_is_edited_as_it_goes(works: Works) -> None:
    works.world.aws.answers = [Progress(said="3 of 6 tasks run web:56")]
    works.runs(works.firing())
    works.deliver()
    later(works, seconds=4)
    (card,) = works.world.chat.said.values()
    assert "3 of 6 tasks run web:56" in str(card.message.blocks)
    assert card.thread_ts == "1.AL-1"


def test_the_card_is_left_alone_while_there_is_no_news(works: Works) -> None:
    works.world.aws.answers = [Progress(said="3 of 6 tasks run web:56")] * 5
    works.runs(works.firing())
    works.deliver()
    for _ in range(5):
        later(works, seconds=4)
    told = len(works.world.chat.edits)
    works.world.aws.answers = [Progress(said="3 of 6 tasks run web:56", state={"seen": 3})] * 2
    for _ in range(2):
        later(works, seconds=4)
    assert len(works.world.chat.edits) == told
    works.world.aws.answers = [Progress(said="4 of 6 tasks run web:56")]
    later(works, seconds=4)
    assert len(works.world.chat.edits) == told + 1


# -- verify


def verified(works: Works, fix: Remediation) -> Remediation:
    later(works, minutes=15)
    return now(works, fix)


@pytest.mark.parametrize(
    ("live", "is_firing", "status"),
    [
        (AlarmState.OK, False, S.VERIFIED),
        (AlarmState.OK, True, S.VERIFIED),
        (AlarmState.ALARM, True, S.NOT_RECOVERED),
        (AlarmState.ALARM, False, S.NOT_RECOVERED),
        (AlarmState.INSUFFICIENT_DATA, True, S.NOT_RECOVERED),
        (AlarmState.INSUFFICIENT_DATA, False, S.VERIFIED),
        (None, True, S.NOT_RECOVERED),
        (None, False, S.VERIFIED),
    ],
)
def test_the_alarm_has_the_word_and_where_it_is_silent_what_was_heard_last(
    works: Works, live: AlarmState | None, is_firing: bool, status: RemediationStatus
) -> None:
    alert = works.firing()
    fix = works.finished(alert)
    works.world.alarms.standing = {alert.alarm.name: live} if live else {}
    if not is_firing:
        over = works.store.alert(1).changed(status=AlertStatus.RESOLVED, over_at=NOW)
        works.store.save(Change(alerts=(over,)), NOW)
    assert verified(works, fix).status is status


def test_where_the_alarms_can_not_be_asked_what_was_heard_last_counts(works: Works) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.error = DENIED
    assert verified(works, fix).status is S.NOT_RECOVERED


def test_of_an_incident_all_alarms_have_to_be_ok(works: Works) -> None:
    incident = works.declared()
    names = [works.firing(number, incident=1).alarm.name for number in (1, 2)]
    fix = works.finished(incident)
    works.world.alarms.standing = {names[0]: AlarmState.OK, names[1]: AlarmState.ALARM}
    assert verified(works, fix).status is S.NOT_RECOVERED


def test_without_an_alarm_the_metrics_have_the_word(works: Works) -> None:
    fix = works.finished()
    works.world.metrics.readings = (Reading(measure=Measure.CPU, now=31, peak=40, unit="%"),)
    done = verified(works, fix)
    assert (done.status, done.verdict) == (S.VERIFIED, ("CPU 31 %",))


def test_without_alarm_and_metrics_nothing_speaks_for_it(works: Works) -> None:
    done = verified(works, works.finished())
    assert (done.status, done.verdict) == (
        S.NOT_RECOVERED,
        ("neither the alarm, a metric nor the deployment could be read",),
    )


def test_metrics_are_looked_at_since_it_should_be_felt(works: Works) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    verified(works, fix)
    (scope,) = works.world.metrics.asked
    assert fix.finished_at is not None
    assert scope.until == works.world.clock() == fix.finished_at + timedelta(minutes=15)
    assert fix.finished_at < scope.since < scope.until - timedelta(minutes=5)
    assert (scope.service, scope.alarm) == (SERVICE, works.store.alert(1).alarm)


def test_what_is_measured_is_held_against_how_bad_it_was(works: Works) -> None:
    alert = works.firing()
    works.world.clock.move(minutes=3)
    fix = works.finished(alert)
    works.world.alarms.standing = {alert.alarm.name: AlarmState.OK}
    works.world.metrics.readings = (Reading(measure=Measure.ERRORS, now=720, peak=720),)
    assert "720/min at its worst)" in verified(works, fix).verdict[-1]
    after, before = works.world.metrics.asked
    assert fix.started_at is not None
    assert before.since < alert.fired_at < before.until == fix.started_at < after.since


def test_what_fires_again_is_not_measured_as_what_was_repaired(works: Works) -> None:
    fix = works.finished(works.firing())
    assert fix.finished_at is not None
    back = fix.finished_at + timedelta(minutes=6)
    works.store.save(Change(alerts=(works.store.alert(1).changed(returned=(back,)),)), NOW)
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    assert verified(works, fix).verdict[-1] == "it fired again 6 min after it was done"
    assert [scope.until for scope in works.world.metrics.asked] == [back]


def test_nothing_of_before_it_was_done_is_measured(works: Works) -> None:
    """A short `verify`: what is measured by then is a part of the outage."""
    with closing(Works(SqliteStore(":memory:"), World(), limits={"verify": "2m"})) as made:
        fix = made.finished()
        later(made, minutes=2)
        assert fix.finished_at is not None
        assert [scope.since > fix.finished_at for scope in made.world.metrics.asked] == [True]
    with closing(Works(SqliteStore(":memory:"), World(), limits={"verify": "30s"})) as made:
        made.finished()
        later(made, seconds=30)
        assert made.world.metrics.asked == [], "CloudWatch has no minute of it yet"


def test_of_a_composite_alarm_its_childrens_metrics_are_read(works: Works) -> None:
    """They are over like itself by the time its effect is looked at; one that was over before is not its trouble."""
    alarms = {number: alert(number).alarm.model_copy(update={"metric": "5XXError"}) for number in (2, 3)}
    names = tuple(alarm.name for alarm in alarms.values())
    whole = works.firing(1, alarm=alert(1).alarm.model_copy(update={"children": names}))
    for number, over in ((2, after(60)), (3, after(-60))):
        key = alarms[number].key
        works.firing(number, alarm=alarms[number], key=key, status=AlertStatus.RESOLVED, over_at=over)
        works.store.save(Change(heads=(head(key, number=number),)), NOW)
    verified(works, works.finished(whole))
    assert [scope.alarm for scope in works.world.metrics.asked] == [alarms[2]]


def killed(works: Works, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    answer = Gathered(Asked(source=Source.METRICS, outcome=SourceOutcome.FOUND), {"stopped": count})
    monkeypatch.setattr(works.world.metrics, "collect", lambda scope: answer)


@pytest.mark.parametrize(
    ("action", "status", "line"),
    [
        (Action.SCALE_UP, S.VERIFIED, "8 tasks were killed out of memory since, in another trouble: AL-2, FIX-2"),
        (Action.RESTART, S.NOT_RECOVERED, "8 tasks were killed out of memory since"),
    ],
    ids=["for CPU", "for memory"],
)
def test_a_later_troubles_killed_tasks_are_told_and_condemn_only_what_was_for_memory(
    works: Works, monkeypatch: pytest.MonkeyPatch, action: Action, status: RemediationStatus, line: str
) -> None:
    fix = works.finished(works.firing(), action=action)
    works.world.clock.move(minutes=5)
    at = works.world.clock()
    other = works.firing(2, fired_at=at)
    works.finished(other)
    works.store.save(Change(alerts=(other.changed(status=AlertStatus.RESOLVED, over_at=at),)), at)
    killed(works, monkeypatch, 8)
    later(works, minutes=10)
    done = now(works, fix)
    assert (done.status, line in done.verdict) == (status, True), done.verdict


@pytest.mark.parametrize("other", ["before", "of another service", "silenced"])
def test_killed_tasks_that_nothing_later_explains_are_its_own(
    works: Works, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    fix = works.finished(works.firing(), action=Action.SCALE_UP)
    fired_at = NOW - timedelta(minutes=1) if other == "before" else works.world.clock()
    service = "search-api" if other == "of another service" else SERVICE
    shown = Shown.SILENCED if other == "silenced" else Shown.CARD
    works.firing(2, fired_at=fired_at, service=service, shown=shown)
    killed(works, monkeypatch, 2)
    assert verified(works, fix).status is S.NOT_RECOVERED


def test_another_trouble_that_goes_on_is_told(works: Works) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    works.world.clock.move(minutes=1)
    other = works.firing(13, fired_at=works.world.clock(), severity=Severity.SEV1)
    works.firing(14, service="search-api")
    works.world.clock.move(minutes=14)
    works.deliver()
    done = now(works, fix)
    assert (done.status, done.verdict) == (
        S.VERIFIED,
        ("the alarm is OK", f"another trouble goes on: AL-13 ({other.alarm.name})"),
    )


@pytest.mark.parametrize(
    ("stands", "status", "line"),
    [
        (Progress(said="5 of 5 tasks run web:57"), S.VERIFIED, "5 of 5 tasks run web:57"),
        (Progress(said="", problem="web is on web:55 by now, not on web:56"), S.VERIFIED, "web is on web:55 by now"),
    ],
)
def test_how_it_stands_after_a_later_change_is_that_ones_doing(
    works: Works, stands: Progress, status: RemediationStatus, line: str
) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    works.world.clock.move(minutes=5)
    works.finished(works.store.alert(1), action=Action.SCALE_UP)
    works.world.aws.stands = stands
    works.world.clock.move(minutes=11)
    works.deliver()
    done = now(works, fix)
    assert done.status is status
    assert any(each.startswith(f"since FIX-2 (web:57 → web:56): {line}") for each in done.verdict), done.verdict


def test_tasks_killed_out_of_memory_since_are_a_no(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    answer = Gathered(Asked(source=Source.METRICS, outcome=SourceOutcome.FOUND), {"stopped": 2})
    monkeypatch.setattr(works.world.metrics, "collect", lambda scope: answer)
    done = verified(works, fix)
    assert (done.status, done.verdict[0]) == (S.NOT_RECOVERED, "2 tasks were killed out of memory since")


def test_how_it_is_deployed_counts_and_is_shown(works: Works) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    works.world.aws.stands = Progress(said="", problem="web is on web:58 by now, not on web:56")
    done = verified(works, fix)
    assert (done.status, done.verdict) == (
        S.NOT_RECOVERED,
        ("web is on web:58 by now, not on web:56", "the alarm is OK"),
    )


def test_what_stands_as_it_should_is_enough_where_nothing_else_is_known(works: Works) -> None:
    works.world.aws.stands = Progress(said="6 of 6 tasks run web:56")
    done = verified(works, works.finished())
    assert (done.status, done.verdict) == (S.VERIFIED, ("6 of 6 tasks run web:56",))


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (DENIED, S.VERIFIED, "how it is deployed could not be read: AccessDeniedException: ecs:UpdateService on"),
        (Refused("There is no ECS service shop/web."), S.NOT_RECOVERED, "There is no ECS service shop/web."),
    ],
)
def test_a_deployment_that_can_not_be_read_is_told_and_one_that_is_gone_is_a_no(
    works: Works, error: Exception, status: RemediationStatus, line: str
) -> None:
    fix = works.finished(works.firing())
    works.world.alarms.standing = {works.store.alert(1).alarm.name: AlarmState.OK}
    works.world.aws.unseen = error
    done = verified(works, fix)
    assert done.status is status
    assert any(each.startswith(line) for each in done.verdict)


def test_a_runbook_is_measured_at_what_it_acts_on(works: Works) -> None:
    catalogue = {"cluster": "shop", "ecs_service": SERVICE, "dead_letter_queue": "work-dlq", "function": "hook"}
    with closing(Works(SqliteStore(":memory:"), World(), more={"services": {SERVICE: catalogue}})) as made:
        for name, kept in (
            ("AIOps-PurgeSQSDLQ", ()),
            ("AIOps-RotateLambdaAlias", ("function",)),
            ("", tuple(catalogue)),
        ):
            action = Action.RUNBOOK if name else Action.RESTART
            verified(made, made.finished(action=action, runbook=name))
            scope = made.world.metrics.asked[-1]
            known = [field for field in catalogue if getattr(scope.resources, field)]
            assert known == list(kept), name
            made.world.clock.move(hours=1)


# -- by itself


def propose(works: Works, subject: str) -> None:
    row = owed.propose(order(), subject, f"rollback/{SERVICE}", "RCA-1: errors")
    works.store.save(Change(owed=(row,)), works.world.clock())


def test_a_proposal_begins_and_a_second_one_of_the_same_does_not(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, timedelta(days=1))
    subject = works.firing()
    propose(works, subject.id)
    works.deliver()
    propose(works, subject.id)
    works.deliver()
    assert works.world.aws.begun == [1]
    notes = [str(each.body["text"]) for each in works.world.others.of(OwedKind.POST)]
    assert sum("did not begin by itself: FIX-1 runs for checkout-api right now" in each for each in notes) == 1


def test_a_proposal_that_was_carried_twice_begins_once(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, timedelta(days=1))
    works.deliver()
    propose(works, works.firing().id)
    (row,) = works.claim()
    works.carriers.carry(row)
    works.store.release_claims(works.owner)
    works.deliver()
    works.carry(row)
    works.deliver()
    assert works.world.aws.begun == [fix.number for fix in works.store.remediations()]
    assert len(works.world.aws.begun) == 1


def test_a_throttled_proposal_waits_a_little_and_begins(works: Works) -> None:
    works.fixes.standing.grant(ANA, "rollback", SERVICE, timedelta(days=1))
    propose(works, works.firing().id)
    works.world.aws.refuse = THROTTLED
    works.deliver()
    works.world.aws.refuse = None
    later(works, seconds=2)
    assert works.world.aws.begun == [1]


# -- cards


def test_a_card_is_posted_once_under_what_it_is_about_and_then_edited(works: Works) -> None:
    fix = works.plan(works.firing())
    works.world.chat.lose = ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)
    works.deliver()
    later(works, seconds=2)
    works.fixes.approve(ANA, fix.number)
    later(works, seconds=2)
    ((ts, card),) = works.world.chat.said.items()
    assert (card.channel, card.thread_ts) == ("C0OPS", "1.AL-1")
    assert set(works.world.chat.edits) == {ts}
    assert works.store.posted("FIX-1", "ops") is not None


def test_what_belongs_to_nothing_stands_in_the_incident_channel(works: Works) -> None:
    works.plan()
    works.deliver()
    (card,) = works.world.chat.said.values()
    assert (card.channel, card.thread_ts) == ("ops-incidents", None)


def test_a_card_waits_for_the_one_that_it_stands_under(works: Works) -> None:
    subject = works.firing()
    works.store._db.write("DELETE FROM posted")
    works.plan(subject)
    works.deliver()
    assert works.world.chat.said == {}
    works.stands("AL-1")
    later(works, seconds=2)
    assert [each.thread_ts for each in works.world.chat.said.values()] == ["1.AL-1"]


def test_what_is_known_of_a_child_stands_under_its_composite_alarm(works: Works) -> None:
    works.firing(1)
    works.plan(works.firing(2, parent=1, shown=Shown.INHIBITED))
    works.deliver()
    assert [each.thread_ts for each in works.world.chat.said.values()] == ["1.AL-1"]


def test_an_incidents_own_channel_has_its_card_too(works: Works) -> None:
    works.plan(works.declared(channel_id="C1INC"))
    works.deliver()
    assert sorted((each.channel, each.thread_ts) for each in works.world.chat.said.values()) == [
        ("C0OPS", "1.INC-1"),
        ("C1INC", None),
    ]


# -- reports


def concluded(works: Works, subject: str = "AL-1", number: int = 1, **values: Any) -> Investigation:
    facts = {"status": InvestigationStatus.FAILED, "problem": "nothing could be read", "done_at": NOW}
    facts |= {"subject": subject, "service": SERVICE, "severity": Severity.SEV2, "asked_at": NOW, **values}
    made = Investigation.model_validate({"number": number, **facts})
    works.store.save(Change(investigations=(made,)), NOW)
    return works.store.investigation(number)


def test_a_report_is_posted_once_and_edited_when_it_changes(works: Works) -> None:
    works.firing()
    found = concluded(works)
    works.store.save(Change(owed=(owed.report(found, "ops"),)), NOW)
    works.world.chat.lose = ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)
    works.deliver()
    later(works, seconds=2)
    ((ts, report),) = works.world.chat.said.items()
    assert report.thread_ts == "1.AL-1"
    assert "nothing could be read" in said(report.message)
    dismissed = Change(investigations=(found.changed(is_dismissed=True),), owed=(owed.report(found, "ops"),))
    works.store.save(dismissed, works.world.clock())
    later(works, seconds=2)
    assert list(works.world.chat.said) == [ts]
    assert works.world.chat.edits[-1] == ts


def test_a_report_that_was_deleted_comes_again_under_its_card(works: Works) -> None:
    works.firing()
    found = concluded(works)
    for _ in range(2):
        works.store.save(Change(owed=(owed.report(found, "ops"),)), works.world.clock())
        later(works, seconds=2)
        works.world.chat.deleted = set(works.world.chat.said)
    assert [each.thread_ts for each in works.world.chat.said.values()] == ["1.AL-1", "1.AL-1"]
    known = works.store.posted("RCA-1", "ops")
    assert known is not None
    assert (known.ts, known.thread_ts) == (list(works.world.chat.said)[-1], "1.AL-1")


def test_a_report_whose_card_was_deleted_too_comes_under_the_one_that_replaces_it(works: Works) -> None:
    works.firing()
    found = concluded(works)
    works.world.chat.deleted = {"1.AL-1"}
    works.store.save(Change(owed=(owed.report(found, "ops"),)), NOW)
    works.deliver()
    assert works.world.chat.said == {}
    assert [each.subject for each in works.world.others.of(OwedKind.ALERT)] == ["AL-1"], "its card is shown anew"
    works.store._db.write("UPDATE posted SET ts = '2.AL-1' WHERE subject = 'AL-1'")
    later(works, minutes=6)
    assert [each.thread_ts for each in works.world.chat.said.values()] == ["2.AL-1"]


def said(message: Message) -> str:
    return f"{message.text} {message.blocks}"


def pictured(works: Works) -> None:
    works.firing()
    found = concluded(works)
    report = owed.report(found, "ops")
    works.store.keep_picture("RCA-1", PNG, NOW)
    works.store.save(Change(owed=(report, owed.picture(found, "ops", report.id))), NOW)


def test_a_picture_goes_into_the_thread_behind_the_report(works: Works) -> None:
    pictured(works)
    works.deliver()
    assert works.world.chat.uploads == [("C0OPS", "1.AL-1", "RCA-1.png", PNG)]


def test_a_picture_stays_with_its_report_when_the_alert_has_moved_under_another_card(works: Works) -> None:
    pictured(works)
    works.world.clock.move(seconds=1)
    (report,) = works.claim()
    works.carry(report)
    works.firing(2)
    alert = works.store.alert(1)
    works.store.save(Change(alerts=(alert.changed(lead=2, shown=Shown.THREAD),)), works.world.clock())
    works.deliver()
    assert works.world.chat.uploads == [("C0OPS", "1.AL-1", "RCA-1.png", PNG)]


def test_a_picture_is_never_sent_twice(works: Works) -> None:
    pictured(works)
    works.world.clock.move(seconds=1)
    (report,) = works.claim()
    works.carry(report)
    works.world.chat.lose = ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)
    works.deliver()
    later(works, minutes=10)
    assert len(works.world.chat.uploads) == 1


def test_a_picture_that_slack_refused_for_now_is_sent_later(works: Works) -> None:
    pictured(works)
    (report,) = works.claim()
    works.carry(report)
    works.world.chat.fail = ChatError("ratelimited", retryable=True, retry_after=5)
    works.deliver()
    assert works.world.chat.uploads == []
    later(works, seconds=6)
    assert len(works.world.chat.uploads) == 1


def test_a_picture_that_is_gone_or_a_report_that_does_not_stand_is_no_error(works: Works) -> None:
    works.firing()
    found = concluded(works)
    works.store.save(Change(owed=(owed.picture(found, "ops", "never-was"),)), NOW)
    works.deliver()
    works.store.keep_picture("RCA-1", PNG, NOW)
    works.store.save(Change(owed=(owed.picture(found, "ops", "never-was"),)), NOW)
    works.deliver()
    assert works.world.chat.uploads == []


def test_an_order_comes_back_from_its_row_as_it_was(works: Works) -> None:
    wanted = order(revision="web:55", parameters={"Wait": "1"})
    row = owed.propose(wanted, "AL-1", "rollback/checkout-api", "why")
    assert Order.model_validate(row.body["order"]) == wanted
