"""GET /search/issues: an index that is behind. What was opened a moment ago is not found."""

import shlex
from collections.abc import Callable

from sandbox.github.asked import Asked, page_of
from sandbox.github.errors import Refusal
from sandbox.github.gate import Said
from sandbox.github.repository import Issue, Pull, Repository

Fits = Callable[[Issue], bool]


def issues(asked: Asked) -> Said:
    terms = _terms(asked.query.get("q", ""))
    known = asked.hub.clock.now() - asked.hub.index_seconds
    there = asked.hub.repository
    found = [
        issue
        for issue in there.threads.values()
        if issue.created <= known and all(_fits(there, term)(issue) for term in terms)
    ]
    start, end = page_of(asked.query)
    shown = [asked.hub.shapes.issue(each) for each in sorted(found, key=lambda each: -each.number)[start:end]]
    return Said({"total_count": len(found), "incomplete_results": False, "items": shown})


def _terms(query: str) -> list[str]:
    try:
        terms = shlex.split(query)
    except ValueError:
        terms = query.split()
    if not terms:
        raise Refusal(422, "Validation Failed", {"resource": "Search", "field": "q", "code": "missing"})
    return terms


def _fits(there: Repository, term: str) -> Fits:
    name, _, value = term.partition(":")
    value = value.lower()
    known: dict[str, Fits] = {
        "repo": lambda _: value == there.full_name.lower(),
        "label": lambda issue: value in [each.lower() for each in issue.labels],
        "state": lambda issue: value == issue.state,
        "author": lambda issue: value == issue.login,
        "in": lambda _: True,
        "is": lambda issue: value in _is(issue),
        "type": lambda issue: value in _is(issue),
    }
    return known.get(name, lambda issue: term.lower() in f"{issue.title}\n{issue.body}".lower())


def _is(issue: Issue) -> set[str]:
    return {issue.state, "pr" if isinstance(issue, Pull) else "issue"}
