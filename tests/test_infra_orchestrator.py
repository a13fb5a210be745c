"""RemediationOrchestrator: that its states hang together, and what it does when it runs."""

from __future__ import annotations

import copy
import json
import logging
import re
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.aws.server import AwsServer
from tests.iam import Request, is_allowed, recorded_calls, tagged
from tests.stack import ACCOUNT, NAME, REGION, Stack

ROOT = Path(__file__).parents[1]
MACHINE: dict[str, Any] = json.loads((ROOT / "infra" / "remediation-orchestrator.asl.json").read_text(encoding="utf-8"))
STACK = Stack()

Json = dict[str, Any]

# -- how its states hang together

FIELDS = {
    "Pass": {"Parameters", "InputPath", "ResultPath", "Next"},
    "Task": {
        *("Resource", "Parameters", "ResultSelector", "ResultPath"),
        *("TimeoutSeconds", "Retry", "Catch", "Next"),
    },
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "Next"},
    "Succeed": set(),
    "Fail": {"ErrorPath", "CausePath"},
}
WITHOUT_TIMES = ("dynamodb:getItem",)
"""Tasks whose whole result may be kept: it has no times, which can't be passed on as JSON."""


def exits(state: Json) -> list[str]:
    """Where a state may lead."""
    found = [state[key] for key in ("Next", "Default") if key in state]
    return found + [each["Next"] for key in ("Choices", "Catch") for each in state.get(key, [])]


def reachable(machine: Json, start: str, without: frozenset[str] = frozenset()) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found | without:
            found.add(name)
            waiting += exits(machine["States"].get(name, {}))
    return found


def faults(machine: Json) -> list[str]:
    """What is wrong with a state machine, as far as it can be seen without running it."""
    states = machine["States"]
    found = [f"{name} is never reached" for name in set(states) - reachable(machine, machine["StartAt"])]
    if not 0 < machine.get("TimeoutSeconds", 0) <= 900:
        found.append("the limit is not 15 minutes or less")
    if machine.get("QueryLanguage", "JSONPath") != "JSONPath":
        found.append("not JSONPath")
    for name, state in states.items():
        found += [f"{name}: {fault}" for fault in faults_of(state, states)]
    waits = frozenset(name for name, state in states.items() if state["Type"] == "Wait")
    for name in set(states) - waits:
        after = {each for exit_ in exits(states[name]) for each in reachable(machine, exit_, waits)}
        if name in after:
            found.append(f"{name} comes again without a wait")
    return sorted(found)


def faults_of(state: Json, states: Json) -> Iterator[str]:
    kind = state["Type"]
    if unknown := set(state) - FIELDS[kind] - {"Type", "Comment"}:
        yield f"unknown fields {sorted(unknown)}"
    for name in exits(state):
        if name not in states:
            yield f"there is no {name}"
    if kind in ("Pass", "Task", "Wait") and "Next" not in state:
        yield "leads nowhere"
    if kind == "Choice" and "Default" not in state:
        yield "has no default"
    if kind == "Task":
        yield from faults_of_task(state)


def faults_of_task(state: Json) -> Iterator[str]:
    caught = [error for each in state.get("Catch", []) for error in each["ErrorEquals"]]
    if "States.ALL" not in caught[-1:]:
        yield "does not catch everything"
    if not state.get("Retry"):
        yield "does not try again"
    if not 0 < state.get("TimeoutSeconds", 0) <= 30:
        yield "may take too long"
    is_selected = "ResultSelector" in state or ("ResultPath" in state and state["ResultPath"] is None)
    if not is_selected and not state["Resource"].endswith(WITHOUT_TIMES):
        yield "passes on times"
    if any("ResultPath" not in each for each in state.get("Catch", [])):
        yield "loses what it had when something fails"


def test_nothing_is_wrong_with_it() -> None:
    assert faults(MACHINE) == []


@pytest.mark.parametrize(
    ("state", "change", "fault"),
    [
        ("Poll", {"Next": "Gone"}, "Poll: there is no Gone"),
        ("Poll", {"Catch": []}, "Poll: does not catch everything"),
        ("Poll", {"Retry": []}, "Poll: does not try again"),
        ("Start", {"TimeoutSeconds": 600}, "Start: may take too long"),
        ("Is it over?", {"Default": "Poll"}, "Poll comes again without a wait"),
        ("Wait", {"Next": "Tell"}, "Poll is never reached"),
        ("Tell", {"HeartbeatSeconds": 5}, "Tell: unknown fields ['HeartbeatSeconds']"),
    ],
)
def test_the_check_sees_faults(state: str, change: Json, fault: str) -> None:
    machine = copy.deepcopy(MACHINE)
    machine["States"][state] |= change
    assert fault in faults(machine)


