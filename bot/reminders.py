"""Reminding the owners of post-mortems and action items, and the channel of what is overdue.

A timer says when; what is said is decided on how things stand by then, so that one reminder comes after any downtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from blocks import action_items as look
from blocks.action_items import Late, Subject, Told
from bot import draft
from bot.access import Right
from bot.casefile import CaseFile
from bot.config import Config
from bot.errors import Refused
from bot.ledger import Ledger
from bot.models import ActionItem, Change, Incident, Message, PersonKind, PostMortem
from bot.owed import Target
from bot.owed import aftermath as owed
from bot.rights import Caller, Rights
from bot.steps import aftermath as steps
from bot.steps.reminders import Rhythm, daily

_MANAGER_AFTER = 3  # so many times as often as what is overdue is named


class Reminder(NamedTuple):
    """What is to be said to whom; `message` None: nothing now."""

    channel: str
    message: Message | None
    follow: Callable[[], Change | None]


class Snoozed(NamedTuple):
    """When somebody is reminded again; `is_late`: after it is due."""

    until: datetime
    is_late: bool


class Reminders:
    """What time does to post-mortems and action items, and what people do about being reminded.

    `link` leads from an id to where that stands in Slack, empty where it stands nowhere.
    """

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

    def told(self, subject: str, link: Callable[[str], str]) -> Reminder:
        """What its owner is told now, and when they are told again."""
        found, now = self.subject(subject), self._ledger.clock()
        rhythm = self._rhythm(found)
        if not found.is_open or (isinstance(found, PostMortem) and found.due_at is None):
            return Reminder("", None, lambda: None)
        if found.owner is None or not self._is_here(found.owner):
            return Reminder("", None, lambda: Change(owed=(owed.unowned(now),)))
        if rhythm.is_quiet(now):
            return Reminder("", None, lambda: steps.timed(self.subject(subject), rhythm.next_morning(now)))
        message = look.reminder(self._facts(found, link), now, now.astimezone(rhythm.zone).date())
        return Reminder(found.owner, message, self._after(subject, rhythm))

    def _facts(self, found: Subject, link: Callable[[str], str]) -> Told:
        incident = self._store.incident(found.incident)
        if isinstance(found, ActionItem):
            return Told(found, incident, link(incident.id))
        known = self._case.known(incident, found, with_names=False)
        near = min(self._config.post_mortems.remind)
        where = link(found.id) or link(incident.id)
        return Told(found, incident, where, tuple(draft.missing(known, found)), near)

    def became(self, subject: str, user: str, until: datetime | None) -> Message:
        """What an earlier reminder shows by now. `until`: its owner is reminded again then."""
        return look.became(self.subject(subject), user, until)

    def _after(self, subject: str, rhythm: Rhythm) -> Callable[[], Change | None]:
        def follow() -> Change | None:
            found, now = self.subject(subject), self._ledger.clock()
            after = found.changed(reminded_at=now)
            change = Change(post_mortems=(after,)) if isinstance(after, PostMortem) else Change(action_items=(after,))
            return change + steps.timed(after, rhythm.next_for(after, now))

        return follow

    def overdue(self) -> None:
        """Again and again, in the incident channel."""

        def step(now: datetime) -> tuple[None, Change | None]:
            if not self._is_any():
                return None, None
            written, items = self._late(now)
            rows = (owed.overdue(),) if written or items else ()
            return None, daily(now, self._case.rhythm_of(None, "")) + Change(owed=rows)

        self._ledger.decide(step, "what is overdue")

    def told_unowned(self, link: Callable[[str], str]) -> Reminder:
        """All that nobody has, for the channel; it is asked again with what is overdue."""
        open_ones: list[Subject] = [*self._store.open_post_mortems(), *self._store.open_action_items()]
        found = [one for one in open_ones if self._is_unowned(one)]
        if not found:
            return Reminder(Target.OPS, None, lambda: None)
        message = look.unowned([look.Unowned(one, link(one.about)) for one in found])
        return Reminder(Target.OPS, message, lambda: self._asked([one.id for one in found]))

    def _is_unowned(self, found: Subject) -> bool:
        if not found.is_open or (isinstance(found, PostMortem) and found.due_at is None):
            return False
        return found.owner is None or not self._is_here(found.owner)

    def _asked(self, subjects: Sequence[str]) -> Change:
        """All of them are asked about again at one time, unless somebody has them by now."""
        now = self._ledger.clock()
        again = self._case.rhythm_of(None, "").again(now)
        found = (self.subject(one) for one in subjects)
        return Change.joined([steps.timed(one, again) for one in found if self._is_unowned(one)])

    def told_overdue(self, link: Callable[[str], str]) -> Reminder:
        """What the channel is told is overdue."""
        now = self._ledger.clock()
        written, items = self._late(now)
        if not written and not items:
            return Reminder(Target.OPS, None, lambda: None)
        shown = [self._of_post_mortem(one, now, link) for one in written[: look.NAMED]]
        shown += [Late(one, self._store.incident(one.incident), link(one.about)) for one in items[: look.NAMED]]
        message = look.overdue(shown, len(written) + len(items) - len(shown), now)
        return Reminder(Target.OPS, message, lambda: None)

    def _late(self, now: datetime) -> tuple[list[PostMortem], list[ActionItem]]:
        today = now.astimezone(self._config.zone("")).date()
        written = [one for one in self._store.open_post_mortems() if one.is_overdue(now)]
        return written, [one for one in self._store.open_action_items() if one.is_overdue(today)]

    def _of_post_mortem(self, written: PostMortem, now: datetime, link: Callable[[str], str]) -> Late:
        """The commander is mentioned beside the owner, and after a while the manager."""
        incident = self._store.incident(written.incident)
        assert written.due_at is not None
        is_long = now - written.due_at >= _MANAGER_AFTER * self._config.reminders.again
        manager = self._manager(incident) if is_long else None
        return Late(written, incident, link(written.id) or link(incident.id), incident.commander, manager)

    def _is_any(self) -> bool:
        return bool(self._store.open_post_mortems(limit=1) or self._store.open_action_items(limit=1))

    def _manager(self, incident: Incident) -> str | None:
        return self._config.service(incident.service).on_call.manager or self._config.on_call.manager

    # -- people

    def snooze(self, caller: Caller, subject: str, how: str) -> Snoozed:
        """Remind me later. Only whoever owns it is reminded."""
        self._rights.need(caller, Right.READ)
        rhythm = self._case.rhythm_of(caller.user_id, "")

        def step(now: datetime) -> tuple[Snoozed, Change | None]:
            found = self.need_own(caller, subject)
            until = rhythm.snoozed(how, now)
            change = steps.timed(found, until) + Change(owed=(owed.reminded(found, caller.user_id, until),))
            return Snoozed(until, _is_late(found, until, rhythm)), change

        return self._ledger.decide(step, subject)

    def need_own(self, caller: Caller, subject: str) -> Subject:
        """Raises Refused where it is done or somebody else's by now."""
        found = self.subject(subject)
        self._need_open(found)
        if caller.user_id != found.owner:
            who = self._case.name_of(found.owner) if found.owner else "nobody"
            raise Refused(f"{look.named(found)}: {who} owns it now.")
        return found

    def _need_open(self, found: Subject) -> None:
        if not found.is_open:
            raise Refused(f"{look.named(found)} is done; nobody is reminded any more.")

    def _is_here(self, user: str) -> bool:
        return self._rights.person(Caller(user)).kind is not PersonKind.GONE

    def _rhythm(self, found: Subject) -> Rhythm:
        return self._case.rhythm_of(found.owner, self._store.incident(found.incident).service)


def _is_late(found: Subject, until: datetime, rhythm: Rhythm) -> bool:
    if isinstance(found, ActionItem):
        return until.astimezone(rhythm.zone).date() > found.due
    return found.due_at is not None and until > found.due_at
