"""Events to PagerDuty: what a page says, whose severity, links and keys it has, and how it ends."""

from __future__ import annotations

import jsonschema
import pytest

from bot.errors import Outcome
from bot.integrations.pagerduty import events
from bot.models import Page, Severity
from sandbox.pagerduty.cast import BOB, DEE
from tests.bot.pagerduty import KEY, MANAGER, PAGE, Account, refused

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
