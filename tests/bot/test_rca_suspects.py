"""Which change did it: by time, target, kind and place; which are one; which can't have been."""

from __future__ import annotations

from typing import Any

from bot.models import Action, Cause, ChangeKind, LogClass, Made
from bot.rca import diagnose
from bot.rca.suspects import distinct
from tests.bot.diagnosing import ACCOUNT, DEPLOYED, FAILING, MINUTE, NOW, REGION, change, cpu, evidence, latency, lines


def ranked(*changes: Made, **values: Any) -> list[str]:
    found = FAILING.model_copy(update={"changes": changes, **values})
    return [f"{one.change.what} {one.change.target}" for one in diagnose(found).suspects]


def test_only_likely_changes_of_the_same_service_are_named() -> None:
    older, scaled = change(ago=25, what="deployed web:55"), change(ChangeKind.SCALING, ago=3, what="scaled")
    other = change(ago=2, what="deployed app:9", target="mailer", service="mailer")
    nameless = change(ago=1, what="UpdateService", target="search-api", service="")
    assert ranked(older, other, nameless, change(ago=3), scaled) == ["deployed web:57 checkout-api"]
    assert ranked(older, other, nameless, scaled) == ["deployed web:55 checkout-api", "scaled checkout-api"], (
        "where none is likely, the likeliest of its own"
    )
    shared = change(ChangeKind.CONFIGURATION, ago=2, what="PutParameter", target="/shop/flag", service="")
    assert ranked(other, nameless, shared) == ["PutParameter /shop/flag"]


def test_a_published_version_is_named_by_the_alias_that_points_at_it() -> None:
    published = change(ago=3, what="PublishVersion", by="ci-deployer")
    pointed = change(ago=2.9, what="UpdateAlias", after="live:3", by="ci-deployer")
    (one,) = distinct([published, pointed])
    assert (one.what, one.after, one.at) == ("UpdateAlias", "live:3", pointed.at)
    told = diagnose(FAILING.model_copy(update={"changes": (published, pointed)}))
    assert told.action is Action.ROLLBACK
    assert any(text.startswith("UpdateAlias → live:3 by ci-deployer, 3 min before") for text in told.findings)


def test_what_did_not_run_any_more_when_it_began_is_no_suspect() -> None:
    bad = change(ago=6, before="web:56", after="web:57")
    back = change(ago=4, what="deployed web:56", before="web:57", after="web:56")
    gone = diagnose(FAILING.model_copy(update={"changes": (bad, back)}))
    assert (gone.cause, gone.action) == (Cause.MANY_ERRORS, None), "nobody goes forward to the bad one"
    assert "web:57 web:56" not in " ".join(each.change.what for each in gone.suspects)
    assert all(each.change.after != "web:57" for each in gone.suspects)
    late = back.model_copy(update={"at": NOW + 4 * MINUTE})
    after = diagnose(FAILING.model_copy(update={"changes": (bad, late)}))
    assert after.suspects[0].change.after == "web:57", "it was it"
    assert after.action is None, "but it does not run any more"
    failed = change(ago=3, what="deployment of web:57 failed", before="web:56", after="web:57")
    assert diagnose(FAILING.model_copy(update={"changes": (failed,)})).action is None


def test_what_a_deployment_just_made_slow_goes_back_and_is_not_scaled_up() -> None:
    slow = latency(2.4, 0.2, deviation=0.05)
    told = diagnose(evidence(slow, changes=(change(ago=2, before="web:56", after="web:57"),)))
    assert (told.cause, told.action) == (Cause.SLOW, Action.ROLLBACK)
    long_ago = change(ago=50, before="web:56", after="web:57")
    assert diagnose(evidence(slow, changes=(long_ago,))).action is Action.SCALE_UP
    other = change(ago=2, before="app:8", after="app:9", target="mailer", service="mailer")
    assert diagnose(evidence(slow, changes=(other,))).action is Action.SCALE_UP


