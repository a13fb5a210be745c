"""Exactly once: whatever clicks, processes that die, lost answers and slow workers do, AWS is changed once."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.errors import CloudError, Outcome, UserError
from bot.models import Action, Change, Delivery, OwedKind, Progress, Remediation, RemediationStatus
from bot.outbox import LEASE_SECONDS
from bot.remediation import Step
from bot.rights import Caller
from bot.store.sqlite import SqliteStore
from tests.bot.fixing import FakeFixes
from tests.bot.storing import at_once
from tests.bot.workshop import ANA, BOB, CY, SERVICE, Works, World

S = RemediationStatus
DENIED = CloudError("AccessDeniedException", detail="ecs:UpdateService on shop/checkout-api")
THROTTLED = CloudError("ThrottlingException", retryable=True)
LOST = CloudError("timeout", retryable=True, outcome=Outcome.UNKNOWN)


class Racing(SqliteStore):
    """A store in which somebody else gets in before the next save."""

    intruder: Callable[[], object] | None = None

    def save(self, change: Change, now: datetime) -> None:
        intruder, self.intruder = self.intruder, None
        if intruder is not None:
            intruder()
        super().save(change, now)


class Deeds(FakeFixes):
    """AWS that counts what is called and what it did: the same token twice does nothing a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.done: dict[str, Remediation] = {}
        self.loses = False
        self.steps = 0
        self.status: Callable[[int], RemediationStatus] = lambda number: S.RUNNING
        self.amiss: list[str] = []

    def start(self, remediation: Remediation) -> Progress:
        status = self.status(remediation.number)
        if status is not S.RUNNING:
            self.amiss.append(f"{remediation.id} was begun while it was {status.value}")
        progress = super().start(remediation)
        self.done.setdefault(remediation.token, remediation)
        if self.loses:
            self.loses = False
            raise LOST
        return progress

    def follow(self, remediation: Remediation) -> Progress:
        self.steps += 1
        return Progress(said="6 of 6 tasks run web:56", is_over=bool(self.steps % 3))


LIMITS = {"cool_down": "1s", "per_hour": 60, "approvals": [{"service": "search-api", "people": 1}]}


