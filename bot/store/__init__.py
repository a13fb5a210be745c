"""The Store: what the bot remembers, in the field's words.

Small enough for a key-value database: no method needs a scan or a join. State changes are conditional writes on a
version; a `claim_*` method answers who won.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from bot.baselines import Baseline
from bot.models import (
    ActionItem,
    Alert,
    Approval,
    Change,
    Delivery,
    Guard,
    Head,
    Incident,
    Investigation,
    OwedKind,
    Posted,
    PostMortem,
    Remediation,
    Silence,
    Storm,
    TimelineEvent,
    Timer,
    Trouble,
)
from bot.models.digest import AlarmCount, AlarmDetail, IncidentFact, PageFact
from bot.signals import Deployment


def never(_: str) -> bool:
    """Nothing is held."""
    return False


class Place(NamedTuple):
    """Where a listing of alerts goes on: behind the one that fired then and has this dedup key."""

    fired_at: datetime
    key: str


class Opened(NamedTuple):
    """Somebody has their App Home open, as far as is known."""

    user: str
    team: str | None
    at: datetime


class Archived(NamedTuple):
    """A file of the archive and its length in bytes."""

    name: str
    length: int


class Store(Protocol):
    """Thread-safe. Every method may raise StoreBusy or another StoreError; then nothing was written."""

    def next_number(self) -> int:
        """A fresh incident number: never given twice, whatever dies or runs beside."""
        ...

    def coming_number(self) -> int:
        """The next incident number, not taken yet: the change that uses it takes it (`Change.numbers`) or fails."""
        ...

    def save(self, change: Change, now: datetime) -> None:
        """Write all of a change or nothing; raises VersionConflict when an incident moved on meanwhile."""
        ...

    def incident(self, number: int) -> Incident:
        """Raises UnknownIncident."""
        ...

    def open_incidents(self, limit: int = 100) -> list[Incident]:
        """Open ones, the worst first, then the newest."""
        ...

    def open_incidents_with(self, person: str, limit: int = 100) -> list[Incident]:
        """Open ones that this person commands or responds to, the worst first, then the newest."""
        ...

    def recent_incidents(self, limit: int = 20) -> list[Incident]:
        """Open or not, the newest first."""
        ...

    def incident_in_channel(self, channel_id: str) -> Incident | None:
        """The incident whose own channel this is."""
        ...

    def incident_of_message(self, channel_id: str, ts: str) -> Incident | None:
        """The incident whose card or template this message is."""
        ...

    def subject_of_message(self, channel_id: str, ts: str) -> str | None:
        """The id of the incident or alert whose card this message is."""
        ...

    def timeline(self, number: int, *, limit: int, before: int | None = None) -> list[tuple[int, TimelineEvent]]:
        """The latest `limit` events (before position `before`), by when they happened, each with its position."""
        ...

    def timeline_length(self, number: int) -> int: ...

    def posted(self, subject: str, target: str) -> Posted | None:
        """Where a card stands."""
        ...

    def open_incident_of(self, service: str) -> Incident | None:
        """The newest open incident of a service, however its name is spelt."""
        ...

    def incidents_of(self, service: str, limit: int = 50) -> list[Incident]:
        """Open or not, the newest first, of a service, however its name is spelt."""
        ...

    def next_alert_numbers(self, count: int) -> range:
        """Fresh alert numbers: never given twice."""
        ...

    def heads(self, keys: Iterable[str]) -> dict[str, Head]:
        """What is newest for these dedup keys, as far as anything is known."""
        ...

    def alarm_keys(self, limit: int = 100_000) -> list[str]:
        """The dedup keys of the alarms that were ever heard of."""
        ...

    def alert(self, number: int) -> Alert:
        """Raises UnknownAlert."""
        ...

    def alerts(self, numbers: Iterable[int]) -> dict[int, Alert]:
        """Those of these alerts that there are, by number."""
        ...

    def firing_alerts(self, limit: int = 100) -> list[Alert]:
        """The worst first, then the newest."""
        ...

    def firing_count(self) -> int: ...

    def awaiting_count(self) -> int:
        """Of those that fire: neither hidden nor anybody's."""
        ...

    def alerts_of_group(self, group: str, limit: int = 1000) -> list[Alert]:
        """Firing alerts of a group, the newest first."""
        ...

    def leads_of(self, group: str, limit: int = 5) -> list[Alert]:
        """Alerts of a group under whose card others can stand, the newest first."""
        ...

    def alerts_led_by(self, number: int, limit: int = 1000) -> list[Alert]:
        """Firing alerts that stand under this one's card, the oldest first."""
        ...

    def count_led_by(self, number: int) -> tuple[int, int]:
        """How many firing alerts stand under this one, and how many of them have a card there."""
        ...

    def alerts_fired(self, service: str, since: datetime, limit: int = 50) -> list[Alert]:
        """Of a service, firing or over, the oldest first."""
        ...

    def alerts_of_incident(self, number: int, limit: int = 500) -> list[Alert]:
        """Firing or not, the oldest first."""
        ...

    def alerts_silenced_by(self, silence_id: str, limit: int = 500) -> list[Alert]:
        """Firing alerts that this silence hides."""
        ...

    def alerts_under(self, parent: int, limit: int = 500) -> list[Alert]:
        """Firing alerts for which this composite alarm's alert stands."""
        ...

    def open_page_keys(self, limit: int = 200) -> list[str]:
        """The pages that nobody has taken yet, or that stand for open incidents."""
        ...

    def composites_over(self, keys: Iterable[str]) -> dict[str, int]:
        """For these dedup keys: the number of a firing composite alarm's alert that has them as children."""
        ...

    def silence(self, silence_id: str) -> Silence | None: ...

    def silences(self) -> list[Silence]:
        """Those that nobody ended yet."""
        ...

    def storm(self, channel: str) -> Storm | None:
        """The count of new alerts in a channel."""
        ...

    def deployments_of(self, service: str, since: datetime, limit: int = 20) -> list[Deployment]:
        """What was deployed for a service, the newest first."""
        ...

    def seen(self, ids: Iterable[str]) -> set[str]:
        """Those of these message ids that were taken care of."""
        ...

    def unreadable_since(self, since: datetime) -> int:
        """How many messages could not be read."""
        ...

    def first_unreadable(self, since: datetime) -> datetime | None:
        """When the first message since then came that could not be read."""
        ...

    def next_investigation_number(self) -> int: ...

    def next_remediation_number(self) -> int: ...

    def claim_investigation(self, owner: str, now: datetime, *, lease: float) -> Investigation | None:
        """Take the worst that waits, for `lease` seconds; None where there is none."""
        ...

    def investigation(self, number: int) -> Investigation:
        """Raises UnknownInvestigation."""
        ...

    def investigations_into(self, service: str, environment: str) -> list[Investigation]:
        """Those of the newest that are about a service there, the newest first."""
        ...

    def investigations_of(self, subject: str, limit: int = 10) -> list[Investigation]:
        """Those about an alert or incident, the newest first."""
        ...

    def keep_picture(self, name: str, picture: bytes, now: datetime) -> None:
        """Keep it until it is shown; `forget_before` takes it away with what else is old."""
        ...

    def picture(self, name: str) -> bytes | None: ...

    def remediation(self, number: int) -> Remediation:
        """Raises UnknownRemediation."""
        ...

    def remediations(self, limit: int = 20) -> list[Remediation]:
        """The newest first."""
        ...

    def open_remediations(self, limit: int = 100) -> list[Remediation]:
        """Those that are not over, the newest first."""
        ...

    def remediations_of(self, subject: str, limit: int = 20) -> list[Remediation]:
        """Those for an alert or incident, the newest first."""
        ...

    def guard(self, place: str) -> Guard:
        """What keeps the remediations of one service apart; an empty one where there was none yet."""
        ...

    def approval(self, name: str, service: str) -> Approval | None: ...

    def approvals(self) -> list[Approval]:
        """All that were ever given, also those that ended."""
        ...

    def next_action_number(self) -> int: ...

    def post_mortem(self, incident: int) -> PostMortem:
        """Raises UnknownPostMortem."""
        ...

    def post_mortem_of(self, incident: int) -> PostMortem | None: ...

    def open_post_mortems(self, limit: int = 500) -> list[PostMortem]:
        """Neither filed nor waived; those that wait for their incident's end, then by when they are due."""
        ...

    def ended_post_mortems(self, limit: int = 200) -> list[PostMortem]:
        """Filed or waived, of the newest incidents first."""
        ...

    def post_mortems_owned_by(self, owner: str, limit: int = 50) -> list[PostMortem]:
        """Open ones, those that wait for their incident's end, then by when they are due."""
        ...

    def action_item(self, number: int) -> ActionItem:
        """Raises UnknownActionItem."""
        ...

    def open_action_items(self, limit: int = 1000) -> list[ActionItem]:
        """By the day they are due."""
        ...

    def done_action_items(self, limit: int = 500) -> list[ActionItem]:
        """The newest first."""
        ...

    def action_items_owned_by(self, owner: str, limit: int = 50) -> list[ActionItem]:
        """Open ones, by the day they are due."""
        ...

    def action_items_of(self, incident: int, limit: int = 200) -> list[ActionItem]:
        """Open or not, the oldest first."""
        ...

    def keep_baselines(self, service: str, baselines: Sequence[Baseline]) -> None:
        """In place of what was known of these metrics of this service."""
        ...

    def baselines(self, service: str, metric: str | None = None) -> list[Baseline]: ...

    def claim_request(self, key: str, now: datetime) -> bool:
        """True for the first caller with this key, False for every later one."""
        ...

    def was_requested(self, key: str) -> bool:
        """Was this key claimed?"""
        ...

    def keep_home(self, opened: Opened) -> None:
        """Somebody looked at their App Home."""
        ...

    def homes_since(self, at: datetime) -> list[Opened]:
        """Who did then or later."""
        ...

    def keep_draft(self, draft_id: str, text: str, now: datetime) -> None:
        """Keep what somebody typed until they have answered a question about it."""
        ...

    def draft(self, draft_id: str) -> str | None: ...

    def claim_deliveries(
        self, owner: str, now: datetime, *, lease: float, limit: int, is_held: Callable[[str], bool] = never
    ) -> list[Delivery]:
        """Take the first due row of each lane in which nothing is under way, for `lease` seconds.

        Rows whose rate key `is_held` stay, and of those that share a rate key one goes at a time. `is_held` is asked
        last: where it says no, the row is taken.
        """
        ...

    def claim_owners(self) -> list[str]:
        """Who holds claims on deliveries or timers."""
        ...

    def release_claims(self, owner: str) -> None:
        """The owner is dead: what it held may be claimed again, still in doubt."""
        ...

    def next_delivery_at(self) -> datetime | None:
        """When the first row of any lane is due or its claim runs out; None when nothing waits."""
        ...

    def settle(
        self,
        delivery: Delivery,
        now: datetime,
        *,
        posted: Sequence[Posted] = (),
        change: Change | None = None,
    ) -> None:
        """The row is done: record what it made, and what follows from it, in one transaction."""
        ...

    def postpone(self, delivery: Delivery, until: datetime, *, error: str, in_doubt: bool, aside: bool = False) -> None:
        """The try failed: again at `until`. `aside` lets the rest of the lane pass meanwhile."""
        ...

    def give_up(self, delivery: Delivery, error: str, now: datetime) -> None:
        """Never try this row again; it stays on record."""
        ...

    def troubles(self, subject: str) -> list[Trouble]:
        """What is owed for this incident or alert and has failed at least once."""
        ...

    def post_mortem_troubles(self, limit: int) -> list[tuple[str, Trouble]]:
        """The same of all post-mortems, each with the id of its own."""
        ...

    def failing(self) -> set[OwedKind]:
        """The kinds of what is owed of which something was tried, failed, and is tried again."""
        ...

    def timers_due(self, kind: str, subjects: Iterable[str]) -> dict[str, datetime]:
        """When the timers of this kind of these subjects are due, as far as they have one."""
        ...

    def claim_timers(self, owner: str, now: datetime, *, lease: float, limit: int) -> list[Timer]:
        """Take due timers, the oldest first."""
        ...

    def finish_timer(self, timer: Timer) -> None: ...

    def installation(self) -> str:
        """A word that no other installation has: it tells what is ours where several write to one place."""
        ...

    def workspace(self) -> str:
        """The address of the workspace that the bot was in last; empty: in none yet."""
        ...

    def keep_workspace(self, address: str) -> None: ...

    def forget_before(self, moment: datetime, *, limit: int = 200) -> int:
        """Drop done deliveries, request keys and drafts older than `moment`, up to `limit` of each; how many rows."""
        ...

    def forget_news_before(self, moment: datetime, *, limit: int = 200) -> int:
        """Likewise deliveries that were given up, unreadable messages, deployments, the places of storm summaries."""
        ...

    def old_alerts(self, before: datetime, *, after: Place, limit: int) -> list[Alert]:
        """Alerts of no incident that were over before that, behind `after`, by when they fired.

        None about which something is still to be done.
        """
        ...

    def drop_alerts(self, alerts: Sequence[Alert], *, archived: Archived | None = None) -> None:
        """Forget them with their cards, and how long the archive is now. All or none: raises VersionConflict."""
        ...

    def archives(self, name: str) -> list[Archived]:
        """The files of the archive with the bytes that stand for dropped alerts; `name` is one of them from now on."""
        ...

    def close(self) -> None: ...


