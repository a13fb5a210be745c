"""GitHub over HTTP: issues and pull requests that are made once, and what failures are called."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from bot.errors import Outcome, SettingsError, TrackerError
from bot.integrations.github import api, issues, words
from bot.integrations.github.refusals import Doing
from bot.integrations.github.tracker import GitHub
from bot.integrations.nothing import NoTracker
from bot.ports import Ticket, Tracker
from sandbox.github.cast import ANA, PASSER_BY, ROBOT
from sandbox.github.thread import GitHubServer
from tests.bot.answering import answering

Json = dict[str, Any]
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
DOING = Doing("do something", "Some: write")
TOKEN = "github_pat_of_the_bot"
LABEL = "incident-action-item"
KEY = "action:12"
PATH = "docs/post-mortems/2026-05-01-INC-7-payments.md"
TEXT = "# INC-7 payments fail\n\nRoot cause: 🔥\n"
REPOSITORY = GitHubServer.repository
REPO = f"/repos/{REPOSITORY}"


class Anything(BaseModel):
    """Takes every answer."""


class Here:
    """The repository on this machine, and the bot's tracker on it."""

    def __init__(self, server: GitHubServer) -> None:
        self.server = server
        self.tracker = self.another()

    def another(self, token: str = TOKEN, repository: str = REPOSITORY) -> GitHub:
        return GitHub(token, repository, self.server.url)

    def open(self, key: str = KEY, title: str = "Add an alarm", body: str = "For INC-7") -> Ticket:
        return self.tracker.open_issue(key, title, body, [LABEL])

    def propose(self, text: str = TEXT, key: str = "postmortem:7", title: str = "Post-mortem of INC-7") -> str:
        return self.tracker.propose(key, PATH, text, title, "Filed by Ana")

    def seen(self) -> Json:
        return self.server.show("repository")

    def files(self, number: int = 0) -> dict[str, str]:
        """Those on the default branch, or those that a pull request changes."""
        pulls = {each["number"]: each["files"] for each in self.seen()["pulls"]}
        return {each["path"]: each["text"] for each in (pulls[number] if number else self.seen()["files"])}

    def fault(self, path: str, kind: str, **more: Any) -> None:
        self.server.control("fault", path=path, kind=kind, **more)

    def calls(self, *methods: str) -> list[str]:
        calls = self.server.show("log")["calls"]
        return [f"{c['method']} {c['path'].removeprefix(REPO)}" for c in calls if not methods or c["method"] in methods]


@pytest.fixture
def here() -> Iterator[Here]:
    with GitHubServer() as server:
        made = Here(server)
        yield made
        made.tracker.close()


def refused(act: Callable[[], object]) -> TrackerError:
    with pytest.raises(TrackerError) as told:
        act()
    assert TOKEN not in repr(told.value)
    assert told.value.__cause__ is None
    return told.value


# -- issues


def test_an_issue_says_what_is_to_do_and_is_followed(here: Here) -> None:
    tracker: Tracker = here.tracker
    ticket = tracker.open_issue(KEY, "Add an alarm", "For INC-7", [LABEL])
    (issue,) = here.seen()["issues"]
    assert ticket == Ticket(1, f"{here.server.url}/{REPOSITORY}/issues/1")
    assert (issue["title"], issue["user"]["login"]) == ("Add an alarm", ROBOT)
    assert issue["body"] == "For INC-7\n\n<!-- aiops:action:12 -->"
    assert [(label["name"], label["color"]) for label in issue["labels"]] == [(LABEL, "b60205")]
    here.server.control("close", number=1, **{"as": ANA})
    assert tracker.changed(SINCE).issues == {1: False}


def test_the_same_key_is_the_same_issue_however_it_stands(here: Here) -> None:
    first = here.open()
    assert here.open(title="In other words") == first
    here.server.control("close", number=1)
    assert here.another().open_issue(KEY, "t", "b", [LABEL]) == first._replace(is_open=False)
    assert here.open("action:1").number == 2
    assert len(here.calls("POST")) == 3


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_an_answer_that_is_lost_makes_no_second_issue(here: Here, kind: str) -> None:
    here.fault(f"{REPO}/issues", kind, method="POST")
    error = refused(here.open)
    assert (error.code, error.retryable, error.outcome) == ("connection", True, Outcome.UNKNOWN)
    assert here.open().number == 1
    assert len(here.seen()["issues"]) == 1


