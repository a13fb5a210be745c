"""Changes that may have caused it, the likeliest first.

    score = how near in time × whose it is × what kind of change × where

Every factor is from 0 to 1, so one that speaks against a change can't be outweighed by the others. Only what came
before the symptom can have caused it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.durations import about
from bot.models import ChangeKind, Evidence, LogClass, LogFinding, Made, Suspect
from bot.rca.usual import in_hours, news

MINUTE = timedelta(minutes=1)
NEAR_LOGS = 15 * MINUTE
"""A log line this near to the alarm's beginning tells more exactly when the symptom began."""
CLOCKS = MINUTE
"""Clocks differ: what came so much later may have come before."""
DATAPOINT = 5 * MINUTE
"""A datapoint bears the time at which it begins: what came within it may have caused it."""
LIKELY, POSSIBLE, FEW = 0.5, 0.2, 3
"""What is likely is named; where nothing is, a few that are possible."""
LEAST = 0.1
"""A change with a lower score is not named."""
ONE_CHANGE = 10 * MINUTE
"""A call and the deployment that it started, or the same deployment heard of twice, lie this near."""
_ECS = ("UpdateService", "CreateDeployment", "StartDeployment", "RegisterTaskDefinition", "CreateTaskSet")
_LAMBDA = ("UpdateFunctionCode", "PublishVersion", "UpdateAlias")
DEPLOYING = frozenset({*_ECS, *_LAMBDA})
"""Calls that deploy; CloudTrail adds the version of Lambda's API to their names: `UpdateFunctionCode20150331v2`."""
ALONE = frozenset({*DEPLOYING, "StartAutomationExecution", "StartTask", "StopTask", "RunTask"})
"""Calls that change one service and no other."""
CALL = re.compile(r"(?P<name>[A-Z][a-z]+[A-Z][A-Za-z]+?)(?:\d{8}(?:v\d+)?)?")
DENIED = re.compile(r"access ?denied|not authori[sz]ed|unauthori[sz]ed|forbidden|\b40[13]\b|permission", re.IGNORECASE)
NETWORK = re.compile(r"SecurityGroup|NetworkAcl|Route|Subnet|Vpc|Gateway|HostedZone|RecordSets")
HARMLESS = re.compile(
    r"TagResource|UntagResource|AddTags|CreateTags|DeleteTags|CreateLogGroup|CreateSnapshot|CreateAccessKey|StartQuery"
    r"|(?:Put|Delete)(?:Dashboards?|MetricAlarm|CompositeAlarm|RetentionPolicy)|PutMetricData|Describe|Get|List"
)
"""Calls that break nothing that runs; they are recorded as changes all the same."""
SAME, NAMED, UNKNOWN, OTHER = 1.0, 0.8, 0.4, 0.08
ELSEWHERE = 0.3
DEP, CONF, SCALING, ACCESS = ChangeKind.DEPLOYMENT, ChangeKind.CONFIGURATION, ChangeKind.SCALING, ChangeKind.ACCESS


class Habit(NamedTuple):
    """How a symptom follows its cause: after how long half of what is likely is gone, and how likely each kind is."""

    half_life: timedelta
    kinds: dict[ChangeKind, float]


class Beginning(NamedTuple):
    """When the symptom began, what is known to have begun then, and how much later a change may seem to be."""

    at: datetime
    what: str
    tolerance: timedelta


def beginning(evidence: Evidence) -> Beginning:
    """The first line of errors that were not there before, where logs have it; else the alarm's first datapoint. What
    was seen before an earlier deployment was back is of an earlier trouble."""
    back = back_at(evidence)
    first = [
        line.first_seen
        for line in evidence.logs
        if line.first_seen and _is_new(line, evidence) and _is_near(line.first_seen, evidence.began_at)
        if back is None or line.first_seen > back
    ]
    if first:
        return Beginning(min(first), "the first error", CLOCKS)
    return Beginning(evidence.began_at, "it began", DATAPOINT)


def nearness(change: Made, evidence: Evidence, start: Beginning, half_life: timedelta = 15 * MINUTE) -> float:
    """Time, target and place of a change: how likely it is to have to do with this, whatever kind it is of."""
    return _time(change, start, half_life) * _target(change, evidence)[0] * _place(change, evidence)[0]


