"""The vocabulary: severities, statuses and their legal changes, incidents, timeline, and what is owed to the world.

Values only. Nothing here reads a clock, a file or a network.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from bot.errors import InvalidInput, Refused

MAX_TEXT = 3000  # characters of a free text: what one Slack input takes
MAX_SERVICE = 80
POST_MORTEM_DUE = timedelta(hours=48)


class MessageRef(NamedTuple):
    """A message in Slack: channel id and timestamp, which together name it."""

    channel_id: str
    ts: str


class Said(NamedTuple):
    """What somebody said: text, author, and the thread it stands in."""

    text: str
    user: str | None
    thread_ts: str | None


class Message(NamedTuple):
    """What a message says: `text` for notifications and screen readers, `blocks` (Block Kit) for the eye."""

    text: str
    blocks: list[dict[str, Any]]


class Severity(IntEnum):
    """How bad: 1 is worst. The numbers and names are the first document's table."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4

    @property
    def label(self) -> str:
        return f"SEV-{self.value}"

    @property
    def word(self) -> str:
        return {1: "Critical", 2: "High", 3: "Medium", 4: "Low"}[self.value]

    @property
    def needs_post_mortem(self) -> bool:
        return self <= Severity.SEV2

    @classmethod
    def parse(cls, text: str) -> Severity:
        """Read `sev1`, `SEV-1`, `1` or `critical`; raises InvalidInput that names the four."""
        found = re.fullmatch(r"(?:sev[-_ ]?)?([1-4])", text.strip().lower())
        if found:
            return cls(int(found[1]))
        for severity in cls:
            if text.strip().lower() == severity.word.lower():
                return severity
        raise InvalidInput(
            "severity",
            f"I don't know severity “{text.strip()[:40]}”. Use sev1 (critical), sev2 (high), sev3 (medium) "
            "or sev4 (low).",
        )


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


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonKind(StrEnum):
    """What Slack says a user is; `unknown` when Slack could not be asked."""

    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"
    BOT = "bot"
    GONE = "gone"
    UNKNOWN = "unknown"


class Person(_Value):
    """Somebody who acts. `groups` are the ids of the user groups that the permissions name and they belong to."""

    id: str
    kind: PersonKind = PersonKind.MEMBER
    groups: frozenset[str] = frozenset()


class Role(StrEnum):
    """In which role somebody is called."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    TEAM_LEAD = "team lead"
    MANAGER = "engineering manager"
    COMMANDER = "incident commander"
    ASKED = "asked for by name"


class Duty(_Value):
    """Somebody who can be called. `user_id` is their Slack id, where it is known; `email` finds them in PagerDuty."""

    role: Role
    name: str
    user_id: str | None = None
    email: str | None = None


class Page(_Value):
    """What a page says. `key` is the dedup key, `source` where it comes from (account and region)."""

    key: str
    summary: str
    severity: Severity
    service: str
    source: str
    link: str | None = None
    details: dict[str, str] = Field(default_factory=dict)


class Link(_Value):
    """A reference pinned to an incident."""

    url: str
    title: str = ""


class Update(_Value):
    """The newest status update."""

    text: str
    by: str
    at: datetime


class Incident(_Value):
    """One incident, INC-<number>. Times are aware datetimes in UTC; people are Slack user ids.

    `channel_id` is the incident's own channel where it has one; `origin` the permalink of the message it was
    declared from. `version` is the store's: it grows by one with each stored change and guards every write
    (0: not stored yet).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # rows of a newer or older version stay readable

    number: int
    service: str
    impact: str
    severity: Severity
    status: Status = Status.DECLARED
    declared_by: str
    declared_at: datetime
    commander: str
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
    version: int = 0

    @property
    def id(self) -> str:
        return f"INC-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status.is_open

    @property
    def post_mortem_due(self) -> datetime | None:
        """48 h after resolution for SEV-1 and SEV-2; None where none is due."""
        if self.resolved_at is None or not self.severity.needs_post_mortem:
            return None
        return self.resolved_at + POST_MORTEM_DUE

    def duration(self, now: datetime) -> timedelta:
        """From declaration to resolution, or to `now` while open; never negative."""
        return max((self.resolved_at or now) - self.declared_at, timedelta())

    def changed(self, **values: Any) -> Self:
        """This incident with some values replaced."""
        return self.model_copy(update=values)

    def moved(self, status: Status, *, by: str, at: datetime) -> Self:
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
            }
        return self.changed(**values)

    def with_responder(self, user: str) -> tuple[str, ...]:
        """The responders with this one added, order kept, nobody twice."""
        return self.responders if user in self.responders else (*self.responders, user)


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
    TROUBLE = "trouble"
    REPAIRED = "repaired"


