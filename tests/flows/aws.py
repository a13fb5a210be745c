"""A queue for the bot's alarms, on the sandbox's AWS, and the messages CloudWatch would put on it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from bot.config import Config
from jobs import intake
from sandbox.aws.server import AwsServer
from tests.workspace import PATIENCE, Workspace, wait_for

ACCOUNT, REGION = "123456789012", "us-east-1"


class Queue:
    """The alert queue, as an operator would make it: with a dead-letter queue behind it."""

    def __init__(self, aws: AwsServer, world: Workspace) -> None:
        self.aws = aws
        self._world = world
        self.sqs = boto3.client("sqs", **aws.credentials())
        dead = self.sqs.create_queue(QueueName="alerts-dlq")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "30"}
        self.url = self.sqs.create_queue(QueueName="alerts", Attributes=attributes)["QueueUrl"]
        self.dead_url = dead

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.aws.url, "AWS_REGION": REGION, "ALERT_QUEUE_URL": self.url}

    def put(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def alarm(self, name: str, state: str = "ALARM", *, ago: float = 0.0, value: float = 2.41, **more: Any) -> str:
        """Put a CloudWatch alarm's message on the queue, as SNS delivers it; its body."""
        body = envelope(alarm(name, state, self._world.clock() - timedelta(seconds=ago), value=value, **more))
        self.put(body)
        return body

    def taken(self) -> None:
        """Wait until the bot has taken all there is, and shown what follows."""
        bot = self._world.bot
        assert bot is not None
        wait_for(lambda: self.left() == 0, "an empty queue", 2 * PATIENCE)
        self._world.settled(2 * PATIENCE)
        wait_for(lambda: bot.store.claim_owners() == [], "no delivery under way")

    def wait(self, seconds: float) -> None:
        """Let time pass, when nothing is under way any more."""
        self.taken()
        self._world.advance(seconds)

    def left(self) -> int:
        """Messages that wait or are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def dead(self) -> int:
        found = self.sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


def envelope(message: dict[str, Any]) -> str:
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


def alarm(name: str, state: str, at: datetime, *, value: float = 2.41, **more: Any) -> dict[str, Any]:
    was = "OK" if state == "ALARM" else "ALARM"
    crossed = "greater" if state == "ALARM" else "not greater"
    reason = (
        f"Threshold Crossed: 1 out of the last 1 datapoints [{value} ({at:%d/%m/%y %H:%M:%S})] was {crossed} than the"
    )
    return {
        "AlarmName": name,
        "AlarmDescription": None,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state,
        "OldStateValue": was,
        "NewStateReason": f"{reason} threshold (0.8) (minimum 1 datapoint).",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
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


@contextmanager
def queue(world: Workspace) -> Iterator[Queue]:
    with pytest.MonkeyPatch.context() as patch, AwsServer() as aws:
        patch.setattr(intake, "WAIT_SECONDS", 1.0)  # a poll that waits is waited for when the bot stops
        yield Queue(aws, world)


@contextmanager
def alerted(world: Workspace, **config: Any) -> Iterator[Queue]:
    """The alert queue of a running bot with this config file."""
    with pytest.MonkeyPatch.context() as patch, queue(world) as made:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        world.start_bot(Config.model_validate(config), **made.environment)
        try:
            yield made
        finally:
            world.stop_bot()
