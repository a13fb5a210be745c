"""What is broken in the shop leaves evidence in AWS, and ends with the fix, whoever applies it with plain AWS calls."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.server import AwsServer
from sandbox.shop.catalogue import CLUSTER
from sandbox.shop.shop import Shop

Json = dict[str, Any]
TICKS = 30


class Bot:
    """The bot's own clients: what it may see and do."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._made: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._made:
            self._made[service] = boto3.client(service, **self.shop.server.credentials())
        return self._made[service]

    def close(self) -> None:
        for client in self._made.values():
            client.close()

    def service(self, name: str) -> Json:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"]
        return dict(found)

    def update(self, name: str, **change: Any) -> None:
        self.ecs.update_service(cluster=CLUSTER, service=name, **change)

    def revisions(self, family: str) -> list[str]:
        return list(self.ecs.list_task_definitions(familyPrefix=family, sort="DESC")["taskDefinitionArns"])

    def tasks(self, name: str, status: str = "RUNNING") -> list[Json]:
        arns = self.ecs.list_tasks(cluster=CLUSTER, serviceName=name, desiredStatus=status)["taskArns"]
        return list(self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]) if arns else []

    def lines(self, service: str, *words: str) -> list[str]:
        """Log lines of the last hour with these words."""
        since = int((CLOCK.now() - 3600) * 1000)
        found = self.logs.filter_log_events(logGroupName=f"/ecs/{service}", startTime=since)["events"]
        return [e["message"] for e in found if all(w in e["message"] for w in words)]

    def average(self, name: str, key: str, minutes: int = 1) -> float:
        metric = self.shop.world.metric(f"{name}/{key}")
        end = utc(CLOCK.now() + 1)
        found = self.cloudwatch.get_metric_statistics(
            Namespace=metric.namespace,
            MetricName=metric.name,
            Dimensions=metric.aws_dimensions,
            StartTime=end - timedelta(minutes=minutes),
            EndTime=end,
            Period=60 * minutes,
            Statistics=["Average"],
        )
        return float(found["Datapoints"][-1]["Average"])


@pytest.fixture(scope="module")
def open_shop() -> Iterator[Shop]:
    with AwsServer() as server, Shop(server) as shop:
        shop.provision()
        yield shop


@pytest.fixture
def shop(open_shop: Shop) -> Iterator[Shop]:
    yield open_shop
    open_shop.heal_all()
    until(open_shop, lambda: all(s.state == "fine" for s in open_shop.scenarios.values()))
    open_shop.run()


@pytest.fixture
def bot(shop: Shop) -> Iterator[Bot]:
    bot = Bot(shop)
    yield bot
    bot.close()


def until(shop: Shop, what: Callable[[], Any]) -> None:
    for _ in range(TICKS):
        if what():
            return
        shop.run()
    raise AssertionError("it did not happen")


def broken(shop: Shop, name: str) -> None:
    """All of its alarms are off."""
    shop.break_it(name)
    scenario = shop.scenarios[name]
    until(shop, lambda: len(scenario.firing()) == len(scenario.alarms))


def healed(shop: Shop, name: str) -> None:
    until(shop, lambda: shop.scenarios[name].state == "fine")
    assert {a.state for a in shop.server.alarms()} == {"OK"}


def test_a_rollback_ends_a_bad_deployment(shop: Shop, bot: Bot) -> None:
    before = bot.service("checkout-api")["taskDefinition"]
    broken(shop, "bad-deploy")
    bad, *_ = bot.revisions("checkout-api")
    assert bot.service("checkout-api")["taskDefinition"] == bad != before
    shown = bot.ecs.describe_task_definition(taskDefinition=bad)["taskDefinition"]
    assert shown["registeredBy"].endswith("user/ci-deployer")
    assert shown["containerDefinitions"][0]["image"] == "registry.example.com/checkout-api:43"
    assert {"name": "FEATURE_X", "value": "on"} in shown["containerDefinitions"][0]["environment"]
    assert bot.lines("checkout-api", "KeyError: 'currency'", "Traceback", "@example.com")
    assert bot.lines("checkout-api", "Authorization: Bearer")
    bot.update("checkout-api", taskDefinition=before)
    healed(shop, "bad-deploy")
    assert bot.average("checkout-api", "errors") < 10
    assert (
        shop.deployer.ecs.describe_services(cluster=CLUSTER, services=["checkout-api"])["services"][0]["taskDefinition"]
        == before
    )


