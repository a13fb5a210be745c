"""What has to agree without seeing each other: manifest, code, settings, docs, lock files."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from blocks.ids import Action, Input, Shortcut, View
from bot import config as config_model
from bot import triage
from bot.config import Config
from bot.settings import Settings, load_config
from commands import listener, shortcuts, views
from commands.buttons import BUTTONS
from commands.listener import Listener
from commands.subcommands import SUBCOMMANDS

ROOT = Path(__file__).parents[1]
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8"))
FEATURES, BOT_SCOPES = MANIFEST["features"], MANIFEST["oauth_config"]["scopes"]["bot"]

NEEDS: dict[str, set[str]] = {
    "apps.connections.open": set(),  # with the app-level token
    "auth.test": set(),
    "bookmarks.add": {"bookmarks:write"},
    "chat.getPermalink": set(),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.create": {"channels:manage"},
    "conversations.history": {"channels:history"},
    "conversations.invite": {"channels:manage"},
    "conversations.join": {"channels:join"},
    "conversations.list": {"channels:read"},
    "conversations.replies": {"channels:history"},
    "conversations.setTopic": {"channels:manage"},
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "pins.add": {"pins:write"},
    "usergroups.users.list": {"usergroups:read"},
    "users.info": {"users:read"},
    "users.lookupByEmail": {"users:read.email"},
    "views.open": set(),
    "views.publish": set(),
    "views.update": set(),
}
"""Web API method → bot scopes, from each method's page (docs.slack.dev/reference/methods)."""
EVENT_NEEDS = {"app_home_opened": set(), "app_mention": {"app_mentions:read"}, "reaction_added": {"reactions:read"}}
FAMILIES = (
    "admin|apps|assistant|auth|bookmarks|bots|calls|canvases|chat|conversations|dialog|dnd|emoji|files|functions|"
    "migration|oauth|openid|pins|reactions|reminders|search|slackLists|stars|team|tooling|usergroups|users|views"
)


# -- the Slack app


class Registrations:
    """A Bolt app that only notes what is registered."""

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.events: list[Any] = []

    def command(self, name: Any) -> Callable[[Any], Any]:
        self.commands.append(name)
        return lambda handler: handler

    def event(self, name: Any) -> Callable[[Any], Any]:
        self.events.append(name)
        return lambda handler: handler

    def action(self, _: Any) -> Callable[[Any], Any]:
        return lambda handler: handler

    view = shortcut = action

    def error(self, handler: Any) -> Any:
        return handler


@pytest.fixture
def registered() -> Iterator[Registrations]:
    noted = Registrations()
    listening = Listener(None)  # type: ignore[arg-type]
    listening.register(noted)  # type: ignore[arg-type]
    yield noted
    listening.drain()


def test_the_slash_command_is_the_one_that_is_listened_to(registered: Registrations) -> None:
    assert [each["command"] for each in FEATURES["slash_commands"]] == [listener.COMMAND] == registered.commands
    assert FEATURES["slash_commands"][0]["should_escape"] is True, "else mentions arrive as bare names"
    assert "url" not in FEATURES["slash_commands"][0]


def test_the_usage_hint_names_commands_that_are_there() -> None:
    names = {name for row in SUBCOMMANDS for name in (row.name, *row.aliases)}
    for part in FEATURES["slash_commands"][0]["usage_hint"].split("|"):
        assert part.split()[0] in names


def test_the_shortcuts_are_those_that_are_handled_and_of_their_kind() -> None:
    in_manifest = {each["callback_id"]: each["type"] for each in FEATURES["shortcuts"]}
    assert in_manifest == {
        Shortcut.DECLARE: "global",
        Shortcut.DECLARE_FROM_MESSAGE: "message",
        Shortcut.ADD_TO_TIMELINE: "message",
        Shortcut.ACTION_ITEM: "message",
    }
    assert set(shortcuts.SHORTCUTS) == set(Shortcut) == set(in_manifest)


def test_the_events_subscribed_to_are_those_that_are_listened_to(registered: Registrations) -> None:
    named = [event for event in registered.events if isinstance(event, str)]
    assert sorted(MANIFEST["settings"]["event_subscriptions"]["bot_events"]) == sorted(named)


