"""X-Ray and AWS Health as evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.models import Source
from bot.signals import Alarm
from tests.bot.looking import (
    BEGAN,
    DENIED,
    EVERYTHING,
    FOUND,
    NOTHING,
    OFF,
    Aws,
    Json,
    gather,
    refused,
    scope,
    told,
)
from tests.bot.make import NOW

# -- traces


def summary(seconds: float = 0.1, *, fault: bool = False, slowed_by: str = "", broken: str = "") -> Json:
    own = {"Name": "checkout-api", "EntityPath": [{"Name": "checkout-api", "Coverage": 1.0}]}
    slow = {"Name": slowed_by, "EntityPath": [{"Name": slowed_by, "Coverage": 0.9, "Remote": True}]}
    failed = {"Name": broken, "EntityPath": [{"Name": broken, "Remote": True}]}
    return {
        "ResponseTime": seconds,
        "HasFault": fault,
        "HasError": False,
        "HasThrottle": False,
        "ResponseTimeRootCauses": [{"Services": [own, slow] if slowed_by else [own]}],
        "FaultRootCauses": [{"Services": [own, failed] if broken else [own]}] if fault else [],
    }


def test_traces_tell_what_failed_and_what_it_waited_for() -> None:
    pages = [
        {"TraceSummaries": [summary(4, slowed_by="catalog-db")] * 12, "TracesProcessedCount": 400, "NextToken": "2"},
        {"TraceSummaries": [summary(fault=True, broken="payments")] * 3, "TracesProcessedCount": 100},
    ]
    aws = Aws(get_trace_summaries=pages)
    found = gather(Source.TRACES, aws).values["traces"]
    assert (found.total, found.faults, found.p99) == (500, 3, 4)
    assert found.downstream == (("catalog-db", "slow in 12 traces"), ("payments", "failed in 3 traces"))
    first, second = aws.calls("get_trace_summaries")
    wanted = '(service("checkout-api")) AND (fault OR error OR throttle OR responsetime > 1)'
    assert (first["FilterExpression"], second["NextToken"]) == (wanted, "2")


def test_pages_of_traces_are_bounded_and_a_latency_alarm_says_what_is_slow() -> None:
    aws = Aws(get_trace_summaries={"TraceSummaries": [summary(1, fault=True)], "NextToken": "on"})
    alarm = Alarm(name="slow", namespace="AWS/ApplicationELB", metric="TargetResponseTime", threshold=2.5)
    about = scope(EVERYTHING._replace(ecs_service='we"b'), alarm, NOW - timedelta(hours=8))
    found = gather(Source.TRACES, aws, about._replace(began_at=NOW - timedelta(hours=7)))
    assert told(found) == (FOUND, "there are more traces than were read")
    asked = aws.calls("get_trace_summaries")
    assert len(asked) == 5
    expression = '(service("checkout-api") OR service("we\\"b")) AND (fault OR error OR throttle OR responsetime > 2.5)'
    assert asked[0]["FilterExpression"] == expression
    assert asked[0]["StartTime"] == NOW - timedelta(hours=3)


def test_without_traces_it_says_whether_there_are_any() -> None:
    assert told(gather(Source.TRACES, Aws())) == (NOTHING, "no traces of checkout-api")
    healthy = Aws(get_trace_summaries={"TraceSummaries": [], "TracesProcessedCount": 80})
    assert told(gather(Source.TRACES, healthy)) == (NOTHING, "80 traces, none of checkout-api failed or was slow")


# -- health


def issue(code: str = "AWS_ECS_OPERATIONAL_ISSUE", scope_code: str = "PUBLIC", **more: Any) -> Json:
    return {"arn": f"arn:aws:health:::event/{code}", "service": "ECS", "eventTypeCode": code,
            "eventScopeCode": scope_code, "statusCode": "open", "startTime": BEGAN, **more}  # fmt: skip


def test_health_tells_open_issues_ours_first() -> None:
    ours = issue("AWS_ECS_TASK_RETIREMENT", "ACCOUNT_SPECIFIC")
    other = issue("AWS_EC2_INSTANCE_RETIREMENT", "ACCOUNT_SPECIFIC", service="EC2")
    old = issue("AWS_ECS_OLD", statusCode="closed", endTime=NOW - timedelta(hours=5))
    aws = Aws(
        describe_events={"events": [issue(), other, old, ours]},
        describe_affected_entities={
            "entities": [
                {"eventArn": ours["arn"], "entityValue": "arn:aws:ecs:eu-west-1:1:service/shop-prod/checkout-api"},
                {"eventArn": other["arn"], "entityValue": "i-0123"},
            ]
        },
    )  # fmt: skip
    found = gather(Source.HEALTH, aws).values["health"]
    assert [(each.title, each.is_ours, each.is_open) for each in found] == [
        ("ECS task retirement", True, True),
        ("ECS operational issue", False, True),
        ("EC2 instance retirement", False, True),
    ]
    assert {region for name, region, _ in aws.asked if name.startswith("describe")} == {"us-east-1"}
    assert aws.calls("describe_affected_entities")[0]["filter"]["eventArns"] == [other["arn"], ours["arn"]]
    denied = gather(Source.HEALTH, Aws(describe_events={"events": [ours]}, describe_affected_entities=DENIED))
    assert told(denied) == (FOUND, "affected resources are not permitted: x:DoIt on arn:aws:x:::it")
    assert denied.values["health"][0].is_ours, "what is about the account is ours until something else is named"


def test_without_the_support_plan_health_is_off() -> None:
    found = gather(Source.HEALTH, Aws(describe_events=refused("SubscriptionRequiredException")))
    assert told(found) == (OFF, "AWS Health needs Business or Enterprise support")
