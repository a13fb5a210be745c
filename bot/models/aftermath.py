"""What comes after an incident: its post-mortem, and the action items. Values only."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from bot.errors import InvalidInput
from bot.models.basics import Severity, Stored


class PostMortemStatus(StrEnum):
    """Where a post-mortem stands. The last two are ends."""

    DRAFT = "draft"
    IN_REVIEW = "in review"
    FILED = "filed"
    WAIVED = "waived"

    @property
    def is_open(self) -> bool:
        return self in (PostMortemStatus.DRAFT, PostMortemStatus.IN_REVIEW)


class SectionName(StrEnum):
    """The sections that people write. The values are the template's placeholders."""

    SUMMARY = "summary"
    IMPACT = "impact"
    TIMELINE = "timeline"
    ROOT_CAUSE = "root_cause"
    FACTORS = "contributing_factors"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()

    @classmethod
    def parse(cls, text: str) -> SectionName:
        """Read a section by its name or first letters; raises InvalidInput that names them."""
        asked = text.strip().lower().replace(" ", "_").replace("-", "_")
        found = [name for name in cls if asked and name.startswith(asked)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(name.label.lower() for name in cls)
        raise InvalidInput("section", f"I don't know the section “{text.strip()[:40]}”. There are: {names}.")


class Section(Stored):
    """What somebody wrote: in place of what the draft says, or (`is_added`) ahead of it. `version` counts its edits."""

    name: SectionName
    text: str
    is_added: bool = False
    by: str
    at: datetime
    version: int = 1


class PostMortem(Stored):
    """The post-mortem of one incident. Times are aware datetimes in UTC; people are Slack user ids.

    due_at       None while its incident is open again
    sections     those that somebody wrote; the others are drafted from what is known
    ended_at     when it was filed or waived, and by whom; `reason` why it was waived
    url          where it was filed: the pull request, or elsewhere; `is_declined`: that was closed without merging
    given_by     who gave it to its owner, where somebody else did
    reminded_at  when its owner was last reminded; None: not since it is theirs
    version      the store's: it guards every write (0: not stored yet)
    """

    incident: int
    service: str
    severity: Severity
    status: PostMortemStatus = PostMortemStatus.DRAFT
    owner: str | None
    given_by: str | None = None
    begun_at: datetime
    begun_by: str | None = None
    due_at: datetime | None
    sections: tuple[Section, ...] = ()
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    reason: str = ""
    url: str = ""
    is_elsewhere: bool = False
    is_declined: bool = False
    reminded_at: datetime | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"PM-{self.incident}"

    @property
    def is_open(self) -> bool:
        return self.status.is_open

    @property
    def about(self) -> str:
        return f"INC-{self.incident}"

    def section(self, name: SectionName) -> Section | None:
        return next((one for one in self.sections if one.name is name), None)

    def with_section(self, section: Section) -> tuple[Section, ...]:
        return (*(one for one in self.sections if one.name is not section.name), section)

    def is_overdue(self, now: datetime) -> bool:
        return self.is_open and self.due_at is not None and self.due_at <= now

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)


class ActionItem(Stored):
    """Something to be done so that it does not happen again, AI-<number>.

    due            the day, as calendars show it to its owner
    source         permalink of the message it was made from
    given_by       who gave it to its owner, where somebody else did
    ticket, url    its issue at the tracker; `is_ticket_open` as it was last seen or left there
    """

    number: int
    incident: int
    title: str
    owner: str
    given_by: str | None = None
    due: date
    priority: int = 2
    created_by: str
    created_at: datetime
    source: str = ""
    ticket: int | None = None
    url: str = ""
    is_ticket_open: bool = True
    is_open: bool = True
    closed_by: str | None = None
    closed_at: datetime | None = None
    via: str = ""
    reminded_at: datetime | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"AI-{self.number}"

    @property
    def about(self) -> str:
        return f"INC-{self.incident}"

    def is_overdue(self, today: date) -> bool:
        return self.is_open and self.due < today

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)