def is_own(change: Made, evidence: Evidence) -> bool:
    """Is it a change of this very service?"""
    return _target(change, evidence)[0] == SAME


def eligible(evidence: Evidence) -> list[Made]:
    """The changes that may have to do with it: not the bot's own, nor what did not run any more when it began."""
    ended = _last_moment(evidence)
    changes = distinct(evidence.changes)
    return [
        change
        for change in changes
        if not change.is_ours and not any(other.at <= ended for other in _successors(change, changes, evidence))
    ]


def taken_back(evidence: Evidence) -> Iterator[tuple[Made, Made]]:
    """The deployments of this service that were gone back from before it began, each with what went back."""
    ended = _last_moment(evidence)
    changes = distinct(evidence.changes)
    for change in changes:
        first = min(_successors(change, changes, evidence), key=lambda other: other.at, default=None)
        if first is not None and first.at <= ended and _steps(first) < 0:
            yield change, first


def back_at(evidence: Evidence) -> datetime | None:
    """When an earlier deployment of this service was back, of those that were before this symptom began."""
    ends = (one.ended for one in distinct(evidence.changes) if _steps(one) < 0 and is_own(one, evidence))
    return max((end for end in ends if end is not None and end <= evidence.began_at), default=None)


def _last_moment(evidence: Evidence) -> datetime:
    """What was deployed over by then can't have caused it. A line of errors may be of an earlier trouble: so the
    newest that the beginning and the alarm's first datapoint say."""
    start = beginning(evidence).at
    return max(start, evidence.counted_since) if evidence.counted_since is not None else start


def rank(evidence: Evidence, habit: Habit) -> tuple[Suspect, ...]:
    """Every change that may have to do with it. The order depends on nothing but the changes themselves."""
    start, about = beginning(evidence), _about(evidence)
    found = [_suspect(change, evidence, start, habit, about) for change in eligible(evidence)]
    return tuple(_worth(sorted((each for each in found if each.score >= LEAST), key=_order), evidence))


def still_runs(deployment: Made, evidence: Evidence) -> bool:
    """Is it there to be rolled back: it came up, and nothing was deployed over it?"""
    is_back = _steps(deployment) < 0
    return (
        not is_back and not _is_undone(deployment) and not _successors(deployment, distinct(evidence.changes), evidence)
    )


def _worth(found: Sequence[Suspect], evidence: Evidence) -> Iterator[Suspect]:
    """Those that are likely; else the likeliest few of this service, or of what it may share with others."""
    near = [each for each in found if not _is_elsewhere(each.change, evidence)]
    likely = [each for each in near if each.score >= LIKELY]
    yield from likely or [each for each in near[:FEW] if each.score >= POSSIBLE]


def _is_elsewhere(change: Made, evidence: Evidence) -> bool:
    """Another service's own deployment or number of tasks is no matter of this one, unless something names it."""
    whose = _target(change, evidence)[0]
    return whose == OTHER or (whose == UNKNOWN and (change.kind is ChangeKind.DEPLOYMENT or _call(change) in ALONE))


def _successors(change: Made, changes: Sequence[Made], evidence: Evidence) -> list[Made]:
    """What was deployed over it: from then on it does not run."""
    if change.kind is not ChangeKind.DEPLOYMENT or not change.after or not is_own(change, evidence):
        return []
    family = change.after.partition(":")[0]
    return [
        other
        for other in changes
        if other.kind is ChangeKind.DEPLOYMENT
        and other.at > change.at
        and other.after not in ("", change.after)
        and other.after.partition(":")[0] == family
        and is_own(other, evidence)
        and not _is_undone(other)
        and _call(other) != "RegisterTaskDefinition"
    ]


def _is_undone(deployment: Made) -> bool:
    """It failed, was stopped or rolled back by itself."""
    return deployment.what.startswith("deployment of ")


def _steps(change: Made) -> float:
    """How many revisions further it leads: less than 0 is back, 0 the same again."""
    before, after = _number(change.before.rpartition(":")[2]), _number(change.after.rpartition(":")[2])
    is_known = change.kind is ChangeKind.DEPLOYMENT and before is not None and after is not None
    return after - before if is_known and before is not None and after is not None else 1.0


def _is_new(line: LogFinding, evidence: Evidence) -> bool:
    """There were none before, or all of them are of the minutes before what is counted."""
    if line.before <= 0:
        return line.count > 0
    since = evidence.counted_since
    is_earlier = since is not None and line.first_seen is not None and line.first_seen < since
    return is_earlier and news(line, in_hours(evidence)) >= 0.5


