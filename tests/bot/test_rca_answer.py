"""An external root cause function: what it is asked, how its answer is read, and what happens without one."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from bot import outside
from bot.config import Config
from bot.errors import InvalidInput
from bot.integrations.aws.analyst import LambdaAnalyst
from bot.models import Action, Cause, Diagnosis, Evidence, Measure, Reading, Severity
from bot.ports import Analyst
from bot.rca import diagnose, from_answer, from_payload, to_payload, to_question
from bot.rca.matrix import MATRIX
from bot.settings import load_settings
from bot.store.sqlite import SqliteStore
from sandbox.aws.server import BOT_KEY, REGION, SECRET, AwsServer
from tests.bot.make import NOW, after

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:aiops-platform-rca:live"
BUSY = Evidence(
    service="checkout-api",
    began_at=NOW,
    since=NOW,
    until=after(600),
    readings=(
        Reading(measure=Measure.CPU, unit="%", now=60.0, peak=71.0, expected=4.0, deviation=0.5),
        Reading(measure=Measure.ERRORS, now=0.0, peak=0.0),
        Reading(measure=Measure.LATENCY, unit="s", now=0.25, peak=0.4, expected=0.2),
    ),
)
OURS = diagnose(BUSY)


# -- the question


def test_it_is_asked_in_the_documents_terms_with_all_that_was_found() -> None:
    asked = to_question(BUSY)
    assert asked["anomalies"] == ["CPU: 60% (expected 4% ± 0.5%)", "latency: 0.25 s (expected 0.2 s)"]
    assert asked["metrics"] == {"cpu_utilization": 60.0, "error_count": 0.0, "response_time": 0.25}
    assert asked["service"] == asked["evidence"]["service"] == "checkout-api"
    assert Evidence.model_validate(json.loads(json.dumps(asked))["evidence"]) == BUSY


def test_the_bots_own_function_understands_the_question() -> None:
    asked = to_question(BUSY)
    read = from_payload(asked["anomalies"], asked["metrics"], at=after(600))
    assert {one.measure: (one.now, one.expected) for one in read.readings} == {
        one.measure: (one.now, one.expected) for one in BUSY.readings
    }
    assert diagnose(read).cause is OURS.cause is Cause.CPU


def test_what_is_no_number_is_not_sent() -> None:
    odd = BUSY.model_copy(update={"readings": (Reading(measure=Measure.CPU, now=float("nan"), peak=1.0),)})
    assert to_question(odd)["metrics"] == {}
    json.dumps(to_question(odd), allow_nan=False)


# -- the answer


def answered(**said: Any) -> Diagnosis:
    return from_answer(said, OURS, "rca")


@pytest.mark.parametrize("cause", Cause)
def test_the_bots_own_answer_is_read_back(cause: Cause) -> None:
    one = OURS.model_copy(update={"cause": cause, "severity": MATRIX[cause].severity, "action": MATRIX[cause].action})
    read = from_answer(json.dumps(to_payload(one, BUSY)), OURS, "rca")
    assert (read.cause, read.severity, read.action) == (cause, MATRIX[cause].severity, MATRIX[cause].action)
    assert read.confidence == one.confidence
    assert read.advice == one.advice


@pytest.mark.parametrize(
    ("title", "cause"),
    [
        ("high cpu", Cause.CPU),
        ("CPU saturation", Cause.CPU),
        ("CPU high with errors", Cause.CPU_WITH_ERRORS),
        ("OutOfMemory: memory leak in the cart", Cause.MEMORY_LEAK),
        ("OOM kills", Cause.MEMORY_LEAK),
        ("few errors", Cause.FEW_ERRORS),
        ("error rate < 10", Cause.FEW_ERRORS),
        ("Error rate", Cause.MANY_ERRORS),
        ("MANY_ERRORS", Cause.MANY_ERRORS),
        ("dependency timeout", Cause.SLOW),
        ("the moon", Cause.UNKNOWN),
    ],
)
def test_a_cause_in_other_words(title: str, cause: Cause) -> None:
    read = answered(root_cause=title)
    assert read.cause is cause
    assert read.findings == (f"rca: {title}",), "its own words are shown"
    assert read.severity is MATRIX[cause].severity


@pytest.mark.parametrize(
    ("said", "severity"),
    [("CRITICAL", 1), ("high", 2), ("SEV-4", 4), ("sev2", 2), (3, 3), ("low", 4), ("dire", 3), (None, 3), ([1], 3)],
)
def test_severities(said: Any, severity: int) -> None:
    assert answered(root_cause="high CPU", severity=said).severity is Severity(severity)


@pytest.mark.parametrize(
    ("said", "confidence"),
    [(0.8, 0.8), ("0.8", 0.8), (80, 0.8), ("80 %", 0.8), ("1%", 0.01), (1e9, 1.0), (-3, 0.0), (1, 1.0)],
)
def test_confidences(said: Any, confidence: float) -> None:
    assert answered(root_cause="high CPU", confidence=said).confidence == pytest.approx(confidence)


@pytest.mark.parametrize("said", [None, "sure", "nan", float("inf"), [], {}])
def test_a_confidence_that_is_none_is_ours(said: Any) -> None:
    assert answered(root_cause="high CPU", confidence=said).confidence == OURS.confidence
    assert answered(root_cause="slow", confidence=said).confidence == 0.5


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ({"auto_action": "**Rollback** deployment".replace("*", "")}, Action.ROLLBACK),
        ({"auto_action": "scale_up"}, Action.SCALE_UP),
        ({"auto_action": "Scale out by one"}, Action.SCALE_UP),
        ({"action": "restart tasks"}, Action.RESTART),
        ({"auto_action": "Alert only"}, None),
        ({"auto_action": "Alert only, never roll back"}, None),
        ({"auto_action": "delete everything"}, None),
        ({"rollback": True}, Action.ROLLBACK),
        ({"rollback": "yes"}, Action.SCALE_UP),
        ({}, Action.SCALE_UP),
    ],
)
def test_actions(said: dict[str, Any], action: Action | None) -> None:
    assert answered(root_cause="high CPU", **said).action is action


def test_without_an_action_ours_counts_only_for_the_same_cause() -> None:
    assert answered(root_cause="high CPU").action is OURS.action is Action.SCALE_UP
    assert answered(root_cause="memory leak").action is None


def test_an_answer_within_an_http_response() -> None:
    inner = {"root_cause": "Slow Response", "evidence": ["p99 is 4 s", 17, "  "], "not_seen": ["X-Ray"]}
    read = from_answer(json.dumps({"statusCode": 200, "body": json.dumps(inner)}).encode(), OURS, "rca")
    assert read.cause is Cause.SLOW
    assert read.findings == ("rca: Slow Response", "p99 is 4 s")
    assert read.unseen == (*OURS.unseen, "X-Ray")


def test_texts_are_bounded_and_without_secrets() -> None:
    lines = ["x" * 9_000, "password=hunter2hunter2", *("more" for _ in range(50))]
    read = answered(root_cause="memory leak\n" + "y" * 9_000, evidence=lines, manual_action="token=abcdef123456")
    assert all(len(line) <= 520 for line in read.findings)
    assert len(read.findings) <= 13
    assert "hunter2" not in str(read)
    assert "abcdef" not in read.advice


@pytest.mark.parametrize("said", ["", "not JSON", "[]", "null", "3", "{}", '{"root_cause": ""}', '{"root_cause": 3}'])
def test_an_answer_without_a_cause_is_told_apart(said: str) -> None:
    with pytest.raises(InvalidInput):
        from_answer(said, OURS, "rca")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["severity", "confidence", "auto_action", "action", "rollback", "evidence", "findings", "not_seen", "manual_action"]
)


@given(st.dictionaries(FIELDS, JSON), st.text(min_size=1))
def test_whatever_else_stands_there_is_read(said: dict[str, Any], title: str) -> None:
    try:
        read = answered(root_cause=title, **said)
    except InvalidInput:
        assert not title.strip()
    else:
        assert 0 <= read.confidence <= 1
        assert Diagnosis.model_validate_json(read.model_dump_json()) == read


# -- the function


class FakeLambda:
    """Answers an invocation, or raises."""

    def __init__(self, answer: Any = None, *, error: str = "", raises: Exception | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.made: list[tuple[str, str, float, int]] = []
        self.region = "us-east-1"
        self._raises = raises
        said = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self._answer = {"StatusCode": 200, "Payload": io.BytesIO(said), **({"FunctionError": error} if error else {})}

    def get(self, service: str, *, region: str, read_timeout: float, attempts: int) -> FakeLambda:
        self.made.append((service, region, read_timeout, attempts))
        return self

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self._raises is not None:
            raise self._raises
        return self._answer


def ask(fake: FakeLambda, function: str = ARN) -> Diagnosis:
    return LambdaAnalyst(fake, function, 10.0)(BUSY)  # type: ignore[arg-type]


def test_the_function_is_asked_once_in_its_own_region() -> None:
    fake = FakeLambda({"root_cause": "Memory Leak (OOM)", "auto_action": "Restart tasks"})
    read = ask(fake)
    assert (read.cause, read.action) == (Cause.MEMORY_LEAK, Action.RESTART)
    assert read.findings[0] == "aiops-platform-rca:live: Memory Leak (OOM)"
    assert fake.made == [("lambda", "eu-west-1", 10.0, 1)]
    (asked,) = fake.asked
    assert (asked["FunctionName"], asked["InvocationType"]) == (ARN, "RequestResponse")
    assert json.loads(asked["Payload"])["metrics"]["cpu_utilization"] == 60


def test_a_function_by_name_is_asked_in_the_bots_region() -> None:
    fake = FakeLambda({"root_cause": "slow"})
    assert ask(fake, "aiops-platform-rca").findings == ("aiops-platform-rca: slow",)
    assert fake.made[0][1] == "us-east-1"


@pytest.mark.parametrize(
    ("fake", "why"),
    [
        (FakeLambda({"errorMessage": "KeyError: 'x'"}, error="Unhandled"), "it failed: KeyError: 'x'"),
        (FakeLambda(b"", error="Unhandled"), "it does not say why"),
        (FakeLambda({"cause?": 1}), "names no root_cause"),
        (FakeLambda(b"<html>"), "no JSON"),
        (FakeLambda(raises=ReadTimeoutError(endpoint_url="https://lambda")), "no answer within 10 s"),
        (FakeLambda(raises=ConnectTimeoutError(endpoint_url="https://lambda")), "no answer within 10 s"),
    ],
    ids=["it failed", "it failed in silence", "no cause", "no JSON", "too slow", "not reached"],
)
def test_without_an_answer_the_bot_decides_and_says_so(fake: FakeLambda, why: str) -> None:
    read = ask(fake)
    assert read.model_copy(update={"unseen": OURS.unseen}) == OURS
    assert len(read.unseen) == len(OURS.unseen) + 1
    assert read.unseen[-1].startswith("aiops-platform-rca:live — ")
    assert why in read.unseen[-1]
    assert read.unseen[-1].endswith("; the bot decided itself")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    """Functions run again as they did before, when it is gone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", BOT_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with AwsServer() as server:
        try:
            yield server
        finally:
            control(server, "config", {"lambda": {"use_docker": True}})


