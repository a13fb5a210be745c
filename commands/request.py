"""What arrives from Slack, read once: past this module nobody looks into a raw payload."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bot.errors import InvalidInput
from bot.models import new_id
from bot.rights import Caller


@dataclass(frozen=True)
class Request:
    """One command, click, submission, shortcut or mention.

    key        names it, so that a second delivery is recognised
    thread_ts  the thread it came from
    text       what was typed after the command (`is_typed`), or the block id of what was clicked
    message_*  the message a button or shortcut belongs to
    is_home    clicked in App Home, or sent with a form that opened there
    carried    what a form was given when it opened
    """

    key: str
    caller: Caller
    channel_id: str = ""
    thread_ts: str | None = None
    text: str = ""
    action: str = ""
    value: str = ""
    trigger_id: str | None = None
    response_url: str | None = None
    view_id: str | None = None
    message_ts: str | None = None
    message_text: str = ""
    message_user: str | None = None
    is_ephemeral: bool = False
    is_home: bool = False
    is_typed: bool = False
    form: dict[str, str] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)

    @property
    def is_direct(self) -> bool:
        """In a direct message."""
        return self.channel_id.startswith("D")

    @property
    def number(self) -> int:
        """The incident a button or form is about."""
        raw = self.carried.get("incident") if self.carried else self.value.partition(":")[0]
        try:
            return int(str(raw))
        except ValueError:
            raise InvalidInput("incident", "This button belongs to no incident I know.") from None


def command(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/interactivity/implementing-slash-commands"""
    return Request(
        key=_key("command", body),
        caller=Caller(body["user_id"], body.get("team_id")),
        channel_id=body.get("channel_id", ""),
        text=body.get("text") or "",
        trigger_id=body.get("trigger_id"),
        response_url=body.get("response_url"),
        is_typed=True,
    )


def action(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""
    clicked = (body.get("actions") or [{}])[0]
    container = body.get("container") or {}
    message = body.get("message") or {}
    view = body.get("view") or {}
    option = clicked.get("selected_option") or {}
    return Request(
        key=_key("action", body),
        caller=_caller(body),
        channel_id=(body.get("channel") or {}).get("id") or container.get("channel_id", ""),
        thread_ts=container.get("thread_ts") or message.get("thread_ts"),
        action=clicked.get("action_id", ""),
        value=clicked.get("value") or option.get("value") or "",
        text=clicked.get("block_id", ""),
        trigger_id=body.get("trigger_id"),
        response_url=body.get("response_url"),
        view_id=view.get("id"),
        message_ts=container.get("message_ts") or message.get("ts"),
        is_ephemeral=bool(container.get("is_ephemeral")),
        is_home=view.get("type") == "home",
    )


def submission(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload"""
    view = body["view"]
    carried = _carried(view)
    return Request(
        key=_key("view", body),
        caller=_caller(body),
        channel_id=carried.get("channel", ""),
        thread_ts=carried.get("thread"),
        action=view.get("callback_id", ""),
        trigger_id=body.get("trigger_id"),
        view_id=view.get("id"),
        is_home=carried.get("home") is True,
        form=_form(view),
        carried=carried,
    )


def shortcut(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload"""
    message = body.get("message") or {}
    return Request(
        key=_key("shortcut", body),
        caller=_caller(body),
        channel_id=(body.get("channel") or {}).get("id", ""),
        thread_ts=message.get("thread_ts"),
        action=body.get("callback_id", ""),
        trigger_id=body.get("trigger_id"),
        response_url=body.get("response_url"),
        message_ts=body.get("message_ts") or message.get("ts"),
        message_text=message.get("text") or "",
        message_user=message.get("user"),
    )


def mention(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/reference/events/app_mention"""
    event = body["event"]
    return Request(
        key=f"event:{body.get('event_id') or event['ts']}",
        caller=Caller(event.get("user", ""), event.get("team") or body.get("team_id")),
        channel_id=event["channel"],
        thread_ts=event.get("thread_ts") or event["ts"],
        text=event.get("text") or "",
        message_ts=event["ts"],
        is_typed=True,
    )


def reaction(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/reference/events/reaction_added"""
    event = body["event"]
    item = event["item"]
    return Request(
        key=f"event:{body.get('event_id') or new_id()}",
        caller=Caller(event.get("user", ""), body.get("team_id")),
        channel_id=item["channel"],
        value=event["reaction"],
        message_ts=item["ts"],
    )


def home(body: dict[str, Any]) -> Request:
    """https://docs.slack.dev/reference/events/app_home_opened"""
    event = body["event"]
    return Request(
        key=f"event:{body.get('event_id') or new_id()}", caller=Caller(event.get("user", ""), body.get("team_id"))
    )


def _key(kind: str, body: dict[str, Any]) -> str:
    """Slack gives each wish its own trigger id; without one, no two deliveries can be told to be the same."""
    return f"{kind}:{body.get('trigger_id') or new_id()}"


def _caller(body: dict[str, Any]) -> Caller:
    user = body.get("user") or {}
    return Caller(user.get("id", ""), user.get("team_id") or (body.get("team") or {}).get("id"))


def _carried(view: dict[str, Any]) -> dict[str, Any]:
    """What our form took along; nothing where it is not ours. It comes through the person's client."""
    try:
        carried = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return carried if isinstance(carried, dict) else {}


def _form(view: dict[str, Any]) -> dict[str, str]:
    """The inputs by block id: typed text, chosen value or chosen user; empty where nothing was given."""
    fields = {}
    for block_id, actions in ((view.get("state") or {}).get("values") or {}).items():
        for element in actions.values():
            chosen = (element.get("selected_option") or {}).get("value")
            fields[block_id] = element.get("value") or chosen or element.get("selected_user") or ""
    return fields
