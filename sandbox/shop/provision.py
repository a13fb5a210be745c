"""Makes the shop's AWS: topics, queues, buses, rules, services, alarms, and some history of its metrics."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from sandbox.aws.server import REGION
from sandbox.shop import compute
from sandbox.shop.catalogue import COMPOSITE, RUNBOOKS, SERVICES, WORK_DLQ, WORK_QUEUE
from sandbox.shop.kinds import OPERATORS, Metric, Watched

ALARM_TOPIC = "aiops-alarms"
ALERT_QUEUE = "aiops-alerts"
ALERT_DLQ = "aiops-alerts-dlq"
ALERT_BUS = "aiops-alerts"
DEPLOYMENT_BUS = "aiops-deployments"
SEVERITIES = (1, 2, 3, 4)
VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3
PERIOD = 60
BATCH = 500
NAMES_MAX = 100

RULES = (
    ("aiops-ecs-deployments", "default", {"source": ["aws.ecs"], "detail-type": ["ECS Deployment State Change"]}),
    ("aiops-health", "default", {"source": ["aws.health"]}),
    (
        "aiops-codedeploy",
        "default",
        {"source": ["aws.codedeploy"], "detail-type": ["CodeDeploy Deployment State-change Notification"]},
    ),
    ("aiops-deployments", DEPLOYMENT_BUS, {"account": [{"prefix": ""}]}),
)


DOCUMENTS = Path(__file__).resolve().parents[2] / "scripts" / "ssm"


@dataclass
class Clients:
    """The shop's own way into AWS; which of the calls are the bot's is told by the key."""

    credentials: dict[str, str]
    _made: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._made:
            self._made[service] = boto3.client(service, **self.credentials)
        return self._made[service]

    def of(self, service: str) -> Any:
        """For services whose names are no names in Python."""
        return getattr(self, service)

    def close(self) -> None:
        for client in self._made.values():
            client.close()
        self._made.clear()


@dataclass
class Resources:
    """What provisioning made, by the names that others need."""

    alarm_topic: str = ""
    queue_url: str = ""
    dlq_url: str = ""
    work_queue_url: str = ""
    work_dlq_url: str = ""
    severity_topics: dict[int, str] = field(default_factory=dict)
    mailboxes: dict[int, str] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
    distribution: str = ""


def provision(aws: Clients, deployer: Clients) -> Resources:
    """What runs comes before the rules: how it was made is nobody's news."""
    made = Resources()
    compute.services(aws, deployer, made)
    compute.elsewhere(aws, deployer, made)
    _queues(aws, made)
    _topics(aws, made)
    _rules(aws, made)
    for document in sorted(DOCUMENTS.glob("*.yml")):
        text = document.read_text(encoding="utf-8")
        aws.ssm.create_document(Name=document.stem, Content=text, DocumentType="Automation", DocumentFormat="YAML")
    for service in SERVICES:
        metrics = {m.id: m for m in service.metrics}
        alarms(aws, made, [(metrics[a.metric], a) for a in service.alarms], service.team)
    _special_alarms(aws, made)
    return made


def _arn(aws: Clients, url: str) -> str:
    found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


def _queue(aws: Clients, name: str, dead: str | None = None) -> str:
    attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    if dead:
        redrive = {"deadLetterTargetArn": _arn(aws, dead), "maxReceiveCount": MAX_RECEIVES}
        attributes["RedrivePolicy"] = json.dumps(redrive)
    return str(aws.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _queues(aws: Clients, made: Resources) -> None:
    made.dlq_url = _queue(aws, ALERT_DLQ)
    made.queue_url = _queue(aws, ALERT_QUEUE, made.dlq_url)
    made.work_dlq_url = _queue(aws, WORK_DLQ)
    made.work_queue_url = _queue(aws, WORK_QUEUE, made.work_dlq_url)


def _topics(aws: Clients, made: Resources) -> None:
    """Mails of the severity topics land in queues here: what an address would get can be read there."""
    made.alarm_topic = aws.sns.create_topic(Name=ALARM_TOPIC)["TopicArn"]
    _subscribe(aws, made.alarm_topic, made.queue_url)
    for severity in SEVERITIES:
        name = f"aiops-sev{severity}"
        made.severity_topics[severity] = aws.sns.create_topic(Name=name)["TopicArn"]
        made.mailboxes[severity] = _queue(aws, f"{name}-mailbox")
        _subscribe(aws, made.severity_topics[severity], made.mailboxes[severity])


def _subscribe(aws: Clients, topic: str, queue: str) -> None:
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn(aws, queue))


def _rules(aws: Clients, made: Resources) -> None:
    for bus in (ALERT_BUS, DEPLOYMENT_BUS):
        aws.events.create_event_bus(Name=bus)
    target = _arn(aws, made.queue_url)
    for name, bus, pattern in RULES:
        aws.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        aws.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "alerts", "Arn": target}])


