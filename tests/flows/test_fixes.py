"""From a broken shop to the fix, for each row of the response matrix: report, plan, click, AWS, and the way back."""

from __future__ import annotations

import re

from sandbox.shop.catalogue import CLUSTER
from tests.flows.shop import AT_ONCE, VERIFY, Site
from tests.workspace import Message

SECRETS = re.compile(r"eyJ|not-a-real-key|jane\.doe|dGhpcy1pcy")


def mended(site: Site, report: Message, label: str, card: Message) -> Message:
    """Bob clicks what is recommended, reads the plan, lets it run; its card once it is done."""
    plan = site.planned(site.bob, report, label, card)
    assert site.calls("UpdateService") == site.calls("StopTask") == [], "nothing is changed by asking"
    site.click(site.bob, plan, "Run it")
    return site.becomes(plan, "done, verifying", under=card)


def test_high_cpu_gets_one_more_task(site: Site) -> None:
    site.start()
    card = site.broken("cpu-spike", "prod-checkout-api-cpu-medium")
    assert not site.count("Most likely", card), "it pages nobody, so nobody looks before somebody asks"
    site.click(site.bob, card, "Root cause")
    report = site.seen("Most likely: high CPU", under=card)
    assert re.search(r"CPU: 9\d %", report.text), "what the alarm says"
    assert "Monitor for 15min" in report.text
    fix = mended(site, report, "Scale up…", card)
    assert "4 tasks → 5 tasks" in fix.text
    assert site.service("checkout-api")["desiredCount"] == 5
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "🟢 Scale up checkout-api (cluster shop-prod) · verified", under=card)
    assert "fired again" not in fix.text
    assert "the alarm is OK" in fix.text


def test_a_standing_approval_looks_into_what_pages_nobody_and_mends_it(site: Site) -> None:
    site.start()
    site.run(site.ana, "/incident approve scale_up checkout-api 2h", "scale up may run by itself for checkout-api")
    card = site.broken("cpu-spike", "prod-checkout-api-cpu-medium")
    site.seen("Most likely: high CPU", under=card)
    site.seen("Scale up checkout-api (cluster shop-prod)", under=card)
    site.until(lambda: site.service("checkout-api")["desiredCount"] == 5, lambda: "one more task")


def test_high_cpu_with_errors_gets_one_more_task_and_a_look_at_the_code(site: Site) -> None:
    site.start()
    card, report = site.looked_into("cpu-errors", "Most likely: high CPU with errors")
    assert "TimeoutError: query # was not answered" in report.text
    assert "Investigate code" in report.text
    fix = mended(site, report, "Scale up…", card)
    assert site.service("search-api")["desiredCount"] == 4
    site.becomes(card, "🟢")
    site.becomes(fix, "· verified", under=card)


def test_a_memory_leak_gets_new_tasks_one_at_a_time(site: Site) -> None:
    site.start()
    old = site.tasks("search-api")
    card, report = site.looked_into("memory-leak", "Most likely: memory leak")
    assert "killed out of memory" in report.text
    assert "Fix memory leak" in report.text
    plan = site.planned(site.bob, report, "Restart…", card)
    site.advance(180)
    assert site.tasks("search-api") - old, "the leak kills meanwhile"
    site.until(lambda: site.service("search-api")["runningCount"] == 3 or None, lambda: "what was killed is replaced")
    site.click(site.bob, plan, "Run it")
    fix = site.becomes(plan, "3 tasks replaced, 3 of 3 run", under=card)
    assert "It can't be undone" in fix.text
    assert len(site.tasks("search-api")) == 3
    assert not site.tasks("search-api") & old
    assert len(site.calls("StopTask")) == 3, "also those that replaced what the leak had killed"
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "· verified", under=card)
    assert "Undo" not in fix.buttons


def test_a_bad_deployment_is_rolled_back_and_its_incident_over(site: Site) -> None:
    site.start()
    card, report = site.looked_into("bad-deploy", "Most likely: bad deployment (more than 10 errors)")
    assert "KeyError: 'currency'" in report.text
    assert "deployed checkout-api:2 → checkout-api:3" in report.text
    assert "←\u00a0the\u00a0only\u00a0change" in report.text
    incident = site.acknowledged(site.bob, card)
    site.quiet()
    (own,) = site.own_channels()
    site.seen("Most likely: bad deployment", channel=own)
    fix = mended(site, report, "Roll back…", card)
    site.seen("Roll back checkout-api (cluster shop-prod) · done, verifying", channel=own)
    assert "image 43 → 42 · app: environment −FEATURE_X" in fix.text
    assert site.runs("checkout-api") == "checkout-api:2"
    site.becomes(card, "🟢")
    site.seen("*INCIDENT RESOLVED — SEV-1*")
    site.becomes(incident, "🟢")
    site.becomes(fix, "· verified", under=card)
    timeline = site.run(site.bob, "/incident timeline INC-1", "Timeline").text
    for told in (
        "bad deployment (more than 10 errors) (0.",
        "FIX-1 asked for",
        "FIX-1 approved",
        "FIX-1 is done",
        "FIX-1 helped",
    ):
        assert told in timeline
    mails = "\n".join(mail["text"] for mail in site.shop.mails())
    assert "Most likely: bad deployment" in mails
    site.click(site.bob, report, "Show evidence")
    assert "KeyError" in site.form(site.bob, "RCA-1").text
    assert not SECRETS.search(site.everything_said() + mails)


