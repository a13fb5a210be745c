"""What the environment and the config file may hold, and how wrong ones are said."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

from bot.config import Config, parse_duration
from bot.errors import SettingsError
from bot.models import Severity
from bot.settings import Settings, load_config, load_settings

SECRET = "4711-s3cr3t"
TOKENS = {"SLACK_BOT_TOKEN": f"xoxb-{SECRET}", "SLACK_APP_TOKEN": f"xapp-{SECRET}"}


def refused(**overrides: str) -> str:
    """What the bot says about an environment; nothing in it may show a secret."""
    with pytest.raises(SettingsError) as told:
        load_settings({**TOKENS, **overrides})
    assert SECRET not in str(told.value)
    return str(told.value)


# -- the environment


def test_two_tokens_are_enough() -> None:
    settings = load_settings(TOKENS)
    assert settings.slack_bot_token.get_secret_value() == f"xoxb-{SECRET}"
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.incident_channel == settings.fallback_channel == "ops-incidents"
    assert settings.database_path == Path("var/aiops.db")
    assert settings.config_file == Path("config.yml")
    assert (settings.log_format, settings.log_level, settings.health_port) == ("json", "INFO", None)


def test_the_process_environment_is_read_by_the_same_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**TOKENS, "INCIDENT_CHANNEL": "#war-room", "HEALTH_PORT": ""}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.incident_channel == "war-room"
    assert settings.health_port is None, "empty counts as unset"


def test_missing_tokens_are_both_named_with_where_to_get_them() -> None:
    with pytest.raises(SettingsError) as told:
        load_settings({})
    lines = str(told.value).splitlines()
    assert [line.split()[0] for line in lines] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    assert all("is not set" in line and "README.md" in line for line in lines)


def test_an_empty_token_counts_as_missing() -> None:
    assert refused(SLACK_APP_TOKEN="").startswith("SLACK_APP_TOKEN is not set")


def test_swapped_tokens_are_recognised() -> None:
    told = refused(SLACK_BOT_TOKEN=f"xapp-{SECRET}", SLACK_APP_TOKEN=f"xoxb-{SECRET}")
    first, second = told.splitlines()
    assert first.startswith("SLACK_BOT_TOKEN holds a token that starts with xapp-")
    assert second.startswith("SLACK_APP_TOKEN holds a token that starts with xoxb-")
    assert told.count("the two Slack tokens are swapped") == 2


@pytest.mark.parametrize(
    ("name", "prefix", "place"),
    [("SLACK_BOT_TOKEN", "xoxb-", "OAuth & Permissions"), ("SLACK_APP_TOKEN", "xapp-", "Basic Information")],
)
def test_another_kind_of_token_is_refused_with_the_page_of_the_right_one(name: str, prefix: str, place: str) -> None:
    told = refused(**{name: f"xoxp-{SECRET}"})
    assert told.startswith(f"{name} must start with {prefix}")
    assert place in told


@pytest.mark.parametrize(
    "name", ["SLACK_API_URL", "AWS_ENDPOINT_URL", "PAGERDUTY_API_URL", "PAGERDUTY_EVENTS_URL", "GITHUB_API_URL"]
)
@pytest.mark.parametrize("value", ["slack.com/api", "ftp://slack.com/api/", "/api/", "https:/slack.com"])
def test_what_is_no_address_is_refused_by_name(name: str, value: str) -> None:
    assert refused(**{name: value}).startswith(f"{name} must be an address that starts with https://")


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "80.5"])
def test_what_is_no_port_is_refused_by_name(value: str) -> None:
    assert refused(HEALTH_PORT=value).startswith("HEALTH_PORT ")


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("DATABASE_URL", "dynamodb://aiops", "sqlite:///var/aiops.db"),
        ("DATABASE_URL", "sqlite:///", "sqlite:///var/aiops.db"),
        ("DATABASE_URL", "var/aiops.db", "sqlite:///var/aiops.db"),
        ("LOG_FORMAT", "xml", "'json' or 'text'"),
        ("LOG_LEVEL", "verbose", "'INFO'"),
    ],
)
def test_a_wrong_choice_is_refused_with_what_would_be_right(name: str, value: str, right: str) -> None:
    told = refused(**{name: value})
    assert told.startswith(f"{name} ")
    assert right in told


def test_every_fault_is_told_at_once() -> None:
    told = refused(HEALTH_PORT="x", LOG_LEVEL="loud", SLACK_API_URL="slack")
    assert {line.split()[0] for line in told.splitlines()} == {"HEALTH_PORT", "LOG_LEVEL", "SLACK_API_URL"}


def test_channels_are_read_with_and_without_the_hash_and_ids_stay() -> None:
    settings = load_settings({**TOKENS, "INCIDENT_CHANNEL": "#ops", "FALLBACK_CHANNEL": "C0123456789"})
    assert (settings.incident_channel, settings.fallback_channel) == ("ops", "C0123456789")


@pytest.mark.parametrize("value", ["http://127.0.0.1:9/api", "http://127.0.0.1:9/api/", "http://127.0.0.1:9/api//"])
def test_the_api_address_ends_with_one_slash(value: str) -> None:
    assert load_settings({**TOKENS, "SLACK_API_URL": value}).slack_api_url == "http://127.0.0.1:9/api/"


def test_a_database_path_is_relative_with_three_slashes_and_absolute_with_four() -> None:
    assert load_settings({**TOKENS, "DATABASE_URL": "sqlite:///a/b.db"}).database_path == Path("a/b.db")
    assert load_settings({**TOKENS, "DATABASE_URL": "sqlite:////a/b.db"}).database_path == Path("/a/b.db")


def test_unknown_variables_are_nobody_elses_business() -> None:
    assert load_settings({**TOKENS, "HOME": "/root", "SLACK_TOKEN": "x"}).log_level == "INFO"


def test_no_secret_shows_in_a_repr() -> None:
    secrets = {
        **TOKENS,
        "PAGERDUTY_API_TOKEN": SECRET,
        "PAGERDUTY_ROUTING_KEY": SECRET,
        "GITHUB_TOKEN": SECRET,
    }
    settings = load_settings(secrets)
    for shown in (repr(settings), str(settings), f"{settings.model_dump()}", settings.model_dump_json()):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"SLACK_BOT_TOKEN": f"xapp-{SECRET}"},
        {"SLACK_APP_TOKEN": f"wrong-{SECRET}"},
        {"HEALTH_PORT": "x"},
    ],
)
def test_no_secret_shows_in_a_traceback_of_a_refused_environment(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings({**TOKENS, **wrong})
    assert SECRET not in "".join(traceback.format_exception(told.value))


# -- the config file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


FULL = """\
# the catalogue
services:
  checkout-api:
    owner: payments
    dashboard: https://grafana.example/d/1
    runbook: https://wiki.example/checkout
    bridge: https://zoom.example/1
    time_zone: Europe/Berlin
    responders: [U0BOB, S0ONCALL]
  search: {}
