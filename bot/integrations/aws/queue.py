"""The alert queue in SQS: the Inbox port."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.integrations.aws.clients import READ_TIMEOUT, Clients, cloud_errors
from bot.ports import Received

log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_BATCH = 10
MAX_WAIT = 20
MAX_VISIBILITY = 43_200
POLL_TIMEOUT = MAX_WAIT + 5.0  # an answer may take the whole wait; seconds

# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html, with the VPC endpoints and the older names
_HOST = re.compile(
    r"https://(?:[\w-]+\.)?(?:sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)|(?P<older>[a-z0-9-]+)\.queue)"
    r"\.(?:vpce\.)?(?:amazonaws\.com|api\.aws|api\.amazonwebservices\.com)(?:\.cn)?/"
)


def region_of(queue_url: str) -> str | None:
    """The region that the URL of a queue names; None where it is no AWS address (an emulator's, say)."""
    found = _HOST.match(queue_url)
    return (found["region"] or found["older"]) if found else None


class SqsInbox:
    """Takes messages from one queue. Raises CloudError.

    The URL says which region to ask. `visibility` hides what was taken for so many seconds, instead of the queue's own
    timeout.
    """

    def __init__(self, clients: Clients, queue_url: str, visibility: int | None = None) -> None:
        self._clients = clients
        self._url = queue_url
        self._region = region_of(queue_url) or clients.region
        self._visibility = visibility

    def receive(self, *, wait: float, limit: int = MAX_BATCH) -> list[Received]:
        """Take up to `limit` (at most 10) messages. SQS counts whole seconds: the `wait` is rounded down, up to 20."""
        asked: dict[str, Any] = {
            "MaxNumberOfMessages": max(1, min(limit, MAX_BATCH)),
            "WaitTimeSeconds": max(0, min(int(wait), MAX_WAIT)),
            "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
        }
        if self._visibility is not None:
            asked["VisibilityTimeout"] = self._visibility
        with cloud_errors("sqs:ReceiveMessage", self._url):
            answer = self._client(POLL_TIMEOUT).receive_message(QueueUrl=self._url, **asked)
        return [_received(message) for message in answer.get("Messages", [])]

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete them. One that SQS refuses is logged and no error: it comes again, and changes nothing then."""
        for entries in _batches(receipts):
            with cloud_errors("sqs:DeleteMessage", self._url):
                answer = self._client().delete_message_batch(QueueUrl=self._url, Entries=entries)
            _tell_failed("deleted", answer)

    def extend(self, receipts: Sequence[str], seconds: int) -> None:
        """Hide them for `seconds` (at most 12 hours) from now. One that SQS refuses is logged; it may come again."""
        timeout = max(0, min(seconds, MAX_VISIBILITY))
        for entries in _batches(receipts):
            each = [{**entry, "VisibilityTimeout": timeout} for entry in entries]
            with cloud_errors("sqs:ChangeMessageVisibility", self._url):
                answer = self._client().change_message_visibility_batch(QueueUrl=self._url, Entries=each)
            _tell_failed("kept hidden", answer)

    def _client(self, read_timeout: float = READ_TIMEOUT) -> Any:
        return self._clients.get("sqs", region=self._region, read_timeout=read_timeout)


def _received(message: dict[str, Any]) -> Received:
    attributes = message.get("Attributes", {})
    sent_ms = attributes.get("SentTimestamp")
    return Received(
        message_id=message["MessageId"],
        body=message.get("Body", ""),
        receipt=message["ReceiptHandle"],
        attempts=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=datetime.fromtimestamp(int(sent_ms) / 1000, UTC) if sent_ms else datetime.now(UTC),
    )


def _batches(receipts: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(receipts), MAX_BATCH):
        part = receipts[start : start + MAX_BATCH]
        yield [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(part)]


def _tell_failed(what: str, answer: dict[str, Any]) -> None:
    failed = answer.get("Failed") or []
    if failed:
        codes = ", ".join(sorted({str(entry.get("Code", "?")) for entry in failed}))
        log.warning("%d messages could not be %s and will come again (%s)", len(failed), what, codes)
