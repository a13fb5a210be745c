"""`python -m bot`: run until told to stop.

`check-config` reads the settings and says what is wrong; `rca` and `rollback` are the second document's functions.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING

from slack_sdk.errors import SlackApiError

from bot import lookback, shell
from bot.errors import ChatError, SettingsError, StoreError
from bot.logs import configure, redact
from bot.settings import load_config, load_settings

if TYPE_CHECKING:
    from bot.app import Bot

log = logging.getLogger("bot")

EXIT_SETTINGS, EXIT_SLACK, EXIT_STORE = 2, 3, 4


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 after a clean stop, 2 for wrong settings, 3 when Slack refuses, 4 when the store does."""
    asked = _parser().parse_args(arguments)
    if asked.command in ("rca", "rollback"):
        return shell.run(asked)
    if asked.command in ("digest", "export"):
        return lookback.run(asked)
    return _bot(check_only=asked.command == "check-config")


def _bot(*, check_only: bool) -> int:
    try:
        settings = load_settings()
        config = load_config(settings.config_file, must_exist="config_file" in settings.model_fields_set)
    except SettingsError as error:
        return _complain(str(error), EXIT_SETTINGS)
    configure(settings.log_format, settings.log_level)
    if check_only:
        where = settings.config_file if settings.config_file.exists() else f"no {settings.config_file}, defaults"
        print(f"{where}: fine, {len(config.services)} services in the catalogue")
        return 0
    from bot.app import Bot  # noqa: PLC0415 - a wrong setting is reported before the libraries are loaded

    try:
        bot = Bot(settings, config)
    except ChatError as error:
        return _complain(_refused("SLACK_BOT_TOKEN", error.code, settings.slack_api_url), EXIT_SLACK)
    except StoreError as error:
        return _complain(str(error), EXIT_STORE)
    return _run(bot, settings.slack_api_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__.partition("\n")[0])
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("run", help="run until told to stop, as without a command")
    commands.add_parser("check-config", help="read the settings and say what is wrong")
    shell.add(commands)
    lookback.add(commands)
    return parser


def _run(bot: Bot, api_url: str) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        bot.start()
    except SettingsError as error:
        bot.stop()
        return _complain(str(error), EXIT_SETTINGS)
    except SlackApiError as error:
        bot.stop()
        return _complain(_refused("SLACK_APP_TOKEN", str(error.response["error"]), api_url), EXIT_SLACK)
    except OSError as error:
        bot.stop()
        return _complain(f"Can't reach Slack at {api_url}: {error}", EXIT_SLACK)
    stop.wait()
    log.info("stopping: finishing what was taken")
    bot.stop()
    return 0


def _refused(variable: str, code: str, api_url: str) -> str:
    if code in {"connection", "timeout"}:
        return f"Can't reach Slack at {api_url} ({code}). Check SLACK_API_URL and the network."
    hints = {
        "invalid_auth": "the token is wrong or was revoked: copy it again from the app's settings",
        "not_allowed_token_type": "it is a token of another kind",
        "missing_scope": "the app-level token needs connections:write",
        "account_inactive": "the app was removed from the workspace: install it again",
    }
    return f"Slack refuses {variable} ({code}): {hints.get(code, 'see the app settings')}."


def _complain(message: str, code: int) -> int:
    for line in redact(message).splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
