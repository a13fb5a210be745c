"""CloudWatch Logs on this machine: queries that filter, count and sort, patterns, and what is refused."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws.clock import CLOCK
from sandbox.aws.logs import language
from sandbox.aws.logs.syntax import QueryError
from sandbox.aws.server import AwsServer

Json = dict[str, Any]
GROUP = "/ecs/web"
LINES = (
    "INFO web request_id=1 GET / 200 20 ms",
    "ERROR web request_id=2 payment failed\nKeyError: 'currency'",
    "error web request_id=3 TimeoutError: not answered within 2 s",
    "ERROR web request_id=4 payment failed\nKeyError: 'currency'",
    '{"level": "ERROR", "took": 120, "http": {"status": 500}}',
    '{"level": "INFO", "took": 12, "http": {"status": 200}}',
)


class Logs:
    def __init__(self, server: AwsServer) -> None:
        self.server = server
        self.client = boto3.client("logs", **server.credentials())
        self.start = CLOCK.now() // 300 * 300
        self.client.create_log_group(logGroupName=GROUP)
        self.client.create_log_stream(logGroupName=GROUP, logStreamName="app/1")
        events = [{"timestamp": int((self.start + 60 * n) * 1000), "message": m} for n, m in enumerate(LINES)]
        self.client.put_log_events(logGroupName=GROUP, logStreamName="app/1", logEvents=events)

    def begin(self, query: str, **more: Any) -> str:
        span = {"startTime": int(self.start), "endTime": int(self.start + 3600)}
        asked = {"logGroupName": GROUP, **span, "queryString": query, **more}
        return str(self.client.start_query(**asked)["queryId"])

    def ask(self, query: str, **more: Any) -> list[Json]:
        """Rows by field."""
        name = self.begin(query, **more)
        self.server.advance(1)
        found = self.client.get_query_results(queryId=name)
        assert found["status"] == "Complete"
        return [{c["field"]: c["value"] for c in row} for row in found["results"]]

    def filtered(self, pattern: str, **more: Any) -> list[int]:
        """Which of the lines."""
        found = self.client.filter_log_events(logGroupName=GROUP, filterPattern=pattern, **more)["events"]
        return [LINES.index(e["message"]) for e in found]


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture
def logs(server: AwsServer) -> Iterator[Logs]:
    server.reset()
    logs = Logs(server)
    yield logs
    logs.client.close()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def test_a_query_is_scheduled_runs_and_is_complete(logs: Logs) -> None:
    name = logs.begin("fields @message | filter @message like /KeyError/")
    seen = [logs.client.get_query_results(queryId=name)]
    for _ in range(2):
        logs.server.advance(0.1)
        seen.append(logs.client.get_query_results(queryId=name))
    assert [s["status"] for s in seen][-1] in ("Running", "Complete")
    assert seen[0]["status"] in ("Scheduled", "Running")
    assert seen[0]["results"] == []
    logs.server.advance(1)
    found = logs.client.get_query_results(queryId=name)
    statistics = found["statistics"]
    assert (found["status"], statistics["recordsMatched"], statistics["recordsScanned"]) == ("Complete", 2.0, 6.0)
    assert statistics["bytesScanned"] == sum(len(m.encode()) for m in LINES)
    assert refused(lambda: logs.client.stop_query(queryId=name)) == "InvalidParameterException"
    other = logs.begin("fields @message")
    assert logs.client.stop_query(queryId=other)["success"]
    assert logs.client.get_query_results(queryId=other)["status"] == "Cancelled"
    listed = logs.client.describe_queries(logGroupName=GROUP)["queries"]
    assert [q["status"] for q in listed] == ["Cancelled", "Complete"]


def test_rows_come_newest_first_with_what_was_asked_for(logs: Logs) -> None:
    rows = logs.ask("fields @timestamp, @logStream, @message | limit 2")
    assert [r["@message"] for r in rows] == [LINES[5], LINES[4]]
    assert list(rows[0]) == ["@timestamp", "@logStream", "@message", "@ptr"]
    assert datetime.strptime(rows[0]["@timestamp"] + "+0000", "%Y-%m-%d %H:%M:%S.%f%z").timestamp() == logs.start + 300
    assert len(logs.ask("filter @message like 'web'")) == 4
    assert len(logs.ask("fields @message", limit=3)) == 3
    assert logs.ask("fields @message | sort @timestamp asc | limit 1")[0]["@message"] == LINES[0]
    assert len(logs.ask("fields @message", startTime=int(logs.start + 60), endTime=int(logs.start + 120))) == 2


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("@message like /ERROR/", 3),
        ("@message like /(?i)error/", 4),
        ("@message like /(?i)timeout|KeyError/", 3),
        ('@message like "KeyError" and @message not like /request_id=2/', 1),
        ("not (@message like /KeyError/ or @message like /INFO/)", 2),
        ("@message =~ /request_id=[23]/", 2),
        ('level = "ERROR"', 1),
        ("http.status >= 500 or took < 20", 2),
        ("http.status in [200, 204]", 1),
        ("ispresent(level) and took > 100", 1),
        ("strcontains(@message, 'payment')", 2),
        ("@logStream = 'app/2'", 0),
    ],
)
def test_filters(logs: Logs, condition: str, count: int) -> None:
    assert len(logs.ask(f"fields @message | filter {condition}")) == count


def test_counting_by_time_and_by_what_was_parsed(logs: Logs) -> None:
    by_time = logs.ask("filter @message like /(?i)error/ | stats count(*) as n by bin(5m) | sort n desc")
    assert [(r["n"], r["bin(5m)"][-6:]) for r in by_time] == [("4", "00.000")]
    parsed = logs.ask(
        r"""
        # which exceptions, and since when
        filter @message like /Error:/
        | parse @message /(?<exception>\w+Error): (?<rest>.*)/
        | stats count() as n, min(@timestamp) as first, latest(rest) as last by exception
        | sort n desc
        """
    )
    assert [(r["exception"], r["n"], r["last"]) for r in parsed] == [
        ("KeyError", "2", "'currency'"),
        ("TimeoutError", "1", "not answered within 2 s"),
    ]
    assert parsed[0]["first"].endswith(".000")
    assert logs.ask("parse @message 'request_id=* ' as id | filter ispresent(id) | stats count_distinct(id) as n") == [
        {"n": "4"}
    ]
    assert logs.ask("stats avg(took) as mean, pct(took, 99) as tail, max(took) - min(took) as spread")[0] == {
        "mean": "66",
        "tail": "120",
        "spread": "108",
    }
    assert logs.ask("filter @message like /nothing/ | stats count(*) as n") == [{"n": "0"}]
    assert len(logs.ask("fields concat(level, '!') as loud | filter loud = 'ERROR!' | dedup loud")) == 1


@pytest.mark.parametrize(
    "query",
    ["", "find @message", "filter", "filter @message like /(/", "stats count(*) by", "fields @message |", "limit many"],
)
def test_what_cannot_be_read_is_refused(logs: Logs, query: str) -> None:
    if query == "fields @message |":
        assert logs.ask(query)
    else:
        assert refused(lambda: logs.begin(query or " ")) == "MalformedQueryException"


def test_what_is_not_there_is_said(logs: Logs) -> None:
    assert refused(lambda: logs.begin("fields @message", logGroupName="/none")) == "ResourceNotFoundException"
    assert refused(lambda: logs.client.get_query_results(queryId="none")) == "ResourceNotFoundException"
    assert refused(lambda: logs.client.filter_log_events(logGroupName="/none")) == "ResourceNotFoundException"
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
    span = {"startTime": int(logs.start), "endTime": int(logs.start + 3600)}
    assert logs.client.start_query(logGroupIdentifiers=[arn], queryString="fields @message", **span)["queryId"]


def test_patterns(logs: Logs) -> None:
    assert logs.filtered("ERROR") == [1, 3, 4]
    assert logs.filtered("ERROR -KeyError") == [4]
    assert logs.filtered('"payment failed" "request_id=4"') == [3]
    assert logs.filtered("?TimeoutError ?KeyError") == [1, 2, 3]
    assert logs.filtered("%request_id=[12]%") == [0, 1]
    assert logs.filtered('{ $.level = "ERROR" && $.http.status >= 500 }') == [4]
    assert logs.filtered("{ $.took > 10 }") == [4, 5]
    assert refused(lambda: logs.filtered("{ nonsense }")) == "InvalidParameterException"
    page = logs.client.filter_log_events(logGroupName=GROUP, limit=4)
    assert len(page["events"]) == 4
    assert logs.filtered("", nextToken=page["nextToken"]) == [4, 5]


def test_events_may_be_as_late_as_the_clock(logs: Logs) -> None:
    logs.server.advance(6 * 3600)
    events = [{"timestamp": int(CLOCK.now() * 1000), "message": "late"}]
    answer = logs.client.put_log_events(logGroupName=GROUP, logStreamName="app/1", logEvents=events)
    assert "rejectedLogEventsInfo" not in answer


@given(st.text(alphabet="fields@message|likeand/()'\"*, [].=<>0123456789\\", max_size=60))
def test_no_query_breaks_the_parser(query: str) -> None:
    with contextlib.suppress(QueryError):
        language.parse(query)
