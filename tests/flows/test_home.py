"""App Home: what waits for whom, buttons that answer there, and pages that follow what happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.app import Bot
from bot.config import Config, OnCall
from bot.models import Change, PostMortemStatus, Remediation, RemediationStatus, Severity, Status
from tests.bot.fixing import remediation
from tests.bot.make import action_item, alert, incident, post_mortem, silence
from tests.workspace import ANA, BOB, GUS, STRANGER, Workspace, wait_for

Json = dict[str, Any]
CONFIG = Config(on_call=OnCall(primary=BOB))


class Home:
    """Somebody's App Home."""

    def __init__(self, world: Workspace, person: str) -> None:
        self._world = world
        self._person = person
        assert world.post("/sandbox/home", **{"as": person})["ok"]

    @property
    def view(self) -> Json:
        return dict(self._world.get(f"/sandbox/home?as={self._person}").get("view") or {})

    @property
    def text(self) -> str:
        return json.dumps(self.view.get("blocks"), ensure_ascii=False)

    def says(self, text: str) -> str:
        try:
            return wait_for(lambda: said if text in (said := self.text) else None, f"“{text}” in App Home")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says:\n{self.text}") from None

    def says_no_more(self, text: str) -> None:
        wait_for(lambda: text not in self.text, f"an App Home without “{text}”, not {self.text}")

    def press(self, label: str, value: str) -> None:
        """The button with this label and value."""
        wait_for(
            lambda: any(
                self._acts(each)
                for each in self._elements()
                if each.get("value") == value and each["text"]["text"] == label
            ),
            f"a button “{label}” for {value}",
        )

    def choose(self, value: str) -> None:
        """An option of a select."""
        wait_for(
            lambda: any(
                self._acts({**each, "selected_option": option})
                for each in self._elements()
                for option in each.get("options", [])
                if option["value"] == value
            ),
            f"an option {value}",
        )

    def _elements(self) -> Iterator[Json]:
        for block in self.view.get("blocks", []):
            for element in [*block.get("elements", []), *([block["accessory"]] if "accessory" in block else [])]:
                if "action_id" in element:
                    yield {**element, "block_id": block["block_id"]}

    def _acts(self, action: Json) -> bool:
        """False: the page was published anew meanwhile, without this element."""
        container = {"type": "view", "view_id": self.view["id"]}
        answer = self._world.post("/sandbox/action", **{"as": self._person}, container=container, action=action)
        assert answer.get("ok") or answer["error"] == "invalid_action", answer
        return bool(answer["ok"])


@pytest.fixture
def world(empty_world: Workspace) -> Workspace:
    empty_world.start_bot(CONFIG)
    for user in (ANA, BOB):
        empty_world.control("person", id=user, tz="Etc/UTC")
    return empty_world


def bot_of(world: Workspace) -> Bot:
    assert world.bot is not None
    return world.bot


def keep(world: Workspace, **values: Any) -> None:
    bot_of(world).store.save(Change(**values), world.clock())


def plan(world: Workspace, **values: Any) -> Remediation:
    """One that Bob asks for and that somebody else has to approve."""
    now = world.clock()
    times = {"requested_at": now, "expires_at": now + timedelta(minutes=10)}
    return remediation(**{"requested_by": BOB, "needs": 1, **times, **values})


def was_written_to(world: Workspace, person: str) -> bool:
    """Did the bot send them a message instead of answering at home?"""
    methods = ("chat.postMessage", "chat.postEphemeral")
    return any(f"'channel': '{person}'" in str(call) for method in methods for call in world.calls(method))


# -- whose page, and when


def test_home_shows_what_is_mine_and_follows_it(world: Workspace) -> None:
    ana = Home(world, ANA)
    assert "Nothing. Enjoy the quiet." in ana.says("Your open incidents")
    world.ana.run('/incident declare sev3 checkout-api "payments are slow"')
    ana.says("INC-1")
    assert not world.get(f"/sandbox/home?as={BOB}").get("view"), "he never opened his"
    assert "payments are slow" not in Home(world, BOB).says("On call now"), "he has nothing to do with it"


