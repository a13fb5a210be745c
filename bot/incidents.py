"""The incident use cases: load → authorise → decide → store → owe messages.

Each step is stored in one transaction together with its timeline line and the messages it owes. A step that changes
nothing (a second click) answers with the incident as it stands. When somebody else was faster, the step is decided
again on what they left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from blocks import notes
from blocks.card import CardFacts
from blocks.text import clean, one_line
from bot import owed
from bot.access import Right, decide
from bot.cards import Cards
from bot.errors import InvalidInput, NotAllowed, Refused, StoreBusy, VersionConflict
from bot.models import (
    MAX_SERVICE,
    MAX_TEXT,
    Change,
    EventKind,
    Incident,
    Link,
    Owed,
    Person,
    Severity,
    Status,
    TimelineEvent,
    Update,
)
from bot.ports import Clock, Directory
from bot.settings import Config
from bot.store import Store

_TRIES = 8


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


Step = Callable[[Incident, datetime], "Change | None"]


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
        _need_open(incident, "changed")
        return incident

    # -- starting

    def declare(self, caller: Caller, asked: Declaration) -> Incident:
        """Create the incident and owe its channel, template and card."""
        self._authorise(caller, Right.DECLARE)
        if asked.commander and asked.commander != caller.user_id:
            self._authorise_person(asked.commander)
        service = required("service", one_line(asked.service), MAX_SERVICE)
        impact = required("impact", clean(asked.impact), MAX_TEXT)
        now = self._clock()
        incident = Incident(
            number=self._store.next_number(),
            service=service,
            impact=impact,
            severity=asked.severity,
            declared_by=caller.user_id,
            declared_at=now,
            commander=asked.commander or caller.user_id,
            responders=tuple(dict.fromkeys([asked.commander or caller.user_id, caller.user_id])),
            wants_channel=asked.severity in self._config.channels.severities,
            origin=asked.origin,
        )
        event = _event(incident, now, EventKind.DECLARED, caller, f"{incident.severity.label}, {service}")
        self._save(Change(incidents=(incident,), timeline=(event,), owed=owed.declaration(incident)), now)
        return incident

    # -- working

    def acknowledge(self, caller: Caller, number: int) -> Result:
        """First wins; for everybody later the answer is who and when."""

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.acknowledged_at is not None or not incident.is_open:
                return None
            after = incident.moved(Status.ACKNOWLEDGED, by=caller.user_id, at=now)
            after = after.changed(responders=after.with_responder(caller.user_id))
            event = _event(after, now, EventKind.ACKNOWLEDGED, caller)
            return _step(after, event, *_invited(incident, after), *owed.cards(after))

        return self._change(caller, number, Right.RESPOND, step)

    def assign(self, caller: Caller, number: int, commander: str) -> Result:
        """Give the command to somebody."""

        def step(incident: Incident, now: datetime) -> Change | None:
            _need_open(incident, "assigned")
            if incident.commander == commander:
                return None
            after = incident.changed(commander=commander, responders=incident.with_responder(commander))
            event = _event(after, now, EventKind.ASSIGNED, caller, about=commander)
            message = notes.assigned(after, caller.user_id)
            return _step(after, event, *_own(after, message), *_invited(incident, after), *_shown(after))

        self._authorise_person(commander)
        return self._change(caller, number, Right.RESPOND, step)

    def join(self, caller: Caller, number: int) -> Result:
        """Become a responder, and be invited to the incident's channel."""

        def step(incident: Incident, now: datetime) -> Change | None:
            _need_open(incident, "joined")
            if caller.user_id in incident.responders:
                return None
            after = incident.changed(responders=incident.with_responder(caller.user_id))
            event = _event(after, now, EventKind.JOINED, caller)
            return _step(after, event, *_invited(incident, after), *owed.cards(after))

        return self._change(caller, number, Right.RESPOND, step)

    def change_severity(
        self, caller: Caller, number: int, severity: Severity, reason: str = "", seen: Severity | None = None
    ) -> Result:
        """`seen` is what the person saw when choosing; if it is another by now, they are asked again."""
        why = limited("reason", one_line(reason), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            _need_open(incident, "changed")
            if incident.severity is severity:
                return None
            if seen is not None and incident.severity is not seen:
                raise InvalidInput(
                    "severity",
                    f"Somebody set {incident.severity.label} while you were choosing. Submit again to overrule it.",
                )
            wants = incident.wants_channel or severity in self._config.channels.severities
            after = incident.changed(severity=severity, wants_channel=wants)
            step_words = f"{incident.severity.label} → {severity.label}" + (f": {why}" if why else "")
            event = _event(after, now, EventKind.SEVERITY, caller, step_words)
            message = notes.severity(after, incident.severity, caller.user_id, why)
            rows = [*owed.note(after, message, broadcast=severity < incident.severity), *_shown(after)]
            if wants and not incident.wants_channel:
                rows.append(owed.own_channel(after))
            return _step(after, event, *rows)

        return self._change(caller, number, Right.COMMAND, step)

    def set_status(self, caller: Caller, number: int, status: Status, text: str = "") -> Result:
        """Move along the lifecycle; `text` becomes the status update that says why."""
        if text.strip():
            return self.update(caller, number, text, status)

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.status is status:
                return None
            _need_open(incident, "moved")
            after = incident.moved(status, by=caller.user_id, at=now)
            event = _event(after, now, EventKind.STATUS, caller, f"{incident.status} → {status}")
            return _step(
                after,
                event,
                *_own(after, notes.status(after, incident.status, caller.user_id)),
                *_shown(after),
            )

        return self._change(caller, number, Right.RESPOND, step)

    def update(self, caller: Caller, number: int, text: str, status: Status | None = None) -> Result:
        """Tell everybody what is new; with `status`, the incident moves along as well."""
        words = required("update", clean(text), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            _need_open(incident, "updated")
            after, events = incident, [_event(incident, now, EventKind.UPDATE, caller, words)]
            if status is not None and status is not incident.status:
                after = incident.moved(status, by=caller.user_id, at=now)
                events.append(_event(after, now, EventKind.STATUS, caller, f"{incident.status} → {status}"))
            after = after.changed(
                update=Update(text=words, by=caller.user_id, at=now),
                responders=after.with_responder(caller.user_id),
            )
            rows = (
                *owed.note(after, notes.update(after, incident.status)),
                *_invited(incident, after),
                *_shown(after),
            )
            return Change(incidents=(after,), timeline=tuple(events), owed=rows)

        return self._change(caller, number, Right.RESPOND, step)

    def note(self, caller: Caller, number: int, text: str) -> Result:
        """A line for the timeline; also after the incident is over, since that is when people remember."""
        words = required("note", clean(text), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            event = _event(incident, now, EventKind.NOTE, caller, words)
            return _step(incident.changed(), event, *owed.cards(incident))

        return self._change(caller, number, Right.RESPOND, step)

    def add_message(self, caller: Caller, number: int, text: str, author: str | None, source: str | None) -> Result:
        """Somebody's message as a line of the timeline, with the link to where it was said."""
        words = required("note", clean(text), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            event = _event(incident, now, EventKind.MESSAGE, caller, words, about=author, source=source)
            return _step(incident.changed(), event, *owed.cards(incident))

        return self._change(caller, number, Right.RESPOND, step)

    def link(self, caller: Caller, number: int, url: str, title: str = "") -> Result:
        """Keep a reference on the card."""
        address = url.strip()
        if (
            not address.startswith(("https://", "http://"))
            or any(c in address for c in " <>|\n")
            or len(address) > 2000
        ):
            raise InvalidInput("link", "A link starts with https:// and has no spaces: /incident link https://… title")
        words = limited("title", one_line(title), 200)

        def step(incident: Incident, now: datetime) -> Change | None:
            if any(known.url == address for known in incident.links):
                return None
            after = incident.changed(links=(*incident.links, Link(url=address, title=words)))
            event = _event(after, now, EventKind.LINK, caller, words or address, source=address)
            return _step(after, event, *owed.cards(after))

        return self._change(caller, number, Right.RESPOND, step)

    # -- ending

    def resolve(self, caller: Caller, number: int, resolution: str = "") -> Result:
        """Close it, owe the resolved template; for a second click the answer is who and when."""
        words = limited("resolution", clean(resolution), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.status is Status.RESOLVED:
                return None
            after = incident.moved(Status.RESOLVED, by=caller.user_id, at=now).changed(resolution=words)
            event = _event(after, now, EventKind.RESOLVED, caller, words)
            return _step(after, event, *_own(after, notes.ended(after, caller.user_id)), *owed.resolution(after))

        return self._change(caller, number, Right.COMMAND, step)

    def record_resolution(self, caller: Caller, number: int, resolution: str) -> Result:
        """Say afterwards what fixed it."""
        words = required("resolution", clean(resolution), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.status is not Status.RESOLVED:
                raise Refused(f"{incident.id} is {incident.status} again; resolve it first. You wrote: {words}")
            if incident.resolution == words:
                return None
            event = _event(incident, now, EventKind.NOTE, caller, f"what fixed it: {words}")
            return _step(incident.changed(resolution=words), event, *owed.cards(incident))

        return self._change(caller, number, Right.RESPOND, step)

    def reopen(self, caller: Caller, number: int, reason: str = "") -> Result:
        """Back to investigating."""
        why = limited("reason", clean(reason), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.is_open:
                return None
            if incident.status is Status.MERGED:
                raise Refused(f"{incident.id} was merged into INC-{incident.merged_into}; work on that one.")
            after = incident.moved(Status.INVESTIGATING, by=caller.user_id, at=now)
            event = _event(after, now, EventKind.REOPENED, caller, why)
            message = notes.reopened(after, caller.user_id, why)
            return _step(after, event, *owed.note(after, message, broadcast=True), *_shown(after))

        return self._change(caller, number, Right.COMMAND, step)

    def cancel(self, caller: Caller, number: int, reason: str = "") -> Result:
        """It was no incident after all."""
        why = limited("reason", clean(reason), MAX_TEXT)

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.status is Status.CANCELLED:
                return None
            after = incident.moved(Status.CANCELLED, by=caller.user_id, at=now)
            event = _event(after, now, EventKind.CANCELLED, caller, why)
            return _step(after, event, *owed.note(after, notes.cancelled(after, caller.user_id, why)), *_shown(after))

        return self._change(caller, number, Right.COMMAND, step)

    def merge(self, caller: Caller, number: int, into: int) -> Result:
        """End this incident as part of another; its responders join there. Both change together or not at all."""
        if number == into:
            raise InvalidInput("incident", f"INC-{number} can't be merged into itself.")

        def step(incident: Incident, now: datetime) -> Change | None:
            if incident.status is Status.MERGED and incident.merged_into == into:
                return None
            target = self._store.incident(into)
            _need_open(target, "merged into")
            after = incident.moved(Status.MERGED, by=caller.user_id, at=now).changed(merged_into=into)
            people = tuple(dict.fromkeys([*target.responders, *incident.responders]))
            target_after = target.changed(responders=people)
            events = (
                _event(after, now, EventKind.MERGED, caller, f"merged into {target.id}"),
                _event(
                    target,
                    now,
                    EventKind.MERGED,
                    caller,
                    f"{incident.id} ({incident.service}) merged into this",
                ),
            )
            rows = (
                *owed.note(after, notes.merged(after, target, caller.user_id)),
                *_own(target_after, notes.merged(after, target, caller.user_id)),
                *_invited(target, target_after),
                *_shown(after),
                *owed.cards(target_after),
            )
            return Change(incidents=(after, target_after), timeline=events, owed=rows)

        return self._change(caller, number, Right.COMMAND, step)

    # -- how a step is taken

    def _change(self, caller: Caller, number: int, right: Right, step: Step) -> Result:
        """Load, authorise, decide, save; decide again when somebody else was faster."""
        person = self._directory.person(caller.user_id, caller.team_id)
        for _ in range(_TRIES):
            incident = self._store.incident(number)
            self._check(person, right, incident)
            now = self._clock()
            change = step(incident, now)
            if change is None:
                return Result(incident, changed=False)
            try:
                self._save(change, now)
            except VersionConflict:
                continue
            return Result(change.incidents[0])
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

    def _authorise_person(self, user_id: str) -> None:
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


def _need_open(incident: Incident, verb: str) -> None:
    if not incident.is_open:
        raise Refused(f"{incident.id} is {incident.status}; it can't be {verb} any more.", who=incident.resolved_by)


def _event(
    incident: Incident, now: datetime, kind: EventKind, caller: Caller, text: str = "", **more: Any
) -> TimelineEvent:
    return TimelineEvent(incident=incident.number, at=now, kind=kind, actor=caller.user_id, text=text, **more)


def _step(after: Incident, event: TimelineEvent, *rows: Owed) -> Change:
    return Change(incidents=(after,), timeline=(event,), owed=rows)


def _own(incident: Incident, message: Any) -> tuple[Owed, ...]:
    return (owed.own_note(incident, message),) if incident.channel_id else ()


def _shown(incident: Incident) -> tuple[Owed, ...]:
    """The cards, and the topic of the incident's own channel."""
    topic = (owed.topic(incident),) if incident.channel_id else ()
    return (*owed.cards(incident), *topic)


def _invited(before: Incident, after: Incident) -> tuple[Owed, ...]:
    """Invitations for the responders who are new."""
    new = [user for user in after.responders if user not in before.responders]
    return (owed.invitation(after, new),) if new and after.channel_id else ()
