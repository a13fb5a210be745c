"""Who has an alert, and how it and its incident end."""

from __future__ import annotations

import boto3
import pytest

from tests.flows.aws import Queue, alerted
from tests.workspace import ANA, BOB, Channel, Message, Workspace, wait_for

NAME = "prod-checkout-api-latency-critical"
OTHER = "prod-checkout-api-errors-high"
MINOR = "prod-checkout-api-errors-medium"


@pytest.fixture
def card(alerts: Queue, ops: Channel) -> Message:
    """The card of an alarm that fires."""
    alerts.alarm(NAME, ago=300)
    return ops.expect("🔴 SEV-1 · checkout-api")


@pytest.fixture
def taken(world: Workspace, ops: Channel, card: Message) -> Message:
    """The same, acknowledged by Ana."""
    world.ana.click(card, "Acknowledge")
    return ops.becomes(card, "INC-1 (acknowledged)")


# -- who has it


def test_the_second_acknowledge_is_told_who_and_when(world: Workspace, card: Message, taken: Message) -> None:
    world.bob.click(card, "Acknowledge")
    told = world.bob.told(f"*AL-1* was already acknowledged by <@{ANA}>")
    assert "→ *INC-1*" in told.text
    world.ana.click(card, "Acknowledge")
    world.ana.told("You acknowledged *AL-1* already")
    assert world.ops.count("INCIDENT DECLARED") == 1


def test_a_guest_is_refused(world: Workspace, alerts: Queue, ops: Channel, card: Message) -> None:
    for label in ("Acknowledge", "Silence", "Change severity", "Why?"):
        world.gus.click(card, label)
        wait_for(lambda: _refusals(world), f"a refusal of {label}")
    alerts.taken()
    assert not world.gus.has_form()
    assert "Acknowledge" in ops.now(card).buttons
    world.stranger.run("/incident ack AL-1")
    world.stranger.told("Only members of this workspace")
    alerts.taken()
    assert "Acknowledge" in ops.now(card).buttons


def _refusals(world: Workspace) -> int:
    return world.gus.sees().count("Guests can't work on incidents here")


def test_acknowledging_what_is_over_says_so(world: Workspace, alerts: Queue, ops: Channel, card: Message) -> None:
    alerts.alarm(NAME, "OK")
    assert ops.becomes(card, "🟢 SEV-1").buttons == ["Why?"]
    world.bob.click(card, "Acknowledge")
    world.bob.told("*AL-1* is over already")
    assert ops.count("INCIDENT") == 0


def test_ack_without_an_id_takes_the_only_alert(world: Workspace, ops: Channel, card: Message) -> None:
    world.bob.run("/incident ack")
    world.bob.told("You acknowledged *AL-1*")
    ops.becomes(card, "INC-1 (acknowledged)")


def test_ack_without_an_id_asks_which(world: Workspace, alerts: Queue, ops: Channel, card: Message) -> None:
    alerts.alarm("prod-search-latency-high")
    ops.expect("SEV-2 · search")
    world.bob.run("/incident ack")
    asked = world.bob.told("Which one?")
    assert "AL-1" in asked.text
    assert "AL-2" in asked.text
    world.bob.run("/incident ack AL-2")
    world.bob.told("You acknowledged *AL-2*")
    assert "*Service:* search" in ops.expect("INCIDENT DECLARED").plain
    assert "Acknowledge" in ops.now(card).buttons


def test_ack_in_the_thread_takes_its_alert(world: Workspace, alerts: Queue, ops: Channel, card: Message) -> None:
    alerts.alarm("prod-search-latency-high")
    ops.expect("SEV-2 · search")
    world.bob.say("<@U0BOT> ack", thread_ts=card.ts)
    world.bob.sees().expect("You acknowledged *AL-1*", thread_ts=card.ts, ephemeral=True)
    assert "*Service:* checkout-api" in ops.expect("INCIDENT DECLARED").plain


def test_an_alert_that_is_not_there_is_said(world: Workspace, alerts: Queue) -> None:
    world.bob.run("/incident ack AL-77")
    world.bob.told("There is no AL-77")
    world.bob.run("/incident alerts")
    world.bob.told("No alert fires")


def test_alerts_lists_what_fires_the_worst_first(world: Workspace, alerts: Queue, ops: Channel) -> None:
    alerts.alarm("prod-search-latency-low", ago=60)
    ops.expect("SEV-4 · search")
    alerts.alarm(NAME, ago=30)
    ops.expect("SEV-1 · checkout-api")
    world.bob.run("/incident alerts")
    listed = world.bob.told("2 alerts fire")
    assert listed.text.index("AL-2") < listed.text.index("AL-1")
    world.bob.click(listed, "Acknowledge")
    world.bob.told("You acknowledged *AL-2*")


