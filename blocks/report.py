"""The report in the thread: the likeliest cause, what speaks for it and what not, and the next step with its button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from blocks.evidence import change, reasons
from blocks.ids import Action
from blocks.rich import Line, Piece, bold, bullets, own, rich, url, user, words
from blocks.text import MESSAGE_TEXT, Block, button, clip, clip_markup, context, foreign, header, one_line, when
from bot import durations
from bot.models import Action as Remedy
from bot.models import (
    Cause,
    ChangeKind,
    Diagnosis,
    Evidence,
    Investigation,
    Measure,
    Message,
    SourceOutcome,
    Suspect,
)
from bot.runbooks import MANUAL

_FINDINGS, _SUSPECTS, _REASONS = 8, 3, 8
_LISTED = 1500
_CAUSES: Mapping[Cause, str] = {
    Cause.CPU: "high CPU",
    Cause.CPU_WITH_ERRORS: "high CPU with errors",
    Cause.MEMORY_LEAK: "memory leak",
    Cause.FEW_ERRORS: "errors (10 or fewer)",
    Cause.MANY_ERRORS: "errors (more than 10)",
    Cause.SLOW: "slow response",
    Cause.UNKNOWN: "unknown",
}
_STEPS: Mapping[Remedy | None, tuple[str, str, Action]] = {
    Remedy.ROLLBACK: ("roll back", "Roll back…", Action.ROLLBACK),
    Remedy.SCALE_UP: ("scale up by one task", "Scale up…", Action.SCALE_UP),
    Remedy.RESTART: ("restart the tasks, one at a time", "Restart…", Action.RESTART),
}
"""What is recommended in words, and the button that shows its plan. The plan is shown first, hence the dots."""


def report(
    investigation: Investigation, *, runbook: str | None, can_fix: bool, document: str = "", pages: str = ""
) -> Message:
    """The report of one that is done or failed, as it stands now.

    `runbook` is the address of the service's own page, `document` the SSM document that fits, `pages` the address of
    docs/runbooks, if any; `can_fix` says that the bot may change this service.
    """
    diagnosis = investigation.diagnosis
    if diagnosis is None:
        body = [rich(*_failed(investigation, runbook))]
    else:
        body = [*_found(investigation, diagnosis), rich(*_judged(investigation, diagnosis, runbook, document, pages))]
    blocks = [header(title(investigation)), *body, *_foot(investigation)]
    elements = buttons(investigation, can_fix=can_fix, document=document)
    blocks.append({"type": "actions", "block_id": investigation.id, "elements": elements})
    return Message(clip_markup(_text(investigation, document), MESSAGE_TEXT), blocks)


def pointer(investigation: Investigation) -> Message:
    """For the thread of another alert of the service: one report says it for both."""
    where = foreign(investigation.subject, 40)
    text = f"🔎 {investigation.id} looks for the cause: its report is in the thread of {where}, of the same service."
    return Message(text, [context(text)])


def title(investigation: Investigation) -> str:
    """The first line: `Most likely: errors (more than 10) · confidence 0.93`."""
    diagnosis = investigation.diagnosis
    if diagnosis is None:
        return f"⚠ Could not look for the cause of {clip(one_line(investigation.subject), 40)}"
    if investigation.is_dismissed:
        return f"⚪ Dismissed: {cause(diagnosis)} · confidence {diagnosis.confidence:.2f}"
    if diagnosis.cause is Cause.UNKNOWN and not diagnosis.title:
        return f"🔎 {_known(investigation, diagnosis)}No likely cause found"
    return f"🔎 Most likely: {cause(diagnosis)} · confidence {diagnosis.confidence:.2f}"


def _known(investigation: Investigation, diagnosis: Diagnosis) -> str:
    """What the alarm itself measures, where the matrix has no row for it: `messages in DLQ: 412 (limit 100) · `."""
    own = investigation.evidence.reading(Measure.OTHER) if investigation.evidence is not None else None
    return f"{clip(one_line(diagnosis.findings[0]), 100)} · " if own is not None and diagnosis.findings else ""


def cause(diagnosis: Diagnosis) -> str:
    """In words; errors that a rollback is to end come from the deployment."""
    is_deployed = bool(diagnosis.suspects) and diagnosis.suspects[0].change.kind is ChangeKind.DEPLOYMENT
    if diagnosis.cause is Cause.MANY_ERRORS and diagnosis.action is Remedy.ROLLBACK and is_deployed:
        return "bad deployment (more than 10 errors)"
    return one_line(diagnosis.title) or _CAUSES[diagnosis.cause]


def line(investigation: Investigation) -> str:
    """One line for timelines, which say before it that it is the root cause."""
    diagnosis = investigation.diagnosis
    if diagnosis is None:
        return clip(one_line(f"could not be looked for: {investigation.problem}"), 300).rstrip(": ")
    said = f"{cause(diagnosis)} ({diagnosis.confidence:.2f})"
    if investigation.is_dismissed:
        return f"not {said}, dismissed"
    what = f", after: {diagnosis.suspects[0].change.what}" if diagnosis.suspects else ""
    return clip(one_line(f"{said}{what}"), 300)


def _text(investigation: Investigation, document: str) -> str:
    """For the lock screen: how bad, where, what, what to do."""
    head = f"{title(investigation)} — {investigation.severity.label}, {clip(one_line(investigation.service), 80)}"
    diagnosis = investigation.diagnosis
    if diagnosis is None or investigation.is_dismissed:
        return foreign(f"{head}: {investigation.problem}" if investigation.problem else head, 600)
    step = recommended(diagnosis, document) or diagnosis.advice
    return foreign(f"{head}. Recommended: {step}" if step else head, 900)


# -- what was found


def _failed(investigation: Investigation, runbook: str | None) -> list[Line]:
    lines: list[Line] = [[words(investigation.problem or "No source answered.", 500)]]
    unseen = _unseen(investigation)
    lines += [_listed("Not looked at: ", unseen)] if unseen else []
    return [*lines, *([[bold("By hand: "), _own_page(investigation, runbook)]] if runbook else [])]


def _found(investigation: Investigation, diagnosis: Diagnosis) -> list[Block]:
    """Findings, the strongest first, and the likeliest changes; one that a finding names is marked there."""
    suspects = [each for each in enumerate(diagnosis.suspects[:_SUSPECTS], start=1) if _is_close(each[1], diagnosis)]
    total, lines = len(diagnosis.suspects), list[Line]()
    for finding in diagnosis.findings[:_FINDINGS]:
        named = next((each for each in suspects if _names(finding, each[1])), None)
        lines.append([*_coded(finding, 300), *(_rank(named[0], total, named[1]) if named else [])])
        suspects = [each for each in suspects if each is not named]
    began_at = investigation.evidence.began_at if investigation.evidence else None
    for rank, suspect in suspects:
        told = [*change(suspect.change, investigation.service), *reasons(suspect, began_at)]
        lines.append([*told, *_rank(rank, total, suspect)])
    return [bullets(*lines)] if lines else [rich([own("Nothing stands out in what could be looked at.")])]


def _coded(text: str, limit: int) -> Line:
    """Foreign words, what stands between backticks as code."""
    pieces = clip(one_line(text), limit).split("`")
    if len(pieces) % 2 == 0:
        return [words(text.replace("`", "'"), limit)]
    told = [(piece, n % 2 == 1) for n, piece in enumerate(pieces) if piece]
    return [part for piece, is_code in told for part in _piece(piece, is_code=is_code)] or [words("", limit)]


def _piece(text: str, *, is_code: bool) -> Line:
    """Its spaces stay: what is foreign is cut to its words."""
    core = text.strip()
    if not core:
        return [own(" ")]
    said = {**words(core, _LISTED), "style": {"code": True}} if is_code else words(core, _LISTED)
    return [*([own(" ")] if text[0] == " " else []), said, *([own(" ")] if text[-1] == " " else [])]


def _is_close(suspect: Suspect, diagnosis: Diagnosis) -> bool:
    """Nearly as likely as the first one; the others are in the evidence."""
    return suspect.score * 2 >= diagnosis.suspects[0].score


def _names(finding: str, suspect: Suspect) -> bool:
    known = (suspect.change.what, suspect.change.after)
    return any(len(name) > 3 and name in finding for name in known)


def _rank(rank: int, total: int, suspect: Suspect) -> Line:
    of = f"change ranked {rank} of {total}" if total > 1 else "the only change"
    return [own(" "), bold(f"← {of}".replace(" ", "\u00a0")), own(f" ({suspect.score:.2f})")]


def _judged(
    investigation: Investigation, diagnosis: Diagnosis, runbook: str | None, document: str, pages: str
) -> list[Line]:
    unseen, lines = _unseen(investigation), list[Line]()
    if diagnosis.excluded:
        lines.append(_listed("Not it: ", diagnosis.excluded))
    if unseen:
        lines.append(_listed("⚠ Not looked at: ", unseen))
    if investigation.is_dismissed:
        who = user(investigation.dismissed_by) if investigation.dismissed_by else own("Somebody")
        return [*lines, [who, own(" said that this is not it.")]]
    step = recommended(diagnosis, document)
    told: list[Line] = [[bold("Recommended: "), words(step, 200)]] if step else []
    name = _page(diagnosis, document)
    page = url(f"{pages.rstrip('/')}/{name}.md", f"{name}.md") if pages else own(f"docs/runbooks/{name}.md", code=True)
    more: Line = [own(" · "), _own_page(investigation, runbook)] if runbook else []
    return [*lines, *told, [bold("By hand: "), words(_by_hand(diagnosis, document), 400), own(", see "), page, *more]]


def _is_by_document(diagnosis: Diagnosis, document: str) -> bool:
    return bool(document) and diagnosis.action in (None, Remedy.RUNBOOK)


def _page(diagnosis: Diagnosis, document: str) -> str:
    """The page of docs/runbooks for what is recommended."""
    return document if _is_by_document(diagnosis, document) else MANUAL[diagnosis.cause]


def _by_hand(diagnosis: Diagnosis, document: str) -> str:
    if _is_by_document(diagnosis, document) and diagnosis.cause is Cause.UNKNOWN:
        return f"Take the steps of {document}"
    return one_line(diagnosis.advice) or "the standard investigation"


def _own_page(investigation: Investigation, runbook: str) -> Piece:
    return url(runbook, f"Runbook of {clip(one_line(investigation.service), 60)}")


def recommended(diagnosis: Diagnosis, document: str = "") -> str:
    """What the bot can do about it: `roll back to web:56`, `roll back from live:3` where nobody knows what was there
    before; empty where that is nothing."""
    action = diagnosis.action
    if action is Remedy.RUNBOOK or _is_by_document(diagnosis, document):
        return f"run {document or 'the runbook'}"
    step = _STEPS[action][0] if action in _STEPS else ""
    if action is not Remedy.ROLLBACK or not diagnosis.suspects:
        return step
    likeliest = diagnosis.suspects[0].change
    where = f" to {likeliest.before}" if likeliest.before else f" from {likeliest.after}" if likeliest.after else ""
    return one_line(step + where)


def _unseen(investigation: Investigation) -> list[str]:
    """What could not be looked at; the diagnosis says, and where there is none, the sources."""
    if investigation.diagnosis is not None and investigation.diagnosis.unseen:
        return list(investigation.diagnosis.unseen)
    asked = investigation.evidence.asked if investigation.evidence else ()
    worse = [one for one in asked if one.outcome in (SourceOutcome.FAILED, SourceOutcome.NOT_PERMITTED)]
    return [f"{one.source.value} — {one.outcome.value}{f': {one.why}' if one.why else ''}" for one in worse]


def _listed(head: str, reasons: Sequence[str]) -> Line:
    """The first of them, as many as have room whole."""
    told = [clip(one_line(each), 250) for each in reasons[:_REASONS]]
    while sum(len(each) + 3 for each in told) > _LISTED - 20:
        told.pop()
    more = [f"and {len(reasons) - len(told)} more"] if len(reasons) > len(told) else []
    return [bold(head), *_coded(" · ".join([*told, *more]), _LISTED)]


def _foot(investigation: Investigation) -> list[Block]:
    """Which investigation this is, what it looked at, who asked, how long it took."""
    diagnosis, evidence = investigation.diagnosis, investigation.evidence
    facts = [f"{investigation.id} for {foreign(investigation.subject, 100)}", foreign(investigation.service, 100)]
    if evidence is not None:
        facts.append(f"looked at {when(evidence.since)} to {when(evidence.until)}")
    if investigation.done_at is not None:
        facts.append(f"took {_took(investigation.done_at - investigation.asked_at, evidence)}")
    is_known = diagnosis is not None and diagnosis.cause is not Cause.UNKNOWN
    if diagnosis is not None and is_known and diagnosis.severity < investigation.severity:
        facts.append(f"the response matrix rates this cause {diagnosis.severity.label}, above the alert's")
    facts.append(f"asked by <@{investigation.by}>" if investigation.by else "began by itself")
    return [context(" · ".join(fact for fact in facts if fact))]


def _took(span: timedelta, evidence: Evidence | None) -> str:
    """`0.7 s`, `12 s`; at least what the slowest source took."""
    slowest = max((one.seconds for one in evidence.asked), default=0.0) if evidence is not None else 0.0
    seconds = max(span.total_seconds(), slowest)
    return f"{max(seconds, 0.1):.1f} s" if seconds < 9.95 else durations.span(timedelta(seconds=seconds))


# -- buttons


def buttons(investigation: Investigation, *, can_fix: bool, document: str = "") -> list[Block]:
    """The recommended step where the bot may take it, then what is behind it."""
    number, is_open = str(investigation.number), not investigation.is_dismissed
    again = button("Look again", Action.RCA_RUN, number)
    show = [button("Show evidence", Action.RCA_EVIDENCE, number)] if investigation.evidence is not None else []
    if investigation.diagnosis is None:
        return [*show, again]
    fixes = _fixes(investigation, investigation.diagnosis, document) if can_fix and is_open else []
    has_cause = investigation.diagnosis.cause is not Cause.UNKNOWN or investigation.diagnosis.title != ""
    dismiss = [button("Not it", Action.RCA_DISMISS, number)] if is_open and has_cause else []
    return [*fixes, *show, *dismiss, again]


def _fixes(investigation: Investigation, diagnosis: Diagnosis, document: str) -> list[Block]:
    """What the matrix recommends; for a leak that a deployment brought, the rollback too: it lasts longer."""
    subject, found = investigation.subject, list[Block]()
    if diagnosis.action in _STEPS:
        _, text, action = _STEPS[diagnosis.action]
        found.append(button(text, action, subject, style="primary"))
    first = diagnosis.suspects[0].change.kind if diagnosis.suspects else None
    is_brought = diagnosis.cause is Cause.MEMORY_LEAK and first is ChangeKind.DEPLOYMENT
    if is_brought and diagnosis.action is not Remedy.ROLLBACK:
        found.append(button("Roll back…", Action.ROLLBACK, subject))
    if document:
        style = {} if found else {"style": "primary"}
        found.append(button(f"Run {clip(document, 60)}…", Action.RUN, f"{document}|{subject}", **style))
    return found


def for_mail(investigation: Investigation, document: str = "") -> str:
    """The report as the plain text of an e-mail; `document` is the SSM document that fits."""
    diagnosis, evidence = investigation.diagnosis, investigation.evidence
    rows = [
        ("For", f"{investigation.subject} ({investigation.severity.label}, {investigation.severity.word})"),
        ("Service", investigation.service),
        ("Began", f"{evidence.began_at:%Y-%m-%d %H:%M:%S} UTC" if evidence else ""),
        ("Problem", investigation.problem),
        ("Recommended", recommended(diagnosis, document) if diagnosis and not investigation.is_dismissed else ""),
        ("By hand", _by_hand(diagnosis, document) if diagnosis and not investigation.is_dismissed else ""),
    ]
    lines = [title(investigation), "", *(f"{name}: {one_line(said)}" for name, said in rows if one_line(said))]
    for head, said in _for_mail(investigation):
        lines += ["", f"{head}:", *(f"  - {one_line(each)}" for each in said)] if said else []
    return "\n".join(lines)


def _for_mail(investigation: Investigation) -> list[tuple[str, list[str]]]:
    diagnosis = investigation.diagnosis
    if diagnosis is None:
        return [("Not looked at", _unseen(investigation))]
    suspects = [f"{each.change.what} by {each.change.author or 'somebody'}, {each.change.at:%H:%M:%S} UTC, score "
                f"{each.score:.2f}: {', '.join(each.reasons)}" for each in diagnosis.suspects[:_SUSPECTS]]  # fmt: skip
    return [
        ("What speaks for it", list(diagnosis.findings)),
        ("Changes, the likeliest first", suspects),
        ("Not it", list(diagnosis.excluded)),
        ("Not looked at", _unseen(investigation)),
    ]
