"""AWS Health: `AWS Health Event` and `AWS Health Abuse Event`.

Shape of `detail`: {"eventArn", "service": "EC2", "eventTypeCode", "eventTypeCategory": issue | investigation |
scheduledChange | accountNotification, "statusCode": open | upcoming | closed, "eventRegion", "affectedAccount",
"lastUpdatedTime": "Thu, 27 Jan 2023 06:02:51 GMT", "eventDescription": [{"language", "latestDescription"}],
"affectedEntities": [{"entityValue", "status"}]}:
https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html

The event's own region is where it was delivered; `eventRegion` is the one it is about.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bot.alarms.cloudwatch import nameless
from bot.alarms.reading import ARN, DESCRIPTION, NAME, Event, arn_of, listing, mapping, moment, text
from bot.signals import Alarm, AlarmChanged, AlarmKind, AlarmState, Signal

MAX_ENTITIES = 10
ENTITY = "entity"
_STATES = {"open": AlarmState.ALARM, "upcoming": AlarmState.ALARM, "closed": AlarmState.OK}
_SEVERITIES = {"scheduledChange": "low", "accountNotification": "low"}
_URL = "https://health.aws.amazon.com/health/home#/account/event-log?eventID={arn}&eventTab=details"
_SAFE_ARN = re.compile(r"arn:[\w:/.\-]+", re.ASCII)


def event(event: Event) -> tuple[Signal, ...]:
    """One alarm per Health event: ALARM until its status is `closed`. Planned changes and notes have severity `low`.

    Every update and every page of an event is another message of the same alarm, since its name ends in the event's
    own id: two issues of one type in one region don't close each other.
    """
    detail = event.detail
    said = text(detail.get("eventArn"), ARN)
    arn, state = arn_of(said), _STATES.get(text(detail.get("statusCode")))
    code, region = text(detail.get("eventTypeCode")), text(detail.get("eventRegion")) or arn.region or event.region
    account = text(detail.get("affectedAccount")) or event.account
    category = text(detail.get("eventTypeCategory"))
    alarm = Alarm(
        name=_name(code or text(arn.resource.rpartition("/")[2]), region, said) or nameless(event.raw),
        kind=AlarmKind.HEALTH,
        account=account,
        region=region,
        arn=said,
        description=_description(detail.get("eventDescription")),
        namespace=text(detail.get("service")),
        dimensions=_entities(detail.get("affectedEntities"), event.resources),
        url=_URL.format(arn=said) if _SAFE_ARN.fullmatch(said) else "",
        severity=_SEVERITIES.get(category, ""),
    )
    found = {"eventTypeCode": code, "statusCode": state, "eventArn": said, "account": account}
    changed = AlarmChanged(
        source_id=event.source_id,
        alarm=alarm,
        state=state or AlarmState.ALARM,
        at=_moment(detail.get("lastUpdatedTime")) or event.at,
        reason=f"{category or 'event'}, {text(detail.get('statusCode')) or 'status unknown'}",
        missing=tuple(name for name, value in found.items() if not value),
    )
    return (changed,)


def _name(code: str, region: str, arn: str) -> str:
    """`AWS_EC2_OPERATIONAL_ISSUE in us-east-1 (VKTXI_EXAMPLE111)`; empty where there is no type."""
    if not code:
        return ""
    own = arn.rpartition("/")[2].removeprefix(f"{code}_")
    where = f" in {region}" if region else ""
    return f"{code}{where} ({own})"[:NAME] if own and own != code else f"{code}{where}"[:NAME]


def _description(value: object) -> str:
    """The description in English, else the first there is."""
    said = [entry for entry in listing(value) if isinstance(entry, dict)]
    said.sort(key=lambda entry: not text(entry.get("language")).startswith("en"))
    return text(said[0].get("latestDescription"), DESCRIPTION) if said else ""


def _entities(value: object, resources: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What is affected, by name or ARN; an event that leaves it out of its detail still lists it as resources."""
    named = [text(mapping(entry).get("entityValue"), ARN) for entry in listing(value)]
    affected = [name for name in named if name] or list(resources)
    return tuple((ENTITY, name) for name in affected)[:MAX_ENTITIES]


def _moment(value: object) -> datetime | None:
    """Health writes times as in HTTP headers; ISO 8601 is taken too."""
    try:
        return datetime.strptime(text(value), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return moment(value)
