"""Who is called besides the page, how and how often: the secondary, others, and whom only the fallback reaches."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.config import Config
from bot.errors import Outcome
from bot.integrations.pagerduty.api import EventsApi, RestApi
from bot.integrations.pagerduty.pager import PagerDuty
from bot.models import Duty, Means, Role
from bot.ports import Reached
from sandbox.pagerduty.cast import ANA, BOB, CY, DEE, SEARCH, SHOP, SHOP_KEY, SHOP_SECONDARY
from tests.bot.answering import answering
from tests.bot.pagerduty import KEY, MANAGER, PAGE, SECONDARY, SENDER, STRANGER, TOKEN, Account, refused
from tests.workspace import wait_for

LATER = PAGE.model_copy(update={"asked_at": PAGE.asked_at + timedelta(days=1)})  # than any call of this run
LEAD = Duty(role=Role.TEAM_LEAD, name="Dee Rahman", user_id="U0DEE", email="dee@shop.example")
ASKED = Duty(role=Role.ASKED, name="Bob", user_id="U0BOB", email="BOB@shop.example")


# -- the secondary


def test_the_secondary_is_called_by_escalating(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    pager.call(PAGE, SECONDARY)
    assert account.told() == [(BOB, "level 1"), (CY, "escalated to level 2")]
    put = account.calls("PUT")[0]
    assert put["requester"] == SENDER
    assert account.fallback.called == []


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "error", "ratelimited"])
def test_escalating_again_after_a_lost_answer_pages_once(account: Account, fault: str) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.fault("/incidents/", fault, method="PUT")
    assert refused(lambda: pager.call(PAGE, SECONDARY)).retryable
    pager.call(PAGE, SECONDARY)
    pager.call(PAGE, SECONDARY)
    assert account.told() == [(BOB, "level 1"), (CY, "escalated to level 2")]


def test_without_a_sender_the_secondary_is_called_in_their_own_name(account: Account) -> None:
    pager = account.pager(sender=None)
    pager.page(PAGE, None)
    pager.call(PAGE, SECONDARY)
    assert account.calls("PUT")[0]["requester"] == SECONDARY.email
    assert account.told()[-1] == (CY, "escalated to level 2")


def test_a_secondary_whom_pagerduty_does_not_know_is_still_whoever_it_has(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    pager.call(PAGE, Duty(role=Role.SECONDARY, name="the secondary"))
    assert account.told()[-1] == (CY, "escalated to level 2")


def test_who_acknowledged_already_keeps_it_while_the_secondary_joins(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.press("ack", BOB)
    pager.call(PAGE, SECONDARY)
    assert account.told()[-1] == (CY, "asked to join")
    assert account.incidents()[0]["status"] == "acknowledged"


def test_a_policy_without_a_second_level_asks_the_person(account: Account) -> None:
    pager = account.pager()
    account.server.control("oncall", schedule=SHOP_SECONDARY, user=None)
    pager.page(PAGE, None)
    pager.call(PAGE, SECONDARY)
    assert account.told()[-1] == (CY, "asked to join")
    pager.call(PAGE, Duty(role=Role.SECONDARY, name="Zoe", user_id="U0ZOE"))
    assert account.fallback.called == [(KEY, "Zoe")]


def test_an_incident_without_a_policy_or_a_service_is_none_to_escalate(account: Account) -> None:
    bare = {"id": "Q1", "status": "triggered", "created_at": "2026-11-22T03:00:00Z"}
    body = {"incidents": [bare], "users": []}
    with answering(200, json.dumps(body).encode()) as address:
        config = Config.model_validate({"pagerduty": {"sender": SENDER}})
        rest = RestApi(TOKEN, address)
        PagerDuty(EventsApi(SHOP_KEY, address), rest, config, account.fallback, account.clock).call(PAGE, SECONDARY)
    assert account.fallback.called == [(KEY, SECONDARY.name)]


# -- others


def test_without_a_token_the_fallback_calls(account: Account) -> None:
    account.pager(token=None).call(PAGE, SECONDARY)
    assert account.fallback.called == [(KEY, SECONDARY.name)]
    assert account.calls() == []


def test_somebody_else_is_asked_to_join_the_open_incident_once(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.fault(f"/incidents/{account.incidents()[0]['id']}/responder_requests", "drop_after")
    assert refused(lambda: pager.call(PAGE, MANAGER)).outcome is Outcome.UNKNOWN
    pager.call(PAGE, MANAGER)
    assert account.told() == [(BOB, "level 1"), (DEE, "asked to join")]
    body = account.calls("POST", "/incidents")[0]["body"]
    assert body["message"] == "SEV-1 checkout-api · called as engineering manager: Errors above 5 % for 3 minutes"


@pytest.mark.parametrize(
    ("to", "before"),
    [
        (MANAGER, [(BOB, "level 1"), (DEE, "asked to join")]),
        (LEAD.model_copy(update={"email": "bob@shop.example"}), []),
    ],
    ids=["asked to join", "has it"],
)
def test_the_ladder_does_not_call_again_who_was_called(
    account: Account, to: Duty, before: list[tuple[str, str]]
) -> None:
    pager, began = account.pager(), datetime.now(UTC)
    pager.page(PAGE, None)
    if before:
        assert pager.call(PAGE, LEAD) == Reached(Means.PAGERDUTY)
    reached = pager.call(LATER, to)
    assert reached.earlier_at is not None
    assert began - timedelta(seconds=1) <= reached.earlier_at <= datetime.now(UTC), "PagerDuty tells whole seconds"
    assert reached.answer == "no answer yet"
    assert account.told() == (before or [(BOB, "level 1")])
    assert account.fallback.called == []


def test_what_they_said_to_the_call_before_is_told(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.press("ack", BOB)
    reached = pager.call(LATER, LEAD.model_copy(update={"email": "bob@shop.example"}))
    assert reached.answer == "acknowledged"


def test_an_incident_of_their_own_from_before_is_not_opened_again(account: Account) -> None:
    pager = account.pager(service=SHOP)
    pager.call(PAGE, MANAGER)
    assert pager.call(LATER, MANAGER).earlier_at is not None
    assert account.told() == [(DEE, "direct")]


def test_who_has_the_incident_is_called_anew_once_for_each_call(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    for page in (PAGE, PAGE, LATER, LATER):
        assert pager.call(page.model_copy(update={"is_anew": True}), ASKED) == Reached(Means.PAGERDUTY)
    assert account.told() == [(BOB, "level 1"), (BOB, "direct"), (BOB, "direct")]
    pager.resolve(KEY)
    pager.call(LATER.model_copy(update={"is_anew": True}), ASKED)
    assert len(account.told()) == 3, "a retry after they were done with it"


def test_an_event_wakes_nobody_where_the_page_stands_so_the_primary_is_called(account: Account) -> None:
    pager = account.pager()
    anew = LATER.model_copy(update={"is_anew": True})
    bob = ASKED.model_copy(update={"role": Role.PRIMARY})
    pager.page(PAGE, None)
    pager.page(anew, bob)
    assert account.told() == [(BOB, "level 1"), (BOB, "direct")]
    pager.resolve(KEY)
    pager.page(anew, bob)
    assert account.told()[2:] == [(BOB, "level 1")]


@pytest.mark.parametrize(("status", "is_told"), [(503, True), (403, False)])
def test_whether_a_page_stands_can_not_always_be_seen(account: Account, status: int, is_told: bool) -> None:
    pager = account.pager()
    account.fault("/incidents", "error", method="GET", status=status)
    anew = PAGE.model_copy(update={"is_anew": True})
    if is_told:
        assert refused(lambda: pager.page(anew, ASKED)).retryable
    else:
        assert pager.page(anew, ASKED) == Reached(Means.PAGERDUTY)
    assert account.told() == ([] if is_told else [(BOB, "level 1")])


@pytest.mark.parametrize(
    ("to", "options", "why"),
    [
        (MANAGER, {}, ""),
        (MANAGER, {"token": None}, "PAGERDUTY_API_TOKEN"),
        (MANAGER, {"sender": None}, "pagerduty.sender"),
        (STRANGER, {}, "no user with their e-mail"),
        (Duty(role=Role.ASKED, name="Eve", user_id="U0EVE"), {}, "e-mail address is not known"),
    ],
)
def test_how_somebody_would_be_called_can_be_told_before(
    account: Account, to: Duty, options: dict[str, Any], why: str
) -> None:
    way = account.pager(**options).way(to)
    assert way.means is (Means.MESSAGE if why else Means.PAGERDUTY)
    assert why in way.why_not
    assert account.told() == []


def test_an_address_that_the_duty_does_not_name_is_asked_for(account: Account) -> None:
    pager = account.pager(email_of={"U0ANA": "ana@shop.example"}.get)
    pager.page(PAGE, None)
    pager.call(PAGE, Duty(role=Role.COMMANDER, name="Ana", user_id="U0ANA"))
    assert account.told()[-1] == (ANA, "asked to join")


def test_without_an_open_incident_one_is_opened_for_them_once(account: Account) -> None:
    pager = account.pager(service=SEARCH)
    account.fault("/incidents", "drop_after", method="POST")
    assert refused(lambda: pager.call(PAGE, MANAGER)).outcome is Outcome.UNKNOWN
    pager.call(PAGE, MANAGER)
    assert account.told() == [(DEE, "direct")]
    (opened,) = account.incidents()
    assert opened["incident_key"] == f"{KEY}/call:engineering manager"
    assert opened["service"]["id"] == SEARCH
    assert opened["title"] == "SEV-1 checkout-api · called as engineering manager: Errors above 5 % for 3 minutes"
    assert (
        "Card: https://example.slack.com"
        in account.calls("POST", "/incidents")[0]["body"]["incident"]["body"]["details"]
    )


def test_people_asked_by_name_are_told_apart(account: Account) -> None:
    pager = account.pager(service=SHOP)
    for name, user in (("dee", "U0DEE"), ("ana", "U0ANA")):
        pager.call(PAGE, Duty(role=Role.ASKED, name=name, user_id=user, email=f"{name}@shop.example"))
    assert {each["incident_key"] for each in account.incidents()} == {f"{KEY}/call:U0DEE", f"{KEY}/call:U0ANA"}
    assert account.told() == [(DEE, "direct"), (ANA, "direct")]


def test_the_service_of_the_catalogue_comes_before_the_general_one(account: Account) -> None:
    config = Config.model_validate(
        {
            "pagerduty": {"sender": SENDER, "service": SEARCH},
            "services": {"Checkout API": {"pagerduty": {"service": SHOP}}},
        }
    )
    rest, events_api = RestApi(TOKEN, account.server.url), EventsApi(SHOP_KEY, account.server.url)
    PagerDuty(events_api, rest, config, account.fallback, account.clock).call(PAGE, MANAGER)
    assert account.incidents()[0]["service"]["id"] == SHOP


def test_without_a_configured_service_it_is_that_of_the_pages_last_incident(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    pager.resolve(KEY)
    pager.call(PAGE, MANAGER)
    assert account.incidents()[-1]["service"]["id"] == SHOP
    assert account.told()[-1] == (DEE, "direct")


def test_an_account_that_can_ask_nobody_gets_an_incident_for_them(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.fault(f"/incidents/{account.incidents()[0]['id']}/responder_requests", "error", status=402)
    pager.call(PAGE, MANAGER)
    assert account.told() == [(BOB, "level 1"), (DEE, "direct")]


@pytest.mark.parametrize(
    ("to", "options"),
    [
        (STRANGER, {"service": SHOP}),
        (Duty(role=Role.MANAGER, name="no address", user_id="U0X"), {"service": SHOP}),
        (MANAGER, {}),
        (MANAGER, {"service": SHOP, "sender": None}),
        (MANAGER, {"service": SHOP, "sender": "nobody@shop.example"}),
        (MANAGER, {"service": SHOP, "sender": "dee@shop.example"}),
    ],
    ids=["no user of PagerDuty", "no address", "no service", "no sender", "a sender it does not know", "own name"],
)
def test_whom_pagerduty_cannot_call_the_fallback_calls(account: Account, to: Duty, options: dict[str, Any]) -> None:
    reached = account.pager(**options).call(PAGE, to)
    assert (reached.means, bool(reached.why_not)) == (Means.MESSAGE, True)
    assert account.fallback.called == [(KEY, to.name)]
    assert account.told() == []


def test_a_users_own_token_needs_no_sender(account: Account) -> None:
    pager = account.pager(token="u+bob", sender=None, service=SHOP)
    pager.call(PAGE, MANAGER)
    pager.call(PAGE, Duty(role=Role.COMMANDER, name="Ana", email="ana@shop.example"))
    assert account.told() == [(DEE, "direct"), (ANA, "direct")]
    assert len(account.calls("GET", "/users/me")) == 1


def test_two_who_call_the_same_person_at_once_page_once(account: Account) -> None:
    pager = account.pager(service=SHOP)
    account.fault("/incidents", "delay", method="POST", seconds=1.0)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pager.call, PAGE, MANAGER)
        wait_for(lambda: len(account.calls("GET", "/incidents")) >= 2, "what is open there")
        pager.call(PAGE, MANAGER)
        first.result()
    assert account.told() == [(DEE, "direct")]
    assert sorted(call["status"] for call in account.calls("POST", "/incidents")) == [201, 400]


# -- how their calls end


def test_what_called_others_ends_with_the_page(account: Account) -> None:
    pager = account.pager(service=SHOP)
    other = PAGE.model_copy(update={"key": "another"})
    pager.call(PAGE, MANAGER)
    pager.call(other, MANAGER)
    pager.page(PAGE, None)
    pager.acknowledge(KEY, "Ana")
    states = {each["incident_key"]: each["status"] for each in account.incidents()}
    assert states == {
        KEY: "acknowledged",
        f"{KEY}/call:engineering manager": "acknowledged",
        "another/call:engineering manager": "triggered",
    }
    pager.resolve(KEY)
    pager.resolve(KEY)
    states = {each["incident_key"]: each["status"] for each in account.incidents()}
    assert list(states.values()).count("resolved") == 2
    assert states["another/call:engineering manager"] == "triggered"


def test_an_alarm_whose_name_begins_alike_is_left_alone(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE.model_copy(update={"key": f"{KEY}/secondary"}), None)
    pager.page(PAGE, None)
    pager.resolve(KEY)
    assert [each["status"] for each in account.incidents()] == ["triggered", "resolved"]
    account.press("ack", BOB, f"{KEY}/secondary")
    assert pager.changes([KEY]) == []


def test_what_cannot_be_ended_is_told_or_tried_again(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    pager = account.pager(service=SHOP)
    pager.call(PAGE, MANAGER)
    account.fault("/incidents", "error", method="PUT", status=503)
    assert refused(lambda: pager.resolve(KEY)).retryable
    account.fault("/incidents", "error", method="PUT", status=403)
    pager.resolve(KEY)
    assert "still called" in caplog.text
    pager.resolve(KEY)
    assert account.incidents()[0]["status"] == "resolved"
