"""Issues, each opened once: GitHub has no idempotency key, so the body carries ours and is looked for first."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot.errors import TrackerError
from bot.integrations.github import words
from bot.integrations.github.answers import Issue, Label
from bot.integrations.github.api import PAGE_SIZE, RestApi
from bot.integrations.github.refusals import Doing
from bot.ports import Changed, Ticket

log = logging.getLogger(__name__)

MAX_PAGES = 3
CHANGED_PAGES = 20
_CLOCKS_DIFFER = timedelta(minutes=5)
_READ = Doing("read issues", "Issues: read")
_OPEN = Doing("create issues", "Issues: write")
_LABEL = Doing("create labels", "Issues: write")
_COLOUR = "b60205"
_DESCRIPTION = "Kept by the incident bot"


class Issues:
    def __init__(self, api: RestApi) -> None:
        self._api = api
        self._labels: set[str] = set()

    def open(self, key: str, title: str, body: str, labels: Sequence[str]) -> Ticket:
        found = self._with(key, labels)
        if found is None:
            for label in labels:
                self._must_exist(label)
            opening = {"title": words.title(title), "body": words.body(body, key), "labels": list(labels)}
            found = self._api.post(Issue, "/issues", _OPEN, opening)
            _say_what_is_missing(found, labels)
        return found.ticket

    def changed(self, since: datetime) -> Changed:
        """Issues and pull requests, which GitHub lists together. Without looking at labels, which people take away.
        What counts is GitHub's clock, ours may differ."""
        moment = f"{(since - _CLOCKS_DIFFER).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        query = {"state": "all", "sort": "updated", "direction": "asc", "since": moment}
        changed = Changed({}, {})
        for page in range(1, CHANGED_PAGES + 1):
            found = self._api.page(Issue, "/issues", _READ, **query, page=page)
            issues = {each.number: each.ticket.is_open for each in found if each.pull_request is None}
            pulls = {each.html_url: each.is_declined for each in found if each.pull_request is not None}
            changed = Changed({**changed.issues, **issues}, {**changed.declined, **pulls})
            if len(found) < PAGE_SIZE:
                break
        return changed

    def revise(self, number: int, facts: Mapping[str, str]) -> None:
        """What people wrote into it stays, and a line that they took out stays out."""
        reading = Doing(f"read issue #{number}", _READ.permission)
        before = self._api.get(Issue, f"/issues/{number}", reading).body or ""
        after = words.revised(before, facts)
        if after != before:
            writing = Doing(f"edit issue #{number}", "Issues: write")
            self._api.patch(Issue, f"/issues/{number}", writing, {"body": after})

    def close(self, number: int) -> None:
        doing = Doing(f"close issue #{number}", "Issues: write")
        self._api.patch(Issue, f"/issues/{number}", doing, {"state": "closed", "state_reason": "completed"})

    def reopen(self, number: int) -> None:
        doing = Doing(f"reopen issue #{number}", "Issues: write")
        self._api.patch(Issue, f"/issues/{number}", doing, {"state": "open"})

    def _with(self, key: str, labels: Sequence[str]) -> Issue | None:
        """Among the newest, not by the search: its index is behind by up to minutes."""
        marker = words.marker(key)
        marked = (each for each in self._ours(labels) if marker in (each.body or ""))
        return next((each for each in marked if each.pull_request is None), None)

    def _ours(self, labels: Sequence[str]) -> Iterator[Issue]:
        """Those with the label, which outsiders can't give; then others, since a token that may not push gives none."""
        for page in range(1, MAX_PAGES + 1) if labels else ():
            found = self._newest(labels=labels[0], page=page)
            yield from found
            if len(found) < PAGE_SIZE:
                break
        yield from (each for each in self._newest() if each.is_by_an_insider)

    def _newest(self, **query: str | int) -> list[Issue]:
        return self._api.page(Issue, "/issues", _READ, state="all", sort="created", direction="desc", **query)

    def _must_exist(self, label: str) -> None:
        """GitHub would make a missing one by itself, without colour and description."""
        if label in self._labels:
            return
        if self._api.find(Label, f"/labels/{label}", _LABEL) is None:
            self._make(label)
        self._labels.add(label)

    def _make(self, label: str) -> None:
        try:
            made = {"name": label, "color": _COLOUR, "description": _DESCRIPTION}
            self._api.post(Label, "/labels", _LABEL, made)
        except TrackerError as error:
            if "already_exists" not in error.detail:
                raise


def _say_what_is_missing(made: Issue, labels: Sequence[str]) -> None:
    given = {label.name.lower() for label in made.labels}
    missing = [label for label in labels if label.lower() not in given]
    if missing:
        log.warning("GitHub left the labels %s off #%d: the token may not push", ", ".join(missing), made.number)
