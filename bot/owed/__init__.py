"""What each change owes to the world, as rows of the outbox. Pure: decides what, not how or when.

Lanes keep order where order matters: the templates of the incident channel in one, each card in its own, each
incident's thread and channel in theirs, all pages of an alert or incident in one.
"""

from __future__ import annotations

from enum import StrEnum


class Target(StrEnum):
    """Where something is shown. `ops` stands for the incident channel, however it is called."""

    OPS = "ops"
    OWN = "own"
    TEMPLATE = "template"
