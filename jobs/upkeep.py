"""Forgets what is of no use any more: done deliveries, request keys, drafts."""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.errors import StoreError
from bot.ports import Clock
from bot.store import Store

log = logging.getLogger(__name__)

KEEP = timedelta(days=7)  # longer than Slack redelivers (24 h at most)


def tidy(store: Store, clock: Clock) -> None:
    try:
        gone = store.forget_before(clock() - KEEP)
    except StoreError as error:
        log.warning("upkeep waits for the next round: %s", error)
        return
    if gone:
        log.info("upkeep: %d old rows dropped", gone)