def control(server: AwsServer, path: str, given: dict[str, Any]) -> None:
    request = urllib.request.Request(f"{server.url}/moto-api/{path}", json.dumps(given).encode())
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).close()


def deploy(server: AwsServer, answer: dict[str, Any]) -> None:
    """The function, which will answer that and runs no code."""
    control(server, "config", {"lambda": {"use_docker": False}})
    credentials = server.credentials("sandbox-ana")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam", **credentials).create_role(RoleName="rca", AssumeRolePolicyDocument=trust)
    boto3.client("lambda", **credentials).create_function(
        FunctionName="aiops-platform-rca",
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="rca.handle",
        Code={"ZipFile": b"code"},
        Publish=True,
    )
    control(server, "static/lambda-simple/response", {"results": [json.dumps(answer)], "region": REGION})


def analyst(server: AwsServer, tmp_path: Path, function: str) -> Analyst:
    """What a bot with this config file decides with."""
    known = {"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_APP_TOKEN": "xapp-test"}
    settings = load_settings({**known, "AWS_ENDPOINT_URL": server.url, "AWS_REGION": REGION})
    config = Config.model_validate({"investigation": {"function": function}})
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        return outside.cloud(settings, config, store, lambda: NOW).analyst


def test_a_configured_function_decides(server: AwsServer, tmp_path: Path) -> None:
    deploy(server, {"root_cause": "Slow Response", "severity": "HIGH", "evidence": ["the queue is long"]})
    read = analyst(server, tmp_path, "aiops-platform-rca")(BUSY)
    assert (read.cause, read.severity) == (Cause.SLOW, Severity.SEV2)
    assert read.findings == ("aiops-platform-rca: Slow Response", "the queue is long")


def test_without_one_the_bot_decides(server: AwsServer, tmp_path: Path) -> None:
    assert analyst(server, tmp_path, "") is diagnose


def test_a_function_that_does_not_exist(server: AwsServer, tmp_path: Path) -> None:
    read = analyst(server, tmp_path, "aiops-platform-rca")(BUSY)
    assert read.cause is OURS.cause
    assert "lambda:InvokeFunction on aiops-platform-rca" in read.unseen[-1]
