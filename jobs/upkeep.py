"""Forgets what is of no use any more: done deliveries, request and message ids, the heads of alarms, drafts.

What tells news from what was seen before outlives the messages themselves: SQS keeps one for fourteen days at most
(Slack delivers again for a day), and the fifteenth is for clocks that differ and messages under way.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.errors import StoreError
from bot.retention import Retention

log = logging.getLogger(__name__)

KEEP = timedelta(days=15)


def tidy(retention: Retention) -> None:
    try:
        retention.forget(KEEP)
    except StoreError as error:
        log.warning("upkeep waits for the next round: %s", error)
