"""`python -m bot rca` and `python -m bot rollback`, as people type them, against the AWS of the sandbox."""

from __future__ import annotations

import getpass
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import functions
from bot.__main__ import main
from bot.models import RemediationStatus
from bot.steps import fixes
from bot.store.sqlite import SqliteStore
from sandbox.aws.server import REGION, AwsServer
from tests.bot.aws import credentials
from tests.bot.test_fixes import World

RCA = '{"anomalies":["CPU: 60% (expected 4%)"],"metrics":{"cpu_utilization":60}}'
ASKED = {"cluster": "prod", "service": "web", "reason": "Test"}
Said = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """The exit code, what was answered, and what was complained about."""

    def run(*arguments: str) -> tuple[int, dict[str, Any], str]:
        code = main(list(arguments))
        told = capsys.readouterr()
        return code, json.loads(told.out or "{}"), told.err

    return run


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no config file and no token of Slack."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)


# -- rca


def test_the_documents_payload_needs_no_settings(said: Said) -> None:
    code, answer, _ = said("rca", "--payload", RCA)
    assert code == 0
    assert answer["root_cause"] == "High CPU (no errors)"


def test_a_payload_from_a_file_and_from_standard_input(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payload.json").write_text(RCA, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(RCA))
    answers = [said("rca", *more)[1] for more in (["--payload", "@payload.json"], ["--payload", "-"])]
    monkeypatch.setattr("sys.stdin", io.StringIO(RCA))
    answers.append(said("rca")[1])
    assert answers == [said("rca", "--payload", RCA)[1]] * 3


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("{", "error: payload: is no JSON"),
        ("@missing.json", "error: payload: can't be read"),
        ("[]", "error: payload: The payload of aiops-platform-rca has to be an object"),
        ('{"metrics": {"cpu": "high"}}', "error: metrics: The metric cpu is “high”"),
    ],
)
def test_a_wrong_payload_is_told_with_its_field(said: Said, payload: str, problem: str) -> None:
    code, answer, told = said("rca", "--payload", payload)
    assert (code, answer) == (2, {})
    assert told.startswith(problem)


# -- rollback


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with AwsServer() as server:
            yield server


@pytest.fixture
def world(
    server: AwsServer, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """The service `web`, of which web:2 runs after web:1."""
    with credentials(tmp_path_factory.mktemp("aws")), closing(World(server)) as world:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_REGION", REGION)
        monkeypatch.setattr(functions, "FOLLOW_EVERY", 0.01)
        monkeypatch.setattr(fixes, "FOLLOW_EVERY", timedelta(milliseconds=10))
        monkeypatch.setenv("DATABASE_URL", "sqlite:///aiops.db")
        SqliteStore(Path("aiops.db")).close()
        world.serve().deploy("web:v2")
        yield world


def rollback(said: Said, *more: str, **change: str) -> tuple[int, dict[str, Any], str]:
    return said("rollback", "--payload", json.dumps({**ASKED, **change}), *more)


def test_without_yes_it_is_planned_and_nothing_is_changed(world: World, said: Said) -> None:
    code, answer, _ = rollback(said)
    assert code == 0
    assert (answer["status"], answer["from"], answer["to"]) == ("planned", "web:2", "web:1")
    assert (answer["differences"], answer["undo"]) == (["app: image v2 → v1"], "deploy web:2 again")
    assert world.runs() == "web:2"
    assert world.calls("UpdateService") == 0


def test_with_yes_it_is_done_and_waited_for(world: World, said: Said) -> None:
    passing = threading.Event()

    def time_passes() -> None:
        while not passing.wait(0.02):
            world.server.advance(5)

    thread = threading.Thread(target=time_passes)
    thread.start()
    try:
        code, answer, _ = rollback(said, "--yes")
    finally:
        passing.set()
        thread.join()
    assert code == 0
    assert (answer["status"], answer["said"]) == ("succeeded", "3 of 3 tasks run web:1")
    assert world.runs() == "web:1"
    assert world.calls("UpdateService") == 1
    with closing(SqliteStore(Path("aiops.db"))) as store:
        (fix,) = store.remediations()
    assert (fix.id, fix.status, fix.via) == (
        "FIX-1",
        RemediationStatus.VERIFYING,
        f"{getpass.getuser()} on the command line: Test",
    )
    world.deploy("web:v3")
    code, answer, told = rollback(said, "--yes")
    assert (code, answer) == (1, {})
    assert "rollback was done for prod/web" in told, "the same guard rails as a click"
    assert world.calls("UpdateService") == 1


def test_without_a_database_there_is_no_guard_and_nothing_is_changed(
    world: World, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///elsewhere.db")
    code, answer, told = rollback(said, "--yes")
    assert (code, answer, told) == (2, {}, "error: DATABASE_URL: there is no database at elsewhere.db\n")
    assert rollback(said)[1]["status"] == "planned", "looking needs none"
    assert world.calls("UpdateService") == 0


def test_one_that_takes_too_long_has_exit_code_1(world: World, said: Said, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("remediation: {timeout: 1s}\n", encoding="utf-8")
    code, answer, _ = rollback(said, "--yes")
    assert (code, answer["status"]) == (1, "timed out")
    assert world.calls("UpdateService") == 1


@pytest.mark.parametrize(
    ("change", "code", "problem"),
    [
        ({"service": "nope"}, 1, "nope"),
        ({"cluster": "nope"}, 1, "nope"),
        ({"task_definition": "web:9"}, 1, "There is no web:9"),
        ({"service": "*"}, 2, "error: service: service “*” is no name"),
        ({"reason": ""}, 2, "error: reason: reason has to be a text"),
    ],
)
def test_what_can_not_be_planned(world: World, said: Said, change: dict[str, str], code: int, problem: str) -> None:
    found, answer, told = rollback(said, "--yes", **change)
    assert (found, answer) == (code, {})
    assert problem in told
    assert world.calls("UpdateService") == 0


def test_a_denied_call_names_the_permission(world: World, said: Said) -> None:
    code_and_message = {"error": "AccessDeniedException", "message": "no"}
    world.server.faults.add({"service": "ecs", "operation": "DescribeServices", "kind": "error", **code_and_message})
    try:
        code, _, told = rollback(said)
    finally:
        world.server.faults.clear()
    assert code == 1
    assert "ecs:DescribeServices" in told


def test_a_wrong_config_file_is_told(world: World, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_FILE", "missing.yml")
    code, _, told = rollback(said)
    assert (code, told) == (2, "error: CONFIG_FILE: missing.yml is not there\n")


def test_the_payload_of_a_rollback_is_needed(said: Said) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rollback", "--yes"])
    assert ended.value.code == 2
