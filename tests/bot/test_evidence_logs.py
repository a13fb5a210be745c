"""Log lines as evidence: counted, compared, bounded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.models import LogClass, Measure, Source
from tests.bot.looking import (
    BEGAN,
    DENIED,
    FAILED,
    FOUND,
    NOT_PERMITTED,
    NOTHING,
    OFF,
    QUERY,
    Aws,
    Json,
    gather,
    readings,
    refused,
    scope,
    series,
    told,
)
from tests.bot.make import NOW


def line(hits: int, sample: str, **words: str) -> list[Json]:
    cells = {"hits": str(hits), "sample": sample, "first_seen": "1795316100000", **words}
    return [{"field": name, "value": value} for name, value in cells.items()]


def complete(*rows: list[Json], scanned: float = 1000.0) -> Json:
    return {"status": "Complete", "results": list(rows), "statistics": {"bytesScanned": scanned}}


def insights(during: Any, before: Any, **more: Any) -> Aws:
    """Two queries, `q1` of the window and `q2` of the hour before."""
    answers = {"q1": during, "q2": before}

    def results(given: Json) -> Any:
        answer = answers[given["queryId"]]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Aws(start_query=[{"queryId": "q1"}, {"queryId": "q2"}], get_query_results=results, **more)


def test_lines_are_classified_counted_and_compared_with_the_hour_before() -> None:
    secret = "ERROR request_id=4f1a token=abcd1234 jane@example.com\nTraceback\nKeyError: 'currency'"
    aws = insights(
        [
            {"status": "Running"},
            complete(line(42, secret, exception="ERROR"), line(3, "it timed out", timeout="timed out")),
        ],
        complete(line(2, "KeyError: 'currency'", exception="error")),
    )  # fmt: skip
    found = gather(Source.LOGS, aws)
    first, second = found.values["logs"]
    assert (first.kind, first.pattern, first.count, first.before) == (LogClass.EXCEPTION, "KeyError: 'currency'", 42, 2)
    assert first.first_seen is not None
    assert first.first_seen.isoformat() == "2026-11-22T02:55:00+00:00"
    assert "abcd1234" not in first.sample
    assert "jane" not in first.sample
    assert (second.kind, second.count, second.before) == (LogClass.TIMEOUT, 3, 0)
    during, before = aws.calls("start_query")
    assert during["logGroupNames"] == ["/ecs/checkout-api", "/ecs/proxy"]
    assert during["queryString"] == QUERY
    began = int((BEGAN - timedelta(minutes=1)).timestamp())
    assert (during["startTime"], before["endTime"]) == (began, began - 1), "since it began, not before"
    assert found.values["counted_since"].timestamp() == began
    assert before["startTime"] == during["startTime"] - 3600
    assert aws.names()[1:3] == ["start_query", "start_query"], "both at once"


def test_plain_lines_are_classified_by_their_words() -> None:
    rows = [
        [{"field": "@timestamp", "value": "2026-11-22 02:55:00.000"}, {"field": "@message", "value": text}]
        for text in ("connection refused by 10.0.0.7:5432", "connection refused by 10.0.0.8:5432", "all is well")
    ]
    (finding,) = gather(Source.LOGS, insights(complete(*rows), complete(rows[0]))).values["logs"]
    assert (finding.kind, finding.count, finding.before) == (LogClass.CONNECTION, 2, 1)
    assert finding.pattern == "connection refused by #"


def test_a_late_query_is_stopped_and_what_it_had_is_told() -> None:
    partial = {**complete(line(5, "out of memory", memory="out of memory"), scanned=3e9), "status": "Running"}
    aws = insights(partial, {"status": "Scheduled"})
    found = gather(Source.LOGS, aws, seconds=0.9)
    assert found.asked.seconds < 5
    assert told(found) == (FOUND, "stopped after 3 GB: what it had by then")
    assert {each["queryId"] for each in aws.calls("stop_query")} == {"q1", "q2"}
    nothing = gather(Source.LOGS, insights({"status": "Running"}, complete()), seconds=0.9)
    assert nothing.asked.outcome is FAILED


def test_a_query_that_scans_too_much_is_stopped_at_once() -> None:
    huge = {**complete(line(5, "panic: no", exception="panic:"), scanned=2.5e10), "status": "Running"}
    aws = insights(huge, complete(), stop_query=refused("InvalidParameterException"))
    assert told(gather(Source.LOGS, aws)) == (FOUND, "stopped after 25 GB: what it had by then")
    assert aws.calls("stop_query") == [{"queryId": "q1"}]


def test_an_error_in_between_stops_what_runs() -> None:
    aws = insights({"status": "Running"}, DENIED)
    assert gather(Source.LOGS, aws).asked.outcome is NOT_PERMITTED
    assert len(aws.calls("stop_query")) == 2
    failed = insights({"status": "Failed"}, complete())
    assert "the query ended as Failed" in gather(Source.LOGS, failed).asked.why


def test_answers_of_any_size_are_bounded() -> None:
    """A hundred megabytes of lines: few findings, short, and soon."""
    rows = [line(n, f"ERROR {chr(97 + n % 26) * 5} " + "x y=z " * 180_000, exception=f"E{n}") for n in range(100)]
    long = scope(since=NOW - timedelta(hours=9))._replace(began_at=NOW - timedelta(hours=8))
    found = gather(Source.LOGS, insights(complete(*rows), complete(*rows)), long)
    findings = found.values["logs"]
    assert len(findings) <= 20
    assert max(len(each.sample) for each in findings) <= 500
    assert sum(len(each.sample) + len(each.pattern) for each in findings) < 20 * 700
    assert found.asked.seconds < 15
    assert found.asked.why == "the first 20 of 26 or more kinds of lines; only the last 3 hours"


def test_what_fires_for_long_is_counted_over_its_last_hours_against_the_hour_before_it_began() -> None:
    """By every source alike: what is counted over three hours by one and over eight by another can't be compared."""
    began, hours = NOW - timedelta(hours=8), timedelta(hours=3)
    long = scope(since=began - timedelta(minutes=15))._replace(began_at=began)
    aws = insights(complete(line(3, "panic: no", exception="panic:")), complete())
    lines = gather(Source.LOGS, aws, long)
    during, before = aws.calls("start_query")
    symptom = int((began - timedelta(minutes=1)).timestamp())
    assert (during["startTime"], during["endTime"]) == (int((NOW - hours).timestamp()), int(NOW.timestamp()) - 1)
    assert (before["startTime"], before["endTime"]) == (symptom - 3600, symptom - 1)
    failing = Aws(get_metric_data=series(CPUUtilization=[20.0] * 76 + [60.0] * 301 + [90.0] * 180))
    found = gather(Source.METRICS, failing, long)
    cpu = readings(found)[Measure.CPU]
    assert (cpu.now, cpu.before) == (90, 20)
    assert found.values["counted_since"] == lines.values["counted_since"] == NOW - hours


