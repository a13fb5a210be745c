"""POST /api/<method>: token, faults, limits, scopes, the method itself, and the line in the log."""

import asyncio
import json
import math
import time
from dataclasses import dataclass

from aiohttp import web

from sandbox.slack.args import Args
from sandbox.slack.calllog import Entry
from sandbox.slack.errors import SlackError
from sandbox.slack.faults import Fault
from sandbox.slack.methods import METHODS, Method
from sandbox.slack.methods.call import Call
from sandbox.slack.state import SLACK, Slack
from sandbox.slack.workspace import Json


@dataclass(slots=True)
class Answer:
    body: Json
    status: int = 200
    retry_after: int = 0
    dropped: bool = False


async def web_api(request: web.Request) -> web.Response:
    slack = request.app[SLACK]
    name = request.match_info["method"]
    started, at = time.time(), slack.clock.now()
    try:
        args = Args.read(request.query_string, request.headers.get("Content-Type", ""), await request.read())
    except SlackError as error:
        args, answer = Args(), Answer(error.answer())
    else:
        answer = await _answer(slack, request, name, args)
    number = slack.log.next_number()
    ok, error_code = answer.body.get("ok", False), answer.body.get("error")
    status = 0 if answer.dropped else answer.status
    slack.log.add(Entry(number, at, name, args, status, ok, error_code, started, time.time()))
    return _response(slack, request, answer)


async def _answer(slack: Slack, request: web.Request, name: str, args: Args) -> Answer:
    fault = slack.faults.take(name, args)
    if fault is None:
        return _run(slack, request, name, args)
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return _run(slack, request, name, args)
    if fault.kind == "late":
        taken = _run(slack, request, name, args)
        await asyncio.sleep(fault.seconds)
        return taken
    if fault.kind == "drop_after":
        done = _run(slack, request, name, args)
        done.dropped = True
        return done
    return _refusal(fault)


def _refusal(fault: Fault) -> Answer:
    match fault.kind:
        case "ratelimited":
            return Answer({"ok": False, "error": "ratelimited"}, 429, math.ceil(fault.retry_after))
        case "http":
            return Answer({"ok": False, "error": f"http_{fault.status}"}, fault.status)
        case "drop_before":
            return Answer({"ok": False, "error": "dropped"}, dropped=True)
    return Answer({"ok": False, "error": fault.error})


def _run(slack: Slack, request: web.Request, name: str, args: Args) -> Answer:
    try:
        method = METHODS.get(name)
        if method is None or name in slack.faults.disabled:
            raise SlackError("unknown_method", req_method=name)
        _authenticate(request, args, method)
        wait = slack.limits.take(name, method.tier)
        if wait:
            return Answer({"ok": False, "error": "ratelimited"}, 429, wait)
        call = Call(slack, args, f"{request.scheme}://{request.host}")
        if method.scopes:
            call.need_scope(*method.scopes)
        return Answer({"ok": True, **method.run(call)})
    except SlackError as error:
        if error.error == "ratelimited":
            return Answer({"ok": False, "error": "ratelimited"}, 429, error.extra["retry_after"])
        return Answer(error.answer())


def _authenticate(request: web.Request, args: Args, method: Method) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token if scheme.lower() == "bearer" else args.text("token")
    if not token:
        raise SlackError("not_authed")
    wanted = "xapp-" if method.takes_app_token else "xoxb-"
    if not token.startswith(("xapp-", "xoxb-")) or token.startswith(("xapp-wrong", "xoxb-wrong")):
        raise SlackError("invalid_auth")
    if not token.startswith(wanted):
        raise SlackError("not_allowed_token_type")


def _response(slack: Slack, request: web.Request, answer: Answer) -> web.Response:
    if answer.dropped and request.transport:
        request.transport.abort()
    response = web.Response(
        body=json.dumps(answer.body, separators=(",", ":")).encode(),
        status=answer.status,
        content_type="application/json",
        charset="utf-8",
    )
    response.headers["x-oauth-scopes"] = ",".join(sorted(slack.scopes))
    if answer.retry_after:
        response.headers["Retry-After"] = str(answer.retry_after)
    return response
