"""Incidents: their statuses and legal changes, and the timeline."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import Field

from bot.errors import InvalidInput, Refused
from bot.models.alert import Paged, Summons
from bot.models.basics import Role, Severity, Stored, Value

POST_MORTEM_DUE = timedelta(hours=48)


class Status(StrEnum):
    """Where an incident stands. `declared` waits for its acknowledgement; the last three are ends."""

    DECLARED = "declared"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    REMEDIATING = "remediating"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    MERGED = "merged"

    @property
    def is_open(self) -> bool:
        return self not in ENDS

    @classmethod
    def parse(cls, text: str) -> Status:
        """Read one of the working statuses by name or first letters; raises InvalidInput that names them."""
        asked = text.strip().lower()
        matches = [status for status in WORKING if asked and status.startswith(asked)]
        if len(matches) == 1:
            return matches[0]
        if asked in _ENDING_COMMANDS:
            raise InvalidInput("status", f"That has a command of its own: /incident {_ENDING_COMMANDS[asked]}")
        names = ", ".join(WORKING)
        raise InvalidInput("status", f"I don't know status “{text.strip()[:40]}”. Use one of: {names}.")


ENDS = frozenset({Status.RESOLVED, Status.CANCELLED, Status.MERGED})
WORKING = (Status.ACKNOWLEDGED, Status.INVESTIGATING, Status.REMEDIATING, Status.MONITORING)
_ENDING_COMMANDS = {"resolved": "resolve", "cancelled": "cancel", "merged": "merge"}
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DECLARED: frozenset({*WORKING, *ENDS}),
    Status.ACKNOWLEDGED: frozenset({*WORKING, *ENDS}) - {Status.ACKNOWLEDGED},
    Status.INVESTIGATING: frozenset({Status.REMEDIATING, Status.MONITORING, *ENDS}),
    Status.REMEDIATING: frozenset({Status.INVESTIGATING, Status.MONITORING, *ENDS}),
    Status.MONITORING: frozenset({Status.INVESTIGATING, Status.REMEDIATING, *ENDS}),
    Status.RESOLVED: frozenset({Status.INVESTIGATING}),
    Status.CANCELLED: frozenset({Status.INVESTIGATING}),
    Status.MERGED: frozenset(),
}


class Link(Value):
    """A reference pinned to an incident."""

    url: str
    title: str = ""


class Update(Value):
    """The newest status update."""

    text: str
    by: str
    at: datetime


class Incident(Stored):
    """One incident, INC-<number>. Times are aware datetimes in UTC; people are Slack user ids.

    `channel_id` is the incident's own channel where it has one; `origin` the permalink of the message it was
    declared from. `version` is the store's: it grows by one with each stored change and guards every write
    (0: not stored yet).

    alerts, firing  how many alerts belong to it, and how many of those still fire
    started_at      when the first of them fired; the declaration where there is none
    fired_at        when one of them fired last, as it reached the bot
    via             where it was acknowledged, when not in Slack
    due_at          when its acknowledgement is due; missed_at when that passed
    clock_from      since when it is waited for, where not since its declaration: it was rated later
    despite         why people resolved it although alarms fired; resolved_via where, when not in Slack
    asked           who was asked for by name of late, also for its alerts
    page_keys       the pages that stand for it at the pager
    reminded_at     when an update was last asked for
    """

    number: int
    service: str
    impact: str
    severity: Severity
    status: Status = Status.DECLARED
    declared_by: str | None
    declared_at: datetime
    commander: str | None
    responders: tuple[str, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str = ""
    reopened: int = 0
    merged_into: int | None = None
    channel_id: str | None = None
    channel_name: str | None = None
    wants_channel: bool = False
    origin: str | None = None
    links: tuple[Link, ...] = ()
    update: Update | None = None
    environment: str = ""
    started_at: datetime | None = None
    fired_at: datetime | None = None
    alerts: int = 0
    firing: int = 0
    is_closed_by_alarm: bool = False
    via: str = ""
    due_at: datetime | None = None
    missed_at: datetime | None = None
    clock_from: datetime | None = None
    despite: str = ""
    resolved_via: str = ""
    paged: tuple[Paged, ...] = ()
    called: tuple[Role, ...] = ()
    asked: tuple[Summons, ...] = ()
    page_keys: tuple[str, ...] = ()
    reminded_at: datetime | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"INC-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status.is_open

    @property
    def began_at(self) -> datetime:
        """When it started: with the first alarm, else with its declaration."""
        return self.started_at or self.declared_at

    @property
    def news_at(self) -> datetime:
        """When it was declared, or one of its alerts fired last: what fires soon after that belongs to it."""
        return max(self.fired_at or self.declared_at, self.declared_at)

    @property
    def page_key(self) -> str:
        """Its dedup key at the pager."""
        return f"aiops-{self.id}"

    @property
    def awaits(self) -> bool:
        """Does somebody have to acknowledge it?"""
        return self.status is Status.DECLARED

    @property
    def waits_since(self) -> datetime:
        """From when on the calls are counted."""
        return self.clock_from or self.declared_at

    @property
    def post_mortem_due(self) -> datetime | None:
        """48 h after resolution for SEV-1 and SEV-2; None where none is due."""
        if self.resolved_at is None or not self.severity.needs_post_mortem:
            return None
        return self.resolved_at + POST_MORTEM_DUE

    def duration(self, now: datetime) -> timedelta:
        """From its start to resolution, or to `now` while open; never negative."""
        return max((self.resolved_at or now) - self.began_at, timedelta())

    def changed(self, **values: Any) -> Self:
        """This incident with some values replaced."""
        return self.model_copy(update=values)

    def moved(self, status: Status, *, by: str | None, at: datetime) -> Self:
        """This incident in another status, with the milestones that go with it.

        Every working status implies the acknowledgement. Raises Refused where the lifecycle has no such step.
        """
        if status not in TRANSITIONS[self.status]:
            raise Refused(f"{self.id} is {self.status.value}; it can't become {status.value} from there.")
        values: dict[str, Any] = {"status": status}
        if status in WORKING and self.acknowledged_at is None:
            values |= {"acknowledged_by": by, "acknowledged_at": at}
        if not status.is_open:
            values |= {"resolved_by": by, "resolved_at": at}
        elif not self.is_open:
            values |= {
                "resolved_by": None,
                "resolved_at": None,
                "reopened": self.reopened + 1,
                "resolution": "",
                "despite": "",
                "resolved_via": "",
                "is_closed_by_alarm": False,
            }
        return self.changed(**values)

    def with_responder(self, user: str | None) -> tuple[str, ...]:
        """The responders with this one added, order kept, nobody twice."""
        return self.responders if user is None or user in self.responders else (*self.responders, user)


class EventKind(StrEnum):
    """What a line of the timeline records."""

    DECLARED = "declared"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    JOINED = "joined"
    SEVERITY = "severity"
    STATUS = "status"
    UPDATE = "update"
    NOTE = "note"
    MESSAGE = "message"
    LINK = "link"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CANCELLED = "cancelled"
    MERGED = "merged"
    CHANNEL = "channel"
    ALARM = "alarm"
    PAGED = "paged"
    REMINDED = "reminded"
    CAUSE = "cause"
    FIX = "fix"
    POST_MORTEM = "post_mortem"
    ACTION_ITEM = "action_item"
    TROUBLE = "trouble"
    REPAIRED = "repaired"


class TimelineEvent(Value):
    """One line of an incident's timeline.

    `actor` is the user id of who did it (None: the bot itself), `about` of whom it concerns.
    """

    incident: int
    at: datetime
    kind: EventKind
    text: str
    actor: str | None = None
    about: str | None = None
    source: str | None = Field(default=None, description="permalink of the message it came from")
