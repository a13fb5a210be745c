"""Why an alarm is in its state, in CloudWatch's words and in its StateReasonData."""

import json
from dataclasses import dataclass

from sandbox.aws.clock import utc
from sandbox.aws.cloudwatch.alarms import Json
from sandbox.aws.cloudwatch.messages import period, stamp

Limits = tuple[float | None, float | None]
WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True)
class Bucket:
    """One period of a metric."""

    start: float
    value: float | None


@dataclass(frozen=True)
class Found:
    """What an evaluation had before it; the newest period first."""

    config: Json
    state: str | None
    present: list[Bucket]
    breaching: list[Bucket]
    missing: int
    limits: Limits


def reason(found: Found) -> str:
    count, were = found.missing, _were(found.missing)
    if found.state in (None, "INSUFFICIENT_DATA"):
        return f"Insufficient Data: {count} datapoint{_s(count)} {were} unknown."
    if not found.present:
        taken = "Breaching" if found.state == "ALARM" else "NonBreaching"
        missing = f"{count} missing datapoint{_s(count)} {were} treated as [{taken}]"
        return f"Threshold Crossed: no datapoints were received for {count} period{_s(count)} and {missing}."
    return _crossed(found)


def _crossed(found: Found) -> str:
    config, alarming = found.config, found.state == "ALARM"
    named = found.breaching if alarming else [b for b in found.present if b not in found.breaching]
    shown = ", ".join(f"{b.value} ({utc(b.start):%d/%m/%y %H:%M:00})" for b in named)
    wanted = int(config.get("DatapointsToAlarm") or config.get("EvaluationPeriods") or 1)
    enough = wanted if alarming else max(len(found.present) - wanted + 1, 1)
    crossed = "Thresholds" if config.get("ThresholdMetricId") else "Threshold"
    return (
        f"{crossed} Crossed: {len(named)} out of the last {len(found.present)} datapoints [{shown}] "
        f"{_were(len(named))}{'' if alarming else ' not'} {_compared(config, found.limits)} "
        f"(minimum {enough} datapoint{_s(enough)} for {'OK -> ALARM' if alarming else 'ALARM -> OK'} transition)."
    )


def _compared(config: Json, limits: Limits) -> str:
    low, high = limits
    match str(config["ComparisonOperator"]):
        case "LessThanLowerOrGreaterThanUpperThreshold":
            return f"less than the lower thresholds [{low}] or greater than the upper thresholds [{high}]"
        case "GreaterThanUpperThreshold":
            return f"greater than the upper thresholds [{high}]"
        case "LessThanLowerThreshold":
            return f"less than the lower thresholds [{low}]"
        case plain:
            return f"{WORDS[plain]} the threshold ({low})"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def data(found: Found, now: float) -> str:
    config, present = found.config, found.present
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": stamp(now),
            **({"startDate": stamp(present[-1].start)} if present else {}),
            **({"statistic": config["Statistic"]} if config.get("Statistic") else {}),
            "period": period(config),
            "recentDatapoints": [b.value for b in reversed(present)],
            "threshold": found.limits[0],
        }
    )
