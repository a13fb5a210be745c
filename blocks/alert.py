"""The alert card: one message per alert, edited in place: what, how bad, where, since when, and who has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from blocks import alert_numbers as numbers
from blocks.ids import Action
from blocks.rich import Line, Piece, bold, moment, own, rich, url, user, words
from blocks.text import (
    MESSAGE_TEXT,
    SECTION_TEXT,
    Block,
    ago,
    button,
    clip,
    clip_markup,
    foreign,
    header,
    one_line,
    plain,
)
from bot import durations
from bot.catalogue import Context
from bot.models import Action as Remedy
from bot.models import Alert, Decision, Incident, Message, OwedKind, Shown, Silence, Stage, Trouble
from bot.signals import AlarmKind, Deployment

_DEPLOYMENTS_SHOWN = 3
_PAGED_SHOWN = 5
_ID = re.compile(r"[USW][A-Z0-9]{4,}")
_BY_ITS_LIMIT = {AlarmKind.METRIC, AlarmKind.MATH, AlarmKind.ANOMALY}


class AlertFacts(NamedTuple):
    """All that an alert's card shows: the stored alert and what belongs to it.

    `silence` is what hides it, or in words a maintenance window or CloudWatch itself. `children` are the names of the
    alarms that a composite one stands for; `grouped` how many other alerts stand under this card, `in_thread` how many
    of them have a card there: a storm's don't. `channel` is the name of the channel that it stands in.
    """

    alert: Alert
    context: Context = Context()
    incident: Incident | None = None
    troubles: Sequence[Trouble] = ()
    deployments: Sequence[Deployment] = ()
    grouped: int = 0
    in_thread: int = 0
    children: Sequence[str] = ()
    silence: Silence | str = ""
    to_call: str = ""
    channel: str = ""
    fixes: Sequence[Remedy] = ()


def card(facts: AlertFacts) -> Message:
    """The card in the alert's present state."""
    alert = facts.alert
    lines: list[Line] = [
        *_described(alert),
        _where(facts),
        *_care(facts),
        _why(alert),
        *_state(facts),
        *_warnings(facts),
    ]
    blocks = [header(title(alert)), rich(*_lined(lines)), *_references(facts)]
    elements = buttons(alert, facts.fixes)
    if elements:
        blocks.append({"type": "actions", "block_id": alert.id, "elements": elements})
    text = f"{foreign(title(alert), 300)} — {foreign(alert.alarm.name, 255)}"
    return Message(clip_markup(text, MESSAGE_TEXT), blocks)


def _described(alert: Alert) -> list[Line]:
    """What the alarm says of itself, where the title does not say it already."""
    text = one_line(alert.alarm.description)
    return [[words(text, 300)]] if text and clip(text, 90) not in title(alert) else []


def _lined(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line]


def title(alert: Alert) -> str:
    """The first line: how it stands, how bad, which service, the number and its limit."""
    return f"{icon(alert)} {alert.severity.label} · {service_name(alert)} · {headline(alert)}"


def icon(alert: Alert) -> str:
    if not alert.is_firing:
        return "🟢"
    if alert.shown is Shown.SILENCED or (alert.shown is Shown.INHIBITED and alert.awaits):
        return "🔕"
    if alert.settling is not None:
        return "🟡"
    return "🔴" if alert.can_be_taken else "🟠"


def service_name(alert: Alert) -> str:
    return clip(one_line(alert.service), 50) or "unknown service"


def headline(alert: Alert) -> str:
    """Now and then: `p99 latency: was 2.41 s, now 0.31 s · lasted 00:18`; of a flapping one, that it is OK for now."""
    if alert.is_firing and alert.settling is not None:
        return f"{over_summary(alert)} · OK since {alert.settling:%H:%M} UTC, flapping"
    if alert.is_firing:
        return summary(alert)
    return f"{over_summary(alert)} · lasted {_lasted(alert.lasted(alert.changed_at))}"


def _lasted(span: timedelta) -> str:
    return durations.span(span)


def summary(alert: Alert) -> str:
    """The number against its limit, or what the alarm says where it has none."""
    alarm = alert.alarm
    if alarm.kind is AlarmKind.DEPLOYMENT:
        return clip(one_line(f"deployment failed: {alert.reason}" if alert.reason else alarm.name), 90)
    if alarm.kind not in _BY_ITS_LIMIT or (alert.value is None and alarm.threshold is None):
        return clip(one_line(alarm.description or alert.reason or alarm.name), 90) or "alarm"
    now = f" {numbers.value(alarm, alert.value)}" if alert.value is not None else ""
    limit = numbers.limit(alarm, alert.value)
    return f"{numbers.measured(alarm)}{now}{f' ({limit})' if limit else ''}"


