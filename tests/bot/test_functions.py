"""The second document's functions: their payloads and answers, and what keeps them from harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import functions
from bot.alone import Alone
from bot.config import Config
from bot.errors import CloudError, InvalidInput, Refused
from bot.functions import is_well, planned, rca, rollback_payload, rolled_back
from bot.models import OwedKind, Progress, Remediation
from bot.models import RemediationStatus as S
from bot.resources import Resources
from bot.store.sqlite import SqliteStore
from tests.bot.fixing import FakeFixes
from tests.bot.make import NOW, after

ASKED = {"cluster": "aiops-platform-cluster", "service": "aiops-platform-service", "reason": "Test"}


CATALOGUE = {
    "platform": {
        "environment": "prod",
        "cluster": f"arn:aws:ecs:us-east-1:123456789012:cluster/{ASKED['cluster']}",
        "ecs_service": ASKED["service"],
    }
}
CONFIG = Config.model_validate({"services": CATALOGUE})


class Place:
    """A store, an AWS, and a clock that sleeping moves."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.config, self.fixes = store, CONFIG, FakeFixes()
        self.now, self.slept = NOW, 0

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def place() -> Iterator[Place]:
    with closing(SqliteStore(":memory:")) as store:
        yield Place(store)


# -- root cause


def test_the_documents_payload_has_the_documents_answer() -> None:
    answer = rca({"anomalies": ["CPU: 60% (expected 4%)"], "metrics": {"cpu_utilization": 60}}, at=NOW)
    assert answer["root_cause"] == "High CPU (no errors)"
    assert (answer["severity"], answer["auto_action"]) == ("MEDIUM", "Scale up +1 task")
    assert (answer["manual_action"], answer["rollback"]) == ("Monitor for 15min", False)
    assert json.loads(json.dumps(answer)) == answer


def test_anomalies_or_metrics_alone_are_enough() -> None:
    assert rca({"metrics": {"error_count": 25}}, at=NOW)["root_cause"] == "High Error Rate (>10 errors)"
    assert rca({"anomalies": ["Errors: 25 (expected 0)"], "metrics": None}, at=NOW)["severity"] == "CRITICAL"


def test_memory_far_above_what_is_expected_is_the_matrixs_memory_row() -> None:
    given: dict[str, Any] = {"anomalies": ["Memory: 95% (expected 40%)"], "metrics": {"memory_utilization": 95}}
    answer = rca(given, at=NOW)
    assert (answer["root_cause"], answer["auto_action"]) == ("Memory Leak (OOM)", "Restart tasks")
    assert answer["evidence"] == ["memory: 95 % (expected 40 %)"]
    flat = rca({"anomalies": ["Memory: 72% (expected 70%)"], "metrics": {}}, at=NOW)
    assert flat["root_cause"] == "Unknown"
    both = rca({**given, "metrics": {**given["metrics"], "error_count": 25}}, at=NOW)
    assert "memory: 95 % (expected 40 %)" in both["evidence"]
    assert any(line.startswith("25 errors") for line in both["evidence"])
    bare = rca({"metrics": {"memory_utilization": 95, "error_count": 25}}, at=NOW)
    assert "memory: 95 %" in bare["evidence"]


def test_many_errors_without_a_known_deployment_name_the_rows_action_and_say_that_there_is_none() -> None:
    answer = rca({"metrics": {"error_count": 25}}, at=NOW)
    assert (answer["auto_action"], answer["rollback"]) == ("Rollback deployment", False)
    assert answer["note"] == "no deployment is known that could be rolled back"
    assert rca({"metrics": {"cpu_utilization": 95}}, at=NOW)["note"] == ""


