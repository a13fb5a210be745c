"""The sources of evidence in AWS, a module each: the Collector port.

A collector never raises. It answers within its deadline, counts its calls and links the console's page of the same.
They share nothing but clients, and can be asked side by side.
"""

from __future__ import annotations

from bot.integrations.aws.clients import Clients
from bot.integrations.aws.evidence.asking import Means
from bot.integrations.aws.evidence.changes import Changes
from bot.integrations.aws.evidence.deployments import Deployments, Heard
from bot.integrations.aws.evidence.health import Health
from bot.integrations.aws.evidence.logs import Logs
from bot.integrations.aws.evidence.metrics import Metrics, Usual
from bot.integrations.aws.evidence.ourselves import Ourselves
from bot.integrations.aws.evidence.picture import Picture
from bot.integrations.aws.evidence.prices import PRICES, Price, price
from bot.integrations.aws.evidence.traces import XRay
from bot.ports import Clock, Collector

SECONDS = 8.0
"""How long a source may take, unless told otherwise."""
QUERY = "error-classes"
"""The id of the query in docs/runbooks/cloudwatch-insights-queries.md that `collectors` takes as `log_query`."""


def collectors(
    clients: Clients,
    clock: Clock,
    deployments: Heard,
    baseline: Usual,
    log_query: str,
    seconds: float = SECONDS,
) -> list[Collector]:
    """All of them. `seconds` is the deadline of each, from when it is asked."""
    means = Means(clients, Ourselves(clients, clock), seconds)
    return [
        Metrics(means, clock, baseline),
        Picture(means, deployments),
        Logs(means, log_query),
        XRay(means),
        Changes(means),
        Health(means),
        Deployments(means, deployments),
    ]


__all__ = ["PRICES", "QUERY", "SECONDS", "Heard", "Price", "Usual", "collectors", "price"]
