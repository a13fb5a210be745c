"""What the handlers work with: the use cases, the way back to the person, and the small memory of open questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.actions import Actions
from bot.alerts import Alerts
from bot.config import Config
from bot.home import Homes
from bot.incidents import Incidents
from bot.investigation import Investigations
from bot.learning import Learning
from bot.paging import Paging
from bot.ports import Alarms, Clock, Replies
from bot.postmortems import PostMortems
from bot.remediation import Remediations
from bot.reminders import Reminders
from bot.reporting import Digests
from bot.silences import Silences


class Memory(Protocol):
    """The part of the store that the listeners need themselves."""

    def claim_request(self, key: str, now: datetime) -> bool: ...

    def was_requested(self, key: str) -> bool: ...

    def keep_draft(self, draft_id: str, text: str, now: datetime) -> None: ...

    def draft(self, draft_id: str) -> str | None: ...


@dataclass(frozen=True)
class Desk:
    """Handed to every handler."""

    incidents: Incidents
    alerts: Alerts
    silences: Silences
    paging: Paging
    investigations: Investigations
    remediations: Remediations
    post_mortems: PostMortems
    actions: Actions
    reminders: Reminders
    learning: Learning
    digests: Digests
    homes: Homes
    live: Alarms
    replies: Replies
    memory: Memory
    config: Config
    clock: Clock
    bot_user: str
    ops: str
