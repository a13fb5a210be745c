"""What every server of the sandbox is made of, on the smallest one: it answers with the path."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from sandbox.serving import control
from sandbox.serving.answers import Answer, answer, sent
from sandbox.serving.calllog import CallLog, Entry
from sandbox.serving.clock import Clock
from sandbox.serving.faults import Faults, PathFault
from sandbox.serving.running import LISTENS_AT, ServerThread


class Echo:
    def __init__(self) -> None:
        self.log: CallLog[Entry] = CallLog()
        self.faults = Faults(PathFault)
        self.clock = Clock()
        self.address = ""
        self.taken: list[str] = []

    def reset(self) -> None:
        self.taken.clear()

    def listens_at(self, address: str) -> None:
        self.address = address


ECHO: web.AppKey[Echo] = web.AppKey("echo", Echo)


async def respond(request: web.Request) -> web.Response:
    echo, started = request.app[ECHO], time.time()

    def run() -> Answer:
        echo.taken.append(request.path)
        return Answer({"path": request.path})

    fault = echo.faults.take(lambda fault: fault.fits(request.method, request.path))
    given = await answer(fault, run, lambda fault: Answer({"refused": fault.kind}, fault.status))
    entry = Entry(
        n=echo.log.next_number(), at=echo.clock.now(), status=given.seen, error=None, started=started, ended=time.time()
    )
    echo.log.add(entry)
    return sent(request, given)


def create_app(echo: Echo) -> web.Application:
    app = web.Application()
    app[ECHO], app[LISTENS_AT] = echo, echo.listens_at
    control.add(app, ECHO, {"taken": lambda echo, _: {"taken": echo.taken}}, {})
    app.router.add_route("*", "/{rest:.*}", respond)
    return app


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with ServerThread(create_app(Echo()), "echo") as made:
        yield made


def ask(server: ServerThread, path: str, method: str = "GET") -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url + path, method=method), timeout=20) as got:
            return got.status, json.load(got)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_it_knows_its_address() -> None:
    echo = Echo()
    with ServerThread(create_app(echo), "echo") as server:
        assert echo.address == server.url
        assert ask(server, "/a") == (200, {"path": "/a"})


def test_faults_meet_the_calls_that_fit_in_turn(server: ServerThread) -> None:
    server.control("fault", path="/a", kind="error", status=503)
    server.control("fault", path="*", kind="ratelimited", method="POST", times=None)
    assert ask(server, "/b") == (200, {"path": "/b"})
    assert ask(server, "/a/1") == (503, {"refused": "error"})
    assert ask(server, "/a/1") == (200, {"path": "/a/1"})
    assert [ask(server, "/b", "POST")[1] for _ in range(2)] == [{"refused": "ratelimited"}] * 2
    server.control("faults/clear")
    assert ask(server, "/b", "POST")[0] == 200
    assert [call["status"] for call in server.show("log")["calls"]] == [200, 503, 200, 500, 500, 200]
    assert [call["n"] for call in server.show("log?since=4")["calls"]] == [5, 6]


@pytest.mark.parametrize(("kind", "is_taken"), [("drop_before", False), ("drop_after", True)])
def test_a_call_without_an_answer_took_effect_or_not(server: ServerThread, kind: str, is_taken: bool) -> None:
    server.control("fault", path="/", kind=kind)
    with pytest.raises(ConnectionError):
        ask(server, "/a")
    assert server.show("taken")["taken"] == ["/a"] * is_taken
    assert server.show("log")["calls"][0]["status"] == 0


@pytest.mark.parametrize("kind", ["delay", "late"])
def test_an_answer_that_takes_its_time(server: ServerThread, kind: str) -> None:
    server.control("fault", path="/", kind=kind, seconds=0.05)
    begun = time.monotonic()
    assert ask(server, "/a")[0] == 200
    assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("fault", {"path": "/", "kind": "mood"}, "needs a path and a kind: delay, "),
        ("fault", {"kind": "error"}, "needs a path and a kind"),
        ("fault", {"path": "/", "kind": "error", "colour": 1}, "A fault has no colour."),
        ("clock", {"advance": -1}, "only moves forward"),
        ("clock", [], "not a JSON object"),
    ],
)
def test_what_can_not_be_turned_is_said(server: ServerThread, path: str, body: object, said: str) -> None:
    request = urllib.request.Request(f"{server.url}/control/{path}", json.dumps(body).encode())
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as error:
        told = json.load(error)
    assert (error.code, told["ok"]) == (400, False)
    assert said in told["message"]


def test_time_moves_and_all_starts_afresh(server: ServerThread) -> None:
    ask(server, "/a")
    now = server.control("clock", advance=0)["now"]
    assert server.control("clock", advance=3600)["now"] >= now + 3600
    server.control("reset")
    assert server.show("taken")["taken"] == []


def test_a_port_that_is_taken_is_said(server: ServerThread) -> None:
    second = ServerThread(create_app(Echo()), "second", int(server.url.rpartition(":")[2]))
    with pytest.raises(OSError, match="address"):
        second.start()
    second.stop()
