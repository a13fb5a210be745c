"""The lists of a draft: alarms, changes to AWS, updates, people, incidents alike, action items. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from blocks import alert as alert_words
from blocks import remediation as fix_words
from bot.draft.alike import Alike
from bot.draft.words import Known, address, at_of, day_of, inert, name_of
from bot.models import ActionItem, Alert, EventKind, Remediation, TimelineEvent

AFTERWARDS = frozenset({EventKind.POST_MORTEM, EventKind.ACTION_ITEM})


def alarms(known: Known) -> str:
    if not known.alerts:
        return "No alarm belongs to it."
    rows = ["| Alarm | Fired | While firing | Over | |", "|---|---|---|---|---|"]
    return "\n".join([*rows, *(_alarm(known, each) for each in known.alerts)])


def _alarm(known: Known, alert: Alert) -> str:
    over = at_of(known, alert.over_at) if alert.over_at else "still fires"
    after = inert(alert_words.over_summary(alert)) if alert.over_at else ""
    cells = (f"{alert.id} {inert(alert.alarm.name)}", at_of(known, alert.fired_at), inert(alert_words.summary(alert)))
    return f"| {' | '.join((*cells, over, after))} |"


def remediations(known: Known) -> str:
    if not known.remediations:
        return "AWS was not changed from here."
    return "\n".join(_remediation(known, fix) for fix in sorted(known.remediations, key=lambda fix: fix.number))


def _remediation(known: Known, fix: Remediation) -> str:
    asked = f"asked for by {name_of(known, fix.requested_by)}"
    approved = ", ".join(name_of(known, who) for who in fix.approved_by)
    why = "; ".join(each for each in (fix.problem, *fix.verdict) if each)
    facts = [
        f"{fix.id}: {inert(fix_words.what(fix))}, {inert(fix_words.change(fix))}",
        f"{asked}{f', approved by {approved}' if approved else ''}",
        f"began {at_of(known, fix.started_at)}" if fix.started_at else "",
        f"{inert(fix.status.value)}{f': {inert(why)}' if why else ''}",
        f"taken back by FIX-{fix.undone_by}" if fix.undone_by else "",
    ]
    return "- " + "; ".join(fact for fact in facts if fact)


def updates(known: Known) -> str:
    lines = [
        f"- {at_of(known, each.at)}, {name_of(known, each.actor)}: {inert(each.text)}"
        for each in known.events
        if each.kind is EventKind.UPDATE
    ]
    return "\n".join(lines) or "There were none."


def people(known: Known) -> str:
    """Everybody once, with what they were or did first."""
    one = known.incident
    roles: dict[str, list[str]] = {}
    for role, people in (
        ("commander", [one.commander]),
        ("declared it", [one.declared_by]),
        ("acknowledged it", [one.acknowledged_by]),
        ("resolved it", [one.resolved_by]),
        ("responder", list(one.responders)),
        ("paged", [page.user_id or page.name for page in one.paged]),
        ("", _actors(known.events)),
    ):
        for who in people:
            _add(roles, who, role)
    lines = [f"- {name_of(known, who)}{': ' + ', '.join(said) if said else ''}" for who, said in roles.items()]
    return "\n".join(lines) or "Nobody."


def _actors(events: Iterable[TimelineEvent]) -> list[str]:
    return list(dict.fromkeys(each.actor for each in events if each.actor and each.kind not in AFTERWARDS))


def _add(roles: dict[str, list[str]], who: str | None, role: str) -> None:
    if who is None:
        return
    had = roles.setdefault(who, [])
    if role and role not in had and not (role == "responder" and had):
        had.append(role)


def earlier(known: Known) -> str:
    lines = [
        f"- {each.incident.id} ({day_of(known, each.incident.declared_at)}, {each.incident.severity.label}): "
        f"{inert('; '.join(each.reasons))}. {_end(each)}"
        for each in known.alike
    ]
    return "\n".join(lines) or "None is known."


def _end(found: Alike) -> str:
    ended = [f"Ended: {inert(found.over, 300)}."] if found.over else []
    return " ".join([*ended, f"Fixed by: {inert(found.fix, 300)}." if found.fix else "Nobody said what fixed it."])


def actions(known: Known) -> str:
    if not known.actions:
        return "There are none."
    rows = ["| | What | Owner | Due | Priority | |", "|---|---|---|---|---|---|"]
    return "\n".join([*rows, *(_action(known, each) for each in known.actions)])


def _action(known: Known, item: ActionItem) -> str:
    name = f"[{item.id}]({address(item.url)})" if item.url else item.id
    state = "open" if item.is_open else "done"
    return f"| {name} | {inert(item.title)} | {name_of(known, item.owner)} | {item.due} | P{item.priority} | {state} |"
