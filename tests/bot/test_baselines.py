"""What is usual: hours of the week, percentiles, zeros that CloudWatch does not store, and what to fall back on."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baselines import (
    LEAST,
    Baseline,
    Basis,
    Measured,
    Point,
    baselines_from,
    expected,
    hour_of_week,
    measured_by_default,
    per_minute,
    with_zeros,
)
from bot.config import Service

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
CPU = Measured("AWS/ECS", "CPUUtilization", "Average", (("ServiceName", "checkout-api"), ("ClusterName", "shop")))
ERRORS = Measured("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", (("LoadBalancer", "app/shop/1"),))
REQUESTS = Measured("AWS/ApplicationELB", "RequestCount", "Sum", (("LoadBalancer", "app/shop/1"),))


def points(*values: float, start: datetime = MONDAY, every: timedelta = timedelta(minutes=5)) -> list[Point]:
    return [Point("checkout-api", CPU.key, start + n * every, value) for n, value in enumerate(values)]


def test_a_metrics_key_names_all_that_makes_it_another() -> None:
    assert CPU.key == "AWS/ECS CPUUtilization Average ClusterName=shop,ServiceName=checkout-api"
    assert CPU.key != CPU._replace(dimensions=(("ServiceName", "checkout-api"),)).key
    assert CPU.key != CPU._replace(statistic="p99").key


def test_mean_deviation_and_percentiles_of_an_hour() -> None:
    (found,) = baselines_from(points(*range(1, 12)))
    assert (found.service, found.metric, found.hour_of_week, found.samples) == ("checkout-api", CPU.key, 0, 11)
    assert found.mean == 6
    assert found.deviation == pytest.approx(math.sqrt(10))
    assert [found.p50, found.p90, found.p99] == pytest.approx([6, 10, 10.9])


def test_hours_of_the_week_are_told_apart_and_weeks_are_put_together() -> None:
    week = timedelta(weeks=1)
    found = baselines_from([*points(2), *points(4, start=MONDAY + week), *points(9, start=MONDAY + timedelta(hours=1))])
    assert [(each.hour_of_week, each.mean, each.samples) for each in found] == [(0, 3, 2), (1, 9, 1)]


def test_hours_are_those_of_the_services_people_also_in_summer() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    winter, summer = datetime(2026, 1, 5, 8, tzinfo=UTC), datetime(2026, 7, 6, 7, tzinfo=UTC)
    assert hour_of_week(winter, berlin) == hour_of_week(summer, berlin) == 9
    (found,) = baselines_from([*points(1, start=winter), *points(3, start=summer)], berlin)
    assert (found.hour_of_week, found.mean, found.zone) == (9, 2, "Europe/Berlin")
    again = expected([found] * LEAST, CPU.key, summer)
    assert again is not None
    assert again.basis is Basis.HOUR_OF_WEEK


def test_what_is_no_number_is_left_out() -> None:
    assert baselines_from(points(math.nan, math.inf)) == []
    (found,) = baselines_from(points(math.nan, 4))
    assert found.samples == 1


def test_the_same_hour_of_the_week_is_expected() -> None:
    known = baselines_from([*points(*[4] * LEAST), *points(*[60] * LEAST, start=MONDAY + timedelta(days=1))])
    found = expected(known, CPU.key, MONDAY + timedelta(weeks=3, minutes=59))
    assert found is not None
    assert (found.mean, found.basis) == (4, Basis.HOUR_OF_WEEK)


def test_an_hour_without_enough_samples_falls_back_to_the_same_hour_of_other_days() -> None:
    tuesday = MONDAY + timedelta(days=1)
    known = baselines_from(
        [*points(1), *points(4, 4, 8, start=tuesday), *points(90, start=MONDAY + timedelta(hours=5))]
    )
    found = expected(known, CPU.key, MONDAY)
    assert found is not None
    assert (found.mean, found.samples, found.hour_of_week, found.basis) == (4.25, 4, 0, Basis.HOUR_OF_DAY)


def test_an_hour_never_seen_falls_back_to_all() -> None:
    found = expected(baselines_from(points(1, 2, 3)), CPU.key, MONDAY + timedelta(hours=7))
    assert found is not None
    assert (found.mean, found.hour_of_week, found.basis) == (2, 7, Basis.ALL)


def test_a_metric_never_seen_has_nothing_expected() -> None:
    assert expected(baselines_from(points(1)), ERRORS.key, MONDAY) is None
    assert expected([], CPU.key, MONDAY) is None


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), min_size=1, max_size=6))
def test_pooled_hours_have_the_mean_and_deviation_of_all_their_values(hours: list[list[float]]) -> None:
    apart = [point for n, values in enumerate(hours) for point in points(*values, start=MONDAY + timedelta(hours=n))]
    together = [point._replace(at=MONDAY) for point in apart]
    (whole,) = baselines_from(together)
    pooled = expected(baselines_from(apart), CPU.key, MONDAY + timedelta(hours=12))
    assert pooled is not None
    assert pooled.samples == whole.samples
    assert pooled.mean == pytest.approx(whole.mean, abs=1e-6)
    assert pooled.deviation == pytest.approx(whole.deviation, abs=1e-3)


def test_counts_are_per_minute_whatever_the_period() -> None:
    assert per_minute(50, "Sum", 300) == per_minute(10, "Sum", 60) == 10
    assert per_minute(38.5, "Average", 300) == 38.5


def test_what_did_not_happen_counts_as_zero_since_the_service_was_first_seen() -> None:
    times = [MONDAY + timedelta(minutes=5 * n) for n in range(4)]
    seen = [
        Point("checkout-api", REQUESTS.key, times[1], 40.0),
        Point("checkout-api", REQUESTS.key, times[3], 42.0),
        Point("checkout-api", ERRORS.key, times[2], 1.0),
    ]
    found = with_zeros(seen, [REQUESTS, ERRORS, CPU], times)
    by_metric = {key: sorted((p.at, p.value) for p in found if p.metric == key) for key in (REQUESTS.key, ERRORS.key)}
    assert by_metric[REQUESTS.key] == [(times[1], 40), (times[2], 0), (times[3], 42)]
    assert by_metric[ERRORS.key] == [(times[1], 0), (times[2], 1), (times[3], 0)]
    assert not [point for point in found if point.metric == CPU.key], "a mean is not 0 because nothing was measured"


def test_a_count_without_any_point_is_zero_only_where_its_source_is_there() -> None:
    times = [MONDAY]
    alive = [Point("checkout-api", REQUESTS.key, MONDAY, 40.0)]
    cpu_only = points(4)
    assert Point("checkout-api", ERRORS.key, MONDAY, 0.0) in with_zeros(alive, [REQUESTS, ERRORS], times)
    assert with_zeros(cpu_only, [CPU, ERRORS], times) == cpu_only
    assert with_zeros([], [REQUESTS], times) == []


def test_a_service_has_the_metrics_of_its_kind() -> None:
    class Named(Service):
        cluster: str = "shop"
        load_balancer: str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/1"

    found = measured_by_default("checkout-api", Named())
    assert found[0].key == CPU.key
    assert {each.dimensions for each in found if each.namespace == "AWS/ApplicationELB"} == {ERRORS.dimensions}
    assert REQUESTS in found
    assert ERRORS in found
    assert measured_by_default("checkout-api", Service()) == []


def test_a_function_has_the_metrics_of_its_kind() -> None:
    class Named(Service):
        function: str = "resize"

    keys = [each.key for each in measured_by_default("images", Named())]
    assert "AWS/Lambda Errors Sum FunctionName=resize" in keys
    assert len(keys) == 4


def test_a_baseline_is_stored_and_read_again() -> None:
    (found,) = baselines_from(points(1, 2))
    assert Baseline.model_validate_json(found.model_dump_json()) == found
    assert Baseline.model_validate(found.model_dump() | {"of_a_newer_version": 1}) == found
