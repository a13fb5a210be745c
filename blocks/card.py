"""The incident card: one message per incident and channel, edited in place, with the buttons that apply now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from blocks import timeline
from blocks.ids import Action
from blocks.rich import Line, Piece, bold, moment, own, rich, url, user, words
from blocks.text import (
    FIELD_TEXT,
    MESSAGE_TEXT,
    SECTION_TEXT,
    Block,
    ago,
    button,
    clip,
    clip_markup,
    confirm,
    foreign,
    header,
    link,
    mrkdwn,
    plain,
    plain_context,
    plain_section,
    when,
)
from bot import durations
from bot.models import Incident, Message, OwedKind, Paged, Status, TimelineEvent, Trouble

TIMELINE_SHOWN = 4
_ID = re.compile(r"[USW][A-Z0-9]{4,}")
_IMPACT_SHOWN = 600
_RESPONDERS_SHOWN = 8
_LINKS_SHOWN = 5
_PAGED_SHOWN = 5
_ICONS = {
    Status.DECLARED: "🔴",
    Status.RESOLVED: "🟢",
    Status.CANCELLED: "⚪",
    Status.MERGED: "⚪",
}
_OWED_WORDS = {
    OwedKind.CHANNEL: "incident channel",
    OwedKind.INVITE: "invitations",
    OwedKind.TOPIC: "channel topic",
    OwedKind.PIN: "pinned card",
    OwedKind.BOOKMARK: "bookmarks",
    OwedKind.DECLARED: "declared message",
    OwedKind.RESOLVED: "resolved message",
    OwedKind.CARD: "card",
    OwedKind.POST: "message",
    OwedKind.ALERT: "alert card",
    OwedKind.STORM: "storm summary",
    OwedKind.PAGE: "page",
    OwedKind.PAGER: "news to the pager",
    OwedKind.EVENTS: "event",
    OwedKind.MAIL: "e-mail",
    OwedKind.REPORT: "root cause report",
    OwedKind.PICTURE: "metric picture",
    OwedKind.FIX: "change to AWS",
    OwedKind.FIX_CARD: "plan of a change",
    OwedKind.PROPOSE: "change under a standing approval",
    OwedKind.AFTERMATH: "post-mortem",
    OwedKind.POST_MORTEM: "card of the post-mortem",
    OwedKind.FILE: "file of the post-mortem",
    OwedKind.PULL_REQUEST: "pull request of the post-mortem",
    OwedKind.TICKET: "issue of an action item",
    OwedKind.REMIND: "reminder",
    OwedKind.DIGEST: "digest",
    OwedKind.BASELINE: "what is usual",
}


class CardFacts(NamedTuple):
    """All that a card shows: the stored incident and what belongs to it."""

    incident: Incident
    events: Sequence[TimelineEvent] = ()
    troubles: Sequence[Trouble] = ()
    bridge: str = ""
    owner: str = ""
    dashboard: str | None = None
    runbook: str | None = None


def card(facts: CardFacts) -> Message:
    """The card in the incident's present state."""
    incident = facts.incident
    blocks = [
        header(title(incident)),
        plain_section(clip(incident.impact, _IMPACT_SHOWN)),
        {"type": "section", "fields": [mrkdwn(clip_markup(text, FIELD_TEXT)) for text in _fields(facts)]},
        *_references(facts),
        *_update(incident),
        *_resolution(incident),
        *_timeline(facts.events),
        *_troubles(facts.troubles),
        {"type": "actions", "block_id": incident.id, "elements": buttons(incident)},
    ]
    words = (
        f"{foreign(title(incident), 200)} — {foreign(incident.impact, 300)} · commander {_person(incident.commander)}"
    )
    return Message(clip_markup(words, MESSAGE_TEXT), blocks)


def title(incident: Incident) -> str:
    """The first line: what, how bad, where, how it stands."""
    icon = _ICONS.get(incident.status, "🟠")
    parts = [
        f"{icon} {incident.id}",
        incident.severity.label,
        clip(incident.service, 60),
        _standing(incident),
    ]
    return " · ".join(parts)


