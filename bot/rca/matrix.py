"""The second document's response matrix, row by row, in its words."""

from __future__ import annotations

from typing import NamedTuple

from bot.models import Action, Cause, Severity

FEW = 10
"""Up to so many errors in the window it is alerted only; with more the deployment is rolled back."""


class Row(NamedTuple):
    """`title`, `auto` and `manual` are the document's columns; `auto` is what its automation does by itself."""

    title: str
    severity: Severity
    action: Action | None
    auto: str
    manual: str


NO_ACTION = "Alert only"
MATRIX = {
    Cause.CPU: Row("High CPU (no errors)", Severity.SEV3, Action.SCALE_UP, "Scale up +1 task", "Monitor for 15min"),
    Cause.CPU_WITH_ERRORS: Row(
        "High CPU (with errors)", Severity.SEV2, Action.SCALE_UP, "Scale up +1 task", "Investigate code"
    ),
    Cause.MEMORY_LEAK: Row("Memory Leak (OOM)", Severity.SEV1, Action.RESTART, "Restart tasks", "Fix memory leak"),
    # The document says “<10” and “>10”; ten themselves are few, as product and runbooks have it.
    Cause.FEW_ERRORS: Row("High Error Rate (<10 errors)", Severity.SEV2, None, NO_ACTION, "Check logs"),
    Cause.MANY_ERRORS: Row(
        "High Error Rate (>10 errors)", Severity.SEV1, Action.ROLLBACK, "Rollback deployment", "Investigate"
    ),
    Cause.SLOW: Row("Slow Response", Severity.SEV3, Action.SCALE_UP, "Scale up", "Check dependencies"),
    # Not in the document: what no rule rates is SEV-3 in triage too.
    Cause.UNKNOWN: Row("Unknown", Severity.SEV3, None, NO_ACTION, "Follow the standard investigation"),
}
SEVERITY_WORDS = {Severity.SEV1: "CRITICAL", Severity.SEV2: "HIGH", Severity.SEV3: "MEDIUM"}
