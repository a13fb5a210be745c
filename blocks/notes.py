"""Short messages in the card's thread and in the incident's own channel."""

from __future__ import annotations

import json

from blocks.alert import title
from blocks.rich import Line, code, flat, literal, own, prose, rich, user, words
from blocks.text import MESSAGE_TEXT, clip_markup, hours
from bot.models import Alert, Incident, Message, Role, Severity, Status

_REASON = 500
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
    took = hours(incident.duration(incident.resolved_at).total_seconds())
    lines: list[Line] = [[own(f"✅ {incident.id} resolved after {took} by "), user(by), own(".")]]
    if by is None:
        lines = [[own(f"✅ {incident.id} resolved after {took}: "), words(incident.resolution, _REASON)]]
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


def paged(subject_id: str, role: Role, user_id: str | None, name: str, why: str) -> Message:
    """Who is being called, with a mention: they need to act."""
    who = user(user_id) if user_id else words(name, 100)
    reason: Line = [own(": "), words(why, _REASON)] if why else [own(".")]
    return _note([own("📟 Paging "), who, own(f" ({role.value}) for {subject_id}"), *reason])


def nobody(subject_id: str, role: Role) -> Message:
    """The one to be called is not named anywhere."""
    key = role.value.replace("engineering ", "").replace("incident ", "").replace(" ", "_")
    head = own(f"📟 {subject_id} has nobody to call as {role.value}. ")
    return _note([head, own(f"Name one as on_call.{key} in config.yml.")])


def update_due(incident: Incident, since: str) -> Message:
    """Asks the commander for news."""
    who = user(incident.commander) if incident.commander else own("Whoever commands it")
    return _note([own("⏳ "), who, own(f": {incident.id} had no update for {since}. What is new?")])


def silence_over(pattern: str, still: int) -> Message:
    more = f"{still} of its alarms still fire and are shown now." if still else "None of its alarms fires."
    return _note([own("🔔 The silence on "), literal(pattern, 300), own(f" is over. {more}")])


def unreadable(raw: str, problem: str) -> Message:
    """A message of the alert queue that can't be read, as it came but for the envelope that SNS puts around it."""
    head: Line = [own("⚠ A message on the alert queue can't be read: "), words(problem, 300)]
    shown = _without_envelope(raw)
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


def more_unreadable(count: int, since: str) -> Message:
    return _note([own(f"⚠ {count} messages on the alert queue could not be read since {since}. All are stored.")])
