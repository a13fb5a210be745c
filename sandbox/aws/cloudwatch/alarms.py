"""An alarm: its configuration word for word as given, its state, and its history."""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.clock import utc

Json = dict[str, Any]
HISTORY_KEPT = 200
FIRST_REASON = "Unchecked: Initial alarm creation"
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
NOT_SHOWN = frozenset(("Tags",))


@dataclass
class Alarm:
    name: str
    account: str
    region: str
    config: Json
    updated: float
    changed: float
    state: str = "INSUFFICIENT_DATA"
    reason: str = FIRST_REASON
    reason_data: str | None = None
    value: float | None = None
    limits: tuple[float | None, float | None] = (None, None)
    history: deque[Json] = field(default_factory=lambda: deque(maxlen=HISTORY_KEPT))

    @property
    def alarm_arn(self) -> str:
        """moto's name for it: what tags an alarm asks for this."""
        return f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{self.name}"

    @property
    def rule(self) -> str | None:
        rule = self.config.get("AlarmRule")
        return None if rule is None else str(rule)

    @property
    def kind(self) -> str:
        return "MetricAlarm" if self.rule is None else "CompositeAlarm"

    @property
    def acts(self) -> bool:
        return self.config.get("ActionsEnabled") is not False

    def actions(self, state: str) -> list[str]:
        return list(self.config.get(ACTIONS[state]) or [])

    def record(self, at: float, kind: str, summary: str, data: Json) -> None:
        self.history.append(
            {
                "AlarmName": self.name,
                "AlarmType": self.kind,
                "Timestamp": utc(at),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": json.dumps({"version": "1.0", **data}),
            }
        )

    def shown(self) -> Json:
        """For people: where its metric is, and where it must not go."""
        low, high = self.limits
        return {
            "name": self.name,
            "state": self.state,
            "kind": self.kind,
            "value": self.value,
            "low": low,
            "high": high,
            "operator": self.config.get("ComparisonOperator"),
            "changed": self.changed,
            "description": self.config.get("AlarmDescription"),
        }

    def described(self) -> Json:
        """As DescribeAlarms shows it."""
        shown = {k: v for k, v in self.config.items() if v is not None and k not in NOT_SHOWN}
        return {
            **{name: [] for name in ACTIONS.values()},
            "ActionsEnabled": True,
            **shown,
            **({"Dimensions": shown.get("Dimensions", [])} if self.rule is None else {}),
            "AlarmArn": self.alarm_arn,
            "AlarmConfigurationUpdatedTimestamp": utc(self.updated),
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateReasonData": self.reason_data,
            "StateUpdatedTimestamp": utc(self.changed),
            "StateTransitionedTimestamp": utc(self.changed),
        }