def test_errors_of_an_earlier_trouble_do_not_bring_back_what_was_taken_back() -> None:
    early = lines("KeyError: 'currency'", 90, first_seen=NOW - 9 * MINUTE)
    bad = change(ago=12, before="web:56", after="web:57")
    back = change(ago=4, what="deployed web:56", before="web:57", after="web:56", by="bob.okafor")
    found = evidence(cpu(93), logs=(early,), changes=(bad, back), counted_since=NOW - MINUTE)
    told = diagnose(found)
    assert all(each.change.after != "web:57" for each in told.suspects)
    assert "web:57: taken back to web:56 4 min before it began" in told.excluded
    earlier = found.model_copy(update={"counted_since": NOW - 6 * MINUTE})
    assert diagnose(earlier).suspects[0].change.after == "web:57", "the datapoint began while it ran"


def test_going_back_to_a_version_is_not_its_first_deployment() -> None:
    first = change(ago=9, what="deployed web:56", after="web:56", by="bob.okafor")
    bad = change(ago=6, before="web:56", after="web:57", by="ci-deployer")
    back = change(ago=2, what="deployed web:56", before="web:57", after="web:56", by="ana")
    assert [(each.after, each.by) for each in distinct([first, bad, back])] == [
        ("web:56", "bob.okafor"),
        ("web:57", "ci-deployer"),
        ("web:56", "ana"),
    ]


def test_what_the_bot_did_itself_is_no_suspect() -> None:
    again = change(ago=2, what="deployed web:57", before="web:56", after="web:57")
    ours = change(ago=2.5, what="UpdateService", service="", by="aiops-bot", is_ours=True)
    told = diagnose(FAILING.model_copy(update={"changes": (again, ours)}))
    assert told.suspects == ()
    assert told.action is None
    same = change(ago=2, before="web:57", after="web:57")
    assert diagnose(FAILING.model_copy(update={"changes": (same,)})).suspects == (), "a restart brings nothing new"


def test_a_deployment_by_two_names_is_one() -> None:
    told = change(ago=4, what="deployed 43", after="43", by="bob.okafor")
    known = change(ago=3, what="deployed web:57", before="web:56", after="web:57", by="ci-deployer")
    (one,) = distinct([told, known])
    assert (one.before, one.after, one.what) == ("web:56", "web:57", "deployed web:57")
    assert len(distinct([known, known.model_copy(update={"at": NOW, "after": "web:58", "before": "web:57"})])) == 2


def test_a_deployment_that_is_told_with_two_authors_is_one_and_names_both() -> None:
    asked = change(ago=3, before="web:56", after="web:57", by="bob.okafor")
    registered = change(ago=4, what="RegisterTaskDefinition", target="web:57", service="", by="terraform")
    called = change(ago=3, what="UpdateService", by="ci-deployer", after="web:57")
    (one,) = distinct([called, registered, asked])
    assert one.author == "bob.okafor through ci-deployer"
    told = diagnose(FAILING.model_copy(update={"changes": (called, registered, asked)}))
    assert len(told.suspects) == 1
    assert any("web:56 → web:57 by bob.okafor through ci-deployer" in each for each in told.findings)
    assert distinct([one]) == [one]
    by_hand = asked.model_copy(update={"by": "", "through": "ci-deployer"})
    (one,) = distinct([by_hand, called.model_copy(update={"by": "ana"})])
    assert one.author == "ana", "who registered it is not who deployed it"


def test_deployments_and_settings_come_before_scaling_and_access() -> None:
    kinds = [ChangeKind.ACCESS, ChangeKind.SCALING, ChangeKind.CONFIGURATION, ChangeKind.DEPLOYMENT]
    told = diagnose(FAILING.model_copy(update={"changes": tuple(change(kind, what=kind.value) for kind in kinds)}))
    assert [one.change.kind for one in told.suspects][:2] == [ChangeKind.DEPLOYMENT, ChangeKind.CONFIGURATION]


