"""The pages of docs/runbooks as the bot reads them: the format, and the queries that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.queries import Step, queries, steps

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "cloudwatch-insights-queries.md"
CLASSES = ("memory", "timeout", "connection", "rate_limit", "exception")
COMMANDS = {"fields", "filter", "parse", "stats", "sort", "limit", "diff"}
FIRST, SECOND = "fields @message\n| limit 1", "filter x = 1\n\n| limit 2"


def test_a_query_is_the_first_block_below_its_heading() -> None:
    text = f"# Title\n\n```bash\nnot one\n```\n\n## Group\n\n### first\n\nSays what it does.\n\n```\n{FIRST}\n```\n"
    text += f"\n```\nan example, not the query\n```\n\n### `second`\n~~~sql\n{SECOND}\n~~~\n"
    assert queries(text) == {"first": FIRST, "second": SECOND}


def test_what_looks_like_a_heading_inside_a_block_is_part_of_the_query() -> None:
    assert queries("### one\n````\n### comment\n```\n| limit 1\n````\n") == {"one": "### comment\n```\n| limit 1"}


def test_a_page_without_queries_has_none() -> None:
    assert queries("") == {}
    assert queries("# Title\n\nText.\n\n```\nsomething\n```\n") == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("### one\n```\na\n```\n### one\n```\nb\n```\n", "line 5: the query one stands twice; keep one"),
        ("### one\n\nNothing.\n\n### two\n```\na\n```\n", "line 1: ### one has no fenced block"),
        ("### one\n\n## Group\n\n```\na\n```\n", "line 1: ### one has no fenced block"),
        ("# T\n\n### last\n", "line 3: ### last has no fenced block"),
        ("### one\n```\nlimit 1\n", "line 2: the fenced block that begins here does not end"),
    ],
)
def test_what_can_not_be_told_names_its_line(text: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(fault)):
        queries(text)


def test_steps_are_the_numbered_list_with_their_commands() -> None:
    text = (
        "# Title\n\n1. not a step\n\n## Steps\n\nIntroduction.\n\n1. **Look** at it.\n\n   ```bash\n   aws x \\\n"
        "     --y <z>\n   ```\n2. Talk to the owner.\n\n## Verify\n\n1. no step either\n"
    )
    assert steps(text) == [Step("**Look** at it.", "aws x \\\n  --y <z>"), Step("Talk to the owner.")]
    assert steps("# Title\n\nNo steps.") == []


# -- the page itself


def test_the_queries_that_the_bot_asks_are_there() -> None:
    found = queries(PAGE.read_text(encoding="utf-8"))
    assert {"error-classes", "error-samples", "slow-requests", "ecs-oom", "lambda-errors"} <= set(found)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in found)


@pytest.mark.parametrize("name", list(queries(PAGE.read_text(encoding="utf-8"))))
def test_every_query_is_made_of_known_commands_and_is_limited(name: str) -> None:
    query = queries(PAGE.read_text(encoding="utf-8"))[name]
    commands = re.split(r"\n\| |\A", query)[1:]
    assert {each.split()[0] for each in commands} <= {
        "fields",
        "filter",
        "parse",
        "stats",
        "sort",
        "limit",
        "pattern",
        "diff",
    }
    assert commands[-1].startswith("limit ") or commands[-1] == "diff", "diff shows as many lines as there are patterns"
    assert (
        len(query) <= 10_000
    )  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
    for pattern in re.findall(r" /(.+)/$", query, re.MULTILINE):
        re.compile(pattern.replace("(?<", "(?P<"))
        assert "/" not in pattern, "a slash would end the pattern"


def classes() -> dict[str, re.Pattern[str]]:
    query = queries(PAGE.read_text(encoding="utf-8"))["error-classes"]
    found = {}
    for line in query.splitlines():
        parsed = re.fullmatch(r"\| parse @message /(.+)/", line)
        if parsed:
            pattern = re.compile(parsed[1].replace("(?<", "(?P<"))
            (name,) = pattern.groupindex
            found[name] = pattern
    return found


def class_of(message: str) -> str:
    return next((name for name, pattern in classes().items() if pattern.search(message)), "")


def test_the_classes_stand_in_their_order() -> None:
    assert tuple(classes()) == CLASSES
    query = queries(PAGE.read_text(encoding="utf-8"))["error-classes"]
    assert f"by {', '.join(CLASSES)}\n" in query
    assert " or ".join(f"ispresent({name})" for name in CLASSES) in query


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory"),
        ("OutOfMemoryError: Container killed due to memory usage", "memory"),
        ("RequestId: 1 Error: Runtime exited with error: signal: killed", "memory"),
        ("Memory cgroup: oom-killer: python invoked OOMKilled", "memory"),
        ("essential container exited with code 137", "memory"),
        ("2026-11-22T03:00:00Z 5c1f Task timed out after 3.00 seconds", "timeout"),
        ("java.net.SocketTimeoutException: Read timed out", "timeout"),
        ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", "timeout"),
        ("connect ETIMEDOUT 10.0.3.7:5432", "timeout"),
        ("Error: connect ECONNREFUSED 127.0.0.1:6379", "connection"),
        ("psycopg2.OperationalError: could not connect to server: Connection refused", "connection"),
        ("FATAL: sorry, too many clients already", "connection"),
        ("requests.exceptions.ConnectionError: Max retries", "connection"),
        ("ThrottlingException: Rate exceeded", "rate_limit"),
        ('upstream answered {"statusCode": 429}', "rate_limit"),
        ("HTTP 429 Too Many Requests", "rate_limit"),
        ("ProvisionedThroughput: RequestLimitExceeded", "rate_limit"),
        ("Traceback (most recent call last):", "exception"),
        ("java.lang.NullPointerException at Checkout.java:42", "exception"),
        ("TypeError: undefined is not a function", "exception"),
        ("panic: runtime error: index out of range", "exception"),
        ('{"level":"error","msg":"payment failed"}', "exception"),
        ("GET /health 200 3 ms", ""),
        ("order 429 shipped", ""),
        ("REPORT RequestId: 1 Duration: 12 ms Memory Size: 128 MB Max Memory Used: 64 MB", ""),
        ("retry budget: 0 errors so far", ""),
        ("the room is booked", ""),
    ],
)
def test_lines_fall_into_their_class(message: str, expected: str) -> None:
    assert class_of(message) == expected
