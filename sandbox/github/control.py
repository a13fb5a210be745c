"""/control/*: what can be turned in this server alone."""

from sandbox.github import people
from sandbox.github.cast import DEE
from sandbox.github.git import Git
from sandbox.github.repository import Json
from sandbox.github.state import GitHub
from sandbox.serving.errors import Refused


def repository(hub: GitHub, _: Json) -> Json:
    """All of it, as the page sees it."""
    return people.seen(hub)


def notified(hub: GitHub, _: Json) -> Json:
    return {"notified": hub.desk.notified}


def change_repository(hub: GitHub, given: Json) -> Json:
    """`archived`, `issues` (off: 410), `empty` (no commit at all), and other names: `renamed`, `default_branch`."""
    there = hub.repository
    there.is_archived = bool(given.get("archived", there.is_archived))
    there.has_issues = bool(given.get("issues", there.has_issues))
    if given.get("renamed"):
        there.former.append(there.full_name.lower())
        there.owner, _, there.name = str(given["renamed"]).partition("/")
    if given.get("default_branch"):
        branch = str(given["default_branch"])
        there.git.branches[branch] = there.git.branches.pop(there.default_branch)
        there.default_branch = branch
    if given.get("empty"):
        there.git = Git()
    return {"repository": hub.shapes.repository()}


def access(hub: GitHub, given: Json) -> Json:
    """What every token may: `repository` (false: it is not there), `push`, and `permissions`, `{"issues": "read"}`."""
    had = hub.access
    had.repository, had.push = bool(given.get("repository", had.repository)), bool(given.get("push", had.push))
    had.permissions = had.permissions | dict(given.get("permissions") or {})
    return {"repository": had.repository, "push": had.push, "permissions": had.permissions}


def limits(hub: GitHub, given: Json) -> Json:
    """Calls in an hour (`core`) or a minute (`search`)."""
    for resource, limit in given.items():
        if resource not in hub.limits.windows:
            raise Refused("invalid_arguments", "There are limits for core and search.")
        hub.limits.windows[resource].limit = int(limit)
    return {name: window.limit for name, window in hub.limits.windows.items()}


def index(hub: GitHub, given: Json) -> Json:
    hub.index_seconds = float(given.get("seconds", hub.index_seconds))
    return {"seconds": hub.index_seconds}


def issue(hub: GitHub, given: Json) -> Json:
    """An issue that somebody opens on the page. Those who may not push can't label it."""
    login = _login(hub, given)
    labels = [] if hub.repository.users[login].association == "NONE" else list(given.get("labels") or [])
    made = hub.desk.open_issue(login, str(given["title"]), given.get("body"), labels)
    return {"issue": hub.shapes.issue(made)}


def push(hub: GitHub, given: Json) -> Json:
    """A commit with one file, to the default branch or another."""
    branch = str(given.get("branch") or hub.repository.default_branch)
    if branch not in hub.repository.git.branches:
        raise Refused("not_found", "There is no such branch.", 404)
    path, text = str(given["path"]), str(given["text"])
    made = hub.desk.push(branch, _login(hub, given), f"Change {path}", path, text.encode())
    return {"sha": made.sha}


def close(hub: GitHub, given: Json) -> Json:
    return {"issue": hub.shapes.issue(people.press(hub, people.close, {"as": DEE} | given))}


def merge(hub: GitHub, given: Json) -> Json:
    return {"issue": hub.shapes.issue(people.press(hub, people.merge, {"as": DEE} | given))}


def _login(hub: GitHub, given: Json) -> str:
    login = str(given.get("as") or DEE)
    if login not in hub.repository.users:
        raise Refused("not_found", "There is nobody of that name.", 404)
    return login
