"""Traces, made of the segments that were put, and what X-Ray sums up of each."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.clock import utc

Json = dict[str, Any]
KEPT = 5_000


@dataclass
class Trace:
    id: str
    segments: list[Json] = field(default_factory=list)

    @property
    def root(self) -> Json:
        return min(self.segments, key=lambda s: (bool(s.get("parent_id")), s["start_time"]))

    @property
    def start(self) -> float:
        return min(float(s["start_time"]) for s in self.segments)

    @property
    def end(self) -> float:
        return max(float(s.get("end_time") or s["start_time"]) for s in self.segments)

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def response_time(self) -> float:
        return float(self.root.get("end_time") or self.root["start_time"]) - float(self.root["start_time"])

    def any(self, name: str) -> bool:
        return any(s.get(name) for s in self.segments)

    def parts(self) -> Iterator[Json]:
        """Segments, and what they call."""
        for segment in self.segments:
            yield from _with_inner(segment)

    def summary(self) -> Json:
        root = self.root
        http = root.get("http") or {}
        asked, answered = http.get("request") or {}, http.get("response") or {}
        return {
            "Id": self.id,
            "StartTime": utc(self.start),
            "Duration": round(self.duration, 3),
            "ResponseTime": round(self.response_time, 3),
            "HasFault": self.any("fault"),
            "HasError": self.any("error"),
            "HasThrottle": self.any("throttle"),
            "IsPartial": any(s.get("in_progress") for s in self.segments),
            "Http": {
                "HttpURL": asked.get("url"),
                "HttpMethod": asked.get("method"),
                "HttpStatus": answered.get("status"),
            },
            "Annotations": {
                name: [{"AnnotationValue": {"StringValue": str(value)}, "ServiceIds": [service_id(root)]}]
                for name, value in (root.get("annotations") or {}).items()
            },
            "Users": [],
            "ServiceIds": [service_id(p) for p in _unique(self.parts())],
            "EntryPoint": service_id(root),
            "FaultRootCauses": [_fault_cause(s) for s in self.segments if s.get("fault")],
            "ErrorRootCauses": [_fault_cause(s) for s in self.segments if s.get("error")],
            "ResponseTimeRootCauses": [_slow_cause(root)],
            "Revision": 1,
        }

    def document(self) -> Json:
        return {
            "Id": self.id,
            "Duration": round(self.duration, 3),
            "LimitExceeded": False,
            "Segments": [{"Id": s["id"], "Document": json.dumps(s)} for s in self.segments],
        }


def _with_inner(part: Json) -> Iterator[Json]:
    yield part
    for inner in part.get("subsegments") or []:
        yield from _with_inner(inner)


def _unique(parts: Iterator[Json]) -> list[Json]:
    return list({p["name"]: p for p in parts}.values())


def service_id(part: Json) -> Json:
    return {"Name": part["name"], "Names": [part["name"]], "Type": part.get("origin") or part.get("namespace")}


def _fault_cause(segment: Json) -> Json:
    exceptions = [
        {"Name": e.get("type"), "Message": e.get("message")}
        for e in (segment.get("cause") or {}).get("exceptions") or []
    ]
    path = [{"Name": segment["name"], "Exceptions": exceptions, "Remote": False}]
    return {"Services": [{**service_id(segment), "EntityPath": path, "Inferred": False}], "ClientImpacting": True}


def _slow_cause(root: Json) -> Json:
    """Where the time went: the slowest call downstream, with the share that it took."""
    whole = max(float(root.get("end_time") or 0) - float(root["start_time"]), 1e-6)
    services = [{**service_id(root), "EntityPath": [{"Name": root["name"], "Coverage": 1.0, "Remote": False}]}]
    inner = sorted(root.get("subsegments") or [], key=lambda s: float(s["start_time"]) - float(s.get("end_time") or 0))
    if inner:
        took = float(inner[0].get("end_time") or 0) - float(inner[0]["start_time"])
        path = [{"Name": inner[0]["name"], "Coverage": round(min(took / whole, 1.0), 3), "Remote": True}]
        services.append({**service_id(inner[0]), "EntityPath": path})
    return {"Services": services, "ClientImpacting": True}


class Traces:
    """The newest few thousand. While it is off, what is put is taken and forgotten."""

    def __init__(self) -> None:
        self.on = True
        self._kept: OrderedDict[str, Trace] = OrderedDict()

    def put(self, segment: Json) -> None:
        if not self.on:
            return
        trace = self._kept.setdefault(segment["trace_id"], Trace(segment["trace_id"]))
        trace.segments.append(segment)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def find(self, start: float, end: float) -> list[Trace]:
        return [t for t in list(self._kept.values()) if start <= t.end <= end]

    def get(self, name: str) -> Trace | None:
        return self._kept.get(name)

    def clear(self) -> None:
        self._kept.clear()
        self.on = True


TRACES = Traces()
