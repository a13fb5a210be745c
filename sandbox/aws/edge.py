"""CloudFront invalidations that take a minute, newest first, with AWS's words for how they stand."""

from moto.cloudfront.models import CloudFrontBackend, Distribution, Invalidation

from sandbox.aws.clock import CLOCK

SECONDS = 60.0
_STARTED, _OF = "sandbox_started", "sandbox_invalidations"
_create_invalidation = CloudFrontBackend.create_invalidation


def create_invalidation(backend: CloudFrontBackend, dist_id: str, paths: list[str], caller_ref: str) -> Invalidation:
    made = _create_invalidation(backend, dist_id, paths, caller_ref)
    made.__dict__[_STARTED] = CLOCK.now()
    listed = backend.invalidations[dist_id]
    listed.insert(0, listed.pop())
    made.distribution.__dict__[_OF] = listed
    return made


def _status(invalidation: Invalidation) -> str:
    started = float(invalidation.__dict__.get(_STARTED, 0.0))
    return "Completed" if CLOCK.now() >= started + SECONDS / CLOCK.speed else "InProgress"


def _in_progress(distribution: Distribution) -> int:
    return sum(i.status == "InProgress" for i in distribution.__dict__.get(_OF, []))


def _ignore(_: Invalidation | Distribution, __: object) -> None:
    """moto calls an invalidation completed as soon as it is made."""


def install() -> None:
    setattr(CloudFrontBackend, create_invalidation.__name__, create_invalidation)
    setattr(Invalidation, "status", property(_status, _ignore))  # noqa: B010
    setattr(Distribution, "in_progress_invalidation_batches", property(_in_progress, _ignore))  # noqa: B010
