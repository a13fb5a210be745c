"""The template that post-mortems are made from: Markdown with placeholders such as `{{timeline}}`. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import NamedTuple

WRITTEN = ("summary", "impact", "root_cause", "contributing_factors", "timeline")
REQUIRED = frozenset({"timeline", "root_cause", "impact", "contributing_factors", "action_items"})
FACTS = ("title", "incident", "severity", "service", "owner", "commander")
TIMES = ("started", "resolved", "duration", "time_zone", "time_to_acknowledge", "time_to_mitigate", "time_to_resolve")
LISTS = ("alarms", "remediations", "updates", "people", "alike", "action_items")
KNOWN = frozenset((*FACTS, *TIMES, *LISTS, *WRITTEN))
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}\n]*?)\s*\}\}")
BUILT_IN = """\
# {{title}}

| | |
|---|---|
| Severity | {{severity}} |
| Service | {{service}} |
| Owner | {{owner}} |
| Incident commander | {{commander}} |
| Time zone | {{time_zone}} |
| Started | {{started}} |
| Resolved | {{resolved}} |
| Duration | {{duration}} |
| Time to acknowledge | {{time_to_acknowledge}} |
| Time to mitigate | {{time_to_mitigate}} |
| Time to resolve | {{time_to_resolve}} |

## Summary

{{summary}}

## Impact

{{impact}}

## Root cause

{{root_cause}}

## Contributing factors

{{contributing_factors}}

## Timeline

{{timeline}}

## Alarms

{{alarms}}

## Remediations

{{remediations}}

## Status updates

{{updates}}

## Who took part

{{people}}

## Incidents alike

{{alike}}

## Action items

{{action_items}}
"""


class Template(NamedTuple):
    """The text to fill in. `problem` says why it is the built-in one."""

    text: str = BUILT_IN
    problem: str = ""


def checked(text: str, where: str) -> Template:
    """The text as it stands, or the built-in one with what is wrong with it."""
    found = _PLACEHOLDER.findall(text)
    unknown = [name for name in dict.fromkeys(found) if name not in KNOWN]
    if unknown:
        close = difflib.get_close_matches(unknown[0], KNOWN, n=1)
        hint = f"did you mean {{{{{close[0]}}}}}?" if close else "docs/configuration.md lists the placeholders."
        return Template(problem=f"{where}: I don't know {{{{{unknown[0]}}}}}; {hint}")
    missing = sorted(REQUIRED - set(found))
    if missing:
        named = ", ".join(f"{{{{{name}}}}}" for name in missing)
        return Template(problem=f"{where}: {named} {'is' if len(missing) == 1 else 'are'} missing.")
    return Template(text)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders replaced, each once: what stands in for one is not looked into again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), text)
