"""What AWS can do to a remediation, and what people read then."""

from __future__ import annotations

from bot.config import Config
from sandbox.shop.catalogue import CLUSTER
from tests.flows.shop import AT_ONCE, VERIFY, Site
from tests.workspace import Message, Workspace


def planned(site: Site, command: str, title: str) -> Message:
    site.bob.run(command)
    return site.seen(title)


def test_a_permission_that_is_missing_is_named(site: Site) -> None:
    site.start()
    site.fault("ecs", "UpdateService", error="AccessDeniedException", message="not authorized")
    plan = planned(site, "/incident scale checkout-api", "Scale up checkout-api")
    site.click(site.bob, plan, "Run it")
    fix = site.becomes(plan, "· failed")
    assert "ecs:UpdateService" in fix.text
    assert "checkout-api" in fix.text
    assert fix.buttons == ["Try again"]
    site.turn("faults/clear")
    site.click(site.bob, fix, "Try again")
    again = site.seen("scale up was done for checkout-api")
    assert again.buttons == ["Run it", "Reject", "Dry run"], "people may at once"
    site.fault("ecs", "DescribeServices", error="AccessDeniedException", message="not authorized")
    site.run(site.bob, "/incident scale search-api", "ecs:DescribeServices")
    assert site.service("checkout-api")["desiredCount"] == 4


def test_throttled_it_is_tried_again(site: Site) -> None:
    site.start()
    plan = planned(site, "/incident scale checkout-api", "Scale up checkout-api")
    site.fault("ecs", "UpdateService", "throttle", times=8)
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying")
    assert len(site.calls("UpdateService")) == 1


def test_a_service_that_is_deleted_meanwhile(site: Site) -> None:
    site.start()
    plan = planned(site, "/incident restart search-api", "Restart search-api")
    site.ecs.delete_service(cluster=CLUSTER, service="search-api", force=True)
    site.click(site.bob, plan, "Run it")
    fix = site.becomes(plan, "· failed")
    assert "search-api is being deleted or was deleted" in fix.text
    assert site.calls("StopTask") == []


def test_what_somebody_changed_since_the_plan_is_left_alone(site: Site) -> None:
    site.start()
    plan = planned(site, "/incident scale checkout-api", "Scale up checkout-api")
    site.ecs.update_service(cluster=CLUSTER, service="checkout-api", desiredCount=7)
    site.click(site.bob, plan, "Run it")
    fix = site.becomes(plan, "· failed")
    assert "wants 7 tasks by now, not 4 as planned. Nothing was changed." in fix.text
    assert site.service("checkout-api")["desiredCount"] == 7


def test_what_can_not_be_done_is_said_at_once(site: Site) -> None:
    site.start()
    ecs = site.ecs
    site.run(site.bob, "/incident rollback checkout-api 99", "There is no checkout-api:99. There is checkout-api:1;")
    site.run(site.bob, "/incident rollback checkout-api web:1", "web:1 is another family")
    site.run(site.bob, "/incident rollback checkout-api yesterday", "I can't read “yesterday” as a revision")
    site.run(site.bob, "/incident rollback checkout-api 2", "checkout-api:2 is what runs now")
    ecs.deregister_task_definition(taskDefinition="payments-worker:1")
    site.run(site.bob, "/incident rollback payments-worker", "No revision before payments-worker:2 is known")
    site.run(site.bob, "/incident rollback payments-worker 1", "payments-worker:1 was deregistered")
    ecs.update_service(cluster=CLUSTER, service="search-api", desiredCount=6)
    site.advance(120)
    site.run(site.bob, "/incident scale search-api", "at most 6 are allowed (max_tasks in config.yml)")
    ecs.update_service(cluster=CLUSTER, service="search-api", forceNewDeployment=True)
    site.run(site.bob, "/incident restart search-api", "A deployment of search-api:2 to search-api is in progress")
    ecs.delete_service(cluster=CLUSTER, service="checkout-api", force=True)
    site.run(site.bob, "/incident scale checkout-api", "checkout-api is being deleted or was deleted")
    assert site.calls("UpdateService") == site.calls("StopTask") == []


