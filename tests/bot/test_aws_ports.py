"""The queue, the bus, the topics and the alarms, against the AWS of the sandbox."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from bot.errors import CloudError, Outcome
from bot.integrations.aws import alarms as alarms_module
from bot.integrations.aws.alarms import BURST, CloudWatchAlarms
from bot.integrations.aws.bus import MAX_BYTES, EventBridgeBus
from bot.integrations.aws.clients import Clients
from bot.integrations.aws.queue import SqsInbox, region_of
from bot.integrations.aws.topics import SnsMailer, ascii_subject
from bot.integrations.nothing import NoAlarms, NoBus, NoMailer
from bot.ports import Alarms, Event, EventBus, Inbox, Mailer, Standing
from bot.signals import AlarmState
from sandbox.aws.server import ACCOUNT, REGION, AwsServer
from tests.bot.aws import credentials
from tests.bot.make import NOW

numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture
def aws(server: AwsServer) -> Iterator[AwsServer]:
    yield server
    server.faults.clear()


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with credentials(tmp_path_factory.mktemp("aws")):
        yield


@pytest.fixture(scope="module")
def clients(server: AwsServer, environment: None) -> Iterator[Clients]:
    with closing(Clients(REGION, server.url)) as clients:
        yield clients


@pytest.fixture
def queue_url(clients: Clients) -> str:
    """A new queue's URL as AWS would write it: its host is not the endpoint."""
    name = f"alerts-{next(numbers)}"
    clients.get("sqs").create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"})
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"


@pytest.fixture
def inbox(clients: Clients, queue_url: str) -> SqsInbox:
    return SqsInbox(clients, queue_url)


def send(clients: Clients, queue_url: str, *bodies: str) -> None:
    for body in bodies:
        clients.get("sqs").send_message(QueueUrl=queue_url, MessageBody=body)


