"""`make demo`: Slack, PagerDuty, GitHub and AWS with a little production in it on this machine, and the real bot.

The bot, a process of its own, is given the environment contract and a config file, nothing else. DEMO_PORT is the first
of four ports; DEMO_SPEED shortens the durations of that file: with 10, a SEV-1 must be acknowledged within 30 s in
place of 5 min.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.aws.server import AwsServer
from sandbox.github.thread import GitHubServer
from sandbox.pagerduty.cast import SHOP_KEY
from sandbox.pagerduty.thread import PagerDutyServer
from sandbox.shop import config
from sandbox.shop.shop import Shop
from sandbox.slack.thread import SandboxServer

PORT = 8090
SPEEDS = (1.0, 300.0)
STOP_SECONDS = 10
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LOG_LEVEL")
_ROOT = Path(__file__).resolve().parent.parent


class PortTakenError(Exception):
    """A port of the demo can't be listened on."""


class World(NamedTuple):
    """All that the bot talks to."""

    slack: SandboxServer
    shop: Shop
    pagerduty: PagerDutyServer
    github: GitHubServer


def main() -> int:
    """The exit code: 0 after Ctrl-C, 1 when a port is taken, 2 for a wrong DEMO_PORT or DEMO_SPEED."""
    try:
        port, speed = _number("DEMO_PORT", PORT, 1, 65532), _number("DEMO_SPEED", 1, *SPEEDS)
    except ValueError as error:
        print(error)
        return 2
    try:
        return _run(int(port), speed)
    except PortTakenError as error:
        print(f"{error}. Try other ones: DEMO_PORT={(int(port) + 100) % 65000} make demo")
        return 1


def _number(name: str, usual: float, least: float, most: float) -> float:
    text = os.environ.get(name) or str(usual)
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise ValueError(f"{name} is a number from {least:g} to {most:g}, not “{text}”.")
    return number


def _run(port: int, speed: float) -> int:
    """Run until Ctrl-C; restart the bot when it ends by itself (kill it to see that nothing is lost)."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print("Starting Slack, AWS, PagerDuty and GitHub on this machine …", flush=True)
    with tempfile.TemporaryDirectory(prefix="aiops-demo-") as folder, world(port) as here:
        environment = bot_environment(here, Path(folder), speed)
        bot = _start(environment)
        print(_welcome(here, environment, speed), flush=True)
        while not stop.wait(0.5):
            if bot.poll() is not None:
                print(f"The bot ended (exit code {bot.returncode}); starting it again.", flush=True)
                bot = _start(environment)
        print("Stopping …", flush=True)
        _end(bot)
    return 0


@contextmanager
def world(port: int = 0) -> Iterator[World]:
    """Slack on this port, PagerDuty, AWS and GitHub on the next three; with 0 on any."""
    ports = [port and port + n for n in range(4)]
    for what, each in zip(("Slack", "PagerDuty", "AWS", "GitHub"), ports, strict=True):
        _must_be_free(what, each)
    with ExitStack() as stack:
        aws = stack.enter_context(AwsServer.lively(ports[2]))
        shop = stack.enter_context(Shop(aws))
        shop.provision()

        def deliver(event: dict[str, Any]) -> None:
            """What a rule on PagerDuty's partner bus does in AWS."""
            shop.queue(shop.made.queue_url, [json.dumps(event)])

        pagerduty = stack.enter_context(PagerDutyServer(ports[1], deliver))
        github = stack.enter_context(GitHubServer(ports[3]))
        around = {"aws": aws.url, "pagerduty": pagerduty.url, "github": github.url}
        slack = stack.enter_context(SandboxServer(port=ports[0], world=around))
        yield World(slack, shop, pagerduty, github)


def bot_environment(here: World, folder: Path, speed: float = 1.0) -> dict[str, str]:
    """The variables an operator would set, with the sandbox's values; writes the config file they name."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **kept,
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_APP_TOKEN": "xapp-sandbox",
        "SLACK_API_URL": here.slack.api_url,
        **here.shop.environment,
        "PAGERDUTY_ROUTING_KEY": SHOP_KEY,
        "PAGERDUTY_API_TOKEN": "sandbox-account-token",
        "PAGERDUTY_API_URL": here.pagerduty.url,
        "PAGERDUTY_EVENTS_URL": here.pagerduty.url,
        "GITHUB_TOKEN": "sandbox-token",
        "GITHUB_REPOSITORY": here.github.repository,
        "GITHUB_API_URL": here.github.url,
        "DATABASE_URL": f"sqlite:///{folder / 'aiops.db'}",
        "CONFIG_FILE": str(config.write(here.shop.made, folder / "config.yml", speed)),
        "HEALTH_PORT": str(_free_port()),
        "LOG_FORMAT": "text",
    }


def _welcome(here: World, environment: dict[str, str], speed: float) -> str:
    sped_up = f"Demo time runs {speed:g} times as fast: a SEV-1 must be acknowledged within {300 / speed:.3g} s."
    lines = (
        "",
        f"Slack      {here.slack.url}/?as=U0BOB   and, as somebody else, in a second window",
        f"PagerDuty  {here.pagerduty.url}/?as=PBOB001",
        f"GitHub     {here.github.url}/?as=bob-okafor",
        f"Health     http://127.0.0.1:{environment['HEALTH_PORT']}/healthz and /metrics",
        f"Config     {environment['CONFIG_FILE']}",
        "",
        "Press “Break something” at the foot of Slack's sidebar, or type /incident declare",
        "The weekly digest is posted within ten minutes.",
        sped_up if speed > 1 else "To see deadlines and escalation pass sooner: DEMO_SPEED=10 make demo",
        "Ctrl-C ends it.",
        "",
    )
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _must_be_free(what: str, port: int) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTakenError(f"Port {port}, for {what}, can't be used ({error.strerror})") from error


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bot"], env=environment, cwd=_ROOT)


def _end(bot: subprocess.Popen[bytes]) -> None:
    """Ctrl-C has told the bot too, where it came from a terminal."""
    bot.terminate()
    try:
        bot.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        bot.kill()
        bot.wait()


if __name__ == "__main__":
    sys.exit(main())
