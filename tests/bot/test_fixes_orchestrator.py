"""A runbook by way of the state machine of infra/, run for real: what the bot sends is what it expects."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bot.integrations.aws.clients import Clients
from bot.integrations.aws.fixes import AwsFixes, RunAs
from bot.models import Action, Order, Progress, Remediation
from bot.resources import Resources
from sandbox.aws.server import ACCOUNT, REGION, AwsServer
from tests.bot.aws import credentials
from tests.bot.make import NOW
from tests.bot.test_fixes import fix, kept
from tests.test_infra_orchestrator import DEAD, RUNBOOK, Account, execute_machines

DEADLINE = 30.0
PAYMENTS = Resources(account=ACCOUNT, region=REGION, dead_letter_queue=DEAD)


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with credentials(tmp_path_factory.mktemp("aws")):
        yield


@pytest.fixture(scope="module")
def account(environment: None) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, AwsServer() as aws:
        patch.setenv("MOTO_PORT", aws.url.rpartition(":")[2])  # where moto's own machine makes its calls
        execute_machines(aws, True)
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
        try:
            yield Account(aws)
        finally:
            execute_machines(aws, False)
            logging.getLogger("moto.stepfunctions").setLevel(logging.NOTSET)


@pytest.fixture
def fixes(account: Account) -> Iterator[AwsFixes]:
    with closing(Clients(REGION, account.aws.url)) as clients:
        yield AwsFixes(clients, lambda: datetime.now(UTC), run_as=RunAs(state_machine=account.machine))


def to_the_end(fixes: AwsFixes, remediation: Remediation) -> Progress:
    progress, until = fixes.start(remediation), time.monotonic() + DEADLINE
    while not progress.is_over:
        assert time.monotonic() < until, progress.said
        remediation = kept(remediation, progress)
        time.sleep(0.05)
        progress = fixes.follow(remediation)
    return progress


def test_the_state_machine_runs_what_a_person_approved(account: Account, fixes: AwsFixes) -> None:
    account.sqs.send_message(QueueUrl=account.dead, MessageBody='{"payment": 7}')
    order = Order(action=Action.RUNBOOK, service="payments", runbook=RUNBOOK)
    asked = fix(order, fixes.plan(order, PAYMENTS), token=str(uuid.uuid4())).changed(approved_by={"U0ANA": NOW})
    for _ in range(2):
        fixes.start(asked)
    assert to_the_end(fixes, asked).problem == ""
    assert account.taken(account.work) == [{"payment": 7}]
    (told,) = account.taken(account.news)
    assert told["detail"]["remediation"]["id"] == asked.token
    assert told["detail"]["remediation"]["approval"] == "FIX-12"
    assert told["detail"]["remediation"]["approvedBy"] == "U0ANA"


def test_a_runbook_that_fails_there_says_why(account: Account, fixes: AwsFixes) -> None:
    account.sqs.send_message(QueueUrl=account.dead, MessageBody=json.dumps({"payment": 8}))
    order = Order(action=Action.RUNBOOK, service="payments", runbook=RUNBOOK)
    asked = fix(order, fixes.plan(order, PAYMENTS), token=str(uuid.uuid4()))
    denied = {"service": "sqs", "operation": "StartMessageMoveTask", "kind": "error", "times": None}
    account.aws.faults.add(denied)
    assert to_the_end(fixes, asked).problem == "the runbook ended as Failed"
    account.aws.faults.clear()
