"""An alarm's numbers: their units, the scale they are read in, their limits, and what the metric is called."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.alert_numbers import METRICS, limit, measured, quantities, quantity, raw, source, unit, value
from bot.signals import Alarm, AlarmKind
from tests.blocks.alerts import units

CLOUDWATCH_UNITS = {"Percent", "Count", "Seconds", "Milliseconds", "Bytes", "Megabytes", "Count/Second"}
DLQ = (("QueueName", "payments-work-dlq"),)


def metric(namespace: str, name: str, **values: Any) -> Alarm:
    return Alarm(name="prod-web-critical", namespace=namespace, metric=name, **{"comparison": ">", **values})


# -- numbers in a unit


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (None, "Seconds", "no data"),
        (0.0, "Seconds", "0 s"),
        (0, "Milliseconds", "0 ms"),
        (2.4137, "Seconds", "2.41 s"),
        (0.8, "Seconds", "800 ms"),
        (2410, "Milliseconds", "2.41 s"),
        (850, "Milliseconds", "850 ms"),
        (119, "Seconds", "119 s"),
        (720, "Seconds", "12 min"),
        (5400, "Seconds", "90 min"),
        (9000, "Seconds", "2.50 h"),
        (-1e6, "Seconds", "-11.6 days"),
        (7, "Microseconds", "7 µs"),
        (96.5873, "Percent", "96.6 %"),
        (80, "Percent", "80 %"),
        (99.95, "Percent", "99.95 %"),
        (99.996, "Percent", "100 %"),
        (212, "Count", "212"),
        (1234.5, "Count", "1,234"),
        (1e12, "Count", "1,000,000,000,000"),
        (3, "None", "3"),
        (0.5, "", "0.50"),
        (0.004, "", "0.004"),
        (42, "Count/Second", "42/s"),
        (10, "Bytes/Second", "10 B/s"),
        (5, "Terabits/Second", "5 Terabits/Second"),
        (0, "Bytes", "0 B"),
        (1023, "Bytes", "1,023 B"),
        (1024, "Bytes", "1 KiB"),
        (-1536, "Bytes", "-1.50 KiB"),
        (1.2 * 2**30, "Bytes", "1.20 GiB"),
        (5 << 50, "Bytes", "5,120 TiB"),
        (1.024, "Kilobytes", "1 KiB"),
        (2.5, "Megabytes", "2.38 MiB"),
    ],
)
def test_a_number_is_shown_in_its_unit(number: float | None, unit: str, expected: str) -> None:
    assert quantity(number, unit) == expected


@pytest.mark.parametrize(
    ("numbers", "unit", "expected"),
    [
        ((2.41, 0.8), "Seconds", ["2.41 s", "0.80 s"]),
        ((0.9, 0.8), "Seconds", ["900 ms", "800 ms"]),
        ((900, 300), "Seconds", ["15 min", "5 min"]),
        ((4.44, 900), "Seconds", ["4.44 s", "15 min"]),
        ((0, 900_000), "Milliseconds", ["0 ms", "15 min"]),
        ((45 * 60, 7200), "Seconds", ["45 min", "2 h"]),
        ((4e9, 5e9), "Bytes", ["3.73 GiB", "4.66 GiB"]),
        ((None, 0.8), "Seconds", ["no data", "800 ms"]),
        ((100.4, 100), "Percent", ["100.4 %", "100 %"]),
        ((80.004, 80.001), "Percent", ["80.004 %", "80.001 %"]),
        ((5, 5), "Percent", ["5 %", "5 %"]),
    ],
)
def test_numbers_that_are_read_together_have_one_scale_and_tell_apart(
    numbers: tuple[float | None, ...], unit: str, expected: list[str]
) -> None:
    assert quantities(numbers, unit) == expected


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1, max_size=3), units)
def test_no_number_fills_the_title(numbers: list[float | None], unit: str) -> None:
    for said in quantities(numbers, unit):
        assert 0 < len(said) < 50
        assert "\n" not in said


# -- the unit


@pytest.mark.parametrize(
    ("alarm", "expected"),
    [
        (metric("AWS/ECS", "CPUUtilization"), "Percent"),
        (metric("AWS/ApplicationELB", "TargetResponseTime"), "Seconds"),
        (metric("AWS/ELB", "Latency"), "Seconds"),
        (metric("AWS/ApiGateway", "Latency"), "Milliseconds"),
        (metric("AWS/Lambda", "Duration"), "Milliseconds"),
        (metric("AWS/SQS", "ApproximateAgeOfOldestMessage"), "Seconds"),
        (metric("AWS/Lambda", "Duration", unit="Seconds"), "Seconds"),
        (metric("AWS/Lambda", "Duration", statistic="SampleCount"), "Count"),
        (metric("AWS/Lambda", "Duration", statistic="PR(100:2000)"), "Percent"),
        (metric("Shop", "CPUUtilization"), ""),
        (metric("Shop", "disk_used_percent"), "Percent"),
        (metric("Shop", "WaitMilliseconds"), "Milliseconds"),
        (metric("Shop", "IdleSeconds"), "Seconds"),
        (metric("Shop", "BodyBytes"), "Bytes"),
        (metric("AWS/ECS", "CPUUtilization", kind=AlarmKind.MATH, label="busy share"), ""),
        (metric("AWS/ECS", "CPUUtilization", kind=AlarmKind.MATH, label="Errors (%)"), "Percent"),
        (metric("AWS/ECS", "CPUUtilization", kind=AlarmKind.ANOMALY), "Percent"),
        (metric("", ""), ""),
    ],
)
def test_the_unit_is_the_alarms_own_or_the_documented_one(alarm: Alarm, expected: str) -> None:
    assert unit(alarm) == expected


@pytest.mark.parametrize("namespace", METRICS)
def test_the_table_has_units_that_cloudwatch_knows_and_names_for_people(namespace: str) -> None:
    for name, known in METRICS[namespace].items():
        assert known.unit in CLOUDWATCH_UNITS, name
        assert known.name, name
        assert known.name != name


# -- against its limit, and by its name


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [(">", "limit 80 %"), ("≥", "limit 80 %"), ("", "limit 80 %"), ("<", "at least 80 %"), ("≤", "more than 80 %")],
)
def test_the_limit_reads_as_it_is_compared(comparison: str, expected: str) -> None:
    assert limit(metric("AWS/ECS", "CPUUtilization", threshold=80, comparison=comparison)) == expected


def test_a_band_has_no_number_and_an_unknown_limit_no_words() -> None:
    assert limit(metric("AWS/ECS", "CPUUtilization", kind=AlarmKind.ANOMALY)) == "outside its expected band"
    assert limit(metric("AWS/ECS", "CPUUtilization")) == ""


def test_a_value_is_read_to_the_scale_of_its_limit() -> None:
    alarm = metric("AWS/Lambda", "Duration", threshold=3000)
    assert (value(alarm, 450), limit(alarm, 450)) == ("0.45 s", "limit 3 s")


@pytest.mark.parametrize(
    ("alarm", "name", "own"),
    [
        (metric("AWS/ApplicationELB", "TargetResponseTime", statistic="p99"), "p99 latency", "TargetResponseTime"),
        (metric("AWS/ECS", "MemoryUtilization", statistic="Average"), "memory", "MemoryUtilization"),
        (metric("ECS/ContainerInsights", "RunningTaskCount"), "running tasks", "RunningTaskCount"),
        (
            metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions=DLQ),
            "messages in DLQ",
            "ApproximateNumberOfMessagesVisible",
        ),
        (
            metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions=(("QueueName", "work"),)),
            "messages waiting",
            "ApproximateNumberOfMessagesVisible",
        ),
        (metric("Shop", "Carts", statistic="tm99"), "tm99 Carts", ""),
        (metric("AWS/ECS", "CPUUtilization", kind=AlarmKind.MATH, label="Errors (%)"), "Errors", ""),
        (metric("", ""), "prod-web-critical", ""),
    ],
)
def test_a_metric_is_called_as_people_call_it(alarm: Alarm, name: str, own: str) -> None:
    assert (measured(alarm), raw(alarm)) == (name, own)


def test_all_that_names_the_metric() -> None:
    alarm = metric("AWS/SQS", "NumberOfMessagesSent", statistic="Sum", period=60, dimensions=DLQ)
    assert source(alarm) == "AWS/SQS NumberOfMessagesSent, Sum over 60 s, QueueName payments-work-dlq"
    assert source(metric("", "Carts")) == "Carts"
    assert source(metric("", "")) == ""