def test_why_names_each_stage(world: Workspace, alerts: Queue, card: Message) -> None:
    world.bob.click(card, "Why?")
    text = world.bob.form("Why? AL-1").text
    for stage in ("dedup", "enrichment", "severity", "routing", "grouping", "auto-remediation"):
        assert f"{stage}: " in text
    assert "built-in rule “*-critical”" in text
    assert "Threshold Crossed" in text
    world.cy.run("/incident why")
    assert "naming convention" in world.cy.told("Why AL-1 is what it is").text


def test_a_responder_changes_the_severity(world: Workspace, alerts: Queue, ops: Channel, card: Message) -> None:
    world.bob.click(card, "Change severity")
    assert world.bob.submit(world.bob.form("Severity of AL-1"), severity="3")["ok"]
    shown = ops.becomes(card, "🔴 SEV-3 · checkout-api")
    assert "changed from SEV-1" in shown.text
    world.ana.click(shown, "Acknowledge")
    ops.expect("INCIDENT DECLARED — SEV-3")


def test_a_worse_alarm_raises_the_incident_and_wants_attention(world: Workspace, alerts: Queue, ops: Channel) -> None:
    alerts.alarm(MINOR, ago=60)
    card = ops.expect("🔴 SEV-3")
    world.ana.click(card, "Acknowledge")
    ops.expect("INCIDENT DECLARED — SEV-3")
    alerts.alarm(NAME, ago=30)
    ops.expect("INC-1 is SEV-1 now (was SEV-3)")
    worse = ops.expect("🔴 SEV-1 · checkout-api")
    assert "Acknowledge" in worse.buttons
    world.bob.click(worse, "Acknowledge")
    world.bob.told("You acknowledged *AL-2* → *INC-1*")
    ops.becomes(worse, "INC-1 (acknowledged)")
    ops.expect("INC-1 · SEV-1 · checkout-api")
    assert ops.count("INCIDENT DECLARED") == 1
    alerts.alarm(MINOR, "OK", ago=20)
    ops.becomes(card, "🟢 SEV-3")
    alerts.alarm(NAME, "OK", ago=10)
    ops.expect("INCIDENT RESOLVED — SEV-1")


def test_a_worse_alarm_opens_the_channel_of_its_severity(world: Workspace, alerts: Queue, ops: Channel) -> None:
    alerts.alarm(MINOR, ago=60)
    world.ana.click(ops.expect("🔴 SEV-3"), "Acknowledge")
    ops.expect("INCIDENT DECLARED — SEV-3")
    alerts.alarm(NAME, ago=30)
    ops.expect("INC-1 is SEV-1 now (was SEV-3)")
    world.channel("inc-1-checkout-api").expect("INC-1 · SEV-1")


def test_no_form_opens_for_an_alert_that_somebody_has(world: Workspace, card: Message, taken: Message) -> None:
    world.bob.click(card, "Change severity")
    world.bob.told("INC-1")
    assert not world.bob.has_form()


def test_a_worse_alarm_pages_although_somebody_is_on_it(empty_world: Workspace) -> None:
    world, ops = empty_world, empty_world.ops
    with alerted(world, on_call={"primary": BOB}) as alerts:
        alerts.alarm(MINOR, ago=60)
        world.ana.click(ops.expect("🔴 SEV-3"), "Acknowledge")
        ops.expect("INCIDENT DECLARED — SEV-3")
        alerts.alarm(NAME, ago=30)
        worse = ops.expect("🔴 SEV-1 · checkout-api")
        ops.expect("📟 Paged", thread_ts=worse.ts)
        alerts.taken()


def test_no_worse_alarm_of_an_open_incident_needs_no_acknowledgement(
    world: Workspace, alerts: Queue, ops: Channel, taken: Message
) -> None:
    incident = ops.expect("INC-1 · SEV-1 · checkout-api")
    alerts.alarm(OTHER, ago=30)
    under = ops.expect("SEV-2 · checkout-api", thread_ts=incident.ts)
    assert "INC-1 (acknowledged)" in under.text
    assert under.buttons == ["Silence", "Why?"]


# -- how it ends


