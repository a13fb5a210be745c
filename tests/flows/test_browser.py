"""An incident worked in the page, by two people in two windows, in headless Chromium.

Where there is no Chromium the test is skipped with that reason; with REQUIRE_BROWSER set it fails instead. With
SCREENSHOTS=<folder> it leaves pictures there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.workspace import ANA, BOB, BOT, Workspace

pytestmark = pytest.mark.browser

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine: install the package chromium to run the browser tests")
    assert found, "REQUIRE_BROWSER is set and there is no Chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield running
        running.close()


class Window:
    """The page as one person has it open."""

    def __init__(self, browser: Browser, world: Workspace, person: str) -> None:
        context = browser.new_context(viewport={"width": 1360, "height": 1000})
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{world.server.url}/?as={person}")
        self.enter("ops-incidents")

    def enter(self, channel: str) -> None:
        self.page.get_by_test_id(f"channel-{channel}").click()

    def type(self, text: str) -> None:
        composer = self.page.get_by_test_id("composer").first
        composer.fill(text)
        composer.press("Enter")

    def message(self, text: str) -> Locator:
        return self.page.get_by_test_id("message").filter(has_text=text).last

    def whisper(self, text: str) -> Locator:
        return self.page.get_by_test_id("ephemeral").filter(has_text=text).last

    def press(self, message: str, button: str) -> None:
        self.message(message).get_by_role("button", name=button, exact=True).click()

    @property
    def modal(self) -> Locator:
        return self.page.get_by_test_id("modal")

    def fill(self, block_id: str, text: str) -> None:
        self.modal.locator(f"[data-block-id='{block_id}']").first.fill(text)

    def pick(self, block_id: str, option: str) -> None:
        self.modal.locator(f"[data-block-id='{block_id}']").first.click()
        self.page.get_by_role("option").filter(has_text=option).first.click()

    def submit(self) -> None:
        self.page.get_by_test_id("modal-submit").click()

    def picture(self, name: str) -> None:
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            self.page.wait_for_timeout(400)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_two_people_work_incidents_from_declare_to_reopen(browser: Browser, world: Workspace) -> None:
    ana, bob = Window(browser, world, ANA), Window(browser, world, BOB)

    ana.type("/incident declare")
    expect(ana.modal).to_contain_text("Declare an incident")
    ana.fill("service", "checkout-api")
    ana.fill("impact", "payments fail for all EU customers")
    ana.picture("1-declare-form")
    ana.submit()
    expect(ana.modal).to_contain_text("Severity")
    ana.pick("severity", "SEV-1")
    ana.submit()
    expect(ana.message("INCIDENT DECLARED — SEV-1")).to_contain_text("Being updated")
    card = "INC-1 · SEV-1 · checkout-api"
    expect(ana.message(card)).to_contain_text("declared, not acknowledged yet")

    bob.press(card, "Acknowledge")
    expect(ana.message(card)).to_contain_text("acknowledged")
    expect(bob.whisper("You acknowledged")).to_be_visible()

    bob.press(card, "Update")
    bob.fill("update", "web:57 went out 3 minutes before the first error")
    bob.pick("status", "investigating")
    bob.picture("2-update-form")
    bob.submit()
    expect(ana.message(card)).to_contain_text("web:57 went out")
    ana.picture("3-card")

    ana.type("/incident declare sev3 search results are slow")
    expect(bob.message("INC-2 · SEV-3 · search")).to_be_visible()
    bob.press("INC-2 · SEV-3 · search", "Change severity")
    bob.pick("severity", "SEV-2")
    bob.fill("reason", "half of the searches time out")
    bob.submit()
    expect(ana.message("INC-2 · SEV-2 · search")).to_be_visible()

    bob.press(card, "Timeline")
    expect(bob.modal).to_contain_text("acknowledged by")
    bob.picture("4-timeline")
    bob.page.get_by_test_id("modal-close").first.click()

    ana.type("/incident merge INC-2 into INC-1")
    expect(ana.message("INC-2 · SEV-2 · search")).to_contain_text("merged into INC-1")
    ana.type("/incident update both have the same cause")
    expect(bob.message(card)).to_contain_text("both have the same cause")

    ana.press(card, "Resolve")
    ana.picture("5-confirm")
    ana.page.get_by_role("dialog").get_by_role("button", name="Resolve", exact=True).click()
    expect(bob.message("INCIDENT RESOLVED — SEV-1")).to_contain_text("Post-mortem due:")
    expect(bob.message(card)).to_contain_text(re.compile(r"resolved after \d+ s"))
    bob.picture("6-resolved")

    bob.press(card, "Reopen")
    bob.page.get_by_role("dialog").get_by_role("button", name="Reopen", exact=True).click()
    expect(ana.message(card)).to_contain_text("investigating")

    ana.type("/incident ressolve")
    expect(ana.whisper("Did you mean /incident resolve?")).to_be_visible()
    ana.type("/incident list")
    expect(ana.whisper("1 open incident")).to_be_visible()
    ana.picture("7-answers")
    ana.enter("inc-1-checkout-api")
    expect(ana.message(card)).to_contain_text("investigating")
    ana.picture("8-channel")
    assert ana.errors == []
    assert bob.errors == []


def test_a_wrong_form_shows_the_bots_words_under_the_field(browser: Browser, world: Workspace) -> None:
    bob = Window(browser, world, BOB)
    bob.type("/incident declare")
    bob.fill("service", " \u202e ")
    bob.fill("impact", "slow")
    bob.pick("severity", "SEV-4")
    bob.submit()
    expect(bob.page.locator("[data-error-for='service']")).to_contain_text("service is empty")
    bob.picture("9-field-error")
    bob.fill("service", "search")
    bob.submit()
    expect(bob.message("INC-1 · SEV-4 · search")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 1000])
def test_a_long_conversation_with_the_bot_leaves_room_to_answer(browser: Browser, world: Workspace, width: int) -> None:
    direct = world.post("/sandbox/dm", **{"as": ANA}, user=BOT)["channel"]
    for number in range(30):
        world.post("/sandbox/send", **{"as": ANA}, channel=direct, text=f"line {number}")
    ana = Window(browser, world, ANA)
    ana.page.set_viewport_size({"width": width, "height": 700})
    ana.page.get_by_test_id("app-home").click()
    ana.page.get_by_test_id("tab-messages").click()
    expect(ana.message("line 29")).to_be_in_viewport(ratio=1)
    expect(ana.page.get_by_test_id("composer")).to_be_in_viewport(ratio=1)
