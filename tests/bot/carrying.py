"""A small Slack in memory, and a desk at which owed rows of incidents are carried to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from bot.cards import Cards
from bot.carriers.incidents import IncidentCarriers
from bot.config import Config
from bot.errors import ChatError, Outcome
from bot.models import Change, Delivery, Incident, Message, MessageRef, Owed, OwedKind, Posted
from bot.owed import incidents as owed
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW

OPS = "ops-incidents"
OPS_ID = "C0OPS"


class Said(NamedTuple):
    channel: str
    message: Message
    delivery_id: str
    thread_ts: str | None
    broadcast: bool
    at: datetime


class FakeChat:
    """The Chat port in memory. `refuse` makes the next calls of a method fail, `lose` do it and fail all the same."""

    def __init__(self) -> None:
        self.said: dict[str, Said] = {}
        self.edits: list[MessageRef] = []
        self.channels: dict[str, str] = {}
        self.topics: dict[str, str] = {}
        self.invited: list[tuple[str, list[str]]] = []
        self.groups: dict[str, list[str]] = {}
        self.pins: list[MessageRef] = []
        self.bookmarks: list[tuple[str, str, str]] = []
        self.calls: list[str] = []
        self._refusals: defaultdict[str, list[ChatError]] = defaultdict(list)
        self._losses: defaultdict[str, list[ChatError]] = defaultdict(list)
        self._ids: dict[str, str] = {OPS: OPS_ID}

    def refuse(self, method: str, *errors: ChatError) -> None:
        self._refusals[method] += errors

    def lose(self, method: str, error: ChatError) -> None:
        self._losses[method].append(error)

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        if self._refusals[method]:
            raise self._refusals[method].pop(0)

    def _end(self, method: str) -> None:
        if self._losses[method]:
            raise self._losses[method].pop(0)

    def post(
        self,
        channel: str,
        message: Message,
        *,
        delivery_id: str,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> MessageRef:
        self._begin("post")
        ts = f"{1700000000 + len(self.said)}.000100"
        place = self._ids.get(channel, channel)
        self.said[ts] = Said(place, message, delivery_id, thread_ts, broadcast, NOW)
        self._end("post")
        return MessageRef(place, ts)

    def link(self, channel_id: str, ts: str) -> str:
        return f"https://slack.example/{channel_id}/{ts}"

    def find(
        self, channel: str, delivery_id: str, *, since: datetime, thread_ts: str | None = None
    ) -> MessageRef | None:
        self._begin("find")
        place = self._ids.get(channel, channel)
        for ts, said in self.said.items():
            where = (said.channel, said.thread_ts, said.delivery_id)
            if where == (place, thread_ts, delivery_id) and said.at >= since:
                return MessageRef(place, ts)
        return None

    def edit(self, ref: MessageRef, message: Message) -> None:
        self._begin("edit")
        if ref.ts not in self.said:
            raise ChatError("message_not_found")
        self.said[ref.ts] = self.said[ref.ts]._replace(message=message)
        self.edits.append(ref)

    def upload(self, channel_id: str, thread_ts: str | None, name: str, title: str, data: bytes) -> None:
        raise AssertionError("incidents upload nothing")

    def create_channel(self, name: str) -> str:
        self._begin("create_channel")
        if name in self.channels:
            raise ChatError("name_taken")
        self.channels[name] = f"C{len(self.channels)}NEW"
        self._end("create_channel")
        return self.channels[name]

    def find_channel(self, names: Sequence[str]) -> tuple[str, str] | None:
        self._begin("find_channel")
        return next(((name, self.channels[name]) for name in names if name in self.channels), None)

    def set_topic(self, channel_id: str, topic: str) -> None:
        self._begin("set_topic")
        self.topics[channel_id] = topic

    def invite(self, channel_id: str, users: Sequence[str]) -> None:
        self._begin("invite")
        self.invited.append((channel_id, list(users)))

    def group_members(self, group_id: str) -> list[str]:
        self._begin("group_members")
        return self.groups[group_id]

    def pin(self, ref: MessageRef) -> None:
        self._begin("pin")
        self.pins.append(ref)

    def bookmark(self, channel_id: str, title: str, url: str) -> None:
        self._begin("bookmark")
        self.bookmarks.append((channel_id, title, url))

    def huddle_url(self, channel: str) -> str:
        return f"https://app.slack.com/huddle/T0/{channel}"


class Desk:
    """A store, a small Slack and the carriers between them."""

    def __init__(self, store: SqliteStore, config: Config) -> None:
        self.store = store
        self.chat = FakeChat()
        self.config = config
        cards = Cards(store, config, self.chat.huddle_url, OPS)
        self.carriers = IncidentCarriers(store, self.chat, cards, config, OPS, lambda: NOW)

    def keep(self, one: Incident) -> Incident:
        self.store.save(Change(incidents=(one,)), NOW)
        return self.store.incident(one.number)

    def card_stands(self, number: int = 1, target: str = "ops", channel: str = OPS_ID, ts: str = "5.0") -> None:
        message = Message("the card", [])
        self.chat.said[ts] = Said(channel, message, "an earlier delivery", None, False, NOW - timedelta(hours=1))
        self.settle(
            Owed(kind=OwedKind.CARD, lane="x"),
            Posted(subject=f"INC-{number}", target=target, channel_id=channel, ts=ts),
        )

    def settle(self, row: Owed, *posted: Posted) -> None:
        claimed = Delivery(owed=row, attempts=1, in_doubt=False, created_at=NOW)
        self._put_into_the_outbox(claimed)
        self.store.settle(claimed, NOW, posted=posted)

    def carry(self, row: Owed, *, in_doubt: bool = False, error: str = "", is_aside: bool = False) -> Change:
        """Carry it as the outbox would, store the outcome, and give back what follows."""
        claimed = Delivery(
            owed=row,
            attempts=2 if error else 1,
            in_doubt=in_doubt,
            is_aside=is_aside,
            created_at=NOW,
            error=error,
        )
        settlement = self.carriers.carry(claimed)
        change = (settlement.follow() if settlement.follow else None) or Change()
        self._put_into_the_outbox(claimed)
        self.store.settle(claimed, NOW, posted=settlement.posted, change=change)
        return change

    def _put_into_the_outbox(self, claimed: Delivery) -> None:
        """What is settled must be there, claimed at this try."""
        row = claimed.owed.model_copy(update={"coalesce": None})
        self.store._db.write("DELETE FROM outbox WHERE id = ?", [row.id])
        self.store.save(Change(owed=(row,)), NOW)
        self.store._db.write("UPDATE outbox SET attempts = ? WHERE id = ?", [claimed.attempts, row.id])

    def carry_again(self, row: Owed, **more: Any) -> Change:
        """The first try fails with an unknown outcome, the second is in doubt."""
        with pytest.raises(ChatError) as failed:
            self.carry(row)
        assert failed.value.outcome is Outcome.UNKNOWN
        return self.carry(row, in_doubt=True, error=str(failed.value), **more)


def lost() -> ChatError:
    return ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)


def template(one: Incident) -> Owed:
    return next(row for row in owed.declaration(one) if row.kind is OwedKind.DECLARED)


def texts(desk: Desk) -> list[str]:
    return [said.message.text for said in desk.chat.said.values()]
