"""Who changed what in the hour before it began, from CloudTrail's event history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.errors import CloudError
from bot.integrations.aws.clients import is_throttled
from bot.integrations.aws.evidence import console, trail
from bot.integrations.aws.evidence.asking import HOUR, Answer, Calls, Looking, joined, partly
from bot.integrations.aws.evidence.ourselves import Identity
from bot.models import ChangeKind, Made, Source
from bot.ports import Scope

PAGES = 5
PAGE = 50
MAX_CHANGES = 50
# https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html: two a second
PACE = 0.55
LATE = "CloudTrail may tell up to 15 minutes late"


class Changes(Looking):
    """Up to five pages of what was not only read, the newest first; of IAM, which is written down elsewhere, one."""

    source = Source.CHANGES

    def link(self, scope: Scope, region: str) -> str:
        return console.trail(region, _since(scope), scope.until)

    def look(self, scope: Scope, calls: Calls) -> Answer:
        changing = {"AttributeKey": "ReadOnly", "AttributeValue": "false"}
        events, said = self._pages(scope, calls, calls.region, changing, PAGES)
        everywhere = console.global_region(calls.region)
        made = _made(scope, events, calls.region, self.means.ourselves.known(calls))
        if everywhere != calls.region:
            of_iam = {"AttributeKey": "EventSource", "AttributeValue": "iam.amazonaws.com"}
            try:
                events, _ = self._pages(scope, calls, everywhere, of_iam, 1)
            except CloudError as error:
                said = joined(said, partly("changes of IAM are", error))
            else:
                made += _made(scope, events, everywhere, self.means.ourselves.known(calls))
        first = sorted(made, key=lambda each: (bool(each.service), each.at), reverse=True)[:MAX_CHANGES]
        shown = tuple(sorted(first, key=lambda each: each.at, reverse=True))
        if not shown:
            return Answer(why=joined("nobody changed anything", said, LATE))
        return Answer({"changes": shown}, said)

    def _pages(
        self, scope: Scope, calls: Calls, region: str, attribute: dict[str, str], most: int
    ) -> tuple[list[dict[str, Any]], str]:
        """The events, and what is missing of them. Throttled, it waits as long as the quota needs."""
        asked: dict[str, Any] = {
            "LookupAttributes": [attribute],
            "StartTime": _since(scope),
            "EndTime": scope.until,
            "MaxResults": PAGE,
        }
        events: list[dict[str, Any]] = []
        pages = 0
        while pages < most:
            try:
                with calls.client("cloudtrail", "LookupEvents", region=region) as client:
                    answer = client.lookup_events(**asked)
            except CloudError as error:
                if is_throttled(error.code) and calls.pause(PACE):
                    continue
                if not events:
                    raise
                return events, partly("older changes are", error)
            pages += 1
            events += answer.get("Events", [])
            if not answer.get("NextToken"):
                return events, ""
            asked["NextToken"] = answer["NextToken"]
        return events, f"only the newest {len(events)} events were read"


def _since(scope: Scope) -> datetime:
    return min(scope.began_at, scope.since) - HOUR


def _made(scope: Scope, raw: Sequence[dict[str, Any]], region: str, ourselves: Identity | None) -> list[Made]:
    events = [trail.event_of(each) for each in raw]
    runs = trail.runs_of(events, ourselves)
    found = []
    for event in events:
        if trail.is_noise(event) or event.at > scope.until:
            continue
        made = _change(scope, event, region, is_ours=trail.is_of(event, ourselves, runs))
        # Of what the bot did itself only this matters: a deployment of ECS that it began is nobody's.
        if not made.is_ours or (made.service and made.kind in (ChangeKind.DEPLOYMENT, ChangeKind.SCALING)):
            found.append(made)
    return _with_versions_before(found)


def _with_versions_before(changes: Sequence[Made]) -> list[Made]:
    """Lambda does not tell where an alias pointed before: what it was changed to the last time, as far as that is
    looked at."""
    known: dict[tuple[str, str], str] = {}
    found = []
    for made in sorted(changes, key=lambda each: each.at):
        if made.ended is None:
            found.append(made)
            continue
        alias = made.target, made.after.partition(":")[0]
        found.append(made.model_copy(update={"before": known.get(alias, "")}))
        known[alias] = made.after
    return found


def _change(scope: Scope, event: trail.Event, region: str, *, is_ours: bool) -> Made:
    ours = trail.ours_in(event, scope.resources, scope.service)
    return Made(
        kind=trail.kind_of(event),
        what=event.name[:100],
        target=trail.target_of(event, scope.resources, ours)[:200],
        at=event.at,
        service=scope.service if ours else "",
        by=event.by[:100],
        account=scope.resources.account,
        region=region,
        after=trail.after_of(event)[:100],
        link=console.trail_event(region, event.id) if event.id else "",
        is_ours=is_ours,
        ended=event.at if trail.points(event) else None,
    )