def waiting(clients: Clients, queue_url: str) -> tuple[int, int]:
    """How many messages wait, and how many are hidden because somebody took them."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    found = clients.get("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(names))["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


# -- the queue


def test_messages_are_taken_with_what_the_queue_knows_of_them(
    clients: Clients, inbox: SqsInbox, queue_url: str
) -> None:
    send(clients, queue_url, '{"AlarmName": "größer"}')
    (message,) = inbox.receive(wait=0.9)
    assert message.body == '{"AlarmName": "größer"}'
    assert message.attempts == 1
    assert abs(datetime.now(UTC) - message.sent_at) < timedelta(minutes=1)
    assert inbox.receive(wait=0) == [], "it is hidden while somebody has it"
    inbox.extend([message.receipt], 0)
    (again,) = inbox.receive(wait=0)
    assert (again.message_id, again.attempts) == (message.message_id, 2)
    inbox.delete([again.receipt])
    assert waiting(clients, queue_url) == (0, 0)


def test_an_url_of_the_endpoint_works_too(clients: Clients) -> None:
    url = clients.get("sqs").create_queue(QueueName="by-endpoint")["QueueUrl"]
    send(clients, url, "hello")
    assert [message.body for message in SqsInbox(clients, url).receive(wait=0)] == ["hello"]


def test_more_than_ten_are_deleted_in_several_calls(clients: Clients, inbox: SqsInbox, queue_url: str) -> None:
    send(clients, queue_url, *(f"{number}" for number in range(12)))
    taken = [message for _ in range(3) for message in inbox.receive(wait=0, limit=99)]
    assert len(taken) == 12
    inbox.delete([message.receipt for message in taken])
    assert waiting(clients, queue_url) == (0, 0)
    inbox.delete([])


def test_what_the_queue_refuses_to_delete_is_told_and_no_error(
    clients: Clients, inbox: SqsInbox, queue_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    send(clients, queue_url, "one")
    (message,) = inbox.receive(wait=0)
    inbox.delete(["not-a-receipt", message.receipt])
    assert waiting(clients, queue_url) == (0, 0)
    assert "1 messages could not be deleted and will come again (ReceiptHandleIsInvalid)" in caplog.text


def test_how_long_a_message_stays_hidden(clients: Clients, queue_url: str) -> None:
    ours = SqsInbox(clients, queue_url, visibility=0)
    send(clients, queue_url, "one")
    assert len(ours.receive(wait=0)) == 1
    assert len(ours.receive(wait=0)) == 1, "it was hidden for no time"


def test_the_wait_is_in_whole_seconds_up_to_twenty(clients: Clients, inbox: SqsInbox) -> None:
    for wait, asked in ((0.9, 0), (7.5, 7), (60, 20)):
        with Stubber(clients.get("sqs", read_timeout=25.0)) as stubbed:
            stubbed.add_response(
                "receive_message",
                {"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "Body": "b"}]},
                {
                    "QueueUrl": ANY,
                    "MaxNumberOfMessages": 10,
                    "WaitTimeSeconds": asked,
                    "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
                },
            )
            (message,) = inbox.receive(wait=wait)
            assert message.attempts == 1


def test_a_queue_that_is_not_there(clients: Clients) -> None:
    with pytest.raises(CloudError, match="sqs:ReceiveMessage on https://") as caught:
        SqsInbox(clients, f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/nobody").receive(wait=0)
    assert not caught.value.retryable
    assert "QueueDoesNotExist" in caught.value.code or "NonExistentQueue" in caught.value.code


def test_a_queue_that_must_not_be_read(aws: AwsServer, inbox: SqsInbox, queue_url: str) -> None:
    aws.faults.add({"service": "sqs", "operation": "ReceiveMessage", "kind": "error", "status": 403})
    with pytest.raises(CloudError) as caught:
        inbox.receive(wait=0)
    assert (caught.value.retryable, caught.value.detail) == (False, f"sqs:ReceiveMessage on {queue_url}")


def test_one_throttled_call_is_repeated_and_two_are_told(
    aws: AwsServer, inbox: SqsInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.random.random", float)  # no pause in between
    aws.faults.add({"service": "sqs", "kind": "throttle", "times": 1})
    assert inbox.receive(wait=0) == []
    aws.faults.add({"service": "sqs", "kind": "throttle", "times": 2})
    with pytest.raises(CloudError, match="RequestThrottled") as caught:
        inbox.receive(wait=0)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"),
        ("https://sqs.eu-west-1.api.aws/1/q", "eu-west-1"),
        ("https://vpce-1-2.sqs.ap-south-1.vpce.amazonaws.com/1/q", "ap-south-1"),
        ("https://eu-west-3.queue.amazonaws.com/1/q", "eu-west-3"),
        ("http://localhost:4566/000000000000/q", None),
        ("https://sqs.eu-west-1.amazonaws.com.example.org/1/q", None),
    ],
)
def test_the_url_says_which_region(url: str, region: str | None) -> None:
    assert region_of(url) == region


def test_the_region_of_the_url_is_asked_whatever_the_default(aws: AwsServer) -> None:
    with closing(Clients("ap-south-1", aws.url)) as elsewhere:
        inbox = SqsInbox(elsewhere, f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/q")
        elsewhere.get("sqs", region="eu-central-1").create_queue(QueueName="q")
        assert inbox.receive(wait=0) == []


# -- the bus


@pytest.fixture
def bus(clients: Clients) -> EventBridgeBus:
    name = f"aiops-alerts-{next(numbers)}"
    clients.get("events").create_event_bus(Name=name)
    return EventBridgeBus(clients, name)


def test_events_arrive_at_who_listens(clients: Clients, bus: EventBridgeBus, queue_url: str) -> None:
    events, name = clients.get("events"), queue_url.rsplit("/", 1)[1]
    events.put_rule(Name=name, EventBusName=bus._bus, EventPattern='{"source": ["aiops.alerts"]}')
    target = {"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}
    events.put_targets(Rule=name, EventBusName=bus._bus, Targets=[target])
    assert bus.put([Event("Incident Declared", {"incident": 7, "title": "Größe \ud83d"})]) == []
    (message,) = SqsInbox(clients, queue_url).receive(wait=5)
    body = json.loads(message.body)
    assert (body["source"], body["detail-type"]) == ("aiops.alerts", "Incident Declared")
    assert body["detail"] == {"incident": 7, "title": "Größe ?"}


def test_more_than_ten_events_or_256_kb_go_in_several_calls(aws: AwsServer, bus: EventBridgeBus) -> None:
    def calls(events: list[Event]) -> int:
        before = aws.log.n
        assert bus.put(events) == []
        return len(aws.log.since(before, operation="PutEvents"))

    assert calls([Event("Small", {"n": n}) for n in range(21)]) == 3
    assert calls([Event("Large", {"text": "ä" * 60_000}) for _ in range(4)]) == 2
    assert calls([]) == 0


def test_an_event_that_is_too_large_leaves_the_others_alone(bus: EventBridgeBus) -> None:
    large = Event("Large", {"text": "x" * MAX_BYTES})
    assert bus.put([Event("Small", {}), large, Event("Small", {})]) == [1]
    with pytest.raises(CloudError, match="entry_too_large") as caught:
        bus.put([large])
    assert not caught.value.retryable


def answers(clients: Clients, *codes: str | None) -> Stubber:
    stubbed = Stubber(clients.get("events", attempts=1))
    entries = [{"ErrorCode": code, "ErrorMessage": "Because."} if code else {"EventId": "e"} for code in codes]
    failed = len([code for code in codes if code])
    stubbed.add_response("put_events", {"FailedEntryCount": failed, "Entries": entries})
    return stubbed


THREE = [Event("Small", {"n": n}) for n in range(3)]


@pytest.mark.parametrize(
    ("codes", "failed"),
    [
        ((None, "InternalFailure", None), [1]),
        (("MalformedDetail", None, "ThrottlingException"), [0, 2]),
        (("ThrottlingException",) * 3, [0, 1, 2]),
        (("MalformedDetail", "ThrottlingException", "MalformedDetail"), [0, 1, 2]),
    ],
)
def test_the_positions_of_what_was_not_taken(
    clients: Clients, bus: EventBridgeBus, codes: tuple[str | None, ...], failed: list[int]
) -> None:
    with answers(clients, *codes):
        assert bus.put(THREE) == failed


def test_a_fault_that_all_share_and_nothing_mends_is_an_error(clients: Clients, bus: EventBridgeBus) -> None:
    with answers(clients, *("NotAuthorizedForSourceException",) * 3), pytest.raises(CloudError) as caught:
        bus.put(THREE)
    assert (caught.value.code, caught.value.retryable) == ("NotAuthorizedForSourceException", False)


def test_an_answer_that_tells_nothing_is_none(clients: Clients, bus: EventBridgeBus) -> None:
    with answers(clients), pytest.raises(CloudError, match="unexpected_answer") as caught:
        bus.put(THREE)
    assert caught.value.outcome is Outcome.UNKNOWN


def test_a_call_that_fails_after_another_was_taken(aws: AwsServer, clients: Clients, bus: EventBridgeBus) -> None:
    with answers(clients, *(None,) * 10) as stubbed:
        stubbed.add_client_error("put_events", "AccessDeniedException", http_status_code=400)
        assert bus.put([Event("Small", {"n": n}) for n in range(12)]) == [10, 11]
    aws.faults.add({"service": "events", "operation": "PutEvents", "kind": "drop_after"})
    with pytest.raises(CloudError) as caught:
        bus.put(THREE)
    assert (caught.value.retryable, caught.value.outcome) == (True, Outcome.UNKNOWN)


def test_a_call_is_never_repeated_unseen(aws: AwsServer, clients: Clients, bus: EventBridgeBus) -> None:
    topic = clients.get("sns").create_topic(Name="once")["TopicArn"]
    before = aws.log.n
    aws.faults.add({"service": "events", "kind": "drop_after"})
    aws.faults.add({"service": "sns", "kind": "drop_after"})
    with pytest.raises(CloudError):
        bus.put(THREE)
    with pytest.raises(CloudError):
        SnsMailer(clients).publish(topic, "once", "once")
    assert len(aws.log.since(before)) == 2


def test_a_bus_named_by_its_arn_is_asked_in_its_region() -> None:
    bus = EventBridgeBus(Clients(), f"arn:aws:events:eu-north-1:{ACCOUNT}:event-bus/aiops-alerts")
    assert bus._region == "eu-north-1"


# -- topics


def test_a_mail_arrives_at_the_topic(clients: Clients, queue_url: str) -> None:
    topic = clients.get("sns", region="eu-west-1").create_topic(Name="leads")["TopicArn"]
    name = queue_url.rsplit("/", 1)[1]
    here = clients.get("sns").create_topic(Name="leads")["TopicArn"]
    clients.get("sns").subscribe(
        TopicArn=here, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    )  # fmt: skip
    SnsMailer(clients).publish(topic, "another region", "text")
    SnsMailer(clients).publish(here, "INC-7 · Größe\n", "Zeile 1\nZeile 2 ✓")
    (message,) = SqsInbox(clients, queue_url).receive(wait=5)
    body = json.loads(message.body)
    assert (body["Subject"], body["Message"]) == ("INC-7 - Groe", "Zeile 1\nZeile 2 ✓")


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("SEV1 — db\r\nBcc: everyone", "SEV1 - db Bcc: everyone"),
        ("🔥 payment-api  5xx ≥ 3 %", "payment-api 5xx >= 3 %"),
        ("é" * 99, "e" * 99),
        ("x" * 100, "x" * 96 + "..."),
        ("\x1b[31m red", "[31m red"),
        ("🔥", ""),
    ],
)
def test_a_subject_is_plain_ascii_on_one_short_line(text: str, subject: str) -> None:
    assert ascii_subject(text) == subject


@pytest.mark.parametrize(
    ("subject", "text", "fields"),
    [
        ("🔥", "text", {"Message": "text"}),
        ("INC-7", "", {"Message": "INC-7", "Subject": "INC-7"}),
        ("", "", {"Message": "-"}),
    ],
)
def test_what_is_empty_is_not_sent(clients: Clients, subject: str, text: str, fields: dict[str, str]) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:leads"
    with Stubber(clients.get("sns", region=REGION, attempts=1)) as stubbed:
        stubbed.add_response("publish", {"MessageId": "1"}, {"TopicArn": topic, **fields})
        SnsMailer(clients).publish(topic, subject, text)


def test_a_text_is_cut_to_256_kb(clients: Clients) -> None:
    sent: dict[str, Any] = {}
    client = clients.get("sns", region=REGION, attempts=1)
    topic = client.create_topic(Name="long")["TopicArn"]
    event = "provide-client-params.sns.Publish"
    client.meta.events.register(event, lambda params, **_: sent.update(params), unique_id="seen")
    SnsMailer(clients).publish(topic, "long", "x" + "ä" * 200_000)
    client.meta.events.unregister(event, unique_id="seen")
    assert 262_140 < len(sent["Message"].encode()) <= 262_144
    assert sent["Message"].endswith("… (cut: SNS takes 256 KB)")


def test_a_topic_that_is_none_and_one_that_is_not_there(clients: Clients) -> None:
    for wrong in ("leads@example.com", f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"):
        with pytest.raises(CloudError, match="invalid_topic"):
            SnsMailer(clients).publish(wrong, "s", "t")
    with pytest.raises(CloudError, match="NotFound") as caught:
        SnsMailer(clients).publish(f"arn:aws:sns:{REGION}:{ACCOUNT}:nobody", "s", "t")
    assert not caught.value.retryable


# -- alarms


class Now:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def alarms(clients: Clients, now: Now) -> Iterator[CloudWatchAlarms]:
    with closing(CloudWatchAlarms(clients, now)) as alarms:
        yield alarms


def arn_of(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"


def make_alarm(clients: Clients, name: str, **tags: str) -> str:
    clients.get("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName="CPUUtilization",
        Namespace="AWS/ECS",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=80.0,
        ComparisonOperator="GreaterThanThreshold",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return arn_of(name)


def lookups(aws: AwsServer, since: int = 0) -> int:
    return len(aws.log.since(since, operation="ListTagsForResource"))


def test_tags_are_asked_for_once_in_ten_minutes(
    aws: AwsServer, clients: Clients, alarms: CloudWatchAlarms, now: Now
) -> None:
    cpu, memory = make_alarm(clients, "cpu", Service="shop"), make_alarm(clients, "memory", Service="pay", Tier="1")
    before = aws.log.n
    expected = {cpu: {"Service": "shop"}, memory: {"Service": "pay", "Tier": "1"}}
    assert alarms.tags([cpu, memory, cpu]) == expected
    assert lookups(aws, before) == 2
    now.advance(minutes=9)
    assert alarms.tags([memory, cpu]) == expected
    assert lookups(aws, before) == 2
    now.advance(minutes=2)
    assert alarms.tags([memory, cpu]) == expected
    assert lookups(aws, before) == 4


def test_an_alarm_that_is_not_there_is_remembered_as_such(
    aws: AwsServer, clients: Clients, alarms: CloudWatchAlarms
) -> None:
    gone = {"service": "monitoring", "kind": "error", "error": "ResourceNotFoundException", "status": 404}
    aws.faults.add(gone)
    before = aws.log.n
    assert alarms.tags([arn_of("gone")]) == {}
    assert alarms.tags([arn_of("gone")]) == {}
    assert lookups(aws, before) == 1
    assert alarms.tags([make_alarm(clients, "here", a="b")]) == {arn_of("here"): {"a": "b"}}


def test_what_is_no_alarms_arn_is_left_out(aws: AwsServer, alarms: CloudWatchAlarms) -> None:
    before = aws.log.n
    assert alarms.tags(["", "cpu", f"arn:aws:sns:{REGION}:{ACCOUNT}:t", arn_of("cpu", region="")]) == {}
    assert alarms.tags([arn_of("cpu", region="evil.example.com#")]) == {}
    assert lookups(aws, before) == 0


def test_more_than_the_budget_is_left_out(
    aws: AwsServer, alarms: CloudWatchAlarms, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms_module, "TAGS_WITHIN", 30.0)
    arns = [arn_of(f"storm-{number}") for number in range(BURST + 25)]
    before = aws.log.n
    alarms.tags(arns)
    assert lookups(aws, before) == BURST
    now.advance(seconds=1)
    alarms.tags(arns)
    assert lookups(aws, before) == BURST + 20


def test_a_denial_stops_the_asking_in_that_account_and_is_told_once(
    aws: AwsServer, clients: Clients, alarms: CloudWatchAlarms, now: Now, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = make_alarm(clients, "ours", a="b"), arn_of("x", account="999999999999")
    denial = {"service": "monitoring", "operation": "ListTagsForResource", "kind": "error", "status": 403}
    aws.faults.add({**denial, "resource": "999999999999", "times": None})
    for _ in range(3):
        assert alarms.tags([theirs, arn_of("y", account="999999999999"), ours]) == {ours: {"a": "b"}}
        now.advance(minutes=3)
    before = aws.log.n
    assert alarms.tags([theirs]) == {}
    assert lookups(aws, before) == 0
    now.advance(minutes=3)
    assert alarms.tags([theirs]) == {}
    assert lookups(aws, before) == 1
    told = [record for record in caplog.records if record.name.startswith("bot.")]
    assert len(told) == 1
    assert "cloudwatch:ListTagsForResource on " in told[0].getMessage()


def test_a_region_that_does_not_answer_costs_little(
    now: Now, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(alarms_module, "TAGS_WITHIN", 0.1)
        with (
            closing(Clients(REGION, f"http://127.0.0.1:{silent.getsockname()[1]}")) as clients,
            closing(CloudWatchAlarms(clients, now)) as alarms,
        ):
            assert alarms.tags([arn_of(f"slow-{number}") for number in range(20)]) == {}
            alarms.close()
            assert alarms.tags([arn_of("slow")]) == {}, "nobody is asked: the pool is closed and would refuse"
    assert "without their tags for 5 s (timeout" in caplog.text


def test_a_fault_stops_the_asking_for_some_seconds(
    aws: AwsServer, clients: Clients, alarms: CloudWatchAlarms, now: Now, caplog: pytest.LogCaptureFixture
) -> None:
    arn = make_alarm(clients, "throttled", a="b")
    aws.faults.add({"service": "monitoring", "kind": "throttle"})
    assert alarms.tags([arn]) == {}
    assert alarms.tags([arn]) == {}
    now.advance(seconds=6)
    assert alarms.tags([arn]) == {arn: {"a": "b"}}
    now.advance(minutes=11)
    aws.faults.add({"service": "monitoring", "kind": "throttle"})
    assert alarms.tags([arn]) == {}
    assert caplog.text.count("without their tags") == 2, "it was well in between: this is news"


def test_look_ups_that_wait_are_dropped_at_the_first_fault(
    aws: AwsServer, alarms: CloudWatchAlarms, caplog: pytest.LogCaptureFixture
) -> None:
    aws.faults.add({"service": "monitoring", "kind": "throttle", "times": None})
    before = aws.log.n
    assert alarms.tags([arn_of(f"waiting-{number}") for number in range(BURST)]) == {}
    assert lookups(aws, before) < BURST
    assert caplog.text.count("without their tags") == 1


def test_memory_has_an_end(clients: Clients, alarms: CloudWatchAlarms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms_module, "MAX_KEPT", 2)
    arns = [make_alarm(clients, f"kept-{number}", a="b") for number in range(3)]
    for arn in arns:
        alarms.tags([arn])
    assert list(alarms._kept) == arns[1:]


def test_live_states_of_metric_and_composite_alarms(clients: Clients, alarms: CloudWatchAlarms) -> None:
    make_alarm(clients, "state-cpu")
    clients.get("cloudwatch").set_alarm_state(AlarmName="state-cpu", StateValue="ALARM", StateReason="too hot")
    clients.get("cloudwatch").put_composite_alarm(AlarmName="state-all", AlarmRule='ALARM("state-cpu")')
    found = alarms.states(["state-cpu", "state-all", "nobody", "state-cpu"], REGION)
    assert set(found) == {"state-cpu", "state-all"}
    assert found["state-cpu"] == Standing(AlarmState.ALARM, "too hot")
    assert alarms.states([], REGION) == {}
    assert alarms.states(["state-cpu"], "eu-west-1") == {}


def test_a_hundred_names_go_in_one_call(aws: AwsServer, clients: Clients, alarms: CloudWatchAlarms) -> None:
    for number in range(120):
        make_alarm(clients, f"many-{number}")
    before = aws.log.n
    assert len(alarms.states([f"many-{number}" for number in range(120)], REGION)) == 120
    assert len(aws.log.since(before, operation="DescribeAlarms")) == 2


def test_states_that_must_not_be_read(aws: AwsServer, alarms: CloudWatchAlarms) -> None:
    aws.faults.add({"service": "monitoring", "kind": "error", "status": 403})
    with pytest.raises(CloudError, match="cloudwatch:DescribeAlarms"):
        alarms.states(["cpu"], REGION)


# -- the ports


def test_each_is_the_port_that_it_says_to_be(
    inbox: SqsInbox, bus: EventBridgeBus, clients: Clients, alarms: CloudWatchAlarms, caplog: pytest.LogCaptureFixture
) -> None:
    """The type checker compares; the stand-ins do and know nothing."""
    _: tuple[Inbox, EventBus, Mailer, Alarms] = (inbox, bus, SnsMailer(clients), alarms)
    none: tuple[EventBus, Mailer, Alarms] = (NoBus(), NoMailer(), NoAlarms())
    with caplog.at_level(logging.DEBUG):
        assert none[0].put(THREE) == []
        none[1].publish("arn", "subject", "text")
        assert none[2].tags([arn_of("cpu")]) == {}
        assert none[2].states(["cpu"], REGION) == {}
    assert "text" not in caplog.messages[-1].split()
