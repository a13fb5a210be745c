"""PagerDuty in trouble: what each failure is called, whether it is tried again, and that no secret is told."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable

import pytest

from bot.config import Config
from bot.errors import Outcome
from bot.integrations.pagerduty import api
from bot.integrations.pagerduty.api import EventsApi, RestApi
from bot.integrations.pagerduty.pager import PagerDuty
from sandbox.pagerduty.cast import SHOP_KEY
from tests.bot.answering import answering
from tests.bot.pagerduty import KEY, PAGE, TOKEN, Account, Json, refused


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


def test_a_failure_while_asking_is_told(account: Account) -> None:
    pager = account.pager()
    account.fault("/incidents", "ratelimited", retry_after=9)
    assert refused(lambda: pager.changes([KEY])).retry_after == 9


# -- the client


def test_a_bot_without_pagerduty_does_not_load_its_client() -> None:
    modules = "bot.integrations.roster, bot.integrations.slack.pager, bot.integrations.slack.people"
    code = f"import sys, {modules}; sys.exit('pdpyras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_loading_the_client_warns_nobody() -> None:
    code = "import bot.integrations.pagerduty.pager"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=30)


def test_sessions_can_be_closed(account: Account) -> None:
    rest, events_api = RestApi(TOKEN, account.server.url), EventsApi(SHOP_KEY, account.server.url)
    rest.get("/users")
    rest.close()
    events_api.close()
