"""Which service an alarm is about, and what a card says of it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.catalogue import Catalogue, Place, console_link
from bot.config import Config
from bot.models import Alert, AlertStatus, Severity
from bot.signals import Alarm, AlarmKind
from tests.bot.make import NOW

SERVICES: dict[str, Any] = {
    "checkout": {},
    "checkout-api": {"owner": "team pay", "runbook": "https://runbook.example/checkout"},
    "Order Service": {"environment": "prod"},
    "latency": {},
    "ledger": {"alarms": "legacy-*", "dimensions": {"LoadBalancer": "app/ledger*"}},
}


def place(name: str, tags: dict[str, str] | None = None, **alarm: Any) -> Place:
    config = Config.model_validate({"services": SERVICES, "accounts": {"123456789012": {"environment": "live"}}})
    return Catalogue(config).place(Alarm(name=name, **alarm), tags)


def alert(alarm: Alarm, service: str, **more: Any) -> Alert:
    times = dict.fromkeys(("fired_at", "received_at", "changed_at"), NOW)
    return Alert(number=1, key="k", alarm=alarm, severity=Severity.SEV2, service=service, **times, **more)


@pytest.mark.parametrize(
    ("name", "service", "environment", "is_known"),
    [
        ("prod-checkout-api-latency-critical", "checkout-api", "prod", True),
        ("prod-checkout-latency-critical", "checkout", "prod", True),
        ("PROD_Checkout_API_5xx_High", "checkout-api", "prod", True),
        ("stage-order-service-cpu-low", "Order Service", "prod", True),
        ("prod-checkoutx-latency-high", "checkoutx", "prod", False),
        ("prod-pay-gateway-latency-high", "pay-gateway", "prod", False),
        ("prod-pay-p99-high", "pay", "prod", False),
        ("prod-latency-p99-critical", "latency", "prod", True),
        ("prod-cpu-critical", "cpu", "prod", False),
        ("search-latency-critical", "search", "", False),
        ("prod/search/errors/high", "search", "prod", False),
        ("dev-search", "search", "dev", False),
        ("checkout-api", "checkout-api", "", True),
        ("MyLambdaErrors", "", "", False),
        ("prod", "", "prod", False),
        ("critical", "", "", False),
        ("---", "", "", False),
    ],
)
def test_the_naming_convention(name: str, service: str, environment: str, is_known: bool) -> None:
    found = place(name)
    assert (found.service, found.environment, found.is_known) == (service, environment, is_known)


def test_what_tells_the_service_in_its_order() -> None:
    name = "prod-checkout-api-latency-critical"
    dimension = (("FunctionName", "by-dimension"),)
    tags = {"Service": "by-tag", "Env": "qa"}
    assert place(name, tags, service="by-message", dimensions=dimension).service == "by-message"
    assert place("legacy-thing", tags).service == "ledger"
    assert place(name, tags, dimensions=(("LoadBalancer", "app/ledger/1"),)).service == "ledger"
    assert place(name, tags, dimensions=dimension)[:2] == ("by-tag", "qa")
    assert place(name, {}, dimensions=dimension).service == "checkout-api"
    assert place("whatever", {}, dimensions=dimension).service == "by-dimension"
    assert place("whatever", None).how == "nothing names its service"


def test_a_catalogue_spelling_wins_over_what_a_tag_writes() -> None:
    assert place("x", {"service": "order_service"})[:3] == ("Order Service", "prod", True)


def test_the_account_names_the_environment_where_nothing_else_does() -> None:
    assert place("checkout", account="123456789012").environment == "live"
    assert place("dev-checkout", account="123456789012").environment == "dev"


ABROAD: dict[str, Any] = {
    "ledger-eu": {"alarms": "ledger-*", "account": "123456789012", "region": "eu-west-1", "environment": "prod"},
    "ledger-us": {"alarms": "ledger-*", "account": "123456789012", "region": "us-east-1"},
    "ledger-test": {"dimensions": {"ServiceName": "ledger"}, "account": "210987654321"},
    "archive": {"alarms": "archive-*", "region": "eu-west-1"},
}


@pytest.mark.parametrize(
    ("account", "region", "service"),
    [
        ("123456789012", "eu-west-1", "ledger-eu"),
        ("123456789012", "us-east-1", "ledger-us"),
        ("210987654321", "us-east-1", "ledger-test"),
        ("", "us-east-1", "ledger-us"),
        ("", "", "ledger-eu"),
        ("123456789012", "ap-south-1", "ledger-eu"),
    ],
)
def test_of_services_that_name_an_alarm_alike_the_one_that_runs_there_counts(
    account: str, region: str, service: str
) -> None:
    alarm = Alarm(name="ledger-lag", account=account, region=region, dimensions=(("ServiceName", "ledger"),))
    found = Catalogue(Config.model_validate({"services": ABROAD})).place(alarm, {})
    assert found.service == service


def test_what_runs_elsewhere_is_said_and_does_not_matter_to_the_only_one() -> None:
    catalogue = Catalogue(Config.model_validate({"services": ABROAD}))
    here = catalogue.place(Alarm(name="ledger-lag", account="123456789012", region="us-east-1"), {})
    assert here.how == "config.yml: services.ledger-us names the alarm; ledger-eu as well, but elsewhere"
    assert catalogue.place(Alarm(name="archive-lag", region="us-east-1"), {}).service == "archive"


def test_where_its_service_runs_stands_in_for_what_the_message_leaves_out() -> None:
    accounts = {"123456789012": {"alias": "shop", "environment": "live"}}
    catalogue = Catalogue(Config.model_validate({"services": ABROAD, "accounts": accounts}))
    assert catalogue.place(Alarm(name="ledger-lag", region="us-east-1"), {}).environment == "live"
    silent = catalogue.context(alert(Alarm(name="ledger-lag"), "ledger-us"))
    assert silent.account == "shop (123456789012)"
    assert silent.console == console_link(Alarm(name="ledger-lag", region="us-east-1"))
    told = catalogue.context(alert(Alarm(name="ledger-lag", account="210987654321", region="eu-west-1"), "ledger-us"))
    assert told.account == "210987654321"
    assert told.console == console_link(Alarm(name="ledger-lag", region="eu-west-1"))


def test_a_tag_that_is_empty_names_nothing() -> None:
    assert place("prod-search-latency-high", {"service": "", "app": "finder"}).service == "finder"


@pytest.mark.parametrize(
    ("value", "unit", "metric", "status", "said"),
    [
        (1.4, "Percent", "HTTPCode_5xx", AlertStatus.FIRING, "99.9 %, burning 14×"),
        (0.05, "percent", "HTTPCode_5XX", AlertStatus.FIRING, "99.9 %, burning 0.5×"),
        (14.0, "Count", "HTTPCode_5xx", AlertStatus.FIRING, "99.9 %"),
        (1.4, "Percent", "CPUUtilization", AlertStatus.FIRING, "99.9 %"),
        (None, "Percent", "HTTPCode_5xx", AlertStatus.FIRING, "99.9 %"),
        (1.4, "Percent", "HTTPCode_5xx", AlertStatus.RESOLVED, "99.9 %"),
    ],
)
def test_how_fast_the_error_budget_burns(
    value: float | None, unit: str, metric: str, status: AlertStatus, said: str
) -> None:
    config = Config.model_validate({"services": {"shop": {"slo": {"target": 99.9}}}})
    alarm = Alarm(name="prod-shop-x", unit=unit, metric=metric)
    assert Catalogue(config).context(alert(alarm, "shop", value=value, status=status)).slo == said


@pytest.mark.parametrize(
    ("values", "link"),
    [
        (
            {"name": "a b/ü", "region": "eu-west-1"},
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:alarm/a%20b%2F%C3%BC",
        ),
        (
            {"name": "a", "region": "cn-north-1"},
            "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#alarmsV2:alarm/a",
        ),
        ({"name": "a"}, None),
        ({"name": "a", "region": "eu-west-1", "kind": AlarmKind.CUSTOM}, None),
        ({"name": "a", "url": "https://x.example"}, "https://x.example"),
    ],
)
def test_the_link_to_the_console(values: dict[str, Any], link: str | None) -> None:
    assert console_link(Alarm(**values)) == link


@pytest.mark.parametrize(
    ("entity", "service"),
    [
        ("orders-db", "orders"),
        ("arn:aws:rds:eu-west-1:123456789012:db:orders-db", "orders"),
        ("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/ledger/50dc6c", "ledger"),
        ("arn:aws:ecs:eu-west-1:123456789012:service/shop/checkout-api", "checkout-api"),
        ("i-0abc1234def567890", ""),
        ("arn:", ""),
        ("", ""),
    ],
)
def test_an_aws_health_event_is_about_the_service_whose_resource_it_names(entity: str, service: str) -> None:
    services = {**SERVICES, "orders": {"dimensions": {"DBInstanceIdentifier": "orders-*"}}}
    alarm = Alarm(name="AWS_RDS_OPERATIONAL_ISSUE", kind=AlarmKind.HEALTH, dimensions=(("entity", entity),))
    found = Catalogue(Config.model_validate({"services": services})).place(alarm, {})
    assert (found.service, found.is_known) == (service, bool(service))
