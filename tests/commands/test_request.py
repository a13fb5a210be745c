"""Payloads as Slack sends them, read once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.errors import InvalidInput
from bot.rights import Caller
from commands import request
from commands.request import Request

Body = dict[str, Any]
TEAM = {"id": "T0AIOPS", "domain": "aiops"}
ANA = {"id": "U0ANA", "username": "ana", "name": "ana", "team_id": "T0AIOPS"}
TRIGGER = "13345224609.738474920.8088930838d88f008e0"
URL = "https://hooks.slack.com/commands/T0AIOPS/1/x"


def command_body(**more: Any) -> Body:
    return {
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "team_id": "T0AIOPS",
        "team_domain": "aiops",
        "enterprise_id": "E0",
        "channel_id": "C0OPS",
        "channel_name": "ops-incidents",
        "user_id": "U0ANA",
        "user_name": "ana",
        "command": "/incident",
        "text": 'declare sev1 checkout-api "payments &amp; refunds fail"',
        "api_app_id": "A0",
        "is_enterprise_install": "false",
        "response_url": URL,
        "trigger_id": TRIGGER,
        **more,
    }


def click_body(action: Body, **more: Any) -> Body:
    return {
        "type": "block_actions",
        "team": TEAM,
        "user": ANA,
        "api_app_id": "A0",
        "token": "x",
        "container": {
            "type": "message",
            "message_ts": "1700000000.000100",
            "channel_id": "C0OPS",
            "is_ephemeral": False,
        },
        "trigger_id": TRIGGER,
        "channel": {"id": "C0OPS", "name": "ops-incidents"},
        "message": {"type": "message", "ts": "1700000000.000100", "text": "…", "bot_id": "B0", "blocks": []},
        "response_url": URL,
        "actions": [{"type": "button", "block_id": "INC-42", "action_ts": "1700000001.0", **action}],
        **more,
    }


def view_body(values: Body, **more: Any) -> Body:
    return {
        "type": "view_submission",
        "team": TEAM,
        "user": ANA,
        "trigger_id": TRIGGER,
        "view": {
            "id": "V0",
            "type": "modal",
            "callback_id": "incident.declare",
            "private_metadata": json.dumps({"channel": "C0OPS", "thread": None, "origin": "https://x/p1"}),
            "state": {"values": values},
            "hash": "1.a",
        },
        "response_urls": [],
        **more,
    }


def shortcut_body(**more: Any) -> Body:
    return {
        "type": "message_action",
        "callback_id": "incident.add_to_timeline",
        "trigger_id": TRIGGER,
        "message_ts": "1700000000.000200",
        "response_url": URL,
        "user": ANA,
        "team": TEAM,
        "channel": {"id": "C0OPS", "name": "ops-incidents"},
        "message": {
            "type": "message",
            "user": "U0BOB",
            "ts": "1700000000.000200",
            "thread_ts": "1700000000.000100",
            "text": "it is &lt;DNS&gt;",
        },
        **more,
    }


def mention_body(**event: Any) -> Body:
    return {
        "team_id": "T0AIOPS",
        "event": {
            "type": "app_mention",
            "user": "U0ANA",
            "text": "<@U0BOT> list",
            "ts": "1700000000.000300",
            "channel": "C0OPS",
            "event_ts": "1700000000.000300",
            **event,
        },
        "type": "event_callback",
        "event_id": "Ev0",
        "event_time": 1700000000,
    }


# -- commands


def test_a_command_is_read() -> None:
    assert request.command(command_body()) == Request(
        key=f"command:{TRIGGER}",
        caller=Caller("U0ANA", "T0AIOPS"),
        channel_id="C0OPS",
        text='declare sev1 checkout-api "payments &amp; refunds fail"',
        trigger_id=TRIGGER,
        response_url=URL,
        is_typed=True,
    )


@pytest.mark.parametrize("missing", ["text", "team_id", "channel_id", "response_url", "channel_name", "api_app_id"])
def test_a_command_is_read_without_what_is_not_needed(missing: str) -> None:
    body = command_body()
    del body[missing]
    asked = request.command(body)
    assert asked.caller.user_id == "U0ANA"
    assert asked.key == f"command:{TRIGGER}"
    assert request.command(command_body(**{missing: None})).caller.user_id == "U0ANA"


# -- clicks


def test_a_click_on_a_card_is_read() -> None:
    asked = request.action(click_body({"action_id": "incident.acknowledge", "value": "42"}))
    assert asked == Request(
        key=f"action:{TRIGGER}",
        caller=Caller("U0ANA", "T0AIOPS"),
        channel_id="C0OPS",
        action="incident.acknowledge",
        value="42",
        text="INC-42",
        trigger_id=TRIGGER,
        response_url=URL,
        message_ts="1700000000.000100",
    )
    assert asked.number == 42


def test_a_click_in_a_thread_knows_its_thread() -> None:
    body = click_body({"action_id": "x"})
    body["container"]["thread_ts"] = "1700000000.000001"
    assert request.action(body).thread_ts == "1700000000.000001"
    body = click_body({"action_id": "x"})
    body["message"]["thread_ts"] = "1700000000.000002"
    assert request.action(body).thread_ts == "1700000000.000002"


def test_a_choice_from_a_list_is_its_value() -> None:
    option = {"text": {"type": "plain_text", "text": "INC-7"}, "value": "7"}
    action = {"type": "static_select", "action_id": "incident.choose", "selected_option": option}
    asked = request.action(click_body({**action, "block_id": "d1"}))
    assert (asked.value, asked.number, asked.text) == ("7", 7, "d1")


def test_a_click_in_an_ephemeral_answer_has_no_message_but_says_so() -> None:
    body = click_body({"action_id": "incident.show", "value": "42"})
    del body["message"]
    body["container"]["is_ephemeral"] = True
    asked = request.action(body)
    assert asked.is_ephemeral
    assert asked.message_ts == "1700000000.000100"


def test_a_click_in_a_modal_has_its_view_and_no_channel() -> None:
    body = click_body({"action_id": "incident.timeline_page", "value": "42:100"})
    for absent in ("channel", "message", "response_url"):
        del body[absent]
    body["container"] = {"type": "view", "view_id": "V0"}
    body["view"] = {"id": "V0", "type": "modal", "callback_id": "incident.timeline"}
    asked = request.action(body)
    assert (asked.view_id, asked.channel_id, asked.message_ts, asked.response_url) == ("V0", "", None, None)
    assert asked.number == 42, "the position behind the colon is not the incident's"


def test_a_click_is_read_though_nearly_all_is_missing() -> None:
    asked = request.action({"type": "block_actions", "user": {"id": "U0ANA"}, "trigger_id": TRIGGER, "actions": []})
    assert (asked.caller, asked.action, asked.value) == (Caller("U0ANA", None), "", "")


@pytest.mark.parametrize("value", ["", "INC-42", "x:1", "4.2", "None"])
def test_a_button_that_names_no_incident_is_refused_with_words(value: str) -> None:
    with pytest.raises(InvalidInput, match="no incident I know"):
        _ = request.action(click_body({"action_id": "x", "value": value})).number


# -- submissions


def test_a_submission_is_read_by_block_id_whatever_the_elements_are() -> None:
    values = {
        "service": {"value": {"type": "plain_text_input", "value": "checkout-api"}},
        "impact": {"value": {"type": "plain_text_input", "value": None}},
        "severity": {"value": {"type": "static_select", "selected_option": {"value": "2", "text": {}}}},
        "status": {"value": {"type": "static_select", "selected_option": None}},
        "commander": {"value": {"type": "users_select", "selected_user": "U0BOB"}},
        "nobody": {"value": {"type": "users_select", "selected_user": None}},
    }
    asked = request.submission(view_body(values))
    assert asked.form == {
        "service": "checkout-api",
        "impact": "",
        "severity": "2",
        "status": "",
        "commander": "U0BOB",
        "nobody": "",
    }
    assert (asked.key, asked.action, asked.view_id) == (f"view:{TRIGGER}", "incident.declare", "V0")
    assert (asked.channel_id, asked.thread_ts) == ("C0OPS", None)
    assert asked.carried["origin"] == "https://x/p1"
    assert asked.caller == Caller("U0ANA", "T0AIOPS")


@pytest.mark.parametrize("metadata", ["", None])
def test_a_submission_may_carry_nothing(metadata: str | None) -> None:
    body = view_body({})
    body["view"]["private_metadata"] = metadata
    del body["view"]["state"]
    asked = request.submission(body)
    assert (asked.form, asked.carried, asked.channel_id) == ({}, {}, "")
    with pytest.raises(InvalidInput):
        _ = asked.number


def test_what_a_form_carries_says_which_incident_it_is_about() -> None:
    body = view_body({})
    body["view"]["private_metadata"] = json.dumps({"incident": 42, "severity": 2})
    assert request.submission(body).number == 42


# -- shortcuts and mentions


def test_a_message_shortcut_is_read_with_its_message() -> None:
    assert request.shortcut(shortcut_body()) == Request(
        key=f"shortcut:{TRIGGER}",
        caller=Caller("U0ANA", "T0AIOPS"),
        channel_id="C0OPS",
        thread_ts="1700000000.000100",
        action="incident.add_to_timeline",
        trigger_id=TRIGGER,
        response_url=URL,
        message_ts="1700000000.000200",
        message_text="it is &lt;DNS&gt;",
        message_user="U0BOB",
    )


def test_a_global_shortcut_has_no_message_and_no_channel() -> None:
    body = {"type": "shortcut", "callback_id": "incident.declare", "trigger_id": TRIGGER, "user": ANA, "team": TEAM}
    asked = request.shortcut(body)
    assert (asked.action, asked.channel_id, asked.message_ts, asked.message_text) == ("incident.declare", "", None, "")


def test_a_message_of_an_app_has_no_author() -> None:
    body = shortcut_body(message={"type": "message", "bot_id": "B0", "ts": "1.2", "text": None})
    asked = request.shortcut(body)
    assert (asked.message_user, asked.message_text, asked.thread_ts) == (None, "", None)


def test_a_mention_is_answered_in_its_thread_or_starts_one() -> None:
    asked = request.mention(mention_body())
    assert (asked.key, asked.thread_ts, asked.is_typed, asked.response_url) == (
        "event:Ev0",
        "1700000000.000300",
        True,
        None,
    )
    assert (asked.text, asked.caller) == ("<@U0BOT> list", Caller("U0ANA", "T0AIOPS"))
    assert request.mention(mention_body(thread_ts="1700000000.000001")).thread_ts == "1700000000.000001"


def test_a_mention_of_a_stranger_carries_their_own_team() -> None:
    assert request.mention(mention_body(team="T0OTHER")).caller == Caller("U0ANA", "T0OTHER")


def test_a_click_of_a_stranger_carries_their_own_team() -> None:
    body = click_body({"action_id": "x"}, user={"id": "U0X", "team_id": "T0OTHER"})
    assert request.action(body).caller == Caller("U0X", "T0OTHER")


# -- second deliveries


def test_a_second_delivery_has_the_same_key_and_another_wish_another() -> None:
    for read, body in (
        (request.command, command_body()),
        (request.action, click_body({"action_id": "x"})),
        (request.submission, view_body({})),
        (request.shortcut, shortcut_body()),
    ):
        assert read(body).key == read(json.loads(json.dumps(body))).key
        assert read(body).key != read({**body, "trigger_id": "another"}).key
    assert request.mention(mention_body()).key != request.mention({**mention_body(), "event_id": "Ev1"}).key


def test_two_wishes_on_a_server_that_sends_no_trigger_id_are_two_wishes() -> None:
    first, second = command_body(text="note one"), command_body(text="note two")
    del first["trigger_id"], second["trigger_id"]
    assert request.command(first).key != request.command(second).key
    click, other = click_body({"action_id": "a", "value": "1"}), click_body({"action_id": "b", "value": "2"})
    del click["trigger_id"], other["trigger_id"]
    assert request.action(click).key != request.action(other).key


def test_a_mention_without_an_event_id_is_known_by_its_message() -> None:
    body = mention_body()
    del body["event_id"]
    assert request.mention(body).key == "event:1700000000.000300"
