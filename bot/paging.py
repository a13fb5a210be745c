"""Paging: who is on call, calling people by hand, the escalation, and what comes back from the pager."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from blocks.text import one_line
from bot import oncall
from bot.access import Right
from bot.alerts import Alerts
from bot.errors import ChatError, DeliveryError, InvalidInput, PagerError, Refused
from bot.incidents import Incidents, limited
from bot.ledger import Ledger
from bot.models import MAX_TEXT, Alert, Change, Duty, Incident, Owed, Paged, Role, Summons
from bot.owed import alerts as owed
from bot.ports import AddressBook, Pager, Reached, Roster
from bot.rights import Caller, Rights
from bot.signals import PagerChange, PagerState
from bot.steps import alerts as alert_steps
from bot.steps import deadlines
from bot.steps import incidents as incident_steps
from bot.steps.alerts import By
from bot.triage import Rules

log = logging.getLogger(__name__)

_LADDER = (Role.PRIMARY, Role.SECONDARY, Role.TEAM_LEAD, Role.MANAGER, Role.COMMANDER)
_KEY = "aiops-"
_ANEW_AFTER = timedelta(minutes=2)  # sooner, whoever was asked for had no time to answer
_NEXT_AFTER = timedelta(seconds=10)  # sooner, it was sent twice: the one above is not called by mistake
_CLOCKS_APART = timedelta(seconds=5)  # PagerDuty tells whole seconds, and clocks differ
Subject = Alert | Incident


class Rota(NamedTuple):
    """Who is on call for a service (all services: empty)."""

    service: str
    duties: Sequence[Duty]


class Called(NamedTuple):
    """Somebody who is to be called, and how, as far as that can be told before.

    `before`: they were asked for just now, so that nobody calls them again; `made` is what became of that.
    """

    duty: Duty
    way: Reached | None
    before: Summons | None = None
    made: Paged | None = None


class Escalated(NamedTuple):
    """Whose turn it was; `before`: somebody called them just now, so that nobody else is called."""

    role: Role
    before: Summons | None = None


class Around(NamedTuple):
    """What paging works with. `way` answers how somebody would be called; `by_hand` owes what is to be done by hand
    once this user escalates."""

    roster: Roster
    book: AddressBook
    way: Callable[[Duty], Reached]
    by_hand: Callable[[Subject, str], tuple[Owed, ...]]


class Paging:
    """Raises NotAllowed, Refused, InvalidInput or PagerError."""

    def __init__(self, ledger: Ledger, rights: Rights, rules: Rules, around: Around) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._rules = rules
        self._roster, self._book, self._way, self._by_hand = around

    def on_call(self, caller: Caller, services: Sequence[str]) -> list[Rota]:
        """Who is on call now for each of these services. Raises PagerError."""
        self._rights.need(caller, Right.READ)
        return [Rota(service, self._roster.on_call(service)) for service in services]

    def page(self, caller: Caller, subject: Subject, who: Sequence[str], why: str) -> list[Called]:
        """Call these by name: user ids, or teams as the pager names them. All or, where one can't be, nobody.

        Who was asked for just now is not called again, whoever asks.
        """
        self._need(caller, subject)
        reason = limited("reason", one_line(why), MAX_TEXT)
        duties = {_known_as(duty): duty for duty in map(self._named, who)}
        ways = {name: self._how(duty) for name, duty in duties.items()}
        by = self._book.name(caller.user_id)
        words = f"{by} asks: {reason}" if reason else f"{by} asks for you"

        def step(now: datetime) -> tuple[list[Called], Change | None]:
            current = self._reload(subject)
            whole = self._whole(current)
            recent = {one.who: one for one in whole.asked if now - one.at < _ANEW_AFTER}
            calls = [page for page in (*current.paged, *whole.paged) if page.role is Role.ASKED]
            made = {page.user_id or page.name: page for page in calls}
            called = [Called(duty, ways[name], recent.get(name), made.get(name)) for name, duty in duties.items()]
            new = [name for name in duties if name not in recent]
            if not new:
                return called, None
            asked = (*recent.values(), *(Summons(who=name, by=caller.user_id, at=now) for name in new))
            rows = tuple(owed.page_by_name(subject, duties[name], words) for name in new)
            return called, _recorded(whole.changed(asked=asked)) + Change(owed=rows)

        return self._ledger.decide(step, subject.id)

    def _whole(self, subject: Subject) -> Subject:
        """What people work on, on which they call others: the incident of an alert that belongs to one."""
        if isinstance(subject, Alert) and subject.incident is not None:
            return self._store.incident(subject.incident)
        return subject

    def _how(self, duty: Duty) -> Reached | None:
        """None where that can't be told now; it is looked up again when they are called."""
        try:
            return self._way(duty)
        except DeliveryError as error:
            log.warning("can't tell how %s will be called: %s", duty.name, error)
            return None

    def _named(self, who: str) -> Duty:
        if who[:1] in "UW" and who.isalnum() and who.isupper():
            self._rights.need_callable(who)
            try:
                email = self._book.email(who)
            except ChatError as error:
                log.warning("no e-mail address of %s: %s", who, error)
                email = None
            return Duty(role=Role.ASKED, name=self._book.name(who), user_id=who, email=email)
        team = self._roster.find(who)
        if team is None:
            raise InvalidInput(
                "person", f"I know no person or team “{who[:60]}”. Mention somebody: /incident page @ana"
            )
        return team.model_copy(update={"role": Role.ASKED})

    def escalate(self, caller: Caller, subject: Subject) -> Escalated:
        """Call the next in line at once, not when their time comes."""
        self._need(caller, subject)

        def step(now: datetime) -> tuple[Escalated, Change | None]:
            current = self._reload(subject)
            before = next((one for one in current.asked if one.who in _LADDER and now - one.at < _NEXT_AFTER), None)
            if before is not None:
                return Escalated(Role(before.who), before), None
            role = self._next(current)
            why = f"escalated by {self._book.name(caller.user_id)}"
            others = [one for one in current.asked if one.who not in _LADDER]
            current = current.changed(asked=(*others, Summons(who=role, by=caller.user_id, at=now)))
            if isinstance(current, Alert):
                change = alert_steps.called(current, role, why, self._rules.policy)
            else:
                change = incident_steps.called(current, role, why)
                change += deadlines.of_incident(change.incidents[0], self._rules.policy)
            return Escalated(role), _again(change) + Change(owed=self._by_hand(current, caller.user_id))

        return self._ledger.decide(step, subject.id)

    def _next(self, subject: Subject) -> Role:
        called = {*(page.role for page in subject.paged), *subject.called}
        left = [role for role in _LADDER if role not in called and role in self._filled(subject.service)]
        if not left:
            raise Refused(
                f"Everybody on the ladder was called for {subject.id} already. /incident page @someone calls a person."
            )
        return left[0]

    def _filled(self, service: str) -> set[Role]:
        """The roles that somebody has; all of them where that can't be told."""
        try:
            return {duty.role for duty in self._roster.on_call(service)} or set(_LADDER)
        except PagerError as error:
            log.warning("can't see who is on call for %s: %s", service, error)
            return set(_LADDER)

    def _need(self, caller: Caller, subject: Subject) -> None:
        self._rights.need(caller, Right.RESPOND, subject if isinstance(subject, Incident) else None)
        if not (subject.is_firing if isinstance(subject, Alert) else subject.is_open):
            raise Refused(f"{subject.id} is over; nobody needs to be called for it.")

    def _reload(self, subject: Subject) -> Subject:
        return self._store.alert(subject.number) if isinstance(subject, Alert) else self._store.incident(subject.number)


