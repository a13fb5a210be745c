"""Alerts: one alarm's firing each, what triage decided about it, silences and storms."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from typing import Any, Self

from pydantic import Field

from bot.models.basics import Means, Role, Severity, Stored, by_means
from bot.signals import Alarm, AlarmState


class AlertStatus(StrEnum):
    """`firing` until the alarm's OK counts."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Shown(StrEnum):
    """How an alert is shown: by a card of its own, under the card of its group, or only counted, and why."""

    CARD = "card"
    THREAD = "thread"
    STORM = "storm"
    SILENCED = "silenced"
    INHIBITED = "inhibited"

    @property
    def has_card(self) -> bool:
        return self in (Shown.CARD, Shown.THREAD)


class Stage(StrEnum):
    """The stages of triage, in their order."""

    DEDUP = "dedup"
    FLAP = "flap"
    SILENCE = "silence"
    INHIBITION = "inhibition"
    ENRICHMENT = "enrichment"
    SEVERITY = "severity"
    ROUTING = "routing"
    GROUPING = "grouping"
    STORM = "storm"
    REMEDIATION = "auto-remediation"


class Decision(Stored):
    """What a stage decided, and why, in words for people; `by`: the user who brought it about."""

    stage: Stage
    outcome: str
    reason: str
    by: str | None = None


class Paged(Stored):
    """Somebody was called: when, in which role, who and by what, as far as it is known.

    `why_not`: why not by PagerDuty, where that is in use. `call` is the row that called; while it goes on trying
    PagerDuty, they have a direct message.
    """

    at: datetime
    role: Role
    name: str
    user_id: str | None = None
    means: Means | None = None
    why_not: str = ""
    call: str = ""

    @property
    def told(self) -> str:
        """In the words of the timeline, which mentions who is known: `primary, by PagerDuty`."""
        by = f", by {by_means(self.means, self.why_not)}" if self.means else ""
        return f"{self.role.value}{by}" if self.user_id else f"{self.name} ({self.role.value}){by}"


class Summons(Stored):
    """Somebody was asked for by name: `who` (their user id, or the name of whom the pager knows), by which user."""

    who: str
    by: str
    at: datetime


