"""Pages by PagerDuty (the Pager port): Events v2 for the page itself, REST v2 to call others and to hear of people.

What the Events API takes is idempotent by its key; a call that may have been taken can be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from bot.config import Config
from bot.errors import PagerError
from bot.integrations.pagerduty import events
from bot.integrations.pagerduty.answers import Incident
from bot.integrations.pagerduty.api import EventsApi, RestApi
from bot.integrations.pagerduty.calling import NO_TOKEN, PAGED, Caller, unable
from bot.integrations.pagerduty.incidents import PagerIncidents
from bot.integrations.pagerduty.users import Users
from bot.models import Duty, Means, Page
from bot.ports import Clock, Pager, Reached
from bot.signals import PagerChange, PagerState

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(hours=24)
_STATES = {"acknowledged": PagerState.ACKNOWLEDGED, "resolved": PagerState.RESOLVED}


class PagerDuty:
    """`rest` is None without an API token: others than the primary are called by `fallback` then, and nothing is heard.

    `email_of` answers the e-mail of a Slack user, for those whose duty does not name it.
    """

    def __init__(
        self,
        events_api: EventsApi,
        rest: RestApi | None,
        config: Config,
        fallback: Pager,
        clock: Clock,
        *,
        email_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._events = events_api
        self._fallback = fallback
        self._account = _Account(rest, config, clock, email_of) if rest else None

    def page(self, page: Page, to: Duty | None) -> Reached:
        """PagerDuty decides whom it reaches, so `to` may be missing.

        Where the page stands already, an event wakes nobody: who is wanted anew is called besides.
        """
        if page.is_anew and to and self._account and self._account.caller.stands(page):
            return self.call(page, to)
        self._events.send("trigger", events.dedup_key(page.key), **events.trigger(page))
        return PAGED

    def call(self, page: Page, to: Duty) -> Reached:
        """By `fallback` whom PagerDuty can't call."""
        reached = self._account.caller.call(page, to) if self._account else unable(NO_TOKEN)
        if reached.means is not Means.PAGERDUTY:
            log.info("calling the %s for %s in Slack, not by PagerDuty: %s", to.role.value, page.key, reached.why_not)
            self._fallback.call(page, to)
        return reached

    def way(self, to: Duty) -> Reached:
        return self._account.caller.way(to) if self._account else unable(NO_TOKEN)

    def acknowledge(self, key: str, by: str) -> None:
        """Also the incidents that called others, and with a note that says who has it."""
        self._events.send("acknowledge", events.dedup_key(key))
        if self._account:
            self._account.change_calls(key, "acknowledged")
            self._account.note(key, f"Acknowledged in Slack by {by}")

    def resolve(self, key: str) -> None:
        self._events.send("resolve", events.dedup_key(key))
        if self._account:
            self._account.change_calls(key, "resolved")

    def email_of(self, person_id: str) -> str | None:
        return self._account.email_of(person_id) if self._account else None

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        """What people did; see `_Account.changes`."""
        return self._account.changes(keys) if self._account and keys else []


class _Account:
    """What an API token opens."""

    def __init__(self, rest: RestApi, config: Config, clock: Clock, email_of: Callable[[str], str | None]) -> None:
        self._incidents = PagerIncidents(rest)
        self._users = Users(rest, config.pagerduty.sender, clock)
        self._clock = clock
        self.caller = Caller(self._incidents, self._users, config, email_of)

    def email_of(self, person_id: str) -> str | None:
        person = self._users.by_id(person_id)
        return person.email if person else None

    def change_calls(self, key: str, status: str) -> None:
        """The incidents that called others for this page go its way. What PagerDuty refuses there is only logged."""
        own = events.dedup_key(key)
        try:
            found = self._incidents.listed(("triggered", "acknowledged"))
            calls = [each for each in found if events.page_of(each.incident_key or "") == own and each.status != status]
            requester = self._users.requester() if calls else None
            if requester:
                self._incidents.change(calls, status, sender=requester.email)
        except PagerError as error:
            if error.retryable:
                raise
            log.warning("who was called besides for %s is still called by PagerDuty: %s", key, error)

    def note(self, key: str, text: str) -> None:
        """A comfort: PagerDuty's own line says no more than that the integration did it."""
        try:
            requester = self._users.requester()
            found = self._incidents.with_key(events.dedup_key(key)) if requester else []
            if requester and found and found[0].is_open:
                self._incidents.note(found[0], text, sender=requester.email)
        except PagerError as error:
            log.info("no note on %s in PagerDuty: %s", key, error)

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        """What people did. What came from an integration or by an API key is the bot itself, or a machine: left out.

        1. one list of the last day's incidents, 2. a call for each key which that does not show: of an older incident,
        or of one whose key PagerDuty does not tell. An acknowledgement by somebody called besides counts for the page.
        """
        wanted = {events.dedup_key(key): key for key in keys}
        listed = self._incidents.listed(("triggered", *_STATES), since=self._clock() - LOOK_BACK)
        found = []
        for own, key in wanted.items():
            shown = [each for each in listed if each.incident_key == own] or self._incidents.with_key(own)
            found += [change for each in shown[:1] for change in self._change(key, each)]
        return found + list(self._calls_taken(listed, wanted))

    def _calls_taken(self, listed: Sequence[Incident], wanted: Mapping[str, str]) -> Iterator[PagerChange]:
        """Acknowledged by whom they called; those in the requester's name are the bot's own doing."""
        for each in listed:
            key = wanted.get(events.page_of(each.incident_key or ""))
            by, _ = each.changed
            if key is None or each.status != "acknowledged" or by is None:
                continue
            requester = self._users.requester()
            if requester is None or by.id != requester.id:
                yield from self._change(key, each)

    def _change(self, key: str, incident: Incident) -> Iterator[PagerChange]:
        state = _STATES.get(incident.status)
        by, at = incident.changed
        if state is None or by is None or not by.is_user:
            return
        person = self._users.by_id(by.id)
        yield PagerChange(
            source_id=f"pd:{incident.id}:{incident.status}:{at.isoformat()}",
            key=key,
            state=state,
            at=at,
            by_id=by.id,
            by_name=person.name if person else by.summary or "",
            by_email=person.email if person else "",
            url=incident.html_url or "",
        )
