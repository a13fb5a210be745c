"""What all sources of evidence have in common."""

from __future__ import annotations

import logging

import pytest
from botocore.exceptions import ReadTimeoutError

from bot.errors import SettingsError
from bot.integrations.aws.evidence import collectors
from bot.models import Source
from bot.resources import Resources
from tests.bot.looking import (
    ACCOUNT,
    DENIED,
    EVERYTHING,
    FAILED,
    NOT_PERMITTED,
    NOTHING,
    OFF,
    QUERY,
    Aws,
    Json,
    gather,
    heard_nothing,
    no_baseline,
    of,
    refused,
    scope,
    told,
)
from tests.bot.make import NOW

EACH = {
    Source.METRICS: ("get_metric_data", "cloudwatch:GetMetricData"),
    Source.PICTURE: ("get_metric_widget_image", "cloudwatch:GetMetricWidgetImage"),
    Source.LOGS: ("start_query", "logs:StartQuery"),
    Source.TRACES: ("get_trace_summaries", "xray:GetTraceSummaries"),
    Source.CHANGES: ("lookup_events", "cloudtrail:LookupEvents"),
    Source.HEALTH: ("describe_events", "health:DescribeEvents"),
    Source.DEPLOYMENTS: ("describe_services", "ecs:DescribeServices"),
}
by_source = pytest.mark.parametrize("source", EACH)


def test_every_source_of_aws_has_a_collector() -> None:
    made = collectors(Aws(), lambda: NOW, heard_nothing, no_baseline, QUERY)
    assert [each.source for each in made] == list(EACH)


@by_source
def test_what_is_denied_is_named(source: Source) -> None:
    operation, _ = EACH[source]
    found = gather(source, Aws(**{operation: DENIED}))
    assert told(found) == (NOT_PERMITTED, "x:DoIt on arn:aws:x:::it")
    assert found.asked.link.startswith("https://")
    plain = gather(source, Aws(**{operation: refused("AccessDenied", "no")}))
    assert plain.asked.outcome is NOT_PERMITTED
    assert EACH[source][1] in plain.asked.why


@by_source
def test_throttled_and_timed_out_are_failures_with_their_reason(source: Source) -> None:
    operation, action = EACH[source]
    throttled = gather(source, Aws(**{operation: refused("ThrottlingException", "Rate exceeded")}), seconds=0.3)
    assert throttled.asked.outcome is FAILED
    assert "asked too often (ThrottlingException)" in throttled.asked.why
    late = ReadTimeoutError(endpoint_url="https://aws.example")
    timed_out = gather(source, Aws(**{operation: late}))
    assert told(timed_out) == (FAILED, f"no answer in time: {action}: ReadTimeoutError at aws.example")
    broken = gather(source, Aws(**{operation: refused("InternalError", "<html>\noops", 500)}))
    assert broken.asked.outcome is FAILED
    assert "\n" not in broken.asked.why


GARBAGE: Json = {
    "get_metric_data": {"MetricDataResults": [{"Id": "x"}]},
    "get_metric_widget_image": {"MetricWidgetImage": 7},
    "start_query": {},
    "get_trace_summaries": {"TraceSummaries": [None]},
    "lookup_events": {"Events": [{"EventName": "UpdateService"}]},
    "describe_events": {"events": [{"statusCode": "open"}]},
    "describe_services": {"services": [{"deployments": [{}]}]},
}


@by_source
def test_garbage_is_a_failure_too(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    operation, _ = EACH[source]
    found = gather(source, Aws(**{operation: GARBAGE[operation]}))
    assert found.asked.outcome is FAILED
    assert "can't be read" in found.asked.why
    assert caplog.records[-1].levelno == logging.WARNING


@by_source
def test_an_empty_answer_is_nothing(source: Source) -> None:
    aws = Aws(start_query=[{"queryId": "1"}, {"queryId": "2"}], get_query_results={"status": "Complete"})
    found = gather(source, aws)
    assert found.asked.outcome is NOTHING
    assert found.asked.why
    assert not found.values


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        (Source.METRICS, "name where checkout-api runs in the catalogue"),
        (Source.PICTURE, "name where checkout-api runs in the catalogue"),
        (Source.LOGS, "no log group is known: name log_groups of checkout-api in the catalogue"),
        (Source.DEPLOYMENTS, "no ECS service is known: name cluster and ecs_service of checkout-api"),
    ],
)
def test_without_resources_it_says_what_the_catalogue_lacks(source: Source, lacks: str) -> None:
    aws = Aws()
    found = gather(source, aws, scope(Resources(), alarm=None))
    assert found.asked.outcome is OFF
    assert lacks in found.asked.why
    assert found.asked.link == ""
    assert not aws.asked


@by_source
def test_the_wait_for_an_answer_is_bounded_by_the_deadline(source: Source) -> None:
    aws = Aws(start_query=[{"queryId": "1"}, {"queryId": "2"}], get_query_results={"status": "Complete"})
    gather(source, aws, seconds=3.5)
    waits = {(each["read_timeout"], each["attempts"]) for each in aws.made if each["service"] != "sts"}
    assert waits == {(3.5, 1)}


@by_source
def test_after_the_deadline_nothing_is_asked(source: Source) -> None:
    aws = Aws()
    found = gather(source, aws, scope(EVERYTHING._replace(account="")), seconds=0)
    assert found.asked.outcome is FAILED
    assert "the time was over" in found.asked.why
    assert not aws.asked


def test_a_service_of_another_account_is_not_looked_for_in_ours() -> None:
    aws = Aws()
    sources = collectors(aws, lambda: NOW, heard_nothing, no_baseline, QUERY)
    answers = [each.collect(scope(EVERYTHING._replace(account="999999999999"))).asked for each in sources]
    assert {each.outcome for each in answers} == {OFF}
    assert answers[0].why == f"checkout-api runs in account 999999999999; the bot sees only {ACCOUNT}"
    assert aws.names() == ["get_caller_identity"], "asked once for all"


def test_without_an_answer_of_sts_it_looks_all_the_same() -> None:
    aws = Aws(get_caller_identity=ReadTimeoutError(endpoint_url="https://sts.example"))
    source = of(Source.HEALTH, aws)
    assert source.collect(scope()).asked.outcome is NOTHING
    assert source.collect(scope()).asked.calls == 1, "and does not ask it again at once"


def test_without_a_region_it_is_the_bots_own_or_told_as_missing() -> None:
    aws = Aws()
    gather(Source.HEALTH, aws, scope(EVERYTHING._replace(region="")))
    assert aws.calls("describe_events")[0]["filter"]["regions"] == ["eu-west-1", "global"]

    class Nowhere(Aws):
        @property
        def region(self) -> str:
            raise SettingsError("AWS_REGION is not set")

    found = gather(Source.HEALTH, Nowhere(), scope(EVERYTHING._replace(region="")))
    assert told(found) == (FAILED, "AWS_REGION is not set")
