"""The operations of CloudWatch Logs that moto answers wrongly: queries, patterns, and what time it is."""

import json
import re
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.logs import models
from moto.logs.models import LogsBackend, LogStream
from moto.logs.responses import LogsResponse

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.logs import insights, language
from sandbox.aws.logs.expressions import Row
from sandbox.aws.logs.insights import Found
from sandbox.aws.logs.patterns import matcher
from sandbox.aws.logs.syntax import QueryError
from sandbox.aws.refusals import Refused

Json = dict[str, Any]
STREAM_MAX = 5_000  # events of a stream that are kept
QUERIES_KEPT = 500
LIMIT_MAX = 10_000
UTCNOW = "utcnow"
_PLACE = "sandbox_queries"
_put_log_events = LogStream.put_log_events


@dataclass
class Timing:
    """How long a query waits and then runs, in seconds of this server's clock."""

    waits: float = 0.05
    runs: float = 0.15


TIMING = Timing()


@dataclass
class Query:
    id: str
    text: str
    groups: list[str]
    started: float
    found: Found
    stopped: bool = False

    @property
    def status(self) -> str:
        if self.stopped:
            return "Cancelled"
        age = CLOCK.now() - self.started
        if age < TIMING.waits:
            return "Scheduled"
        return "Running" if age < TIMING.waits + TIMING.runs else "Complete"

    def results(self) -> Json:
        """Nothing of it before it is complete."""
        done, found = self.status == "Complete", self.found
        return {
            "results": found.rows if done else [],
            "statistics": {
                "recordsMatched": found.matched if done else 0.0,
                "recordsScanned": found.scanned if done else 0.0,
                "bytesScanned": found.size if done else 0.0,
                "logGroupsScanned": float(len(self.groups)),
            },
            "status": self.status,
        }


def start_query(response: LogsResponse) -> str:
    given = _given(response)
    groups = _groups(response.logs_backend, given)
    start, end = float(given["startTime"]), float(given["endTime"])
    if start > end:
        raise Refused("InvalidParameterException", "End time should not be before start time")
    try:
        commands = language.parse(str(given["queryString"]))
        found = insights.run(commands, _events(response.logs_backend, groups, start, end), given.get("limit"))
    except QueryError as error:
        raise Refused("MalformedQueryException", str(error)) from None
    query = Query(str(uuid.uuid4()), str(given["queryString"]), groups, CLOCK.now(), found)
    kept = _queries(response)
    kept[query.id] = query
    if len(kept) > QUERIES_KEPT:
        kept.popitem(last=False)
    return json.dumps({"queryId": query.id})


def _groups(backend: LogsBackend, given: Json) -> list[str]:
    """Given by one name, names, or ARNs."""
    names = [*(given.get("logGroupNames") or []), *(given.get("logGroupIdentifiers") or [])]
    names += [given["logGroupName"]] if given.get("logGroupName") else []
    if not names:
        raise Refused("InvalidParameterException", "A log group is needed.")
    groups = [n.split(":log-group:", 1)[-1].removesuffix(":*") for n in names]
    for name in groups:
        if name not in backend.groups:
            raise Refused("ResourceNotFoundException", f"Log group '{name}' does not exist for account ID.")
    return groups


def _events(backend: LogsBackend, groups: list[str], start: float, end: float) -> list[Row]:
    """Both ends belong to it, in seconds."""
    return [
        {
            "@timestamp": event.timestamp,
            "@ingestionTime": event.ingestion_time,
            "@message": event.message,
            "@logStream": stream.log_stream_name,
            "@log": f"{backend.account_id}:{name}",
            "@ptr": f"{name}/{event.event_id}",
        }
        for name in groups
        for stream in list(backend.groups[name].streams.values())
        for event in list(stream.events)
        if start * 1000 <= event.timestamp < (end + 1) * 1000
    ]


def get_query_results(response: LogsResponse) -> str:
    return json.dumps(_query(response).results())


def stop_query(response: LogsResponse) -> str:
    query = _query(response)
    running = query.status in ("Scheduled", "Running")
    if not running:
        raise Refused("InvalidParameterException", f"Query {query.id} is not running.")
    query.stopped = True
    return json.dumps({"success": True})


def describe_queries(response: LogsResponse) -> str:
    given = _given(response)
    found = [
        {
            "queryId": q.id,
            "queryString": q.text,
            "status": q.status,
            "createTime": int(q.started * 1000),
            "logGroupName": q.groups[0],
        }
        for q in reversed(_queries(response).values())
        if given.get("logGroupName") in (None, *q.groups) and given.get("status") in (None, q.status)
    ]
    return json.dumps({"queries": found})


def filter_log_events(response: LogsResponse) -> str:
    """Pages of what fits the pattern, oldest first."""
    given = _given(response)
    backend = response.logs_backend
    (name,) = _groups(backend, {"logGroupNames": [given.get("logGroupName") or given.get("logGroupIdentifier") or ""]})
    try:
        fits = matcher(given.get("filterPattern") or "")
    except (ValueError, re.error) as error:
        raise Refused("InvalidParameterException", f"Invalid filter pattern: {error}") from None
    streams, prefix = given.get("logStreamNames"), given.get("logStreamNamePrefix") or ""
    start, end = given.get("startTime") or 0, given.get("endTime") or float("inf")
    found = [
        event.to_filter_dict() | {"logStreamName": stream.log_stream_name}
        for stream in list(backend.groups[name].streams.values())
        if (not streams or stream.log_stream_name in streams) and stream.log_stream_name.startswith(prefix)
        for event in list(stream.events)
        if start <= event.timestamp <= end and fits(event.message)
    ]
    found.sort(key=lambda e: (e["timestamp"], int(e["eventId"])))
    at, size = int(given.get("nextToken") or 0), int(given.get("limit") or LIMIT_MAX)
    token = {"nextToken": str(at + size)} if at + size < len(found) else {}
    return json.dumps({"events": found[at : at + size], "searchedLogStreams": [], **token})


def _query(response: LogsResponse) -> Query:
    name = str(_given(response)["queryId"])
    found = _queries(response).get(name)
    if found is None:
        raise Refused("ResourceNotFoundException", f"Query ID {name} does not exist.")
    return found


def _queries(response: LogsResponse) -> "OrderedDict[str, Query]":
    kept: OrderedDict[str, Query] = response.logs_backend.__dict__.setdefault(_PLACE, OrderedDict())
    return kept


def _given(response: LogsResponse) -> Json:
    return dict(json.loads(response.body or "{}"))


def put_log_events(stream: LogStream, log_events: list[Json]) -> str:
    token = _put_log_events(stream, log_events)
    del stream.events[:-STREAM_MAX]
    return token


def _now() -> datetime:
    """This server's time, as moto writes it."""
    return utc(CLOCK.now()).replace(tzinfo=None)


def install() -> None:
    for operation in (start_query, get_query_results, stop_query, describe_queries, filter_log_events):
        setattr(LogsResponse, operation.__name__, operation)
    setattr(LogStream, put_log_events.__name__, put_log_events)
    setattr(models, UTCNOW, _now)
