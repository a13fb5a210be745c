"""What the use cases and the outbox may ask of the world: small Protocols, implemented in `bot/integrations`.

They raise `ChatError`, `PagerError` or `CloudError`, all of them `DeliveryError`, and never return a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from bot.baselines import Baseline
from bot.models import (
    Asked,
    Diagnosis,
    Duty,
    Evidence,
    Means,
    Message,
    MessageRef,
    Order,
    Page,
    Person,
    Plan,
    Progress,
    Remediation,
    Said,
    Source,
)
from bot.resources import Resources
from bot.signals import Alarm, AlarmState, PagerChange

Clock = Callable[[], datetime]
"""Answers the present moment as an aware datetime in UTC."""


class Directory(Protocol):
    """Who somebody is."""

    def person(self, user_id: str, team_id: str | None) -> Person: ...


class AddressBook(Protocol):
    """How people are found by their e-mail addresses, and what they are called."""

    def by_email(self, email: str) -> str | None:
        """The user id behind an e-mail address; None where nobody here has it. Raises ChatError."""
        ...

    def email(self, user_id: str) -> str | None:
        """Somebody's e-mail address, where the bot may see it. Raises ChatError."""
        ...

    def name(self, user_id: str) -> str:
        """What somebody is called; their id where it can't be told."""
        ...


class Colleagues(Directory, Protocol):
    """Who owns something: what they are called, and when it is day for them."""

    def name(self, user_id: str) -> str: ...

    def zone(self, user_id: str) -> str | None:
        """Their time zone, as IANA names it; None where it can't be told."""
        ...


