"""Remediations that outlive what carries them: a killed process, mail that is away, the hands of a state machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import Popen

import boto3
import pytest

from sandbox.shop import config as shop_config
from tests.flows.shop import Site
from tests.flows.test_process import connected, process
from tests.test_infra_orchestrator import approvals, execute_machines, machine
from tests.workspace import Message, wait_for

LONG = 30.0  # seconds of the machine's: a process has to start


# -- a process that is killed


def running(site: Site, config: Path) -> AbstractContextManager[Popen[str]]:
    """A real process on the world's database, by the machine's clock."""
    return process(site.world, CONFIG_FILE=str(config), **site.shop.environment)


@pytest.mark.parametrize("is_answered", [True, False], ids=["while AWS works", "before AWS has answered"])
def test_killed_in_the_middle_of_a_rollback_the_next_process_follows_it_to_its_end(
    site: Site, tmp_path: Path, is_answered: bool
) -> None:
    config = shop_config.write(site.shop.made, tmp_path / "config.yml")
    if not is_answered:
        site.fault("ecs", "UpdateService", "drop_after", times=None)  # taken each time, and never answered
    with running(site, config) as first:
        wait_for(lambda: connected(site.world), "the connection", LONG)
        site.bob.run("/incident rollback checkout-api 1")
        plan = site.ops.expect("checkout-api:2 → checkout-api:1")
        site.bob.click(plan, "Run it")
        wait_for(lambda: site.runs("checkout-api") == "checkout-api:1", "the call to AWS", LONG)
        first.kill()
    assert "done" not in site.now(plan).text
    site.turn("faults/clear")
    with running(site, config):
        wait_for(lambda: "Running: " in site.now(plan).text, "the card of one that runs", LONG)
        site.shop.server.advance(300)
        wait_for(lambda: "done, verifying" in site.now(plan).text, "its end", LONG)
    deployed = [each for each in site.service("checkout-api")["deployments"] if each["status"] == "PRIMARY"]
    assert [each["taskDefinition"].rpartition("/")[2] for each in deployed] == ["checkout-api:1"]
    assert len(site.calls("UpdateService")) == is_answered, "the second process saw that it was done"


# -- mail


def test_a_report_is_mailed_once_when_sns_is_back(site: Site) -> None:
    site.start()
    site.fault("sns", "Publish", "http", status=503)
    _, report = site.looked_into("bad-deploy", "Most likely: bad deployment (more than 10 errors)")
    site.advance(120)
    assert site.shop.mails() == []
    assert "Roll back…" in report.buttons, "the thread has it, whatever the mail does"
    site.restart()
    site.turn("faults/clear")

    def mailed() -> list[str]:
        return [mail["text"] for mail in site.shop.mails() if "Most likely: bad deployment" in mail["text"]]

    assert len(site.until(mailed, lambda: f"the mail; there is {site.shop.mails()}")) == 1
    site.advance(300)
    assert len(mailed()) == 1


# -- the state machine


@contextmanager
def orchestrator(site: Site) -> Iterator[str]:
    """RemediationOrchestrator of infra/, executed in the local AWS; its ARN."""
    aws = site.shop.server
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_PORT", aws.url.rpartition(":")[2])  # where moto's own machine makes its calls
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)  # it reports every Fail state as an error
        execute_machines(aws, True)
        try:
            credentials = aws.credentials("sandbox-ana")
            approvals(boto3.client("dynamodb", **credentials))
            yield machine(boto3.client("stepfunctions", **credentials), polls=30)
        finally:
            execute_machines(aws, False)
            logging.getLogger("moto.stepfunctions").setLevel(logging.NOTSET)


def orchestrated(site: Site, plan: Message, arn: str) -> None:
    """Cy approves the plan; the machine runs to its end."""
    states = boto3.client("stepfunctions", **site.shop.server.credentials("sandbox-ana"))
    site.click(site.cy, plan, "Approve")

    def over() -> bool:
        site.shop.server.advance(1)
        found = states.list_executions(stateMachineArn=arn)["executions"]
        return bool(found) and all(each["status"] != "RUNNING" for each in found)

    wait_for(over, "the execution's end", LONG)


def test_with_a_state_machine_a_runbook_runs_through_it(site: Site) -> None:
    with orchestrator(site) as arn:
        site.start(remediation={"state_machine": arn})
        card = site.broken("dlq-filling", "prod-payments-worker-dlq-high")
        plan = site.planned(site.bob, card, "AIOps-PurgeSQSDLQ…", card)
        orchestrated(site, plan, arn)
        fix = site.becomes(plan, "done, verifying", under=card)
        assert site.shop.depth(site.shop.made.work_dlq_url)["waiting"] == 0
        assert len(site.calls("StartMessageMoveTask")) == 1
        site.becomes(card, "🟢")
        site.becomes(fix, "· verified", under=card)


def test_a_runbook_that_fails_in_the_state_machine_climbs_the_ladder(site: Site) -> None:
    with orchestrator(site) as arn:
        site.start(remediation={"state_machine": arn})
        card = site.broken("dlq-filling", "prod-payments-worker-dlq-high")
        site.fault("sqs", "StartMessageMoveTask", error="AccessDenied", message="not this role")
        plan = site.planned(site.bob, card, "AIOps-PurgeSQSDLQ…", card)
        orchestrated(site, plan, arn)
        site.becomes(plan, "· failed", under=card)
        site.seen("By hand, as", under=card)
