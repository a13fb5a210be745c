"""The words of the confirmations: what a use case did, or why it did nothing."""

from __future__ import annotations

from datetime import datetime

from blocks import answers
from blocks.text import ago, escape, foreign, literal
from bot.alerts import Taken
from bot.incidents import Result
from bot.models import Alert, Duty, Incident, Message, Role, Silence, Status
from bot.silences import Hidden


def declared(incident: Incident) -> Message:
    channel = " Its channel is being opened, you will be invited." if incident.wants_channel else ""
    return answers.say(f"*{incident.id}* declared, {incident.severity.label}.{channel}")


def acknowledged(result: Result, now: datetime, by: str) -> Message:
    incident = result.incident
    if result.changed:
        return answers.say(f"You acknowledged *{incident.id}*. <@{incident.commander}> commands.")
    if not incident.is_open:
        return _over(incident, now)
    assert incident.acknowledged_at is not None
    since = ago((now - incident.acknowledged_at).total_seconds())
    if incident.acknowledged_by == by:
        return answers.say(f"You acknowledged *{incident.id}* already, {since}.")
    if incident.acknowledged_by is None:
        return answers.say(f"*{incident.id}* was already acknowledged in {foreign(incident.via, 100)}, {since}.")
    return answers.say(f"*{incident.id}* was already acknowledged by <@{incident.acknowledged_by}>, {since}.")


def assigned(result: Result) -> Message:
    verb = "commands" if result.changed else "already commands"
    return answers.say(f"<@{result.incident.commander}> {verb} *{result.incident.id}*.")


def joined(result: Result) -> Message:
    incident = result.incident
    where = f": <#{incident.channel_id}>" if incident.channel_id else "."
    return answers.say(f"You {'joined' if result.changed else 'are on'} *{incident.id}*{where}")


def severity(result: Result) -> Message:
    verb = "is" if result.changed else "was already"
    return answers.say(f"*{result.incident.id}* {verb} {result.incident.severity.label}.")


def status(result: Result) -> Message:
    verb = "is" if result.changed else "was already"
    return answers.say(f"*{result.incident.id}* {verb} {result.incident.status}.")


def updated(result: Result) -> Message:
    return answers.say(f"*{result.incident.id}* updated; the update is in its thread.")


def noted(result: Result) -> Message:
    return answers.say(f"Noted on the timeline of *{result.incident.id}*.")


def linked(result: Result, address: str) -> Message:
    verb = "Linked" if result.changed else "Was linked already"
    return answers.say(f"{verb} on *{result.incident.id}*: {escape(address)}")


def resolved(result: Result, now: datetime) -> Message:
    incident = result.incident
    if not result.changed:
        return _over(incident, now)
    return answers.resolved(incident, f"You resolved *{incident.id}*.")


def recorded(result: Result) -> Message:
    return answers.say(f"Kept with *{result.incident.id}*.")


def reopened(result: Result) -> Message:
    if result.changed:
        return answers.say(f"*{result.incident.id}* is open again: investigating.")
    return answers.say(f"*{result.incident.id}* is open already: {result.incident.status}.")


def cancelled(result: Result) -> Message:
    return answers.say(f"*{result.incident.id}* {'is' if result.changed else 'was already'} cancelled.")


def merged(result: Result) -> Message:
    verb = "is" if result.changed else "was already"
    return answers.say(f"*{result.incident.id}* {verb} merged into *INC-{result.incident.merged_into}*.")


def _over(incident: Incident, now: datetime) -> Message:
    if incident.status is Status.MERGED:
        return answers.say(f"*{incident.id}* was merged into *INC-{incident.merged_into}*.")
    assert incident.resolved_at is not None
    since = ago((now - incident.resolved_at).total_seconds())
    return answers.say(f"*{incident.id}* was already {incident.status} by <@{incident.resolved_by}>, {since}.")


def taken(result: Taken, now: datetime, by: str) -> Message:
    """You have it, or who has, or that it is over."""
    alert, incident = result.alert, result.incident
    where = f" → *{incident.id}*" if incident else ""
    if result.changed:
        return answers.say(f"You acknowledged *{alert.id}*{where}.")
    if alert.acknowledged_at is None:
        return answers.say(f"*{alert.id}* is over already: its alarm is OK again.")
    since = ago((now - alert.acknowledged_at).total_seconds())
    if alert.acknowledged_by == by:
        return answers.say(f"You acknowledged *{alert.id}* already, {since}{where}.")
    who = f"by <@{alert.acknowledged_by}>" if alert.acknowledged_by else f"in {foreign(alert.via, 100)}"
    return answers.say(f"*{alert.id}* was already acknowledged {who}, {since}{where}.")


def silenced(hidden: Hidden) -> Message:
    silence = hidden.silence
    now = f" {hidden.alerts} firing now." if hidden.alerts else " None of them fires now."
    until = f"<!date^{int(silence.ends_at.timestamp())}^{{date_short_pretty}} {{time}}|{silence.ends_at:%H:%M} UTC>"
    end = f"`/incident unsilence {silence.id}` ends it."
    return answers.say(f"Silenced {literal(silence.pattern, 300)} until {until}.{now} {end}")


def unsilenced(silence: Silence) -> Message:
    return answers.say(f"The silence on {literal(silence.pattern, 300)} is over.")


def rated(result: Taken) -> Message:
    verb = "is" if result.changed else "already was"
    return answers.say(f"*{result.alert.id}* {verb} {result.alert.severity.label}.")


def paging(subject: Alert | Incident, duty: Duty) -> Message:
    who = f"<@{duty.user_id}>" if duty.user_id else foreign(duty.name, 80)
    return answers.say(f"Paging {who} for *{subject.id}*.")


def escalated(subject: Alert | Incident, role: Role) -> Message:
    return answers.say(f"Calling the {role.value} for *{subject.id}* now.")
