"""The bot as operators run it: `python -m bot` with the environment contract, killed, stopped and misconfigured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.aws import queue
from tests.workspace import Workspace, wait_for

ROOT = Path(__file__).parents[2]


def environment(world: Workspace, **overrides: str) -> dict[str, str]:
    """The two tokens and the address, and what a Python process needs to start. It runs in the world's folder."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SLACK_BOT_TOKEN": "xoxb-test",
        "SLACK_APP_TOKEN": "xapp-test",
        "SLACK_API_URL": world.server.api_url,
        **overrides,
    }


@contextmanager
def process(world: Workspace, **overrides: str) -> Iterator[subprocess.Popen[str]]:
    """A running `python -m bot`; killed at the end if it still runs."""
    command = [sys.executable, "-m", "bot"]
    running = subprocess.Popen(
        command,
        env=environment(world, **overrides),
        cwd=world.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def connected(world: Workspace) -> bool:
    return bool(world.get("/control/sockets")["open"])


def failed_start(world: Workspace, **overrides: str) -> tuple[int, str]:
    """Exit code and what was said of a start that must fail."""
    with process(world, **overrides) as running:
        _, said = running.communicate(timeout=60)
        return running.returncode, said


def test_two_tokens_and_an_api_url_are_enough_and_sigterm_ends_it_cleanly(empty_world: Workspace) -> None:
    with process(empty_world, LOG_FORMAT="text") as running:
        wait_for(lambda: connected(empty_world), "the connection")
        empty_world.ana.run("/incident declare sev3 checkout-api payments fail")
        empty_world.ops.expect("INC-1 · SEV-3")
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 0
        assert "xoxb-test" not in said
        assert "Traceback" not in said
    assert not connected(empty_world)
    assert (empty_world.folder / "var" / "aiops.db").exists()


def test_six_variables_take_an_alarm_to_its_card_and_back(empty_world: Workspace) -> None:
    """Without a config file, and without credentials, which what stands in for AWS does not check."""
    with queue(empty_world) as alerts, process(empty_world, **alerts.environment):
        wait_for(lambda: connected(empty_world), "the connection")
        alerts.alarm("prod-checkout-api-latency-critical", ago=60)
        card = empty_world.ops.expect("SEV-1 · checkout-api")
        empty_world.ana.click(card, "Acknowledge")
        empty_world.ops.expect("🔴 *INCIDENT DECLARED — SEV-1*")
        alerts.alarm("prod-checkout-api-latency-critical", "OK", value=0.2)
        empty_world.ops.expect("✅ *INCIDENT RESOLVED — SEV-1*")


def test_killed_between_store_and_post_the_template_comes_after_the_restart(empty_world: Workspace) -> None:
    empty_world.fault("chat.postMessage", "ratelimited", times=1, retry_after=1)
    with process(empty_world) as running:
        wait_for(lambda: connected(empty_world), "the connection")
        empty_world.ana.run("/incident declare sev3 checkout-api payments fail")
        wait_for(lambda: empty_world.calls("chat.postMessage"), "the refused post")
        running.kill()
    assert empty_world.ops.count("INCIDENT DECLARED") == 0
    with process(empty_world):
        empty_world.ops.expect("INC-1 · SEV-3")
        assert empty_world.ops.count("INCIDENT DECLARED") == 1


def test_killed_after_slack_took_the_post_it_is_not_said_again(empty_world: Workspace) -> None:
    empty_world.fault("chat.postMessage", "late", seconds=3.0, times=1)
    with process(empty_world) as running:
        wait_for(lambda: connected(empty_world), "the connection")
        empty_world.ana.run("/incident declare sev3 checkout-api payments fail")
        empty_world.ops.expect("INCIDENT DECLARED")
        running.kill()
    with process(empty_world):
        empty_world.ops.expect("INC-1 · SEV-3")
        assert empty_world.ops.count("INCIDENT DECLARED") == 1


@pytest.mark.parametrize("variable", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
def test_a_wrong_token_is_named_and_ends_the_start(empty_world: Workspace, variable: str) -> None:
    prefix = "xoxb-wrong" if variable == "SLACK_BOT_TOKEN" else "xapp-wrong"
    code, said = failed_start(empty_world, **{variable: prefix})
    assert code == 3
    assert f"Slack refuses {variable} (invalid_auth)" in said
    assert prefix not in said


def test_swapped_tokens_are_recognised(empty_world: Workspace) -> None:
    code, said = failed_start(empty_world, SLACK_BOT_TOKEN="xapp-1", SLACK_APP_TOKEN="xoxb-1")
    assert code == 2
    assert "SLACK_BOT_TOKEN holds a token that starts with xapp-: the two Slack tokens are swapped" in said


def test_missing_tokens_are_all_named(empty_world: Workspace) -> None:
    code, said = failed_start(empty_world, SLACK_BOT_TOKEN="", SLACK_APP_TOKEN="")
    assert code == 2
    assert "SLACK_BOT_TOKEN is not set" in said
    assert "SLACK_APP_TOKEN is not set" in said


def test_a_typo_in_the_config_file_ends_the_start_with_line_and_key(empty_world: Workspace) -> None:
    (empty_world.folder / "config.yml").write_text("services:\n  checkout-api:\n    dashbord: https://x.example\n")
    code, said = failed_start(empty_world)
    assert code == 2
    assert "config.yml:3: services.checkout-api.dashbord: unknown key; did you mean “dashboard”?" in said


def test_an_unreachable_slack_is_said(empty_world: Workspace) -> None:
    code, said = failed_start(empty_world, SLACK_API_URL="http://127.0.0.1:9/api/")
    assert code == 3
    assert "Can't reach Slack at http://127.0.0.1:9/api/" in said


def test_a_database_that_cannot_be_made_is_said(empty_world: Workspace) -> None:
    (empty_world.folder / "file").write_text("not a folder")
    code, said = failed_start(empty_world, DATABASE_URL=f"sqlite:///{empty_world.folder}/file/aiops.db")
    assert code == 4
    assert "aiops.db" in said
    assert "Traceback" not in said


def test_check_config_reads_without_connecting(empty_world: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "check-config"],
        env=environment(empty_world),
        cwd=empty_world.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0 services" in done.stdout
    assert empty_world.calls() == []


def test_a_config_file_that_was_named_and_is_not_there_ends_the_start(empty_world: Workspace) -> None:
    code, said = failed_start(empty_world, CONFIG_FILE="/no/such/config.yml")
    assert code == 2
    assert "CONFIG_FILE: /no/such/config.yml is not there" in said


def test_a_health_port_that_is_taken_is_named(empty_world: Workspace) -> None:
    port = empty_world.server.url.rsplit(":", 1)[1]
    code, said = failed_start(empty_world, HEALTH_PORT=port)
    assert code == 2
    assert f"HEALTH_PORT {port} can't be used" in said
