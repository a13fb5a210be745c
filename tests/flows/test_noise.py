"""What keeps the channel readable: duplicates, flaps, silences, composite alarms, groups, storms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sandbox.shop.notices import alarm, notification
from tests.flows.aws import Queue, alerted
from tests.workspace import ANA, BOB, CY, Channel, Message, Workspace, wait_for

NAME = "prod-checkout-api-latency-critical"
OTHER = "prod-checkout-api-errors-high"


def cards(channel: Channel) -> list[Message]:
    """The alert cards that stand in the channel itself."""
    return [each for each in channel.messages() if "Why?" in each.buttons]


def flap(alerts: Queue, name: str, *states: str, begin: float, every: float = 30) -> None:
    """These states of an alarm, one after the other, the first one `begin` seconds ago."""
    for number, state in enumerate(states):
        alerts.alarm(name, state, ago=begin - number * every)
        alerts.taken()


# -- duplicates and the order of messages


def test_a_duplicate_raises_the_counter_of_the_one_card(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("SEV-1 · checkout-api")
    alerts.alarm(NAME, ago=30, value=3.5)
    shown = ops.becomes(card, "seen 2×")
    assert "p99 latency 3.50 s" in shown.text
    assert len(ops.messages()) == 1


def test_a_redelivered_message_changes_nothing(alerts: Queue, ops: Channel) -> None:
    body = alerts.alarm(NAME, ago=60)
    card = ops.expect("SEV-1 · checkout-api")
    alerts.put(body)
    alerts.taken()
    alerts.alarm(NAME, ago=30)
    ops.becomes(card, "seen 2×")
    alerts.put(body)
    alerts.taken()
    assert "seen 2×" in ops.now(card).text
    assert len(ops.messages()) == 1


def test_an_older_duplicate_counts_and_overwrites_no_value(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=30, value=3.5)
    card = ops.expect("3.50 s")
    alerts.alarm(NAME, ago=60, value=1.5)
    assert "3.50 s" in ops.becomes(card, "seen 2×").text


def test_an_ok_without_an_alarm_shows_nothing(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, "OK", ago=30)
    alerts.taken()
    assert ops.messages() == []
    alerts.alarm(NAME)
    assert "🔴" in ops.expect("SEV-1 · checkout-api").text


def test_an_ok_before_its_alarm_shows_an_alert_that_is_over(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, "OK", ago=30)
    alerts.taken()
    alerts.alarm(NAME, ago=60)
    card = ops.expect("SEV-1 · checkout-api")
    assert "🟢" in card.text
    assert card.buttons == ["Why?"]
    world.ana.run("/incident why AL-1")
    assert "its OK came before it" in world.ana.told("Why AL-1 is what it is").text


def test_an_older_alarm_does_not_undo_the_ok(alerts: Queue, ops: Channel) -> None:
    flap(alerts, NAME, "ALARM", "OK", begin=120, every=90)
    card = ops.expect("🟢 SEV-1")
    alerts.alarm(NAME, ago=60)
    alerts.taken()
    assert "🟢 SEV-1" in ops.now(card).text
    assert len(ops.messages()) == 1


def test_an_older_ok_does_not_end_the_alert(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(NAME, "OK", ago=120)
    alerts.taken()
    assert "🔴 SEV-1" in ops.now(card).text


def test_no_data_is_no_ok(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(NAME, "INSUFFICIENT_DATA", ago=30)
    assert "🔴" in ops.becomes(card, "whether it still fires is not known").text
    alerts.alarm(NAME, "OK")
    ops.becomes(card, "🟢 SEV-1")


# -- flapping


def test_a_flap_inside_the_window_is_the_same_card_again(alerts: Queue, ops: Channel) -> None:
    flap(alerts, NAME, "ALARM", "OK", begin=900, every=300)
    card = ops.expect("🟢 SEV-1")
    alerts.alarm(NAME, ago=60)
    shown = ops.becomes(card, "flapped 1×")
    assert "🔴 SEV-1" in shown.text
    assert "Acknowledge" in shown.buttons
    assert len(cards(ops)) == 1


def test_after_the_window_it_is_a_new_alert(alerts: Queue, ops: Channel) -> None:
    flap(alerts, NAME, "ALARM", "OK", begin=900, every=200)
    over = ops.expect("🟢 SEV-1")
    alerts.alarm(NAME, ago=60)
    new = ops.expect("🔴 SEV-1")
    assert new.ts != over.ts
    assert "🟢 SEV-1" in ops.now(over).text


def test_a_flapping_alarm_is_over_when_it_stays_quiet(alerts: Queue, world: Workspace, ops: Channel) -> None:
    flap(alerts, NAME, *["ALARM", "OK"] * 4, begin=420)
    card = cards(ops)[0]
    shown = ops.becomes(card, "flapped 3×")
    assert "🟡 SEV-1" in shown.text
    assert "but it flaps" in shown.text
    alerts.wait(240)
    alerts.alarm(NAME)
    ops.becomes(card, "flapped 4×")
    alerts.alarm(NAME, "OK")
    ops.becomes(card, "but it flaps")
    alerts.wait(590)
    alerts.taken()
    assert "🟡 SEV-1" in ops.now(card).text
    assert "UTC, flapping" in ops.now(card).text
    alerts.wait(20)
    ops.becomes(card, "🟢 SEV-1")
    assert len(cards(ops)) == 1


def test_two_returns_are_not_flapping_yet(alerts: Queue, ops: Channel) -> None:
    flap(alerts, NAME, *["ALARM", "OK"] * 3, begin=300)
    assert "🟢 SEV-1" in cards(ops)[0].text


# -- silences


def test_a_silence_hides_alarms_until_it_ends_by_itself(alerts: Queue, world: Workspace, ops: Channel) -> None:
    world.ana.run('/incident silence *checkout* 2h "load test"')
    assert "matches none of the alarms I know yet" in world.ana.told("Silenced").text
    begun = ops.expect("silenced")
    assert "load test" in begun.text
    alerts.alarm(NAME)
    alerts.taken()
    assert cards(ops) == []
    world.bob.run("/incident alerts")
    assert "AL-1" in world.bob.told("silenced").text
    world.bob.run("/incident why AL-1")
    assert "load test" in world.bob.told("Why AL-1 is what it is").text
    alerts.wait(2 * 3600 + 1)
    ops.expect("1 of its alarms still fire")
    assert "Acknowledge" in ops.expect("🔴 SEV-1").buttons


def test_a_silences_pattern_is_shown_as_it_was_typed(alerts: Queue, world: Workspace) -> None:
    world.ana.run("/incident silence *search-api* 2h reindexing")
    assert "Silenced `*search-api*` until " in world.ana.told("Silenced").plain
    world.bob.run("/incident unsilence *search-api*")
    assert "The silence on `*search-api*` is over." in world.bob.told("is over").plain


def test_a_silence_that_hides_what_fires_is_asked_about_first(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME)
    card = ops.expect("🔴 SEV-1")
    world.ana.run("/incident silence prod-* 2h x")
    asked = world.ana.told("hides 1 firing alert now")
    assert "AL-1 · 🔴 SEV-1 · checkout-api" in asked.text.replace("\n", "")
    assert "Nothing is silenced yet" in asked.text
    assert "🔴 SEV-1" in ops.now(card).text
    world.ana.click(asked, "Silence them")
    ops.becomes(card, "🔕 SEV-1")
    begun = ops.expect(" silenced ")
    assert "prod-*" in begun.text
    assert "Hides 1 firing alert now." in begun.text


def test_unsilence_alone_ends_the_only_one_or_lists_them(alerts: Queue, world: Workspace, ops: Channel) -> None:
    world.ana.run("/incident unsilence")
    world.ana.told("Which silence? Nothing is silenced.")
    world.ana.run("/incident silence prod-cart-* 2h x")
    world.ana.told("matches none of the alarms I know yet")
    world.ana.run("/incident unsilence")
    ops.expect("is over, ended by")


def test_several_alerts_are_taken_and_one_is_rated_by_command(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm("prod-checkout-api-cpu-medium")
    alerts.alarm("prod-search-cpu-medium")
    ops.expect("SEV-3 · search")
    ops.expect("SEV-3 · checkout-api")
    world.ana.run("/incident sev AL-1 sev2")
    world.ana.told("*AL-1* is SEV-2")
    world.ana.run("/incident why AL-17")
    listed = world.ana.told("There is no AL-17.").text
    assert "AL-1 (SEV-2" in listed
    assert "Name it: /incident why AL-1" in listed
    world.ana.run("/incident ack AL-1 AL-2")
    done = world.ana.told("You acknowledged *AL-1*").text
    assert "You acknowledged *AL-2*" in done
    world.ana.run("/incident ack AL-1 please")
    world.ana.told("I don't understand")


def test_who_comes_after_the_bot_resolved_it_is_told_why(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    world.ana.click(ops.expect("🔴 SEV-1"), "Acknowledge")
    ops.expect("INCIDENT DECLARED")
    alerts.alarm(NAME, "OK")
    ops.expect("INCIDENT RESOLVED")
    world.ana.run("/incident ack INC-1")
    answer = world.ana.told("was already resolved").text
    assert f"{NAME} is OK again" in answer
    assert "None" not in answer


def test_resolved_by_hand_while_it_fires_it_can_be_taken_again(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    world.ana.click(card, "Acknowledge")
    incident = ops.expect("INC-1 · SEV-1")
    world.ana.click(incident, "Resolve")
    form = world.ana.form("Resolve INC-1?")
    world.ana.submit(form, resolution="the alarm measures the old cluster")
    shown = ops.becomes(card, "Still fires: ")
    assert "🔴 SEV-1" in shown.text
    assert "Acknowledge" in shown.buttons
    ops.expect("but 1 alarm still fires", thread_ts=incident.ts)
    over = ops.becomes(incident, "Its alarm still fires")
    assert "What fixed it" not in over.text
    world.ana.click(ops.now(card), "Acknowledge")
    ops.becomes(card, "INC-2")


def test_a_silence_leaves_other_alarms_alone(alerts: Queue, world: Workspace, ops: Channel) -> None:
    world.ana.run("/incident silence prod-search-* 2h reindexing")
    world.ana.told("Silenced")
    alerts.alarm(NAME)
    ops.expect("🔴 SEV-1")


def test_the_silence_button_survives_flaps(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, ago=90)
    card = ops.expect("🔴 SEV-1")
    world.ana.click(card, "Silence")
    form = world.ana.form("Silence AL-1")
    assert world.ana.submit(form, duration="30m", reason="known, fix is on its way")["ok"]
    hidden = ops.becomes(card, "🔕 SEV-1")
    assert "known, fix is on its way" in hidden.text
    assert hidden.buttons == ["End silence", "Why?"]
    flap(alerts, NAME, "OK", "ALARM", begin=60)
    assert "🔕 SEV-1" in ops.becomes(card, "flapped 1×").text
    world.bob.click(ops.now(card), "End silence")
    world.bob.told("is over")
    assert "Acknowledge" in ops.becomes(card, "🔴 SEV-1").buttons


def test_a_paged_alert_that_is_silenced_keeps_its_buttons(empty_world: Workspace) -> None:
    world, ops = empty_world, empty_world.ops
    with alerted(world, on_call={"primary": BOB}) as alerts:
        alerts.alarm(NAME)
        card = ops.becomes(ops.expect("🔴 SEV-1"), "(primary)")
        world.ana.run('/incident silence AL-1 2h "known"')
        world.ana.told("Silenced")
        assert ops.becomes(card, "🔕 SEV-1").buttons == ["End silence", "Why?"]


def test_a_silence_by_button_needs_a_reason(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME)
    card = ops.expect("🔴 SEV-1")
    world.ana.click(card, "Silence")
    answer = world.ana.submit(world.ana.form("Silence AL-1"), duration="30m", reason=" ")
    assert "reason" in answer["errors"]
    alerts.taken()
    assert "🔴 SEV-1" in ops.now(card).text


def test_silences_are_listed_and_ended_by_their_pattern(alerts: Queue, world: Workspace, ops: Channel) -> None:
    world.ana.run("/incident silence prod-search-* 2h reindexing")
    world.ana.told("Silenced")
    world.bob.run("/incident silences")
    listed = world.bob.told("1 silence")
    assert "prod-search-*" in listed.text
    assert "reindexing" in listed.text
    assert listed.buttons == ["End it"]
    world.cy.run("/incident unsilence no-such")
    assert "prod-search-*" in world.cy.told("No silence “no-such” is on").text
    world.cy.run("/incident unsilence prod-search-*")
    world.cy.told("The silence on `prod-search-*` is over")
    alerts.alarm("prod-search-latency-high")
    ops.expect("🔴 SEV-2 · search")
    world.bob.run("/incident silences")
    world.bob.told("Nothing is silenced")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("* 2h all of it", "would silence everything"),
        ("prod-* forever please", "is no duration"),
        ("prod-* 2h", "reason is empty"),
        ("prod-* 90d long", "between 1 minute and 30 days"),
        ("AL-99 2h gone", "There is no AL-99"),
    ],
)
def test_what_can_not_be_silenced_is_said(alerts: Queue, world: Workspace, typed: str, answer: str) -> None:
    world.ana.run(f"/incident silence {typed}")
    world.ana.told(answer)
    world.bob.run("/incident silences")
    world.bob.told("Nothing is silenced")


def test_what_another_silence_covers_stays_hidden(alerts: Queue, world: Workspace, ops: Channel) -> None:
    world.ana.run("/incident silence *checkout* 1h deploying")
    world.ana.told("*checkout*")
    world.bob.run("/incident silence prod-checkout* 4h moving")
    world.bob.told("prod-checkout*")
    alerts.alarm(NAME)
    alerts.wait(3601)
    ops.expect("The silence on")
    alerts.taken()
    assert cards(ops) == []


def test_a_silenced_alarm_does_not_touch_the_incident(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm("prod-checkout-api-errors-medium", ago=60)
    world.ana.click(ops.expect("🔴 SEV-3"), "Acknowledge")
    ops.expect("INCIDENT DECLARED — SEV-3")
    world.bob.run("/incident silence *-latency-* 2h deploying")
    world.bob.told("Silenced")
    alerts.alarm(NAME, ago=30)
    alerts.taken()
    assert ops.count("is SEV-1 now") == 0
    alerts.alarm("prod-checkout-api-errors-medium", "OK", ago=10)
    ops.expect("INCIDENT RESOLVED — SEV-3")


def test_a_silenced_alert_does_not_lead_its_group(alerts: Queue, world: Workspace, ops: Channel) -> None:
    world.bob.run("/incident silence *-errors-* 2h deploying")
    world.bob.told("Silenced")
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    flap(alerts, OTHER, "ALARM", begin=40)
    alerts.alarm(NAME, "OK", ago=20)
    ops.becomes(card, "🟢 SEV-1")
    alerts.taken()
    assert len(cards(ops)) == 1


def test_an_alert_whose_lead_is_silenced_is_called_for(empty_world: Workspace) -> None:
    world, ops = empty_world, empty_world.ops
    with alerted(world, on_call={"primary": BOB, "secondary": CY}) as alerts:
        alerts.alarm(NAME, ago=60)
        card = ops.expect("🔴 SEV-1")
        alerts.alarm(OTHER, ago=30)
        ops.expect("🔴 SEV-2", thread_ts=card.ts)
        world.ana.run('/incident silence AL-1 2h "known"')
        world.ana.told("Silenced")
        alerts.wait(16 * 60)
        wait_for(lambda: _says(ops, card, "(secondary) for AL-2"), "a call for AL-2")


def _says(channel: Channel, card: Message, text: str) -> bool:
    said = [*channel.messages(), *channel.messages(card.ts)]
    return any(text in each.plain for each in said)


# -- composite alarms

CHILDREN = ("prod-cart-errors-high", "prod-payments-errors-high")
PARENT = "prod-storefront-down-critical"
RULE = " OR ".join(f"ALARM({name})" for name in CHILDREN)


def test_a_composite_alarm_stands_for_its_children(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(CHILDREN[0], ago=60)
    first = ops.expect("🔴 SEV-2 · cart")
    alerts.alarm(PARENT, ago=50, AlarmRule=RULE, Trigger=None)
    parent = ops.expect("🔴 SEV-1 · storefront")
    ops.becomes(first, "The composite alarm AL-2 stands for it")
    alerts.alarm(CHILDREN[1], ago=40)
    alerts.taken()
    assert ops.count("🔴 SEV-2 · payments") == 0
    alerts.alarm(PARENT, "OK", ago=20, AlarmRule=RULE, Trigger=None)
    ops.becomes(parent, "🟢 SEV-1")
    assert "Acknowledge" in ops.becomes(first, "🔴 SEV-2 · cart").buttons
    ops.expect("🔴 SEV-2 · payments")


def test_a_composite_alarms_card_names_its_children(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(PARENT, ago=60, AlarmRule=RULE, Trigger=None)
    parent = ops.expect("🔴 SEV-1 · storefront")
    alerts.alarm(CHILDREN[0], ago=30)
    ops.becomes(parent, CHILDREN[0])


def test_a_silenced_child_stays_hidden_after_the_composite_alarm(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(PARENT, ago=60, AlarmRule=RULE, Trigger=None)
    parent = ops.expect("🔴 SEV-1 · storefront")
    alerts.alarm(CHILDREN[0], ago=30)
    alerts.taken()
    world.ana.run("/incident silence prod-cart-* 2h deploying")
    world.ana.click(world.ana.told("hides 1 firing alert"), "Silence them")
    world.ana.told("Silenced")
    alerts.alarm(PARENT, "OK", ago=20, AlarmRule=RULE, Trigger=None)
    ops.becomes(parent, "🟢 SEV-1")
    alerts.taken()
    assert ops.count("🔴 SEV-2 · cart") == 0


def test_a_child_that_is_over_does_not_reappear(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(PARENT, ago=60, AlarmRule=RULE, Trigger=None)
    parent = ops.expect("🔴 SEV-1 · storefront")
    flap(alerts, CHILDREN[0], "ALARM", "OK", begin=50, every=10)
    alerts.alarm(PARENT, "OK", ago=20, AlarmRule=RULE, Trigger=None)
    ops.becomes(parent, "🟢 SEV-1")
    alerts.taken()
    assert len(cards(ops)) == 1


# -- grouping


def test_one_acknowledge_takes_all_alerts_of_a_service(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(OTHER, ago=30)
    second = ops.expect("🔴 SEV-2 · checkout-api", thread_ts=card.ts)
    assert len(cards(ops)) == 1
    world.ana.click(card, "Acknowledge")
    ops.becomes(card, "INC-1 (acknowledged)")
    ops.becomes(second, "INC-1 (acknowledged)", thread_ts=card.ts)
    world.bob.run("/incident timeline INC-1")
    line = world.bob.told("INC-1").text
    assert "AL-1 fires" in line
    assert "AL-2 fires" in line


def test_the_card_says_how_many_stand_under_it(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(OTHER, ago=30)
    ops.becomes(card, "1 more alert of this service in the thread")
    alerts.alarm(OTHER, "OK", ago=10)
    wait_for(lambda: "more alert" not in ops.now(card).text, "a card of one alert")


def test_a_worse_alarm_has_a_card_of_its_own(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(OTHER, ago=60)
    ops.expect("🔴 SEV-2")
    alerts.alarm(NAME, ago=30)
    ops.expect("🔴 SEV-1")
    assert len(cards(ops)) == 2


def test_after_the_window_an_alarm_has_a_card_of_its_own(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME)
    ops.expect("🔴 SEV-1")
    alerts.wait(31 * 60)
    alerts.alarm(OTHER)
    ops.expect("🔴 SEV-2")


def test_an_alarm_of_another_environment_is_not_grouped(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(NAME.replace("prod", "staging"), ago=30)
    wait_for(lambda: len(cards(ops)) == 2, "two cards")
    world.ana.click(card, "Acknowledge")
    ops.becomes(card, "INC-1 (acknowledged)")
    alerts.taken()
    assert sum("Acknowledge" in each.buttons for each in cards(ops)) == 1
    left = ops.expect("🔴 SEV-1")
    alerts.alarm("staging-checkout-api-errors-low")
    ops.expect("🔴 SEV-4 · checkout-api", thread_ts=left.ts)


def test_the_next_alert_leads_when_the_first_of_a_group_is_over(alerts: Queue, world: Workspace, ops: Channel) -> None:
    alerts.alarm(NAME, ago=60)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(OTHER, ago=30)
    second = ops.expect("🔴 SEV-2 · checkout-api", thread_ts=card.ts)
    alerts.alarm(NAME, "OK")
    ops.becomes(card, "🟢 SEV-1")
    second = ops.becomes(second, "Change severity", thread_ts=card.ts)
    world.ana.click(second, "Acknowledge")
    ops.becomes(second, "INC-1 (acknowledged)", thread_ts=card.ts)
    ops.expect("INCIDENT DECLARED — SEV-2")


def test_an_alert_of_a_group_that_comes_back_alone_is_shown(alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=120)
    card = ops.expect("🔴 SEV-1")
    alerts.alarm(OTHER, ago=100)
    ops.expect("🔴 SEV-2", thread_ts=card.ts)
    alerts.alarm(OTHER, "OK", ago=80)
    alerts.alarm(NAME, "OK", ago=60)
    ops.becomes(card, "🟢 SEV-1")
    alerts.taken()
    alerts.alarm(OTHER)
    ops.expect("🔴 SEV-2")


# -- storms


SMALL: dict[str, Any] = {"triage": {"storm": {"alerts": 4}}}  # Slack takes so many messages at once


def storm(alerts: Queue, count: int) -> None:
    for number in range(count):
        metric = "latency" if number < 30 else "errors"
        alerts.alarm(f"prod-shop{number % 30:02}-{metric}-medium", ago=count - number)


def test_a_storm_is_one_summary_and_then_calm(empty_world: Workspace) -> None:
    world, ops = empty_world, empty_world.ops
    with alerted(world, **SMALL) as alerts:
        storm(alerts, 60)
        summary = ops.expect("🌩 Storm")
        alerts.taken()
        shown = ops.becomes(summary, "60 fire now")
        assert "and 22 more services" in shown.text
        assert 1 <= len(cards(ops)) <= 4
        world.bob.click(shown, "Show the alerts")
        world.bob.told("60 alerts fire")
        alerts.wait(301)
        ops.becomes(summary, "🌤 The storm is over")
        wait_for(lambda: len(cards(ops)) >= 5, "cards after the storm")
        alerts.taken()
        assert len(cards(ops)) <= 8, "what comes after it is no storm again"
        assert ops.count("Storm") + ops.count("storm is over") == 1


def test_a_sev1_has_its_card_in_a_storm(empty_world: Workspace) -> None:
    with alerted(empty_world, **SMALL) as alerts:
        storm(alerts, 8)
        empty_world.ops.expect("🌩 Storm")
        alerts.alarm(NAME)
        empty_world.ops.expect("🔴 SEV-1 · checkout-api")


def test_what_a_storm_hid_is_shown_when_it_comes_back_later(empty_world: Workspace) -> None:
    world, ops = empty_world, empty_world.ops
    with alerted(world, **SMALL) as alerts:
        storm(alerts, 5)
        summary = ops.expect("🌩 Storm")
        alerts.taken()
        alerts.alarm("prod-shop04-latency-medium", "OK")
        alerts.wait(301)
        ops.becomes(summary, "🌤 The storm is over")
        assert ops.count("🔴 SEV-3 · shop04") == 0
        alerts.alarm("prod-shop04-latency-medium")
        ops.expect("🔴 SEV-3 · shop04")


# -- foreign words


@pytest.mark.parametrize("name", ["<!channel> *down* <@U0BOB>", "prod-<!here>-`x`-critical", "a & b <https://evil|x>"])
def test_an_alarms_name_is_only_words(alerts: Queue, world: Workspace, ops: Channel, name: str) -> None:
    alerts.alarm(name, AlarmDescription=name)
    card = wait_for(lambda: cards(ops), "the card")[0]
    assert "<!channel>" not in card.plain
    assert "<!here>" not in card.plain
    assert "<@U0BOB>" not in card.plain
    assert "<https" not in card.plain
    kinds = {str(each) for each in _types(card.raw["blocks"])}
    assert not kinds & {"user", "broadcast", "usergroup", "mrkdwn"}
    world.ana.click(card, "Acknowledge")
    declared = ops.expect("INCIDENT DECLARED")
    assert "<!" not in declared.plain
    assert f"*Commander:* <@{ANA}>" in declared.plain
    assert declared.plain.count("<@") == 1


def _types(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield node.get("type")
        for value in node.values():
            yield from _types(value)
    elif isinstance(node, list):
        for each in node:
            yield from _types(each)


def test_a_message_without_its_alarms_name_says_so(alerts: Queue, world: Workspace, ops: Channel) -> None:
    said = alarm(NAME, "ALARM", world.clock())
    del said["AlarmName"]
    alerts.put(notification(said))
    card = wait_for(lambda: cards(ops), "the card")[0]
    assert "The message lacked AlarmName" in card.text.replace("\n", "")


def test_an_alarm_of_no_service_is_shown_as_that(alerts: Queue, ops: Channel) -> None:
    alerts.alarm("something odd")
    card = ops.expect("SEV-3 · unknown service")
    assert "no owner and no runbook" in card.text
    assert "Acknowledge" in card.buttons


def test_what_can_not_be_read_is_shown_raw_and_inert(alerts: Queue, ops: Channel) -> None:
    alerts.put("not JSON <!channel> <@U0BOB>")
    shown = ops.expect("can't be read")
    assert "<!channel>" not in shown.plain
    assert "not JSON" in shown.text


# -- the config file

CATALOGUE: dict[str, Any] = {
    "services": {
        "checkout-api": {
            "owner": "U0BOB",
            "runbook": "https://runbooks.example.com/checkout",
            "dashboard": "https://dashboards.example.com/checkout",
        }
    },
    "accounts": {"123456789012": {"alias": "shop-prod"}},
    "severities": [{"alarm": "*latency*", "severity": 2}],
    "routes": [{"alarm": "*-batch-*", "channels": ["general"]}],
    "maintenance": [{"name": "night shift", "alarm": "*search*", "at": "00:00", "lasts": "24h"}],
}


def test_the_catalogue_is_on_the_card(empty_world: Workspace) -> None:
    with alerted(empty_world, **CATALOGUE) as alerts:
        alerts.alarm(NAME)
        card = empty_world.ops.expect("SEV-2 · checkout-api")
        assert "rule “alarm *latency*”" in card.text
        assert "shop-prod (123456789012)" in card.text
        kinds = list(_types(card.raw["blocks"]))
        assert "user" in kinds
        assert {"Runbook", "Dashboard", "Console"} <= set(card.text.split("\n"))


def test_a_maintenance_window_hides_alarms(empty_world: Workspace) -> None:
    with alerted(empty_world, **CATALOGUE) as alerts:
        alerts.alarm("prod-search-latency-critical")
        alerts.taken()
        assert empty_world.ops.messages() == []
        empty_world.ana.run("/incident silences")
        assert "night shift" in empty_world.ana.told("1 silence").text
        empty_world.ana.run("/incident why AL-1")
        assert "maintenance window “night shift”" in empty_world.ana.told("Why AL-1").text


def test_what_still_fires_after_maintenance_is_shown(empty_world: Workspace) -> None:
    world, ops = empty_world, empty_world.ops
    begin, end = (world.clock() + timedelta(minutes=offset) for offset in (-30, 30))
    window = {"name": "migration", "alarm": "*checkout*", "from": begin, "until": end}
    with alerted(world, maintenance=[window]) as alerts:
        alerts.alarm(NAME)
        alerts.taken()
        assert ops.messages() == []
        alerts.wait(31 * 60)
        ops.expect("🔴 SEV-1 · checkout-api")


def test_a_route_shows_alerts_in_its_channel(empty_world: Workspace) -> None:
    general = empty_world.channel("general")
    empty_world.ana.say("/invite @aiops_bot", "general")
    with alerted(empty_world, **CATALOGUE) as alerts:
        alerts.alarm("prod-orders-batch-errors-medium")
        card = general.expect("SEV-3 · orders-batch")
        alerts.taken()
        assert cards(empty_world.ops) == []
        empty_world.bob.sees("general")
        empty_world.bob.click(card, "Acknowledge")
        general.becomes(card, "INC-1 (acknowledged)")
        empty_world.ops.expect("INCIDENT DECLARED — SEV-3")
