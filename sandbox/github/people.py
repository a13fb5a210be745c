"""What the page calls: everything that is to be seen, and its buttons."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from sandbox.github.cast import ROBOT
from sandbox.github.desk import Desk
from sandbox.github.errors import invalid
from sandbox.github.repository import Issue, Json, Pull
from sandbox.github.shapes import Shapes
from sandbox.github.state import GITHUB, GitHub
from sandbox.serving import control
from sandbox.serving.errors import Refused

PAGE = Path(__file__).with_name("page.html")

Pressing = Callable[[Desk, Issue, str, Json], object]


async def state(request: web.Request) -> web.Response:
    return web.json_response(seen(request.app[GITHUB]), headers={"Cache-Control": "no-store"})


def doing(what: Pressing) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        hub = request.app[GITHUB]
        try:
            given = await control.given(request)
            press(hub, what, given)
            return web.json_response({"ok": True})
        except Refused as refused:
            return web.json_response(refused.told(), status=refused.status)

    return handler


def press(hub: GitHub, what: Pressing, given: Json) -> Issue:
    """As that person would with the button; archived repositories have none."""
    login = str(given.get("as"))
    if login not in hub.repository.users:
        raise invalid("User", "login", "missing")
    if hub.repository.is_archived:
        raise Refused("archived", "This repository has been archived and is read-only.", 403)
    issue = hub.repository.thread(str(given.get("number")))
    what(hub.desk, issue, login, given)
    return issue


def comment(desk: Desk, issue: Issue, login: str, given: Json) -> None:
    text = str(given.get("text") or "")
    if not text.strip():
        raise invalid("IssueComment", "body", "missing_field")
    desk.comment(issue, login, text)


def close(desk: Desk, issue: Issue, login: str, given: Json) -> None:
    desk.close(issue, login, given.get("reason"))


def reopen(desk: Desk, issue: Issue, _: str, __: Json) -> None:
    desk.reopen(issue)


def merge(desk: Desk, issue: Issue, login: str, _: Json) -> None:
    if not isinstance(issue, Pull):
        raise invalid("PullRequest", "number", "invalid")
    desk.merge(issue, login)


def seen(hub: GitHub) -> Json:
    there, shapes = hub.repository, hub.shapes
    threads = sorted(there.threads.values(), key=lambda each: -each.number)
    tree = there.git.head(there.default_branch).tree if there.git.branches else {}
    return {
        "repository": shapes.repository(),
        "people": [{"login": u.login, "name": u.name} for u in there.users.values() if u.login != ROBOT],
        "issues": [_issue(shapes, each) for each in threads if not isinstance(each, Pull)],
        "pulls": [_pull(hub, each) for each in threads if isinstance(each, Pull)],
        "files": [{"path": path, "text": _text(content)} for path, content in sorted(tree.items())],
        "branches": sorted(there.git.branches),
    }


def _issue(shapes: Shapes, issue: Issue) -> Json:
    shown = [shapes.comment(issue, each) for each in issue.comments]
    return shapes.issue(issue) | {"comments": shown}


def _pull(hub: GitHub, pull: Pull) -> Json:
    files = [{"path": path, "text": _text(content)} for path, content in hub.desk.changed(pull).items()]
    return _issue(hub.shapes, pull) | hub.shapes.pull(pull) | {"files": files}


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="replace")
