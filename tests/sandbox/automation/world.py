"""An AWS with the six runbooks in it: to start one, wait for it, and read how it went."""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from sandbox.aws.automation.clients import AUTOMATION_KEY
from sandbox.aws.server import AwsServer
from tests.sandbox.test_aws import QUICK, Aws

Json = dict[str, Any]
FOLDER = Path("scripts/ssm")
ROLE = "arn:aws:iam::123456789012:role/AIOps-Automation"
CALLER = f"{AUTOMATION_KEY}.AIOps-Automation"
SPEED = 120.0  # a stated minute lasts half a second
PATIENCE = 15.0
ONGOING = ("Pending", "InProgress", "Waiting", "Cancelling")


class Automation(Aws):
    """An AWS with the six runbooks in it."""

    def __init__(self, server: AwsServer, kept: dict[str, Any]) -> None:
        self._kept = kept
        super().__init__(server)
        self.ssm = self.client("ssm")
        for path in sorted(FOLDER.glob("*.yml")):
            self.store(path.stem, path.read_text())

    def client(self, service: str, config: Config = QUICK) -> Any:
        """Made once for all tests."""
        if service not in self._kept:
            self._kept[service] = boto3.client(service, config=config, **self.server.credentials())
        return self._kept[service]

    def store(self, name: str, content: str) -> None:
        self.ssm.create_document(Name=name, Content=content, DocumentType="Automation", DocumentFormat="YAML")

    def small(self, *steps: Json, name: str = "Small", **more: Any) -> str:
        """A document of these steps."""
        self.store(name, yaml.safe_dump({"schemaVersion": "0.3", "mainSteps": list(steps), **more}))
        return name

    def start(self, document: str, token: str | None = None, **parameters: str) -> str:
        given = {name: [value] for name, value in parameters.items()}
        more = {"ClientToken": token} if token else {}
        started = self.ssm.start_automation_execution(DocumentName=document, Parameters=given, **more)
        return str(started["AutomationExecutionId"])

    def shown(self, execution: str) -> Json:
        found = self.ssm.get_automation_execution(AutomationExecutionId=execution)
        return dict(found["AutomationExecution"])

    def until(self, execution: str, holds: Callable[[Json], bool]) -> Json:
        end = time.monotonic() + PATIENCE
        while not holds(shown := self.shown(execution)):
            assert time.monotonic() < end, shown
            time.sleep(0.02)
        return shown

    def ended(self, execution: str) -> Json:
        return self.until(execution, lambda shown: shown["AutomationExecutionStatus"] not in ONGOING)

    def run(self, runbook: str, **parameters: str) -> "Outcome":
        """One of the six, to its end."""
        return Outcome(self.ended(self.start(f"AIOps-{runbook}", AutomationAssumeRole=ROLE, **parameters)))

    def show(self, path: str) -> Json:
        with urllib.request.urlopen(f"{self.server.url}/sandbox-aws/{path}", timeout=20) as answer:
            return dict(json.load(answer))

    def called(self, operation: str) -> int:
        """How often the automation's role called it."""
        return len(self.server.log.since(caller=CALLER, operation=operation))


class Outcome:
    def __init__(self, shown: Json) -> None:
        self.shown = shown
        self.status = shown["AutomationExecutionStatus"]
        self.failure = shown.get("FailureMessage", "")
        self.steps = {run["StepName"]: run["StepStatus"] for run in shown["StepExecutions"]}

    def __getitem__(self, output: str) -> Any:
        found = self.shown["Outputs"][output]
        return found[0] if len(found) == 1 else found

    @property
    def failed_at(self) -> list[str]:
        return [name for name, status in self.steps.items() if status == "Failed"]


class Groups:
    """A group of four, of at most six."""

    def __init__(self, aws: Automation) -> None:
        self.aws, self.autoscaling = aws, aws.client("autoscaling")
        image = aws.client("ec2").register_image(Name="web")["ImageId"]
        self.autoscaling.create_launch_configuration(
            LaunchConfigurationName="web", ImageId=image, InstanceType="t3.small"
        )
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchConfigurationName="web",
            MinSize=2,
            MaxSize=6,
            DesiredCapacity=4,
            AvailabilityZones=["us-east-1a"],
        )

    @property
    def capacity(self) -> int:
        found = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])
        return int(found["AutoScalingGroups"][0]["DesiredCapacity"])

    def scale(self, wanted: int, current: int = 4, **more: str) -> Outcome:
        given = {"CurrentCapacity": str(current), "DesiredCapacity": str(wanted), **more}
        return self.aws.run("ScaleOutEC2ASG", **{"AutoScalingGroupName": "web", **given})
