"""What EventBridge hands on when an incident changes: PagerDuty's event in the envelope of a partner source."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sandbox.pagerduty.account import Actor, Incident, Json
from sandbox.pagerduty.shapes import Shapes, time_of

Deliver = Callable[[Json], None]

SOURCE = "aws.partner/pagerduty.com/sandbox"
ACCOUNT = "123456789012"
REGION = "eu-west-1"


def event_of(shapes: Shapes, kind: str, incident: Incident, actor: Actor, data: Json | None) -> Json:
    """The event as a webhook of version 3 has it, in its envelope."""
    at = shapes.now()
    event = {
        "id": uuid.uuid4().hex.upper()[:26],
        "event_type": f"incident.{kind}",
        "resource_type": "incident",
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "agent": actor.reference,
        "client": actor.client,
        "data": data or data_of(shapes, incident),
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": event["event_type"],
        "source": SOURCE,
        "account": ACCOUNT,
        "time": time_of(at),
        "region": REGION,
        "resources": [],
        "detail": {"event": event},
    }


def data_of(shapes: Shapes, incident: Incident) -> Json:
    """An incident in a webhook: less than the REST API says, and some of it under other names."""
    whole = shapes.incident(incident)
    same = ("id", "type", "self", "html_url", "status", "incident_key", "created_at", "title", "service")
    return {name: whole[name] for name in same} | {
        "number": incident.number,
        "assignees": [shapes.user_ref(user) for user in incident.assigned],
        "escalation_policy": whole["escalation_policy"],
        "teams": [],
        "priority": None,
        "urgency": incident.urgency,
        "conference_bridge": None,
        "resolve_reason": None,
    }


class Partner:
    """Hands events over one after the other in a thread of its own, so that a slow queue holds up nobody."""

    def __init__(self, deliver: Deliver | None) -> None:
        self.on = deliver is not None
        self.sent: list[Json] = []
        self.failed: list[str] = []
        self._deliver = deliver
        self._hands = ThreadPoolExecutor(1, "pagerduty-partner")

    def tell(self, event: Json) -> None:
        if self.on:
            self.sent.append(event)
            self._hands.submit(self._hand_over, event)

    def settle(self) -> None:
        """Waits until everything that was told so far has been handed over."""
        self._hands.submit(lambda: None).result()

    def forget(self) -> None:
        self.on = self._deliver is not None
        self.sent, self.failed = [], []

    def stop(self) -> None:
        self._hands.shutdown()

    def _hand_over(self, event: Json) -> None:
        if self._deliver is None:
            return
        try:
            self._deliver(event)
        except Exception as error:  # a queue that refuses is told about, it does not stop the account
            self.failed.append(f"{event['detail-type']}: {error!r}")