def test_what_a_payload_names_beside_is_not_read_and_told() -> None:
    given = {"metrics": {"cpu_utilization": 95}, "TopicArn": "arn:aws:sns:eu-west-1:666:loot", "cluster": "theirs"}
    answer, plain = rca(given, at=NOW), rca({"metrics": given["metrics"]}, at=NOW)
    assert answer["not_seen"][-1] == "payload — not read: TopicArn, cluster; anomalies and metrics are"
    assert {**answer, "not_seen": answer["not_seen"][:-1]} == plain
    many = rca({**given, **{f"x{n:02}" * 40: n for n in range(500)}}, at=NOW)["not_seen"][-1]
    assert "and 492 more" in many
    assert len(many) < 1000


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ([], "payload"),
        ("CPU: 60%", "payload"),
        (None, "payload"),
        ({}, "anomalies"),
        ({"anomaly": ["CPU: 60%"]}, "anomalies"),
        ({"anomalies": "CPU: 60%"}, "anomalies"),
        ({"anomalies": ["it is slow"]}, "anomalies"),
        ({"anomalies": {"CPU": 60}}, "anomalies"),
        ({"metrics": {"cpu_utilization": "high"}}, "metrics"),
        ({"metrics": [60]}, "metrics"),
        ({"metrics": 0, "anomalies": ["CPU: 60%"]}, "metrics"),
        ({"metrics": "", "anomalies": ["CPU: 60%"]}, "metrics"),
        ({"anomalies": False, "metrics": {"cpu_utilization": 60}}, "anomalies"),
        ({"anomalies": "", "metrics": {"cpu_utilization": 60}}, "anomalies"),
    ],
)
def test_a_wrong_rca_payload_is_told_by_its_field(payload: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        rca(payload, at=NOW)
    assert raised.value.field == field


# -- rollback


def plan(fixes: FakeFixes, **change: str) -> dict[str, Any]:
    return planned(rollback_payload({**ASKED, **change}), fixes, CONFIG)


def rollback(place: Place, **change: str) -> dict[str, Any]:
    asked = rollback_payload({**ASKED, **change})
    hands = Alone(place.store, place.config, place.fixes, place.clock)
    return rolled_back(asked, hands, place.config, "ana on the command line", place.sleep)


def test_a_rollback_is_planned_and_changes_nothing(place: Place) -> None:
    answer = plan(place.fixes)
    assert {name: answer[name] for name in ASKED} == ASKED
    assert (answer["status"], answer["from"], answer["to"]) == ("planned", "web:57", "web:56")
    assert answer["undo"] == "back to web:57"
    assert is_well(answer)
    assert place.fixes.begun == []
    assert json.loads(json.dumps(answer)) == answer


def test_a_rollback_is_carried_out_followed_and_on_record(place: Place) -> None:
    place.fixes.answers = [Progress(said="2 of 6", state={"seen": 1}), Progress(said="6 of 6", is_over=True)]
    answer = rollback(place, task_definition="web:40")
    assert (answer["status"], answer["said"], answer["problem"]) == ("succeeded", "6 of 6", "")
    assert (answer["remediation"], place.fixes.begun, place.slept) == ("FIX-1", [1], 2)
    assert place.fixes.orders[0].revision == "web:40"
    assert json.loads(json.dumps(answer)) == answer
    fix = place.store.remediation(1)
    assert (fix.status, fix.requested_by, fix.via) == (S.VERIFYING, None, "ana on the command line: Test")
    owed = place.store.claim_deliveries("a bot", after(3600), lease=60, limit=9)
    assert {(each.owed.kind, each.owed.body.get("step")) for each in owed} == {
        (OwedKind.FIX_CARD, None),
        (OwedKind.FIX, "verify"),
        (OwedKind.EVENTS, None),
    }, "its card and what is looked at later are the bot's"


def test_it_waits_for_what_runs_for_its_cool_down_and_for_the_hourly_cap(place: Place) -> None:
    place.config = Config.model_validate({"services": CATALOGUE, "remediation": {"per_hour": 2}})
    hands = Alone(place.store, place.config, place.fixes, place.clock)
    order = rollback_payload(ASKED).order(place.config)
    assert (order.service, order.environment) == ("platform", "prod"), "as the catalogue calls it"
    running = hands.begin(order, Resources(), "cy")
    with pytest.raises(Refused, match="FIX-1 runs for platform right now; one at a time"):
        rollback(place)
    while hands.look(running.number).status is S.RUNNING:
        place.sleep(3)
    with pytest.raises(Refused, match=r"rollback was done for platform .* by itself it could run again in"):
        rollback(place)
    place.now += timedelta(minutes=11)
    assert rollback(place)["status"] == "succeeded"
    place.now += timedelta(minutes=11)
    with pytest.raises(Refused, match="2 remediations within the hour"):
        rollback(place)
    assert len(place.fixes.begun) == 2


def test_where_others_have_to_approve_it_refuses(place: Place) -> None:
    place.config = Config.model_validate({"remediation": {"approvals": [{"people": 1}]}})
    with pytest.raises(Refused, match=r"needs the approval of others \(config\.yml: remediation\.approvals\[0\]\)"):
        rollback(place)
    assert place.store.remediations() == []


def test_a_service_of_another_cluster_is_another_one(place: Place) -> None:
    asked = rollback_payload({**ASKED, "cluster": "staging"})
    assert asked.order(place.config).service == "staging/aiops-platform-service"


def test_a_rollback_that_fails_says_why(place: Place) -> None:
    place.fixes.answers = [Progress(said="stopped", is_over=True, problem="the tasks do not start")]
    answer = rollback(place)
    assert (answer["status"], answer["problem"]) == ("failed", "the tasks do not start")
    assert not is_well(answer)


def test_a_rollback_that_never_ends_is_let_go_of(place: Place) -> None:
    place.fixes.answers = [Progress(said="1 of 6")] * 400
    answer = rollback(place)
    assert (answer["status"], answer["said"], answer["problem"]) == (
        "timed out",
        "1 of 6",
        "it took longer than it may",
    )
    assert timedelta(minutes=15) <= place.now - NOW < timedelta(minutes=16)
    assert place.fixes.stopped == [1]


class Flaky(FakeFixes):
    """AWS, of which some calls fail."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    def follow(self, remediation: Remediation) -> Progress:
        if self.errors:
            raise self.errors.pop(0)
        return super().follow(remediation)


def test_what_may_pass_is_tried_again(place: Place) -> None:
    place.fixes = Flaky(CloudError("timeout", retryable=True), CloudError("Throttling", retryable=True))
    place.fixes.fail = CloudError("connection", retryable=True)
    assert rollback(place)["status"] == "succeeded"
    assert place.fixes.begun == [1]


@pytest.mark.parametrize("error", [CloudError("AccessDenied", detail="ecs:DescribeServices"), Refused("It is gone.")])
def test_what_does_not_pass_ends_it_with_an_answer(error: Exception, place: Place) -> None:
    place.fixes = Flaky(error)
    answer = rollback(place)
    assert (answer["status"], answer["problem"], answer["said"]) == ("failed", str(error), "begun")


def test_a_start_that_is_refused_changed_nothing(place: Place) -> None:
    place.fixes.fail = Refused("Somebody deployed since.")
    answer = rollback(place)
    assert (answer["status"], answer["said"]) == ("failed", "")


def test_what_can_not_be_planned_is_raised(place: Place) -> None:
    place.fixes.refuse = Refused("There is no other revision.")
    with pytest.raises(Refused):
        rollback(place)
    assert (place.fixes.begun, place.store.remediations()) == ([], [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cluster": None}, "cluster"),
        ({"service": 7}, "service"),
        ({"service": "checkout api"}, "service"),
        ({"service": "*"}, "service"),
        ({"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/shop"}, "cluster"),
        ({"cluster": ""}, "cluster"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"region": "moon"}, "region"),
        ({"taskDefinition": "web:40"}, "taskDefinition"),
    ],
)
def test_a_wrong_rollback_payload_is_told_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        rollback_payload({**ASKED, **change})
    assert raised.value.field == field


@pytest.mark.parametrize("name", ASKED)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name} is missing") as raised:
        rollback_payload({key: value for key, value in ASKED.items() if key != name})
    assert raised.value.field == name


@pytest.mark.parametrize("payload", [None, [], "{}", 3])
def test_a_payload_that_is_no_object(payload: Any) -> None:
    with pytest.raises(InvalidInput, match=functions.ROLLBACK):
        rollback_payload(payload)


@pytest.mark.parametrize("name", [functions.RCA, functions.ROLLBACK])
def test_the_examples_are_right(name: str) -> None:
    given = json.loads(functions.EXAMPLES[name])
    assert rca(given, at=NOW) if name == functions.RCA else rollback_payload(given)
