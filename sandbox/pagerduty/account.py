"""The account as data: people, schedules, policies, services, incidents and what was paged. Decides nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.pagerduty.errors import not_found

Json = dict[str, Any]

OPEN = ("triggered", "acknowledged")


@dataclass(slots=True)
class User:
    id: str
    name: str
    email: str
    job_title: str = ""
    time_zone: str = "Etc/UTC"
    color: str = "green"


@dataclass(slots=True)
class Schedule:
    id: str
    name: str
    user: str | None
    """Who has the shift; None: nobody, a gap in the rota."""


@dataclass(slots=True)
class Level:
    """One step of a policy: a schedule, or somebody in person."""

    schedule: str | None = None
    user: str | None = None


@dataclass(slots=True)
class Policy:
    id: str
    name: str
    levels: list[Level]


@dataclass(slots=True)
class Service:
    id: str
    name: str
    description: str
    policy: str
    key: str
    by_severity: bool = False
    """Whether the severity of an event decides the urgency; otherwise everything is high."""

    @property
    def integration(self) -> str:
        return f"{self.id[:5]}IN"


@dataclass(slots=True)
class Actor:
    """Who did something: the reference PagerDuty shows, and by which way it came."""

    reference: Json
    channel: str
    client: Json | None = None
    user: User | None = None


@dataclass(slots=True)
class Page:
    """Somebody was told."""

    at: float
    user: str
    reason: str
    urgency: str


@dataclass(slots=True)
class Entry:
    """One line of an incident's log."""

    id: str
    type: str
    at: float
    summary: str
    actor: Actor
    more: Json = field(default_factory=dict)


@dataclass(slots=True)
class Incident:
    id: str
    number: int
    key: str
    title: str
    service: str
    policy: str
    created: float
    urgency: str = "high"
    status: str = "triggered"
    level: int = 1
    severity: str | None = None
    source: str | None = None
    details: Any = None
    """What the newest event says in `custom_details`, or the body of an incident that was made by hand."""
    client: Json | None = None
    links: list[Json] = field(default_factory=list)
    images: list[Json] = field(default_factory=list)
    changed: float = 0.0
    changed_by: Actor | None = None
    resolved: float | None = None
    direct: bool = False
    """Assigned to people by name instead of by the policy."""
    assigned: dict[str, float] = field(default_factory=dict)
    acknowledged: list[tuple[Actor, float]] = field(default_factory=list)
    responders: list[Json] = field(default_factory=list)
    notes: list[Json] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class Account:
    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.schedules: dict[str, Schedule] = {}
        self.policies: dict[str, Policy] = {}
        self.services: dict[str, Service] = {}
        self.incidents: dict[str, Incident] = {}

    def user(self, user: str) -> User:
        if user not in self.users:
            raise not_found("User Not Found")
        return self.users[user]

    def user_by_email(self, email: str) -> User | None:
        return next((u for u in self.users.values() if u.email == email.strip().lower()), None)

    def service_of(self, routing_key: str) -> Service | None:
        return next((s for s in self.services.values() if s.key == routing_key), None)

    def incident(self, incident: str) -> Incident:
        if incident not in self.incidents:
            raise not_found()
        return self.incidents[incident]

    def open_with(self, service: str, key: str) -> Incident | None:
        """The open incident that a key stands for; a resolved one has given its key away."""
        return next((i for i in self.incidents.values() if i.is_open and (i.service, i.key) == (service, key)), None)

    def on_call(self, policy: Policy, level: int) -> list[str]:
        if not 1 <= level <= len(policy.levels):
            return []
        step = policy.levels[level - 1]
        found = self.schedules[step.schedule].user if step.schedule else step.user
        return [found] if found else []

    def entries(self) -> Iterator[tuple[Incident, Entry]]:
        return ((incident, entry) for incident in self.incidents.values() for entry in incident.log)
