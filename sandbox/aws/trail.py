"""CloudTrail: who changed what. Changes that came through the gateway are written down, reading and data are not.

What the shop does with its own key is how the world was made, and nobody's change.
"""

import json
import re
import threading
import uuid
from collections import deque
from datetime import UTC, datetime

from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.models import DEFAULT_ACCOUNT_ID

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.identity import SHOP_KEY, Identity, identity
from sandbox.aws.refusals import Refused
from sandbox.aws.request import Call, Json

KEPT = 5_000
PAGE = 50
READING = re.compile(r"(Get|List|Describe|Lookup|BatchGet|Head|Search|Query|Scan|Select|Filter|Test|Validate|Estimate)")
DATA = frozenset(
    (
        "PutMetricData",
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "Publish",
        "PublishBatch",
        "PutEvents",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactWriteItems",
        "TransactGetItems",
        "PutLogEvents",
        "PutTraceSegments",
        "StartQuery",
        "StopQuery",
        "Invoke",
        "PutObject",
    )
)
ANSWERED = frozenset(("StartAutomationExecution", "StopTask"))  # what AWS said tells more than what was asked
TYPES = {
    "service": "AWS::ECS::Service",
    "serviceName": "AWS::ECS::Service",
    "cluster": "AWS::ECS::Cluster",
    "clusterName": "AWS::ECS::Cluster",
    "task": "AWS::ECS::Task",
    "taskDefinition": "AWS::ECS::TaskDefinition",
    "family": "AWS::ECS::TaskDefinition",
    "FunctionName": "AWS::Lambda::Function",
    "AutoScalingGroupName": "AWS::AutoScaling::AutoScalingGroup",
    "DBInstanceIdentifier": "AWS::RDS::DBInstance",
    "DBClusterIdentifier": "AWS::RDS::DBCluster",
    "DistributionId": "AWS::CloudFront::Distribution",
    "SourceArn": "AWS::SQS::Queue",
    "QueueUrl": "AWS::SQS::Queue",
    "TableName": "AWS::DynamoDB::Table",
    "AlarmName": "AWS::CloudWatch::Alarm",
    "TopicArn": "AWS::SNS::Topic",
    "DocumentName": "AWS::SSM::Document",
    "stateMachineArn": "AWS::StepFunctions::StateMachine",
}
HIDDEN = re.compile(r"(password|secret|token|zipfile|message|body|value)", re.I)
FILTERS = {
    "EventId": "EventId",
    "EventName": "EventName",
    "ReadOnly": "ReadOnly",
    "Username": "Username",
    "EventSource": "EventSource",
    "AccessKeyId": "AccessKeyId",
}


class Trail:
    """The newest events; `add` is for what no call brought about."""

    def __init__(self) -> None:
        self._events: deque[Json] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def record(self, call: Call, error: str | None, answer: bytes = b"") -> None:
        if call.caller == SHOP_KEY or not call.operation or READING.match(call.operation) or call.operation in DATA:
            return
        answered = {"responseElements": json.loads(answer)} if call.operation in ANSWERED and not error else {}
        who = identity(call.caller, call.token)
        self._write(call.service, call.operation, who, call.parameters, CLOCK.now(), {**answered, **_failed(error)})

    def add(
        self,
        source: str,
        name: str,
        user: str,
        parameters: Json | None = None,
        at: float | None = None,
        error: str | None = None,
    ) -> None:
        """`source`: a service, as `ecs`; `user`: somebody of this account."""
        who = Identity(user, f"sandbox-{user}")
        self._write(source, name, who, parameters or {}, CLOCK.now() if at is None else at, _failed(error))

    def _write(self, service: str, name: str, who: Identity, given: Json, at: float, outcome: Json) -> None:
        """`outcome`: what AWS answered, or its error."""
        shown = {k: v for k, v in given.items() if not HIDDEN.search(k)}
        source = f"{service}.amazonaws.com"
        moment = utc(at // 1)
        found = {
            "EventId": str(uuid.uuid4()),
            "EventName": name,
            "ReadOnly": "false",
            "AccessKeyId": who.key,
            "EventTime": moment,
            "EventSource": source,
            "Username": who.name,
            "Resources": _resources(shown),
        }
        told = {
            "eventVersion": "1.09",
            "userIdentity": who.described,
            "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": source,
            "eventName": name,
            "awsRegion": "us-east-1",
            "sourceIPAddress": "ssm.amazonaws.com" if who.is_automation else "203.0.113.7",
            "userAgent": "ssm.amazonaws.com" if who.is_automation else "aws-sdk",
            "requestParameters": shown,
            "responseElements": None,
            "eventID": found["EventId"],
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": DEFAULT_ACCOUNT_ID,
            "eventCategory": "Management",
            **outcome,
        }
        with self._lock:
            self._events.append(found | {"CloudTrailEvent": json.dumps(told, default=str)})

    def find(self, attributes: list[Json], start: datetime, end: datetime) -> list[Json]:
        """The newest first."""
        with self._lock:
            events = [e for e in reversed(self._events) if start <= e["EventTime"] <= end]
        found = [e for e in events if all(_fits(e, a) for a in attributes)]
        return sorted(found, key=lambda e: e["EventTime"], reverse=True)

    def clear(self) -> None:
        with self._lock:
            self._events.clear()


TRAIL = Trail()


def _failed(error: str | None) -> Json:
    return {"errorCode": error} if error else {}


def _resources(given: Json) -> list[Json]:
    named = {(TYPES[k], str(v)) for k, v in given.items() if k in TYPES and isinstance(v, str)}
    return [{"ResourceType": kind, "ResourceName": name} for kind, name in sorted(named)]


def _fits(event: Json, attribute: Json) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key in FILTERS:
        return bool(event[FILTERS[key]] == value)
    if key == "ResourceName":
        return any(value in (r["ResourceName"], r["ResourceName"].rsplit("/", 1)[-1]) for r in event["Resources"])
    return any(r["ResourceType"] == value for r in event["Resources"])


def lookup_events(response: CloudTrailResponse) -> str:
    given: Json = json.loads(response.body or "{}")
    attributes = given.get("LookupAttributes") or []
    known = {*FILTERS, "ResourceName", "ResourceType"}
    if len(attributes) > 1 or any(a["AttributeKey"] not in known for a in attributes):
        raise Refused("InvalidLookupAttributesException", "One lookup attribute can be given, of a known key.")
    size = int(given.get("MaxResults") or PAGE)
    if not 1 <= size <= PAGE:
        raise Refused("InvalidMaxResultsException", "MaxResults is from 1 to 50.")
    start, end = (
        _moment(given.get("StartTime"), datetime.min.replace(tzinfo=UTC)),
        _moment(given.get("EndTime"), utc(CLOCK.now() + 60)),
    )
    if start > end:
        raise Refused("InvalidTimeRangeException", "The start time is after the end time.")
    found = TRAIL.find(attributes, start, end)
    at = int(given.get("NextToken") or 0)
    token = {"NextToken": str(at + size)} if at + size < len(found) else {}
    shown = [{**e, "EventTime": e["EventTime"].timestamp()} for e in found[at : at + size]]
    return json.dumps({"Events": shown, **token})


def _moment(given: float | None, otherwise: datetime) -> datetime:
    return otherwise if given is None else utc(float(given))


def install() -> None:
    setattr(CloudTrailResponse, lookup_events.__name__, lookup_events)
