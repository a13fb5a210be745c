"""What every call of the API passes: fault, token, limits, permissions, the handler itself, and the line in the log."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, NamedTuple

from aiohttp import web

from sandbox.github.asked import Asked, token_of
from sandbox.github.errors import NO_ACCESS, Refusal, forbidden, not_found
from sandbox.github.limits import LIMITED, too_fast
from sandbox.github.repository import Repository
from sandbox.github.state import GITHUB, Call, GitHub, GitHubFault
from sandbox.serving.answers import Answer, answer, sent

WORDS = {401: "Bad credentials", 403: NO_ACCESS, 404: "Not Found", 410: "Issues has been disabled in this repository."}
"""What a fault with this status says."""
RENAMED = (301, 307)
"""How the old name of a repository answers to a GET, and to everything else."""


@dataclass(slots=True)
class Said(Answer):
    """A list may be an answer too."""

    body: Any = field(default_factory=dict)


Handler = Callable[[Asked], Said]


class Route(NamedTuple):
    """One call. `needs`: permissions, any of which will do. `is_creation` counts against the secondary limits."""

    method: str
    path: str
    handler: Handler
    needs: tuple[str, ...] = ("metadata=read",)
    is_about_issues: bool = False
    is_creation: bool = False
    resource: str = "core"

    @property
    def is_change(self) -> bool:
        return self.method != "GET"


def answering(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        hub, started = request.app[GITHUB], time.time()
        number, at = hub.log.next_number(), hub.clock.now()
        body = _read(await request.read())
        asked = Asked(hub, request.raw_path, request.query, request.match_info, request.headers, body)
        fault = hub.faults.take(lambda fault: fault.fits(request.method, request.path))
        given = await answer(fault, lambda: _done(asked, route), lambda fault: _refused(hub, fault))
        call = Call(
            n=number,
            at=at,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            body=body,
            login=asked.login if token_of(request.headers) else None,
            status=given.seen,
            error=json.dumps(given.body) if given.seen >= 400 else None,
            started=started,
            ended=time.time(),
        )
        hub.log.add(call)
        always = {"x-github-request-id": f"request-{number}", "Date": formatdate(hub.clock.now(), usegmt=True)}
        given.headers = always | hub.limits.headers(route.resource) | given.headers
        return sent(request, given)

    return handler


def unknown(_: Asked) -> Said:
    raise not_found()


def _refused(hub: GitHub, fault: GitHubFault) -> Answer:
    if fault.kind == "ratelimited":
        return _told(too_fast(fault.retry_after, 429 if fault.status == 429 else 403))
    if fault.kind == "exhausted":
        return _told(Refusal(403, LIMITED, headers=hub.limits.exhausted("core", fault.seconds)))
    return _told(Refusal(fault.status, WORDS.get(fault.status, "Server Error")))


def _done(asked: Asked, route: Route) -> Answer:
    try:
        moved = _moved(asked, route)
        if moved is None:
            _check(asked, route)
        return moved or route.handler(asked)
    except Refusal as refusal:
        return _told(refusal)


def _told(refusal: Refusal) -> Said:
    return Said(refusal.answer(), refusal.status, dict(refusal.headers))


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _moved(asked: Asked, route: Route) -> Said | None:
    """The old name of a renamed repository leads to its number."""
    there = asked.hub.repository
    if _named(asked.ids) not in there.former:
        return None
    _, _, _, _, *rest = asked.path.split("/", 4)
    address = "/".join([asked.hub.base_url, "repositories", str(there.id), *rest])
    return Said({"message": "Moved Permanently", "url": address}, RENAMED[route.is_change], {"Location": address})


def _check(asked: Asked, route: Route) -> None:
    hub = asked.hub
    token = token_of(asked.headers)
    if not asked.headers.get("User-Agent"):
        raise Refusal(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent.")
    if token.startswith("wrong"):
        raise Refusal(401, "Bad credentials")
    hub.limits.take(route.resource)
    if "{" in route.path:
        _check_repository(asked, route, bool(token))
    if route.is_creation:
        hub.limits.take_creation()


def _check_repository(asked: Asked, route: Route, is_known: bool) -> None:
    """A private repository is not there for those who may not see it."""
    hub, there = asked.hub, asked.hub.repository
    if not (is_known and hub.access.repository and _is_meant(asked.ids, there)):
        raise not_found()
    if not any(hub.access.allows(needed) for needed in route.needs):
        raise forbidden(*route.needs)
    if there.is_archived and route.is_change:
        raise Refusal(403, "Repository was archived so is read-only.")
    if route.is_about_issues and not there.has_issues:
        raise Refusal(410, WORDS[410])


def _is_meant(ids: Mapping[str, str], there: Repository) -> bool:
    return ids.get("id") == str(there.id) or _named(ids) == there.full_name.lower()


def _named(ids: Mapping[str, str]) -> str:
    return f"{ids.get('owner')}/{ids.get('name')}".lower()
