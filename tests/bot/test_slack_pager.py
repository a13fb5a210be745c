"""Paging by direct message, and who is who by e-mail: on the workspace's Web API."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bot.errors import ChatError, Outcome, PagerError
from bot.integrations.slack import people as slack_people
from bot.integrations.slack.api import SlackApi
from bot.integrations.slack.chat import SlackChat
from bot.integrations.slack.pager import SlackPager, delivery_id
from bot.integrations.slack.people import SlackPeople
from bot.models import Duty, Message, MessageRef, Page, Role, Severity
from sandbox.slack.thread import SandboxServer
from tests.bot.make import NOW, after
from tests.clock import MovableClock

Json = dict[str, Any]
ANA, BOB = "U0ANA", "U0BOB"
PAGE = Page(
    key="123456789012/eu-west-1/prod-checkout-api-5xx-critical",
    summary="Errors above 5 % <!channel>",
    severity=Severity.SEV1,
    service="checkout-api",
    source="123456789012 eu-west-1",
    asked_at=NOW,
    link="https://example.slack.com/archives/C0OPS/p1700000000000100",
    details={"Value": "212 *bold*"},
)
PRIMARY = Duty(role=Role.PRIMARY, name="Bob", user_id=BOB)
LEAD = Duty(role=Role.TEAM_LEAD, name="Bob", user_id=BOB)


class World:
    """A workspace, and the bot's parts that page and know people in it."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server
        slack = SlackApi("xoxb-test", server.api_url)
        identity = slack.identity()
        self.chat = SlackChat(slack, identity)
        self.people = SlackPeople(slack, identity)
        self.pager = SlackPager(self.chat, MovableClock(), find_user=self.people.by_email)

    def get(self, path: str) -> Json:
        with urllib.request.urlopen(self._server.url + path, timeout=10) as answer:
            return dict(json.load(answer))

    def control(self, path: str, **body: Any) -> None:
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self._server.url}/control/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=10):
            pass

    def calls(self, method: str) -> int:
        return sum(call["method"] == method for call in self.get("/control/log")["calls"])

    def direct(self, user: str) -> list[Json]:
        """What the bot wrote to somebody."""
        found: list[Json] = []
        for channel in self.get(f"/sandbox/state?as={user}")["channels"]:
            if channel["is_im"]:
                found += self.get(f"/sandbox/messages?as={user}&channel={channel['id']}")["messages"]
        return found


@pytest.fixture
def world() -> Iterator[World]:
    with SandboxServer() as server:
        yield World(server)


# -- paging


def test_a_page_is_a_direct_message_with_the_way_to_the_card(world: World) -> None:
    world.pager.page(PAGE, PRIMARY)
    (message,) = world.direct(BOB)
    assert message["text"] == (
        "*📟 SEV-1* · checkout-api · Errors above 5 % &lt;!channel&gt; — you are on call (primary). "
        "<https://example.slack.com/archives/C0OPS/p1700000000000100|Open the card>"
    )
    assert [block["type"] for block in message["blocks"]] == ["rich_text", "rich_text"]
    assert world.direct(ANA) == []


@pytest.mark.parametrize("role", Role)
def test_each_role_is_told_why_it_is_called(world: World, role: Role) -> None:
    world.pager.call(PAGE, Duty(role=role, name="Bob", user_id=BOB))
    words = "by name" if role is Role.ASKED else role.value
    assert words in world.direct(BOB)[0]["text"]


def test_who_is_known_by_e_mail_alone_is_found(world: World) -> None:
    world.pager.call(PAGE, Duty(role=Role.COMMANDER, name="Ana", email="Ana@shop.example"))
    assert len(world.direct(ANA)) == 1


@pytest.mark.parametrize(
    ("to", "what"),
    [
        (None, "on_call.primary"),
        (Duty(role=Role.PRIMARY, name="Kim"), "Kim"),
        (Duty(role=Role.PRIMARY, name="Kim", email="kim@vendor.example"), "Kim"),
    ],
)
def test_nobody_to_page_says_what_to_configure(world: World, to: Duty | None, what: str) -> None:
    with pytest.raises(PagerError) as told:
        world.pager.page(PAGE, to)
    assert (told.value.code, told.value.retryable) == ("nobody_on_call", False)
    assert what in told.value.detail
    assert "on_call" in told.value.detail


def test_the_rest_is_nothing_to_do(world: World) -> None:
    world.pager.acknowledge(PAGE.key, "Ana")
    world.pager.resolve(PAGE.key)
    assert world.pager.changes([PAGE.key]) == []


def test_delivery_ids_tell_pages_roles_people_and_calls_apart() -> None:
    other = PAGE.model_copy(update={"key": "other"})
    again = PAGE.model_copy(update={"asked_at": after(60)})
    asked = Duty(role=Role.ASKED, name="x")
    ids = {
        delivery_id(PAGE, PRIMARY, BOB),
        delivery_id(PAGE, LEAD, BOB),
        delivery_id(other, PRIMARY, BOB),
        delivery_id(again, PRIMARY, BOB),
        delivery_id(PAGE, asked, BOB),
        delivery_id(PAGE, asked, ANA),
    }
    assert len(ids) == 6
    assert delivery_id(PAGE, PRIMARY, BOB) == delivery_id(PAGE, PRIMARY, BOB)


