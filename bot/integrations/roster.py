"""Who is on call (the Roster port): from the config file, from PagerDuty, and both together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.config import Config
from bot.errors import ChatError, PagerError
from bot.integrations.pagerduty.answers import OnCallEntry, Policy
from bot.models import Duty, Role
from bot.ports import Clock, Roster

if TYPE_CHECKING:  # a bot without PagerDuty does not load its client
    from bot.integrations.pagerduty.api import RestApi

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=60)
STALE = timedelta(hours=1)
ASK_AGAIN = timedelta(seconds=10)  # after a failure, so that not every caller waits for a timeout of its own
_LEVELS = {1: Role.PRIMARY, 2: Role.SECONDARY}
_FIELDS = {
    "primary": Role.PRIMARY,
    "secondary": Role.SECONDARY,
    "team_lead": Role.TEAM_LEAD,
    "manager": Role.MANAGER,
    "commander": Role.COMMANDER,
}


class ConfigRoster:
    """`on_call` of the service, field by field over the general one.

    `name_of` and `email_of` answer the display name and the e-mail of a Slack user; without them the id is the name.
    """

    def __init__(
        self,
        config: Config,
        name_of: Callable[[str], str] = str,
        email_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._config = config
        self._name_of = name_of
        self._email_of = email_of

    def on_call(self, service: str) -> list[Duty]:
        own, general = self._config.service(service).on_call, self._config.on_call
        named = ((role, getattr(own, field) or getattr(general, field)) for field, role in _FIELDS.items())
        return [self._duty(role, user) for role, user in named if user]

    def find(self, name: str) -> Duty | None:
        """The primary of the service with this name, or of the first service that a team of this name owns."""
        wanted = name.strip().casefold()
        owned = (each for each, entry in self._config.services.items() if entry.owner.casefold() == wanted != "")
        service = self._config.known_service(name) or next(owned, None)
        if service is None:
            return None
        user = self._config.service(service).on_call.primary or self._config.on_call.primary
        return self._duty(Role.ASKED, user) if user else None

    def _duty(self, role: Role, user: str) -> Duty:
        return Duty(role=role, name=self._name_of(user) or user, user_id=user, email=self._email(user))

    def _email(self, user: str) -> str | None:
        try:
            return self._email_of(user)
        except ChatError as error:
            log.warning("can't tell the e-mail of %s (%s): PagerDuty can't call them", user, error)
            return None


class PagerDutyRoster:
    """Levels 1 and 2 of the service's escalation policy: its own, else the general one.

    Where neither is configured, all policies of the account count; of the people at a level the first by the names of
    policy and person is meant. Answers are kept for a minute, and for an hour while PagerDuty does not answer. Threads
    may share it: one of them asks for a policy, the others wait for its answer. `find_user` answers the Slack id of an
    e-mail. https://developer.pagerduty.com/api-reference/, "List all of the on-calls"
    """

    def __init__(self, rest: RestApi, config: Config, find_user: Callable[[str], str | None], clock: Clock) -> None:
        self._rest = rest
        self._config = config
        self._find_user = find_user
        self._clock = clock
        self._lists: dict[str | None, _List] = {}
        self._lock = threading.Lock()

    def on_call(self, service: str) -> list[Duty]:
        own = self._config.service(service).pagerduty.escalation_policy
        shifts = self._shifts(own or self._config.pagerduty.escalation_policy)
        return [self._duty(role, shift) for role, shift in _chosen(shifts)]

    def find(self, name: str) -> Duty | None:
        """By the name of an escalation policy, spelt like that or in other case. PagerError if nobody is on call."""
        wanted = name.strip()
        found = self._rest.entries(Policy, "/escalation_policies", query=wanted)
        same = [each for each in found if each.name.casefold() == wanted.casefold()]
        policy = min(same, key=lambda each: (each.name != wanted, each.name, each.id), default=None)
        if policy is None:
            return None
        shifts = self._shifts(policy.id)
        if not shifts:
            raise PagerError("nobody_on_call", detail=f"nobody is on call for {policy.name} in PagerDuty")
        return self._duty(Role.ASKED, shifts[0])

    def _duty(self, role: Role, shift: Shift) -> Duty:
        user = self._user_id(shift.email)
        return Duty(role=role, name=shift.name, email=shift.email, user_id=user, until=shift.until)

    def _user_id(self, email: str | None) -> str | None:
        try:
            return self._find_user(email) if email else None
        except ChatError as error:
            log.warning("can't tell who %s is in Slack: %s", email, error)
            return None

    def _shifts(self, policy: str | None) -> list[Shift]:
        with self._lock:
            kept = self._lists.setdefault(policy, _List())
        with kept.lock:
            return kept.answer(self._clock(), lambda: self._ask(policy), policy or "all policies")

    def _ask(self, policy: str | None) -> list[Shift]:
        query: dict[str, Any] = {"include[]": ["users"], "earliest": "true"}
        if policy:
            query["escalation_policy_ids[]"] = [policy]
        shifts = {_shift(entry) for entry in self._rest.entries(OnCallEntry, "/oncalls", **query)}
        return sorted(shifts, key=attrgetter("order"))


class Shift(NamedTuple):
    """Somebody on call at a level, until then where that ends; `order` is that in which they are to be called."""

    level: int
    policy: str
    name: str
    user: str
    email: str | None
    until: datetime | None = None

    @property
    def order(self) -> tuple[int, str, str, str]:
        return self.level, self.policy, self.name, self.user


def _shift(entry: OnCallEntry) -> Shift:
    policy, user = entry.escalation_policy, entry.user
    name = user.name or user.summary or user.id
    return Shift(entry.escalation_level, policy.summary or policy.id, name, user.id, user.email, entry.end)


def _chosen(shifts: Sequence[Shift]) -> Iterator[tuple[Role, Shift]]:
    """One each of the levels that are roles: the secondary from the primary's policy, and another person, if any is."""
    primary: Shift | None = None
    for level, role in _LEVELS.items():
        found = [shift for shift in shifts if shift.level == level]
        if primary:
            first = primary
            found.sort(key=lambda shift: (shift.policy != first.policy, shift.user == first.user, shift.order))
        if found:
            primary = primary or found[0]
            yield role, found[0]


