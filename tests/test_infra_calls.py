"""What the bot was seen to call while it looked for causes and changed things, held against its role."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.config import Config
from bot.integrations.aws.analyst import LambdaAnalyst
from bot.integrations.aws.baselines import CloudWatchBaselines
from bot.integrations.aws.clients import Clients
from bot.integrations.aws.evidence import collectors
from bot.integrations.aws.fixes import RunAs
from bot.models import Action, Remediation, Source
from bot.ports import Gathered, Scope
from bot.resources import Resources
from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.server import ACCOUNT, BOT_KEY, REGION, AwsServer
from sandbox.shop.catalogue import CLUSTER, LOAD_BALANCER
from sandbox.shop.shop import Shop
from tests.bot.aws import credentials
from tests.bot.test_evidence_live import ALARM
from tests.bot.test_fixes import WEB, fix, kept
from tests.bot.test_fixes_runbooks import DEAD, HOOK, WORKERS, Account
from tests.bot.test_rca_answer import BUSY
from tests.iam import Request, Verdict, evaluate, recorded_calls
from tests.stack import Stack

RCA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:aiops-platform-rca"
ORDERS = Resources(account=ACCOUNT, region=REGION, database="orders")
UNDO = "0b0f6d1e-2b6e-4b52-9d3a-3f1a5c1f7a11"
EVIDENCE = {
    *("cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage", "cloudtrail:LookupEvents"),
    *("logs:StartQuery", "logs:GetQueryResults", "xray:GetTraceSummaries", "health:DescribeEvents"),
    *("ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:DescribeServiceRevisions"),
    *("ecs:DescribeTaskDefinition", "ecs:ListTasks", "ecs:DescribeTasks"),
}
FIXES = {
    *("ecs:UpdateService", "ecs:StopTask", "ecs:ListTaskDefinitions", "ecs:DescribeServices"),
    *("lambda:GetAlias", "lambda:ListVersionsByFunction", "lambda:UpdateAlias", "cloudfront:GetDistribution"),
    *("ssm:DescribeDocument", "ssm:StartAutomationExecution", "ssm:GetAutomationExecution"),
    *("ssm:StopAutomationExecution", "autoscaling:DescribeAutoScalingGroups", "sqs:GetQueueUrl"),
    *("sqs:GetQueueAttributes", "rds:DescribeDBClusters", "rds:DescribeDBInstances"),
}
Json = dict[str, Any]


def tags(resource: str) -> Mapping[str, str]:
    """Operators tag what may be changed (infra/README.md)."""
    return {"aiops:managed": "true"} if resource.startswith(("arn:aws:ecs:", "arn:aws:lambda:")) else {}


def spoken(request: Request) -> str:
    return f"{request.action} {request.resource}"


def held(server: AwsServer, cluster: str) -> set[str]:
    """The actions that were recorded; each call must be allowed by the role of a bot for this cluster."""
    policies = Stack(EcsCluster=cluster, RcaFunctionArn=RCA).policies("BotRole")
    requests = recorded_calls(server.log.since(caller=BOT_KEY), tags)
    refused = {spoken(each) for each in requests if evaluate(policies, each) is not Verdict.ALLOWED}
    assert refused == set()
    return {each.action for each in requests}


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with credentials(tmp_path_factory.mktemp("aws")):
        yield


# -- evidence


def look(shop: Shop, clients: Clients) -> list[Gathered]:
    """All sources, of a service that was just broken by a deployment."""
    now = utc(CLOCK.now())
    at = Resources(
        account=ACCOUNT,
        region=REGION,
        cluster=CLUSTER,
        ecs_service="checkout-api",
        load_balancer=LOAD_BALANCER,
        log_groups=("/ecs/checkout-api",),
    )
    began = now - timedelta(minutes=4)
    scope = Scope("checkout-api", at, ALARM, began, began - timedelta(minutes=15), now)
    query = "fields @timestamp, @message | filter @message like /ERROR/ | limit 100"
    sources = collectors(clients, lambda: now, lambda *_: [], lambda *_: None, query)
    return [source.collect(scope) for source in sources]


def test_looking_for_causes_asks_for_nothing_that_is_not_allowed() -> None:
    with AwsServer() as server, Shop(server) as shop, closing(Clients(REGION, server.url)) as clients:
        shop.provision()
        shop.run(2)
        shop.break_it("bad-deploy")
        shop.run(4)
        asked = {each.asked.source: each.asked.calls for each in look(shop, clients)}
        assert set(asked) == set(Source) - {Source.ALARM}, "all of them looked; the alarm is known"
        assert all(asked.values())
        service = {"cluster": CLUSTER, "ecs_service": "checkout-api"}
        config = Config.model_validate({"services": {"checkout-api": service}})
        CloudWatchBaselines(clients, config, lambda: datetime.now(UTC)).learn("checkout-api", lambda done, of: None)
        LambdaAnalyst(clients, RCA, 5.0)(BUSY)
        seen = held(server, CLUSTER)
    assert seen >= EVIDENCE | {"lambda:InvokeFunction", "cloudwatch:DescribeAlarms"}, EVIDENCE - seen


# -- fixes


@pytest.fixture
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with AwsServer(speed=120.0) as server, closing(Account(server)) as account:
            account.more = {"run_as": RunAs(Stack().arn("PurgeSQSDLQRole"))}
            yield account


def database(account: Account) -> str:
    """A cluster of two instances; the topic that is told of a failover."""
    rds = account.shop("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="orders",
        Engine="aurora-postgresql",
        MasterUsername="shop",
        MasterUserPassword="not-a-secret",
    )
    for letter in "ab":
        rds.create_db_instance(
            DBInstanceIdentifier=f"orders-{letter}",
            DBClusterIdentifier="orders",
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )
    return str(account.shop("sns").create_topic(Name="sev1")["TopicArn"])


def distribution(account: Account) -> str:
    origin = {
        "Id": "alb",
        "DomainName": "shop.example",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    made = account.shop("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "shop",
            "Comment": "shop",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "alb", "ViewerProtocolPolicy": "redirect-to-https"},
        }
    )
    return str(made["Distribution"]["Id"])


def plans(account: Account) -> Iterator[Remediation]:
    """One of each action and runbook, each on what was made for it."""
    account.serve().deploy("web:v2")
    account.function(versions=4)
    account.group()
    account.queues()
    topic = database(account)
    edge = Resources(account=ACCOUNT, region=REGION, distribution=distribution(account))
    runbooks: list[tuple[str, Resources, Json]] = [
        ("AIOps-RestartECSService", WEB, {}),
        ("AIOps-ScaleOutEC2ASG", WORKERS, {}),
        ("AIOps-PurgeSQSDLQ", DEAD, {}),
        ("AIOps-RotateLambdaAlias", HOOK, {}),
        ("AIOps-RDSFailover", ORDERS, {"TopicArn": topic}),
        ("AIOps-RDSFailover", ORDERS._replace(database="orders-b"), {"TopicArn": topic}),
        ("AIOps-InvalidateCFCache", edge, {}),
    ]
    actions = [(Action.ROLLBACK, WEB), (Action.SCALE_UP, WEB), (Action.RESTART, WEB), (Action.ROLLBACK, HOOK)]
    for action, where in actions:
        yield account.plan(action, where)
    for name, where, parameters in runbooks:
        yield account.plan(Action.RUNBOOK, where, runbook=name, parameters=parameters)


def carried_out(account: Account, number: int, asked: Remediation) -> None:
    """Rehearsed, begun, looked at, planned back where that can be, and let go of."""
    one = fix(asked.order, asked.plan, number, f"5f0f6d1e-2b6e-4b52-9d3a-{number:012d}")
    account.aws_fixes().rehearse(one)
    done, progress = account.carry_out(one)[0], account.fixes.follow(one)
    assert progress.said
    if done.plan.undo:
        account.fixes.undo(done)
    account.fixes.stop(kept(done, progress))


def test_changing_things_asks_for_nothing_that_is_not_allowed(account: Account) -> None:
    for number, asked in enumerate(plans(account), 1):
        carried_out(account, number, asked)
    for where in (WEB, HOOK):
        account.fixes.choices(where)
    seen = held(account.server, "prod")
    assert seen >= FIXES, FIXES - seen
    documents = {
        each["resources"]["DocumentName"]
        for each in account.server.log.since(caller=BOT_KEY, operation="StartAutomationExecution")
    }
    assert len(documents) == 6, "all runbooks ran"


def test_a_call_that_nobody_allowed_would_be_seen() -> None:
    """The same look at a log with one more call in it."""
    call = {"action": "ecs:DeleteService", "region": REGION, "resources": {"cluster": "prod", "service": "web"}}
    (request,) = recorded_calls([json.loads(json.dumps(call))], tags)
    assert evaluate(Stack(EcsCluster="prod").policies("BotRole"), request) is not Verdict.ALLOWED
