"""Socket Mode: tickets, turns, acknowledgements, redelivery, refresh, and connections that die."""

import json
from typing import Any

import pytest
import websocket
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from websocket import WebSocket, WebSocketApp

from tests.sandbox.world import Bot, World, eventually


def mention(world: World, ops: str, text: str = "@AIOps Bot status?") -> None:
    assert world.does("U0ANA", "send", channel=ops, text=text)["ok"]


def open_sockets(world: World) -> list[Any]:
    return list(world.get("/control/sockets")["open"])


def test_hello(world: World, bot: Bot) -> None:
    assert bot.hello["type"] == "hello"
    assert bot.hello["num_connections"] == 1
    assert bot.hello["connection_info"] == {"app_id": "A0AIOPS"}
    assert bot.hello["debug_info"]["approximate_connection_time"] == 18060
    short = world.connect("&debug_reconnects=true")
    assert (short.hello["num_connections"], short.hello["debug_info"]["approximate_connection_time"]) == (2, 360)
    world.advance(351)
    assert short.receive()["reason"] == "warning"


def test_a_ticket_is_good_for_one_connection(world: World) -> None:
    url = world.api.apps_connections_open(app_token="xapp-1")["url"]
    first = websocket.create_connection(url, timeout=20)
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(url, timeout=20)
    first.close()


def test_the_eleventh_connection_is_turned_away(world: World) -> None:
    for expected in range(1, 11):
        assert world.connect().hello["num_connections"] == expected
    assert world.connect().hello == {
        "type": "disconnect",
        "reason": "too_many_websockets",
        "debug_info": {"host": "applink-sandbox"},
    }
    assert len(open_sockets(world)) == 10


def test_connections_take_turns(world: World, ops: str) -> None:
    bots = [world.connect() for _ in range(3)]
    for _ in range(3):
        mention(world, ops)
    assert [bot.receive()["type"] for bot in bots] == ["events_api"] * 3


def test_a_ping_is_answered(bot: Bot) -> None:
    bot.socket.ping("are you there")
    opcode, data = bot.socket.recv_data(control_frame=True)
    assert (opcode, data) == (websocket.ABNF.OPCODE_PONG, b"are you there")


def test_acknowledgements_are_kept_with_their_latency(world: World, bot: Bot) -> None:
    world.command(bot)
    [ack] = world.get("/control/sockets")["acks"]
    assert (ack["type"], ack["payload"]) == ("slash_commands", None)
    assert 0 < ack["latency_ms"] < 3000


def test_an_event_envelope(world: World, bot: Bot, ops: str) -> None:
    mention(world, ops)
    envelope = bot.receive()
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("events_api", False)
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (0, "")
    payload = envelope["payload"]
    assert payload["type"] == "event_callback"
    assert payload["event_id"].startswith("Ev")
    assert payload["authorizations"][0]["user_id"] == "U0BOT"
    event = payload["event"]
    assert (event["type"], event["channel"], event["user"]) == ("app_mention", ops, "U0ANA")
    assert event["text"] == "<@U0BOT> status?"


def test_an_unacknowledged_event_comes_again_three_times(world: World, bot: Bot, ops: str) -> None:
    mention(world, ops)
    seen = [bot.receive()]
    for wait in (0, 60, 300):
        world.advance(3)
        world.advance(wait)
        seen.append(bot.receive())
    assert [e["retry_attempt"] for e in seen] == [0, 1, 2, 3]
    assert [e["retry_reason"] for e in seen] == ["", "timeout", "timeout", "timeout"]
    assert len({e["payload"]["event_id"] for e in seen}) == 1
    world.advance(3)
    world.advance(3600)
    mention(world, ops, "@AIOps Bot next")
    assert bot.receive()["payload"]["event"]["text"] == "<@U0BOT> next"


def test_an_acknowledged_event_does_not_come_again(world: World, bot: Bot, ops: str) -> None:
    mention(world, ops)
    bot.take()
    eventually(lambda: world.get("/control/sockets")["acks"])
    world.advance(3600)
    world.does("U0ANA", "home")
    assert bot.take()["event"]["type"] == "app_home_opened"


def test_an_event_of_the_deaf_time_is_delivered_later(world: World, ops: str) -> None:
    mention(world, ops)
    world.advance(1)
    bot = world.connect()
    world.advance(60)
    envelope = bot.receive()
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (2, "connection_failed")


def test_redelivery_by_hand(world: World, bot: Bot, ops: str) -> None:
    mention(world, ops)
    first = bot.take()
    world.control("redeliver")
    again = bot.receive()
    assert (again["payload"], again["retry_attempt"]) == (first, 1)
    assert world.control("redeliver", event_id="EvNONE")["error"] == "no_such_event"


