"""What differs between two task definitions, and which one was stable: pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.integrations.aws.fixes.aliases import Alias, Version, before
from bot.integrations.aws.fixes.ecs import Deployment, Past, Service
from bot.integrations.aws.fixes.revisions import Revision, differences, images, typed
from bot.integrations.aws.fixes.stability import going_back, stable_before, was_stable
from tests.bot.make import NOW

ARN = "arn:aws:ecs:us-east-1:123456789012:task-definition"


def web(number: int) -> Revision:
    return Revision.of(f"{ARN}/web:{number}")


def past(*told: tuple[int, str]) -> list[Past]:
    """Deployments by number of revision and status, the newest first."""
    return [
        Past(f"deployment-{age}", web(number), status, NOW - timedelta(hours=age))
        for age, (number, status) in enumerate(told)
    ]


def service(number: int, *deployments: tuple[int, str]) -> Service:
    shown = deployments or ((number, "COMPLETED"),)
    return Service(
        arn="arn:aws:ecs:us-east-1:123456789012:service/prod/web",
        name="web",
        desired=3,
        running=3,
        pending=0,
        revision=web(number),
        deployments=tuple(
            Deployment(f"ecs-svc/{place}", web(one), place == 0, rollout, "", 3)
            for place, (one, rollout) in enumerate(shown)
        ),
        controller="ECS",
        scheduling="REPLICA",
        events=(),
    )


WELL, BACK, STOPPED = "SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "STOPPED"


@pytest.mark.parametrize(
    ("current", "deployed", "expected"),
    [
        (57, [(57, WELL), (56, WELL), (55, WELL)], 56),
        (57, [(57, WELL), (55, WELL), (56, WELL), (55, WELL)], 55),
        (57, [(57, WELL), (56, BACK), (55, WELL)], 55),
        (57, [(57, WELL), (56, BACK), (56, WELL), (55, WELL)], 55),
        (57, [(57, WELL), (56, WELL), (56, BACK), (55, WELL)], 56),
        (57, [(57, WELL), (56, STOPPED), (55, WELL)], 55),
        (56, [(56, WELL), (57, WELL), (56, WELL), (55, WELL)], 55),
        (10, [(10, WELL), (9, WELL)], 9),
        (57, [(57, WELL), (56, BACK)], None),
        (57, [], None),
    ],
)
def test_the_last_one_that_was_stable(current: int, deployed: list[tuple[int, str]], expected: int | None) -> None:
    found = next(stable_before(service(current), past(*deployed)), None)
    assert (found.number if found else None) == expected


def test_what_still_runs_beside_a_deployment_comes_first() -> None:
    rolling = service(57, (57, "IN_PROGRESS"), (56, "COMPLETED"))
    assert [each.number for each in stable_before(rolling, past((57, "IN_PROGRESS"), (55, WELL)))] == [56, 55]
    assert going_back(rolling, past((57, "IN_PROGRESS"))) is None


def test_who_goes_back_already() -> None:
    assert going_back(service(56, (56, "IN_PROGRESS"), (57, "COMPLETED")), past((56, "IN_PROGRESS"))) == web(57)
    assert going_back(service(56, (56, "IN_PROGRESS")), past((57, "ROLLBACK_IN_PROGRESS"))) == web(57)
    assert going_back(service(57), past((57, WELL))) is None


def test_stability_is_known_or_not() -> None:
    deployed = past((57, "IN_PROGRESS"), (56, WELL), (55, BACK), (54, STOPPED))
    assert [was_stable(web(number), deployed) for number in (57, 56, 55, 54, 53)] == [None, True, False, None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("56", ("", "", 56)),
        ("web:56", ("", "web", 56)),
        (f"{ARN}/web:56", (f"{ARN}/web:56", "web", 56)),
        ("0", None),
        ("-1", None),
        ("web:latest", None),
        ("web", None),
        ("56 57", None),
        ("", None),
        ("٥٦", None),
        ("9" * 5000, None),
    ],
)
def test_what_people_type(text: str, expected: tuple[str, str, int] | None) -> None:
    assert typed(text) == expected


def container(**values: Any) -> dict[str, Any]:
    return {"name": "app", "image": "registry.example/web:v1", "cpu": 256, **values}


def definition(*containers: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"family": "web", "cpu": "512", "memory": "1024", "containerDefinitions": list(containers), **values}


def test_names_differ_and_values_are_never_told() -> None:
    old = container(
        environment=[{"name": "DB", "value": "postgres://user:" + "hunter2@old"}, {"name": "GONE", "value": "s3cret"}],
        secrets=[{"name": "KEY", "valueFrom": "arn:old"}],
    )
    new = container(
        image="registry.example/web:v2",
        environment=[
            {"name": "DB", "value": "postgres://user:" + "hunter3@new"},
            {"name": "FEATURE_X", "value": "s3cret"},
        ],
        secrets=[{"name": "KEY", "valueFrom": "arn:new"}, {"name": "TOKEN", "valueFrom": "arn:token"}],
        command=["serve", "--password=hunter4"],
    )
    found = differences(definition(old, revision=1), definition(new, memory="2048", taskRoleArn="arn:role", revision=2))
    assert found == (
        "app: image v1 → v2",
        "app: environment +FEATURE_X −GONE, changed: DB",
        "app: secrets +TOKEN, changed: KEY",
        "app: also different: command",
        "memory 1024 → 2048",
        "also different: taskRoleArn",
    )
    assert not any(word in line for line in found for word in ("hunter", "s3cret", "arn:"))


def test_containers_come_and_go() -> None:
    other = {"name": "sidecar", "image": "proxy:1"}
    assert differences(definition(container()), definition(container(), other)) == (
        "sidecar: container comes, image proxy:1",
    )
    assert differences(definition(container(), other), definition(container())) == ("sidecar: container goes",)
    assert differences(definition(container()), definition(container(), revision=9, registeredBy="ana")) == ()


def test_many_names_are_bounded() -> None:
    many = container(environment=[{"name": f"V{number}", "value": ""} for number in range(50)])
    (line,) = differences(definition(container()), definition(many))
    assert line.endswith("+V7 and 42 more")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("r/web:v1", "r/web:v2", "v1 → v2"),
        ("r/web@sha256:9f2c1aaaaaaaaaaa", "r/web@sha256:77ab0bbbbbbbbbbb", "9f2c1aaaaaaa → 77ab0bbbbbbb"),
        ("r/web:v1", "other/web:v1", "r/web:v1 → other/web:v1"),
        ("host:5000/web", "host:5000/web:v2", "host:5000/web → host:5000/web:v2"),
    ],
)
def test_images_as_short_as_they_may_be(old: str, new: str, expected: str) -> None:
    assert images(old, new) == expected


def test_the_version_before() -> None:
    versions = [Version(number, None, {}) for number in (11, 10, 9, 2, 1)]
    assert before(Alias("11", "", {}), versions, ()) == "10"
    assert before(Alias("9", "", {}), versions, ()) == "2", "2 comes before 9, what was deleted does not count"
    assert before(Alias("10", "", {"11": 0.1}), versions, ()) == "10", "a canary is taken back"
    assert before(Alias("1", "", {}), versions, ()) is None
    assert before(Alias("$LATEST", "", {}), versions, ()) is None
    assert before(Alias("11", "", {}), versions, {"10", "9"}) == "2"
    assert before(Alias("2", "", {}), versions, {"1"}) is None
