"""One AWS for a file's tests, reset for each."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.aws.clock import CLOCK
from sandbox.aws.server import AwsServer
from tests.sandbox.automation.world import SPEED, Automation, Groups


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    """Without moto's catalogue of machine images, which takes a second to read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with AwsServer(speed=SPEED) as server:
            yield server


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture
def aws(server: AwsServer, clients: dict[str, Any]) -> Automation:
    server.reset()
    return Automation(server, clients)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on what goes on takes as long as it says."""
    return lambda: monkeypatch.setattr(CLOCK, "speed", 1.0)


@pytest.fixture
def groups(aws: Automation) -> Groups:
    return Groups(aws)