def _standing(incident: Incident) -> str:
    if incident.status is Status.MERGED:
        return f"merged into INC-{incident.merged_into}"
    if incident.resolved_at is not None:
        return f"{incident.status} after {durations.span(incident.duration(incident.resolved_at))}"
    if incident.status is Status.DECLARED:
        return "declared, not acknowledged yet"
    return incident.status.value


def _fields(facts: CardFacts) -> list[str]:
    incident = facts.incident
    fields = [
        f"*Commander*\n{_person(incident.commander)}",
        f"*Responders*\n{_people(incident.responders)}",
        f"*Declared*\n{when(incident.declared_at, '{date_short_pretty} {time}')} by {_person(incident.declared_by)}",
        f"*Acknowledged*\n{_acknowledged(incident)}",
        f"*Alerts*\n{_alerts(incident)}" if incident.alerts else "",
        f"*Paged*\n{_paged(incident)}" if shows_paged(incident) else "",
        f"*Owner*\n{_owner(facts.owner)}" if facts.owner else "",
        f"*Bridge*\n{link(facts.bridge, 'Join the bridge')}" if facts.bridge else "",
        f"*Channel*\n<#{incident.channel_id}>" if incident.channel_id else "",
    ]
    return [field for field in fields if field]


def _people(users: Sequence[str]) -> str:
    shown = " ".join(f"<@{user}>" for user in users[:_RESPONDERS_SHOWN])
    more = len(users) - _RESPONDERS_SHOWN
    return (f"{shown} and {more} more" if more > 0 else shown) or "nobody yet"


def _acknowledged(incident: Incident) -> str:
    if incident.acknowledged_at is None:
        due = incident.due_at
        if due is None or not incident.awaits:
            return "nobody yet"
        return f"nobody yet, {'was due' if incident.missed_at else 'due'} {when(due, '{date_short_pretty} {time}')}"
    who = f"<@{incident.acknowledged_by}>" if incident.acknowledged_by else "in"
    via = f" {'in ' if incident.acknowledged_by else ''}{foreign(incident.via, 100)}" if incident.via else ""
    return f"{who}{via} {durations.after(incident.acknowledged_at - incident.began_at)}"


def _owner(owner: str) -> str:
    """A user or user group by its id is mentioned; anything else is words."""
    if not _ID.fullmatch(owner):
        return foreign(owner, 200)
    return f"<!subteam^{owner}>" if owner.startswith("S") else f"<@{owner}>"


def _alerts(incident: Incident) -> str:
    over = incident.alerts - incident.firing
    if not incident.firing:
        return {1: "OK", 2: "both OK"}.get(over, f"all {over} OK")
    return f"{incident.firing} firing, {over} over" if over else f"{incident.firing} firing"


def shows_paged(incident: Incident) -> bool:
    """Who was paged has a field of its own while somebody is waited for; its timeline lines would say it again."""
    return incident.awaits and bool(incident.paged)


def _paged(incident: Incident) -> str:
    """Everybody once in each role, the newest last."""
    called = dict.fromkeys((page.user_id, page.name, _as(page)) for page in incident.paged)
    people = [(f"<@{user}>" if user else foreign(name, 80), role) for user, name, role in called]
    return ", ".join(f"{who} ({role})" for who, role in people[-_PAGED_SHOWN:])


def _as(page: Paged) -> str:
    """In which role; and by what, where that is not what wakes people."""
    return f"{page.role.value}, by {page.means.value}" if page.means and page.why_not else page.role.value


def _person(user_id: str | None) -> str:
    return f"<@{user_id}>" if user_id else "nobody yet"


