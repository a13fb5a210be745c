"""PagerDuty over HTTP: what is sent, what failures are called, who is paged, and what becomes of people's doings."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema
import pytest

from bot.config import Config
from bot.errors import Outcome, PagerError
from bot.integrations.pagerduty import api, events
from bot.integrations.pagerduty.answers import Incident
from bot.integrations.pagerduty.api import EventsApi, RestApi
from bot.integrations.pagerduty.pager import PagerDuty
from bot.models import Duty, Means, Page, Role, Severity
from bot.ports import Reached
from bot.signals import PagerChange, PagerState
from sandbox.pagerduty.cast import ANA, BOB, CY, DEE, SEARCH, SHOP, SHOP_KEY, SHOP_SECONDARY
from sandbox.pagerduty.thread import PagerDutyServer
from tests.clock import MovableClock

Json = dict[str, Any]
KEY = "123456789012/eu-west-1/prod-checkout-api-5xx-critical"
TOKEN = "t0ken-of-the-account"
SENDER = "kim@vendor.example"
PAGE = Page(
    key=KEY,
    summary="Errors above 5 % for 3 minutes",
    severity=Severity.SEV1,
    service="checkout-api",
    source="123456789012 (shop) eu-west-1",
    asked_at=datetime.now(UTC),
    link="https://example.slack.com/archives/C0OPS/p1700000000000100",
    details={"Metric": "HTTPCode_Target_5XX_Count", "Value": "212", "Environment": "prod"},
)
SECONDARY = Duty(role=Role.SECONDARY, name="Cy Lindqvist", user_id="U0CY", email="cy@shop.example")
MANAGER = Duty(role=Role.MANAGER, name="Dee Rahman", user_id="U0DEE", email="dee@shop.example")
STRANGER = Duty(role=Role.COMMANDER, name="Gus", user_id="U0GUS", email="gus@partner.example")

TEXT = {"type": "string", "minLength": 1}
EVENT_SCHEMA = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": TEXT,
        "client_url": {"type": "string", "pattern": "^https?://"},
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["href"],
                "additionalProperties": False,
                "properties": {"href": TEXT, "text": TEXT},
            },
        },
        "payload": {
            "type": "object",
            "required": ["summary", "severity", "source"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "severity": {"enum": ["critical", "warning", "error", "info"]},
                "source": TEXT,
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
}
"""The part of the contract of Events v2 that the bot uses."""


class Calls:
    """A pager that only remembers."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []

    def page(self, page: Page, to: Duty | None) -> Reached:
        raise AssertionError("the page itself is PagerDuty's")

    def call(self, page: Page, to: Duty) -> Reached:
        self.called.append((page.key, to.name))
        return Reached(Means.MESSAGE)

    def way(self, to: Duty) -> Reached:
        raise AssertionError("PagerDuty knows by itself whom it can't call")

    def acknowledge(self, key: str, by: str) -> None:
        raise AssertionError

    def resolve(self, key: str) -> None:
        raise AssertionError

    def email_of(self, person_id: str) -> str | None:
        raise AssertionError

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        raise AssertionError


class Account:
    """The account on this machine, and the bot's pager on it."""

    def __init__(self, server: PagerDutyServer) -> None:
        self.server = server
        self.fallback = Calls()
        self.clock = MovableClock()

    def pager(
        self,
        *,
        token: str | None = TOKEN,
        sender: str | None = SENDER,
        key: str = SHOP_KEY,
        email_of: Callable[[str], str | None] = lambda _: None,
        **pagerduty: str,
    ) -> PagerDuty:
        config = Config.model_validate({"pagerduty": {"sender": sender, **pagerduty}})
        rest = RestApi(token, self.server.url) if token else None
        events_api = EventsApi(key, self.server.url)
        return PagerDuty(events_api, rest, config, self.fallback, self.clock, email_of=email_of)

    def calls(self, method: str = "", path: str = "") -> list[Json]:
        found = self.server.show("log")["calls"]
        return [call for call in found if method in ("", call["method"]) and call["path"].startswith(path)]

    def told(self) -> list[tuple[str, str]]:
        """Who was paged, and why."""
        return [(each["user"], each["reason"]) for each in self.server.show("pages")["pages"]]

    def incidents(self) -> list[Json]:
        answer = RestApi(TOKEN, self.server.url).get("/incidents", limit=100)
        return list(answer["incidents"])

    def fault(self, path: str, kind: str, **more: Any) -> None:
        self.server.control("fault", path=path, kind=kind, **more)

    def press(self, button: str, user: str, incident: str = KEY) -> None:
        """As somebody in PagerDuty."""
        self.server.control(button, incident=incident, user=user)


