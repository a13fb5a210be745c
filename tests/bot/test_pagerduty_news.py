"""What people do in PagerDuty: whose acknowledgement or resolution is news, and how it is read."""

from __future__ import annotations

import logging

import pytest

from bot.integrations.pagerduty import events
from bot.integrations.pagerduty.answers import Incident
from bot.integrations.pagerduty.api import RestApi
from bot.signals import PagerState
from sandbox.pagerduty.cast import BOB, CY, DEE, SHOP, SHOP_KEY
from tests.bot.pagerduty import KEY, MANAGER, PAGE, SECONDARY, TOKEN, Account


def test_an_acknowledgement_names_its_person(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    assert pager.changes([KEY]) == []
    account.press("ack", BOB)
    (change,) = pager.changes([KEY, "never paged"])
    assert (change.key, change.state) == (KEY, PagerState.ACKNOWLEDGED)
    assert (change.by_id, change.by_name, change.by_email) == (BOB, "Bob Okafor", "bob@shop.example")
    (incident,) = account.incidents()
    assert change.url == incident["html_url"]
    assert change.source_id.startswith(f"pd:{incident['id']}:acknowledged:")
    assert pager.changes([KEY]) == [change], "asked again it is the same news"
    assert pager.changes([]) == []


def test_a_resolution_names_its_person(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.press("resolve", CY)
    (change,) = pager.changes([KEY])
    assert (change.state, change.by_name) == (PagerState.RESOLVED, "Cy Lindqvist")


def test_what_the_bot_did_is_no_news(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    pager.acknowledge(KEY, "Ana")
    assert pager.changes([KEY]) == []
    account.press("ack", BOB)
    assert pager.changes([KEY]) == [], "the first acknowledgement was the bot's"
    pager.resolve(KEY)
    assert pager.changes([KEY]) == []


def test_the_bots_acknowledgement_does_not_take_the_persons_away(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.press("ack", BOB)
    (before,) = pager.changes([KEY])
    pager.acknowledge(KEY, "Bob")
    assert pager.changes([KEY]) == [before]


def test_escalating_is_no_news(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    pager.call(PAGE, SECONDARY)
    assert pager.changes([KEY]) == []


def test_many_pages_take_one_call(account: Account) -> None:
    pager = account.pager(key=SHOP_KEY)
    keys = [f"key-{n}" for n in range(5)]
    for key in keys:
        pager.page(PAGE.model_copy(update={"key": key}), None)
        account.press("ack", BOB, key)
    before = len(account.calls("GET"))
    assert {change.key for change in pager.changes(keys)} == set(keys)
    assert len(account.calls("GET")) - before == 2, "the list, and who Bob is"


def test_the_newest_incident_of_a_key_counts(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.press("resolve", BOB)
    pager.page(PAGE, None)
    assert pager.changes([KEY]) == []


def test_an_old_incident_is_asked_for_by_its_key(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.clock.advance(3 * 86400)
    account.press("ack", BOB)
    (change,) = pager.changes([KEY])
    assert change.key == KEY
    assert account.calls("GET", "/incidents")[-1]["query"]["incident_key"] == [KEY]


def test_a_long_key_comes_back_as_it_was(account: Account) -> None:
    pager = account.pager()
    long = "k" * 300
    pager.page(PAGE.model_copy(update={"key": long}), None)
    account.press("ack", BOB, events.dedup_key(long))
    assert [change.key for change in pager.changes([long])] == [long]


def test_who_was_called_besides_acknowledges_for_the_page(account: Account) -> None:
    pager = account.pager(service=SHOP)
    pager.page(PAGE, None)
    account.fault(f"/incidents/{account.incidents()[0]['id']}/responder_requests", "error", status=404)
    pager.call(PAGE, MANAGER)
    account.press("ack", DEE, f"{KEY}/call:engineering manager")
    (change,) = pager.changes([KEY])
    assert (change.key, change.by_name) == (KEY, "Dee Rahman")
    account.press("resolve", DEE, f"{KEY}/call:engineering manager")
    assert pager.changes([KEY]) == [], "done with being called, not with the trouble"


def test_the_bots_acknowledgement_of_who_was_called_is_no_news(account: Account) -> None:
    pager = account.pager(service=SHOP)
    pager.call(PAGE, MANAGER)
    pager.acknowledge(KEY, "Ana")
    assert account.incidents()[0]["status"] == "acknowledged"
    assert pager.changes([KEY]) == []


def test_somebody_who_is_gone_keeps_their_name(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.press("ack", BOB)
    account.fault(f"/users/{BOB}", "error", status=404)
    (change,) = pager.changes([KEY])
    assert (change.by_name, change.by_email) == ("Bob Okafor", "")


def test_lists_are_read_page_by_page(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pager = account.pager()
    keys = [f"key-{n}" for n in range(101)]
    for key in keys:
        pager.page(PAGE.model_copy(update={"key": key}), None)
    account.press("ack", BOB, "key-0")
    account.clock.advance(1)
    before = len(account.calls("GET"))
    assert [change.key for change in pager.changes(keys)] == ["key-0"]
    assert len(account.calls("GET")) - before == 3
    assert "more incidents" not in caplog.text
    RestApi(TOKEN, account.server.url).entries(Incident, "/incidents", pages=1)
    assert "more incidents than the 100" in caplog.text
