"""Pages by PagerDuty: who is called, what is acknowledged where, and what becomes of it when PagerDuty is away."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bot.models import Means
from sandbox.pagerduty.cast import BOB, KIM
from tests.flows.duty import CONFIG, Site, mentions, site
from tests.workspace import Message, Workspace, wait_for

HOUR = timedelta(hours=1)
NAME = "prod-checkout-api-latency-critical"
WORSE = "prod-checkout-api-errors-critical"
SEV2 = "prod-checkout-api-latency-high"
SEV3 = "prod-checkout-api-latency-medium"


@pytest.fixture
def empty_duty(empty_world: Workspace) -> Iterator[Site]:
    with site(empty_world, with_pagerduty=True) as made:
        yield made


@pytest.fixture
def duty(empty_duty: Site) -> Site:
    """With the bot; it hears of PagerDuty by asking."""
    empty_duty.start()
    return empty_duty


@pytest.fixture
def told(empty_world: Workspace) -> Iterator[Site]:
    """With the bot; PagerDuty's events come by the queue."""
    with site(empty_world, with_pagerduty=True, events=True) as made:
        made.start(CONFIG.model_copy(update={"pagerduty": CONFIG.pagerduty.model_copy(update={"poll": HOUR})}))
        yield made


@pytest.fixture(params=["duty", "told"], ids=["asked", "told"])
def either(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(request.param)
    return found


# -- the page


def test_a_sev1_alarm_pages_and_the_card_says_whom(duty: Site) -> None:
    card = duty.fires(NAME)
    incident = duty.stands("aiops-AL-1", "triggered")
    assert "SEV-1 checkout-api: p99 latency 2.41 s" in incident["title"]
    assert duty.paged() == [("Bob", "level 1")]
    shown = duty.shows(card, "paged ", "(primary)")
    assert "paged <@U0BOB> (primary)" in mentions(shown)
    assert "acknowledge by" in mentions(shown).lower()
    note = duty.ops.expect("📟 Paged", thread_ts=card.ts)
    assert "📟 Paged <@U0BOB> (primary) for AL-1 by PagerDuty." in mentions(note)
    event = next(call["body"] for call in duty.pd.show("log")["calls"] if call["path"] == "/v2/enqueue")
    details = event["payload"]["custom_details"]
    assert (details["value"], details["threshold"], details["service"]) == ("2.41 s", "limit 0.80 s", "checkout-api")
    assert details["console"] in [link["href"] for link in event["links"]]


def test_a_sev3_alarm_pages_nobody(duty: Site) -> None:
    duty.fires(SEV3)
    duty.advance(1801)
    assert duty.incidents() == []
    assert duty.sent("trigger") == []


def test_duplicates_and_more_alarms_of_the_service_do_not_page_again(duty: Site) -> None:
    body = duty.alerts.alarm(NAME, ago=30)
    card = duty.ops.expect("SEV-1 · checkout-api")
    duty.stands("aiops-AL-1", "triggered")
    duty.alerts.put(body)
    duty.alerts.alarm(NAME, ago=10, OldStateValue="ALARM")
    duty.alerts.alarm(WORSE)
    duty.shows(card, "seen 2×", "1 more alert")
    duty.quiet()
    assert duty.paged() == [("Bob", "level 1")]
    assert duty.sent("trigger") == ["aiops-AL-1"]


def test_its_ok_resolves_the_page_and_a_new_firing_pages_again(duty: Site) -> None:
    card = duty.pages(NAME, ago=30)
    duty.quiet()
    duty.alerts.alarm(NAME, "OK", ago=20)
    duty.shows(card, "🟢")
    duty.stands("aiops-AL-1", "resolved")
    duty.alerts.alarm(NAME, ago=10)
    duty.shows(card, "🔴", "flapped 1×")
    duty.stands("aiops-AL-1", "triggered")
    duty.shows(card, "(primary)")
    assert duty.paged() == [("Bob", "level 1")] * 2
    assert duty.ops.count("SEV-1 · checkout-api") == 1


# -- acknowledged and resolved, here and there


def test_acknowledged_in_slack_it_is_in_pagerduty_without_an_echo(told: Site) -> None:
    card = told.pages(NAME)
    told.quiet()
    told.world.ana.click(card, "Acknowledge")
    told.ops.expect("INCIDENT DECLARED — SEV-1")
    told.stands("aiops-AL-1", "acknowledged")
    told.pd.settle()
    told.quiet()
    told.bot.sync.poll()
    told.quiet()
    assert told.sent("acknowledge") == ["aiops-AL-1"]
    assert told.ops.count("INCIDENT DECLARED") == 1
    assert "Acknowledged by <@U0ANA> " in mentions(told.now(card))


def test_acknowledged_in_pagerduty_it_is_in_slack(either: Site) -> None:
    card = either.pages(NAME)
    either.there("ack", BOB)
    declared = either.ops.expect("INCIDENT DECLARED — SEV-1")
    assert "*Commander:* <@U0BOB>" in declared.plain
    shown = either.shows(card, "Acknowledged", "in ", "PagerDuty")
    assert "Acknowledged by <@U0BOB> in PagerDuty after " in mentions(shown)
    either.quiet()
    assert either.sent("acknowledge") == []
    assert either.stands("aiops-AL-1", "acknowledged")


def test_acknowledged_by_somebody_whom_slack_does_not_know(either: Site) -> None:
    card = either.pages(NAME)
    either.there("ack", KIM)
    declared = either.ops.expect("INCIDENT DECLARED — SEV-1")
    assert "*Commander:* <@U0BOB>" in declared.plain
    assert "Acknowledged in PagerDuty, by Kim Porter" in mentions(either.shows(card, "Kim Porter"))


def test_acknowledged_by_a_stranger_while_nobody_is_on_call_here(empty_duty: Site) -> None:
    duty = empty_duty
    duty.start(CONFIG.model_copy(update={"on_call": type(CONFIG.on_call)()}))
    card = duty.pages(NAME)
    duty.there("ack", KIM)
    declared = duty.ops.expect("INCIDENT DECLARED — SEV-1")
    assert "*Commander:* nobody yet" in declared.plain
    duty.shows(card, "PagerDuty, by Kim Porter")


def test_the_second_is_told_who_was_first(duty: Site) -> None:
    card = duty.pages(NAME)
    duty.there("ack", KIM)
    duty.shows(card, "Kim Porter")
    duty.world.ana.run("/incident ack AL-1")
    duty.world.ana.told("Kim Porter")
    assert duty.ops.count("INCIDENT DECLARED") == 1


def test_resolved_in_pagerduty(either: Site) -> None:
    either.taken(NAME)
    either.stands("aiops-AL-1", "acknowledged")
    either.there("resolve", BOB)
    either.ops.expect("INCIDENT RESOLVED — SEV-1")
    either.quiet()
    assert either.ops.count("INCIDENT RESOLVED") == 1


def test_the_alarms_ok_resolves_incident_and_page(duty: Site) -> None:
    duty.taken(NAME, ago=30)
    duty.stands("aiops-AL-1", "acknowledged")
    duty.alerts.alarm(NAME, "OK")
    duty.ops.expect("INCIDENT RESOLVED — SEV-1")
    duty.stands("aiops-AL-1", "resolved")
    duty.quiet()
    assert set(duty.sent("resolve")) == {"aiops-AL-1"}
    assert duty.paged() == [("Bob", "level 1")]


def test_two_pages_of_one_service_are_acknowledged_together(duty: Site) -> None:
    first = duty.pages(SEV2, ago=30)
    duty.pages(WORSE, "aiops-AL-2")
    duty.there("ack", BOB, "aiops-AL-2")
    duty.shows(first, "Acknowledged")
    duty.stands("aiops-AL-1", "acknowledged")


# -- PagerDuty is away


def test_while_pagerduty_is_down_the_card_stands_and_says_whom_to_call(duty: Site) -> None:
    duty.down()
    card = duty.fires(NAME)
    shown = duty.shows(card, "paging failed, retrying (")
    assert "call <@U0BOB> yourself" in mentions(shown)
    duty.pd.control("faults/clear")
    duty.stands("aiops-AL-1", "triggered")
    shown = duty.shows(card, "(primary)")
    assert "paging failed" not in shown.text


def test_the_whole_of_pagerduty_is_down(duty: Site) -> None:
    duty.pd.control("fault", path="*", kind="drop_before", times=None)
    card = duty.fires(NAME)
    duty.shows(card, "paging failed, retrying (")
    duty.pd.control("faults/clear")
    duty.stands("aiops-AL-1", "triggered")
    assert "paging failed" not in duty.shows(card, "(primary)").text
    assert duty.paged() == [("Bob", "level 1")]


def test_a_page_whose_answer_was_lost_pages_once(duty: Site) -> None:
    duty.pd.control("fault", path="/v2/enqueue", kind="drop_after", times=2)
    card = duty.fires(NAME)
    duty.shows(card, "(primary)")
    assert duty.paged() == [("Bob", "level 1")]


def test_pagerdutys_rate_limit_is_waited_for(duty: Site) -> None:
    duty.pd.control("fault", path="/v2/enqueue", kind="ratelimited", times=1, retry_after=1)
    card = duty.pages(NAME)
    duty.shows(card, "(primary)")
    assert duty.paged() == [("Bob", "level 1")]


def test_taken_while_pagerduty_was_down_nobody_is_paged_afterwards(duty: Site) -> None:
    duty.down()
    card = duty.fires(NAME)
    duty.world.bob.click(card, "Acknowledge")
    duty.shows(card, "Acknowledged")
    duty.pd.control("faults/clear")
    wait_for(lambda: "aiops-AL-1" in duty.sent("acknowledge"), "PagerDuty heard", 20)
    assert duty.paged() == []


def test_fired_again_while_pagerduty_was_down_the_page_stays(duty: Site) -> None:
    duty.down()
    card = duty.fires(NAME, ago=30)
    duty.shows(card, "paging failed")
    duty.alerts.alarm(NAME, "OK", ago=20)
    duty.shows(card, "🟢")
    duty.alerts.alarm(NAME, ago=10)
    duty.shows(card, "🔴")
    duty.pd.control("faults/clear")
    wait_for(lambda: duty.bot.store.next_delivery_at() is None, "an empty outbox", 20)
    duty.quiet()
    duty.stands("aiops-AL-1", "triggered")


# -- nobody answers


def test_nobody_answers_a_sev1(duty: Site) -> None:
    card = duty.fires(NAME)
    duty.shows(card, "(primary)")
    duty.advance(290)
    assert duty.called() == ["Bob"]
    duty.advance(11)
    shown = duty.shows(card, "(secondary)", "not acknowledged in time")
    assert "paged <@U0BOB> (primary), <@U0CY> (secondary)" in mentions(shown)
    assert duty.paged()[-1] == ("Cy", "escalated to level 2")
    duty.ops.expect("AL-1 was not acknowledged in time (SEV-1)", thread_ts=card.ts)
    duty.advance(600)
    assert "<@U0ANA> (team lead)" in mentions(duty.shows(card, "(team lead)"))
    duty.advance(900)
    assert "<@U0DEE> (engineering manager)" in mentions(duty.shows(card, "(engineering manager)"))
    assert duty.called()[-1] == "Dee"
    duty.advance(1800)
    nobody = duty.ops.expect("has nobody to call as incident commander", thread_ts=card.ts)
    assert "Name one as on_call.commander in config.yml" in nobody.text
    duty.advance(7200)
    assert duty.sent("trigger") == ["aiops-AL-1"]


def test_an_acknowledgement_stops_the_ladder(duty: Site) -> None:
    card = duty.fires(NAME)
    duty.shows(card, "(primary)")
    duty.advance(301)
    duty.shows(card, "(secondary)")
    duty.world.cy.click(card, "Acknowledge")
    duty.shows(card, "Acknowledged")
    duty.advance(1200)
    assert duty.called() == ["Bob", "Cy"]
    duty.stands("aiops-AL-1", "acknowledged")


def test_a_sev2_waits_for_fifteen_minutes(duty: Site) -> None:
    card = duty.fires(SEV2)
    duty.shows(card, "(primary)")
    duty.advance(890)
    assert duty.called() == ["Bob"]
    duty.advance(11)
    duty.shows(card, "not acknowledged in time")
    assert ("Cy", "escalated to level 2") in duty.paged()


def test_a_restart_keeps_the_clock(duty: Site) -> None:
    card = duty.fires(NAME)
    duty.shows(card, "(primary)")
    duty.advance(200)
    duty.away(101)
    duty.start()
    duty.shows(card, "(secondary)")
    assert duty.called() == ["Bob", "Cy"]


def test_what_was_over_while_the_bot_was_away_calls_nobody(duty: Site) -> None:
    card = duty.fires(NAME, ago=30)
    duty.shows(card, "(primary)")
    duty.quiet()
    duty.away(600)
    duty.alerts.alarm(NAME, "OK", ago=400)
    duty.alerts.alarm(SEV2, ago=300)
    duty.alerts.alarm(SEV2, "OK", ago=200)
    duty.start()
    duty.shows(card, "🟢")
    duty.stands("aiops-AL-1", "resolved")
    duty.tick()
    assert duty.paged() == [("Bob", "level 1")]


# -- declared by hand


def test_a_declared_sev1_pages_too(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev1 checkout-api "payments fail"')
    duty.ops.expect("INCIDENT DECLARED — SEV-1")
    incident = duty.stands("aiops-INC-1", "triggered")
    assert "payments fail" in incident["title"]
    duty.quiet()
    duty.world.bob.run("/incident ack")
    duty.stands("aiops-INC-1", "acknowledged")
    duty.quiet()
    duty.advance(1200)
    assert duty.called() == ["Bob"]
    duty.world.bob.run("/incident resolve rolled back")
    duty.stands("aiops-INC-1", "resolved")


def test_a_declared_sev1_is_acknowledged_in_pagerduty(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev1 checkout-api "payments fail"')
    duty.stands("aiops-INC-1", "triggered")
    card = duty.ops.expect("INC-1 · SEV-1")
    duty.there("ack", BOB, "aiops-INC-1")
    duty.shows(card, "acknowledged")
    duty.quiet()
    assert duty.sent("acknowledge") == []


def test_a_declared_sev1_nobody_acknowledges(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev1 checkout-api "payments fail"')
    duty.stands("aiops-INC-1", "triggered")
    duty.ops.expect("INC-1 · SEV-1")
    duty.advance(301)
    assert duty.paged()[-1] == ("Cy", "escalated to level 2")


def test_made_worse_by_hand_it_pages(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev3 checkout-api "payments are slow"')
    duty.ops.expect("INC-1 · SEV-3")
    duty.quiet()
    duty.world.ana.run("/incident sev 1")
    duty.ops.expect("INC-1 · SEV-1")
    duty.stands("aiops-INC-1", "triggered")


# -- calling people by hand


def test_calling_somebody_for_an_incident_of_an_alarm(duty: Site) -> None:
    duty.taken(NAME, ago=30)
    duty.world.bob.run('/incident page <@U0CY> "database expert needed"')
    duty.world.bob.told("Paging <@U0CY> for *INC-1*")
    wait_for(lambda: "Cy" in duty.called(), "Cy was paged")
    duty.quiet()
    duty.alerts.alarm(NAME, "OK")
    duty.all_resolved()


def test_escalating_an_incident_of_an_alarm(duty: Site) -> None:
    duty.taken(NAME, ago=30)
    duty.world.bob.run("/incident escalate")
    duty.world.bob.told("Calling the secondary for *INC-1* now")
    wait_for(lambda: "Cy" in duty.called(), "Cy was paged")
    duty.alerts.alarm(NAME, "OK")
    duty.all_resolved()


def test_escalating_an_alert_calls_the_secondary_at_once(duty: Site) -> None:
    card = duty.fires(NAME)
    duty.shows(card, "(primary)")
    duty.quiet()
    duty.world.ana.run("/incident escalate AL-1")
    duty.world.ana.told("Calling the secondary for *AL-1* now")
    duty.shows(card, "(secondary)")
    duty.advance(301)
    assert duty.called() == ["Bob", "Cy"]


def test_who_is_on_call(duty: Site) -> None:
    duty.world.ana.run("/incident oncall")
    answer = duty.world.ana.told("On call")
    said = mentions(answer)
    assert "On call: <@U0BOB> (primary until ), <@U0CY> (secondary until ), <@U0ANA> (team lead)" in said
    ends = [
        piece for block in answer.raw["blocks"] for piece in block["elements"][0]["elements"] if "timestamp" in piece
    ]
    assert [piece["timestamp"] > duty.world.clock().timestamp() for piece in ends] == [True, True]


def test_a_team_is_called_by_name(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev3 checkout-api "odd"')
    duty.ops.expect("INC-1 · SEV-3")
    duty.quiet()
    duty.world.bob.run('/incident page "Search on-call" "index is stale"')
    duty.world.bob.told("Paging Kim Porter for *INC-1*")
    wait_for(lambda: "Kim" in duty.called(), "Kim was paged")
    duty.quiet()
    duty.world.ana.run("/incident resolve nothing")
    duty.all_resolved()


def declared(duty: Site) -> Message:
    """A SEV-1 that people declared, which has paged Bob; its card."""
    duty.world.ana.run('/incident declare sev1 checkout-api "payments fail"')
    duty.stands("aiops-INC-1", "triggered")
    card = duty.ops.expect("INC-1 · SEV-1")
    duty.quiet()
    return card


def timeline(duty: Site) -> str:
    """INC-1's, as it is read."""
    return "\n".join(f"{event.about} {event.text}" for _, event in duty.bot.store.timeline(1, limit=100))


@pytest.mark.parametrize(
    ("who", "called"),
    [("<@U0CY>", "Cy"), ("<@U0BOB>", "Bob"), ('"Shop on-call"', "Bob")],
    ids=["asked before", "has it", "the team that has it"],
)
def test_somebody_called_by_name_is_paged_each_time(duty: Site, who: str, called: str) -> None:
    card = declared(duty)
    for number in (1, 2):
        duty.advance(121)
        duty.world.bob.run(f"/incident page {who} look {number}")
        duty.ops.expect(
            f"(asked for by name) for INC-1 by PagerDuty: Bob Okafor asks: look {number}", thread_ts=card.ts
        )
        duty.quiet()
    assert duty.called() == ["Bob", called, called]
    assert timeline(duty).count("asked for by name, by PagerDuty") == 2
    duty.world.ana.run("/incident resolve found it")
    duty.all_resolved()


@pytest.mark.parametrize("who", ["<@U0CY>", "<@U0BOB>", '"Shop on-call"'], ids=["a person", "on call", "a team"])
def test_asked_for_by_several_within_two_minutes_they_are_called_once(duty: Site, who: str) -> None:
    card = declared(duty)
    duty.advance(10)
    duty.world.ana.run(f"/incident page {who} now")
    duty.world.ana.told("Paging")
    duty.ops.expect("(asked for by name) for INC-1 by PagerDuty: Ana Duarte asks: now", thread_ts=card.ts)
    duty.quiet()
    duty.advance(3)
    duty.world.ana.run(f"/incident page {who} now")
    assert "3 s ago by you: PagerDuty has it. Nobody was called again." in duty.world.ana.told("was called").text
    duty.world.cy.run(f"/incident page {who} we need them")
    assert "ago by <@U0ANA>: PagerDuty has it. Nobody was called again." in duty.world.cy.told("was called").text
    duty.quiet()
    assert len(duty.called()) == 2, "Bob for the SEV-1, and whom Ana asked for"
    assert timeline(duty).count("asked for by name, by PagerDuty") == 1


def test_asked_for_by_two_at_once_they_are_called_once(duty: Site) -> None:
    declared(duty)
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda person: person.run("/incident page <@U0CY> now"), (duty.world.ana, duty.world.bob)))
    told = sorted(person.told("<@U0CY>").text for person in (duty.world.ana, duty.world.bob))
    assert told[0].startswith("<@U0CY> was called just now by <@")
    assert told[1].startswith("Paging <@U0CY> for *INC-1*.")
    wait_for(lambda: "Cy" in duty.called(), "Cy was paged")
    duty.quiet()
    assert duty.called() == ["Bob", "Cy"]


def test_asked_for_on_an_alert_and_on_its_incident_they_are_called_once(duty: Site) -> None:
    duty.taken(NAME, ago=30)
    duty.world.bob.run('/incident page <@U0CY> "database expert needed"')
    duty.world.bob.told("Paging <@U0CY> for *INC-1*")
    wait_for(lambda: "Cy" in duty.called(), "Cy was paged")
    duty.quiet()
    duty.world.ana.run("/incident page AL-1 <@U0CY> look")
    assert "by <@U0BOB>: PagerDuty has it." in duty.world.ana.told("<@U0CY> was called").text
    duty.quiet()
    assert duty.called().count("Cy") == 1


def test_asked_for_on_an_alert_they_are_not_called_again_for_the_incident_that_it_becomes(duty: Site) -> None:
    card = duty.fires(NAME)
    duty.quiet()
    duty.world.ana.run("/incident page AL-1 <@U0CY> look")
    wait_for(lambda: "Cy" in duty.called(), "Cy was paged")
    duty.quiet()
    duty.world.bob.click(duty.now(card), "Acknowledge")
    duty.ops.expect("INC-1 · SEV-1")
    duty.world.bob.run("/incident page INC-1 <@U0CY> look")
    duty.world.bob.told("<@U0CY> was called")
    duty.quiet()
    assert duty.called().count("Cy") == 1


def test_while_pagerduty_is_down_a_repeated_call_does_not_ring_twice_afterwards(duty: Site) -> None:
    declared(duty)
    duty.pd.control("fault", path="/incidents", kind="error", status=503, times=None)
    for _ in (1, 2):
        duty.world.ana.run("/incident page <@U0CY> now")
        duty.advance(121)
    assert duty.called() == ["Bob"]
    duty.pd.control("faults/clear")
    wait_for(lambda: "Cy" in duty.called(), "Cy was paged")
    duty.quiet()
    assert duty.called() == ["Bob", "Cy"]


@pytest.mark.parametrize(
    ("who", "called", "way"), [("<@U0CY>", "Cy", "/{}/responder_requests"), ("<@U0BOB>", "Bob", "")]
)
def test_a_call_by_name_whose_answer_was_lost_pages_once(duty: Site, who: str, called: str, way: str) -> None:
    card = declared(duty)
    path = "/incidents" + way.format(duty.incidents("aiops-INC-1")[0]["id"])
    duty.pd.control("fault", path=path, kind="drop_after", method="POST", times=1)
    duty.world.ana.run(f"/incident page {who} now")
    duty.ops.expect("for INC-1 by PagerDuty: Ana Duarte asks: now", thread_ts=card.ts)
    duty.quiet()
    assert duty.called() == ["Bob", called]


def test_escalating_by_hand_calls_also_who_has_another_role(empty_duty: Site) -> None:
    duty = empty_duty
    duty.start(CONFIG.model_copy(update={"on_call": CONFIG.on_call.model_copy(update={"team_lead": "U0DEE"})}))
    card = declared(duty)
    for role in ("secondary", "team lead", "engineering manager"):
        duty.world.ana.run("/incident escalate")
        duty.world.ana.told(f"Calling the {role} for *INC-1* now")
        duty.ops.expect(f"({role}) for INC-1 by PagerDuty: escalated by Ana Duarte", thread_ts=card.ts)
        duty.advance(11)
    assert duty.called() == ["Bob", "Cy", "Dee", "Dee"]


def test_escalating_twice_within_seconds_calls_one(duty: Site) -> None:
    declared(duty)
    duty.world.ana.run("/incident escalate")
    duty.world.ana.told("Calling the secondary for *INC-1* now")
    duty.world.cy.run("/incident escalate INC-1")
    assert "just now by <@U0ANA>. Nobody else" in duty.world.cy.told("The secondary was called for *INC-1*").text
    duty.quiet()
    assert duty.called() == ["Bob", "Cy"]


def test_several_are_called_at_once(duty: Site) -> None:
    declared(duty)
    duty.world.bob.run("/incident page <@U0CY>, <@U0DEE> db is down")
    duty.world.bob.told("Paging <@U0DEE> for *INC-1*")
    wait_for(lambda: sorted(duty.called()) == ["Bob", "Cy", "Dee"], "both were paged")
    duty.quiet()
    assert all("Bob Okafor asks: db is down" in title for title in requests(duty))


def requests(duty: Site) -> list[str]:
    """What people were told who were asked to join INC-1."""
    (incident,) = duty.incidents("aiops-INC-1")
    return [one["message"] for one in incident["incidents_responders"]]


@pytest.mark.parametrize(("who", "why"), [("U0GUS", "Guests can't"), ("U0STRANGER", "Only members of this workspace")])
def test_who_may_not_read_incidents_is_not_paged(duty: Site, who: str, why: str) -> None:
    declared(duty)
    duty.world.bob.run(f"/incident page <@{who}> <@U0CY> db")
    duty.world.bob.told(f"That person can't be paged. {why}")
    duty.quiet()
    assert duty.called() == ["Bob"]
    assert [user for user, _ in direct(duty)] == []


def test_who_is_called_by_direct_message_alone_is_said_everywhere(empty_duty: Site) -> None:
    duty = empty_duty
    duty.start(CONFIG.model_copy(update={"pagerduty": CONFIG.pagerduty.model_copy(update={"sender": None})}))
    card = declared(duty)
    duty.world.bob.run("/incident page <@U0DEE> db")
    how = "by direct message, not by PagerDuty: pagerduty.sender in config.yml is none of its users"
    duty.world.bob.told(f"Paging <@U0DEE> for *INC-1* {how}.")
    note = duty.ops.expect(how, thread_ts=card.ts)
    assert "📟 Paged <@U0DEE> (asked for by name) for INC-1" in mentions(note)
    assert f"U0DEE asked for by name, {how}" in timeline(duty)
    assert [user for user, _ in direct(duty)] == ["U0DEE"]


def test_who_has_two_roles_is_called_once_and_that_is_said(empty_duty: Site) -> None:
    duty = empty_duty
    on_call = CONFIG.on_call.model_copy(update={"team_lead": "U0DEE"})
    duty.start(CONFIG.model_copy(update={"on_call": on_call}))
    card = declared(duty)
    for seconds in (301, 600, 900):
        duty.advance(seconds)
    assert duty.called() == ["Bob", "Cy", "Dee"]
    note = duty.ops.expect("(engineering manager) was called for INC-1 already at", thread_ts=card.ts)
    assert "<@U0DEE>" in mentions(note)
    assert note.text.endswith("no answer yet. Nothing more was sent.")
    assert "engineering manager, by" not in timeline(duty)
    assert "Dee Rahman (engineering manager) was called already at" in timeline(duty)
    duty.world.bob.run("/incident page <@U0DEE> still")
    wait_for(lambda: duty.called() == ["Bob", "Cy", "Dee", "Dee"], "called by hand, she is paged again")


def test_a_page_mentions_somebody_once(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev1 checkout-api "payments fail"')
    own = duty.world.channel("inc-1-checkout-api")
    duty.stands("aiops-INC-1", "triggered")
    duty.quiet()
    duty.world.ana.run("/incident page <@U0CY> db")
    card = duty.ops.expect("INC-1 · SEV-1")
    said = duty.ops.expect("Ana Duarte asks: db", thread_ts=card.ts), own.expect("Ana Duarte asks: db")
    assert ["<@U0CY>" in mentions(each) for each in said] == [True, False]
    assert "📟 Paged Cy Lindqvist (asked for by name) for INC-1 by PagerDuty" in said[1].text


def direct(duty: Site) -> list[tuple[str, str]]:
    """Who got a direct message that pages, and what it says."""
    posted = [call["args"] for call in duty.world.calls("chat.postMessage")]
    return [(body["channel"], body["text"]) for body in posted if body["channel"].startswith("U0")]


@pytest.mark.parametrize("path", ["/v2/enqueue", "*"], ids=["events", "all of it"])
def test_while_pagerduty_is_down_somebody_is_told_in_slack_once(duty: Site, path: str) -> None:
    duty.pd.control("fault", path=path, kind="error", status=503, times=None)
    card = duty.fires(NAME)
    note = duty.ops.expect("PagerDuty did not page", thread_ts=card.ts)
    assert "⚠ PagerDuty did not page <@U0BOB> (primary) for AL-1: it fails (http_503)." in mentions(note)
    shown = duty.shows(card, "paging failed, retrying (4)")
    assert "paged <@U0BOB> (primary, by direct message)" in mentions(shown)
    assert [user for user, text in direct(duty) if "you are on call (primary)" in text] == ["U0BOB"]
    duty.pd.control("faults/clear")
    duty.stands("aiops-AL-1", "triggered")
    after = duty.ops.expect("(primary) for AL-1 by PagerDuty.", thread_ts=card.ts)
    assert "<@" not in mentions(after)
    duty.quiet()
    assert len(direct(duty)) == 1
    assert [page.means for page in duty.bot.store.alert(1).paged] == [Means.PAGERDUTY]
    assert "by direct message" not in mentions(duty.now(card))


def test_an_error_of_ours_is_no_reason_to_wait_with_the_direct_message(duty: Site) -> None:
    duty.pd.control("fault", path="/v2/enqueue", kind="error", status=401, times=None)
    card = duty.fires(NAME)
    duty.ops.expect("PagerDuty did not page", thread_ts=card.ts)
    assert [user for user, _ in direct(duty)] == ["U0BOB"]


def test_a_worse_alarm_of_an_incident_pages_and_the_end_is_the_end_of_all(duty: Site) -> None:
    duty.taken(SEV2, ago=40)
    duty.alerts.alarm(WORSE, ago=20)
    duty.stands("aiops-AL-2", "triggered")
    duty.quiet()
    duty.world.bob.run("/incident ack AL-2")
    duty.stands("aiops-AL-2", "acknowledged")
    duty.quiet()
    duty.alerts.alarm(SEV2, "OK", ago=10)
    duty.alerts.alarm(WORSE, "OK", ago=5)
    duty.ops.expect("INCIDENT RESOLVED")
    duty.quiet()
    assert duty.statuses() == {"aiops-AL-1": "resolved", "aiops-AL-2": "resolved"}
