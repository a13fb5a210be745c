"""Asks the pager what people did there, for where its events don't come by the queue."""

from __future__ import annotations

import logging

from bot.errors import DeliveryError, StoreError
from bot.paging import PagerSync

log = logging.getLogger(__name__)


def ask(sync: PagerSync) -> None:
    try:
        sync.poll()
    except (DeliveryError, StoreError) as error:
        log.warning("the pager could not be asked: %s", error)
    except Exception:
        log.exception("asking the pager failed; it is asked again in the next round")
