"""A fresh workspace for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.slack.thread import SandboxServer
from tests.sandbox.world import Bot, World

NO_MANIFEST = Path("no-such-manifest.yml")


@pytest.fixture
def world() -> Iterator[World]:
    with SandboxServer(NO_MANIFEST) as server, World(server) as world:
        yield world


@pytest.fixture
def bot(world: World) -> Bot:
    return world.connect()


@pytest.fixture
def ops(world: World) -> str:
    return world.channel()
