"""What was deployed: as the bot heard of it, and as ECS has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.errors import CloudError, StoreError
from bot.integrations.aws.evidence import console
from bot.integrations.aws.evidence.asking import HOUR, Answer, Calls, Looking, Means, failed, joined, off, partly
from bot.integrations.aws.evidence.rollouts import Rollout, Rollouts, rollouts
from bot.models import ChangeKind, Made, Source, SourceOutcome
from bot.ports import Scope
from bot.resources import Resources
from bot.signals import Deployment, DeploymentState

Heard = Callable[[str, datetime], Sequence[Deployment]]
"""What the bot heard of a service's deployments since then, from buses and pipelines."""
LOOK_BACK = timedelta(hours=24)
SLACK = timedelta(minutes=2)
"""A pipeline tells of a deployment a little before or after ECS begins it."""
MAX_WHAT = 400
_IMAGES = re.compile(r"image \S*:(?P<old>\S+) → \S*:(?P<new>\S+)")
_VERBS = {
    "SUCCESSFUL": "deployed {}",
    "PENDING": "deploying {}",
    "IN_PROGRESS": "deploying {}",
    "FAILED": "deployment of {} failed",
    "STOPPED": "deployment of {} stopped",
    "STOP_REQUESTED": "deployment of {} stopped",
    "ROLLBACK_REQUESTED": "deployment of {} is rolled back",
    "ROLLBACK_IN_PROGRESS": "deployment of {} is rolled back",
    "ROLLBACK_SUCCESSFUL": "deployment of {} was rolled back",
    "ROLLBACK_FAILED": "deployment of {} failed, its rollback too",
    DeploymentState.STARTED: "deploying {}",
    DeploymentState.SUCCEEDED: "deployed {}",
}


class Deployments(Looking):
    """One or two calls where nothing was deployed in the last 24 hours, else six."""

    source = Source.DEPLOYMENTS

    def __init__(self, means: Means, heard: Heard) -> None:
        super().__init__(means)
        self._heard = heard

    def link(self, scope: Scope, region: str) -> str:
        at = scope.resources
        return console.service_deployments(region, at.cluster, at.ecs_service) if _is_ecs(at) else ""

    def look(self, scope: Scope, calls: Calls) -> Answer:
        since = min(scope.began_at, scope.since) - LOOK_BACK
        heard, said = self._told(scope, since)
        try:
            known = rollouts(scope.resources, since, scope.until, calls) if _is_ecs(scope.resources) else Rollouts(())
        except CloudError as error:
            if not heard:
                return failed(error)
            known = Rollouts((), said=partly("ECS is", error))
        made = _merged(scope, calls.region, known.found, heard)
        said = joined(_gone(scope, known), known.said, said)
        values: dict[str, Any] = {"tasks": known.tasks} if known.tasks else {}
        if made or values:
            values |= {"wanted": known.wanted} if known.wanted else {}
            return Answer({**values, "changes": tuple(made)} if made else values, said)
        if not _is_ecs(scope.resources) and not said:
            return self._nothing_heard(scope)
        why = said or "nothing was deployed in the last 24 hours"
        return Answer({"wanted": known.wanted} if known.wanted else {}, why, SourceOutcome.NOTHING)

    def _told(self, scope: Scope, since: datetime) -> tuple[list[Deployment], str]:
        names = dict.fromkeys(name for name in (scope.service, scope.resources.ecs_service) if name)
        try:
            heard = {each.id: each for name in names for each in self._heard(name, since)}
        except StoreError as error:
            return [], f"what the bot heard of is not known: {error}"
        return [each for each in heard.values() if each.at <= scope.until and _is_here(each, scope.resources)], ""

    def _nothing_heard(self, scope: Scope) -> Answer:
        if scope.resources.function:
            return Answer(why="the bot heard of no deployment in the last 24 hours")
        return off(f"no ECS service is known: name cluster and ecs_service of {scope.service} in the catalogue")


