"""Fixtures: a workspace, one with the bot in it, and the rule that nothing unexpected may be logged.

Property tests try the same examples in every run, so that a change is judged by what it changed; `make explore` looks
further, with others each time.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import Loader
from hypothesis import HealthCheck, settings

from bot.integrations.aws import clients
from bot.logs import quieten
from tests.workspace import Workspace, workspace

settings.register_profile("gate", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", settings.get_profile("gate"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """Reading AWS's service models is most of what a bot's start costs: all bots of a run share what was read."""
    loader = Loader(file_loader=clients._PlainJson())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "Loader", lambda **_: loader)
        yield


@pytest.fixture
def empty_world(tmp_path: Path) -> Iterator[Workspace]:
    """The workspace before the bot is started."""
    with workspace(tmp_path) as world:
        yield world


@pytest.fixture
def world(empty_world: Workspace) -> Workspace:
    """The workspace with the bot in it, everything at its defaults."""
    empty_world.start_bot()
    return empty_world


@pytest.fixture(autouse=True)
def no_unexpected_errors(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """An ERROR in the log fails the test, unless the test says that it makes one (`@pytest.mark.logs_errors`)."""
    quieten("INFO")
    with caplog.at_level(logging.WARNING):
        yield
    if request.node.get_closest_marker("logs_errors"):
        return
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"unexpected errors in the log: {errors}"
