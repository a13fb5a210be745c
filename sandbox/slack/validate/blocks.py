"""Blocks: what each may hold, and how much of it.

https://docs.slack.dev/reference/block-kit/blocks
"""

from typing import Any

from sandbox.slack.validate.charts import DATA_VISUALIZATION
from sandbox.slack.validate.elements import (
    BUTTON,
    ELEMENTS,
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
)
from sandbox.slack.validate.objects import IMAGE, IMAGE_SOURCE, URL_MAX, WEB, any_text, plain_text
from sandbox.slack.validate.rich_text import CONTENT, RICH_TEXT
from sandbox.slack.validate.rules import (
    Fields,
    Report,
    Rule,
    array,
    at_least_one,
    boolean,
    every,
    exactly_one,
    integer,
    number,
    one_of,
    shape,
    string,
    tagged,
    url,
)

ID: Fields = {"block_id": string(255, low=0)}
MARKDOWN_MAX = 12_000
DATA_TABLE_TEXT_MAX = 20_000


def block(required: Fields, optional: Fields | None = None, also: Rule | None = None) -> Rule:
    return shape(required, {**ID, **(optional or {})}, also=also)


def _collapsed_only_if_collapsible(value: Any, at: str, report: Report) -> None:
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        report.add(at, "default_collapsed requires is_collapsible")


def _same_width(value: Any, at: str, report: Report) -> None:
    rows = value.get("rows")
    widths = {len(r) for r in rows if isinstance(r, list)} if isinstance(rows, list) else set()
    if len(widths) > 1:
        report.add(f"{at}/rows", "all rows must have the same number of cells")


def _little_text(value: Any, at: str, report: Report) -> None:
    if _text_length(value.get("rows")) > DATA_TABLE_TEXT_MAX:
        report.add(f"{at}/rows", f"must be less than {DATA_TABLE_TEXT_MAX + 1} characters")


def _text_length(value: Any) -> int:
    total, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            total += len(one["text"]) if isinstance(one.get("text"), str) else 0
            waiting += [v for v in one.values() if isinstance(v, list | dict)]
    return total


RAW_TEXT = shape({"text": string()}, {"emoji": boolean})
RAW_NUMBER = shape({"value": number()}, {"text": string()})
CELL = tagged(
    {"raw_text": shape({"text": string(low=0)}, {"emoji": boolean}), "raw_number": RAW_NUMBER}
    | {"rich_text": RICH_TEXT}
)
DATA_CELL = tagged({"raw_text": RAW_TEXT, "raw_number": RAW_NUMBER, "rich_text": RICH_TEXT})
COLUMN = shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})

CARD = block(
    {},
    {
        "title": any_text(150),
        "subtitle": any_text(150),
        "body": any_text(200),
        "subtext": any_text(200),
        "hero_image": IMAGE,
        "icon": IMAGE,
        "slack_icon": shape({"name": string()}),
        "actions": array(tagged({"button": BUTTON}), 3, 1),
    },
    at_least_one("title", "hero_image", "body", "actions"),
)
TASK_CARD = block(
    {
        "task_id": string(),
        "title": string(),
        "status": one_of("pending", "in_progress", "complete", "error"),
    },
    {
        "details": RICH_TEXT,
        "output": RICH_TEXT,
        "sources": array(tagged({"url": shape({"url": url(URL_MAX), "text": string()})})),
    },
)

BLOCKS: dict[str, Rule] = {
    "section": block(
        {},
        {
            "text": any_text(3000),
            "fields": array(any_text(2000), 10, 1),
            "accessory": tagged(ELEMENTS, IN_SECTION),
            "expand": boolean,
        },
        at_least_one("text", "fields"),
    ),
    "header": block({"text": plain_text(150)}, {"level": integer(1, 6)}),
    "divider": block({}),
    "context": block(
        {
            "elements": array(
                tagged(
                    {
                        "image": IMAGE,
                        "mrkdwn": any_text(3000),
                        "plain_text": any_text(3000),
                    }
                ),
                10,
                1,
            )
        }
    ),
    "actions": block({"elements": array(tagged(ELEMENTS, IN_ACTIONS), 25, 1)}),
    "context_actions": block({"elements": array(tagged(ELEMENTS, IN_CONTEXT_ACTIONS), 5, 1)}),
    "image": block(
        {"alt_text": string(2000)},
        {**IMAGE_SOURCE, "title": plain_text(2000)},
        exactly_one("image_url", "slack_file"),
    ),
    "input": block(
        {"label": plain_text(2000), "element": tagged(ELEMENTS, IN_INPUT)},
        {"hint": plain_text(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "markdown": block({"text": string(MARKDOWN_MAX)}),
    "rich_text": block(CONTENT),
    "file": block({"external_id": string(), "source": one_of("remote")}),
    "video": block(
        {
            "alt_text": string(2000),
            "title": plain_text(200),
            "thumbnail_url": url(3000, WEB),
            "video_url": url(3000, ("https",)),
        },
        {
            "author_name": string(50),
            "description": plain_text(200),
            "provider_icon_url": url(2000, WEB),
            "provider_name": string(50),
            "title_url": url(2000, ("https",)),
        },
    ),
    "table": block(
        {"rows": array(array(CELL, 20, 1), 100, 1)},
        {"column_settings": array(COLUMN, 20)},
    ),
    "data_table": block(
        {"rows": array(array(DATA_CELL, 20, 1), 201, 2), "caption": string()},
        {"page_size": integer(1, 100), "row_header_column_index": integer(0)},
        every(_same_width, _little_text),
    ),
    "data_visualization": DATA_VISUALIZATION,
    "card": CARD,
    "carousel": block({"elements": array(tagged({"card": CARD}), 10, 1)}),
    "alert": block(
        {"text": any_text(200)},
        {"level": one_of("default", "info", "warning", "error", "success")},
    ),
    "task_card": TASK_CARD,
    "plan": block({"title": string()}, {"tasks": array(tagged({"task_card": TASK_CARD}), 50)}),
}
IN_CONTAINER = frozenset(
    (
        *("actions", "context", "divider", "file", "header", "image"),
        *("input", "rich_text", "section", "table", "video"),
    )
)
BLOCKS["container"] = block(
    {"child_blocks": array(tagged(BLOCKS, IN_CONTAINER), 10, 1)},
    {
        "title": plain_text(150),
        "rich_text_title": RICH_TEXT,
        "subtitle": any_text(150),
        "width": one_of("narrow", "standard", "wide", "full"),
        "icon": IMAGE,
        "is_collapsible": boolean,
        "default_collapsed": boolean,
        "has_header_divider": boolean,
    },
    every(at_least_one("title", "rich_text_title"), _collapsed_only_if_collapsible),
)
