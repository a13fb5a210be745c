"""Tokens, scopes, encodings, rate limits and faults: what is the same for every method."""

import json
import time
import urllib.request
from http.client import RemoteDisconnected
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.sandbox.test_messages import refusal
from tests.sandbox.world import World


def limited(call: Any, **arguments: Any) -> int:
    """Seconds that the refused call says to wait."""
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    return int(caught.value.response.headers["Retry-After"])


def test_who_am_i(world: World) -> None:
    answer = world.api.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U0BOT", "B0BOT", "T0AIOPS")
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


def test_tokens(world: World) -> None:
    def ask(token: str, method: str = "auth.test") -> str:
        client = WebClient(token, base_url=world.server.api_url)
        return refusal(client.api_call, api_method=method)

    assert ask("xoxb-wrong") == "invalid_auth"
    assert ask("nonsense") == "invalid_auth"
    assert ask("xapp-1") == "not_allowed_token_type"
    assert ask("xapp-wrong", "apps.connections.open") == "invalid_auth"
    assert ask("xoxb-1", "apps.connections.open") == "not_allowed_token_type"
    assert ask("") == "not_authed"


def test_a_missing_scope_is_named(world: World, ops: str) -> None:
    world.control("scopes", granted=["chat:write"])
    with pytest.raises(SlackApiError) as caught:
        world.api.pins_add(channel=ops, timestamp="1.1")
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "pins:write"
    assert caught.value.response["provided"] == "chat:write"
    assert world.api.auth_test().headers["x-oauth-scopes"] == "chat:write"


def test_unknown_and_switched_off_methods(world: World, ops: str) -> None:
    assert refusal(world.api.api_call, api_method="no.such") == "unknown_method"
    world.control("disable", methods=["pins.add"])
    assert refusal(world.api.pins_add, channel=ops, timestamp="1.1") == "unknown_method"


def test_forms_json_and_query_are_all_understood(world: World, ops: str) -> None:
    url = world.server.api_url
    form = urllib.request.Request(f"{url}chat.postMessage", f"token=xoxb-1&channel={ops}&text=form".encode())
    body = json.dumps({"channel": ops, "text": "json", "blocks": [{"type": "divider"}]}).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "Authorization": "Bearer xoxb-1"}
    for request in (
        form,
        urllib.request.Request(f"{url}chat.postMessage", body, headers),
        urllib.request.Request(f"{url}chat.postMessage?token=xoxb-1&channel={ops}&text=query"),
    ):
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["ok"] is True
    assert [m["text"] for m in world.messages()] == ["form", "json", "query"]


def test_a_method_is_limited_by_the_minute(world: World) -> None:
    for _ in range(24):
        world.api.users_list()
    assert 1 <= limited(world.api.users_list) <= 60
    world.api.users_info(user="U0ANA")
    world.advance(60)
    world.api.users_list()
    world.control("limits", enforce=False)
    for _ in range(30):
        world.api.users_list()


def test_a_channel_takes_about_a_message_a_second(world: World, ops: str) -> None:
    for _ in range(5):
        world.api.chat_postMessage(channel=ops, text="x")
    assert limited(world.api.chat_postMessage, channel=ops, text="x") == 1
    world.api.chat_postMessage(channel="U0ANA", text="x")
    world.advance(1)
    world.api.chat_postMessage(channel=ops, text="x")


def test_faults_in_turn(world: World, ops: str) -> None:
    post = world.api.chat_postMessage
    world.control("fault", method="chat.postMessage", kind="ratelimited", retry_after=7)
    assert limited(post, channel=ops, text="x") == 7
    world.control("fault", method="chat.postMessage", kind="error", error="fatal_error", times=2)
    assert [refusal(post, channel=ops, text="x") for _ in range(2)] == ["fatal_error"] * 2
    world.control("fault", method="*", kind="http", status=503)
    with pytest.raises(SlackApiError) as caught:
        world.api.auth_test()
    assert caught.value.response.status_code == 503
    world.control("fault", method="chat.postMessage", kind="error", channel="C404")
    post(channel=ops, text="arrives")
    world.control("fault", method="chat.postMessage", kind="error", times=None)
    assert [refusal(post, channel=ops, text="x") for _ in range(3)] == ["internal_error"] * 3
    world.control("faults/clear")
    post(channel=ops, text="arrives too")
    assert [m["text"] for m in world.messages()] == ["arrives", "arrives too"]
    assert world.control("fault", method="*", kind="nonsense")["error"] == "invalid_fault"


@pytest.mark.logs_errors
def test_a_dropped_call_was_taken_or_not(world: World, ops: str) -> None:
    for kind in ("drop_before", "drop_after"):
        world.control("fault", method="chat.postMessage", kind=kind)
        with pytest.raises((RemoteDisconnected, ConnectionResetError)):
            world.api.chat_postMessage(channel=ops, text=kind)
    assert [m["text"] for m in world.messages()] == ["drop_after"]
    assert [(c["ok"], c["status"]) for c in world.get("/control/log")["calls"]] == [(False, 0), (True, 0)]


def test_a_delayed_call(world: World) -> None:
    world.control("fault", method="auth.test", kind="delay", seconds=0.05)
    start = time.monotonic()
    world.api.auth_test()
    assert time.monotonic() - start >= 0.05


def test_the_log_keeps_every_call_and_no_token(world: World, ops: str) -> None:
    world.api.chat_postMessage(channel=ops, text="x", blocks=[{"type": "divider"}])
    first = world.get("/control/log")
    assert refusal(world.api.chat_delete, channel=ops, ts="1.1") == "message_not_found"
    [call] = world.get(f"/control/log?since={first['n']}")["calls"]
    assert (call["method"], call["ok"], call["error"]) == ("chat.delete", False, "message_not_found")
    assert call["ended"] >= call["started"]
    assert first["calls"][0]["args"]["blocks"] == [{"type": "divider"}]
    assert "xoxb" not in json.dumps(first)


def test_a_reset_makes_a_fresh_workspace(world: World, ops: str) -> None:
    world.api.chat_postMessage(channel=ops, text="x")
    world.control("reset")
    assert world.messages() == []
    assert world.get("/control/log") == {"ok": True, "calls": [], "n": 0}
