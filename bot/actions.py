"""Action items: what has to be done so that it does not happen again, by whom and by when.

Where GitHub is configured each becomes an issue, once, by a row of the outbox. Done on one side, it is done on the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from blocks.text import one_line
from bot.access import Right
from bot.casefile import CaseFile
from bot.dates import due_day
from bot.draft import inert
from bot.errors import InvalidInput
from bot.ledger import Ledger
from bot.models import ActionItem, Change
from bot.owed import aftermath as owed
from bot.ports import Ticket
from bot.rights import Caller, Rights
from bot.steps import aftermath as steps
from bot.steps.reminders import daily

LABEL = "incident-action-item"
LOOK_EVERY = timedelta(minutes=15)
_TITLE = 250


class Asked(NamedTuple):
    """An action item as somebody asks for it; `due` in their words, `owner` None for themselves."""

    title: str
    owner: str | None
    due: str
    priority: int = 2
    source: str = ""


class Done(NamedTuple):
    """The action item as it stands, and whether this call changed it."""

    item: ActionItem
    changed: bool = True


class Actions:
    """`is_tracked`: they become issues."""

    def __init__(self, ledger: Ledger, rights: Rights, case: CaseFile, *, is_tracked: bool) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._case = case
        self.is_tracked = is_tracked

    def open(self, caller: Caller) -> list[ActionItem]:
        """By the day they are due."""
        self._rights.need(caller, Right.READ)
        return self._store.open_action_items()

    def today(self, caller: Caller) -> date:
        """The day it is for this person."""
        return self._ledger.clock().astimezone(self._case.zone_of(caller.user_id, "")).date()

    def add(self, caller: Caller, number: int, asked: Asked) -> ActionItem:
        incident = self._store.incident(number)
        self._rights.need(caller, Right.RESPOND, incident)
        title = one_line(asked.title)
        if not title or len(title) > _TITLE:
            raise InvalidInput("title", f"Say what is to be done, in up to {_TITLE} characters.")
        if not 1 <= asked.priority <= 4:
            raise InvalidInput("priority", "The priority is P1, P2, P3 or P4.")
        owner = asked.owner or caller.user_id
        self._rights.need_owner(owner)
        due = due_day(asked.due, self.today(caller))
        now = self._ledger.clock()
        item = ActionItem(
            number=self._store.next_action_number(),
            incident=number,
            title=title,
            owner=owner,
            due=due,
            priority=asked.priority,
            created_by=caller.user_id,
            created_at=now,
            source=asked.source,
        )
        zone = self._case.zone_of(owner, incident.service)
        change = steps.added(item, incident, now, zone, is_tracked=self.is_tracked)
        morning = daily(now, self._case.zone_of(None, ""))
        self._ledger.save(change + self._shown(number) + morning, now)
        return item

    def close(self, caller: Caller, number: int) -> Done:
        """Its owner, or whoever may respond to its incident."""

        def step(now: datetime) -> tuple[Done, Change | None]:
            item = self._store.action_item(number)
            incident = self._store.incident(item.incident)
            is_mine = caller.user_id == item.owner
            self._rights.need(caller, Right.READ if is_mine else Right.RESPOND, incident)
            return self._closed(item, now, caller.user_id)

        return self._ledger.decide(step, f"AI-{number}")

    def _closed(self, item: ActionItem, now: datetime, by: str | None, via: str = "") -> tuple[Done, Change | None]:
        change = steps.closed(item, self._store.incident(item.incident), now, by, via)
        if change is None:
            return Done(item, changed=False), None
        return Done(change.action_items[0]), change + self._shown(item.incident)

    def _shown(self, incident: int) -> Change:
        """The card of the post-mortem lists them."""
        written = self._store.post_mortem_of(incident)
        if written is None:
            return Change()
        return Change(owed=owed.cards(written, self._store.incident(incident)))

    # -- the tracker

    def look_at(self) -> datetime:
        """When an issue is looked at again."""
        return self._ledger.clock() + LOOK_EVERY

    def issue(self, number: int, link: str) -> tuple[ActionItem, str, str]:
        """What is to be tracked: the item, the issue's title and its body. `link` leads to the incident."""
        item = self._store.action_item(number)
        incident = self._store.incident(item.incident)
        owner = self._case.name_of(item.owner)
        lines = [
            f"From [{incident.id}]({link})" if link else f"From {incident.id}",
            f"({incident.severity.label}, {inert(incident.service)}): {inert(incident.impact, 500)}",
            "",
            f"- Owner: {inert(owner)}",
            f"- Due: {item.due}",
            f"- Priority: P{item.priority}",
        ]
        lines += [f"- Said here: {item.source}"] if item.source else []
        lines += ["", f"What fixed the incident: {inert(incident.resolution, 500)}"] if incident.resolution else []
        return item, f"{item.id}: {item.title}", "\n".join([" ".join(lines[:2]), *lines[2:]])

    def tracked(self, number: int, ticket: Ticket) -> Change | None:
        """It has an issue: that is followed from now on, or closed where the item was done meanwhile."""
        item = self._store.action_item(number)
        if item.ticket == ticket.number:
            return None
        after = item.changed(ticket=ticket.number, url=ticket.url)
        next_row = owed.ticket(after, "follow", self.look_at()) if after.is_open else owed.ticket(after, "close")
        return Change(action_items=(after,), owed=(next_row,)) + self._shown(item.incident)

    def seen(self, number: int, ticket: Ticket) -> Callable[[], Change | None]:
        """How its issue stands: looked at again later, or closed here too."""

        def follow() -> Change | None:
            item = self._store.action_item(number)
            if not item.is_open:
                return None
            if ticket.is_open:
                return Change(owed=(owed.ticket(item, "follow", self.look_at()),))
            return self._closed(item, self._ledger.clock(), None, "its issue was closed")[1]

        return follow
