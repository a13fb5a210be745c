"""Slack's rate limits: so many calls a minute for a method, and about one message a second in a channel.

Per method, per workspace, per app; other methods are not affected.
https://docs.slack.dev/apis/web-api/rate-limits
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

WINDOW = 60.0
BURST = 1.2  # a window takes a fifth more than promised before it refuses
CHANNEL_BURST = 5.0
CHANNEL_RATE = 1.0


class Tier(Enum):
    """Calls a minute."""

    TIER_1 = 1
    TIER_2 = 20
    TIER_3 = 50
    TIER_4 = 100
    SPECIAL = 600
    POSTING = 300


@dataclass(slots=True)
class Window:
    started: float
    calls: int = 0


@dataclass(slots=True)
class Bucket:
    at: float
    left: float = CHANNEL_BURST


class Limits:
    def __init__(self, now: Callable[[], float]) -> None:
        self.enforced = True
        self.edit_window: float | None = None
        self._now = now
        self._windows: dict[str, Window] = {}
        self._buckets: dict[str, Bucket] = {}

    def take(self, method: str, tier: Tier) -> int:
        """Counts a call. Seconds to wait when it is one too many, else 0."""
        if not self.enforced:
            return 0
        now = self._now()
        window = self._windows.get(method)
        if window is None or now >= window.started + WINDOW:
            window = self._windows[method] = Window(now)
        if window.calls >= math.ceil(tier.value * BURST):
            return max(1, math.ceil(window.started + WINDOW - now))
        window.calls += 1
        return 0

    def take_message(self, place: str) -> int:
        """Counts a message to one channel (or one response_url), like `take`."""
        if not self.enforced:
            return 0
        now = self._now()
        bucket = self._buckets.setdefault(place, Bucket(now))
        bucket.left = min(CHANNEL_BURST, bucket.left + (now - bucket.at) * CHANNEL_RATE)
        bucket.at = now
        if bucket.left < 1:
            return max(1, math.ceil((1 - bucket.left) / CHANNEL_RATE))
        bucket.left -= 1
        return 0

    def forget(self) -> None:
        self._windows.clear()
        self._buckets.clear()