bridge_url: https://meet.example/ops
channels:
  severities: [1]
  name: "{number}-{service}"
  invite:
    - U0CY
permissions:
  declare: [everyone]
  respond: [responders, S0ONCALL]
  command: [commander, U0ANA]
"""


def fault(path: Path, text: str) -> str:
    """The one line that says what is wrong with this config file."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as told:
        load_config(path)
    assert "\n" not in str(told.value), "one fault, one line"
    return str(told.value).removeprefix(f"{path}:")


def test_a_full_config_file_is_read(path: Path) -> None:
    path.write_text(FULL)
    config = load_config(path)
    service = config.service("checkout-api")
    assert (service.owner, service.time_zone, service.responders) == (
        "payments",
        "Europe/Berlin",
        ("U0BOB", "S0ONCALL"),
    )
    assert config.channels.severities == (Severity.SEV1,)
    assert config.channels.invite == ("U0CY",)
    assert config.permissions.command == ("commander", "U0ANA")
    assert config.bridge_url == "https://meet.example/ops"
    assert config.service("unknown").responders == ()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_means_the_defaults(path: Path, text: str) -> None:
    path.write_text(text)
    assert load_config(path) == Config()


def test_no_file_means_the_defaults(path: Path) -> None:
    config = load_config(path)
    assert config == Config()
    assert config.channels.severities == (Severity.SEV1, Severity.SEV2)
    assert config.channels.name == "inc-{number}-{service}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("services:\n", "servces:\n", "2: servces: unknown key; did you mean “services”?"),
        ("    owner:", "    ownr:", "4: services.checkout-api.ownr: unknown key; did you mean “owner”?"),
        ("time_zone:", "timezone:", "8: services.checkout-api.timezone: unknown key; did you mean “time_zone”?"),
        ("  invite:", "  invites:", "15: channels.invites: unknown key; did you mean “invite”?"),
        ("  respond:", "  responds:", "19: permissions.responds: unknown key; did you mean “respond”?"),
        ("bridge_url:", "bridge:", "11: bridge: unknown key; did you mean “bridge_url”?"),
    ],
)
def test_a_mistyped_key_is_told_with_file_line_and_the_nearest_key(
    path: Path, old: str, new: str, expected: str
) -> None:
    assert fault(path, FULL.replace(old, new, 1)) == expected