def over_summary(alert: Alert) -> str:
    alarm = alert.alarm
    if alarm.kind not in _BY_ITS_LIMIT or alert.value is None:
        return f"{clip(one_line(alarm.name), 60)} is OK"
    was, now = numbers.quantities((alert.value, alert.ok_value), numbers.unit(alarm))
    return f"{numbers.measured(alarm)}: was {was}{f', now {now}' if alert.ok_value is not None else ''}"


def _where(facts: AlertFacts) -> Line:
    alert = facts.alert
    metric = numbers.raw(alert.alarm)
    line: list[Piece] = [own(f"{alert.id} · "), words(alert.alarm.name, 255)]
    line += [own(" · "), words(metric, 100)] if metric else []
    if alert.is_firing and alert.settling is not None:
        line += [own(" · fired "), moment(alert.fired_at, "{date_short_pretty} {time}")]
    elif alert.is_firing:
        line += [own(" · firing since "), moment(alert.fired_at, "{date_short_pretty} {time}")]
    elif alert.over_at is not None:
        line += [own(" · fired "), moment(alert.fired_at, "{date_short_pretty} {time}")]
        line += [own(" · OK since "), moment(alert.over_at, "{time}")]
    if alert.count > 1:
        line.append(own(f" · seen {alert.count}×"))
    if alert.flaps:
        line.append(own(f" · flapped {alert.flaps}×"))
    environment = "" if alert.environment in facts.context.account else alert.environment
    place = " ".join(part for part in (environment, facts.context.account, alert.alarm.region) if part)
    return [*line, *([own(" · "), words(place, 200)] if place else [])]


def _care(facts: AlertFacts) -> list[Line]:
    """Who owns it, what it costs, by when somebody must have it, who is being called."""
    alert, line = facts.alert, list[Piece]()
    if facts.context.owner:
        line += [own("Owner "), owner(facts.context.owner)]
    if facts.context.slo:
        line += [own(" · SLO target " if line else "SLO target "), words(facts.context.slo, 100)]
    if alert.awaits and alert.due_at is not None and alert.shown.has_card:
        verb = "⏰ not acknowledged in time: was due " if alert.missed_at else "acknowledge by "
        line += [own(f" · {verb}" if line else verb[0].upper() + verb[1:]), moment(alert.due_at, _due_form(alert))]
    if alert.awaits and alert.paged:
        line += [own(" · paged " if line else "Paged "), *_paged(alert)]
    return [line] if line else []


def _paged(alert: Alert) -> Line:
    """Everybody once in each role, by whom they were reached last, in the order of the calls."""
    calls = {(page.user_id or page.name, page.role): page for page in alert.paged}
    line: list[Piece] = []
    for page in list(calls.values())[-_PAGED_SHOWN:]:
        who = user(page.user_id) if page.user_id else words(page.name, 80)
        by = f", by {page.means.value}" if page.means and page.why_not else ""
        line += [*([own(", ")] if line else []), who, own(f" ({page.role.value}{by})")]
    return line


def _due_form(alert: Alert) -> str:
    is_far = alert.due_at is not None and alert.due_at - alert.waits_since > timedelta(hours=12)
    return "{date_short_pretty} {time}" if is_far else "{time}"


def owner(name: str) -> Piece:
    """A user or user group is mentioned; anything else is words."""
    if not _ID.fullmatch(name):
        return words(name, 200)
    return {"type": "usergroup", "usergroup_id": name} if name.startswith("S") else user(name)


def _why(alert: Alert) -> Line:
    rated = next((each for each in reversed(alert.decisions) if each.stage is Stage.SEVERITY), None)
    return [own(f"Why {alert.severity.label}: "), *reason(rated)] if rated else []


def reason(decision: Decision) -> Line:
    """The reason in words, and who."""
    return [words(decision.reason, 300), *([own(", by "), user(decision.by)] if decision.by else [])]


def _state(facts: AlertFacts) -> list[Line]:
    alert, lines = facts.alert, list[Line]()
    if alert.acknowledged_at is not None:
        lines.append(_acknowledged(facts))
    if alert.is_left:
        lines.append(_left(facts))
    if alert.settling is not None:
        lines.append([own("OK since "), moment(alert.settling), own(", but it flaps: counts once it stays quiet.")])
    if facts.silence and alert.is_firing:
        lines.append(_silenced(alert, facts.silence))
    if alert.parent is not None:
        lines.append([own(f"🔕 The composite alarm AL-{alert.parent} stands for it.")])
    if facts.grouped:
        lines.append([own(f"{_others(facts)}; Acknowledge takes all.")])
    if facts.children:
        lines.append([own("Stands for "), words(", ".join(facts.children), 400)])
    return lines


