"""What an investigation asks AWS for: who changed what, what AWS itself says, traces, and pictures of metrics."""

import json
import struct
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws import cbor
from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.cloudwatch import widget
from sandbox.aws.identity import key_of
from sandbox.aws.server import AwsServer
from sandbox.aws.xray import filters

Json = dict[str, Any]
ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


class Aws:
    def __init__(self, server: AwsServer) -> None:
        self.server = server
        self._made: list[Any] = []
        self.trail, self.health, self.xray = (self.client(n) for n in ("cloudtrail", "health", "xray"))
        self.cloudwatch = self.client("cloudwatch")

    def client(self, service: str, user: str = "") -> Any:
        keys = self.server.credentials(key_of(user)) if user else self.server.credentials()
        self._made.append(boto3.client(service, config=ONCE, **keys))
        return self._made[-1]

    def close(self) -> None:
        for client in self._made:
            client.close()

    def turn(self, path: str, **body: Any) -> Json:
        request = urllib.request.Request(f"{self.server.url}/sandbox-aws/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            return dict(json.load(answer))

    def looked_up(self, key: str = "", value: str = "", **more: Any) -> list[str]:
        wanted = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]} if key else {}
        return [e["EventName"] for e in self.trail.lookup_events(**wanted, **more)["Events"]]


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture
def aws(server: AwsServer) -> Iterator[Aws]:
    server.reset()
    aws = Aws(server)
    yield aws
    aws.close()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


# CloudTrail


def test_changes_are_written_down_with_who_made_them(aws: Aws) -> None:
    aws.client("sns", "ana").create_topic(Name="pages")
    deployer = aws.client("ecs", "ci-deployer")
    deployer.create_cluster(clusterName="prod")
    deployer.list_clusters()
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="cpu",
        Namespace="N",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    assert aws.looked_up() == ["PutMetricAlarm", "CreateCluster", "CreateTopic"]
    assert aws.looked_up("Username", "ci-deployer") == ["CreateCluster"]
    assert aws.looked_up("Username", "aiops-bot") == ["PutMetricAlarm"]
    assert aws.looked_up("ResourceName", "prod") == ["CreateCluster"]
    assert aws.looked_up("ResourceType", "AWS::CloudWatch::Alarm") == ["PutMetricAlarm"]
    assert aws.looked_up("EventSource", "sns.amazonaws.com") == ["CreateTopic"]
    assert aws.looked_up("ReadOnly", "true") == []
    (event,) = aws.trail.lookup_events(
        LookupAttributes=[{"AttributeKey": "AccessKeyId", "AttributeValue": key_of("ci-deployer")}]
    )["Events"]
    told = json.loads(event["CloudTrailEvent"])
    assert told["requestParameters"] == {"clusterName": "prod"}
    assert told["userIdentity"]["arn"] == "arn:aws:iam::123456789012:user/ci-deployer"
    assert event["EventId"] == told["eventID"]


def test_sts_and_the_trail_call_somebody_by_the_same_name(aws: Aws) -> None:
    aws.client("ecs", "ci-deployer").create_cluster(clusterName="prod")
    aws.client("ecs").create_cluster(clusterName="staging")
    told = [json.loads(each["CloudTrailEvent"]) for each in aws.trail.lookup_events()["Events"]]
    named = {each["requestParameters"]["clusterName"]: each["userIdentity"]["arn"] for each in told}
    assert named == {
        "prod": aws.client("sts", "ci-deployer").get_caller_identity()["Arn"],
        "staging": aws.client("sts").get_caller_identity()["Arn"],
    }
    assert named["staging"].endswith(":assumed-role/aiops-bot/aiops-bot")


def test_what_fails_is_written_down_too_and_secrets_are_not(aws: Aws) -> None:
    with pytest.raises(ClientError):
        aws.client("ecs", "bob").update_service(cluster="none", service="web")
    aws.client("ssm", "bob").put_parameter(Name="key", Value="a-secret", Type="SecureString")
    told = [json.loads(e["CloudTrailEvent"]) for e in aws.trail.lookup_events()["Events"]]
    assert {t["eventName"]: t.get("errorCode") for t in told} == {
        "UpdateService": "ClusterNotFoundException",
        "PutParameter": None,
    }
    assert "a-secret" not in json.dumps(told)


