"""`python -m bot rca` and `python -m bot rollback`: the second document's functions from the command line.

The answer is JSON on standard output, as the functions give it; what is wrong is said on standard error.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot import functions
from bot.alone import Alone
from bot.config import Config
from bot.errors import CloudError, InvalidInput, SettingsError, StoreError, UserError
from bot.ports import Fixes
from bot.settings import existing_database, load_config

EXIT_FAILED, EXIT_PAYLOAD = 1, 2
PAYLOAD = "JSON, @file, or - for standard input"


def add(commands: Any) -> None:
    """The two subcommands of the command line."""
    rca = commands.add_parser("rca", help="say the root cause of anomalies and metrics; asks nobody")
    rca.add_argument("--payload", default="-", help=f"{PAYLOAD} (-): {_shown(functions.RCA)}")
    rollback = commands.add_parser("rollback", help="plan to take an ECS service back; with --yes, do it")
    rollback.add_argument("--payload", required=True, help=f"{PAYLOAD}: {_shown(functions.ROLLBACK)}")
    rollback.add_argument(
        "--yes",
        action="store_true",
        help="do it, within the guard rails; without, nothing is changed",
    )


def run(asked: argparse.Namespace) -> int:
    """The exit code: 0 as asked, 1 where AWS or the rollback failed, 2 for a wrong payload or setting."""
    try:
        payload = _payload(asked.payload)
        if asked.command == "rca":
            return _answer(functions.rca(payload, at=_now()))
        return _rollback(payload, execute=asked.yes)
    except InvalidInput as error:
        return _complain(f"{error.field}: {error}", EXIT_PAYLOAD)
    except SettingsError as error:
        return _complain(str(error), EXIT_PAYLOAD)
    except (UserError, CloudError, StoreError) as error:
        return _complain(str(error), EXIT_FAILED)


def _rollback(payload: Any, *, execute: bool) -> int:
    asked, config = functions.rollback_payload(payload), _config()
    if not execute:
        with _aws(asked.region, config) as fixes:
            return _answer(functions.planned(asked, fixes, config))
    from bot.store.sqlite import SqliteStore  # noqa: PLC0415 - a wrong argument is reported before it is loaded

    with closing(SqliteStore(existing_database())) as store, _aws(asked.region, config) as fixes:
        hands = Alone(store, config, fixes, _now)
        answer = functions.rolled_back(asked, hands, config, f"{getpass.getuser()} on the command line", time.sleep)
    return _answer(answer) if functions.is_well(answer) else _answer(answer, EXIT_FAILED)


@contextmanager
def _aws(region: str, config: Config) -> Iterator[Fixes]:
    from bot.integrations.aws.clients import Clients  # noqa: PLC0415 - loading boto3 takes longer than all of `rca`
    from bot.integrations.aws.fixes import AwsFixes  # noqa: PLC0415

    where = region or os.environ.get("AWS_REGION") or None
    with closing(Clients(where, os.environ.get("AWS_ENDPOINT_URL") or None)) as clients:
        yield AwsFixes(clients, _now, timeout=config.remediation.timeout)


def _config() -> Config:
    """Needs no tokens of Slack: this runs where there is no bot."""
    named = os.environ.get("CONFIG_FILE")
    return load_config(Path(named or "config.yml"), must_exist=bool(named))


def _payload(given: str) -> Any:
    text = _text(given)
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput("payload", f"is no JSON: {error}") from error


def _text(given: str) -> str:
    try:
        if given == "-":
            return sys.stdin.read()
        return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    except (OSError, UnicodeError) as error:
        raise InvalidInput("payload", f"can't be read: {error}") from error


def _answer(answer: dict[str, Any], code: int = 0) -> int:
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return code


def _complain(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


def _shown(function: str) -> str:
    return functions.EXAMPLES[function].replace("%", "%%")


def _now() -> datetime:
    return datetime.now(UTC)