def test_a_command_without_a_connection_or_an_answer_fails_and_is_not_repeated(world: World, ops: str) -> None:
    def typed() -> Any:
        return world.starts("U0ANA", "send", channel=ops, text="/incident")

    assert typed().result()["error"] == "dispatch_failed"
    bot = world.connect()
    waiting = typed()
    bot.receive()
    world.advance(3)
    assert waiting.result()["error"] == "operation_timeout"
    world.advance(600)
    world.does("U0ANA", "home")
    assert bot.receive()["type"] == "events_api"


def test_a_late_or_strange_acknowledgement_changes_nothing(world: World, bot: Bot) -> None:
    for strange in ("no json", "[]", "{}", '{"envelope_id": "unknown"}'):
        bot.socket.send(strange)
    world.command(bot)


@pytest.mark.parametrize(("kind", "reason"), [("warning", "warning"), ("refresh", "refresh_requested")])
def test_refresh_lets_new_connections_take_over(world: World, bot: Bot, kind: str, reason: str) -> None:
    world.control("socket", kind=kind)
    assert bot.receive()["reason"] == reason
    fresh = world.connect()
    for _ in range(2):
        world.command(fresh)
    world.advance(10)
    if kind == "warning":
        assert bot.receive()["reason"] == "refresh_requested"
    assert bot.socket.recv() == ""
    eventually(lambda: len(open_sockets(world)) == 1)


@pytest.mark.parametrize("kind", ["close", "eof", "rst"])
def test_a_connection_can_end_badly(world: World, bot: Bot, kind: str) -> None:
    world.control("socket", kind=kind)
    if kind == "close":
        assert bot.socket.recv() == ""
    else:
        with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionResetError)):
            bot.socket.recv()
    eventually(lambda: open_sockets(world) == [])


def test_half_open_swallows_everything_until_healed(world: World, bot: Bot, ops: str) -> None:
    world.control("socket", kind="half_open")
    bot.socket.ping("hello?")
    waiting = world.starts("U0ANA", "send", channel=ops, text="/incident")
    bot.socket.settimeout(0.2)
    with pytest.raises(websocket.WebSocketTimeoutException):
        bot.socket.recv_data(control_frame=True)
    world.advance(3)
    assert waiting.result()["error"] == "operation_timeout"
    fresh = world.connect()
    for _ in range(2):
        world.command(fresh)
    world.control("socket", kind="heal")
    bot.socket.settimeout(5)
    assert bot.socket.recv_data(control_frame=True)[1] == b"hello?"
    assert world.control("socket", kind="nonsense")["error"] == "unknown_kind"


def test_a_raw_envelope(world: World, bot: Bot) -> None:
    world.control("emit", type="interactive", payload={"type": "made_up"})
    assert bot.take() == {"type": "made_up"}


@pytest.mark.logs_errors
def test_slacks_own_client_works_and_comes_back(world: World, ops: str) -> None:
    seen: list[str] = []

    def listen(client: Any, request: SocketModeRequest) -> None:
        seen.append(request.type)
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, {"text": "heard"}))

    connections: list[WebSocket] = []

    def keep(session: WebSocketApp) -> None:
        assert session.sock is not None
        connections.append(session.sock)

    client = SocketModeClient("xapp-1", web_client=world.api, ping_interval=1, on_open_listeners=[keep])
    client.socket_mode_request_listeners.append(listen)
    client.connect()
    eventually(lambda: open_sockets(world))
    assert world.does("U0ANA", "send", channel=ops, text="/incident")["ack"] == {"text": "heard"}
    first = open_sockets(world)[0]["id"]
    world.control("socket", kind="close")
    eventually(lambda: [s for s in open_sockets(world) if s["id"] != first])
    assert world.does("U0ANA", "send", channel=ops, text="/incident")["ok"]
    assert seen == ["slash_commands", "slash_commands"]
    # This client's own close() may wait ten seconds for its reading thread, unless the server has closed before.
    client.default_auto_reconnect_enabled = client.auto_reconnect_enabled = False
    world.control("socket", kind="close")
    eventually(lambda: not open_sockets(world))
    client.close()
    for connection in connections:  # it also leaves the sockets that a server has closed to the garbage collector
        connection.shutdown()  # type: ignore[no-untyped-call]


def test_the_page_hears_whether_the_bot_is_there(world: World) -> None:
    assert world.get("/sandbox/state?as=U0ANA")["bot"]["connected"] is False
    bot = world.connect()
    assert world.get("/sandbox/state?as=U0ANA")["bot"]["connected"] is True
    bot.close()
    eventually(lambda: not world.get("/sandbox/state?as=U0ANA")["bot"]["connected"])
    assert json.dumps(world.get("/control/sockets")["open"]) == "[]"
