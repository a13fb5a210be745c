"""What stands in for AWS where it is not configured: takes everything, does and knows nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from bot.ports import Event, Standing

log = logging.getLogger(__name__)


class NoBus:
    """Nobody listens to the bot's events."""

    def put(self, events: Sequence[Event]) -> list[int]:
        for event in events:
            log.debug("no event bus is configured: %s is not put", event.type)
        return []


class NoMailer:
    """Nobody is mailed."""

    def publish(self, topic: str, subject: str, text: str) -> None:
        log.debug("AWS is not configured: %s gets no mail (%d characters) about %s", topic, len(text), subject)


class NoAlarms:
    """Nothing is known of any alarm beyond its message."""

    def tags(self, arns: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {}

    def states(self, names: Sequence[str], region: str) -> Mapping[str, Standing]:
        return {}
