"""Baselines from the sandbox's CloudWatch: which metrics, how many calls, and how it goes on after a stop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bot.baselines import Baseline, expected
from bot.integrations.aws import baselines as metrics
from bot.store.sqlite import SqliteStore
from sandbox.aws.server import BOT_KEY, REGION, SECRET, AwsServer
from scripts import create_baseline_stats
from scripts.create_baseline_stats import EXIT_AWS, EXIT_STOPPED, EXIT_USAGE, main

ROOT = Path(__file__).parents[2]
Run = Callable[..., int]
CHECKOUT_CPU = "AWS/ECS CPUUtilization Average ClusterName=shop,ServiceName=checkout-api"
CHECKOUT_ERRORS = "AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum LoadBalancer=app/shop/1"
QUEUE = "AWS/SQS ApproximateNumberOfMessagesVisible Maximum QueueName=payments-work"
CONFIG = {
    "time_zone": "Europe/Berlin",
    "services": {
        "checkout-api": {"dimensions": {"ServiceName": "checkout-api", "LoadBalancer": "app/shop/*"}},
        "payments": {"dimensions": {"QueueName": "payments-*"}},
    },
}


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        fill(boto3.client("cloudwatch", **server.credentials()))
        yield server


@pytest.fixture
def aws(server: AwsServer) -> Iterator[AwsServer]:
    yield server
    server.faults.clear()


def fill(cloudwatch: Any) -> None:
    """A week: the CPU is at 4 % by night and 40 % by day, one error, a queue; and an alarm on each."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [hour - timedelta(hours=n) for n in range(1, 7 * 24 + 1)]
    tasks = {"ClusterName": "shop", "ServiceName": "checkout-api"}
    put(cloudwatch, "AWS/ECS", "CPUUtilization", tasks, [(at, 40.0 if 8 <= at.hour < 20 else 4.0) for at in hours])
    balancer = {"LoadBalancer": "app/shop/1"}
    put(cloudwatch, "AWS/ApplicationELB", "RequestCount", balancer, [(at, 600.0) for at in hours])
    put(cloudwatch, "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", balancer, [(hours[10], 5.0)])
    queue = {"QueueName": "payments-work"}
    put(cloudwatch, "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, [(at, 6.0) for at in hours])
    alarm(cloudwatch, "cpu", "AWS/ECS", "CPUUtilization", tasks, "Average")
    rate = [
        stat("errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", balancer),
        stat("requests", "AWS/ApplicationELB", "RequestCount", balancer),
        {"Id": "rate", "Expression": "100 * errors / requests", "ReturnData": True},
    ]
    watch = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 80.0}
    cloudwatch.put_metric_alarm(AlarmName="errorrate", Metrics=rate, **watch)
    alarm(cloudwatch, "backlog", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum")
    alarm(cloudwatch, "else", "AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": "other"}, "Average")


def put(cloudwatch: Any, namespace: str, name: str, of: dict[str, str], data: list[tuple[datetime, float]]) -> None:
    datum = {"MetricName": name, "Dimensions": named(of)}
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{**datum, "Timestamp": at, "Value": value} for at, value in data]
    )


def alarm(cloudwatch: Any, alarm_name: str, namespace: str, name: str, of: dict[str, str], statistic: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=alarm_name,
        Namespace=namespace,
        MetricName=name,
        Dimensions=named(of),
        Statistic=statistic,
        Period=60,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=80.0,
    )


def stat(query: str, namespace: str, name: str, of: dict[str, str]) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": named(of)}
    return {"Id": query, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}


def named(of: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in of.items()]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "var" / "baselines.jsonl"


