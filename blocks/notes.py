"""Short messages in the card's thread and in the incident's own channel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from unicodedata import category

from blocks.alert import title
from blocks.rich import Line, Piece, code, flat, literal, moment, own, prose, rich, user, words
from blocks.text import MESSAGE_TEXT, clip_markup, counted
from bot import durations
from bot.models import Alert, Duty, Incident, Message, Paged, Role, Severity, Silence, Status, by_means

_REASON = 500
_NAMED = 5
_BINARY = 80
_NO_TEXT = ("Cc", "Cn", "Co", "Cs")  # categories of characters that nobody writes
_RAW = 400  # what tells a person where a message came from; all of it is stored


def _note(*lines: Line) -> Message:
    return Message(clip_markup("\n".join(flat(line) for line in lines), MESSAGE_TEXT), [rich(*lines)])


def _because(why: str) -> Line:
    return [own(": "), words(why, _REASON)] if why else [own(".")]


def assigned(incident: Incident, by: str) -> Message:
    if incident.commander == by:
        return _note([own("🧭 "), user(by), own(f" took command of {incident.id}.")])
    return _note([own("🧭 "), user(by), own(f" gave command of {incident.id} to "), user(incident.commander)])


def severity(incident: Incident, before: Severity, by: str, why: str) -> Message:
    arrow = "⬆" if incident.severity < before else "⬇"
    change = f"{arrow} {incident.id} is {incident.severity.label} now (was {before.label}), by "
    return _note([own(change), user(by), *_because(why)])


def status(incident: Incident, before: Status, by: str) -> Message:
    return _note([own(f"➡ {incident.id} is {incident.status} now (was {before}), by "), user(by), own(".")])


def update(incident: Incident, before: Status) -> Message:
    assert incident.update is not None
    moved = f" · {before} → {incident.status}" if before is not incident.status else ""
    head = [
        own("📣 "),
        own(f"{incident.id} update", bold=True),
        own(" by "),
        user(incident.update.by),
        own(moved or " "),
    ]
    return _note(head, [prose(incident.update.text, 3000)])


def ended(incident: Incident, by: str | None) -> Message:
    assert incident.resolved_at is not None
    took = durations.span(incident.duration(incident.resolved_at))
    lines: list[Line] = [[own(f"✅ {incident.id} resolved after {took} "), *_by(by, incident.resolved_via), own(".")]]
    if by is None and not incident.resolved_via:
        lines = [[own(f"✅ {incident.id} resolved after {took}: "), words(incident.resolution, _REASON)]]
    elif incident.despite:
        lines.append([own("Alarms fire still. Why it is over all the same: "), prose(incident.despite, 1500)])
    elif incident.resolution:
        lines.append([own("What fixed it: "), prose(incident.resolution, 1500)])
    return _note(*lines)


def reopened(incident: Incident, by: str | None, why: str) -> Message:
    return _note([own(f"🔁 {incident.id} reopened by "), user(by), *_because(why)])


def cancelled(incident: Incident, by: str, why: str) -> Message:
    return _note([own(f"⚪ {incident.id} cancelled by "), user(by), *_because(why)])


def merged(incident: Incident, target: Incident, by: str) -> Message:
    head = [
        own(f"🔀 {incident.id} ("),
        words(incident.service, 60),
        own(f") is part of {target.id} now, by "),
    ]
    return _note([*head, user(by), own(".")])


def not_shown(incident: Incident, channel: str, error: str) -> Message:
    """For the commander, when the operations channel can't be written to."""
    head = [own(f"⚠ {incident.id} is stored, but Slack does not let me post it in #{channel}: "), words(error, 300)]
    return _note(head, [own("Create the channel or invite me. I try again every 5 minutes, and go on meanwhile.")])


def worse(incident: Incident, before: Severity, alert: Alert) -> Message:
    """A worse alarm of the same service fires."""
    change = f"⬆ {incident.id} is {incident.severity.label} now (was {before.label}): "
    return _note([own(change), words(alert.alarm.name, 255), own(" fires too.")])


def all_quiet(incident: Incident) -> Message:
    """All alarms of an incident that people declared are OK: they decide whether it is over."""
    head = own(f"🟢 All alarms of {incident.id} are OK. Resolve it when it is over for your customers too, ")
    return _note([head, user(incident.commander) if incident.commander else own("whoever commands it"), own(".")])


def again(alert: Alert) -> Message:
    """Said in the channel: its card stands in a thread that is over."""
    return _note([words(title(alert), 300), own(" fires again. Its card is in the thread of an alert that is over.")])


def sla_missed(subject: Alert | Incident) -> Message:
    return _note([own(f"⏰ {subject.id} was not acknowledged in time ({subject.severity.label}).")])


def paged(subject_id: str, call: Paged, why: str, *, mentions: bool) -> Message:
    """Who was called and by what, with a mention where they need to act."""
    by = f" by {by_means(call.means, call.why_not)}" if call.means else ""
    reason: Line = [own(". Why: " if call.why_not else ": "), words(why, _REASON)] if why else [own(".")]
    who = _called(call, mentions=mentions)
    return _note([own("📟 Paged "), who, own(f" ({call.role.value}) for {subject_id}{by}"), *reason])


def not_paged(subject_id: str, call: Paged, *, mentions: bool) -> Message:
    """PagerDuty fails: they have a direct message meanwhile."""
    told = f" ({call.role.value}) for {subject_id}: {call.why_not}. "
    then = "They have a direct message, which may not wake them: call them too. I go on trying PagerDuty."
    return _note([own("⚠ PagerDuty did not page "), _called(call, mentions=mentions), own(told + then)])