@pytest.fixture
def account() -> Iterator[Account]:
    with PagerDutyServer() as server:
        yield Account(server)


def refused(act: Callable[[], object]) -> PagerError:
    with pytest.raises(PagerError) as told:
        act()
    return told.value


# -- events


def test_a_page_says_what_the_contract_has_fields_for(account: Account) -> None:
    account.pager().page(PAGE, None)

    body = account.calls("POST", "/v2/enqueue")[0]["body"]
    jsonschema.validate(body, EVENT_SCHEMA)
    assert body["dedup_key"] == KEY
    assert body["client_url"] == PAGE.link == body["links"][0]["href"]
    payload = body["payload"]
    assert payload["summary"] == f"SEV-1 checkout-api: {PAGE.summary}"
    assert (payload["component"], payload["group"]) == ("checkout-api", "prod")
    assert payload["class"] == "HTTPCode_Target_5XX_Count"
    assert payload["custom_details"] == PAGE.details
    assert account.told() == [(BOB, "level 1")]


def test_what_has_an_address_is_a_link_of_the_event(account: Account) -> None:
    addresses = {"runbook": "https://run.example", "console": "https://aws.example/a?b=c"}
    others = {
        "reason": "https://two.example words",
        "dashboard": f"https://{'x' * 5000}.example",
        " ": "https://no.name",
    }
    account.pager().page(PAGE.model_copy(update={"details": {**addresses, **others}}), None)
    account.pager().page(PAGE.model_copy(update={"details": addresses, "link": None, "key": "other"}), None)

    first, second = (call["body"] for call in account.calls("POST", "/v2/enqueue"))
    jsonschema.validate(first, EVENT_SCHEMA)
    named = [
        {"href": "https://run.example", "text": "Runbook"},
        {"href": "https://aws.example/a?b=c", "text": "Console"},
    ]
    assert first["links"] == [{"href": PAGE.link, "text": "Open the card in Slack"}, *named]
    assert second["links"] == named
    assert "client_url" not in second


@pytest.mark.parametrize(
    ("severity", "word"), list(zip(Severity, ["critical", "error", "warning", "info"], strict=True))
)
def test_each_severity_has_pagerdutys_word(account: Account, severity: Severity, word: str) -> None:
    account.pager().page(PAGE.model_copy(update={"severity": severity}), None)
    assert account.calls("POST")[0]["body"]["payload"]["severity"] == word


@pytest.mark.parametrize("text", ["", " \n", "x" * 3000, "half \ud83d pair", "\x00\x1b[31m", "🔥" * 1500, "a\nb"])
def test_any_text_makes_an_event_that_is_taken(account: Account, text: str) -> None:
    page = Page(
        key=f"k{text}" if text.isascii() else "k",
        summary=text,
        severity=Severity.SEV2,
        service=text,
        source=text,
        asked_at=PAGE.asked_at,
        details={text: text},
    )
    pager = account.pager()
    pager.page(page, None)
    pager.resolve(page.key)
    trigger, resolve = (call["body"] for call in account.calls("POST", "/v2/enqueue"))
    jsonschema.validate(trigger, EVENT_SCHEMA)
    assert trigger["dedup_key"] == resolve["dedup_key"]


def test_a_key_that_is_too_long_is_shortened_and_stays_its_own() -> None:
    one, other = events.dedup_key("a" * 400 + "1"), events.dedup_key("a" * 400 + "2")
    assert one != other
    assert len(one) == len(other) == 190
    assert events.dedup_key(KEY) == KEY
    for is_anew in (True, False):
        page = PAGE.model_copy(update={"key": "a" * 400, "is_anew": is_anew})
        longest = events.call_key(page, MANAGER, DEE)
        assert len(longest) <= 255
        assert events.page_of(longest) == events.dedup_key("a" * 400)


def test_repeating_a_page_opens_no_second_incident(account: Account) -> None:
    pager = account.pager()
    account.fault("/v2/enqueue", "drop_after")
    assert refused(lambda: pager.page(PAGE, None)).outcome is Outcome.UNKNOWN
    pager.page(PAGE, None)
    assert len(account.incidents()) == 1
    assert account.told() == [(BOB, "level 1")]


