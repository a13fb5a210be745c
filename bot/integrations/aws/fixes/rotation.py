"""A Lambda alias, back to the version before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from bot.errors import CloudError, Refused
from bot.integrations.aws.fixes.aliases import (
    Alias,
    Aliases,
    Version,
    before,
    known_bad,
    none_before,
    place,
    radius,
    what_there_is,
)
from bot.integrations.aws.fixes.kind import Past, is_code, state_of
from bot.integrations.aws.fixes.revisions import names_changed
from bot.models import Order, Plan, Progress, Remediation, Stored, Target
from bot.ports import Choice
from bot.resources import Resources

CHOICES = 10
ABOUT_SECONDS = 5
_COMPARED = ("Runtime", "Handler", "MemorySize", "Timeout", "Architectures", "Role")


class _Turn(Stored):
    """Versions and the shares of others before and after; `stamp` is the alias's revision id when it was planned."""

    before: str
    after: str
    shares_before: dict[str, float] = Field(default_factory=dict)
    shares_after: dict[str, float] = Field(default_factory=dict)
    stamp: str

    def is_done(self, alias: Alias) -> bool:
        return alias.version == self.after and alias.weights == self.shares_after


class RotateAlias:
    """Exactly once: the change carries the alias's revision id, with which Lambda takes one change, no second one."""

    kind = "alias"

    def __init__(self, aliases: Aliases, region: str, past: Past) -> None:
        self._aliases = aliases
        self._region = region
        self._past = past

    def plan(self, order: Order, resources: Resources) -> Plan:
        where = place(order.service, resources, self._region)
        alias = self._aliases.alias(where)
        versions = self._aliases.versions(where)
        bad = known_bad(self._past(), where)
        after = _asked_for(order.revision, where, alias, versions) if order.revision else before(alias, versions, bad)
        if after is None:
            raise none_before(where, alias, versions, bad)
        turn = _Turn(before=alias.version, shares_before=alias.weights, after=after, stamp=alias.stamp)
        return _plan(where, turn, versions, bad)

    def choices(self, service_name: str, resources: Resources) -> list[Choice]:
        """Lambda does not tell how a version did, so none is said to have been stable."""
        where = place(service_name, resources, self._region)
        alias, versions = self._aliases.alias(where), self._aliases.versions(where)
        others = [each for each in versions if str(each.number) != alias.version][:CHOICES]
        return [
            Choice(str(each.number), each.published_at, "", _differences(alias.version, each.number, versions), False)
            for each in others
        ]

    def start(self, remediation: Remediation) -> Progress:
        where, turn = remediation.plan.target, _turn(remediation)
        alias = self._aliases.alias(where)
        if not turn.is_done(alias):
            alias = self._point(where, turn, alias)
        return _progress(remediation, turn, alias)

    def follow(self, remediation: Remediation) -> Progress:
        return _progress(remediation, _turn(remediation), self._aliases.alias(remediation.plan.target))

    def stop(self, remediation: Remediation) -> None:
        """Nothing to let go of: an alias changes at once."""

    def undo(self, remediation: Remediation) -> Plan:
        where, turn = remediation.plan.target, _turn(remediation)
        alias = self._aliases.alias(where)
        if not turn.is_done(alias):
            raise Refused(f"{remediation.id} pointed {where.name}:{where.alias} at {turn.after}, and it is at "
                          f"{alias.shown} by now: somebody changed it since.")  # fmt: skip
        back = _Turn(
            before=turn.after,
            after=turn.before,
            shares_before=turn.shares_after,
            shares_after=turn.shares_before,
            stamp=alias.stamp,
        )
        return _plan(where, back, self._aliases.versions(where), known_bad(self._past(), where))

    def standing(self, remediation: Remediation) -> Progress:
        return self.follow(remediation)

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]:
        """Lambda has no dry run for aliases: the plan is held against AWS once more."""
        where, turn = remediation.plan.target, _turn(remediation)
        alias = self._aliases.alias(where)
        if alias.stamp != turn.stamp:
            raise _overtaken(where, alias)
        return (
            f"{where.name}:{where.alias} still points at {alias.shown}, unchanged since the plan.",
            f"UpdateAlias would point it at {turn.after}. Lambda has no dry run for it, so it was not called, and "
            "whether the bot may call it was not tried.",
        )

    def _point(self, where: Target, turn: _Turn, alias: Alias) -> Alias:
        """A refusal may come from our own first try, whose answer was lost."""
        if alias.stamp != turn.stamp:
            raise _overtaken(where, alias)
        try:
            return self._aliases.point(where, turn.after, turn.shares_after, turn.stamp)
        except CloudError as error:
            if not is_code(error, "PreconditionFailed"):
                raise
            now = self._aliases.alias(where)
            if not turn.is_done(now):
                raise _overtaken(where, now) from error
            return now


