"""Who may change AWS, how often, and how long a plan holds: what people see of the guard rails."""

from __future__ import annotations

import threading

from tests.flows.shop import EXPIRE, Site
from tests.workspace import Message, Person

GROUP = {"approvals": [{"service": "checkout-*", "people": 2, "group": "S0ONCALL"}]}


def asked(site: Site, person: Person, command: str, title: str) -> Message:
    """The plan of a command that is about no alert: it stands by itself."""
    person.run(command)
    return site.seen(title)


def at_once(*clicks: tuple[Person, Message]) -> None:
    threads = [threading.Thread(target=person.click, args=(plan, "Run it")) for person, plan in clicks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- approvals


def test_somebody_else_approves_where_a_policy_asks_for_it(site: Site) -> None:
    site.start()
    plan = asked(site, site.bob, "/incident scale payments-worker", "Scale up payments-worker")
    assert "needs one more approval" in plan.text
    assert "config.yml: remediation.approvals[0]" in plan.text
    assert plan.buttons == ["Approve", "Reject", "Dry run"]
    site.click(site.bob, plan, "Approve")
    site.tells(site.bob, "You asked for FIX-1, so somebody else has to approve it")
    assert site.calls("UpdateService") == []
    site.click(site.cy, plan, "Approve")
    site.tells(site.cy, "You approved *FIX-1*; it runs")
    plan = site.becomes(plan, "done, verifying")
    assert site.service("payments-worker")["desiredCount"] == 3


def test_only_the_group_approves_and_each_of_it_once(site: Site) -> None:
    site.start(remediation=GROUP)
    plan = asked(site, site.ana, "/incident scale checkout-api", "Scale up checkout-api")
    assert "needs 2 more approvals" in plan.text
    site.click(site.cy, plan, "Approve")
    site.tells(site.cy, "needs the approval of")
    site.click(site.bob, plan, "Approve")
    site.tells(site.bob, "it still needs another approval")
    plan = site.becomes(plan, "needs one more approval")
    site.click(site.bob, plan, "Approve")
    site.tells(site.bob, "You approved FIX-1 already; it needs one more approval")
    assert site.calls("UpdateService") == []


def test_guests_strangers_and_whom_slack_can_not_tell_change_nothing(site: Site) -> None:
    site.start()
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    site.click(site.gus, plan, "Run it")
    site.tells(site.gus, "Guests can't work on incidents here")
    site.click(site.world.stranger, plan, "Run it")
    site.tells(site.world.stranger, "Only members of this workspace")
    site.world.fault("users.info", "error", error="internal_error", times=None)
    site.click(site.dee, plan, "Run it")
    site.tells(site.dee, "Slack can't tell who you are right now")
    site.run(site.gus, "/incident rollback checkout-api", "Guests can't work on incidents here")
    assert site.calls("UpdateService") == []
    assert "ready to run" in site.now(plan).text


def test_who_may_change_aws_can_be_said(site: Site) -> None:
    site.start(permissions={"remediate": ["S0ONCALL"]})
    site.run(site.cy, "/incident scale checkout-api", "You can't change AWS: config.yml grants it to a user group")
    site.run(site.cy, "/incident approve rollback checkout-api 7d", "You can't change AWS")
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    site.click(site.cy, plan, "Run it")
    site.tells(site.cy, "You can't change AWS")
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying")


# -- plans that do not run


def test_a_plan_expires_and_can_be_made_again(site: Site) -> None:
    site.start()
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    site.advance(EXPIRE + 10)
    over = site.becomes(plan, "nobody let it run in time")
    assert over.buttons == ["Plan it again"]
    site.click(site.bob, plan, "Run it")
    site.tells(site.bob, "FIX-1* is expired already")
    site.run(site.bob, "/incident approve FIX-1", "FIX-1* is expired already")
    assert site.calls("UpdateService") == []
    site.click(site.bob, over, "Plan it again")
    again = site.seen("FIX-2 ")
    site.click(site.bob, again, "Run it")
    site.becomes(again, "done, verifying")


def test_a_dry_run_says_what_it_would_do_and_a_plan_can_be_refused(site: Site) -> None:
    site.start()
    plan = asked(site, site.bob, "/incident rollback checkout-api 1", "checkout-api:2 → checkout-api:1")
    site.click(site.cy, plan, "Dry run")
    told = site.tells(site.cy, "Dry run of *FIX-1*, nothing was changed")
    assert "checkout-api still runs checkout-api:2, and checkout-api:1 can be deployed" in told.text
    site.click(site.cy, plan, "Reject")
    site.tells(site.cy, "You rejected *FIX-1*; nothing was changed")
    over = site.becomes(plan, "Rejected")
    assert over.buttons == []
    site.click(site.bob, plan, "Run it")
    site.tells(site.bob, "*FIX-1* is rejected already")
    site.run(site.bob, "/incident undo FIX-1", "FIX-1 never ran, so there is nothing to take back")
    assert site.calls("UpdateService") == []


# -- how often


def test_one_at_a_time_and_who_goes_on_at_once_or_too_often_is_warned(site: Site) -> None:
    site.start(remediation={"per_hour": 2})
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    other = asked(site, site.cy, "/incident rollback checkout-api 1", "Roll back checkout-api")
    site.bob.click(plan, "Run it")
    site.tells(site.bob, "You approved *FIX-1*; it runs")
    site.run(site.dee, "/incident restart checkout-api", "FIX-1 runs for checkout-api right now; one at a time")
    site.cy.click(other, "Run it")
    site.tells(site.cy, "*FIX-2* is withdrawn: FIX-1 changes checkout-api since")
    assert site.becomes(other, "FIX-1 changes checkout-api since").buttons == []
    site.becomes(plan, "done, verifying")
    soon = asked(site, site.bob, "/incident scale checkout-api", "scale up was done for checkout-api")
    assert "Run it" in soon.buttons, "people are warned, and decide"
    again = asked(site, site.cy, "/incident rollback checkout-api 1", "FIX-4 ")
    site.click(site.cy, again, "Run it")
    site.becomes(again, "done, verifying")
    third = asked(site, site.dee, "/incident scale checkout-api", "2 remediations within the hour")
    assert len(site.calls("UpdateService")) == 2
    site.click(site.dee, third, "Run it")
    site.becomes(third, "done, verifying")
    site.run(site.bob, "/incident undo FIX-4", "takes back FIX-4")


def test_a_restart_that_would_take_too_long_offers_what_would_not(site: Site) -> None:
    site.start(remediation={"timeout": "3m"})
    told = site.run(
        site.bob, "/incident restart checkout-api", "4 tasks of checkout-api one at a time take about 4 min"
    )
    site.click(site.bob, told, "AIOps-RestartECSService…")
    plan = site.seen("Run AIOps-RestartECSService on checkout-api")
    assert "Run it" in plan.buttons


def test_a_standing_approval_is_not_made_longer_by_saying_nothing(site: Site) -> None:
    site.start()
    site.run(site.ana, "/incident approve scale checkout-api 2h", "may run by itself for checkout-api until")
    site.run(site.ana, "/incident approve scale checkout-api", "already; say how long to change that")
    site.run(site.ana, "/incident approve scale checkout-api 7d", "UTC>, instead of")


def test_a_double_click_and_two_people_make_one_change(site: Site) -> None:
    site.start()
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    at_once((site.bob, plan), (site.bob, plan), (site.cy, plan), (site.dee, plan))
    site.becomes(plan, "done, verifying")
    assert len(site.calls("UpdateService")) == 1
    assert site.service("checkout-api")["desiredCount"] == 5
    told = [
        each.text
        for person in (site.bob, site.cy, site.dee)
        for each in person.sees().messages()
        if each.is_ephemeral and "FIX-1" in each.text and "thread" not in each.text
    ]
    assert sum("You approved" in each for each in told) == 1
    assert sum("already, approved by" in each for each in told) == 3, told


def test_the_same_asked_for_twice_is_one_plan_and_of_two_different_ones_one_runs(site: Site) -> None:
    site.start()
    first = asked(site, site.bob, "/incident scale checkout-api", "FIX-1 ")
    site.run(site.cy, "/incident scale checkout-api", "*FIX-1* is planned")
    second = asked(site, site.cy, "/incident rollback checkout-api 1", "FIX-2 ")
    at_once((site.bob, first), (site.cy, second))
    site.advance(180)
    assert len(site.calls("UpdateService")) == 1
    states = [site.now(each).text for each in (first, second)]
    assert sum("done, verifying" in each for each in states) == 1


# -- a bot that is started again


def test_a_plan_waits_for_a_bot_that_is_started_again(site: Site) -> None:
    site.start()
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    site.restart()
    site.click(site.bob, plan, "Run it")
    site.becomes(plan, "done, verifying")
    site.restart()
    site.becomes(plan, "· verified")
    assert len(site.calls("UpdateService")) == 1


def test_one_that_runs_goes_on_after_a_restart(site: Site) -> None:
    site.start()
    old = site.tasks("checkout-api")
    plan = asked(site, site.bob, "/incident restart checkout-api", "Restart checkout-api")
    site.click(site.bob, plan, "Run it")
    site.advance(60)
    assert 0 < len(site.calls("StopTask")) < 4
    site.restart()
    site.becomes(plan, "4 tasks replaced, 4 of 4 run")
    assert len(site.calls("StopTask")) == 4
    assert not site.tasks("checkout-api") & old


def test_what_was_asked_of_aws_while_the_answer_was_lost_is_asked_once(site: Site) -> None:
    site.start()
    site.fault("ecs", "UpdateService", "drop_after", times=1)
    plan = asked(site, site.bob, "/incident scale checkout-api", "Scale up checkout-api")
    site.click(site.bob, plan, "Run it")
    site.restart()
    site.becomes(plan, "done, verifying")
    assert site.service("checkout-api")["desiredCount"] == 5


# -- as typed


def test_in_an_incidents_channel_and_thread_it_is_about_that(site: Site) -> None:
    site.start()
    site.run(site.ana, '/incident declare sev2 search-api "slow searches"', "INC-1")
    card = site.seen("INC-1 · SEV-2")
    site.quiet()
    (own,) = site.own_channels()
    site.click(site.bob, card, "Acknowledge")
    site.run(site.ana, "/incident scale", "*FIX-1* is planned", own.name)
    plan = site.seen("Scale up search-api (cluster shop-prod) · ready to run", under=card)
    site.seen("Scale up search-api (cluster shop-prod) · ready to run", channel=own)
    site.mention(site.bob, "approve FIX-1", card)
    site.becomes(plan, "done, verifying", under=card)
    site.seen("done, verifying", channel=own)
    site.mention(site.bob, "rca", card)
    site.seen("RCA-1 for INC-1", under=card)
    assert site.service("search-api")["desiredCount"] == 4
    site.run(site.bob, "/incident timeline INC-1", "FIX-1 approved")
    site.becomes(card, "remediating")
