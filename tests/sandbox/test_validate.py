"""Block Kit: every limit just inside and just outside, with the pointer Slack would give."""

import json
from typing import Any

import pytest
import slackblocks
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError

from sandbox.slack.validate import message_errors, view_errors
from tests.sandbox.world import Json, World, actions, button, field, modal, text


def mrkdwn(value: str) -> Json:
    return {"type": "mrkdwn", "text": value}


def option(n: int = 0, **more: Any) -> Json:
    return {"text": text(f"o{n}"), "value": str(n), **more}


def options(count: int) -> list[Json]:
    return [option(n) for n in range(count)]


def section(value: str = "x", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(value), **more}


def select(**more: Any) -> Json:
    return {"type": "static_select", "options": options(2), **more}


def confirm(**more: Any) -> Json:
    said = {"title": text("t"), "text": text("x"), "confirm": text("y"), "deny": text("n")}
    return said | more


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def rich_section(*elements: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(elements)}


def chart(**more: Any) -> Json:
    pie = {"type": "pie", "segments": [{"label": "a", "value": 1}]}
    return {"type": "data_visualization", "title": "t", "chart": pie, **more}


def pointer(error: str) -> str:
    return error.rpartition("[json-pointer:")[2].rstrip("]")


def accessory(element: Json) -> Json:
    return section(accessory=element)


# What is too much (or too little), by how much it may be at most, and where Slack points.
LIMITS: list[tuple[Any, int, str]] = [
    (lambda n: section("x" * n), 3000, "/blocks/0/text/text"),
    (lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}, 10, "/blocks/0/fields"),
    (lambda n: {"type": "section", "fields": [mrkdwn("x" * n)]}, 2000, "/blocks/0/fields/0/text"),
    (lambda n: {"type": "header", "text": text("x" * n)}, 150, "/blocks/0/text/text"),
    (lambda n: {"type": "context", "elements": [mrkdwn("x")] * n}, 10, "/blocks/0/elements"),
    (lambda n: {"type": "context", "elements": [mrkdwn("x" * n)]}, 3000, "/blocks/0/elements/0/text"),
    (lambda n: actions(*(button(f"a{i}") for i in range(n))), 25, "/blocks/0/elements"),
    (lambda n: actions(button("a" * n)), 255, "/blocks/0/elements/0/action_id"),
    (lambda n: actions(button("a"), block_id="b" * n), 255, "/blocks/0/block_id"),
    (lambda n: actions(button("a") | {"text": text("x" * n)}), 75, "/blocks/0/elements/0/text/text"),
    (lambda n: actions(button("a", "x" * n)), 2000, "/blocks/0/elements/0/value"),
    (lambda n: actions(button("a") | {"url": "https:" + "x" * (n - 6)}), 3000, "/blocks/0/elements/0/url"),
    (lambda n: actions(button("a") | {"accessibility_label": "x" * n}), 75, "/blocks/0/elements/0/accessibility_label"),
    (lambda n: actions(select(options=options(n))), 100, "/blocks/0/elements/0/options"),
    (
        lambda n: actions(
            {"type": "static_select", "option_groups": [{"label": text("g"), "options": options(1)}] * n}
        ),
        100,
        "/blocks/0/elements/0/option_groups",
    ),
    (lambda n: actions(select(placeholder=text("x" * n))), 150, "/blocks/0/elements/0/placeholder/text"),
    (lambda n: actions(select(options=[option(text=text("x" * n))])), 75, "/blocks/0/elements/0/options/0/text/text"),
    (lambda n: actions(select(options=[option(value="x" * n)])), 150, "/blocks/0/elements/0/options/0/value"),
    (
        lambda n: actions(select(options=[option(description=text("x" * n))])),
        75,
        "/blocks/0/elements/0/options/0/description/text",
    ),
    (lambda n: accessory({"type": "overflow", "options": options(n)}), 5, "/blocks/0/accessory/options"),
    (lambda n: accessory({"type": "checkboxes", "options": options(n)}), 10, "/blocks/0/accessory/options"),
    (lambda n: accessory({"type": "radio_buttons", "options": options(n)}), 10, "/blocks/0/accessory/options"),
    (
        lambda n: accessory(button("a") | {"confirm": confirm(title=text("x" * n))}),
        100,
        "/blocks/0/accessory/confirm/title/text",
    ),
    (
        lambda n: accessory(button("a") | {"confirm": confirm(text=text("x" * n))}),
        300,
        "/blocks/0/accessory/confirm/text/text",
    ),
    (
        lambda n: accessory(button("a") | {"confirm": confirm(deny=text("x" * n))}),
        30,
        "/blocks/0/accessory/confirm/deny/text",
    ),
    (lambda n: field("b") | {"label": text("x" * n)}, 2000, "/blocks/0/label/text"),
    (lambda n: field("b") | {"hint": text("x" * n)}, 2000, "/blocks/0/hint/text"),
    (lambda n: field("b", element={"max_length": n}), 3000, "/blocks/0/element/max_length"),
    (lambda n: {"type": "image", "image_url": "https://e.x/a.png", "alt_text": "x" * n}, 2000, "/blocks/0/alt_text"),
    (lambda n: {"type": "markdown", "text": "x" * n}, 12_000, "/blocks/0/text"),
    (
        lambda n: rich({"type": "rich_text_list", "style": "bullet", "elements": [rich_section()], "indent": n}),
        8,
        "/blocks/0/elements/0/indent",
    ),
    (lambda n: {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * n}, 100, "/blocks/0/rows"),
    (lambda n: {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * n]}, 20, "/blocks/0/rows/0"),
    (
        lambda n: {"type": "data_table", "caption": "c", "rows": [[{"type": "raw_text", "text": "x"}]] * n},
        201,
        "/blocks/0/rows",
    ),
    (lambda n: chart(title="x" * n), 50, "/blocks/0/title"),
    (
        lambda n: chart(chart={"type": "pie", "segments": [{"label": "a", "value": 1}] * n}),
        12,
        "/blocks/0/chart/segments",
    ),
    (
        lambda n: chart(chart={"type": "pie", "segments": [{"label": "a" * n, "value": 1}]}),
        20,
        "/blocks/0/chart/segments/0/label",
    ),
    (lambda n: {"type": "card", "body": text("x" * n)}, 200, "/blocks/0/body/text"),
    (lambda n: {"type": "carousel", "elements": [{"type": "card", "body": text("x")}] * n}, 10, "/blocks/0/elements"),
    (
        lambda n: {"type": "container", "title": text("t"), "child_blocks": [section()] * n},
        10,
        "/blocks/0/child_blocks",
    ),
    (
        lambda n: {
            "type": "plan",
            "title": "t",
            "tasks": [{"type": "task_card", "task_id": "1", "title": "t", "status": "pending"}] * n,
        },
        50,
        "/blocks/0/tasks",
    ),
]


