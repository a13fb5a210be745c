"""Stores to test against, and the worlds that several files share.

Every implementation of the Store in STORES has to pass the same contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.config import Config
from bot.store import Store
from bot.store.sqlite import SqliteStore
from sandbox.pagerduty.thread import PagerDutyServer
from tests.bot import workshop
from tests.bot.alerting import Shop
from tests.bot.carrying import Desk
from tests.bot.pagerduty import Account

Opener = Callable[[Path], Store]


def sqlite(folder: Path) -> Store:
    return SqliteStore(folder / "aiops.db")


STORES: tuple[Opener, ...] = (sqlite,)


@pytest.fixture(params=STORES, ids=lambda opener: str(opener.__name__))
def opener(request: pytest.FixtureRequest) -> Opener:
    """Opens a store in a folder: at module level, so that another process can be told to use it too."""
    chosen: Opener = request.param
    return chosen


@pytest.fixture
def open_store(opener: Opener, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens one more handle on the same data, as another process would."""
    handles: list[Store] = []

    def another() -> Store:
        handles.append(opener(tmp_path))
        return handles[-1]

    yield another
    for handle in handles:
        handle.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with closing(Shop()) as made:
        yield made


@pytest.fixture
def works() -> Iterator[workshop.Works]:
    made = workshop.shop()
    with closing(made.store), closing(made):
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as opened:
        yield Desk(opened, Config())


@pytest.fixture
def account() -> Iterator[Account]:
    with PagerDutyServer() as server:
        yield Account(server)
