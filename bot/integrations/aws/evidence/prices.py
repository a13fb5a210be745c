"""What an investigation costs: AWS's list prices of the calls that it makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Price(NamedTuple):
    """Dollars for one unit, us-east-1, first tier, without the free allowance; `source` is where AWS says so."""

    dollars: float
    unit: str
    source: str


_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_XRAY = "https://aws.amazon.com/xray/pricing/"
PRICES: Mapping[str, Price] = {
    "cloudwatch:GetMetricData": Price(0.01 / 1000, "metric", _CLOUDWATCH),
    "cloudwatch:GetMetricWidgetImage": Price(0.02 / 1000, "metric", _CLOUDWATCH),
    "logs:StartQuery": Price(0.005, "GB scanned", _CLOUDWATCH),
    "xray:GetTraceSummaries": Price(0.50 / 1_000_000, "trace scanned", _XRAY),
    "logs:GetQueryResults": Price(0.0, "call", _CLOUDWATCH),
    "cloudtrail:LookupEvents": Price(0.0, "call", "https://aws.amazon.com/cloudtrail/pricing/"),
    "health:DescribeEvents": Price(0.0, "call", "https://aws.amazon.com/premiumsupport/technology/aws-health/"),
    "ecs:DescribeServices": Price(0.0, "call", "https://aws.amazon.com/ecs/pricing/"),
    "sts:GetCallerIdentity": Price(0.0, "call", "https://aws.amazon.com/iam/"),
}


def price(calls: Mapping[str, float]) -> float:
    """Dollars for so many units of each action, as `PRICES` counts them; what is not there costs nothing by itself."""
    return sum(PRICES[action].dollars * units for action, units in calls.items() if action in PRICES)
