"""`make demo`: the bot gets the environment contract and a config file that is right, at any speed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import Config
from bot.models import Severity
from bot.settings import Settings, load_config, load_settings
from bot.triage import policy
from sandbox import demo
from sandbox.demo import World
from sandbox.pagerduty.cast import SHOP_KEY
from sandbox.shop import config as shop_config
from sandbox.shop.catalogue import SERVICES
from tests.workspace import wait_for

ROOT = Path(__file__).parents[2]
CONTRACT = {name.upper() for name in Settings.model_fields}
NOT_SET = {"INCIDENT_CHANNEL", "FALLBACK_CHANNEL", "LOG_LEVEL"}
AWS_KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with demo.world() as made:
        yield made


def environment(here: World, folder: Path, speed: float = 1.0) -> dict[str, str]:
    given = demo.bot_environment(here, folder, speed)
    return {name: value for name, value in given.items() if name in CONTRACT | AWS_KEYS}


def config_at(here: World, folder: Path, speed: float) -> Config:
    return load_config(load_settings(environment(here, folder, speed)).config_file, must_exist=True)


def test_the_bot_gets_the_contract_and_nothing_else(here: World, tmp_path: Path) -> None:
    given = demo.bot_environment(here, tmp_path)
    assert set(given) - {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT"} <= CONTRACT | AWS_KEYS
    assert set(given) >= CONTRACT - NOT_SET | AWS_KEYS


@pytest.mark.parametrize("speed", [1.0, 10.0, 300.0])
def test_check_config_finds_nothing_wrong(here: World, tmp_path: Path, speed: float) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "check-config"],
        env=demo.bot_environment(here, tmp_path, speed),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"fine, {len(SERVICES)} services" in done.stdout


def test_the_catalogue_knows_every_service_of_the_shop(here: World, tmp_path: Path) -> None:
    config = config_at(here, tmp_path, 1)
    assert set(config.services) == {service.name for service in SERVICES}
    assert all(entry.owner and entry.dashboard and entry.runbook for entry in config.services.values())
    assert config.topics == {Severity(n): arn for n, arn in here.shop.made.severity_topics.items()}


def test_at_speed_one_the_deadlines_are_those_the_bot_has_by_itself(here: World, tmp_path: Path) -> None:
    config = config_at(here, tmp_path, 1)
    assert policy(config) == policy(Config())
    assert config.triage == Config().triage


def test_demo_time_shortens_every_deadline(here: World, tmp_path: Path) -> None:
    config = config_at(here, tmp_path, 10)
    usual, short = policy(Config()), policy(config)
    assert short.acknowledge_within == {s: d / 10 for s, d in usual.acknowledge_within.items()}
    assert short.secondary_after == {s: d / 10 for s, d in usual.secondary_after.items()}
    assert short.update_within == {s: d / 10 for s, d in usual.update_within.items()}
    assert [rung.after for rung in short.ladder] == [rung.after / 10 for rung in usual.ladder]
    assert (config.triage.dedup, config.triage.group) == (timedelta(seconds=90), timedelta(minutes=3))
    assert config.triage.flapping.settle == timedelta(minutes=1)


def test_demo_time_shortens_what_comes_after_an_incident_and_knows_no_night(here: World, tmp_path: Path) -> None:
    config = config_at(here, tmp_path, 60)
    assert config.post_mortems.due == timedelta(minutes=48)
    assert config.post_mortems.remind == (timedelta(minutes=24), timedelta(minutes=4))
    assert config.action_items.again == timedelta(minutes=168)
    assert (config.reminders.again, config.reminders.quiet) == (timedelta(minutes=24), None)
    usual = config_at(here, tmp_path, 1)
    assert (usual.post_mortems, usual.action_items) == (Config().post_mortems, Config().action_items)
    assert usual.reminders.again == Config().reminders.again


def test_the_weekly_digest_comes_soon_after_the_start_and_tells_of_today(here: World) -> None:
    late_on_saturday = datetime(2026, 11, 21, 23, 55, tzinfo=UTC)
    said = shop_config.config(here.shop.made, now=late_on_saturday)["digest"]
    assert said == {"day": "sun", "at": "00:05", "time_zone": "UTC", "until": "now"}


def test_no_duration_becomes_shorter_than_a_second(here: World, tmp_path: Path) -> None:
    short = policy(config_at(here, tmp_path, 10_000))
    assert short.acknowledge_within[Severity.SEV1] == timedelta(seconds=1)


def test_pagerdutys_news_lands_on_the_alert_queue(here: World) -> None:
    shop, pagerduty = here.shop, here.pagerduty
    shop.drain(shop.made.queue_url)
    event = {
        "routing_key": SHOP_KEY,
        "event_action": "trigger",
        "payload": {"summary": "s", "source": "t", "severity": "critical"},
    }
    body = str(event).replace("'", '"').encode()
    with urllib.request.urlopen(urllib.request.Request(f"{pagerduty.url}/v2/enqueue", body), timeout=10) as answer:
        assert answer.status == 202
    pagerduty.settle()
    assert any("incident.triggered" in each for each in shop.drain(shop.made.queue_url))


def test_the_page_is_told_where_the_rest_of_the_world_is(here: World) -> None:
    with urllib.request.urlopen(f"{here.slack.url}/sandbox/state?as=U0ANA", timeout=10) as answer:
        said = answer.read().decode()
    assert here.pagerduty.url in said
    assert here.shop.server.url in said


def test_a_wrong_speed_and_a_taken_port_are_said() -> None:
    def run(**given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sandbox.demo"]
        return subprocess.run(
            command, env={**os.environ, **given}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    wrong = run(DEMO_SPEED="fast")
    assert (wrong.returncode, wrong.stderr) == (2, "")
    assert "DEMO_SPEED is a number from 1 to 300, not “fast”." in wrong.stdout
    first = _four_free_ports()
    port = first + 2
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        refused = run(DEMO_PORT=str(first))
    assert (refused.returncode, refused.stderr) == (1, "")
    assert f"Port {port}, for AWS, can't be used" in refused.stdout


def test_it_starts_and_ctrl_c_ends_it_with_the_bot() -> None:
    port = _four_free_ports()
    environ = {**os.environ, "DEMO_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "sandbox.demo"]
    running = subprocess.Popen(
        command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        wait_for(lambda: _sockets(port), "the bot's connection", 30.0)
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            running.kill()
    assert running.returncode == 0, said
    assert "Traceback" not in said
    assert f"http://127.0.0.1:{port + 1}/?as=PBOB001" in said
    assert f"http://127.0.0.1:{port + 3}/?as=bob-okafor" in said


def _sockets(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/sockets", timeout=20) as answer:
            return b'"connected_at"' in answer.read()
    except OSError:
        return False


def _four_free_ports() -> int:
    for _ in range(50):
        with ExitStack() as stack:
            first, *others = (stack.enter_context(socket.socket()) for _ in range(4))
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                for n, other in enumerate(others, 1):
                    other.bind(("127.0.0.1", port + n))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no four free ports in a row")
