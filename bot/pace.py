"""How fast Slack may be called: token buckets by key, and keys that Slack has closed for a while."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import NamedTuple


class Rate(NamedTuple):
    """`burst` calls at once, then one each `every` seconds. `is_shared`: one bucket for all keys of the family."""

    every: float
    burst: int
    is_shared: bool = False


# https://docs.slack.dev/apis/web-api/rate-limits: about one message a second and channel, short bursts are fine;
# chat.update is limited to 50 a minute for the whole workspace, so a card that goes on changing is edited every 2 s.
# Many people's reminders are due at the same nine o'clock: they share what users.info takes, 100 a minute, and leave
# most of chat.postMessage's several hundred a minute to incidents.
RATES = {
    "post": Rate(every=1.0, burst=4),
    "edit": Rate(every=2.0, burst=5),
    "remind": Rate(every=0.6, burst=4, is_shared=True),
}


class Paces:
    """Keys look like `post:<channel>`: the part before the colon names the rate. Others are only ever closed."""

    def __init__(self, **more: Rate) -> None:
        """`more` are rates beside Slack's own, by family."""
        self._rates = {**RATES, **more}
        self._lock = threading.Lock()
        self._full_at: dict[str, datetime] = {}
        self._closed_until: dict[str, datetime] = {}

    def is_held(self, key: str, now: datetime) -> bool:
        with self._lock:
            return self._opens_at(key, now) > now

    def may_take(self, key: str, now: datetime) -> bool:
        """Use one token, where there is one."""
        if self.is_held(key, now):
            return False
        self.take(key, now)
        return True

    def take(self, key: str, now: datetime) -> None:
        """Use one token."""
        rate, bucket = self._rates.get(_family(key)), self._bucket(key)
        if rate is not None:
            with self._lock:
                self._forget(now)
                latest = now + timedelta(seconds=rate.every * rate.burst)  # a clock may be set back
                full_at = min(max(self._full_at.get(bucket, now), now), latest)
                self._full_at[bucket] = full_at + timedelta(seconds=rate.every)

    def give_back(self, key: str) -> None:
        """The call that a token was used for was not made."""
        rate, bucket = self._rates.get(_family(key)), self._bucket(key)
        with self._lock:
            if rate is not None and bucket in self._full_at:
                self._full_at[bucket] -= timedelta(seconds=rate.every)

    def block(self, key: str, until: datetime) -> None:
        """Slack said Retry-After. Edits share one limit, so one refusal closes them all."""
        closed = "edit" if _family(key) == "edit" else self._bucket(key)
        with self._lock:
            self._closed_until[closed] = max(self._closed_until.get(closed, until), until)

    def next_opening(self, now: datetime) -> datetime | None:
        """The first moment at which a held key opens; None when none is held."""
        with self._lock:
            self._forget(now)
            opens = [self._opens_at(key, now) for key in (*self._full_at, *self._closed_until)]
        return min((moment for moment in opens if moment > now), default=None)

    def _opens_at(self, key: str, now: datetime) -> datetime:
        """A bucket that is full again at F has a token at F minus (burst - 1) refills."""
        opens = max(self._closed_until.get(key, now), self._closed_until.get(_family(key), now))
        rate, bucket = self._rates.get(_family(key)), self._bucket(key)
        if rate is not None and bucket in self._full_at:
            opens = max(opens, self._full_at[bucket] - timedelta(seconds=rate.every * (rate.burst - 1)))
        return opens

    def _bucket(self, key: str) -> str:
        family = _family(key)
        rate = self._rates.get(family)
        return family if rate is not None and rate.is_shared else key

    def _forget(self, now: datetime) -> None:
        self._full_at = {key: full for key, full in self._full_at.items() if full > now}
        self._closed_until = {key: until for key, until in self._closed_until.items() if until > now}


def _family(key: str) -> str:
    return key.partition(":")[0]
