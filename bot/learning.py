"""What is usual for a service: shown as it is known, and learned anew from CloudWatch when somebody asks for it."""

from __future__ import annotations

from typing import NamedTuple

from bot.access import Right
from bot.baselines import Baseline, expected
from bot.config import Config
from bot.errors import InvalidInput, Refused
from bot.ledger import Ledger
from bot.models import Change
from bot.owed import learning as owed
from bot.ports import BaselineSource
from bot.rights import Caller, Rights


class Usual(NamedTuple):
    """What is usual for a service right now, a line for each metric."""

    service: str
    metrics: list[Baseline]


class Learning:
    """The reading is owed like every other call, so that it goes on after a restart: `bot/carriers/learning.py`."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, source: BaselineSource) -> None:
        self._ledger = ledger
        self._rights = rights
        self._config = config
        self._source = source

    def show(self, caller: Caller, service: str) -> Usual:
        """Expected now, at this hour of the week."""
        self._rights.need(caller, Right.READ)
        known, now = self._known(service), self._ledger.clock()
        baselines = self._ledger.store.baselines(known)
        found = [expected(baselines, metric, now) for metric in sorted({each.metric for each in baselines})]
        return Usual(known, [each for each in found if each is not None])

    def ask(self, caller: Caller, service: str) -> str:
        """Have it learned anew; the service in the catalogue's spelling."""
        self._rights.need(caller, Right.RESPOND)
        known = self._known(service)
        if not self._source.is_on:
            raise Refused("AWS is not configured: set AWS_REGION and the bot's credentials, then it can be learned.")
        self._ledger.save(Change(owed=(owed.learn(known, caller.user_id),)), self._ledger.clock())
        return known

    def _known(self, service: str) -> str:
        known = self._config.known_service(service)
        if known is None:
            there = ", ".join(list(self._config.services)[:20])
            hint = f"There are {there}." if there else "config.yml lists no services."
            raise InvalidInput("service", f"“{service[:60]}” is not in the catalogue. {hint}")
        return known