def _turn(remediation: Remediation) -> _Turn:
    return _Turn.model_validate(remediation.plan.state)


def _overtaken(where: Target, alias: Alias) -> Refused:
    return Refused(f"{where.name}:{where.alias} was changed since the plan was made; it points at {alias.shown}. "
                   "Nothing was changed.")  # fmt: skip


def _asked_for(text: str, where: Target, alias: Alias, versions: Sequence[Version]) -> str:
    """`6` or `live:6`. Raises Refused that says what there is."""
    found = re.fullmatch(rf"(?:{re.escape(where.alias)}:)?([1-9]\d{{0,9}})", text.strip())
    if not found or int(found[1]) not in {each.number for each in versions}:
        raise Refused(f"{where.name} has no version “{text[:80]}”. {what_there_is(versions)}")
    if found[1] == alias.version and not alias.weights:
        raise Refused(f"{where.name}:{where.alias} points at {found[1]} already. {what_there_is(versions)}")
    return found[1]


def _plan(where: Target, turn: _Turn, versions: Sequence[Version], bad: Mapping[str, str]) -> Plan:
    old = Alias(turn.before, "", turn.shares_before)
    new = Alias(turn.after, "", turn.shares_after)
    return Plan(
        target=where,
        before=f"{where.alias}: {old.shown}",
        after=f"{where.alias}: {new.shown}",
        differences=_differences(turn.before, int(turn.after) if turn.after.isdigit() else 0, versions),
        steps=(f"UpdateAlias, {where.alias} points at {new.shown}",),
        radius=radius(where, turn.after, bad),
        undo=f"{where.alias} back to {old.shown}",
        checks=(f"version {turn.after} is published",),
        about_seconds=ABOUT_SECONDS,
        state=state_of(RotateAlias.kind, turn),
    )


def _differences(current: str, other: int, versions: Sequence[Version]) -> tuple[str, ...]:
    """What differs between two versions, never a value of the environment."""
    raw: Mapping[str, Mapping[str, Any]] = {str(each.number): each.raw for each in versions}
    if current not in raw or str(other) not in raw or current == str(other):
        return ()
    old, new = raw[current], raw[str(other)]
    lines = ["code differs"] if old.get("CodeSha256") != new.get("CodeSha256") else []
    lines += [f"{key} {old.get(key)} → {new.get(key)}" for key in _COMPARED if old.get(key) != new.get(key)]
    lines += names_changed("environment", _environment(old), _environment(new))
    lines += ["layers differ"] if _layers(old) != _layers(new) else []
    return tuple(lines)


def _environment(raw: Mapping[str, Any]) -> dict[str, Any]:
    return dict((raw.get("Environment") or {}).get("Variables") or {})


def _layers(raw: Mapping[str, Any]) -> list[str]:
    return [each["Arn"] for each in raw.get("Layers") or []]


def _progress(remediation: Remediation, turn: _Turn, alias: Alias) -> Progress:
    said = f"{remediation.plan.target.alias} points at {alias.shown}"
    problem = "" if turn.is_done(alias) else f"{said}, not at {turn.after}: somebody changed it meanwhile."
    return Progress(said=said, is_over=True, problem=problem, state=remediation.plan.state)
