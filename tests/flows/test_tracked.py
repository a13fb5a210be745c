"""With GitHub: a post-mortem becomes a pull request, an action item an issue; closed there is done here."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.github.thread import GitHubServer
from tests.workspace import ANA, BOB, Message, Workspace, wait_for

Json = dict[str, Any]


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with GitHubServer() as server:
        yield server


@pytest.fixture
def incident(empty_world: Workspace, github: GitHubServer) -> Message:
    """INC-1, SEV-1, resolved, of a bot that has a repository."""
    world = empty_world
    world.start_bot(
        GITHUB_TOKEN="github_pat_of_the_bot", GITHUB_REPOSITORY=github.repository, GITHUB_API_URL=github.url
    )
    for user in (ANA, BOB):
        world.control("person", id=user, tz="Etc/UTC")
    world.ana.run("/incident declare sev1 checkout-api payments fail")
    card = world.ops.expect("INC-1 · SEV-1")
    world.ana.run("/incident resolve INC-1 rolled back")
    world.ops.becomes(card, "resolved after")
    return card


def seen(github: GitHubServer) -> Json:
    return dict(github.show("repository"))


def test_a_filed_post_mortem_is_a_pull_request(empty_world: Workspace, github: GitHubServer, incident: Message) -> None:
    world = empty_world
    card = world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    for section, title in (("root_cause", "Root cause"), ("contributing_factors", "Contributing factors")):
        world.ana.choose(card, f"1:{section}")
        assert world.ana.submit(world.ana.form(title), text="A deployment without a currency.")["ok"]
    wait_for(lambda: "Still to be written" not in world.ops.now(card, thread_ts=incident.ts).text, "all is written")
    world.ana.click(card, "File it")
    world.ops.becomes(card, "· filed", thread_ts=incident.ts)
    world.ops.becomes(card, "pull request\n", thread_ts=incident.ts)
    (pull,) = seen(github)["pulls"]
    (file,) = pull["files"]
    assert file["path"].startswith("docs/post-mortems/20")
    assert file["path"].endswith("-INC-1-checkout-api.md")
    assert "A deployment without a currency." in file["text"]
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> in 2 weeks')
    world.ana.told("Its issue is being opened")
    wait_for(
        lambda: "/issues/2" in seen(github)["pulls"][0]["files"][0]["text"], "the item with its issue, in the file"
    )
    assert len(seen(github)["pulls"]) == 1
    github.control("close", number=pull["number"])
    world.calm()
    world.advance(4 * 60)
    world.ops.becomes(card, "The pull request was closed without merging.", thread_ts=incident.ts)


def test_while_github_is_down_the_card_says_so_in_words(
    empty_world: Workspace, github: GitHubServer, incident: Message
) -> None:
    world = empty_world
    card = world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    github.control("fault", path=f"/repos/{github.repository}", kind="error", status=503, times=99)
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> in 2 weeks')
    world.ana.told("Its issue is being opened")
    shown = world.ops.becomes(card, "GitHub does not answer (503)", thread_ts=incident.ts)
    assert "is tried again" in shown.text
    assert "http_" not in shown.text


def test_an_action_item_is_an_issue_and_is_done_when_that_is_closed(
    empty_world: Workspace, github: GitHubServer, incident: Message
) -> None:
    world = empty_world
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> in 2 weeks')
    world.ana.told("Its issue is being opened")
    card = world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    wait_for(lambda: seen(github)["issues"], "an issue")
    assert world.bot is not None
    store = world.bot.store
    number = wait_for(lambda: store.action_item(1).ticket, "its number here")
    (issue,) = seen(github)["issues"]
    assert issue["title"] == "AI-1: alarm on the pool"
    _set(github, number, "closed")
    world.calm()  # what changes an item during a look has the next one look again
    world.advance(4 * 60)
    wait_for(lambda: not store.action_item(1).is_open, "it is done here too")
    world.ops.becomes(card, "✓", thread_ts=incident.ts)
    _set(github, number, "open")
    world.calm()
    world.advance(4 * 60)
    wait_for(lambda: store.action_item(1).is_open, "it is open again here too")
    world.ops.becomes(card, "○", thread_ts=incident.ts)
    world.bob.sees("AIOps Bot").expect("its issue was reopened")


def test_an_action_item_that_is_done_closes_its_issue(
    empty_world: Workspace, github: GitHubServer, incident: Message
) -> None:
    world = empty_world
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> in 2 weeks')
    world.ana.told("Its issue is being opened")
    assert world.bot is not None
    store = world.bot.store
    wait_for(lambda: store.action_item(1).ticket, "its number here")
    github.control("fault", path=f"/repos/{github.repository}/issues/1", kind="drop_before", method="PATCH")
    world.bob.run("/incident actions")
    world.bob.click(world.bob.told("1 open action item"), "Done")
    world.bob.told("Its issue is being closed")
    wait_for(lambda: not store.action_item(1).is_open, "it is done here")
    world.advance(30)
    wait_for(lambda: seen(github)["issues"][0]["state"] == "closed", "and there, at the second try")
    world.bob.run("/incident actions reopen AI-1")
    world.bob.told("Its issue is being reopened")
    wait_for(lambda: seen(github)["issues"][0]["state"] == "open", "it is open there too")


def test_another_installations_item_of_the_same_number_is_not_taken_for_ours(
    empty_world: Workspace, github: GitHubServer, incident: Message
) -> None:
    """The repository has issues of a database that is no more."""
    world = empty_world
    for number, other in ((1, "AI-1"), (2, "AI-1/0ther1nst")):
        body = f"theirs\n\n<!-- aiops:{other} -->"
        github.control("issue", title=f"theirs {number}", body=body, labels=["incident-action-item"])
    world.ana.run(f'/incident action INC-1 "alarm on the pool" <@{BOB}> in 2 weeks')
    world.ana.told("Its issue is being opened")
    assert world.bot is not None
    store = world.bot.store
    assert wait_for(lambda: store.action_item(1).ticket, "its number here") == 3


def _set(github: GitHubServer, number: int, state: str) -> None:
    address = f"{github.url}/repos/{github.repository}/issues/{number}"
    headers = {"Authorization": "Bearer github_pat_of_the_bot", "Content-Type": "application/json"}
    body = json.dumps({"state": state}).encode()
    request = urllib.request.Request(address, data=body, headers=headers, method="PATCH")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
