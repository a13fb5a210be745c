"""What the shop's tools say on the event buses, and the messages that nobody should have to read."""

import json
from typing import Any

from sandbox.aws.cloudwatch.messages import stamp
from sandbox.aws.server import ACCOUNT, REGION

Json = dict[str, Any]
HUGE = 200_000


def deployment(service: str, version: str, before: str, status: str, at: str) -> Json:
    """What the shop's pipeline says about itself."""
    return {
        "Source": "shop.pipeline",
        "DetailType": "Deployment",
        "Detail": {
            "service": service,
            "environment": "prod",
            "version": version,
            "previousVersion": before,
            "status": status,
            "author": "bob.okafor",
            "commit": "9f2c1e7",
            "change": "Retry card payments through the second provider",
            "url": f"https://github.example.com/shop/{service}/actions/runs/4711",
            "startedAt": at,
        },
    }


def health(status: str, at: str, database: str = "catalog-db") -> Json:
    """The event on the bus; its detail is what the Health API tells too."""
    number = f"AWS_RDS_OPERATIONAL_ISSUE_{4711 if database == 'catalog-db' else 4712}"
    event = f"arn:aws:health:{REGION}::event/RDS/AWS_RDS_OPERATIONAL_ISSUE/{number}"
    text = {
        "open": "We are investigating increased connection errors to some database instances in one Availability Zone.",
        "closed": "The issue has been resolved and the service is operating normally.",
    }[status]
    return {
        "Source": "aws.health",
        "DetailType": "AWS Health Event",
        "Resources": [f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{database}"],
        "Detail": {
            "eventArn": event,
            "service": "RDS",
            "eventTypeCode": "AWS_RDS_OPERATIONAL_ISSUE",
            "eventTypeCategory": "issue",
            "eventScopeCode": "ACCOUNT_SPECIFIC",
            "communicationId": "4711-1",
            "startTime": at,
            "lastUpdatedTime": at,
            "statusCode": status,
            "eventRegion": REGION,
            "eventDescription": [{"language": "en_US", "latestDescription": text}],
            "affectedEntities": [{"entityValue": database, "status": "IMPAIRED" if status == "open" else "UNIMPAIRED"}],
            "affectedAccount": ACCOUNT,
            "page": "1",
            "totalPages": "1",
        },
    }


def hostile_alarm(**changes: Any) -> Json:
    """A CloudWatch message as a stranger might write it."""
    name = "prod-*bold*-<!channel>-<@U0ANA>-`code`-critical"
    message: Json = {
        "AlarmName": name,
        "AlarmDescription": "<https://evil.example.com|Click here> & </b><script>alert(1)</script> ~gone~ :fire:",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "NewStateReason": "<!here> Threshold Crossed: 1 datapoint [*99*] was greater than _everything_",
        "StateChangeTime": "2026-11-22T10:00:00.123+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        "OldStateValue": "OK",
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/ECS",
            "Statistic": "AVERAGE",
            "Dimensions": [{"name": "ServiceName", "value": "<!everyone>"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 80.0,
        },
    } | changes
    return {k: v for k, v in message.items() if v is not None}


def flood(name: str, at: float) -> Json:
    """An alarm without metrics behind it, as SNS's batches take it."""
    reason = "Threshold Crossed: 1 datapoint [99.0 (22/11/26 10:00:00)] was greater than the threshold (80.0)."
    message = hostile_alarm(
        AlarmName=name,
        AlarmDescription=None,
        AlarmArn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        NewStateReason=reason,
        StateChangeTime=stamp(at),
    )
    message["Trigger"] = {**message["Trigger"], "Dimensions": [{"name": "ServiceName", "value": name}]}
    return {"Subject": f'ALARM: "{name}" in US East (N. Virginia)', "Message": json.dumps(message)}


def garbage() -> list[tuple[str, str]]:
    """(what it is, the body)."""
    return [
        ("not JSON", '{"AlarmName": "prod-checkout-api-5xx-crit'),
        ("nothing that can be read", "\ufffd\ufffdPNG\r\n\ufffd\u0416 \ufffd\ufffd\u200b\u202e gnp.exe \ufffd" * 8),
        ("a list", "[1, 2, 3]"),
        ("a number", "42"),
        ("an empty object", "{}"),
        ("JSON of another shape", json.dumps({"hello": "world", "records": [{"eventName": "ObjectCreated:Put"}]})),
        ("an alarm without a name", json.dumps(hostile_alarm(AlarmName=None, AlarmArn=None))),
        ("an alarm with a name of the wrong kind", json.dumps(hostile_alarm(AlarmName=["a"], Trigger="none"))),
        ("formatting and mentions in every field", json.dumps(hostile_alarm())),
        ("an unknown state", json.dumps(hostile_alarm(AlarmName="prod-search-api-cpu-medium", NewStateValue="MAYBE"))),
        (
            "two hundred kilobytes",
            json.dumps(hostile_alarm(AlarmName="prod-search-api-disk-low", AlarmDescription="x" * HUGE)),
        ),
        ("deeply nested", '{"a":' * 500 + "1" + "}" * 500),
    ]
