"""What has to be done so that it does not happen again: added, given, reminded of, done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import ActionItem
from tests.workspace import ANA, BOB, Channel, Message, Workspace, wait_for

BOT = "AIOps Bot"  # what a direct message with it is called


@pytest.fixture
def incident(world: Workspace) -> Message:
    """INC-1, declared by Ana and resolved."""
    for user in (ANA, BOB):
        world.control("person", id=user, tz="Etc/UTC")
    world.ana.run("/incident declare sev3 checkout-api payments fail")
    card = world.ops.expect("INC-1 · SEV-3")
    world.ana.run("/incident resolve INC-1 rolled back")
    world.ops.becomes(card, "resolved after")
    return card


def day(world: Workspace, ahead: int) -> str:
    return f"{(world.clock() + timedelta(days=ahead)).date()}"


def until(world: Workspace, days: int, hour: int) -> float:
    """Seconds from now to that hour (UTC), so many days from today."""
    now = world.clock()
    then = (now + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)
    return (then - now).total_seconds()


def item(world: Workspace, number: int = 1) -> ActionItem:
    assert world.bot is not None
    return world.bot.store.action_item(number)


def reminders(world: Workspace, user: str) -> list[str]:
    said = [str(call) for call in world.calls("chat.postMessage")]
    return [each for each in said if f"'channel': '{user}'" in each and "AI-1 of INC-1" in each]


def test_one_line_adds_it_and_the_timeline_keeps_it(world: Workspace, incident: Message) -> None:
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)} P1')
    world.ana.told("AI-1 for INC-1: alarm on the pool")
    found = item(world)
    assert (found.owner, found.priority, f"{found.due}") == (BOB, 1, day(world, 10))
    world.ops.becomes(incident, "action item for")
    world.bob.run("/incident actions")
    listed = world.bob.told("1 open action item")
    assert "alarm on the pool" in listed.text
    world.bob.click(listed, "Done")
    world.bob.told("*AI-1* is done")
    world.ana.run("/incident actions close AI-1")
    world.ana.told(f"*AI-1* was done already, closed by <@{BOB}>")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ('"alarm" <@U0BOB> 2020-01-01', "2020-01-01 is past"),
        ('"alarm" <@U0BOB> 2026-02-30', "There is no 2026-02-30"),
        ('"alarm" <@U0BOB> soonish', "I don't understand the due date “soonish”"),
        ('"alarm" <@U0BOB>', "By when?"),
        ('"alarm" <@U0BOB> friday P9', "The priority is P1, P2, P3 or P4"),
        ('"alarm" <@U0GUS> friday', "That person can't own this"),
        ('"alarm" <@U0BOT> friday', "That person can't own this"),
        ('"alarm" <@U0BOB> friday P0', "The priority is P1, P2, P3 or P4"),
        ('"alarm" <@U0BOB> friday urgent', "I don't understand “urgent”. The priority is P1, P2, P3 or P4"),
        ('"alarm" <@U0BOB> yesterday', "is past"),
        ('"alarm" @nobody friday', "I don't know who @nobody is"),
        ("alarm on the pool @nobody friday", "I don't know who @nobody is"),
        ("alarm on the pool", "There is no owner and no day"),
        ("alarm on the pool me", "There is no day"),
        ("alarm friday", "Put what is to be done in quotes"),
        ('"" <@U0BOB> friday', "Say what is to be done"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_added(world: Workspace, incident: Message, typed: str, told: str) -> None:
    world.ana.run(f"/incident action INC-1 {typed}")
    assert "You typed: \naction INC-1 " in world.ana.told(told).text
    world.ana.run("/incident actions")
    world.ana.told("No action item is open")


def test_with_nothing_open_the_form_offers_what_ended_and_words_come_back(world: Workspace, incident: Message) -> None:
    world.ana.run('/incident action "alarm on the pool" bob friday')
    refusal = world.ana.told("There is no open incident. Name one that is over: /incident action INC-42").text
    assert 'You typed: \naction "alarm on the pool" bob friday' in refusal
    world.ana.run("/incident action")
    form = world.ana.form("Add an action item")
    assert world.ana.submit(form, title="alarm", due="tomorrow")["ok"]
    world.ana.told("AI-1 for INC-1")
    assert (item(world).incident, item(world).owner) == (1, ANA)


def test_the_form_says_below_which_input_something_is_wrong(world: Workspace, incident: Message) -> None:
    world.ana.run("/incident action INC-1")
    form = world.ana.form("Add an action item")
    assert "due" in world.ana.submit(form, title="alarm", due="yesterday")["errors"]
    assert world.ana.submit(form, title="alarm", due="tomorrow", owner=BOB, priority="3")["ok"]
    world.ana.told("AI-1 for INC-1")
    assert (item(world).owner, item(world).priority) == (BOB, 3)


def test_its_day_is_changed_by_a_line_or_in_a_form(world: Workspace, incident: Message) -> None:
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)}')
    world.ana.told("AI-1 for INC-1")
    world.bob.run(f"/incident actions due AI-1 {day(world, 20)}")
    world.bob.told("*AI-1* is due")
    assert f"{item(world).due}" == day(world, 20)
    for typed, told in (
        (f"AI-1 {day(world, -2)}", f"The due date {day(world, -2)} is past"),
        ("AI-1 soonish", "I don't understand the due date “soonish”"),
        ("AI-9 friday", "There is no AI-9"),
        ("AI-1 yesterday", "is past"),
        (f"AI-1 {day(world, 20)}", "*AI-1* is already due on"),
        ("friday", "/incident actions due AI-3 friday"),
    ):
        world.bob.run(f"/incident actions due {typed}")
        world.bob.told(told)
    assert f"{item(world).due}" == day(world, 20)
    world.bob.run("/incident actions due AI-1")
    form = world.bob.form("Change due date")
    assert "is past" in world.bob.submit(form, due=day(world, -2))["errors"]["due"]
    assert world.bob.submit(form, due=day(world, 30))["ok"]
    wait_for(lambda: f"{item(world).due}" == day(world, 30), "another day")


def test_what_was_not_done_after_all_is_reopened(world: Workspace, incident: Message) -> None:
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)}')
    world.ana.told("AI-1 for INC-1")
    world.ana.run("/incident actions reopen AI-1")
    world.ana.told("*AI-1* is open already")
    world.bob.run("/incident actions close AI-1")
    world.bob.told("*AI-1* is done")
    world.ana.run("/incident actions reopen AI-1")
    world.ana.told("*AI-1* is open again, due")
    assert item(world).is_open
    said = world.bob.sees(BOT).expect("AI-1 is open again")
    assert f"says \n<@{ANA}>" in said.text or ANA in str(said.raw)
    world.bob.click(said, "Show INC-1")
    world.bob.told("INC-1 · SEV-3", BOT)


def test_whose_day_was_changed_finds_the_way_from_the_message(world: Workspace, incident: Message) -> None:
    world.bob.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)}')
    world.bob.told("AI-1 for INC-1")
    world.ana.run(f"/incident actions due AI-1 {day(world, 20)}")
    said = world.bob.sees(BOT).expect("📅 ")
    assert said.buttons == ["Show INC-1"]


def test_giving_it_names_it_and_nobody_and_the_same_person_changes_nothing(world: Workspace, incident: Message) -> None:
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)}')
    world.ana.told("AI-1 for INC-1")
    said = world.bob.sees(BOT).expect("AI-1 of INC-1")
    world.bob.click(said, "Give it to…")
    form = world.bob.form("Give it to…")
    assert "alarm on the pool" in form.text
    assert "initial_user" not in str(form.raw)
    assert world.bob.submit(form, owner=BOB)["ok"]
    world.bob.told(f"*AI-1* is <@{BOB}>'s already. Nothing changed.", BOT)
    world.bob.click(said, "Give it to…")
    assert world.bob.submit(world.bob.form("Give it to…"), owner=ANA)["ok"]
    world.bob.told(f"*AI-1* is <@{ANA}>'s now.", BOT)
    world.ops.becomes(incident, "AI-1 (alarm on the pool) given to")


def test_a_message_becomes_one(world: Workspace, incident: Message) -> None:
    world.cy.say("we should have an alarm on the pool", thread_ts=incident.ts)
    said = world.ops.expect("we should have an alarm on the pool", thread_ts=incident.ts)
    world.ana.shortcut("incident.action_item", said)
    form = world.ana.form("Add an action item")
    assert world.ana.submit(form, due="in 2 weeks")["ok"]
    wait_for(lambda: "AI-1" in str(world.calls()), "the answer")
    found = item(world)
    assert found.title == "we should have an alarm on the pool"
    assert found.owner == ANA
    assert found.source


def test_its_owner_hears_three_days_before_on_the_day_and_every_week(world: Workspace, incident: Message) -> None:
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)}')
    world.ana.told("AI-1 for INC-1")
    wait_for(lambda: reminders(world, BOB), "who it is for is told")
    for ahead, times, words in ((7, 2, "is due on"), (3, 3, "is due today"), (7, 4, "was due on"), (7, 5, "was due")):
        world.advance(until(world, ahead, 12))
        wait_for(lambda times=times: len(reminders(world, BOB)) >= times, f"reminder {times}")  # type: ignore[misc]
        world.settled()
        assert len(reminders(world, BOB)) == times
        assert words in reminders(world, BOB)[-1]
    assert "alarm on the pool" in world.ops.expect("⏰ Overdue").text


def test_nobody_is_reminded_of_what_is_done(world: Workspace, ops: Channel, incident: Message) -> None:
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> {day(world, 10)}')
    world.ana.told("AI-1 for INC-1")
    world.bob.run("/incident actions close AI-1")
    world.bob.told("*AI-1* is done")
    world.settled()
    told = len(reminders(world, BOB))
    world.advance(until(world, 30, 12))
    world.settled()
    assert len(reminders(world, BOB)) == told
    assert ops.count("Overdue") == 0
