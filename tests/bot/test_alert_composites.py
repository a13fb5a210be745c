"""Composite alarms: what they hide, whom they page, and whose incident it is."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from blocks import alert as shown_as
from bot.models import (
    Alert,
    Change,
    OwedKind,
    Paged,
    Role,
    Severity,
    Shown,
    Stage,
    Status,
)
from bot.signals import (
    AlarmKind,
)
from tests.bot.alerting import (
    ANA,
    COMPOSITE,
    ERRORS,
    FIRES,
    INDEX,
    LATENCY,
    OK,
    SEARCH,
    Shop,
    owed,
    stands,
)


def test_who_takes_a_composite_alarm_takes_what_it_stands_for(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    parent = stands(shop, ERRORS, INDEX)
    shop.now += timedelta(seconds=5)
    later = shop.fires(INDEX)
    assert (later.shown, later.parent, later.has_stood) == (Shown.INHIBITED, parent.number, False)
    taken = shop.alerts.acknowledge(ANA, parent.number)
    assert taken.incident is not None
    assert (taken.incident.firing, taken.incident.service) == (3, "gateway")
    assert [shop.store.alert(each.number).incident for each in (first, parent, later)] == [1, 1, 1]
    assert shown_as.icon(shop.store.alert(first.number)) == "🟠"


def test_what_was_taken_with_a_composite_alarm_is_not_shown_anew_when_that_is_over(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    parent = stands(shop, ERRORS, INDEX)
    later = shop.fires(INDEX)
    shop.alerts.acknowledge(ANA, parent.number)
    before = len(owed(shop, OwedKind.PAGE))
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert len(owed(shop, OwedKind.PAGE)) == before
    left = shop.store.alert(first.number)
    assert (left.shown, left.parent, left.awaits) == (Shown.CARD, None, False)
    assert not shop.store.alert(later.number).has_stood
    assert shop.store.incident(1).firing == 2
    shop.now += timedelta(seconds=5)
    shop.receive(shop.news(ERRORS, OK), shop.news(INDEX, OK))
    assert shop.store.incident(1).status is Status.RESOLVED


def test_what_nobody_took_is_shown_when_its_composite_alarm_is_over(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    stands(shop, ERRORS)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    left = shop.store.alert(first.number)
    assert (left.shown, left.parent, left.pages) == (Shown.CARD, None, True)


MODERATE = "prod-gateway-down-medium"


@pytest.mark.parametrize("order", [(ERRORS, MODERATE), (MODERATE, ERRORS)], ids=["child first", "composite first"])
def test_a_child_worse_than_its_composite_alarm_stays_visible_and_paged(shop: Shop, order: tuple[str, str]) -> None:
    above = {"kind": AlarmKind.COMPOSITE, "children": (ERRORS,)}
    for name in order:
        shop.now += timedelta(seconds=5)
        shop.fires(name, alarm=above if name == MODERATE else {})
    child = next(one for one in shop.all() if one.alarm.name == ERRORS)
    assert (child.shown, child.parent, child.pages) == (Shown.CARD, None, True)
    assert owed(shop, OwedKind.PAGER) == [], "its page goes on"


def test_a_child_is_shown_once_its_composite_alarm_is_rated_below_it(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    parent = stands(shop, SEARCH)
    assert shop.store.alert(child.number).shown is Shown.INHIBITED
    shop.alerts.change_severity(ANA, parent.number, Severity.SEV3)
    left = shop.store.alert(child.number)
    assert (left.shown, left.parent, left.pages) == (Shown.CARD, None, True)


def test_a_child_is_shown_once_it_is_rated_above_its_composite_alarm(shop: Shop) -> None:
    child = shop.fires(INDEX)
    shop.now += timedelta(seconds=5)
    parent = shop.fires("prod-gateway-down-high", alarm={"kind": AlarmKind.COMPOSITE, "children": (INDEX,)})
    before = len(owed(shop, OwedKind.PAGE))
    shop.alerts.change_severity(ANA, child.number, Severity.SEV2)
    hidden = shop.store.alert(child.number)
    assert (hidden.shown, hidden.parent, hidden.pages) == (Shown.INHIBITED, parent.number, False)
    assert len(owed(shop, OwedKind.PAGE)) == before, "nobody is paged for what is hidden"
    shop.alerts.change_severity(ANA, child.number, Severity.SEV1)
    assert (shop.store.alert(child.number).shown, shop.store.alert(child.number).pages) == (Shown.CARD, True)
    assert len(owed(shop, OwedKind.PAGE)) == before + 1


def test_a_child_that_fires_after_its_composite_alarm_was_taken_joins_the_incident_silently(shop: Shop) -> None:
    parent = stands(shop, SEARCH, INDEX)
    shop.alerts.acknowledge(ANA, parent.number)
    before = len(owed(shop, OwedKind.PAGE))
    shop.now += timedelta(minutes=50)
    child = shop.fires(SEARCH)
    assert (child.shown, child.incident, child.awaits) == (Shown.INHIBITED, 1, False)
    assert len(owed(shop, OwedKind.PAGE)) == before
    assert "INC-1" in why(child, Stage.INHIBITION)
    assert any(f"{child.id} fires" in event.text for _, event in shop.store.timeline(1, limit=20))
    incident = shop.store.incident(1)
    assert (incident.alerts, incident.firing, incident.severity) == (2, 2, Severity.SEV1)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert shop.store.incident(1).is_open, "its child still fires"
    shop.now += timedelta(seconds=5)
    shop.hear(SEARCH, OK)
    assert shop.store.incident(1).status is Status.RESOLVED


def test_a_child_that_comes_back_joins_the_incident_of_its_composite_alarm(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    shop.now += timedelta(seconds=5)
    shop.hear(SEARCH, OK)
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.now += timedelta(seconds=5)
    again = shop.fires(SEARCH)
    assert again.number == child.number
    assert (again.shown, again.incident, again.awaits) == (Shown.INHIBITED, 1, False)
    assert shop.store.incident(1).firing == 2


def test_an_incident_that_was_made_milder_stays_so_when_a_child_joins_it(shop: Shop) -> None:
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.incidents.change_severity(ANA, 1, Severity.SEV3)
    shop.now += timedelta(seconds=5)
    assert not shop.fires(SEARCH).awaits
    assert shop.store.incident(1).severity is Severity.SEV3


def test_what_a_composite_alarm_of_an_open_incident_hides_is_that_incidents(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires("prod-gateway-5xx-critical").number)
    shop.now += timedelta(seconds=5)
    child = shop.fires(SEARCH)
    assert child.pages
    parent = stands(shop, SEARCH)
    assert parent.incident == 1
    taken = shop.store.alert(child.number)
    assert (taken.shown, taken.incident, taken.awaits) == (Shown.INHIBITED, 1, False)
    assert shop.store.incident(1).firing == 3


def test_after_its_incident_was_resolved_by_hand_a_composite_alarm_hides_no_further_child(shop: Shop) -> None:
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.incidents.resolve(ANA, 1, "a false alarm")
    shop.now += timedelta(seconds=5)
    child = shop.fires(SEARCH)
    assert (child.shown, child.parent, child.pages) == (Shown.CARD, None, True)


def test_a_firing_that_was_over_before_it_came_joins_no_incident(shop: Shop) -> None:
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.now += timedelta(seconds=30)
    for state, ago in ((OK, 5), (FIRES, 9)):
        late = shop.hear(SEARCH, state, ago=ago)
    assert late is not None
    assert (late.is_firing, late.incident) == (False, None)
    assert shop.store.incident(1).firing == 1


def why(alert: Alert, stage: Stage) -> str:
    return next(each.reason for each in alert.decisions if each.stage is stage)


CHECKOUT = "prod-checkout-down"


def stands_for_checkout(shop: Shop, severity: str, *children: str) -> Alert:
    return shop.fires(f"{CHECKOUT}-{severity}", alarm={"kind": AlarmKind.COMPOSITE, "children": children})


def test_a_composite_alarm_takes_over_the_page_of_its_child_of_the_same_service(shop: Shop) -> None:
    child = shop.fires(LATENCY)
    page = Paged(at=shop.now, role=Role.PRIMARY, name="U0BOB", user_id="U0BOB")
    shop.store.save(Change(alerts=(child.changed(paged=(page,)),)), shop.now)
    shop.now += timedelta(minutes=45)  # they are no group any more
    parent = stands_for_checkout(shop, "high", LATENCY)
    parent = shop.store.alert(parent.number)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id], "one page for both"
    assert owed(shop, OwedKind.PAGER) == [], "and it stays open"
    assert (parent.shown, parent.pages, parent.page_key, parent.paged) == (Shown.CARD, True, child.page_key, (page,))
    assert why(parent, Stage.GROUPING) == f"people were paged for {child.id}, which it stands for: one page for both"
    assert shop.store.alert(child.number).shown is Shown.INHIBITED
    shop.now += timedelta(seconds=5)
    shop.hear(f"{CHECKOUT}-high", OK)
    assert shop.store.alert(child.number).pages, "the child fires on, and is its own again"


def test_a_composite_alarm_worse_than_its_paged_child_pages(shop: Shop) -> None:
    child = shop.fires(LATENCY)
    shop.now += timedelta(minutes=45)
    parent = stands_for_checkout(shop, "critical", LATENCY)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id, parent.id]
    assert [json.loads(row["body"])["key"] for row in owed(shop, OwedKind.PAGER)] == [child.page_key]


def test_a_composite_alarm_milder_than_its_paged_child_stands_under_its_card(shop: Shop) -> None:
    child = shop.fires(ERRORS)
    shop.now += timedelta(minutes=45)
    parent = stands_for_checkout(shop, "high", ERRORS)
    assert (parent.shown, parent.lead, parent.pages) == (Shown.THREAD, child.number, False)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id]
    shop.now += timedelta(seconds=5)
    shop.hear(ERRORS, OK)
    left = shop.store.alert(parent.number)
    assert (left.shown, left.pages, left.page_key) == (Shown.CARD, True, child.page_key), "it fires on"


def test_a_composite_alarm_of_another_service_pages_its_own_people(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    parent = stands(shop, SEARCH)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id, parent.id]


def test_a_composite_alarm_joins_the_incident_of_its_child_however_long_that_fires(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.now += timedelta(hours=2)
    before = len(owed(shop, OwedKind.PAGE))
    parent = stands_for_checkout(shop, "high", LATENCY)
    assert (parent.incident, parent.awaits) == (1, False)
    assert len(owed(shop, OwedKind.PAGE)) == before


def test_a_composite_alarm_that_comes_back_stands_for_its_children_again(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    parent = stands(shop, SEARCH)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert shop.store.alert(child.number).shown is Shown.CARD
    stands(shop, SEARCH)
    again = shop.store.alert(child.number)
    assert (again.shown, again.parent, again.pages) == (Shown.INHIBITED, parent.number, False)


def of_one_batch(shop: Shop, *names: str, severity: str = "critical") -> list[Alert]:
    """These fire together with the composite alarm over them, whose message comes last."""
    above = {"kind": AlarmKind.COMPOSITE, "children": names}
    shop.receive(*(shop.news(name) for name in names), shop.news(f"{CHECKOUT}-{severity}", alarm=above))
    return shop.all()


def test_of_one_batch_a_composite_alarm_is_shown_and_paged_alone(shop: Shop) -> None:
    parent, child = of_one_batch(shop, ERRORS)
    assert parent.alarm.children == (ERRORS,)
    assert (child.shown, child.parent, child.has_stood) == (Shown.INHIBITED, parent.number, False)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE, OwedKind.PAGER)] == [parent.id]
    assert {row["subject"] for row in owed(shop, OwedKind.ALERT)} == {parent.id}


def test_of_one_batch_the_news_of_one_alarm_stay_in_their_order(shop: Shop) -> None:
    above = {"kind": AlarmKind.COMPOSITE, "children": (ERRORS,)}
    stands(shop, ERRORS)
    shop.now += timedelta(seconds=9)
    over = shop.news(COMPOSITE, OK, ago=2, alarm=above)
    again = shop.news(COMPOSITE, ago=1, alarm=above)
    shop.receive(over, again)
    (alert,) = shop.all()
    assert (alert.is_firing, alert.flaps) == (True, 1)


def test_a_worse_composite_alarm_that_follows_its_paged_child_at_once_wakes_nobody_again(shop: Shop) -> None:
    child = shop.fires(LATENCY)
    shop.now += timedelta(seconds=2)
    parent = stands_for_checkout(shop, "critical", LATENCY)
    parent = shop.store.alert(parent.number)
    assert (parent.severity, parent.shown, parent.pages) == (Severity.SEV1, Shown.CARD, True)
    assert parent.page_key == child.page_key
    assert owed(shop, OwedKind.PAGER) == [], "its page stays open"