class TwoProcesses(RuleBasedStateMachine):
    """Two bot processes on one file, two services, three people who click what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="once-")
        self.aws = Deeds()
        self.world = World(self.aws)
        self.lives = 0
        self.works = [self._process(), self._process()]
        self.held: list[list[Delivery]] = [[], []]
        self.excuses: Counter[int] = Counter()  # how often a second call of the same start is to be expected
        self.seen: dict[int, RemediationStatus] = {}
        self.clicks = self.answers = 0
        self.aws.status = lambda number: self.store.remediation(number).status

    def teardown(self) -> None:
        """In the end everything is over and every service is free."""
        try:
            self._goes_on()
            assert self.store.open_remediations() == []
            for place in ("prod/checkout-api", "prod/search-api"):
                assert self.store.guard(place).running is None, f"{place} is held for ever"
            for fix in self.store.remediations(limit=500):
                ran = fix.token in self.aws.done
                assert ran or fix.status not in (S.VERIFIED, S.NOT_RECOVERED), f"{fix.id} is done and never began"
        finally:
            for each in self.works:
                each.close()
                each.store.close()
            self.folder.cleanup()

    def _goes_on(self) -> None:
        self.held = [[], []]
        for _ in range(20):
            for each in self.works:
                each.deliver()
                each.tick()
            self.world.clock.move(seconds=LEASE_SECONDS)

    def _process(self) -> Works:
        self.lives += 1
        store = Racing(Path(self.folder.name) / "aiops.db")
        return Works(store, self.world, owner=f"host:{self.lives}:x", limits=LIMITS)

    @property
    def store(self) -> SqliteStore:
        return self.works[0].store

    def _answered(self, click: Callable[[], object]) -> None:
        """Everybody who clicks gets an answer: how it stands, or in words why not."""
        self.clicks += 1
        try:
            answer = click()
        except UserError as refusal:
            answer = str(refusal)
        assert isinstance(answer, Step | Remediation) or len(str(answer)) > 10
        self.answers += 1

    def _any(self, data: st.DataObject) -> int:
        return int(data.draw(st.integers(1, self._count()), label="fix"))

    def _count(self) -> int:
        return len(self.store.remediations(limit=500))

    def _has_fixes(self) -> bool:
        return self._count() > 0

    def _holds(self) -> bool:
        return any(self.held)

    people = st.sampled_from((ANA, BOB, CY))
    process = st.sampled_from((0, 1))

    # -- people

    @rule(
        at=process,
        by=people,
        service=st.sampled_from((SERVICE, "search-api")),
        action=st.sampled_from((Action.ROLLBACK, Action.RESTART)),
        revision=st.sampled_from(("", "web:55")),
    )
    def somebody_plans(self, at: int, by: Caller, service: str, action: Action, revision: str) -> None:
        wanted = {"service": service, "action": action, "revision": revision}
        self._answered(lambda: self.works[at].plan(None, by, **wanted))

    @precondition(_has_fixes)
    @rule(at=process, by=people, second=people)
    def two_plan_the_same_at_the_same_moment(self, at: int, by: Caller, second: Caller) -> None:
        one, other = self.works[at], self.works[1 - at]
        assert isinstance(one.store, Racing)
        one.store.intruder = lambda: self._answered(lambda: other.plan(None, second))
        self._answered(lambda: one.plan(None, by))
        one.store.intruder = None

    @precondition(_has_fixes)
    @rule(data=st.data(), at=process, by=people)
    def somebody_approves(self, data: st.DataObject, at: int, by: Caller) -> None:
        number = self._any(data)
        self._answered(lambda: self.works[at].fixes.approve(by, number))

    @precondition(_has_fixes)
    @rule(data=st.data(), by=people, second=people, at=process)
    def two_approve_at_the_same_moment(self, data: st.DataObject, by: Caller, second: Caller, at: int) -> None:
        """In two processes: the other one's click comes between this one's reading and writing."""
        one, other, number = self.works[at], self.works[1 - at], self._any(data)
        assert isinstance(one.store, Racing)
        one.store.intruder = lambda: self._answered(lambda: other.fixes.approve(second, number))
        self._answered(lambda: one.fixes.approve(by, number))
        one.store.intruder = None

    @precondition(_has_fixes)
    @rule(data=st.data(), other=st.data(), by=people, at=process)
    def two_begin_for_one_service_at_the_same_moment(
        self, data: st.DataObject, other: st.DataObject, by: Caller, at: int
    ) -> None:
        one, two, first, second = self.works[at], self.works[1 - at], self._any(data), self._any(other)
        assert isinstance(one.store, Racing)
        one.store.intruder = lambda: self._answered(lambda: two.fixes.approve(CY, second))
        self._answered(lambda: one.fixes.approve(by, first))
        one.store.intruder = None

    @precondition(_has_fixes)
    @rule(data=st.data(), at=process, by=people)
    def somebody_rejects(self, data: st.DataObject, at: int, by: Caller) -> None:
        number = self._any(data)
        self._answered(lambda: self.works[at].fixes.reject(by, number))

    @precondition(_has_fixes)
    @rule(data=st.data(), at=process, by=people)
    def somebody_takes_back(self, data: st.DataObject, at: int, by: Caller) -> None:
        number = self._any(data)
        self._answered(lambda: self.works[at].fixes.undo(by, number))

    # -- processes

    @rule(at=process)
    def one_delivers(self, at: int) -> None:
        self.works[at].deliver()

    @rule(at=process)
    def one_takes_rows_and_is_slow(self, at: int) -> None:
        self.held[at] += self.works[at].claim(limit=3)

    @precondition(_holds)
    @rule(at=process)
    def the_slow_one_goes_on(self, at: int) -> None:
        held, self.held[at] = self.held[at], []
        for each in held:
            self.works[at].carry(each)

    @rule(at=process, how_far=st.sampled_from(("claimed", "carried")))
    def one_dies(self, at: int, how_far: str) -> None:
        """After it claimed rows, or after it carried them and before it wrote that down; another starts."""
        dead = self.works[at]
        rows = [*self.held[at], *dead.claim(limit=3)]
        self.held[at] = []
        if how_far == "carried":
            for each in rows:
                self._carries_for_nothing(dead, each)
        dead.close()
        dead.store.close()
        self.works[at] = self._process()
        self.works[at].store.release_claims(dead.owner)

    def _carries_for_nothing(self, dead: Works, row: Delivery) -> None:
        if _is_start(row):
            self.excuses[_number(row)] += 1
        try:
            dead.carriers.carry(row)
        except CloudError:
            return

    # -- AWS and time

    @rule(error=st.sampled_from((DENIED, THROTTLED)))
    def aws_refuses_the_next(self, error: CloudError) -> None:
        self.aws.fail = error

    @rule()
    def the_next_answer_is_lost(self) -> None:
        self.aws.loses = True

    @rule(seconds=st.sampled_from((1, 4, 61, LEASE_SECONDS, 600, 901)))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.move(seconds=seconds)
        if seconds >= LEASE_SECONDS:  # who still has rows may find that another one has them by now
            self.excuses.update(_number(row) for rows in self.held for row in rows if _is_start(row))
        for each in self.works:
            each.tick()

    # -- what holds at any time

    @invariant()
    def everybody_is_answered(self) -> None:
        assert self.clicks == self.answers

    @invariant()
    def a_start_is_called_again_only_where_its_outcome_was_not_known(self) -> None:
        lost = self.world.aws.begun
        for number, calls in Counter(lost).items():
            assert calls <= 1 + self.excuses[number] + self._retries(number), f"FIX-{number} began {calls} times"

    def _retries(self, number: int) -> int:
        """Tries of its row beyond the first: each is written down before it is made."""
        rows = self.store._db.rows(
            "SELECT attempts FROM outbox WHERE subject = ? AND kind = 'fix' AND lane = ?",
            [f"FIX-{number}", f"fix:{number}"],
        )
        return sum(int(row["attempts"]) - 1 for row in rows)

    @invariant()
    def one_start_is_owed_for_a_remediation(self) -> None:
        rows = self.store._db.rows("SELECT subject FROM outbox WHERE kind = ? AND body LIKE '%start%'", [OwedKind.FIX])
        assert all(count == 1 for count in Counter(row["subject"] for row in rows).values())

    @invariant()
    def nothing_is_begun_that_does_not_run(self) -> None:
        assert self.aws.amiss == []

    @invariant()
    def one_call_waits_for_a_remediation(self) -> None:
        rows = self.store._db.rows("SELECT subject FROM outbox WHERE kind = ? AND state = 'waiting'", [OwedKind.FIX])
        assert all(count == 1 for count in Counter(row["subject"] for row in rows).values())

    @invariant()
    def what_waits_is_planned_once(self) -> None:
        now = self.world.clock()
        waiting = [fix for fix in self.store.open_remediations() if fix.status is S.PLANNED and now < fix.expires_at]
        plans = Counter((fix.order.service, fix.order.name, fix.order.revision, fix.undoes) for fix in waiting)
        assert all(count == 1 for count in plans.values()), plans

    @invariant()
    def aws_does_only_what_somebody_approved(self) -> None:
        for planned in self.aws.done.values():
            fix = self.store.remediation(planned.number)
            assert fix.approved_by, fix.id
            assert fix.started_at is not None
            assert fix.started_at < fix.expires_at
            assert fix.order.service != "search-api" or set(fix.approved_by) - {fix.requested_by}, fix.id

    @invariant()
    def at_most_one_runs_for_a_service(self) -> None:
        running = [fix for fix in self.store.open_remediations() if fix.status is S.RUNNING]
        by_service = Counter(fix.order.service for fix in running)
        assert all(count == 1 for count in by_service.values()), by_service
        for fix in running:
            assert self.store.guard(f"prod/{fix.order.service}").running == fix.number

    @invariant()
    def what_is_over_stays_as_it_is(self) -> None:
        for fix in self.store.remediations(limit=500):
            before = self.seen.get(fix.number)
            assert before is None or not before.is_over or before is fix.status, f"{fix.id}: {before} → {fix.status}"
            self.seen[fix.number] = fix.status


def _is_start(row: Delivery) -> bool:
    return row.owed.kind is OwedKind.FIX and row.owed.body["step"] == "start"


def _number(row: Delivery) -> int:
    return int(row.owed.subject.partition("-")[2])


TestTwoProcesses = TwoProcesses.TestCase
TestTwoProcesses.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


# -- many at once


RUNS, CLICKS = 200, 8


@contextmanager
def several(folder: Path, aws: FakeFixes, count: int) -> Iterator[list[Works]]:
    world = World(aws)
    made = [
        Works(SqliteStore(folder / "aiops.db"), world, owner=f"host:{number}:x", limits={"cool_down": "1s"})
        for number in range(count)
    ]
    try:
        yield made
    finally:
        for each in made:
            each.close()
            each.store.close()


def test_two_hundred_times_eight_clicks_at_once_are_two_hundred_executions(tmp_path: Path) -> None:
    """Half of the clicks in each of two processes; every fourth time the one that calls AWS dies before it says so."""
    aws = Deeds()
    people = [Caller(f"U{number}") for number in range(CLICKS)]
    gate = threading.Barrier(CLICKS)
    with several(tmp_path, aws, 2) as works, ThreadPoolExecutor(CLICKS) as pool:

        def click(number: int, place: int) -> Step:
            gate.wait()
            return works[place % 2].fixes.approve(people[place], number)

        for run in range(RUNS):
            fix = works[0].plan(service=f"service-{run}")
            steps = list(pool.map(lambda place, number=fix.number: click(number, place), range(CLICKS)))
            assert sum(step.changed for step in steps) == 1
            assert {step.fix.status for step in steps} == {S.RUNNING}, "everybody is told that it runs"
            assert len({tuple(step.fix.approved_by) for step in steps}) == 1, "and who was the first"
            if run % 4 == 0:
                dies_after_the_call(works[run % 2])
            works[run % 2].deliver()
    assert len(aws.done) == RUNS
    assert Counter(aws.begun) == Counter({number: 2 if number % 4 == 1 else 1 for number in range(1, RUNS + 1)})


def dies_after_the_call(works: Works) -> None:
    for row in works.claim():
        works.carriers.carry(row)
    works.store.release_claims(works.owner)


def test_of_eight_plans_for_one_service_one_runs(tmp_path: Path) -> None:
    with several(tmp_path, Deeds(), 2) as works:
        numbers = [
            works[0].plan(caller=Caller(f"U{number}"), revision=f"web:{number}").number for number in range(CLICKS)
        ]

        def click(number: int) -> Any:
            try:
                return works[number % 2].fixes.approve(ANA, number).fix.status
            except UserError as error:
                return str(error)

        answers = at_once(*(lambda number=number: click(number) for number in numbers))
        assert answers.count(S.RUNNING) == 1
        refused = {answer for answer in answers if answer is not S.RUNNING}
        assert refused == {S.WITHDRAWN}


# -- slow ones


def slow_and_quick(works: list[Works]) -> tuple[Works, Works, list[Delivery]]:
    """One took the row of a start and sleeps until the other one has it."""
    slow, quick = works
    slow.runs()
    held = slow.claim()
    slow.world.clock.move(seconds=LEASE_SECONDS)
    quick.deliver()
    return slow, quick, held


def test_a_slow_one_that_comes_when_it_is_over_calls_nothing(tmp_path: Path) -> None:
    with several(tmp_path, Deeds(), 2) as works:
        slow, quick, held = slow_and_quick(works)
        quick.world.clock.move(seconds=4)
        quick.deliver()
        assert quick.store.remediation(1).status is S.VERIFYING
        for row in held:
            slow.carry(row)
        assert slow.world.aws.begun == [1]
        assert slow.owed(OwedKind.FIX) == ["FIX-1"], "it is verified once"


def test_a_slow_one_that_comes_while_it_runs_is_followed_once(tmp_path: Path) -> None:
    aws = Deeds()
    with several(tmp_path, aws, 2) as works:
        slow, quick, held = slow_and_quick(works)
        for row in held:
            slow.carry(row)
        assert len(aws.done) == 1, "the same call a second time does nothing"
        assert slow.owed(OwedKind.FIX) == ["FIX-1"], "and is no reason to follow it twice"
        assert quick.store.remediation(1).status is S.RUNNING
