"""X-Ray's operations: moto's own backend needs what is not installed here."""

import json
from typing import Any

from moto.core.responses import ActionResult, BaseResponse

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.refusals import Refused
from sandbox.aws.xray.filters import FilterError, parse
from sandbox.aws.xray.traces import TRACES

PAGE = 100
LONGEST = 6 * 3600.0


class XRayResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="xray")
        self.automated_parameter_parsing = True

    def put_trace_segments(self) -> ActionResult:
        refused = []
        for document in self._get_params()["TraceSegmentDocuments"]:
            try:
                segment = json.loads(document)
                segment["trace_id"], segment["name"], float(segment["start_time"])
            except (ValueError, LookupError, TypeError):
                refused.append({"ErrorCode": "ParseError", "Message": "Invalid segment. ErrorCode: ParseError"})
                continue
            TRACES.put(segment)
        return ActionResult({"UnprocessedTraceSegments": refused})

    def get_trace_summaries(self) -> ActionResult:
        given = self._get_params()
        start, end = given["StartTime"].timestamp(), given["EndTime"].timestamp()
        if start >= end or end - start > LONGEST + 1:
            raise Refused("InvalidRequestException", "Time range must be between 0 and 6 hours.")
        try:
            holds = parse(given["FilterExpression"]) if given.get("FilterExpression") else None
        except FilterError as error:
            raise Refused("InvalidRequestException", f"Invalid filter expression: {error}") from None
        found = TRACES.find(start, end)
        kept = [t for t in found if holds is None or holds(t)]
        at = int(given.get("NextToken") or 0)
        token = {"NextToken": str(at + PAGE)} if at + PAGE < len(kept) else {}
        return ActionResult(
            {
                "TraceSummaries": [t.summary() for t in kept[at : at + PAGE]],
                "ApproximateTime": utc(CLOCK.now()),
                "TracesProcessedCount": len(found),
                **token,
            }
        )

    def batch_get_traces(self) -> ActionResult:
        asked: list[Any] = self._get_params()["TraceIds"]
        found = {name: trace for name in asked if (trace := TRACES.get(name))}
        missing = [name for name in asked if name not in found]
        return ActionResult({"Traces": [t.document() for t in found.values()], "UnprocessedTraceIds": missing})

    def get_service_graph(self) -> ActionResult:
        given = self._get_params()
        return ActionResult({"StartTime": given["StartTime"], "EndTime": given["EndTime"], "Services": []})