def test_a_rollback_that_ecs_gives_up_climbs_the_ladder(site: Site) -> None:
    """The revision to go back to never starts either."""
    site.start()
    card = site.broken("bad-deploy", "prod-checkout-api-5xx-critical")
    site.mention(site.bob, "rollback checkout-api 1", card)
    card, plan = site.found("checkout-api:3 → checkout-api:1")
    site.click(site.bob, plan, "Run it")
    assert len(site.calls("UpdateService")) == 1
    site.turn("ecs/doom", cluster=CLUSTER, service="checkout-api", how="pull")
    fix = site.becomes(plan, "· failed", under=card)
    assert "checkout-api:1" in fix.text
    site.seen("By hand, as", under=card)
    assert site.called_for(card, "FIX-1 did not help") == AT_ONCE


def test_the_ladder_stops_when_somebody_takes_it_up(site: Site) -> None:
    site.start()
    card = site.broken("slow-dependency", "prod-checkout-api-health-critical")
    site.acknowledged(site.bob, card)
    site.click(site.bob, card, "Scale up…")
    card, plan = site.found("4 tasks → 5 tasks")
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "· not recovered", under=card)
    site.run(site.bob, '/incident update INC-1 "on it, the database is slow"', "INC-1")
    site.advance(2 * VERIFY + 60)
    assert "team lead" not in site.called_for(card, "FIX-1 did not help")


def test_without_aws_it_is_said(empty_world: Workspace) -> None:
    world, catalogue = empty_world, {"checkout-api": {"cluster": "shop-prod", "ecs_service": "checkout-api"}}
    world.start_bot(Config.model_validate({"services": catalogue}))
    world.bob.run("/incident scale checkout-api")
    world.bob.told("AWS is not configured: set AWS_REGION and the bot's credentials")
    world.bob.run("/incident runbook RestartECSService checkout-api")
    world.bob.told("AWS is not configured")


def test_whoever_is_called_reads_what_did_not_help_however_long_the_impact_is(site: Site) -> None:
    site.start()
    site.fault("ecs", "UpdateService", error="AccessDeniedException", message="not authorized")
    site.run(site.bob, f"/incident declare sev2 search-api {'searches are slow, ' * 60}", "INC-1")
    card = site.seen("INC-1 · SEV-2")
    site.mention(site.bob, "scale", card)
    plan = site.seen("Scale up search-api (cluster shop-prod) · ready to run", under=card)
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "· failed", under=card)
    for person in (site.ana, site.bob):
        assert "ecs:UpdateService" in site.called(person, "FIX-1 did not help").text


def test_nobody_changes_what_is_for_others_and_its_commander_does(site: Site) -> None:
    """The alert belongs to an incident: its commander and responders count as such for the alert's fixes."""
    site.start(permissions={"remediate": ["commander", "responders"]})
    card = site.broken("slow-dependency", "prod-checkout-api-health-critical")
    site.acknowledged(site.bob, card)
    site.click(site.cy, card, "Scale up…")
    site.tells(site.cy, "You can't change AWS: config.yml grants it to the commander and the responders")
    site.click(site.bob, card, "Scale up…")
    card, plan = site.found("4 tasks → 5 tasks")
    site.run(site.cy, "/incident join INC-1", "INC-1")
    site.click(site.cy, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)


def test_what_is_deployed_meanwhile_is_part_of_the_verdict(site: Site) -> None:
    """The alarm is OK by then, and the service does not stand as the rollback left it."""
    site.start()
    card = site.broken("bad-deploy", "prod-checkout-api-5xx-critical")
    site.mention(site.bob, "rollback checkout-api 1", card)
    card, plan = site.found("checkout-api:3 → checkout-api:1")
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)
    site.becomes(card, "🟢")
    site.ecs.update_service(cluster=CLUSTER, service="checkout-api", taskDefinition="checkout-api:2")
    fix = site.becomes(plan, "· not recovered", under=card)
    assert "checkout-api is on checkout-api:2 by now, not on checkout-api:1" in fix.text
    assert "the alarm is OK" in fix.text
    assert site.called_for(card, "FIX-1 did not help") == set(), "nobody is called for what is over"
