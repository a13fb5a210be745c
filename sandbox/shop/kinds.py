"""What the catalogue is made of: services, what is measured about them, and alarms on that."""

from dataclasses import dataclass, field
from typing import Any, Literal

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """`per_second`: it counts things, so what is put is the count since the last time. `busy`: it follows the day."""

    service: str
    key: str
    namespace: str
    name: str
    dimensions: Dimensions
    normal: float
    noise: float = 0.06
    unit: str = "None"
    per_second: bool = False
    whole: bool = False
    busy: bool = False

    @property
    def id(self) -> str:
        return f"{self.service}/{self.key}"

    @property
    def aws_dimensions(self) -> list[dict[str, str]]:
        return [{"Name": name, "Value": value} for name, value in self.dimensions]


Operator = Literal[">", ">=", "<", "<="]
OPERATORS: dict[str, str] = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


@dataclass(frozen=True)
class Watched:
    """An alarm on one metric."""

    name: str
    metric: str
    description: str
    operator: Operator
    threshold: float
    statistic: str = "Average"
    periods: int = 2
    missing: str = "missing"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    name: str
    team: str
    metrics: tuple[Metric, ...]
    alarms: tuple[Watched, ...]
