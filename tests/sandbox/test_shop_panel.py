"""The panel "Break something" in a real browser."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from sandbox.aws.server import AwsServer
from sandbox.shop.shop import Shop
from sandbox.slack.thread import SandboxServer

pytestmark = pytest.mark.browser
PAGERDUTY, GITHUB = "http://127.0.0.1:9/", "http://127.0.0.1:9/hub"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Fails on whatever the page complains about."""
    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if found is None and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine: install the package chromium to run the browser tests")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert errors == []


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with AwsServer() as aws, Shop(aws) as shop:
        shop.provision()
        yield shop


@pytest.fixture(scope="module")
def workspace() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


def visit(page: Page, workspace: SandboxServer, world: Any) -> None:
    """The page of a workspace that knows of this world."""

    def told(route: Route) -> None:
        answer = route.fetch()
        state = {k: v for k, v in answer.json().items() if k != "world"} | ({"world": world} if world else {})
        route.fulfill(response=answer, json=state)

    page.unroute_all()
    page.route("**/sandbox/state*", told)
    page.goto(workspace.url)
    expect(page.get_by_test_id("bot-state")).to_be_attached()


def test_without_a_world_there_is_nothing_to_break(page: Page, workspace: SandboxServer) -> None:
    visit(page, workspace, None)
    expect(page.get_by_test_id("break-panel-toggle")).to_have_count(0)
    expect(page.get_by_test_id("break-panel")).to_be_hidden()


def test_breaking_and_healing_by_hand(page: Page, workspace: SandboxServer, shop: Shop) -> None:
    shop.aws.sns.publish(TopicArn=shop.made.severity_topics[1], Subject="SEV-1: <b>checkout</b>", Message="<i>Look</i>")
    visit(page, workspace, {"aws": shop.server.url, "pagerduty": PAGERDUTY, "github": GITHUB})
    page.get_by_test_id("break-panel-toggle").click()
    expect(page.get_by_test_id("pagerduty-link")).to_have_attribute("href", PAGERDUTY)
    expect(page.get_by_test_id("github-link")).to_have_attribute("href", GITHUB)
    page.get_by_test_id("break-cpu-spike").click()
    expect(page.get_by_test_id("heal-cpu-spike")).to_be_enabled()
    shop.run(2)
    alarm = page.get_by_test_id("alarm-prod-checkout-api-cpu-medium")
    expect(alarm).to_have_attribute("data-state", "ALARM")
    expect(alarm).to_contain_text("(> 85)")
    expect(page.get_by_test_id("queue-depth")).to_contain_text("1")
    expect(page.get_by_test_id("mail")).to_contain_text("SEV-1: <b>checkout</b>")
    page.get_by_test_id("heal-cpu-spike").click()
    expect(page.get_by_test_id("scenario-cpu-spike")).to_have_attribute("data-state", "healing")
    shop.run(3)
    expect(page.get_by_test_id("scenario-cpu-spike")).to_have_attribute("data-state", "fine")
    expect(alarm).to_have_attribute("data-state", "OK")
    page.get_by_test_id("break-cpu-spike").press("Escape")
    expect(page.get_by_test_id("break-panel")).to_be_hidden()


def test_what_runs_is_seen_to_change(page: Page, workspace: SandboxServer, shop: Shop) -> None:
    visit(page, workspace, {"aws": shop.server.url})
    if page.get_by_test_id("break-panel").is_hidden():
        page.get_by_test_id("break-panel-toggle").click()
    service = page.get_by_test_id("ecs-checkout-api")
    expect(service).to_contain_text("revision 2")
    expect(service).to_contain_text("4/ 4")
    page.get_by_test_id("break-bad-deploy").click()
    expect(service).to_contain_text("deploying")
    shop.run(2)
    expect(service).to_have_attribute("data-revision", "checkout-api:3")
    expect(page.get_by_test_id("scenario-bad-deploy")).to_contain_text("Fix: Roll back")
    page.get_by_test_id("heal-bad-deploy").click()
    shop.run(3)
    expect(service).to_have_attribute("data-revision", "checkout-api:2")
    shop.break_it("zero-tasks")
    shop.run(2)
    expect(page.get_by_test_id("ecs-payments-worker")).to_have_attribute("data-state", "ALARM")
    shop.heal("zero-tasks")
    shop.run(2)
    page.get_by_test_id("break-panel-close").click()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (900, 700), (390, 844)])
def test_it_fits(page: Page, workspace: SandboxServer, shop: Shop, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    visit(page, workspace, {"aws": shop.server.url})
    if width < 700:
        page.locator(".menu-button").first.click()
    if page.get_by_test_id("break-panel").is_hidden():
        page.get_by_test_id("break-panel-toggle").click()
    expect(page.get_by_test_id("break-storm")).to_be_visible()
    for name in ("pagerduty", "github"):
        expect(page.get_by_test_id(f"{name}-link")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "document.querySelector('.world-body').scrollWidth <= document.querySelector('.world').clientWidth"
    )
    page.get_by_test_id("break-panel-close").click()
    expect(page.locator(".composer-text").first).to_be_visible()