def _references(facts: CardFacts) -> list[Block]:
    links = [
        (facts.dashboard, "Dashboard"),
        (facts.runbook, "Runbook"),
        (facts.incident.origin, "Where it began"),
    ]
    links += [(entry.url, entry.title or entry.url) for entry in facts.incident.links[-_LINKS_SHOWN:]]
    pieces: list[Piece] = []
    for address, words_ in links:
        if address:
            pieces += [own(" · ") if pieces else bold("Look at "), url(address, clip(words_, 60))]
    return [rich(pieces)] if pieces else []


def _update(incident: Incident) -> list[Block]:
    if incident.update is None:
        return []
    newest = incident.update
    head = [bold("Last update "), moment(newest.at), own(" by "), user(newest.by), own(": ")]
    return [rich([*head, words(newest.text, 900)])]


def _resolution(incident: Incident) -> list[Block]:
    head = "Over: " if incident.is_closed_by_alarm else "What fixed it: "
    lines: list[Line] = []
    if not incident.is_open and incident.firing:
        despite = [own(". Over all the same: "), words(incident.despite, 900)] if incident.despite else []
        lines.append([bold("⚠ "), own(_fires_on(incident)), *despite])
    elif incident.despite:
        lines.append([bold("Resolved while alarms fired: "), words(incident.despite, 900)])
    if incident.resolution:
        lines.append([bold(head), words(incident.resolution, 900)])
    return [rich(*lines)] if lines else []


def _fires_on(incident: Incident) -> str:
    if incident.firing == incident.alerts:
        return "Its alarm still fires" if incident.alerts == 1 else f"All {incident.alerts} of its alarms still fire"
    return f"{incident.firing} of its {incident.alerts} alarms still {'fires' if incident.firing == 1 else 'fire'}"


def _timeline(events: Sequence[TimelineEvent]) -> list[Block]:
    return [timeline.tail(events[-TIMELINE_SHOWN:])] if events else []


def _troubles(troubles: Sequence[Trouble]) -> list[Block]:
    if not troubles:
        return []
    words_ = [f"{_OWED_WORDS[each.kind]} ({each.error}, {_tries(each)})" for each in troubles[:5]]
    return [plain_context("⚠ Not taken yet: " + " · ".join(words_))]


def _tries(trouble: Trouble) -> str:
    return "given up" if trouble.is_given_up else f"try {trouble.attempts}, trying again"


def buttons(incident: Incident) -> list[Block]:
    """The buttons that apply in this state."""
    value = str(incident.number)
    over = [button("Timeline", Action.TIMELINE, value)]
    if incident.status is Status.MERGED:
        return over
    if not incident.is_open:
        question = confirm(f"Reopen {incident.id}?", "It goes back to investigating.", "Reopen")
        written = [button("Post-mortem", Action.POST_MORTEM, value)] if incident.status is Status.RESOLVED else []
        return [button("Reopen", Action.REOPEN, value, confirm=question), *over, *written]
    question = confirm(
        f"Resolve {incident.id}?",
        "The resolved message goes to the incident channel. You can reopen it.",
        "Resolve",
    )
    working = [
        button("Assign me", Action.ASSIGN_ME, value),
        button("Update", Action.UPDATE, value),
        button("Change severity", Action.SEVERITY, value),
        *over,
        # while alarms fire, a form asks why it is over all the same: one question is enough
        button("Resolve", Action.RESOLVE, value, **({} if incident.firing else {"confirm": question})),
    ]
    if incident.status is Status.DECLARED:
        return [button("Acknowledge", Action.ACKNOWLEDGE, value, style="primary"), *working]
    return working


def summary(incident: Incident, now: datetime) -> Block:
    """One incident in two lines, for lists."""
    since = ago((now - incident.declared_at).total_seconds())
    where = f" · <#{incident.channel_id}>" if incident.channel_id else ""
    return {
        "type": "section",
        "text": plain(f"{title(incident)}\n{clip(incident.impact, 150)}", SECTION_TEXT),
        "fields": [mrkdwn(f"{_person(incident.commander)} · declared {since}{where}")],
        "accessory": button("Show", Action.SHOW, str(incident.number)),
    }