def test_a_key_like_no_other_is_told_with_all_that_are_known_there(path: Path) -> None:
    told = fault(path, FULL.replace("  invite:", "  zzz:"))
    assert told == "15: channels.zzz: unknown key; known here: severities, name, invite"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("owner: payments", "owner: [payments]", "4: services.checkout-api.owner: "),
        ("search: {}", "search: 5", "10: services.search: "),
        ("search: {}", "search: a word", "10: services.search: "),
        ("[U0BOB, S0ONCALL]", "bob", "9: services.checkout-api.responders: "),
        ("[U0BOB, S0ONCALL]", "[U0BOB, bob]", "9: services.checkout-api.responders.1: "),
        ("severities: [1]", "severities: [1, 5]", "13: channels.severities.1: "),
        ("severities: [1]", "severities: [sev0]", "13: channels.severities.0: "),
        ("    - U0CY", "    - U0CY\n    - '@cy'", "17: channels.invite.1: "),
        ("[everyone]", "[anybody]", "18: permissions.declare.0: "),
        ("https://meet.example/ops", "meet.example", "11: bridge_url: must be an address"),
        ("https://zoom.example/1", "zoom", "7: services.checkout-api.bridge: must be an address"),
        ("Europe/Berlin", "Europe/Atlantis", "8: services.checkout-api.time_zone: “Europe/Atlantis” is no time zone"),
        ("Europe/Berlin", "../../etc/passwd", "8: services.checkout-api.time_zone: “../../etc/passwd” is no time zone"),
    ],
)
def test_a_wrong_value_is_told_with_file_line_and_key(path: Path, old: str, new: str, place: str) -> None:
    assert fault(path, FULL.replace(old, new, 1)).startswith(place)


@pytest.mark.parametrize(
    "pattern",
    [
        "inc-{service}",
        "incidents",
        "team1-{service}",
        "p1",
        "{nummer}",
        "{}",
        "{number",
        "{number}-{team}",
        "{service.name}-{number}",
        "{service[0][name]}-{number}",
        "{number[0]}",
        "{number:04d}",
        "{number!r}",
        "{number!x}",
        "{service:d}-{number}",
    ],
)
def test_a_channel_pattern_without_the_number_or_with_unknown_parts_is_refused(path: Path, pattern: str) -> None:
    told = fault(path, FULL.replace('"{number}-{service}"', f'"{pattern}"'))
    assert told.startswith("14: channels.name: ")
    assert "{number}" in told or "is no pattern" in told


@pytest.mark.parametrize("pattern", ["{number}", "{service}_{number}", "1-{number}-{number}"])
def test_any_pattern_with_the_number_is_taken(path: Path, pattern: str) -> None:
    path.write_text(FULL.replace('"{number}-{service}"', f'"{pattern}"'))
    assert load_config(path).channels.name == pattern


@pytest.mark.parametrize("text", ["services: [", "a: b: c", "\tservices: {}", "services: !!python/object:os.x {}"])
def test_broken_yaml_is_told_with_the_file_and_the_line(path: Path, text: str) -> None:
    path.write_text(f"# a comment\n{text}\n")
    with pytest.raises(SettingsError) as told:
        load_config(path)
    assert str(told.value).startswith(f"{path}:")
    assert "is not YAML" in str(told.value)
    assert re.search(r"line [23]\b", str(told.value))


