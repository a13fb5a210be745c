"""Modals and App Homes: the stack of open views of each person, and the state their fields hold."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.blocks import identified, stateful_elements
from sandbox.slack.errors import SlackError
from sandbox.slack.workspace import APP_ID, BOT_ID, TEAM_ID, Json

STACK_MAX = 3
CONTENT = (
    *("type", "callback_id", "title", "close", "submit", "blocks", "private_metadata"),
    *("clear_on_close", "notify_on_close", "external_id"),
)
DEFAULTS: Json = {
    "callback_id": "",
    "close": None,
    "submit": None,
    "private_metadata": "",
    "clear_on_close": False,
    "notify_on_close": False,
    "external_id": "",
}


@dataclass(slots=True)
class OpenView:
    """A view somebody has in front of them."""

    person: str
    view: Json
    channel: str | None = None

    @property
    def id(self) -> str:
        return str(self.view["id"])


@dataclass(slots=True)
class Views:
    now: Callable[[], float]
    _stacks: dict[str, list[OpenView]] = field(default_factory=dict)
    _by_id: dict[str, OpenView] = field(default_factory=dict)
    _homes: dict[str, OpenView] = field(default_factory=dict)

    def of(self, person: str) -> list[OpenView]:
        return self._stacks.get(person, [])

    def home(self, person: str) -> Json | None:
        return self._homes[person].view if person in self._homes else None

    def find(self, view_id: str = "", external_id: str = "") -> OpenView:
        found = self._by_id.get(view_id) if view_id else self._with_external_id(external_id)
        if found is None:
            raise SlackError("not_found")
        return found

    def open(self, person: str, content: Json) -> OpenView:
        """A new root view. Whatever the person had open makes way."""
        self._check_external_id(content)
        self.clear(person)
        return self._put(person, content, root=None, previous=None)

    def push(self, person: str, content: Json, onto: str | None = None) -> OpenView:
        stack = self.of(person)
        if not stack or (onto and all(v.id != onto for v in stack)):
            raise SlackError("not_found")
        if len(stack) >= STACK_MAX:
            raise SlackError("push_limit_reached")
        self._check_external_id(content)
        return self._put(person, content, root=stack[0].id, previous=stack[-1].id)

    def update(self, target: OpenView, content: Json, expected_hash: str = "") -> OpenView:
        if expected_hash and expected_hash != target.view["hash"]:
            raise SlackError("hash_conflict")
        self._check_external_id(content, owner=target.id)
        kept = {k: target.view[k] for k in ("id", "root_view_id", "previous_view_id")}
        typed = target.view["state"]["values"]
        target.view = self._made(content, kept)
        target.view["state"] = {"values": complete_state(target.view["blocks"], typed)}
        return target

    def publish(self, person: str, content: Json, expected_hash: str = "") -> Json:
        old = self._homes.get(person)
        if old:
            return self.update(old, content, expected_hash).view
        view_id = _view_id()
        kept = {"id": view_id, "root_view_id": view_id, "previous_view_id": None}
        home = self._homes[person] = self._by_id[view_id] = OpenView(person, self._made(content, kept))
        return home.view

    def close(self, target: OpenView) -> None:
        stack = self.of(target.person)
        if target in stack:
            stack.remove(target)
        self._by_id.pop(target.id, None)

    def clear(self, person: str) -> list[OpenView]:
        closed = self._stacks.pop(person, [])
        for view in closed:
            self._by_id.pop(view.id, None)
        return closed

    def _put(self, person: str, content: Json, *, root: str | None, previous: str | None) -> OpenView:
        view_id = _view_id()
        kept = {"id": view_id, "root_view_id": root or view_id, "previous_view_id": previous}
        opened = OpenView(person, self._made(content, kept))
        self._stacks.setdefault(person, []).append(opened)
        self._by_id[view_id] = opened
        return opened

    def _made(self, content: Json, kept: Json) -> Json:
        known = {k: content[k] for k in CONTENT if content.get(k) is not None}
        view = {
            **DEFAULTS,
            **known,
            **kept,
            "team_id": TEAM_ID,
            "app_id": APP_ID,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
            "hash": f"{int(self.now())}.{secrets.token_urlsafe(6)}",
            "blocks": identified(content["blocks"]),
        }
        return view | {"state": {"values": complete_state(view["blocks"], {})}}

    def _with_external_id(self, external_id: str) -> OpenView | None:
        views: Iterator[OpenView] = iter(self._by_id.values())
        return next((v for v in views if external_id and v.view["external_id"] == external_id), None)

    def _check_external_id(self, content: Json, owner: str = "") -> None:
        taken = self._with_external_id(content.get("external_id") or "")
        if taken and taken.id != owner:
            raise SlackError("duplicate_external_id")


def complete_state(blocks: list[Json], given: dict[str, Any]) -> dict[str, dict[str, Json]]:
    """state.values as Slack sends it: every field, with what was given, its initial value, or null."""
    values: dict[str, dict[str, Json]] = {}
    for block_id, element in stateful_elements(blocks):
        kind, action_id = element["type"], element["action_id"]
        field_given = given.get(block_id, {}).get(action_id)
        key = VALUE_KEYS[kind]
        if isinstance(field_given, dict) and field_given.get("type", kind) == kind:
            value = field_given.get(key, [] if key.startswith("selected_") and key.endswith("s") else None)
        else:
            value = initial(element)
        values.setdefault(block_id, {})[action_id] = {"type": kind, key: value}
    return values


VALUE_KEYS = {
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}


def initial(element: Json) -> Any:
    """What a field holds before anybody touches it."""
    key = VALUE_KEYS[element["type"]]
    name = "initial_value" if key in ("value", "rich_text_value") else key.replace("selected_", "initial_")
    many = element["type"].startswith("multi_") or element["type"] in ("checkboxes", "file_input")
    return element.get(name, [] if many else None)


def _view_id() -> str:
    return f"V{secrets.token_hex(5).upper()}"