def _known_as(duty: Duty) -> str:
    return duty.user_id or duty.name


def _recorded(subject: Subject) -> Change:
    return Change(alerts=(subject,)) if isinstance(subject, Alert) else Change(incidents=(subject,))


def _again(change: Change) -> Change:
    """Calls that are made also for what somebody has taken already, and of who was called before."""
    rows: list[Owed] = []
    for row in change.owed:
        rows.append(row.model_copy(update={"body": {**row.body, "again": True}}) if "role" in row.body else row)
    return change.model_copy(update={"owed": tuple(rows)})


class PagerSync:
    """What people do at the pager happens here too. What this bot did there is recognised by its effect: none."""

    def __init__(self, ledger: Ledger, alerts: Alerts, incidents: Incidents, book: AddressBook, pager: Pager) -> None:
        self._store = ledger.store
        self._alerts = alerts
        self._incidents = incidents
        self._book = book
        self._pager = pager

    def poll(self) -> None:
        """Ask the pager how the pages stand that are open here. Raises PagerError."""
        keys = self._store.open_page_keys()
        for change in self._pager.changes(keys) if keys else ():
            self.heard(change)

    def heard(self, change: PagerChange) -> None:
        """Somebody acknowledged or resolved a page there. Programs, ourselves among them, don't count."""
        key = change.key.partition("/call:")[0]
        kind, _, number = key.removeprefix(_KEY).partition("-")
        if not key.startswith(_KEY) or not number.isdigit() or not change.by_name:
            return
        if change.state is PagerState.OTHER:
            return
        by = self._who(change)
        if kind == "AL":
            self._alert(int(number), change, by)
        elif kind == "INC":
            self._incident(int(number), change, by)

    def _alert(self, number: int, change: PagerChange, by: By) -> None:
        known = self._store.alerts([number]).get(number)
        if known is None or change.at < known.waits_since - _CLOCKS_APART:
            return
        if change.state is PagerState.ACKNOWLEDGED:
            self._alerts.acknowledge_elsewhere(number, by)
            return
        left = self._alerts.resolve_elsewhere(number, by)
        if left.incident is not None and left.incident.is_open:
            self._incidents.resolve_elsewhere(left.incident.number, by)

    def _incident(self, number: int, change: PagerChange, by: By) -> None:
        if not self._incidents.exists(number):
            return
        if change.state is PagerState.ACKNOWLEDGED:
            self._incidents.acknowledge_elsewhere(number, by)
        elif self._store.incident(number).is_open:
            self._incidents.resolve_elsewhere(number, by)

    def _who(self, change: PagerChange) -> By:
        key = change.key.partition("/call:")[0]
        try:
            email = change.by_email or (self._pager.email_of(change.by_id) if change.by_id else None)
            user = self._book.by_email(email) if email else None
        except DeliveryError as error:
            log.warning("can't look up who acknowledged in PagerDuty: %s", error)
            user = None
        return By(user, "PagerDuty" if user else f"PagerDuty, by {change.by_name}", change.by_name, key)


def next_call(subject: Subject, rules: Rules) -> oncall.Call | None:
    """Who is called next, if nobody acknowledges."""
    left = oncall.uncalled(rules.policy, subject.severity, subject.waits_since, subject.called)
    return left[0] if left else None