def test_only_the_last_ok_resolves_the_incident(world: Workspace, alerts: Queue, ops: Channel, taken: Message) -> None:
    alerts.alarm(OTHER, ago=200)
    alerts.taken()
    alerts.alarm(NAME, "OK", ago=100)
    ops.becomes(taken, "🟢 SEV-1")
    alerts.taken()
    assert ops.count("INCIDENT RESOLVED") == 0
    alerts.alarm(OTHER, "OK", ago=50)
    assert "*Duration:* 00:0" in ops.expect("INCIDENT RESOLVED — SEV-1").plain
    alerts.taken()
    assert ops.count("INCIDENT RESOLVED") == 1


def test_a_flap_reopens_the_incident(world: Workspace, alerts: Queue, ops: Channel, taken: Message) -> None:
    alerts.alarm(NAME, "OK", ago=200)
    ops.expect("INCIDENT RESOLVED")
    alerts.alarm(NAME, ago=100)
    ops.expect("INC-1 reopened")
    ops.expect("INC-1 · SEV-1 · checkout-api · investigating")
    assert "🟠 SEV-1" in ops.becomes(taken, "flapped 1×").text
    alerts.alarm(NAME, "OK", ago=50)
    wait_for(lambda: ops.count("INCIDENT RESOLVED") == 2, "the second resolved message")
    assert ops.count("INCIDENT DECLARED") == 1


def test_an_incident_that_people_resolved_is_not_reopened_by_its_alarm(
    world: Workspace, alerts: Queue, ops: Channel, taken: Message
) -> None:
    world.ana.run("/incident resolve INC-1 the alarm is wrong")
    ops.expect("INCIDENT RESOLVED")
    alerts.alarm(NAME, "OK", ago=100)
    ops.becomes(taken, "🟢 SEV-1")
    alerts.alarm(NAME, ago=50)
    shown = ops.becomes(taken, "flapped 1×")
    assert "Acknowledge" in shown.buttons
    alerts.taken()
    assert ops.count("reopened") == 0
    world.bob.click(shown, "Acknowledge")
    ops.becomes(taken, "INC-2 (acknowledged)")


def test_a_manual_resolve_warns_with_the_live_state_and_asks_why(
    world: Workspace, alerts: Queue, ops: Channel, taken: Message
) -> None:
    watch = boto3.client("cloudwatch", **alerts.aws.credentials())
    watch.put_metric_alarm(
        AlarmName=NAME,
        MetricName="TargetResponseTime",
        Namespace="AWS/ApplicationELB",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.8,
        ComparisonOperator="GreaterThanThreshold",
    )
    watch.set_alarm_state(AlarmName=NAME, StateValue="OK", StateReason="just now")
    world.ana.click(ops.expect("INC-1 · SEV-1"), "Resolve")
    form = world.ana.form("Resolve INC-1?")
    assert f"{NAME}: OK" in form.text
    assert "resolution" in world.ana.submit(form, resolution=" ")["errors"]
    alerts.taken()
    assert ops.count("INCIDENT RESOLVED") == 0
    assert world.ana.submit(form, resolution="measured the old cluster")["ok"]
    ops.expect("INCIDENT RESOLVED — SEV-1")
    assert "measured the old cluster" in ops.expect("· resolved after").text


def test_a_firing_alarm_is_named_where_no_form_can_open(
    world: Workspace, alerts: Queue, ops: Channel, taken: Message
) -> None:
    incident = ops.expect("INC-1 · SEV-1")
    world.ana.say("<@U0BOT> resolve", thread_ts=incident.ts)
    world.ana.sees().expect(f"{NAME} still in ALARM", thread_ts=incident.ts, ephemeral=True)
    alerts.taken()
    assert ops.count("INCIDENT RESOLVED") == 0
    world.ana.run("/incident resolve INC-1 the alarm is wrong")
    ops.expect("INCIDENT RESOLVED — SEV-1")


def test_after_its_last_ok_nothing_is_asked(world: Workspace, alerts: Queue, ops: Channel) -> None:
    world.ana.run("/incident declare sev2 checkout-api 'payments fail'")
    ops.expect("INC-1 · SEV-2")
    alerts.alarm(OTHER, ago=60)
    alerts.taken()
    alerts.alarm(OTHER, "OK", ago=30)
    incident = ops.expect("INC-1 · SEV-2")
    ops.expect("All alarms of INC-1 are OK", thread_ts=incident.ts)
    assert ops.count("INCIDENT RESOLVED") == 0
    world.ana.run("/incident resolve INC-1")
    ops.expect("INCIDENT RESOLVED — SEV-2")
