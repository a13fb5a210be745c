"""What the page is told: state, unread counts, live events, files of the page; and the app's manifest."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.slack.manifest import load
from sandbox.slack.thread import SandboxServer
from tests.sandbox.world import Bot, World, modal

MANIFEST = """
display_information: {name: Test}
features:
  bot_user: {display_name: Tester}
  slash_commands: [{command: /raw, description: as typed}]
  shortcuts:
    - {name: Note, type: message, callback_id: note, description: d}
    - {name: Declare, type: global, callback_id: declare, description: d}
oauth_config: {scopes: {bot: [commands, chat:write], bot_optional: [pins:write]}}
settings: {event_subscriptions: {bot_events: [message.channels, member_joined_channel, channel_archive]}}
"""


@contextmanager
def listening(world: World, person: str) -> Iterator[Iterator[Any]]:
    """The events of one person's page."""
    with urllib.request.urlopen(f"{world.server.url}/sandbox/events?as={person}", timeout=20) as stream:
        stream.readline()
        yield (json.loads(line[6:]) for line in stream if line.startswith(b"data: "))


def until(events: Iterator[Any], kind: str) -> Any:
    return next(e for e in events if e["type"] == kind)


def test_the_state_of_a_guest_is_small(world: World) -> None:
    assert [c["name"] for c in world.get("/sandbox/state?as=U0GUS")["channels"]] == ["ops-incidents"]
    state = world.get("/sandbox/state?as=U0ANA")
    assert [c["name"] for c in state["channels"]] == ["general", "ops-incidents", "checkout-team"]
    assert [c["is_member"] for c in state["channels"]] == [True, True, False]
    assert {p["id"] for p in state["people"]} >= {"U0ANA", "U0GUS", "U0STRANGER", "U0BOT"}
    assert state["commands"][0]["command"] == "/incident"
    assert world.get("/sandbox/state?as=U404")["error"] == "user_not_found"


def test_unread_messages_are_counted_until_read(world: World, ops: str) -> None:
    def unread(person: str) -> int:
        channels = world.get(f"/sandbox/state?as={person}")["channels"]
        return int(next(c["unread"] for c in channels if c["id"] == ops))

    world.api.chat_postMessage(channel=ops, text="one")
    world.does("U0ANA", "send", channel=ops, text="two")
    assert (unread("U0ANA"), unread("U0BOB")) == (0, 2)
    world.messages("U0BOB")
    assert unread("U0BOB") == 0


def test_live_events(world: World, bot: Bot, ops: str) -> None:
    with listening(world, "U0ANA") as events:
        ts = world.api.chat_postMessage(channel=ops, text="x")["ts"]
        assert until(events, "message")["message"]["text"] == "x"
        world.api.chat_update(channel=ops, ts=ts, text="y")
        assert until(events, "message_changed")["message"]["text"] == "y"
        world.does("U0BOB", "react", channel=ops, ts=ts, name="eyes")
        assert until(events, "reaction")["message"]["reactions"][0]["name"] == "eyes"
        world.api.pins_add(channel=ops, timestamp=ts)
        assert until(events, "channel")["channel"]["pins"] == [ts]
        world.api.chat_delete(channel=ops, ts=ts)
        assert until(events, "message_deleted")["message"] == {"ts": ts}
        world.api.chat_postEphemeral(channel=ops, user="U0BOB", text="not for ana")
        world.api.chat_postEphemeral(channel=ops, user="U0ANA", text="for ana")
        assert until(events, "ephemeral")["message"]["text"] == "for ana"
        bot.take()
        world.api.views_open(trigger_id=world.command(bot)["trigger_id"], view=modal())
        opened = until(events, "view_opened")["view"]
        world.does("U0ANA", "view/close", view_id=opened["id"])
        assert until(events, "view_closed")["view"]["id"] == opened["id"]
        world.api.views_publish(user_id="U0ANA", view={"type": "home", "blocks": []})
        assert until(events, "home")["view"]["type"] == "home"
        world.connect()
        assert until(events, "bot")["connected"] is True


