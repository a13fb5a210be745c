"""The whole page and its sections: what people wrote, and in its place what is known. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from blocks import report, timeline
from blocks.rich import Piece
from bot.draft import lists
from bot.draft.alike import fixed_by, over, report_of
from bot.draft.words import Known, address, at_of, coded, inert, name_of, said, since_of, spaced
from bot.durations import span
from bot.models import (
    EventKind,
    Incident,
    Investigation,
    PostMortem,
    RemediationStatus,
    SectionName,
    SourceOutcome,
    Status,
    TimelineEvent,
)
from bot.page_template import filled

TO_WRITE = "_To be written._"
_LEFT_OUT = lists.AFTERWARDS | {EventKind.TROUBLE, EventKind.REMINDED}  # the bot's own trouble, and its asking
SHOWN_LINES = 40  # of a section, in Slack
_TEXT = 3000
_LISTED = 20


def page(known: Known, written: PostMortem, template: str, shown: int | None = None) -> str:
    """The whole post-mortem: the template, with what people wrote in place of what is known.

    `shown`: at most so many lines of each section and list.
    """
    texts = {**values(known), **sections(known, written)}
    if shown is not None:
        texts = {name: folded(text, shown) for name, text in texts.items()}
    text = filled(template, texts).rstrip()
    return "\n".join([text, *_addresses(known, text)]) + "\n"


def sections(known: Known, written: PostMortem) -> dict[str, str]:
    """The sections that people write, as they stand."""
    return {name.value: section(known, written, name) for name in SectionName}


def section(known: Known, written: PostMortem, name: SectionName) -> str:
    mine = written.section(name)
    if mine is not None and not mine.is_added:
        return mine.text
    drafted = _DRAFTS[name](known)
    return f"{mine.text}\n\n{drafted}" if mine is not None else drafted


def missing(known: Known, written: PostMortem) -> list[SectionName]:
    """The sections that somebody still has to write."""
    return [name for name in SectionName if section(known, written, name).strip() in ("", TO_WRITE)]


def folded(text: str, shown: int = SHOWN_LINES) -> str:
    """For Slack: the middle of a long text is left out, and that is said."""
    lines = text.split("\n")
    if len(lines) <= shown:
        return text
    head, tail = lines[: shown // 2], lines[-(shown // 2) :]
    left = len(lines) - len(head) - len(tail)
    return "\n".join([*head, f"… {left:,} more lines, all of them in the file …", *tail])


def values(known: Known) -> dict[str, str]:
    """What fills the placeholders that nobody writes."""
    one = known.incident
    acknowledged, mitigated = since_of(known, one.acknowledged_at), since_of(known, mitigated_at(known))
    return {
        "title": f"{one.id}: {inert(one.service)}: {inert(one.impact, 120)}",
        "incident": one.id,
        "severity": f"{one.severity.label} ({one.severity.word})",
        "service": inert(one.service),
        "owner": name_of(known, known.owner),
        "commander": name_of(known, one.commander),
        "started": at_of(known, one.began_at),
        "resolved": at_of(known, one.resolved_at) if one.resolved_at else "not yet",
        "duration": span(one.duration(one.resolved_at)) if one.resolved_at else "goes on",
        "time_to_acknowledge": acknowledged,
        "time_to_mitigate": mitigated,
        "time_to_resolve": since_of(known, one.resolved_at),
        "time_zone": str(known.zone),
        "alarms": lists.alarms(known),
        "remediations": lists.remediations(known),
        "updates": lists.updates(known),
        "people": lists.people(known),
        "alike": lists.earlier(known),
        "action_items": lists.actions(known),
    }


def mitigated_at(known: Known) -> datetime | None:
    """When it was first only watched, or when a remediation that helped was done; at the latest when it was over."""
    watched = [each.at for each in known.events if each.kind is EventKind.STATUS and _ends_in_monitoring(each.text)]
    helped = [
        fix.finished_at
        for fix in known.remediations
        if fix.status is RemediationStatus.VERIFIED and fix.finished_at is not None
    ]
    first = min([*watched, *helped], default=None)
    over = known.incident.resolved_at
    return min(first, over) if first is not None and over is not None else first


def _ends_in_monitoring(text: str) -> bool:
    return text.endswith(f"→ {Status.MONITORING}")


# -- the sections that people write


def _summary(known: Known) -> str:
    one = known.incident
    took = f" It took {span(one.duration(one.resolved_at))}." if one.resolved_at else ""
    why, fix = over(one), fixed_by(one, known.remediations)
    ended = f" Ended: {inert(why)}." if why else ""
    how = f" Fixed by: {inert(fix)}." if fix else ""
    return f"{one.severity.label} of {inert(one.service)}, from {at_of(known, one.began_at)}.{took}{ended}{how}"


def _impact(known: Known) -> str:
    return said(known.incident.impact) if known.incident.impact else TO_WRITE


def _root_cause(known: Known) -> str:
    """The newest report that nobody dismissed, with its evidence."""
    found = report_of(known.investigations)
    if found is None or found.diagnosis is None:
        return TO_WRITE
    diagnosis = found.diagnosis
    lines = [f"Most likely: **{inert(report.cause(diagnosis))}** (confidence {diagnosis.confidence:.2f}, {found.id})."]
    lines += ["", "Evidence:", "", *(f"- {coded(each)}" for each in diagnosis.findings)] if diagnosis.findings else []
    lines += _also("Not it:", diagnosis.excluded) + _also("Could not be looked at:", diagnosis.unseen)
    return "\n".join([*lines, *_sources(found)])


def _also(title: str, found: Sequence[str]) -> list[str]:
    return ["", title, "", *(f"- {coded(each)}" for each in found)] if found else []


def _sources(found: Investigation) -> list[str]:
    """Where the same can be seen in AWS. The addresses are long: they stand at the end of the page."""
    links = [f"[{name}]" for name in _places(found)]
    return ["", f"Seen in: {', '.join(links)}."] if links else []


def _places(found: Investigation) -> dict[str, str]:
    """Addresses in AWS by what the page calls them."""
    asked = found.evidence.asked if found.evidence else ()
    return {f"{each.source.value} of {found.id}": each.link for each in asked if each.link and _is_found(each.outcome)}


def _addresses(known: Known, text: str) -> list[str]:
    """Of those that are named in it, whoever wrote the section."""
    places = {name: link for found in known.investigations for name, link in _places(found).items()}
    lines = [f"[{name}]: {address(link)}" for name, link in places.items() if f"[{name}]" in text]
    return ["", *lines] if lines else []


def _is_found(outcome: SourceOutcome) -> bool:
    return outcome is SourceOutcome.FOUND


def _factors(known: Known) -> str:
    """Changes that may have had a part in it."""
    found = report_of(known.investigations)
    suspects = found.diagnosis.suspects if found is not None and found.diagnosis is not None else ()
    if not suspects:
        return TO_WRITE
    return "\n".join(f"- {_suspect(known, one.change.at, one.change.what, one.reasons)}" for one in suspects[:_LISTED])


def _suspect(known: Known, at: datetime, what: str, reasons: Sequence[str]) -> str:
    why = f" ({coded('; '.join(reasons))})" if reasons else ""
    return f"{at_of(known, at)}: {coded(what)}{why}"


def _timeline(known: Known) -> str:
    lines = [_event(known, each) for each in known.events if each.kind not in _LEFT_OUT]
    return "\n".join(dict.fromkeys(lines)) if lines else TO_WRITE  # two alerts page the same person in one second


def _event(known: Known, event: TimelineEvent) -> str:
    _, _, *pieces = timeline.line(event, _TEXT)
    return f"- {at_of(known, event.at)} {''.join(_piece(known, each) for each in pieces)}"


def _piece(known: Known, piece: Piece) -> str:
    match piece["type"]:
        case "user":
            return name_of(known, piece["user_id"])
        case "link":
            return f"[{inert(piece.get('text') or piece['url'], 200)}]({address(piece['url'])})"
        case _:
            return spaced(str(piece["text"]))


_DRAFTS = {
    SectionName.SUMMARY: _summary,
    SectionName.IMPACT: _impact,
    SectionName.TIMELINE: _timeline,
    SectionName.ROOT_CAUSE: _root_cause,
    SectionName.FACTORS: _factors,
}


def path(incident: Incident, folder: str) -> str:
    """`docs/post-mortems/2026-11-22-INC-42-checkout-api.md`, by the day it began in UTC."""
    slug = re.sub(r"[^a-z0-9]+", "-", incident.service.lower()).strip("-")[:60].strip("-")
    return f"{folder}/{incident.began_at.astimezone(UTC):%Y-%m-%d}-{incident.id}{'-' + slug if slug else ''}.md"
