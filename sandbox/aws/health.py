"""AWS Health: the events that were put here, as its API tells of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, BaseResponse

from sandbox.aws.clock import CLOCK, utc

Json = dict[str, Any]
PAGE = 100
SHOWN = ("arn", "service", "eventTypeCode", "eventTypeCategory", "region", "statusCode", "eventScopeCode")
STATUSES = {"open": "IMPAIRED", "closed": "UNIMPAIRED", "upcoming": "PENDING"}


class Health:
    """`put` takes the detail of an "AWS Health Event"; the same ARN again changes what is known."""

    def __init__(self) -> None:
        self.events: dict[str, Json] = {}

    def put(self, detail: Json) -> None:
        at = _moment(detail.get("startTime"))
        old = self.events.get(detail["eventArn"])
        status = detail.get("statusCode", "open")
        self.events[detail["eventArn"]] = {
            "arn": detail["eventArn"],
            "service": detail["service"],
            "eventTypeCode": detail["eventTypeCode"],
            "eventTypeCategory": detail.get("eventTypeCategory", "issue"),
            "region": detail.get("eventRegion", "us-east-1"),
            "availabilityZone": detail.get("availabilityZone"),
            "startTime": old["startTime"] if old else at,
            "endTime": utc(CLOCK.now()) if status == "closed" else None,
            "lastUpdatedTime": utc(CLOCK.now()),
            "statusCode": status,
            "eventScopeCode": detail.get("eventScopeCode", "ACCOUNT_SPECIFIC"),
            "description": (detail.get("eventDescription") or [{"latestDescription": ""}])[0]["latestDescription"],
            "entities": [e["entityValue"] for e in detail.get("affectedEntities") or []],
            "account": detail.get("affectedAccount", "123456789012"),
        }

    def clear(self) -> None:
        self.events.clear()

    def find(self, wanted: Json) -> list[Json]:
        """The newest first."""
        found = [e for e in self.events.values() if _fits(e, wanted)]
        return sorted(found, key=lambda e: (e["lastUpdatedTime"], e["arn"]), reverse=True)


HEALTH = Health()


def _moment(given: Any) -> datetime:
    if isinstance(given, str):
        return datetime.fromisoformat(given.replace("Z", "+00:00"))
    return utc(CLOCK.now())


def _fits(event: Json, wanted: Json) -> bool:
    plain = {
        "eventArns": "arn",
        "eventTypeCodes": "eventTypeCode",
        "services": "service",
        "regions": "region",
        "availabilityZones": "availabilityZone",
        "eventTypeCategories": "eventTypeCategory",
        "eventStatusCodes": "statusCode",
    }
    times = {"startTimes": "startTime", "endTimes": "endTime", "lastUpdatedTimes": "lastUpdatedTime"}
    return (
        all(not wanted.get(theirs) or event[ours] in wanted[theirs] for theirs, ours in plain.items())
        and all(not wanted.get(theirs) or _within(event[ours], wanted[theirs]) for theirs, ours in times.items())
        and (not wanted.get("entityValues") or bool(set(event["entities"]) & set(wanted["entityValues"])))
        and (not wanted.get("entityArns") or any(_names(event, arn) for arn in wanted["entityArns"]))
    )


def _names(event: Json, arn: str) -> bool:
    return any(arn.rsplit(":", 1)[-1] == entity for entity in event["entities"])


def _within(at: datetime | None, ranges: Iterable[Json]) -> bool:
    return at is not None and any(
        ("from" not in r or _aware(r["from"]) <= at) and ("to" not in r or at <= _aware(r["to"])) for r in ranges
    )


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class HealthResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="health")
        self.automated_parameter_parsing = True

    def describe_events(self) -> ActionResult:
        given = self._get_params()
        page, token = _page([_shown(e) for e in HEALTH.find(given.get("filter") or {})], given)
        return ActionResult({"events": page, **token})

    def describe_event_details(self) -> ActionResult:
        good, bad = [], []
        for arn in self._get_params()["eventArns"]:
            if event := HEALTH.events.get(arn):
                good.append({"event": _shown(event), "eventDescription": {"latestDescription": event["description"]}})
            else:
                bad.append(
                    {"eventArn": arn, "errorName": "InvalidEventArn", "errorMessage": "The event was not found."}
                )
        return ActionResult({"successfulSet": good, "failedSet": bad})

    def describe_affected_entities(self) -> ActionResult:
        given = self._get_params()
        found = [e for e in _entities(given["filter"])]
        page, token = _page(found, given)
        return ActionResult({"entities": page, **token})


def _entities(wanted: Json) -> Iterable[Json]:
    for event in HEALTH.find({"eventArns": wanted["eventArns"]}):
        for entity in event["entities"]:
            status = STATUSES.get(event["statusCode"], "UNKNOWN")
            if wanted.get("entityValues") and entity not in wanted["entityValues"]:
                continue
            if wanted.get("statusCodes") and status not in wanted["statusCodes"]:
                continue
            yield {
                "entityArn": f"arn:aws:health:{event['region']}:{event['account']}:entity/{entity}",
                "eventArn": event["arn"],
                "entityValue": entity,
                "awsAccountId": event["account"],
                "lastUpdatedTime": event["lastUpdatedTime"],
                "statusCode": status,
            }


def _shown(event: Json) -> Json:
    times = ("startTime", "endTime", "lastUpdatedTime", "availabilityZone")
    return {name: event[name] for name in SHOWN} | {n: event[n] for n in times if event[n] is not None}


def _page(found: list[Json], given: Json) -> tuple[list[Json], Json]:
    start, size = int(given.get("nextToken") or 0), int(given.get("maxResults") or PAGE)
    token = {"nextToken": str(start + size)} if start + size < len(found) else {}
    return found[start : start + size], token
