"""The automated runbooks: by the alert's button, as typed, by themselves, and what keeps them from running."""

from __future__ import annotations

from typing import Any

from sandbox.shop.catalogue import WEBHOOK, WEBHOOK_ALIAS, WORKERS
from tests.flows.shop import AT_ONCE, STEP, Site
from tests.workspace import Message


def run(site: Site, card: Message, label: str) -> Message:
    """Bob clicks the alert's runbook, and lets the plan run; its card once the document is through."""
    plan = site.planned(site.bob, card, label, card)
    if "Approve" in plan.buttons:
        site.click(site.cy, plan, "Approve")
    else:
        site.click(site.bob, plan, "Run it")
    return site.becomes(plan, "done, verifying", under=card)


def of(site: Site, service: str) -> Any:
    return site.shop.aws.of(service)


def test_dead_letters_go_back_to_their_queue(site: Site) -> None:
    site.start()
    card = site.broken("dlq-filling", "prod-payments-worker-dlq-high")
    plan = site.planned(site.bob, card, "AIOps-PurgeSQSDLQ…", card)
    assert "120 dead letters → none, given back to the queues they came from" in plan.text
    assert "It can't be undone" in plan.text
    site.click(site.cy, plan, "Approve")
    fix = site.becomes(plan, "done, verifying", under=card)
    assert "done" in fix.text
    assert site.shop.depth(site.shop.made.work_dlq_url)["waiting"] == 0
    assert len(site.calls("StartMessageMoveTask")) == 1
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "· verified", under=card)
    assert "ApproximateNumberOfMessagesVisible 0 (" in fix.text, "what the alarm measures, against its limit"
    assert "0 dead letters in payments-work-dlq" in fix.text
    assert "CPU" not in fix.text, "of the tasks, which say nothing about the queue"


def test_no_tasks_left_gets_a_new_deployment(site: Site) -> None:
    site.start()
    card = site.broken("zero-tasks", "prod-payments-worker-tasks-critical")
    fix = run(site, card, "AIOps-RestartECSService…")
    assert site.service("payments-worker")["runningCount"] == 2
    assert len(site.calls("UpdateService")) == 1
    site.becomes(card, "🟢")
    site.becomes(fix, "· verified", under=card)


def test_an_alias_goes_back_to_the_version_before_and_forth_again(site: Site) -> None:
    site.start()
    card = site.broken("lambda-errors", "prod-checkout-webhook-errors-critical")
    fix = run(site, card, "AIOps-RotateLambdaAlias…")
    assert f"{WEBHOOK_ALIAS}: 3 → {WEBHOOK_ALIAS}: 2" in fix.text
    alias = of(site, "lambda").get_alias(FunctionName=WEBHOOK, Name=WEBHOOK_ALIAS)
    assert alias["FunctionVersion"] == "2"
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "· verified", under=card)
    assert f"{WEBHOOK_ALIAS} points at 2" in fix.text
    undo = site.planned(site.bob, fix, "Undo", card)
    assert f"{WEBHOOK_ALIAS}: 2 → {WEBHOOK_ALIAS}: 3" in undo.text


def test_busy_workers_get_a_quarter_more(site: Site) -> None:
    site.start()
    card = site.broken("busy-workers", "prod-batch-workers-cpu-high")
    fix = run(site, card, "AIOps-ScaleOutEC2ASG…")
    assert "4 instances → 5 instances" in fix.text
    (group,) = of(site, "autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[WORKERS])[
        "AutoScalingGroups"
    ]
    assert group["DesiredCapacity"] == 5
    site.becomes(card, "🟢")
    site.becomes(fix, "· verified", under=card)


def test_broken_pages_are_invalidated_by_the_button_or_as_typed(site: Site) -> None:
    site.start()
    card = site.broken("storefront-errors", "prod-storefront-5xx-critical")
    everything = site.planned(site.bob, card, "AIOps-InvalidateCFCache…", card)
    assert "/* kept at the edge → /* asked of the origin again" in everything.text
    site.click(site.bob, everything, "Reject")
    site.becomes(everything, "Rejected", under=card)
    site.mention(site.bob, "runbook invalidatecfcache Path=/checkout/*", card)
    plan = site.seen("/checkout/* kept at the edge → /checkout/* asked of the origin again", under=card)
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)
    found = of(site, "cloudfront").list_invalidations(DistributionId=site.shop.made.distribution)["InvalidationList"]
    assert [each["Status"].upper() for each in found["Items"]] == ["COMPLETED"]
    site.becomes(card, "🟢")
    site.becomes(plan, "· verified", under=card)


