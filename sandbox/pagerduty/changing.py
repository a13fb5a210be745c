"""The POSTs and PUTs of the REST API. Each needs to know on whose behalf."""

import uuid
from typing import Any

from sandbox.pagerduty.account import Actor, Incident, Json
from sandbox.pagerduty.asked import Asked
from sandbox.pagerduty.errors import Refusal, bad_arguments, invalid_input, not_found

URGENCIES = ("high", "low")
EDITABLE = ("title", "urgency")
RESPONDERS_LEVEL = 1


def create(asked: Asked) -> Json:
    actor, given, duty = asked.requester, asked.wrapped("incident", dict), asked.duty
    title, key = given.get("title"), given.get("incident_key")
    service = duty.account.services.get(_id(given.get("service")))
    if not isinstance(title, str) or not title.strip():
        raise invalid_input("Title cannot be empty")
    if service is None:
        raise bad_arguments("Service not found")
    if given.get("assignments") and given.get("escalation_policy"):
        raise invalid_input("Assignments and escalation policy cannot both be given")
    if key:
        duty.desk.check_key(service.id, str(key))
    policy = _policy(asked, given)
    assignees = _assignees(asked, given) if given.get("assignments") else []
    body = given.get("body") or {}
    made = duty.desk.open(
        service,
        str(key or uuid.uuid4().hex),
        actor,
        title=title,
        urgency=_urgency(given) or "high",
        policy=policy,
        assignees=assignees,
        details=body.get("details") if isinstance(body, dict) else body,
    )
    return {"incident": duty.shapes.incident(made)}


def change(asked: Asked) -> Json:
    actor, incident = asked.requester, asked.incident
    _Change(asked, incident, asked.wrapped("incident", dict), actor).make()
    return {"incident": asked.duty.shapes.incident(incident)}


def change_many(asked: Asked) -> Json:
    """Several at once: none is changed if one of them cannot be."""
    actor, given = asked.requester, asked.wrapped("incidents", list)
    changes = [_Change(asked, asked.duty.account.incident(_id(each)), each, actor) for each in given]
    for each in changes:
        each.make()
    return {
        "incidents": [asked.duty.shapes.incident(each.incident) for each in changes],
        "limit": len(changes),
        "offset": 0,
        "total": None,
        "more": False,
    }


class _Change:
    """What one PUT asks of one incident: read and checked when made, carried out by `make`."""

    def __init__(self, asked: Asked, incident: Incident, given: Json, actor: Actor) -> None:
        self.incident = incident
        self._desk = asked.duty.desk
        self._actor = actor
        self._desk.must_be_open(incident)
        self._status = given.get("status")
        if self._status not in (None, "acknowledged", "resolved"):
            raise Refusal(400, 1003, "Invalid Status Provided")
        self._policy = _policy(asked, given)
        self._level = self._desk.check_level(given["escalation_level"]) if "escalation_level" in given else None
        self._users = _assignees(asked, given) if given.get("assignments") else []
        if self._level is not None or self._policy:
            self._desk.must_have_level(self._policy or incident.policy, self._level or 1)
        _urgency(given)
        self._fields = {name: str(given[name]) for name in EDITABLE if given.get(name)}

    def make(self) -> None:
        desk, incident, actor = self._desk, self.incident, self._actor
        desk.edit(incident, **self._fields)
        if self._policy:
            desk.delegate(incident, self._policy, self._level or 1, actor)
        elif self._level is not None:
            desk.escalate(incident, self._level, actor)
        if self._users:
            desk.reassign(incident, self._users, actor)
        if self._status == "acknowledged":
            desk.acknowledge(incident, actor)
        elif self._status == "resolved":
            desk.resolve(incident, actor)


def request_responders(asked: Asked) -> Json:
    """Asks people, or whoever is on call first for a policy, to join."""
    actor, given, duty, incident = asked.requester, asked.body, asked.duty, asked.incident
    targets = given.get("responder_request_targets") if isinstance(given, dict) else None
    if not targets:
        raise invalid_input("Responder request targets cannot be blank")
    message = str(given.get("message") or "")
    people = [_people(asked, target) for target in targets]
    duty.desk.must_be_open(incident)
    shown = []
    for target, asked_people, policy in people:
        asked_of = [duty.desk.ask(incident, user, message, actor, policy) for user in asked_people]
        shown.append({"responder_request_target": {**target, "incident_responders": asked_of}})
    return {
        "responder_request": {
            "incident": duty.shapes.incident_ref(incident),
            "requester": actor.reference,
            "requested_at": duty.shapes.incident(incident)["updated_at"],
            "message": message,
            "responder_request_targets": shown,
        }
    }


def _people(asked: Asked, wrapped: Any) -> tuple[Json, list[str], str | None]:
    """Who is meant by a target: the target itself, the people, and the policy they were found by."""
    target = wrapped.get("responder_request_target") if isinstance(wrapped, dict) else None
    if not isinstance(target, dict):
        raise invalid_input("Responder request target cannot be blank")
    account, id_ = asked.duty.account, _id(target)
    kind = str(target.get("type", "")).removesuffix("_reference")
    if kind == "user":
        return target, asked.duty.desk.users([id_]), None
    if kind != "escalation_policy" or id_ not in account.policies:
        raise not_found("Responder request target not found")
    return target, account.on_call(account.policies[id_], RESPONDERS_LEVEL), id_


def add_note(asked: Asked) -> Json:
    actor, given = asked.requester, asked.wrapped("note", dict)
    content = given.get("content")
    if not isinstance(content, str) or not content.strip():
        raise invalid_input("Content cannot be empty")
    return {"note": asked.duty.desk.annotate(asked.incident, content, actor)}


def _id(reference: Any) -> str:
    return str(reference.get("id")) if isinstance(reference, dict) else ""


def _policy(asked: Asked, given: Json) -> str | None:
    if not given.get("escalation_policy"):
        return None
    policy = _id(given["escalation_policy"])
    if policy not in asked.duty.account.policies:
        raise Refusal(400, 1014, "Escalation Policy Not Found")
    return policy


def _assignees(asked: Asked, given: Json) -> list[str]:
    assignments = given["assignments"]
    if not isinstance(assignments, list) or not all(isinstance(each, dict) for each in assignments):
        raise invalid_input("Assignments must be an array of assignments")
    return asked.duty.desk.users(_id(each.get("assignee")) for each in assignments)


def _urgency(given: Json) -> str | None:
    urgency = given.get("urgency")
    if urgency not in (None, *URGENCIES):
        raise invalid_input("Urgency must be 'high' or 'low'")
    return urgency
