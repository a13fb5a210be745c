"""What the emulator does with an execution: it starts, takes its steps, waits for approval, is stopped and listed."""

import json
import uuid
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from sandbox.aws.server import BOT_KEY, SHOP_KEY
from tests.sandbox.automation.world import CALLER, ROLE, SPEED, Automation, Groups, Json, Outcome
from tests.sandbox.test_aws import refused

# Starting


def test_the_role_is_the_caller_and_the_bot_only_starts(aws: Automation, groups: Groups) -> None:
    execution = groups.scale(5).shown
    calls = aws.server.log.since(service="autoscaling", caller=CALLER)
    assert {c["action"] for c in calls} == {
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:SetDesiredCapacity",
    }
    assert {c["action"] for c in aws.server.log.since(service="ssm", operation="StartAutomationExecution")} == {
        "ssm:StartAutomationExecution"
    }
    assert BOT_KEY != CALLER
    assert execution["DocumentName"] == "AIOps-ScaleOutEC2ASG"
    assert execution["Parameters"]["DesiredCapacity"] == ["5"]
    assert execution["ProgressCounters"]["TotalSteps"] == len(execution["StepExecutions"])
    assert execution["ExecutionEndTime"] >= execution["ExecutionStartTime"]


GOOD = {"AutomationAssumeRole": ROLE, "Cluster": "prod", "Service": "web"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Service": None}, "Missing required parameter: Service"),
        ({"Sevice": "web"}, "Sevice"),
        ({"Service": "web; rm"}, "Service"),
        ({"DryRun": "yes"}, r"not found in \[true, false\]"),
        ({"AutomationAssumeRole": "arn:aws:iam::123456789012:user/ana"}, "AutomationAssumeRole"),
    ],
)
def test_parameters_that_do_not_fit_start_nothing(aws: Automation, change: Json, named: str) -> None:
    given = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(ClientError, match=named) as raised:
        aws.start("AIOps-RestartECSService", **given)
    assert raised.value.response["Error"]["Code"] == "InvalidAutomationExecutionParametersException"
    assert aws.ssm.describe_automation_executions()["AutomationExecutionMetadataList"] == []


def test_what_does_not_exist_is_said_in_aws_words(aws: Automation) -> None:
    nobody = str(uuid.uuid4())
    ssm = aws.ssm
    assert refused(lambda: aws.start("AIOps-Nothing")) == "AutomationDefinitionNotFoundException"
    assert (
        refused(lambda: ssm.start_automation_execution(DocumentName="AIOps-RDSFailover", DocumentVersion="7"))
        == "AutomationDefinitionVersionNotFoundException"
    )
    for ask in (
        ssm.get_automation_execution,
        ssm.describe_automation_step_executions,
        ssm.stop_automation_execution,
    ):
        assert refused(lambda ask=ask: ask(AutomationExecutionId=nobody)) == "AutomationExecutionNotFoundException"  # type: ignore[misc]
    assert refused(lambda: aws.start("no document!")) == "ValidationException"
    assert refused(lambda: aws.start("AIOps-RDSFailover", token="x" * 36)) == "ValidationException"


def test_the_same_token_is_the_same_execution(aws: Automation, groups: Groups) -> None:
    token = str(uuid.uuid4())
    given = {"AutomationAssumeRole": ROLE, "AutoScalingGroupName": "web", "CurrentCapacity": "4"}
    first = aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="5")
    assert aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="5") == first
    other = refused(lambda: aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="6"))
    assert other == "IdempotentParameterMismatch"
    aws.ended(first)
    assert aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="5") == first
    assert aws.called("SetDesiredCapacity") == 1


def test_a_document_that_leads_nowhere_is_not_stored(aws: Automation) -> None:
    step = {"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}, "nextStep": "Gone"}
    assert refused(lambda: aws.small(step)) == "InvalidDocumentContent"
    del step["nextStep"]
    aws.small(step)
    bad = yaml.safe_dump({"schemaVersion": "0.3", "mainSteps": []})
    update = {"Name": "Small", "Content": bad, "DocumentFormat": "YAML", "DocumentVersion": "$LATEST"}
    assert refused(lambda: aws.ssm.update_document(**update)) == "InvalidDocumentContent"


# Steps


SLEEP = {"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "PT1H"}}


def test_a_sleep_ends_with_the_clock(aws: Automation) -> None:
    execution = aws.start(aws.small(SLEEP))
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "Rest")
    aws.server.advance(3600 / SPEED)
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome.steps) == ("Success", {"Rest": "Success"})