@pytest.mark.parametrize(("make", "most", "where"), LIMITS)
def test_limits_of_messages(make: Any, most: int, where: str) -> None:
    assert message_errors([make(most)]) == []
    errors = message_errors([make(most + 1)])
    assert [pointer(e) for e in errors] == [where]


VIEW_LIMITS: list[tuple[Any, int, str]] = [
    (lambda n: modal(title=text("x" * n)), 24, "/view/title/text"),
    (lambda n: modal(submit=text("x" * n)), 24, "/view/submit/text"),
    (lambda n: modal(close=text("x" * n)), 24, "/view/close/text"),
    (lambda n: modal(private_metadata="x" * n), 3000, "/view/private_metadata"),
    (lambda n: modal(callback_id="x" * n), 255, "/view/callback_id"),
    (lambda n: modal(external_id="x" * n), 255, "/view/external_id"),
    (lambda n: modal(*[section()] * n), 100, "/view/blocks"),
    (lambda n: {"type": "home", "blocks": [section()] * n}, 100, "/view/blocks"),
    (lambda n: modal({"type": "alert", "text": text("x" * n)}), 200, "/view/blocks/0/text/text"),
    (
        lambda n: modal(field("b", element={"type": "file_input", "max_files": n})),
        10,
        "/view/blocks/0/element/max_files",
    ),
    (
        lambda n: modal(field("b", element={"type": "rich_text_input", "max_lines": n})),
        100,
        "/view/blocks/0/element/max_lines",
    ),
]


@pytest.mark.parametrize(("make", "most", "where"), VIEW_LIMITS)
def test_limits_of_views(make: Any, most: int, where: str) -> None:
    assert view_errors(make(most)) == []
    assert [pointer(e) for e in view_errors(make(most + 1))] == [where]


