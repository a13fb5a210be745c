"""Carries what is owed to an incident: templates, cards, notes, and its own channel."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Sequence

from blocks import notes, templates
from blocks.card import card
from blocks.text import foreign
from bot.cards import Cards
from bot.carriers.common import NEEDLESS, Messenger, Settlement
from bot.carriers.fixes import what_is_known
from bot.config import Config
from bot.errors import ChatError, DeliveryError
from bot.models import (
    Change,
    Delivery,
    EventKind,
    Incident,
    Message,
    MessageRef,
    Owed,
    OwedKind,
    Posted,
    TimelineEvent,
)
from bot.owed import Target
from bot.owed import incidents as owed
from bot.ports import Chat, Clock
from bot.store import Store

log = logging.getLogger(__name__)

_COMFORT = frozenset({OwedKind.TOPIC, OwedKind.PIN, OwedKind.BOOKMARK, OwedKind.INVITE})
_DOES_WITHOUT = frozenset({"unknown_method", "missing_scope", "method_not_supported_for_channel_type"})
_TEMPLATES = frozenset({OwedKind.DECLARED, OwedKind.RESOLVED})
_ARCHIVED = frozenset({"is_archived", "is_inactive"})  # the latter is chat.update's word for it
_CHANNEL_NAME = 80  # https://docs.slack.dev/reference/methods/conversations.create
_TOPIC = 250
_NAME_TRIES = 5


class IncidentCarriers:
    """One method a kind. Raises ChatError where Slack did not take it."""

    def __init__(self, store: Store, chat: Chat, cards: Cards, config: Config, ops_channel: str, clock: Clock) -> None:
        self._store = store
        self._chat = chat
        self._cards = cards
        self._config = config
        self._messenger = Messenger(chat, ops_channel)
        self._clock = clock
        self._carry: dict[OwedKind, Callable[[Delivery], Settlement]] = {
            OwedKind.POST: self._post,
            OwedKind.DECLARED: self._declared,
            OwedKind.RESOLVED: self._resolved,
            OwedKind.CARD: self._card,
            OwedKind.CHANNEL: self._channel,
            OwedKind.TOPIC: self._topic,
            OwedKind.INVITE: self._invite,
            OwedKind.PIN: self._pin,
            OwedKind.BOOKMARK: self._bookmark,
        }

    def takes(self, owed: Owed) -> bool:
        return owed.kind in self._carry and owed.subject.startswith("INC-")

    def carry(self, delivery: Delivery) -> Settlement:
        """Do it. What can't be and need not be is left out, with a line in the log.

        That is a method of comfort that a server or installation lacks, and anything for an incident channel that
        people have archived.
        """
        kind = delivery.owed.kind
        try:
            settlement = self._carry[kind](delivery)
        except ChatError as error:
            if kind in _COMFORT and error.code in _DOES_WITHOUT:
                log.warning("doing without %s for %s: %s", kind, delivery.owed.subject, error)
                return Settlement()
            if error.code in _ARCHIVED and self._is_for_own_channel(delivery):
                log.info("the channel of %s is archived: no %s there", delivery.owed.subject, kind)
                return Settlement()
            raise
        return self._noting_repair(delivery, settlement)

    def _is_for_own_channel(self, delivery: Delivery) -> bool:
        row = delivery.owed
        if row.kind in _COMFORT or row.body.get("target") == Target.OWN:
            return True
        return "channel" in row.body and row.body["channel"] == self._store.incident(_number(delivery)).channel_id

    # -- messages

    def _post(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        message = Message(body["text"], body["blocks"])
        if not body.get("thread"):
            self._messenger.once(delivery, body["channel"], message)
            return Settlement()
        card_at = self._store.posted(delivery.owed.subject, Target.OPS)
        if card_at is None and body["broadcast"]:
            self._messenger.once(
                delivery, self._messenger.ops, message
            )  # the channel's order is worth more than the thread
            return Settlement()
        if card_at is None:
            raise ChatError("card_not_posted", retryable=True, detail="its card comes first")
        place = MessageRef(card_at.channel_id, card_at.ts)
        self._messenger.once(
            delivery, place.channel_id, message, thread_ts=place.ts, broadcast=body.get("broadcast", False)
        )
        return Settlement()

    def _declared(self, delivery: Delivery) -> Settlement:
        incident = Incident.model_validate(delivery.owed.body["incident"])
        bridge = self._cards.bridge(self._store.incident(incident.number))
        return self._template(delivery, templates.declared(incident, bridge))

    def _resolved(self, delivery: Delivery) -> Settlement:
        incident = Incident.model_validate(delivery.owed.body["incident"])
        return self._template(delivery, templates.resolved(incident, self._config.post_mortems.due_at))

    def _template(self, delivery: Delivery, message: Message) -> Settlement:
        ref = self._messenger.once(delivery, self._messenger.ops, message)
        target = f"{Target.TEMPLATE}:{delivery.owed.kind}"
        return Settlement((Posted(subject=delivery.owed.subject, target=target, channel_id=ref.channel_id, ts=ref.ts),))

    def _card(self, delivery: Delivery) -> Settlement:
        """1. render from the row as it is now, 2. edit in place, 3. post anew where the old one is lost."""
        incident = self._store.incident(_number(delivery))
        target = Target(delivery.owed.body["target"])
        message = card(self._cards.facts(incident))
        place = self._store.posted(incident.id, target)
        channel = self._messenger.ops if target is Target.OPS else incident.channel_id
        if channel is None:
            return NEEDLESS
        posted = self._messenger.show(delivery, place, channel, message, target=target)
        if posted is None or target is Target.OPS:
            return Settlement((posted,) if posted else ())
        return Settlement((posted,), lambda: Change(owed=(owed.pin(incident, posted.channel_id, posted.ts),)))

    # -- the incident's own channel

    def _channel(self, delivery: Delivery) -> Settlement:
        number = _number(delivery)
        incident = self._store.incident(number)
        if incident.channel_id is not None or not incident.is_open:
            return Settlement()
        name, channel_id = self._create(incident, delivery)

        def follow() -> Change:
            now = self._clock()
            if self._store.incident(number).channel_id is not None:
                return Change()
            current = self._store.incident(number).changed(channel_id=channel_id, channel_name=name)
            event = TimelineEvent(incident=number, at=now, kind=EventKind.CHANNEL, text=f"channel #{name} opened")
            invited = [*current.responders, *self._standing_invitations(current)]
            rows = owed.furnishing(current, self._cards.bookmarks(current), invited)
            known = [row.model_copy(update={"after": rows[0].id}) for row in what_is_known(self._store, current)]
            return Change(incidents=(current,), timeline=(event,), owed=(*rows, *known, *owed.cards(current)[:1]))

        return Settlement(follow=follow)

    def _standing_invitations(self, incident: Incident) -> tuple[str, ...]:
        return (*self._config.channels.invite, *self._config.service(incident.service).responders)

    def _create(self, incident: Incident, delivery: Delivery) -> tuple[str, str]:
        """A taken name gets a suffix; after a lost answer the channel may be ours already."""
        wanted = channel_name(self._config.channels.name, incident)
        names = [wanted, *(f"{wanted[: _CHANNEL_NAME - 2]}-{n}" for n in range(2, _NAME_TRIES + 1))]
        found = self._find_channel(names) if delivery.in_doubt else None
        if found is not None:
            return found
        for name in names:
            try:
                return name, self._chat.create_channel(name)
            except ChatError as error:
                if error.code != "name_taken":
                    raise
        raise ChatError("name_taken", detail=f"#{wanted} and its variants exist already")

    def _find_channel(self, names: Sequence[str]) -> tuple[str, str] | None:
        try:
            return self._chat.find_channel(names)
        except ChatError as error:
            if error.retryable:
                raise
            log.warning("can't see whether #%s was made already: %s", names[0], error)
            return None

    def _topic(self, delivery: Delivery) -> Settlement:
        incident = self._store.incident(_number(delivery))
        if incident.channel_id:
            facts = [incident.id, incident.severity.label, incident.service, incident.status, incident.impact]
            self._chat.set_topic(incident.channel_id, foreign(" · ".join(facts), _TOPIC))
        return Settlement()

    def _invite(self, delivery: Delivery) -> Settlement:
        incident = self._store.incident(_number(delivery))
        users: list[str] = []
        for one in delivery.owed.body["users"]:
            users += self._members(one) if one.startswith("S") else [one]
        if incident.channel_id and users:
            self._chat.invite(incident.channel_id, list(dict.fromkeys(users)))
        return Settlement()

    def _members(self, group_id: str) -> list[str]:
        """A group that can't be read must not keep the others out."""
        try:
            return self._chat.group_members(group_id)
        except ChatError as error:
            if error.retryable:
                raise
            log.warning("can't invite the user group %s: %s", group_id, error)
            return []

    def _pin(self, delivery: Delivery) -> Settlement:
        self._chat.pin(MessageRef(delivery.owed.body["channel_id"], delivery.owed.body["ts"]))
        return Settlement()

    def _bookmark(self, delivery: Delivery) -> Settlement:
        incident = self._store.incident(_number(delivery))
        if incident.channel_id:
            self._chat.bookmark(incident.channel_id, delivery.owed.body["title"], delivery.owed.body["url"])
        return Settlement()

    # -- when Slack does not take it

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """What a failure that won't pass by itself changes: a line on the timeline, and the card that shows it."""
        if delivery.owed.kind is OwedKind.CARD:
            return None
        incident = self._store.incident(_number(delivery))
        event = self._event(incident, EventKind.TROUBLE, f"Slack did not take the {delivery.owed.kind}: {error}")
        rows = owed.cards(incident)
        if delivery.owed.kind in _TEMPLATES:
            rows = (*rows, *owed.direct(incident, notes.not_shown(incident, self._messenger.ops, str(error))))
        return Change(timeline=(event,), owed=rows)

    def _noting_repair(self, delivery: Delivery, settlement: Settlement) -> Settlement:
        if not delivery.was_shown or delivery.owed.kind is OwedKind.CARD:
            return settlement
        number = _number(delivery)

        def follow() -> Change:
            change = (settlement.follow() if settlement.follow else None) or Change()
            incident = self._store.incident(number)
            event = self._event(incident, EventKind.REPAIRED, f"{delivery.owed.kind} done after all")
            return change.model_copy(
                update={"timeline": (*change.timeline, event), "owed": (*change.owed, *owed.cards(incident))}
            )

        return Settlement(settlement.posted, follow)

    def _event(self, incident: Incident, kind: EventKind, text: str) -> TimelineEvent:
        return TimelineEvent(incident=incident.number, at=self._clock(), kind=kind, text=text)


def channel_name(pattern: str, incident: Incident) -> str:
    """`inc-42-checkout-api`: Slack allows lower-case letters, digits, `-` and `_`, 80 at most.

    A long service is cut, never the number.
    """
    service = _slug(incident.service)
    room = _CHANNEL_NAME - len(pattern.format(number=incident.number, service=""))
    return _slug(pattern.format(number=incident.number, service=service[: max(room, 0)]))[:_CHANNEL_NAME].strip("-_")


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-_")


def _number(delivery: Delivery) -> int:
    return int(delivery.owed.subject.removeprefix("INC-"))
