"""The words of the confirmations: what a use case did, or why it did nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from blocks import answers
from blocks.text import ago, counted, escape, foreign, literal
from bot import durations
from bot.alerts import Taken
from bot.incidents import Result
from bot.models import Alert, Incident, Means, Message, Paged, Silence, Status, Summons, by_means
from bot.paging import Called, Escalated
from bot.silences import Hidden

_KEPT = 5


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
    head = f"*{incident.id}* was already {incident.status}"
    if incident.resolved_by is None:
        why = f"in {incident.resolved_via}" if incident.resolved_via else incident.resolution
        return answers.say(f"{head}, {since}: {foreign(why, 300)}.")
    where = f" in {foreign(incident.resolved_via, 100)}" if incident.resolved_via else ""
    return answers.say(f"{head} by <@{incident.resolved_by}>{where}, {since}.")


def all_taken(results: Sequence[Taken], now: datetime, by: str) -> Message:
    return answers.say("\n".join(_taken(each, now, by) for each in results))


def taken(result: Taken, now: datetime, by: str) -> Message:
    """You have it, or who has, or that it is over."""
    return answers.say(_taken(result, now, by))


def _taken(result: Taken, now: datetime, by: str) -> str:
    alert, incident = result.alert, result.incident
    where = f" → *{incident.id}*" if incident else ""
    if result.changed:
        return f"You acknowledged *{alert.id}*{where}."
    if alert.acknowledged_at is None:
        return f"*{alert.id}* is over already: its alarm is OK again."
    since = ago((now - alert.acknowledged_at).total_seconds())
    if alert.acknowledged_by == by:
        return f"You acknowledged *{alert.id}* already, {since}{where}."
    who = f"by <@{alert.acknowledged_by}>" if alert.acknowledged_by else f"in {foreign(alert.via, 100)}"
    return f"*{alert.id}* was already acknowledged {who}, {since}{where}."


def silenced(hidden: Hidden) -> Message:
    silence, reach = hidden.silence, hidden.reach
    until = f"<!date^{int(silence.ends_at.timestamp())}^{{date_short_pretty}} {{time}}|{silence.ends_at:%H:%M} UTC>"
    said = [f"Silenced {literal(silence.pattern, 300)} until {until}."]
    if reach.alerts:
        said.append(f"It hides {counted(len(reach.alerts), 'alert')} that fired before.")
    for alert in reach.kept[:_KEPT]:
        said.append(f"{alert.id} is acknowledged and stays visible; the silence keeps its return quiet.")
    if not reach.alerts and not reach.kept:
        said.append("None of them fires now." if reach.alarms else "It matches none of the alarms I know yet.")
    return answers.say(" ".join([*said, f"`/incident unsilence {silence.id}` ends it."]))


def unsilenced(silence: Silence) -> Message:
    return answers.say(f"The silence on {literal(silence.pattern, 300)} is over.")


def rated(result: Taken) -> Message:
    verb = "is" if result.changed else "already was"
    return answers.say(f"*{result.alert.id}* {verb} {result.alert.severity.label}.")


def paging(subject: Alert | Incident, called: Sequence[Called], now: datetime, by: str) -> Message:
    """The calls are under way; what became of each is said in the thread."""
    return answers.say("\n".join(_call(subject, each, now, by) for each in called))


def _call(subject: Alert | Incident, call: Called, now: datetime, by: str) -> str:
    duty, way = call.duty, call.way
    who = f"<@{duty.user_id}>" if duty.user_id else foreign(duty.name, 80)
    if call.before is not None:
        return f"{who} was called {_before(call.before, call.made, now, by)} Nobody was called again."
    how = f" by {by_means(way.means, way.why_not)}" if way and way.means is Means.MESSAGE else ""
    return f"Paging {who} for *{subject.id}*{how}."


def _before(asked: Summons, made: Paged | None, now: datetime, by: str) -> str:
    """`3 s ago by @ana: PagerDuty has it.`"""
    if made is None or made.at < asked.at:
        how = "the call is under way."
    elif made.means is Means.PAGERDUTY:
        how = "PagerDuty has it."
    else:
        how = "they have a direct message."
    return f"{_ago(now - asked.at)} by {_caller(asked, by)}: {how}"


def _ago(passed: timedelta) -> str:
    return f"{durations.span(passed)} ago" if passed >= timedelta(seconds=1) else "just now"


def _caller(asked: Summons, by: str) -> str:
    return "you" if asked.by == by else f"<@{asked.by}>"


def escalated(subject: Alert | Incident, escalated: Escalated, now: datetime, by: str) -> Message:
    role, before = escalated
    if before is None:
        return answers.say(f"Calling the {role.value} for *{subject.id}* now.")
    when = f"{_ago(now - before.at)} by {_caller(before, by)}"
    return answers.say(f"The {role.value} was called for *{subject.id}* {when}. Nobody else was called.")
