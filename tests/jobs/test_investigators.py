"""Looking for root causes: sources that hang, stumble or are late, and processes that die in between."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.errors import StoreBusy
from bot.investigation import Investigations, Investigator
from bot.ledger import Ledger
from bot.models import (
    Action,
    Alert,
    AlertStatus,
    Approval,
    Asked,
    Cause,
    Change,
    Diagnosis,
    Evidence,
    Incident,
    Investigation,
    InvestigationStatus,
    LogClass,
    LogFinding,
    Measure,
    Order,
    OwedKind,
    Person,
    Reading,
    Severity,
    Source,
    SourceOutcome,
    Status,
    Storm,
)
from bot.ports import Gathered, Scope
from bot.rca import diagnose
from bot.rights import Caller, Rights
from bot.steps.causes import wanted_for
from bot.store.sqlite import SqliteStore
from jobs import investigators
from jobs.investigators import LEASE_SECONDS, Bench, Investigators
from tests.bot.fixing import remediation
from tests.bot.make import NOW, after, alert, incident
from tests.bot.storing import at_once
from tests.clock import MovableClock
from tests.workspace import wait_for

ANA = Caller("U0ANA")
S = InvestigationStatus
DEADLINE = 0.2
PNG = b"\x89PNG\x00"
Collect = Callable[[Scope], Gathered]


class People:
    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)


class Answering:
    """A source that answers as the test wants."""

    def __init__(self, source: Source, collect: Collect) -> None:
        self.source = source
        self.collect = collect


def found(source: Source, *, picture: bytes = b"", **values: Any) -> Answering:
    return Answering(source, lambda scope: Gathered(Asked(source=source, outcome=SourceOutcome.FOUND), values, picture))


def stumbles(source: Source) -> Answering:
    def collect(scope: Scope) -> Gathered:
        raise RuntimeError("a bug")

    return Answering(source, collect)


CPU = found(Source.METRICS, readings=(Reading(measure=Measure.CPU, now=97, peak=99, expected=30, deviation=4),))


class Hanging(Answering):
    """One that answers only when it is let go."""

    def __init__(self, source: Source = Source.LOGS) -> None:
        self.gate = threading.Event()
        super().__init__(source, self._hang)

    def _hang(self, scope: Scope) -> Gathered:
        self.gate.wait(10)
        line = LogFinding(kind=LogClass.TIMEOUT, pattern="late", count=1)
        return Gathered(Asked(source=self.source, outcome=SourceOutcome.FOUND), {"logs": (line,)})


class Process:
    """One bot process: its investigators on a store, as far as the test lets them run."""

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Answering] = (CPU,),
        *,
        owner: str = "a",
        clock: MovableClock | None = None,
        analyst: Any = diagnose,
        services: Any = None,
    ) -> None:
        self.store = SqliteStore(folder / "aiops.db")
        self.clock = clock or MovableClock()
        config = Config.model_validate({"services": services or {}})
        ledger = Ledger(self.store, self.clock, lambda: None)
        self.investigations = Investigations(ledger, Rights(People(), config), config, analyst)
        self.investigator = Investigator(sources, DEADLINE)
        self.job = Investigators(Bench(self.store, self.clock, owner), self.investigations, self.investigator)

    def close(self) -> None:
        self.job.stop()
        self.store.close()

    def ask(self, number: int = 1) -> Investigation:
        self.store.save(Change(alerts=(alert(number, has_stood=True),)), NOW)
        return self.investigations.ask(ANA, self.store.alert(number))[0]

    def orders(self) -> list[Order]:
        """What was begun by itself."""
        rows = self.store._db.rows("SELECT body FROM outbox WHERE kind = ?", [OwedKind.PROPOSE.value])
        return [Order.model_validate(json.loads(row["body"])["order"]) for row in rows]

    def owed(self, kind: OwedKind) -> int:
        rows = self.store._db.rows("SELECT COUNT(*) AS n FROM outbox WHERE kind = ?", [kind.value])
        return int(rows[0]["n"])


Made = Callable[..., Process]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Made]:
    """Starts one more process on the same file."""
    with ExitStack() as stack:

        def another(*sources: Answering, **more: Any) -> Process:
            made = Process(tmp_path, sources or (CPU,), **more)
            stack.enter_context(closing(made))
            return made

        yield another


def evidence(made: Process, number: int = 1) -> Evidence:
    concluded = made.store.investigation(number)
    assert concluded.evidence is not None
    return concluded.evidence


# -- what begins by itself

GROUP = {"shop": {"auto_scaling_group": "shop"}}
TASKS = {"shop": {"cluster": "prod", "ecs_service": "shop"}}
LEAK = found(Source.METRICS, stopped=3, wanted=40)
FEW = found(Source.METRICS, stopped=3, wanted=4)


@pytest.mark.parametrize(
    ("source", "services", "approved", "begun"),
    [
        (CPU, GROUP, "AIOps-ScaleOutEC2ASG", ["AIOps-ScaleOutEC2ASG"]),
        (CPU, GROUP, "scale_up", ["AIOps-ScaleOutEC2ASG"]),
        (LEAK, TASKS, "AIOps-RestartECSService", ["AIOps-RestartECSService"]),
        (LEAK, TASKS, "restart", ["AIOps-RestartECSService"]),
        (FEW, TASKS, "restart", ["restart"]),
        (FEW, TASKS, "AIOps-RestartECSService", []),
    ],
)
def test_what_helps_where_the_service_runs_begins_where_it_or_its_action_is_approved(
    process: Made, source: Answering, services: Any, approved: str, begun: list[str]
) -> None:
    made = process(source, services=services)
    now = made.clock()
    given = Approval(name=approved, service="shop", by="U0ANA", at=now, until=now + timedelta(hours=1))
    made.store.save(Change(approvals=(given,)), NOW)
    made.ask()
    made.job._next()
    assert [each.name for each in made.orders()] == begun


@pytest.mark.parametrize(
    ("own", "begun"), [("", ["AIOps-RestartECSService"]), ("given", [])], ids=["not yet", "at triage"]
)
def test_the_document_of_the_alarm_begins_under_the_approval_of_its_action(
    process: Made, own: str, begun: list[str]
) -> None:
    made = process(found(Source.METRICS), services=TASKS)
    now = made.clock()
    given = Approval(name="restart", service="shop", by="U0ANA", at=now, until=now + timedelta(hours=1))
    subject = alert(1, has_stood=True, runbook="AIOps-RestartECSService", approval=own)
    made.store.save(Change(alerts=(subject,), approvals=(given,)), NOW)
    made.investigations.ask(ANA, subject)
    made.job._next()
    assert [each.name for each in made.orders()] == begun


def leaks(made: Process, number: int, *, service: str = "shop", **values: Any) -> None:
    """A report that recommends to restart, about another alert."""
    subject = alert(number, has_stood=True, service=service, **values)
    said = made.store.investigation(1).changed(
        number=90, subject=subject.id, service=service, version=0, by=None, status=S.DONE, done_at=made.clock(),
        diagnosis=Diagnosis(cause=Cause.MEMORY_LEAK, severity=Severity.SEV2, confidence=0.9, action=Action.RESTART),
    )  # fmt: skip
    made.store.save(Change(alerts=(subject,), investigations=(said,)), NOW)


OVER = {"status": AlertStatus.RESOLVED, "over_at": NOW}


@pytest.mark.parametrize(
    ("other", "begins"),
    [(None, True), ({}, False), (OVER, True), ({"service": "other"}, True)],
    ids=["alone", "says otherwise", "its alert is over", "of another service"],
)
def test_nothing_begins_by_itself_while_two_reports_of_a_service_disagree(
    process: Made, other: dict[str, Any] | None, begins: bool
) -> None:
    made = process(CPU, services=TASKS)
    now = made.clock()
    given = Approval(name="scale_up", service="shop", by="U0ANA", at=now, until=now + timedelta(hours=1))
    made.store.save(Change(approvals=(given,)), NOW)
    made.ask()
    if other is not None:
        leaks(made, 2, **other)
    made.job._next()
    assert made.owed(OwedKind.PROPOSE) == int(begins)
    notes = made.store._db.rows("SELECT body FROM outbox WHERE kind = 'post'")
    assert any("RCA-90 memory leak" in row["body"] for row in notes) is not begins


@pytest.mark.parametrize("how", ["the newest", "its remedy was begun", "put aside", "one waits"])
def test_which_report_stands_for_an_incident(process: Made, how: str) -> None:
    """The one that its remediation began with, though the other has the higher number."""
    made = process(CPU, services=TASKS)
    made.ask()
    made.job._next()
    one = made.store.investigation(1)
    assert one.diagnosis is not None
    leaks(made, 2, incident=1)
    first = made.store.alert(1).changed(incident=1)
    made.store.save(Change(incidents=(incident(1),), alerts=(first,)), NOW)
    if how == "its remedy was begun":
        fix = Order(action=Action.SCALE_UP, service="shop", environment="prod")
        made.store.save(Change(remediations=(remediation(1, order=fix, subject=first.id, version=0),)), NOW)
    if how == "put aside":
        other = made.store.investigation(90)
        made.store.save(Change(investigations=(other.changed(is_dismissed=True),)), NOW)
    if how == "one waits":
        made.investigations.ask(ANA, made.store.incident(1))
    newest = made.investigations.newest(ANA, made.store.incident(1))
    assert newest is not None
    assert newest.number == {"the newest": 90, "one waits": 2}.get(how, 1)


# -- what is found


def test_what_all_sources_found_is_one_report(process: Made) -> None:
    lines = (LogFinding(kind=LogClass.EXCEPTION, pattern="KeyError", count=9),)
    made = process(CPU, found(Source.LOGS, logs=lines), found(Source.ALARM, logs=lines))
    made.ask()
    assert made.job._next()
    done = made.store.investigation(1)
    assert (done.status, done.problem) == (S.DONE, "")
    assert done.diagnosis is not None
    looked = evidence(made)
    assert [each.source for each in looked.asked] == [Source.METRICS, Source.LOGS, Source.ALARM]
    assert looked.logs == lines * 2, "lists that two sources fill are one list"
    assert looked.readings[0].measure is Measure.CPU
    assert made.owed(OwedKind.REPORT) == 1
    assert not made.job._next(), "nothing waits any more"


def test_a_source_that_hangs_is_told_at_the_deadline_and_the_others_count(process: Made) -> None:
    slow = Hanging()
    made = process(slow, CPU)
    made.ask()
    begun = time.monotonic()
    made.job._next()
    assert time.monotonic() - begun >= DEADLINE
    answer = evidence(made).answer(Source.LOGS)
    assert answer is not None
    assert (answer.outcome, answer.why) == (SourceOutcome.FAILED, "no answer within 0.2 s")
    assert evidence(made).readings
    slow.gate.set()


def test_what_comes_too_late_changes_nothing(process: Made) -> None:
    slow = Hanging()
    made = process(slow, CPU)
    made.ask()
    made.job._next()
    before = made.store.investigation(1)
    slow.gate.set()
    made.investigator.close()
    assert made.store.investigation(1) == before
    assert evidence(made).logs == ()


def test_while_a_source_hangs_another_investigation_has_it_asked_too(process: Made) -> None:
    slow = Hanging()
    made = process(slow, CPU)
    for number in (1, 2):
        made.ask(number)
    at_once(made.job._next, made.job._next)
    assert {made.store.investigation(number).status for number in (1, 2)} == {S.DONE}
    slow.gate.set()


@pytest.mark.logs_errors
def test_a_source_with_a_bug_is_told_and_the_others_count(process: Made) -> None:
    made = process(stumbles(Source.TRACES), CPU)
    made.ask()
    made.job._next()
    answer = evidence(made).answer(Source.TRACES)
    assert answer is not None
    assert (answer.outcome, answer.why) == (SourceOutcome.FAILED, "it could not be read")
    assert made.store.investigation(1).diagnosis is not None


def test_without_any_source_there_is_a_report_all_the_same(process: Made) -> None:
    made = process(Answering(Source.HEALTH, lambda _: Gathered(Asked(source=Source.HEALTH, outcome=SourceOutcome.OFF))))
    made.ask()
    made.job._next()
    assert made.store.investigation(1).status is S.DONE


# -- the picture


def test_a_picture_is_kept_until_it_is_old_and_owed_behind_the_report(process: Made) -> None:
    made = process(CPU, found(Source.PICTURE, picture=PNG))
    made.ask()
    made.job._next()
    assert made.store.picture("RCA-1") == PNG
    rows = {row["kind"]: row for row in made.store._db.rows("SELECT * FROM outbox")}
    assert rows["picture"]["after"] == rows["report"]["id"]
    made.store.forget_before(made.clock())
    assert made.store.picture("RCA-1") is None


def test_without_a_picture_none_is_owed(process: Made) -> None:
    made = process(CPU)
    made.ask()
    made.job._next()
    assert (made.store.picture("RCA-1"), made.owed(OwedKind.PICTURE)) == (None, 0)


# -- what goes wrong


@pytest.mark.logs_errors
def test_a_diagnosis_that_stumbles_ends_it_and_says_so(process: Made) -> None:
    def broken(evidence: Evidence) -> Diagnosis:
        raise RuntimeError("a bug")

    made = process(analyst=broken)
    made.ask()
    assert made.job._next()
    failed = made.store.investigation(1)
    assert (failed.status, failed.problem) == (S.FAILED, "the bot could not finish it; its log says why")
    assert made.owed(OwedKind.REPORT) == 1, "the report says it"
    assert not made.job._next(), "it is not tried for ever"


@pytest.mark.logs_errors
def test_a_busy_store_is_no_end(process: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made = process()
    made.ask()
    save = SqliteStore.save
    monkeypatch.setattr(SqliteStore, "save", lambda *_: (_ for _ in ()).throw(StoreBusy("locked")))
    assert not made.job._next()
    monkeypatch.setattr(SqliteStore, "save", save)
    assert made.store.investigation(1).status is S.WAITING
    made.clock.advance(LEASE_SECONDS)
    made.job._next()
    assert made.store.investigation(1).status is S.DONE


def test_after_a_crash_another_process_takes_it_when_the_lease_runs_out(process: Made) -> None:
    dead = process()
    dead.ask()
    assert dead.store.claim_investigation("dead", dead.clock(), lease=LEASE_SECONDS) is not None
    alive = process(owner="b", clock=dead.clock)
    assert not alive.job._next()
    dead.clock.advance(LEASE_SECONDS)
    assert alive.job._next()
    assert alive.store.investigation(1).status is S.DONE


def test_one_that_was_slow_to_conclude_does_not_report_twice(process: Made) -> None:
    slow, quick = process(), process(owner="b")
    slow.ask()
    taken = slow.store.claim_investigation("a", slow.clock(), lease=LEASE_SECONDS)
    assert taken is not None
    looked = slow.investigator.look(slow.investigations.scope(taken))
    quick.clock.advance(LEASE_SECONDS)
    quick.job._next()
    concluded = quick.store.investigation(1)
    assert slow.investigations.conclude(taken, looked) == concluded
    slow.investigations.fail(taken, "no")
    assert slow.store.investigation(1) == concluded
    assert slow.owed(OwedKind.REPORT) == 1


def test_two_processes_do_each_investigation_once(process: Made) -> None:
    asked: list[str] = []
    lock = threading.Lock()

    def collect(scope: Scope) -> Gathered:
        with lock:
            asked.append(scope.service)
        return Gathered(Asked(source=Source.METRICS, outcome=SourceOutcome.NOTHING))

    both = [process(Answering(Source.METRICS, collect), owner=owner) for owner in ("a", "b")]
    for number in range(1, 9):
        both[0].store.save(Change(alerts=(alert(number, has_stood=True, service=f"s{number}"),)), NOW)
        both[0].investigations.ask(ANA, both[0].store.alert(number))
    for each in both:
        each.job.start()
    wait_for(lambda: both[0].owed(OwedKind.REPORT) == 8, "all reports")
    assert sorted(asked) == [f"s{number}" for number in range(1, 9)]


# -- the threads


def test_a_nudge_starts_it_at_once(process: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(investigators, "POLL_SECONDS", 60.0)
    made = process()
    made.job.start()
    time.sleep(0.05)
    made.ask()
    made.job.nudge()
    wait_for(lambda: made.store.investigation(1).status is S.DONE, "the report")
    monkeypatch.setattr(investigators, "POLL_SECONDS", 0.1)


def test_what_another_process_asked_for_is_found_without_a_nudge(
    process: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(investigators, "POLL_SECONDS", 0.05)
    made, other = process(), process(owner="b")
    made.job.start()
    other.ask()
    wait_for(lambda: made.store.investigation(1).status is S.DONE, "the report")


# -- asking


class Still(MovableClock):
    """Moves only when it is told to."""

    def __call__(self) -> datetime:
        return NOW + self.ahead


def scope_of(made: Process, subject: Alert | Incident, minutes: float) -> Scope:
    """Asked for so long after it all began."""
    change = Change(alerts=(subject,)) if isinstance(subject, Alert) else Change(incidents=(subject,))
    made.store.save(change, NOW)
    made.clock.advance(minutes * 60)
    return made.investigations.scope(made.investigations.ask(ANA, subject)[0])


def test_what_still_fires_is_looked_at_until_now(process: Made) -> None:
    scope = scope_of(process(clock=Still()), alert(1, value=95.0), 300)
    assert (scope.since, scope.began_at, scope.until) == (after(-900), NOW, after(300 * 60))
    assert [each.value for each in scope.firing] == [95.0]


@pytest.mark.parametrize(("lasted", "until"), [(20 * 60, 20 * 60), (4, 120)])
def test_what_is_over_is_looked_at_as_it_was(process: Made, lasted: float, until: float) -> None:
    """Also while something else fires of the same service: that is no news of this."""
    made = process(clock=Still())
    made.store.save(Change(alerts=(alert(2, value=99.0),)), NOW)
    over = alert(1, status=AlertStatus.RESOLVED, over_at=after(lasted))
    scope = scope_of(made, over, 300)
    assert (scope.since, scope.began_at, scope.until) == (after(-900), NOW, after(until))
    assert scope.firing == ()


def test_what_came_back_is_looked_at_from_its_newest_firing(process: Made) -> None:
    scope = scope_of(process(clock=Still()), alert(1, returned=(after(600), after(1200))), 25)
    assert (scope.since, scope.began_at, scope.until) == (after(300), after(1200), after(1500))


def test_an_incident_is_looked_at_as_long_as_it_goes_on(process: Made) -> None:
    made = process(clock=Still())
    calm = alert(1, incident=1, status=AlertStatus.RESOLVED, over_at=after(60))
    made.store.save(Change(alerts=(calm, alert(2, incident=1, value=7.0, fired_at=after(120)))), NOW)
    goes_on = scope_of(made, incident(1, service="shop"), 180)
    assert (goes_on.began_at, goes_on.until) == (NOW, after(180 * 60))
    assert goes_on.alarm == alert(2).alarm, "the one that fires"
    resolved = incident(3, status=Status.RESOLVED, resolved_at=after(1800), resolved_by="U0ANA")
    assert scope_of(made, resolved, 60).until == after(1800)


def test_a_reopened_incident_is_looked_at_from_when_its_alarm_came_back(process: Made) -> None:
    made = process(clock=Still())
    made.store.save(Change(alerts=(alert(1, incident=1, returned=(after(3600),)),)), NOW)
    scope = scope_of(made, incident(1, service="shop", reopened=1), 70)
    assert (scope.began_at, scope.until) == (after(3600), after(4200))


STORM = Storm(channel="ops", window=NOW, began_at=NOW)


@pytest.mark.parametrize(
    ("values", "by", "is_begun"),
    [
        ({"severity": Severity.SEV2}, None, False),
        ({"severity": Severity.SEV1, "is_known_service": False}, None, False),
        ({"severity": Severity.SEV1, "is_known_service": True}, None, True),
        ({"severity": Severity.SEV2}, "U0ANA", True),
    ],
    ids=["a page", "of an unknown service", "of a known service", "somebody asked"],
)
def test_when_a_storm_began_before_its_turn_only_what_matters_most_is_looked_into(
    process: Made, values: dict[str, Any], by: str | None, is_begun: bool
) -> None:
    one = process()
    subject = alert(1, channels=("ops",), pages=True, has_stood=True, **values)
    one.store.save(Change(alerts=(subject,), storms=(STORM,), investigations=(wanted_for(subject, 1, NOW, by),)), NOW)
    assert one.job._next()
    ended = one.store.investigation(1)
    assert (ended.status, one.owed(OwedKind.REPORT)) == ((S.DONE, 1) if is_begun else (S.FAILED, 0))
    assert ("storm" in ended.problem) is not is_begun


def test_when_no_storm_is_on_any_more_it_has_its_turn(process: Made) -> None:
    one = process()
    subject = alert(1, channels=("ops",), pages=True, has_stood=True)
    over = STORM.changed(ended_at=NOW)
    one.store.save(Change(alerts=(subject,), storms=(over,), investigations=(wanted_for(subject, 1, NOW),)), NOW)
    assert one.job._next()
    assert one.store.investigation(1).status is S.DONE


def test_a_second_click_finds_the_first_ones(process: Made) -> None:
    made = process()
    first = made.ask()
    assert made.investigations.ask(ANA, made.store.alert(1)) == (made.store.investigation(1), False)
    made.job._next()
    second, is_new = made.investigations.ask(ANA, made.store.alert(1))
    assert (first.number, second.number, is_new) == (1, 2, True)
    newest = made.investigations.newest(ANA, made.store.alert(1))
    assert newest is not None
    assert newest.number == 2
