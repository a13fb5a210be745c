"""EventBridge rules that deliver like EventBridge: whole events, to topics too, and a target that fails fails alone."""

import copy
import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.events.models import Rule, events_backends
from moto.events.utils import EventTemplateParser
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

Json = dict[str, Any]
INTERNAL = "ingestion-time"
UNDELIVERED: deque[Json] = deque(maxlen=200)


def send_to_targets(rule: Rule, original_event: Json, transform_input: bool = True) -> None:
    event: Json = dict(original_event)
    if rule.state != "ENABLED" or not rule.event_pattern.matches_event(event):  # type: ignore[arg-type]
        return
    for target in rule.targets:
        body = _input(target, event) if transform_input else copy.deepcopy(event) | {"time": _time(event["time"])}
        try:
            _deliver(rule, target, body, event)
        except (ServiceException, LookupError, NotImplementedError) as error:
            UNDELIVERED.append({"rule": rule.name, "target": target["Arn"], "error": repr(error)})
            if dead := (target.get("DeadLetterConfig") or {}).get("Arn"):
                _queue(dead, json.dumps(body), {})


def _input(target: Json, event: Json) -> Any:
    """A fixed text, what the transformer makes, or the event without what is not for others."""
    if target.get("Input"):
        return json.loads(target["Input"])
    if made := target.get("InputTransformer"):
        return EventTemplateParser.parse(made["InputTemplate"], made.get("InputPathsMap") or {}, event)  # type: ignore[arg-type]
    shown = {k: v for k, v in event.items() if k != INTERNAL}
    return shown | {"time": _time(event["time"])}


def _time(at: Any) -> str:
    if isinstance(at, str) and not at.replace(".", "", 1).isdigit():
        return at
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(float(at), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _deliver(rule: Rule, target: Json, body: Any, event: Json) -> None:
    arn = str(target["Arn"])
    _, _, service, region, account, resource = arn.split(":", 5)
    if service == "sqs":
        _queue(arn, json.dumps(body), target.get("SqsParameters") or {})
    elif service == "sns":
        sns_backends[account][region].publish(json.dumps(body), arn)
    elif service == "logs":
        rule._send_to_cw_log_group(resource.removeprefix("log-group:").removesuffix(":*"), copy.deepcopy(body))
    elif service == "events" and resource.startswith("event-bus/"):
        names = {"Source": "source", "DetailType": "detail-type", "Resources": "resources"}
        passed = {k: event[v] for k, v in names.items()} | {"Detail": json.dumps(event["detail"])}
        events_backends[account][region].put_events([passed | {"EventBusName": resource.removeprefix("event-bus/")}])
    elif service == "events" and "archive-arn" in body:
        rule._send_to_events_archive(body["archive-arn"].split(":archive/", 1)[-1], event)  # type: ignore[arg-type]
    else:
        raise NotImplementedError(f"Targets of {service} are not delivered here")


def _queue(arn: str, body: str, parameters: Json) -> None:
    _, _, _, region, account, name = arn.split(":", 5)
    sqs_backends[account][region].send_message(name, body, group_id=parameters.get("MessageGroupId"))


def install() -> None:
    setattr(Rule, send_to_targets.__name__, send_to_targets)