def test_socket_mode_and_interactivity_are_on_and_no_address_is_given() -> None:
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    assert MANIFEST["settings"]["interactivity"] == {"is_enabled": True}
    assert "request_url" not in MANIFEST["settings"]["event_subscriptions"]
    assert MANIFEST["settings"]["token_rotation_enabled"] is False, "a rotating token would stop the bot after 12 hours"


def test_people_can_write_to_the_bot() -> None:
    """Else Slack refuses its direct messages with `messages_tab_disabled`."""
    assert FEATURES["app_home"]["messages_tab_enabled"] is True
    assert FEATURES["app_home"]["messages_tab_read_only_enabled"] is False


# -- ids


def test_every_button_has_a_handler_and_every_handler_a_button() -> None:
    assert set(BUTTONS) == set(Action)


def test_every_form_has_a_handler_and_every_handler_a_form() -> None:
    assert set(views.VIEWS) == set(View)


def constants_used(enum: str, folders: tuple[str, ...]) -> set[str]:
    """Which members of an id enum the code builds messages and forms with."""
    used = set()
    for folder in folders:
        for path in (ROOT / folder).glob("*.py"):
            used |= set(re.findall(rf"\b{enum}\.([A-Z_]+)\b", path.read_text(encoding="utf-8")))
    return used


def test_every_id_is_in_use() -> None:
    assert constants_used("Action", ("blocks",)) == set(Action.__members__)
    assert constants_used("View", ("blocks",)) == set(View.__members__)
    assert constants_used("Input", ("blocks",)) == set(Input.__members__)
    assert constants_used("Input", ("commands",)) == set(Input.__members__), "each input is read when it comes back"


def test_ids_that_others_rely_on_keep_their_names() -> None:
    for fixed in ("incident.acknowledge", "incident.resolve", "incident.reopen"):
        assert Action(fixed) in BUTTONS


def test_ids_are_within_slacks_limit_and_told_apart() -> None:
    for ids in (Action, View, Shortcut):
        values = [each.value for each in ids]
        assert len(set(values)) == len(values)
        assert all(0 < len(value) <= 255 for value in values)


# -- scopes


def methods_called() -> dict[str, str]:
    """Every Web API method that the Slack integration names, with the place."""
    method = re.compile(rf"(?:{FAMILIES})(?:\.[A-Za-z]+)+")
    attribute = re.compile(rf"(?:{FAMILIES})_[A-Za-z_]+")
    found = {}
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if "integrations/slack" not in path.as_posix() and path.name != "app.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and method.fullmatch(node.value):
                found[node.value] = place
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and attribute.fullmatch(node.func.attr)
            ):
                found[node.func.attr.replace("_", ".")] = place
    return found


def test_every_method_that_is_called_is_known_with_its_scopes() -> None:
    called = methods_called()
    assert {name: place for name, place in called.items() if name not in NEEDS} == {}
    assert set(NEEDS) - set(called) == set(), "and the list has none that is not called"


def test_the_manifest_asks_for_the_scopes_that_are_needed_and_no_others() -> None:
    needed = {"commands"}
    needed |= {scope for method in methods_called() for scope in NEEDS.get(method, set())}
    needed |= {
        scope for event in MANIFEST["settings"]["event_subscriptions"]["bot_events"] for scope in EVENT_NEEDS[event]
    }
    assert needed == set(BOT_SCOPES)
    assert sorted(set(BOT_SCOPES)) == BOT_SCOPES
    assert set(MANIFEST["oauth_config"]["scopes"]) == {"bot"}, "nothing is done in a person's name"


# -- the manifest's shape


