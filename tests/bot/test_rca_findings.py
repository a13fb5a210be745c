"""What a diagnosis says: its sentences and their numbers, since when is counted, what was not seen."""

from __future__ import annotations

import pytest

from bot.models import Asked, Cause, ChangeKind, Measure, Reading, Source, SourceOutcome, Traces
from bot.models.evidence import Tasks
from bot.rca import diagnose
from tests.bot.diagnosing import (
    DEPLOYED,
    FAILING,
    KEY_ERROR,
    MINUTE,
    NOW,
    change,
    cpu,
    errors,
    evidence,
    latency,
    lines,
    memory,
    requests,
)

# --- words


def test_sentences_have_numbers() -> None:
    told = diagnose(FAILING)
    assert told.findings[:2] == (
        "212 errors in 10 min (expected 0); in the logs: `KeyError: 'currency'` × 198",
        "4.2 % of the requests in these 10 min fail",
    )
    deployed = "deployed web:56 → web:57 by ci-deployer, 3 min before the first error, same service"
    assert deployed in told.findings
    assert told.findings[-1] == "CPU: 31 % (expected 28 % ± 6), requests: 5,000 (expected 5,000 ± 300)"


def test_exceptions_are_told_with_the_hour_before() -> None:
    found = evidence(logs=(KEY_ERROR, lines("TypeError: None", 14)), changes=(DEPLOYED,))
    assert diagnose(found).findings[0] == (
        "212 exceptions in 10 min (0 in the hour before): `KeyError: 'currency'` × 198, `TypeError: None` × 14"
    )


def test_what_was_not_seen_is_said_and_makes_less_sure() -> None:
    asked = (
        Asked(source=Source.LOGS, outcome=SourceOutcome.NOT_PERMITTED, why="logs:StartQuery on /ecs/checkout-api"),
        Asked(source=Source.TRACES, outcome=SourceOutcome.FAILED, why="throttled"),
        Asked(source=Source.METRICS, outcome=SourceOutcome.FOUND),
    )
    told = diagnose(FAILING.model_copy(update={"asked": asked}))
    assert told.unseen == (
        "Logs Insights — not permitted: logs:StartQuery on /ecs/checkout-api",
        "X-Ray — failed: throttled",
    )
    assert told.confidence < diagnose(FAILING).confidence


def test_what_was_looked_at_in_vain_is_excluded() -> None:
    asked = tuple(
        Asked(source=source, outcome=SourceOutcome.NOTHING) for source in (Source.HEALTH, Source.TRACES, Source.LOGS)
    )
    changed = Asked(source=Source.CHANGES, outcome=SourceOutcome.FOUND)
    others = tuple(change(ago=5, target=name, service=name) for name in ("mailer", "ledger"))
    told = diagnose(evidence(errors(30), asked=(*asked, changed), changes=(DEPLOYED, *others)))
    assert told.excluded == (
        "AWS Health: nothing",
        "X-Ray: nothing",
        "Logs Insights: nothing",
        "CloudTrail: 2 other changes, other targets or times",
    )
    traced = diagnose(FAILING.model_copy(update={"asked": asked, "traces": Traces(total=9)}))
    assert "X-Ray: no fault upstream" in traced.excluded


def test_faulty_traces_count_where_nothing_else_does() -> None:
    told = diagnose(evidence(traces=Traces(total=240, faults=31)))
    assert told.cause is Cause.MANY_ERRORS
    assert told.findings[0] == "X-Ray: 31 faulty traces of 240 in 10 min"
    assert diagnose(evidence(traces=Traces(total=2400, faults=12))).cause is Cause.UNKNOWN


# --- since when is counted


def test_sums_are_of_the_time_since_it_began() -> None:
    begun = NOW + 8 * MINUTE
    found = evidence(errors(40, None, before=72), requests(900, None, before=18_000), counted_since=begun)
    told = diagnose(found)
    assert told.cause is Cause.MANY_ERRORS
    assert told.findings[0] == "40 errors in 2 min (usually 2.4)"
    assert told.findings[-1] == "requests: 900 (usually 600)"


def test_lines_that_began_just_before_tell_when_it_began() -> None:
    early = lines("KeyError: 'currency'", 30, first_seen=NOW - 2 * MINUTE, before=9)
    found = FAILING.model_copy(update={"logs": (early,), "counted_since": NOW, "changes": (change(ago=3),)})
    assert diagnose(found).suspects[0].reasons[0] == "1 min before the first error"


