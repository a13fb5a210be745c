"""The config file that the shop's operators would write for the bot, with durations that demo time can shorten."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from sandbox.aws.server import ACCOUNT
from sandbox.pagerduty import cast
from sandbox.shop.catalogue import CLUSTER, ORDERS, RUNBOOKS, STOREFRONT, WEBHOOK, WORKERS
from sandbox.shop.provision import Resources

Json = dict[str, Any]
ANA, BOB, CY, DEE, ON_CALL = "U0ANA", "U0BOB", "U0CY", "U0DEE", "S0ONCALL"
DASHBOARDS = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard"
SENDER = "aiops@shop.example"

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# What the shop does takes as long as ever: an alarm flaps every few seconds, and a storm rises over some ticks.
_FLAPS, _GUST = timedelta(seconds=90), timedelta(seconds=10)
# A rollout, an alarm's way back to OK and some minutes of metrics take their time, and so do people who read a plan.
_RECOVERY, _DECIDING, _ROLLOUT = timedelta(minutes=3), timedelta(seconds=60), timedelta(minutes=3)
_DIGEST = timedelta(minutes=10)  # time to break and heal something that it can tell of


def config(made: Resources, speed: float = 1.0, now: datetime | None = None) -> Json:
    """The whole file. What people and policies wait for is `speed` times shorter, and a second at least.

    The weekly digest comes ten minutes after `now`, and tells of today too.
    """

    def in_time(real: timedelta, least: timedelta = _SECOND) -> str:
        return _written(max(real / speed, least))

    def by_severity(*real: timedelta) -> dict[int, str]:
        return {severity: in_time(each) for severity, each in enumerate(real, 1)}

    return {
        "services": _services(made),
        "accounts": {ACCOUNT: {"alias": "shop"}},
        "topics": dict(made.severity_topics),
        "on_call": {"primary": BOB, "secondary": CY, "team_lead": DEE, "manager": DEE, "commander": ANA},
        "channels": {"invite": [ON_CALL]},
        "paging": {
            "acknowledge": by_severity(5 * _MINUTE, 15 * _MINUTE, _HOUR),
            "secondary": by_severity(5 * _MINUTE, 15 * _MINUTE),
            "update": by_severity(30 * _MINUTE, _HOUR, 4 * _HOUR),
            "team_lead": in_time(15 * _MINUTE),
            "manager": in_time(30 * _MINUTE),
            "commander": in_time(_HOUR),
        },
        "pagerduty": {"service": cast.SHOP, "escalation_policy": cast.SHOP_POLICY, "sender": SENDER},
        "triage": {
            "dedup": in_time(10 * _MINUTE, _FLAPS),
            "group": in_time(30 * _MINUTE),
            "flapping": {"within": in_time(30 * _MINUTE, _FLAPS), "settle": in_time(10 * _MINUTE, _GUST)},
            "storm": {"within": in_time(_MINUTE, _GUST), "calm": in_time(5 * _MINUTE, _GUST)},
        },
        "remediation": {
            "cool_down": in_time(10 * _MINUTE),
            "expires": in_time(10 * _MINUTE, _DECIDING),
            "verify": in_time(15 * _MINUTE, _RECOVERY),
            "timeout": in_time(15 * _MINUTE, _ROLLOUT),
            "role": f"arn:aws:iam::{ACCOUNT}:role/aiops-automation",
            "approvals": [{"service": "payments-*", "people": 1}],
        },
        "post_mortems": {
            "due": in_time(48 * _HOUR),
            "remind": [in_time(24 * _HOUR), in_time(4 * _HOUR)],
        },
        "action_items": {
            "remind": [in_time(72 * _HOUR)],
            "again": in_time(7 * 24 * _HOUR),
            "look": in_time(3 * _MINUTE, _GUST),
        },
        # The demo's people live in many time zones, and whoever looks may do so at night.
        "reminders": {"quiet": "none", "again": in_time(24 * _HOUR)},
        "digest": _digest(now or datetime.now(UTC)),
    }


def _digest(now: datetime) -> Json:
    due = now + _DIGEST
    return {"day": f"{due:%a}".lower(), "at": f"{due:%H:%M}", "time_zone": "UTC", "until": "now"}


def write(made: Resources, file: Path, speed: float = 1.0) -> Path:
    file.write_text(yaml.safe_dump(config(made, speed), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file


def _services(made: Resources) -> dict[str, Json]:
    def service(name: str, owner: str, dimensions: dict[str, str], **more: Any) -> Json:
        shown = {"dashboard": f"{DASHBOARDS}/{name}", "runbook": f"{RUNBOOKS}/{name}"}
        return {"owner": owner, "dimensions": dimensions, **shown, **more}

    def in_ecs(name: str, **more: Any) -> Json:
        return {"cluster": CLUSTER, "ecs_service": name, "log_groups": [f"/ecs/{name}"], **more}

    failover = {"AIOps-RDSFailover": {"TopicArn": made.severity_topics[1]}}
    checkout = {"ServiceName": "checkout-api", "TargetGroup": "targetgroup/checkout-api/*"}
    berlin = {"time_zone": "Europe/Berlin"}
    return {
        "checkout-api": service(
            "checkout-api",
            "Team Checkout",
            checkout,
            slo={"target": 99.9, "name": "availability"},
            responders=[BOB, CY],
            **in_ecs("checkout-api", max_tasks=8),
        )
        | berlin,
        "search-api": service(
            "search-api",
            "Team Discovery",
            {"Service": "search-api"},
            slo={"target": 99.5, "metric": "*latency*"},
            **in_ecs("search-api", max_tasks=6),
        ),
        "payments-worker": service(
            "payments-worker",
            "Team Payments",
            {"QueueName": "payments-work*"},
            slo={"target": 99.95},
            responders=[CY],
            **in_ecs("payments-worker", dead_letter_queue="payments-work-dlq"),
        )
        | berlin,
        "catalog-db": service("catalog-db", "Team Platform", {"DBInstanceIdentifier": "catalog-db"}),
        WEBHOOK: service(WEBHOOK, "Team Checkout", {"FunctionName": WEBHOOK}, function=WEBHOOK, alias="live"),
        WORKERS: service(WORKERS, "Team Platform", {"AutoScalingGroupName": WORKERS}, auto_scaling_group=WORKERS),
        "storefront": service("storefront", "Team Web", {"LoadBalancer": STOREFRONT}, distribution=made.distribution),
        ORDERS: service(ORDERS, "Team Platform", {"DBClusterIdentifier": ORDERS}, database=ORDERS, runbooks=failover),
    }


def _written(span: timedelta) -> str:
    """`1h30m`, as the config file has it; parts of a second are left out."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n)
