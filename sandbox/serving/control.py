"""/control/*: what tests, benchmarks and the demo turn. JSON in, JSON out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from aiohttp import web

from sandbox.serving.answers import Json
from sandbox.serving.calllog import CallLog
from sandbox.serving.clock import Clock
from sandbox.serving.errors import Refused
from sandbox.serving.faults import Faults


class Server(Protocol):
    """The state of a running server, as far as every one has it."""

    @property
    def log(self) -> CallLog[Any]: ...
    @property
    def faults(self) -> Faults[Any]: ...
    @property
    def clock(self) -> Clock: ...
    def reset(self) -> None: ...


S = TypeVar("S", bound=Server)
Turning = Callable[[S, Json], Json]


def add(
    app: web.Application, key: web.AppKey[S], showing: Mapping[str, Turning[S]], turning: Mapping[str, Turning[S]]
) -> None:
    """`showing` answers to GET, `turning` to POST; what all servers have comes by itself."""
    for name, show in {"log": log, **showing}.items():
        app.router.add_get(f"/control/{name}", answering(key, show))
    for name, turn in {**_TURNING, **turning}.items():
        app.router.add_post(f"/control/{name}", answering(key, turn))


def answering(key: web.AppKey[S], run: Turning[S]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            return web.json_response({"ok": True, **run(request.app[key], await given(request))})
        except Refused as refused:
            return web.json_response(refused.told(), status=refused.status)

    return handler


async def given(request: web.Request) -> Json:
    """The query of a GET, the body of a POST; it may be left out."""
    if request.method == "GET":
        return dict(request.query)
    if not request.can_read_body:
        return {}
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused("invalid_json", "That was not a JSON object.")
    return body


def log(server: Server, given: Json) -> Json:
    return {"calls": server.log.since(int(given.get("since", 0))), "n": server.log.n}


def fault(server: Server, given: Json) -> Json:
    server.faults.add(given)
    return {}


def clear_faults(server: Server, _: Json) -> Json:
    server.faults.clear()
    return {}


def clock(server: Server, given: Json) -> Json:
    seconds = float(given.get("advance", 0))
    if seconds < 0:
        raise Refused("invalid_arguments", "The clock only moves forward.")
    server.clock.advance(seconds)
    return {"now": server.clock.now()}


def reset(server: Server, _: Json) -> Json:
    server.reset()
    return {}


_TURNING: dict[str, Turning[Any]] = {"fault": fault, "faults/clear": clear_faults, "clock": clock, "reset": reset}
