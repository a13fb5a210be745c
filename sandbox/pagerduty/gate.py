"""What every call of both APIs passes: fault, token, the handler itself, and the line in the log."""

import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.pagerduty import events
from sandbox.pagerduty.account import Json
from sandbox.pagerduty.asked import Asked, token_of
from sandbox.pagerduty.errors import Refusal, bad_arguments
from sandbox.pagerduty.state import PAGERDUTY, Call
from sandbox.serving.answers import Answer, answer, sent
from sandbox.serving.faults import PathFault

Handler = Callable[[Asked], Json]
Run = Callable[[Asked], tuple[int, Json]]

EVENTS = "/v2/"
LIMIT = 960
RESET_SECONDS = 60
VERSION = re.compile(r"application/vnd\.pagerduty\+json;\s*version=(\d+)")
LIMITED = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
EVENTS_LIMITED = {"status": "throttle exceeded", "message": "Event throttle exceeded", "errors": ["Throttled"]}


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
        is_event = request.path.startswith(EVENTS)
        fault = duty.faults.take(lambda fault: fault.fits(request.method, request.path))
        given = await answer(fault, lambda: _done(asked, run), lambda fault: _refused(fault, is_event))
        call = Call(
            n=number,
            at=at,
            method=request.method,
            path=request.path,
            query={name: request.query.getall(name) for name in request.query},
            body=None if body is UNREADABLE else body,
            requester=request.headers.get("From"),
            status=given.seen,
            error=json.dumps(given.body) if given.seen >= 400 else None,
            started=started,
            ended=time.time(),
        )
        duty.log.add(call)
        given.headers["x-request-id"] = f"request-{number}"
        if not is_event:
            given.headers = _limits(LIMIT - 1, RESET_SECONDS) | given.headers
        return sent(request, given)

    return handler


def _refused(fault: PathFault, is_event: bool) -> Answer:
    if fault.kind == "ratelimited":
        return Answer(EVENTS_LIMITED if is_event else LIMITED, 429, _limits(0, fault.retry_after))
    said = "An internal error has occurred. PagerDuty team has been notified."
    if is_event:
        return Answer({"status": "error", "message": said, "errors": []}, fault.status)
    return Answer(Refusal(fault.status, 2000, said).answer(), fault.status)


def _limits(remaining: int, reset: int) -> dict[str, str]:
    shown = {"limit": LIMIT, "remaining": remaining, "reset": reset}
    return {f"ratelimit-{name}": str(number) for name, number in shown.items()}


def _done(asked: Asked, run: Run) -> Answer:
    try:
        status, body = run(asked)
    except Refusal as refusal:
        return Answer(refusal.answer(), refusal.status)
    return Answer(body, status)


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