def test_what_is_zero_and_was_is_not_told() -> None:
    quiet = Reading(measure=Measure.REQUESTS, now=0, peak=0, before=0)
    assert not any("requests" in text for text in diagnose(evidence(cpu(93), quiet)).findings)


def test_latency_is_named_by_its_statistic() -> None:
    slow = latency(0.9, None, before=0.01, statistic="Average")
    assert diagnose(evidence(slow)).findings[0] == "average latency: 0.9 s (0.01 s in the hour before)"
    p95 = latency(2.4, statistic="p95")
    assert diagnose(evidence(p95)).findings[0].startswith("p95 latency: 2.4 s")


# --- nothing runs, and what the matrix knows nothing of


def test_that_no_task_runs_is_the_first_finding() -> None:
    why = "CannotPullContainerError: pull image manifest: not found"
    found = evidence(
        cpu(7), tasks=Tasks(running=0, wanted=2), why_stopped=(why,), changes=(change(ago=40, service="mailer"),)
    )
    told = diagnose(found)
    assert (told.cause, told.title, told.confidence) == (Cause.UNKNOWN, "no task runs", 0.95)
    assert told.findings[0] == f"0 of 2 tasks run: {why}"
    assert not any("nothing of what" in text for text in told.findings)
    some = diagnose(evidence(cpu(31), tasks=Tasks(running=3, wanted=4, why="ECS: unable to place a task")))
    assert some.title == ""
    assert "3 of 4 tasks run: ECS: unable to place a task" in some.findings


def test_where_nothing_runs_cpu_and_memory_are_of_what_ran() -> None:
    found = evidence(cpu(25), memory(40), requests(0), tasks=Tasks(running=0, wanted=2))
    assert not any("CPU" in text or "memory" in text for text in diagnose(found).findings)
    some = diagnose(found.model_copy(update={"tasks": Tasks(running=1, wanted=2)}))
    assert some.findings[-1].startswith("CPU: 25 %")


@pytest.mark.parametrize(("stopped", "said"), [(1, "; one was killed"), (3, "; 3 were killed"), (0, "; one stopped")])
def test_why_a_task_stopped_is_not_said_of_those_that_run(stopped: int, said: str) -> None:
    why = "OutOfMemoryError: Container killed due to memory usage"
    found = evidence(cpu(31), tasks=Tasks(running=3, wanted=4), why_stopped=(why,), stopped=stopped)
    assert f"3 of 4 tasks run{said}: {why}" in diagnose(found).findings
    metric = Reading(measure=Measure.TASKS, now=3, peak=3, expected=4.43)
    found = found.model_copy(update={"tasks": None, "readings": (cpu(31), metric)})
    assert f"running tasks: 3 (expected 4){said}: {why}" in diagnose(found).findings


def test_the_worst_minute_is_told_where_errors_have_just_begun() -> None:
    told = diagnose(FAILING.model_copy(update={"failing": 0.291})).findings
    assert "29 % of the requests fail in the worst minute, 4.2 % in these 10 min" in told
    assert (
        "4.2 % of the requests in these 10 min fail" in diagnose(FAILING.model_copy(update={"failing": 0.03})).findings
    )


def test_without_a_cause_the_alarms_own_metric_is_told_before_any_change() -> None:
    own = Reading(measure=Measure.OTHER, metric="Legacy/Fax SpoolLength", now=412, peak=412, before=3, threshold=100)
    told = diagnose(evidence(own, changes=(change(ago=1), change(ChangeKind.ACCESS, ago=20, what="PutRolePolicy"))))
    assert told.findings[:2] == (
        "SpoolLength: 412 (3 in the hour before, limit 100)",
        "nothing of what was looked at is unusual enough to be one of the known causes",
    )
    assert told.findings[2].startswith("deployed web:57")
    assert len(told.suspects) == 1


def test_what_the_catalogue_lacks_is_said_in_a_word() -> None:
    why = "name log_groups of fax-gateway in the catalogue"
    lacks = tuple(
        Asked(source=source, outcome=SourceOutcome.OFF, why=why) for source in (Source.LOGS, Source.DEPLOYMENTS)
    )
    assert diagnose(evidence(asked=lacks)).unseen == ("Logs Insights, deployments — the catalogue does not say where",)
