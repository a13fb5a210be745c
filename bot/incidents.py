"""The incident use cases: load → authorise → decide → store → owe messages.

Each step is stored in one transaction together with its timeline line and the messages it owes. A step that changes
nothing (a second click) answers with the incident as it stands. When somebody else was faster, the step is decided
again on what they left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from blocks.card import CardFacts
from blocks.text import clean, one_line
from bot.access import Right
from bot.cards import Cards
from bot.config import Config
from bot.errors import InvalidInput, StillFiring, UnknownIncident
from bot.ledger import Ledger
from bot.models import (
    MAX_SERVICE,
    MAX_TEXT,
    Change,
    Incident,
    Link,
    Role,
    Severity,
    Status,
    TimelineEvent,
)
from bot.owed import alerts as owed
from bot.rights import Caller, Rights
from bot.steps import alerts as alert_steps
from bot.steps import consequences
from bot.steps import incidents as steps
from bot.steps.alerts import By
from bot.triage import Rules

_ADDRESS = re.compile(r"https?://[^\s<>|]{1,1990}")


class Declaration(NamedTuple):
    """What a new incident needs. `commander` None: the one who declares."""

    service: str
    impact: str
    severity: Severity
    commander: str | None = None
    origin: str | None = None


class Result(NamedTuple):
    """The incident as it stands, and whether this call changed it."""

    incident: Incident
    changed: bool = True


Step = Callable[[Incident, datetime, str], "Change | None"]
"""From the stored incident, now and who asks, to what is written; see `bot.steps`."""
AnyStep = Callable[[Incident, datetime, "str | None"], "Change | None"]
"""The same for steps that nobody in Slack may have asked for."""


class Incidents:
    """All that people do with incidents."""

    def __init__(self, ledger: Ledger, rights: Rights, cards: Cards, rules: Rules, config: Config) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._clock = ledger.clock
        self._rights = rights
        self._cards = cards
        self._rules = rules
        self._config = config

    # -- asking

    def show(self, caller: Caller, number: int) -> Incident:
        self._rights.need(caller, Right.READ)
        return self._store.incident(number)

    def open(self, caller: Caller) -> list[Incident]:
        """Open incidents, the worst first."""
        self._rights.need(caller, Right.READ)
        return self._store.open_incidents(limit=500)

    def timeline(
        self, caller: Caller, number: int, *, limit: int, before: int | None = None
    ) -> tuple[Incident, list[tuple[int, TimelineEvent]], int]:
        """The incident, a page of its events (position and event, oldest first) and how many there are."""
        self._rights.need(caller, Right.READ)
        incident = self._store.incident(number)
        events = self._store.timeline(number, limit=limit, before=before)
        return incident, events, self._store.timeline_length(number)

    def here(self, caller: Caller, channel_id: str, thread_ts: str | None) -> Incident | None:
        """The incident whose channel this is, or whose card this thread hangs under."""
        self._rights.need(caller, Right.READ)
        return self._of_place(channel_id, thread_ts)

    def open_of(self, caller: Caller, service: str) -> Incident | None:
        """The newest open incident of a service."""
        self._rights.need(caller, Right.READ)
        return self._store.open_incident_of(service)

    def exists(self, number: int) -> bool:
        """Was this number given to an incident?"""
        try:
            self._store.incident(number)
        except UnknownIncident:
            return False
        return True

    def number_here(self, channel_id: str, thread_ts: str | None) -> int | None:
        """The number alone, which is no secret: for telling whether a reaction concerns an incident at all."""
        found = self._of_place(channel_id, thread_ts)
        return found.number if found else None

    def _of_place(self, channel_id: str, thread_ts: str | None) -> Incident | None:
        found = self._store.incident_in_channel(channel_id)
        if found is None and thread_ts:
            found = self._store.incident_of_message(channel_id, thread_ts)
        return found

    def over(self, caller: Caller) -> list[Incident]:
        """The ones that ended last."""
        self._rights.need(caller, Right.READ)
        return [incident for incident in self._store.recent_incidents(limit=200) if not incident.is_open]

    def facts(self, caller: Caller, number: int) -> CardFacts:
        """What the card shows."""
        return self._cards.facts(self.show(caller, number))

    def is_card(self, channel_id: str, ts: str) -> bool:
        """Is this message one that is kept up to date?"""
        return self._store.incident_of_message(channel_id, ts) is not None

    def rights(self, caller: Caller, incident: Incident | None) -> set[Right]:
        """What this person may do (with this incident)."""
        return self._rights.of(caller, incident)

    def may_declare(self, caller: Caller) -> None:
        """Raises NotAllowed: so that nobody fills in a form in vain."""
        self._rights.need(caller, Right.DECLARE)

    def may_change(self, caller: Caller, number: int, right: Right = Right.RESPOND) -> Incident:
        """The incident, if this person may change it and it is open; raises NotAllowed or Refused."""
        incident = self._store.incident(number)
        self._rights.need(caller, right, incident)
        steps.need_open(incident)
        return incident

    # -- starting

    def declare(self, caller: Caller, asked: Declaration) -> Incident:
        """Create the incident and owe its channel, template and card."""
        self._rights.need(caller, Right.DECLARE)
        commander = asked.commander or caller.user_id
        if commander != caller.user_id:
            self._rights.need_commander(commander)
        service = required("service", one_line(asked.service), MAX_SERVICE)
        if not any(character.isalnum() for character in service):
            raise InvalidInput("service", f"“{service}” is no service: its name needs a letter or digit.")
        impact = required("impact", clean(asked.impact), MAX_TEXT)
        now = self._clock()
        incident = Incident(
            number=self._store.next_number(),
            service=service,
            impact=impact,
            severity=asked.severity,
            declared_by=caller.user_id,
            declared_at=now,
            commander=commander,
            responders=tuple(dict.fromkeys([commander, caller.user_id])),
            wants_channel=asked.severity in self._config.channels.severities,
            origin=asked.origin,
        )
        response = self._rules.response(service, asked.severity, now)
        keys = (incident.page_key,) if response.pages else ()
        incident = incident.changed(due_at=response.due_at, page_keys=keys)
        self._ledger.save(self._with_consequences(steps.declare(incident, now, caller.user_id)), now)
        return incident

    # -- working

    def acknowledge(self, caller: Caller, number: int) -> Result:
        """First wins; for everybody later the answer is who and when."""
        return self._change(caller, number, Right.RESPOND, steps.acknowledge)

    def taken_up(self, number: int, by: By, now: datetime) -> Change:
        """As part of a step that was authorised already: whoever takes it has it from then on, unless somebody does."""
        incident = self._store.incident(number)
        change = steps.acknowledge(incident, now, by.user, via=by.via) if incident.awaits else None
        return self._with_consequences(change, incident) if change is not None else Change()

    def acknowledge_elsewhere(self, number: int, by: By) -> Result:
        """Somebody took it at the pager, which has checked who they are."""
        return self._step(number, partial(steps.acknowledge, via=by.via), by.user)

    def resolve_elsewhere(self, number: int, by: By) -> Result:
        """Somebody resolved it at the pager."""
        return self._step(number, partial(steps.resolve, via=by.via), by.user)

    def assign(self, caller: Caller, number: int, commander: str) -> Result:
        """Give the command to somebody."""
        self._rights.need_commander(commander)
        return self._change(caller, number, Right.COMMAND, partial(steps.assign, commander=commander))

    def join(self, caller: Caller, number: int) -> Result:
        """Become a responder, and be invited to the incident's channel. Open to every member: it opens the door."""
        return self._change(caller, number, Right.READ, steps.join)

    def change_severity(
        self, caller: Caller, number: int, severity: Severity, reason: str = "", seen: Severity | None = None
    ) -> Result:
        """`seen` is what the person saw when choosing; if it is another by now, they are asked again."""
        why = limited("reason", one_line(reason), MAX_TEXT)
        wants = severity in self._config.channels.severities

        def step(incident: Incident, now: datetime, by: str) -> Change | None:
            if incident.severity is not severity:
                steps.need_seen(incident, seen)
            change = steps.change_severity(incident, now, by, severity=severity, why=why, wants_channel=wants)
            return self._with_its_clock(incident, change, now)

        return self._change(caller, number, Right.COMMAND, step)

    def _with_its_clock(self, before: Incident, change: Change | None, now: datetime) -> Change | None:
        """While nobody has acknowledged it, another severity means another clock, and maybe a page."""
        if change is None or not before.awaits:
            return change
        after = change.incidents[0]
        response = self._rules.response(after.service, after.severity, now)
        pages = response.pages and not after.page_keys
        keys = (after.page_key,) if pages else after.page_keys
        after = after.changed(due_at=response.due_at, missed_at=None, clock_from=now, page_keys=keys)
        rows = (owed.page(after, Role.PRIMARY),) if pages else ()
        return change + Change(incidents=(after,), owed=rows)

    def set_status(self, caller: Caller, number: int, status: Status, text: str = "") -> Result:
        """Move along the lifecycle; `text` becomes the status update that says why."""
        if text.strip():
            return self.update(caller, number, text, status)
        if status is Status.ACKNOWLEDGED:
            return self.acknowledge(caller, number)
        return self._change(caller, number, Right.RESPOND, partial(steps.set_status, status=status))

    def update(self, caller: Caller, number: int, text: str, status: Status | None = None) -> Result:
        """Tell everybody what is new; with `status`, the incident moves along as well."""
        words = required("update", clean(text), MAX_TEXT)
        return self._change(caller, number, Right.RESPOND, partial(steps.update, text=words, status=status))

    def note(self, caller: Caller, number: int, text: str) -> Result:
        """A line for the timeline; also after the incident is over, since that is when people remember."""
        words = required("note", clean(text), MAX_TEXT)
        return self._change(caller, number, Right.RESPOND, partial(steps.note, text=words))

    def add_message(self, caller: Caller, number: int, text: str, author: str | None, source: str | None) -> Result:
        """Somebody's message as a line of the timeline, with the link to where it was said."""
        words = required("note", clean(text), MAX_TEXT)
        step = partial(steps.add_message, text=words, author=author, source=source)
        return self._change(caller, number, Right.RESPOND, step)

    def link(self, caller: Caller, number: int, url: str, title: str = "") -> Result:
        """Keep a reference on the card."""
        address = url.strip()
        if not _ADDRESS.fullmatch(address) or clean(address) != address:
            raise InvalidInput("link", "A link starts with https:// and has no spaces: /incident link https://… title")
        reference = Link(url=address, title=limited("title", one_line(title), 200))
        return self._change(caller, number, Right.RESPOND, partial(steps.link, reference=reference))

    # -- ending

    def resolve(self, caller: Caller, number: int, resolution: str = "") -> Result:
        """Close it, owe the resolved template; for a second click the answer is who and when.

        While alarms fire, `resolution` says why it is over all the same; without it, StillFiring is raised.
        """
        words = limited("resolution", clean(resolution), MAX_TEXT)

        def step(incident: Incident, now: datetime, by: str) -> Change | None:
            fires = incident.is_open and incident.firing > 0
            if fires and not words:
                self._refuse_while_firing(incident)
            return steps.resolve(incident, now, by, **{"despite" if fires else "resolution": words})

        return self._change(caller, number, Right.COMMAND, step)

    def _refuse_while_firing(self, incident: Incident) -> None:
        firing = [alert for alert in self._store.alerts_of_incident(incident.number) if alert.is_firing]
        if firing:
            names = ", ".join(alert.alarm.name for alert in firing[:3])
            more = f" and {len(firing) - 3} more" if len(firing) > 3 else ""
            how = f"Say why it is over all the same: /incident resolve {incident.id} because …"
            raise StillFiring(f"{names}{more} still in ALARM. {how}", firing)

    def record_resolution(self, caller: Caller, number: int, resolution: str) -> Result:
        """Say afterwards what fixed it."""
        words = required("resolution", clean(resolution), MAX_TEXT)
        return self._change(caller, number, Right.RESPOND, partial(steps.record_resolution, resolution=words))

    def reopen(self, caller: Caller, number: int, reason: str = "") -> Result:
        """Back to investigating."""
        why = limited("reason", clean(reason), MAX_TEXT)
        return self._change(caller, number, Right.COMMAND, partial(steps.reopen, why=why))

    def cancel(self, caller: Caller, number: int, reason: str = "") -> Result:
        """It was no incident after all."""
        why = limited("reason", clean(reason), MAX_TEXT)
        return self._change(caller, number, Right.COMMAND, partial(steps.cancel, why=why))

    def merge(self, caller: Caller, number: int, into: int) -> Result:
        """End this incident as part of another; its responders join there. Both change together or not at all."""
        if number == into:
            raise InvalidInput("incident", f"INC-{number} can't be merged into itself.")

        def step(incident: Incident, now: datetime, by: str) -> Change | None:
            target = self._store.incident(into)
            self._rights.need(caller, Right.RESPOND, target)
            return steps.merge(incident, target, now, by)

        return self._change(caller, number, Right.COMMAND, step)

    # -- how a step is taken

    def _change(self, caller: Caller, number: int, right: Right, step: Step) -> Result:
        """Load, authorise, decide, save; decide again when somebody else was faster."""
        person = self._rights.person(caller)

        def authorised(incident: Incident, now: datetime, by: str | None) -> Change | None:
            self._rights.check(person, right, incident)
            return step(incident, now, caller.user_id)

        return self._step(number, authorised, caller.user_id)

    def _step(
        self, number: int, step: Callable[[Incident, datetime, str | None], Change | None], by: str | None
    ) -> Result:
        def taken(now: datetime) -> tuple[Result, Change | None]:
            incident = self._store.incident(number)
            change = step(incident, now, by)
            if change is None:
                return Result(incident, changed=False), None
            after = change.incidents[0] if change.incidents else incident
            return Result(after), self._with_consequences(change, incident)

        return self._ledger.decide(taken, f"INC-{number}")

    def _with_consequences(self, change: Change, *before: Incident) -> Change:
        known = {incident.number: incident for incident in before}
        for after in change.incidents:
            if after.number in known or after.version == 0:
                change += consequences.of(known.get(after.number), after, self._rules)
        return change + self._of_alerts(change, known)

    def _of_alerts(self, change: Change, before: dict[int, Incident]) -> Change:
        """The cards of its alerts say how the incident stands; merging takes them along."""
        follows = Change()
        for after in change.incidents:
            was = before.get(after.number)
            if was is None or not after.alerts or was.is_open is after.is_open:
                continue
            alerts = self._store.alerts_of_incident(after.number)
            follows += alert_steps.told(alerts, after, self._rules.policy)
        return follows


def required(field: str, text: str, limit: int) -> str:
    """The text, or InvalidInput that names the field."""
    if not text:
        raise InvalidInput(field, f"The {field} is empty. Write what it is, up to {limit} characters.")
    return limited(field, text, limit)


def limited(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise InvalidInput(field, f"The {field} has {len(text)} characters; {limit} fit. Nothing was saved.")
    return text
