"""What is said when a remediation did not help: who is called, where to meet, and the manual runbook's steps."""

from __future__ import annotations

from collections.abc import Callable

from blocks.by_hand import by_hand
from bot.config import Config
from bot.handbook import manual_steps
from bot.investigation import cause_of
from bot.models import Alert, Cause, Incident, Message, Remediation
from bot.runbooks import MANUAL
from bot.store import Store


class Escalations:
    """`bridge` gives an incident's bridge."""

    def __init__(self, store: Store, config: Config, bridge: Callable[[Incident], str]) -> None:
        self._store = store
        self._config = config
        self._bridge = bridge

    def __call__(self, fix: Remediation, subject: Alert | Incident | None) -> Message:
        """The manual runbook of the cause that was found, else of the automated runbook that failed."""
        page = self._page(fix, subject)
        bridge = self._bridge(subject) if isinstance(subject, Incident) else self._config.bridge_url
        return by_hand(fix, manual_steps(page), page=page, bridge=bridge)

    def _page(self, fix: Remediation, subject: Alert | Incident | None) -> str:
        if fix.order.runbook:
            return fix.order.runbook
        return MANUAL[cause_of(self._store, subject) if subject is not None else Cause.UNKNOWN]