def test_an_answer_that_comes_too_late_makes_no_second_issue(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TIMEOUT", (1.0, 0.3))
    here.fault(f"{REPO}/issues", "late", method="POST", seconds=0.8)
    error = refused(here.open)
    assert (error.code, error.outcome) == ("timeout", Outcome.UNKNOWN)
    assert here.open().number == 1
    assert len(here.seen()["issues"]) == 1


def test_an_issue_is_closed_as_done_and_closing_it_again_changes_nothing(here: Here) -> None:
    here.open()
    here.fault(f"{REPO}/issues/1", "drop_after", method="PATCH")
    error = refused(lambda: here.tracker.close_issue(1))
    assert (error.code, error.retryable) == ("connection", True)
    here.tracker.close_issue(1)
    assert here.tracker.changed(SINCE).issues == {1: False}
    (issue,) = here.seen()["issues"]
    assert issue["state_reason"] == "completed"


def test_an_issue_is_reopened_and_doing_that_again_changes_nothing(here: Here) -> None:
    here.open()
    here.tracker.close_issue(1)
    for _ in range(2):
        here.tracker.reopen_issue(1)
        assert here.tracker.changed(SINCE).issues == {1: True}


def test_one_call_says_which_issues_changed_since_and_how_they_stand(here: Here) -> None:
    for number in range(1, 4):
        here.open(f"action:{number}")
    here.propose()
    here.server.control("close", number=1)
    here.server.control("close", number=3)
    before = len(here.calls("GET"))
    assert here.tracker.changed(SINCE).issues == {1: False, 2: True, 3: False}
    assert len(here.calls("GET")) == before + 1
    assert here.tracker.changed(datetime.now(UTC) + timedelta(days=1)) == ({}, {})


def test_the_same_call_says_which_pull_requests_were_closed_without_merging(here: Here) -> None:
    address, other, third = (here.propose(key=f"postmortem:{number}") for number in (7, 8, 9))
    here.server.control("close", number=1)
    here.server.control("merge", number=2)
    before = len(here.calls("GET"))
    assert here.tracker.changed(SINCE).declined == {address: True, other: False, third: False}
    assert len(here.calls("GET")) == before + 1


def test_more_changed_issues_than_a_page_has(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGE_SIZE", 2)
    monkeypatch.setattr(issues, "PAGE_SIZE", 2)
    for number in range(1, 6):
        here.open(f"action:{number}")
        here.server.control("close", number=number)
    assert sorted(here.tracker.changed(SINCE).issues) == [1, 2, 3, 4, 5]


def test_an_issue_says_who_has_it_now_and_keeps_what_people_wrote(here: Here) -> None:
    body = "From INC-7\n\n- Owner: Ana\n- Due: 2026-12-01\n\nFor later: - Owner: nobody"
    here.open(body=body)
    here.tracker.revise_issue(1, {"Owner": "@Dee\\1 <!-- x", "Due": "2026-12-02", "Priority": "P1"})
    (issue,) = here.seen()["issues"]
    assert issue["body"].splitlines()[2:6] == [
        "- Owner: @\u200bDee\\1 &lt;!-- x",
        "- Due: 2026-12-02",
        "",
        "For later: - Owner: nobody",
    ]
    assert issue["body"].endswith("<!-- aiops:action:12 -->")
    here.tracker.revise_issue(1, {"Due": "2026-12-02"})
    assert len(here.calls("PATCH")) == 1, "what says it already is left alone"


def test_an_issue_that_was_deleted_can_not_be_closed(here: Here) -> None:
    here.fault(f"{REPO}/issues/1", "error", method="PATCH", status=410)
    assert refused(lambda: here.tracker.close_issue(1)).code == "gone"
    error = refused(lambda: here.tracker.close_issue(9))
    assert (error.code, "close issue #9" in error.detail) == ("not_found", True)


def test_it_is_found_while_the_search_does_not_know_it(here: Here) -> None:
    here.open()
    assert here.open().number == 1
    assert not any("/search" in call for call in here.calls())


def test_it_is_found_behind_many_others(here: Here) -> None:
    here.open()
    for n in range(150):
        here.server.control("issue", title=f"Issue {n}", labels=[LABEL])
    assert here.open().number == 1
    assert here.calls()[-2:] == ["GET /issues"] * 2


def test_it_is_found_without_its_label(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    here.server.control("access", push=False)
    with caplog.at_level(logging.WARNING, "bot.integrations.github"):
        here.open()
    assert here.seen()["issues"][0]["labels"] == []
    assert "left the labels incident-action-item off #1" in caplog.text
    assert here.open().number == 1


def test_what_outsiders_or_texts_claim_is_no_issue_of_ours(here: Here) -> None:
    here.server.control("issue", title="mine", body=words.marker(KEY), labels=[LABEL], **{"as": PASSER_BY})
    here.open("action:11", body=f"look {words.marker(KEY)} <!-- aiops:action:12 -->")
    assert here.open().number == 3
    here.propose(key="action:13")
    assert here.open("action:13").number == 5


def test_a_label_that_is_there_stays_as_it_is(here: Here) -> None:
    here.tracker.open_issue("a", "t", "b", ["Bug", LABEL])
    here.tracker.open_issue("b", "t", "b", ["bug", LABEL])
    assert [[label["name"] for label in each["labels"]] for each in here.seen()["issues"]] == [["bug", LABEL]] * 2
    assert here.calls("POST") == ["POST /labels", "POST /issues", "POST /issues"]


def test_a_label_that_somebody_else_just_made_is_fine(here: Here) -> None:
    here.open()
    other = here.another()
    here.fault(f"{REPO}/labels/{LABEL}", "error", status=404)
    assert other.open_issue("b", "t", "b", [LABEL]).number == 2
    assert here.calls("POST")[-2:] == ["POST /labels", "POST /issues"]


def test_a_label_that_can_not_be_is_said(here: Here) -> None:
    error = refused(lambda: here.tracker.open_issue(KEY, "t", "b", ["x" * 51]))
    assert (error.code, error.retryable) == ("invalid", False)
    assert "Label.name invalid" in error.detail


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "x" * 3000,
        "half \ud83d pair",
        "\x00\x1b[31m\u202etxt",
        "🔥" * 400,
        "a\nb\r\nc",
        "<!-- --> <b>",
        "`",
    ],
)
def test_any_text_makes_an_issue_and_a_pull_request_once(here: Here, text: str) -> None:
    for _ in range(2):
        here.tracker.open_issue(f"i{text}", text, text, [LABEL])
        here.tracker.propose(f"p{text}", PATH, text, text, text)
    (issue,), (pull,) = here.seen()["issues"], here.seen()["pulls"]
    for made in (issue, pull):
        assert 0 < len(made["title"]) <= 256
        assert made["title"].isprintable()
        assert made["body"].count("<!--") == 1


def test_nobody_is_mailed_and_nothing_closed_by_what_people_typed(here: Here) -> None:
    here.open()
    hostile = f"@{ANA} fixes #1, Closes: GH-1, resolved {here.server.url}/{REPOSITORY}/issues/1, fix {REPOSITORY}#1"
    here.open("b", hostile, hostile)
    here.propose(title=hostile)
    here.tracker.propose("c", "b.md", hostile, "t", f"{hostile}\nfixed\n#1")
    here.server.control("merge", number=3)
    here.server.control("merge", number=4)
    assert here.server.show("notified")["notified"] == []
    assert [each["state"] for each in here.seen()["issues"]] == ["open", "open"]
    assert words.title("ana@shop.example fixed 12 things, prefix #1") == "ana@shop.example fixed 12 things, prefix #1"


def test_a_body_that_is_too_long_is_cut_and_found_again(here: Here) -> None:
    here.open(body="é" * 70_000)
    (issue,) = here.seen()["issues"]
    assert len(issue["body"]) == words.BODY_MAX
    assert "… cut here" in issue["body"]
    assert here.open().number == 1


# -- pull requests


def test_a_file_is_proposed_and_merged(here: Here) -> None:
    address = here.propose()
    (pull,) = here.seen()["pulls"]
    assert address == pull["html_url"] == f"{here.server.url}/{REPOSITORY}/pull/1"
    assert (pull["title"], pull["base"]["ref"]) == ("Post-mortem of INC-7", "main")
    assert pull["body"] == "Filed by Ana\n\n<!-- aiops:postmortem:7 -->"
    assert here.files(1) == {PATH: TEXT}
    here.server.control("merge", number=1)
    assert here.files()[PATH] == TEXT


@pytest.mark.parametrize(("method", "path"), [("POST", "/git/refs"), ("PUT", "/contents"), ("POST", "/pulls")])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_lost_answer_anywhere_makes_no_second_pull_request(here: Here, method: str, path: str, kind: str) -> None:
    here.fault(f"{REPO}{path}", kind, method=method)
    error = refused(here.propose)
    assert (error.retryable, error.outcome) == (True, Outcome.UNKNOWN)
    assert here.propose() == here.propose() == f"{here.server.url}/{REPOSITORY}/pull/1"
    assert [each["number"] for each in here.seen()["pulls"]] == [1]
    assert here.files(1) == {PATH: TEXT}
    assert len(here.seen()["branches"]) == 2
    assert len(here.calls("PUT")) == (2 if (kind, method) == ("drop_before", "PUT") else 1)


def test_another_text_goes_into_the_same_pull_request(here: Here) -> None:
    here.propose()
    assert here.propose("# Better\n").endswith("/pull/1")
    assert here.files(1) == {PATH: "# Better\n"}
    assert here.propose("# Better\n").endswith("/pull/1")
    assert len(here.calls("PUT")) == 2


def test_a_file_that_is_there_is_replaced(here: Here) -> None:
    here.server.control("push", path=PATH, text="# Old\n")
    here.propose()
    assert here.files(1) == {PATH: TEXT}
    assert "PUT" in here.calls()[-2]


def test_a_file_that_is_there_with_this_text_needs_no_pull_request(here: Here) -> None:
    here.server.control("push", path=PATH, text=TEXT)
    assert here.propose() == f"{here.server.url}/{REPOSITORY}/blob/main/{PATH}"
    assert here.seen()["pulls"] == []


@pytest.mark.parametrize("press", ["merge", "close"])
def test_what_people_decided_stays(here: Here, press: str) -> None:
    here.propose()
    here.server.control(press, number=1)
    assert here.propose("# Something else\n").endswith("/pull/1")
    assert len(here.seen()["pulls"]) == 1
    assert here.calls("POST", "PUT")[3:] == []


def test_an_old_branch_is_used_again(here: Here) -> None:
    here.fault(f"{REPO}/pulls", "error", method="POST", status=502)
    error = refused(here.propose)
    assert (error.code, error.retryable, error.outcome) == ("http_502", True, Outcome.UNKNOWN)
    here.server.control("push", path=PATH, text="half", branch=words.branch("postmortem:7"))
    assert here.propose().endswith("/pull/1")
    assert here.files(1) == {PATH: TEXT}


def test_a_branch_that_somebody_else_just_made_is_fine(here: Here) -> None:
    here.fault(f"{REPO}/pulls", "error", method="POST")
    refused(here.propose)
    here.fault(f"{REPO}/git/ref/heads/aiops", "error", status=404)
    assert here.propose().endswith("/pull/1")


def test_a_pull_request_that_somebody_else_just_opened_is_that_one(here: Here) -> None:
    here.propose()
    here.fault(f"{REPO}/pulls", "error", method="GET", status=404)
    assert refused(here.propose).code == "not_found"
    branch = words.branch("postmortem:7")
    body = {"title": "t", "head": branch, "base": "main"}
    with pytest.raises(TrackerError, match="A pull request already exists for shop:aiops-postmortem-7-"):
        here.tracker._api.post(Anything, "/pulls", DOING, body)
    there = here.tracker._proposals._there()
    opened = here.tracker._proposals._open(there, branch, {"title": "t", "body": "b"})
    assert opened.html_url.endswith("/pull/1")


def test_a_text_that_changed_in_between_is_tried_again(here: Here) -> None:
    here.propose()
    here.fault(f"{REPO}/contents", "error", method="PUT", status=409)
    error = refused(lambda: here.propose("# New\n"))
    assert (error.code, error.retryable, error.outcome) == ("conflict", True, Outcome.NOT_DONE)


@pytest.mark.parametrize("path", ["../x.md", "a/../../issues", "a//b", "", "./a", "/a"])
def test_a_path_that_leads_elsewhere_is_not_sent(here: Here, path: str) -> None:
    error = refused(lambda: here.tracker.propose("k", path, "t", "t", "b"))
    assert error.code == "invalid"
    assert here.calls() == []


@pytest.mark.parametrize("path", ["a b?ref=x#y.md", "post/é%2e.md", "100%.md"])
def test_a_path_is_taken_as_it_is(here: Here, path: str) -> None:
    for _ in range(2):
        here.tracker.propose("k", path, "t", "t", "b")
    assert here.files(1) == {path: "t"}


def test_every_key_has_a_branch_of_its_own() -> None:
    names = [
        words.branch(key) for key in ("postmortem:7", "postmortem-7", "", "🔥", "x" * 400, "x" * 401, "..", "a.lock")
    ]
    assert len(set(names)) == len(names)
    assert names[0].startswith("aiops-postmortem-7-")
    assert all(len(name) < 90 and name.replace("-", "").isalnum() and name.isascii() for name in names)


def test_the_default_branch_has_any_name(here: Here) -> None:
    here.server.control("repository", default_branch="release/2.x")
    assert here.propose().endswith("/pull/1")
    assert here.seen()["pulls"][0]["base"]["ref"] == "release/2.x"


# -- failures


@pytest.mark.parametrize(
    ("permissions", "act", "said"),
    [
        (
            {"issues": "read", "pull_requests": "read"},
            Here.open,
            f"may not create labels in {REPOSITORY} (403): give it Issues: write",
        ),
        ({"issues": "none", "pull_requests": "none"}, Here.open, "may not read issues in shop/operations (403)"),
        ({"contents": "read"}, Here.propose, "may not write files in shop/operations (403): give it Contents: write"),
        ({"pull_requests": "read"}, Here.propose, "(403): give it Pull requests: write"),
    ],
)
def test_a_permission_that_is_missing_is_named(here: Here, permissions: Json, act: Any, said: str) -> None:
    here.server.control(
        "access", permissions={"pull_requests": "read", **permissions} if act is Here.open else permissions
    )
    error = refused(lambda: act(here))
    assert (error.code, error.retryable, error.outcome) == ("forbidden", False, Outcome.NOT_DONE)
    assert said in error.detail


def test_issues_may_not_be_created_with_labels_that_are_there(here: Here) -> None:
    here.server.control("access", permissions={"issues": "read"})
    error = refused(lambda: here.tracker.open_issue(KEY, "t", "b", ["bug"]))
    assert f"GITHUB_TOKEN may not create issues in {REPOSITORY} (403): give it Issues: write" in error.detail


@pytest.mark.parametrize("act", [Here.open, Here.propose])
class TestFailures:
    def test_a_token_that_is_not_taken(self, here: Here, act: Any) -> None:
        here.tracker = here.another("wrong-token")
        error = refused(lambda: act(here))
        assert (error.code, error.retryable) == ("unauthorized", False)
        assert error.detail == "GITHUB_TOKEN is not accepted (401): it has expired or is wrong, set another"
        assert "wrong-token" not in str(error)

    def test_a_repository_that_is_not_there_or_not_for_us(self, here: Here, act: Any) -> None:
        here.server.control("access", repository=False)
        error = refused(lambda: act(here))
        assert (error.code, error.retryable) == ("not_found", False)
        assert f"in {REPOSITORY} (404): it is not there, or the token lacks " in error.detail

    def test_an_archived_repository(self, here: Here, act: Any) -> None:
        here.server.control("repository", archived=True)
        error = refused(lambda: act(here))
        assert (error.code, error.retryable) == ("archived", False)
        assert error.detail.startswith(f"{REPOSITORY} is archived and takes nothing more")
        assert here.seen()["issues"] == here.seen()["pulls"] == []

    @pytest.mark.parametrize("status", [403, 429])
    def test_a_secondary_limit(self, here: Here, act: Any, status: int) -> None:
        here.fault(REPO, "ratelimited", method="POST", status=status, retry_after=47)
        error = refused(lambda: act(here))
        assert (error.code, error.retryable, error.retry_after) == ("ratelimited", True, 47.0)
        assert error.outcome is Outcome.NOT_DONE
        assert str(error) == f"GitHub's limit of calls is reached ({status})"

    def test_the_primary_limit_ends_by_githubs_clock(self, here: Here, act: Any) -> None:
        here.server.control("clock", advance=86_400)
        here.fault(REPO, "exhausted", seconds=1800)
        error = refused(lambda: act(here))
        assert (error.code, error.retryable) == ("ratelimited", True)
        assert error.retry_after == pytest.approx(1800, abs=2)

    def test_the_primary_limit_by_itself(self, here: Here, act: Any) -> None:
        here.server.control("limits", core=1)
        error = refused(lambda: act(here))
        assert error.code == "ratelimited"
        assert error.retry_after == pytest.approx(3600, abs=2)

    def test_another_name_is_followed(self, here: Here, act: Any) -> None:
        here.server.control("repository", renamed="platform/incidents")
        for _ in range(2):
            act(here)
        assert len(here.seen()["issues"] + here.seen()["pulls"]) == 1
        assert "PUT /repositories/4711/contents" in " ".join(here.calls()) or act is Here.open

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_github_in_trouble(self, here: Here, act: Any, status: int) -> None:
        here.fault(REPO, "error", status=status)
        error = refused(lambda: act(here))
        assert (error.code, error.retryable, error.outcome) == (f"http_{status}", True, Outcome.NOT_DONE)
        here.fault(REPO, "error", status=status, method="POST")
        assert refused(lambda: act(here)).outcome is Outcome.UNKNOWN
        act(here)
        assert len(here.seen()["issues"] + here.seen()["pulls"]) == 1

    def test_github_is_down(self, here: Here, act: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            here.tracker = GitHub(TOKEN, REPOSITORY, f"http://127.0.0.1:{free.getsockname()[1]}")
            error = refused(lambda: act(here))
        assert (error.code, error.retryable, error.outcome) == ("connection", True, Outcome.NOT_DONE)

    def test_github_is_silent(self, here: Here, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(api, "TIMEOUT", (1.0, 0.2))
        here.fault(REPO, "delay", seconds=0.6)
        error = refused(lambda: act(here))
        assert (error.code, error.retryable, error.outcome) == ("timeout", True, Outcome.NOT_DONE)

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"null", b"[]", b"{}", b'[{"number": "x"}]', b'{"owner": []}', b'"text"']
    )
    def test_an_answer_that_is_none_of_githubs(self, here: Here, act: Any, body: bytes) -> None:
        with answering(200, body) as address:
            here.tracker = GitHub(TOKEN, REPOSITORY, address)
            error = refused(lambda: act(here))
        assert (error.code, error.retryable) == ("unexpected_answer", True)

    @pytest.mark.parametrize("body", [b"", b"<html>", b'["words"]', b'{"message": null, "errors": {}}', b"\xff"])
    def test_a_refusal_in_other_words(self, here: Here, act: Any, body: bytes) -> None:
        with answering(403, body) as address:
            here.tracker = GitHub(TOKEN, REPOSITORY, address)
            assert refused(lambda: act(here)).code == "forbidden"

    def test_a_limit_that_names_no_end(self, here: Here, act: Any) -> None:
        for headers in ((), (("retry-after", "soon"),), (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "?"))):
            with answering(429, b"{}", *headers) as address:
                here.tracker = GitHub(TOKEN, REPOSITORY, address)
                assert refused(lambda: act(here)).retry_after == 60.0


