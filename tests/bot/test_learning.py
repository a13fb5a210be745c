"""Learning what is usual: who may, what is owed, what moved, and what is done about trouble."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from bot.access import Right
from bot.baselines import Baseline, Moved, moved
from bot.carriers.learning import TRIES, LearningCarriers
from bot.config import Config, Permissions, Service
from bot.errors import ChatError, CloudError, InvalidInput, NotAllowed, Refused
from bot.integrations.nothing import NoBaselines
from bot.learning import Learning
from bot.ledger import Ledger
from bot.models import Delivery, Person
from bot.ports import BaselineSource, Learned, Told
from bot.rights import Caller, Rights
from bot.store import Store
from tests.bot.carrying import FakeChat
from tests.bot.make import BOB, NOW, after
from tests.bot.storing import claim

CPU, ERRORS = "AWS/ECS CPUUtilization Average ServiceName=web", "Shop Errors Sum"
LIMITED = Config(services={"web": Service()}, permissions=Permissions(respond=("U0ANA",)))
CONFIG = Config(services={"web": Service()})


def hours(metric: str, mean: float, samples: int = 12) -> list[Baseline]:
    return [
        Baseline(service="web", metric=metric, hour_of_week=hour, mean=mean, deviation=1, p50=mean, p90=mean, p99=mean,
                 samples=samples) for hour in range(168)
    ]  # fmt: skip


class FakeSource:
    """CloudWatch with what a test wants; `fail` is raised by the next calls."""

    is_on = True

    def __init__(self, *found: Baseline, fail: Sequence[Exception] = ()) -> None:
        self.found = found
        self.fail = list(fail)
        self.asked = 0
        self.steps: list[tuple[int, int]] = [(1, 1)]

    def learn(self, service: str, tell: Told) -> Learned:
        self.asked += 1
        if self.fail:
            raise self.fail.pop(0)
        for done, of in self.steps:
            tell(done, of)
        keys = sorted({each.metric for each in self.found} | {"Shop Silent Average"})
        return Learned(self.found, keys, NOW - timedelta(weeks=4), NOW, "2 calls")


class Members:
    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)


def learner(store: Store, source: BaselineSource, config: Config = CONFIG) -> Learning:
    return Learning(Ledger(store, lambda: NOW, lambda: None), Rights(Members(), config), config, source)


class Desk:
    """Carries what is owed, row by row, each at its own time."""

    def __init__(self, store: Store, source: FakeSource) -> None:
        self.store = store
        self.source = source
        self.chat = FakeChat()
        self.at = NOW
        self.carriers = LearningCarriers(store, source, self.chat, self._tick, "ops")

    def _tick(self) -> Any:
        self.at += timedelta(seconds=3)
        return self.at

    def next(self) -> Delivery | None:
        taken = claim(self.store, self.at)
        return taken[0] if taken else None

    def carry(self, delivery: Delivery) -> None:
        assert self.carriers.takes(delivery.owed)
        settlement = self.carriers.carry(delivery)
        change = settlement.follow() if settlement.follow else None
        self.store.settle(delivery, self.at, posted=settlement.posted, change=change)

    def all(self) -> None:
        while (delivery := self.next()) is not None:
            self.carry(delivery)

    @property
    def texts(self) -> list[str]:
        return [said.message.text for said in self.chat.said.values()]


# -- asking


def test_who_may_learn_and_who_may_look(store: Store) -> None:
    learning = learner(store, FakeSource(), LIMITED)
    with pytest.raises(NotAllowed):
        learning.ask(Caller(BOB), "web")
    assert learning.show(Caller(BOB), "web").metrics == []
    assert learning.ask(Caller("U0ANA"), "WEB") == "web"
    assert Right.RESPOND


def test_asking_twice_while_it_waits_is_asking_once(store: Store) -> None:
    learning = learner(store, FakeSource())
    learning.ask(Caller(BOB), "web")
    learning.ask(Caller(BOB), "web")
    assert len(claim(store)) == 1
    assert claim(store) == []


def test_what_is_not_in_the_catalogue_is_refused_with_what_is(store: Store) -> None:
    with pytest.raises(InvalidInput, match="There are web"):
        learner(store, FakeSource()).ask(Caller(BOB), "nope")


def test_without_aws_it_is_refused_at_once(store: Store) -> None:
    with pytest.raises(Refused, match="AWS is not configured"):
        learner(store, NoBaselines()).ask(Caller(BOB), "web")
    with pytest.raises(Refused, match="AWS is not configured"):
        NoBaselines().learn("web", lambda done, of: None)


def test_what_is_expected_now_is_shown(store: Store) -> None:
    store.keep_baselines("web", [*hours(CPU, 4.0), *hours(ERRORS, 0.5)])
    found = learner(store, FakeSource()).show(Caller(BOB), "web").metrics
    assert [(each.metric, each.mean) for each in found] == [(CPU, 4.0), (ERRORS, 0.5)]


# -- carrying


@pytest.fixture
def asked(store: Store) -> Store:
    learner(store, FakeSource()).ask(Caller(BOB), "web")
    return store


def test_it_says_so_reads_and_says_what_moved(asked: Store) -> None:
    asked.keep_baselines("web", [*hours(CPU, 4.0), *hours("Shop Old Average", 1.0)])
    desk = Desk(asked, FakeSource(*hours(CPU, 6.0), *hours(ERRORS, 0.1)))
    desk.all()
    (text,) = desk.texts
    assert "• CPU 4" in text.replace("4.0", "4")
    assert "not known before" in text
    assert "Old" not in text
    means = {each.metric: each.mean for each in asked.baselines("web")}
    assert means == {CPU: 6.0, ERRORS: 0.1, "Shop Old Average": 1.0}
    assert desk.source.asked == 1


def test_progress_is_shown_now_and_then(asked: Store) -> None:
    desk = Desk(asked, FakeSource(*hours(CPU, 4.0)))
    desk.source.steps = [(12, 36), (24, 36), (36, 36)]
    desk.all()
    assert len(desk.chat.edits) == 2 + 1, "the last one is the outcome"


def test_progress_that_slack_does_not_take_stops_nothing(asked: Store) -> None:
    desk = Desk(asked, FakeSource(*hours(CPU, 4.0)))
    desk.source.steps = [(12, 36), (36, 36)]
    desk.carry(desk.next() or pytest.fail("it waits"))
    desk.chat.refuse("edit", ChatError("ratelimited", retryable=True))
    desk.carry(desk.next() or pytest.fail("it waits"))
    assert asked.baselines("web")


@pytest.mark.parametrize(
    "error", [CloudError("AccessDenied", detail="cloudwatch:GetMetricData"), Refused("Nothing is known of web.")]
)
def test_what_does_not_pass_is_told_at_once(asked: Store, error: Exception) -> None:
    desk = Desk(asked, FakeSource(fail=[error]))
    desk.all()
    (text,) = desk.texts
    assert "could not be learned" in text
    assert str(error).rstrip(".") in text
    assert desk.source.asked == 1


def test_what_may_pass_is_left_to_the_outbox_a_few_times(asked: Store) -> None:
    desk = Desk(asked, FakeSource(fail=[CloudError("timeout", retryable=True)] * 9))
    desk.carry(desk.next() or pytest.fail("it waits"))
    for _ in range(TRIES - 1):
        reading = desk.next() or pytest.fail("it waits")
        with pytest.raises(CloudError):
            desk.carry(reading)
        asked.postpone(reading, desk.at, error="timeout", in_doubt=True)
    desk.all()
    assert "could not be learned" in desk.texts[0]


# -- what moved


def test_what_moved_furthest_comes_first() -> None:
    before = [*hours("a", 10.0), *hours("b", 10.0), *hours("gone", 1.0)]
    found = moved(before, [*hours("a", 10.5), *hours("b", 30.0), *hours("c", 1.0)], after(0))
    assert [each.metric for each in found] == ["c", "b", "a", "gone"]
    assert [each.is_news for each in found] == [True, True, False, False]
    assert found[0] == Moved("c", None, 1.0)


@pytest.mark.parametrize(
    ("was", "is_", "is_news"), [(0.0, 0.0, False), (0.0, 1.0, True), (-2.0, 2.0, True), (100.0, 109.0, False)]
)
def test_moves_around_zero(was: float, is_: float, is_news: bool) -> None:
    assert Moved("m", was, is_).is_news is is_news
