"""Forgets what is of no use any more: done deliveries, request and message ids, the heads of alarms, drafts.

What tells news from what was seen before outlives the messages themselves: SQS keeps one for fourteen days at most
(Slack delivers again for a day), and the fifteenth is for clocks that differ and messages under way.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.errors import StoreError
from bot.ports import Clock
from bot.store import Store

log = logging.getLogger(__name__)

KEEP = timedelta(days=15)


def tidy(store: Store, clock: Clock) -> None:
    try:
        gone = store.forget_before(clock() - KEEP)
    except StoreError as error:
        log.warning("upkeep waits for the next round: %s", error)
        return
    if gone:
        log.info("upkeep: %d old rows dropped", gone)
