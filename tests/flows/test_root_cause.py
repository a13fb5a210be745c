"""Reports of root causes: asked for, by themselves, with sources that refuse, hang or have nothing, and put aside."""

from __future__ import annotations

import re

import boto3

from sandbox.shop.catalogue import CLUSTER
from tests.flows.shop import Site
from tests.workspace import Workspace, wait_for

ALERT = re.compile(r"AL-\d+")
DENIED = {"error": "AccessDeniedException", "message": "not authorized"}


def test_sources_that_are_not_allowed_say_which_permission_is_missing(site: Site) -> None:
    site.start()
    site.fault("logs", "StartQuery", **DENIED)
    site.fault("cloudtrail", "LookupEvents", **DENIED)
    site.fault("xray", "GetTraceSummaries", **DENIED)
    _, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    assert "Not looked at" in report.text
    assert "logs:StartQuery" in report.text
    assert "cloudtrail:LookupEvents" in report.text
    assert "xray:GetTraceSummaries" in report.text
    assert "deployed checkout-api:2 → checkout-api:3" in report.text, "ECS still tells it"


def test_a_source_that_hangs_is_named_at_its_deadline(site: Site) -> None:
    site.start(investigation={"deadline": "2s"})
    site.fault("cloudtrail", "LookupEvents", "delay", seconds=20)
    _, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    assert "CloudTrail — failed: no answer" in report.text
    site.turn("faults/clear")


def test_nothing_at_all_can_be_looked_at(site: Site) -> None:
    site.start()
    for service in ("monitoring", "logs", "xray", "cloudtrail", "health", "ecs"):
        site.fault(service, "*", **DENIED)
    site.shop.break_it("bad-deploy")
    _, report = site.found("No likely cause found")
    assert "cloudwatch:GetMetricData" in report.text
    assert "Roll back…" not in report.buttons


def test_x_ray_that_is_off_and_a_support_plan_without_health(site: Site) -> None:
    site.start()
    site.turn("xray", on=False)
    site.fault("health", "*", error="SubscriptionRequiredException", message="needs a support plan")
    _, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    assert "X-Ray: nothing" in report.text
    assert "AWS Health" in report.text


def test_throttled_sources_say_so(site: Site) -> None:
    site.start(investigation={"deadline": "3s"})
    site.fault("cloudtrail", "LookupEvents", "throttle")
    _, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    assert "AWS was asked too often" in report.text


def test_an_alarm_of_a_service_that_nobody_knows(site: Site) -> None:
    site.start()
    card = site.broken("unknown-service", "prod-fax-gateway-spool-high")
    report = site.seen("No likely cause found", under=card)
    assert "Follow the standard investigation" in report.text
    assert not [each for each in report.buttons if each.endswith("…")]
    assert not [each for each in card.buttons if each in ("Rollback…", "Scale up…", "Restart…")]


def test_a_slow_dependency_is_named_and_not_scaled_away(site: Site) -> None:
    site.start()
    site.shop.break_it("slow-dependency")
    _, report = site.found("Most likely: slow response")
    assert "catalog-db" in report.text
    assert "Check dependencies" in report.text


def test_what_the_bot_did_and_what_was_taken_back_is_no_suspect_of_the_next_trouble(site: Site) -> None:
    site.start()
    card, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    plan = site.planned(site.bob, report, "Roll back…", card)
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)
    assert site.runs("checkout-api") == "checkout-api:2"
    site.shop.break_it("cpu-spike")
    spike = site.seen("prod-checkout-api-cpu-medium")
    site.run(site.bob, f"/incident rca {ALERT.findall(spike.text)[0]}", "(RCA-")
    _, second = site.found("Most likely: high CPU")
    assert "only change" not in second.text.replace("\u00a0", " ")
    assert "aiops-bot" not in second.text
    assert "checkout-api:3: taken back to checkout-api:2" in second.text


def test_errors_that_stopped_with_a_rollback_are_not_the_next_troubles(site: Site) -> None:
    site.start()
    site.run(site.ana, "/incident approve scale_up checkout-api 7d", "scale up")
    card, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    assert "by bob.okafor through ci-deployer" in report.text
    plan = site.planned(site.bob, report, "Roll back…", card)
    site.click(site.bob, plan, "Run it")
    while "done, verifying" not in site.now(plan, under=card).text:
        site.tick(5.0)
    site.shop.break_it("cpu-spike")
    busy, second = site.found("Scale up checkout-api (cluster shop-prod) · done")
    assert "Deployed checkout-api:2 by FIX-1" in " ".join(busy.text.split())
    assert "By itself" in second.text
    _, spike = site.found("Most likely: high CPU ·")
    assert "KeyError" not in spike.text
    evidence = site.bot.store.investigation(2).evidence
    assert evidence is not None
    assert evidence.changes[-1].ended == evidence.counted_since


