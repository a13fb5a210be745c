"""Reading values out of JSON that somebody else wrote: nothing here raises, whatever stands where.

A value of the wrong type counts as absent. Texts are kept as they are, but cut to AWS's own limits, and rid of lone
surrogates, which no database and no HTTP body takes.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

NAME = 255  # characters: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
DESCRIPTION = 1024
REASON = 1023
ARN = 1600
URL = 2048
MAX_DIGITS = 40  # characters of a number or a time written as text


class Letter(NamedTuple):
    """A message without its envelopes, as far as they are opened.

    `at` is when it was sent, `region` where its topic stands (empty: unknown), `place` what is being read, for
    problem texts, `raw` the whole body. `is_named`: the id is the sender's own, not the queue's.
    """

    source_id: str
    at: datetime
    raw: str
    region: str = ""
    place: str = "the body"
    is_named: bool = False


class Event(NamedTuple):
    """An EventBridge event.

    Shape: {"version", "id", "detail-type", "source", "account", "time", "region", "resources": [arn], "detail": {}},
    https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
    """

    source_id: str
    at: datetime
    raw: str
    source: str
    detail_type: str
    account: str
    region: str
    resources: tuple[str, ...]
    detail: dict[str, Any]


class Arn(NamedTuple):
    """The parts of an ARN that matter here; empty where it has none, or is no ARN.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    region: str = ""
    account: str = ""
    resource: str = ""


def text(value: object, limit: int = NAME) -> str:
    """A string of at most `limit` characters; empty for anything else."""
    if not isinstance(value, str):
        return ""
    return storable(value[:limit])


def scalar(value: object, limit: int = NAME) -> str:
    """Like `text`, but a number is written out: versions and accounts are often unquoted."""
    if isinstance(value, str):
        return text(value, limit)
    return str(value)[:limit] if isinstance(value, int | float) and not isinstance(value, bool) else ""


def storable(value: str) -> str:
    """The text with lone surrogates replaced by question marks; all else as it is."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def number(value: object) -> float | None:
    """A finite number, also one in quotes; None for anything else (NaN, infinities, 400-digit integers)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > MAX_DIGITS:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """A whole number from 0 that fits 31 bits; None for anything else."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**31 else None


def moment(value: object) -> datetime | None:
    """A time in UTC from any of ISO 8601's spellings, `+0000` included; one without a zone counts as UTC."""
    if not isinstance(value, str) or len(value) > MAX_DIGITS:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def mapping(value: object) -> dict[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def first(values: dict[str, Any], *names: str) -> Any:
    """The value of the first of these names that has one; None where none has."""
    for name in names:
        found = values.get(name)
        if found is not None:
            return found
    return None


def arn_of(value: object) -> Arn:
    """The parts of `arn:partition:service:region:account:resource`."""
    parts = text(value, ARN).split(":", 5)
    return Arn(*parts[3:]) if len(parts) == 6 and parts[0] == "arn" else Arn()


def link(value: object) -> str:
    """An http or https address; empty for anything else, since people will click on it."""
    found = text(value, URL)
    return found if found.startswith(("https://", "http://")) else ""
