"""An answer on its way to the caller, and what a fault makes of it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from sandbox.serving.faults import Fault

Json = dict[str, Any]
F = TypeVar("F", bound=Fault)
_compact = partial(json.dumps, separators=(",", ":"))


@dataclass(slots=True)
class Answer:
    body: Json
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    dropped: bool = False

    @property
    def seen(self) -> int:
        """The status for the log; 0: the caller got no answer."""
        return 0 if self.dropped else self.status


async def answer(fault: F | None, run: Callable[[], Answer], refuse: Callable[[F], Answer]) -> Answer:
    """What the call is answered that meets this fault, if any. `refuse` words those that keep it from being done."""
    if fault is None:
        return run()
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return run()
    if fault.kind == "late":
        done = run()
        await asyncio.sleep(fault.seconds)
        return done
    if fault.kind == "drop_after":
        done = run()
        done.dropped = True
        return done
    refused = refuse(fault)
    refused.dropped = fault.kind == "drop_before"
    return refused


def sent(request: web.Request, given: Answer) -> web.Response:
    if given.dropped and request.transport:
        request.transport.abort()
    return web.json_response(given.body, status=given.status, headers=given.headers, dumps=_compact)
