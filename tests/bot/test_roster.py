"""Who is on call, by the config file, by PagerDuty over HTTP, and by both."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.config import Config
from bot.errors import ChatError, PagerError
from bot.integrations.pagerduty.api import RestApi
from bot.integrations.roster import ASK_AGAIN, FRESH, STALE, ConfigRoster, PagerDutyRoster, Rosters
from bot.models import Duty, Role
from sandbox.pagerduty.cast import BOB as BOBS
from sandbox.pagerduty.cast import DEE, SEARCH_POLICY, SHOP_POLICY, SHOP_PRIMARY, SHOP_SECONDARY
from sandbox.pagerduty.thread import PagerDutyServer
from tests.clock import MovableClock

ANA, BOB, CYS, DEES = "U0ANA", "U0BOB", "U0CY", "U0DEE"
IDS = {f"{name}@shop.example": f"U0{name.upper()}" for name in ("ana", "bob", "cy", "dee")}
CONFIG = Config.model_validate(
    {
        "on_call": {"primary": ANA, "team_lead": DEES, "commander": ANA},
        "services": {
            "Checkout API": {"on_call": {"primary": BOB, "secondary": CYS}, "owner": "Team Shop"},
            "search": {},
        },
    }
)


class Account:
    """The account on this machine and a roster that asks it."""

    def __init__(self, server: PagerDutyServer) -> None:
        self.server = server
        self.clock = MovableClock()

    def roster(self, find_user: Callable[[str], str | None] = IDS.get, **pagerduty: str) -> PagerDutyRoster:
        config = Config.model_validate(
            {
                "pagerduty": pagerduty,
                "services": {"search": {"pagerduty": {"escalation_policy": SEARCH_POLICY}}},
            }
        )
        return PagerDutyRoster(RestApi("token", self.server.url), config, find_user, self.clock)

    def asked(self, path: str = "/oncalls") -> list[Any]:
        return [call for call in self.server.show("log")["calls"] if call["path"] == path]

    def fault(self, kind: str, path: str = "/oncalls", **more: Any) -> None:
        self.server.control("fault", path=path, kind=kind, **more)

    def shift(self, schedule: str, user: str | None) -> None:
        self.server.control("oncall", schedule=schedule, user=user)


@pytest.fixture
def account() -> Iterator[Account]:
    with PagerDutyServer() as server:
        yield Account(server)


def names(duties: list[Duty]) -> list[tuple[str, str]]:
    return [(duty.role.value, duty.name) for duty in duties]


# -- the config file


def test_a_service_overrides_the_general_people_field_by_field() -> None:
    roster = ConfigRoster(CONFIG)
    assert [(duty.role, duty.user_id) for duty in roster.on_call("checkout_api")] == [
        (Role.PRIMARY, BOB),
        (Role.SECONDARY, CYS),
        (Role.TEAM_LEAD, DEES),
        (Role.COMMANDER, ANA),
    ]
    assert [duty.role for duty in roster.on_call("search")] == [Role.PRIMARY, Role.TEAM_LEAD, Role.COMMANDER]
    assert roster.on_call("unheard of") == roster.on_call("search")
    assert ConfigRoster(Config()).on_call("checkout-api") == []


def test_names_and_addresses_are_asked_for() -> None:
    roster = ConfigRoster(CONFIG, lambda user: "Bob Okafor" if user == BOB else "", {BOB: "bob@shop.example"}.get)
    bob, cy, *_ = roster.on_call("checkout-api")
    assert (bob.name, bob.email) == ("Bob Okafor", "bob@shop.example")
    assert (cy.name, cy.email) == (CYS, None)


def test_an_address_that_slack_does_not_tell_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def refuses(_: str) -> str | None:
        raise ChatError("ratelimited", retryable=True)

    assert ConfigRoster(CONFIG, email_of=refuses).on_call("search")[0].email is None
    assert "can't tell the e-mail" in caplog.text


@pytest.mark.parametrize("name", ["checkout api", "Checkout-API", "team shop", " TEAM SHOP "])
def test_a_team_of_the_config_file_is_a_service_or_its_owner(name: str) -> None:
    found = ConfigRoster(CONFIG).find(name)
    assert found
    assert (found.role, found.user_id) == (Role.ASKED, BOB)


def test_a_team_that_is_none_is_not_found() -> None:
    assert ConfigRoster(CONFIG).find("plumbing") is None
    assert ConfigRoster(CONFIG).find("") is None
    assert ConfigRoster(Config.model_validate({"services": {"x": {}}})).find("x") is None


# -- PagerDuty


def test_the_first_two_levels_of_the_services_policy_are_the_roles(account: Account) -> None:
    roster = account.roster(escalation_policy=SHOP_POLICY)
    bob, cy = roster.on_call("checkout-api")
    known = {"until": None}
    assert bob.model_copy(update=known) == Duty(
        role=Role.PRIMARY, name="Bob Okafor", user_id=BOB, email="bob@shop.example"
    )
    assert cy.model_copy(update=known) == Duty(
        role=Role.SECONDARY, name="Cy Lindqvist", user_id=CYS, email="cy@shop.example"
    )
    assert bob.until is not None
    assert bob.until > account.clock()
    assert account.asked()[0]["query"]["escalation_policy_ids[]"] == [SHOP_POLICY]


def test_the_catalogues_policy_comes_before_the_general_one(account: Account) -> None:
    roster = account.roster(escalation_policy=SHOP_POLICY)
    kim, cy = roster.on_call("Search")
    assert (kim.name, kim.user_id, kim.email) == ("Kim Porter", None, "kim@vendor.example")
    assert cy.name == "Cy Lindqvist"


def test_without_a_policy_the_first_of_all_counts_and_stays_the_same(account: Account) -> None:
    roster = account.roster()
    found = names(roster.on_call("checkout-api"))
    assert found == [("primary", "Ana Duarte"), ("secondary", "Cy Lindqvist")], "“Incident commanders” sorts first"
    account.clock.advance(FRESH.total_seconds())
    assert names(roster.on_call("another")) == found


def test_a_gap_in_the_rota_leaves_the_role_out(account: Account) -> None:
    account.shift(SHOP_PRIMARY, None)
    assert names(account.roster(escalation_policy=SHOP_POLICY).on_call("x")) == [("secondary", "Cy Lindqvist")]


def test_one_person_may_have_both_levels(account: Account) -> None:
    account.shift(SHOP_SECONDARY, BOBS)
    assert names(account.roster(escalation_policy=SHOP_POLICY).on_call("x")) == [
        ("primary", "Bob Okafor"),
        ("secondary", "Bob Okafor"),
    ]


def test_who_slack_does_not_tell_is_still_on_call(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    def refuses(_: str) -> str | None:
        raise ChatError("connection", retryable=True)

    found = account.roster(refuses, escalation_policy=SHOP_POLICY).on_call("x")
    assert [duty.user_id for duty in found] == [None, None]
    assert "can't tell who bob@shop.example is in Slack" in caplog.text


@pytest.mark.parametrize("name", ["Shop on-call", "SHOP ON-CALL", " shop on-call "])
def test_a_team_is_an_escalation_policy_by_name(account: Account, name: str) -> None:
    found = account.roster().find(name)
    assert found is not None
    assert (found.role, found.name, found.user_id, found.email) == (
        Role.ASKED,
        "Bob Okafor",
        BOB,
        "bob@shop.example",
    )


@pytest.mark.parametrize("name", ["Shop", "nobody", ""])
def test_a_part_of_a_name_is_no_team(account: Account, name: str) -> None:
    assert account.roster().find(name) is None


def test_a_team_without_anybody_is_told(account: Account) -> None:
    account.server.control("oncall", schedule="PCMDRS1", user=None)
    with pytest.raises(PagerError) as told:
        account.roster().find("Incident commanders")
    assert told.value.code == "nobody_on_call"
    assert "Incident commanders" in told.value.detail


# -- what is remembered


def test_an_answer_holds_for_a_minute(account: Account) -> None:
    roster = account.roster(escalation_policy=SHOP_POLICY)
    roster.on_call("x")
    account.shift(SHOP_PRIMARY, DEE)
    account.clock.advance(FRESH.total_seconds() - 1)
    assert names(roster.on_call("y"))[0] == ("primary", "Bob Okafor")
    assert len(account.asked()) == 1
    account.clock.advance(2)
    assert names(roster.on_call("x"))[0] == ("primary", "Dee Rahman")


def test_an_old_answer_stands_while_pagerduty_does_not_answer(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    roster = account.roster(escalation_policy=SHOP_POLICY)
    before = roster.on_call("x")
    account.fault("error", times=None, status=503)
    account.clock.advance(STALE.total_seconds() - 60)
    assert roster.on_call("x") == before
    assert "http_503" in caplog.text
    account.clock.advance(120)
    with pytest.raises(PagerError) as told:
        roster.on_call("x")
    assert told.value.retryable


def test_a_failure_is_not_asked_for_again_at_once(account: Account) -> None:
    roster = account.roster(escalation_policy=SHOP_POLICY)
    account.fault("ratelimited", times=1, retry_after=5)
    errors = []
    for _ in range(2):
        with pytest.raises(PagerError) as told:
            roster.on_call("x")
        errors.append(told.value)
    assert [error.retry_after for error in errors] == [5, 5]
    assert errors[0] is not errors[1]
    assert len(account.asked()) == 1
    account.clock.advance(ASK_AGAIN.total_seconds())
    assert names(roster.on_call("x"))[0] == ("primary", "Bob Okafor")


def test_many_at_once_ask_once_for_each_policy(account: Account) -> None:
    roster = account.roster(escalation_policy=SHOP_POLICY)
    account.fault("delay", times=None, seconds=0.2)
    together = threading.Barrier(8)

    def ask(service: str) -> list[tuple[str, str]]:
        together.wait()
        return names(roster.on_call(service))

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, ["x", "search"] * 4))
    assert len(account.asked()) == 2
    assert {tuple(each) for each in found[::2]} == {(("primary", "Bob Okafor"), ("secondary", "Cy Lindqvist"))}
    assert found[1][0] == ("primary", "Kim Porter")


def test_many_at_once_share_one_failure(account: Account) -> None:
    roster = account.roster(escalation_policy=SHOP_POLICY)
    account.fault("drop_before", times=None)

    def ask(_: int) -> str:
        with pytest.raises(PagerError) as told:
            roster.on_call("x")
        return told.value.code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(ask, range(6))) == {"connection"}
    assert len(account.asked()) == 1


# -- both


def both(account: Account) -> Rosters:
    return Rosters(account.roster(escalation_policy=SHOP_POLICY), ConfigRoster(CONFIG))


def test_pagerduty_wins_for_its_roles_and_the_config_file_has_the_others(account: Account) -> None:
    account.shift(SHOP_SECONDARY, None)
    assert names(both(account).on_call("Checkout API")) == [
        ("primary", "Bob Okafor"),
        ("secondary", CYS),
        ("team lead", DEES),
        ("incident commander", ANA),
    ]


def test_the_config_file_stands_in_for_pagerduty(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.fault("error", times=None)
    rosters = both(account)
    assert rosters.on_call("x")[0] == Duty(role=Role.PRIMARY, name=ANA, user_id=ANA)
    assert "by the config file" in caplog.text
    with pytest.raises(PagerError):
        Rosters(account.roster(), ConfigRoster(Config())).on_call("x")


def test_a_team_is_looked_for_in_both(account: Account) -> None:
    rosters = both(account)
    found = [rosters.find(name) for name in ("Search on-call", "Team Shop", "plumbing")]
    assert [duty and duty.name for duty in found] == ["Kim Porter", BOB, None]


def test_a_team_is_found_in_the_config_file_when_pagerduty_fails(account: Account) -> None:
    account.fault("error", "/escalation_policies", times=None)
    rosters = both(account)
    assert (duty := rosters.find("Team Shop"))
    assert duty.user_id == BOB
    with pytest.raises(PagerError):
        rosters.find("plumbing")