def test_what_the_bot_changed_is_told_as_its_own_and_suspected_of_nothing(site: Site) -> None:
    site.start()
    bot = boto3.client("ecs", **site.shop.server.credentials())
    bot.update_service(cluster=CLUSTER, service="checkout-api", desiredCount=5)
    site.advance(60)
    card = site.broken("cpu-spike", "prod-checkout-api-cpu-medium")
    site.click(site.bob, card, "Root cause")
    report = site.seen("Most likely: high CPU", under=card)
    assert "UpdateService" not in report.text
    site.click(site.bob, report, "Show evidence")
    shown = site.form(site.bob, "RCA-1").text
    assert "UpdateService → 5" in shown
    assert "by the bot" in shown


def test_a_report_is_asked_for_once_shown_put_aside_and_looked_for_again(site: Site) -> None:
    site.start(investigation={"by_itself": False})
    card = site.broken("few-errors", "prod-search-api-errors-high")
    site.run(site.bob, "/incident rca AL-1", "*AL-1* (RCA-1)")
    report = site.seen("RCA-1 for AL-1", under=card)
    site.click(site.bob, report, "Show evidence")
    assert "ValueError" in site.form(site.bob, "RCA-1").text
    site.click(site.cy, report, "Not it")
    dismissed = site.becomes(report, "Dismissed", under=card)
    assert "said that this is not it" in dismissed.text
    assert "U0CY" in str(dismissed.raw), "and who said so"
    site.click(site.bob, dismissed, "Look again")
    site.seen("RCA-2 for AL-1", under=card)
    site.mention(site.cy, "rca", card)
    site.seen("RCA-3 for AL-1", under=card)
    site.run(site.gus, "/incident rca AL-1", "Guests can't work on incidents here")


def test_looking_again_at_what_is_long_over_tells_of_then_not_of_now(site: Site) -> None:
    site.start()
    card, first = site.looked_into("few-errors", "Most likely: errors (10 or fewer)")
    site.becomes(card, "lasted")
    site.advance(3 * 60 * 60, step=15 * 60)
    site.shop.break_it("cpu-errors")
    site.found("Most likely: high CPU with errors")
    site.click(site.bob, first, "Look again")
    again = site.seen("RCA-3 for AL-1", under=card)
    assert "Most likely: errors (10 or fewer)" in again.text
    assert "no weight for locale" in again.text
    assert "CPU: 8" not in again.text


def test_looking_again_at_what_still_fires_tells_of_now(site: Site) -> None:
    site.start()
    card, first = site.looked_into("bad-deploy", "Most likely: bad deployment")
    site.advance(2 * 60 * 60, step=15 * 60)
    site.click(site.bob, first, "Look again")
    again = site.seen("RCA-2 for AL-1", under=card)
    assert "Most likely: bad deployment" in again.text
    assert re.search(r"errors in 2 h \d+ min", again.text)


def test_an_incident_that_people_declared_has_its_report_in_its_channel_too(site: Site) -> None:
    site.start()
    site.shop.break_it("bad-deploy")
    site.advance(120)
    site.run(site.ana, '/incident declare sev2 checkout-api "payments fail"', "INC-1")
    card = site.seen("INC-1 · SEV-")
    site.quiet()
    (own,) = site.own_channels()
    site.run(site.ana, "/incident rca", "(RCA-", own.name)
    report = site.seen("for INC-1", channel=own)
    assert "Most likely: bad deployment" in report.text
    site.seen("for INC-1", under=card)
    site.run(site.ana, "/incident timeline INC-1", "bad deployment (more than 10 errors)")


def test_an_investigation_under_way_is_finished_once_by_the_bot_that_starts_next(site: Site) -> None:
    site.start(investigation={"deadline": "4s"})
    site.fault("cloudtrail", "LookupEvents", "delay", seconds=2, times=1)
    site.shop.break_it("few-errors")
    site.tick()
    site.tick()
    wait_for(lambda: site.tried("LookupEvents"), "an investigation under way")
    site.restart()
    card, _ = site.found("Most likely: errors (10 or fewer)")
    site.advance(180)
    assert site.count("RCA-1 for AL-1", card) == 1


def test_no_secret_and_no_address_is_ever_said(site: Site) -> None:
    site.start()
    card, report = site.looked_into("bad-deploy", "Most likely: bad deployment")
    site.click(site.bob, report, "Show evidence")
    shown = str(site.form(site.bob, "RCA-1").raw)
    site.click(site.bob, card, "Acknowledge")
    site.advance(60)
    everything = site.everything_said() + shown + str(site.shop.mails())
    for secret in ("eyJ", "not-a-real-key", "jane.doe", "dGhpcy1pcy"):
        assert secret not in everything
    assert "KeyError" in everything


def test_without_aws_there_is_nothing_to_look_at(world: Workspace) -> None:
    world.ana.run('/incident declare sev3 checkout-api "payments fail"')
    card = world.ops.expect("INC-1 · SEV-3")
    world.ana.run("/incident rca INC-1")
    report = world.ops.expect("Could not look for the cause of INC-1", thread_ts=card.ts)
    assert "AWS is not configured: set AWS_REGION and the bot's credentials" in report.text
