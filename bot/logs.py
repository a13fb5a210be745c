"""Log lines: JSON for machines or text for people, on standard error, never with a token in them."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

_SECRET = re.compile(
    r"""xox[a-z]+-[\w-]+|xapp-[\w-]+|gh[a-z]_\w+|github_pat_\w+|(?:(?<=ticket=)|(?<=token=)|(?<=Bearer ))[^\s&'"]+"""
)
_QUIET = {
    "slack_bolt": logging.ERROR,  # warns of a token that it ignores on purpose: the bot's identity is known already
    "slack_sdk": logging.WARNING,
    "slack_sdk.web.base_client": logging.CRITICAL,  # every failed call is told by whoever made it
    "apscheduler": logging.WARNING,
    "botocore": logging.WARNING,
    "urllib3": logging.WARNING,
}


def redact(text: str) -> str:
    return _SECRET.sub("[secret]", text)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(form: str, level: str) -> None:
    """Set up the root logger."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    quieten(level)


def quieten(level: str) -> None:
    """The libraries' own chatter starts at WARNING, or where it means something, unless DEBUG is asked for."""
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(logging.DEBUG if level == "DEBUG" else least)