def test_an_unselected_result_and_a_missing_default_are_seen() -> None:
    machine = copy.deepcopy(MACHINE)
    del machine["States"]["Poll"]["ResultSelector"]
    del machine["States"]["Is it known?"]["Default"]
    assert {"Poll: passes on times", "Is it known?: has no default"} <= set(faults(machine))


def test_it_knows_the_runbooks() -> None:
    known = {each["StringEquals"] for each in MACHINE["States"]["Is it known?"]["Choices"]}
    assert known == {path.stem for path in (ROOT / "scripts" / "ssm").glob("*.yml")}


def test_its_placeholders_are_filled_and_no_others() -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", json.dumps(MACHINE)))
    assert wanted == set(STACK.properties("RemediationOrchestrator")["DefinitionSubstitutions"])


def test_it_gives_up_in_time_to_stop_and_tell() -> None:
    """What each call takes comes on top of the waits: half a second is much."""
    limit = next(each for each in MACHINE["States"]["Is it over?"]["Choices"] if "NumericGreaterThanEquals" in each)
    polls, pause = limit["NumericGreaterThanEquals"], MACHINE["States"]["Wait"]["Seconds"]
    assert polls * pause >= 12 * 60
    assert polls * (pause + 0.5) + 30 <= MACHINE["TimeoutSeconds"]


def test_only_a_refusal_or_a_start_follows_the_question_of_approval() -> None:
    before = reachable(MACHINE, MACHINE["StartAt"], frozenset({"Start"}))
    assert "Poll" not in before
    entries = {name for name in before if "Start" in exits(MACHINE["States"][name])}
    assert entries == {"Did a person approve?", "Name the approver"}


# -- what it does: the real machine on the local AWS, with shorter waits

RUNBOOK, QUEUE, DEAD = "AIOps-PurgeSQSDLQ", "payments-work", "payments-work-dlq"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{NAME}-PurgeSQSDLQRole"
PATIENCE = 30.0
POLLS = 4


def machine(states: Any, polls: int) -> str:
    """RemediationOrchestrator, with short waits; it gives up after so many polls."""
    text = json.dumps(MACHINE)
    for name, value in STACK.properties("RemediationOrchestrator")["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", value)
    definition = json.loads(text)
    definition["States"]["Wait"]["Seconds"] = 1
    for choice in definition["States"]["Is it over?"]["Choices"]:
        if "NumericGreaterThanEquals" in choice:
            choice["NumericGreaterThanEquals"] = polls
    made = states.create_state_machine(
        name="RemediationOrchestrator", definition=json.dumps(definition), roleArn=STACK.arn("OrchestratorRole")
    )
    return str(made["stateMachineArn"])


def approvals(dynamodb: Any) -> None:
    """The table AutoRemediationApproval, empty."""
    table = STACK.properties("AutoRemediationApprovalTable")
    dynamodb.create_table(
        **{key: table[key] for key in ("TableName", "KeySchema", "AttributeDefinitions", "BillingMode")}
    )


