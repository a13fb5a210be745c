"""Alarms that come back to the incident that they made: which alert, which incident, who is called, and why."""

from __future__ import annotations

import pytest

from bot.models import Alert, OwedKind, Shown, Stage, Status
from tests.bot.alerting import ANA, CPU, ERRORS, LATENCY, OK, Shop, owed


def grouping(alert: Alert) -> str:
    return next(each.reason for each in alert.decisions if each.stage is Stage.GROUPING)


def pages(shop: Shop) -> list[str]:
    return [row["subject"] for row in owed(shop, OwedKind.PAGE)]


def ended(shop: Shop, *, early: str, late: str) -> None:
    """INC-1, with an alarm that was OK a quarter of an hour ago, and one whose OK ended it now."""
    shop.fires(early)
    shop.alerts.acknowledge(ANA, shop.fires(late).number)
    shop.pass_time(60)
    shop.hear(early, OK)
    shop.pass_time(900)
    shop.hear(late, OK)
    assert shop.store.incident(1).status is Status.RESOLVED
    shop.pass_time(120)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the earlier first", "the later first"])
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
def test_an_incident_whose_alarms_are_back_begins_again_with_one_page(
    shop: Shop, order: tuple[int, int], at_once: bool
) -> None:
    names = (LATENCY, ERRORS)
    ended(shop, early=LATENCY, late=ERRORS)
    before = len(pages(shop))
    news = [shop.news(names[each]) for each in order]
    if at_once:
        shop.receive(*news)
    else:
        for each in news:
            shop.receive(each)
    incident = shop.store.incident(1)
    assert (incident.is_open, incident.firing, incident.reopened) == (True, 2, 1)
    firing = shop.store.firing_alerts()
    assert [one.incident for one in firing] == [1, 1]
    assert not any(one.awaits for one in firing)
    assert len(pages(shop)) == before + 1


def test_a_new_alarm_right_after_the_return_belongs_to_the_incident_that_began_again(shop: Shop) -> None:
    ended(shop, early=LATENCY, late=ERRORS)
    shop.receive(shop.news(ERRORS), shop.news(CPU))
    new = shop.newest(shop.news(CPU).alarm.key)
    assert new is not None
    assert (new.incident, new.shown) == (1, Shown.THREAD)
    assert grouping(new) == "INC-1 is open for this service and somebody has it"


def test_a_return_makes_the_window_of_the_incident_begin_anew(shop: Shop) -> None:
    """Also that of an alert which is not the newest one by its number."""
    first, second = shop.fires(LATENCY), shop.fires(ERRORS)
    shop.alerts.acknowledge(ANA, second.number)
    shop.pass_time(1750)
    shop.hear(LATENCY, OK)
    shop.pass_time(60)
    assert shop.fires(LATENCY).number == first.number
    shop.pass_time(60)
    assert shop.fires(CPU).incident == 1


def test_an_alarm_long_after_the_incident_began_has_its_own_card_and_says_why(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.pass_time(1801)
    lead = shop.fires(ERRORS)
    assert lead.incident is None
    assert grouping(lead) == "INC-1 is open for this service, but the newest of it is more than 30 min old"
    shop.pass_time(60)
    under = shop.fires(CPU)
    assert (under.lead, under.shown) == (lead.number, Shown.THREAD)
    shop.pass_time(1801)
    alone = shop.fires("prod-checkout-disk-low")
    assert grouping(alone) == f"{lead.id} of the same service fired more than 30 min ago"


def test_after_people_resolved_its_incident_an_alarm_that_is_back_does_not_say_it_was_open(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.pass_time(60)
    joined = shop.fires(CPU)
    assert joined.incident == 1
    shop.pass_time(60)
    shop.hear(CPU, OK)
    shop.incidents.resolve(ANA, 1, "restarted it")
    shop.pass_time(60)
    back = shop.fires(CPU)
    assert (back.number, back.incident, back.awaits) == (joined.number, None, True)
    assert grouping(back) == "INC-1, its incident, is over"


def test_who_takes_an_alert_joins_the_incident_whose_newest_alert_is_near(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.pass_time(1700)
    shop.fires(CPU)
    shop.pass_time(200)
    worse = shop.fires(ERRORS)
    assert shop.alerts.acknowledge(ANA, worse.number).alert.incident == 1