@pytest.mark.parametrize(
    ("scenario", "service"),
    [("cpu-spike", "checkout-api"), ("cpu-errors", "search-api"), ("slow-responses", "checkout-api")],
)
def test_one_more_task_ends_what_is_too_much(shop: Shop, bot: Bot, scenario: str, service: str) -> None:
    broken(shop, scenario)
    bot.update(service, desiredCount=bot.service(service)["desiredCount"] + 1)
    healed(shop, scenario)
    shop.run(2)
    assert bot.average(service, "cpu") < 60


def test_a_restart_ends_a_memory_leak_and_killed_tasks_are_seen(shop: Shop, bot: Bot) -> None:
    broken(shop, "memory-leak")
    until(shop, lambda: bot.tasks("search-api", "STOPPED"))
    (killed, *_) = bot.tasks("search-api", "STOPPED")
    assert killed["containers"][0]["exitCode"] == 137
    assert killed["stoppedReason"].startswith("OutOfMemoryError")
    assert bot.lines("search-api", "OutOfMemoryError")
    shop.run(3)
    assert shop.scenarios["memory-leak"].firing()
    for task in bot.tasks("search-api"):
        bot.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"], reason="restart")
        shop.run()
    healed(shop, "memory-leak")
    assert bot.average("search-api", "memory") < 60


def test_a_new_deployment_ends_a_memory_leak_as_well(shop: Shop, bot: Bot) -> None:
    broken(shop, "memory-leak")
    until(shop, lambda: bot.tasks("search-api", "STOPPED"))
    bot.update("search-api", forceNewDeployment=True)
    healed(shop, "memory-leak")
    shop.run(6)
    assert not shop.scenarios["memory-leak"].firing()
    assert bot.average("search-api", "memory") < 60


def test_a_slow_database_is_not_healed_by_more_tasks(shop: Shop, bot: Bot) -> None:
    broken(shop, "slow-dependency")
    bot.update("checkout-api", desiredCount=8)
    shop.run(4)
    assert "prod-checkout-api-latency-high" in shop.scenarios["slow-dependency"].firing()
    assert bot.lines("checkout-api", "slow query on catalog-db")
    asked = {"StartTime": utc(CLOCK.now() - 300), "EndTime": utc(CLOCK.now() + 1)}
    (trace, *_) = bot.xray.get_trace_summaries(
        **asked, FilterExpression='service("checkout-api") AND responsetime > 3'
    )["TraceSummaries"]
    slow = trace["ResponseTimeRootCauses"][0]["Services"][-1]
    assert slow["Name"] == "catalog-db"
    assert slow["EntityPath"][0]["Coverage"] > 0.8
    bot.update("checkout-api", desiredCount=4)


def test_a_new_deployment_ends_that_nothing_runs(shop: Shop, bot: Bot) -> None:
    broken(shop, "zero-tasks")
    shown = bot.service("payments-worker")
    assert (shown["desiredCount"], shown["runningCount"]) == (2, 0)
    reasons = [t["stoppedReason"] for t in bot.tasks("payments-worker", "STOPPED")]
    assert any("CannotPullContainerError" in r for r in reasons)
    assert any("unable to consistently start tasks" in e["message"] for e in shown["events"])
    bot.update("payments-worker", forceNewDeployment=True)
    healed(shop, "zero-tasks")
    assert bot.service("payments-worker")["runningCount"] == 2


