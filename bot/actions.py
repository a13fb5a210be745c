"""Action items: what has to be done so that it does not happen again, by whom and by when.

Where GitHub is configured each becomes an issue, once, by a row of the outbox. Done or reopened on one side, it is so
on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from bot.models import ActionItem, Change, Incident, Owed, PostMortemStatus
from bot.owed import aftermath as owed
from bot.owed import alerts as owed_to_alert
from bot.ports import Ticket
from bot.rights import Caller, Rights
from bot.steps import aftermath as steps
from bot.steps.reminders import daily

LABEL = "incident-action-item"
_TITLE = 250
_CLOSED_THERE = "its issue was closed"
_REOPENED_THERE = "its issue was reopened"


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
    """`is_tracked`: they become issues, at which is looked so often."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, case: CaseFile, *, is_tracked: bool) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self.look_every = config.action_items.look
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
        self._ledger.save(change + self._changed(number) + morning, now)
        return item

    def close(self, caller: Caller, number: int) -> Done:
        """It is done."""

        def step(now: datetime) -> tuple[Done, Change | None]:
            item, _ = self._authorised(caller, number)
            return self._closed(item, now, caller.user_id)

        return self._ledger.decide(step, f"AI-{number}")

    def reopen(self, caller: Caller, number: int) -> Done:
        """It is not done after all."""

        def step(now: datetime) -> tuple[Done, Change | None]:
            item, _ = self._authorised(caller, number)
            return self._reopened(item, now, caller.user_id)

        return self._ledger.decide(step, f"AI-{number}")

    def give(self, caller: Caller, number: int, owner: str) -> Done:
        """To somebody else."""
        self._rights.need_owner(owner)
        service = self._store.incident(self._store.action_item(number).incident).service
        rhythm = self._case.rhythm_of(owner, service)

        def step(now: datetime) -> tuple[Done, Change | None]:
            item, incident = self._authorised(caller, number)
            change = steps.given(item, incident, now, owner, caller.user_id, rhythm)
            if change is None:
                return Done(item, changed=False), None
            return Done(change.action_items[0]), change + self._changed(item.incident)

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
            return Done(after), change + self._changed(item.incident)

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
        return Done(change.action_items[0]), change + self._changed(item.incident)

    def _reopened(self, item: ActionItem, now: datetime, by: str | None, via: str = "") -> tuple[Done, Change | None]:
        """Its owner is told, unless they did it; its issue is followed again."""
        incident = self._store.incident(item.incident)
        rhythm = self._case.rhythm_of(item.owner, incident.service)
        change = steps.reopened(item, incident, now, by, rhythm, via)
        if change is None:
            return Done(item, changed=False), None
        (after,) = change.action_items
        rows = [self._look(now)] if after.ticket is not None else []
        rows += [owed_to_alert.post(after.owner, look.reopened(after, by, via))] if by != after.owner else []
        return Done(after), change + Change(owed=tuple(rows)) + self._changed(item.incident)

    def shown(self, incident: int) -> Change:
        """The card of the post-mortem lists them."""
        written = self._store.post_mortem_of(incident)
        if written is None:
            return Change()
        return Change(owed=owed.cards(written, self._store.incident(incident)))

    def _changed(self, incident: int) -> Change:
        """Of a post-mortem that was filed, the pull request's text follows too; the file in Slack is as of filing."""
        written = self._store.post_mortem_of(incident)
        if written is None or not self.is_tracked:
            return self.shown(incident)
        is_proposed = written.status is PostMortemStatus.FILED and written.url and not written.is_elsewhere
        return self.shown(incident) + Change(owed=(owed.pull_request(written),) if is_proposed else ())

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

    def tracked(self, shown: ActionItem, ticket: Ticket, *, is_after_trouble: bool = False) -> Change | None:
        """It has an issue, opened as it was `shown`: that is followed from now on. Where one of both was done
        meanwhile, the other is too, and the issue says what changed meanwhile. `is_after_trouble`: people read that it
        is not there."""
        item, now = self._store.action_item(shown.number), self._ledger.clock()
        after = item.changed(ticket=ticket.number, url=ticket.url, is_ticket_open=ticket.is_open)
        followed = Change(owed=(self._look(now),))
        if is_after_trouble:
            followed += steps.tracked(after, self._store.incident(item.incident), now)
        if not ticket.is_open and after.is_open:
            return followed + (self._closed(after, now, None, _CLOSED_THERE)[1] or Change())
        rows = [owed.ticket(after, "state")] if ticket.is_open and not after.is_open else []
        rows += [owed.ticket(after, "revise")] if (after.owner, after.due) != (shown.owner, shown.due) else []
        followed += Change(owed=tuple(rows))
        return followed if item == after else followed + Change(action_items=(after,)) + self._changed(item.incident)

    def left(self, number: int, *, is_ticket_open: bool) -> Change:
        """Its issue was closed or reopened from here, or is gone."""
        item = self._store.action_item(number)
        return Change(action_items=(item.changed(is_ticket_open=is_ticket_open),)) + self.shown(item.incident)

    def followed(self) -> dict[int, ActionItem]:
        """The action items by their issues: the open ones, and for a while those that are done."""
        since = self._ledger.clock() - steps.FOLLOWED
        done = [one for one in self._store.done_action_items() if one.closed_at is not None and one.closed_at > since]
        return {one.ticket: one for one in (*self._store.open_action_items(), *done) if one.ticket is not None}

    def seen(self, before: Mapping[int, ActionItem], found: Mapping[int, bool]) -> tuple[Change, bool]:
        """What the issues that were `found` to be open or closed mean for their items, which stood as `before`; and
        whether that was all. An item that changed during the look has to be looked at again."""
        change, is_all = Change(), True
        for ticket, is_open in found.items():
            shown = before.get(ticket)
            if shown is None or shown.is_ticket_open == is_open:
                continue
            item = self._store.action_item(shown.number)
            if item.version == shown.version:
                change += self._as_there(item.changed(is_ticket_open=is_open))
            else:
                is_all = False
        return change, is_all

    def _as_there(self, item: ActionItem) -> Change:
        """Done, or open again, as its issue is."""
        now = self._ledger.clock()
        if item.is_ticket_open:
            change = self._reopened(item, now, None, _REOPENED_THERE)[1]
        else:
            change = self._closed(item, now, None, _CLOSED_THERE)[1]
        return change or Change(action_items=(item,))

    def _look(self, since: datetime) -> Owed:
        return owed.look_at_tracker(self._ledger.clock() + self.look_every, since)
