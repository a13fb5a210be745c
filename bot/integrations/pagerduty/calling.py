"""Calling somebody besides who is paged already: the secondary, a rung of the ladder, a person by name.

Each way is looked up before it is taken, so that a repeated try pages nobody twice. A rung of the ladder is not called
again who was called before; whom somebody wants now is called anew, once for each time they are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.config import Config
from bot.errors import PagerError
from bot.integrations.pagerduty import events
from bot.integrations.pagerduty.answers import Incident, User
from bot.integrations.pagerduty.incidents import PagerIncidents
from bot.integrations.pagerduty.users import Users
from bot.models import Duty, Means, Page, Role
from bot.ports import Reached

log = logging.getLogger(__name__)

SECONDARY_LEVEL = 2
PAGED = Reached(Means.PAGERDUTY)
NO_TOKEN = "it calls the primary alone without PAGERDUTY_API_TOKEN"
_NO_ADDRESS = "their e-mail address is not known"
_NO_USER = "it has no user with their e-mail address"
_NO_SENDER = "pagerduty.sender in config.yml is none of its users"
_NO_SERVICE = "pagerduty.service is not set in config.yml"
_OWN_NAME = "pagerduty.sender in config.yml is they themselves"
_CLOCKS_APART = timedelta(seconds=5)  # PagerDuty tells whole seconds, and clocks differ
_NO_REQUESTS = frozenset({"http_402", "http_403", "http_404"})  # responder requests are not in every plan


def unable(why: str) -> Reached:
    """PagerDuty can't call them."""
    return Reached(Means.MESSAGE, why)


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

    def call(self, page: Page, to: Duty) -> Reached:
        """1. the secondary: escalate the open incident, 2. ask to join it, 3. open one for them.

        By direct message where PagerDuty can't: nothing was done then.
        """
        known = self._incidents.with_key(events.dedup_key(page.key))
        called = self._called(to)
        requester = self._users.requester()
        current = _open_one(known)
        if to.role is Role.SECONDARY and current and current.status == "triggered":
            sender = requester or (called if isinstance(called, User) else None)
            reached = self._escalate(page, current, sender) if sender else None
            if reached:
                return reached
        if isinstance(called, str):
            return unable(called)
        if requester is None:
            log.warning("PagerDuty: set pagerduty.sender to the e-mail of one of its users, to call others")
            return unable(_NO_SENDER)
        calling = Calling(page, to, called, requester, known)
        return self._ask_to_join(calling) or self._open(calling)

    def stands(self, page: Page) -> bool:
        """Is the page's incident open from before this call was asked for? No, where the token may not look."""
        try:
            current = _open_one(self._incidents.with_key(events.dedup_key(page.key)))
        except PagerError as error:
            if error.retryable:
                raise
            log.warning("PagerDuty: can't see whether %s is paged already: %s", page.key, error)
            return False
        return current is not None and current.created_at < page.asked_at - _CLOCKS_APART

    def way(self, to: Duty) -> Reached:
        """How they would be called, as far as it does not depend on what for."""
        called = self._called(to)
        if isinstance(called, str):
            return unable(called)
        return PAGED if self._users.requester() else unable(_NO_SENDER)

    def _called(self, to: Duty) -> User | str:
        """Who that is in PagerDuty, or why nobody."""
        email = to.email or (self._email_of(to.user_id) if to.user_id else None)
        return (self._users.by_email(email) or _NO_USER) if email else _NO_ADDRESS

    def _escalate(self, page: Page, incident: Incident, sender: User) -> Reached | None:
        """None where nobody is on call at that level, and where whoever is had it before and is wanted anew."""
        levels = self._incidents.levels(incident)
        if SECONDARY_LEVEL not in levels:
            return None
        reached = [people for level, people in levels.items() if level >= SECONDARY_LEVEL]
        had_at = incident.assigned_at(set().union(*reached))
        has_first = any(people & incident.assignees for level, people in levels.items() if level < SECONDARY_LEVEL)
        if had_at is None or has_first:
            self._incidents.escalate(incident, SECONDARY_LEVEL, sender=sender.email)
            return PAGED
        known = _known(page, had_at)
        return None if known.earlier_at and page.is_anew else known

    def _ask_to_join(self, calling: Calling) -> Reached | None:
        """None where there is no open incident, where they are in it and wanted anew, or the account can't ask."""
        page, incident, called = calling.page, calling.current, calling.called
        if incident is None:
            return None
        requests = incident.requests_to(called.id)
        if page.is_anew and any(events.called_as(page, calling.to) in (each.message or "") for each in requests):
            return PAGED
        if requests or called.id in incident.assignees:
            return None if page.is_anew else _before(page, incident, called.id)
        request = events.request(page, calling.to, called.id, calling.requester.id)
        try:
            self._incidents.ask_to_join(incident, request, sender=calling.requester.email)
        except PagerError as error:
            if error.code not in _NO_REQUESTS:
                raise
            log.info("PagerDuty does not ask others to join (%s), opening an incident for them", error)
            return None
        return PAGED

    def _open(self, calling: Calling) -> Reached:
        """Not in the called person's own name: PagerDuty takes what somebody opens for themselves as acknowledged."""
        page, to, called, requester, known = calling
        service = self._service(page, known)
        if service is None:
            log.warning("PagerDuty: set pagerduty.service, there is none to call the %s on", to.role.value)
            return unable(_NO_SERVICE)
        if requester.id == called.id:
            return unable(_OWN_NAME)
        key = events.call_key(page, to, called.id)
        earlier = self._incidents.with_key(key)[:1]
        if page.is_anew and earlier:
            return PAGED
        if earlier and earlier[0].is_open:
            return _known(page, earlier[0].created_at)
        try:
            self._incidents.open(events.opening(page, to, service, called.id, key), sender=requester.email)
        except PagerError as error:
            if error.retryable or not self._incidents.is_open(key):  # two at once: the other was first
                raise
        return PAGED

    def _service(self, page: Page, known: Sequence[Incident]) -> str | None:
        """From the config file, of the page's service or of all; else that of the page's newest incident."""
        configured = self._config.service(page.service).pagerduty.service or self._config.pagerduty.service
        return configured or next((each.service.id for each in known if each.service), None)


def _open_one(known: Sequence[Incident]) -> Incident | None:
    return next((each for each in known if each.is_open), None)


def _before(page: Page, incident: Incident, user: str) -> Reached:
    """Somebody who has the incident, or was asked to join it."""
    request = next(reversed(incident.requests_to(user)), None)
    if request is None:
        return _known(page, incident.assigned_at({user}) or incident.created_at, incident.status)
    return _known(page, request.asked_at or incident.created_at, request.state)


def _known(page: Page, at: datetime, answer: str = "") -> Reached:
    """They were called at that moment: by an earlier try of this very call, or before it."""
    if at >= page.asked_at - _CLOCKS_APART:
        return PAGED
    is_answered = answer in ("joined", "declined", "acknowledged")
    return Reached(Means.PAGERDUTY, earlier_at=at, answer=answer if is_answered else "no answer yet")