@pytest.mark.parametrize(
    ("person", "why"), [(GUS, "Guests can't work on incidents here."), (STRANGER, "Only members of this workspace")]
)
def test_guests_and_strangers_are_told_why_they_see_nothing(world: Workspace, person: str, why: str) -> None:
    world.ana.run('/incident declare sev3 checkout-api "payments are slow"')
    assert "checkout-api" not in Home(world, person).says(why)


def test_where_the_workspace_takes_no_charts_the_page_goes_without(world: Workspace) -> None:
    keep(world, incidents=(incident(declared_at=world.clock() - timedelta(hours=1)),))
    world.fault("views.publish", "error", error="invalid_blocks", times=1)
    assert "data_visualization" not in Home(world, ANA).says("The last 7 days")
    world.restart_bot(CONFIG)
    Home(world, ANA).says("data_visualization")


# -- buttons


def test_an_incident_is_worked_on_from_there(world: Workspace) -> None:
    world.ana.run('/incident declare sev3 checkout-api "payments are slow"')
    ana = Home(world, ANA)
    ana.says("payments are slow")
    ana.press("Acknowledge", "1")
    ana.says("You acknowledged *INC-1*")
    ana.press("Give an update", "1")
    assert world.ana.submit(world.ana.form("Update"), update="it was the cache")["ok"]
    ana.says("INC-1*")
    ana.press("Timeline", "1")
    assert "it was the cache" in world.ana.form("Timeline").text
    ana.press("Resolve", "1")
    ana.says("You resolved *INC-1*")
    ana.says("None.")
    ana.press("Say what fixed it", "1")
    assert world.ana.submit(world.ana.form("Resolution of INC-1"), resolution="a restart")["ok"]
    ana.says("Kept with *INC-1*")
    assert not was_written_to(world, ANA)


def test_an_incident_is_declared_from_there(world: Workspace) -> None:
    ana = Home(world, ANA)
    ana.says("Declare an incident")
    ana.press("Declare an incident", "")
    form = world.ana.form("Declare an incident")
    assert world.ana.submit(form, service="checkout-api", impact="slow", severity="3")["ok"]
    ana.says("INC-1")
    assert not was_written_to(world, ANA)


def test_an_update_that_is_due_is_given_from_there(world: Workspace) -> None:
    now = world.clock()
    worked: Json = {
        "severity": Severity.SEV1,
        "status": Status.INVESTIGATING,
        "acknowledged_at": now - timedelta(minutes=25),
    }
    keep(world, incidents=(incident(declared_at=now - timedelta(minutes=25), **worked),))
    ana = Home(world, ANA)
    ana.says("An update is due")
    ana.press("Give an update", "1")
    assert world.ana.submit(world.ana.form("Update"), update="rolled back")["ok"]
    ana.says_no_more("An update is due")


def test_an_alert_is_taken_by_who_is_on_call(world: Workspace) -> None:
    keep(world, alerts=(alert(service="checkout-api", pages=True, fired_at=world.clock()),))
    bob = Home(world, BOB)
    bob.says("AL-1")
    bob.press("Acknowledge", "1")
    bob.says("You acknowledged *AL-1*")
    bob.says_no_more("AL-1 ·")
    assert not was_written_to(world, BOB)


def test_a_plan_is_approved_or_rejected_from_there(world: Workspace) -> None:
    keep(world, remediations=(plan(world, number=1, needs=2), plan(world, number=2)))
    ana = Home(world, ANA)
    ana.says("FIX-2")
    assert "FIX-1" not in Home(world, BOB).says("On call now"), "he asked for it"
    ana.press("Approve", "1")
    ana.says("You approved *FIX-1*; it still needs another approval")
    ana.says_no_more("FIX-1 ")
    ana.press("Reject", "2")
    ana.says("You rejected *FIX-2*")
    assert bot_of(world).store.remediation(2).status is RemediationStatus.REJECTED
    assert not was_written_to(world, ANA)


def test_what_does_not_work_is_said_over_the_page(world: Workspace) -> None:
    keep(world, remediations=(plan(world),))
    ana = Home(world, ANA)
    ana.says("FIX-12")
    world.advance(601)
    ana.press("Approve", "12")
    assert "The plan of FIX-12 expired" in world.ana.form("That did not work").text
    ana.says_no_more("FIX-12")
    assert not was_written_to(world, ANA)


