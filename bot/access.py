"""Who may do what: pure decisions with their reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from bot.config import Permissions
from bot.models import Incident, Person, PersonKind


class Right(StrEnum):
    """What the permissions of the config file grant. Reading is granted to every full member."""

    READ = "read"
    DECLARE = "declare"
    RESPOND = "respond"
    COMMAND = "command"
    REMEDIATE = "remediate"


class Decision(NamedTuple):
    """Allowed or not, and why, in words for the person."""

    allowed: bool
    reason: str


_REFUSED_KINDS = {
    PersonKind.GUEST: "Guests can't work on incidents here. Ask a full member of this workspace.",
    PersonKind.STRANGER: "Only members of this workspace can work on its incidents.",
    PersonKind.BOT: "Apps can't work on incidents.",
    PersonKind.GONE: "This account is deactivated.",
}
_VERBS = {
    Right.DECLARE: "declare incidents",
    Right.RESPOND: "respond to incidents",
    Right.COMMAND: "command this incident",
    Right.REMEDIATE: "change AWS",
}


def decide(
    person: Person, right: Right, permissions: Permissions, incident: Incident | None = None, *, doing: str = ""
) -> Decision:
    """May this person use this right (on this incident)? `doing`: what they want, where the right says it too widely.

    A person whom Slack could not be asked about (`unknown`) counts as a member: at 3 a.m. a failing users.info must
    not lock the on-call engineer out. But nobody changes AWS whom Slack does not vouch for.
    """
    if person.kind in _REFUSED_KINDS:
        return Decision(False, _REFUSED_KINDS[person.kind])
    if right is Right.READ:
        return Decision(True, "members may read")
    if right is Right.REMEDIATE and person.kind is PersonKind.UNKNOWN:
        return Decision(False, "Slack can't tell who you are right now, so you can't change AWS from here. Try again.")
    grants: tuple[str, ...] = getattr(permissions, right.value)
    for grant in grants:
        if _applies(grant, person, incident):
            return Decision(True, f"granted to {grant}")
    return Decision(False, f"You can't {doing or _VERBS[right]}: config.yml grants it to {_named(grants)}.")


def _named(grants: tuple[str, ...]) -> str:
    """The grants for people: ids mean nothing to them."""
    words = {"U": "named people", "W": "named people", "S": "a user group"}
    named = list(dict.fromkeys(words.get(grant[0], f"the {grant}") for grant in grants))
    return " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))


def _applies(grant: str, person: Person, incident: Incident | None) -> bool:
    if grant == "everyone":
        return True
    if grant == "commander":
        return incident is not None and incident.commander == person.id
    if grant == "responders":
        return incident is not None and person.id in (*incident.responders, incident.commander)
    return grant == person.id or grant in person.groups
