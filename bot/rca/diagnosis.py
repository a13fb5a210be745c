"""From the evidence to a row of the matrix, what is recommended, and all that has to be said about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bot.models import (
    Action,
    Asked,
    Cause,
    ChangeKind,
    Diagnosis,
    Evidence,
    Measure,
    Source,
    SourceOutcome,
    Suspect,
)
from bot.rca import words
from bot.rca.facts import THERE, Facts, facts, has_course
from bot.rca.matrix import MATRIX
from bot.rca.signs import Judged, Symptom, judge, seen
from bot.rca.suspects import ACCESS, CONF, DEP, LIKELY, SCALING, Habit, distinct, is_own, rank, still_runs, taken_back
from bot.rca.usual import ramp

PLAUSIBLE = 0.3
"""A change from this score on is worth a sentence, and a deployment a rollback."""
SURE = 0.8
BLAMED = 0.7
"""From here on somebody else is held to be the cause."""
HIGH_MEMORY = (75, 85)
CATALOGUE = "the catalogue"
SOME_GONE = 0.25
"""From so many missing tasks on it is said."""
DOWN = 0.95
"""How sure it is that a service of which nothing runs is down for that."""

# How long after a change a symptom shows, and which kinds bring it about. Ours: a leak takes its time, errors do not;
# fewer tasks make the others busy, but break nothing.
HABITS = {
    Symptom.CPU: Habit(timedelta(minutes=30), {DEP: 1.0, CONF: 0.85, SCALING: 0.95, ACCESS: 0.2}),
    Symptom.MEMORY: Habit(timedelta(hours=2), {DEP: 1.0, CONF: 0.9, SCALING: 0.3, ACCESS: 0.1}),
    Symptom.ERRORS: Habit(timedelta(minutes=15), {DEP: 1.0, CONF: 0.9, SCALING: 0.3, ACCESS: 0.7}),
    Symptom.SLOW: Habit(timedelta(minutes=30), {DEP: 1.0, CONF: 0.95, SCALING: 0.8, ACCESS: 0.4}),
    Symptom.NOTHING: Habit(timedelta(minutes=30), {DEP: 1.0, CONF: 0.9, SCALING: 0.6, ACCESS: 0.6}),
}
_UNSEEN = frozenset({SourceOutcome.FAILED, SourceOutcome.NOT_PERMITTED, SourceOutcome.OFF})
_CONTEXT = (Measure.CPU, Measure.MEMORY, Measure.LATENCY, Measure.REQUESTS, Measure.ERRORS)


def diagnose(evidence: Evidence) -> Diagnosis:
    """Which row of the matrix it is, how sure, and what to do. The same evidence always says the same."""
    found = facts(evidence)
    judged = judge(found)
    cause = _cause(judged.symptom, found)
    suspects = rank(evidence, HABITS[judged.symptom])
    if judged.symptom is Symptom.NOTHING:  # where nothing is known to be wrong, an unlikely change is no news
        suspects = tuple(each for each in suspects if each.score >= LIKELY)
    row = MATRIX[cause]
    is_down = cause is Cause.UNKNOWN and found.gone >= 1
    return Diagnosis(
        cause=cause,
        severity=row.severity,
        confidence=round(DOWN * seen(evidence), 2) if is_down else judged.confidence,
        findings=tuple(_findings(judged, found, suspects)),
        excluded=tuple(_excluded(judged.symptom, found, suspects)),
        unseen=tuple(_not_seen(evidence)),
        suspects=suspects,
        action=_action(row.action, judged.symptom, found, suspects),
        advice=row.manual,
        title="no task runs" if is_down else "",
    )


def _cause(symptom: Symptom, found: Facts) -> Cause:
    """The branch of the flow, told apart by the errors."""
    errors = found.errors
    rows = {
        Symptom.CPU: Cause.CPU_WITH_ERRORS if errors.are_there else Cause.CPU,
        Symptom.MEMORY: Cause.MEMORY_LEAK,
        Symptom.ERRORS: Cause.MANY_ERRORS if errors.are_many else Cause.FEW_ERRORS,
        Symptom.SLOW: Cause.SLOW,
        Symptom.NOTHING: Cause.UNKNOWN,
    }
    return rows[symptom]


def _action(action: Action | None, symptom: Symptom, found: Facts, suspects: tuple[Suspect, ...]) -> Action | None:
    """The matrix's action where it would help. Going back helps against a deployment only. What a deployment made slow
    needs that one gone, not more of it; and more tasks ask something else that is slow even more."""
    if action is Action.ROLLBACK:
        return action if _is_bad_deployment(found, suspects) else None
    if symptom is not Symptom.SLOW:
        return action
    if suspects and suspects[0].score >= SURE and _is_bad_deployment(found, suspects):
        return Action.ROLLBACK
    return None if found.blame.strength >= BLAMED else action


def _is_bad_deployment(found: Facts, suspects: tuple[Suspect, ...]) -> bool:
    """Is the likeliest change a deployment of this service? Where others are to blame, only if it came just before:
    and where that is more than a hint, if the errors are of its own code."""
    if not suspects or suspects[0].change.kind is not ChangeKind.DEPLOYMENT:
        return False
    top, blame = suspects[0], found.blame
    if top.score < PLAUSIBLE or not is_own(top.change, found.evidence) or not still_runs(top.change, found.evidence):
        return False
    if blame.strength < BLAMED:
        return True
    return top.score >= SURE and (not blame.names or found.errors.own >= THERE)


def _findings(judged: Judged, found: Facts, suspects: tuple[Suspect, ...]) -> Iterator[str]:
    """What speaks for it, the strongest first; then the likeliest change, and how the rest is."""
    told = [text for _, text in judged.findings]
    if found.gone >= 1:
        told.insert(0, words.tasks(found))
    if found.errors.are_there and judged.symptom in {Symptom.CPU, Symptom.SLOW}:
        told.append(words.errors(found))
    if found.blame.names:
        told.append(words.blame(found))
    if found.gone >= SOME_GONE:
        told.append(words.tasks(found))
    if judged.symptom is Symptom.NOTHING:
        told += _nothing(found)
    if suspects and suspects[0].score >= PLAUSIBLE:
        told.append(words.suspect(suspects[0]))
    yield from (text for text in dict.fromkeys(told) if text)
    if others := [text for text in _rest(judged.symptom, found) if text not in told]:
        yield ", ".join(others)


def _nothing(found: Facts) -> Iterator[str]:
    """What the alarm is about, where the matrix has no row for it."""
    own = found.evidence.reading(Measure.OTHER)
    if own is not None:
        yield words.other(own)
    if found.gone < 1:
        yield "nothing of what was looked at is unusual enough to be one of the known causes"


def _rest(symptom: Symptom, found: Facts) -> Iterator[str]:
    """The other readings. Errors have a sentence of their own, and what is excluded is said there. Where nothing runs,
    CPU and memory are of what ran."""
    excluded = " ".join(_not_them(symptom, found))
    for measure in _CONTEXT[2:] if found.gone >= 1 else _CONTEXT:
        is_said = measure is Measure.ERRORS and (found.errors.are_there or symptom is Symptom.ERRORS)
        if measure in found.rises and not is_said and not words.is_empty(found.rises[measure]):
            text = words.reading(found.rises[measure])
            if text not in excluded:
                yield text


def _excluded(symptom: Symptom, found: Facts, suspects: tuple[Suspect, ...]) -> Iterator[str]:
    """What was looked at and is not it."""
    yield from _not_them(symptom, found)
    evidence = found.evidence
    yield from (words.taken_back(*each, evidence.began_at) for each in taken_back(evidence))
    if _answered(evidence, Source.HEALTH) and not any(note.is_ours and note.is_open for note in evidence.health):
        others = words.things(len(evidence.health), "event, not ours", "events, none of them ours and open")
        yield f"{Source.HEALTH.value}: {others if evidence.health else 'nothing'}"
    if _answered(evidence, Source.TRACES) and not (evidence.traces and evidence.traces.downstream):
        yield f"{Source.TRACES.value}: {'no fault upstream' if evidence.traces else 'nothing'}"
    if _answered(evidence, Source.LOGS) and not evidence.logs:
        yield f"{Source.LOGS.value}: nothing"
    if _answered(evidence, Source.CHANGES):
        yield f"{Source.CHANGES.value}: {_other_changes(evidence, suspects)}"


def _not_them(symptom: Symptom, found: Facts) -> Iterator[str]:
    """Readings that look bad and are not the cause."""
    cpu, memory = found.rises.get(Measure.CPU), found.rises.get(Measure.MEMORY)
    if symptom is Symptom.ERRORS and cpu and cpu.strength >= THERE:
        yield f"{words.reading(cpu)}, which follows from the errors"
    is_high = memory is not None and has_course(memory.reading) and ramp(memory.reading.now, *HIGH_MEMORY) > 0
    if symptom is not Symptom.MEMORY and memory and is_high:
        flat = "flat" if abs(memory.reading.slope) < 0.1 else "nobody was killed"
        yield f"{words.reading(memory)}, high but {flat}"


def _other_changes(evidence: Evidence, suspects: tuple[Suspect, ...]) -> str:
    told = len(suspects) + sum(1 for _ in taken_back(evidence))
    others = sum(not one.is_ours for one in distinct(evidence.changes)) - told
    if others <= 0:
        return "no other changes" if suspects else "nothing"
    return f"{words.things(others, 'other change')}, other targets or times"


def _answered(evidence: Evidence, source: Source) -> bool:
    answer = evidence.answer(source)
    return answer is not None and answer.outcome not in _UNSEEN


def _not_seen(evidence: Evidence) -> Iterator[str]:
    """What the catalogue lacks is said in a word: the evidence has it at length."""
    missing = [answer for answer in evidence.asked if answer.outcome is SourceOutcome.OFF and CATALOGUE in answer.why]
    yield from (_unseen(each) for each in evidence.asked if each.outcome in _UNSEEN and each not in missing)
    if missing:
        yield f"{', '.join(each.source.value for each in missing)} — {CATALOGUE} does not say where"


def _unseen(answer: Asked) -> str:
    """`Logs Insights — not permitted: logs:StartQuery on /ecs/checkout-api`."""
    told = f"{answer.source.value} — {answer.outcome.value}"
    return f"{told}: {answer.why}" if answer.why else told
