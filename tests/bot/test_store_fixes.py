"""The contract of the Store, as far as it keeps investigations, remediations and what guards them, and baselines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from bot.baselines import Baseline
from bot.errors import UnknownInvestigation, UnknownRemediation, VersionConflict
from bot.models import (
    Action,
    Approval,
    Cause,
    Change,
    Diagnosis,
    Evidence,
    Guard,
    Investigation,
    InvestigationStatus,
    LogClass,
    LogFinding,
    Measure,
    OwedKind,
    Reading,
    RemediationStatus,
    Severity,
)
from bot.store import Store
from tests.bot.fixing import done, remediation
from tests.bot.make import ANA, BOB, NOW, after, row
from tests.bot.storing import at_once, claim

Opened = Callable[[], Store]
METRIC = "AWS/ECS CPUUtilization Average ClusterName=shop-prod,ServiceName=checkout-api"


def investigation(number: int = 1, **values: Any) -> Investigation:
    facts: dict[str, Any] = {"subject": "AL-1", "service": "checkout-api", "severity": Severity.SEV2, "asked_at": NOW}
    return Investigation(number=number, **{**facts, **values})


def approval(name: str = "rollback", service: str = "checkout-api", **values: Any) -> Approval:
    return Approval(name=name, service=service, **{"by": ANA, "at": NOW, "until": after(3600), **values})


def baseline(metric: str = METRIC, hour: int = 3, **values: Any) -> Baseline:
    facts = {"mean": 31.5, "deviation": 4.25, "p50": 30.0, "p90": 40.0, "p99": 55.5, "samples": 12}
    return Baseline(service="checkout-api", metric=metric, hour_of_week=hour, **{**facts, **values})


# -- numbers


@pytest.mark.parametrize("take", ["next_investigation_number", "next_remediation_number"])
def test_no_number_is_given_twice_whoever_asks(open_store: Opened, take: str) -> None:
    handles = [open_store(), open_store()]

    def some(store: Store) -> list[int]:
        return [getattr(store, take)() for _ in range(25)]

    given = at_once(*(partial(some, handles[n % 2]) for n in range(4)))
    assert sorted(number for each in given for number in each) == list(range(1, 101))
    assert getattr(open_store(), take)() == 101, "also not after a restart"


def test_investigations_remediations_and_incidents_count_by_themselves(store: Store) -> None:
    store.next_number()
    store.next_investigation_number()
    assert (store.next_number(), store.next_investigation_number(), store.next_remediation_number()) == (2, 2, 1)


# -- investigations


def asked(store: Store, *wanted: Investigation) -> None:
    store.save(Change(investigations=wanted), NOW)


def test_an_investigation_comes_back_as_it_was_stored(open_store: Opened) -> None:
    evidence = Evidence(
        service="checkout-api",
        began_at=NOW,
        since=after(-900),
        until=after(60),
        readings=(Reading(measure=Measure.CPU, now=91.5, peak=99.0, expected=28.0),),
        logs=(LogFinding(kind=LogClass.EXCEPTION, pattern="KeyError: “währung” 🔥", count=7, first_seen=after(-60)),),
    )
    diagnosis = Diagnosis(cause=Cause.CPU, severity=Severity.SEV2, confidence=0.87, action=Action.SCALE_UP)
    made = investigation(
        status=InvestigationStatus.DONE, done_at=after(2), by=BOB, evidence=evidence, diagnosis=diagnosis
    )
    asked(open_store(), made)
    assert open_store().investigation(1) == made.changed(version=1)


def test_there_is_no_investigation_that_nobody_asked_for(store: Store) -> None:
    with pytest.raises(UnknownInvestigation, match="There is no RCA-7"):
        store.investigation(7)


def test_those_of_a_subject_are_told_newest_first(store: Store) -> None:
    asked(store, investigation(1), investigation(2, subject="INC-1"), investigation(3), investigation(4))
    assert [each.number for each in store.investigations_of("AL-1", limit=2)] == [4, 3]
    assert [each.number for each in store.investigations_of("INC-1")] == [2]
    assert store.investigations_of("AL-2") == []


def test_the_worst_is_claimed_first_then_the_oldest(store: Store) -> None:
    asked(store, investigation(1, severity=Severity.SEV3), investigation(2), investigation(3))
    taken = [store.claim_investigation("a", NOW, lease=60) for _ in range(4)]
    assert [each.number if each else None for each in taken] == [2, 3, 1, None]


def test_a_claimed_one_is_free_again_when_its_lease_runs_out(open_store: Opened) -> None:
    one, other = open_store(), open_store()
    asked(one, investigation())
    assert one.claim_investigation("a", NOW, lease=60) is not None
    assert other.claim_investigation("b", after(59.9), lease=60) is None
    again = other.claim_investigation("b", after(60), lease=60)
    assert again is not None
    assert again.number == 1


def test_a_dead_owners_investigation_is_free_at_once(store: Store) -> None:
    asked(store, investigation())
    store.claim_investigation("dead", NOW, lease=60)
    assert store.claim_owners() == ["dead"]
    store.release_claims("dead")
    assert store.claim_owners() == []
    assert store.claim_investigation("me", NOW, lease=60) is not None


@pytest.mark.parametrize("status", [InvestigationStatus.DONE, InvestigationStatus.FAILED])
def test_what_is_concluded_is_not_claimed_again(store: Store, status: InvestigationStatus) -> None:
    asked(store, investigation())
    taken = store.claim_investigation("a", NOW, lease=60)
    assert taken is not None
    asked(store, taken.changed(status=status))
    assert store.claim_investigation("b", after(999), lease=60) is None
    assert store.claim_owners() == []


def test_two_processes_never_claim_the_same_investigation(open_store: Opened) -> None:
    handles = [open_store(), open_store()]
    asked(handles[0], *(investigation(number) for number in range(1, 31)))

    def work(store: Store, owner: str) -> list[int]:
        taken = []
        while found := store.claim_investigation(owner, NOW, lease=60):
            taken.append(found.number)
        return taken

    taken = at_once(*(partial(work, handles[n % 2], f"w{n}") for n in range(4)))
    assert sorted(number for each in taken for number in each) == list(range(1, 31))


# -- what is written on something stale


@pytest.mark.parametrize(
    ("field", "first", "values"),
    [
        ("investigations", investigation(), {"is_dismissed": True}),
        ("remediations", remediation(), {"said": "3 of 6"}),
        ("guards", Guard(place="prod/checkout-api"), {"running": 12}),
        ("approvals", approval(), {"withdrawn_at": after(60)}),
    ],
)
def test_of_two_who_write_on_the_same_version_one_is_told(store: Store, field: str, first: Any, values: Any) -> None:
    store.save(Change(**{field: (first,)}), NOW)
    with pytest.raises(VersionConflict):
        store.save(Change(**{field: (first,)}), NOW)
    read = first.model_copy(update={"version": 1})
    store.save(Change(**{field: (read.model_copy(update=values),)}), NOW)
    with pytest.raises(VersionConflict):
        store.save(Change(**{field: (read,), "owed": (row(),)}), NOW)
    assert claim(store) == [], "all of it or nothing"


def test_a_remediation_does_not_begin_on_a_guard_that_moved_on(store: Store) -> None:
    store.save(Change(remediations=(remediation(),), guards=(Guard(place="p"),)), NOW)
    fix, guard = store.remediation(12), store.guard("p")
    store.save(Change(guards=(guard.changed(running=11),)), NOW)
    running = fix.moved(RemediationStatus.RUNNING, started_at=NOW)
    change = Change(
        remediations=(running,), guards=(guard.changed(running=12),), owed=(row(kind=OwedKind.FIX, subject="FIX-12"),)
    )
    with pytest.raises(VersionConflict):
        store.save(change, NOW)
    assert store.remediation(12).status is RemediationStatus.PLANNED
    assert store.guard("p").running == 11
    assert claim(store) == []


# -- remediations


def test_a_remediation_comes_back_as_it_was_stored(open_store: Opened) -> None:
    plan = remediation().plan.model_copy(
        update={"differences": ("image 42 → 41",), "state": {"arn": "arn:…:57", "seen": [1, None, {"a": True}]}}
    )
    made = done(subject="INC-1", plan=plan, needs=2, group="S0LEADS", verdict=("the alarm is OK",), undoes=3)
    open_store().save(Change(remediations=(made,)), NOW)
    assert open_store().remediation(12) == made.changed(version=1)


def test_there_is_no_remediation_that_nobody_planned(store: Store) -> None:
    with pytest.raises(UnknownRemediation, match=r"There is no FIX-7\."):
        store.remediation(7)


def test_remediations_are_told_newest_first_by_subject_and_while_they_are_open(store: Store) -> None:
    over = {status: n for n, status in enumerate(RemediationStatus, 1)}
    fixes = [remediation(n, status=status, subject=f"AL-{n % 2}") for status, n in over.items()]
    store.save(Change(remediations=tuple(fixes)), NOW)
    newest = len(RemediationStatus)
    assert [each.number for each in store.remediations(limit=3)] == [newest, newest - 1, newest - 2]
    assert {each.status for each in store.open_remediations()} == {
        RemediationStatus.PLANNED,
        RemediationStatus.RUNNING,
        RemediationStatus.VERIFYING,
    }
    odd = [number for number in range(newest, 0, -1) if number % 2]
    assert [each.number for each in store.remediations_of("AL-1", limit=4)] == odd[:4]
    assert store.remediations_of("INC-1") == []


# -- guards and approvals


def test_a_guard_that_nobody_wrote_is_empty_and_one_that_was_stays(open_store: Opened) -> None:
    store = open_store()
    assert store.guard("prod/checkout-api") == Guard(place="prod/checkout-api")
    guard = Guard(place="prod/checkout-api", running=12, started=(("rollback", NOW), ("restart", after(5))))
    store.save(Change(guards=(guard,)), NOW)
    assert open_store().guard("prod/checkout-api") == guard.changed(version=1)
    assert store.guard("staging/checkout-api").running is None


def test_an_approval_is_found_by_what_and_where_and_stays_when_it_ended(open_store: Opened) -> None:
    store = open_store()
    assert store.approval("rollback", "checkout-api") is None
    given, other = approval(), approval("AIOps-PurgeSQSDLQ", "payments-worker")
    store.save(Change(approvals=(given, other)), NOW)
    found = store.approval("rollback", "checkout-api")
    assert found == given.changed(version=1)
    assert store.approval("restart", "checkout-api") is None
    store.save(Change(approvals=(found.changed(withdrawn_at=after(5)),)), NOW)
    ended = open_store().approval("rollback", "checkout-api")
    assert ended is not None
    assert not ended.holds(after(6))
    assert [each.id for each in store.approvals()] == ["AIOps-PurgeSQSDLQ/payments-worker", "rollback/checkout-api"]


# -- pictures


def test_a_picture_is_kept_until_it_is_dropped_or_old(open_store: Opened) -> None:
    store = open_store()
    assert store.picture("RCA-1") is None
    store.keep_picture("RCA-1", b"\x89PNG\x00old", NOW)
    store.keep_picture("RCA-1", b"\x89PNG\x00\xff", NOW)
    store.keep_picture("RCA-2", b"", after(60))
    assert open_store().picture("RCA-1") == b"\x89PNG\x00\xff"
    store.forget_before(after(30))
    assert store.picture("RCA-1") is None
    assert store.picture("RCA-2") == b""


# -- baselines


def test_baselines_come_back_as_they_were_kept(open_store: Opened) -> None:
    latency = "AWS/ApplicationELB TargetResponseTime p99"
    kept = [baseline(hour=3), baseline(hour=4, zone="Europe/Berlin"), baseline(latency, 3, mean=0.125)]
    open_store().keep_baselines("checkout-api", kept)
    store = open_store()
    assert sorted(store.baselines("checkout-api"), key=str) == sorted(kept, key=str)
    assert store.baselines("checkout-api", latency) == kept[2:]
    assert store.baselines("search-api") == []


def test_new_baselines_replace_those_of_the_same_metric_and_leave_others(store: Store) -> None:
    other = baseline("AWS/ECS MemoryUtilization Average")
    store.keep_baselines("checkout-api", [baseline(hour=3), baseline(hour=4), other])
    newer = baseline(hour=5, mean=99.0)
    store.keep_baselines("checkout-api", [newer])
    assert store.baselines("checkout-api", METRIC) == [newer]
    assert store.baselines("checkout-api", other.metric) == [other]


def test_investigations_are_found_by_what_runs_where(store: Store) -> None:
    about = [("web", "prod"), ("web", "staging"), ("shop", "prod"), ("web", "prod"), ("web", "")]
    for number, (service, environment) in enumerate(about, 1):
        one = investigation(number, service=service, environment=environment)
        store.save(Change(investigations=(one,)), NOW)
    assert [one.number for one in store.investigations_into("web", "prod")] == [4, 1]
    assert [one.number for one in store.investigations_into("web", "")] == [5]
