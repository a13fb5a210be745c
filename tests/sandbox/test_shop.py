"""The little production: provisioned, broken and healed by scenario, heard of only through its queue."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from sandbox.aws.server import SHOP_KEY, AwsServer
from sandbox.shop.catalogue import COMPOSITE, LAST_OF_STORM
from sandbox.shop.messages import garbage
from sandbox.shop.scenarios import SCENARIOS
from sandbox.shop.shop import Shop

Json = dict[str, Any]
TICKS = 30


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
    open_shop.drain(open_shop.made.queue_url)


def until(shop: Shop, what: Any) -> None:
    for _ in range(TICKS):
        if what():
            return
        shop.run()
    raise AssertionError("it did not happen")


def received(shop: Shop, url: str = "") -> list[Json]:
    """What came through the queue, out of its envelopes."""
    bodies = [json.loads(body) for body in shop.drain(url or shop.made.queue_url)]
    return [json.loads(body["Message"]) if "TopicArn" in body else body for body in bodies]


def changes(bodies: list[Json]) -> list[tuple[str, str]]:
    return [(b["AlarmName"], b["NewStateValue"]) for b in bodies if "AlarmName" in b]


def ask(shop: Shop, path: str, **body: Any) -> Json:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{shop.server.url}/sandbox-aws/{path}", data)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


def test_it_starts_healthy_and_silent(open_shop: Shop) -> None:
    assert {a.state for a in open_shop.server.alarms()} == {"OK"}
    assert received(open_shop) == []
    tags = open_shop.aws.cloudwatch.list_tags_for_resource(
        ResourceARN=next(a.alarm_arn for a in open_shop.server.alarms() if "dlq" in a.name)
    )["Tags"]
    assert {t["Key"]: t["Value"] for t in tags}["service"] == "payments-worker"
    open_shop.run(5)
    assert {a.state for a in open_shop.server.alarms()} == {"OK"}


def test_the_environment_is_enough_to_read_the_queue(shop: Shop) -> None:
    environment = shop.environment
    assert set(environment) == {
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "ALERT_QUEUE_URL",
        "ALERT_BUS_NAME",
    }
    shop.fire("prod-catalog-db-cpu-high")
    bot = boto3.client(
        "sqs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    (message,) = bot.receive_message(QueueUrl=environment["ALERT_QUEUE_URL"])["Messages"]
    bot.close()
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == "prod-catalog-db-cpu-high"


@pytest.mark.parametrize("scenario", [s.id for s in SCENARIOS])
def test_every_scenario_breaks_and_heals(shop: Shop, scenario: str) -> None:
    broken = shop.scenarios[scenario]
    shop.break_it(scenario)
    assert broken.state == "broken"
    until(shop, lambda: len(broken.firing()) == len(broken.alarms))
    assert shop.depth(shop.made.queue_url)["waiting"] >= max(len(broken.alarms), 1)
    shop.heal(scenario)
    until(shop, lambda: broken.state == "fine")
    assert {a.state for a in shop.server.alarms()} == {"OK"}


def test_an_alarm_and_its_end_come_through_the_queue(shop: Shop) -> None:
    shop.break_it("cpu-spike")
    shop.run(2)
    shop.heal("cpu-spike")
    shop.run(2)
    assert changes(received(shop)) == [("prod-checkout-api-cpu-medium", state) for state in ("ALARM", "OK")]


def test_a_bad_deployment_is_told_before_its_errors(shop: Shop) -> None:
    shop.break_it("bad-deploy")
    native, pipeline = received(shop)
    assert (native["source"], native["detail"]["eventName"]) == ("aws.ecs", "SERVICE_DEPLOYMENT_IN_PROGRESS")
    assert native["resources"] == [shop.made.services["checkout-api"]]
    assert (pipeline["detail"]["service"], pipeline["detail"]["version"]) == ("checkout-api", "43")
    shop.run(2)
    bodies = received(shop)
    assert any(b.get("detail", {}).get("eventName") == "SERVICE_DEPLOYMENT_COMPLETED" for b in bodies)
    alarms = dict(changes(bodies))
    assert alarms["prod-checkout-api-5xx-critical"] == "ALARM"
    assert alarms[COMPOSITE] == "ALARM"


def test_the_memory_leaks_slowly(shop: Shop) -> None:
    shop.break_it("memory-leak")
    shop.run(3)
    assert shop.scenarios["memory-leak"].firing() == []
    shop.run(5)
    assert shop.scenarios["memory-leak"].firing() == ["prod-search-api-memory-critical"]


def test_a_storm_ends_with_the_worst(shop: Shop) -> None:
    shop.break_it("storm")
    until(shop, lambda: len(shop.scenarios["storm"].firing()) == 241)
    names = [name for name, state in changes(received(shop)) if state == "ALARM"]
    assert len(names) == len(set(names)) == 241
    assert names[-1] == LAST_OF_STORM


def test_flapping_flaps(shop: Shop) -> None:
    shop.break_it("flapping")
    shop.run(12)
    assert len([state for _, state in changes(received(shop)) if state == "ALARM"]) >= 3


def test_dead_letters_are_really_there_and_gone_after(shop: Shop) -> None:
    shop.break_it("dlq-filling")
    assert shop.depth(shop.made.work_dlq_url)["waiting"] == 120
    shop.heal("dlq-filling")
    assert shop.depth(shop.made.work_dlq_url)["waiting"] == 0


def test_garbage_that_is_not_read_is_set_aside(shop: Shop) -> None:
    shop.break_it("garbage")
    count = 2 * len(garbage())
    for _ in range(3):
        for _ in range(count):
            shop.aws.sqs.receive_message(QueueUrl=shop.made.queue_url, MaxNumberOfMessages=10)
        shop.server.advance(31)
    shop.aws.sqs.receive_message(QueueUrl=shop.made.queue_url)
    assert shop.depth(shop.made.queue_url) == {"waiting": 0, "in_flight": 0}
    assert shop.depth(shop.made.dlq_url)["waiting"] == count
    shop.drain(shop.made.dlq_url)


def test_mails_can_be_read(shop: Shop) -> None:
    topic = shop.made.severity_topics[1]
    shop.aws.sns.publish(TopicArn=topic, Subject="SEV-1: checkout-api", Message="Please look")
    (mail,) = shop.mails()
    assert (mail["severity"], mail["subject"], mail["text"]) == (1, "SEV-1: checkout-api", "Please look")


def test_a_flood_of_alarms(shop: Shop) -> None:
    shop.flood(25)
    assert len(set(changes(received(shop)))) == 25


def test_codedeploy_is_listened_to(shop: Shop) -> None:
    detail = {"application": "checkout", "state": "FAILURE"}
    kind = "CodeDeploy Deployment State-change Notification"
    shop.say({"Source": "aws.codedeploy", "DetailType": kind, "Detail": detail})
    assert received(shop)[0]["detail"] == detail


def test_faults_spare_the_shop_itself(shop: Shop) -> None:
    shop.server.faults.add({"service": "*", "kind": "throttle", "times": None})
    shop.run()
    shop.server.faults.clear()
    assert {c["fault"] for c in shop.server.log.since(caller=SHOP_KEY)} == {None}


def test_the_panel_sees_and_turns_everything(shop: Shop) -> None:
    assert ask(shop, "shop/break", scenario="cpu-spike")["scenarios"]["cpu-spike"] == "broken"
    shop.run(2)
    seen = ask(shop, "shop")
    assert {s["id"] for s in seen["scenarios"]} == {s.id for s in SCENARIOS}
    first = seen["alarms"][0]
    assert (first["name"], first["state"], first["high"]) == ("prod-checkout-api-cpu-medium", "ALARM", 85.0)
    assert first["value"] > 85
    assert (seen["queue"]["waiting"], seen["dlq"]["waiting"]) == (1, 0)
    assert ask(shop, "shop/heal", scenario="cpu-spike")["scenarios"]["cpu-spike"] == "healing"
    shop.run(2)
    assert ask(shop, "shop/heal-all", x=1)["scenarios"]["cpu-spike"] == "fine"
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(shop, "shop/break", scenario="everything")
    with raised.value as error:
        assert "There is no scenario everything" in json.load(error)["message"]


def test_a_reset_provisions_again(shop: Shop) -> None:
    shop.break_it("cpu-spike")
    ask(shop, "reset", x=1)
    assert shop.scenarios["cpu-spike"].state == "fine"
    shop.break_it("cpu-spike")
    shop.run(2)
    assert changes(received(shop)) == [("prod-checkout-api-cpu-medium", "ALARM")]
