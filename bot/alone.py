"""A remediation without Slack: begun on the command line, and carried by this process beside a bot or without one."""

from __future__ import annotations

from blocks.text import one_line
from bot.carriers.fixes import Aws, FixCarriers
from bot.config import Config
from bot.escalation import Escalations
from bot.integrations.nothing import NoAlarms, NoDirectory
from bot.ledger import Ledger
from bot.models import Change, Order, Remediation, RemediationStatus
from bot.outbox import LEASE_SECONDS, Outbox
from bot.ports import Clock, Fixes
from bot.processes import this_process
from bot.remediation import Neighbours, Remediations
from bot.resources import Resources
from bot.rights import Rights
from bot.store import Store


class Alone:
    """Carries the calls of one remediation, and nothing else that is owed: its card, its verification and what follows
    are the bot's, whenever it runs. Where a bot runs on the same store, whoever claims a row carries it."""

    def __init__(self, store: Store, config: Config, fixes: Fixes, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._owner = this_process()
        ledger = Ledger(store, clock, nudge=lambda: None)
        neighbours = Neighbours(Escalations(store, config, lambda incident: ""), lambda *_: Change())
        self._remediations = Remediations(ledger, Rights(NoDirectory(), config), config, fixes, neighbours)
        self._carrier = FixCarriers(Aws(fixes, None, NoAlarms()), self._remediations, store, clock)
        self._outbox = Outbox(store, clock, self._owner)

    def begin(self, order: Order, where: Resources, via: str) -> Remediation:
        """One that a killed process left running is carried on first: past its time it is stopped, and holds its
        service no longer. Raises CloudError, Refused."""
        for one in self._store.open_remediations():
            if one.status is RemediationStatus.RUNNING and one.order.service == order.service:
                self.look(one.number)
        return self._remediations.at_once(order, where, one_line(via))

    def look(self, number: int) -> Remediation:
        calls = (f"fix:{number}", f"fix:{number}:follow")
        due = self._store.claim_deliveries(
            self._owner, self._clock(), lease=LEASE_SECONDS, limit=1, is_held=lambda key: key not in calls
        )
        for delivery in due:
            self._outbox.carry(self._carrier, delivery)
        return self._store.remediation(number)
