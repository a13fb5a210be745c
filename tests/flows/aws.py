"""A queue for the bot's alarms, on the sandbox's AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
import pytest

from bot.config import Config
from sandbox.aws.server import REGION, AwsServer
from sandbox.shop.notices import alarm, notification
from tests.workspace import PATIENCE, Workspace, wait_for


class Queue:
    """The alert queue, as an operator would make it: with a dead-letter queue behind it."""

    def __init__(self, aws: AwsServer, world: Workspace) -> None:
        self.aws = aws
        self._world = world
        world.stopping = aws.hurried  # a bot that stops sits out its poll
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
        at = self._world.clock() - timedelta(seconds=ago)
        body = notification(alarm(name, state, at, value=value, **more))
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
        return self.aws.left(self.url)

    def dead(self) -> int:
        found = self.sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


@contextmanager
def queue(world: Workspace) -> Iterator[Queue]:
    """With the credentials of a bot that reads it in this process's environment."""
    with pytest.MonkeyPatch.context() as patch, AwsServer() as aws:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield Queue(aws, world)


@contextmanager
def alerted(world: Workspace, **config: Any) -> Iterator[Queue]:
    """The alert queue of a running bot with this config file."""
    with queue(world) as made:
        world.start_bot(Config.model_validate(config), **made.environment)
        try:
            yield made
        finally:
            world.stop_bot()
