"""The repository on this machine as an HTTP client, the page and `git` see it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import expect, sync_playwright

from sandbox.github.cast import ANA, BOB, DEE, PASSER_BY, ROBOT
from sandbox.github.thread import GitHubServer

Json = dict[str, Any]
REPO = f"/repos/{GitHubServer.repository}"


class Client:
    """A server, and a session with the bot's token."""

    def __init__(self, server: GitHubServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer the-bots"

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        address = self.server.url + (path if path.startswith(("/repos", "/search", "/user", "/rate")) else REPO + path)
        return self.session.request(method, address, json=body, params=params, timeout=5, allow_redirects=False)

    def get(self, path: str, **params: Any) -> Any:
        response = self.ask("GET", path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **body: Any) -> Any:
        response = self.ask("POST", path, body)
        assert response.status_code == 201, response.text
        return response.json()

    def issue(self, title: str = "Add an alarm", **fields: Any) -> Json:
        return dict(self.post("/issues", title=title, **fields))

    def branch(self, name: str = "b") -> str:
        sha = self.get("/git/ref/heads/main")["object"]["sha"]
        return str(self.post("/git/refs", ref=f"refs/heads/{name}", sha=sha)["object"]["sha"])

    def put(self, path: str = "a.md", text: str = "text\n", branch: str = "b", **more: Any) -> requests.Response:
        body = {"message": "m", "content": base64.b64encode(text.encode()).decode(), "branch": branch, **more}
        return self.ask("PUT", f"/contents/{path}", body)

    def pull(self, branch: str = "b", **fields: Any) -> Json:
        self.branch(branch)
        assert self.put(f"{branch}.md", branch=branch).status_code == 201
        return dict(self.post("/pulls", **{"title": "t", "head": branch, "base": "main", **fields}))

    def control(self, path: str, /, **body: Any) -> Json:
        return self.server.control(path, **body)


@pytest.fixture
def client() -> Iterator[Client]:
    with GitHubServer() as server:
        made = Client(server)
        yield made
        made.session.close()


def refused(response: requests.Response, status: int, message: str) -> Json:
    body = dict(response.json())
    assert (response.status_code, body["message"], body["status"]) == (status, message, str(status))
    assert body["documentation_url"].startswith("https://docs.github.com/")
    return body


# -- issues and labels


def test_an_issue_from_its_opening_to_its_end(client: Client) -> None:
    made = client.issue(body="why", labels=["bug"])
    assert (made["number"], made["state"], made["user"]["login"]) == (1, "open", ROBOT)
    assert made["html_url"] == f"{client.server.url}/shop/operations/issues/1"
    client.post("/issues/1/comments", body="On it")
    assert client.get("/issues/1/comments")[0]["body"] == "On it"
    closed = client.ask("PATCH", "/issues/1", {"state": "closed", "state_reason": "not_planned"}).json()
    assert (closed["state"], closed["state_reason"], closed["closed_by"]["login"]) == ("closed", "not_planned", ROBOT)
    again = client.ask("PATCH", "/issues/1", {"state": "open", "title": "New", "labels": []}).json()
    assert (again["state"], again["state_reason"], again["title"], again["labels"]) == ("open", "reopened", "New", [])


def test_issues_are_listed_by_state_label_and_page_with_pull_requests(client: Client) -> None:
    for n in range(3):
        client.issue(f"Issue {n}", labels=["Bug"] if n else ["bug", "documentation"])
    client.pull()
    client.control("close", number=2)
    assert [each["number"] for each in client.get("/issues")] == [4, 3, 1]
    assert ["pull_request" in each for each in client.get("/issues")] == [True, False, False]
    assert [each["number"] for each in client.get("/issues", state="all", labels="BUG", direction="asc")] == [1, 2, 3]
    assert [each["number"] for each in client.get("/issues", state="closed", labels="bug")] == [2]
    assert [each["number"] for each in client.get("/issues", labels="bug,documentation")] == [1]
    assert client.get("/issues", creator=ANA) == []
    first = client.ask("GET", "/issues", state="all", per_page=3)
    assert len(first.json()) == 3
    rest = client.session.get(first.links["next"]["url"], timeout=20)
    assert [each["number"] for each in rest.json()] == [1]
    assert "next" not in rest.links


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "title", "missing_field"),
        ({"title": " "}, "title", "invalid"),
        ({"title": "x" * 257}, "title", "custom"),
        ({"title": "t", "body": "x" * 65_537}, "body", "custom"),
        ({"title": "t", "labels": "bug"}, "labels", "invalid"),
    ],
)
def test_what_makes_no_issue_is_said(client: Client, body: Json, field: str, code: str) -> None:
    (error,) = refused(client.ask("POST", "/issues", body), 422, "Validation Failed")["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert client.get("/issues") == []


def test_labels_are_made_once_whatever_their_spelling(client: Client) -> None:
    made = client.post("/labels", name="Action", color="#b60205", description="d")
    assert (made["name"], made["color"]) == ("Action", "b60205")
    (error,) = refused(client.ask("POST", "/labels", {"name": "action"}), 422, "Validation Failed")["errors"]
    assert error == {"resource": "Label", "field": "name", "code": "already_exists"}
    assert client.get("/labels/ACTION")["name"] == "Action"
    refused(client.ask("GET", "/labels/none"), 404, "Not Found")
    assert client.issue(labels=["new one"])["labels"][0]["color"] == "ededed"
    assert len(client.get("/labels")) == 4


def test_labels_of_those_who_may_not_push_are_left_out_in_silence(client: Client) -> None:
    client.control("access", push=False)
    assert client.issue(labels=["bug"])["labels"] == []
    opened = client.control("issue", title="t", labels=["bug"], **{"as": PASSER_BY})["issue"]
    assert (opened["labels"], opened["author_association"]) == ([], "NONE")


def test_the_search_is_behind(client: Client) -> None:
    client.issue("Payments fail", body="a marker", labels=["bug"])
    wanted = {"q": 'repo:shop/operations is:issue label:bug in:body "a marker"'}
    assert client.get("/search/issues", **wanted)["total_count"] == 0
    client.control("clock", advance=31)
    assert [each["number"] for each in client.get("/search/issues", **wanted)["items"]] == [1]
    assert client.get("/search/issues", q="is:pr")["items"] == []
    client.control("index", seconds=0)
    client.issue()
    assert client.get("/search/issues", q="is:open")["total_count"] == 2
    refused(client.ask("GET", "/search/issues"), 422, "Validation Failed")


# -- files, branches, pull requests


def test_a_file_is_added_read_and_replaced_with_its_sha(client: Client) -> None:
    client.branch()
    added = client.put("docs/über a.md", "one\n")
    assert (added.status_code, added.json()["content"]["path"]) == (201, "docs/über a.md")
    read = client.get("/contents/docs/über a.md", ref="b")
    assert base64.b64decode(read["content"]) == b"one\n"
    assert read["sha"] == "5626abf0f72e58d7a153368ba57db4c673c0e171", "what git calls it"
    refused(client.put("docs/über a.md", "two\n"), 422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    refused(client.put("docs/über a.md", "two\n", sha="0" * 40), 409, f"docs/über a.md does not match {'0' * 40}")
    assert client.put("docs/über a.md", "two\n", sha=read["sha"]).status_code == 200
    assert [each["type"] for each in client.get("/contents/docs", ref="b")] == ["dir", "file"]
    refused(client.ask("GET", "/contents/docs/über a.md"), 404, "Not Found")


def test_what_can_not_be_written_is_said(client: Client) -> None:
    refused(client.put(branch="none"), 404, "Branch none not found")
    refused(client.put("a//b", branch="main"), 422, "path contains a malformed path component")
    refused(client.put(content="%", branch="main"), 422, "content is not valid Base64")
    refused(client.put(message="", branch="main"), 422, 'Invalid request.\n\n"message" wasn\'t supplied.')
    refused(client.ask("GET", "/contents/README.md", ref="none"), 404, "No commit found for the ref none")


def test_a_large_file_comes_without_its_content(client: Client) -> None:
    client.put("large.txt", "x" * 1_000_001, branch="main")
    read = client.get("/contents/large.txt")
    assert (read["encoding"], read["content"], read["size"]) == ("none", "", 1_000_001)


def test_branches_are_made_once_and_not_in_each_others_way(client: Client) -> None:
    sha = client.branch("aiops")
    for ref, said in (
        ("refs/heads/aiops", "Reference already exists"),
        ("refs/heads/aiops/one", "Reference update failed"),
        ("aiops", "Reference name must start with 'refs/' and contain at least one more '/'."),
    ):
        refused(client.ask("POST", "/git/refs", {"ref": ref, "sha": sha}), 422, said)
    nothing = client.ask("POST", "/git/refs", {"ref": "refs/heads/c", "sha": "0" * 40})
    refused(nothing, 422, "Object does not exist")
    refused(client.ask("GET", "/git/ref/heads/ai"), 404, "Not Found")
    assert [each["name"] for each in client.get("/branches")] == ["aiops", "main"]


def test_a_pull_request_from_its_opening_to_its_merge(client: Client) -> None:
    issue = client.issue()["number"]
    pull = client.pull(title="Add b", body=f"Fixes #{issue}")
    assert (pull["number"], pull["head"]["label"], pull["merged"]) == (2, "shop:b", False)
    assert client.get("/pulls/2/files") == [{"filename": "b.md", "status": "added"}]
    assert [each["number"] for each in client.get("/pulls", head="shop:b")] == [2]
    assert client.get("/pulls", head="shop:other") == client.get("/pulls", head="else:b") == []
    assert len(client.get("/pulls", head="b")) == 1, "a head without an owner is not looked at"
    assert client.ask("PUT", "/pulls/2/merge").json()["merged"] is True
    assert client.get("/pulls", head="shop:b") == []
    assert [each["merged_at"] is None for each in client.get("/pulls", head="shop:b", state="all")] == [False]
    assert client.get(f"/issues/{issue}")["state"] == "closed"
    assert client.get("/contents/b.md")["size"] == 5
    refused(client.ask("PUT", "/pulls/2/merge"), 405, "Pull Request is not mergeable")
    refused(client.ask("PATCH", "/pulls/2", {"state": "open"}), 422, "Validation Failed")


def test_there_is_one_open_pull_request_for_a_branch(client: Client) -> None:
    client.pull()
    again = {"title": "t", "head": "shop:b", "base": "main"}
    (error,) = refused(client.ask("POST", "/pulls", again), 422, "Validation Failed")["errors"]
    assert error["message"] == "A pull request already exists for shop:b."
    client.ask("PATCH", "/pulls/1", {"state": "closed"})
    assert client.post("/pulls", **again)["number"] == 2


def test_a_branch_with_nothing_new_makes_no_pull_request(client: Client) -> None:
    client.branch()
    body = {"title": "t", "head": "b", "base": "main"}
    (error,) = refused(client.ask("POST", "/pulls", body), 422, "Validation Failed")["errors"]
    assert error["message"] == "No commits between main and b"
    (error,) = refused(client.ask("POST", "/pulls", body | {"head": "none"}), 422, "Validation Failed")["errors"]
    assert (error["field"], error["code"]) == ("head", "invalid")


def test_a_file_that_changed_on_both_sides_is_not_merged(client: Client) -> None:
    client.pull()
    client.control("push", path="b.md", text="else\n")
    refused(client.ask("PUT", "/pulls/1/merge"), 405, "Pull Request is not mergeable")
    sha = client.get("/contents/b.md", ref="b")["sha"]
    assert client.put("b.md", "else\n", sha=sha).status_code == 200
    assert client.ask("PUT", "/pulls/1/merge").status_code == 200


def test_who_is_mentioned_is_told(client: Client) -> None:
    client.issue("@nobody", body=f"@{ANA} or ana@shop.example")
    client.post("/issues/1/comments", body=f"(@{BOB})")
    assert client.server.show("notified")["notified"] == [{"login": ANA, "number": 1}, {"login": BOB, "number": 1}]


def test_a_repository_without_a_commit(client: Client) -> None:
    client.control("repository", empty=True)
    refused(client.ask("GET", "/git/ref/heads/main"), 409, "Git Repository is empty.")
    refused(client.ask("GET", "/contents/README.md"), 404, "This repository is empty.")
    assert client.put("README.md", branch="main").status_code == 201
    assert client.get("/git/ref/heads/main")["object"]["type"] == "commit"


# -- who may, how often, and trouble


def test_tokens(client: Client) -> None:
    assert client.get("/user")["login"] == ROBOT
    client.session.headers["Authorization"] = f"token u+{BOB}"
    assert client.issue()["user"]["login"] == BOB
    client.session.headers["Authorization"] = "Bearer wrong"
    refused(client.ask("GET", ""), 401, "Bad credentials")
    del client.session.headers["Authorization"]
    refused(client.ask("GET", "/user"), 401, "Requires authentication")
    refused(client.ask("GET", ""), 404, "Not Found")


def test_permissions(client: Client) -> None:
    client.control("access", permissions={"issues": "read", "pull_requests": "read"})
    assert client.get("/issues") == []
    response = client.ask("POST", "/labels", {"name": "n"})
    refused(response, 403, "Resource not accessible by personal access token")
    assert response.headers["X-Accepted-GitHub-Permissions"] == "issues=write; pull_requests=write"
    client.control("access", repository=False)
    for path in ("", "/issues", "/issues/1"):
        refused(client.ask("GET", path), 404, "Not Found")
    refused(client.ask("GET", "/repos/else/where"), 404, "Not Found")


def test_an_archived_repository_can_be_read(client: Client) -> None:
    client.issue()
    client.control("repository", archived=True)
    assert client.get("")["archived"] is True
    assert len(client.get("/issues")) == 1
    for method, path in (("POST", "/issues"), ("PATCH", "/issues/1"), ("PUT", "/contents/a"), ("POST", "/pulls")):
        refused(client.ask(method, path, {}), 403, "Repository was archived so is read-only.")


def test_issues_can_be_turned_off(client: Client) -> None:
    client.control("repository", issues=False)
    refused(client.ask("POST", "/issues", {"title": "t"}), 410, "Issues has been disabled in this repository.")


def test_the_old_name_leads_to_the_new_one(client: Client) -> None:
    client.control("repository", renamed="platform/incidents")
    moved = client.ask("GET", "/issues", state="all")
    assert (moved.status_code, moved.json()["message"]) == (301, "Moved Permanently")
    assert moved.headers["Location"] == f"{client.server.url}/repositories/4711/issues?state=all"
    assert client.ask("POST", "/issues", {"title": "t"}).status_code == 307
    followed = client.session.post(f"{client.server.url}{REPO}/issues", json={"title": "t"}, timeout=20)
    assert (followed.status_code, followed.json()["number"]) == (201, 1)
    assert client.get("/repos/platform/incidents")["full_name"] == "platform/incidents"


def test_the_primary_limit(client: Client) -> None:
    client.control("limits", core=2)
    seen = [client.ask("GET", "").headers["x-ratelimit-remaining"] for _ in range(2)]
    assert seen == ["1", "0"]
    response = client.ask("GET", "")
    assert (response.status_code, response.headers["x-ratelimit-remaining"]) == (403, "0")
    assert response.json()["message"].startswith("API rate limit exceeded")
    assert "retry-after" not in response.headers
    client.control("clock", advance=3601)
    assert client.ask("GET", "").status_code == 200


def test_the_search_has_a_limit_of_its_own(client: Client) -> None:
    client.control("limits", search=1)
    first = client.ask("GET", "/search/issues", q="is:open")
    assert (first.headers["x-ratelimit-resource"], first.headers["x-ratelimit-limit"]) == ("search", "1")
    assert client.ask("GET", "/search/issues", q="is:open").status_code == 403
    assert client.ask("GET", "/issues").status_code == 200


def test_content_is_made_eighty_times_a_minute(client: Client) -> None:
    for n in range(80):
        client.issue(f"Issue {n}")
    response = client.ask("POST", "/issues", {"title": "t"})
    assert response.status_code == 403
    assert "secondary rate limit" in response.json()["message"]
    assert 0 < int(response.headers["retry-after"]) <= 60
    client.control("clock", advance=61)
    client.issue()


@pytest.mark.parametrize(("given", "status"), [({}, 403), ({"status": 429}, 429)])
def test_faults_speak_as_github_does(client: Client, given: Json, status: int) -> None:
    client.control("fault", path=f"{REPO}/issues", kind="ratelimited", retry_after=7, **given)
    limited = client.ask("GET", "/issues")
    assert (limited.status_code, limited.headers["retry-after"]) == (status, "7")
    client.control("fault", path="*", kind="exhausted", seconds=90)
    used_up = client.ask("GET", "/issues")
    now = client.control("clock", advance=0)["now"]
    assert int(used_up.headers["x-ratelimit-reset"]) == pytest.approx(now + 90, abs=2)
    client.control("fault", path="*", kind="error", status=502)
    refused(client.ask("GET", "/issues"), 502, "Server Error")
    assert client.get("/issues") == []


def test_the_log_keeps_calls_without_tokens(client: Client) -> None:
    client.issue("secret?")
    (call,) = client.server.show("log")["calls"]
    assert (call["method"], call["path"], call["status"], call["login"]) == ("POST", f"{REPO}/issues", 201, ROBOT)
    assert call["body"] == {"title": "secret?"}
    assert "the-bots" not in str(call)


def test_what_is_no_call_is_said(client: Client) -> None:
    for path in ("/repos/shop/operations/nothing", "/repos/shop", "/repos/shop/operations/pulls/x"):
        refused(client.ask("GET", path), 404, "Not Found")
    bad = client.session.post(f"{client.server.url}{REPO}/issues", data="{", timeout=20)
    refused(bad, 400, "Body should be a JSON object")


def test_all_starts_afresh_at_the_same_address(client: Client) -> None:
    client.pull()
    client.control("reset")
    assert client.get("/pulls") == []
    assert client.get("")["html_url"] == f"{client.server.url}/shop/operations"


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "sandbox.github", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{address}/people/state", timeout=20) as answer:
            assert answer.status == 200
        process.terminate()
    assert process.returncode == 0


@pytest.mark.browser
def test_people_read_close_and_merge_on_the_page(client: Client) -> None:
    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if found is None and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine: install the package chromium to run the browser tests")
    client.issue("Add an alarm on the queue's age", body="For INC-7\n\n<!-- aiops:a -->", labels=["bug"])
    client.branch()
    client.put("docs/post-mortems/INC-7.md", "# Payments fail\n\n<script>alert(1)</script>\n")
    pull = client.post("/pulls", title="Post-mortem of INC-7", body="Filed by Ana", head="b", base="main")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{pull['html_url']}?as={DEE}")
        expect(page.get_by_test_id("gh-act-as")).to_have_value(DEE)
        expect(page.get_by_test_id("gh-files-2")).to_contain_text("<script>alert(1)</script>")
        expect(page.get_by_test_id("gh-body-1")).to_have_text("For INC-7")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=str(Path(folder) / "github.png"), full_page=True)
            page.set_viewport_size({"width": 420, "height": 900})
            page.screenshot(path=str(Path(folder) / "github-narrow.png"), full_page=True)
        page.get_by_test_id("gh-text-1").fill("Done with the last deployment")
        page.get_by_test_id("gh-text-1").press("Enter")
        expect(page.get_by_test_id("gh-thread-1")).to_contain_text("Done with the last deployment")
        page.get_by_test_id("gh-close-1").click()
        expect(page.get_by_test_id("gh-state-1")).to_have_text("Closed")
        page.get_by_test_id("gh-merge-2").click()
        expect(page.get_by_test_id("gh-state-2")).to_have_text("Merged")
        expect(page.get_by_test_id("gh-files")).to_contain_text("docs/post-mortems/INC-7.md")
        page.get_by_test_id("gh-reopen-1").click()
        expect(page.get_by_test_id("gh-open")).to_contain_text("#1")
        client.control("repository", archived=True)
        expect(page.get_by_test_id("gh-archived")).to_be_visible()
        browser.close()
    assert errors == []
    assert client.get("/issues/1/comments")[0]["user"]["login"] == DEE
