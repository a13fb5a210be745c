"""An incident's cards in Slack: one each, edited in place, posted anew when lost; and what they show of failures."""

from __future__ import annotations

import pytest

from bot.errors import ChatError
from bot.models import Change, Delivery, EventKind, MessageRef, OwedKind, Posted, Status
from bot.owed import Target
from bot.owed import incidents as owed
from tests.bot.carrying import OPS_ID, Desk, template, texts
from tests.bot.make import BOB, NOW, after, incident

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


def test_a_lost_card_in_the_incidents_own_channel_is_posted_anew(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.carry(owed.first_card(one, Target.OWN))
    desk.chat.refuse("edit", ChatError("message_not_found"))
    desk.carry(owed.cards(one)[1])
    assert len(desk.chat.said) == 2


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
