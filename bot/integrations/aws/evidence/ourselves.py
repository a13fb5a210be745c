"""Who the bot is in AWS: its account, and the name that CloudTrail writes down for its calls."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from bot.errors import CloudError
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.ports import Clock

if TYPE_CHECKING:
    from bot.integrations.aws.evidence.asking import Calls

WITHIN = 1.5
"""Evidence does not wait for this any longer."""
PAUSE = timedelta(minutes=5)


class Identity(NamedTuple):
    """An account, and a role's or user's ARN without the name of the session."""

    account: str
    who: str


class Ourselves:
    """Asks STS once. GetCallerIdentity needs no permission, but there may be no way to it."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Identity | None = None
        self._not_before: datetime | None = None

    def known(self, calls: Calls) -> Identity | None:
        """Who we are; None where STS did not tell, which is asked again after five minutes."""
        with self._lock:
            if self._known or (self._not_before and self._clock() < self._not_before):
                return self._known
            calls.count += 1
            try:
                with cloud_errors("sts:GetCallerIdentity"):
                    client = self._clients.get("sts", region=calls.region, read_timeout=WITHIN, attempts=1)
                    answer = client.get_caller_identity()
            except CloudError:
                self._not_before = self._clock() + PAUSE
                return None
            arn = str(answer.get("Arn", ""))
            self._known = Identity(str(answer.get("Account", "")) or arn_field(arn, 4), same_session(arn))
            return self._known


def same_session(arn: str) -> str:
    """`arn:aws:sts::1:assumed-role/bot/i-0123` without the session: each process has its own."""
    kind, _, rest = arn_field(arn, 5).partition("/")
    role = rest.partition("/")[0]
    return f"{arn.rpartition(':')[0]}:{kind}/{role}" if kind == "assumed-role" else arn
