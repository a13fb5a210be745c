"""The response matrix with numbers: each row, what misleads, which change did it, and what holds for any evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import InvalidInput
from bot.models import (
    Action,
    Asked,
    Cause,
    ChangeKind,
    Diagnosis,
    Evidence,
    HealthNote,
    LogClass,
    LogFinding,
    Made,
    Measure,
    Reading,
    Severity,
    Source,
    SourceOutcome,
    Traces,
)
from bot.models.evidence import Tasks
from bot.rca import diagnose, from_payload, to_payload
from bot.rca.suspects import distinct

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCOUNT, REGION = "123456789012", "eu-central-1"
MEDIUM, HIGH, CRITICAL = Severity.SEV3, Severity.SEV2, Severity.SEV1


def evidence(*readings: Reading, **values: Any) -> Evidence:
    """Ten minutes of checkout-api, with only what matters spelled out."""
    facts: dict[str, Any] = {"service": "checkout-api", "account": ACCOUNT, "region": REGION}
    times = {"began_at": NOW, "since": NOW, "until": NOW + 10 * MINUTE}
    return Evidence(readings=readings, **{**facts, **times, **values})


def cpu(now: float, expected: float | None = 28, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": None if expected is None else 6, "unit": "%"}
    return Reading(measure=Measure.CPU, now=now, **{**facts, **values})


def memory(now: float, expected: float | None = 44, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": None if expected is None else 4, "unit": "%"}
    return Reading(measure=Measure.MEMORY, now=now, **{**facts, **values})


def errors(now: float, expected: float | None = 0, **values: Any) -> Reading:
    return Reading(measure=Measure.ERRORS, now=now, **{"peak": now, "expected": expected, "deviation": 0.0, **values})


def latency(now: float, expected: float | None = 0.4, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": None if expected is None else 0.05, "unit": "s"}
    return Reading(measure=Measure.LATENCY, now=now, **{**facts, **values})


def requests(now: float, expected: float | None = 5000, **values: Any) -> Reading:
    facts = {"peak": now, "expected": expected, "deviation": 300.0}
    return Reading(measure=Measure.REQUESTS, now=now, **{**facts, **values})


def lines(pattern: str, count: int, kind: LogClass = LogClass.EXCEPTION, **values: Any) -> LogFinding:
    return LogFinding(kind=kind, pattern=pattern, count=count, **{"first_seen": NOW, **values})


def change(kind: ChangeKind = ChangeKind.DEPLOYMENT, ago: float = 3, **values: Any) -> Made:
    facts: dict[str, Any] = {"what": "deployed web:57", "target": "checkout-api", "service": "checkout-api"}
    place = {"account": ACCOUNT, "region": REGION}
    return Made(kind=kind, at=NOW - ago * MINUTE, **{**facts, **place, **values})


DEPLOYED = change(by="ci-deployer", before="web:56", after="web:57")
KEY_ERROR = lines("KeyError: 'currency'", 198)
FAILING = evidence(errors(212), requests(5000), cpu(31), logs=(KEY_ERROR,), changes=(DEPLOYED,))


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


# --- suspects


def ranked(*changes: Made, **values: Any) -> list[str]:
    found = FAILING.model_copy(update={"changes": changes, **values})
    return [f"{one.change.what} {one.change.target}" for one in diagnose(found).suspects]


def test_only_likely_changes_of_the_same_service_are_named() -> None:
    older, scaled = change(ago=25, what="deployed web:55"), change(ChangeKind.SCALING, ago=3, what="scaled")
    other = change(ago=2, what="deployed app:9", target="mailer", service="mailer")
    nameless = change(ago=1, what="UpdateService", target="search-api", service="")
    assert ranked(older, other, nameless, change(ago=3), scaled) == ["deployed web:57 checkout-api"]
    assert ranked(older, other, nameless, scaled) == ["deployed web:55 checkout-api", "scaled checkout-api"], (
        "where none is likely, the likeliest of its own"
    )
    shared = change(ChangeKind.CONFIGURATION, ago=2, what="PutParameter", target="/shop/flag", service="")
    assert ranked(other, nameless, shared) == ["PutParameter /shop/flag"]


def test_what_did_not_run_any_more_when_it_began_is_no_suspect() -> None:
    bad = change(ago=6, before="web:56", after="web:57")
    back = change(ago=4, what="deployed web:56", before="web:57", after="web:56")
    gone = diagnose(FAILING.model_copy(update={"changes": (bad, back)}))
    assert (gone.cause, gone.action) == (Cause.MANY_ERRORS, None), "nobody goes forward to the bad one"
    assert "web:57 web:56" not in " ".join(each.change.what for each in gone.suspects)
    assert all(each.change.after != "web:57" for each in gone.suspects)
    late = back.model_copy(update={"at": NOW + 4 * MINUTE})
    after = diagnose(FAILING.model_copy(update={"changes": (bad, late)}))
    assert after.suspects[0].change.after == "web:57", "it was it"
    assert after.action is None, "but it does not run any more"
    failed = change(ago=3, what="deployment of web:57 failed", before="web:56", after="web:57")
    assert diagnose(FAILING.model_copy(update={"changes": (failed,)})).action is None


def test_what_a_deployment_just_made_slow_goes_back_and_is_not_scaled_up() -> None:
    slow = latency(2.4, 0.2, deviation=0.05)
    told = diagnose(evidence(slow, changes=(change(ago=2, before="web:56", after="web:57"),)))
    assert (told.cause, told.action) == (Cause.SLOW, Action.ROLLBACK)
    long_ago = change(ago=50, before="web:56", after="web:57")
    assert diagnose(evidence(slow, changes=(long_ago,))).action is Action.SCALE_UP
    other = change(ago=2, before="app:8", after="app:9", target="mailer", service="mailer")
    assert diagnose(evidence(slow, changes=(other,))).action is Action.SCALE_UP


def test_errors_of_an_earlier_trouble_do_not_bring_back_what_was_taken_back() -> None:
    early = lines("KeyError: 'currency'", 90, first_seen=NOW - 9 * MINUTE)
    bad = change(ago=12, before="web:56", after="web:57")
    back = change(ago=4, what="deployed web:56", before="web:57", after="web:56", by="bob.okafor")
    found = evidence(cpu(93), logs=(early,), changes=(bad, back), counted_since=NOW - MINUTE)
    told = diagnose(found)
    assert all(each.change.after != "web:57" for each in told.suspects)
    assert "web:57: taken back to web:56 4 min before it began" in told.excluded
    earlier = found.model_copy(update={"counted_since": NOW - 6 * MINUTE})
    assert diagnose(earlier).suspects[0].change.after == "web:57", "the datapoint began while it ran"


def test_going_back_to_a_version_is_not_its_first_deployment() -> None:
    first = change(ago=9, what="deployed web:56", after="web:56", by="bob.okafor")
    bad = change(ago=6, before="web:56", after="web:57", by="ci-deployer")
    back = change(ago=2, what="deployed web:56", before="web:57", after="web:56", by="ana")
    assert [(each.after, each.by) for each in distinct([first, bad, back])] == [
        ("web:56", "bob.okafor"),
        ("web:57", "ci-deployer"),
        ("web:56", "ana"),
    ]


def test_what_the_bot_did_itself_is_no_suspect() -> None:
    again = change(ago=2, what="deployed web:57", before="web:56", after="web:57")
    ours = change(ago=2.5, what="UpdateService", service="", by="aiops-bot", is_ours=True)
    told = diagnose(FAILING.model_copy(update={"changes": (again, ours)}))
    assert told.suspects == ()
    assert told.action is None
    same = change(ago=2, before="web:57", after="web:57")
    assert diagnose(FAILING.model_copy(update={"changes": (same,)})).suspects == (), "a restart brings nothing new"


def test_a_deployment_by_two_names_is_one() -> None:
    told = change(ago=4, what="deployed 43", after="43", by="bob.okafor")
    known = change(ago=3, what="deployed web:57", before="web:56", after="web:57", by="ci-deployer")
    (one,) = distinct([told, known])
    assert (one.before, one.after, one.what) == ("web:56", "web:57", "deployed web:57")
    assert len(distinct([known, known.model_copy(update={"at": NOW, "after": "web:58", "before": "web:57"})])) == 2


def test_a_deployment_that_is_told_with_two_authors_is_one_and_names_both() -> None:
    asked = change(ago=3, before="web:56", after="web:57", by="bob.okafor")
    registered = change(ago=4, what="RegisterTaskDefinition", target="web:57", service="", by="terraform")
    called = change(ago=3, what="UpdateService", by="ci-deployer", after="web:57")
    (one,) = distinct([called, registered, asked])
    assert one.author == "bob.okafor through ci-deployer"
    told = diagnose(FAILING.model_copy(update={"changes": (called, registered, asked)}))
    assert len(told.suspects) == 1
    assert any("web:56 → web:57 by bob.okafor through ci-deployer" in each for each in told.findings)
    assert distinct([one]) == [one]
    by_hand = asked.model_copy(update={"by": "", "through": "ci-deployer"})
    (one,) = distinct([by_hand, called.model_copy(update={"by": "ana"})])
    assert one.author == "ana", "who registered it is not who deployed it"


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


def test_deployments_and_settings_come_before_scaling_and_access() -> None:
    kinds = [ChangeKind.ACCESS, ChangeKind.SCALING, ChangeKind.CONFIGURATION, ChangeKind.DEPLOYMENT]
    told = diagnose(FAILING.model_copy(update={"changes": tuple(change(kind, what=kind.value) for kind in kinds)}))
    assert [one.change.kind for one in told.suspects][:2] == [ChangeKind.DEPLOYMENT, ChangeKind.CONFIGURATION]


def test_another_account_or_region_is_less_likely() -> None:
    here = diagnose(FAILING).suspects[0]
    for elsewhere in ({"account": "999999999999"}, {"region": "us-east-1"}):
        moved = DEPLOYED.model_copy(update=elsewhere)
        (there,) = diagnose(FAILING.model_copy(update={"changes": (moved,)})).suspects
        assert there.score < here.score / 2
        assert any(reason.startswith("another") for reason in there.reasons)


def test_what_came_after_is_no_suspect_but_clocks_differ() -> None:
    assert ranked(change(ago=-0.5)) == ["deployed web:57 checkout-api"]
    assert ranked(change(ago=-2)) == []
    # Without a log line the alarm's datapoint is all there is, and it covers some minutes.
    assert ranked(change(ago=-2), logs=()) == ["deployed web:57 checkout-api"]
    assert ranked(change(ago=-6), logs=()) == []


def test_a_call_and_the_deployment_that_it_started_are_one_change() -> None:
    call = change(ago=3.5, what="UpdateService", by="ana", link="https://trail", service="")
    deployed = change(ago=3, before="web:56", after="web:57")
    told = diagnose(FAILING.model_copy(update={"changes": (call, deployed)}))
    (one,) = told.suspects
    assert (one.change.what, one.change.by, one.change.link) == ("deployed web:57", "ana", "https://trail")
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/checkout-api"
    assert len(distinct([deployed, call.model_copy(update={"target": arn})])) == 1
    registered = change(ago=4, what="RegisterTaskDefinition", target="web:57", service="")
    assert len(distinct([registered, deployed, call])) == 1
    assert len(distinct([deployed, call.model_copy(update={"at": NOW - 40 * MINUTE})])) == 2
    assert len(distinct([deployed, call.model_copy(update={"target": "mailer"})])) == 2
    assert len(distinct([deployed, call.model_copy(update={"what": "PutScalingPolicy"})])) == 2
    assert len(distinct([deployed, call.model_copy(update={"at": NOW + 5 * MINUTE})])) == 2  # somebody went back


def test_lost_rights_point_at_who_changed_rights() -> None:
    denied = (lines("AccessDeniedException: not authorized to perform s3:GetObject", 150),)
    rights = change(ChangeKind.ACCESS, ago=2, what="PutRolePolicy", target="role/shop", service="", region="us-east-1")
    assert ranked(change(ago=14), rights, logs=denied)[0] == "PutRolePolicy role/shop"


def test_lost_connections_point_at_who_changed_the_network() -> None:
    refused = (lines("connection refused to catalog-db.internal:5432", 150, LogClass.CONNECTION),)
    network = change(ChangeKind.ACCESS, ago=1, what="RevokeSecurityGroupIngress", target="sg-1", service="")
    assert ranked(change(ago=14), network, logs=refused)[0] == "RevokeSecurityGroupIngress sg-1"


def test_what_the_errors_name_is_suspected() -> None:
    unset = (lines("ConfigError: PAYMENT_URL is not set", 150),)
    named = change(ChangeKind.CONFIGURATION, what="PutParameter", target="parameter/payment-url", service="")
    (one,) = diagnose(FAILING.model_copy(update={"changes": (named,), "logs": unset})).suspects
    assert "named by the errors or traces" in one.reasons


def test_what_breaks_nothing_is_hardly_a_suspect() -> None:
    assert ranked(change(ChangeKind.CONFIGURATION, ago=1, what="TagResource"), change(ago=9))[0].startswith("deployed")


def test_fewer_tasks_are_suspected_of_high_cpu_and_more_are_not() -> None:
    fewer = change(ChangeKind.SCALING, what="desired count changed", before="6", after="3")
    more = change(ChangeKind.SCALING, ago=1, what="desired count changed", before="3", after="6")
    told = diagnose(evidence(cpu(93), changes=(more, fewer)))
    assert [one.change.after for one in told.suspects] == ["3"]
    assert "scaled down" in told.suspects[0].reasons


# --- the second document's payload


def test_the_documents_payload_is_answered_in_its_terms() -> None:
    found = from_payload(["CPU: 60% (expected 4%)"], {"cpu_utilization": 60}, at=NOW)
    answer = to_payload(diagnose(found), found)
    assert {key: answer[key] for key in ("root_cause", "severity", "auto_action", "manual_action")} == {
        "root_cause": "High CPU (no errors)",
        "severity": "MEDIUM",
        "auto_action": "Scale up +1 task",
        "manual_action": "Monitor for 15min",
    }
    assert answer["evidence"][0] == "CPU: 60 % (expected 4 %)"
    assert 0.3 < answer["confidence"] < 0.8  # nothing but one number was seen


@pytest.mark.parametrize(
    ("anomalies", "metrics", "cause"),
    [
        (["CPU: 60% (expected 4%)", "Errors: 3 (expected 0)"], {}, Cause.CPU_WITH_ERRORS),
        (["Errors: 11 (expected 0)"], {}, Cause.MANY_ERRORS),
        (["error count = 10 (normal: 0)"], {}, Cause.FEW_ERRORS),
        (["Response time: 2,400 ms (expected 400 ms ± 50)"], {}, Cause.SLOW),
        (["Latency: 2.4s (expected 0.4s)"], {}, Cause.SLOW),
        ([], {"TargetResponseTime": 5.0, "HTTPCode_Target_5XX_Count": 0}, Cause.SLOW),
        ([], {"latency_ms": 5000}, Cause.SLOW),
        ([], {"CPUUtilization": 95.5, "disk_queue": 4}, Cause.CPU),
        ([], {"cpu_utilization": "60"}, Cause.UNKNOWN),  # a number in quotes is one
        ([], {"cpu_utilization": "95.5"}, Cause.CPU),
        ([], {}, Cause.UNKNOWN),
    ],
)
def test_payloads_are_read_tolerantly(anomalies: list[str], metrics: dict[str, float], cause: Cause) -> None:
    found = from_payload(anomalies, metrics, at=NOW)
    assert diagnose(found).cause is cause


def test_metrics_that_say_nothing_to_the_matrix_are_named() -> None:
    answer = from_payload([], {"disk_queue": 4, "error_rate": 0.1}, at=NOW).answer(Source.METRICS)
    assert answer is not None
    assert answer.why == "the matrix knows nothing of disk_queue, error_rate"


@pytest.mark.parametrize(
    ("anomalies", "metrics", "field", "says"),
    [
        (["something is odd"], {}, "anomalies", "I can't read the anomaly “something is odd”. Write them like"),
        ([None], {}, "anomalies", "I can't read the anomaly “None”"),
        (["Humidity: 60%"], {}, "anomalies", "I don't know what “Humidity” measures. I know CPU, memory"),
        (["Errors: 12%"], {}, "anomalies", "Write `Errors: 12 (expected 0)`"),
        ("CPU: 60%", {}, "anomalies", "has to be a list"),
        (["CPU: 1%"] * 101, {}, "anomalies", "are too many"),
        ([], {"cpu_utilization": "much"}, "metrics", "The metric cpu_utilization is “much”; it has to be a number of"),
        ([], {"cpu_utilization": None}, "metrics", "The metric cpu_utilization is “None”"),
        ([], {"cpu_utilization": [60]}, "metrics", "The metric cpu_utilization is “[60]”"),
        ([], {"cpu_utilization": "60%"}, "metrics", "The metric cpu_utilization is “60%”"),
        ([], {"cpu_utilization": "nan"}, "metrics", "The metric cpu_utilization is “nan”"),
        ([], {"cpu_utilization": float("inf")}, "metrics", "The metric cpu_utilization is “inf”"),
        ([], {"cpu_utilization": 10**400}, "metrics", "has to be a number"),
        ([], {"cpu_utilization": -5}, "metrics", "a number of 0 or more"),
        (["CPU: -60%"], {}, "anomalies", "has a number that I can't read"),
        (["CPU: 60% (expected 1e999%)"], {}, "anomalies", "has a number that I can't read"),
        ([], {"cpu_utilization": True}, "metrics", "has to be a number"),
        ([], {"cpu_utilization": float("nan")}, "metrics", "has to be a number"),
        ([], [60], "metrics", "has to be an object"),
        ([], {str(n): 1 for n in range(101)}, "metrics", "are too many"),
    ],
)
def test_what_can_not_be_read_says_what_would_be_right(anomalies: Any, metrics: Any, field: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        from_payload(anomalies, metrics, at=NOW)
    assert refused.value.field == field
    assert says in str(refused.value)


@given(
    st.lists(st.text(max_size=60) | st.from_regex(r"[A-Za-z ]{1,9}: ?-?\d{1,400}%? ?(\(expected \d+\))?")), st.data()
)
def test_any_payload_is_read_or_refused(anomalies: list[str], data: st.DataObject) -> None:
    metrics = data.draw(st.dictionaries(st.sampled_from(["cpu", "errors", "p99", "x"]), st.floats() | st.integers()))
    try:
        found = from_payload(anomalies, metrics, at=NOW)
    except InvalidInput:
        return
    to_payload(diagnose(found), found)


# --- what holds for any evidence

words = st.text(max_size=12) | st.sampled_from(["checkout-api", "mailer", "web:57", "UpdateService", "catalog-db"])
numbers = st.floats() | st.floats(0, 200)
counts = st.integers() | st.integers(0, 30)
moments = st.integers(-90, 30).map(lambda n: NOW + n * MINUTE) | st.datetimes(timezones=st.just(UTC))
readings = st.builds(
    Reading,
    measure=st.sampled_from(Measure),
    now=numbers,
    peak=numbers,
    before=st.none() | numbers,
    expected=st.none() | numbers,
    deviation=st.none() | numbers,
    threshold=st.none() | numbers,
    slope=numbers,
)
logged = st.builds(
    LogFinding,
    kind=st.sampled_from(LogClass),
    pattern=words,
    count=counts,
    before=counts,
    first_seen=st.none() | moments,
    sample=words,
)
changed = st.builds(
    Made,
    kind=st.sampled_from(ChangeKind),
    what=words,
    target=words,
    at=moments,
    service=words,
    before=words,
    after=words,
    account=st.sampled_from(["", ACCOUNT, "9"]),
)
traced = st.builds(
    Traces,
    total=counts,
    faults=counts,
    p99=st.none() | numbers,
    downstream=st.lists(st.tuples(words, words)).map(tuple),
)
noted = st.builds(HealthNote, service=words, title=words, started_at=moments, is_ours=st.booleans())
answered = st.builds(Asked, source=st.sampled_from(Source), outcome=st.sampled_from(SourceOutcome), why=words)
anything = st.builds(
    Evidence,
    service=words,
    began_at=moments,
    since=moments,
    until=moments,
    readings=st.lists(readings, max_size=8).map(tuple),
    logs=st.lists(logged, max_size=6).map(tuple),
    traces=st.none() | traced,
    changes=st.lists(changed, max_size=6).map(tuple),
    health=st.lists(noted, max_size=3).map(tuple),
    stopped=counts,
    asked=st.lists(answered, max_size=8).map(tuple),
)


def core(told: Diagnosis) -> tuple[Any, ...]:
    return told.cause, told.severity, told.confidence


@given(anything)
def test_any_evidence_is_diagnosed(found: Evidence) -> None:
    told = diagnose(found)
    assert 0 <= told.confidence <= 1
    assert all(0 <= one.score <= 1 for one in told.suspects)
    assert [one.score for one in told.suspects] == sorted((one.score for one in told.suspects), reverse=True)
    assert diagnose(found) == told
    to_payload(told, found)


@given(st.lists(changed, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_suspects_does_not_depend_on_the_order_of_changes(changes: list[Made], dice: Any) -> None:
    mixed = list(changes)
    dice.shuffle(mixed)
    one, other = (diagnose(FAILING.model_copy(update={"changes": tuple(each)})) for each in (changes, mixed))
    assert one.suspects == other.suspects


@given(anything, st.sampled_from(ChangeKind), st.integers(-60, 60))
def test_a_change_of_something_else_never_changes_the_cause(found: Evidence, kind: ChangeKind, ago: int) -> None:
    other = change(kind, ago=ago, what="changed", target="elsewhere-entirely", service="elsewhere-entirely")
    more = found.model_copy(update={"changes": (*found.changes, other)})
    assert core(diagnose(more)) == core(diagnose(found))
    assert diagnose(more).action == diagnose(found).action or found.service == ""


@given(anything)
def test_fewer_sources_never_make_surer(found: Evidence) -> None:
    asked = tuple(Asked(source=source, outcome=SourceOutcome.FOUND) for source in Source)
    missing = tuple(one.model_copy(update={"outcome": SourceOutcome.FAILED}) for one in asked)
    whole, part = (found.model_copy(update={"asked": each}) for each in (asked, missing))
    assert diagnose(part).confidence <= diagnose(whole).confidence
