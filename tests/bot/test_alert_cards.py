"""Deployments on a card: one entry each, whoever told of them."""

from __future__ import annotations

from typing import Any

from bot.alert_cards import condensed, named
from bot.models import ChangeKind, Made
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


def made(seconds: float, version: str, by: str = "", **values: Any) -> Made:
    """What an investigation, or the bot, knows of a deployment."""
    facts: dict[str, Any] = {"kind": ChangeKind.DEPLOYMENT, "what": f"deployed {version}", "target": "web"}
    return Made(at=after(seconds), after=version, by=by, **{**facts, **values})


def names(found: list[Deployment], told: list[Made], ours: list[Made]) -> list[tuple[str, str]]:
    return [(one.version, one.by) for one in named(found, told, ours)]


BAD, BACK = deployment(3, began_at=after(3)), deployment(125, began_at=after(122))
FIX = made(120, "web:2", "FIX-14", ended=after(126))


def test_a_rollback_names_its_own_deployment_and_not_the_one_before() -> None:
    assert names([BACK, BAD], [], [FIX]) == [("web:2", "FIX-14"), ("", "")]


def test_one_deployment_has_one_name_whoever_tells_of_it() -> None:
    told = [made(121, "web:2", "aiops-bot", is_ours=True), made(2, "web:4", "ci-deployer")]
    assert names([BACK, BAD], told, [FIX]) == [("web:2", "FIX-14"), ("web:4", "ci-deployer")]


def test_what_a_document_deployed_is_known_by_the_remediation_that_began_it() -> None:
    told = [made(121, "web:2", "Automation-ce6f9f7c-26aa-4c52-b886-801d5be4fa0f")]
    document = made(100, "", "FIX-4", ended=after(130))
    assert names([BACK], told, [document]) == [("web:2", "FIX-4")]


def test_who_deployed_while_a_remediation_ran_is_still_who_did() -> None:
    assert names([BACK], [made(121, "web:5", "bob.okafor")], [made(100, "", "FIX-4", ended=after(130))]) == [
        ("web:5", "bob.okafor")
    ]


def test_a_deployment_whose_beginning_was_not_heard_of_is_known_by_its_end() -> None:
    assert names([deployment(600)], [made(0, "web:4", "ci", ended=after(590))], []) == [("web:4", "ci")]


def test_what_lies_minutes_away_or_is_another_version_names_nothing() -> None:
    assert names([BAD], [made(300, "web:5", "ci")], []) == [("", "")]
    assert names([deployment(3, "web:4")], [made(3, "web:5", "ci")], []) == [("web:4", "")]
