"""Reminders as their owners see them: in a direct message whose buttons go when they have done their work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.workspace import ANA, BOB, Message, Workspace, wait_for

BOT = "AIOps Bot"  # what a direct message with it is called


@pytest.fixture
def reminder(world: Workspace) -> Message:
    """Of the post-mortem of INC-1, which is Ana's, a day before it is due."""
    for user in (ANA, BOB):
        world.control("person", id=user, tz="Etc/UTC")
    noon = world.clock().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.advance((noon - world.clock()).total_seconds())
    world.ana.run("/incident declare sev1 checkout-api payments fail")
    card = world.ops.expect("INC-1 · SEV-1")
    world.ana.run("/incident resolve INC-1 rolled back")
    world.ops.becomes(card, "resolved after")
    world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=card.ts)
    world.settled()
    world.advance(24 * 3600 + 60)
    wait_for(lambda: "Yours:" in str(world.calls("chat.postMessage")), "a reminder")
    return world.ana.sees(BOT).expect("The post-mortem of INC-1")


def test_what_it_is_about_stands_in_it(world: Workspace, reminder: Message) -> None:
    assert "Impact of the incident: \npayments fail" in reminder.text
    assert "Still to be written: root cause, contributing factors" in reminder.text
    assert "its card" in reminder.text


def test_put_off_it_says_so_and_has_no_buttons(world: Workspace, reminder: Message) -> None:
    world.ana.click(reminder, "In 1 hour")
    assert world.ana.sees(BOT).becomes(reminder, "💤").buttons == []


def test_another_day_is_chosen_in_the_reminder_and_stands_in_it(world: Workspace, reminder: Message) -> None:
    later = (world.clock() + timedelta(days=20)).date()
    world.bob.run(f'/incident action INC-1 "alarm on the pool" <@{ANA}> tomorrow')
    said = world.ana.sees(BOT).expect("AI-1 of INC-1")
    world.ana.click(said, "Change due date")
    assert world.ana.submit(world.ana.form("Change due date"), due=f"{later}")["ok"]
    assert f"due {later:%d %b %Y}" in world.ana.sees(BOT).becomes(said, "💤").text


@pytest.mark.parametrize("button", ["In 1 hour", "Tomorrow", "Filed elsewhere"])
def test_an_old_button_does_nothing_to_what_is_somebody_elses_by_now(
    world: Workspace, reminder: Message, button: str
) -> None:
    world.ana.run(f"/incident postmortem assign INC-1 <@{BOB}>")
    assert world.ana.sees(BOT).becomes(reminder, "owns it now").buttons == []
    assert world.bot is not None
    before = world.bot.store.timers_due("remind", ["PM-1"])
    world.ana.click(reminder, button)
    world.ana.told("Bob Okafor owns it now", BOT)
    assert not world.ana.has_form()
    assert world.bot.store.timers_due("remind", ["PM-1"]) == before