def text(most: int, least: int = 1) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def shape(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others; names without a rule may hold anything."""
    names = {name: properties.get(name, {}) for name in f"{required} {optional}".split()}
    return {"type": "object", "required": required.split(), "properties": names, "additionalProperties": False}


REDUCED_SCHEMA = shape(
    "_metadata display_information features oauth_config settings",
    _metadata=shape("major_version", "minor_version", major_version={"const": 2}),
    display_information=shape(
        "name",
        "description long_description background_color",
        name=text(35),
        description=text(140),
        long_description=text(4000, 175),
        background_color={"type": "string", "pattern": "^#([0-9a-fA-F]{3}){1,2}$"},
    ),
    features=shape(
        "bot_user",
        "app_home slash_commands shortcuts",
        bot_user=shape("display_name", "always_online", display_name=text(80), always_online={"type": "boolean"}),
        app_home=shape("", "home_tab_enabled messages_tab_enabled messages_tab_read_only_enabled"),
        slash_commands={
            "type": "array",
            "maxItems": 50,
            "items": shape(
                "command description",
                "usage_hint should_escape url",
                command={"type": "string", "pattern": "^/", "maxLength": 32},
                description=text(2000),
                usage_hint=text(1000),
                should_escape={"type": "boolean"},
            ),
        },
        shortcuts={
            "type": "array",
            "maxItems": 10,
            "items": shape(
                "name type callback_id description",
                name=text(24),
                type={"enum": ["message", "global"]},
                callback_id=text(255),
                description=text(150),
            ),
        },
    ),
    oauth_config=shape(
        "scopes",
        scopes=shape("bot", "user bot_optional", bot={"type": "array", "items": text(255), "uniqueItems": True}),
    ),
    settings=shape(
        "event_subscriptions interactivity socket_mode_enabled",
        "org_deploy_enabled token_rotation_enabled",
        event_subscriptions=shape("bot_events", "user_events request_url"),
        interactivity=shape("is_enabled", "request_url message_menu_options_url"),
        socket_mode_enabled={"type": "boolean"},
    ),
)
"""The part of Slack's manifest schema that this app uses, for machines without the whole of it."""
WHOLE_SCHEMA = ROOT.parent / "shared" / "contracts" / "slack-manifest.schema.json"


def schemas() -> list[dict[str, Any]]:
    """Slack's own schema where this machine has it, and the reduced one everywhere."""
    whole = [json.loads(WHOLE_SCHEMA.read_text(encoding="utf-8"))] if WHOLE_SCHEMA.exists() else []
    return [*whole, REDUCED_SCHEMA]


def faults(manifest: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    found = jsonschema.Draft7Validator(schema).iter_errors(manifest)
    return [f"{'/'.join(str(part) for part in each.path)}: {each.message}" for each in found]


def test_the_manifest_is_one_that_slack_takes() -> None:
    for schema in schemas():
        assert faults(MANIFEST, schema) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("display_information/name", "n" * 36),
        ("display_information/long_description", "too short"),
        ("features/slash_commands/0/command", "incident"),
        ("features/shortcuts/0/name", "n" * 25),
        ("features/shortcuts/0/type", "channel"),
        ("features/bot_user/display_name", 5),
        ("settings/interactivity/enabled", True),
    ],
)
def test_the_schemas_see_what_is_wrong(path: str, wrong: Any) -> None:
    manifest = json.loads(json.dumps(MANIFEST))
    *parents, last = path.split("/")
    node = manifest
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    node[last] = wrong
    assert all(faults(manifest, schema) for schema in schemas())


# -- settings and docs


def read(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_docs(name: str) -> None:
    assert f"`{name.upper()}`" in read("README.md", "docs/configuration.md")


def test_the_docs_name_no_setting_that_is_not_there() -> None:
    rows = re.findall(r"^\| `([A-Z][A-Z_]+)`", read("docs/configuration.md"), flags=re.MULTILINE)
    assert {name for name in rows if not name.startswith("AWS_")} <= {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("name", "default"),
    [
        (name, str(field.default))
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, str) and name.startswith(("slack_api", "database", "incident_ch", "log_"))
    ],
)
def test_the_docs_tell_the_defaults(name: str, default: str) -> None:
    lines = [line for line in read("README.md", "docs/configuration.md").splitlines() if f"`{name.upper()}`" in line]
    assert any(default.rstrip("/") in line for line in lines)


@pytest.mark.parametrize("row", SUBCOMMANDS, ids=lambda row: row.name)
def test_every_subcommand_is_in_the_docs(row: Any) -> None:
    assert re.search(rf"`(?:/incident )?{re.escape(row.name)}\b", read("README.md", "docs/commands.md"))


SECTIONS: list[type[BaseModel]] = [
    each
    for each in vars(config_model).values()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == config_model.__name__
]


