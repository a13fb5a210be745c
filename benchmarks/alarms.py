"""Alarms through the whole bot: how soon one is seen, what a storm costs, and Alertmanager's rate beside ours."""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from benchmarks.client import PERSON, Json, Seen
from benchmarks.notices import BATCH, SERVICES, batches, in_process, message, name, now
from benchmarks.report import Report, middle, percentile
from benchmarks.world import ALERTMANAGER, LOOP, OURS, World, started, world
from bot.app import Bot
from bot.config import Config, OnCall
from bot.integrations.nothing import NoAlarms
from bot.ports import Received
from bot.settings import load_settings
from jobs.intake import Intake
from sandbox.shop.notices import ACCOUNT, REGION, notification

SHOWN = 100
WARM_UP = 3
PACE = 1.1  # the bot posts about once a second in a channel
STORM = 10_000
STORM_SECONDS = 50.0
STORM_PATIENCE = 240.0
RATED = 2_000
UNIQUE = 1_000_000  # so many services that each alarm has its own
CREDENTIALS = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "bench", "region_name": REGION}


def alarms(report: Report) -> None:
    """Each part with servers of its own."""
    logging.getLogger("bot").setLevel(logging.ERROR)
    _shown(report)
    _storm(report)
    _beside(report)


# -- one alarm


def _shown(report: Report) -> None:
    """The bot and the bare loop take turns; each has a queue of its own behind a topic of its own."""
    seen: dict[str, list[float]] = {OURS.name: [], LOOP.name: []}
    calls: dict[str, list[int]] = {OURS.name: [], LOOP.name: []}
    with ExitStack() as stack:
        place = stack.enter_context(world())
        aws = _aws(stack)
        topics = {}
        for kind in (OURS, LOOP):
            topics[kind.name], queue = _subscribed(aws, kind.name.replace(" ", "-"))
            more = _environment(aws, queue, place.ops)
            if kind is OURS:
                config = place.folder / "alarms.yml"
                config.write_text("triage:\n  storm:\n    alerts: 100000\n", encoding="utf-8")
                stack.enter_context(place.bot(kind, more={**more, "CONFIG_FILE": str(config)}))
            else:
                stack.enter_context(place.peer(kind, more))
        sns = boto3.client("sns", endpoint_url=aws, **CREDENTIALS)
        for number in range(WARM_UP + SHOWN):
            for kind in (OURS, LOOP) if number % 2 else (LOOP, OURS):
                spent, cost = _one(place, sns, topics[kind.name], f"prod-{kind.name[:4].strip()}{number}-latency-low")
                if number >= WARM_UP:
                    seen[kind.name].append(spent)
                    calls[kind.name].append(cost)
    for percent in (50, 95, 99):
        row = {kind: f"{percentile(times, percent):.1f}" for kind, times in seen.items()}
        report.row(f"SNS publish → message seen, ms, p{percent}", row)
    report.row("Web API calls an alarm, mean", {kind: f"{sum(each) / len(each):.2f}" for kind, each in calls.items()})
    limit = 1.5 * middle(seen[LOOP.name])
    report.aim("SNS publish → card seen, p50, against 1.5 × the bare loop", middle(seen[OURS.name]), limit, " ms")
    report.aim("Web API calls an alarm, at most", max(calls[OURS.name]), 2)


def _one(place: World, sns: Any, topic: str, alarm: str) -> tuple[float, int]:
    """Milliseconds until it is seen; the Web API calls until nothing follows any more."""
    before = place.calls_so_far()
    begun = time.perf_counter()
    sns.publish(TopicArn=topic, Message=json.dumps(message(alarm)))
    at = place.page.wait(lambda seen: alarm in json.dumps(seen.message), f"the message about {alarm}").at
    time.sleep(max(0.0, begun + PACE / 2 - time.perf_counter()))
    return (at - begun) * 1000, place.calls_so_far() - before


def _aws(stack: ExitStack) -> str:
    """The address of an AWS in a process of its own."""
    process = stack.enter_context(started(("sandbox.aws", "0"), {}, stdout=subprocess.PIPE))
    assert process.stdout is not None
    return process.stdout.readline().decode().split()[-1]