def test_a_failover_is_confirmed_and_told(site: Site) -> None:
    """The document changes nothing: AWS fails over, the runbook makes sure of it and tells the topic."""
    site.start()
    card = site.broken("database-trouble", "prod-orders-db-commit-critical")
    plan = site.planned(site.bob, card, "AIOps-RDSFailover…", card)
    assert "its failover confirmed, the topic told" in plan.text
    assert "nothing is changed" in plan.text
    of(site, "rds").failover_db_cluster(DBClusterIdentifier="orders-db")
    site.click(site.bob, plan, "Run it")
    fix = site.becomes(plan, "done, verifying", under=card)
    assert len(site.calls("FailoverDBCluster")) == 0, "the bot did not do it"
    assert any("orders-db" in mail["text"] and "failover" in mail["text"].lower() for mail in site.shop.mails())
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "· verified", under=card)
    assert "latency" in fix.text, "what the alarm measures"
    assert "Undo" not in fix.buttons


def test_without_a_failover_the_runbook_says_so_and_people_are_called(site: Site) -> None:
    site.start()
    card = site.broken("database-trouble", "prod-orders-db-commit-critical")
    fix = site.planned(site.bob, card, "AIOps-RDSFailover…", card)
    assert "It can't be undone" not in fix.text, "it only looks"
    assert "Force a failover…" in fix.buttons
    site.click(site.bob, fix, "Run it")
    failed = site.becomes(fix, "· failed", under=card)
    assert "There was no failover to confirm; with Force=true it makes one" in failed.text
    assert "got as far as" not in failed.text
    assert "docs/runbooks/AIOps-RDSFailover.md" in site.seen("By hand, as", under=card).text
    assert site.called_for(card, "FIX-1 did not help") == AT_ONCE


def test_a_failover_is_forced_from_the_plan_that_only_confirms_one(site: Site) -> None:
    site.start()
    card = site.broken("database-trouble", "prod-orders-db-commit-critical")
    look = site.planned(site.bob, card, "AIOps-RDSFailover…", card)
    site.click(site.bob, look, "Force a failover…")
    forced = site.seen("another one takes over", under=card)
    assert site.becomes(look, "FIX-2 takes its place", under=card).buttons == []
    site.click(site.bob, forced, "Run it")
    site.becomes(forced, "done, verifying", under=card)


def test_an_approved_runbook_begins_with_the_alert(site: Site) -> None:
    """Whoever approved it counts as one; the policy for payments asks for one other than who asks: nobody asked."""
    site.start()
    site.run(site.ana, "/incident approve AIOps-PurgeSQSDLQ payments-worker 30d", "may run by itself")
    card = site.broken("dlq-filling", "prod-payments-worker-dlq-high")
    fix = site.seen("Run AIOps-PurgeSQSDLQ on payments-work-dlq", under=card)
    assert "By itself, standing approval by" in fix.text
    site.becomes(fix, "done, verifying", under=card)
    assert len(site.calls("StartAutomationExecution")) == 1
    site.becomes(card, "🟢")
    site.becomes(fix, "· verified", under=card)


def test_a_dry_run_of_a_document_changes_nothing(site: Site) -> None:
    site.start()
    card = site.broken("busy-workers", "prod-batch-workers-cpu-high")
    plan = site.planned(site.bob, card, "AIOps-ScaleOutEC2ASG…", card)
    site.bob.click(plan, "Dry run")
    site.advance(10, step=1)

    def told() -> bool:
        replies = [each for each in site.bob.sees().messages(card.ts) if each.is_ephemeral]
        return any("Dry run of AIOps-ScaleOutEC2ASG: done, nothing was changed" in each.text for each in replies)

    site.until(told, lambda: "the end of the dry run", 2 * STEP)
    assert site.calls("StartAutomationExecution")
    assert site.calls("SetDesiredCapacity") == []
    assert "ready to run" in site.now(plan, under=card).text