def test_private_talk_stays_private(world: World, ops: str) -> None:
    with listening(world, "U0CY") as events:
        world.api.chat_postMessage(channel="U0ANA", text="secret")
        world.api.chat_postMessage(channel=ops, text="open")
        assert until(events, "message")["message"]["text"] == "open"


def test_who_is_not_in_a_channel_cannot_speak(world: World) -> None:
    team = world.channel("checkout-team")
    assert world.does("U0ANA", "send", channel=team, text="x")["error"] == "not_in_channel"
    world.does("U0ANA", "join", channel=team)
    assert world.does("U0ANA", "send", channel=team, text="x")["ok"]
    world.does("U0BOB", "invite", channel=team, user="U0DEE")
    assert world.does("U0DEE", "send", channel=team, text="x")["ok"]


def test_nonsense_is_refused_politely(world: World, ops: str) -> None:
    assert world.does("U404", "send", channel=ops, text="x")["error"] == "user_not_found"
    assert world.does("U0ANA", "send", channel="C404", text="x")["error"] == "channel_not_found"
    assert world.does("U0ANA", "send", channel=ops, text=" ")["error"] == "no_text"
    assert world.does("U0ANA", "action")["error"] == "channel_not_found"
    assert world.does("U0ANA", "view/submit", view_id="V404")["error"] == "not_found"
    assert world.post_raw(f"{world.server.url}/sandbox/send", [])[1]["error"] == "invalid_json"


def test_the_page_is_served_uncached_and_nothing_else_is(world: World) -> None:
    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(world.server.url + path) as answer:
                assert answer.headers["Cache-Control"] == "no-store"
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    there = (Path(__file__).parents[2] / "sandbox/web/index.html").exists()
    assert status("/") == (200 if there else 404)
    assert status("/static/no-such-file.js") == 404
    assert status("/static/..%2f..%2fpyproject.toml") == 404


@pytest.fixture
def other(tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST)
    with SandboxServer(path) as server, World(server) as world:
        yield world


def test_commands_scopes_and_events_are_the_manifests(other: World) -> None:
    bot, ops = other.connect(), other.channel()
    state = other.get("/sandbox/state?as=U0ANA")
    assert [c["command"] for c in state["commands"]] == ["/raw"]
    assert state["bot"]["name"] == "Tester"
    assert other.api.auth_test().headers["x-oauth-scopes"] == "chat:write,commands,pins:write"
    assert other.command(bot, "/raw @ana <x>")["text"] == "@ana <x>"
    other.does("U0ANA", "send", channel=ops, text="hello")
    event = bot.take()["event"]
    assert (event["type"], event["channel_type"], event["text"]) == ("message", "channel", "hello")
    other.control("person", id="U0EVE", name="eve")
    other.does("U0EVE", "join", channel=ops)
    assert bot.take()["event"]["type"] == "member_joined_channel"


def test_shortcuts(other: World) -> None:
    bot, ops = other.connect(), other.channel()
    ts = other.does("U0ANA", "send", channel=ops, text="remember")["ts"]
    bot.take()
    used = other.starts("U0BOB", "shortcut", callback_id="note", channel=ops, message_ts=ts)
    payload = bot.take()
    assert used.result() == {"ok": True}
    assert (payload["type"], payload["callback_id"]) == ("message_action", "note")
    assert (payload["message"]["text"], payload["message_ts"]) == ("remember", ts)
    used = other.starts("U0BOB", "shortcut", callback_id="declare")
    payload = bot.take()
    assert used.result() == {"ok": True}
    assert payload["type"] == "shortcut"
    assert "channel" not in payload
    assert other.does("U0BOB", "shortcut", callback_id="none")["error"] == "unknown_shortcut"


def test_without_a_manifest_there_is_incident(tmp_path: Path) -> None:
    manifest = load(tmp_path / "none.yml")
    assert [c.command for c in manifest.commands] == ["/incident"]
    assert manifest.events == {"app_mention", "app_home_opened", "reaction_added"}
