"""The pure parts of the evidence: addresses of console pages, what lines say, differences of task definitions."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.integrations.aws.evidence import console, lines, prices, revisions
from bot.integrations.aws.evidence.climbing import slope
from bot.integrations.aws.evidence.ourselves import same_session
from bot.models import LogClass
from tests.bot.make import NOW

HOUR = timedelta(hours=1)


def test_addresses_of_the_console() -> None:
    graph = {
        "metrics": [["AWS/ECS", "CPUUtilization", {"stat": "p99"}]],
        "period": 60,
        "up": False,
        "title": "5 $ €",
    }
    assert console.metrics("eu-west-1", graph) == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#metricsV2:graph="
        "~(metrics~(~(~'AWS*2fECS~'CPUUtilization~(stat~'p99)))~period~60~up~false~title~'5*20!*20**20ac)"
    )
    assert console.insights("eu-west-1", "fields @message\n| limit 5", ["/ecs/web"], NOW - HOUR, NOW) == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights$3FqueryDetail$3D"
        "~(end~'2026-11-22T03*3a00*3a00.000Z~start~'2026-11-22T02*3a00*3a00.000Z~timeType~'ABSOLUTE~tz~'UTC"
        "~editorString~'fields*20*40message*0a*7c*20limit*205~source~(~'*2fecs*2fweb))"
    )
    assert console.traces("eu-west-1", 'service("web")', NOW - HOUR, NOW) == (
        "https://eu-west-1.console.aws.amazon.com/xray/home?region=eu-west-1#/traces?filter=service%28%22web%22%29"
        "&timeRange=2026-11-22T02:00:00~2026-11-22T03:00:00"
    )
    assert console.trail("eu-west-1", NOW - HOUR, NOW) == (
        "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events?ReadOnly=false"
        "&StartTime=2026-11-22T02:00:00.000Z&EndTime=2026-11-22T03:00:00.000Z"
    )
    assert console.service_deployments("eu-west-1", "shop", "web") == (
        "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/deployments?region=eu-west-1"
    )
    assert console.health("eu-west-1", "arn:aws:health:::event/1").endswith(
        "/event-log?eventID=arn%3Aaws%3Ahealth%3A%3A%3Aevent%2F1&eventTab=details"
    )


@pytest.mark.parametrize(
    ("region", "host", "everywhere", "health"),
    [
        ("us-west-2", "us-west-2.console.aws.amazon.com", "us-east-1", "us-east-1"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn", "cn-north-1", "cn-northwest-1"),
        ("us-gov-east-1", "us-gov-east-1.console.amazonaws-us-gov.com", "us-gov-west-1", "us-gov-west-1"),
        ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu", "eusc-de-east-1", "eusc-de-east-1"),
    ],
)
def test_each_partition_has_its_own_console(region: str, host: str, everywhere: str, health: str) -> None:
    assert console.trail(region, NOW, NOW).startswith(f"https://{host}/")
    assert (console.global_region(region), console.health_region(region)) == (everywhere, health)


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("ERROR request_id=4f1a22bc99 took 870 ms\nTraceback\nKeyError: 'currency'", "KeyError: 'currency'"),
        ("2026-11-22T02:55:00.123Z ERROR order 4711 of 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed",
         "ERROR order # of {id} failed"),
        ('{"level": "ERROR", "message": "order 7 failed", "id": 1}', "order # failed"),
        ('{"level": "ERROR", broken', '{"level": "ERROR", broken'),
        ("java.lang.IllegalStateException: no\n\tat com.shop.Cart.add(Cart.java:7)\nCaused by: java.io.IOException: x",
         "Caused by: java.io.IOException: x"),
        ("first\nthen connection refused by 10.0.0.7:5432\nlast", "then connection refused by #"),
        ("[ERROR] Runtime.ExitError: id 0a1b2c3d4e5f exited", "[ERROR] Runtime.ExitError: id {id} exited"),
        ("", "exception"),
        ("error " + "word " * 100, "error " + ("word " * 100)[: lines.MAX_PATTERN - 7] + "…"),
    ],
)  # fmt: skip
def test_the_pattern_of_a_line(line: str, pattern: str) -> None:
    assert lines.pattern_of(line, LogClass.EXCEPTION) == pattern


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("FATAL OutOfMemoryError: killed, exit code 137", LogClass.MEMORY),
        ("TimeoutError: read timed out", LogClass.TIMEOUT),
        ("Error: connect ECONNREFUSED 10.0.0.7:5432", LogClass.CONNECTION),
        ("ThrottlingException: Rate exceeded", LogClass.RATE_LIMIT),
        ("KeyError: 'currency'", LogClass.EXCEPTION),
        ("all is well", None),
    ],
)
def test_the_class_of_a_line(line: str, kind: LogClass | None) -> None:
    assert lines.class_of(line, {}) is kind


def test_the_rows_columns_decide_before_the_words() -> None:
    assert lines.class_of("out of memory", {"memory": "", "rate_limit": "throttled"}) is LogClass.RATE_LIMIT


@given(st.text(max_size=400))
def test_any_line_has_a_short_pattern_and_sample(text: str) -> None:
    line = lines.clean(text)
    assert len(lines.pattern_of(line, LogClass.TIMEOUT)) <= lines.MAX_PATTERN
    assert len(lines.sample_of(line)) <= lines.MAX_SAMPLE


@pytest.mark.parametrize("piece", ["a", "a.", "1", "0f", "error ", "Error: ", "A1", "{", "\n", "too many ", "time "])
def test_long_lines_take_no_time(piece: str) -> None:
    started = time.thread_time()
    line = lines.clean(piece * 1_000_000)
    assert len(line) <= lines.MAX_LINE
    lines.pattern_of(line, LogClass.EXCEPTION)
    assert time.thread_time() - started < 1


def test_differences_of_task_definitions_never_tell_values() -> None:
    def container(name: str, image: str, **more: object) -> dict[str, object]:
        return {"name": name, "image": image, **more}

    old = {
        "cpu": "256",
        "containerDefinitions": [
            container("app", "r/web:1", environment=[{"name": "A", "value": "1"}], memory=512),
            container("proxy", "r/p:1"),
        ],
    }
    new = {"cpu": "512", "taskRoleArn": "arn:aws:iam::1:role/task", "containerDefinitions": [
        container("app", f"r/web@sha256:{'ab' * 32}", environment=[{"name": "A", "value": "2"}], command=["x"],
                  secrets=[{"name": "KEY", "valueFrom": "arn"}]), container("agent", "r/a:1")]}  # fmt: skip
    assert revisions.differences(old, new) == [
        "CPU 256 → 512",
        "task role none → task",
        "app: image web:1 → web@abababababab",
        "app: memory 512 → none",
        "changed app: variable A",
        "+ app: secret KEY",
        "app: another command",
        "− container proxy",
        "+ container agent",
    ]
    assert revisions.differences(new, new) == []
    many = {"containerDefinitions": [container("app", "x", environment=[{"name": f"V{n:02}"} for n in range(30)])]}
    plain = {"containerDefinitions": [container("app", "x")]}
    assert revisions.differences(plain, many)[-1] == "18 more"


@given(rise=st.floats(-100, 100), start=st.floats(-100, 100), count=st.integers(2, 60))
def test_the_slope_of_a_line_is_its_rise_a_minute(rise: float, start: float, count: int) -> None:
    points = {NOW + timedelta(minutes=n): start + rise * n for n in range(count)}
    assert slope(points) == pytest.approx(rise, abs=1e-6)
    assert slope({datetime(2026, 1, 1, tzinfo=UTC): 5.0}) == 0.0


LEVEL = [50.0, 50.6, 49.3, 50.2, 49.7] * 13


@pytest.mark.parametrize(
    ("after", "low", "high"),
    [
        ([56.0, 60, 66, 71, 75, 81], 4.5, 5.5),
        ([51.0, 52.3, 53.4, 55, 56.1, 57.2, 58.4, 59.7, 61, 62.1, 63.4, 64.4], 1.1, 1.3),
        ([75.0, 75.6, 74.3, 75.2, 74.7, 75.4, 75.1], 0, 0),
        ([90.0], -0.1, 0.1),
        ([74.8, 75.3], -0.1, 0.1),
        ([30.0, 38, 45, 54, 62, 70], 7, 9),
        ([], -0.01, 0.01),
    ],
    ids=["fast", "slow", "higher but level", "one that stands out", "too few to tell", "after a restart", "level"],
)
def test_a_rise_is_measured_since_it_began(after: list[float], low: float, high: float) -> None:
    points = {NOW + timedelta(minutes=n): value for n, value in enumerate([*LEVEL, *after])}
    assert low <= slope(points) <= high


def test_sessions_of_one_role_are_the_same_caller() -> None:
    assert same_session("arn:aws:sts::1:assumed-role/bot/i-1") == same_session("arn:aws:sts::1:assumed-role/bot/i-2")
    assert same_session("arn:aws:iam::1:user/ana") == "arn:aws:iam::1:user/ana"
    assert same_session("") == ""


def test_prices_are_of_units() -> None:
    calls = {"cloudwatch:GetMetricData": 1000.0, "logs:StartQuery": 2.0, "ecs:ListTasks": 9.0}
    assert prices.price(calls) == pytest.approx(0.02)
    assert all(each.source.startswith("https://aws.amazon.com/") for each in prices.PRICES.values())
