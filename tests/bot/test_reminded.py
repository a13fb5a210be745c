"""Who is told what, when and how often: items that are given, reminders that are answered, issues that follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.actions import Asked
from bot.errors import ChatError, NotAllowed, Refused, TrackerError
from bot.models import OwedKind, SectionName
from bot.ports import Ticket
from bot.store.sqlite import SqliteStore
from tests.blocks.texts import elements
from tests.bot.test_aftermath import DOWN, Desk
from tests.bot.workshop import ANA, BOB, CY, Said


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A Sunday, noon; INC-1 is over."""
    made = Desk(SqliteStore(tmp_path / "a.db"))
    made.resolved()
    return made


def told(desk: Desk, user: str) -> list[Said]:
    return [said for said in desk.chat.said.values() if said.channel == user]


def buttons(said: Said) -> list[str]:
    return [each["text"]["text"] for each in elements(said.message.blocks, "button")]


def shown(said: Said) -> str:
    return str(said.message.blocks)


# -- who is told of what is theirs


def test_who_is_given_an_item_on_its_creation_is_told_at_once(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm on the pool", BOB.user_id, "2026-12-20"))
    desk.deliver()
    (said,) = told(desk, BOB.user_id)
    assert "<@U0ANA> gave you this. ⏳ *AI-1 of INC-1 is due on 20 Dec*: alarm on the pool" in said.message.text
    assert "https://github.example/issues/12" in shown(said), "the issue was opened first"
    desk.tick(days=20)
    assert len(told(desk, BOB.user_id)) == 1, "three days before comes the next"
    desk.tick(days=6)
    assert "gave you" not in told(desk, BOB.user_id)[-1].message.text


def test_an_issue_that_can_not_be_opened_keeps_no_reminder(desk: Desk) -> None:
    desk.tracker.fail = DOWN
    desk.actions.add(ANA, 1, Asked("alarm on the pool", BOB.user_id, "2026-12-20"))
    desk.deliver()
    (said,) = told(desk, BOB.user_id)
    assert "https://github.example" not in shown(said)


def test_who_gives_it_to_themselves_knows(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm", None, "2026-12-20"))
    desk.deliver()
    assert told(desk, ANA.user_id) == []


def test_what_is_due_today_is_said_at_once_and_then_every_week(desk: Desk) -> None:
    desk.actions.add(BOB, 1, Asked("alarm", None, "today"))
    desk.deliver()
    assert "is due today" in told(desk, BOB.user_id)[0].message.text
    desk.tick(days=6)
    assert len(told(desk, BOB.user_id)) == 1
    desk.tick(days=1)
    assert len(told(desk, BOB.user_id)) == 2


def test_what_is_due_today_and_added_at_night_is_said_at_nine(desk: Desk) -> None:
    desk.clock.move(hours=15)  # three o'clock
    desk.actions.add(BOB, 1, Asked("alarm", None, "today"))
    desk.deliver()
    assert told(desk, BOB.user_id) == []
    desk.tick(hours=6)
    assert "is due today" in told(desk, BOB.user_id)[0].message.text


def test_what_is_due_tomorrow_is_said_tomorrow(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm", None, "tomorrow"))
    desk.tick(hours=20)
    assert told(desk, ANA.user_id) == []
    desk.tick(hours=1)
    assert "is due today" in told(desk, ANA.user_id)[0].message.text


# -- what a reminder says


def test_each_reminder_of_a_post_mortem_says_how_late_it_is_and_what_is_missing(desk: Desk) -> None:
    heard = []
    for hours in (24, 20, 4):
        desk.tick(hours=hours)
        heard.append(told(desk, ANA.user_id)[-1].message.text)
    assert [text.split(" ")[0] for text in heard] == ["📝", "⏳", "⏰"]
    last = shown(told(desk, ANA.user_id)[-1])
    assert "Still to be written: timeline, root cause, contributing factors" in last
    assert "https://slack.example/C0OPS/" in last
    assert "checkout fails" in last or desk.store.incident(1).impact in last


def test_on_a_sunday_tomorrow_is_monday(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "tomorrow"))
    desk.deliver()
    (sunday,) = told(desk, BOB.user_id)
    assert buttons(sunday) == ["Done", "Change due date", "In 1 hour", "Tomorrow", "Give it to…"]
    desk.tick(days=1)
    monday = told(desk, BOB.user_id)[-1]
    assert buttons(monday) == ["Done", "Change due date", "In 1 hour", "Tomorrow", "Monday", "Give it to…"]


# -- what becomes of a reminder


def test_only_the_newest_reminder_has_buttons(desk: Desk) -> None:
    desk.tick(hours=24)
    desk.tick(hours=20)
    first, second = told(desk, ANA.user_id)
    assert buttons(first) == []
    assert "see the newer reminder" in first.message.text
    assert "Open it" in buttons(second)


def test_a_snooze_is_shown_in_its_place_and_says_when_it_is_too_late(desk: Desk) -> None:
    desk.tick(hours=24)
    snoozed = desk.reminders.snooze(ANA, "PM-1", "hour")
    desk.deliver()
    (said,) = told(desk, ANA.user_id)
    assert (snoozed.is_late, buttons(said)) == (False, [])
    assert "I'll remind you again" in said.message.text
    assert desk.reminders.snooze(ANA, "PM-1", "monday").is_late, "due on Tuesday, and that is in a week"


def test_given_away_it_is_shown_and_an_old_button_moves_nobody_elses_timer(desk: Desk) -> None:
    desk.tick(hours=24)
    desk.written.assign(ANA, 1, CY.user_id)
    desk.deliver()
    (said,) = told(desk, ANA.user_id)
    assert (buttons(said), f"<@{CY.user_id}> owns it now" in said.message.text) == ([], True)
    (given,) = told(desk, CY.user_id)
    assert "<@U0ANA> gave you this" in given.message.text
    before = desk.store.timers_due("remind", ["PM-1"])
    with pytest.raises(Refused, match="Cy owns it now"):
        desk.reminders.snooze(ANA, "PM-1", "hour")
    assert desk.store.timers_due("remind", ["PM-1"]) == before


@pytest.mark.parametrize("subject", ["AI-1", "PM-1"])
def test_what_is_done_is_shown_as_done(desk: Desk, subject: str) -> None:
    desk.actions.add(BOB, 1, Asked("alarm", ANA.user_id, "2026-12-20"))
    desk.tick(hours=24)
    if subject == "AI-1":
        desk.actions.close(ANA, 1)
    else:
        desk.files()
    desk.deliver()
    over = [said for said in told(desk, ANA.user_id) if said.message.text.startswith("✓")]
    assert [buttons(said) for said in over] == [[]]


def test_what_is_overdue_is_one_message_that_says_whose_and_where(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm on the pool", BOB.user_id, "tomorrow"))
    desk.written.assign(ANA, 1, CY.user_id)
    desk.tick(days=3)
    text = desk.overdue()[-1]
    assert "|post-mortem of INC-1> (checkout-api), overdue by 24 h: owner <@U0CY>, commander <@U0ANA>" in text
    assert "|AI-1> alarm on the pool · <@U0BOB> · due 23 Nov 2026" in text


def asked(desk: Desk) -> list[Said]:
    return [said for said in desk.chat.said.values() if " an owner" in said.message.text]


def test_what_needs_an_owner_says_what_it_is(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm on the pool", BOB.user_id, "tomorrow"))
    desk.people.gone.add(BOB.user_id)
    desk.deliver()
    desk.tick(seconds=10)
    (said,) = asked(desk)
    assert "|INC-1>: alarm on the pool · whoever had it has left this workspace" in said.message.text


def test_all_that_needs_an_owner_is_one_message_a_day(desk: Desk) -> None:
    for title in ("one", "two"):
        desk.actions.add(ANA, 1, Asked(title, BOB.user_id, "2026-12-20"))
    desk.people.gone |= {ANA.user_id, BOB.user_id}
    desk.deliver()
    desk.tick(seconds=10)
    (said,) = asked(desk)
    assert "3 things need an owner" in said.message.text
    assert buttons(said) == ["Give it to…"] * 3
    desk.actions.close(CY, 2)
    desk.written.assign(CY, 1, CY.user_id)
    desk.tick(hours=24)
    desk.tick(seconds=10)
    (_, again) = asked(desk)
    assert "*AI-1*" in again.message.text
    assert buttons(again) == ["Give it to…"]


# -- another day


def test_another_day_moves_its_reminders_and_its_issue_and_stands_on_the_timeline(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm on the pool", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.actions.move(BOB, 1, "2026-12-20")
    desk.deliver()
    assert desk.tracker.revised == {12: {"Owner": "Bob", "Due": "2026-12-20", "Priority": "P2"}}
    assert f"{desk.store.timers_due('remind', ['AI-1'])['AI-1'].date()}" == "2026-12-17"
    lines = [event for _, event in desk.store.timeline(1, limit=99)]
    assert (lines[-1].text, lines[-1].actor) == (
        "AI-1 is due 2026-12-20, not 2026-12-01: alarm on the pool",
        BOB.user_id,
    )
    (said,) = told(desk, BOB.user_id)
    assert (buttons(said), "due 20 Dec 2026" in said.message.text) == ([], True)
    assert desk.others.of(OwedKind.POST) == [], "whoever says it knows it"


def test_an_owner_is_told_of_a_day_that_somebody_else_chose(desk: Desk) -> None:
    desk.actions.add(BOB, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.actions.move(ANA, 1, "2026-12-20")
    desk.deliver()
    (row,) = desk.others.of(OwedKind.POST)
    assert row.body["channel"] == BOB.user_id
    assert "*AI-1 is due Sun 20 Dec 2026, not 01 Dec 2026*: alarm · says <@U0ANA>" in row.body["text"]


def test_the_same_day_changes_nothing_and_one_that_is_done_has_none(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm", None, "2026-12-01"))
    before = desk.store.action_item(1)
    assert not desk.actions.move(ANA, 1, "2026-12-01").changed
    assert desk.store.action_item(1) == before
    desk.actions.close(ANA, 1)
    with pytest.raises(Refused, match="AI-1 is done already"):
        desk.actions.move(ANA, 1, "2026-12-20")


def test_a_day_is_for_its_owner_and_for_who_may_respond(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "b.db"), permissions={"respond": ["responders"], "command": ["commander"]})
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", CY.user_id, "2026-12-01"))
    with pytest.raises(NotAllowed):
        desk.actions.move(BOB, 1, "2026-12-20")
    assert desk.actions.move(CY, 1, "2026-12-20").changed


def test_a_day_that_changed_while_its_issue_was_opened_is_said_there(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm", None, "2026-12-01"))
    shown = desk.store.action_item(1)
    desk.actions.move(ANA, 1, "2026-12-20")
    change = desk.actions.tracked(shown, Ticket(12, "https://github.example/issues/12"))
    assert change is not None
    assert [row.body.get("what") for row in change.owed if row.kind is OwedKind.TICKET] == ["look", "revise"]


# -- issues


def test_what_was_closed_there_before_it_was_known_here_is_done(desk: Desk) -> None:
    desk.tracker.lose = DOWN
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-20"))
    desk.deliver()
    desk.tracker.closed.add(12)
    desk.tick(minutes=1)
    assert not desk.store.action_item(1).is_open


def test_an_issue_says_who_has_it_now_also_after_trouble(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-20"))
    desk.deliver()
    desk.tracker.fail = DOWN
    desk.actions.give(BOB, 1, CY.user_id)
    desk.deliver()
    assert desk.tracker.revised == {}
    desk.tick(minutes=1)
    assert desk.tracker.revised == {12: {"Owner": "Cy", "Due": "2026-12-20", "Priority": "P2"}}


def test_given_away_before_its_issue_is_there_that_is_opened_with_the_new_owner(desk: Desk) -> None:
    desk.tracker.fail = DOWN
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-20"))
    desk.deliver()
    desk.actions.give(BOB, 1, CY.user_id)
    desk.tick(minutes=1)
    ((_, body, _),) = desk.tracker.issues.values()
    assert "- Owner: Cy" in body


def test_one_look_sees_all_issues_that_were_closed(desk: Desk) -> None:
    for title in ("one", "two", "three"):
        desk.actions.add(ANA, 1, Asked(title, None, "2026-12-20"))
    desk.deliver()
    desk.tracker.closed |= {12, 14, 99}
    before = desk.tracker.calls
    desk.tick(minutes=4)
    assert desk.tracker.calls == before + 1
    assert [desk.store.action_item(number).is_open for number in (1, 2, 3)] == [False, True, False]


def test_a_look_that_fails_is_followed_by_another_that_goes_as_far_back(desk: Desk) -> None:
    desk.actions.add(ANA, 1, Asked("one", None, "2026-12-20"))
    desk.deliver()
    for fault in (DOWN, TrackerError("http_404"), None, None):
        desk.tracker.fail = fault
        desk.tick(minutes=4)
    first, second, third, fourth = desk.tracker.looks
    assert first == second == third
    assert fourth > third


def test_a_file_that_is_late_is_said_until_it_is_there(desk: Desk) -> None:
    desk.writes(SectionName.TIMELINE, SectionName.ROOT_CAUSE, SectionName.FACTORS)
    desk.deliver()
    desk.chat.fail = ChatError("missing_scope", detail="files:write")
    desk.written.file(ANA, 1)
    desk.deliver()
    (card,) = [ts for ts, said in desk.chat.said.items() if "Post-mortem of INC-1" in said.message.text]
    assert "⚠ the file is not there yet: " in shown(desk.chat.said[card])
    desk.tick(minutes=6)
    assert "⚠" not in shown(desk.chat.said[card])


@pytest.mark.parametrize("what", ["pull request", "issue of AI-1"])
def test_the_card_says_what_is_not_there_and_why_until_it_is(desk: Desk, what: str) -> None:
    refused = TrackerError("forbidden", detail="the token may not write")
    if what == "pull request":
        desk.writes(SectionName.TIMELINE, SectionName.ROOT_CAUSE, SectionName.FACTORS)
        desk.deliver()
        desk.tracker.fail = refused
        desk.written.file(ANA, 1)
    else:
        desk.tracker.fail = refused
        desk.actions.add(ANA, 1, Asked("alarm", None, "2026-12-20"))
    desk.deliver()

    def card() -> str:
        (said,) = [each for each in desk.chat.said.values() if "Post-mortem of INC-1" in each.message.text]
        return shown(said)

    assert f"⚠ the {what} is not there yet: " in card()
    assert "the token may not write" in card()
    assert [one.kind for one in desk.store.troubles("PM-1" if what == "pull request" else "AI-1")] == [
        OwedKind.PULL_REQUEST if what == "pull request" else OwedKind.TICKET
    ]
    desk.tick(minutes=6)
    assert "⚠" not in card()
