"""Requests against a server on this machine: how many, to whom, and what is told about the answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import generate_anomaly
from scripts.generate_anomaly import EXIT_NO_EFFECT, EXIT_STOPPED, EXIT_USAGE, MAX_OPEN, main
from tests.workspace import PATIENCE, wait_for

ROOT = Path(__file__).parents[2]


class Shop(ThreadingHTTPServer):
    """Answers by path: /error fails, /slow takes its time, /away leads to another host, the rest is fine."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.elsewhere = ""
        self.slowness = 0.0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/slow":
            time.sleep(self.server.slowness)
        status = {"/error": 500, "/away": 302}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.elsewhere)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Shop]:
    shop = Shop()
    thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield shop
    finally:
        shop.shutdown()
        thread.join()
        shop.server_close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serving() as server:
        yield server


def test_errors_are_asked_for_at_the_rate_and_counted(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shop.address, "--rate", "40", "--seconds", "0.5", "--yes"]) == 0
    assert shop.asked == ["/error"] * 20
    told = capsys.readouterr().out
    assert f"http://{shop.address}/error (127.0.0.1)" in told
    assert "20 requests sent; answers: 20 × 500" in told
    assert "20 of them make the anomaly" in told


@pytest.mark.parametrize(("kind", "path"), [("errors", "/error"), ("latency", "/slow"), ("cpu", "/cpu")])
def test_each_kind_has_its_path(shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: str, path: str) -> None:
    monkeypatch.setattr(generate_anomaly, "SLOW", 0.05)
    shop.slowness = 0.1
    assert main([f"http://{shop.address}/", "--kind", kind, "--rate", "10", "--seconds", "0.3", "--yes"]) == 0
    assert set(shop.asked) == {path}


@pytest.mark.parametrize("named", [["/checkout?fail=1"], ["", "--path", "/checkout?fail=1"]])
def test_a_path_may_be_named(shop: Shop, named: list[str]) -> None:
    arguments = [shop.address + named[0], *named[1:], "--kind", "cpu", "--rate", "10", "--seconds", "0.1", "--yes"]
    assert main(arguments) == 0
    assert shop.asked == ["/checkout?fail=1"]


def test_nobody_who_is_not_named_gets_a_request(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as other:
        shop.elsewhere = f"http://{other.address}/error"
        assert main([f"{shop.address}/away", "--rate", "10", "--seconds", "0.3", "--yes"]) == EXIT_NO_EFFECT
        assert other.asked == []
    assert "redirects are not followed" in capsys.readouterr().err


def test_no_proxy_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        assert main([shop.address, "--rate", "10", "--seconds", "0.1", "--yes"]) == 0
        assert proxy.asked == []


def test_answers_of_another_kind_are_no_success(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shop.address, "--path", "/fine", "--rate", "10", "--seconds", "0.2", "--yes"]) == EXIT_NO_EFFECT
    assert "no answer was a 5xx: name an address of the service that does it, with --path" in capsys.readouterr().err


def test_it_gives_up_where_nobody_answers(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.shutdown()
    shop.server_close()
    assert main([shop.address, "--rate", "50", "--seconds", "600", "--yes"]) == EXIT_NO_EFFECT
    told = capsys.readouterr()
    assert "no answer (ConnectionRefusedError)" in told.out
    assert f"nobody answers at http://{shop.address}" in told.err


def test_a_slow_service_is_not_buried(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_anomaly, "MAX_OPEN", 3)
    shop.slowness = 1.1
    assert main([shop.address, "--kind", "latency", "--rate", "50", "--seconds", "0.4", "--yes"]) == 0
    assert len(shop.asked) == 3
    assert "17 not sent: 3 were still waiting" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "no address: name the load balancer"),
        ([""], "a DNS name, or http(s)://host"),
        (["ftp://shop.example"], "a DNS name, or http(s)://host"),
        (["http://ana:" + "secret@shop.example"], "without user"),
        (["shop.example:port"], "a DNS name"),
        (["shop.example /x"], "a DNS name"),
        (["shop.example", "--rate", "101"], "at most 100 requests a second"),
        (["shop.example", "--rate", "fast"], "at most 100"),
        (["shop.example", "--rate", "nan"], "at most 100"),
        (["shop.example", "--seconds", "601"], "at most 600 seconds"),
        (["shop.example", "--path", "error"], "begins with /"),
        (["shop.example", "--path", "/a\r\nX: 1"], "has no blanks"),
        (["shop.example", "--kind", "magic"], "errors"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_would_be_right(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == EXIT_USAGE
    assert hint in capsys.readouterr().err


def test_a_host_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shop.invalid", "--yes"]) == EXIT_USAGE
    assert "shop.invalid: there is no such host" in capsys.readouterr().err


@pytest.mark.parametrize(("typed", "sends"), [("127.0.0.1", True), ("yes", False), ("", False)])
def test_the_host_is_typed_before_anything_is_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, typed: str, sends: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: typed)
    code = main([shop.address, "--rate", "10", "--seconds", "0.1"])
    assert (code, bool(shop.asked)) == ((0, True) if sends else (EXIT_USAGE, False))


def test_without_a_keyboard_yes_is_needed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shop.address]) == EXIT_USAGE
    assert shop.asked == []
    assert "--yes" in capsys.readouterr().err


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """Where tests run in the background SIGINT is ignored, and what they start would ignore it too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_it_with_a_summary(shop: Shop) -> None:
    command = [sys.executable, "scripts/generate_anomaly.py", shop.address, "--seconds", "600", "--yes"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            wait_for(lambda: len(shop.asked) >= 3, "three requests")
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == EXIT_STOPPED
    assert "stopped by Ctrl-C" in told
    assert "× 500" in told


def test_the_limits_are_those_of_the_help_text() -> None:
    assert (generate_anomaly.MAX_RATE, generate_anomaly.MAX_SECONDS, MAX_OPEN) == (100, 600, 100)