def called_before(subject_id: str, to: Duty, at: datetime, answer: str, *, mentions: bool) -> Message:
    """Nothing was sent: they hold two roles, say."""
    told = own(f" ({to.role.value}) was called for {subject_id} already at ")
    return _note(
        [own("📟 "), _called(to, mentions=mentions), told, moment(at), own(f", {answer}. Nothing more was sent.")]
    )


def _called(who: Paged | Duty, *, mentions: bool) -> Piece:
    return user(who.user_id) if who.user_id and mentions else words(who.name, 100)


def nobody(subject_id: str, role: Role) -> Message:
    """The one to be called is not named anywhere."""
    key = role.value.replace("engineering ", "").replace("incident ", "").replace(" ", "_")
    head = own(f"📟 {subject_id} has nobody to call as {role.value}. ")
    return _note([head, own(f"Name one as on_call.{key} in config.yml.")])


def update_due(incident: Incident, since: str) -> Message:
    """Asks the commander for news."""
    who = user(incident.commander) if incident.commander else own("Whoever commands it")
    return _note([own("⏳ "), who, own(f": {incident.id} had no update for {since}. What is new?")])


def page_resolved(alerts: Sequence[Alert]) -> Message:
    """Somebody resolved the page at the pager while its alarms fire."""
    who = _by(alerts[0].left_by, alerts[0].left_via)
    return _note([own("⚠ Its page was resolved "), *who, own(f", but {_firing(alerts)}: "), *_named(alerts), *_TAKE])


def fires_on(incident: Incident, alerts: Sequence[Alert]) -> Message:
    """People resolved or cancelled an incident while alarms of it fire."""
    who = _by(incident.resolved_by, incident.resolved_via)
    said: Line = [own(". They say: "), words(incident.despite, _REASON)] if incident.despite else []
    head = [own(f"⚠ {incident.id} was {incident.status} "), *who, own(f", but {_firing(alerts)}: "), *_named(alerts)]
    return _note([*head, *said, *_TAKE])


def still_fires(alerts: Sequence[Alert]) -> Message:
    """Some time after people resolved its incident, or its page. Said in the channel, the first one's number ahead."""
    first = alerts[0]
    what = f"INC-{first.incident}" if first.incident is not None else "its page"
    head = [words(title(first), 300), own(f": {_firing(alerts)}, although {what} was resolved ")]
    since = [own(" "), moment(first.left_at)] if first.left_at else []
    return _note([*head, *_by(first.left_by, first.left_via), *since, own(": "), *_named(alerts), *_TAKE])


_TAKE: Line = [own(". Acknowledge takes it up again; a silence keeps it quiet.")]


def _firing(alerts: Sequence[Alert]) -> str:
    return "1 alarm still fires" if len(alerts) == 1 else f"{len(alerts)} alarms still fire"


def _named(alerts: Sequence[Alert]) -> Line:
    more = f" and {len(alerts) - _NAMED} more" if len(alerts) > _NAMED else ""
    return [words(", ".join(f"{one.id} {one.alarm.name}" for one in alerts[:_NAMED]) + more, 600)]


def _by(user_id: str | None, via: str) -> Line:
    """`by @bob in PagerDuty`, `in PagerDuty, by Kim Porter`."""
    who: Line = [own("by "), user(user_id)] if user_id or not via else []
    where: Line = [own(" in " if who else "in "), words(via, 100)] if via else []
    return [*who, *where]


def silence_begun(silence: Silence, firing: int) -> Message:
    """Said in the incident channel: what stays quiet, who wants that, until when and why."""
    now = f" Hides {counted(firing, 'firing alert')} now." if firing else ""
    head = [own("🔕 "), user(silence.by), own(" silenced "), literal(silence.pattern, 300), own(" until ")]
    until = moment(silence.ends_at, "{date_short_pretty} {time}")
    return _note([*head, until, own(": "), words(silence.why, _REASON), own(f".{now}")])


def silence_over(silence: Silence, still: int) -> Message:
    by: Line = [own(", ended by "), user(silence.ended_by)] if silence.ended_by else []
    fire = "1 of its alarms still fires and is" if still == 1 else f"{still} of its alarms still fire and are"
    more = f"{fire} shown now." if still else "None of its alarms fires."
    return _note([own("🔔 The silence on "), literal(silence.pattern, 300), own(" is over"), *by, own(f". {more}")])


def unreadable(raw: str, problem: str) -> Message:
    """A message of the alert queue that can't be read, as it came but for the envelope that SNS puts around it."""
    head: Line = [own("⚠ A message on the alert queue can't be read: "), words(problem, 300)]
    shown = _excerpt(_without_envelope(raw))
    text = "\n".join([flat(head), flat([prose(shown, _RAW)])])
    return Message(clip_markup(text, MESSAGE_TEXT), [rich(head), code(shown, _RAW)])


def _without_envelope(raw: str) -> str:
    """What SNS was given to send: its own fields tell people nothing, and fill what is shown."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    is_envelope = isinstance(said, dict) and "TopicArn" in said and isinstance(said.get("Message"), str)
    return str(said["Message"]) if is_envelope and said["Message"].strip() else raw


def _excerpt(raw: str) -> str:
    """What is no text, on one line with its bytes escaped: a picture's would fill the channel."""
    if not any((category(each) in _NO_TEXT and each not in "\t\r\n") or each == "\ufffd" for each in raw):
        return raw
    return f"{raw.encode('unicode_escape').decode()[:_BINARY]}… ({counted(len(raw), 'character')}, no text)"


def more_unreadable(count: int, since: datetime) -> Message:
    head = own(f"⚠ {counted(count, 'message')} on the alert queue could not be read since ")
    return _note([head, moment(since, "{date_short_pretty} {time_secs}"), own(". All are stored.")])
