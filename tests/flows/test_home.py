"""App Home: what waits for whom, buttons that work there, and pages that follow what happens."""

from __future__ import annotations

import json
from typing import Any

from bot.config import Config, OnCall
from bot.home import MOST
from tests.workspace import Workspace, wait_for

Json = dict[str, Any]


def opened(world: Workspace, person: str) -> None:
    assert world.post("/sandbox/home", **{"as": person})["ok"]


def home(world: Workspace, person: str) -> str:
    """What the page says, as far as it is there."""
    return json.dumps(world.get(f"/sandbox/home?as={person}").get("view"), ensure_ascii=False)


def seen(world: Workspace, person: str, text: str) -> str:
    def look() -> str | None:
        said = home(world, person)
        return said if text in said else None

    return wait_for(look, f"“{text}” in App Home")


def test_home_shows_what_is_mine_and_follows_it(empty_world: Workspace) -> None:
    world = empty_world
    world.start_bot(Config(on_call=OnCall(primary="U0BOB")))
    opened(world, "U0ANA")
    assert "Nothing. Enjoy the quiet." in seen(world, "U0ANA", "Your open incidents")
    world.ana.run('/incident declare sev3 checkout-api "payments are slow"')
    seen(world, "U0ANA", "INC-1")
    assert "INC-1" not in home(world, "U0BOB"), "he never opened his"
    opened(world, "U0BOB")
    assert "INC-1" not in seen(world, "U0BOB", "On call now"), "he has nothing to do with it"


def test_a_guest_gets_no_page(empty_world: Workspace) -> None:
    empty_world.start_bot()
    opened(empty_world, "U0GUS")
    empty_world.ana.run('/incident declare sev3 checkout-api "payments are slow"')
    empty_world.settled()
    assert home(empty_world, "U0GUS") == "null"


def test_a_page_is_published_again_only_when_it_changed(empty_world: Workspace) -> None:
    world = empty_world
    world.start_bot()
    opened(world, "U0ANA")
    seen(world, "U0ANA", "Your open incidents")
    published = len(world.calls("views.publish"))
    assert world.bot is not None
    for _ in range(3):
        world.bot.homes.changed()
        world.bot.homes.refresh()
    assert len(world.calls("views.publish")) == published


def test_only_so_many_pages_are_kept_up_to_date() -> None:
    assert MOST * 12 < 1_000, "even if everything changed each five seconds"


def test_the_buttons_work_there(empty_world: Workspace) -> None:
    world = empty_world
    world.start_bot()
    opened(world, "U0ANA")
    seen(world, "U0ANA", "Declare an incident")
    view = world.get("/sandbox/home?as=U0ANA")["view"]
    container = {"type": "view", "view_id": view["id"]}
    action = next(
        {**element, "block_id": block["block_id"]}
        for block in view["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == "incident.declare"
    )
    answer = world.post("/sandbox/action", **{"as": "U0ANA"}, container=container, action=action)
    assert answer["ok"]
    world.ana.form("Declare an incident")