@pytest.fixture
def environment(aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    file = tmp_path / "services.yml"
    file.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    values = {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": BOT_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CONFIG_FILE": str(file),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def run(environment: dict[str, str], output: Path) -> Run:
    def run(*arguments: str) -> int:
        return main(["--weeks", "1", "--output", str(output), *arguments])

    return run


def read(output: Path) -> list[Baseline]:
    return [Baseline.model_validate_json(line) for line in output.read_text(encoding="utf-8").splitlines()]


def calls(aws: AwsServer, since: int = 0) -> list[str]:
    return [each["operation"] for each in aws.log.since(since, caller=BOT_KEY)]


def test_it_learns_the_metrics_of_the_alarms(run: Run, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    found = read(output)
    assert {(each.service, each.metric) for each in found} == {
        ("checkout-api", CHECKOUT_CPU),
        ("checkout-api", CHECKOUT_ERRORS),
        ("checkout-api", CHECKOUT_ERRORS.replace("HTTPCode_Target_5XX_Count", "RequestCount")),
        ("payments", QUEUE),
    }
    assert {each.zone for each in found} == {"Europe/Berlin"}
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=1)
    usual = expected([each for each in found if each.service == "checkout-api"], CHECKOUT_CPU, noon)
    assert usual is not None
    assert usual.mean == 40.0
    told = capsys.readouterr()
    assert "3 calls: 1 DescribeAlarms, 2 GetMetricData for 4 metrics; about $0.0001" in told.out
    assert "4/4 metrics  payments" in told.err


def test_counts_are_per_minute_and_zero_where_nothing_happened(run: Run, output: Path) -> None:
    run()
    errors = [each for each in read(output) if each.metric == CHECKOUT_ERRORS]
    assert len(errors) == 168
    assert max(each.mean for each in errors) == pytest.approx(1 / 12), "5 errors in one of an hour's 12 periods"
    assert sum(each.mean == 0 for each in errors) == 167


def test_a_dry_run_reads_alarms_only_and_writes_nothing(
    run: Run, aws: AwsServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = aws.log.n
    assert run("--dry-run") == 0
    assert set(calls(aws, before)) == {"DescribeAlarms"}
    assert not output.parent.exists()
    told = capsys.readouterr().out
    assert QUEUE in told
    assert "this takes 3 calls: 1 DescribeAlarms, 2 GetMetricData for 4 metrics" in told


def stop_at_the_second_service(patch: pytest.MonkeyPatch) -> None:
    plain = metrics.CloudWatch.points

    def points(self: Any, service: str, *rest: Any) -> Any:
        if service == "payments":
            raise KeyboardInterrupt
        return plain(self, service, *rest)

    patch.setattr(metrics.CloudWatch, "points", points)


def test_a_stopped_run_goes_on_where_it_was(
    run: Run, aws: AwsServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_at_the_second_service(patch)
        assert run() == EXIT_STOPPED
    partial = output.with_name("baselines.jsonl.partial")
    assert not output.exists()
    partial.write_text(partial.read_text(encoding="utf-8") + '{"service": "paym', encoding="utf-8")  # cut off
    capsys.readouterr()
    before = aws.log.n
    assert run() == 0
    assert calls(aws, before).count("GetMetricData") == 1
    assert "checkout-api: 3 metrics, read already" in capsys.readouterr().out
    assert {each.service for each in read(output)} == {"checkout-api", "payments"}
    assert not partial.exists()


def test_other_weeks_do_not_go_on_with_these(run: Run, aws: AwsServer, output: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_at_the_second_service(patch)
        run()
    before = aws.log.n
    assert run("--weeks", "2") == 0
    assert calls(aws, before).count("GetMetricData") == 2


def test_a_refusal_names_the_permission(run: Run, aws: AwsServer, capsys: pytest.CaptureFixture[str]) -> None:
    fault = {"service": "monitoring", "operation": "GetMetricData", "kind": "error"}
    aws.faults.add(fault | {"error": "AccessDenied", "message": "no"})
    assert run() == EXIT_AWS
    assert "cloudwatch:GetMetricData" in capsys.readouterr().err


def test_one_service_replaces_its_own_lines_only(run: Run, output: Path) -> None:
    run()
    before = read(output)
    stale = before[0].model_copy(update={"metric": "AWS/ECS Gone Average"})
    output.write_text(output.read_text(encoding="utf-8") + stale.model_dump_json() + "\n", encoding="utf-8")
    assert run("--service", "Checkout API") == 0
    assert read(output) == before


def test_a_metric_replaces_its_own_lines_only(run: Run, output: Path) -> None:
    run()
    before = read(output)
    assert run("--metric", "cpu") == 0
    assert read(output) == before


def test_the_bots_database_gets_them_too(
    run: Run, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'aiops.db'}")
    assert run() == 0
    assert f"sqlite:///{tmp_path / 'aiops.db'}: the same" in capsys.readouterr().out
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        found = [each for service in ("checkout-api", "payments") for each in store.baselines(service)]
    in_file = read(output)
    assert sorted(found, key=str) == sorted(in_file, key=str)
    assert len(in_file) > 400


def test_a_database_of_another_kind_is_refused_before_it_is_paid_for(
    run: Run, aws: AwsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://db")
    before = aws.log.n
    assert run() == EXIT_USAGE
    assert "DATABASE_URL" in capsys.readouterr().err
    assert calls(aws, before) == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--service", "nope"], "--service nope: not in the config file; there are checkout-api, payments"),
        (["--max-calls", "2"], "--max-calls allows 2"),
    ],
)
def test_what_can_not_be_done_is_refused_before_it_is_paid_for(
    run: Run, aws: AwsServer, arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = aws.log.n
    assert run(*arguments) == EXIT_USAGE
    assert hint in capsys.readouterr().err
    assert "GetMetricData" not in calls(aws, before)


def test_a_file_of_something_else_is_not_overwritten(
    run: Run, aws: AwsServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.parent.mkdir()
    output.write_text(json.dumps({"mine": 1}), encoding="utf-8")
    before = aws.log.n
    assert run() == EXIT_USAGE
    assert "holds something else than baselines" in capsys.readouterr().err
    assert calls(aws, before) == []
    assert json.loads(output.read_text(encoding="utf-8")) == {"mine": 1}


@pytest.mark.parametrize("weeks", ["0", "9", "two"])
def test_weeks_that_cloudwatch_does_not_keep_are_refused(
    run: Run, weeks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run("--weeks", weeks)
    assert left.value.code == EXIT_USAGE
    assert "a number of weeks from 1 to 8" in capsys.readouterr().err


def test_a_config_file_without_services_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.yml").write_text("", encoding="utf-8")
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "empty.yml"))
    assert run() == EXIT_USAGE
    assert "lists no services" in capsys.readouterr().err
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "gone.yml"))
    assert run() == EXIT_USAGE
    assert "gone.yml is not there" in capsys.readouterr().err


def test_an_answer_holds_as_many_metrics_as_its_limit_allows() -> None:
    end = datetime(2026, 11, 22, tzinfo=UTC)
    month = metrics.Span(end - timedelta(weeks=4), end)
    assert month.batch * len(month.times) <= metrics.MAX_POINTS < (month.batch + 1) * len(month.times)
    assert (month.calls(0), month.calls(month.batch), month.calls(month.batch + 1)) == (0, 1, 2)


@pytest.mark.parametrize("folder", [ROOT, ROOT / "scripts"])
def test_it_starts_as_a_file_from_the_root_and_from_its_folder(
    environment: dict[str, str], output: Path, folder: Path
) -> None:
    script = str((ROOT / "scripts" / "create_baseline_stats.py").relative_to(folder))
    command = [sys.executable, script, "--dry-run", "--weeks", "1", "--output", str(output)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "payments: 1 metrics" in done.stdout


def test_the_default_output_lies_in_the_repository_wherever_it_is_started() -> None:
    assert create_baseline_stats._parser().parse_args([]).output == ROOT / "var" / "baselines.jsonl"
