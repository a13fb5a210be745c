"""The runbooks in scripts/ssm: nothing in them that AWS would refuse, no way that leads nowhere or takes too long."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.aws.automation.document import API, ASSERT, BRANCH, WAIT, Document, DocumentError, parse
from tests.ssm_checks import actions, pattern_takes, problems, seconds

FOLDER = Path("scripts/ssm")
PATHS = sorted(FOLDER.glob("*.yml"))
READS = ("Describe", "Get", "List")
CHANGES = {
    "AIOps-InvalidateCFCache": {"cloudfront:CreateInvalidation"},
    "AIOps-PurgeSQSDLQ": {"sqs:StartMessageMoveTask"},
    "AIOps-RDSFailover": {"rds:RebootDBInstance", "rds:FailoverDBCluster", "sns:Publish"},
    "AIOps-RestartECSService": {"ecs:UpdateService"},
    "AIOps-RotateLambdaAlias": {"lambda:UpdateAlias"},
    "AIOps-ScaleOutEC2ASG": {"autoscaling:SetDesiredCapacity"},
}
Json = dict[str, Any]


def read(name: str) -> Document:
    return parse((FOLDER / f"{name}.yml").read_text())


def test_there_are_six_runbooks() -> None:
    assert [path.stem for path in PATHS] == sorted(CHANGES)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_nothing_is_wrong_with_it(name: str) -> None:
    assert problems(read(name)) == []


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_every_runbook_has(name: str) -> None:
    document = read(name)
    assert document.assume_role == "{{ AutomationAssumeRole }}"
    assert document.parameters["AutomationAssumeRole"].is_required
    dry_run = document.parameters["DryRun"]
    assert (dry_run.type, dry_run.allowed_values, dry_run.default) == ("String", ["true", "false"], "false")
    assert {step.action for step in document.main_steps} <= {API, ASSERT, BRANCH, WAIT}
    assert "By hand:" in document.description
    assert len(document.description) <= 1024
    assert seconds(document, document.main_steps[0].name) <= 900
    before, after = ([o for o in document.outputs if word in o] for word in ("Before.", "After."))
    assert before
    assert after


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_it_changes_one_thing(name: str) -> None:
    changing = {a for a in actions(read(name)) if not a.split(":")[1].startswith(READS)}
    assert changing == CHANGES[name]


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_no_parameter_lets_a_text_of_its_own_in(name: str) -> None:
    for parameter in read(name).parameters.values():
        for text in ("", "a b", "{{ DryRun }}", "x\ny", "$(id)", "a;b", 'a"b'):
            assert parameter.allowed_values or not pattern_takes(parameter, text)


def test_a_role_is_a_role() -> None:
    role = read("AIOps-RestartECSService").parameters["AutomationAssumeRole"]
    assert pattern_takes(role, "arn:aws:iam::123456789012:role/aiops/AIOps-RestartECSService")
    assert pattern_takes(role, "arn:aws-us-gov:iam::123456789012:role/AIOps")
    assert not pattern_takes(role, "arn:aws:iam::123456789012:user/ana")


# What the checks find


def planted(change: Json, step: str = "ReadBefore") -> str:
    """A runbook of ours with one step changed."""
    raw = yaml.safe_load((FOLDER / "AIOps-RestartECSService.yml").read_text())
    found = next(s for s in raw["mainSteps"] if s["name"] == step)
    for name, value in change.items():
        if name == "inputs":
            found["inputs"] |= value
        elif value is None:
            del found[name]
        else:
            found[name] = value
    return yaml.safe_dump(raw)


@pytest.mark.parametrize(
    ("change", "step", "problem"),
    [
        ({"inputs": {"Api": "DescribeService"}}, "ReadBefore", "no operation DescribeService"),
        ({"inputs": {"Cluster": "x"}}, "ReadBefore", "has no Cluster"),
        ({"inputs": {"services": "{{ Service }}"}}, "ReadBefore", "takes a list"),
        ({"inputs": {"forceNewDeployment": "true"}}, "ForceNewDeployment", "takes a boolean"),
        ({"inputs": {"service": "{{ Servise }}"}}, "ForceNewDeployment", "stands for nothing"),
        ({"inputs": {"service": "{{ ReadAfter.DeploymentId }}"}}, "ForceNewDeployment", "may not be there yet"),
        ({"inputs": {"PropertySelector": "$.services[0].state"}}, "RequireActive", "answers nothing at"),
        ({"inputs": {"PropertySelector": "$.services.status"}}, "RequireActive", "answers nothing at"),
        ({"outputs": [{"Name": "X", "Selector": "$.services[*].status"}]}, "ReadAfter", "finds many"),
        ({"outputs": [{"Name": "X", "Selector": "$.failures", "Type": "Integer"}]}, "ReadAfter", "is a list"),
        ({"nextStep": "ReadAfter"}, "ReadBefore", "RequireActive: cannot be reached"),
        ({"nextStep": None}, "ReadBefore", "needs either nextStep or isEnd"),
        ({"onFailure": None}, "ReadBefore", "does not say what happens onFailure"),
        ({"onFailure": "step:ReadAfter"}, "WaitForDeployment", "does not say whether that counts"),
        ({"timeoutSeconds": None}, "ReadBefore", "has no timeoutSeconds"),
        ({"timeoutSeconds": 900}, "WaitForDeployment", "may take"),
    ],
)
def test_a_planted_mistake_is_found(change: Json, step: str, problem: str) -> None:
    assert any(problem in found for found in problems(parse(planted(change, step))))


@pytest.mark.parametrize(
    ("change", "step", "problem"),
    [
        ({"nextStep": "Nowhere"}, "ReadBefore", "leads to Nowhere"),
        ({"nextStep": "ReadBefore", "isEnd": False}, "ReadAfter", "lead back"),
        ({"onFailure": "Retry"}, "ReadBefore", "pattern"),
        ({"action": "aws:executeScript"}, "ReadBefore", "not run here"),
        ({"next": "ReadAfter"}, "ReadBefore", "Extra inputs"),
        ({"name": "RequireActive"}, "ReadBefore", "same name"),
        ({"inputs": {"DesiredValues": []}}, "RequireActive", "at least 1"),
        ({"inputs": {"Choices": [{"NextStep": "ReadAfter"}]}}, "ChooseWhetherToRestart", "no condition"),
        ({"outputs": [{"Name": "X", "Selector": "services"}]}, "ReadBefore", "pattern"),
        ({"outputs": [{"Name": "X", "Selector": "$.a", "Type": "Text"}]}, "ReadBefore", "String"),
    ],
)
def test_what_is_no_document_is_refused(change: Json, step: str, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        parse(planted(change, step))
