"""Authorising: who asks is looked up, what they ask is decided by `bot.access`."""

from __future__ import annotations

from typing import NamedTuple

from bot.access import Right, decide
from bot.config import Config
from bot.errors import InvalidInput, NotAllowed
from bot.models import Incident, Person
from bot.ports import Directory


class Caller(NamedTuple):
    """Who asks, as Slack says it."""

    user_id: str
    team_id: str | None = None


class Rights:
    """What the config file's permissions grant, asked for a caller. Raises NotAllowed."""

    def __init__(self, directory: Directory, config: Config) -> None:
        self._directory = directory
        self._permissions = config.permissions

    def need(self, caller: Caller, right: Right, incident: Incident | None = None, *, doing: str = "") -> Person:
        """The person, if they have the right (on this incident). `doing`: what they want it for, said in a refusal."""
        person = self.person(caller)
        self.check(person, right, incident, doing=doing)
        return person

    def check(self, person: Person, right: Right, incident: Incident | None = None, *, doing: str = "") -> None:
        decision = decide(person, right, self._permissions, incident, doing=doing)
        if not decision.allowed:
            raise NotAllowed(decision.reason)

    def person(self, caller: Caller) -> Person:
        return self._directory.person(caller.user_id, caller.team_id)

    def of(self, caller: Caller, incident: Incident | None) -> set[Right]:
        """All that this person may do (with this incident)."""
        person = self.person(caller)
        return {right for right in Right if decide(person, right, self._permissions, incident).allowed}

    def need_commander(self, user_id: str) -> None:
        """Command can only be given to somebody who could take it; raises InvalidInput."""
        decision = decide(self._directory.person(user_id, None), Right.READ, self._permissions)
        if not decision.allowed:
            raise InvalidInput("commander", f"That person can't take command. {decision.reason}")

    def need_callable(self, user_id: str) -> None:
        """A page tells what is wrong and where, so it goes to nobody who may not read that; raises InvalidInput."""
        decision = decide(self._directory.person(user_id, None), Right.READ, self._permissions)
        if not decision.allowed:
            raise InvalidInput("person", f"That person can't be paged. {decision.reason}")

    def need_owner(self, user_id: str) -> None:
        """Something that is to be done can only be given to somebody who could do it; raises InvalidInput."""
        decision = decide(self._directory.person(user_id, None), Right.READ, self._permissions)
        if not decision.allowed:
            raise InvalidInput("owner", f"That person can't own this. {decision.reason}")