class Account:
    """An account with a queue, its dead letters, the runbook that brings them back, and the orchestrator."""

    def __init__(self, aws: AwsServer) -> None:
        self.aws = aws
        self.sqs, self.states, self.table = (self.client(name) for name in ("sqs", "stepfunctions", "dynamodb"))
        dead = self._queue(DEAD)
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD}"
        self.work = self._queue(QUEUE, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}))
        self.dead = dead
        self._tell_queue()
        approvals(self.table)
        content = json.dumps(STACK.properties("PurgeSQSDLQDocument")["Content"])
        self.client("ssm").create_document(Name=RUNBOOK, DocumentType="Automation", Content=content)
        self.machine = machine(self.states, POLLS)

    def client(self, service: str) -> Any:
        return boto3.client(service, **self.aws.credentials("sandbox-ana"))

    def _queue(self, name: str, **attributes: str) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def _tell_queue(self) -> None:
        """Where the rule RemediationFinished puts the bot's news."""
        self.news = self._queue("aiops-alerts")
        events, rule = self.client("events"), STACK.properties("RemediationFinishedRule")
        events.create_event_bus(Name="aiops-alerts")
        bus = {"EventBusName": "aiops-alerts"}
        events.put_rule(Name="finished", EventPattern=json.dumps(rule["EventPattern"]), **bus)
        events.put_targets(Rule="finished", Targets=rule["Targets"], **bus)

    def approve(self, expires_at: str, **more: str) -> None:
        said = {"runbook": RUNBOOK, "service": "payments", "expires_at": expires_at, "approved_by": "U0ANA"} | more
        item = {name: {"S": value} for name, value in said.items() if value}
        self.table.put_item(TableName="AutoRemediationApproval", Item=item)

    def disapprove(self) -> None:
        key = {"runbook": {"S": RUNBOOK}, "service": {"S": "payments"}}
        self.table.delete_item(TableName="AutoRemediationApproval", Key=key)

    def control(self, **given: Any) -> None:
        data = json.dumps(given).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.aws.url}/sandbox-aws/automation", data)).close()

    def run(self, **given: Any) -> tuple[Json, Json]:
        """Start it, wait for its end; the execution and what the bus was told."""
        usual = {
            "remediation_id": str(uuid.uuid4()),
            "document": RUNBOOK,
            "parameters": {"QueueUrl": [self.dead]},
            "service": "payments",
        }
        started = self.states.start_execution(
            stateMachineArn=self.machine, name=str(uuid.uuid4()), input=json.dumps(usual | given)
        )
        deadline = time.monotonic() + PATIENCE
        while (found := self.states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "it does not end"
            time.sleep(0.05)
        (event,) = self.taken(self.news)
        assert (event["source"], event["detail-type"]) == ("aiops.alerts", "RemediationFinished")
        return found, event["detail"]

    def taken(self, url: str) -> list[Json]:
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def execute_machines(aws: AwsServer, is_on: bool) -> None:
    data = json.dumps({"stepfunctions": {"execute_state_machine": is_on}}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{aws.url}/moto-api/config", data, headers)).close()


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, AwsServer() as aws:
        patch.setenv("MOTO_PORT", aws.url.rpartition(":")[2])  # where moto's own machine makes its calls
        execute_machines(aws, True)
        try:
            yield Account(aws)
        finally:
            execute_machines(aws, False)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """moto reports every Fail state as an error."""
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("moto.stepfunctions").setLevel(logging.NOTSET)


def operations(account: Account, since: int) -> set[str]:
    return {call["operation"] for call in account.aws.log.since(since, service="ssm")}


def test_an_approved_runbook_runs_and_is_told(account: Account) -> None:
    account.approve("2099-01-01T00:00:00Z")
    account.sqs.send_message(QueueUrl=account.dead, MessageBody='{"payment": 1}')
    execution, told = account.run(incident="INC-42", approved_by="somebody else")
    assert execution["status"] == "SUCCEEDED"
    assert account.taken(account.work) == [{"payment": 1}], "the dead letter is back"
    remediation = told["remediation"]
    assert (told["version"], told["producer"]) == ("1", "aiops-orchestrator")
    assert (remediation["status"], remediation["reason"]) == ("Success", "")
    assert remediation["approvedBy"] == "U0ANA", "as the table says"
    assert (remediation["incident"], remediation["service"]) == ("INC-42", "payments")
    assert remediation["stateMachineExecution"] == execution["executionArn"]
    found = account.client("ssm").get_automation_execution(AutomationExecutionId=remediation["automationExecution"])
    assert found["AutomationExecution"]["AutomationExecutionStatus"] == "Success"


def test_the_runbook_stays_within_its_role(account: Account) -> None:
    """Whatever the automation was seen to call, its role allows."""
    account.run(approval_id="AP-1")
    calls = account.aws.log.since(caller=f"sandbox-automation.{ROLE.rpartition('/')[2]}")
    requests = recorded_calls(calls, lambda _: {"aiops:managed": "true"})
    assert requests
    assert [each for each in requests if not is_allowed(STACK.policies("PurgeSQSDLQRole"), each)] == []


@pytest.mark.parametrize(
    "approval",
    [
        None,
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00Z", "service": "search"},
        {"expires_at": "2099-01-01T00:00:00Z", "runbook": "AIOps-RDSFailover"},
        {"expires_at": "2099-01-01T00:00:00Z", "approved_by": ""},
        {"expires_at": "2099-01-01T00:00:00+14:00"},
        {"expires_at": "for ever"},
        {"expires_at": ""},
    ],
    ids=str,
)
def test_without_an_approval_that_counts_nothing_runs(account: Account, approval: dict[str, str] | None) -> None:
    account.disapprove()
    if approval:
        account.approve(**approval)
    before = account.aws.log.n
    execution, told = account.run()
    assert (execution["status"], execution["error"]) == ("FAILED", "Refused")
    assert told["remediation"]["status"] == "Refused"
    assert "no approval" in told["remediation"]["reason"]
    assert "StartAutomationExecution" not in operations(account, before)


@pytest.mark.parametrize("service", ["", 5, None])
def test_an_approval_is_for_a_service(account: Account, service: Any) -> None:
    before = account.aws.log.n
    execution, _ = account.run(service=service)
    assert execution["error"] == "Refused"
    assert "StartAutomationExecution" not in operations(account, before)


@pytest.mark.parametrize("approval_id", ["", None, 0, ["AP-1"], {}])
def test_only_an_id_stands_for_a_persons_click(account: Account, approval_id: Any) -> None:
    account.disapprove()
    execution, _ = account.run(approval_id=approval_id)
    assert execution["error"] == "Refused"


def test_a_persons_click_needs_no_entry(account: Account) -> None:
    account.disapprove()
    execution, told = account.run(approval_id="AP-7", approved_by="U0BOB")
    assert execution["status"] == "SUCCEEDED"
    assert (told["remediation"]["approval"], told["remediation"]["approvedBy"]) == ("AP-7", "U0BOB")


def test_another_document_is_refused(account: Account) -> None:
    before = account.aws.log.n
    execution, told = account.run(document="AWS-RunShellScript", approval_id="AP-1")
    assert (execution["error"], told["remediation"]["status"]) == ("Refused", "Refused")
    assert "StartAutomationExecution" not in operations(account, before)


def test_a_runbook_that_fails_is_told(account: Account) -> None:
    gone = account.dead.replace(DEAD, "gone-dlq")
    execution, told = account.run(approval_id="AP-1", parameters={"QueueUrl": [gone]})
    assert (execution["status"], execution["error"]) == ("FAILED", "Failed")
    assert told["remediation"]["reason"] == "the runbook ended as Failed"


def test_a_runbook_that_can_not_be_started_is_told(account: Account) -> None:
    execution, told = account.run(approval_id="AP-1", parameters={"Queue": ["what is that?"]})
    assert execution["error"] == "Failed"
    assert "could not be started" in told["remediation"]["reason"]
    assert told["remediation"]["automationExecution"] == ""


def test_a_runbook_that_hangs_is_stopped(account: Account) -> None:
    account.control(hang=RUNBOOK)
    try:
        execution, told = account.run(approval_id="AP-1")
    finally:
        account.control(release=None)
    assert (execution["status"], execution["error"]) == ("FAILED", "TimedOut")
    assert told["remediation"]["status"] == "TimedOut"
    found = account.client("ssm").get_automation_execution(
        AutomationExecutionId=told["remediation"]["automationExecution"]
    )
    assert found["AutomationExecution"]["AutomationExecutionStatus"] in ("Cancelling", "Cancelled")


def test_asked_for_twice_it_runs_once(account: Account) -> None:
    once = str(uuid.uuid4())
    first, second = (account.run(remediation_id=once, approval_id="AP-1")[1]["remediation"] for _ in range(2))
    assert first["automationExecution"] == second["automationExecution"]


def test_the_orchestrator_stays_within_its_role(account: Account) -> None:
    """Whatever the state machine was seen to call, its role allows; what the runbook calls, it does not."""
    start = account.aws.log.n
    account.run(approval_id="AP-1")
    actions = ("ssm:StartAutomationExecution", "ssm:GetAutomationExecution", "events:PutEvents")
    seen = [call for call in account.aws.log.since(start) if call["action"] in actions]
    requests = recorded_calls(seen)
    assert {request.action for request in requests} == set(actions)
    policies = STACK.policies("OrchestratorRole")
    assert [request for request in requests if not is_allowed(policies, request)] == []
    move = Request("sqs:StartMessageMoveTask", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD}", tagged(aiops_managed="true"))
    assert not is_allowed(policies, move)
