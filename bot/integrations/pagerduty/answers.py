"""What the REST API answers, as far as the bot reads it (developer.pagerduty.com/api-reference)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Reference(_Answer):
    """Something by its id: a user, a service, an integration. `summary` is its name."""

    id: str
    type: str = ""
    summary: str | None = None

    @property
    def is_user(self) -> bool:
        return self.type in ("user", "user_reference")


class User(_Answer):
    id: str
    name: str = ""
    email: str = ""


class Assignment(_Answer):
    assignee: Reference
    at: datetime | None = None


class Acknowledgement(_Answer):
    at: datetime
    acknowledger: Reference


class Responder(_Answer):
    """Somebody who was asked to join: `state` is pending, joined or declined."""

    user: Reference
    state: str = "pending"
    message: str | None = None
    requested_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def asked_at(self) -> datetime | None:
        return self.requested_at or self.updated_at


class Incident(_Answer):
    """`incident_key` may be missing: an incident with alerts is found by their key, and does not always repeat it."""

    id: str
    status: str
    created_at: datetime
    incident_number: int = 0
    incident_key: str | None = None
    html_url: str | None = None
    service: Reference | None = None
    escalation_policy: Reference | None = None
    assignments: list[Assignment] = Field(default_factory=list)
    acknowledgements: list[Acknowledgement] = Field(default_factory=list)
    incidents_responders: list[Responder] = Field(default_factory=list)
    last_status_change_at: datetime | None = None
    last_status_change_by: Reference | None = None

    @property
    def is_open(self) -> bool:
        return self.status != "resolved"

    @property
    def assignees(self) -> frozenset[str]:
        return frozenset(each.assignee.id for each in self.assignments)

    def requests_to(self, user: str) -> list[Responder]:
        """Those that asked this person to join."""
        return [each for each in self.incidents_responders if each.user.id == user]

    def assigned_at(self, users: Collection[str]) -> datetime | None:
        """Since when the first of these people has it; its beginning where PagerDuty does not say."""
        return min((each.at or self.created_at for each in self.assignments if each.assignee.id in users), default=None)

    @property
    def changed(self) -> tuple[Reference | None, datetime]:
        """Who brought it into this status, and when: for an acknowledgement the first of them."""
        first = min(self.acknowledgements, key=lambda each: each.at, default=None)
        if self.status == "acknowledged" and first:
            return first.acknowledger, first.at
        return self.last_status_change_by, self.last_status_change_at or self.created_at


class Policy(_Answer):
    """An escalation policy."""

    id: str
    name: str


class PersonOnCall(_Answer):
    """A whole user with `include[]=users`, else a reference, whose name stands in `summary`."""

    id: str
    name: str = ""
    summary: str | None = None
    email: str | None = None


class OnCallEntry(_Answer):
    """Who is on call at one level of a policy; `end` is None for who always is."""

    escalation_level: int
    end: datetime | None = None
    escalation_policy: Reference
    user: PersonOnCall
