"""The GETs about the repository, its labels, issues and pull requests."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sandbox.github.asked import Asked, page_of, token_of
from sandbox.github.errors import Refusal, not_found
from sandbox.github.gate import Said
from sandbox.github.repository import Issue, Json, Pull
from sandbox.github.shapes import time_of

T = TypeVar("T")
Thread = TypeVar("Thread", bound=Issue)

SORTED_BY: dict[str, Callable[[Issue], tuple[float, int]]] = {
    "created": lambda issue: (issue.created, issue.number),
    "updated": lambda issue: (issue.updated, issue.number),
    "comments": lambda issue: (len(issue.comments), issue.number),
}


def repository(asked: Asked) -> Said:
    return Said(asked.hub.shapes.repository())


def me(asked: Asked) -> Said:
    if not token_of(asked.headers):
        raise Refusal(401, "Requires authentication")
    return Said(asked.hub.shapes.user(asked.login))


def labels(asked: Asked) -> Said:
    shapes = asked.hub.shapes
    return paged(asked, list(asked.hub.repository.labels.values()), shapes.label)


def label(asked: Asked) -> Said:
    found = asked.hub.repository.labels.get(asked.ids["label"].lower())
    if found is None:
        raise not_found()
    return Said(asked.hub.shapes.label(found))


def issues(asked: Asked) -> Said:
    """Pull requests are among them, as at GitHub."""
    wanted = {name.strip().lower() for name in asked.query.get("labels", "").split(",") if name.strip()}
    creator, since = asked.query.get("creator"), asked.query.get("since", "")
    found = [
        issue
        for issue in asked.hub.repository.threads.values()
        if wanted <= {name.lower() for name in issue.labels}
        and creator in (None, issue.login)
        and (time_of(issue.updated) or "") >= since
    ]
    return paged(asked, _sorted(asked, _in_state(asked, found)), asked.hub.shapes.issue)


def issue(asked: Asked) -> Said:
    return Said(asked.hub.shapes.issue(asked.hub.repository.thread(asked.ids["number"])))


def comments(asked: Asked) -> Said:
    about = asked.hub.repository.thread(asked.ids["number"])
    return paged(asked, about.comments, lambda comment: asked.hub.shapes.comment(about, comment))


def pulls(asked: Asked) -> Said:
    """`head` is `owner:branch`; anything else is not looked at, as at GitHub."""
    owner, colon, branch = asked.query.get("head", "").partition(":")
    base, there = asked.query.get("base"), asked.hub.repository
    is_ours = owner.lower() == there.owner.lower()
    found = [
        pull for pull in there.pulls if (not colon or (is_ours and pull.head == branch)) and base in (None, pull.base)
    ]
    return paged(asked, _sorted(asked, _in_state(asked, found)), asked.hub.shapes.pull)


def pull(asked: Asked) -> Said:
    return Said(asked.hub.shapes.pull(_pull(asked)))


def pull_files(asked: Asked) -> Said:
    about, git = _pull(asked), asked.hub.repository.git
    before = git.commits[about.base_sha].tree
    files: list[Json] = [
        {"filename": path, "status": "removed" if content is None else "modified" if path in before else "added"}
        for path, content in asked.hub.desk.changed(about).items()
    ]
    return paged(asked, files, lambda each: each)


def rate_limit(asked: Asked) -> Said:
    """Asking costs nothing at GitHub, here one."""
    windows = asked.hub.limits.windows
    shown = {
        name: {"limit": each.limit, "used": each.used, "remaining": each.limit - each.used, "reset": int(each.reset)}
        for name, each in windows.items()
    }
    return Said({"resources": shown, "rate": shown["core"]})


def paged(asked: Asked, found: Sequence[T], shown: Callable[[T], Json]) -> Said:
    """One page, with the address of the next in `Link`."""
    start, end = page_of(asked.query)
    link: dict[str, str] = {}
    if end < len(found):
        others = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "page")
        address = f"{asked.hub.base_url}{asked.path.partition('?')[0]}?{others}&page={end // (end - start) + 1}"
        link = {"Link": f'<{address}>; rel="next"'}
    return Said([shown(each) for each in found[start:end]], headers=link)


def _pull(asked: Asked) -> Pull:
    return asked.hub.repository.pull(asked.ids["number"])


def _in_state(asked: Asked, found: Sequence[Thread]) -> list[Thread]:
    state = asked.query.get("state", "open")
    return [each for each in found if state in ("all", each.state)]


def _sorted(asked: Asked, found: list[Thread]) -> list[Thread]:
    by = SORTED_BY.get(asked.query.get("sort", "created"), SORTED_BY["created"])
    return sorted(found, key=by, reverse=asked.query.get("direction", "desc") == "desc")
