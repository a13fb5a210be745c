"""GitHub as the bot's tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.integrations.github.api import RestApi
from bot.integrations.github.issues import Issues
from bot.integrations.github.proposals import Proposals
from bot.ports import Changed, Ticket


class GitHub:
    """Issues and pull requests of one repository, `owner/name`. Threads may share it.

    Raises SettingsError when made from what can't be a token or a repository.
    """

    def __init__(self, token: str, repository: str, api_url: str) -> None:
        self._api = RestApi(token, repository, api_url)
        self._issues = Issues(self._api)
        self._proposals = Proposals(self._api)

    def open_issue(self, key: str, title: str, body: str, labels: Sequence[str]) -> Ticket:
        return self._issues.open(key, title, body, labels)

    def changed(self, since: datetime) -> Changed:
        return self._issues.changed(since)

    def revise_issue(self, number: int, facts: Mapping[str, str]) -> None:
        self._issues.revise(number, facts)

    def close_issue(self, number: int) -> None:
        self._issues.close(number)

    def reopen_issue(self, number: int) -> None:
        self._issues.reopen(number)

    def propose(self, key: str, path: str, text: str, title: str, body: str) -> str:
        return self._proposals.propose(key, path, text, title, body)

    def close(self) -> None:
        self._api.close()
