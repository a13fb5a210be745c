"""Processes: a sandbox server, and the bots that connect to it. All are ended with their `with` block."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.client import PERSON, Json, Keyboard, Page, Seen

ROOT = Path(__file__).resolve().parents[1]
GRACE = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Kind(NamedTuple):
    """A bot: its column in the table, and how it is started."""

    name: str
    arguments: tuple[str, ...]


RAW = Kind("raw socket", ("benchmarks.peers.raw",))
BUILTIN = Kind("bare Bolt", ("benchmarks.peers.bolt", "builtin"))
WEBSOCKET_CLIENT = Kind("bare Bolt, websocket_client", ("benchmarks.peers.bolt", "websocket_client"))
OURS = Kind("this bot", ("bot",))
KINDS = (RAW, BUILTIN, WEBSOCKET_CLIENT, OURS)
LOOP = Kind("bare loop", ("benchmarks.peers.alarms",))
ALERTMANAGER = Kind("Alertmanager", ())


class Bot:
    """A running bot: `starting` is how many seconds passed until it was connected."""

    def __init__(self, kind: Kind, process: subprocess.Popen[bytes], starting: float, database: Path) -> None:
        self.kind = kind
        self.starting = starting
        self._database = database
        self._pid = process.pid

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def owes(self) -> int:
        """Rows of the outbox that wait."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM outbox WHERE state = 'waiting'").fetchone()[0])


class World:
    """One sandbox server without rate limits, one person's page and keyboard."""

    def __init__(self, url: str, keyboard: Keyboard, page: Page, folder: Path) -> None:
        self.url = url
        self.keyboard = keyboard
        self.page = page
        self.folder = folder
        self._runs = 0
        keyboard.post("/control/limits", enforce=False)
        self.ops = self._channel("ops-incidents")

    def _channel(self, name: str) -> str:
        channels = self.keyboard.get(f"/sandbox/state?as={PERSON}")["channels"]
        return str(next(channel["id"] for channel in channels if channel.get("name") == name))

    def reset(self) -> None:
        """An empty workspace, as after the start of the server."""
        self.keyboard.post("/control/reset")
        self.ops = self._channel("ops-incidents")
        self.page.forget()

    def send(self, text: str) -> None:
        answer = self.keyboard.post("/sandbox/send", **{"as": PERSON}, channel=self.ops, text=text)
        if not answer["ok"]:
            raise RuntimeError(f"{text}: {answer}")

    def click(self, message: Json, action_id: str) -> None:
        container = {"type": "message", "channel": self.ops, "message_ts": message["ts"]}
        action = {"type": "button", "action_id": action_id}
        answer = self.keyboard.post("/sandbox/action", **{"as": PERSON}, container=container, action=action)
        if not answer["ok"]:
            raise RuntimeError(f"{action_id}: {answer}")

    def acks(self, newest: int) -> list[Json]:
        """The newest acknowledgements, the oldest of them first: `at` (s) and `latency_ms`."""
        return list(self.keyboard.get("/control/sockets")["acks"][-newest:])

    def calls(self, since: int = 0) -> list[Json]:
        """The Web API calls after number `since`."""
        return list(self.keyboard.get(f"/control/log?since={since}")["calls"])

    def calls_so_far(self) -> int:
        return int(self.keyboard.get(f"/control/log?since={2**40}")["n"])

    @contextmanager
    def bot(self, kind: Kind, database: Path | None = None, more: dict[str, str] | None = None) -> Iterator[Bot]:
        """Start one and wait until it is connected; end it afterwards and wait until it is gone.

        `more` goes into its environment.
        """
        self._runs += 1
        home = self.folder / f"{self._runs}"
        home.mkdir()
        database = database or home / "aiops.db"
        environment = {
            "SLACK_BOT_TOKEN": "xoxb-bench",
            "SLACK_APP_TOKEN": "xapp-bench",
            "SLACK_API_URL": f"{self.url}/api/",
            "DATABASE_URL": f"sqlite:///{database}",
            **(more or {}),
        }
        self.page.forget()
        begun = time.perf_counter()
        with (
            open(home / "log", "wb") as log,
            started(kind.arguments, environment, stdout=log, stderr=log) as process,
        ):
            try:
                connected = self.page.wait(_is_connected, f"the connection of {kind.name}").at
            except TimeoutError as error:
                raise RuntimeError(f"{error}; it said:\n{(home / 'log').read_text(encoding='utf-8')}") from None
            yield Bot(kind, process, connected - begun, database)
        self.page.wait(_is_gone, f"the end of {kind.name}")

    @contextmanager
    def peer(self, kind: Kind, more: dict[str, str]) -> Iterator[None]:
        """Start one that needs no socket; it says when it is ready."""
        environment = {"SLACK_BOT_TOKEN": "xoxb-bench", "SLACK_API_URL": f"{self.url}/api/", **more}
        with started(kind.arguments, environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield


def _is_connected(seen: Seen) -> bool:
    return seen.kind == "bot" and bool(seen.event["connected"])


def _is_gone(seen: Seen) -> bool:
    return seen.kind == "bot" and not seen.event["connected"]


@contextmanager
def world() -> Iterator[World]:
    """A server process of its own, on a free port of this machine."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aiops-bench-")))
        arguments = ("sandbox.slack", "--port", "0")
        process = stack.enter_context(started(arguments, {}, stdout=subprocess.PIPE))
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[-1]
        keyboard = stack.enter_context(closing(Keyboard(url)))
        page = stack.enter_context(closing(Page(url)))
        yield World(url, keyboard, page, folder)


@contextmanager
def started(
    arguments: tuple[str, ...], environment: dict[str, str], **streams: object
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m …` from the project's folder."""
    command = [sys.executable, "-m", *arguments]
    environment = {"PATH": os.environ.get("PATH", ""), **environment}
    process: subprocess.Popen[bytes] = subprocess.Popen(command, env=environment, cwd=ROOT, **streams)  # type: ignore[call-overload]
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