def distinct(changes: Sequence[Made]) -> list[Made]:
    """Each change once: a call that started a deployment is part of it, and who called it is who deployed."""
    ordered = sorted(changes, key=lambda one: (_call(one) != "", one.at, one.target, one.what, one.model_dump_json()))
    kept: list[Made] = []
    for change in ordered:
        place = next((n for n, other in enumerate(kept) if _are_one(other, change, kept)), None)
        if place is None:
            kept.append(change)
        else:
            kept[place] = _merged(kept[place], change)
    return kept


def _suspect(change: Made, evidence: Evidence, start: Beginning, habit: Habit, about: str) -> Suspect:
    target, whose = _target(change, evidence)
    place, where = _place(change, evidence)
    kind, why = _kind(change, habit)
    if _fits(change, about):
        target, kind, why = max(target, NAMED), max(kind, 0.9), f"the errors are about {about}"
    score = _time(change, start, habit.half_life) * target * place * kind
    reasons = (_when(change, start), whose, where, why)
    return Suspect(change=change, score=round(score, 3), reasons=tuple(each for each in reasons if each))


def _order(suspect: Suspect) -> tuple[float, float, str, str]:
    change = suspect.change
    return -suspect.score, -change.at.timestamp(), change.target, change.model_dump_json()


def _time(change: Made, start: Beginning, half_life: timedelta) -> float:
    before = start.at - change.at
    if before >= timedelta():
        return float(0.5 ** min(before / half_life, 60.0))
    late = -before / start.tolerance
    return 0.0 if late > 1 else 0.8 - 0.4 * late


def _when(change: Made, start: Beginning) -> str:
    before = start.at - change.at
    if abs(before) < MINUTE / 2:
        return f"just when {start.what}" if start.what == "it began" else f"just before {start.what}"
    return f"{about(abs(before))} {'before' if before > timedelta() else 'after'} {start.what}"


def _target(change: Made, evidence: Evidence) -> tuple[float, str]:
    if evidence.service and evidence.service.lower() in {change.service.lower(), _last(change.target)}:
        return SAME, "same service"
    if _is_named(_last(change.target), evidence) or _is_named(change.service.lower(), evidence):
        return NAMED, "named by the errors or traces"
    if not change.service or not evidence.service:
        return UNKNOWN, ""
    return OTHER, f"another service, {change.service}"


def _is_named(name: str, evidence: Evidence) -> bool:
    """Do traces blame it, or new log lines name it?"""
    if len(_plain(name)) < 4:
        return False
    blamed = [each for each, _ in evidence.traces.downstream] if evidence.traces else []
    hours = in_hours(evidence)
    lines = [f"{line.pattern} {line.sample}" for line in evidence.logs if news(line, hours) >= 0.5]
    return any(f"-{_plain(name)}-" in f"-{_plain(text)}-" for text in (*blamed, *lines))