def test_a_step_that_takes_too_long_is_timed_out(aws: Automation) -> None:
    never = {
        "name": "WaitForever",
        "action": "aws:waitForAwsResourceProperty",
        "timeoutSeconds": 30,
        "inputs": {
            "Service": "sqs",
            "Api": "GetQueueAttributes",
            "QueueUrl": aws.queue,
            "AttributeNames": ["QueueArn"],
            "PropertySelector": "$.Attributes.QueueArn",
            "DesiredValues": ["never"],
        },
    }
    outcome = Outcome(aws.ended(aws.start(aws.small(never, SLEEP))))
    assert (outcome.status, outcome.steps) == ("TimedOut", {"WaitForever": "TimedOut", "Rest": "Pending"})


def failing(**more: Any) -> Json:
    inputs = {"Service": "sqs", "Api": "GetQueueUrl", "QueueName": "nowhere"}
    return {"name": "Fail", "action": "aws:executeAwsApi", "inputs": inputs, **more}


@pytest.mark.parametrize(
    ("more", "status", "steps"),
    [
        ({}, "Failed", {"Fail": "Failed", "Skipped": "Pending", "Last": "Pending"}),
        ({"onFailure": "Continue"}, "Success", {"Fail": "Failed", "Skipped": "Success", "Last": "Success"}),
        ({"onFailure": "step:Last"}, "Failed", {"Fail": "Failed", "Skipped": "Pending", "Last": "Success"}),
        (
            {"onFailure": "step:Last", "isCritical": False},
            "Success",
            {"Fail": "Failed", "Skipped": "Pending", "Last": "Success"},
        ),
    ],
)
def test_what_follows_a_failure(aws: Automation, more: Json, status: str, steps: Json) -> None:
    nap = {"action": "aws:sleep", "inputs": {"Duration": "PT1S"}}
    document = aws.small(failing(**more), {"name": "Skipped", **nap}, {"name": "Last", **nap})
    outcome = Outcome(aws.ended(aws.start(document)))
    assert (outcome.status, outcome.steps) == (status, steps)


def test_a_step_is_tried_as_often_as_it_says(aws: Automation) -> None:
    aws.fault("sqs", "GetQueueUrl", "error", times=2, error="QueueDoesNotExist")
    aws.make_queue("nowhere")
    outcome = Outcome(aws.ended(aws.start(aws.small(failing(maxAttempts=3)))))
    assert outcome.status == "Success"


def test_without_a_role_the_starter_is_the_caller(aws: Automation) -> None:
    aws.make_queue("nowhere")
    aws.ended(aws.start(aws.small(failing())))
    assert aws.server.log.since(operation="GetQueueUrl")[-1]["caller"] == BOT_KEY


# Approvals


def approval(count: int = 2) -> Json:
    inputs = {"Approvers": ["ana", "bob"], "MinRequiredApprovals": count, "Message": "Really?"}
    return {"name": "Approve", "action": "aws:approve", "inputs": inputs}


def waiting(aws: Automation, count: int = 2) -> str:
    execution = aws.start(aws.small(approval(count), outputs=["Approve.ApprovalStatus"]))
    aws.until(execution, lambda shown: shown["AutomationExecutionStatus"] == "Waiting")
    return execution


def test_two_people_approve(aws: Automation) -> None:
    execution = waiting(aws)
    other = boto3.client("ssm", **aws.server.credentials(SHOP_KEY))
    for _ in range(2):
        aws.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Approve")
    assert aws.shown(execution)["AutomationExecutionStatus"] == "Waiting"
    other.send_automation_signal(AutomationExecutionId=execution, SignalType="Approve", Payload={"Comment": ["ok"]})
    other.close()
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome["Approve.ApprovalStatus"]) == ("Success", "Approved")


def test_one_rejects(aws: Automation) -> None:
    execution = waiting(aws)
    aws.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Reject")
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome["Approve.ApprovalStatus"]) == ("Failed", "Rejected")
    assert "rejected" in outcome.failure


def test_signals_that_mean_nothing_are_refused(aws: Automation) -> None:
    execution = waiting(aws, count=1)
    signal = {"AutomationExecutionId": execution, "SignalType": "Resume"}
    assert refused(lambda: aws.ssm.send_automation_signal(**signal)) == "InvalidAutomationSignalException"
    aws.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Approve")
    aws.ended(execution)
    late = {"AutomationExecutionId": execution, "SignalType": "Approve"}
    assert refused(lambda: aws.ssm.send_automation_signal(**late)) == "InvalidAutomationSignalException"


# Stopping, hanging, listing