def alarms(aws: Clients, made: Resources, watched: Iterable[tuple[Metric, Watched]], team: str) -> None:
    """Silent at first, so that their first look at the metrics is nobody's news."""
    for metric, alarm in watched:
        extended = alarm.statistic.startswith("p")
        aws.cloudwatch.put_metric_alarm(
            AlarmName=alarm.name,
            Namespace=metric.namespace,
            MetricName=metric.name,
            Dimensions=metric.aws_dimensions,
            **{"ExtendedStatistic" if extended else "Statistic": alarm.statistic},
            Period=PERIOD,
            ComparisonOperator=OPERATORS[alarm.operator],
            Threshold=float(alarm.threshold),
            EvaluationPeriods=alarm.periods,
            DatapointsToAlarm=alarm.periods,
            TreatMissingData=alarm.missing,
            **_common(made, alarm.description, alarm.name, metric.service, team),
        )


def _common(made: Resources, description: str, name: str, service: str, team: str) -> dict[str, Any]:
    """What belongs to no team has no tags."""
    env = name.split("-", 1)[0]
    tags = {"service": service.removeprefix("staging-"), "team": team, "env": env, "runbook": f"{RUNBOOKS}/{service}"}
    return {
        "AlarmDescription": description,
        "ActionsEnabled": False,
        "AlarmActions": [made.alarm_topic],
        "OKActions": [made.alarm_topic],
        "Tags": [{"Key": k, "Value": v} for k, v in tags.items() if team],
    }


def _special_alarms(aws: Clients, made: Resources) -> None:
    """One that computes, one that has learned what is normal, one that is made of others."""
    metrics = {m.id: m for service in SERVICES for m in service.metrics}
    errors, requests = metrics["checkout-api/errors"], metrics["checkout-api/requests"]
    name = "prod-checkout-api-errorrate-high"
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Metrics=[
            {
                "Id": "rate",
                "Expression": "IF(requests > 0, 100 * errors / requests, 0)",
                "Label": "Errors (%)",
                "ReturnData": True,
            },
            _query("errors", errors, "Sum", shown=False),
            _query("requests", requests, "Sum", shown=False),
        ],
        ComparisonOperator="GreaterThanThreshold",
        Threshold=5.0,
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        TreatMissingData="notBreaching",
        **_common(made, "More than one payment in twenty fails.", name, "checkout-api", "checkout"),
    )
    latency, name = metrics["search-api/latency"], "prod-search-api-latency-medium"
    aws.cloudwatch.put_anomaly_detector(
        Namespace=latency.namespace, MetricName=latency.name, Dimensions=latency.aws_dimensions, Stat="Average"
    )
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Metrics=[
            _query("m1", latency, "Average", shown=True),
            {
                "Id": "ad1",
                "Expression": "ANOMALY_DETECTION_BAND(m1, 6)",
                "Label": f"{latency.name} (expected)",
                "ReturnData": True,
            },
        ],
        ThresholdMetricId="ad1",
        ComparisonOperator="GreaterThanUpperThreshold",
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        **_common(made, "Searching takes longer than it usually does.", name, "search-api", "discovery"),
    )
    aws.cloudwatch.put_composite_alarm(
        AlarmName=COMPOSITE,
        AlarmRule='ALARM("prod-checkout-api-5xx-critical") OR ALARM("prod-checkout-api-latency-high")',
        **_common(made, "Customers cannot pay as they should.", COMPOSITE, "checkout-api", "checkout"),
    )


def _query(name: str, metric: Metric, stat: str, *, shown: bool) -> dict[str, Any]:
    of = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": metric.aws_dimensions}
    return {"Id": name, "MetricStat": {"Metric": of, "Period": PERIOD, "Stat": stat}, "ReturnData": shown}


def put_metrics(aws: Clients, points: Iterable[tuple[Metric, Sequence[float], Any]]) -> None:
    """(metric, values, when); as many calls as CloudWatch's limits ask for."""
    spaces: dict[str, list[dict[str, Any]]] = {}
    for metric, values, at in points:
        value = {"Value": values[0]} if len(values) == 1 else {"Values": list(values)}
        datum = {"MetricName": metric.name, "Dimensions": metric.aws_dimensions, **value, "Timestamp": at}
        spaces.setdefault(metric.namespace, []).append(datum | {"Unit": metric.unit})
    for namespace, data in spaces.items():
        for start in range(0, len(data), BATCH):
            aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + BATCH])


def wake(aws: Clients, names: Sequence[str]) -> None:
    """From now on these alarms act."""
    for start in range(0, len(names), NAMES_MAX):
        aws.cloudwatch.enable_alarm_actions(AlarmNames=names[start : start + NAMES_MAX])


def environment(aws: Clients, made: Resources) -> dict[str, str]:
    """What an operator would set for the bot."""
    return {
        "AWS_ENDPOINT_URL": aws.credentials["endpoint_url"],
        "AWS_REGION": REGION,
        "ALERT_QUEUE_URL": made.queue_url,
        "ALERT_BUS_NAME": ALERT_BUS,
    }