def test_an_approved_restart_covers_the_document_for_more_tasks_than_can_be_restarted_in_time(site: Site) -> None:
    site.start(remediation={"timeout": "3m"})
    site.ecs.update_service(cluster=CLUSTER, service="search-api", desiredCount=4)
    site.advance(120)
    site.run(site.ana, "/incident approve restart search-api 7d", "restart may run by itself for search-api")
    card, fix = site.looked_into("memory-leak", "Run AIOps-RestartECSService on search-api (cluster shop-prod)")
    assert "By itself, standing approval by" in fix.text
    site.becomes(card, "🟢")
    site.becomes(fix, "· verified", under=card)


def test_what_is_approved_and_can_not_be_used_says_why(site: Site) -> None:
    """By name that document is for more tasks than these."""
    site.start()
    site.run(site.ana, "/incident approve AIOps-RestartECSService search-api 7d", "may run by itself for search-api")
    card, _ = site.looked_into("memory-leak", "Most likely: memory leak")
    why = "AIOps-RestartECSService is approved, and restart is what helps"
    site.seen(f"restart of search-api did not begin by itself: {why}", under=card)
    site.run(site.bob, "/incident remediations", "0 open remediations")


def test_a_few_errors_are_only_told(site: Site) -> None:
    """Whatever is approved: the matrix has no action for them."""
    site.start()
    site.run(site.ana, "/incident approve rollback search-api 7d", "rollback may run by itself for search-api")
    card, report = site.looked_into("few-errors", "Most likely: errors (10 or fewer)")
    assert "ValueError: no weight for locale" in report.text
    assert "Check logs" in report.text
    assert report.buttons == ["Show evidence", "Not it", "Look again"]
    site.becomes(card, "🟢")
    site.run(site.bob, "/incident remediations", "0 open remediations")
    assert site.calls("UpdateService") == []


def test_slow_responses_get_one_more_task(site: Site) -> None:
    site.start()
    card, report = site.looked_into("slow-responses", "Most likely: slow response")
    assert re.search(r"p99 latency: \d\.\d s \(0\.1\d s in the hour before\)", report.text)
    assert "Check dependencies" in report.text
    fix = mended(site, report, "Scale up…", card)
    assert site.service("checkout-api")["desiredCount"] == 5
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "· verified", under=card)
    assert "latency" in fix.text, "what the trouble was, by the composite alarm's child"


def test_under_a_standing_approval_it_runs_by_itself(site: Site) -> None:
    site.start()
    site.run(site.ana, "/incident approve rollback checkout-api 7d", "rollback may run by itself for checkout-api")
    card, fix = site.looked_into("bad-deploy", "Roll back checkout-api (cluster shop-prod) · done, verifying")
    assert "By itself, standing approval by" in fix.text
    assert site.runs("checkout-api") == "checkout-api:2"
    site.becomes(card, "🟢")
    site.becomes(fix, "· verified", under=card)
    assert len(site.calls("UpdateService")) == 1
    listed = site.run(site.bob, "/incident remediations", "May run by themselves")
    assert "rollback of checkout-api" in listed.text


def test_an_approval_that_was_ended_or_ran_out_starts_nothing(site: Site) -> None:
    site.start()
    site.run(site.ana, "/incident approve rollback checkout-api 7d", "may run by itself")
    site.run(site.bob, "/incident reject rollback checkout-api", "does not run by itself for checkout-api any more")
    site.run(site.ana, "/incident approve restart checkout-api 1h", "restart may run by itself")
    site.looked_into("bad-deploy", "Most likely: bad deployment")
    site.advance(120)
    assert site.runs("checkout-api") == "checkout-api:3"
    site.run(site.bob, "/incident reject rollback checkout-api", "Nothing is approved")


def test_what_was_done_is_taken_back_once(site: Site) -> None:
    site.start()
    card, report = site.looked_into("slow-responses", "Most likely: slow response")
    fix = mended(site, report, "Scale up…", card)
    site.becomes(card, "🟢")
    fix = site.becomes(fix, "· verified", under=card)
    undo = site.planned(site.cy, fix, "Undo", card)
    assert "Undo FIX-1: checkout-api" in undo.text
    assert "5 tasks → 4 tasks" in undo.text
    site.click(site.cy, undo, "Run it")
    site.becomes(fix, "undone by FIX-2", under=card)
    assert site.service("checkout-api")["desiredCount"] == 4
    assert "Undo" not in site.now(fix, under=card).buttons
    site.run(site.bob, "/incident undo FIX-1", "FIX-1 is taken back already, by FIX-2")
    site.becomes(undo, "· verified", under=card)


