"""Block elements: buttons, selects, pickers, inputs, and which block takes which of them.

https://docs.slack.dev/reference/block-kit/block-elements
"""

import re
from typing import Any

from sandbox.slack.validate import rich_text
from sandbox.slack.validate.objects import (
    ANY_OPTION,
    CONFIRM,
    CONVERSATION_FILTER,
    DISPATCH_CONFIG,
    IMAGE,
    OPTION_GROUP,
    OPTIONS_MAX,
    PLAIN_OPTION,
    URL_MAX,
    WORKFLOW,
    initial_on_offer,
    plain_text,
)
from sandbox.slack.validate.rules import (
    Fields,
    Report,
    Rule,
    array,
    boolean,
    every,
    exactly_one,
    integer,
    one_of,
    shape,
    string,
    url,
)

INPUT_MAX = 3000
ACTION = {"action_id": string(255)}
FOCUS = {"focus_on_load": boolean}
PLACEHOLDER = {"placeholder": plain_text(150)}
CHOOSING: Fields = {**ACTION, **FOCUS, "confirm": CONFIRM}
SELECTING: Fields = {**CHOOSING, **PLACEHOLDER}
TYPING: Fields = {**ACTION, **FOCUS, **PLACEHOLDER, "dispatch_action_config": DISPATCH_CONFIG}
MANY: Fields = {**SELECTING, "max_selected_items": integer(1)}
IDS = array(string())
STYLE = one_of("primary", "danger")


def _pattern(regex: str, what: str) -> Rule:
    compiled = re.compile(regex)

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            report.add(at, f"must be a valid {what}")

    return check


def _lengths_in_order(value: Any, at: str, report: Report) -> None:
    low, high = value.get("min_length"), value.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        report.add(at, "min_length must be less than or equal to max_length")


DATE = _pattern(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "date")
TIME = _pattern(r"([01]\d|2[0-3]):[0-5]\d", "time")
DECIMAL = _pattern(r"-?\d+(\.\d+)?", "number")

STATIC_OPTIONS: Fields = {
    "options": array(PLAIN_OPTION, OPTIONS_MAX, 1),
    "option_groups": array(OPTION_GROUP, OPTIONS_MAX, 1),
}
STATIC = every(exactly_one("options", "option_groups"), initial_on_offer)

BUTTON = shape(
    {"text": plain_text(75)},
    {
        **ACTION,
        "url": url(URL_MAX),
        "value": string(2000, low=0),
        "style": STYLE,
        "confirm": CONFIRM,
        "accessibility_label": string(75),
        "agent_prompt": string(4000),
        "agent_prompt_display": string(),
        "visible_to_user_ids": IDS,
    },
)
FEEDBACK_BUTTON = shape(
    {"text": plain_text(75), "value": string(2000)},
    {"accessibility_label": string(75)},
)