def keys() -> Iterator[Any]:
    """Every key of every section, as it is written in the file."""
    for section in SECTIONS:
        for name, field in section.model_fields.items():
            yield pytest.param(field.alias or name, id=f"{section.__name__}.{name}")


def test_the_sections_of_the_config_file_are_all_found() -> None:
    assert {"Config", "Service", "Channels", "Permissions", "Triage", "Maintenance"} <= {
        section.__name__ for section in SECTIONS
    }


@pytest.mark.parametrize("key", list(keys()))
def test_every_key_of_the_config_file_is_in_the_docs_and_in_the_example(key: str) -> None:
    docs, example = read("docs/configuration.md"), read("config.example.yml")
    assert re.search(rf"\b{key}\b", docs), "in the docs"
    assert re.search(rf"\b{key}:", example), "in config.example.yml"


def test_the_docs_name_no_key_that_is_not_there() -> None:
    """Only the first part of each row's key; the parts after it are tested above."""
    tables = read("docs/configuration.md").partition("## `config.yml`")[2]
    rows = re.findall(r"^\| `([a-z_]+)", tables, flags=re.MULTILINE)
    assert len(rows) > 20
    assert set(rows) <= set(Config.model_fields) | {"match"}


def test_the_example_config_file_is_right() -> None:
    config = load_config(ROOT / "config.example.yml")
    assert config.services, "and shows what a service looks like"
    assert all(getattr(config, name) for name in ("accounts", "severities", "routes", "topics", "maintenance"))


@pytest.mark.parametrize("section", ["triage", "paging"])
def test_the_example_shows_the_defaults_of_the_policies(section: str) -> None:
    example, usual = load_config(ROOT / "config.example.yml"), Config()
    if section == "triage":
        assert example.triage == usual.triage
    else:
        assert triage.policy(example) == triage.policy(usual)


def test_links_between_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://", "mailto:")):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} → {target}"


# -- what is in the repository


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_pins_by_hash_and_names_no_index(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert not re.search(r"https?://", line), f"an address in {name}: {line[:20]}…"
        assert not re.match(r"\s*(-i|--index-url|--extra-index-url|--find-links|-f|--trusted-host)\b", line)
    pins = [line for line in lines if re.match(r"[A-Za-z0-9]", line)]
    assert len(pins) > 10
    assert all(re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", pin) for pin in pins)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)


def test_every_dependency_is_in_the_lock_files() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    locked = {line.partition("==")[0].partition("[")[0].lower() for line in read("requirements.lock").splitlines()}
    dev = {line.partition("==")[0].partition("[")[0].lower() for line in read("requirements-dev.lock").splitlines()}
    wanted = {re.split(r"[<>=\[ ]", each)[0].lower() for each in project["dependencies"]}
    optional = {
        re.split(r"[<>=\[ ]", each)[0].lower() for some in project["optional-dependencies"].values() for each in some
    }
    assert wanted <= locked
    assert wanted | optional <= dev


SECRETS = re.compile(
    r"xox[a-z]-\d{6,}-[\w-]{10,}|xapp-\d-[A-Z0-9]{6,}-\d{6,}-[0-9a-f]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|"
    r"github_pat_\w{30,}|-----BEGIN [A-Z ]*PRIVATE KEY|//[^/\s:@]+:[^/\s:@]{6,}@"
)


def test_no_file_holds_anything_like_a_secret() -> None:
    kinds = ("*.py", "*.md", "*.yml", "*.yaml", "*.toml", "*.lock", "*.json", "Makefile", "Procfile")
    suspects = []
    for path in (found for kind in kinds for found in ROOT.rglob(kind)):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and not parts[0].startswith((".venv", ".mypy", ".ruff", ".pytest", ".hypothesis", ".git/")):
            suspects += [
                f"{'/'.join(parts)}: {found[0][:8]}…" for found in SECRETS.finditer(path.read_text("utf-8", "replace"))
            ]
    assert suspects == []


def test_the_search_for_secrets_finds_some() -> None:
    assert SECRETS.search("xoxb" + "-123456789012-abcdefghijklm")
    assert SECRETS.search("https://user:" + "p4ssw0rd@host/simple")
    assert not SECRETS.search("xoxb-test https://example.com/a:b xapp-1-A012-345")
