"""The second document's functions: their payloads and answers, and what keeps them from harm."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import functions
from bot.errors import CloudError, InvalidInput, Refused
from bot.functions import Pace, is_well, rca, rollback
from bot.models import Progress, Remediation
from tests.bot.fixing import FakeFixes
from tests.bot.make import NOW

ASKED = {"cluster": "aiops-platform-cluster", "service": "aiops-platform-service", "reason": "Test"}


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept = 0

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now += timedelta(seconds=seconds)

    @property
    def pace(self) -> Pace:
        return Pace(self.clock, self.sleep)


@pytest.fixture
def fixes() -> FakeFixes:
    return FakeFixes()


@pytest.fixture
def time() -> Time:
    return Time()


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
    ],
)
def test_a_wrong_rca_payload_is_told_by_its_field(payload: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        rca(payload, at=NOW)
    assert raised.value.field == field


# -- rollback


def test_a_rollback_is_planned_and_changes_nothing(fixes: FakeFixes, time: Time) -> None:
    answer = rollback(ASKED, fixes, time.pace, execute=False)
    assert {name: answer[name] for name in ASKED} == ASKED
    assert (answer["status"], answer["from"], answer["to"]) == ("planned", "web:57", "web:56")
    assert answer["undo"] == "back to web:57"
    assert is_well(answer)
    assert fixes.begun == []
    assert json.loads(json.dumps(answer)) == answer


def test_a_rollback_is_carried_out_and_followed(fixes: FakeFixes, time: Time) -> None:
    fixes.answers = [Progress(said="2 of 6", state={"seen": 1}), Progress(said="6 of 6", is_over=True)]
    answer = rollback({**ASKED, "task_definition": "web:40"}, fixes, time.pace, execute=True)
    assert (answer["status"], answer["said"], answer["problem"]) == ("succeeded", "6 of 6", "")
    assert (len(fixes.begun), time.slept) == (1, 2)
    assert fixes.orders[0].revision == "web:40"


def test_a_rollback_that_fails_says_why(fixes: FakeFixes, time: Time) -> None:
    fixes.answers = [Progress(said="stopped", is_over=True, problem="the tasks do not start")]
    answer = rollback(ASKED, fixes, time.pace, execute=True)
    assert (answer["status"], answer["problem"]) == ("failed", "the tasks do not start")
    assert not is_well(answer)


def test_a_rollback_that_never_ends_is_let_go_of(fixes: FakeFixes, time: Time) -> None:
    fixes.answers = [Progress(said="1 of 6")] * 400
    answer = rollback(ASKED, fixes, time.pace, execute=True)
    assert (answer["status"], answer["said"]) == ("timed out", "1 of 6")
    assert "15 min" in answer["problem"]
    assert time.now - NOW == timedelta(minutes=15)
    assert len(fixes.stopped) == 1


class Flaky(FakeFixes):
    """AWS, of which some calls fail."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    def follow(self, remediation: Remediation) -> Progress:
        if self.errors:
            raise self.errors.pop(0)
        return super().follow(remediation)


def test_what_may_pass_is_tried_again(time: Time) -> None:
    fixes = Flaky(CloudError("timeout", retryable=True), CloudError("Throttling", retryable=True))
    fixes.fail = CloudError("connection", retryable=True)
    assert rollback(ASKED, fixes, time.pace, execute=True)["status"] == "succeeded"
    assert (len(fixes.begun), time.slept) == (1, 4)


@pytest.mark.parametrize("error", [CloudError("AccessDenied", detail="ecs:DescribeServices"), Refused("It is gone.")])
def test_what_does_not_pass_ends_it_with_an_answer(error: Exception, time: Time) -> None:
    answer = rollback(ASKED, Flaky(error), time.pace, execute=True)
    assert (answer["status"], answer["problem"], answer["said"]) == ("failed", str(error), "begun")


def test_a_start_that_is_refused_changed_nothing(fixes: FakeFixes, time: Time) -> None:
    fixes.fail = Refused("Somebody deployed since.")
    answer = rollback(ASKED, fixes, time.pace, execute=True)
    assert (answer["status"], answer["said"]) == ("failed", "not begun")


def test_what_can_not_be_planned_is_raised(fixes: FakeFixes, time: Time) -> None:
    fixes.refuse = Refused("There is no other revision.")
    with pytest.raises(Refused):
        rollback(ASKED, fixes, time.pace, execute=True)
    assert fixes.begun == []


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
def test_a_wrong_rollback_payload_is_told_by_its_field(
    change: dict[str, Any], field: str, fixes: FakeFixes, time: Time
) -> None:
    with pytest.raises(InvalidInput) as raised:
        rollback({**ASKED, **change}, fixes, time.pace, execute=True)
    assert raised.value.field == field
    assert fixes.orders == []


@pytest.mark.parametrize("name", ASKED)
def test_what_is_missing_is_named(name: str, fixes: FakeFixes, time: Time) -> None:
    with pytest.raises(InvalidInput, match=f"{name} is missing") as raised:
        rollback({key: value for key, value in ASKED.items() if key != name}, fixes, time.pace, execute=False)
    assert raised.value.field == name


@pytest.mark.parametrize("payload", [None, [], "{}", 3])
def test_a_payload_that_is_no_object(payload: Any, fixes: FakeFixes, time: Time) -> None:
    with pytest.raises(InvalidInput, match=functions.ROLLBACK):
        rollback(payload, fixes, time.pace, execute=False)


@pytest.mark.parametrize("name", [functions.RCA, functions.ROLLBACK])
def test_the_examples_are_right(name: str, fixes: FakeFixes, time: Time) -> None:
    given = json.loads(functions.EXAMPLES[name])
    answer = rca(given, at=NOW) if name == functions.RCA else rollback(given, fixes, time.pace, execute=False)
    assert answer