def _others(facts: AlertFacts) -> str:
    """How many more it stands for, and where they are to be seen."""
    noun = "alert" if facts.grouped == 1 else "alerts"
    bare = facts.grouped - facts.in_thread
    if not bare:
        where = " in the thread"
    elif facts.in_thread:
        where = f", {facts.in_thread} in the thread and {bare} without a card"
    else:
        where = " without a card"
    return f"{facts.grouped} more {noun} of this service{where}"


def _silenced(alert: Alert, silence: Silence | str) -> Line:
    if isinstance(silence, str):
        return [own("🔕 "), words(silence, 400)]
    until = [own(" until "), moment(silence.ends_at, "{date_short_pretty} {time}"), own(": ")]
    kept = [] if alert.is_hidden else [own(" · It is acknowledged: the silence keeps its return quiet.")]
    return [own("🔕 Silenced by "), user(silence.by), *until, words(silence.why, 400), *kept]


def _left(facts: AlertFacts) -> Line:
    """People ended its incident, or its page, and it fires on."""
    alert, incident = facts.alert, facts.incident
    assert alert.left_at is not None
    what = f"{incident.id} was {incident.status} " if incident is not None else "its page was resolved "
    who: Line = [own("by "), user(alert.left_by), own(" ")] if alert.left_by or not alert.left_via else []
    via: Line = [own("in "), words(alert.left_via, 100), own(" ")] if alert.left_via else []
    return [bold("⚠ Still fires: "), own(what), *who, *via, moment(alert.left_at), own(". Nobody has it now.")]


def _acknowledged(facts: AlertFacts) -> Line:
    alert = facts.alert
    assert alert.acknowledged_at is not None
    took = durations.after(alert.acknowledged_at - alert.fired_at)
    who: Line = [own("by "), user(alert.acknowledged_by)] if alert.acknowledged_by or not alert.via else []
    via: Line = [own(" in " if who else "in "), words(alert.via, 100)] if alert.via else []
    line: list[Piece] = [bold("Acknowledged "), *who, *via, own(f" {took}")]
    if facts.incident is not None:
        line.append(own(f" → {facts.incident.id} ({facts.incident.status})"))
        if facts.incident.channel_id:
            line += [own(" "), {"type": "channel", "channel_id": facts.incident.channel_id}]
    return line


def _warnings(facts: AlertFacts) -> list[Line]:
    alert, lines = facts.alert, list[Line]()
    if alert.is_firing and not alert.is_known_service:
        named = f"{service_name(alert)} is an unknown service" if alert.service else "Unknown service"
        lines.append([words(f"{named}: not in the catalogue, so no owner and no runbook.", 300)])
    if alert.missing:
        lines.append([own("⚠ The message lacked "), words(_lacked(alert), 300)])
    if alert.has_no_data and alert.is_firing:
        lines.append([own("⚠ No data any more: whether it still fires is not known.")])
    for trouble in facts.troubles[:3]:
        lines.append(_trouble(trouble, facts.to_call))
    return lines


def _lacked(alert: Alert) -> str:
    """Its own fields by their names; of the alarm's name, where the one that is shown comes from."""
    is_from_arn = bool(alert.alarm.arn) and alert.alarm.arn.endswith(f":{alert.alarm.name}")
    source = " (the name above is from its ARN)" if is_from_arn else " (the name above is a stand-in)"
    return ", ".join(f"{name}{source if name.lower() == 'alarmname' else ''}" for name in alert.missing)


def _trouble(trouble: Trouble, to_call: str) -> Line:
    if trouble.kind is OwedKind.PAGE:
        how = "given up" if trouble.is_given_up else f"retrying ({trouble.attempts})"
        who = owner(to_call) if to_call else own("the on-call engineer")
        return [
            bold(f"⚠ paging failed, {how}"),
            own(" — call "),
            who,
            own(" yourself ("),
            words(trouble.error, 300),
            own(")"),
        ]
    kinds = {OwedKind.MAIL: "e-mail", OwedKind.EVENTS: "event", OwedKind.PAGER: "news to the pager"}
    return [own(f"⚠ {kinds.get(trouble.kind, 'message')} not taken: "), words(trouble.error, 200)]


def _references(facts: AlertFacts) -> list[Block]:
    pieces: list[Piece] = []
    links = [
        (facts.context.runbook, "Runbook"),
        (facts.context.dashboard, "Dashboard"),
        (facts.context.console, "Console"),
    ]
    for address, name in links:
        if address:
            pieces += [own(" · ") if pieces else bold("Look at "), url(address, name)]
    lines: list[Line] = [pieces] if pieces else []
    for each in facts.deployments[:_DEPLOYMENTS_SHOWN]:
        is_whole = each.version.startswith(f"{each.service}:")  # a task definition is called after its service
        what = each.version if is_whole else " ".join(part for part in (each.service, each.version) if part)
        by = f" by {each.by}" if each.by else ""
        lines.append([bold("Deployed "), words(f"{what}{by}", 200), own(" "), moment(each.at), own(f" ({each.state})")])
    return [rich(*lines)] if lines else []


