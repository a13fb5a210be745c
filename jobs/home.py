"""Keeps the App Homes that are open up to date."""

from __future__ import annotations

import logging

from bot.errors import StoreError
from bot.home import Homes

log = logging.getLogger(__name__)


def refresh(homes: Homes) -> None:
    try:
        homes.refresh()
    except StoreError as error:
        log.warning("App Home stays as it is: %s", error)
    except Exception:
        log.exception("refreshing App Home failed; it is tried again after the next change")