@pytest.mark.parametrize(("kind", "posted"), [("drop_before", 1), ("drop_after", 1), ("ratelimited", 1)])
def test_a_page_whose_answer_was_lost_comes_once_where_that_can_be_seen(world: World, kind: str, posted: int) -> None:
    world.pager.call(PAGE, LEAD)
    world.control("fault", method="chat.postMessage", kind=kind)
    with pytest.raises(ChatError) as told:
        world.pager.page(PAGE, PRIMARY)
    assert told.value.retryable
    world.pager.page(PAGE, PRIMARY)
    assert len(world.direct(BOB)) == 1 + posted


def test_a_page_comes_twice_rather_than_not_at_all(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.control("fault", method="chat.postMessage", kind="drop_after")
    with pytest.raises(ChatError):
        world.pager.page(PAGE, PRIMARY)
    world.pager.page(PAGE, PRIMARY)
    assert len(world.direct(BOB)) == 2
    assert "may appear twice" in caplog.text


def test_looking_that_fails_for_now_is_tried_again(world: World) -> None:
    world.pager.call(PAGE, LEAD)
    world.control("fault", method="chat.postMessage", kind="drop_after")
    world.control("fault", method="conversations.history", kind="ratelimited")
    for _ in range(2):
        with pytest.raises(ChatError):
            world.pager.page(PAGE, PRIMARY)
    world.pager.page(PAGE, PRIMARY)
    assert len(world.direct(BOB)) == 2


def test_the_same_page_of_another_time_is_a_page_again(world: World) -> None:
    world.pager.page(PAGE, PRIMARY)
    world.pager.page(PAGE, PRIMARY)
    assert len(world.direct(BOB)) == 2


@pytest.mark.logs_errors
def test_blocks_that_slack_refuses_do_not_keep_the_page_back(world: World) -> None:
    world.control("fault", method="chat.postMessage", kind="error", error="invalid_blocks")
    world.pager.page(PAGE, PRIMARY)
    (message,) = world.direct(BOB)
    assert "SEV-1" in message["text"]


def test_only_so_much_doubt_is_kept() -> None:
    class Lossy(SlackChat):
        """Takes nothing."""

        def __init__(self) -> None:
            self.looked = 0

        def post(self, channel: str, message: Message, **_: Any) -> MessageRef:
            raise ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)

        def find(self, channel: str, delivery_id: str, **_: Any) -> MessageRef | None:
            self.looked += 1
            return None

    chat = Lossy()
    pager = SlackPager(chat, MovableClock())
    for number in range(1001):
        with pytest.raises(ChatError):
            pager.page(PAGE.model_copy(update={"key": str(number)}), PRIMARY)
    for number in (0, 1000):
        with pytest.raises(ChatError):
            pager.page(PAGE.model_copy(update={"key": str(number)}), PRIMARY)
    assert chat.looked == 1


# -- people


class Later:
    """A monotonic clock that can be moved on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return self.ahead


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    clock = Later()
    monkeypatch.setattr(slack_people, "time", clock)
    return clock


def test_people_are_found_by_e_mail_and_remembered(world: World, later: Later) -> None:
    assert world.people.by_email(" Bob@Shop.example ") == BOB
    later.ahead = 3599
    assert world.people.by_email("bob@shop.example") == BOB
    assert world.calls("users.lookupByEmail") == 1
    later.ahead = 3601
    assert world.people.by_email("bob@shop.example") == BOB
    assert world.calls("users.lookupByEmail") == 2


def test_who_is_not_there_is_asked_for_again_sooner(world: World, later: Later) -> None:
    assert world.people.by_email("kim@vendor.example") is None
    later.ahead = 599
    assert world.people.by_email("kim@vendor.example") is None
    assert world.calls("users.lookupByEmail") == 1
    later.ahead = 601
    assert world.people.by_email("kim@vendor.example") is None
    assert world.calls("users.lookupByEmail") == 2


def test_without_the_scope_nobody_is_found_and_that_is_told_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    world.control("scopes", granted=["chat:write", "users:read"])
    assert world.people.by_email("ana@shop.example") is None
    assert world.people.by_email("bob@shop.example") is None
    assert caplog.text.count("users:read.email") == 1
    assert world.people.email(BOB) is None
    assert world.people.name(BOB) == "Bob Okafor"


def test_a_failure_is_no_answer(world: World) -> None:
    world.control("fault", method="users.lookupByEmail", kind="ratelimited")
    with pytest.raises(ChatError) as told:
        world.people.by_email("bob@shop.example")
    assert told.value.code == "ratelimited"
    assert world.people.by_email("bob@shop.example") == BOB


def test_names_and_addresses_come_from_one_call(world: World) -> None:
    assert world.people.email(BOB) == "bob@shop.example"
    assert world.people.name(BOB) == "Bob Okafor"
    assert world.calls("users.info") == 1


def test_an_old_profile_serves_while_slack_does_not_answer(world: World, later: Later) -> None:
    assert world.people.name(BOB) == "Bob Okafor"
    later.ahead = 4000
    world.control("fault", method="users.info", kind="drop_before", times=2)
    assert world.people.name(BOB) == "Bob Okafor"
    assert world.people.email(BOB) == "bob@shop.example"
    assert world.people.name(BOB) == "Bob Okafor"


def test_who_cannot_be_named_is_called_by_their_id(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.control("fault", method="users.info", kind="drop_before", times=2)
    assert world.people.name(BOB) == BOB
    assert "can't tell the name" in caplog.text
    with pytest.raises(ChatError):
        world.people.email(BOB)
    assert world.people.name("U0NOBODY") == "U0NOBODY"
    assert world.people.email("U0NOBODY") is None
    assert world.calls("users.info") == 3