def test_an_execution_is_stopped(aws: Automation) -> None:
    execution = aws.start(aws.small(SLEEP))
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "Rest")
    aws.ssm.stop_automation_execution(AutomationExecutionId=execution)
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome.steps) == ("Cancelled", {"Rest": "Cancelled"})
    again = refused(lambda: aws.ssm.stop_automation_execution(AutomationExecutionId=execution))
    assert again == "InvalidAutomationStatusUpdateException"


def test_an_execution_hangs_until_it_is_released(aws: Automation, groups: Groups) -> None:
    aws.control("automation", hang="AIOps-ScaleOutEC2ASG")
    given = {"AutoScalingGroupName": "web", "CurrentCapacity": "4", "DesiredCapacity": "5"}
    execution = aws.start("AIOps-ScaleOutEC2ASG", AutomationAssumeRole=ROLE, **given)
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "ReadBefore")
    aws.server.advance(3600)
    assert aws.shown(execution)["AutomationExecutionStatus"] == "InProgress"
    assert aws.called("DescribeAutoScalingGroups") == 0
    aws.control("automation", release=None)
    assert aws.ended(execution)["AutomationExecutionStatus"] == "Success"


def test_a_hanging_execution_is_stopped(aws: Automation) -> None:
    aws.small(SLEEP)
    aws.control("automation", hang="Small")
    execution = aws.start("Small")
    aws.ssm.stop_automation_execution(AutomationExecutionId=execution)
    assert aws.ended(execution)["AutomationExecutionStatus"] == "Cancelled"
    aws.control("faults/clear")
    assert aws.control("automation")["hanging"] == {}


def test_executions_are_listed_newest_first(aws: Automation) -> None:
    nap = {"name": "Nap", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}
    aws.small(nap, name="Nap")
    aws.small(nap, failing(), name="Fall")
    ids = [aws.start(name) for name in ("Nap", "Fall", "Nap")]
    for execution in ids:
        aws.ended(execution)
    listed = aws.ssm.describe_automation_executions(MaxResults=2)
    assert [e["AutomationExecutionId"] for e in listed["AutomationExecutionMetadataList"]] == [ids[2], ids[1]]
    rest = aws.ssm.describe_automation_executions(NextToken=listed["NextToken"])
    assert [e["AutomationExecutionId"] for e in rest["AutomationExecutionMetadataList"]] == [ids[0]]
    failed = [{"Key": "ExecutionStatus", "Values": ["Failed"]}]
    (found,) = aws.ssm.describe_automation_executions(Filters=failed)["AutomationExecutionMetadataList"]
    assert (found["DocumentName"], found["AutomationExecutionStatus"]) == ("Fall", "Failed")
    steps = aws.ssm.describe_automation_step_executions(
        AutomationExecutionId=ids[1], Filters=[{"Key": "StepExecutionStatus", "Values": ["Failed"]}]
    )["StepExecutions"]
    assert [s["StepName"] for s in steps] == ["Fail"]
    assert "QueueDoesNotExist" in steps[0]["FailureMessage"] or "NonExistentQueue" in steps[0]["FailureMessage"]


def test_the_sandbox_shows_them_and_forgets_them_at_a_reset(aws: Automation) -> None:
    execution = aws.start(aws.small(SLEEP))
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "Rest")
    (shown,) = aws.show("automation")["executions"]
    assert (shown["id"], shown["status"], shown["steps"][0]["status"]) == (execution, "InProgress", "InProgress")
    aws.server.reset()
    assert aws.show("automation")["executions"] == []
    gone = refused(lambda: aws.ssm.get_automation_execution(AutomationExecutionId=execution))
    assert gone == "AutomationExecutionNotFoundException"


def test_the_trail_names_the_session_of_a_run_after_it(aws: Automation) -> None:
    step = {"name": "Tell", "action": "aws:executeAwsApi",
            "inputs": {"Service": "sns", "Api": "CreateTopic", "Name": "told"}}  # fmt: skip
    role = {"AutomationAssumeRole": {"type": "String"}}
    name = aws.small(step, assumeRole="{{ AutomationAssumeRole }}", parameters=role)
    run = aws.start(name, AutomationAssumeRole=ROLE)
    aws.ended(run)
    events = boto3.client("cloudtrail", **aws.server.credentials()).lookup_events()["Events"]
    told = {each["EventName"]: (each["Username"], json.loads(each["CloudTrailEvent"])) for each in reversed(events)}
    user, record = told["CreateTopic"]
    assert user == f"Automation-{run}"
    assert record["userIdentity"]["arn"].endswith(f":assumed-role/AIOps-Automation/Automation-{run}")
    assert record["userIdentity"]["invokedBy"] == record["sourceIPAddress"] == "ssm.amazonaws.com"
    _, started = told["StartAutomationExecution"]
    assert started["responseElements"] == {"AutomationExecutionId": run}
