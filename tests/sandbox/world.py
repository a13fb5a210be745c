"""People, a bare bot on a bare websocket, and the controls: what the tests of the sandbox act with."""

import json
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import websocket
from slack_sdk import WebClient

from sandbox.slack.thread import SandboxServer

Json = dict[str, Any]
DEADLINE = 20.0


def text(value: str) -> Json:
    return {"type": "plain_text", "text": value}


def button(action_id: str, value: str = "v") -> Json:
    return {"type": "button", "action_id": action_id, "text": text("Press"), "value": value}


def actions(*elements: Json, block_id: str = "row") -> Json:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def field(block_id: str, **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "field", **more.pop("element", {})}
    return {"type": "input", "block_id": block_id, "label": text("Field"), "element": element, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "callback_id": "form", "title": text("Form"), "submit": text("Send"), **more} | {
        "blocks": list(blocks) or [field("name")]
    }


def eventually(check: Callable[[], Any]) -> Any:
    """Asks until the answer is truthy."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        answer = check()
        if answer:
            return answer
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")


class Bot:
    """A connection that reads envelopes and acknowledges what it is told to."""

    def __init__(self, api: WebClient, query: str = "") -> None:
        url = WebClient("xapp-1", base_url=api.base_url).apps_connections_open(app_token="xapp-1")["url"]
        self.socket: Any = websocket.create_connection(url + query, timeout=DEADLINE)
        self.hello = self.receive()

    def receive(self) -> Json:
        return dict(json.loads(self.socket.recv()))

    def ack(self, envelope: Json, payload: Any = None) -> None:
        ack = {"envelope_id": envelope["envelope_id"]} | ({"payload": payload} if payload is not None else {})
        self.socket.send(json.dumps(ack))

    def take(self, payload: Any = None) -> Json:
        """The payload of the next envelope, acknowledged."""
        envelope = self.receive()
        self.ack(envelope, payload)
        return dict(envelope["payload"])

    def close(self) -> None:
        self.socket.close()
        self.socket.shutdown()


class World:
    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.api = WebClient("xoxb-1", base_url=server.api_url, retry_handlers=[])
        self._bots: list[Bot] = []
        self._people = ThreadPoolExecutor(4)

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bot in self._bots:
            bot.close()
        self._people.shutdown()

    def connect(self, query: str = "") -> Bot:
        bot = Bot(self.api, query)
        self._bots.append(bot)
        return bot

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.server.url + path, timeout=DEADLINE) as answer:
            return json.load(answer)

    def post(self, path: str, **body: Any) -> Any:
        return self.post_raw(self.server.url + path, body)[1]

    def post_raw(self, url: str, body: Any) -> tuple[int, Any]:
        data = json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def control(self, path: str, **body: Any) -> Any:
        return self.post(f"/control/{path}", **body)

    def does(self, person: str, what: str, **body: Any) -> Any:
        return self.post(f"/sandbox/{what}", **{"as": person}, **body)

    def starts(self, person: str, what: str, **body: Any) -> Future[Any]:
        """Like `does`, for what waits for the bot."""
        return self._people.submit(lambda: self.does(person, what, **body))

    def channel(self, name: str = "ops-incidents") -> str:
        channels = self.get("/sandbox/state?as=U0ANA")["channels"]
        return str(next(c["id"] for c in channels if c["name"] == name))

    def messages(self, person: str = "U0ANA", channel: str = "", thread_ts: str = "") -> list[Json]:
        channel = channel or self.channel()
        return list(self.get(f"/sandbox/messages?as={person}&channel={channel}&thread_ts={thread_ts}")["messages"])

    def views(self, person: str = "U0ANA") -> list[Json]:
        return list(self.get(f"/sandbox/views?as={person}")["views"])

    def command(self, bot: Bot, words: str = "/incident", person: str = "U0ANA") -> Json:
        """The payload of a command that was typed and acknowledged."""
        typed = self.starts(person, "send", channel=self.channel(), text=words)
        payload = bot.take()
        typed.result()
        return payload

    def advance(self, seconds: float) -> None:
        self.control("clock", advance=seconds)