def test_the_trail_has_pages_and_an_end(aws: Aws) -> None:
    start = CLOCK.now()
    for n in range(7):
        aws.turn("trail", source="ecs", name=f"Change{n}", user="ana", parameters={"service": "web"})
        aws.server.advance(60)
    pages = aws.trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 3})
    names = [[e["EventName"] for e in page["Events"]] for page in pages]
    assert [len(n) for n in names] == [3, 3, 1]
    assert names[0][0] == "Change6"
    between = aws.looked_up(StartTime=utc(start + 100), EndTime=utc(start + 200))
    assert between == ["Change3", "Change2"]
    old = aws.turn("trail", source="iam", name="AttachRolePolicy", user="bob", at=start - 7200)
    assert old["ok"]
    assert aws.looked_up()[-1] == "AttachRolePolicy"
    two = [{"AttributeKey": "EventName", "AttributeValue": "a"}] * 2
    assert refused(lambda: aws.trail.lookup_events(LookupAttributes=two)) == "InvalidLookupAttributesException"
    late = {"StartTime": utc(start), "EndTime": utc(start - 60)}
    assert refused(lambda: aws.trail.lookup_events(**late)) == "InvalidTimeRangeException"


# AWS Health


def put_event(aws: Aws, name: str, status: str = "open", service: str = "RDS", *entities: str) -> str:
    arn = f"arn:aws:health:us-east-1::event/{service}/{name}/1"
    aws.turn(
        "health",
        eventArn=arn,
        service=service,
        eventTypeCode=name,
        statusCode=status,
        eventDescription=[{"latestDescription": f"About {name}"}],
        affectedEntities=[{"entityValue": e} for e in entities],
    )
    return arn


def test_health_tells_of_events_and_whom_they_concern(aws: Aws) -> None:
    rds = put_event(aws, "AWS_RDS_ISSUE", "open", "RDS", "orders-db", "catalog-db")
    ecs = put_event(aws, "AWS_ECS_ISSUE", "closed", "ECS")
    found = aws.health.describe_events()["events"]
    assert {e["arn"] for e in found} == {rds, ecs}
    (only,) = aws.health.describe_events(filter={"services": ["RDS"], "eventStatusCodes": ["open"]})["events"]
    assert (only["eventTypeCategory"], only["statusCode"], only["region"]) == ("issue", "open", "us-east-1")
    assert abs(only["startTime"].timestamp() - CLOCK.now()) < 60
    late = {"startTimes": [{"from": utc(CLOCK.now() + 3600)}]}
    assert aws.health.describe_events(filter=late)["events"] == []
    entities = aws.health.describe_affected_entities(filter={"eventArns": [rds]})["entities"]
    assert [(e["entityValue"], e["statusCode"]) for e in entities] == [
        ("orders-db", "IMPAIRED"),
        ("catalog-db", "IMPAIRED"),
    ]
    details = aws.health.describe_event_details(eventArns=[rds, "arn:aws:health:us-east-1::event/X/Y/Z"])
    assert details["successfulSet"][0]["eventDescription"]["latestDescription"] == "About AWS_RDS_ISSUE"
    assert len(details["failedSet"]) == 1
    put_event(aws, "AWS_RDS_ISSUE", "closed", "RDS", "orders-db")
    assert aws.health.describe_events(filter={"eventStatusCodes": ["open"]})["events"] == []
    assert [c["action"] for c in aws.server.log.since(service="health")][-1] == "health:DescribeEvents"


def test_an_account_without_support_may_not_ask_health(aws: Aws) -> None:
    aws.turn("fault", service="health", kind="error", error="SubscriptionRequiredException", message="Upgrade.")
    assert refused(aws.health.describe_events) == "SubscriptionRequiredException"
    assert aws.health.describe_events()["events"] == []


# X-Ray


