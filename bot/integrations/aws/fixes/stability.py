"""Which task definition a service can go back to, by what is known of its deployments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.integrations.aws.fixes.ecs import Past, Service
from bot.integrations.aws.fixes.revisions import Revision

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
_WENT_WELL = frozenset({"SUCCESSFUL"})
_ROLLING_BACK = frozenset({"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
_FAILED = _ROLLING_BACK | {"ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}


def was_stable(revision: Revision, past: Sequence[Past]) -> bool | None:
    """How its newest deployment with a clear end went; None where nothing tells.

    STOPPED tells nothing: a newer deployment may have been quicker.
    """
    for each in past:
        if each.revision.arn == revision.arn and each.status in _WENT_WELL | _FAILED:
            return each.status in _WENT_WELL
    return None


def stable_before(service: Service, past: Sequence[Past]) -> Iterator[Revision]:
    """The revisions to go back to, the last stable one first.

    Newest by the time of deployment, not by number: after 55, 56, back to 55, then 57, the last good one is 55. Lower
    numbers than the present one only: a higher one that was stable is what somebody went back from. A deployment under
    way leaves the completed one beside it, which comes first.
    """
    beside = [each.revision for each in service.deployments if not each.is_primary and each.rollout == "COMPLETED"]
    before = [each.revision for each in past if each.status in _WENT_WELL]
    for revision in dict.fromkeys([*beside, *before]):
        if is_earlier(revision, service.revision) and was_stable(revision, past) is not False:
            yield revision


def is_earlier(revision: Revision, than: Revision) -> bool:
    return revision.family == than.family and revision.number < than.number


def going_back(service: Service, past: Sequence[Past]) -> Revision | None:
    """What somebody, or ECS itself, is going back from at the moment.

    A second rollback would go past what the first one goes to.
    """
    if past and past[0].status in _ROLLING_BACK:
        return past[0].revision
    if not service.is_deploying:
        return None
    others = [each.revision for each in service.deployments if not each.is_primary]
    return next((each for each in others if is_earlier(service.revision, each)), None)