def buttons(alert: Alert, fixes: Sequence[Remedy] = ()) -> list[Block]:
    """The buttons that apply in this state; `fixes` is what could be changed in AWS. Under another card, that one's
    Acknowledge takes this alert too."""
    value = str(alert.number)
    why = button("Why?", Action.ALERT_WHY, value)
    if not alert.is_firing:
        return [why]
    silence, rate = _quiet(alert), button("Change severity", Action.ALERT_SEVERITY, value)
    if alert.shown is Shown.SILENCED:
        return [*silence, why]
    if alert.shown is Shown.INHIBITED and alert.awaits:
        return [*silence, rate, why]
    if alert.shown is Shown.THREAD and not alert.is_left:
        return [*_repairs(alert, ()), *silence, why]
    take = button("Acknowledge", Action.ALERT_ACKNOWLEDGE, value, style="primary")
    repairs = [button("Root cause", Action.RCA_RUN, alert.id), *_repairs(alert, fixes)]
    return [
        *([take] if alert.can_be_taken else []),
        *repairs,
        *silence,
        *([rate] if alert.awaits else []),
        why,
    ]


def _quiet(alert: Alert) -> list[Block]:
    """To silence it, or to end the silence that somebody began here; neither for what hides it by itself."""
    if alert.silence and ":" not in alert.silence:
        return [button("End silence", Action.ALERT_UNSILENCE, alert.silence)]
    return [] if alert.shown is Shown.SILENCED else [button("Silence", Action.ALERT_SILENCE, str(alert.number))]


_REPAIRS = {
    Remedy.ROLLBACK: ("Rollback…", Action.ROLLBACK),
    Remedy.SCALE_UP: ("Scale up…", Action.SCALE_UP),
    Remedy.RESTART: ("Restart…", Action.RESTART),
}


def _repairs(alert: Alert, fixes: Sequence[Remedy]) -> list[Block]:
    """What each of them would do is shown first, hence the dots."""
    found = [button(*_REPAIRS[each], alert.id) for each in dict.fromkeys(fixes) if each in _REPAIRS]
    if alert.runbook:
        found.append(button(f"{alert.runbook}…", Action.RUN, f"{alert.runbook}|{alert.id}"))
    return found


def entry(alert: Alert, now: datetime) -> Block:
    """One alert in two lines, for lists."""
    since = ago((now - alert.fired_at).total_seconds())
    how = {Shown.SILENCED: "silenced", Shown.INHIBITED: "under a composite alarm", Shown.STORM: "only in the summary"}
    states = [f"fired {since}"]
    if alert.is_left:
        states.append(
            f"still fires after INC-{alert.incident}" if alert.incident is not None else "its page was resolved"
        )
    elif alert.incident is not None:
        states.append(f"INC-{alert.incident}")
    elif alert.shown in how:
        states.append(how[alert.shown])
    elif alert.awaits:
        states.append("not acknowledged")
    name = clip(one_line(alert.alarm.name), 150)
    can_be_taken = alert.can_be_taken and not alert.is_hidden
    action = ("Acknowledge", Action.ALERT_ACKNOWLEDGE) if can_be_taken else ("Why?", Action.ALERT_WHY)
    return {
        "type": "section",
        "text": plain(f"{title(alert)}\n{alert.id} · {name} · {' · '.join(states)}", SECTION_TEXT),
        "accessory": button(*action, str(alert.number)),
    }


def for_mail(facts: AlertFacts) -> str:
    """The card as the plain text of an e-mail."""
    alert, context = facts.alert, facts.context
    due = f"{alert.due_at:%Y-%m-%d %H:%M:%S} UTC" if alert.awaits and alert.due_at else ""
    rows = [
        ("Alarm", alert.alarm.name),
        ("Metric", numbers.source(alert.alarm)),
        ("Severity", f"{alert.severity.label} ({alert.severity.word})"),
        ("Service", service_name(alert)),
        ("Environment", alert.environment),
        ("Account", f"{context.account} {alert.alarm.region}".strip()),
        ("Firing since", f"{alert.fired_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Acknowledge by", due),
        ("Reason", one_line(alert.reason)),
        ("Owner", context.owner),
        ("Runbook", context.runbook),
        ("Dashboard", context.dashboard),
        ("Console", context.console),
        ("Slack channel", f"#{facts.channel}" if facts.channel else ""),
    ]
    return "\n".join([title(alert), "", *(f"{name}: {said}" for name, said in rows if said)])