class _List:
    """Who is on call for one policy, as last heard; `lock` is held by whoever asks."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._shifts: list[Shift] = []
        self._heard_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._error: PagerError | None = None

    def answer(self, now: datetime, ask: Callable[[], list[Shift]], what: str) -> list[Shift]:
        if self._heard_at and now - self._heard_at < FRESH:
            return self._shifts
        if self._error is None or self._failed_at is None or now - self._failed_at >= ASK_AGAIN:
            try:
                self._shifts, self._heard_at, self._error = ask(), now, None
            except PagerError as error:
                self._failed_at, self._error = now, error
            else:
                return self._shifts
        if self._heard_at and now - self._heard_at <= STALE:
            age = int((now - self._heard_at).total_seconds())
            log.warning("PagerDuty does not say who is on call (%s), going by %s of %d s ago", self._error, what, age)
            return self._shifts
        raise self._again()

    def _again(self) -> PagerError:
        """The failure as an exception of this caller's own."""
        error = self._error
        assert error is not None
        return PagerError(
            error.code,
            retryable=error.retryable,
            outcome=error.outcome,
            retry_after=error.retry_after,
            detail=error.detail,
        )


class Rosters:
    """PagerDuty's primary and secondary, and the config file's people in all other roles.

    The config file also stands in for PagerDuty when that fails; the failure is raised where it has nobody either.
    """

    def __init__(self, pagerduty: Roster, config: Roster) -> None:
        self._pagerduty = pagerduty
        self._config = config

    def on_call(self, service: str) -> list[Duty]:
        configured = self._config.on_call(service)
        try:
            found = self._pagerduty.on_call(service)
        except PagerError as error:
            if not configured:
                raise
            log.warning("PagerDuty does not say who is on call for %s (%s): by the config file", service, error)
            return configured
        known = {duty.role for duty in found}
        order = list(Role)
        both = [*found, *(duty for duty in configured if duty.role not in known)]
        return sorted(both, key=lambda duty: order.index(duty.role))

    def find(self, name: str) -> Duty | None:
        try:
            found = self._pagerduty.find(name)
        except PagerError as error:
            instead = self._config.find(name)
            if instead is None:
                raise
            log.warning("PagerDuty does not find the team %s (%s): by the config file", name, error)
            return instead
        return found or self._config.find(name)
