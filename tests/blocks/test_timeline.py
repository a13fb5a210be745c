"""Timeline events in words, and the pages they are read on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from blocks import rich, timeline
from blocks.ids import Action, View
from bot.models import EventKind, TimelineEvent
from tests.blocks.incidents import events
from tests.blocks.texts import angled, elements
from tests.bot.make import ANA, BOB, NOW, event, incident


def said(kind: EventKind, text: str = "", **values: Any) -> str:
    """The words of an event, without its time."""
    flat = rich.flat(timeline.line(event(kind=kind, text=text, **values)))
    stamp, _, words = flat.partition("> ")
    assert stamp.startswith(f"<!date^{int(NOW.timestamp())}^")
    return words


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("declared", {"text": "SEV-1: down"}, f"declared by <@{ANA}>: SEV-1: down"),
        ("acknowledged", {}, f"acknowledged by <@{ANA}>"),
        ("assigned", {"about": ANA}, f"<@{ANA}> took command"),
        ("assigned", {"about": BOB}, f"<@{ANA}> gave command to <@{BOB}>"),
        ("joined", {}, f"<@{ANA}> joined"),
        ("severity", {"text": "SEV-3 → SEV-1: worse"}, f"severity changed by <@{ANA}>: SEV-3 → SEV-1: worse"),
        ("status", {"text": "declared → monitoring"}, f"status changed by <@{ANA}>: declared → monitoring"),
        ("update", {"text": "rolling back\nnow"}, f"update by <@{ANA}>: rolling back now"),
        ("note", {"text": "cache was cold"}, f"note by <@{ANA}>: cache was cold"),
        (
            "message",
            {"text": "it is DNS", "about": BOB, "source": "https://x.example/p1"},
            f"<@{BOB}> said: it is DNS (<https://x.example/p1|message>), added by <@{ANA}>",
        ),
        ("message", {"text": "it is DNS", "about": BOB}, f"<@{BOB}> said: it is DNS, added by <@{ANA}>"),
        ("link", {"text": "p99", "source": "https://g.example"}, f"<@{ANA}> linked <https://g.example|p99>"),
        ("resolved", {"text": "rolled back"}, f"resolved by <@{ANA}>: rolled back"),
        ("resolved", {}, f"resolved by <@{ANA}>"),
        ("reopened", {"text": "errors"}, f"reopened by <@{ANA}>: errors"),
        ("cancelled", {"text": "a test"}, f"cancelled by <@{ANA}>: a test"),
        ("merged", {"text": "merged into INC-2"}, f"merged into INC-2 by <@{ANA}>"),
        ("channel", {"text": "channel #inc-1 opened", "actor": None}, "channel #inc-1 opened"),
        ("trouble", {"text": "Slack said no", "actor": None}, "⚠ Slack said no"),
        ("repaired", {"text": "pin done after all", "actor": None}, "repaired: pin done after all"),
        ("alarm", {"text": "AL-17 *fires*", "actor": None}, "AL-17 ∗fires∗"),
        ("paged", {"text": "secondary", "about": BOB, "actor": None}, f"paged <@{BOB}> as secondary"),
        ("paged", {"text": "Kim Porter (primary)", "actor": None}, "paged Kim Porter (primary)"),
        ("reminded", {"text": "30 min", "actor": None}, "asked for an update after 30 min"),
        ("resolved", {"text": "all alarms are OK", "actor": None}, "resolved by the bot: all alarms are OK"),
        ("note", {"text": "by itself", "actor": None}, "note by the bot: by itself"),
    ],
)
def test_an_event_reads_as_a_sentence(kind: str, values: dict[str, str], words: str) -> None:
    assert said(EventKind(kind), **values) == words


def test_every_kind_of_event_has_words() -> None:
    for kind in EventKind:
        assert said(kind, "something", about=BOB)


@settings(deadline=None, max_examples=100)
@given(events)
def test_nothing_foreign_in_an_event_becomes_markup(one: TimelineEvent) -> None:
    line = timeline.line(one)
    assert {piece["type"] for piece in line} <= {"text", "user", "link", "date"}
    assert {piece["user_id"] for piece in line if piece["type"] == "user"} <= {one.actor, one.about}
    assert {piece["url"] for piece in line if piece["type"] == "link"} <= {one.source}
    for markup in angled(rich.flat(line)):
        assert markup.startswith(("<!date^", "<@U", "<https://example.com/"))
    assert "\n" not in rich.flat(line)


def test_the_tail_is_short_and_the_listing_long() -> None:
    one = event(text="x" * 500)
    assert len(rich.flat(elements(timeline.tail([one]), "rich_text_section")[0]["elements"])) < 300
    assert "x" * 500 in rich.flat(elements(timeline.listing([one]), "rich_text_section")[0]["elements"])


def buttons(view: dict[str, object]) -> dict[str, str]:
    return {each["action_id"]: each["value"] for each in elements(view, "button")}


def numbered(count: int, start: int = 100) -> list[tuple[int, TimelineEvent]]:
    return [(start + n, event(7, f"step {n}")) for n in range(count)]


def test_a_short_timeline_is_one_page_without_buttons() -> None:
    view = timeline.page(incident(7), numbered(3), 3)
    assert view["callback_id"] == View.TIMELINE
    assert view["title"]["text"] == "Timeline of INC-7"
    assert "3 entries" in view["blocks"][0]["elements"][0]["text"]
    assert buttons(view) == {}
    assert len(elements(view, "rich_text_section")) == 3


def test_one_event_more_than_a_page_leads_to_the_older_ones_by_the_position_of_the_oldest_shown() -> None:
    view = timeline.page(incident(7), numbered(timeline.PAGE + 1), 80)
    assert buttons(view) == {Action.TIMELINE_PAGE: "7:101"}
    assert len(elements(view, "rich_text_section")) == timeline.PAGE
    assert "step 0" not in str(view["blocks"])
    assert "80 entries" in view["blocks"][0]["elements"][0]["text"]


def test_an_older_page_leads_back_to_the_newest() -> None:
    assert buttons(timeline.page(incident(7), numbered(2), 80, is_newest=False)) == {Action.TIMELINE_NEWEST: "7:"}
    both = timeline.page(incident(7), numbered(timeline.PAGE + 1), 80, is_newest=False)
    assert buttons(both) == {Action.TIMELINE_PAGE: "7:101", Action.TIMELINE_NEWEST: "7:"}


def test_the_last_page_that_happens_to_be_full_does_not_lead_to_an_empty_one() -> None:
    assert buttons(timeline.page(incident(7), numbered(timeline.PAGE), timeline.PAGE)) == {}


def test_an_empty_page_says_so_and_leads_back() -> None:
    view = timeline.page(incident(7), [], 0, is_newest=False)
    assert elements(view, "rich_text") == []
    assert buttons(view) == {Action.TIMELINE_NEWEST: "7:"}
