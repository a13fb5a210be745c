"""Owed templates and notes in Slack: where they go, what they say, and that each is sent once."""

from __future__ import annotations

import pytest

from bot.errors import ChatError
from bot.models import Message, Owed, OwedKind, Severity, Status
from bot.owed import Target
from bot.owed import incidents as owed
from tests.bot.carrying import OPS, OPS_ID, Desk, lost, template, texts
from tests.bot.make import ANA, BOB, after, incident

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