class TimelineEvent(_Value):
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


class OwedKind(StrEnum):
    """What kind of Slack call a row of the outbox stands for."""

    POST = "post"
    DECLARED = "declared"
    RESOLVED = "resolved"
    CARD = "card"
    CHANNEL = "channel"
    TOPIC = "topic"
    INVITE = "invite"
    PIN = "pin"
    BOOKMARK = "bookmark"


class Priority(IntEnum):
    """Who goes first when several rows of a lane wait."""

    PAGE = 0
    TEMPLATE = 1
    NORMAL = 2
    COMFORT = 3


def new_id() -> str:
    """A fresh id for a row; also what finds a sent message again by its metadata."""
    return uuid.uuid4().hex


class Owed(_Value):
    """Something owed to Slack: a row of the outbox.

    lane      rows of one lane leave one after the other; lanes run side by side
    pace      the rate bucket it draws from (`post:<channel>`, `edit:<card>`)
    after     a row that goes before this one
    patient   wait until that row is done or set aside; else for its first try only
    coalesce  at most one waiting row carries the same key; the newest state is what it will show
    body      what the carrier of this kind needs
    not_before  the earliest moment; None: at once
    """

    id: str = Field(default_factory=new_id)
    kind: OwedKind
    lane: str
    incident: int | None = None
    priority: Priority = Priority.NORMAL
    pace: str = ""
    after: str | None = None
    patient: bool = True
    coalesce: str | None = None
    body: dict[str, Any] = Field(default_factory=dict)
    not_before: datetime | None = None

    @property
    def rate_key(self) -> str:
        """What its rate is counted under: its pace, or its kind where it has none."""
        return self.pace or self.kind.value


class Delivery(_Value):
    """An owed row as claimed; `attempts` counts this try, and tells it from a later one.

    `in_doubt`: an earlier try may have reached Slack. `is_aside`: it failed in a way that does not pass by itself.
    """

    owed: Owed
    attempts: int
    in_doubt: bool
    is_aside: bool = False
    created_at: datetime
    error: str = ""


class Posted(_Value):
    """Where a card stands in Slack: the message that is edited in place."""

    incident: int
    target: str
    channel_id: str
    ts: str


class Trouble(_Value):
    """Something owed to an incident that Slack has not taken yet."""

    kind: OwedKind
    error: str
    attempts: int
    is_given_up: bool = False


class Timer(_Value):
    """Something that must happen later, whatever restarts in between."""

    id: str = Field(default_factory=new_id)
    kind: str
    subject: str
    due_at: datetime
    body: dict[str, Any] = Field(default_factory=dict)


class Change(_Value):
    """All that one step of a use case writes, in one transaction.

    Each of `incidents` is written only while the stored row still has the version it was read with, and gets
    the next one; `cancel_timers` are (kind, subject) pairs.
    """

    incidents: tuple[Incident, ...] = ()
    timeline: tuple[TimelineEvent, ...] = ()
    owed: tuple[Owed, ...] = ()
    timers: tuple[Timer, ...] = ()
    cancel_timers: tuple[tuple[str, str], ...] = ()