def segment(name: str, took: float, **more: Any) -> Json:
    start = CLOCK.now() - took
    inner = {"id": "1" * 16, "name": "db", "namespace": "remote", "start_time": start, "end_time": start + took * 0.9}
    number = zlib.crc32(f"{name}{took}{more}".encode())
    return {
        "trace_id": f"1-{int(start):08x}-{number:024x}",
        "id": f"{number:016x}",
        "name": name,
        "start_time": start,
        "end_time": start + took,
        "http": {"request": {"url": "https://x/"}, "response": {"status": 500 if more.get("fault") else 200}},
        "subsegments": [inner],
        **more,
    }


def summaries(aws: Aws, expression: str = "") -> list[Json]:
    span = {"StartTime": utc(CLOCK.now() - 600), "EndTime": utc(CLOCK.now() + 1)}
    given = {"FilterExpression": expression} if expression else {}
    return list(aws.xray.get_trace_summaries(**span, **given)["TraceSummaries"])


def put_traces(aws: Aws) -> None:
    cause = {"exceptions": [{"type": "KeyError", "message": "'currency'"}]}
    documents = [
        segment("web", 0.1),
        segment("web", 3.0),
        segment("web", 0.2, fault=True, cause=cause),
        segment("search", 0.3, error=True),
    ]
    aws.xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(d) for d in documents])


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("", 4),
        ('service("web")', 3),
        ('service("db")', 4),
        ("fault", 1),
        ("fault = true OR error = true", 2),
        ("!fault AND !error", 2),
        ('service("web") { fault = true }', 1),
        ('service("search") { fault = true }', 0),
        ('service("web") AND responsetime > 2', 1),
        ("responsetime >= 0.15 duration < 1", 2),
        ('service("db") { responsetime > 2 }', 1),
        ("http.status = 500", 1),
        ('(service("web") OR service("search")) AND NOT error', 3),
    ],
)
def test_traces_by_expression(aws: Aws, expression: str, count: int) -> None:
    put_traces(aws)
    assert len(summaries(aws, expression)) == count


def test_a_trace_says_what_was_wrong_and_where_the_time_went(aws: Aws) -> None:
    put_traces(aws)
    (bad,) = summaries(aws, "fault")
    assert (bad["HasFault"], bad["HasError"], bad["Http"]["HttpStatus"]) == (True, False, 500)
    assert bad["FaultRootCauses"][0]["Services"][0]["EntityPath"][0]["Exceptions"][0]["Name"] == "KeyError"
    (slow,) = summaries(aws, "responsetime > 2")
    assert slow["ResponseTimeRootCauses"][0]["Services"][1]["Name"] == "db"
    (trace,) = aws.xray.batch_get_traces(TraceIds=[bad["Id"]])["Traces"]
    assert json.loads(trace["Segments"][0]["Document"])["name"] == "web"
    assert aws.xray.batch_get_traces(TraceIds=["1-0-0"])["UnprocessedTraceIds"] == ["1-0-0"]
    answer = aws.xray.put_trace_segments(TraceSegmentDocuments=["{"])
    assert answer["UnprocessedTraceSegments"][0]["ErrorCode"] == "ParseError"
    for expression in ("wrong(", "fault = ", 'service("a"'):
        assert refused(lambda e=expression: summaries(aws, e)) == "InvalidRequestException"  # type: ignore[misc]


def test_with_xray_off_there_is_nothing(aws: Aws) -> None:
    aws.turn("xray", on=False)
    put_traces(aws)
    assert summaries(aws) == []
    actions = [c["action"] for c in aws.server.log.since(service="xray")]
    assert actions == ["xray:PutTraceSegments", "xray:GetTraceSummaries"]


@given(st.text(alphabet='service("web"){}fault=true!AND OR<>0123.', max_size=50))
def test_no_expression_breaks_the_filter(text: str) -> None:
    try:
        filters.parse(text)
    except filters.FilterError:
        return


# Pictures


def pixels(png: bytes) -> tuple[int, int, bytes]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    size = struct.unpack(">I", png[33:37])[0]
    return width, height, zlib.decompress(png[41 : 41 + size])


