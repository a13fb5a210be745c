"""Severities, people and messages."""

from __future__ import annotations

import re
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from bot.errors import InvalidInput

MAX_TEXT = 3000  # characters of a free text: what one Slack input takes
MAX_SERVICE = 80


class Value(BaseModel):
    """Frozen; an unknown field is a mistake of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stored(Value):
    """Kept in the store: rows of a newer or older version stay readable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MessageRef(NamedTuple):
    """A message in Slack: channel id and timestamp, which together name it."""

    channel_id: str
    ts: str


class Said(NamedTuple):
    """What somebody said: text, author, and the thread it stands in."""

    text: str
    user: str | None
    thread_ts: str | None


class Message(NamedTuple):
    """What a message says: `text` for notifications and screen readers, `blocks` (Block Kit) for the eye.

    `plainer` are the blocks for where Slack refuses the others; without them the text goes alone.
    """

    text: str
    blocks: list[dict[str, Any]]
    plainer: list[dict[str, Any]] | None = None


class Severity(IntEnum):
    """How bad: 1 is worst. The numbers and names are the first document's table."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4

    @property
    def label(self) -> str:
        return f"SEV-{self.value}"

    @property
    def word(self) -> str:
        return {1: "Critical", 2: "High", 3: "Medium", 4: "Low"}[self.value]

    @property
    def needs_post_mortem(self) -> bool:
        return self <= Severity.SEV2

    @classmethod
    def parse(cls, text: str) -> Severity:
        """Read `sev1`, `SEV-1`, `1` or `critical`; raises InvalidInput that names the four."""
        found = re.fullmatch(r"(?:sev[-_ ]?)?([1-4])", text.strip().lower())
        if found:
            return cls(int(found[1]))
        for severity in cls:
            if text.strip().lower() == severity.word.lower():
                return severity
        raise InvalidInput(
            "severity",
            f"I don't know severity “{text.strip()[:40]}”. Use sev1 (critical), sev2 (high), sev3 (medium) "
            "or sev4 (low).",
        )


class PersonKind(StrEnum):
    """What Slack says a user is; `unknown` when Slack could not be asked."""

    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"
    BOT = "bot"
    GONE = "gone"
    UNKNOWN = "unknown"


class Person(Value):
    """Somebody who acts. `groups` are the ids of the user groups that the permissions name and they belong to."""

    id: str
    kind: PersonKind = PersonKind.MEMBER
    groups: frozenset[str] = frozenset()


class Role(StrEnum):
    """In which role somebody is called."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    TEAM_LEAD = "team lead"
    MANAGER = "engineering manager"
    COMMANDER = "incident commander"
    ASKED = "asked for by name"


class Means(StrEnum):
    """What somebody is called by."""

    PAGERDUTY = "PagerDuty"
    MESSAGE = "direct message"


def by_means(means: Means, why_not: str) -> str:
    """What follows “by”: `direct message, not by PagerDuty: it has no user with their e-mail address`."""
    return f"{means.value}, not by {Means.PAGERDUTY.value}: {why_not}" if why_not else means.value


class Duty(Value):
    """Somebody who can be called. `user_id` is their Slack id, where it is known; `email` finds them in PagerDuty.

    `until` is the end of their shift, where the roster tells it.
    """

    role: Role
    name: str
    user_id: str | None = None
    email: str | None = None
    until: datetime | None = None


class Page(Value):
    """What a page says. `key` is the dedup key, `source` where it comes from (account and region). The summary need not
    repeat severity and service.

    asked_at  when the call was asked for: it stays the same through all tries, and tells one call from the next
    is_anew   somebody wants them now: they are called though they were called before
    """

    key: str
    summary: str
    severity: Severity
    service: str
    source: str
    asked_at: datetime
    is_anew: bool = False
    link: str | None = None
    details: dict[str, str] = Field(default_factory=dict)
