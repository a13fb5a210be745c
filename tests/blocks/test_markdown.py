"""Markdown as blocks: it reads as it was meant, foreign words stay words, and long ones stay quick."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import fields
from blocks.ids import View
from blocks.markdown import blocks
from bot.draft import inert
from sandbox.slack.validate import view_errors
from tests.blocks.texts import NASTY, elements, texts

PAGE = """\
# INC-1: checkout\\_api

| | |
|---|---|
| Severity | SEV-1 |
| Owner | Ana |

## Impact

> Nobody could *pay*.
> At all.

It was **quite** bad, see [the wiki \\[2\\]](https://wiki.example/2) &amp; `top`.

- one
  - below one
- two
1. first

| Alarm | Fired | |
|---|---|---|
| AL-1 cpu \\| mem | 04:00 | |
"""


def said(made: list[dict[str, Any]]) -> list[str]:
    """The text of each part, in their order."""
    parts = [part for block in made for part in ([block] if block["type"] == "header" else block["elements"])]
    return ["".join(str(each["text"]) for each in _texts(part)).strip() for part in parts]


def _texts(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return [part]
    found = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    return [each for one in found for each in _texts(one)]


def test_it_reads_as_it_was_meant() -> None:
    made = blocks(PAGE)
    assert said(made) == [
        "INC-1: checkout_api",
        "Severity  SEV-1\nOwner  Ana",
        "Impact",
        "Nobody could pay.\nAt all.",
        "It was quite bad, see the wiki [2] & top.",
        "one",
        "below one",
        "two",
        "first",
        "AL-1 cpu | mem · Fired 04:00",
    ]
    assert len(elements(made, "rich_text_quote")) == 1
    assert [each["url"] for each in elements(made, "link")] == ["https://wiki.example/2"]
    assert [(each["style"], each.get("indent")) for each in elements(made, "rich_text_list")] == [
        ("bullet", 0),
        ("bullet", 1),
        ("bullet", 0),
        ("ordered", 0),
        ("bullet", None),
    ]
    bold = [each["text"] for each in elements(made, "text") if each.get("style", {}).get("bold")]
    assert bold == ["Severity", "Owner", "quite", "AL-1 cpu | mem"]


def styled(text: str) -> list[tuple[str, str]]:
    """What is said, each with its styles."""
    return [(each["text"], "+".join(sorted(each.get("style", {})))) for each in elements(blocks(text), "text")][:-1]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("so *x* it", [("so ", ""), ("x", "italic"), (" it", "")]),
        ("_x_ and __y__", [("x", "italic"), (" and ", ""), ("y", "bold")]),
        ("~~gone~~", [("gone", "strike")]),
        (
            "**the `x_1_y` of _it_**",
            [("the ", "bold"), ("x_1_y", "bold+code"), (" of ", "bold"), ("it", "bold+italic")],
        ),
        ("2 * 3 * 4, a_b_c", [("2 * 3 * 4, a_b_c", "")]),
        ("\\*not\\* it", [("*", ""), ("not", ""), ("*", ""), (" it", "")]),
        ("*a \\* b*", [("a ", "italic"), ("*", "italic"), (" b", "italic")]),
        ("`*x* &amp; \\*`", [("*x* &amp; \\*", "code")]),
        ("a `b", [("a `b", "")]),
    ],
)
def test_emphasis_is_what_markdown_has(typed: str, shown: list[tuple[str, str]]) -> None:
    assert styled(typed) == shown


def test_a_heading_says_what_is_emphasised_in_it() -> None:
    assert said(blocks("## The *real* `cause` of [it](https://wiki.example/1)")) == ["The real cause of it"]


def test_links_whose_addresses_stand_elsewhere_are_links() -> None:
    page = "See [the graph][1], [logs of RCA-3] and [none].\n\n[1]: https://a.example/1\n[Logs of RCA-3]: <https://a.example/2>"
    made = blocks(page)
    assert [(each["text"], each["url"]) for each in elements(made, "link")] == [
        ("the graph", "https://a.example/1"),
        ("logs of RCA-3", "https://a.example/2"),
    ]
    assert said(made) == ["See the graph, logs of RCA-3 and [none]."]


@given(st.lists(texts | st.sampled_from(["# ", "- ", "> ", "| a |", "```", "**", "[x](https://y)", "_"]), max_size=9))
def test_whatever_stands_in_it_slack_takes_it(lines: list[str]) -> None:
    for text in ("\n".join(lines), "".join(lines)):
        made = blocks(text)[:90]
        assert view_errors(fields.modal(View.POST_MORTEM_PREVIEW, "x", "", made or blocks("x"), {})) == []


@pytest.mark.parametrize("typed", NASTY)
def test_what_was_made_inert_reads_as_it_was_typed_and_does_nothing(typed: str) -> None:
    made = blocks(f"- {inert(typed)}")
    kinds = {str(each["type"]) for each in _texts(made)}
    assert kinds <= {"text"}
    assert "\\" not in "".join(said(made)) or "\\" in typed


@pytest.mark.parametrize(
    "text",
    [
        "[" * 40_000,
        "**" * 20_000,
        "_a" * 20_000,
        "|" * 40_000,
        "`" * 40_001,
        "> \n" * 9999,
        "*a" * 20_000,
        "~~a" * 9999,
        "[a]: https://b\n" + "[a" * 9999,
        "__\\" * 9999,
    ],
)
def test_hostile_text_is_quick(text: str) -> None:
    started = time.thread_time()
    blocks(text)
    assert time.thread_time() - started < 1
