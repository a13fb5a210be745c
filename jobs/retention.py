"""Lets go of old alerts once a day: asked every few minutes, so that a run that was cut short goes on soon."""

from __future__ import annotations

import logging

from bot.errors import StoreError
from bot.retention import Retention

log = logging.getLogger(__name__)

EVERY_SECONDS = 600.0


def run(retention: Retention) -> None:
    try:
        gone = retention.run()
    except StoreError as error:
        log.warning("old alerts wait for the next round: %s", error)
        return
    if gone:
        log.info("retention: %d old alerts let go", gone)
