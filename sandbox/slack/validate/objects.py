"""Composition objects: texts, options, confirmation dialogs and the like.

https://docs.slack.dev/reference/block-kit/composition-objects
"""

from typing import Any

from sandbox.slack.validate.rules import (
    Report,
    Rule,
    array,
    at_least_one,
    boolean,
    exactly_one,
    one_of,
    shape,
    string,
    tagged,
    url,
)

TEXT_MAX = 3000
OPTION_TEXT_MAX = 75
OPTION_VALUE_MAX = 150
URL_MAX = 3000
OPTIONS_MAX = 100
WEB = ("http", "https")


def plain_text(high: int = TEXT_MAX) -> Rule:
    return tagged({"plain_text": _plain(high)})


def any_text(high: int = TEXT_MAX) -> Rule:
    return tagged({"plain_text": _plain(high), "mrkdwn": _mrkdwn(high)})


def _plain(high: int) -> Rule:
    return shape({"text": string(high)}, {"emoji": boolean})


def _mrkdwn(high: int) -> Rule:
    return shape({"text": string(high)}, {"verbatim": boolean})


CONFIRM = shape(
    {"title": plain_text(100), "text": any_text(300), "confirm": plain_text(30), "deny": plain_text(30)},
    {"style": one_of("primary", "danger")},
)

SLACK_FILE = shape({}, {"id": string(), "url": url(URL_MAX, WEB)}, also=exactly_one("id", "url"))
IMAGE_SOURCE = {"image_url": url(URL_MAX, WEB), "slack_file": SLACK_FILE}
IMAGE = shape({"alt_text": string(2000)}, IMAGE_SOURCE, also=exactly_one("image_url", "slack_file"))

DISPATCH_CONFIG = shape({}, {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2, 1)})

CONVERSATION_FILTER = shape(
    {},
    {
        "include": array(one_of("im", "mpim", "private", "public"), low=1),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
    also=at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
)

WORKFLOW = shape(
    {
        "trigger": shape(
            {"url": url(URL_MAX, WEB)},
            {
                "customizable_input_parameters": array(
                    shape({"name": string(), "value": string(low=0)}),
                )
            },
        )
    }
)


def option(text: Rule) -> Rule:
    fields = {"description": text, "url": url(URL_MAX)}
    return shape({"text": text, "value": string(OPTION_VALUE_MAX)}, fields)


PLAIN_OPTION = option(plain_text(OPTION_TEXT_MAX))
ANY_OPTION = option(any_text(OPTION_TEXT_MAX))
OPTION_GROUP = shape({"label": plain_text(OPTION_TEXT_MAX), "options": array(PLAIN_OPTION, OPTIONS_MAX, 1)})


def initial_on_offer(value: Any, at: str, report: Report) -> None:
    """What is chosen from the start must be one of the options, exactly."""
    groups = value.get("option_groups")
    offered = list(value["options"]) if isinstance(value.get("options"), list) else []
    for group in groups if isinstance(groups, list) else []:
        if isinstance(group, dict) and isinstance(group.get("options"), list):
            offered += group["options"]
    if "initial_option" in value and value["initial_option"] not in offered:
        report.add(f"{at}/initial_option", "must exactly match one of the options")
    chosen = value.get("initial_options")
    for place, one in enumerate(chosen if isinstance(chosen, list) else []):
        if one not in offered:
            report.add(f"{at}/initial_options/{place}", "must exactly match one of the options")
