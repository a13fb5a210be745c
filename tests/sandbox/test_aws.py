"""The AWS of this machine: alarms that act, faults on demand, queues that keep up, and a log of every call."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from moto.sqs.models import sqs_backends

from sandbox.aws.clock import CLOCK
from sandbox.aws.server import BOT_KEY, AwsServer

Json = dict[str, Any]
QUICK = Config(retries={"max_attempts": 3, "mode": "standard"})
ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
CPU = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Dimensions": [{"Name": "ServiceName", "Value": "web"}]}


class Aws:
    """A server, clients, a queue, and a topic that is delivered into it."""

    def __init__(self, server: AwsServer) -> None:
        self.server = server
        self._clients: list[Any] = []
        self.cloudwatch, self.sqs, self.sns = (self.client(name) for name in ("cloudwatch", "sqs", "sns"))
        self.events, self.dynamodb = self.client("events"), self.client("dynamodb")
        self.queue, self.queue_arn = self.make_queue("alerts")
        self.topic = self.sns.create_topic(Name="alarms")["TopicArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue_arn)

    def client(self, service: str, config: Config = QUICK) -> Any:
        client = boto3.client(service, config=config, **self.server.credentials())
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def make_queue(self, name: str, **attributes: str) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(url), str(found["Attributes"]["QueueArn"])

    def alarm(self, name: str = "web-cpu", **more: Any) -> None:
        self.cloudwatch.put_metric_alarm(
            **{
                "AlarmName": name,
                "AlarmDescription": "Busy",
                **CPU,
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 80.0,
                "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": [self.topic],
                "OKActions": [self.topic],
                **more,
            }
        )

    def measure(self, value: float, **metric: Any) -> None:
        """A minute goes by, with this value in it, and the alarms are looked at."""
        self.server.advance(60)
        datum = {**CPU, **metric, "Value": value, "Timestamp": datetime.fromtimestamp(CLOCK.now() // 1, UTC)}
        self.cloudwatch.put_metric_data(Namespace=datum.pop("Namespace"), MetricData=[datum])
        self.server.tick()

    def received(self, url: str = "") -> list[Json]:
        """All bodies that wait, taken out of the queue."""
        bodies = []
        while found := self.sqs.receive_message(QueueUrl=url or self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url or self.queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def alarms(self) -> list[Json]:
        """The CloudWatch messages in what was received."""
        return [json.loads(body["Message"]) for body in self.received()]

    def state(self, name: str) -> str:
        found = self.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        return str((found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"])

    def fault(self, service: str, operation: str, kind: str, **more: Any) -> None:
        self.control("fault", service=service, operation=operation, kind=kind, **more)

    def control(self, path: str, **body: Any) -> Json:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server.url}/sandbox-aws/{path}", data)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return dict(json.load(answer))

    def log(self, query: str = "") -> list[Json]:
        with urllib.request.urlopen(f"{self.server.url}/sandbox-aws/log?{query}", timeout=20) as answer:
            return list(json.load(answer)["calls"])


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


# Alarms


def test_an_alarm_goes_off_through_sns_and_comes_back(aws: Aws) -> None:
    aws.alarm()
    aws.measure(20)
    aws.measure(97)
    aws.measure(98)
    aws.measure(30)
    started, off, back = aws.received()
    assert off["Subject"] == 'ALARM: "web-cpu" in US East (N. Virginia)'
    assert [json.loads(m["Message"])["OldStateValue"] for m in (started, off, back)] == [
        "INSUFFICIENT_DATA",
        "OK",
        "ALARM",
    ]
    message = json.loads(off["Message"])
    assert message["StateChangeTime"].endswith("+0000")
    assert len(message["StateChangeTime"]) == len("2026-11-22T10:00:00.123+0000")
    assert "Threshold Crossed: 1 out of the last 1 datapoints [97.0 (" in message["NewStateReason"]
    assert message["NewStateReason"].endswith("(minimum 1 datapoint for OK -> ALARM transition).")
    for varying in ("StateChangeTime", "AlarmConfigurationUpdatedTimestamp", "NewStateReason"):
        message.pop(varying)
    assert message == {
        "AlarmName": "web-cpu",
        "AlarmDescription": "Busy",
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "Region": "US East (N. Virginia)",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:web-cpu",
        "OldStateValue": "OK",
        "OKActions": [aws.topic],
        "AlarmActions": [aws.topic],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/ECS",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "web", "name": "ServiceName"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 80.0,
            "TreatMissingData": "missing",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_the_alarm_event_reaches_the_queue_by_the_default_bus(aws: Aws) -> None:
    url, arn = aws.make_queue("events")
    aws.events.put_rule(Name="alarms", EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    aws.events.put_targets(Rule="alarms", Targets=[{"Id": "q", "Arn": arn}])
    aws.alarm(AlarmActions=[], OKActions=[])
    aws.measure(97)
    (event,) = aws.received(url)
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert (event["account"], event["region"], event["time"][-1]) == ("123456789012", "us-east-1", "Z")
    assert event["resources"] == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:web-cpu"]
    detail = event["detail"]
    assert (detail["alarmName"], detail["state"]["value"]) == ("web-cpu", "ALARM")
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [97.0]
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"]["metric"]["dimensions"] == {"ServiceName": "web"}
    assert aws.received() == []


def test_set_alarm_state_acts_once_and_evaluation_takes_it_back(aws: Aws) -> None:
    aws.alarm()
    aws.measure(20)
    for _ in range(2):
        aws.cloudwatch.set_alarm_state(AlarmName="web-cpu", StateValue="ALARM", StateReason="a drill")
    assert aws.state("web-cpu") == "ALARM"
    aws.server.tick()
    assert [m["NewStateReason"] for m in aws.alarms()][1] == "a drill"
    assert aws.state("web-cpu") == "OK"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        aws.cloudwatch.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="")


def test_so_many_of_so_many_datapoints_and_missing_ones(aws: Aws) -> None:
    aws.alarm("some", EvaluationPeriods=3, DatapointsToAlarm=2)
    aws.alarm("breaching", Namespace="None", TreatMissingData="breaching")
    aws.alarm("fine", Namespace="None", TreatMissingData="notBreaching")
    aws.alarm("unknown", Namespace="None")
    aws.measure(97)
    states = [aws.state(name) for name in ("some", "breaching", "fine", "unknown")]
    assert states == ["INSUFFICIENT_DATA", "ALARM", "OK", "INSUFFICIENT_DATA"]
    aws.measure(20)
    assert aws.state("some") == "INSUFFICIENT_DATA"
    aws.measure(97)
    assert aws.state("some") == "ALARM"


def test_alarms_that_are_silenced_or_gone_say_nothing(aws: Aws) -> None:
    aws.alarm("silenced", ActionsEnabled=False)
    aws.alarm("lost", AlarmActions=["arn:aws:sns:us-east-1:123456789012:nobody"])
    aws.measure(97)
    assert aws.received() == []
    history = aws.cloudwatch.describe_alarm_history(AlarmName="lost", HistoryItemType="Action")["AlarmHistoryItems"]
    assert history[0]["HistorySummary"].startswith("Failed to execute action")
    aws.cloudwatch.enable_alarm_actions(AlarmNames=["silenced"])
    aws.measure(20)
    assert {m["AlarmName"] for m in aws.alarms()} == {"silenced", "lost"}


def test_a_composite_alarm_follows_its_children_at_once(aws: Aws) -> None:
    aws.alarm("a", AlarmActions=[], OKActions=[])
    aws.alarm("b (odd)", Namespace="Other", AlarmActions=[], OKActions=[])
    rule = 'ALARM("a") AND NOT (ALARM("b (odd)") OR FALSE)'
    aws.cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[aws.topic])
    aws.measure(20)
    aws.cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="x")
    (message,) = aws.alarms()
    (child,) = message["TriggeringChildren"]
    assert (message["AlarmRule"], message["NewStateValue"]) == (rule, "ALARM")
    assert child["Arn"].endswith(":alarm:a")
    assert child["State"]["Value"] == "ALARM"
    assert message["NewStateReason"].startswith(f"{child['Arn']} transitioned to ALARM at ")
    assert "Trigger" not in message
    aws.cloudwatch.set_alarm_state(AlarmName="b (odd)", StateValue="ALARM", StateReason="x")
    assert aws.state("both") == "OK"
    shown = aws.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [a["AlarmName"] for a in shown] == ["both"]
    assert [a["AlarmName"] for a in aws.cloudwatch.describe_alarms()["MetricAlarms"]] == ["a", "b (odd)"]


@pytest.mark.parametrize("rule", ['ALARM("nobody")', "ALARM(a", "a OR b", "ALARM(a) XOR ALARM(a)", ""])
def test_a_rule_that_cannot_hold_is_refused(aws: Aws, rule: str) -> None:
    aws.alarm("a")
    code = refused(lambda: aws.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule=rule or " "))
    assert code == "ValidationError"


def test_metric_math_and_its_message(aws: Aws) -> None:
    def query(name: str) -> Json:
        metric = {"Namespace": "Shop", "MetricName": name}
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    rate = {"Id": "rate", "Expression": "IF(all > 0, 100 * bad / all, 0)", "Label": "Errors", "ReturnData": True}
    queries = [rate, query("bad"), query("all")]
    names = ("AlarmName", "EvaluationPeriods", "ComparisonOperator", "Threshold", "Metrics", "AlarmActions")
    values = ("rate", 1, "GreaterThanThreshold", 5.0, queries, [aws.topic])
    aws.cloudwatch.put_metric_alarm(**dict(zip(names, values, strict=True)))
    for bad in (1, 30):
        aws.server.advance(60)
        data = [{"MetricName": "bad", "Value": bad}, {"MetricName": "all", "Value": 200}]
        aws.cloudwatch.put_metric_data(Namespace="Shop", MetricData=data)
        aws.server.tick()
    (message,) = aws.alarms()
    trigger = message["Trigger"]
    assert (trigger["Period"], trigger["Threshold"]) == (60, 5.0)
    assert trigger["Metrics"][0] == rate
    assert trigger["Metrics"][1]["MetricStat"]["Metric"] == {"Dimensions": [], "MetricName": "bad", "Namespace": "Shop"}
    assert "[15.0 (" in message["NewStateReason"]
    end = datetime.fromtimestamp(CLOCK.now() + 1, UTC)
    found = aws.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=end - timedelta(minutes=5), EndTime=end)
    assert [(r["Id"], r["Values"]) for r in found["MetricDataResults"]] == [("rate", [15.0, 0.5])]


def test_an_anomaly_is_what_was_never_seen_before(aws: Aws) -> None:
    band = {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)", "Label": "expected", "ReturnData": True}
    stat = {"Metric": {**CPU}, "Period": 60, "Stat": "Average"}
    aws.cloudwatch.put_anomaly_detector(**CPU, Stat="Average")
    aws.cloudwatch.put_metric_alarm(
        AlarmName="odd",
        Metrics=[{"Id": "m1", "MetricStat": stat, "ReturnData": True}, band],
        ThresholdMetricId="ad1",
        EvaluationPeriods=1,
        ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
        AlarmActions=[aws.topic],
    )
    for value in (40, 41, 39, 40, 42, 38, 40):
        aws.measure(value)
    assert aws.state("odd") == "OK"
    aws.measure(70)
    (message,) = aws.alarms()
    assert (message["Trigger"]["ThresholdMetricId"], "Threshold" in message["Trigger"]) == ("ad1", False)
    assert "less than the lower thresholds [" in message["NewStateReason"]
    assert aws.cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"][0]["MetricName"] == "CPUUtilization"


def test_percentiles_and_periods_of_the_clock(aws: Aws) -> None:
    start = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    data = [
        {"MetricName": "t", "Values": [float(n) for n in range(1, 101)], "Timestamp": start + timedelta(seconds=70)}
    ]
    aws.cloudwatch.put_metric_data(Namespace="N", MetricData=data)
    asked = {
        "Namespace": "N",
        "MetricName": "t",
        "Period": 60,
        "StartTime": start,
        "EndTime": start + timedelta(minutes=5),
    }
    (found,) = aws.cloudwatch.get_metric_statistics(**asked, Statistics=["Sum"], ExtendedStatistics=["p99"])[
        "Datapoints"
    ]
    assert found["Timestamp"] == start + timedelta(minutes=1)
    assert (found["Sum"], round(found["ExtendedStatistics"]["p99"])) == (5050.0, 99)
    assert [m["MetricName"] for m in aws.cloudwatch.list_metrics(Namespace="N")["Metrics"]] == ["t"]


def test_history_and_long_names(aws: Aws) -> None:
    name = "prod-" + "x" * 150
    aws.alarm(name)
    aws.measure(97)
    (body,) = aws.received()
    assert len(body["Subject"]) == 100
    assert body["Subject"].endswith('..." in US East (N. Virginia)')
    items = aws.cloudwatch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert {i["HistoryItemType"] for i in items} == {"Action", "StateUpdate", "ConfigurationUpdate"}
    states = aws.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert states[0]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"


def test_tags_stay_with_an_alarm(aws: Aws) -> None:
    aws.alarm(Tags=[{"Key": "service", "Value": "web"}])
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:web-cpu"
    aws.cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "core"}])
    tags = aws.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert {t["Key"]: t["Value"] for t in tags} == {"service": "web", "team": "core"}


# Events


def test_a_rule_delivers_to_a_topic_and_a_bad_target_spoils_nothing(aws: Aws) -> None:
    aws.events.create_event_bus(Name="bus")
    aws.events.put_rule(Name="all", EventBusName="bus", EventPattern=json.dumps({"source": [{"prefix": "aiops"}]}))
    nobody = "arn:aws:states:us-east-1:123456789012:stateMachine:none"
    _, dead = aws.make_queue("dead")
    targets = [{"Id": "1", "Arn": nobody, "DeadLetterConfig": {"Arn": dead}}, {"Id": "2", "Arn": aws.topic}]
    aws.events.put_targets(Rule="all", EventBusName="bus", Targets=targets)
    odd = {"text": 'a "quote" and\nmore'}
    entry = {"Source": "aiops.alerts", "DetailType": 'Odd "type"', "Detail": json.dumps(odd), "EventBusName": "bus"}
    answer = aws.events.put_events(Entries=[entry, {**entry, "Source": "other"}])
    assert answer["FailedEntryCount"] == 0
    (body,) = aws.received()
    event = json.loads(body["Message"])
    assert (event["detail"], event["detail-type"], event["resources"]) == (odd, 'Odd "type"', [])
    assert len(aws.received(aws.sqs.get_queue_url(QueueName="dead")["QueueUrl"])) == 1
    aws.events.disable_rule(Name="all", EventBusName="bus")
    aws.events.put_events(Entries=[entry])
    assert aws.received() == []


# Faults


def test_throttling_is_retried_and_seen_in_the_log(aws: Aws) -> None:
    aws.fault("sqs", "ReceiveMessage", "throttle", times=1)
    answer = aws.sqs.receive_message(QueueUrl=aws.queue)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    first, second = aws.log("service=sqs&operation=ReceiveMessage")
    assert (first["status"], first["error"], first["fault"]) == (400, "RequestThrottled", "throttle")
    assert (second["status"], second["fault"]) == (200, None)
    assert second["resources"]["QueueUrl"] == aws.queue


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("monitoring", "DescribeAlarms", lambda aws: aws.client("cloudwatch", ONCE).describe_alarms()),
        ("sns", "Publish", lambda aws: aws.client("sns", ONCE).publish(TopicArn=aws.topic, Message="m")),
        ("dynamodb", "ListTables", lambda aws: aws.client("dynamodb", ONCE).list_tables()),
        ("lambda", "ListFunctions", lambda aws: aws.client("lambda", ONCE).list_functions()),
        ("ec2", "DescribeSubnets", lambda aws: aws.client("ec2", ONCE).describe_subnets()),
        ("s3", "ListBuckets", lambda aws: aws.client("s3", ONCE).list_buckets()),
    ],
)
def test_a_typed_error_in_every_protocol(aws: Aws, service: str, operation: str, call: Callable[[Aws], Any]) -> None:
    aws.fault(service, operation, "error", error="AccessDenied", message="no <rights>", status=403, times=None)
    with pytest.raises(ClientError) as raised:
        call(aws)
    assert raised.value.response["Error"]["Code"] == "AccessDenied"
    assert raised.value.response["Error"]["Message"] == "no <rights>"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert aws.log()[-1]["error"] == "AccessDenied"
    aws.control("faults/clear")
    call(aws)


def test_dropped_before_and_after_it_was_taken(aws: Aws) -> None:
    once = aws.client("sqs", ONCE)
    for kind in ("drop_before", "drop_after"):
        aws.fault("sqs", "SendMessage", kind)
        with pytest.raises(ConnectionClosedError):
            once.send_message(QueueUrl=aws.queue, MessageBody=json.dumps({"kind": kind}))
    assert aws.received() == [{"kind": "drop_after"}]
    assert [c["status"] for c in aws.log("operation=SendMessage")] == [0, 0]


def test_statuses_delays_and_faults_of_one_resource(aws: Aws) -> None:
    other, _ = aws.make_queue("other")
    aws.fault("sqs", "*", "http", status=503, times=None, resource="/other")
    with pytest.raises(ClientError) as raised:
        aws.client("sqs", ONCE).receive_message(QueueUrl=other)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    aws.fault("sqs", "ReceiveMessage", "delay", seconds=0.05)
    aws.sqs.receive_message(QueueUrl=aws.queue)
    assert aws.log()[-1]["seconds"] >= 0.05


def test_a_fault_that_means_nothing_is_refused(aws: Aws) -> None:
    for body in (
        {"kind": "throttle"},
        {"service": "sqs", "kind": "explode"},
        {"service": "s", "kind": "http", "tmes": 1},
    ):
        with pytest.raises(urllib.error.HTTPError) as raised:
            aws.control("fault", **body)
        with raised.value as error:
            assert error.code == 400
            assert json.load(error)["ok"] is False


def test_any_page_may_ask_the_controls(aws: Aws) -> None:
    request = urllib.request.Request(f"{aws.server.url}/sandbox-aws/fault", method="OPTIONS")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


# The log


def test_the_log_says_who_did_what_to_which_resource_and_keeps_no_secrets(aws: Aws) -> None:
    aws.sns.publish(TopicArn=aws.topic, Message="a secret", Subject="secret")
    last = aws.log(f"caller={BOT_KEY}")[-1]
    assert (last["action"], last["resources"]) == ("sns:Publish", {"TopicArn": aws.topic})
    aws.cloudwatch.describe_alarms(AlarmNames=["x"])
    assert aws.log()[-1]["action"] == "cloudwatch:DescribeAlarms"
    lambdas = aws.client("lambda", ONCE)
    with pytest.raises(ClientError):
        lambdas.invoke(FunctionName="rca", Payload=b"{}")
    assert aws.log()[-1]["operation"] == "Invoke"
    assert aws.log()[-1]["resources"] == {"FunctionName": "rca"}
    assert "secret" not in json.dumps(aws.log())


# DynamoDB


def test_one_writer_wins(aws: Aws) -> None:
    key = {"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "id", "AttributeType": "S"}
    aws.dynamodb.create_table(
        TableName="Locks", KeySchema=[key[0]], AttributeDefinitions=[key[1]], BillingMode="PAY_PER_REQUEST"
    )

    def claim(who: int) -> bool:
        item = {"id": {"S": "one"}, "who": {"N": str(who)}}
        put = {"TableName": "Locks", "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
        try:
            aws.dynamodb.transact_write_items(TransactItems=[{"Put": put}])
        except aws.dynamodb.exceptions.TransactionCanceledException:
            return False
        return True

    with ThreadPoolExecutor(8) as writers:
        assert sum(writers.map(claim, range(24))) == 1
    assert aws.log("operation=TransactWriteItems")[0]["resources"] == {"TableName": "Locks"}


# Queues


def test_what_is_not_deleted_comes_back_and_then_is_set_aside(aws: Aws) -> None:
    dead, dead_arn = aws.make_queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, _ = aws.make_queue("work", VisibilityTimeout="30", RedrivePolicy=redrive)
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    receipts = []
    for _ in range(2):
        (message,) = aws.sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
        receipts.append(message["ReceiptHandle"])
        assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)
        aws.server.advance(31)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=receipts[0])
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)
    assert (
        aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]
        == "1"
    )
    aws.sqs.start_message_move_task(SourceArn=dead_arn)
    assert aws.sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0]["ApproximateNumberOfMessagesMoved"] == 1
    assert aws.received(url) == [{}]


def test_visibility_can_be_given_up_and_stretched(aws: Aws) -> None:
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="{}")
    receipt = aws.sqs.receive_message(QueueUrl=aws.queue)["Messages"][0]["ReceiptHandle"]
    aws.sqs.change_message_visibility(QueueUrl=aws.queue, ReceiptHandle=receipt, VisibilityTimeout=100)
    aws.server.advance(60)
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=aws.queue)
    aws.sqs.change_message_visibility(QueueUrl=aws.queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    assert len(aws.sqs.receive_message(QueueUrl=aws.queue)["Messages"]) == 1
    with pytest.raises(ClientError, match="MessageNotInflight"):
        aws.sqs.change_message_visibility(QueueUrl=aws.queue, ReceiptHandle=receipt, VisibilityTimeout=5)
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        aws.sqs.delete_message(QueueUrl=aws.queue, ReceiptHandle="nonsense")


def test_a_queue_is_purged_once_a_minute(aws: Aws) -> None:
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="{}")
    aws.sqs.purge_queue(QueueUrl=aws.queue)
    assert aws.received() == []
    with pytest.raises(ClientError, match="PurgeQueueInProgress"):
        aws.sqs.purge_queue(QueueUrl=aws.queue)
    aws.server.advance(61)
    aws.sqs.purge_queue(QueueUrl=aws.queue)


def test_a_long_poll_ends_with_the_first_message(aws: Aws) -> None:
    with ThreadPoolExecutor(1) as receiver:
        waiting = receiver.submit(aws.sqs.receive_message, QueueUrl=aws.queue, WaitTimeSeconds=20)
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="{}", DelaySeconds=5)
        aws.server.advance(6)
        assert len(waiting.result(timeout=20)["Messages"]) == 1


def test_who_hangs_up_while_waiting_takes_no_message_along(aws: Aws) -> None:
    dying = aws.client("sqs", Config(retries={"total_max_attempts": 1}, read_timeout=0.2))
    with pytest.raises(ReadTimeoutError):
        dying.receive_message(QueueUrl=aws.queue, WaitTimeSeconds=20)
    dying.close()
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="{}")
    assert len(aws.sqs.receive_message(QueueUrl=aws.queue, WaitTimeSeconds=2)["Messages"]) == 1


def test_in_a_hurry_polls_are_answered_at_once(aws: Aws) -> None:
    with ThreadPoolExecutor(1) as other:
        waits = other.submit(aws.sqs.receive_message, QueueUrl=aws.queue, WaitTimeSeconds=20)
        with aws.server.hurried():
            assert "Messages" not in waits.result(timeout=10)
            assert "Messages" not in aws.sqs.receive_message(QueueUrl=aws.queue, WaitTimeSeconds=20)
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="{}")
    assert len(aws.sqs.receive_message(QueueUrl=aws.queue, WaitTimeSeconds=2)["Messages"]) == 1


def test_what_waits_and_what_is_hidden_is_left(aws: Aws) -> None:
    for _ in range(3):
        aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="{}")
    aws.sqs.receive_message(QueueUrl=aws.queue)
    assert aws.server.left(aws.queue) == 3


def test_thousands_that_wait_cost_no_more_than_a_few(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at by the work that is done: what is read from the clock, which every look at a message does."""
    backend = sqs_backends["123456789012"]["us-east-1"]
    for _ in range(3000):
        backend.send_message("alerts", "{}")
    seen: set[str] = set()

    def take(_: int) -> list[str]:
        found = aws.sqs.receive_message(QueueUrl=aws.queue, MaxNumberOfMessages=10)["Messages"]
        receipts = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)]
        aws.sqs.delete_message_batch(QueueUrl=aws.queue, Entries=receipts)
        return [m["MessageId"] for m in found]

    looks = Looks(monkeypatch)
    with ThreadPoolExecutor(2) as receivers:
        for ids in receivers.map(take, range(40)):
            assert not seen & set(ids)
            seen |= set(ids)
    assert len(seen) == 400
    assert looks.count < 400 * 20
    found = aws.sqs.get_queue_attributes(QueueUrl=aws.queue, AttributeNames=["ApproximateNumberOfMessages"])
    assert found["Attributes"]["ApproximateNumberOfMessages"] == "2600"


class Looks:
    """How often a message was looked at: each look asks moto or us for the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = CLOCK.now

        def now() -> float:
            self.count += 1
            return real()

        monkeypatch.setattr(CLOCK, "now", now)
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: now() * 1000)
