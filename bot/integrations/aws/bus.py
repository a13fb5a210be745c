"""The bot's own events on an EventBridge bus: the EventBus port."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bot.errors import CloudError, Outcome
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors, is_throttled
from bot.ports import Event

SOURCE = "aiops.alerts"
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024 - 1  # “must be less than 256 KB”
_PASSING = frozenset({"InternalFailure", "InternalException", "ServiceUnavailable"})


class _Entry(NamedTuple):
    """An event as PutEvents takes it, where the caller has it, and its size in bytes."""

    position: int
    fields: dict[str, str]
    size: int


class EventBridgeBus:
    """Puts events on the bus called `bus_name` (a name or an ARN). Raises CloudError.

    A call is made once: botocore's own repetition would put twice what was taken, if only the answer was lost.
    """

    def __init__(self, clients: Clients, bus_name: str) -> None:
        self._clients = clients
        self._bus = bus_name
        self._region = arn_field(bus_name, 3) or clients.region

    def put(self, events: Sequence[Event]) -> list[int]:
        """Put them, in as many calls as the limits ask for; the positions of those that were not taken, in order.

        Raises CloudError where none was taken and either the call as a whole failed or all have the same fault that
        trying again can't mend, `entry_too_large` (256 KB) among them.
        """
        entries = [self._entry(position, event) for position, event in enumerate(events)]
        faults = {entry.position: _too_large(entry) for entry in entries if entry.size > MAX_BYTES}
        taken = False
        for call in _calls([entry for entry in entries if entry.position not in faults]):
            try:
                failed = self._send(call)
            except CloudError as error:
                if not taken:
                    raise
                failed = {entry.position: error for entry in call}
            taken = taken or len(failed) < len(call)
            faults |= failed
        if faults and len(faults) == len(entries):
            _raise_if_hopeless(list(faults.values()))
        return sorted(faults)

    def _entry(self, position: int, event: Event) -> _Entry:
        text = json.dumps(dict(event.detail), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        detail = text.encode("utf-8", "replace").decode()  # half an emoji, cut from somebody's text, can't be sent
        size = sum(len(part.encode()) for part in (SOURCE, event.type, detail))
        return _Entry(
            position,
            {"Source": SOURCE, "DetailType": event.type, "Detail": detail, "EventBusName": self._bus},
            size,
        )

    def _send(self, call: Sequence[_Entry]) -> dict[int, CloudError]:
        with cloud_errors("events:PutEvents", self._bus):
            client = self._clients.get("events", region=self._region, attempts=1)
            answer = client.put_events(Entries=[entry.fields for entry in call])
        results = answer.get("Entries", [])  # in the order of the request, says the API
        if len(results) != len(call):  # botocore takes any text for an empty answer
            raise CloudError("unexpected_answer", retryable=True, outcome=Outcome.UNKNOWN, detail="events:PutEvents")
        pairs = zip(call, results, strict=True)
        return {entry.position: _fault(result) for entry, result in pairs if result.get("ErrorCode")}


def _calls(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Parts that one call may carry: both the number and the bytes are limited."""
    part: list[_Entry] = []
    for entry in entries:
        if part and (len(part) == MAX_ENTRIES or sum(other.size for other in part) + entry.size > MAX_BYTES):
            yield part
            part = []
        part.append(entry)
    if part:
        yield part


def _too_large(entry: _Entry) -> CloudError:
    return CloudError("entry_too_large", detail=f"{entry.fields['DetailType']}: {entry.size} bytes, limit {MAX_BYTES}")


def _fault(result: dict[str, Any]) -> CloudError:
    code = str(result["ErrorCode"])
    return CloudError(
        code, retryable=code in _PASSING or is_throttled(code), detail=str(result.get("ErrorMessage", ""))[:300]
    )


def _raise_if_hopeless(faults: Sequence[CloudError]) -> None:
    first = faults[0]
    if not first.retryable and all(fault.code == first.code for fault in faults):
        raise first
