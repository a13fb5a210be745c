"""What every call of both APIs passes: fault, token, the handler itself, and the line in the log."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.pagerduty import events
from sandbox.pagerduty.account import Json
from sandbox.pagerduty.asked import Asked, token_of
from sandbox.pagerduty.calllog import Call
from sandbox.pagerduty.errors import Refusal, bad_arguments
from sandbox.pagerduty.faults import Fault
from sandbox.pagerduty.state import PAGERDUTY

Handler = Callable[[Asked], Json]
Run = Callable[[Asked], tuple[int, Json]]

LIMIT = 960
VERSION = re.compile(r"application/vnd\.pagerduty\+json;\s*version=(\d+)")
LIMITED = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
EVENTS_LIMITED = {"status": "throttle exceeded", "message": "Event throttle exceeded", "errors": ["Throttled"]}


@dataclass(slots=True)
class Answer:
    status: int
    body: Json
    remaining: int = LIMIT - 1
    reset: int = 60
    dropped: bool = False


def rest(handler: Handler, status: int = 200) -> Callable[[web.Request], Awaitable[web.Response]]:
    def run(asked: Asked) -> tuple[int, Json]:
        _check_token(asked)
        _check_version(asked)
        if asked.body is UNREADABLE:
            raise bad_arguments("The body is not JSON")
        return status, handler(asked)

    return answering(run)


def enqueue(asked: Asked) -> tuple[int, Json]:
    if asked.body is UNREADABLE:
        raise events.unreadable()
    return 202, events.take(asked.duty.desk, asked.body)


class _Unreadable:
    """A body that is no JSON; None is a call without a body."""


UNREADABLE = _Unreadable()


def answering(run: Run) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        duty, started = request.app[PAGERDUTY], time.time()
        number, at = duty.log.next_number(), duty.clock.now()
        body = _read(await request.read())
        asked = Asked(duty, request.query, request.match_info, request.headers, body)
        answer = await _answer(asked, request, run)
        told = None if body is UNREADABLE else body
        error = None if answer.status < 400 else json.dumps(answer.body)
        query = {name: request.query.getall(name) for name in request.query}
        status = 0 if answer.dropped else answer.status
        call = Call(number, at, request.method, request.path, query, told, request.headers.get("From"), status, error,
                    started, time.time())  # fmt: skip
        duty.log.add(call)
        return _response(request, number, answer)

    return handler


async def _answer(asked: Asked, request: web.Request, run: Run) -> Answer:
    fault = asked.duty.faults.take(request.method, request.path)
    if fault is None:
        return _done(asked, run)
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return _done(asked, run)
    if fault.kind == "drop_after":
        done = _done(asked, run)
        done.dropped = True
        return done
    return _refused(fault, request.path.startswith("/v2/"))


def _refused(fault: Fault, is_event: bool) -> Answer:
    if fault.kind == "drop_before":
        return Answer(0, {}, dropped=True)
    if fault.kind == "ratelimited":
        return Answer(429, EVENTS_LIMITED if is_event else LIMITED, 0, fault.reset)
    said = "An internal error has occurred. PagerDuty team has been notified."
    if is_event:
        return Answer(fault.status, {"status": "error", "message": said, "errors": []})
    return Answer(fault.status, Refusal(fault.status, 2000, said).answer())


def _done(asked: Asked, run: Run) -> Answer:
    try:
        return Answer(*run(asked))
    except Refusal as refusal:
        return Answer(refusal.status, refusal.answer())


def _response(request: web.Request, number: int, answer: Answer) -> web.Response:
    if answer.dropped and request.transport:
        request.transport.abort()
    response = web.json_response(answer.body, status=answer.status or 500)
    response.headers["x-request-id"] = f"request-{number}"
    if answer.status == 429 or not request.path.startswith("/v2/"):
        response.headers["ratelimit-limit"] = str(LIMIT)
        response.headers["ratelimit-remaining"] = str(answer.remaining)
        response.headers["ratelimit-reset"] = str(answer.reset)
    return response


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return UNREADABLE


def _check_token(asked: Asked) -> None:
    token = token_of(asked.headers)
    if not token or token.startswith("wrong"):
        raise Refusal(401, 2006, "Authentication failed")


def _check_version(asked: Asked) -> None:
    named = VERSION.search(asked.headers.get("Accept", ""))
    if named and named[1] != "2":
        raise bad_arguments("Version 2 is the one there is")
