"""What each kind of owed row does in Slack, on a small Slack of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cards import Cards
from bot.carriers.incidents import IncidentCarriers, channel_name
from bot.config import Config
from bot.errors import ChatError, Outcome
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
    Severity,
    Status,
)
from bot.owed import Target
from bot.owed import incidents as owed
from bot.store.sqlite import SqliteStore
from tests.bot.make import ANA, BOB, CY, NOW, after, incident

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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as opened:
        yield opened


@pytest.fixture
def desk(store: SqliteStore) -> Desk:
    return Desk(store, Config())


def lost() -> ChatError:
    return ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)


def template(one: Incident) -> Owed:
    return next(row for row in owed.declaration(one) if row.kind is OwedKind.DECLARED)


def texts(desk: Desk) -> list[str]:
    return [said.message.text for said in desk.chat.said.values()]


OF_ALERTS = {OwedKind.ALERT, OwedKind.STORM, OwedKind.PAGE, OwedKind.PAGER, OwedKind.EVENTS, OwedKind.MAIL}
OF_FIXES = {OwedKind.REPORT, OwedKind.PICTURE, OwedKind.FIX, OwedKind.FIX_CARD, OwedKind.PROPOSE}
OF_AFTERMATH = {
    OwedKind.AFTERMATH,
    OwedKind.POST_MORTEM,
    OwedKind.FILE,
    OwedKind.PULL_REQUEST,
    OwedKind.TICKET,
    OwedKind.REMIND,
}
OF_OTHERS = OF_ALERTS | OF_FIXES | OF_AFTERMATH | {OwedKind.DIGEST, OwedKind.BASELINE}


def test_a_carrier_is_there_for_every_kind_of_row_of_incidents(desk: Desk) -> None:
    for kind in OwedKind:
        assert desk.carriers.takes(Owed(kind=kind, lane="x", subject="INC-1")) is (kind not in OF_OTHERS)


# -- templates and posts


def test_the_declared_template_goes_to_the_incident_channel_with_the_bridge(desk: Desk) -> None:
    one = desk.keep(incident(severity=Severity.SEV1))
    desk.carry(template(one))
    [(ts, said)] = desk.chat.said.items()
    assert said.channel == OPS_ID
    assert said.message.text.startswith("🔴 *INCIDENT DECLARED — SEV-1*\n")
    assert f"*Bridge:* <https://app.slack.com/huddle/T0/{OPS}>" in said.message.text
    assert desk.store.incident_of_message(OPS_ID, ts) == one, "a thread below the template is the incident's place too"


def test_the_bridge_of_a_template_is_that_of_its_own_channel_once_there_is_one(desk: Desk) -> None:
    one = desk.keep(incident(severity=Severity.SEV1))
    desk.keep(one.changed(channel_id="C0OWN"))
    desk.carry(template(one))
    assert "*Bridge:* <https://app.slack.com/huddle/T0/C0OWN>" in texts(desk)[0]


def test_a_template_shows_the_facts_of_its_moment(desk: Desk) -> None:
    one = desk.keep(incident(severity=Severity.SEV2, commander=ANA))
    row = template(one)
    desk.keep(one.changed(severity=Severity.SEV4, commander=BOB))
    desk.carry(row)
    assert "DECLARED — SEV-2" in texts(desk)[0]
    assert f"*Commander:* <@{ANA}>" in texts(desk)[0]


def test_the_resolved_template_follows_the_end(desk: Desk) -> None:
    one = desk.keep(incident(severity=Severity.SEV3))
    over = desk.keep(one.moved(Status.RESOLVED, by=BOB, at=after(3720)))
    desk.carry(owed.resolution(over)[0])
    assert "✅ *INCIDENT RESOLVED — SEV-3*" in texts(desk)[0]
    assert "*Duration:* 01:02" in texts(desk)[0]


def test_a_note_hangs_under_the_card(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.card_stands(ts="5.0")
    [note] = owed.note(one, Message("news", []), broadcast=True)
    desk.carry(note)
    said = list(desk.chat.said.values())[-1]
    assert (said.channel, said.thread_ts, said.broadcast, said.message.text) == (OPS_ID, "5.0", True, "news")


def test_a_note_waits_for_its_card(desk: Desk) -> None:
    [note] = owed.note(desk.keep(incident()), Message("news", []))
    with pytest.raises(ChatError) as told:
        desk.carry(note)
    assert told.value.retryable
    assert desk.chat.said == {}


def test_a_note_goes_to_the_incidents_own_channel_as_well(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.card_stands()
    for row in owed.note(one, Message("news", [{"type": "divider"}])):
        desk.carry(row)
    places = [(said.channel, said.message.blocks) for said in desk.chat.said.values() if said.message.text == "news"]
    assert places == [(OPS_ID, [{"type": "divider"}]), ("C0OWN", [{"type": "divider"}])]


# -- sent once


@pytest.mark.parametrize("kind", ["template", "card", "note", "own note"])
def test_a_post_whose_answer_was_lost_is_found_by_its_metadata_and_not_sent_again(desk: Desk, kind: str) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    if kind in ("note", "own note"):
        desk.card_stands()
    rows = {
        "template": template(one),
        "card": owed.first_card(one, Target.OPS),
        "note": owed.note(one, Message("news", []))[0],
        "own note": owed.own_note(one, Message("news", [])),
    }
    before = len(desk.chat.said)
    desk.chat.lose("post", lost())
    desk.carry_again(rows[kind])
    assert len(desk.chat.said) == before + 1
    assert desk.chat.calls.count("post") == 1
    if kind in ("template", "card"):
        ts = list(desk.chat.said)[-1]
        assert desk.store.incident_of_message(OPS_ID, ts) == one, "and where it stands is known"


def test_a_post_that_never_arrived_is_sent_when_it_is_not_found(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("post", lost())
    desk.carry_again(template(one))
    assert desk.chat.calls == ["post", "find", "post"]
    assert len(desk.chat.said) == 1


def test_a_post_without_doubt_is_not_looked_for(desk: Desk) -> None:
    desk.carry(template(desk.keep(incident())))
    assert desk.chat.calls == ["post"]


def test_where_looking_is_refused_the_post_is_sent_with_a_warning(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    one = desk.keep(incident())
    desk.chat.lose("post", lost())
    desk.chat.refuse("find", ChatError("missing_scope", detail="the bot needs the scope channels:history"))
    desk.carry_again(template(one))
    assert len(desk.chat.said) == 2
    assert "may appear twice" in caplog.text
    assert "channels:history" in caplog.text


def test_where_looking_fails_in_passing_nothing_is_sent_yet(desk: Desk) -> None:
    one = desk.keep(incident())
    row = template(one)
    desk.chat.refuse("find", ChatError("ratelimited", retryable=True, retry_after=3))
    with pytest.raises(ChatError, match="ratelimited") as told:
        desk.carry(row, in_doubt=True)
    assert desk.chat.said == {}
    assert (told.value.retryable, told.value.retry_after) == (True, 3)


def test_where_looking_for_a_channel_fails_in_passing_none_is_made_yet(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("find_channel", ChatError("ratelimited", retryable=True, retry_after=3))
    with pytest.raises(ChatError, match="ratelimited"):
        desk.carry(owed.own_channel(one), in_doubt=True)
    assert desk.chat.channels == {}


def test_a_channel_with_a_suffix_that_was_made_though_the_answer_was_lost_is_used(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.channels["inc-1-checkout-api-2"] = "C0SECOND"
    desk.carry(owed.own_channel(one), in_doubt=True)
    assert desk.store.incident(1).channel_id == "C0SECOND"


def test_a_lost_card_in_the_incidents_own_channel_is_posted_anew(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.carry(owed.first_card(one, Target.OWN))
    desk.chat.refuse("edit", ChatError("message_not_found"))
    desk.carry(owed.cards(one)[1])
    assert len(desk.chat.said) == 2


def test_where_looking_for_a_channel_is_refused_one_is_made(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("find_channel", ChatError("missing_scope"))
    desk.carry(owed.own_channel(one), in_doubt=True)
    assert desk.store.incident(1).channel_id == "C0NEW"
    assert "inc-1-checkout-api" in caplog.text


@pytest.mark.logs_errors
def test_blocks_that_slack_refuses_are_left_out_and_the_text_arrives(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("post", ChatError("invalid_blocks", detail="must be less than 3001 characters"))
    desk.carry(template(one))
    [said] = desk.chat.said.values()
    assert said.message.text.startswith("🔴 *INCIDENT DECLARED")
    assert said.message.blocks == []
    assert "less than 3001 characters" in caplog.text


@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived", "msg_too_long"])
def test_any_other_refusal_is_the_outboxs_business(desk: Desk, code: str) -> None:
    desk.chat.refuse("post", ChatError(code))
    with pytest.raises(ChatError, match=code):
        desk.carry(template(desk.keep(incident())))
    assert desk.chat.calls == ["post"]


# -- cards


def test_a_first_card_is_posted_and_from_then_on_edited_in_place(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.carry(owed.first_card(one, Target.OPS))
    [ts] = desk.chat.said
    assert desk.store.posted("INC-1", "ops") == Posted(subject="INC-1", target="ops", channel_id=OPS_ID, ts=ts)

    later = desk.keep(one.moved(Status.ACKNOWLEDGED, by=BOB, at=after(60)))
    [row] = owed.cards(later)
    desk.carry(row)
    assert desk.chat.edits == [MessageRef(OPS_ID, ts)]
    assert list(desk.chat.said) == [ts]
    assert "acknowledged" in texts(desk)[0]


def test_a_card_shows_the_incident_as_it_is_now_not_as_it_was_when_owed(desk: Desk) -> None:
    one = desk.keep(incident())
    row = owed.first_card(one, Target.OPS)
    desk.keep(one.moved(Status.MONITORING, by=BOB, at=after(60)))
    desk.carry(row)
    assert "monitoring" in texts(desk)[0]


@pytest.mark.parametrize(
    "code", ["message_not_found", "edit_window_closed", "cant_update_message", "channel_not_found"]
)
def test_a_lost_card_is_posted_anew_and_that_one_is_edited_from_then_on(desk: Desk, code: str) -> None:
    one = desk.keep(incident())
    desk.card_stands(ts="5.0")
    desk.chat.refuse("edit", ChatError(code))
    desk.carry(owed.cards(one)[0])
    newest = list(desk.chat.said)[-1]
    assert newest != "5.0"
    assert desk.store.posted("INC-1", "ops") == Posted(subject="INC-1", target="ops", channel_id=OPS_ID, ts=newest)
    desk.carry(owed.cards(one)[0])
    assert desk.chat.edits == [MessageRef(OPS_ID, newest)]


def test_a_card_that_can_not_be_edited_just_now_is_not_posted_a_second_time(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.card_stands()
    desk.chat.refuse("edit", ChatError("ratelimited", retryable=True, retry_after=5))
    with pytest.raises(ChatError, match="ratelimited"):
        desk.carry(owed.cards(one)[0])
    assert "post" not in desk.chat.calls


def test_the_card_in_the_incidents_own_channel_is_pinned_there(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    change = desk.carry(owed.first_card(one, Target.OWN))
    [ts] = desk.chat.said
    assert desk.chat.said[ts].channel == "C0OWN"
    [pin] = change.owed
    assert pin.kind is OwedKind.PIN
    desk.carry(pin)
    assert desk.chat.pins == [MessageRef("C0OWN", ts)]


def test_a_card_for_a_channel_that_is_not_there_yet_is_nothing(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.carry(owed.first_card(one, Target.OWN))
    assert desk.chat.calls == []


# -- the incident's own channel


def test_an_own_channel_is_made_noted_and_furnished(store: SqliteStore) -> None:
    catalogue = {"dashboard": "https://dash.example", "runbook": "https://run.example", "responders": [BOB, "S0ONCALL"]}
    desk = Desk(store, Config.model_validate({"services": {"checkout-api": catalogue}, "channels": {"invite": [CY]}}))
    desk.chat.groups["S0ONCALL"] = [BOB, "U0DEE"]
    one = desk.keep(incident(7, severity=Severity.SEV1, responders=(ANA,)))
    change = desk.carry(owed.own_channel(one))

    stored = desk.store.incident(7)
    assert (stored.channel_id, stored.channel_name) == ("C0NEW", "inc-7-checkout-api")
    assert [event.text for _, event in desk.store.timeline(7, limit=9)] == ["channel #inc-7-checkout-api opened"]
    assert {row.kind for row in change.owed} == {
        OwedKind.CARD,
        OwedKind.INVITE,
        OwedKind.TOPIC,
        OwedKind.BOOKMARK,
    }
    for row in change.owed:
        desk.carry(row)
    assert desk.chat.invited == [("C0NEW", [ANA, CY, BOB, "U0DEE"])], "everybody once"
    assert [(title, url) for _, title, url in desk.chat.bookmarks] == [
        ("Bridge", "https://app.slack.com/huddle/T0/C0NEW"),
        ("Dashboard", "https://dash.example"),
        ("Runbook", "https://run.example"),
    ]
    assert desk.chat.topics["C0NEW"].startswith("INC-7 · SEV-1 · checkout-api · declared · payments fail")
    assert desk.store.posted("INC-7", "own") is not None


def test_a_taken_name_gets_a_suffix(desk: Desk) -> None:
    desk.chat.channels |= {"inc-1-checkout-api": "C0OLD", "inc-1-checkout-api-2": "C0OLDER"}
    desk.carry(owed.own_channel(desk.keep(incident())))
    assert desk.store.incident(1).channel_name == "inc-1-checkout-api-3"


def test_after_five_taken_names_it_says_so(desk: Desk) -> None:
    desk.chat.channels |= {f"inc-1-checkout-api{suffix}": "C0OLD" for suffix in ("", "-2", "-3", "-4", "-5")}
    with pytest.raises(ChatError, match="inc-1-checkout-api") as told:
        desk.carry(owed.own_channel(desk.keep(incident())))
    assert (told.value.code, told.value.retryable) == ("name_taken", False)
    assert desk.chat.calls.count("create_channel") == 5
    assert desk.store.incident(1).channel_id is None


def test_a_suffix_fits_into_the_longest_name(store: SqliteStore) -> None:
    desk = Desk(store, Config())
    one = desk.keep(incident(123, service="x" * 80))
    desk.chat.channels[channel_name("inc-{number}-{service}", one)] = "C0OLD"
    desk.carry(owed.own_channel(one))
    name = desk.store.incident(123).channel_name
    assert name is not None
    assert len(name) <= 80
    assert name.endswith("-2")


def test_a_channel_that_was_made_though_the_answer_was_lost_is_used(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.lose("create_channel", lost())
    desk.carry_again(owed.own_channel(one))
    assert desk.store.incident(1).channel_id == "C0NEW"
    assert desk.chat.calls.count("create_channel") == 1
    assert list(desk.chat.channels) == ["inc-1-checkout-api"]


def test_a_channel_that_was_not_made_is_made_at_the_next_try(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("create_channel", lost())
    desk.carry_again(owed.own_channel(one))
    assert desk.store.incident(1).channel_name == "inc-1-checkout-api"


def test_an_incident_that_has_its_channel_gets_no_second_one(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.carry(owed.own_channel(one))
    assert desk.chat.calls == []


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("Checkout API (EU)", "inc-42-checkout-api-eu"),
        ("Zahlungen für Österreich", "inc-42-zahlungen-fur-osterreich"),
        ("決済", "inc-42"),
        ("مدفوعات", "inc-42"),
        ("a__b--c", "inc-42-a__b-c"),
        ("<!channel>", "inc-42-channel"),
        ("-", "inc-42"),
        ("{number}", "inc-42-number"),
    ],
)
def test_a_channel_name_is_what_slack_allows_of_the_service(service: str, name: str) -> None:
    assert channel_name("inc-{number}-{service}", incident(42, service=service)) == name


@settings(deadline=None, max_examples=100)
@given(
    service=st.text(min_size=1, max_size=80) | st.text(alphabet="xé-_ 決", min_size=60, max_size=80),
    number=st.integers(1, 99_999),
    pattern=st.sampled_from(["inc-{number}-{service}", "{service}-{number}", "{number}", "Ops {service} {number}"]),
)
def test_a_channel_name_is_always_legal_and_keeps_the_number_that_makes_it_unique(
    service: str, number: int, pattern: str
) -> None:
    name = channel_name(pattern, incident(number, service=service))
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)
    assert str(number) in name


def test_two_incidents_of_a_service_with_a_long_name_get_different_channels() -> None:
    names = {channel_name("{service}-{number}", incident(number, service="x" * 80)) for number in (1, 2)}
    assert len(names) == 2


# -- people, topic, comfort


def test_invitations_read_groups_and_keep_everybody_once(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.groups["S0ONCALL"] = [BOB, CY]
    desk.carry(owed.invitation(one, [ANA, "S0ONCALL", CY]))
    assert desk.chat.invited == [("C0OWN", [ANA, BOB, CY])]


@pytest.mark.parametrize("code", ["unknown_method", "missing_scope"])
def test_a_group_that_can_not_be_read_does_not_keep_the_people_out(desk: Desk, code: str) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.refuse("group_members", ChatError(code))
    desk.carry(owed.invitation(one, [ANA, "S0ONCALL", CY]))
    assert desk.chat.invited == [("C0OWN", [ANA, CY])]


def test_an_invitation_of_nobody_is_nothing(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.groups["S0EMPTY"] = []
    desk.carry(owed.invitation(one, ["S0EMPTY"]))
    assert desk.chat.invited == []


@settings(deadline=None, max_examples=60)
@given(
    service=st.text(max_size=80),
    impact=st.text(alphabet="&<>a \n*é🔥م", max_size=400) | st.builds(lambda n: "x" * n + "&" * 300, st.integers(0, 9)),
)
def test_a_topic_fits_and_never_cuts_an_escaped_character(
    tmp_path_factory: pytest.TempPathFactory, service: str, impact: str
) -> None:
    with closing(SqliteStore(tmp_path_factory.mktemp("store") / "aiops.db")) as store:
        desk = Desk(store, Config())
        one = desk.keep(incident(channel_id="C0OWN", service=service or "x", impact=impact or "x"))
        desk.carry(owed.topic(one))
    topic = desk.chat.topics["C0OWN"]
    assert len(topic) <= 250
    assert "\n" not in topic
    assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;)*", topic)


COMFORTS: dict[str, Callable[[Incident], Owed]] = {
    "set_topic": owed.topic,
    "pin": lambda one: owed.pin(one, "C0OWN", "1.0"),
    "invite": lambda one: owed.invitation(one, [BOB]),
    "bookmark": lambda one: owed.furnishing(one, [("Runbook", "https://run.example")], [])[-1],
}


@pytest.mark.parametrize("method", COMFORTS)
@pytest.mark.parametrize("code", ["unknown_method", "missing_scope"])
def test_comfort_that_a_server_does_not_offer_is_done_without(
    desk: Desk, caplog: pytest.LogCaptureFixture, method: str, code: str
) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.refuse(method, ChatError(code))
    assert desk.carry(COMFORTS[method](one)) == Change()
    assert "doing without" in caplog.text
    assert code in caplog.text


@pytest.mark.parametrize("method", COMFORTS)
def test_comfort_that_fails_in_passing_is_tried_again(desk: Desk, method: str) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.refuse(method, ChatError("ratelimited", retryable=True, retry_after=1))
    with pytest.raises(ChatError, match="ratelimited"):
        desk.carry(COMFORTS[method](one))
    desk.carry(COMFORTS[method](one))
    assert desk.chat.calls == [method, method]


@pytest.mark.parametrize("method", ["post", "create_channel"])
def test_what_is_no_comfort_is_never_done_without(desk: Desk, method: str) -> None:
    one = desk.keep(incident())
    desk.chat.refuse(method, ChatError("unknown_method"))
    with pytest.raises(ChatError, match="unknown_method"):
        desk.carry(template(one) if method == "post" else owed.own_channel(one))


# -- what people see of failures


def test_a_trouble_is_a_line_on_the_timeline_and_a_new_look_of_the_card(desk: Desk) -> None:
    one = desk.keep(incident())
    claimed = Delivery(owed=owed.own_channel(one), attempts=1, in_doubt=False, created_at=NOW)
    change = desk.carriers.trouble(
        claimed, ChatError("missing_scope", detail="the bot needs the scope channels:manage")
    )
    assert change is not None
    [line] = change.timeline
    assert line.kind is EventKind.TROUBLE
    assert line.text == "Slack did not take the channel: missing_scope: the bot needs the scope channels:manage"
    assert [row.kind for row in change.owed] == [OwedKind.CARD]
    assert change.incidents == ()


def test_a_card_in_trouble_does_not_ask_for_another_card(desk: Desk) -> None:
    one = desk.keep(incident())
    claimed = Delivery(owed=owed.cards(one)[0], attempts=1, in_doubt=False, created_at=NOW)
    assert desk.carriers.trouble(claimed, ChatError("is_archived")) is None


def test_what_works_after_a_lasting_failure_is_noted_as_repaired(desk: Desk) -> None:
    one = desk.keep(incident())
    change = desk.carry(owed.own_channel(one), error="restricted_action", is_aside=True)
    kinds = [event.kind for event in change.timeline]
    assert kinds == [EventKind.CHANNEL, EventKind.REPAIRED]
    assert change.timeline[-1].text == "channel done after all"
    assert desk.store.incident(1).channel_id == "C0NEW"
    assert OwedKind.CARD in {row.kind for row in change.owed}


def test_what_works_after_a_passing_failure_is_no_news(desk: Desk) -> None:
    one = desk.keep(incident())
    assert desk.carry(template(one), error="timeout") == Change()


@pytest.mark.logs_errors
def test_a_card_whose_blocks_slack_refuses_still_shows_its_present_state(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.card_stands()
    desk.chat.refuse("edit", ChatError("invalid_blocks"))
    desk.carry(owed.cards(one)[0])
    assert desk.chat.calls.count("edit") == 2
    assert len(desk.chat.edits) == 1, "the second try, without the blocks, was taken"