def test_one_of_the_others_can_be_chosen_from_the_form(site: Site) -> None:
    site.start()
    card = site.broken("bad-deploy", "prod-checkout-api-5xx-critical")
    site.click(site.bob, card, "Rollback…")
    card, plan = site.found("checkout-api:3 → checkout-api:2")
    site.click(site.bob, plan, "Another version…")
    form = site.form(site.bob, "Roll back")
    assert "runs checkout-api:3" in form.text
    assert "image 43 → 41" in form.text
    assert not site.bob.submit(form, revision="checkout-api:1").get("errors")
    card, plan = site.found("checkout-api:3 → checkout-api:1")
    withdrawn = site.seen("FIX-2 takes its place", under=card)
    assert withdrawn.buttons == []
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)
    assert site.runs("checkout-api") == "checkout-api:1"


def test_what_did_not_help_climbs_the_ladder_until_somebody_takes_it_up(site: Site) -> None:
    site.start(bridge_url="https://meet.example.com/ops")
    site.broken("slow-dependency", "prod-checkout-api-latency-high")
    site.run(site.bob, "/incident scale checkout-api", "*FIX-1* is planned")
    card, plan = site.found("4 tasks → 5 tasks")
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)
    plan = site.becomes(plan, "· not recovered", under=card)
    assert "the alarm still fires" in plan.text
    by_hand = site.seen("By hand, as", under=card)
    assert "docs/runbooks/slow-response.md" in by_hand.text
    assert "bridge" in by_hand.text
    assert "--cluster shop-prod" in by_hand.text
    (mail,) = site.until(
        lambda: [each for each in site.shop.mails() if "FIX-1 did not help" in each["subject"]], lambda: "a mail"
    )
    assert "Meet on the bridge https://meet.example.com/ops" in mail["text"]
    assert "--cluster shop-prod" in mail["text"]
    site.seen("docs/runbooks/slow-response.md", channel=site.own_channels()[0])
    for person in (site.ana, site.bob):
        site.called(person, "FIX-1 did not help")
    assert site.called_for(card, "FIX-1 did not help") == AT_ONCE
    site.advance(VERIFY + 20)
    assert site.called_for(card, "FIX-1 did not help") == {*AT_ONCE, "team lead"}


def test_who_escalates_gets_the_bridge_and_the_manual_runbook(site: Site) -> None:
    site.start(bridge_url="https://meet.example.com/ops")
    card = site.broken("slow-dependency", "prod-checkout-api-latency-high")
    site.mention(site.bob, "escalate", card)
    told = site.seen("Escalated by", under=card)
    assert "bridge" in told.text
    assert "docs/runbooks/" in told.text


def test_who_runs_a_fix_has_taken_up_what_it_is_for(site: Site) -> None:
    """Nobody clicked Acknowledge: whoever lets a change run has it, and the pages stop."""
    site.start()
    card = site.broken("cpu-spike", "prod-checkout-api-cpu-medium")
    site.click(site.bob, card, "Root cause")
    report = site.seen("Most likely: high CPU", under=card)
    plan = site.planned(site.bob, report, "Scale up…", card)
    assert "Acknowledge" in site.now(card).buttons, "asking for a plan takes nothing up"
    site.click(site.cy, plan, "Run it")
    plan = site.becomes(plan, "done, verifying", under=card)
    assert "Acknowledge" not in site.becomes(card, "INC-1").buttons
    incident = site.seen("INC-1 · SEV-3")
    assert "remediating" in incident.text
    declared = site.seen("*INCIDENT DECLARED — SEV-3*")
    assert "<@U0CY>" in declared.plain
    timeline = site.run(site.bob, "/incident timeline INC-1", "Timeline").text
    told = ["FIX-1 asked for", "FIX-1 approved", "→ remediating", "FIX-1 is done"]
    assert sorted(told, key=timeline.index) == told
    site.advance(2 * VERIFY)
    assert "📟" not in "".join(each.plain for each in site.ops.messages(card.ts))


def test_who_runs_a_fix_for_an_incident_has_acknowledged_it(site: Site) -> None:
    site.start()
    site.run(site.ana, '/incident declare sev2 search-api "slow searches"', "INC-1")
    card = site.seen("INC-1 · SEV-2")
    site.mention(site.bob, "scale", card)
    plan = site.seen("Scale up search-api (cluster shop-prod) · ready to run", under=card)
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying", under=card)
    assert "Acknowledge" not in site.becomes(card, "remediating").buttons
    assert "secondary" not in "".join(each.plain for each in site.ops.messages(card.ts))
    site.advance(VERIFY + 60)
    assert "secondary" not in "".join(each.plain for each in site.ops.messages(card.ts))
