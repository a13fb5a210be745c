"""The response matrix with numbers: each row, what counts as usual, and what misleads."""

from __future__ import annotations

import pytest

from bot.models import (
    Action,
    Cause,
    ChangeKind,
    Evidence,
    HealthNote,
    LogClass,
    Made,
    Measure,
    Reading,
    Severity,
    Traces,
)
from bot.rca import diagnose, to_payload
from tests.bot.diagnosing import (
    CRITICAL,
    DEPLOYED,
    FAILING,
    HIGH,
    MEDIUM,
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

# --- the rows of the matrix


@pytest.mark.parametrize(
    ("found", "cause", "severity", "action", "advice"),
    [
        (evidence(cpu(60, 4)), Cause.CPU, MEDIUM, Action.SCALE_UP, "Monitor for 15min"),
        (evidence(cpu(93), errors(40)), Cause.CPU_WITH_ERRORS, HIGH, Action.SCALE_UP, "Investigate code"),
        (
            evidence(memory(91, slope=1.2), stopped=3),
            Cause.MEMORY_LEAK,
            CRITICAL,
            Action.RESTART,
            "Fix memory leak",
        ),
        (evidence(errors(4)), Cause.FEW_ERRORS, HIGH, None, "Check logs"),
        (FAILING, Cause.MANY_ERRORS, CRITICAL, Action.ROLLBACK, "Investigate"),
        (evidence(latency(2.4)), Cause.SLOW, MEDIUM, Action.SCALE_UP, "Check dependencies"),
        (evidence(cpu(31)), Cause.UNKNOWN, MEDIUM, None, "Follow the standard investigation"),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else "",
)
def test_each_row_of_the_matrix(
    found: Evidence, cause: Cause, severity: Severity, action: Action | None, advice: str
) -> None:
    told = diagnose(found)
    assert (told.cause, told.severity, told.action, told.advice) == (cause, severity, action, advice)


@pytest.mark.parametrize(
    ("count", "cause"), [(1, Cause.UNKNOWN), (2, Cause.FEW_ERRORS), (10, Cause.FEW_ERRORS), (11, Cause.MANY_ERRORS)]
)
@pytest.mark.parametrize("counted_by", ["metrics", "logs"])
def test_ten_errors_are_few_and_eleven_are_many(count: int, cause: Cause, counted_by: str) -> None:
    found = evidence(errors(count)) if counted_by == "metrics" else evidence(logs=(lines("KeyError: 'a'", count),))
    assert diagnose(found).cause is cause


def test_the_larger_of_failed_requests_and_logged_exceptions_counts() -> None:
    assert diagnose(evidence(errors(8), logs=(lines("KeyError: 'a'", 12),))).cause is Cause.MANY_ERRORS
    assert diagnose(evidence(errors(12), logs=(lines("KeyError: 'a'", 8),))).cause is Cause.MANY_ERRORS
    assert diagnose(evidence(errors(8), logs=(lines("KeyError: 'a'", 9),))).cause is Cause.FEW_ERRORS


def test_one_error_that_an_alarm_is_about_is_a_few_errors() -> None:
    assert diagnose(evidence(errors(1, threshold=1))).cause is Cause.FEW_ERRORS


# --- what is usual


def test_the_baseline_is_asked_first_then_the_hour_before_the_alarm_and_a_rule() -> None:
    usual = evidence(cpu(92, 90, before=30, threshold=80))
    assert diagnose(usual).cause is Cause.UNKNOWN  # batch work: it is always busy
    assert diagnose(evidence(cpu(60, None, before=10))).findings[0] == "CPU: 60 % (10 % in the hour before)"
    assert diagnose(evidence(cpu(90, None, threshold=80))).findings[0] == "CPU: 90 % (alarm at 80 %)"
    assert diagnose(evidence(cpu(95, None))).findings[0] == "CPU: 95 %"
    assert diagnose(evidence(cpu(95, None))).cause is Cause.CPU


def test_the_hour_before_is_shared_out_to_a_window_of_ten_minutes() -> None:
    assert diagnose(evidence(errors(12, None, before=72))).cause is Cause.UNKNOWN
    assert diagnose(evidence(errors(40, None, before=72))).cause is Cause.MANY_ERRORS


def test_errors_that_are_always_there_are_none() -> None:
    noise = lines("ClientDisconnectedError", 20, before=120)
    assert diagnose(evidence(errors(41, 40, deviation=5), logs=(noise,))).cause is Cause.UNKNOWN


def test_twice_the_traffic_has_twice_the_usual_errors() -> None:
    busy = evidence(errors(60, 30), requests(10_000, 5000), cpu(78))
    assert diagnose(busy).cause is Cause.CPU
    assert diagnose(evidence(errors(60, 30), requests(5000, 5000))).cause is Cause.MANY_ERRORS


def test_what_was_so_for_the_whole_hour_did_not_begin_now() -> None:
    stale = evidence(cpu(50, 30, before=50), latency(2.4))
    assert diagnose(stale).cause is Cause.SLOW


def test_a_rare_rise_of_nothing_is_nothing() -> None:
    assert diagnose(evidence(cpu(6, 4, deviation=0.2))).cause is Cause.UNKNOWN


# --- what misleads


def test_cpu_that_rises_because_failing_calls_are_tried_again_follows_from_the_errors() -> None:
    told = diagnose(
        FAILING.model_copy(update={"readings": (errors(1200), requests(5000), cpu(55)), "changes": (DEPLOYED,)})
    )
    assert (told.cause, told.action) == (Cause.MANY_ERRORS, Action.ROLLBACK)
    assert "CPU: 55 % (expected 28 % ± 6), which follows from the errors" in told.excluded


def test_timeouts_of_a_saturated_service_follow_from_the_cpu() -> None:
    waits = lines("query was not answered within 2.0 s", 300, LogClass.TIMEOUT)
    told = diagnose(evidence(cpu(92), errors(310), requests(5000), latency(3), logs=(waits,)))
    assert (told.cause, told.action) == (Cause.CPU_WITH_ERRORS, Action.SCALE_UP)
    assert told.findings[0] == "CPU: 92 % (expected 28 % ± 6)"
    assert any(text.startswith("310 errors in 10 min (expected 0)") for text in told.findings)


def test_memory_that_is_high_but_flat_is_how_a_jvm_lives() -> None:
    told = diagnose(evidence(memory(86, 85, before=85), latency(2.4)))
    assert told.cause is Cause.SLOW
    assert "memory: 86 % (expected 85 % ± 4), high but flat" in told.excluded
    assert diagnose(evidence(memory(93, None))).cause is Cause.UNKNOWN


def test_memory_that_climbs_is_a_leak_before_anybody_is_killed() -> None:
    told = diagnose(evidence(memory(90, 60, slope=0.8, before=70, threshold=85)))
    assert (told.cause, told.action) == (Cause.MEMORY_LEAK, Action.RESTART)
    assert "memory rises 0.8 % a minute, to 90 %" in told.findings


def test_a_fast_leak_is_known_before_anybody_is_killed() -> None:
    """Two minutes after the alarm: of what is usual it is far above, of a full task still below."""
    told = diagnose(evidence(memory(84, None, peak=88, before=52, slope=5.2, threshold=85)))
    assert (told.cause, told.action) == (Cause.MEMORY_LEAK, Action.RESTART)
    assert told.findings[0] == "memory rises 5.2 % a minute, to 88 %"
    assert told.findings[1] == "memory: 84 %, at most 88 % (52 % in the hour before)"


def test_memory_that_comes_back_after_a_restart_is_no_leak() -> None:
    told = diagnose(evidence(memory(70, None, peak=90, before=88, slope=4.0)))
    assert told.cause is Cause.UNKNOWN


def test_errors_and_slowness_of_killed_tasks_are_the_leaks() -> None:
    killed = lines("OutOfMemoryError: container killed", 3, LogClass.MEMORY)
    told = diagnose(evidence(errors(90), latency(3), memory(90, slope=1.2), cpu(80), stopped=3, logs=(killed,)))
    assert told.cause is Cause.MEMORY_LEAK
    assert told.findings[0] == "3 tasks were killed out of memory"


def test_errors_of_what_it_depends_on_are_no_reason_to_roll_back() -> None:
    refused = lines("connection refused to catalog-db.internal:5432", 200, LogClass.CONNECTION)
    failed = evidence(
        errors(212),
        requests(5000),
        logs=(refused,),
        traces=Traces(total=250, faults=11, downstream=(("catalog-db", "failed"),)),
        changes=(change(ago=20),),
    )
    told = diagnose(failed)
    assert (told.cause, told.action, told.advice) == (Cause.MANY_ERRORS, None, "Investigate")
    assert "what it depends on is in trouble: catalog-db (failed)" in told.findings
    assert to_payload(told, failed)["auto_action"] == "Alert only"


def test_new_code_that_can_not_connect_is_rolled_back_when_only_the_logs_hint_at_others() -> None:
    refused = lines("connection refused to catalog-db.internal:5432", 200, LogClass.CONNECTION)
    told = diagnose(evidence(errors(212), requests(5000), logs=(refused,), changes=(change(ago=2),)))
    assert told.action is Action.ROLLBACK


def test_an_event_of_aws_is_no_reason_to_roll_back() -> None:
    note = HealthNote(service="RDS", title="Increased error rates", started_at=NOW, is_ours=True)
    told = diagnose(evidence(errors(212), changes=(change(ago=8),), health=(note,)))
    assert told.action is None
    assert "what it depends on is in trouble: AWS RDS: Increased error rates" in told.findings


def test_a_slow_dependency_is_not_asked_by_even_more_tasks() -> None:
    slow = evidence(latency(2.4), cpu(29), traces=Traces(total=100, downstream=(("catalog-db", "slow"),)))
    told = diagnose(slow)
    assert (told.cause, told.action, told.advice) == (Cause.SLOW, None, "Check dependencies")


def test_a_few_timeouts_of_many_slow_requests_are_slowness() -> None:
    waits = lines("call of stock.internal timed out", 20, LogClass.TIMEOUT)
    told = diagnose(evidence(latency(4), errors(15), requests(20_000, 20_000), logs=(waits,)))
    assert told.cause is Cause.SLOW
    assert any(text.startswith("15 errors in 10 min") for text in told.findings)


def test_exceptions_that_are_handled_are_not_the_cause_of_slowness() -> None:
    chatty = lines("StockLevelException was handled", 300)
    told = diagnose(evidence(latency(2.4), errors(0), requests(5000), logs=(chatty,)))
    assert told.cause is Cause.SLOW


def test_more_requests_explain_more_cpu_and_an_unrelated_deployment_does_not() -> None:
    told = diagnose(evidence(cpu(88), requests(12_000), changes=(change(ago=4, target="mailer", service="mailer"),)))
    assert (told.cause, told.action) == (Cause.CPU, Action.SCALE_UP)
    assert "requests: 12,000 (expected 5,000 ± 300)" in told.findings
    assert not told.suspects


def test_tasks_that_do_not_run_are_told_though_the_matrix_has_no_row_for_it() -> None:
    told = diagnose(evidence(Reading(measure=Measure.TASKS, now=0, peak=0, expected=4)))
    assert told.cause is Cause.UNKNOWN
    assert "running tasks: 0 (expected 4)" in told.findings


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (change(ago=-6),),  # after it began
        (change(ago=55),),
        (change(target="mailer", service="mailer"),),
        (change(ago=20), change(ChangeKind.CONFIGURATION, ago=1, what="PutParameter")),
    ],
    ids=["none", "later", "long ago", "another service", "a setting is likelier"],
)
def test_many_errors_without_a_deployment_that_did_it_are_investigated(changes: tuple[Made, ...]) -> None:
    told = diagnose(FAILING.model_copy(update={"changes": changes}))
    assert (told.cause, told.action, told.advice) == (Cause.MANY_ERRORS, None, "Investigate")
