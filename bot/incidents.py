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
from bot import steps
from bot.access import Right, decide
from bot.cards import Cards
from bot.config import Config
from bot.errors import InvalidInput, NotAllowed, StoreBusy, UnknownIncident, VersionConflict
from bot.models import (
    MAX_SERVICE,
    MAX_TEXT,
    Change,
    Incident,
    Link,
    Person,
    Severity,
    Status,
    TimelineEvent,
)
from bot.ports import Clock, Directory
from bot.store import Store

_TRIES = 8
_ADDRESS = re.compile(r"https?://[^\s<>|]{1,1990}")


class Caller(NamedTuple):
    """Who asks, as Slack says it."""

    user_id: str
    team_id: str | None = None


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


class Incidents:
    """All that people do with incidents. `nudge` is called after each change that owes messages."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        cards: Cards,
        config: Config,
        clock: Clock,
        nudge: Callable[[], None],
    ) -> None:
        self._store = store
        self._cards = cards
        self._directory = directory
        self._config = config
        self._clock = clock
        self._nudge = nudge

    # -- asking

    def show(self, caller: Caller, number: int) -> Incident:
        self._authorise(caller, Right.READ)
        return self._store.incident(number)

    def open(self, caller: Caller) -> list[Incident]:
        """Open incidents, the worst first."""
        self._authorise(caller, Right.READ)
        return self._store.open_incidents(limit=500)

    def timeline(
        self, caller: Caller, number: int, *, limit: int, before: int | None = None
    ) -> tuple[Incident, list[tuple[int, TimelineEvent]], int]:
        """The incident, a page of its events (position and event, oldest first) and how many there are."""
        self._authorise(caller, Right.READ)
        incident = self._store.incident(number)
        events = self._store.timeline(number, limit=limit, before=before)
        return incident, events, self._store.timeline_length(number)

    def here(self, caller: Caller, channel_id: str, thread_ts: str | None) -> Incident | None:
        """The incident whose channel this is, or whose card this thread hangs under."""
        self._authorise(caller, Right.READ)
        return self._of_place(channel_id, thread_ts)

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
        self._authorise(caller, Right.READ)
        return [incident for incident in self._store.recent_incidents(limit=200) if not incident.is_open]

    def facts(self, caller: Caller, number: int) -> CardFacts:
        """What the card shows."""
        return self._cards.facts(self.show(caller, number))

    def is_card(self, channel_id: str, ts: str) -> bool:
        """Is this message one that is kept up to date?"""
        return self._store.incident_of_message(channel_id, ts) is not None

    def rights(self, caller: Caller, incident: Incident | None) -> set[Right]:
        """What this person may do (with this incident)."""
        person = self._directory.person(caller.user_id, caller.team_id)
        return {right for right in Right if decide(person, right, self._config.permissions, incident).allowed}

    def may_declare(self, caller: Caller) -> None:
        """Raises NotAllowed: so that nobody fills in a form in vain."""
        self._authorise(caller, Right.DECLARE)

    def may_change(self, caller: Caller, number: int, right: Right = Right.RESPOND) -> Incident:
        """The incident, if this person may change it and it is open; raises NotAllowed or Refused."""
        incident = self._store.incident(number)
        self._check(self._directory.person(caller.user_id, caller.team_id), right, incident)
        steps.need_open(incident)
        return incident

    # -- starting

    def declare(self, caller: Caller, asked: Declaration) -> Incident:
        """Create the incident and owe its channel, template and card."""
        self._authorise(caller, Right.DECLARE)
        commander = asked.commander or caller.user_id
        if commander != caller.user_id:
            self._authorise_commander(commander)
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
        self._save(steps.declare(incident, now, caller.user_id), now)
        return incident

    # -- working

    def acknowledge(self, caller: Caller, number: int) -> Result:
        """First wins; for everybody later the answer is who and when."""
        return self._change(caller, number, Right.RESPOND, steps.acknowledge)

    def assign(self, caller: Caller, number: int, commander: str) -> Result:
        """Give the command to somebody."""
        self._authorise_commander(commander)
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
            return steps.change_severity(incident, now, by, severity=severity, why=why, wants_channel=wants)

        return self._change(caller, number, Right.COMMAND, step)

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
        """Close it, owe the resolved template; for a second click the answer is who and when."""
        words = limited("resolution", clean(resolution), MAX_TEXT)
        return self._change(caller, number, Right.COMMAND, partial(steps.resolve, resolution=words))

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
            self._check(self._directory.person(caller.user_id, caller.team_id), Right.RESPOND, target)
            return steps.merge(incident, target, now, by)

        return self._change(caller, number, Right.COMMAND, step)

    # -- how a step is taken

    def _change(self, caller: Caller, number: int, right: Right, step: Step) -> Result:
        """Load, authorise, decide, save; decide again when somebody else was faster."""
        person = self._directory.person(caller.user_id, caller.team_id)
        for _ in range(_TRIES):
            incident = self._store.incident(number)
            self._check(person, right, incident)
            now = self._clock()
            change = step(incident, now, caller.user_id)
            if change is None:
                return Result(incident, changed=False)
            try:
                self._save(change, now)
            except VersionConflict:
                continue
            return Result(change.incidents[0] if change.incidents else incident)
        raise StoreBusy(f"INC-{number} is being changed by many at once; nothing was changed. Try again.")

    def _save(self, change: Change, now: datetime) -> None:
        self._store.save(change, now)
        self._nudge()

    def _authorise(self, caller: Caller, right: Right) -> None:
        self._check(self._directory.person(caller.user_id, caller.team_id), right, None)

    def _check(self, person: Person, right: Right, incident: Incident | None) -> None:
        decision = decide(person, right, self._config.permissions, incident)
        if not decision.allowed:
            raise NotAllowed(decision.reason)

    def _authorise_commander(self, user_id: str) -> None:
        """Command can only be given to somebody who could take it."""
        decision = decide(self._directory.person(user_id, None), Right.READ, self._config.permissions)
        if not decision.allowed:
            raise InvalidInput("commander", f"That person can't take command. {decision.reason}")


def required(field: str, text: str, limit: int) -> str:
    """The text, or InvalidInput that names the field."""
    if not text:
        raise InvalidInput(field, f"The {field} is empty. Write what it is, up to {limit} characters.")
    return limited(field, text, limit)


def limited(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise InvalidInput(field, f"The {field} has {len(text)} characters; {limit} fit. Nothing was saved.")
    return text