def test_a_picture_shows_the_metric_and_its_limit(aws: Aws) -> None:
    end = CLOCK.now()
    data = [{"MetricName": "CPU", "Value": 20.0 + n, "Timestamp": utc(end - 60 * n)} for n in range(60)]
    aws.cloudwatch.put_metric_data(Namespace="N", MetricData=data)
    asked = {
        "metrics": [
            ["N", "CPU", {"color": "#0000ff", "period": 60, "label": "now"}],
            [".", "CPU", {"stat": "Maximum"}],
        ],
        "width": 400,
        "height": 200,
        "start": "-PT1H",
        "title": "CPU",
        "annotations": {"horizontal": [{"value": 70, "label": "limit", "color": "#00ff00"}]},
    }
    found = aws.cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(asked))["MetricWidgetImage"]
    width, height, data_ = pixels(found)
    assert (width, height, len(data_)) == (400, 200, 200 * (1 + 3 * 400))
    assert data_.count(b"\x00\x00\xff") > 300
    assert data_.count(b"\x00\xff\x00") > 300
    sums = {"metrics": [["N", "CPU", {"id": "a", "visible": False}], [{"expression": "a / 2", "label": "half"}]]}
    assert pixels(aws.cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(sums))["MetricWidgetImage"])[0] == 600
    assert aws.server.log.since()[-1]["action"] == "cloudwatch:GetMetricWidgetImage"


@pytest.mark.parametrize(
    "asked",
    [
        "{",
        "[]",
        '{"width": 9}',
        '{"metrics": [["N"]]}',
        '{"start": "soon"}',
        '{"metrics": [["N", "M", {"color": "red"}]]}',
    ],
)
def test_what_cannot_be_drawn_is_refused(aws: Aws, asked: str) -> None:
    assert refused(lambda: aws.cloudwatch.get_metric_widget_image(MetricWidget=asked)) == "ValidationError"


def test_times_of_widgets(aws: Aws) -> None:
    asked = widget.read('{"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T12:00:00+01:00"}')
    assert asked.end - asked.start == 3600
    assert widget.read('{"start": "-P1DT2H"}').start == pytest.approx(CLOCK.now() - 26 * 3600, abs=5)


def test_too_many_points_are_refused_and_periods_are_known(aws: Aws) -> None:
    end = utc(CLOCK.now())
    asked = {"Namespace": "N", "MetricName": "CPU", "Period": 60, "EndTime": end, "Statistics": ["Sum"]}
    code = refused(lambda: aws.cloudwatch.get_metric_statistics(**asked, StartTime=end - timedelta(days=14)))
    assert code == "InvalidParameterCombination"
    aws.cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "n", "Value": 120, "Timestamp": end}])
    stat = {"Metric": {"Namespace": "N", "MetricName": "n"}, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "n", "MetricStat": stat, "ReturnData": False},
        {"Id": "rate", "Expression": "n / PERIOD(n)"},
    ]
    span = {"StartTime": end - timedelta(minutes=5), "EndTime": end + timedelta(seconds=1)}
    (rate,) = aws.cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
    assert rate["Values"] == [2.0]


# Knobs


def test_the_pace_can_be_changed_and_mistakes_are_said(aws: Aws) -> None:
    assert aws.turn("ecs/pace", start=1)["start"] == 1.0
    assert aws.turn("logs/pace", runs=0)["runs"] == 0.0
    for path, body in (
        ("ecs/pace", {"begin": 1}),
        ("ecs/kill", {"cluster": "none", "service": "web"}),
        ("trail", {"source": "ecs"}),
    ):
        with pytest.raises(urllib.error.HTTPError) as raised:
            aws.turn(path, **body)
        with raised.value as error:
            assert error.code == 400
    aws.server.reset()
    assert aws.turn("ecs/pace")["start"] == 30.0


def test_cbor_as_aws_speaks_it() -> None:
    assert cbor.read(cbor.write({"__type": "Oops", "message": "x" * 300})) == {"__type": "Oops", "message": "x" * 300}
    assert cbor.read(bytes.fromhex("a2616101616282f5fb3ff8000000000000")) == {"a": 1, "b": [True, 1.5]}
    assert cbor.read(bytes.fromhex("bf6161c11a514b67b0616220ff")) == {"a": 1_363_896_240, "b": -1}
    with pytest.raises(ValueError, match="too early"):
        cbor.read(b"\x82\x01")