def test_acknowledging_and_resolving_use_the_same_key_and_say_who(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    pager.acknowledge(KEY, "Ana Duarte")
    assert account.incidents()[0]["status"] == "acknowledged"
    notes = account.calls("POST", f"/incidents/{account.incidents()[0]['id']}/notes")
    assert [call["body"]["note"]["content"] for call in notes] == ["Acknowledged in Slack by Ana Duarte"]
    pager.resolve(KEY)
    assert account.incidents()[0]["status"] == "resolved"
    for call in account.calls("POST", "/v2/enqueue"):
        jsonschema.validate(call["body"], EVENT_SCHEMA)


def test_a_note_that_fails_changes_nothing(account: Account) -> None:
    pager = account.pager()
    pager.page(PAGE, None)
    account.fault(f"/incidents/{account.incidents()[0]['id']}/notes", "error")
    pager.acknowledge(KEY, "Ana")
    assert account.incidents()[0]["status"] == "acknowledged"


def test_without_a_token_events_work_all_the_same(account: Account) -> None:
    pager = account.pager(token=None)
    pager.page(PAGE, None)
    pager.acknowledge(KEY, "Ana")
    pager.resolve(KEY)
    assert [call["path"] for call in account.calls()] == ["/v2/enqueue"] * 3
    assert pager.changes([KEY]) == []


# -- failures


class Odd(BaseHTTPRequestHandler):
    """Answers with what the test laid out."""

    status = 200
    body = b""
    headers_sent: tuple[tuple[str, str], ...] = ()
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def answering(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Iterator[str]:
    """A server that always answers so; its address."""
    handler = type("Laid", (Odd,), {"status": status, "body": body, "headers_sent": headers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def both(address: str) -> list[Callable[[], object]]:
    """An event and a REST call to this address."""
    return [
        lambda: EventsApi(SHOP_KEY, address).send("resolve", KEY),
        lambda: RestApi(TOKEN, address).get("/users"),
    ]


@pytest.mark.parametrize("kind", [0, 1], ids=["event", "rest"])
class TestFailures:
    def test_the_rate_limit_is_told_at_once_with_its_end(self, account: Account, kind: int) -> None:
        account.fault("*", "ratelimited", times=2, retry_after=17)
        error = refused(both(account.server.url)[kind])
        assert (error.code, error.retryable, error.outcome) == ("ratelimited", True, Outcome.NOT_DONE)
        assert error.retry_after == 17
        assert len(account.calls()) == 1, "no loop of its own"

    def test_retry_after_counts_where_it_is_given(self, kind: int) -> None:
        with answering(429, b"", ("Retry-After", "4")) as address:
            assert refused(both(address)[kind]).retry_after == 4
        with answering(429, b"", ("Retry-After", "soon")) as address:
            assert refused(both(address)[kind]).retry_after == api.DEFAULT_RETRY_AFTER

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_error_may_have_been_taken(self, account: Account, kind: int, status: int) -> None:
        account.fault("*", "error", status=status)
        error = refused(both(account.server.url)[kind])
        assert (error.code, error.retryable, error.outcome) == (f"http_{status}", True, Outcome.UNKNOWN)
        assert "internal error" in error.detail
        assert len(account.calls()) == 1

    @pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
    def test_a_connection_that_breaks_may_have_been_enough(self, account: Account, kind: int, fault: str) -> None:
        account.fault("*", fault)
        error = refused(both(account.server.url)[kind])
        assert (error.code, error.retryable, error.outcome) == ("connection", True, Outcome.UNKNOWN)
        assert len(account.calls()) == 1

    def test_nobody_listening_is_not_done(self, kind: int) -> None:
        error = refused(both("http://127.0.0.1:9")[kind])
        assert (error.code, error.retryable, error.outcome) == ("connection", True, Outcome.NOT_DONE)

    def test_slowness_is_a_timeout(self, account: Account, kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
        assert sum(api.TIMEOUT) <= 5
        monkeypatch.setattr(api, "TIMEOUT", (0.2, 0.2))
        account.fault("*", "delay", seconds=0.6)
        error = refused(both(account.server.url)[kind])
        assert (error.code, error.retryable, error.outcome) == ("timeout", True, Outcome.UNKNOWN)

    @pytest.mark.parametrize("body", [b"<html>Welcome to our proxy</html>", b"[1]", b'"ok"', b""])
    def test_an_answer_that_is_not_pagerdutys_may_mean_anything(self, kind: int, body: bytes) -> None:
        with answering(200, body) as address:
            error = refused(both(address)[kind])
        assert (error.code, error.retryable, error.outcome) == ("unexpected_answer", True, Outcome.UNKNOWN)

    def test_other_refusals_stay_refused(self, kind: int) -> None:
        with answering(403, b'{"error": {"message": "Access Denied", "errors": ["no scope"]}}') as address:
            error = refused(both(address)[kind])
        assert (error.code, error.retryable, error.outcome) == ("http_403", False, Outcome.NOT_DONE)
        assert error.detail == "Access Denied; no scope"
        with answering(404, b"gone") as address:
            assert refused(both(address)[kind]).code == "http_404"

    def test_no_secret_is_told(self, kind: int, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        for status in (401, 429, 500):
            with answering(status) as address:
                told = str(refused(both(address)[kind]))
                assert SHOP_KEY not in told
                assert TOKEN not in told
        assert SHOP_KEY not in caplog.text
        assert TOKEN not in caplog.text


def test_an_event_that_is_wrong_is_refused_for_good_with_pagerdutys_words(account: Account) -> None:
    error = refused(lambda: account.pager(key="x" * 32).page(PAGE, None))
    assert (error.code, error.retryable) == ("invalid_event", False)
    assert error.detail == "Event object is invalid; Invalid routing key"


def test_a_wrong_token_names_its_variable(account: Account) -> None:
    error = refused(lambda: account.pager(token="wrong").changes([KEY]))
    assert (error.code, error.retryable) == ("unauthorized", False)
    assert "PAGERDUTY_API_TOKEN" in error.detail


@pytest.mark.parametrize(
    "body",
    [
        {"users": []},
        {"incidents": [1]},
        {"incidents": [{"id": "Q1"}]},
        {"incidents": [{"id": "Q1", "status": "acknowledged", "created_at": "yesterday"}]},
    ],
)
def test_an_incident_that_is_none_is_told(account: Account, body: Json) -> None:
    with answering(200, json.dumps(body).encode()) as address:
        rest = RestApi(TOKEN, address)
        pager = PagerDuty(EventsApi(SHOP_KEY, address), rest, Config(), account.fallback, account.clock)
        assert refused(lambda: pager.changes([KEY])).code == "unexpected_answer"


def test_a_bot_without_pagerduty_does_not_load_its_client() -> None:
    modules = "bot.integrations.roster, bot.integrations.slack.pager, bot.integrations.slack.people"
    code = f"import sys, {modules}; sys.exit('pdpyras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_loading_the_client_warns_nobody() -> None:
    code = "import bot.integrations.pagerduty.pager"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=30)


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


LATER = PAGE.model_copy(update={"asked_at": PAGE.asked_at + timedelta(minutes=10)})
LEAD = Duty(role=Role.TEAM_LEAD, name="Dee Rahman", user_id="U0DEE", email="dee@shop.example")
ASKED = Duty(role=Role.ASKED, name="Bob", user_id="U0BOB", email="BOB@shop.example")


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
    pager = account.pager()
    pager.page(PAGE, None)
    if before:
        assert pager.call(PAGE, LEAD) == Reached(Means.PAGERDUTY)
    reached = pager.call(LATER, to)
    assert reached.earlier_at is not None
    assert abs(reached.earlier_at - PAGE.asked_at) < timedelta(minutes=5)
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


# -- what people do there


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


def test_a_failure_while_asking_is_told(account: Account) -> None:
    pager = account.pager()
    account.fault("/incidents", "ratelimited", retry_after=9)
    assert refused(lambda: pager.changes([KEY])).retry_after == 9


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


def test_two_who_call_the_same_person_at_once_page_once(account: Account) -> None:
    pager = account.pager(service=SHOP)
    account.fault("/incidents", "delay", method="POST", seconds=0.4)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pager.call, PAGE, MANAGER)
        wait_for_call(account, "GET", "/incidents", 2)
        time.sleep(0.1)
        pager.call(PAGE, MANAGER)
        first.result()
    assert account.told() == [(DEE, "direct")]
    assert [call["status"] for call in account.calls("POST", "/incidents")] == [201, 400]


def wait_for_call(account: Account, method: str, path: str, count: int) -> None:
    until = time.monotonic() + 5
    while len(account.calls(method, path)) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_incident_without_a_policy_or_a_service_is_none_to_escalate(account: Account) -> None:
    bare = {"id": "Q1", "status": "triggered", "created_at": "2026-11-22T03:00:00Z"}
    body = {"incidents": [bare], "users": []}
    with answering(200, json.dumps(body).encode()) as address:
        config = Config.model_validate({"pagerduty": {"sender": SENDER}})
        rest = RestApi(TOKEN, address)
        PagerDuty(EventsApi(SHOP_KEY, address), rest, config, account.fallback, account.clock).call(PAGE, SECONDARY)
    assert account.fallback.called == [(KEY, SECONDARY.name)]


def test_sessions_can_be_closed(account: Account) -> None:
    rest, events_api = RestApi(TOKEN, account.server.url), EventsApi(SHOP_KEY, account.server.url)
    rest.get("/users")
    rest.close()
    events_api.close()