def test_a_post_mortem_is_written_and_filed_from_there(world: Workspace) -> None:
    over = incident(status=Status.RESOLVED, resolved_at=world.clock(), severity=Severity.SEV1)
    keep(world, incidents=(over,), post_mortems=(post_mortem(due_at=world.clock() + timedelta(hours=48)),))
    ana = Home(world, ANA)
    ana.says("Post-mortem of INC-1")
    ana.says("Still to be written: timeline, root cause, contributing factors")
    ana.press("Open it", "1")
    ana.says("Still to be written ")
    for title in ("Timeline", "Root cause", "Contributing factors"):
        ana.choose(f"1:{title.lower().replace(' ', '_')}")
        assert world.ana.submit(world.ana.form(title), text="A deployment without a currency.")["ok"]
        ana.says(f"{title} of the post-mortem of *INC-1* saved")
    ana.press("File it", "1")
    ana.says("is filed")
    ana.says_no_more("Post-mortem of INC-1")
    assert bot_of(world).store.post_mortem(1).status is PostMortemStatus.FILED
    assert not was_written_to(world, ANA)


def test_a_post_mortem_is_filed_elsewhere_put_off_or_given_away(world: Workspace) -> None:
    over = tuple(incident(number, status=Status.RESOLVED, resolved_at=world.clock()) for number in (1, 2))
    due = world.clock() + timedelta(hours=48)
    keep(world, incidents=over, post_mortems=tuple(post_mortem(number, due_at=due) for number in (1, 2)))
    ana, bob = Home(world, ANA), Home(world, BOB)
    ana.says("Post-mortem of INC-2")
    ana.choose("monday PM-1")
    ana.says("I'll remind you again")
    ana.says("you are reminded")
    ana.press("Filed elsewhere", "1")
    assert world.ana.submit(world.ana.form("Filed elsewhere"), link="https://wiki.example.com/1")["ok"]
    ana.says_no_more("Post-mortem of INC-1")
    ana.press("Give it to…", "PM-2")
    assert world.ana.submit(world.ana.form("Give it to…"), owner=BOB)["ok"]
    bob.says("Post-mortem of INC-2")
    ana.says_no_more("Post-mortem of INC-2")


def test_an_action_item_is_done_put_off_or_given_away(world: Workspace) -> None:
    mine = tuple(action_item(number, owner=ANA, title=f"alarm {number}") for number in (1, 2))
    keep(world, incidents=(incident(status=Status.RESOLVED, resolved_at=world.clock()),), action_items=mine)
    ana, bob = Home(world, ANA), Home(world, BOB)
    ana.says("alarm 2")
    ana.choose("tomorrow AI-1")
    ana.says("you are reminded")
    ana.press("Done", "1")
    ana.says("*AI-1* is done")
    ana.press("Give it to…", "AI-2")
    assert world.ana.submit(world.ana.form("Give it to…"), owner=BOB)["ok"]
    bob.says("alarm 2")
    ana.says_no_more("alarm 2")
    assert not was_written_to(world, ANA)


def test_a_silence_is_ended_from_there(world: Workspace) -> None:
    keep(world, silences=(silence("abc", starts_at=world.clock(), ends_at=world.clock() + timedelta(hours=1)),))
    ana = Home(world, ANA)
    ana.says("Silenced now")
    ana.press("End it", "abc")
    ana.says_no_more("Silenced now")


def test_a_guest_who_kept_a_button_is_refused_over_their_page(world: Workspace) -> None:
    """Made a guest after the page was shown."""
    ana = Home(world, ANA)
    ana.says("Declare an incident")
    world.control("person", id=ANA, is_guest=True)
    world.restart_bot(CONFIG)
    ana.press("Declare an incident", "")
    assert "Guests can't" in world.ana.form("That did not work").text


def test_what_fails_outside_is_named(empty_world: Workspace) -> None:
    world = empty_world
    world.start_bot(CONFIG, PAGERDUTY_ROUTING_KEY="key", PAGERDUTY_EVENTS_URL="http://127.0.0.1:9")
    ana = Home(world, ANA)
    assert "– GitHub off" in ana.says("✓ PagerDuty on")
    world.ana.run("/incident declare sev1 checkout-api payments fail")
    wait_for(bot_of(world).store.failing, "a page that fails")
    world.advance(31)
    ana.says("⚠ PagerDuty failing")
