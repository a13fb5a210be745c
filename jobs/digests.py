"""Owes the weekly digest when it is due; whichever process is first does."""

from __future__ import annotations

import logging

from bot.errors import StoreError
from bot.reporting import Digests

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
CATCH_UP_SECONDS = 900.0  # after a start: alerts that waited in the queue are counted too


def post(digests: Digests) -> None:
    try:
        digests.weekly()
    except StoreError as error:
        log.warning("the weekly digest waits for the next round: %s", error)
    except Exception:
        log.exception("the weekly digest can't be made; it is tried again")
