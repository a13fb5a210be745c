"""Long texts in forms: whatever is put in comes out again."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from blocks.sections import PART, joined, of_form, split
from blocks.text import clean
from tests.blocks.texts import texts

long_texts = st.lists(texts | st.sampled_from(["word " * 700, "x" * 6000, "- a\n  - b", "\n\n"]), max_size=8).map(
    "\n".join
)


@given(long_texts)
@example("x" * PART + "\n\n" + "y" * PART)
@example("x" * 9000)
def test_nothing_is_lost_between_text_and_form(text: str) -> None:
    parts = split(text)
    assert all(len(piece) <= PART for piece in parts.pieces)
    again = joined(parts.pieces, parts.seams)
    assert "".join(again.split()) == "".join(clean(text).split())
    assert joined(split(again).pieces, split(again).seams) == again, "a second time nothing moves"


def test_indented_lists_keep_their_shape() -> None:
    text = "\n".join(f"- point {number}\n  - below it" for number in range(400))
    parts = split(text)
    assert len(parts.pieces) > 2
    assert joined(parts.pieces, parts.seams) == text


def test_an_emptied_input_leaves_no_gap_and_an_added_one_is_a_paragraph() -> None:
    assert joined(["a", "", "c"], ["\n", "\n"]) == "a\nc"
    assert joined(["a", "b"], []) == "a\n\nb"
    assert joined(["", "b"], ["\n"]) == "b"


def test_inputs_are_read_in_their_order() -> None:
    assert of_form({"text2": "b", "text": "a", "text3": "c", "other": "x"}, "text") == ["a", "b", "c"]
