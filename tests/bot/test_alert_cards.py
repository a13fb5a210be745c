"""Deployments on a card: one entry each, whoever told of them."""

from __future__ import annotations

from typing import Any

from bot.alert_cards import condensed
from bot.signals import Deployment, DeploymentState
from tests.bot.make import after


def deployment(seconds: float, version: str = "", **values: Any) -> Deployment:
    facts = {"id": f"{version}@{seconds}", "service": "web", "state": DeploymentState.SUCCEEDED, "version": version}
    return Deployment.model_validate({"source_id": "s", "at": after(seconds), **facts, **values})


def test_a_pipelines_word_and_ecss_own_are_one_deployment() -> None:
    announced = deployment(0, "web:57", state=DeploymentState.STARTED, by="ci")
    (one,) = condensed([deployment(240), announced])
    assert (one.version, one.by) == ("web:57", "ci")
    assert (one.state, one.at) == (DeploymentState.SUCCEEDED, after(0)), "begun then, and how ECS says that it went"


def test_the_newer_word_counts_whoever_said_it() -> None:
    (one,) = condensed([deployment(300, "web:57", state=DeploymentState.FAILED), deployment(240)])
    assert (one.state, one.at) == (DeploymentState.FAILED, after(300))


def test_of_both_words_the_first_says_when_it_began() -> None:
    (one,) = condensed([deployment(240, began_at=after(5)), deployment(300, "web:57")])
    assert (one.at, one.began) == (after(300), after(5))


def test_a_deployment_and_its_rollback_are_two() -> None:
    found = [deployment(605), deployment(600, "web:56"), deployment(5), deployment(0, "web:57")]
    assert [(one.version, one.at) for one in condensed(found)] == [("web:56", after(600)), ("web:57", after(0))]


def test_what_lies_far_apart_or_names_a_version_itself_stays_apart() -> None:
    assert len(condensed([deployment(3600), deployment(0, "web:57")])) == 2
    assert len(condensed([deployment(10, "web:58"), deployment(0, "web:57")])) == 2
    assert len(condensed([deployment(10), deployment(0)])) == 2
