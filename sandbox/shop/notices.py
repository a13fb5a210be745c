"""CloudWatch's message about an alarm that no metric stands behind, and SNS's envelope around it. Needs no AWS."""

import json
import uuid
from datetime import datetime
from typing import Any

Json = dict[str, Any]
ACCOUNT, REGION = "123456789012", "us-east-1"


def alarm(name: str, state: str, at: datetime, *, value: float = 2.41, **more: Any) -> Json:
    """Answers that are slow (ALARM) or not; `more` in CloudWatch's own words."""
    crossed = "greater" if state == "ALARM" else "not greater"
    seen = f"[{value} ({at:%d/%m/%y %H:%M:%S})]"
    return {
        "AlarmName": name,
        "AlarmDescription": None,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state,
        "NewStateReason": f"Threshold Crossed: 1 out of the last 1 datapoints {seen} was {crossed} than the "
        "threshold (0.8) (minimum 1 datapoint).",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        "OldStateValue": "OK" if state == "ALARM" else "ALARM",
        "Trigger": {
            "MetricName": "TargetResponseTime",
            "Namespace": "AWS/ApplicationELB",
            "ExtendedStatistic": "p99",
            "Unit": "Seconds",
            "Dimensions": [{"value": "app/checkout", "name": "LoadBalancer"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.8,
        },
        **more,
    }


def notification(message: Json) -> str:
    """The message as it stands on a queue, under an id of its own."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
            "Subject": "ALARM",
            "Message": json.dumps(message),
            "Timestamp": "2026-11-22T10:00:00.000Z",
        }
    )