def _subscribed(aws: str, title: str) -> tuple[str, str]:
    """A topic with a queue behind it: the ARN of the one, the URL of the other."""
    sns, sqs = (boto3.client(service, endpoint_url=aws, **CREDENTIALS) for service in ("sns", "sqs"))
    topic = str(sns.create_topic(Name=title)["TopicArn"])
    queue = str(sqs.create_queue(QueueName=title)["QueueUrl"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{title}")
    return topic, queue


def _environment(aws: str, queue: str, channel: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "ALERT_QUEUE_URL": queue,
        "CHANNEL": channel,
    }


# -- a storm


class Belt:
    """A queue in this process: its messages come one by one until all are there, in their order."""

    def __init__(self, bodies: Sequence[str], seconds: float) -> None:
        self._bodies = bodies
        self._every = seconds / len(bodies)
        self._lock = threading.Lock()
        self._taken = 0
        self.deleted = 0
        self.began = time.perf_counter()

    def receive(self, *, wait: float, limit: int = BATCH) -> list[Received]:
        until = time.perf_counter() + wait
        while True:
            with self._lock:
                there = min(self.arrived, self._taken + limit)
                taken = range(self._taken, there)
                self._taken = there
            if taken or time.perf_counter() > until:
                return [Received(f"m{number}", self._bodies[number], f"m{number}", 1, now()) for number in taken]
            time.sleep(0.002)

    @property
    def arrived(self) -> int:
        return min(len(self._bodies), int((time.perf_counter() - self.began) / self._every))

    @property
    def last_at(self) -> float:
        """When the last one arrives."""
        return self.began + self._every * len(self._bodies)

    @property
    def left(self) -> int:
        return self.arrived - self.deleted

    def delete(self, receipts: Sequence[str]) -> None:
        with self._lock:
            self.deleted += len(receipts)

    def extend(self, receipts: Sequence[str], seconds: int) -> None:
        """They are this process's alone."""


def _storm(report: Report) -> None:
    """The bot in this process, its intake on a queue in this process; Slack is a process of its own."""
    names = [name(number, SERVICES, "low" if number % 2 else "medium") for number in range(STORM - 1)]
    worst = "prod-payments-errors-critical"
    with ExitStack() as stack:
        place = stack.enter_context(world())
        database = place.folder / "storm.db"
        bot = _running(stack, place, database)
        belt = Belt([notification(message(each)) for each in (*names, worst)], STORM_SECONDS)
        intake = Intake(belt, bot.alert_intake, bot.sync, NoAlarms(), now)
        before = place.calls_so_far()
        intake.start()
        paged, waiting = _paged(place, belt, worst)
        until = time.monotonic() + STORM_PATIENCE
        while belt.deleted < STORM and time.monotonic() < until:
            time.sleep(0.05)
        spent = time.perf_counter() - belt.began
        time.sleep(3.0)  # what is still edited
        calls = place.calls(before)
        intake.stop()
        with closing(sqlite3.connect(database)) as connection:
            stored = int(connection.execute("SELECT COUNT(*) FROM alerts").fetchone()[0])
    methods = [str(call["method"]) for call in calls]
    told = ", ".join(f"{methods.count(method)} {method}" for method in sorted(set(methods)))
    report.row(f"storm of {STORM:,} in {STORM_SECONDS:.0f} s: Web API calls ({told})", {OURS.name: f"{len(calls)}"})
    report.row("storm: seconds until all were stored", {OURS.name: f"{spent:.1f}"})
    report.row("storm: waiting when the SEV-1 arrived, last", {OURS.name: f"{waiting:,}"})
    report.aim(f"storm of {STORM:,}: Web API calls", len(calls), 119)
    report.aim("storm: a SEV-1 arrives last → its page is seen", paged, 2.0, " s")
    report.aim("storm: alarms lost", STORM - stored, 0)


def _running(stack: ExitStack, place: World, database: Path) -> Bot:
    environment = {
        "SLACK_BOT_TOKEN": "xoxb-bench",
        "SLACK_APP_TOKEN": "xapp-bench",
        "SLACK_API_URL": f"{place.url}/api/",
        "DATABASE_URL": f"sqlite:///{database}",
    }
    bot = Bot(load_settings(environment), Config(on_call=OnCall(primary=PERSON)))
    bot.start()
    stack.callback(bot.stop)
    return bot


def _paged(place: World, belt: Belt, alarm: str) -> tuple[float, int]:
    """Seconds from its arrival to the direct message, and how many waited when it arrived."""
    time.sleep(max(0.0, belt.last_at - time.perf_counter()))
    waiting = belt.left
    until = time.monotonic() + STORM_PATIENCE
    while time.monotonic() < until:
        try:
            return place.page.wait(
                lambda seen: _is_page(place, seen), f"the page for {alarm}"
            ).at - belt.last_at, waiting
        except TimeoutError:
            continue
    return STORM_PATIENCE, waiting


def _is_page(place: World, seen: Seen) -> bool:
    return seen.kind == "message" and "payments" in json.dumps(seen.message) and _channel(seen.event) != place.ops


def _channel(event: Json) -> str:
    return str(event.get("channel") or event["message"].get("channel") or "")


# -- Alertmanager


def _beside(report: Report) -> None:
    """The same number of alerts, ten a call, into Alertmanager's memory and into our file."""
    if shutil.which("prometheus-alertmanager") is None:
        print("alarms: no prometheus-alertmanager here (Debian's package), so no row for it", file=sys.stderr)
        return
    names = [name(number, SERVICES) for number in range(RATED)]
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        bodies = [notification(message(each, ago=20)) for each in names]
        with in_process(Path(folder) / "ours.db") as triage:
            ours = RATED / triage.take(bodies)
        with _alertmanager(Path(folder)) as address:
            theirs = RATED / _post(address, names)
    row = {OURS.name: f"{ours:,.0f}", ALERTMANAGER.name: f"{theirs:,.0f}"}
    report.row(f"{RATED:,} new alerts, {BATCH} at once, a second (ours to a file, theirs over HTTP to memory)", row)


@contextmanager
def _alertmanager(folder: Path) -> Iterator[str]:
    config = folder / "alertmanager.yml"
    config.write_text("route:\n  receiver: nobody\nreceivers:\n- name: nobody\n", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = [
        "prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
        try:
            _until_ready(address)
            yield address
        finally:
            process.terminate()


def _until_ready(address: str) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            with closing(http.client.HTTPConnection(address)) as connection:
                connection.request("GET", "/-/ready")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > until:
            raise TimeoutError("Alertmanager did not start")
        time.sleep(0.05)


def _post(address: str, names: Sequence[str]) -> float:
    """Seconds for all of them."""
    starts = datetime.now(UTC) - timedelta(seconds=20)
    calls = [
        json.dumps(
            [{"labels": {"alertname": each, "severity": "medium"}, "startsAt": starts.isoformat()} for each in ten]
        )
        for ten in batches(names)
    ]
    with closing(http.client.HTTPConnection(address)) as connection:
        begun = time.perf_counter()
        for body in calls:
            connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"Alertmanager refused alerts: {answer.status}")
        return time.perf_counter() - begun