def _merged(scope: Scope, region: str, known: Sequence[Rollout], heard: Sequence[Deployment]) -> list[Made]:
    """Newest first. What was heard of one that ECS knows too adds who did it, and its version."""
    revisions = _revisions(known)
    told = [(each, _known_as(each, known, revisions)) for each in heard]
    made = [_of_ecs(scope, region, one, [each for each, of in told if of is one]) for one in known]
    made += [_of_bus(scope, region, each) for each, of in told if of is None]
    return sorted(made, key=lambda each: each.at, reverse=True)


def _of_ecs(scope: Scope, region: str, rollout: Rollout, same: Sequence[Deployment]) -> Made:
    at = scope.resources
    versions = [each.version for each in same if each.version and each.version != rollout.after]
    what = _VERBS.get(rollout.status, "deployed {}").format(rollout.after or "a new revision")
    details = joined(*versions[:1], *rollout.changed, rollout.reason)
    return Made(
        kind=ChangeKind.DEPLOYMENT,
        what=_cut(f"{what} ({details})" if details else what),
        target=at.ecs_service,
        at=rollout.at,
        service=scope.service,
        by=next((each.by for each in same if each.by), ""),
        through=rollout.by,
        account=at.account,
        region=region,
        before=rollout.before,
        after=rollout.after,
        ended=rollout.ended,
        link=console.service_deployments(region, at.cluster, at.ecs_service),
    )


def _of_bus(scope: Scope, region: str, heard: Deployment) -> Made:
    named = heard.version or "a version that is not told"
    verb = _VERBS.get(heard.state, f"deployment of {{}} {heard.state.value}")
    return Made(
        kind=ChangeKind.DEPLOYMENT,
        what=_cut(verb.format(named) + (f" ({heard.reason})" if heard.reason else "")),
        target=heard.service,
        at=heard.began,
        service=scope.service,
        by=heard.by,
        account=heard.account or scope.resources.account,
        region=heard.region or region,
        after=heard.version,
        ended=heard.at if heard.state is DeploymentState.SUCCEEDED else None,
    )


def _known_as(heard: Deployment, known: Sequence[Rollout], revisions: Mapping[str, str]) -> Rollout | None:
    """Which one of ECS's it is: by its id, by its version, else the nearest in time. None: none of them.

    A version that comes back is another deployment: who told of the first one did not go back to it.
    """
    if own := [each for each in known if each.id == heard.id]:
        return own[0]
    version = revisions.get(heard.version, heard.version)
    if version and any(each.after == version for each in known):
        near = [each for each in known if each.after == version and each.at - SLACK <= heard.at <= each.at + HOUR]
    else:
        others = "ecs-svc/" if heard.id.startswith("ecs-svc/") else ()
        near = [
            each
            for each in known
            if not each.id.startswith(others) and each.at - SLACK <= heard.at <= (each.ended or each.at) + SLACK
        ]
    return min(near, key=lambda each: abs(each.at - heard.began), default=None)


def _revisions(known: Sequence[Rollout]) -> dict[str, str]:
    """Which task definition has the image of a version, as far as differences tell: pipelines speak of versions."""
    told = [(each, found) for each in known for text in each.changed if (found := _IMAGES.fullmatch(text))]
    return {found[side]: name for each, found in told for side, name in (("old", each.before), ("new", each.after))}


def _is_here(heard: Deployment, at: Resources) -> bool:
    """A deployment elsewhere is another service's of the same name: staging, say."""
    is_ecs = heard.id.startswith("ecs-svc/")
    pairs = ((heard.account, at.account), (heard.region, at.region), (heard.cluster if is_ecs else "", at.cluster))
    return all(not there or not here or there == here for there, here in pairs)


def _is_ecs(at: Resources) -> bool:
    return bool(at.cluster and at.ecs_service)


def _gone(scope: Scope, known: Rollouts) -> str:
    at = scope.resources
    return "" if known.is_there else f"the cluster {at.cluster} has no service {at.ecs_service} (any more)"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_WHAT else text[: MAX_WHAT - 1] + "…"
