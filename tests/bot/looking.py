"""An AWS of a few lines that answers as it is told to, and sources of evidence that ask it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from bot.integrations.aws.clients import Clients
from bot.integrations.aws.evidence import collectors
from bot.models import Measure, Source, SourceOutcome
from bot.ports import Collector, Gathered, Scope
from bot.resources import Resources
from bot.signals import Alarm, Deployment
from tests.bot.make import NOW

Json = dict[str, Any]
ACCOUNT = "123456789012"
QUERY = "stats count(*) as hits by exception"
BALANCER = "app/shop/0123"
OURS = f"arn:aws:sts::{ACCOUNT}:assumed-role/aiops-bot"
FOUND, NOTHING, FAILED = SourceOutcome.FOUND, SourceOutcome.NOTHING, SourceOutcome.FAILED
NOT_PERMITTED, OFF = SourceOutcome.NOT_PERMITTED, SourceOutcome.OFF
BEGAN = NOW - timedelta(minutes=8)
SINCE = NOW - timedelta(minutes=10)
EVERYTHING = Resources(
    account=ACCOUNT,
    region="eu-west-1",
    cluster="shop-prod",
    ecs_service="checkout-api",
    load_balancer=BALANCER,
    log_groups=("/ecs/checkout-api", "/ecs/proxy"),
)
ALARM = Alarm(
    name="prod-checkout-api-5xx-critical",
    account=ACCOUNT,
    region="eu-west-1",
    namespace="AWS/ApplicationELB",
    metric="HTTPCode_Target_5XX_Count",
    statistic="Sum",
    threshold=50,
    dimensions=(("LoadBalancer", BALANCER),),
)
DEFINITION = "arn:aws:ecs:eu-west-1:123456789012:task-definition/checkout-api"


def refused(code: str, message: str = "no", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Asked"
    )


DENIED = refused(
    "AccessDeniedException",
    f"User: {OURS}/i-1 is not authorized to perform: x:DoIt on resource: arn:aws:x:::it because no policy allows it",
)


class Aws(Clients):
    """Answers each operation as scripted: a value, an error, a function of what is asked, or a list of these in turn.

    What is not scripted answers with nothing at all.
    """

    def __init__(self, **answers: Any) -> None:
        super().__init__("eu-west-1")
        self.answers: Json = {"get_caller_identity": {"Account": ACCOUNT, "Arn": f"{OURS}/i-1"}, **answers}
        self.asked: list[tuple[str, str, Json]] = []
        self.made: list[Json] = []

    def get(self, service: str, **options: Any) -> Any:
        self.made.append({"service": service, **options})
        return _Client(self, str(options.get("region")))

    def calls(self, operation: str) -> list[Json]:
        return [given for name, _, given in self.asked if name == operation]

    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked]


class _Client:
    def __init__(self, aws: Aws, region: str) -> None:
        self._aws, self._region = aws, region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**given: Any) -> Any:
            self._aws.asked.append((operation, self._region, dict(given)))
            script = self._aws.answers.get(operation, {})
            if isinstance(script, list):
                script = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(script, Exception):
                raise script
            return script(given) if callable(script) else script

        return answer


def scope(resources: Resources = EVERYTHING, alarm: Alarm | None = ALARM, since: datetime = SINCE) -> Scope:
    return Scope("checkout-api", resources, alarm, BEGAN, since, NOW)


def heard_nothing(service: str, since: datetime) -> Sequence[Deployment]:
    return []


def no_baseline(service: str, key: str, at: datetime) -> tuple[float, float] | None:
    return None


def of(source: Source, aws: Clients, **options: Any) -> Collector:
    given = {"deployments": heard_nothing, "baseline": no_baseline, "log_query": QUERY, **options}
    return next(each for each in collectors(aws, lambda: NOW, **given) if each.source is source)


def gather(source: Source, aws: Aws, about: Scope | None = None, **options: Any) -> Gathered:
    found = of(source, aws, **options).collect(about or scope())
    assert found.asked.source is source
    assert found.asked.calls == len(aws.asked), "each call is counted"
    return found


def told(found: Gathered) -> tuple[SourceOutcome, str]:
    return found.asked.outcome, found.asked.why


def series(**values: Sequence[float]) -> Callable[[Json], Json]:
    """The values of metrics by name, the last one at 02:59 and the others in the minutes before."""

    def answer(given: Json) -> Json:
        results = []
        for query in given["MetricDataQueries"]:
            known = values.get(query["MetricStat"]["Metric"]["MetricName"], ())
            times = [NOW - timedelta(minutes=len(known) - n) for n in range(len(known))]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": list(known), "StatusCode": "Complete"})
        return {"MetricDataResults": results}

    return answer


def readings(found: Gathered) -> dict[Measure, Any]:
    assert found.asked.outcome is FOUND, found.asked.why
    return {each.measure: each for each in reversed(found.values["readings"])}
