"""Reads the app's manifest: which commands, shortcuts, scopes and events the workspace knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "manifest.yml"
DEFAULT_SCOPES = (
    *("commands", "chat:write", "app_mentions:read", "users:read", "users:read.email", "usergroups:read"),
    *("channels:read", "channels:manage", "channels:history", "channels:join"),
    *("groups:read", "groups:write", "groups:history"),
    *("im:read", "im:write", "im:history"),
    *("reactions:read", "reactions:write", "pins:read", "pins:write"),
    *("bookmarks:read", "bookmarks:write", "files:read", "files:write"),
)
DEFAULT_EVENTS = ("app_mention", "app_home_opened", "reaction_added")


@dataclass(frozen=True, slots=True)
class Command:
    command: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = True


@dataclass(frozen=True, slots=True)
class Shortcut:
    name: str
    type: str
    callback_id: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    commands: tuple[Command, ...]
    shortcuts: tuple[Shortcut, ...]
    scopes: tuple[str, ...]
    events: frozenset[str]
    messages_tab: bool = True

    def command(self, name: str) -> Command | None:
        return next((c for c in self.commands if c.command == name), None)

    def shortcut(self, callback_id: str) -> Shortcut | None:
        return next((s for s in self.shortcuts if s.callback_id == callback_id), None)


DEFAULT = Manifest(
    name="AIOps Bot",
    commands=(Command("/incident", "Declare and run incidents", "[declare | status | help]"),),
    shortcuts=(),
    scopes=DEFAULT_SCOPES,
    events=frozenset(DEFAULT_EVENTS),
)


def load(path: Path | None = None) -> Manifest:
    """The manifest at `path`; the default one where there is no such file."""
    path = path or DEFAULT_PATH
    if not path.exists():
        return DEFAULT
    return parse(yaml.safe_load(path.read_text(encoding="utf-8")))


def parse(raw: dict[str, Any]) -> Manifest:
    features = raw.get("features", {})
    scopes = raw.get("oauth_config", {}).get("scopes", {})
    subscriptions = raw.get("settings", {}).get("event_subscriptions", {})
    return Manifest(
        name=features.get("bot_user", {}).get("display_name") or raw["display_information"]["name"],
        commands=tuple(_command(c) for c in features.get("slash_commands", [])),
        shortcuts=tuple(_shortcut(s) for s in features.get("shortcuts", [])),
        scopes=(*scopes.get("bot", []), *scopes.get("bot_optional", [])),
        events=frozenset(subscriptions.get("bot_events", [])),
        messages_tab=features.get("app_home", {}).get("messages_tab_enabled", False),
    )


def _command(raw: dict[str, Any]) -> Command:
    hint = raw.get("usage_hint", "")
    return Command(raw["command"], raw.get("description", ""), hint, raw.get("should_escape", False))


def _shortcut(raw: dict[str, Any]) -> Shortcut:
    return Shortcut(raw["name"], raw["type"], raw["callback_id"], raw.get("description", ""))
