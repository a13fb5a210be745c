"""Pages as they are carried: what ends or begins anew while the pager is called, or could not be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from bot.carriers.paging import PagingCarriers
from bot.models import Change, Delivery, Duty, Means, OwedKind, Page, Paged, Priority, Role
from bot.owed.alerts import page, page_by_name
from bot.ports import Reached
from bot.signals import AlarmKind
from tests.bot.alerting import ANA, ERRORS, LATENCY, OK, Shop, owed


class Pager:
    """Takes everything; `meanwhile` happens while it does so."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.by: list[str] = []
        self.answer = Reached(Means.PAGERDUTY)
        self.meanwhile: Callable[[], Any] = lambda: None

    def page(self, page: Page, to: Duty | None) -> Reached:
        self.meanwhile()
        self.heard.append(("page", page.key))
        return Reached(Means.PAGERDUTY)

    def call(self, page: Page, to: Duty) -> Reached:
        self.meanwhile()
        self.heard.append(("call", page.key))
        return self.answer

    def acknowledge(self, key: str, by: str) -> None:
        self.heard.append(("acknowledge", key))
        self.by.append(by)

    def resolve(self, key: str) -> None:
        self.heard.append(("resolve", key))


class Desk:
    """The use cases, and what they owe the pager."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.pager = Pager()
        nothing: Any = Nothing()
        self.nothing = nothing
        pager: Any = self.pager
        self.carriers = PagingCarriers(shop.store, pager, nothing, nothing, nothing, lambda: shop.now)

    def carry(self, delivery: Delivery) -> None:
        settlement = self.carriers.carry(delivery)
        self.shop.store.settle(delivery, self.shop.now, change=settlement.follow() if settlement.follow else None)

    def claim(self) -> list[Delivery]:
        taken = self.shop.store.claim_deliveries("me", self.shop.now, lease=60, limit=50)
        return [each for each in taken if each.owed.kind in (OwedKind.PAGE, OwedKind.PAGER)]

    def carry_all(self) -> None:
        while taken := self.claim():
            for each in taken:
                self.carry(each)

    def hear(self, name: str, *states: Any) -> None:
        for state in states:
            self.shop.now += timedelta(seconds=5)
            self.shop.hear(name, *([state] if state else []))


class Nothing:
    """Nobody is on call but `duties`, nothing is posted."""

    duties: Sequence[Duty] = ()

    def on_call(self, service: str) -> list[Duty]:
        return [*self.duties]

    def name_of(self, user_id: str) -> str:
        return {ANA.user_id: "Ana"}[user_id]

    def of(self, subject: Any) -> dict[str, str]:
        return {}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Shop()) as shop:
        yield Desk(shop)


def test_who_was_called_while_it_ended_does_not_ring_on(desk: Desk) -> None:
    """Whom somebody asks for is called beside the page, so its end may be told while they are."""
    alert = desk.shop.fires(LATENCY)
    desk.carry_all()
    asked = page_by_name(alert, Duty(role=Role.ASKED, name="Cy", user_id="U0CY"), "look")
    desk.shop.store.save(Change(owed=(asked,)), desk.shop.now)

    def over() -> None:
        desk.pager.meanwhile = lambda: None
        desk.hear(LATENCY, OK)
        desk.carry_all()

    desk.pager.meanwhile = over
    desk.carry_all()
    assert [what for what, _ in desk.pager.heard] == ["page", "resolve", "call", "resolve"]


def test_what_another_alert_took_over_meanwhile_rings_on(desk: Desk) -> None:
    desk.shop.fires(ERRORS)
    desk.hear(LATENCY, None)
    desk.pager.meanwhile = lambda: desk.hear(ERRORS, OK)
    desk.carry_all()
    assert set(desk.pager.heard) == {("page", "aiops-AL-1")}


@pytest.mark.parametrize("when", ["before it is called", "while it is called", "after it was called"])
def test_a_composite_alarm_that_takes_over_a_page_rings_once_for_both(desk: Desk, when: str) -> None:
    desk.shop.fires(LATENCY)

    def takes_over() -> None:
        desk.pager.meanwhile = lambda: None
        desk.shop.now += timedelta(seconds=1)
        desk.shop.fires("prod-checkout-down-high", alarm={"kind": AlarmKind.COMPOSITE, "children": (LATENCY,)})

    if when == "before it is called":
        takes_over()
    desk.pager.meanwhile = takes_over if when == "while it is called" else lambda: None
    desk.carry_all()
    if when == "after it was called":
        takes_over()
        desk.carry_all()
    parent = desk.shop.store.alert(2)
    assert parent.pages
    assert desk.pager.heard == [("page", "aiops-AL-1")]
    assert len(parent.paged) == 1
    taken = desk.shop.alerts.acknowledge(ANA, parent.number)
    assert taken.incident is not None
    lines = [event.text for _, event in desk.shop.store.timeline(taken.incident.number, limit=50)]
    assert sum("primary" in line for line in lines) == 1


def test_a_page_is_made_though_it_failed_for_the_alert_whose_place_another_took(desk: Desk) -> None:
    """Whom PagerDuty should wake had a message meanwhile; that wakes nobody."""
    child = desk.shop.fires(LATENCY)
    message = Paged(at=desk.shop.now, role=Role.PRIMARY, name="Bob", means=Means.MESSAGE, why_not="it fails (http_500)")
    desk.shop.store.save(Change(alerts=(child.changed(paged=(message,)),)), desk.shop.now)
    desk.shop.fires("prod-checkout-down-high", alarm={"kind": AlarmKind.COMPOSITE, "children": (LATENCY,)})
    desk.carry_all()
    assert desk.pager.heard == [("page", "aiops-AL-1")]


def test_the_pager_hears_the_name_of_whoever_acknowledged(desk: Desk) -> None:
    desk.shop.fires(LATENCY)
    desk.carry_all()
    desk.shop.alerts.acknowledge(ANA, 1)
    desk.carry_all()
    assert desk.pager.by == ["Ana"]


def called_again(desk: Desk, role: Role, reached: Reached) -> None:
    """This role is called, and the pager says that they were."""
    duty = Duty(role=role, name="Dee", user_id="U0DEE")
    desk.nothing.duties = [duty]
    desk.pager.answer = reached
    row = page(desk.shop.store.alert(1), role, "nobody acknowledged")
    desk.shop.store.save(Change(owed=(row,)), desk.shop.now)
    desk.carry_all()


def test_that_nothing_more_was_sent_is_told_once_for_one_call_and_not_when_it_is_over(desk: Desk) -> None:
    desk.shop.fires(LATENCY)
    desk.carry_all()
    known = Reached(Means.PAGERDUTY, earlier_at=desk.shop.now, answer="no answer yet")
    for role in (Role.MANAGER, Role.COMMANDER):
        called_again(desk, role, known)
    rows = [each for each in owed(desk.shop, OwedKind.POST) if "Nothing more was sent" in each["body"]]
    assert len(rows) == 1
    assert json.loads(rows[0]["body"])["while_it_waits"]
    assert rows[0]["priority"] == Priority.COMFORT
    called_again(desk, Role.MANAGER, known._replace(earlier_at=desk.shop.now - timedelta(minutes=5)))
    assert len([each for each in owed(desk.shop, OwedKind.POST) if "Nothing more was sent" in each["body"]]) == 2


@pytest.mark.parametrize("late", ["resolve", "acknowledge"])
def test_what_the_pager_refused_does_not_end_the_page_that_came_after_it(desk: Desk, late: str) -> None:
    desk.shop.fires(LATENCY)
    desk.carry_all()
    if late == "acknowledge":
        desk.shop.alerts.acknowledge(ANA, 1)
    else:
        desk.hear(LATENCY, OK)
    (refused,) = desk.claim()
    assert refused.owed.body["action"] == late
    desk.shop.store.postpone(refused, desk.shop.now, error="no", in_doubt=False, aside=True)
    if late == "acknowledge":
        desk.shop.now += timedelta(seconds=5)
        desk.shop.incidents.resolve(ANA, 1, "cold")
        desk.hear(LATENCY, OK)
    desk.hear(LATENCY, None)
    desk.carry_all()
    assert desk.pager.heard[-1] == ("page", "aiops-AL-1")
    assert (late, "aiops-AL-1") not in desk.pager.heard


def test_what_the_pager_refused_is_told_later_where_nothing_came_after_it(desk: Desk) -> None:
    desk.shop.fires(LATENCY)
    desk.carry_all()
    desk.hear(LATENCY, OK)
    (refused,) = desk.claim()
    desk.shop.store.postpone(refused, desk.shop.now, error="no", in_doubt=False, aside=True)
    desk.carry_all()
    assert desk.pager.heard[-1] == ("resolve", "aiops-AL-1")
