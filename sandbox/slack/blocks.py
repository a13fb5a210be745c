"""Block Kit as stored: ids filled in the way Slack does, and walks over the elements."""

import secrets
import string
from collections.abc import Iterator
from typing import Any

from sandbox.slack.workspace import Json

ALPHABET = string.ascii_letters + string.digits
UNINTERACTIVE = frozenset(("image", "mrkdwn", "plain_text"))
STATELESS = frozenset(
    (
        "button",
        "overflow",
        "workflow_button",
        "feedback_buttons",
        "icon_button",
        "image",
        "mrkdwn",
        "plain_text",
    )
)


def identified(blocks: list[Json]) -> list[Json]:
    """A copy in which every block and every interactive element has an id, and texts their defaults."""
    return [_block(block) for block in blocks]


def elements(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """Every interactive element with the id of its block."""
    for block in blocks:
        for element in _elements_of(block):
            if element.get("type") not in UNINTERACTIVE:
                yield block["block_id"], element
        yield from elements(block.get("child_blocks", []))


def stateful_elements(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    return ((b, e) for b, e in elements(blocks) if e["type"] not in STATELESS and "action_id" in e)


def _elements_of(block: Json) -> list[Json]:
    match block["type"]:
        case "actions" | "context_actions":
            return list(block["elements"])
        case "section" if "accessory" in block:
            return [block["accessory"]]
        case "input":
            return [block["element"]]
        case "card":
            return list(block.get("actions", []))
        case "carousel":
            return [e for card in block["elements"] for e in card.get("actions", [])]
    return []


def _block(block: Json) -> Json:
    copy: Json = _with_defaults(block)
    copy.setdefault("block_id", _random_id())
    if "child_blocks" in copy:
        copy["child_blocks"] = identified(copy["child_blocks"])
    for element in _elements_of(copy):
        if element["type"] not in UNINTERACTIVE:
            element.setdefault("action_id", _random_id())
    return copy


def _with_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_defaults(v) for v in value]
    if not isinstance(value, dict):
        return value
    copy = {k: _with_defaults(v) for k, v in value.items() if v is not None}
    match copy.get("type"):
        case "plain_text":
            copy.setdefault("emoji", True)
        case "mrkdwn":
            copy.setdefault("verbatim", False)
    return copy


def _random_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(5))
