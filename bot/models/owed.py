"""What is owed to the world and what happens later: rows of the outbox, timers, and the change that writes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum
from operator import attrgetter
from typing import Any

from pydantic import Field

from bot.models.aftermath import ActionItem, PostMortem
from bot.models.alert import Alert, Head, Silence, Storm
from bot.models.basics import Value
from bot.models.evidence import Investigation
from bot.models.incident import Incident, TimelineEvent
from bot.models.remediation import Approval, Guard, Remediation
from bot.signals import Deployment, Unreadable


class OwedKind(StrEnum):
    """What kind of call a row of the outbox stands for."""

    POST = "post"
    DECLARED = "declared"
    RESOLVED = "resolved"
    CARD = "card"
    CHANNEL = "channel"
    TOPIC = "topic"
    INVITE = "invite"
    PIN = "pin"
    BOOKMARK = "bookmark"
    ALERT = "alert"
    STORM = "storm"
    PAGE = "page"
    PAGER = "pager"
    EVENTS = "events"
    MAIL = "mail"
    REPORT = "report"
    PICTURE = "picture"
    FIX = "fix"
    FIX_CARD = "fix_card"
    PROPOSE = "propose"
    DIGEST = "digest"
    BASELINE = "baseline"
    AFTERMATH = "aftermath"
    POST_MORTEM = "post_mortem"
    FILE = "file"
    PULL_REQUEST = "pull_request"
    TICKET = "ticket"
    REMIND = "remind"


SHOWN_AT_TRY = 3  # a failure that may pass becomes visible on the card at this try
_SLACK_IS_SLOW = frozenset({"card_not_posted", "ratelimited", "rate_limited", "timeout", "request_timeout"})
_OUTSIDE_SLACK = frozenset(
    {
        OwedKind.PAGE,
        OwedKind.PAGER,
        OwedKind.EVENTS,
        OwedKind.MAIL,
        OwedKind.FIX,
        OwedKind.PROPOSE,
        OwedKind.PULL_REQUEST,
        OwedKind.TICKET,
    }
)


class Priority(IntEnum):
    """Who goes first when several rows wait. The page of a SEV-1 is urgent: it overtakes all others."""

    URGENT = -1
    PAGE = 0
    TEMPLATE = 1
    NORMAL = 2
    COMFORT = 3


def new_id() -> str:
    """A fresh id for a row; also what finds a sent message again by its metadata."""
    return uuid.uuid4().hex


class Owed(Value):
    """Something owed to the world: a row of the outbox.

    subject   what it is about: the id of an incident, alert or storm
    lane      rows of one lane leave one after the other, in the order in which they were owed; lanes run side by side,
              the one with the most urgent row first
    pace      the rate bucket it draws from (`post:<channel>`, `edit:<card>`)
    after     a row that goes before this one
    until     when that one is waited for no longer; None: as long as it takes
    patient   wait until that row is done or set aside; else for its first try only
    coalesce  at most one waiting row carries the same key; the newest state is what it will show
    body      what the carrier of this kind needs
    not_before  the earliest moment; None: at once
    """

    id: str = Field(default_factory=new_id)
    kind: OwedKind
    lane: str
    subject: str = ""
    priority: Priority = Priority.NORMAL
    pace: str = ""
    after: str | None = None
    until: datetime | None = None
    patient: bool = True
    coalesce: str | None = None
    body: dict[str, Any] = Field(default_factory=dict)
    not_before: datetime | None = None

    @property
    def rate_key(self) -> str:
        """What its rate is counted under: its pace, or its kind where it has none."""
        return self.pace or self.kind.value


class Delivery(Value):
    """An owed row as claimed; `attempts` counts this try, and tells it from a later one.

    `in_doubt`: an earlier try may have reached Slack. `is_aside`: it failed in a way that does not pass by itself.
    """

    owed: Owed
    attempts: int
    in_doubt: bool
    is_aside: bool = False
    created_at: datetime
    error: str = ""

    @property
    def was_shown(self) -> bool:
        """Were people told of an earlier try that failed?"""
        return self.is_aside or self.attempts > SHOWN_AT_TRY


class Posted(Value):
    """Where a card stands in Slack: the message that is edited in place. `subject` is what it shows.

    `thread_ts` is the message that it was posted under, empty where it stands by itself.
    """

    subject: str
    target: str
    channel_id: str
    ts: str
    thread_ts: str = ""


def permalink(workspace: str, channel_id: str, ts: str) -> str:
    """The address of a message; `workspace` is the address of its own."""
    return f"{workspace.rstrip('/')}/archives/{channel_id}/p{ts.replace('.', '')}"


class Trouble(Value):
    """Something owed to an incident or alert that has not been taken yet.

    `is_aside`: it does not pass by itself; `is_given_up`: it is not tried again.
    """

    kind: OwedKind
    error: str
    attempts: int
    is_aside: bool = False
    is_given_up: bool = False

    @property
    def passes(self) -> bool:
        """Nothing that anybody has to do something about: it is tried again within seconds, or Slack is slow and the
        message comes later. A page is waited for, so each of its tries counts."""
        if self.is_aside or self.is_given_up:
            return False
        if self.kind not in _OUTSIDE_SLACK and self.error.partition(":")[0] in _SLACK_IS_SLOW:
            return True
        return self.kind is not OwedKind.PAGE and self.attempts < SHOWN_AT_TRY


class Timer(Value):
    """Something that must happen later, whatever restarts in between."""

    id: str = Field(default_factory=new_id)
    kind: str
    subject: str
    due_at: datetime
    body: dict[str, Any] = Field(default_factory=dict)


class Change(Value):
    """All that one step of a use case writes, in one transaction.

    Each of `incidents` … `action_items` (but `heads`) is written only while the stored row still has the version it was
    read with, and gets the next one. `heads` are what is newest for their dedup keys. `cancel_timers` are (kind,
    subject) pairs; they go before `timers` come. `seen` are the ids of the messages that the change takes care of.
    `claims` are keys that nobody has claimed before, `numbers` incident numbers that nobody has taken: else nothing is
    written, as where a version moved on.
    """

    incidents: tuple[Incident, ...] = ()
    alerts: tuple[Alert, ...] = ()
    heads: tuple[Head, ...] = ()
    silences: tuple[Silence, ...] = ()
    storms: tuple[Storm, ...] = ()
    investigations: tuple[Investigation, ...] = ()
    remediations: tuple[Remediation, ...] = ()
    guards: tuple[Guard, ...] = ()
    approvals: tuple[Approval, ...] = ()
    post_mortems: tuple[PostMortem, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    seen: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    timeline: tuple[TimelineEvent, ...] = ()
    owed: tuple[Owed, ...] = ()
    timers: tuple[Timer, ...] = ()
    cancel_timers: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Change) -> Change:
        """Both, in one transaction. A row that both change counts as `other` left it."""
        return Change.joined((self, other))

    @classmethod
    def joined(cls, changes: Sequence[Change]) -> Change:
        """All of them, as one transaction: each row as the last one left it, no timer that a later one cancels."""
        timers: list[Timer] = []
        for change in changes:
            if change.cancel_timers:
                timers = [one for one in timers if (one.kind, one.subject) not in change.cancel_timers]
            timers += change.timers
        rows: dict[str, Any] = {"timers": tuple(timers)}
        for name, key in _KEYS.items():
            newest = {key(row): row for change in changes for row in getattr(change, name)}
            rows[name] = tuple(newest.values())
        for name in ("deployments", "unreadable", "seen", "claims", "numbers", "timeline", "owed", "cancel_timers"):
            rows[name] = tuple(row for change in changes for row in getattr(change, name))
        return cls.model_construct(None, **rows)


_KEYS: dict[str, Callable[[Any], object]] = {
    "incidents": attrgetter("number"),
    "alerts": attrgetter("number"),
    "heads": attrgetter("key"),
    "silences": attrgetter("id"),
    "storms": attrgetter("channel"),
    "investigations": attrgetter("number"),
    "remediations": attrgetter("number"),
    "guards": attrgetter("place"),
    "approvals": attrgetter("id"),
    "post_mortems": attrgetter("incident"),
    "action_items": attrgetter("number"),
}