class Alert(Stored):
    """One firing of an alarm, AL-<number>. Times are aware datetimes in UTC; people are Slack user ids.

    key           the dedup key: account, region and alarm name
    group         service and environment; alerts of one group are worked on together
    fired_at      the alarm's own time of the change to ALARM; changed_at that of the newest change
    value         the newest datapoint while firing; ok_value the one that came with the OK
    returned      when the alarm came back to ALARM after an OK, the newest last: its flaps
    settling      since when a flapping alarm is OK without this counting yet
    has_stood     a card of it was owed: it is kept up to date, also when it is hidden later
    in_storm      it came while a storm was on: the summary counts it
    lead          the alert under whose card this one stands
    route_pages   what its route says about paging, whatever its severity; None: nothing
    parent        the composite alarm's alert that stands for this one
    silence       the silence or maintenance window that hides it
    due_at        when the acknowledgement is due; missed_at when that passed
    clock_from    since when it is waited for, where not since it came: it was shown, paged or rated later
    left_at       when people resolved its incident, or its page (left_by, left_via), although it fired; reminded_at
                  when they were last told that it still does
    via           where it was acknowledged, when not in Slack (“PagerDuty, by Kim Porter”)
    asked         who was asked for by name of late
    runbook       the automated runbook that repairs this; approval the standing one under which it starts by itself
    version       the store's: it guards every write (0: not stored yet)
    """

    number: int
    key: str
    alarm: Alarm
    status: AlertStatus = AlertStatus.FIRING
    severity: Severity
    service: str = ""
    is_known_service: bool = False
    environment: str = ""
    group: str = ""
    fired_at: datetime
    received_at: datetime
    changed_at: datetime
    over_at: datetime | None = None
    settling: datetime | None = None
    count: int = 1
    flaps: int = 0
    returned: tuple[datetime, ...] = ()
    value: float | None = None
    ok_value: float | None = None
    reason: str = ""
    ok_reason: str = ""
    has_no_data: bool = False
    missing: tuple[str, ...] = ()
    shown: Shown = Shown.CARD
    has_stood: bool = False
    in_storm: bool = False
    channels: tuple[str, ...] = ()
    topic: str | None = None
    pages: bool = False
    page_as: str = ""
    route_pages: bool | None = None
    lead: int | None = None
    parent: int | None = None
    silence: str | None = None
    due_at: datetime | None = None
    missed_at: datetime | None = None
    clock_from: datetime | None = None
    left_at: datetime | None = None
    left_by: str | None = None
    left_via: str = ""
    reminded_at: datetime | None = None
    paged: tuple[Paged, ...] = ()
    called: tuple[Role, ...] = ()
    asked: tuple[Summons, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    via: str = ""
    incident: int | None = None
    runbook: str = ""
    approval: str = ""
    decisions: tuple[Decision, ...] = ()
    version: int = 0

    @property
    def id(self) -> str:
        return f"AL-{self.number}"

    @property
    def page_key(self) -> str:
        """Its dedup key at the pager: its own, or that of the alert in whose place it pages."""
        return self.page_as or f"aiops-{self.id}"

    @property
    def is_firing(self) -> bool:
        return self.status is AlertStatus.FIRING

    @property
    def is_acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def leads(self) -> bool:
        """Can later alerts of its group stand under its card, or in a storm share its page?"""
        return self.awaits and self.lead is None and self.shown in (Shown.CARD, Shown.STORM)

    @property
    def awaits(self) -> bool:
        """Does somebody have to acknowledge it?"""
        return self.is_firing and not self.is_acknowledged and self.left_at is None

    @property
    def is_left(self) -> bool:
        """Does it fire on although people resolved its incident or its page?"""
        return self.is_firing and self.left_at is not None

    @property
    def can_be_taken(self) -> bool:
        return self.awaits or self.is_left

    @property
    def is_hidden(self) -> bool:
        """Does a silence or a composite alarm stand for it?"""
        return self.shown in (Shown.SILENCED, Shown.INHIBITED)

    @property
    def was_rung(self) -> bool:
        """Did the pager take the call to its primary? A message while it fails is none."""
        return any(one.role is Role.PRIMARY and not one.why_not for one in self.paged)

    @property
    def waits_since(self) -> datetime:
        """From when on the calls are counted."""
        return self.clock_from or self.received_at

    def changed(self, **values: Any) -> Self:
        """This alert with some values replaced."""
        return self.model_copy(update=values)

    def lasted(self, now: datetime) -> timedelta:
        """From firing to its OK, or to `now`; never negative."""
        return max((self.over_at or now) - self.fired_at, timedelta())

    def with_decisions(self, *decisions: Decision) -> tuple[Decision, ...]:
        """The decisions with these in place of earlier ones of the same stages."""
        stages = {decision.stage for decision in decisions}
        return (*(each for each in self.decisions if each.stage not in stages), *decisions)


class Head(Stored):
    """The newest that is known of a dedup key: the row of the deduplication table.

    `number` is its newest alert, None for an alarm that was only seen OK; until `expires_at` a new ALARM is the same
    alert again.
    """

    key: str
    number: int | None = None
    state: AlarmState
    changed_at: datetime
    expires_at: datetime
    version: int = 0


class Silence(Stored):
    """Alarms that match `pattern` are not shown until `ends_at`; with a `key`, only the alarm with that dedup key.

    `by` is a user id; `ended_by` who ended it early.
    """

    id: str
    pattern: str
    key: str = ""
    by: str
    why: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    version: int = 0

    @property
    def is_active(self) -> bool:
        return self.ended_at is None

    def covers(self, alarm: Alarm, now: datetime) -> bool:
        if not self.is_active or not self.starts_at <= now < self.ends_at:
            return False
        return alarm.key == self.key if self.key else fits(self.pattern, alarm.name)

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)


class Storm(Stored):
    """How many new alerts a channel gets. `began_at` is set while it is a storm.

    window, recent   since when is counted, and how many came since then
    alerts, hidden   how many the storm brought, and how many of them have no card
    services         how many by service; `severities` by severity number
    carded           the worst severity number of each service and environment that has a card
    """

    channel: str
    window: datetime
    recent: int = 0
    began_at: datetime | None = None
    newest_at: datetime | None = None
    ended_at: datetime | None = None
    alerts: int = 0
    shown: int = 0
    hidden: int = 0
    services: dict[str, int] = Field(default_factory=dict)
    severities: dict[int, int] = Field(default_factory=dict)
    carded: dict[str, int] = Field(default_factory=dict)
    version: int = 0

    @property
    def is_on(self) -> bool:
        return self.began_at is not None and self.ended_at is None

    @property
    def id(self) -> str:
        """What its summary message is known by."""
        began = self.began_at or self.window
        return f"storm:{self.channel}:{int(began.timestamp())}"

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)


def fits(pattern: str, text: str) -> bool:
    """Does a glob, or a regular expression between slashes, describe the text? Upper and lower case are the same."""
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/"):
        return re.compile(pattern[1:-1], re.IGNORECASE)
    return re.compile(r"\A" + translate(pattern), re.IGNORECASE)