@pytest.mark.parametrize("text", ["bridge_url: 2026-13-45", "services: {a: {owner: 2026-02-30}}"])
def test_an_impossible_date_is_a_wrong_value_too(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError) as told:
        load_config(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("text", ["- a\n- b", "just words", "42"])
def test_a_file_that_is_no_mapping_is_told_as_a_whole(path: Path, text: str) -> None:
    assert fault(path, text).startswith("1: (whole file): ")


def test_a_file_that_can_not_be_read_is_told_by_name(path: Path) -> None:
    path.mkdir()
    with pytest.raises(SettingsError, match="can't be read") as told:
        load_config(path)
    assert str(told.value).startswith(str(path))


def test_a_file_that_is_not_utf_8_is_told_by_name(path: Path) -> None:
    path.write_bytes("services: {café: {}}".encode("latin-1"))
    with pytest.raises(SettingsError, match="can't be read") as told:
        load_config(path)
    assert str(told.value).startswith(str(path))


def test_all_faults_of_a_file_are_told_at_once(path: Path) -> None:
    path.write_text(FULL.replace("    owner:", "    ownr:").replace("  invite:", "  invites:"))
    with pytest.raises(SettingsError) as told:
        load_config(path)
    assert sorted(line.split(":")[1] for line in str(told.value).splitlines()) == ["15", "4"]


def test_settings_say_of_each_field_what_it_is_for() -> None:
    described = Path(__file__).parents[2].joinpath("bot/settings.py").read_text()
    for name in Settings.model_fields:
        _, _, rest = described.partition(f"    {name}: ")
        assert rest.splitlines()[1].strip().startswith('"""'), name


def test_a_key_that_stands_twice_is_named_with_its_line(path: Path) -> None:
    path.write_text("services:\n  search: {}\n  checkout: {}\n  search: {owner: me}\n")
    with pytest.raises(SettingsError, match=r"config.yml:4: search: stands twice"):
        load_config(path)


# -- alarms, people and time


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("triage:\n  dedup: soon\n", "triage.dedup"),
        ("triage:\n  dedup: 0s\n", "triage.dedup"),
        ("triage:\n  flapping:\n    count: 1\n", "triage.flapping.count"),
        ("paging:\n  acknowledge:\n    1: 5\n", "paging.acknowledge"),
        ("time_zone: Europe/Nowhere\n", "time_zone"),
        ("business_hours:\n  opens: 9\n", "business_hours.opens"),
        ("business_hours:\n  days: [someday]\n", "business_hours.days"),
        ("business_hours:\n  days: []\n", "business_hours.days"),
        ("routes:\n  - alarm: /(/\n", "routes"),
        ("topics:\n  1: sev1\n", "topics"),
        ("on_call:\n  primary: ana\n", "on_call.primary"),
        ("on_call:\n  primary: S0TEAM\n", "on_call.primary"),
        ("pagerduty:\n  sender: nobody\n", "pagerduty.sender"),
        ("maintenance:\n  - name: night\n    alarm: x\n", "maintenance"),
        ("maintenance:\n  - name: night\n    at: '02:00'\n    lasts: 1h\n", "maintenance"),
        (
            "maintenance:\n  - name: o\n    alarm: x\n    from: 2026-12-02 00:00:00\n    until: 2026-12-01T00:00\n",
            "maintenance",
        ),
        ("services:\n  shop:\n    slo:\n      target: 100\n", "services.shop.slo.target"),
    ],
)
def test_what_is_wrong_about_alarms_people_and_time_is_told_by_key(path: Path, text: str, key: str) -> None:
    assert key in fault(path, text)


def test_the_policies_hold_without_a_file() -> None:
    config = Config()
    assert config.paging.severities == (1, 2)
    assert config.triage.dedup.total_seconds() == 600
    assert config.pagerduty.poll.total_seconds() == 30
    assert str(config.zone("anything")) == "UTC"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1 H", 3600), ("0s", None), ("", None), ("5", None)],
)
def test_a_duration_is_read_as_it_is_written(text: str, seconds: int | None) -> None:
    found = parse_duration(text)
    assert (found.total_seconds() if found else None) == seconds
