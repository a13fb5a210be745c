"""Is this Block Kit that Slack would take? Pure; answers with Slack's own words and JSON pointers.

A surface (message, modal, home) says which blocks may be there and how many; the rules of each block are in
`blocks`, of elements in `elements`; what holds between blocks (unique ids, sums) is checked here.
"""

from collections.abc import Iterator
from typing import Any

from sandbox.slack.validate.blocks import BLOCKS, MARKDOWN_MAX
from sandbox.slack.validate.objects import plain_text
from sandbox.slack.validate.rules import Report, array, boolean, one_of, shape, string, tagged

MESSAGE_BLOCKS_MAX = 50
VIEW_BLOCKS_MAX = 100
CHARTS_MAX = 2
NOT_IN_MESSAGES = frozenset(("alert",))
IN_MODALS = frozenset(
    (
        "actions",
        "alert",
        "card",
        "context",
        "divider",
        "header",
        "image",
        "input",
        "rich_text",
        "section",
        "video",
    )
)
IN_HOMES = IN_MODALS - {"alert"} | {"carousel", "container", "data_table", "data_visualization", "table"}

_message = array(tagged(BLOCKS, frozenset(BLOCKS) - NOT_IN_MESSAGES), MESSAGE_BLOCKS_MAX)
_view_fields = {
    "private_metadata": string(3000, low=0),
    "callback_id": string(255, low=0),
    "external_id": string(255, low=0),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "close": plain_text(24),
    "submit": plain_text(24),
    "title": plain_text(24),
    "submit_disabled": boolean,
}
_modal_blocks = array(tagged(BLOCKS, IN_MODALS), VIEW_BLOCKS_MAX)
_modal = shape({"type": one_of("modal"), "title": plain_text(24), "blocks": _modal_blocks}, _view_fields)
_home_blocks = array(tagged(BLOCKS, IN_HOMES), VIEW_BLOCKS_MAX)
_home = shape({"type": one_of("home"), "blocks": _home_blocks}, _view_fields)
_view = tagged({"modal": _modal, "home": _home})


def message_errors(blocks: Any) -> list[str]:
    """What is wrong with the blocks of a message; nothing when they are fine."""
    report = Report()
    _message(blocks, "/blocks", report)
    if isinstance(blocks, list):
        _check_ids(blocks, "/blocks", report)
        _check_sums(blocks, report)
    return report.errors


def view_errors(view: Any) -> list[str]:
    """What is wrong with a modal or an App Home."""
    report = Report()
    _view(view, "/view", report)
    blocks = view.get("blocks") if isinstance(view, dict) else None
    if isinstance(blocks, list):
        _check_ids(blocks, "/view/blocks", report)
        _check_sums(blocks, report, "/view/blocks")
        _check_inputs(view, blocks, report)
        _check_focus(blocks, report)
    return report.errors


def _check_ids(blocks: list[Any], at: str, report: Report) -> None:
    """A block_id is unique on its surface, an action_id in its block."""
    seen: set[str] = set()
    for block, pointer in _walk(blocks, at):
        block_id = block.get("block_id")
        if isinstance(block_id, str) and block_id:
            if block_id in seen:
                report.add(f"{pointer}/block_id", f'`block_id` "{block_id}" already exists')
            seen.add(block_id)
        elements = block.get("elements")
        _check_action_ids(elements if isinstance(elements, list) else [], f"{pointer}/elements", report)


def _check_action_ids(elements: list[Any], at: str, report: Report) -> None:
    seen: set[str] = set()
    for place, element in enumerate(elements):
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(action_id, str):
            if action_id in seen:
                report.add(f"{at}/{place}/action_id", f'`action_id` "{action_id}" already exists')
            seen.add(action_id)


def _check_sums(blocks: list[Any], report: Report, at: str = "/blocks") -> None:
    markdown, charts, tables = 0, 0, 0
    for block, pointer in _walk(blocks, at):
        kind, text = block.get("type"), block.get("text")
        if kind == "markdown" and isinstance(text, str):
            markdown += len(text)
            if markdown > MARKDOWN_MAX >= len(text):
                report.add(f"{pointer}/text", f"must be less than {MARKDOWN_MAX + 1} characters in all blocks")
        charts += kind == "data_visualization"
        if kind == "data_visualization" and charts == CHARTS_MAX + 1:
            report.add(pointer, f"no more than {CHARTS_MAX} data_visualization blocks allowed")
        tables += kind == "table"
        if kind == "table" and tables == 2:
            report.add(pointer, "only_one_table_allowed")
        if kind == "task_card" and block.get("status") == "pending":
            report.add(f"{pointer}/status", "must be a valid enum value")


def _check_inputs(view: dict[str, Any], blocks: list[Any], report: Report) -> None:
    has_input = any(block.get("type") == "input" for block, _ in _walk(blocks, ""))
    if has_input and view.get("type") == "modal" and "submit" not in view:
        report.add("/view", "missing required field: submit")


def _check_focus(blocks: list[Any], report: Report) -> None:
    focused = 0
    for block, pointer in _walk(blocks, "/view/blocks"):
        for element in (block.get("element"), block.get("accessory"), *_listed(block.get("elements"))):
            if isinstance(element, dict) and element.get("focus_on_load") is True:
                focused += 1
                if focused == 2:
                    report.add(pointer, "only one element may have focus_on_load")


def _walk(blocks: list[Any], at: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every block with its pointer, those inside of containers too."""
    for place, block in enumerate(blocks):
        if isinstance(block, dict):
            yield block, f"{at}/{place}"
            for inner, child in enumerate(_listed(block.get("child_blocks"))):
                if isinstance(child, dict):
                    yield child, f"{at}/{place}/child_blocks/{inner}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