WRONG: list[tuple[list[Any], str]] = [
    ([section()] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([{}], "missing required field: type [json-pointer:/blocks/0]"),
    (["x"], "must provide an object [json-pointer:/blocks/0]"),
    ([{"type": "nonsense"}], "unsupported type: nonsense [json-pointer:/blocks/0/type]"),
    ([{"type": "alert", "text": text("x")}], "unsupported type: alert [json-pointer:/blocks/0/type]"),
    ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
    ([{"type": "header"}], "missing required field: text [json-pointer:/blocks/0]"),
    ([{"type": "header", "text": mrkdwn("x")}], "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([section() | {"text": None}], "must provide an object [json-pointer:/blocks/0/text]"),
    ([section() | {"text": "x"}], "must provide an object [json-pointer:/blocks/0/text]"),
    ([section() | {"colour": "red"}], "invalid additional property: colour [json-pointer:/blocks/0]"),
    (
        [{"type": "header", "text": text("x") | {"verbatim": True}}],
        "invalid additional property: verbatim [json-pointer:/blocks/0/text]",
    ),
    (
        [{"type": "section", "text": mrkdwn("x") | {"emoji": True}}],
        "invalid additional property: emoji [json-pointer:/blocks/0/text]",
    ),
    ([section(block_id="a"), section(block_id="a")], '`block_id` "a" already exists [json-pointer:/blocks/1/block_id]'),
    (
        [actions(button("a"), button("a"))],
        '`action_id` "a" already exists [json-pointer:/blocks/0/elements/1/action_id]',
    ),
    ([actions()], "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (
        [actions(button("a") | {"style": "green"})],
        "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
    ),
    ([actions(button("a") | {"url": "nowhere"})], "must provide a valid url [json-pointer:/blocks/0/elements/0/url]"),
    ([actions(button("a") | {"value": 7})], "must provide a string [json-pointer:/blocks/0/elements/0/value]"),
    (
        [actions({"type": "plain_text_input"})],
        "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
    ),
    (
        [actions(select(initial_option=option(9)))],
        "must exactly match one of the options [json-pointer:/blocks/0/elements/0/initial_option]",
    ),
    (
        [actions(select(option_groups=[{"label": text("g"), "options": options(1)}]))],
        "must provide only one of: options, option_groups [json-pointer:/blocks/0/elements/0]",
    ),
    ([actions({"type": "static_select"})], "missing required field: options [json-pointer:/blocks/0/elements/0]"),
    (
        [accessory({"type": "datepicker", "initial_date": "22.11.2026"})],
        "must be a valid date [json-pointer:/blocks/0/accessory/initial_date]",
    ),
    (
        [{"type": "context", "elements": [button("a")]}],
        "unsupported type: button [json-pointer:/blocks/0/elements/0/type]",
    ),
    ([{"type": "image", "alt_text": "x"}], "missing required field: image_url [json-pointer:/blocks/0]"),
    (
        [rich(rich_section({"type": "text", "text": ""}))],
        "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
    ),
    (
        [rich(rich_section({"type": "blink"}))],
        "unsupported type: blink [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    (
        [rich({"type": "rich_text_list", "style": "dots", "elements": [rich_section()]})],
        "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2,
        "only_one_table_allowed [json-pointer:/blocks/1]",
    ),
    (
        [{"type": "markdown", "text": "x" * 7000}] * 2,
        "must be less than 12001 characters in all blocks [json-pointer:/blocks/1/text]",
    ),
    ([chart(), chart(), chart()], "no more than 2 data_visualization blocks allowed [json-pointer:/blocks/2]"),
    (
        [{"type": "container", "title": text("t"), "child_blocks": [chart()]}],
        "unsupported type: data_visualization [json-pointer:/blocks/0/child_blocks/0/type]",
    ),
]


@pytest.mark.parametrize(("blocks", "error"), WRONG)
def test_what_is_wrong_in_a_message(blocks: list[Any], error: str) -> None:
    assert message_errors(blocks) == [f"[ERROR] {error}"]


WRONG_VIEWS: list[tuple[Any, str]] = [
    ({k: v for k, v in modal().items() if k != "submit"}, "missing required field: submit [json-pointer:/view]"),
    ({k: v for k, v in modal().items() if k != "title"}, "missing required field: title [json-pointer:/view]"),
    ({"type": "window"}, "unsupported type: window [json-pointer:/view/type]"),
    (modal(colour="red"), "invalid additional property: colour [json-pointer:/view]"),
    (modal({"type": "markdown", "text": "x"}), "unsupported type: markdown [json-pointer:/view/blocks/0/type]"),
    (modal(field("a"), field("a")), '`block_id` "a" already exists [json-pointer:/view/blocks/1/block_id]'),
    (
        modal(field("a", element={"focus_on_load": True}), field("b", element={"focus_on_load": True})),
        "only one element may have focus_on_load [json-pointer:/view/blocks/1]",
    ),
    (
        {"type": "home", "blocks": [{"type": "alert", "text": text("x")}]},
        "unsupported type: alert [json-pointer:/view/blocks/0/type]",
    ),
]


@pytest.mark.parametrize(("view", "error"), WRONG_VIEWS)
def test_what_is_wrong_in_a_view(view: Any, error: str) -> None:
    assert view_errors(view) == [f"[ERROR] {error}"]


GOOD: list[Json] = [
    {"type": "divider"},
    section(expand=True, accessory={"type": "multi_users_select", "action_id": "who"}),
    actions({"type": "datetimepicker", "action_id": "at", "initial_date_time": 1_700_000_000}),
    {"type": "context_actions", "elements": [{"type": "icon_button", "icon": "trash", "text": text("x")}]},
    {
        "type": "video",
        "title": text("t"),
        "alt_text": "x",
        "thumbnail_url": "https://e.x/t",
        "video_url": "https://e.x/v",
    },
    rich(
        rich_section({"type": "user", "user_id": "U0ANA"}, {"type": "text", "text": "!", "style": {"bold": True}}),
        rich_section({"type": "date", "timestamp": 1, "format": "{time}"}, {"type": "broadcast", "range": "here"}),
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x"}]},
        {
            "type": "rich_text_quote",
            "elements": [{"type": "link", "url": "https://e.x"}, {"type": "emoji", "name": "wave"}],
        },
    ),
    chart(
        chart={
            "type": "line",
            "series": [{"name": "errors", "data": [{"label": "1", "value": 0}]}],
            "axis_config": {"categories": ["1"], "x_label": "min"},
        }
    ),
]


@pytest.mark.parametrize("block", GOOD)
def test_what_is_fine(block: Json) -> None:
    assert message_errors([block]) == []


def test_another_library_agrees() -> None:
    for block in (
        slackblocks.SectionBlock("x" * 3000, fields=["y" * 2000] * 10),
        slackblocks.HeaderBlock("x" * 150),
        slackblocks.ContextBlock([slackblocks.Text("x")] * 10),
        slackblocks.ActionsBlock([slackblocks.Button(text="x" * 75, action_id=f"a{n}", value="v") for n in range(25)]),
        slackblocks.MarkdownBlock("x" * 12_000),
        slackblocks.ImageBlock("https://e.x/a.png", alt_text="x" * 2000),
    ):
        assert message_errors([json.loads(str(block))]) == []


def test_refusals_over_the_wire(world: World, ops: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        world.api.chat_postMessage(channel=ops, text="x", blocks=[{"type": "header", "text": text("x" * 151)}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]"
    ]
    with pytest.raises(SlackApiError) as caught:
        world.api.views_publish(user_id="U0ANA", view=modal())
    assert caught.value.response["error"] == "invalid_arguments"
    with pytest.raises(SlackApiError) as caught:
        world.api.views_open(trigger_id="x", view=modal(*[section("x" * 3000)] * 90))
    assert caught.value.response["error"] == "view_too_large"
    world.api.blocks_validate(view=modal())
    with pytest.raises(SlackApiError) as caught:
        world.api.blocks_validate(blocks=[{"type": "nonsense"}])
    assert "unsupported type" in caught.value.response["response_metadata"]["messages"][0]


KEYS = st.sampled_from(
    [
        *("type", "text", "blocks", "elements", "element", "accessory", "fields", "options", "option_groups"),
        *("initial_option", "initial_options", "value", "block_id", "action_id", "confirm", "title", "label"),
        *("child_blocks", "rows", "chart", "series", "data", "axis_config", "categories", "tasks"),
    ]
)
KINDS = st.sampled_from(
    [
        *("section", "header", "actions", "context", "input", "image", "rich_text", "rich_text_section", "text"),
        *("rich_text_list", "table", "data_table", "data_visualization", "container", "card", "carousel", "plan"),
        *("task_card", "static_select", "checkboxes", "button", "plain_text", "mrkdwn", "modal", "home", "pie"),
        *("line", "markdown", "plain_text_input"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | KINDS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)
BLOCKLIKE = st.lists(
    st.dictionaries(KEYS, ANYTHING, max_size=6).flatmap(lambda d: KINDS.map(lambda k: d | {"type": k}))
)


@given(ANYTHING | BLOCKLIKE)
def test_the_validator_survives_anything(value: Any) -> None:
    for error in (*message_errors(value), *view_errors(value), *view_errors({"type": "modal", "blocks": value})):
        assert error.startswith("[ERROR] ")
        assert error.endswith("]")
