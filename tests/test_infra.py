"""The template of `infra/`: that it can be made and deployed, and what is in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from infra import build
from sandbox.aws.server import AwsServer
from tests.stack import ACCOUNT, EVERYTHING, NAME, PSEUDO, REGION, Stack, conditions, references, template

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "tests" / "fixtures"
RUNBOOKS = sorted(path.stem for path in (ROOT / "scripts" / "ssm").glob("*.yml"))
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:aiops-alerts"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def usual() -> Stack:
    return Stack()


@pytest.fixture(scope="module")
def whole() -> Stack:
    return Stack(**EVERYTHING)


# -- how it is made


def test_it_can_be_made(tmp_path: Path) -> None:
    said: list[str] = []
    assert build.main(["--check"], said.append) == 0
    assert build.main(["--output", str(tmp_path / "made" / "template.json")], said.append) == 0
    made = json.loads((tmp_path / "made" / "template.json").read_text(encoding="utf-8"))
    assert "Fn::Transform" not in json.dumps(made), "nothing is left to include"
    assert made == template()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    include = '{"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "gone.yml"}}}'
    source = tmp_path / "template.yml"
    source.write_text(f"Resources:\n  A: {{Type: T, Properties: {include}}}\n", encoding="utf-8")
    with pytest.raises(build.BuildError, match=r"gone\.yml"):
        build.build(source)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("assumeRole: ''\nparameters: {AutomationAssumeRole: {type: String}}", "must have assumeRole"),
        ("assumeRole: '{{ AutomationAssumeRole }}'\nparameters: {}", "no parameter AutomationAssumeRole"),
    ],
)
def test_a_runbook_that_would_run_as_who_starts_it_is_refused(tmp_path: Path, document: str, problem: str) -> None:
    (tmp_path / "runbook.yml").write_text(document, encoding="utf-8")
    include = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "runbook.yml"}}}
    resources = {
        "ADocument": {"Type": "AWS::SSM::Document", "Properties": {"Name": "A", "Content": include}},
        "ARole": {"Type": "AWS::IAM::Role"},
    }
    source = tmp_path / "template.yml"
    source.write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    with pytest.raises(build.BuildError, match=problem):
        build.build(source)


@pytest.mark.parametrize("is_built", [False, True], ids=["source", "built"])
def test_cfn_lint_finds_nothing(tmp_path: Path, is_built: bool) -> None:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed", exc_type=ImportError)
    path = build.SOURCE
    if is_built:
        path = tmp_path / "template.json"
        path.write_text(build.rendered(template()), encoding="utf-8")
    run = "import sys; from cfnlint.runner import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", run, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


# -- what is in it


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["usual", "everything"])
def test_every_reference_leads_somewhere(options: Mapping[str, str]) -> None:
    stack = Stack(**options)
    there = set(stack.resources) | set(template()["Parameters"]) | set(PSEUDO)
    unresolved = re.findall(r"\$\{[^}]*\}", json.dumps([stack.resources, stack.outputs]))
    assert set(unresolved) <= {"${ApprovalTable}", "${AlertBus}"}, "which the state machine's substitutions fill"
    if options:
        assert set(references([template()["Resources"], template()["Outputs"]])) <= there | {"AWS::NoValue"}


def test_no_parameter_and_no_condition_is_idle() -> None:
    used = set(references([template()[part] for part in ("Conditions", "Resources", "Outputs")]))
    assert set(template()["Parameters"]) <= used
    assert set(template()["Conditions"]) == set(conditions([template()["Resources"], template()["Outputs"]]))


def test_every_parameter_has_a_default_and_a_place_on_the_form() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template()["Parameters"])
    assert all("Default" in each and each["Description"] for each in template()["Parameters"].values())


def test_the_names_of_the_first_document(usual: Stack) -> None:
    assert {each["Name"] for each in usual.of_type("AWS::Events::EventBus").values()} == {
        "aiops-alerts",
        "aiops-deployments",
    }
    assert {each["TableName"] for each in usual.of_type("AWS::DynamoDB::Table").values()} == {
        "AlertDeduplication",
        "Incidents",
        "AutoRemediationApproval",
    }
    assert usual.properties("RemediationOrchestrator")["StateMachineName"] == "RemediationOrchestrator"
    assert {each["Name"] for each in usual.of_type("AWS::SSM::Document").values()} == set(RUNBOOKS)


def test_the_tables(usual: Stack) -> None:
    tables = usual.of_type("AWS::DynamoDB::Table")
    for table in tables.values():
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["SSESpecification"]["SSEEnabled"]
        assert table["BillingMode"] == "PAY_PER_REQUEST"
    lives = {
        each["TableName"]: each.get("TimeToLiveSpecification", {}).get("AttributeName") for each in tables.values()
    }
    assert lives == {"AlertDeduplication": "expires_at", "Incidents": None, "AutoRemediationApproval": "delete_at"}
    assert usual.resources["IncidentsTable"]["DeletionPolicy"] == "Retain"


def test_the_queue_is_as_the_operations_page_wants_it(usual: Stack) -> None:
    queue, dead = usual.properties("AlertQueue"), usual.properties("AlertDeadLetterQueue")
    assert queue["VisibilityTimeout"] >= 60
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": f"{QUEUE}-dlq", "maxReceiveCount": 5}
    assert queue["MessageRetentionPeriod"] == dead["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"]
    assert dead["SqsManagedSseEnabled"]


def test_a_topic_for_each_severity_mails_whom_the_parameter_names(usual: Stack, whole: Stack) -> None:
    for severity in (1, 2, 3, 4):
        assert "Subscription" not in usual.properties(f"Sev{severity}Topic")
        address = f"sev{severity}@example.com"
        assert whole.properties(f"Sev{severity}Topic")["Subscription"] == [{"Protocol": "email", "Endpoint": address}]
    assert usual.properties("AlarmTopic")["Subscription"] == [{"Protocol": "sqs", "Endpoint": QUEUE}]


def test_alarms_about_the_bot_reach_people_without_it(usual: Stack) -> None:
    for name in ("DeadLettersAlarm", "BotAwayAlarm", "OrchestratorTimedOutAlarm"):
        assert usual.arn("Sev1Topic") in usual.properties(name)["AlarmActions"]


def test_sample_alarms_are_named_as_the_bot_reads_them(usual: Stack, whole: Stack) -> None:
    named = {each["AlarmName"] for each in whole.of_type("AWS::CloudWatch::Alarm").values()}
    samples = {f"prod-checkout-api-{end}" for end in ("cpu-medium", "memory-critical", "tasks-critical")}
    assert samples <= named
    assert not samples & {each["AlarmName"] for each in usual.of_type("AWS::CloudWatch::Alarm").values()}


def test_the_dashboard_shows_what_is_there(usual: Stack) -> None:
    body = json.loads(usual.properties("Dashboard")["DashboardBody"])
    shown = json.dumps(body)
    alarms = next(widget for widget in body["widgets"] if widget["type"] == "alarm")["properties"]["alarms"]
    assert set(alarms) == {usual.arn(name) for name in usual.of_type("AWS::CloudWatch::Alarm")}
    assert all(name in shown for name in ("aiops-alerts-dlq", "RemediationOrchestrator", usual.name("BotLogGroup")))


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_is_its_file_and_runs_in_its_role(usual: Stack, name: str) -> None:
    logical = name.removeprefix("AIOps-")
    made = usual.properties(f"{logical}Document")["Content"]
    role = made["parameters"]["AutomationAssumeRole"].pop("default")
    try:
        assert role == usual.arn(f"{logical}Role")
        pattern = made["parameters"]["AutomationAssumeRole"].get("allowedPattern", ".*")
        assert re.fullmatch(pattern, role), "the document must take its own default"
        assert made == yaml.safe_load((ROOT / "scripts" / "ssm" / f"{name}.yml").read_text(encoding="utf-8"))
    finally:
        made["parameters"]["AutomationAssumeRole"]["default"] = role


# -- on a local AWS


def fixture(name: str) -> Json:
    event: Json = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return event


SKIPPED_BY_MOTO = {
    "AWS::CloudWatch::Alarm",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::IAM::InstanceProfile",
    "AWS::Lambda::Permission",
}


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    pytest.importorskip("openapi_spec_validator", reason="moto's CloudFormation needs openapi-spec-validator")
    with AwsServer() as server:
        yield server


@pytest.fixture(scope="module")
def deployed(aws: AwsServer) -> Json:
    cloudformation = boto3.client("cloudformation", **aws.credentials())
    cloudformation.create_stack(
        StackName=NAME,
        TemplateBody=build.rendered(template()),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": "Sev1Email", "ParameterValue": "ana@example.com"}],
    )
    (stack,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    found: Json = stack
    return found


@pytest.mark.filterwarnings("ignore:Tried to parse")
def test_it_deploys(aws: AwsServer, deployed: Json, usual: Stack) -> None:
    assert deployed["StackStatus"] == "CREATE_COMPLETE"
    described = boto3.client("cloudformation", **aws.credentials()).describe_stack_resources(StackName=NAME)
    made = {each["LogicalResourceId"] for each in described["StackResources"] if "LogicalResourceId" in each}
    expected = {name for name, each in usual.resources.items() if each["Type"] not in SKIPPED_BY_MOTO}
    assert expected <= made
    assert {each["OutputKey"] for each in deployed["Outputs"]} == set(usual.outputs)


@pytest.mark.filterwarnings("ignore:Tried to parse")
def test_what_is_published_and_announced_lands_on_the_queue(aws: AwsServer, deployed: Json) -> None:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in deployed["Outputs"]}
    sqs = boto3.client("sqs", **aws.credentials())
    url = sqs.get_queue_url(QueueName="aiops-alerts")["QueueUrl"]
    boto3.client("sns", **aws.credentials()).publish(TopicArn=outputs["AlarmTopicArn"], Message="an alarm")
    sent = [
        ("aiops-deployments", fixture("deployment_announced_failed")),
        ("aiops-alerts", fixture("foreign_alert_created")),
        ("aiops-alerts", fixture("own_alert_created")),
        ("default", fixture("ecs_deployment_failed")),
    ]
    entries = [
        {
            "EventBusName": bus,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        for bus, event in sent
    ]
    assert boto3.client("events", **aws.credentials()).put_events(Entries=entries)["FailedEntryCount"] == 0
    bodies: list[Json] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        bodies += [json.loads(message["Body"]) for message in found]
    assert sorted(body.get("detail-type") or body["Message"] for body in bodies) == [
        "AlertCreated",
        "Deployment",
        "ECS Deployment State Change",
        "an alarm",
    ]


# -- its page


def test_the_page_names_every_parameter_and_output() -> None:
    page = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")
    for name in (*template()["Parameters"], *template()["Outputs"]):
        assert f"`{name}`" in page, name


def test_outputs_are_named_as_the_variables_that_take_them() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")))
    spelled = {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() for name in template()["Outputs"]}
    assert {"ALERT_QUEUE_URL", "ALERT_BUS_NAME", "AWS_REGION"} <= spelled & documented