ELEMENTS: dict[str, Rule] = {
    "button": BUTTON,
    "image": IMAGE,
    "workflow_button": shape(
        {"text": plain_text(75), "workflow": WORKFLOW},
        {**ACTION, "style": STYLE, "accessibility_label": string(75)},
    ),
    "overflow": shape({"options": array(PLAIN_OPTION, 5, 1)}, {**ACTION, "confirm": CONFIRM}),
    "checkboxes": shape(
        {"options": array(ANY_OPTION, 10, 1)},
        {**CHOOSING, "initial_options": array(ANY_OPTION, 10, 1)},
        also=initial_on_offer,
    ),
    "radio_buttons": shape(
        {"options": array(ANY_OPTION, 10, 1)},
        {**CHOOSING, "initial_option": ANY_OPTION},
        also=initial_on_offer,
    ),
    "static_select": shape({}, {**SELECTING, **STATIC_OPTIONS, "initial_option": PLAIN_OPTION}, also=STATIC),
    "multi_static_select": shape(
        {}, {**MANY, **STATIC_OPTIONS, "initial_options": array(PLAIN_OPTION, OPTIONS_MAX, 1)}, also=STATIC
    ),
    "external_select": shape({}, {**SELECTING, "initial_option": PLAIN_OPTION, "min_query_length": integer(0)}),
    "multi_external_select": shape(
        {},
        {
            **MANY,
            "initial_options": array(PLAIN_OPTION, OPTIONS_MAX, 1),
            "min_query_length": integer(0),
        },
    ),
    "users_select": shape({}, {**SELECTING, "initial_user": string()}),
    "multi_users_select": shape({}, {**MANY, "initial_users": IDS}),
    "channels_select": shape({}, {**SELECTING, "initial_channel": string(), "response_url_enabled": boolean}),
    "multi_channels_select": shape({}, {**MANY, "initial_channels": IDS}),
    "conversations_select": shape(
        {},
        {
            **SELECTING,
            "initial_conversation": string(),
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": CONVERSATION_FILTER,
        },
    ),
    "multi_conversations_select": shape(
        {},
        {
            **MANY,
            "initial_conversations": IDS,
            "default_to_current_conversation": boolean,
            "filter": CONVERSATION_FILTER,
        },
    ),
    "datepicker": shape({}, {**SELECTING, "initial_date": DATE}),
    "timepicker": shape({}, {**SELECTING, "initial_time": TIME, "timezone": string()}),
    "datetimepicker": shape({}, {**CHOOSING, "initial_date_time": integer(1_000_000_000, 9_999_999_999)}),
    "plain_text_input": shape(
        {},
        {
            **TYPING,
            "initial_value": string(INPUT_MAX, low=0),
            "multiline": boolean,
            "min_length": integer(0, INPUT_MAX),
            "max_length": integer(1, INPUT_MAX),
        },
        also=_lengths_in_order,
    ),
    "email_text_input": shape({}, {**TYPING, "initial_value": string(low=0)}),
    "url_text_input": shape({}, {**TYPING, "initial_value": string(low=0)}),
    "number_input": shape(
        {"is_decimal_allowed": boolean},
        {**TYPING, "initial_value": DECIMAL, "min_value": DECIMAL, "max_value": DECIMAL},
    ),
    "rich_text_input": shape(
        {},
        {
            **TYPING,
            "initial_value": rich_text.RICH_TEXT,
            "min_lines": integer(1, 100),
            "max_lines": integer(1, 100),
        },
    ),
    "file_input": shape({}, {**ACTION, "filetypes": array(string(), low=1), "max_files": integer(1, 10)}),
    "feedback_buttons": shape(
        {"positive_button": FEEDBACK_BUTTON, "negative_button": FEEDBACK_BUTTON},
        ACTION,
    ),
    "icon_button": shape(
        {"icon": one_of("trash"), "text": plain_text(75)},
        {
            **ACTION,
            "value": string(2000),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
            "visible_to_user_ids": array(string(), 10),
        },
    ),
}

SINGLE_SELECTS = frozenset(
    ("static_select", "external_select", "users_select", "channels_select", "conversations_select")
)
MULTI_SELECTS = frozenset(f"multi_{select}" for select in SINGLE_SELECTS)
PICKERS = frozenset(("datepicker", "timepicker"))
CHOICES = frozenset(("checkboxes", "radio_buttons"))
IN_ACTIONS = SINGLE_SELECTS | PICKERS | CHOICES | {"button", "overflow", "datetimepicker", "workflow_button"}
IN_SECTION = IN_ACTIONS - {"datetimepicker"} | MULTI_SELECTS | {"image"}
IN_INPUT = (
    SINGLE_SELECTS
    | MULTI_SELECTS
    | PICKERS
    | CHOICES
    | {
        "datetimepicker",
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    }
)
IN_CONTEXT_ACTIONS = frozenset(("feedback_buttons", "icon_button"))