def test_another_account_or_region_is_less_likely() -> None:
    here = diagnose(FAILING).suspects[0]
    for elsewhere in ({"account": "999999999999"}, {"region": "us-east-1"}):
        moved = DEPLOYED.model_copy(update=elsewhere)
        (there,) = diagnose(FAILING.model_copy(update={"changes": (moved,)})).suspects
        assert there.score < here.score / 2
        assert any(reason.startswith("another") for reason in there.reasons)


def test_what_came_after_is_no_suspect_but_clocks_differ() -> None:
    assert ranked(change(ago=-0.5)) == ["deployed web:57 checkout-api"]
    assert ranked(change(ago=-2)) == []
    # Without a log line the alarm's datapoint is all there is, and it covers some minutes.
    assert ranked(change(ago=-2), logs=()) == ["deployed web:57 checkout-api"]
    assert ranked(change(ago=-6), logs=()) == []


def test_a_call_and_the_deployment_that_it_started_are_one_change() -> None:
    call = change(ago=3.5, what="UpdateService", by="ana", link="https://trail", service="")
    deployed = change(ago=3, before="web:56", after="web:57")
    told = diagnose(FAILING.model_copy(update={"changes": (call, deployed)}))
    (one,) = told.suspects
    assert (one.change.what, one.change.by, one.change.link) == ("deployed web:57", "ana", "https://trail")
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/checkout-api"
    assert len(distinct([deployed, call.model_copy(update={"target": arn})])) == 1
    registered = change(ago=4, what="RegisterTaskDefinition", target="web:57", service="")
    assert len(distinct([registered, deployed, call])) == 1
    assert len(distinct([deployed, call.model_copy(update={"at": NOW - 40 * MINUTE})])) == 2
    assert len(distinct([deployed, call.model_copy(update={"target": "mailer"})])) == 2
    assert len(distinct([deployed, call.model_copy(update={"what": "PutScalingPolicy"})])) == 2
    assert len(distinct([deployed, call.model_copy(update={"at": NOW + 5 * MINUTE})])) == 2  # somebody went back


def test_lost_rights_point_at_who_changed_rights() -> None:
    denied = (lines("AccessDeniedException: not authorized to perform s3:GetObject", 150),)
    rights = change(ChangeKind.ACCESS, ago=2, what="PutRolePolicy", target="role/shop", service="", region="us-east-1")
    assert ranked(change(ago=14), rights, logs=denied)[0] == "PutRolePolicy role/shop"


def test_lost_connections_point_at_who_changed_the_network() -> None:
    refused = (lines("connection refused to catalog-db.internal:5432", 150, LogClass.CONNECTION),)
    network = change(ChangeKind.ACCESS, ago=1, what="RevokeSecurityGroupIngress", target="sg-1", service="")
    assert ranked(change(ago=14), network, logs=refused)[0] == "RevokeSecurityGroupIngress sg-1"


def test_what_the_errors_name_is_suspected() -> None:
    unset = (lines("ConfigError: PAYMENT_URL is not set", 150),)
    named = change(ChangeKind.CONFIGURATION, what="PutParameter", target="parameter/payment-url", service="")
    (one,) = diagnose(FAILING.model_copy(update={"changes": (named,), "logs": unset})).suspects
    assert "named by the errors or traces" in one.reasons


def test_what_breaks_nothing_is_hardly_a_suspect() -> None:
    assert ranked(change(ChangeKind.CONFIGURATION, ago=1, what="TagResource"), change(ago=9))[0].startswith("deployed")


def test_fewer_tasks_are_suspected_of_high_cpu_and_more_are_not() -> None:
    fewer = change(ChangeKind.SCALING, what="desired count changed", before="6", after="3")
    more = change(ChangeKind.SCALING, ago=1, what="desired count changed", before="3", after="6")
    told = diagnose(evidence(cpu(93), changes=(more, fewer)))
    assert [one.change.after for one in told.suspects] == ["3"]
    assert "scaled down" in told.suspects[0].reasons
