"""Calling somebody besides who is paged already: the secondary, a rung of the ladder, a person by name.

Each way is looked up before it is taken, so that a repeated call pages nobody twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bot.config import Config
from bot.errors import PagerError
from bot.integrations.pagerduty import events
from bot.integrations.pagerduty.answers import Incident, User
from bot.integrations.pagerduty.incidents import PagerIncidents
from bot.integrations.pagerduty.users import Users
from bot.models import Duty, Page, Role

log = logging.getLogger(__name__)

SECONDARY_LEVEL = 2
_NO_REQUESTS = frozenset({"http_402", "http_403", "http_404"})  # responder requests are not in every plan


class Calling(NamedTuple):
    """Who is called for what, in whose name; `known` are the incidents of the page, newest first."""

    page: Page
    to: Duty
    called: User
    requester: User
    known: Sequence[Incident]

    @property
    def current(self) -> Incident | None:
        return _open_one(self.known)


class Caller:
    """`email_of` answers the e-mail of a Slack user, for those whose duty does not name it."""

    def __init__(
        self, incidents: PagerIncidents, users: Users, config: Config, email_of: Callable[[str], str | None]
    ) -> None:
        self._incidents = incidents
        self._users = users
        self._config = config
        self._email_of = email_of

    def call(self, page: Page, to: Duty) -> bool:
        """1. the secondary: escalate the open incident, 2. ask to join it, 3. open one for them.

        False where PagerDuty can't: who is called is none of its users, or nobody is there in whose name to call.
        """
        known = self._incidents.with_key(events.dedup_key(page.key))
        called = self._called(to)
        requester = self._users.requester()
        current = _open_one(known)
        if to.role is Role.SECONDARY and current and current.status == "triggered":
            sender = requester or called
            if sender and self._escalate(current, sender):
                return True
        if called is None:
            return False
        if requester is None:
            log.warning("PagerDuty: set pagerduty.sender to the e-mail of one of its users, to call others")
            return False
        calling = Calling(page, to, called, requester, known)
        return self._ask_to_join(calling) or self._open(calling)

    def _called(self, to: Duty) -> User | None:
        email = to.email or (self._email_of(to.user_id) if to.user_id else None)
        return self._users.by_email(email) if email else None

    def _escalate(self, incident: Incident, sender: User) -> bool:
        """False where nobody is on call at that level. Whom it reached already, by an earlier try say, keeps it."""
        level = self._incidents.level_of(incident, at_least=SECONDARY_LEVEL)
        if level is not None and level < SECONDARY_LEVEL:
            self._incidents.escalate(incident, SECONDARY_LEVEL, sender=sender.email)
        return level is not None

    def _ask_to_join(self, calling: Calling) -> bool:
        """False where there is no open incident, or the account can't ask."""
        incident, called = calling.current, calling.called
        if incident is None or called.id in incident.called:
            return incident is not None
        request = events.request(calling.page, calling.to, called.id, calling.requester.id)
        try:
            self._incidents.ask_to_join(incident, request, sender=calling.requester.email)
        except PagerError as error:
            if error.code not in _NO_REQUESTS:
                raise
            log.info("PagerDuty does not ask others to join (%s), opening an incident for them", error)
            return False
        return True

    def _open(self, calling: Calling) -> bool:
        """Not in the called person's own name: PagerDuty takes what somebody opens for themselves as acknowledged."""
        page, to, called, requester, known = calling
        service = self._service(page, known)
        if service is None:
            log.warning("PagerDuty: set pagerduty.service, there is none to call the %s on", to.role.value)
        if service is None or requester.id == called.id:
            return False
        key = events.call_key(page.key, to, called.id)
        if self._incidents.is_open(key):
            return True
        try:
            self._incidents.open(events.opening(page, to, service, called.id, key), sender=requester.email)
        except PagerError as error:
            if error.retryable or not self._incidents.is_open(key):  # two at once: the other was first
                raise
        return True

    def _service(self, page: Page, known: Sequence[Incident]) -> str | None:
        """From the config file, of the page's service or of all; else that of the page's newest incident."""
        configured = self._config.service(page.service).pagerduty.service or self._config.pagerduty.service
        return configured or next((each.service.id for each in known if each.service), None)


def _open_one(known: Sequence[Incident]) -> Incident | None:
    return next((each for each in known if each.is_open), None)