def test_a_few_errors_are_only_in_the_logs_and_end_by_themselves(shop: Shop, bot: Bot) -> None:
    before = len(bot.lines("search-api", "ValueError: no weight for locale"))
    shop.break_it("few-errors")
    until(shop, shop.scenarios["few-errors"].firing)
    healed(shop, "few-errors")
    assert len(bot.lines("search-api", "ValueError: no weight for locale")) - before == 7


def test_moving_dead_letters_back_ends_their_alarm(shop: Shop, bot: Bot) -> None:
    broken(shop, "dlq-filling")
    url = shop.made.work_dlq_url
    arn = bot.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bot.sqs.start_message_move_task(SourceArn=arn)
    healed(shop, "dlq-filling")
    assert shop.depth(shop.made.work_queue_url)["waiting"] == 0


def test_an_aliass_previous_version_ends_a_functions_errors(shop: Shop, bot: Bot) -> None:
    functions = getattr(bot, "lambda")
    named = {"FunctionName": "checkout-webhook", "Name": "live"}
    before = functions.get_alias(**named)["FunctionVersion"]
    broken(shop, "lambda-errors")
    assert functions.get_alias(**named)["FunctionVersion"] != before
    functions.update_alias(**named, FunctionVersion=before)
    healed(shop, "lambda-errors")


def test_workers_storefront_and_database(shop: Shop, bot: Bot) -> None:
    for name in ("busy-workers", "storefront-errors", "database-trouble"):
        broken(shop, name)
    bot.autoscaling.set_desired_capacity(AutoScalingGroupName="batch-workers", DesiredCapacity=5)
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "fix"}
    bot.cloudfront.create_invalidation(DistributionId=shop.made.distribution, InvalidationBatch=batch)
    open_events = bot.health.describe_events(filter={"eventStatusCodes": ["open"]})["events"]
    assert [e["service"] for e in open_events] == ["RDS"]
    bot.rds.failover_db_cluster(DBClusterIdentifier="orders-db")
    for name in ("busy-workers", "storefront-errors", "database-trouble"):
        healed(shop, name)
    assert bot.health.describe_events(filter={"eventStatusCodes": ["open"]})["events"] == []
    bot.autoscaling.set_desired_capacity(AutoScalingGroupName="batch-workers", DesiredCapacity=4)


def test_the_trail_names_who_deployed(shop: Shop, bot: Bot) -> None:
    shop.break_it("bad-deploy")
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "UpdateService"}]
    event = bot.cloudtrail.lookup_events(LookupAttributes=wanted)["Events"][0]
    assert (event["Username"], event["EventSource"]) == ("ci-deployer", "ecs.amazonaws.com")
    assert {"ResourceType": "AWS::ECS::Service", "ResourceName": "checkout-api"} in event["Resources"]
    told = json.loads(event["CloudTrailEvent"])
    assert told["requestParameters"]["taskDefinition"].startswith("arn:aws:ecs:")
    assert abs(event["EventTime"].timestamp() - CLOCK.now()) < 5


def test_two_weeks_are_there_to_be_asked_for(shop: Shop, bot: Bot) -> None:
    metric = shop.world.metric("checkout-api/cpu")
    stat = {
        "Metric": {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": metric.aws_dimensions},
        "Period": 3600,
        "Stat": "p99",
    }
    end = utc(CLOCK.now())
    asked = {"StartTime": end - timedelta(days=14), "EndTime": end}
    queries = [{"Id": "cpu", "MetricStat": stat}, {"Id": "mean", "MetricStat": {**stat, "Stat": "Average"}}]
    tail, mean = bot.cloudwatch.get_metric_data(MetricDataQueries=queries, **asked)["MetricDataResults"]
    assert len(mean["Values"]) >= 14 * 24
    assert 20 < min(mean["Values"]) < 30
    assert 40 < max(mean["Values"]) < 55
    assert all(t >= m for t, m in zip(tail["Values"], mean["Values"], strict=True))
    by_hour = {at.hour: value for at, value in zip(mean["Timestamps"][:24], mean["Values"][:24], strict=True)}
    assert by_hour[15] > by_hour[3]
