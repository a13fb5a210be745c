"""What happens to incidents, and who is told: the rules of an account. Knows nothing of HTTP."""

import uuid
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from sandbox.pagerduty.account import Account, Actor, Entry, Incident, Json, Page, Service, User
from sandbox.pagerduty.errors import Refusal, bad_arguments, invalid_input
from sandbox.pagerduty.shapes import Shapes, time_of
from sandbox.serving.clock import Clock, Timer

Change = Callable[[str, Incident, Actor, Json | None], None]
"""What a change is told to: the event's name, the incident, who did it, and the data if it is not the incident."""

FROM_EVENT = ("details", "severity", "source", "client", "links", "images")


class Desk:
    def __init__(self, account: Account, shapes: Shapes, clock: Clock, changed: Change) -> None:
        self.account = account
        self.shapes = shapes
        self.auto_escalate_after: float | None = None
        self._clock = clock
        self._changed = changed
        self._numbers = count(1)
        self._entries = count(1)
        self._timers: dict[str, Timer] = {}

    # -- opening

    def trigger(self, service: Service, key: str | None, actor: Actor, **what: Any) -> Incident:
        """An event: the open incident with that key takes it in, otherwise it opens one."""
        known = self.account.open_with(service.id, key) if key else None
        if known is None:
            return self.open(service, key or uuid.uuid4().hex, actor, **what)
        for name in FROM_EVENT:
            setattr(known, name, what[name])
        self._write(known, "trigger_log_entry", actor, "Triggered again")
        return known

    def open(self, service: Service, key: str, actor: Actor, *, title: str, **what: Any) -> Incident:
        now, number = self._clock.now(), next(self._numbers)
        policy, assignees = what.pop("policy", None) or service.policy, what.pop("assignees", [])
        incident = Incident(f"Q{number:013d}", number, key, title, service.id, policy, now, **what)
        incident.changed, incident.changed_by = now, actor
        self.account.incidents[incident.id] = incident
        self._write(incident, "trigger_log_entry", actor, f"Triggered by {actor.reference['summary']}")
        if assignees:
            self._assign_people(incident, assignees, actor)
        else:
            first = self._first_level(policy)
            self._assign_level(incident, first, actor, f"level {first}")
        self._changed("triggered", incident, actor, None)
        return incident

    # -- changing

    def acknowledge(self, incident: Incident, actor: Actor) -> None:
        """A person who acknowledges takes the incident over; an event leaves it with whom it is."""
        self.must_be_open(incident)
        if any(known.reference["id"] == actor.reference["id"] for known, _ in incident.acknowledged):
            return
        now = self._clock.now()
        self._status(incident, "acknowledged", actor)
        incident.acknowledged.append((actor, now))
        if actor.user:
            incident.assigned = {actor.user.id: incident.assigned.get(actor.user.id, now)}
        self._stop_escalation(incident)
        self._write(incident, "acknowledge_log_entry", actor, f"Acknowledged by {actor.reference['summary']}")
        self._changed("acknowledged", incident, actor, None)

    def resolve(self, incident: Incident, actor: Actor) -> None:
        self.must_be_open(incident)
        self._status(incident, "resolved", actor)
        incident.resolved = incident.changed
        incident.assigned, incident.acknowledged = {}, []
        self._stop_escalation(incident)
        self._write(incident, "resolve_log_entry", actor, f"Resolved by {actor.reference['summary']}")
        self._changed("resolved", incident, actor, None)

    def escalate(self, incident: Incident, level: int, actor: Actor) -> None:
        """To whoever is on call at that level. The incident is triggered again, whoever had acknowledged it."""
        self.must_be_open(incident)
        self.must_have_level(incident.policy, level)
        self._reopen(incident, actor)
        self._write(incident, "escalate_log_entry", actor, f"Escalated to level {level}")
        self._assign_level(incident, level, actor, f"escalated to level {level}")
        self._changed("escalated", incident, actor, None)

    def escalate_further(self, incident: Incident, actor: Actor) -> None:
        """To the next level that somebody is on call for."""
        self.escalate(incident, self._first_level(incident.policy, incident.level), actor)

    def delegate(self, incident: Incident, policy: str, level: int, actor: Actor) -> None:
        """To another policy."""
        self.must_be_open(incident)
        if policy not in self.account.policies:
            raise Refusal(400, 1014, "Escalation Policy Not Found")
        self.must_have_level(policy, level)
        incident.policy = policy
        name = self.account.policies[policy].name
        self._reopen(incident, actor)
        self._write(incident, "delegate_log_entry", actor, f"Delegated to {name}")
        self._assign_level(incident, level, actor, f"level {level} of {name}")
        self._changed("delegated", incident, actor, None)

    def reassign(self, incident: Incident, users: list[str], actor: Actor) -> None:
        self.must_be_open(incident)
        self._reopen(incident, actor)
        self._assign_people(incident, users, actor)
        self._changed("reassigned", incident, actor, None)

    def edit(self, incident: Incident, **fields: str) -> None:
        self.must_be_open(incident)
        for name, value in fields.items():
            setattr(incident, name, value)

    def annotate(self, incident: Incident, content: str, actor: Actor) -> Json:
        made = {"id": self._entry_id(), "content": content, "created_at": time_of(self._clock.now())}
        note = made | {"user": actor.reference, "channel": {"summary": "The PagerDuty website or APIs"}}
        incident.notes.append(note)
        self._write(incident, "annotate_log_entry", actor, f"Note: {content}", channel={"summary": content})
        data = {"incident": self.shapes.incident_ref(incident), "id": note["id"], "content": content}
        self._changed("annotated", incident, actor, {**data, "trimmed": False, "type": "incident_note"})
        return note

    def ask(self, incident: Incident, user: str, message: str, actor: Actor, policy: str | None = None) -> Json:
        """Asks somebody to join: told at once, whatever the policy says."""
        self.must_be_open(incident)
        asked = {
            "state": "pending",
            "user": self.shapes.user_ref(user),
            "incident": self.shapes.incident_ref(incident),
            "updated_at": time_of(self._clock.now()),
            "message": message,
            "requester": actor.reference,
        }
        incident.responders.append(asked)
        name = self.account.users[user].name
        self._write(incident, "responder_invite_log_entry", actor, f"Asked {name} to join", message=message)
        self._page(incident, user, "asked to join", actor)
        data = {"incident": asked["incident"], "user": asked["user"], "message": message, "state": "pending"}
        through = {"escalation_policy": self.shapes.policy_ref(policy) if policy else None}
        self._changed("responder.added", incident, actor, {**data, **through, "type": "incident_responder"})
        return asked

    # -- checks that the callers make before they change several things

    def users(self, users: Iterable[Any]) -> list[str]:
        found = [str(u) for u in users]
        if not found or any(u not in self.account.users for u in found):
            raise Refusal(400, 1007, "Assigned To User Not Found")
        return found

    def check_key(self, service: str, key: str) -> None:
        if self.account.open_with(service, key):
            raise bad_arguments("Open incident with matching dedup key already exists on this service")

    def check_level(self, level: Any) -> int:
        if not isinstance(level, int) or isinstance(level, bool) or level < 1:
            raise invalid_input("Escalation level must be a positive number")
        return level

    def must_be_open(self, incident: Incident) -> None:
        if not incident.is_open:
            raise Refusal(400, 1001, "Incident Already Resolved")

    def must_have_level(self, policy: str, level: int) -> None:
        if level > len(self.account.policies[policy].levels):
            raise Refusal(400, 1006, "Cannot Escalate", "The escalation policy has no such level")
        if not self.account.on_call(self.account.policies[policy], level):
            raise Refusal(400, 1015, "Escalation Policy Has No User On Call")

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # -- inside

    def _first_level(self, policy: str, above: int = 0) -> int:
        """The first level that somebody is on call for; a new incident starts at 1 if nobody is at all."""
        known = self.account.policies[policy]
        levels = range(above + 1, len(known.levels) + 1)
        return next((level for level in levels if self.account.on_call(known, level)), above + 1)

    def _status(self, incident: Incident, status: str, actor: Actor) -> None:
        incident.status, incident.changed, incident.changed_by = status, self._clock.now(), actor

    def _reopen(self, incident: Incident, actor: Actor) -> None:
        incident.acknowledged = []
        if incident.status != "triggered":
            self._status(incident, "triggered", actor)

    def _assign_level(self, incident: Incident, level: int, actor: Actor, reason: str) -> None:
        people = self.account.on_call(self.account.policies[incident.policy], level)
        incident.level, incident.direct = level, False
        self._assign(incident, people, actor, reason)
        self._plan_escalation(incident)

    def _assign_people(self, incident: Incident, users: list[str], actor: Actor) -> None:
        """By name. Who takes an incident for themselves knows already: it is acknowledged and pages nobody."""
        incident.direct = True
        self._stop_escalation(incident)
        own = actor.user is not None and users == [actor.user.id] and not incident.assigned
        self._assign(incident, users, actor, None if own else "direct")
        if own:
            self._status(incident, "acknowledged", actor)
            incident.acknowledged = [(actor, incident.changed)]

    def _assign(self, incident: Incident, users: list[str], actor: Actor, reason: str | None) -> None:
        now = self._clock.now()
        incident.assigned = dict.fromkeys(users, now)
        names = ", ".join(self.account.users[u].name for u in users) or "nobody"
        assignees = [self.shapes.user_ref(u) for u in users]
        self._write(incident, "assign_log_entry", actor, f"Assigned to {names}", assignees=assignees)
        for user in users if reason else ():
            self._page(incident, user, str(reason), actor)

    def _page(self, incident: Incident, user: str, reason: str, actor: Actor) -> None:
        incident.pages.append(Page(self._clock.now(), user, reason, incident.urgency))
        told = {"user": self.shapes.user_ref(user), "channel": {"notification": {"type": "push", "status": "success"}}}
        name = self.account.users[user].name
        self._write(incident, "notify_log_entry", actor, f"Paged {name} ({reason})", **told)

    def _write(self, incident: Incident, kind: str, actor: Actor, summary: str, **more: Any) -> None:
        incident.log.append(Entry(self._entry_id(), kind, self._clock.now(), summary, actor, more))

    def _entry_id(self) -> str:
        return f"R{next(self._entries):013d}"

    def _plan_escalation(self, incident: Incident) -> None:
        self._stop_escalation(incident)
        if self.auto_escalate_after is not None and incident.urgency != "low":
            wait = self.auto_escalate_after
            self._timers[incident.id] = self._clock.call_later(wait, lambda: self._unanswered(incident))

    def _unanswered(self, incident: Incident) -> None:
        """Nobody acknowledged in time. After the last level there is nobody left to tell."""
        level = self._first_level(incident.policy, incident.level)
        if self.account.on_call(self.account.policies[incident.policy], level):
            self.escalate(incident, level, Actor(self.shapes.service_ref(incident.service), "timeout"))

    def _stop_escalation(self, incident: Incident) -> None:
        if timer := self._timers.pop(incident.id, None):
            timer.cancel()


def by_user(shapes: Shapes, user: User, channel: str = "api", client: Json | None = None) -> Actor:
    return Actor(shapes.user_ref(user.id), channel, client, user)
