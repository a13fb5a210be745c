"""The application: which address is answered by what."""

from aiohttp import web

from sandbox.github import changing, control, files, people, reading, searching
from sandbox.github.gate import Route, answering, unknown
from sandbox.github.state import GITHUB, GitHub
from sandbox.serving import control as controls
from sandbox.serving import page
from sandbox.serving.running import LISTENS_AT

REPO = "/repos/{owner}/{name}"
MOST_BYTES = 100 * 1024 * 1024
BY_NUMBER = "/repositories/{id}"
"""Where the old name of a renamed repository leads."""
ISSUES = ("issues=write",)
LABELS = ("issues=write", "pull_requests=write")
CONTENTS = ("contents=write",)
PULLS = ("pull_requests=write",)
READ_ISSUES = ("issues=read", "pull_requests=read")
READ_PULLS = ("pull_requests=read",)
READ_CONTENTS = ("contents=read",)

ROUTES = (
    Route("GET", "/user", reading.me),
    Route("GET", "/rate_limit", reading.rate_limit),
    Route("GET", "/search/issues", searching.issues, resource="search"),
    Route("GET", REPO, reading.repository),
    Route("GET", f"{REPO}/labels", reading.labels, READ_ISSUES),
    Route("POST", f"{REPO}/labels", changing.create_label, LABELS, is_creation=True),
    Route("GET", f"{REPO}/labels/{{label}}", reading.label, READ_ISSUES),
    Route("GET", f"{REPO}/issues", reading.issues, READ_ISSUES, is_about_issues=True),
    Route("POST", f"{REPO}/issues", changing.create_issue, ISSUES, is_about_issues=True, is_creation=True),
    Route("GET", f"{REPO}/issues/{{number}}", reading.issue, READ_ISSUES, is_about_issues=True),
    Route("PATCH", f"{REPO}/issues/{{number}}", changing.edit_issue, LABELS, is_about_issues=True),
    Route("GET", f"{REPO}/issues/{{number}}/comments", reading.comments, READ_ISSUES),
    Route("POST", f"{REPO}/issues/{{number}}/comments", changing.create_comment, LABELS, is_creation=True),
    Route("GET", f"{REPO}/branches", files.branches, READ_CONTENTS),
    Route("GET", f"{REPO}/git/ref/{{ref:.*}}", files.ref, READ_CONTENTS),
    Route("POST", f"{REPO}/git/refs", files.create_ref, CONTENTS, is_creation=True),
    Route("GET", f"{REPO}/contents/{{path:.*}}", files.contents, READ_CONTENTS),
    Route("PUT", f"{REPO}/contents/{{path:.*}}", files.put, CONTENTS, is_creation=True),
    Route("GET", f"{REPO}/pulls", reading.pulls, READ_PULLS),
    Route("POST", f"{REPO}/pulls", changing.create_pull, PULLS, is_creation=True),
    Route("GET", f"{REPO}/pulls/{{number}}", reading.pull, READ_PULLS),
    Route("PATCH", f"{REPO}/pulls/{{number}}", changing.edit_pull, PULLS),
    Route("GET", f"{REPO}/pulls/{{number}}/files", reading.pull_files, READ_PULLS),
    Route("PUT", f"{REPO}/pulls/{{number}}/merge", changing.merge, CONTENTS),
)
SHOWING = {"repository": control.repository, "notified": control.notified}
TURNING = {
    "repository": control.change_repository,
    "access": control.access,
    "limits": control.limits,
    "index": control.index,
    "issue": control.issue,
    "push": control.push,
    "close": control.close,
    "merge": control.merge,
}
PRESSING = {
    "comment": people.comment,
    "close": people.close,
    "reopen": people.reopen,
    "merge": people.merge,
}
PAGES = ("/", "/{owner}/{name}", "/{owner}/{name}/{what:issues|pull}/{number}", "/{owner}/{name}/blob/{ref}/{path:.*}")


def create_app(hub: GitHub) -> web.Application:
    app = web.Application(client_max_size=MOST_BYTES)
    app[GITHUB], app[LISTENS_AT] = hub, hub.listens_at
    route = app.router
    controls.add(app, GITHUB, SHOWING, TURNING)
    route.add_get("/people/state", people.state)
    for name, press in PRESSING.items():
        route.add_post(f"/people/{name}", people.doing(press))
    for each in ROUTES:
        for path in {each.path, each.path.replace(REPO, BY_NUMBER)}:
            route.add_route(each.method, path, answering(each))
    route.add_route("*", "/{api:repos|repositories|search}/{rest:.*}", answering(Route("GET", "", unknown)))
    page.add(app, people.PAGE, PAGES)
    route.add_route("*", "/{rest:.*}", answering(Route("GET", "", unknown)))
    return app
