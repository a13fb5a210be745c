"""What AWS itself says is broken, from AWS Health."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.errors import CloudError
from bot.integrations.aws.evidence import console
from bot.integrations.aws.evidence.asking import HOUR, Answer, Calls, Looking, in_utc, off, partly
from bot.models import HealthNote, Source
from bot.ports import Scope
from bot.resources import Resources

PAGES = 2
PAGE = 100
MAX_NOTES = 10
MAX_EVENTS = 10  # https://docs.aws.amazon.com/health/latest/APIReference/API_DescribeAffectedEntities.html
LOOK_BACK = timedelta(days=7)
NOT_SUBSCRIBED = "SubscriptionRequiredException"
_ACCOUNT = "AWS_ACCOUNT"
Json = Mapping[str, Any]


class Health(Looking):
    """Issues and changes under way in the service's region or everywhere, and those that ended within the hour."""

    source = Source.HEALTH

    def link(self, scope: Scope, region: str) -> str:
        return console.health(region)

    def look(self, scope: Scope, calls: Calls) -> Answer:
        try:
            events = _events(scope, calls)
        except CloudError as error:
            if error.code == NOT_SUBSCRIBED:
                return off("AWS Health needs Business or Enterprise support")
            raise
        said = ""
        entities: dict[str, set[str]] = {}
        if events:
            try:
                entities = _entities([each for each in events if _is_of_account(each)][:MAX_EVENTS], calls)
            except CloudError as error:
                said = partly("affected resources are", error)
        notes = [_note(each, entities.get(str(each["arn"]), set()), scope, calls.region) for each in events]
        first = sorted(notes, key=lambda each: (each.is_ours, each.is_open, each.started_at), reverse=True)[:MAX_NOTES]
        if not first:
            return Answer(why="AWS tells of no trouble here")
        return Answer({"health": tuple(first)}, said)


def _events(scope: Scope, calls: Calls) -> list[Json]:
    """https://docs.aws.amazon.com/health/latest/APIReference/API_DescribeEvents.html"""
    asked: dict[str, Any] = {
        "filter": {
            "regions": [calls.region, "global"],
            "eventTypeCategories": ["issue", "scheduledChange"],
            "eventStatusCodes": ["open", "closed"],
            "startTimes": [{"from": scope.since - LOOK_BACK, "to": scope.until}],
        },
        "maxResults": PAGE,
    }
    events: list[Json] = []
    for _ in range(PAGES):
        with calls.client("health", "DescribeEvents", region=console.health_region(calls.region)) as client:
            page = client.describe_events(**asked)
        events += page.get("events", [])
        if not page.get("nextToken"):
            break
        asked["nextToken"] = page["nextToken"]
    return [each for each in events if _is_open(each) or each.get("endTime", scope.since) >= scope.since - HOUR]


def _entities(events: Sequence[Json], calls: Calls) -> dict[str, set[str]]:
    """The names of what each event affects in this account."""
    if not events:
        return {}
    with calls.client("health", "DescribeAffectedEntities", region=console.health_region(calls.region)) as client:
        page = client.describe_affected_entities(
            filter={"eventArns": [each["arn"] for each in events]}, maxResults=PAGE
        )
    found: dict[str, set[str]] = {}
    for entity in page.get("entities", []):
        found.setdefault(str(entity.get("eventArn", "")), set()).add(str(entity.get("entityValue", "")))
    return found


def _note(event: Json, entities: set[str], scope: Scope, region: str) -> HealthNote:
    arn = str(event["arn"])
    return HealthNote(
        service=str(event.get("service", "")),
        title=_title(str(event.get("eventTypeCode", "")), str(event.get("service", ""))),
        started_at=_started(event, scope),
        is_open=_is_open(event),
        is_ours=_is_ours(event, entities, scope),
        link=console.health(region, arn),
    )


def _is_ours(event: Json, entities: set[str], scope: Scope) -> bool:
    """It names one of the service's resources; or it is about the account and names none at all."""
    named = entities - {_ACCOUNT, "UNKNOWN", ""}
    if not named:
        return _is_of_account(event)
    return not _names(scope.resources, scope.service).isdisjoint(_parts(named))


def _parts(entities: Iterable[str]) -> set[str]:
    """`arn:aws:ecs:…:service/shop/checkout-api` and `shop/checkout-api` name the same."""
    found: set[str] = set()
    for entity in entities:
        found |= {entity, entity.rpartition("loadbalancer/")[2], *re.split(r"[:/]", entity)}
    return found


def _names(at: Resources, service: str) -> set[str]:
    known = {at.cluster, at.ecs_service, at.function, at.auto_scaling_group, at.load_balancer, at.dead_letter_queue,
             at.distribution, at.database, service}  # fmt: skip
    return {name for name in known if name}


def _title(code: str, service: str) -> str:
    """`AWS_ECS_OPERATIONAL_ISSUE` as `ECS operational issue`."""
    words = code.removeprefix("AWS_").removeprefix(f"{service}_").replace("_", " ").lower()
    return f"{service} {words}".strip()


def _started(event: Json, scope: Scope) -> datetime:
    started: datetime = event.get("startTime") or scope.since
    return in_utc(started)


def _is_open(event: Json) -> bool:
    return event.get("statusCode") == "open"


def _is_of_account(event: Json) -> bool:
    return event.get("eventScopeCode") == "ACCOUNT_SPECIFIC"
