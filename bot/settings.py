"""Settings: the environment contract, and where the config file is read.

Everything is checked at load. An error names the variable, or the file with line and key, and what would be right.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config import Config, Url
from bot.errors import SettingsError

_SQLITE = "sqlite:///"


def _prefixed(prefix: str, other: str, hint: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text.startswith(other):
            raise ValueError(f"holds a token that starts with {other}: the two Slack tokens are swapped")
        if not text.startswith(prefix):
            raise ValueError(f"must start with {prefix} ({hint})")
        return value

    return AfterValidator(check)


BotToken = Annotated[SecretStr, _prefixed("xoxb-", "xapp-", "OAuth & Permissions → Bot User OAuth Token")]
AppToken = Annotated[SecretStr, _prefixed("xapp-", "xoxb-", "Basic Information → App-Level Tokens")]


class Settings(BaseSettings):
    """The environment contract. Names are fixed; secrets never show in a repr."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    slack_bot_token: BotToken
    """Bot token of the installed app, `xoxb-…`."""
    slack_app_token: AppToken
    """App-level token with `connections:write`, `xapp-…`."""
    slack_api_url: Url = "https://slack.com/api/"
    """Base of the Web API; any Slack-compatible server works."""
    aws_region: str | None = None
    """Region of the AWS clients; boto3's own rules when unset."""
    aws_endpoint_url: Url | None = None
    """Another endpoint for all AWS calls."""
    alert_queue_url: str | None = None
    """SQS queue to poll; unset: no alarm intake."""
    alert_bus_name: str = "aiops-alerts"
    """EventBridge bus for the bot's own events."""
    database_url: str = "sqlite:///var/aiops.db"
    """`sqlite:///<path>`, relative to the working directory; `sqlite:////<path>` absolute."""
    config_file: Path = Path("config.yml")
    """Catalogue and policies; may be missing, then defaults hold."""
    pagerduty_api_token: SecretStr | None = None
    """PagerDuty REST token; unset: off."""
    pagerduty_routing_key: SecretStr | None = None
    """PagerDuty Events v2 routing key; unset: off."""
    pagerduty_api_url: Url = "https://api.pagerduty.com"
    """PagerDuty REST base."""
    pagerduty_events_url: Url = "https://events.pagerduty.com"
    """PagerDuty Events base."""
    github_token: SecretStr | None = None
    """GitHub token; unset: off."""
    github_repository: str | None = None
    """`owner/name` for post-mortems and action items."""
    github_api_url: Url = "https://api.github.com"
    """GitHub REST base."""
    incident_channel: str = "ops-incidents"
    """Channel of the templates and cards: name or id."""
    fallback_channel: str = "ops-incidents"
    """Channel for what could not be parsed: name or id."""
    health_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of `/healthz` and `/metrics`; unset: no listener."""
    log_format: Literal["json", "text"] = "json"
    """`json` or `text`."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(_SQLITE) or not value.removeprefix(_SQLITE):
            raise ValueError("must look like sqlite:///var/aiops.db")
        return value

    @field_validator("incident_channel", "fallback_channel")
    @classmethod
    def _bare_channel(cls, value: str) -> str:
        return value.removeprefix("#")

    @field_validator("slack_api_url")
    @classmethod
    def _with_slash(cls, value: str) -> str:
        return value.rstrip("/") + "/"

    @property
    def uses_aws(self) -> bool:
        """AWS is in use where it is named: a queue, a region or an endpoint."""
        return bool(self.alert_queue_url or self.aws_region or self.aws_endpoint_url)

    @property
    def database_path(self) -> Path:
        return Path(self.database_url.removeprefix(_SQLITE))


def load_settings(environ: dict[str, str] | None = None) -> Settings:
    """Read the environment (or `environ`, for tools and tests); raises SettingsError that lists every fault."""
    try:
        if environ is None:
            return Settings()
        return Settings.model_validate({key.lower(): value for key, value in environ.items() if value})
    except ValidationError as error:
        raise SettingsError("\n".join(_environment_faults(error))) from None  # the cause quotes the tokens


def _environment_faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        name = ".".join(str(part) for part in fault["loc"]).upper()
        if fault["type"] == "missing":
            yield f"{name} is not set: see README.md, “Install on Slack”"
        else:
            yield f"{name} {reason(fault)}"


def reason(fault: Any) -> str:
    text: str = fault["msg"]
    return text.removeprefix("Value error, ")


def existing_database() -> Path:
    """Where the bot keeps what it knows, for commands that need no token of Slack. Raises SettingsError."""
    address = os.environ.get("DATABASE_URL") or str(Settings.model_fields["database_url"].default)
    path = Path(address.removeprefix(_SQLITE))
    if not address.startswith(_SQLITE):
        raise SettingsError("DATABASE_URL must look like sqlite:///var/aiops.db")
    if not path.is_file():
        raise SettingsError(f"DATABASE_URL: there is no database at {path}")
    return path


def load_config(path: Path, *, must_exist: bool = False) -> Config:
    """Read the config file, defaults where there is none; raises SettingsError with file, line and key.

    `must_exist`: it was named, so its absence is a mistake that would silently drop the permissions in it.
    """
    if must_exist and not path.exists():
        raise SettingsError(f"CONFIG_FILE: {path} is not there")
    if not path.exists():
        return Config()
    from bot.config_file import read  # noqa: PLC0415 - a process without a config file does without the YAML library

    return read(path)