def test_a_change_that_was_turned_into_a_question_is_said() -> None:
    """Who answers 301 to a POST gets a GET from the client."""
    with answering(301, b"", ("Location", "/other")) as address:
        tracker = GitHub(TOKEN, REPOSITORY, address)
        error = refused(lambda: tracker._api.post(Anything, "/issues", DOING, {}))
    assert (error.code, error.retryable) == ("moved", False)
    assert error.detail == f"{REPOSITORY} has another name by now: set it in GITHUB_REPOSITORY"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, "GitHub does not answer (503)"),
        (401, "GITHUB_TOKEN is not accepted (401): it has expired or is wrong, set another"),
        (403, f"GITHUB_TOKEN may not read issues in {REPOSITORY} (403): give it Issues: read"),
        (
            404,
            f"GITHUB_TOKEN can't read issues in {REPOSITORY} (404): it is not there, or the token lacks Issues: read",
        ),
        (410, f"can't read issues in {REPOSITORY} (410): "),
        (422, "GitHub does not take it (422): "),
    ],
)
def test_a_refusal_says_what_to_do_and_the_log_has_githubs_words(
    here: Here, status: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    here.fault(f"{REPO}/issues", "error", status=status)
    with caplog.at_level(logging.INFO, "bot.integrations.github"):
        error = refused(lambda: here.tracker.changed(SINCE))
    assert str(error).startswith(said)
    assert f"GitHub refused to read issues in {REPOSITORY} ({status}): " in caplog.text


def test_issues_that_are_turned_off_are_said(here: Here) -> None:
    here.server.control("repository", issues=False)
    error = refused(here.open)
    assert (error.code, error.retryable) == ("gone", False)
    assert "(410): Issues has been disabled in this repository." in error.detail


def test_a_repository_without_a_commit_is_said(here: Here) -> None:
    here.server.control("repository", empty=True)
    error = refused(here.propose)
    assert (error.code, error.retryable) == ("empty", False)
    assert error.detail == f"{REPOSITORY} has no commit yet: push a first one, a README say"


def test_an_issue_that_is_not_there_is_said(here: Here) -> None:
    error = refused(lambda: here.tracker.revise_issue(99, {}))
    assert error.code == "not_found"
    assert "can't read issue #99 in shop/operations (404)" in error.detail


@pytest.mark.parametrize("token", ["", "two words", "new\nline", "ключ"])
def test_what_can_be_no_token_is_said_without_showing_it(token: str) -> None:
    with pytest.raises(SettingsError, match="GITHUB_TOKEN") as told:
        GitHub(token, REPOSITORY, "http://127.0.0.1:1")
    assert not token or token not in str(told.value)


@pytest.mark.parametrize("name", ["", "shop", "https://github.com/shop/operations", "a/b/c", "a b/c"])
def test_what_can_be_no_repository_is_said(name: str) -> None:
    with pytest.raises(SettingsError, match="GITHUB_REPOSITORY must look like owner/name"):
        GitHub(TOKEN, name, "http://127.0.0.1:1")


def test_the_token_is_sent_whatever_netrc_says(here: Here, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password wrong-else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert here.another(f" {TOKEN}\n").open_issue(KEY, "t", "b", []).number == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda tracker: tracker.open_issue(KEY, "t", "b", []),
        lambda tracker: tracker.changed(SINCE),
        lambda tracker: tracker.propose("k", "p", "t", "t", "b"),
    ],
)
def test_without_github_nothing_is_tracked(act: Callable[[Tracker], object]) -> None:
    error = refused(lambda: act(NoTracker()))
    assert (error.code, error.retryable, error.outcome) == ("off", False, Outcome.NOT_DONE)
    assert "set GITHUB_TOKEN and GITHUB_REPOSITORY" in error.detail
