"""The evaluator of IAM policies in `tests/iam.py`, and how it reads the sandbox's log of calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.iam import Policy, Request, Verdict, evaluate, is_allowed, recorded_calls
from tests.stack import ACCOUNT, REGION

SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop-prod/checkout-api"
HOME = "arn:aws:s3:::home/${aws:username}/*"
ANAS = "arn:aws:s3:::home/ana/notes"

Json = dict[str, Any]


def statement(**elements: Any) -> list[Policy]:
    return [{"Statement": {"Effect": "Allow", "Resource": "*", "Action": "*"} | elements}]


@pytest.mark.parametrize(
    ("elements", "action", "resource", "is_so"),
    [
        ({"Action": "ecs:Describe*"}, "ecs:DescribeServices", "*", True),
        ({"Action": "ECS:describe*"}, "ecs:DescribeServices", "*", True),
        ({"Action": ["sqs:*", "sns:Publish"]}, "sns:Subscribe", "*", False),
        ({"Resource": SERVICE.replace("checkout-api", "*")}, "ecs:UpdateService", SERVICE, True),
        ({"Resource": "arn:aws:ecs:*:service/*"}, "ecs:UpdateService", SERVICE, False),
        ({"Resource": ["arn:aws:sqs:*:*:b", "arn:aws:sqs:*:*:a?c"]}, "sqs:SendMessage", "arn:aws:sqs:x:1:abc", True),
        ({"Resource": "arn:aws:sqs:*:*:a?c"}, "sqs:SendMessage", "arn:aws:sqs:x:1:ac", False),
        ({"NotResource": SERVICE}, "ecs:UpdateService", SERVICE, False),
    ],
)
def test_actions_and_resources(elements: Json, action: str, resource: str, is_so: bool) -> None:
    assert is_allowed(statement(**elements), Request(action, resource)) is is_so


@pytest.mark.parametrize(
    ("condition", "context", "is_so"),
    [
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False),
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringLike": {"K": "prod-*"}}, {"k": "prod-x"}, True),
        ({"ArnLike": {"k": f"arn:aws:ecs:*:{ACCOUNT}:service/*"}}, {"k": SERVICE}, True),
        ({"ArnLike": {"k": "arn:aws:ecs:*"}}, {"k": SERVICE}, False),
        ({"Bool": {"k": "false"}}, {"k": "false"}, True),
        ({"Bool": {"k": "false"}}, {}, False),
        ({"Null": {"k": "true"}}, {}, True),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": ["x", "a"]}, True),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": ["x"]}, False),
        ({"ForAnyValue:StringNotEquals": {"k": ["a"]}}, {}, False),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": ["x", "a"]}, False),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {}, True),
        ({"StringEquals": {"k": "a"}, "Bool": {"l": "true"}}, {"k": "a"}, False),
    ],
)
def test_conditions(condition: Json, context: Json, is_so: bool) -> None:
    assert is_allowed(statement(Condition=condition), Request("a:B", context=context)) is is_so


def test_variables() -> None:
    assert is_allowed(statement(Resource=HOME), Request("s3:GetObject", ANAS, {"aws:username": "ana"}))
    assert not is_allowed(statement(Resource=HOME), Request("s3:GetObject", ANAS, {"aws:username": "bob"}))
    assert not is_allowed(statement(Resource=HOME), Request("s3:GetObject", ANAS))


def test_principals() -> None:
    policy = statement(Principal={"Service": ["sns.amazonaws.com", "events.amazonaws.com"]})
    assert is_allowed(policy, Request("sqs:SendMessage", principal="events.amazonaws.com"))
    assert not is_allowed(policy, Request("sqs:SendMessage", principal="ec2.amazonaws.com"))
    assert not is_allowed(policy, Request("sqs:SendMessage"))


def test_what_is_not_meant_and_what_is_denied() -> None:
    everything_but: list[Policy] = [{"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}]
    assert is_allowed(everything_but, Request("s3:GetObject"))
    assert not is_allowed(everything_but, Request("iam:CreateUser"))
    assert evaluate([], Request("s3:GetObject")) is Verdict.NOT_ALLOWED
    both = statement() + statement(Effect="Deny", Action="s3:*")
    assert evaluate(both, Request("s3:GetObject")) is Verdict.DENIED


@pytest.mark.parametrize("elements", [{"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, {"Actoin": "*"}])
def test_what_is_not_known_is_refused(elements: Json) -> None:
    with pytest.raises(NotImplementedError):
        evaluate(statement(**elements), Request("a:B", context={"aws:SourceIp": "10.0.0.1"}))


CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c"
QUEUE_URL = f"http://localhost:4566/{ACCOUNT}/aiops-alerts"


@pytest.mark.parametrize(
    ("action", "resources", "expected"),
    [
        ("sqs:DeleteMessageBatch", {"QueueUrl": QUEUE_URL}, ["sqs:DeleteMessage aiops-alerts"]),
        ("sqs:StartMessageMoveTask", {"SourceArn": f"arn:aws:sqs:x:{ACCOUNT}:q"}, ["sqs:StartMessageMoveTask q"]),
        (
            "cloudfront:GetInvalidation",
            {"DistributionId": "EDF", "Id": "I2J"},
            ["cloudfront:GetInvalidation distribution/EDF"],
        ),
        ("rds:FailoverDBCluster", {"DBClusterIdentifier": "c"}, ["rds:FailoverDBCluster cluster:c"]),
        ("rds:DescribeDBClusters", {"DBClusterIdentifier": "c"}, ["rds:DescribeDBClusters *"]),
        ("lambda:Invoke", {"FunctionName": "rca"}, ["lambda:InvokeFunction function:rca"]),
        ("ecs:UpdateService", {"cluster": CLUSTER, "service": "s"}, ["ecs:UpdateService service/c/s"]),
        (
            "ecs:DescribeServices",
            {"cluster": "c", "services": ["a", "b"]},
            ["ecs:DescribeServices service/c/a", "ecs:DescribeServices service/c/b"],
        ),
        ("ecs:StopTask", {"cluster": "c", "task": f"{CLUSTER[:-9]}task/c/0a1b"}, ["ecs:StopTask task/c/0a1b"]),
        ("ecs:ListTaskDefinitions", {"familyPrefix": "web"}, ["ecs:ListTaskDefinitions *"]),
        (
            "ssm:StartAutomationExecution",
            {"DocumentName": "AIOps-RDSFailover"},
            ["ssm:StartAutomationExecution document/AIOps-RDSFailover"],
        ),
        ("logs:StartQuery", {"logGroupNames": ["/ecs/a"]}, ["logs:StartQuery log-group:/ecs/a"]),
        ("dynamodb:TransactGetItems", {"TableName": ["Incidents"]}, ["dynamodb:GetItem table/Incidents"]),
        ("sts:GetCallerIdentity", {}, []),
        ("xray:GetTraceSummaries", {}, ["xray:GetTraceSummaries *"]),
    ],
)
def test_a_recorded_call_is_read_as_iam_would(action: str, resources: Json, expected: list[str]) -> None:
    log = [{"action": action, "region": REGION, "resources": resources}] * 2
    requests = recorded_calls(log)
    assert [f"{each.action} {each.resource.split(f'{ACCOUNT}:')[-1]}" for each in requests] == expected


def test_a_recorded_call_has_the_tags_of_what_it_is_about() -> None:
    log = [{"action": "ecs:UpdateService", "region": REGION, "resources": {"cluster": "shop-prod", "service": name}}
           for name in ("checkout-api", "search-api")]  # fmt: skip
    tags = {SERVICE: {"aiops:managed": "true"}}
    found = recorded_calls(log, lambda arn: tags.get(arn, {}))
    assert [dict(each.context) for each in found] == [{"aws:ResourceTag/aiops:managed": "true"}, {}]
