"""A bot with an alert queue, and a shop to break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.shop.shop import Shop
from tests.flows.aws import Queue, alerted
from tests.flows.shop import Site, fresh, production
from tests.workspace import Channel, Workspace


@pytest.fixture
def alerts(empty_world: Workspace) -> Iterator[Queue]:
    """The alert queue of a bot that has nothing but the environment."""
    with alerted(empty_world) as made:
        yield made


@pytest.fixture
def world(empty_world: Workspace, request: pytest.FixtureRequest) -> Workspace:
    """The workspace with the bot in it, everything at its defaults; with `alerts`, the bot that has this queue."""
    if "alerts" in request.fixturenames:
        request.getfixturevalue("alerts")
    else:
        empty_world.start_bot()
    return empty_world


@pytest.fixture
def ops(world: Workspace) -> Channel:
    """The incident channel of the same."""
    return world.ops


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The AWS of a module's stories."""
    with production() as made:
        yield made


@pytest.fixture
def site(empty_world: Workspace, shop: Shop) -> Iterator[Site]:
    """A shop in which all is well, and no bot yet."""
    with fresh(empty_world, shop) as made:
        yield made
