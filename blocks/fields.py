"""The parts that forms are made of: an input, what is typed or chosen in it, and the modal around them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from blocks.ids import Input, View
from blocks.text import Block, clean, clip, label, plain

VALUE = "value"  # the action id inside every input block


def choice(options: Sequence[Block]) -> Block:
    """One of these."""
    return {"type": "static_select", "action_id": VALUE, "options": list(options)}


def text(limit: int, initial: str, placeholder: str, *, lines: bool = False) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "max_length": limit,
        "placeholder": label(placeholder, 150),
    }
    if lines:
        element["multiline"] = True
    initial = clip(clean(initial), limit)
    if initial:
        element["initial_value"] = initial
    return element


def field(name: Input, title: str, element: Block, *, optional: bool = False, hint: str = "") -> Block:
    block: Block = {
        "type": "input",
        "block_id": name.value,
        "label": plain(title, 200),
        "element": element,
        "optional": optional,
    }
    if hint:
        block["hint"] = plain(hint, 500)
    return block


def modal(view: View, title: str, submit: str, blocks: list[Block], carried: dict[str, Any]) -> Block:
    """Without `submit` there is nothing to send."""
    return {
        "type": "modal",
        "callback_id": view.value,
        "title": label(title, 24),
        **({"submit": label(submit, 24)} if submit else {}),
        "close": label("Cancel" if submit else "Close", 24),
        "private_metadata": json.dumps(carried),
        "blocks": blocks,
    }
