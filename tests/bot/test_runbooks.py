"""Which automated runbook is for which alarm, and that what they name is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.handbook import FOLDER, manual_steps
from bot.models import Cause
from bot.runbooks import MANUAL, NAMED_BY_THE_CATALOGUE, RUNBOOKS, runbook_for
from bot.signals import Alarm, AlarmKind

DOCUMENTS = Path(__file__).resolve().parents[2] / "scripts" / "ssm"


def alarm(
    metric: str, *, name: str = "prod-x-y-high", dimensions: Mapping[str, str] | None = None, **more: Any
) -> Alarm:
    return Alarm(
        name=name,
        account="123456789012",
        region="us-east-1",
        metric=metric,
        dimensions=tuple((dimensions or {}).items()),
        **more,
    )


@pytest.mark.parametrize(
    ("told", "runbook"),
    [
        (alarm("RunningTaskCount", comparison="<"), "AIOps-RestartECSService"),
        (alarm("RunningTaskCount", comparison="≤"), "AIOps-RestartECSService"),
        (alarm("RunningTaskCount", comparison=">"), ""),
        (alarm("CPUUtilization", dimensions={"AutoScalingGroupName": "workers"}), "AIOps-ScaleOutEC2ASG"),
        (alarm("CPUUtilization", dimensions={"ClusterName": "shop", "ServiceName": "web"}), ""),
        (
            alarm("ApproximateNumberOfMessagesVisible", dimensions={"QueueName": "payments-work-dlq"}),
            "AIOps-PurgeSQSDLQ",
        ),
        (
            alarm("ApproximateNumberOfMessagesVisible", dimensions={"QueueName": "Dead-Orders"}),
            "AIOps-PurgeSQSDLQ",
        ),
        (alarm("ApproximateNumberOfMessagesVisible", dimensions={"QueueName": "payments-work"}), ""),
        (alarm("ApproximateNumberOfMessagesVisible"), ""),
        (alarm("Errors", namespace="AWS/Lambda", dimensions={"FunctionName": "f"}), "AIOps-RotateLambdaAlias"),
        (alarm("Errors", namespace="Shop"), ""),
        (alarm("DatabaseConnections", namespace="AWS/RDS", name="prod-orders-Failover-high"), "AIOps-RDSFailover"),
        (alarm("DatabaseConnections", namespace="AWS/RDS", name="prod-orders-connections-high"), ""),
        (alarm("5xxErrorRate", namespace="AWS/CloudFront"), "AIOps-InvalidateCFCache"),
        (alarm("5xxErrorRate", namespace="AWS/Other"), ""),
        (alarm("HTTPCode_ELB_5XX_Count", namespace="AWS/ApplicationELB", comparison=">"), "AIOps-InvalidateCFCache"),
        (alarm("HTTPCode_Target_5XX_Count", namespace="AWS/ApplicationELB", comparison=">"), ""),
        (alarm("CommitLatency", namespace="AWS/RDS", dimensions={"Role": "WRITER"}), "AIOps-RDSFailover"),
        (alarm("CommitLatency", namespace="AWS/RDS"), ""),
        (
            alarm(
                "",
                name="AWS_RDS_OPERATIONAL_ISSUE in us-east-1",
                namespace="RDS",
                kind=AlarmKind.HEALTH,
                dimensions={"entity": "orders-db"},
            ),
            "AIOps-RDSFailover",
        ),
        (alarm("", name="AWS_RDS_OPERATIONAL_ISSUE in us-east-1", namespace="RDS", kind=AlarmKind.HEALTH), ""),
        (alarm("", name="AWS_EC2_FAILOVER", namespace="EC2", kind=AlarmKind.HEALTH, dimensions={"entity": "i-1"}), ""),
        (alarm(""), ""),
    ],
)
def test_an_alarm_has_the_runbook_that_repairs_it(told: Alarm, runbook: str) -> None:
    assert runbook_for(told) == runbook


@pytest.mark.parametrize("name", RUNBOOKS)
def test_each_runbook_is_a_document_with_a_page_for_doing_it_by_hand(name: str) -> None:
    assert (DOCUMENTS / f"{name}.yml").is_file()
    assert (FOLDER / f"{name}.md").is_file()
    assert manual_steps(name)
    assert RUNBOOKS[name].summary


def test_each_document_is_a_runbook() -> None:
    assert {path.stem for path in DOCUMENTS.glob("*.yml")} == set(RUNBOOKS)


@pytest.mark.parametrize("name", RUNBOOKS)
def test_nobody_types_what_a_document_changes(name: str) -> None:
    """A parameter that names a resource comes from the catalogue; the others say how, and who is told (a topic)."""
    document = yaml.safe_load((DOCUMENTS / f"{name}.yml").read_text(encoding="utf-8"))
    typed = set(document["parameters"]) - NAMED_BY_THE_CATALOGUE
    named = ("Name", "Arn", "Url", "Id", "Cluster", "Service", "Identifier")
    assert {each for each in typed if each.endswith(named)} <= {"TopicArn"}


@pytest.mark.parametrize("cause", Cause)
def test_each_row_of_the_matrix_has_its_page_with_steps(cause: Cause) -> None:
    assert (FOLDER / f"{MANUAL[cause]}.md").is_file()
    assert manual_steps(MANUAL[cause])
