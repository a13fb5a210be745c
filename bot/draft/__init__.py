"""The draft of a post-mortem: everything that is known of an incident, as Markdown. Pure.

alike → words → lists → document. What people or alarms wrote is made inert: it formats nothing and mentions nobody.
"""

from bot.draft.alike import Alike, Earlier, alike, fixed_by
from bot.draft.document import (
    SHOWN_LINES,
    TO_WRITE,
    folded,
    missing,
    mitigated_at,
    page,
    path,
    section,
    sections,
    values,
)
from bot.draft.words import Known, inert

__all__ = [
    "SHOWN_LINES",
    "TO_WRITE",
    "Alike",
    "Earlier",
    "Known",
    "alike",
    "fixed_by",
    "folded",
    "inert",
    "missing",
    "mitigated_at",
    "page",
    "path",
    "section",
    "sections",
    "values",
]