def test_of_many_kinds_of_lines_the_most_frequent_are_kept_and_told() -> None:
    rows = [line(n + 1, f"ERROR {chr(97 + n) * 5}", exception=f"E{n}") for n in range(25)]
    found = gather(Source.LOGS, insights(complete(*rows), complete()))
    assert told(found) == (FOUND, "the first 20 of 25 kinds of lines")
    assert [each.count for each in found.values["logs"]] == list(range(25, 5, -1))


def test_log_groups_that_do_not_exist_are_left_out_and_named() -> None:
    gone = refused("ResourceNotFoundException", "Log group '/ecs/proxy' does not exist for account ID '1'")
    aws = insights(complete(), complete())
    aws.answers["start_query"].insert(0, gone)
    found = gather(Source.LOGS, aws)
    assert told(found) == (NOTHING, "there is no log group /ecs/proxy")
    assert aws.calls("start_query")[1]["logGroupNames"] == ["/ecs/checkout-api"]
    none = gather(Source.LOGS, Aws(start_query=refused("ResourceNotFoundException", "no")))
    assert none.asked.outcome is OFF
    assert none.asked.why.startswith("there is no log group /ecs/checkout-api, /ecs/proxy: name log_groups")


def test_what_began_shortly_before_is_known_to_have() -> None:
    text = "KeyError: 'currency'"
    earlier = [{**each, "value": "1795315740000"} if each["field"] == "first_seen" else each
               for each in line(2, text, exception="KeyError")]  # fmt: skip
    (found,) = gather(Source.LOGS, insights(complete(line(9, text, exception="KeyError")), complete(earlier))).values[
        "logs"
    ]
    assert found.first_seen.isoformat() == "2026-11-22T02:49:00+00:00"
