"""Takes due timers, once a second: SLAs, calls, reminders, ends of silences and storms."""

from __future__ import annotations

import logging

from bot.errors import StoreError
from bot.timekeeper import Timekeeper

log = logging.getLogger(__name__)


def tick(timekeeper: Timekeeper) -> None:
    try:
        timekeeper.run()
    except StoreError as error:
        log.error("timers wait for the next round: %s", error)
    except Exception:
        log.exception("a timer stumbled; the others go on in the next round")
