"""Every error this project raises on purpose.

BotError
├── UserError            the person who asked can mend it; the text is shown to them as it stands
│   ├── InvalidInput     one field is wrong: which, and what would be right
│   │   ├── Overtaken    it was right when the form opened
│   │   └── StillFiring  alarms fire on: it needs a reason
│   ├── UnknownIncident  there is no such incident
│   ├── UnknownAlert     there is no such alert
│   ├── NotAllowed       this person may not do this
│   └── Refused          the incident's state does not allow it (any more)
├── SettingsError        the environment or the config file is wrong; the process must not start
├── StoreError           the database did not take it: nothing was changed
│   ├── StoreBusy        somebody else holds the lock; trying again is right
│   ├── VersionConflict  the row changed since it was read; load it again and decide again
│   └── SchemaTooNew     the file was written by a newer version of the bot
└── DeliveryError        another service did not do it; says whether to retry and whether it may have
    ├── ChatError        Slack, or a server like it
    ├── PagerError       PagerDuty
    ├── CloudError       AWS
    └── TrackerError     GitHub
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any


class BotError(Exception):
    """Root of all errors raised on purpose."""


class UserError(BotError):
    """Shown to the person who asked, word for word. `who` is the user id of whoever is behind it, if anybody."""

    def __init__(self, message: str, *, who: str | None = None) -> None:
        super().__init__(message)
        self.who = who


class InvalidInput(UserError):
    """A value breaks its field's rule.

    `field` is the name the person knows (`service`, `impact`, …); a modal shows the text below that input.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Overtaken(InvalidInput):
    """Somebody changed the very thing while this person was choosing; trying again overrules them knowingly."""


class StillFiring(InvalidInput):
    """Alarms of the incident still fire: resolving it by hand needs a reason. `alerts` are those that fire."""

    def __init__(self, message: str, alerts: Sequence[Any]) -> None:
        super().__init__("resolution", message)
        self.alerts = alerts


class UnknownIncident(UserError):
    """No incident has this number."""


class UnknownAlert(UserError):
    """No alert has this number."""


class UnknownInvestigation(UserError):
    """No investigation has this number."""


class UnknownPostMortem(UserError):
    """This incident has no post-mortem."""


class UnknownActionItem(UserError):
    """No action item has this number."""


class UnknownRemediation(UserError):
    """No remediation has this number."""


class NotAllowed(UserError):
    """The access rules refuse this person this action."""


class Refused(UserError):
    """Legal for this person, but not in the incident's present state."""


class Instead(Refused):
    """`runbook` does the same, and may be begun."""

    def __init__(self, message: str, runbook: str) -> None:
        super().__init__(message)
        self.runbook = runbook


class SettingsError(BotError):
    """A setting is missing or wrong: names the key, the place and the mend."""


class StoreError(BotError):
    """The store did not take the change; nothing was written."""


class StoreBusy(StoreError):
    """The database is locked by another process for longer than the bot waits."""


class VersionConflict(StoreError):
    """The row has another version than the one the decision was made on."""


class SchemaTooNew(StoreError):
    """The database has migrations that this version does not know."""


class Outcome(StrEnum):
    """What a failed call may have done on the other side."""

    NOT_DONE = "not done"
    UNKNOWN = "unknown"


class DeliveryError(BotError):
    """A call to another service failed.

    `code` is the service's own error code (`ratelimited`, `AccessDenied`) or ours for transport faults (`connection`,
    `timeout`, `http_500`). `retry_after` is in seconds. `detail` names what is missing, such as a scope.
    """

    def __init__(
        self,
        code: str,
        *,
        retryable: bool = False,
        outcome: Outcome = Outcome.NOT_DONE,
        retry_after: float | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.retryable = retryable
        self.outcome = outcome
        self.retry_after = retry_after
        self.detail = detail


class ChatError(DeliveryError):
    """Slack did not do it."""


class PagerError(DeliveryError):
    """PagerDuty did not do it."""


class CloudError(DeliveryError):
    """AWS did not do it. `detail` names the action that is not permitted, where that is why."""


class TrackerError(DeliveryError):
    """GitHub did not do it. `detail` is for people, on cards: what is the matter and how to mend it."""

    def __str__(self) -> str:
        return self.detail or self.code
