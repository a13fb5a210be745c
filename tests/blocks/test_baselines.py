"""What is usual, as people read it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from blocks.baselines import Outcome, learned, learning, not_learned, shown
from bot.baselines import Baseline, Basis
from tests.bot.make import BOB, NOW

CPU = "AWS/ECS CPUUtilization Average ClusterName=shop,ServiceName=web"
STAGING = "AWS/ECS CPUUtilization Average ClusterName=staging,ServiceName=web"
ERRORS = "AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum LoadBalancer=app/shop/1"
LATENCY = "AWS/ApplicationELB TargetResponseTime p99 LoadBalancer=app/shop/1"


def baseline(metric: str, mean: float, **more: Any) -> Baseline:
    values: dict[str, Any] = {"deviation": mean / 10, "p50": mean, "p90": mean * 1.5, "p99": mean * 2, "samples": 48}
    return Baseline(service="web", metric=metric, hour_of_week=3, mean=mean, **{**values, **more})


def texts(blocks: Any) -> str:
    return json.dumps(blocks, ensure_ascii=False)


def outcome(**values: Any) -> Outcome:
    usual: dict[str, Any] = {
        "news": [], "others": 0, "silent": [], "since": NOW - timedelta(weeks=4), "until": NOW, "bill": "2 calls"
    }  # fmt: skip
    return Outcome(**{**usual, **values})


def test_the_table_has_each_metric_in_its_own_unit() -> None:
    message = shown("web", [baseline(CPU, 4.0), baseline(ERRORS, 0.2), baseline(LATENCY, 0.25)], NOW)
    lines = message.text.splitlines()
    assert lines[1].split() == ["metric", "usual", "now", "9", "of", "10", "below", "samples"]
    assert [line.split("  ")[0] for line in lines[2:]] == ["CPU", "5xx errors", "p99 latency"]
    assert "4 ± 0.40 %" in lines[2]
    assert "/min" in lines[3]
    assert "ms" in lines[4]
    assert len({len(line.rstrip()) for line in lines[1:]}) == 1, "the columns stand below each other"


def test_metrics_of_one_name_are_told_apart() -> None:
    text = shown("web", [baseline(CPU, 4.0), baseline(STAGING, 2.0)], NOW).text
    assert "CPU shop " in text
    assert "CPU staging " in text


def test_it_says_from_which_hours_it_is() -> None:
    found = [baseline(CPU, 4.0), baseline(ERRORS, 0.2, basis=Basis.ALL, samples=3)]
    assert "from same hour of the week · from all hours" in texts(shown("web", found, NOW).blocks)


def test_a_hundred_metrics_are_cut_visibly() -> None:
    found = [baseline(f"Shop Metric{n} Average", 4.0) for n in range(100)]
    message = shown("web", found, NOW)
    assert "75 more metrics are known" in texts(message.blocks)
    assert len(message.text) <= 3900


def test_without_any_it_says_how_to_learn() -> None:
    assert "/incident baseline update" in shown("web", [], NOW).text


def test_what_moved_stands_first_and_is_from_to() -> None:
    text = learned("web", BOB, outcome(news=[(CPU, 4.0, 6.0), (ERRORS, None, 0.2)], others=3)).text
    assert "2 metrics are new or moved by a tenth or more, 3 are as before" in text
    assert "• CPU 4 % → 6 %" in text
    assert "• 5xx errors 0.20/min, not known before" in text
    assert f"<@{BOB}>" in text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"others": 5}, "5 metrics are as before."),
        ({}, "No metric has any datapoints."),
        ({"silent": [LATENCY]}, "no datapoints: p99 latency"),
    ],
)
def test_what_did_not_move_and_what_was_not_there(values: dict[str, Any], words: str) -> None:
    message = learned("web", BOB, outcome(**values))
    assert words in message.text + texts(message.blocks)


def test_on_the_way_it_says_how_far_it_is() -> None:
    assert "this takes a minute" in learning("web", BOB).text
    assert "12 of 30 metrics read" in learning("web", BOB, 12, 30).text


def test_a_problem_is_inert() -> None:
    text = not_learned("web", BOB, "<!channel> *denied*").text
    assert "<!channel>" not in text
    assert "What was known before still holds" in text


@pytest.mark.parametrize("key", ["", "x", "a b", "Shop Metric With Blanks Average", "= = =", "N M p99 a=b=c,d"])
def test_any_key_can_be_shown(key: str) -> None:
    assert shown("web", [baseline(key, 1.0)], NOW).text
    assert learned("web", BOB, outcome(news=[(key, 1.0, 2.0)], silent=[key])).text
