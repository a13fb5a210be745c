"""An alarm that rings just after a bad deployment was taken back: what stopped with that is not its symptom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.integrations.aws.evidence import collectors
from bot.investigation import Investigator
from bot.models import Action, Cause, Evidence, Measure
from bot.ports import Scope
from bot.rca import diagnose
from bot.signals import Alarm
from tests.bot.looking import ALARM, DENIED, EVERYTHING, QUERY, Aws, Json, heard_nothing, no_baseline, series
from tests.bot.make import NOW

MINUTE = timedelta(minutes=1)
RANG = NOW - MINUTE
BACK = NOW - 2.5 * MINUTE
FIRST = NOW - 3 * MINUTE
BUSY = Alarm(
    name="prod-checkout-api-cpu-medium", region="eu-west-1", namespace="AWS/ECS", metric="CPUUtilization",
    statistic="Average", threshold=85, period=60, evaluation_periods=2,
)  # fmt: skip
AN_HOUR = [40.0] * 60


def rollout(number: int, at: datetime, ended: datetime | None, before: str, after: str) -> Json:
    return {
        "serviceDeploymentArn": f"arn:x:service-deployment/c/s/d{number}",
        "status": "SUCCESSFUL" if ended else "IN_PROGRESS",
        "createdAt": at,
        "targetServiceRevision": {"arn": after},
        "sourceServiceRevisions": [{"arn": before}],
        **({"finishedAt": ended} if ended else {}),
    }


def shop(back: datetime | None, failing: list[float]) -> Aws:
    """web:57 came and was taken back: it was done at `back`; so much failed in each of the last minutes."""

    def lines(given: Json) -> Json:
        return {"queryId": f"{given['startTime']}"}

    def results(given: Json) -> Json:
        since = datetime.fromtimestamp(int(given["queryId"]), UTC)
        went_on = [at for n in range(len(failing)) if failing[n] and (at := NOW - (len(failing) - n) * MINUTE) >= since]
        cells = {"hits": str(30 * len(went_on)), "sample": "KeyError: 'currency'", "first_seen": "1795316100000"}
        row = [{"field": name, "value": value} for name, value in cells.items()]
        return {"status": "Complete", "results": [row] if went_on else [], "statistics": {"bytesScanned": 1.0}}

    rollouts = [
        rollout(1, NOW - 20 * MINUTE, NOW - 17 * MINUTE, "r56", "r57"),
        rollout(2, NOW - 5 * MINUTE, back, "r57", "r56"),
    ]
    revisions = [{"serviceRevisionArn": f"r{n}", "taskDefinition": f"arn:x:task-definition/web:{n}"} for n in (56, 57)]
    now = {"id": "ecs-svc/2", "taskDefinition": "arn:x:task-definition/web:56", "createdAt": NOW - 5 * MINUTE}
    return Aws(
        get_metric_data=series(
            CPUUtilization=[*AN_HOUR, 93.0, 93.0, 93.0],
            HTTPCode_Target_5XX_Count=failing,
            RequestCount=[500.0] * 63,
        ),
        start_query=lines,
        get_query_results=results,
        describe_services={"services": [{"status": "ACTIVE", "deployments": [now], "events": []}]},
        list_service_deployments={"serviceDeployments": rollouts},
        describe_service_deployments={"serviceDeployments": rollouts},
        describe_service_revisions={"serviceRevisions": revisions},
        describe_task_definition=DENIED,
    )


def again(silent: timedelta) -> Aws:
    """web:57 came and was taken back, and `silent` after its last error web:58 came and fails in the same way."""
    came = NOW - 2 * MINUTE
    spells = ((came - silent - 2 * MINUTE, came - silent, 192), (came + 0.1 * MINUTE, NOW, 24))

    def results(given: Json) -> Json:
        since, until = (datetime.fromtimestamp(int(each), UTC) for each in given["queryId"].split("-"))
        seen = [(max(first, since), last, hits) for first, last, hits in spells if since <= last and first <= until]
        if not seen:
            return {"status": "Complete", "results": []}
        first, last = seen[0][0], min(seen[-1][1], until)
        cells = {
            "hits": str(sum(hits for *_, hits in seen)),
            "sample": "KeyError: 'currency'",
            "first_seen": str(first.timestamp() * 1000),
            "last_seen": str(last.timestamp() * 1000),
            "exception": "KeyError",
        }
        return {"status": "Complete", "results": [[{"field": name, "value": value} for name, value in cells.items()]]}

    rollouts = [
        rollout(1, spells[0][0] - 0.5 * MINUTE, spells[0][0], "r56", "r57"),
        rollout(2, spells[0][1] - 0.5 * MINUTE, spells[0][1], "r57", "r56"),
        rollout(3, came, None, "r56", "r58"),
    ]
    revisions = [
        {"serviceRevisionArn": f"r{n}", "taskDefinition": f"arn:x:task-definition/web:{n}"} for n in (56, 57, 58)
    ]
    now = {"id": "ecs-svc/3", "taskDefinition": "arn:x:task-definition/web:58", "createdAt": came}
    return Aws(
        get_metric_data=series(HTTPCode_Target_5XX_Count=[0.0] * 60 + [100.0, 200.0], RequestCount=[500.0] * 62),
        start_query=lambda given: {"queryId": f"{given['startTime']}-{given['endTime']}"},
        get_query_results=results,
        describe_services={"services": [{"status": "ACTIVE", "deployments": [now], "events": []}]},
        list_service_deployments={"serviceDeployments": rollouts},
        describe_service_deployments={"serviceDeployments": rollouts},
        describe_service_revisions={"serviceRevisions": revisions},
        describe_task_definition=DENIED,
    )


def looked_at(aws: Aws, alarm: Alarm = BUSY) -> Evidence:
    scope = Scope("checkout-api", EVERYTHING, alarm, RANG, RANG - 15 * MINUTE, NOW)
    investigator = Investigator(collectors(aws, lambda: NOW, heard_nothing, no_baseline, QUERY), 8.0)
    try:
        return investigator.look(scope).evidence
    finally:
        investigator.close()


@pytest.mark.parametrize(
    ("back", "failing", "since", "errors", "cause"),
    [
        (BACK, [100.0] * 17 + [0.0, 0.0], BACK, 0, Cause.CPU),
        (BACK, [100.0] * 19, BACK, 200, Cause.CPU_WITH_ERRORS),
        (None, [100.0] * 19, FIRST, 300, Cause.CPU_WITH_ERRORS),
        (NOW - 10 * MINUTE, [0.0] * 19, FIRST, 0, Cause.CPU),
    ],
    ids=["it helped", "it did not help", "it goes on", "it was over before"],
)
def test_what_stopped_with_a_rollback_does_not_count_and_what_goes_on_does(
    back: datetime | None, failing: list[float], since: datetime, errors: int, cause: Cause
) -> None:
    found = looked_at(shop(back, failing))
    counted = found.reading(Measure.ERRORS)
    assert counted is not None
    assert (found.counted_since, counted.now) == (since, errors)
    assert bool(found.logs) == bool(errors)
    told = diagnose(found)
    assert (told.cause, told.action) == (cause, Action.SCALE_UP)
    assert any(line.startswith("web:57: taken back to web:56") for line in told.excluded)


@pytest.mark.parametrize("silent", [7 * MINUTE, 1.5 * MINUTE], ids=["a while after", "just after"])
def test_a_second_bad_deployment_is_blamed_although_the_first_one_failed_in_the_same_way(silent: timedelta) -> None:
    found = looked_at(again(silent), ALARM)
    told = diagnose(found)
    assert (told.cause, told.action) == (Cause.MANY_ERRORS, Action.ROLLBACK)
    assert [(each.change.before, each.change.after) for each in told.suspects] == [("web:56", "web:58")]
    assert any(line.startswith("web:57: taken back to web:56") for line in told.excluded)


def test_the_first_error_of_a_second_bad_deployment_is_its_own() -> None:
    (lines,) = looked_at(again(7 * MINUTE), ALARM).logs
    assert lines.first_seen is not None
    assert lines.first_seen > NOW - 2 * MINUTE
    assert (lines.count, lines.before) == (24, 192)