class Records(Protocol):
    """What digests and exports read by time, from `since` up to, not including, `until`. Nothing here is in memory at
    once; every method may raise StoreError, also while its rows are read."""

    def incidents_declared(self, since: datetime, until: datetime) -> Iterator[IncidentFact]: ...

    def incidents_resolved(self, since: datetime, until: datetime) -> Iterator[IncidentFact]:
        """Those that ended then, however they ended."""
        ...

    def alarm_counts(self, since: datetime, until: datetime) -> Iterator[AlarmCount]:
        """The alerts that fired then, counted by alarm."""
        ...

    def count_alerts(self, since: datetime, until: datetime) -> dict[str, int]:
        """How many fired then, by service."""
        ...

    def alarm_detail(self, key: str, since: datetime, until: datetime) -> AlarmDetail | None:
        """The alarm with this dedup key and its newest alerts of that time."""
        ...

    def remediations_started(self, since: datetime, until: datetime) -> Iterator[Remediation]: ...

    def pages(self, since: datetime, until: datetime) -> Iterator[PageFact]:
        """The calls of that time; one that stands for several alerts counts once."""
        ...

    def post_mortems_ended(self, since: datetime, until: datetime) -> Iterator[PostMortem]:
        """Those that were filed or waived then."""
        ...

    def is_older_than(self, at: datetime) -> bool:
        """Was anything stored before?"""
        ...

    def export(self, what: str, since: datetime) -> Iterator[dict[str, Any]]:
        """`incidents`, `alerts`, `timeline`, `audit`, `post-mortems` or `action-items`: the oldest first, as plain
        values, times as `2026-11-22T03:00:00Z`."""
        ...