def _plain(text: str) -> str:
    """`PAYMENT_URL is not set` names the parameter `payment-url`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _place(change: Made, evidence: Evidence) -> tuple[float, str]:
    if change.account and evidence.account and change.account != evidence.account:
        return ELSEWHERE, "another account"
    is_global = change.kind is ChangeKind.ACCESS  # IAM is recorded in us-east-1
    if change.region and evidence.region and change.region != evidence.region and not is_global:
        return ELSEWHERE, "another region"
    return 1.0, ""


def _kind(change: Made, habit: Habit) -> tuple[float, str]:
    likely = habit.kinds[change.kind]
    if HARMLESS.match(_call(change)):
        return likely * 0.15, "breaks nothing that runs"
    if change.before and change.before == change.after and change.kind is ChangeKind.DEPLOYMENT:
        return likely * 0.15, "the same version again"
    if _steps(change) < 0:
        return likely * 0.2, "back to an earlier version"
    before, after = _number(change.before), _number(change.after)
    if change.kind is ChangeKind.SCALING and before is not None and after is not None and before != after:
        return (likely, "scaled down") if after < before else (likely * 0.2, "scaled up")
    return likely, ""


def _fits(change: Made, about: str) -> bool:
    """Is it the kind of change after which errors say what these say?"""
    is_access = change.kind is ChangeKind.ACCESS
    is_network = is_access and NETWORK.search(change.what) is not None
    return (about == "connections" and is_network) or (about == "access" and is_access and not is_network)


def _number(text: str) -> float | None:
    found = re.search(r"\d{1,9}", text)
    return float(found[0]) if found else None


def _about(evidence: Evidence) -> str:
    """What most of the new lines of errors are about: `access`, `connections`, or empty."""
    hours = in_hours(evidence)
    new = [line for line in evidence.logs if news(line, hours) >= 0.5 and line.kind is not LogClass.MEMORY]
    half = sum(line.count for line in new) / 2
    denied = sum(line.count for line in new if DENIED.search(f"{line.pattern} {line.sample}"))
    broken = sum(line.count for line in new if line.kind in {LogClass.CONNECTION, LogClass.TIMEOUT})
    return "access" if denied > half else "connections" if broken > half else ""


def _is_near(at: datetime, began_at: datetime) -> bool:
    return abs(at - began_at) <= NEAR_LOGS


def _call(change: Made) -> str:
    """The API call as CloudTrail records it, `UpdateService`; empty where it is the deployment itself."""
    found = CALL.fullmatch(change.what.strip("` "))
    return found["name"] if found else ""


def _are_one(kept: Made, other: Made, all_kept: Sequence[Made]) -> bool:
    if kept.kind is not ChangeKind.DEPLOYMENT or not _is_same_thing(kept, other):
        return False
    if (
        kept.after
        and other.after
        and _last(kept.after) != _last(other.after)
        and ":" in kept.after
        and ":" in other.after
    ):
        return False
    if call := _call(other):
        is_before = -CLOCKS <= kept.at - other.at <= ONE_CHANGE
        return is_before and call in DEPLOYING and other.kind is not ChangeKind.SCALING
    is_same = kept.what == other.what or (kept.after != "" and kept.after == other.after)
    # A pipeline calls it by another name than ECS does, which alone knows what ran before.
    is_told = not (kept.before and other.before) and abs(kept.at - other.at) <= 2 * MINUTE and not _call(kept)
    is_one = (is_same or is_told) and other.kind is ChangeKind.DEPLOYMENT and abs(kept.at - other.at) <= ONE_CHANGE
    return is_one and not any(_is_between(each, kept, other) for each in all_kept)


def _is_between(each: Made, first: Made, again: Made) -> bool:
    """Was something else deployed meanwhile? Then the second deployment of a version went back to it."""
    is_other = each.kind is ChangeKind.DEPLOYMENT and each.after not in ("", first.after, again.after)
    is_meanwhile = first.at < each.at < again.at
    return is_other and is_meanwhile and _is_same_thing(each, again) and not _is_undone(each)


def _is_same_thing(one: Made, other: Made) -> bool:
    """The same target, by name or ARN; a new task definition is what the deployment deploys."""
    if (one.account and other.account and one.account != other.account) or (
        one.region and other.region and one.region != other.region
    ):
        return False
    names = {_last(one.target), *([one.service.lower()] if one.service else [])}
    deployed = {_last(one.after), _last(one.after).partition(":")[0]} - {""}
    return _last(other.target) in names | deployed


def _merged(kept: Made, other: Made) -> Made:
    """What the one does not say, the other may."""
    told = {
        name: getattr(kept, name) or getattr(other, name)
        for name in ("service", "by", "account", "region", "before", "after", "link", "ended")
    }
    # Who called is who carried it out: a person, or the role of what they asked.
    is_carried = bool(_call(other)) and _call(other) != "RegisterTaskDefinition"
    through = other.by if is_carried and other.by else kept.through or other.through
    is_ecs = other.before and not kept.before and not _call(other)
    is_alias = _call(other) == "UpdateAlias" and _call(kept) != "" and other.after != ""
    if is_ecs or is_alias:  # what runs since then tells more
        told |= {"what": other.what, "after": other.after, "before": other.before, "at": other.at}
    return kept.model_copy(update={**told, "through": through, "is_ours": kept.is_ours or other.is_ours})


def _last(target: str) -> str:
    """The name at the end of an ARN or path: `checkout-api`, `web:57`."""
    name = target.strip().lower()
    if name.startswith("arn:") and "/" not in name:
        return name.rpartition(":")[2]
    return name.rpartition("/")[2]