class Chat(Protocol):
    """The calls that deliver what is owed. Channels are names or ids; people are user ids."""

    def post(
        self,
        channel: str,
        message: Message,
        *,
        delivery_id: str,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> MessageRef:
        """Post and return where it stands; `delivery_id` is kept in the message's metadata."""
        ...

    def find(
        self, channel: str, delivery_id: str, *, since: datetime, thread_ts: str | None = None
    ) -> MessageRef | None:
        """The message that carries this delivery id, posted at or after `since`; None where there is none."""
        ...

    def edit(self, ref: MessageRef, message: Message) -> None: ...

    def create_channel(self, name: str) -> str:
        """Create a public channel and return its id."""
        ...

    def find_channel(self, names: Sequence[str]) -> tuple[str, str] | None:
        """Name and id of a channel with one of these names which this bot made; None where there is none."""
        ...

    def set_topic(self, channel_id: str, topic: str) -> None: ...

    def invite(self, channel_id: str, users: Sequence[str]) -> None: ...

    def group_members(self, group_id: str) -> list[str]: ...

    def pin(self, ref: MessageRef) -> None: ...

    def bookmark(self, channel_id: str, title: str, url: str) -> None: ...

    def upload(self, channel_id: str, thread_ts: str | None, name: str, title: str, data: bytes) -> None:
        """Put a file into the thread (or the channel)."""
        ...

    def link(self, channel_id: str, ts: str) -> str:
        """The permalink of a message."""
        ...

    def huddle_url(self, channel: str) -> str:
        """The link that opens the channel's huddle."""
        ...


class Replies(Protocol):
    """Answers to the person who just typed or clicked. Not owed, not stored: they are worth nothing later."""

    def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        """An ephemeral answer to a command or click; `replace`: in place of the ephemeral that was clicked."""
        ...

    def whisper(self, channel: str, user: str, message: Message, *, thread_ts: str | None = None) -> None:
        """An ephemeral message in a channel, or a direct message where that can't be."""
        ...

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> None: ...

    def update_view(self, view_id: str, view: dict[str, Any]) -> None: ...

    def publish_home(self, user: str, view: dict[str, Any]) -> None:
        """Somebody's App Home. Raises ChatError."""
        ...

    def permalink(self, channel: str, ts: str) -> str: ...

    def said(self, channel: str, ts: str) -> Said:
        """The message that stands there; raises ChatError `message_not_found`."""
        ...


class Received(NamedTuple):
    """A message taken from the queue. `receipt` deletes it; `attempts` counts how often it was taken, from 1."""

    message_id: str
    body: str
    receipt: str
    attempts: int
    sent_at: datetime


class Inbox(Protocol):
    """The alert queue. Raises CloudError."""

    def receive(self, *, wait: float, limit: int = 10) -> list[Received]:
        """Take up to `limit` messages, waiting at most `wait` seconds for the first; they are hidden meanwhile."""
        ...

    def delete(self, receipts: Sequence[str]) -> None:
        """Done with them. What could not be deleted comes again, and changes nothing then."""
        ...

    def extend(self, receipts: Sequence[str], seconds: int) -> None:
        """Keep them hidden for so long from now."""
        ...


class Reached(NamedTuple):
    """How somebody is called.

    why_not     why not by PagerDuty, where that is in use
    earlier_at  they were called then already, and nothing was sent now; `answer` is what they said to that
    """

    means: Means
    why_not: str = ""
    earlier_at: datetime | None = None
    answer: str = ""


class Pager(Protocol):
    """Wakes people. `key` is our dedup key: what repeats it is the same page. Raises PagerError or ChatError."""

    def page(self, page: Page, to: Duty | None) -> Reached:
        """Page the primary on call; `to` says who that is, where it is known."""
        ...

    def call(self, page: Page, to: Duty) -> Reached:
        """Call somebody in addition: the secondary, a rung of the ladder, a person by name."""
        ...

    def way(self, to: Duty) -> Reached:
        """How `call` would reach them, as far as that can be told beforehand."""
        ...

    def acknowledge(self, key: str, by: str) -> None:
        """Somebody has it: stop paging. `by` in words."""
        ...

    def resolve(self, key: str) -> None: ...

    def email_of(self, person_id: str) -> str | None:
        """The e-mail address of somebody the pager names by its own id; None where it does not tell."""
        ...

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        """How these pages stand by now, as far as people acknowledged or resolved them on the pager's side."""
        ...


class Roster(Protocol):
    """Who is on call. Raises PagerError."""

    def on_call(self, service: str) -> list[Duty]:
        """The roles that somebody has now for this service, primary first."""
        ...

    def find(self, name: str) -> Duty | None:
        """A team (escalation policy) by its name: its first on call; None where there is no such team."""
        ...


class Event(NamedTuple):
    """One event for the bus; `detail` is its documented JSON, see docs/events."""

    type: str
    detail: Mapping[str, Any]


class EventBus(Protocol):
    """The `aiops-alerts` bus. Raises CloudError."""

    def put(self, events: Sequence[Event]) -> list[int]:
        """Put up to 10; the positions of those that the bus did not take."""
        ...


class Mailer(Protocol):
    """SNS topics with e-mail subscribers. Raises CloudError."""

    def publish(self, topic: str, subject: str, text: str) -> None: ...


class Standing(NamedTuple):
    """How an alarm stands right now."""

    state: AlarmState
    reason: str


class Alarms(Protocol):
    """What CloudWatch knows of alarms. Raises CloudError."""

    def tags(self, arns: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The tags of each alarm that could be looked up in time; the others are left out."""
        ...

    def states(self, names: Sequence[str], region: str) -> Mapping[str, Standing]:
        """The live state of each of these alarms that exists in this account."""
        ...


class Firing(NamedTuple):
    """An alarm that fires, and the value it was raised with."""

    alarm: Alarm
    value: float


class Scope(NamedTuple):
    """What an investigation asks about: a service and where it runs, the alarm, and the affected window.

    since, until  the affected window; the hour before the symptom is what it is compared with
    firing        the alarms of the service that fire, this one among them; none where the symptom is over
    back_at       when an earlier trouble's deployment was taken back: what stopped with it is not this symptom's
    """

    service: str
    resources: Resources
    alarm: Alarm | None
    began_at: datetime
    since: datetime
    until: datetime
    firing: tuple[Firing, ...] = ()
    back_at: datetime | None = None


class Gathered(NamedTuple):
    """What one source found: values of `Evidence` by field name, and how it answered."""

    asked: Asked
    values: Mapping[str, Any] = {}
    picture: bytes = b""


class Collector(Protocol):
    """One source of evidence. Never raises: what fails is an answer (`failed`, `not permitted`) with its reason."""

    source: Source

    def collect(self, scope: Scope) -> Gathered: ...


Told = Callable[[int, int], None]
"""Hears how much of how much is done."""


class Learned(NamedTuple):
    """What is usual for a service: its baselines, and the keys of all metrics that were looked at.

    since, until  the weeks they are drawn from; bill what reading them took, in words
    """

    baselines: Sequence[Baseline]
    metrics: Sequence[str]
    since: datetime
    until: datetime
    bill: str


class BaselineSource(Protocol):
    """Where what is usual is learned from. `is_on`: there is such a place."""

    @property
    def is_on(self) -> bool: ...

    def learn(self, service: str, tell: Told) -> Learned:
        """For a service of the catalogue, in its spelling. Raises CloudError; Refused where it can't be, with why."""
        ...


Analyst = Callable[[Evidence], Diagnosis]
"""Turns evidence into a diagnosis: `rca.diagnose`, or a function outside. Never raises."""


class Fixes(Protocol):
    """Changes AWS. Raises CloudError; Refused where the plan can't be made or carried out, with the reason."""

    def plan(self, order: Order, resources: Resources) -> Plan:
        """What would happen, read from AWS as it is now; nothing is changed."""
        ...

    def choices(self, resources: Resources) -> list[Choice]:
        """What a rollback can go back to, the newest first."""
        ...

    def start(self, remediation: Remediation) -> Progress:
        """Begin. Called again after an unknown outcome, it changes nothing a second time."""
        ...

    def follow(self, remediation: Remediation) -> Progress:
        """How far it is; takes the next step where there are several."""
        ...

    def standing(self, remediation: Remediation) -> Progress | None:
        """How what it changed stands by now, with the problem where that is not as it should be; None: nothing tells.

        Some time after it was done; an undo has changed it since.
        """
        ...

    def rehearse(self, remediation: Remediation) -> Sequence[str]:
        """A dry run: what it would do by now, in lines; nothing is changed."""
        ...

    def stop(self, remediation: Remediation) -> None:
        """It took too long: let go of what can be let go of."""
        ...

    def undo(self, remediation: Remediation) -> Plan:
        """The plan that takes it back, from AWS as it is now."""
        ...


class Choice(NamedTuple):
    """A task definition to go back to: what is different from the one that runs, a line each."""

    revision: str
    registered_at: datetime | None
    by: str
    differences: Sequence[str]
    was_stable: bool


class Ticket(NamedTuple):
    """An issue at the tracker."""

    number: int
    url: str
    is_open: bool = True


class Changed(NamedTuple):
    """What changed at the tracker: is each issue open, by its number; was each pull request closed without merging, by
    its address."""

    issues: Mapping[int, bool] = {}
    declined: Mapping[str, bool] = {}


class Tracker(Protocol):
    """Where action items are tracked and post-mortems are filed: GitHub. Raises TrackerError.

    `key` names what a call is about, in words that no other installation uses. What carries the same key is the same
    issue or pull request, so that a call whose answer was lost can be made again.
    """

    def open_issue(self, key: str, title: str, body: str, labels: Sequence[str]) -> Ticket:
        """Labels that are missing are made."""
        ...

    def changed(self, since: datetime) -> Changed:
        """What changed since, and perhaps other things."""
        ...

    def revise_issue(self, number: int, facts: Mapping[str, str]) -> None:
        """The lines `- Name: value` of its text say this from now on; the rest stays what people made of it."""
        ...

    def close_issue(self, number: int) -> None:
        """As done; nothing where it is closed already."""
        ...

    def reopen_issue(self, number: int) -> None:
        """Nothing where it is open already."""
        ...

    def propose(self, key: str, path: str, text: str, title: str, body: str) -> str:
        """Open a pull request that adds (or replaces) one file; its address."""
        ...


class Archive(Protocol):
    """Where old rows go. Raises StoreError."""

    def name(self, what: str, month: str) -> str: ...

    def mine(self) -> AbstractContextManager[bool]:
        """Is nobody else writing there meanwhile?"""
        ...

    def cut(self, name: str, length: int) -> None:
        """Nothing is behind the first `length` bytes of a file any more."""
        ...

    def append(self, name: str, length: int, rows: Iterable[dict[str, Any]]) -> int:
        """Put rows behind the first `length` bytes of a file, for good; its new length."""
        ...
