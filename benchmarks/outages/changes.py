"""What people and machines changed around the time: the one that did it, if any, among others."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from benchmarks.outages.play import Service
from benchmarks.outages.stories import DEPENDENCIES, Change, Plot
from bot.models import ChangeKind, Made

MINUTE = timedelta(minutes=1)
ACCOUNT, REGION = "123456789012", "eu-central-1"
SERVICES = (
    *("checkout-api", "search-api", "payments-worker", "cart-api"),
    *("ledger", "mailer", "catalog-web", "batch-jobs"),
)
PEOPLE = ("ci-deployer", "ana", "bob", "cy", "terraform", "autoscaling")


def made_of(change: Change, s: Service, at: datetime) -> Made:
    target = change.target or s.name
    return Made(
        kind=change.kind,
        what=change.what,
        target=target,
        at=at - change.ago * MINUTE,
        service=s.name if target.startswith(s.name) else "",
        by="ci-deployer" if change.kind is ChangeKind.DEPLOYMENT else "ana",
        account=ACCOUNT,
        region=REGION,
        before=change.before,
        after=change.after,
    )


def changes_around(s: Service, plot: Plot, true: Made | None, at: datetime, dice: random.Random) -> list[Made]:
    """The true one, if any, among up to eight that have nothing to do with it, in no order."""
    found = [_decoy(s, at, dice) for _ in range(dice.randint(0, 8))]
    if true:
        found.append(true)
        if true.kind is ChangeKind.DEPLOYMENT and dice.random() < 0.6:
            echo = {"what": "UpdateService", "before": "", "after": "", "at": true.at - timedelta(seconds=20)}
            found.append(true.model_copy(update=echo))
    if plot.fault.load > 1.3 and dice.random() < 0.5:  # the autoscaler answers
        found.append(
            _own(s, ChangeKind.SCALING, "desired count changed", at + 3 * MINUTE, str(s.tasks), str(s.tasks + 2))
        )
    dice.shuffle(found)
    return found


def _decoy(s: Service, at: datetime, dice: random.Random) -> Made:
    """Most are of others; some of the same service are older, or come after it began."""
    when = at - dice.uniform(0, 62) * MINUTE if dice.random() < 0.85 else at + dice.uniform(5, 12) * MINUTE
    if dice.random() < 0.15:
        age = at - dice.uniform(4, 62) * MINUTE
        kind = dice.choice((ChangeKind.DEPLOYMENT, ChangeKind.SCALING, ChangeKind.CONFIGURATION))
        calls = ("TagResource", "PutMetricAlarm", "PutScalingPolicy", "ModifyTargetGroupAttributes")
        named = {ChangeKind.DEPLOYMENT: "deployed web:7", ChangeKind.SCALING: "desired count changed"}
        what = named.get(kind) or dice.choice(calls)
        return _own(s, kind, what, age, "3", "4")
    other = dice.choice([name for name in (*SERVICES, "", "") if name != s.name])
    kind, what = dice.choice(
        ((ChangeKind.DEPLOYMENT, "deployed app:12"), (ChangeKind.CONFIGURATION, "PutParameter"),
         (ChangeKind.SCALING, "desired count changed"), (ChangeKind.ACCESS, "AuthorizeSecurityGroupIngress"),
         (ChangeKind.ACCESS, "CreateAccessKey"))
    )  # fmt: skip
    return Made(
        kind=kind,
        what=what,
        target=other or dice.choice(("sg-0a1b2c", "bucket-reports", "user/dora", "dashboards", *DEPENDENCIES)),
        at=when,
        service=other,
        by=dice.choice(PEOPLE),
        account=ACCOUNT if dice.random() < 0.9 else "999999999999",
        region=REGION if dice.random() < 0.9 else "us-east-1",
    )


def _own(s: Service, kind: ChangeKind, what: str, at: datetime, before: str, after: str) -> Made:
    return Made(kind=kind, what=what, target=s.name, at=at, service=s.name, by="autoscaling", account=ACCOUNT,
                region=REGION, before=before, after=after)  # fmt: skip
