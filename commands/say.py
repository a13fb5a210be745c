"""The words of the confirmations: what a use case did, or why it did nothing."""

from __future__ import annotations

from datetime import datetime

from blocks import answers
from blocks.text import ago, escape
from bot.incidents import Result
from bot.models import Incident, Message, Status


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