def test_a_form_offers_the_runbooks(site: Site) -> None:
    site.start()
    site.bob.run("/incident runbook checkout-webhook")
    form = site.form(site.bob, "runbook")
    answer = site.bob.submit(form, runbook="AIOps-RotateLambdaAlias", parameters="TargetVersion=1")
    assert not answer.get("errors")
    plan = site.seen("Run AIOps-RotateLambdaAlias on checkout-webhook")
    assert f"{WEBHOOK_ALIAS}: 2 → {WEBHOOK_ALIAS}: 1" in plan.text
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying")


def test_what_is_typed_wrong(site: Site) -> None:
    site.start()
    for command, answer in (
        ("AIOps-Nothing checkout-api", "I don't know “AIOps-Nothing”. There are: AIOps-RestartECSService"),
        ("RotateLambdaAlias checkout-webhook TargetVersion=9", "there is no version 9 to go back to"),
        ("RotateLambdaAlias checkout-webhook Speed=9", "Speed"),
        ("RotateLambdaAlias checkout-webhook now", "“now” is no parameter; write name=value"),
        ("RotateLambdaAlias checkout-webhook FunctionName=other", "FunctionName can't be given"),
        ("RotateLambdaAlias checkout-api", "services.checkout-api.function"),
        ("PurgeSQSDLQ payments-worker", "No message waits in payments-work-dlq"),
        ("ScaleOutEC2ASG batch-workers DesiredCapacity=many", "DesiredCapacity"),
        ("PurgeSQSDLQ", "For which service?"),
    ):
        site.run(site.bob, f"/incident runbook {command}", answer)
    assert site.calls("StartAutomationExecution") == []


def test_a_document_that_is_not_there(site: Site) -> None:
    site.start()
    site.shop.aws.ssm.delete_document(Name="AIOps-RotateLambdaAlias")
    site.run(
        site.bob,
        "/incident runbook RotateLambdaAlias checkout-webhook",
        "The SSM document AIOps-RotateLambdaAlias does not exist in us-east-1; deploy infra/.",
    )
    site.run(site.ana, "/incident approve AIOps-RotateLambdaAlias checkout-webhook 7d", "may run by itself")
    card = site.broken("lambda-errors", "prod-checkout-webhook-errors-critical")
    site.seen("did not begin by itself: The SSM document AIOps-RotateLambdaAlias does not exist", under=card)


def test_an_execution_that_hangs_is_stopped_and_people_are_called(site: Site) -> None:
    site.start(bridge_url="https://meet.example.com/ops")
    card = site.broken("zero-tasks", "prod-payments-worker-tasks-critical")
    site.turn("automation", hang="AIOps-RestartECSService")
    plan = site.planned(site.bob, card, "AIOps-RestartECSService…", card)
    site.click(site.cy, plan, "Approve")
    site.advance(60)
    site.restart()
    site.becomes(plan, "timed out", under=card)
    by_hand = site.seen("By hand, as", under=card)
    assert "docs/runbooks/AIOps-RestartECSService.md" in by_hand.text
    assert site.called_for(card, "FIX-1 did not help") == AT_ONCE
    assert len(site.calls("StartAutomationExecution")) == 1
    (execution,) = site.turn_show("automation")["executions"]
    assert execution["status"] in ("Cancelled", "Cancelling")
    assert "Try again" in site.now(plan, under=card).buttons


def test_a_document_that_fails_says_where(site: Site) -> None:
    site.start()
    card = site.broken("busy-workers", "prod-batch-workers-cpu-high")
    site.fault("autoscaling", "SetDesiredCapacity", error="AccessDenied", message="not this role")
    plan = site.planned(site.bob, card, "AIOps-ScaleOutEC2ASG…", card)
    site.click(site.bob, plan, "Run it")
    fix = site.becomes(plan, "· failed", under=card)
    assert "ended as failed at “" in fix.text
    assert "not this role" in fix.text
