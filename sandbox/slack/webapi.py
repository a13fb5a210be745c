"""POST /api/<method>: token, faults, limits, scopes, the method itself, and the line in the log."""

import math
import time

from aiohttp import web

from sandbox.serving.answers import Answer, answer, sent
from sandbox.slack.args import Args
from sandbox.slack.calllog import Entry
from sandbox.slack.errors import SlackError
from sandbox.slack.faults import Fault
from sandbox.slack.methods import METHODS, Method
from sandbox.slack.methods.call import Call
from sandbox.slack.state import SLACK, Slack


async def web_api(request: web.Request) -> web.Response:
    slack = request.app[SLACK]
    name = request.match_info["method"]
    started, at = time.time(), slack.clock.now()
    try:
        args = Args.read(request.query_string, request.headers.get("Content-Type", ""), await request.read())
    except SlackError as error:
        args, given = Args(), Answer(error.answer())
    else:
        fault = slack.faults.take(lambda fault: fault.fits(name, args))
        given = await answer(fault, lambda: _run(slack, request, name, args), _refusal)
    entry = Entry(
        n=slack.log.next_number(),
        at=at,
        method=name,
        args=args,
        status=given.seen,
        ok=given.body.get("ok", False),
        error=given.body.get("error"),
        started=started,
        ended=time.time(),
    )
    slack.log.add(entry)
    given.headers["x-oauth-scopes"] = ",".join(sorted(slack.scopes))
    return sent(request, given)


def _refusal(fault: Fault) -> Answer:
    match fault.kind:
        case "ratelimited":
            return _too_many(fault.retry_after)
        case "http":
            return Answer({"ok": False, "error": f"http_{fault.status}"}, fault.status)
        case "drop_before":
            return Answer({"ok": False, "error": "dropped"})
    return Answer({"ok": False, "error": fault.error})


def _too_many(seconds: float) -> Answer:
    return Answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(math.ceil(seconds))})


def _run(slack: Slack, request: web.Request, name: str, args: Args) -> Answer:
    try:
        method = METHODS.get(name)
        if method is None or name in slack.faults.disabled:
            raise SlackError("unknown_method", req_method=name)
        _authenticate(request, args, method)
        wait = slack.limits.take(name, method.tier)
        if wait:
            return _too_many(wait)
        call = Call(slack, args, f"{request.scheme}://{request.host}")
        if method.scopes:
            call.need_scope(*method.scopes)
        return Answer({"ok": True, **method.run(call)})
    except SlackError as error:
        if error.error == "ratelimited":
            return _too_many(error.extra["retry_after"])
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
