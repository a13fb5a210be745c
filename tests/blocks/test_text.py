"""Foreign text made inert, and lengths kept."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blocks import rich, text
from blocks.text import FSI, PDI, clean, clip, escape, foreign, hours, isolated, link, one_line, option, plain, unescape
from tests.blocks.texts import NASTY, angled, is_escaped, texts

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
quick = settings(deadline=None, max_examples=150)
limits = st.integers(20, 200)


def has_controls(shown: str, *, allowed: str = "") -> bool:
    """Control characters, direction overrides or half characters that are not allowed."""
    return any(
        character not in allowed and (unicodedata.category(character) in ("Cc", "Cs") or character in BIDI_CONTROLS)
        for character in shown
    )


def is_balanced(shown: str) -> bool:
    """Every isolate is closed, so that what stands behind it keeps its direction."""
    depth = 0
    for character in shown:
        depth += (character == FSI) - (character == PDI)
        if depth < 0:
            return False
    return depth == 0


@quick
@given(texts)
def test_clean_text_has_no_control_or_direction_characters_and_is_trimmed(typed: str) -> None:
    cleaned = clean(typed)
    assert not has_controls(cleaned, allowed="\n\t")
    assert cleaned == cleaned.strip()
    assert clean(cleaned) == cleaned
    assert len(cleaned) <= len(typed)


@pytest.mark.parametrize("control", [*BIDI_CONTROLS, "\x00", "\x1b", "\x7f", "\x9b", "\ufeff", "\u200b", "\ud83d"])
def test_clean_takes_out_what_nobody_sees(control: str) -> None:
    assert clean(f"pay{control}ments") == "payments"


def test_clean_keeps_what_people_write() -> None:
    for kept in ("naïve façade", "決済", "می‌خواهم", "👨‍👩‍👧‍👦", "a\n\tb", "1 < 2 & 3"):
        assert clean(kept) == kept


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029"])
def test_every_kind_of_line_end_becomes_one(end: str) -> None:
    assert clean(f"one{end}two") == "one\ntwo"


@quick
@given(texts)
def test_one_line_is_one_line_with_single_spaces(typed: str) -> None:
    line = one_line(typed)
    assert len(line.splitlines()) <= 1
    assert "  " not in line
    assert not has_controls(line)
    assert line.split() == clean(typed).split()


@quick
@given(texts)
def test_escaped_text_holds_no_markup_and_comes_back(typed: str) -> None:
    assert is_escaped(escape(typed))
    assert angled(escape(typed)) == []
    assert unescape(escape(typed)) == typed


@quick
@given(texts, st.integers(1, 200))
def test_clipped_text_keeps_its_limit_and_shows_the_cut(typed: str, limit: int) -> None:
    clipped = clip(typed, limit)
    assert len(clipped) <= limit
    if len(typed) <= limit:
        assert clipped == typed
    else:
        assert clipped.endswith("…")
        assert typed.startswith(clipped[:-1])


@quick
@given(texts, limits)
@example("&" * 500, 200)
@example("ا&" * 300, 20)
def test_foreign_text_is_inert_in_one_line_within_its_limit(typed: str, limit: int) -> None:
    line = foreign(typed, limit)
    assert len(line) <= limit
    assert is_escaped(line)
    assert len(line.splitlines()) <= 1
    assert is_balanced(line)
    assert not has_controls(line, allowed=FSI + PDI)


def test_foreign_text_that_fits_is_all_there() -> None:
    assert foreign("pay <now> & then", 100) == "pay &lt;now&gt; &amp; then"


@quick
@given(texts)
def test_right_to_left_text_is_isolated_and_other_text_left_alone(typed: str) -> None:
    shown = isolated(typed, len(typed) + 2)
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in typed):
        assert shown == f"{FSI}{typed}{PDI}"
    else:
        assert shown == typed


@quick
@given(texts, st.integers(10, 3000))
@example("ا" * 3000, 150)
def test_plain_text_is_never_empty_and_keeps_its_limit(typed: str, limit: int) -> None:
    made = plain(typed, limit)
    assert made["emoji"] is False, "`:smile:` stays what was typed"
    assert 1 <= len(made["text"]) <= limit
    assert not has_controls(made["text"], allowed="\n\t" + FSI + PDI)
    assert is_balanced(made["text"])


@quick
@given(texts, st.integers(10, 1000))
def test_pieces_of_rich_text_are_never_empty_and_isolate_within_their_limit(typed: str, limit: int) -> None:
    for piece in (rich.words(typed, limit), rich.prose(typed, limit)):
        assert piece["type"] == "text"
        assert set(piece) == {"type", "text"}, "no style from foreign text"
        assert 1 <= len(piece["text"]) <= limit
        assert is_balanced(piece["text"])
        assert not has_controls(piece["text"], allowed="\n\t" + FSI + PDI)
    assert "\n" not in rich.words(typed, limit)["text"]


@quick
@given(texts)
def test_the_text_of_pieces_shows_foreign_words_escaped(typed: str) -> None:
    shown = rich.flat([rich.own("Impact: "), rich.words(typed, 200), rich.user("U0ANA"), rich.prose(typed, 200)])
    assert angled(shown) == ["<@U0ANA>"]


@quick
@given(texts, st.integers(1, 300))
@example("&" * 100, 23)
def test_markup_is_clipped_without_cutting_an_entity_a_mention_or_a_link(typed: str, limit: int) -> None:
    ours = f"<@U0ANA> said {escape(typed)} <https://example.com/1|the graph>"
    clipped = text.clip_markup(ours, limit)
    assert len(clipped) <= limit
    assert clipped == ours or (clipped.endswith("…") and ours.startswith(clipped[:-1]))
    assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;|<[^<>]+>)*", clipped)


@quick
@given(texts)
def test_a_link_with_a_foreign_title_goes_where_we_say(title: str) -> None:
    made = link("https://example.com/a?b=1&c=<2>|3", title)
    assert angled(made) == [made]
    address, bar, shown = made[1:-1].partition("|")
    assert (address, bar) == ("https://example.com/a?b=1&amp;c=&lt;2&gt;%7C3", "|")
    assert "|" not in shown
    assert len(shown) <= 200


@quick
@given(texts)
def test_a_link_in_rich_text_shows_a_foreign_title_in_one_isolated_line(title: str) -> None:
    shown = rich.url("https://example.com", title).get("text", "")
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= 200
    assert shown == isolated(shown.strip(FSI + PDI), 202)


@quick
@given(texts)
def test_options_and_headers_keep_slacks_limits(typed: str) -> None:
    assert 1 <= len(option(typed, "1")["text"]["text"]) <= 75
    assert 1 <= len(text.header(typed)["text"]["text"]) <= 150
    assert "\n" not in text.header(typed)["text"]["text"]
    assert is_balanced(option(typed, "1")["text"]["text"])


def test_our_own_markup_parses_nothing_by_itself() -> None:
    assert text.mrkdwn("@channel https://example.com")["verbatim"] is True


def test_a_moment_is_shown_in_the_readers_zone_and_in_utc_where_it_can_not_be() -> None:
    berlin = datetime(2026, 11, 22, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert text.when(berlin) == "<!date^1795316700^{time}|2026-11-22 03:05 UTC>"
    assert text.utc(berlin) == "2026-11-22 03:05 UTC"
    assert rich.moment(berlin)["timestamp"] == 1795316700
    assert rich.moment(berlin)["fallback"] == "2026-11-22 03:05 UTC"
    assert rich.flat([rich.moment(berlin)]) == text.when(berlin)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "00:00"),
        (59, "00:00"),
        (60, "00:01"),
        (3599.9, "00:59"),
        (3600, "01:00"),
        (86_400, "24:00"),
        (360_000, "100:00"),
        (4_500_060, "1250:01"),
    ],
)
def test_a_duration_is_hours_and_minutes_however_long(seconds: float, shown: str) -> None:
    assert hours(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (89 * 60, "89 min ago"),
        (90 * 60, "2 h ago"),
        (47.4 * 3600, "47 h ago"),
        (48 * 3600, "2 days ago"),
        (30 * 86_400, "30 days ago"),
    ],
)
def test_how_long_since_is_said_in_the_unit_that_matters(seconds: float, shown: str) -> None:
    assert text.ago(seconds) == shown


def test_the_nasty_texts_are_nasty() -> None:
    assert any(has_controls(each) for each in NASTY)
    assert any(angled(each) for each in NASTY)
    assert max(len(each) for each in NASTY) == 3000


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("*bold* and _italic_", "∗bold∗ and ˍitalicˍ"),
        ("~struck~ `code`", "∼struck∼ ˋcodeˋ"),
        ("```a```", "ˋˋˋaˋˋˋ"),
        ("*_both_*", "∗ˍbothˍ∗"),
        ("snake_case_name, 3 * 4 * 5, prod-*", "snake_case_name, 3 * 4 * 5, prod-*"),
    ],
)
def test_foreign_text_does_not_format(typed: str, shown: str) -> None:
    assert text.foreign(typed, 200) == shown


def test_neither_do_foreign_words_in_the_text_of_a_line() -> None:
    line = [rich.bold("AI-1"), rich.words(" *now* `rm`", 50), rich.literal("prod-*-*", 20)]
    assert rich.flat(line) == "*AI-1*∗now∗ ˋrmˋ`prod-*-*`"
