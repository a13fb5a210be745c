"""Action items: what has to be done so that it does not happen again, by whom and by when.

Where GitHub is configured each becomes an issue, once, by a row of the outbox. Done on one side, it is done on the
other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from blocks import action_items as look
from blocks.text import one_line
from bot.access import Right
from bot.casefile import CaseFile
from bot.config import Config
from bot.dates import due_day
from bot.draft import fixed_by, inert
from bot.errors import InvalidInput
from bot.ledger import Ledger
from bot.models import ActionItem, Change, Incident, Owed
from bot.owed import aftermath as owed
from bot.owed import alerts as owed_to_alert
from bot.ports import Ticket
from bot.rights import Caller, Rights
from bot.steps import aftermath as steps
from bot.steps.reminders import daily

LABEL = "incident-action-item"
_TITLE = 250
_CLOSED_THERE = "its issue was closed"


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

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, case: CaseFile, *, is_tracked: bool) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._look_every = config.action_items.look
        self._case = case
        self.is_tracked = is_tracked

    def open(self, caller: Caller) -> list[ActionItem]:
        """By the day they are due."""
        self._rights.need(caller, Right.READ)
        return self._store.open_action_items()

    def today(self, caller: Caller) -> date:
        """The day it is for this person."""
        return self._ledger.clock().astimezone(self._case.zone_of(caller.user_id, "")).date()

    def name_of(self, user: str) -> str:
        """What somebody is called."""
        return self._case.name_of(user)

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
            given_by=caller.user_id if owner != caller.user_id else None,
            due=due,
            priority=asked.priority,
            created_by=caller.user_id,
            created_at=now,
            source=asked.source,
        )
        rhythm = self._case.rhythm_of(owner, incident.service)
        change = steps.added(item, incident, now, rhythm, is_tracked=self.is_tracked)
        morning = daily(now, self._case.rhythm_of(None, ""))
        self._ledger.save(change + self.shown(number) + morning, now)
        return item

    def close(self, caller: Caller, number: int) -> Done:
        """It is done."""

        def step(now: datetime) -> tuple[Done, Change | None]:
            item, _ = self._authorised(caller, number)
            return self._closed(item, now, caller.user_id)

        return self._ledger.decide(step, f"AI-{number}")

    def move(self, caller: Caller, number: int, day: str) -> Done:
        """It is due on another day. Whoever may close it may say so; an owner who did not is told."""
        due = due_day(day, self.today(caller))

        def step(now: datetime) -> tuple[Done, Change | None]:
            item, incident = self._authorised(caller, number)
            rhythm = self._case.rhythm_of(item.owner, incident.service)
            change = steps.moved(item, incident, now, due, caller.user_id, rhythm)
            if change is None:
                return Done(item, changed=False), None
            (after,) = change.action_items
            if caller.user_id != item.owner:
                told = look.moved(item, after, caller.user_id)
                change += Change(owed=(owed_to_alert.post(item.owner, told),))
            return Done(after), change + self.shown(item.incident)

        return self._ledger.decide(step, f"AI-{number}")

    def moving(self, caller: Caller, number: int) -> ActionItem:
        """The item, where this person may say when it is due."""
        return self._authorised(caller, number)[0]

    def _authorised(self, caller: Caller, number: int) -> tuple[ActionItem, Incident]:
        """Its owner may change it, and whoever may respond to its incident."""
        item = self._store.action_item(number)
        incident = self._store.incident(item.incident)
        self._rights.need(caller, Right.READ if caller.user_id == item.owner else Right.RESPOND, incident)
        return item, incident

    def _closed(self, item: ActionItem, now: datetime, by: str | None, via: str = "") -> tuple[Done, Change | None]:
        change = steps.closed(item, self._store.incident(item.incident), now, by, via)
        if change is None:
            return Done(item, changed=False), None
        return Done(change.action_items[0]), change + self.shown(item.incident)

    def shown(self, incident: int) -> Change:
        """The card of the post-mortem lists them."""
        written = self._store.post_mortem_of(incident)
        if written is None:
            return Change()
        return Change(owed=owed.cards(written, self._store.incident(incident)))

    # -- the tracker

    def issue(self, number: int, link: str) -> tuple[ActionItem, str, str]:
        """What is to be tracked: the item, the issue's title and its body. `link` leads to the incident."""
        item = self._store.action_item(number)
        incident = self._store.incident(item.incident)
        lines = [
            f"From [{incident.id}]({link})" if link else f"From {incident.id}",
            f"({incident.severity.label}, {inert(incident.service)}): {inert(incident.impact, 500)}",
            "",
            *(f"- {name}: {value}" for name, value in self.issue_facts(item).items()),
        ]
        lines += [f"- Said here: {item.source}"] if item.source else []
        fix = fixed_by(incident, self._store.remediations_of(incident.id))
        lines += ["", f"What fixed the incident: {inert(fix, 500)}"] if fix else []
        return item, f"{item.id}: {item.title}", "\n".join([" ".join(lines[:2]), *lines[2:]])

    def issue_facts(self, item: ActionItem) -> dict[str, str]:
        """What its issue says of it that may become something else."""
        owner = inert(self._case.name_of(item.owner))
        return {"Owner": owner, "Due": f"{item.due}", "Priority": f"P{item.priority}"}

    def tracked(self, shown: ActionItem, ticket: Ticket) -> Change | None:
        """It has an issue, opened as it was `shown`: that is followed from now on, or closed where one of both was done
        meanwhile, and says what changed meanwhile."""
        item, now = self._store.action_item(shown.number), self._ledger.clock()
        after = item.changed(ticket=ticket.number, url=ticket.url)
        if not ticket.is_open and after.is_open:
            return self._closed(after, now, None, _CLOSED_THERE)[1]
        rows = [self._look(now) if after.is_open else owed.ticket(after, "close")]
        rows += [owed.ticket(after, "revise")] if (after.owner, after.due) != (shown.owner, shown.due) else []
        if item == after:
            return Change(owed=tuple(rows))
        return Change(action_items=(after,), owed=tuple(rows)) + self.shown(item.incident)

    def open_tickets(self) -> dict[int, int]:
        """The open action items that have an issue: their numbers by its number."""
        return {one.ticket: one.number for one in self._store.open_action_items() if one.ticket is not None}

    def seen(self, closed: Sequence[int], looked_at: datetime) -> Callable[[], Change | None]:
        """Which issues are closed, as of when: their items are done; the others are looked at again later."""

        def follow() -> Change | None:
            open_tickets, change = self.open_tickets(), Change()
            for ticket in closed:
                number = open_tickets.pop(ticket, None)
                if number is not None:
                    item = self._store.action_item(number)
                    change += self._closed(item, self._ledger.clock(), None, _CLOSED_THERE)[1] or Change()
            return change + Change(owed=(self._look(looked_at),)) if open_tickets else change

        return follow

    def _look(self, since: datetime) -> Owed:
        return owed.look_at_tickets(self._ledger.clock() + self._look_every, since)
