"""Reminding the owners of post-mortems and action items, and the channel of what is overdue.

A timer says when; what is said is decided on how things stand by then, so that one reminder comes after any downtime.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from blocks import action_items as look
from bot.access import Right
from bot.casefile import CaseFile
from bot.config import Config
from bot.errors import Refused
from bot.ledger import Ledger
from bot.models import ActionItem, Change, Message, PersonKind, PostMortem
from bot.owed import Target
from bot.owed import aftermath as owed
from bot.owed import alerts as owed_to_alert
from bot.rights import Caller, Rights
from bot.steps import aftermath as steps
from bot.steps.reminders import daily, is_night, next_for, next_morning, snoozed

Subject = PostMortem | ActionItem
_MANAGER_AFTER = timedelta(days=3)


class Reminder(NamedTuple):
    """What is to be said to whom; `message` None: nothing now."""

    channel: str
    message: Message | None
    follow: Callable[[], Change | None]


class Reminders:
    """What time does to post-mortems and action items, and what people do about being reminded."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, case: CaseFile) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._config = config
        self._case = case

    def subject(self, subject: str) -> Subject:
        """`PM-4` or `AI-3`."""
        kind, _, number = subject.partition("-")
        if not number.isdigit() or kind not in ("PM", "AI"):
            raise Refused("This button belongs to nothing I know.")
        return self._store.action_item(int(number)) if kind == "AI" else self._store.post_mortem(int(number))

    # -- time

    def due(self, subject: str) -> None:
        """Its timer is due: a reminder is owed."""

        def step(now: datetime) -> tuple[None, Change | None]:
            found = self.subject(subject)
            return None, Change(owed=(owed.reminder(found),)) if found.is_open else None

        self._ledger.decide(step, subject)

    def told(self, subject: str) -> Reminder:
        """What its owner is told now, and when they are told again."""
        found, now = self.subject(subject), self._ledger.clock()
        zone = self._zone(found)
        if not found.is_open or (isinstance(found, PostMortem) and found.due_at is None):
            return Reminder("", None, lambda: None)
        if found.owner is None or not self._is_here(found.owner):
            why = "nobody owns it" if found.owner is None else "the one who had it is not in this workspace any more"
            return Reminder(Target.OPS, look.nobody(found, why), self._after(subject, zone))
        if is_night(now, zone):
            return Reminder("", None, lambda: steps.timed(self.subject(subject), next_morning(now, zone)))
        message = look.reminder(found, now, now.astimezone(zone).date())
        return Reminder(found.owner, message, self._after(subject, zone))

    def _after(self, subject: str, zone: ZoneInfo) -> Callable[[], Change | None]:
        def follow() -> Change | None:
            found, now = self.subject(subject), self._ledger.clock()
            after = found.changed(reminded_at=now)
            change = Change(post_mortems=(after,)) if isinstance(after, PostMortem) else Change(action_items=(after,))
            return change + steps.timed(after, next_for(after, now, zone))

        return follow

    def overdue(self) -> None:
        """Once a day, in the incident channel."""

        def step(now: datetime) -> tuple[None, Change | None]:
            written = [one for one in self._store.open_post_mortems() if one.is_overdue(now)]
            today = now.astimezone(self._config.zone("")).date()
            items = [one for one in self._store.open_action_items() if one.is_overdue(today)]
            again = daily(now, self._config.zone("")) if self._is_any() else None
            if not written and not items:
                return None, again
            message = look.overdue([(one, self._others(one, now)) for one in written], items, now)
            return None, (again or Change()) + Change(owed=(owed_to_alert.post(Target.OPS, message),))

        self._ledger.decide(step, "what is overdue")

    def _is_any(self) -> bool:
        return bool(self._store.open_post_mortems(limit=1) or self._store.open_action_items(limit=1))

    def _others(self, written: PostMortem, now: datetime) -> list[str]:
        """Who is mentioned beside the owner: the commander, and after three days the manager."""
        incident = self._store.incident(written.incident)
        assert written.due_at is not None
        others = [incident.commander]
        if now - written.due_at >= _MANAGER_AFTER:
            others.append(self._manager(incident.service))
        return [one for one in dict.fromkeys(others) if one and one != written.owner]

    def _manager(self, service: str) -> str | None:
        return self._config.service(service).on_call.manager or self._config.on_call.manager

    # -- people

    def snooze(self, caller: Caller, subject: str, how: str) -> datetime:
        """Remind me later; when that is."""
        self._rights.need(caller, Right.READ)
        zone = self._case.zone_of(caller.user_id, "")

        def step(now: datetime) -> tuple[datetime, Change | None]:
            found = self.subject(subject)
            self._need(caller, found)
            until = snoozed(how, now, zone)
            return until, steps.timed(found, until)

        return self._ledger.decide(step, subject)

    def _need(self, caller: Caller, found: Subject) -> None:
        if not found.is_open:
            raise Refused(f"{found.id.replace('PM-', 'The post-mortem of INC-')} is done; nobody is reminded any more.")
        if caller.user_id != found.owner:
            self._rights.need(caller, Right.RESPOND, self._store.incident(found.incident))

    def give(self, caller: Caller, number: int, owner: str) -> ActionItem:
        """An action item to somebody else."""
        self._rights.need_owner(owner)
        service = self._store.incident(self._store.action_item(number).incident).service
        zone = self._case.zone_of(owner, service)

        def step(now: datetime) -> tuple[ActionItem, Change | None]:
            item = self._store.action_item(number)
            self._need(caller, item)
            change = steps.given(item, now, owner, caller.user_id, zone)
            return (change.action_items[0] if change else item), change

        return self._ledger.decide(step, f"AI-{number}")

    def _is_here(self, user: str) -> bool:
        return self._rights.person(Caller(user)).kind is not PersonKind.GONE

    def _zone(self, found: Subject) -> ZoneInfo:
        return self._case.zone_of(found.owner, self._store.incident(found.incident).service)
