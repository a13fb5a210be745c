"""All sources against the AWS of the sandbox, with the shop broken in it; what an investigation asks and costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.integrations.aws.clients import Clients
from bot.integrations.aws.evidence import QUERY, collectors, price
from bot.models import LogClass, Measure, Source, SourceOutcome
from bot.ports import Gathered, Scope
from bot.queries import queries
from bot.resources import Resources
from bot.signals import Alarm, Deployment
from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.server import ACCOUNT, BOT_KEY, REGION, AwsServer
from sandbox.shop.catalogue import CLUSTER, LOAD_BALANCER
from sandbox.shop.shop import Shop
from tests.bot.aws import credentials

PAGE = Path("docs/runbooks/cloudwatch-insights-queries.md")
ALARM = Alarm(
    name="prod-checkout-api-5xx-critical",
    account=ACCOUNT,
    region=REGION,
    namespace="AWS/ApplicationELB",
    metric="HTTPCode_Target_5XX_Count",
    statistic="Sum",
    threshold=50,
    dimensions=(("LoadBalancer", LOAD_BALANCER), ("TargetGroup", "targetgroup/checkout-api/73e2d6bc24d8a067")),
)
Found = Mapping[Source, Gathered]


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with credentials(tmp_path_factory.mktemp("aws")):
        yield


@pytest.fixture(scope="module")
def shop(environment: None) -> Iterator[Shop]:
    with AwsServer() as server, Shop(server) as shop:
        shop.provision()
        yield shop


@pytest.fixture(scope="module")
def clients(shop: Shop) -> Iterator[Clients]:
    with closing(Clients(REGION, shop.server.url)) as clients:
        yield clients


@pytest.fixture
def investigate(shop: Shop, clients: Clients) -> Iterator[Callable[..., Found]]:
    """Breaks the shop, lets some minutes go by, and asks all sources side by side."""

    def now() -> datetime:
        return utc(CLOCK.now())

    def look(scenario: str, service: str, ticks: int, alarm: Alarm | None = None) -> Found:
        shop.run(2)
        began = now()
        shop.break_it(scenario)
        shop.run(ticks)
        at = Resources(
            account=ACCOUNT,
            region=REGION,
            cluster=CLUSTER,
            ecs_service=service,
            load_balancer=LOAD_BALANCER if alarm else "",
            log_groups=(f"/ecs/{service}",),
        )
        scope = Scope(service, at, alarm, began, began - timedelta(minutes=1), now())
        query = queries(PAGE.read_text())[QUERY]
        sources = collectors(clients, now, heard_nothing, no_baseline, query)
        with ThreadPoolExecutor(len(sources)) as pool:
            return {each.asked.source: each for each in pool.map(lambda source: source.collect(scope), sources)}

    yield look
    shop.server.faults.clear()
    shop.heal_all()
    shop.run(3)


def heard_nothing(service: str, since: datetime) -> Sequence[Deployment]:
    return []


def no_baseline(service: str, key: str, at: datetime) -> tuple[float, float] | None:
    return None


def outcomes(found: Found) -> dict[Source, SourceOutcome]:
    return {source: each.asked.outcome for source, each in found.items()}


def test_a_bad_deployment_leaves_traces_everywhere(investigate: Callable[..., Found]) -> None:
    found = investigate("bad-deploy", "checkout-api", 4, ALARM)
    expected = dict.fromkeys(found, SourceOutcome.FOUND) | {Source.HEALTH: SourceOutcome.NOTHING}
    assert outcomes(found) == expected, {each.asked.why for each in found.values()}
    readings = {each.measure: each for each in reversed(found[Source.METRICS].values["readings"])}
    assert readings[Measure.ERRORS].now > 100
    assert readings[Measure.ERRORS].threshold == 50
    (line,) = [each for each in found[Source.LOGS].values["logs"] if "currency" in each.pattern]
    assert (line.kind, line.before) == (LogClass.EXCEPTION, 0)
    assert "example.com" not in line.sample
    assert found[Source.TRACES].values["traces"].faults > 0
    made = next(iter(found[Source.DEPLOYMENTS].values["changes"]))
    assert (made.before, made.after) == ("checkout-api:2", "checkout-api:3")
    assert "+ variable FEATURE_X" in made.what
    update = next(each for each in found[Source.CHANGES].values["changes"] if each.what == "UpdateService")
    assert (update.by, update.service, update.after) == ("ci-deployer", "checkout-api", "checkout-api:3")
    assert found[Source.PICTURE].picture.startswith(b"\x89PNG")


def test_tasks_that_are_killed_are_counted(investigate: Callable[..., Found]) -> None:
    found = investigate("memory-leak", "search-api", 25)
    assert found[Source.METRICS].values["stopped"] > 0
    assert {each.kind for each in found[Source.LOGS].values["logs"]} >= {LogClass.MEMORY}


def test_a_denied_source_is_named_and_the_others_answer(shop: Shop, investigate: Callable[..., Found]) -> None:
    shop.server.faults.add({"service": "cloudtrail", "kind": "error", "times": None})
    shop.server.faults.add({"service": "xray", "kind": "throttle", "times": None})
    found = investigate("bad-deploy", "checkout-api", 3, ALARM)
    assert found[Source.CHANGES].asked.outcome is SourceOutcome.NOT_PERMITTED
    assert "cloudtrail:LookupEvents" in found[Source.CHANGES].asked.why
    assert found[Source.TRACES].asked.outcome is SourceOutcome.FAILED
    assert found[Source.METRICS].asked.outcome is SourceOutcome.FOUND


def test_what_an_investigation_asks_and_costs(shop: Shop, investigate: Callable[..., Found]) -> None:
    """Per 1,000 investigations, with 1 GB of logs in the window and the hour before, and 2,000 traces."""
    seen = shop.server.log.n
    found = investigate("bad-deploy", "checkout-api", 3, ALARM)
    actions = Counter(each["action"] for each in shop.server.log.since(seen, caller=BOT_KEY))
    assert sum(actions.values()) == sum(each.asked.calls for each in found.values())
    units: dict[str, float] = {**actions, "logs:StartQuery": 1.0, "xray:GetTraceSummaries": 2000.0}
    units |= {"cloudwatch:GetMetricData": 7.0, "cloudwatch:GetMetricWidgetImage": 1.0}
    dollars = 1000 * price(units)
    print(f"\n{sum(actions.values())} calls: {dict(actions)}; {dollars:.2f} $ per 1,000 investigations")
    assert sum(actions.values()) <= 30
    assert dollars < 10
