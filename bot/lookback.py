"""`python -m bot digest` and `python -m bot export`: what happened, on standard output, row by row.

They need the database and the config file, no token of Slack; the bot may run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.config import Config, parse_duration
from bot.errors import InvalidInput, SettingsError, StoreError
from bot.settings import existing_database, load_config

EXIT_ASKED, EXIT_STORE = 2, 4
KINDS = ("incidents", "alerts", "post-mortems", "action-items", "audit", "timeline")


def add(commands: Any) -> None:
    """The two subcommands of the command line."""
    digest = commands.add_parser("digest", help="the numbers of the last days")
    digest.add_argument("--days", type=int, default=7, help="how many, today among them (7)")
    digest.add_argument("--service", default="", help="of this service only")
    digest.add_argument("--format", choices=("json", "markdown", "csv"), default="markdown")
    export = commands.add_parser("export", help="all that is stored since then, the oldest first")
    export.add_argument("what", choices=KINDS)
    export.add_argument("--since", default="30d", help="a day (2026-11-01), a moment, or a duration (30d)")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")


def run(asked: argparse.Namespace) -> int:
    """The exit code: 0 as asked, 2 for a wrong argument or setting, 4 when the database can't be read."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the terminal's own is
    try:
        _write(asked, _config(), existing_database())
        sys.stdout.flush()
    except InvalidInput as error:
        return _complain(f"--{error.field}: {error}", EXIT_ASKED)
    except SettingsError as error:
        return _complain(str(error), EXIT_ASKED)
    except StoreError as error:
        return _complain(str(error), EXIT_STORE)
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
    return 0


def _write(asked: argparse.Namespace, config: Config, database: Path) -> None:
    from bot import printed  # noqa: PLC0415 - a bot that starts does without the formats
    from bot.reporting import Asked  # noqa: PLC0415
    from bot.store.sqlite import SqliteStore  # noqa: PLC0415 - a wrong argument is reported before it is loaded

    now = datetime.now(UTC)
    with closing(SqliteStore(database)) as store:
        if asked.command == "digest":
            made = printed.made(store, config, Asked(asked.days, asked.service), now)
            printed.digest(made, asked.format, sys.stdout)
        else:
            since = _since(asked.since, now, ZoneInfo(config.time_zone))
            printed.rows(store.export(asked.what, since), asked.what, asked.format, sys.stdout)


def _since(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    span = parse_duration(text)
    if span is not None:
        return now - span
    try:
        moment = datetime.fromisoformat(text)
        found = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("since", f"“{text}” is neither a day (2026-11-01) nor a duration (30d)") from None
    if found > now:
        raise InvalidInput("since", f"{text} lies ahead: it is {now:%Y-%m-%d %H:%M} UTC now")
    return found


def _config() -> Config:
    named = os.environ.get("CONFIG_FILE")
    return load_config(Path(named or "config.yml"), must_exist=bool(named))


def _complain(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code
