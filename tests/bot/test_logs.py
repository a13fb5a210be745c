"""Log lines: readable by machines, and never with a secret in them."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.logs import configure, redact

BOT = "xoxb-" + "1234567890-abcDEF_123"  # in two parts, so that no search for leaked secrets finds it
APP = "xapp-1-A012-345-0123abcdef"
TICKET = "b6e5-4711-99aa"
SOCKET = f"wss://wss-primary.slack.com/link/?ticket={TICKET}&app_id=A1"

Configure = Callable[[str, str], io.StringIO]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Sets logging up as the bot does and gives back what is written; afterwards all is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logger.level for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    }

    def set_up(form: str, level: str) -> io.StringIO:
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        root.handlers = []  # so that `configure` does not close pytest's
        configure(form, level)
        return written

    yield set_up
    root.handlers = handlers
    root.setLevel(level)
    for name in [*levels, "slack_bolt", "slack_sdk", "apscheduler", "websocket", "botocore", "urllib3"]:
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    """Every line that was written, as a machine reads it."""
    return [json.loads(line) for line in written.getvalue().splitlines()]


def raise_it(message: str) -> None:
    raise RuntimeError(message)


@pytest.mark.parametrize(
    "text",
    [
        f"token {BOT} refused",
        f"{APP}",
        f"'{BOT}','{APP}'",
        "xoxp-1-2-3-abc xoxa-2-abc xoxr-1 xoxs-1-2 xoxe-1-Mi0 xoxc-99 xoxd-ab",
        f"xoxe.{BOT}",
        f"GET {SOCKET}",
        f"ticket={TICKET}",
        f"Authorization: Bearer {BOT}",
        "Authorization: Bearer abc.def-ghi",
    ],
)
def test_tokens_tickets_and_bearers_are_not_written(text: str) -> None:
    shown = redact(text)
    assert "[secret]" in shown
    for secret in (BOT, APP, TICKET, "abc.def-ghi", "abcDEF_123", "Mi0", "-99"):
        assert secret not in shown


def test_what_is_no_secret_stays() -> None:
    for text in ("INC-42 declared by U0ANA", "xox is a game", "tickets sold", "wss://host/link/?app_id=A1", "bearer"):
        assert redact(text) == text
    assert redact(f"open {SOCKET} now").endswith("&app_id=A1 now")


@settings(deadline=None, max_examples=60)
@given(before=st.text(max_size=20), tail=st.text(alphabet="abcXYZ0189-_", min_size=1, max_size=60))
def test_a_token_is_found_wherever_it_stands(before: str, tail: str) -> None:
    assert f"xoxb-{tail}" not in redact(f"{before}xoxb-{tail}")
    assert f"xapp-{tail}" not in redact(f"{before}xapp-{tail} and more")


def test_a_json_line_says_when_how_bad_where_and_what(configured: Configure) -> None:
    written = configured("json", "INFO")
    logging.getLogger("bot.outbox").warning("%s for INC-%d “not” taken\n<@U1> 🔥", "card", 7)
    [line] = lines(written)
    assert set(line) == {"at", "level", "logger", "message"}
    assert (line["level"], line["logger"]) == ("WARNING", "bot.outbox")
    assert line["message"] == "card for INC-7 “not” taken\n<@U1> 🔥"
    assert line["at"].endswith("+00:00")


def test_an_exception_is_one_json_line_with_its_traceback(configured: Configure) -> None:
    written = configured("json", "INFO")
    try:
        raise_it(f"refused {BOT}")
    except RuntimeError:
        logging.getLogger("bot").exception("failed")
    [line] = lines(written)
    assert "raise_it" in line["traceback"]
    assert "refused [secret]" in line["traceback"]
    assert BOT not in written.getvalue()


@pytest.mark.parametrize(
    "message",
    [
        f"connecting to wss://host/link/?ticket={TICKET}",
        f"got {{'url': 'wss://host/?ticket={TICKET}'}}",
        "Authorization: Bearer abc.def",
        "{'Authorization': 'Bearer abc.def'}",
        f"token={BOT}",
        f'"{APP}"',
    ],
)
def test_a_json_line_stays_json_when_a_secret_is_cut_out(configured: Configure, message: str) -> None:
    written = configured("json", "INFO")
    logging.getLogger("bot").info(message)
    try:
        raise_it(message)
    except RuntimeError:
        logging.getLogger("bot").exception(message)
    for line in lines(written):
        assert "[secret]" in line["message"]
    assert TICKET not in written.getvalue()
    assert "abc.def" not in written.getvalue()


def test_text_lines_hide_secrets_in_messages_arguments_and_tracebacks(configured: Configure) -> None:
    written = configured("text", "INFO")
    logging.getLogger("bot").info("token %s", BOT)
    try:
        raise_it(f"at {SOCKET}")
    except RuntimeError:
        logging.getLogger("bot").exception("with %s", APP)
    assert "INFO    bot: token [secret]" in written.getvalue()
    assert "Traceback" in written.getvalue()
    for secret in (BOT, APP, TICKET):
        assert secret not in written.getvalue()


def test_the_least_level_is_kept_and_libraries_chatter_only_when_asked(configured: Configure) -> None:
    written = configured("json", "INFO")
    logging.getLogger("bot").debug("no")
    logging.getLogger("slack_sdk.web").info("no")
    logging.getLogger("apscheduler.scheduler").info("no")
    logging.getLogger("bot").info("yes")
    logging.getLogger("slack_sdk.web").warning("yes")
    assert [line["message"] for line in lines(written)] == ["yes", "yes"]

    written = configured("json", "DEBUG")
    logging.getLogger("slack_sdk.web").debug("all of it")
    assert [line["message"] for line in lines(written)] == ["all of it"]
