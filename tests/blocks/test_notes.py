"""Notes: a message that can't be read, as far as it tells people something."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blocks import notes
from bot.models import Message, Status
from tests.blocks.texts import elements
from tests.bot.make import ANA, after, incident, silence


def code(message: Message) -> str:
    (block,) = elements(message.blocks, "rich_text_preformatted")
    return str(block["elements"][0]["text"])


def envelope(message: Any) -> str:
    return json.dumps(
        {"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": message, "Signature": "x" * 400}
    )


def test_what_can_not_be_read_stands_in_a_short_block_of_code() -> None:
    message = notes.unreadable('{"broken": <!channel>' + "x" * 5000, "no JSON")
    assert code(message).startswith('{"broken": <!channel>x')
    assert len(code(message)) == 400
    assert message.text.startswith("⚠ A message on the alert queue can't be read: no JSON\n")
    assert "&lt;!channel&gt;" in message.text


def test_of_an_sns_envelope_only_what_is_inside_is_shown() -> None:
    message = notes.unreadable(envelope("not what\nyou expect"), "no JSON")
    assert code(message) == "not what\nyou expect"
    assert "Signature" not in message.text


@pytest.mark.parametrize(
    "raw", [envelope(" "), envelope([1]), '{"Message": "no topic"}', "[1]", "[" * 5000, "1" * 5000]
)
def test_what_is_no_envelope_or_an_empty_one_is_shown_as_it_is(raw: str) -> None:
    assert code(notes.unreadable(raw, "?"))[:50] == raw[:50]


@pytest.mark.parametrize(
    ("pattern", "text"), [("*-cart-*", "`*-cart-*`"), ("a`b*", "`aˋb*`"), ("<!here>*", "`&lt;!here&gt;*`")]
)
def test_a_silences_pattern_keeps_its_asterisks(pattern: str, text: str) -> None:
    message = notes.silence_over(silence("s1", pattern=pattern), 0)
    assert f"The silence on {text} is over" in message.text
    (block,) = elements(message.blocks, "rich_text_section")
    shown = [piece for piece in block["elements"] if piece.get("style") == {"code": True}]
    assert [piece["text"] for piece in shown] == [pattern]


def test_what_is_no_text_is_one_short_line() -> None:
    picture = "\x89PNG\r\n\x1a\n" + "\ufffd\x00\n" * 500
    shown = code(notes.unreadable(picture, "no JSON"))
    assert "\n" not in shown
    assert len(shown) < 130
    assert "no text" in shown
    assert code(notes.unreadable("two\nlines, ünïcode ✓", "?")) == "two\nlines, ünïcode ✓"


def test_one_alarm_fires_and_two_fire() -> None:
    quiet = silence("s1")
    assert "1 of its alarms still fires and is shown now." in notes.silence_over(quiet, 1).text
    assert "2 of its alarms still fire and are shown now." in notes.silence_over(quiet, 2).text
    assert "Hides 1 firing alert now." in notes.silence_begun(quiet, 1).text


def test_why_it_is_over_although_alarms_fire_is_not_what_fixed_it() -> None:
    over = incident(5).moved(Status.RESOLVED, by=ANA, at=after(60))
    despite = notes.ended(over.changed(despite="the alarm measures the old cluster"), ANA)
    assert "What fixed it" not in despite.text
    assert "Why it is over all the same: the alarm measures the old cluster" in despite.text
    assert "What fixed it: web:56" in notes.ended(over.changed(resolution="web:56"), ANA).text
    assert (
        "in PagerDuty, by Kim"
        in notes.ended(over.changed(resolved_by=None, resolved_via="PagerDuty, by Kim"), None).text
    )
