"""What a probe and a scraper are answered."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bot.health import HealthServer

Parts = dict[str, Any]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, Parts]]:
    """One server for all tests here, and what it reports."""
    parts: Parts = {}
    server = HealthServer(0, lambda: parts, host="127.0.0.1")
    yield server.port, parts
    server.close()
    with pytest.raises(urllib.error.URLError):
        ask(server.port, "/healthz")


@pytest.fixture
def port(served: tuple[int, Parts]) -> int:
    return served[0]


@pytest.fixture
def parts(served: tuple[int, Parts]) -> Parts:
    served[1].clear()
    return served[1]


def ask(port: int, path: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_all_is_well_while_every_part_is(port: int, parts: Parts) -> None:
    parts |= {"socket": True, "store": True}
    status, kind, body = ask(port, "/healthz")
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {"socket": True, "store": True}


@pytest.mark.parametrize("sick", ["socket", "store"])
def test_one_part_that_is_not_well_is_named_with_a_503(port: int, parts: Parts, sick: str) -> None:
    parts |= {"socket": True, "store": True, "waiting": 3, sick: False}
    status, _, body = ask(port, "/healthz")
    assert status == 503
    assert [part for part, is_well in json.loads(body).items() if not is_well] == [sick]


def test_a_number_is_a_metric_and_no_matter_of_health(port: int, parts: Parts) -> None:
    parts |= {"socket": True, "waiting": 0, "oldest_seconds": 1.5}
    assert ask(port, "/healthz")[0] == 200
    status, kind, body = ask(port, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert body.splitlines() == ["aiops_socket 1", "aiops_waiting 0", "aiops_oldest_seconds 1.5"]


def test_every_probe_asks_anew(port: int, parts: Parts) -> None:
    parts["socket"] = True
    assert ask(port, "/healthz")[0] == 200
    parts["socket"] = False
    assert ask(port, "/healthz")[0] == 503
    assert ask(port, "/metrics")[2] == "aiops_socket 0\n"


def test_another_path_says_what_there_is(port: int, parts: Parts) -> None:
    status, _, body = ask(port, "/")
    assert status == 404
    assert "/healthz" in body
