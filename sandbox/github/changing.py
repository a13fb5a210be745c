"""The POSTs, PATCHes and PUTs about labels, issues and pull requests."""

from sandbox.github.asked import Asked
from sandbox.github.errors import Refusal, failed, invalid
from sandbox.github.gate import Said
from sandbox.github.git import changes
from sandbox.github.repository import Issue, Label, Repository

STATES = ("open", "closed")
NAME_MAX = 50


def create_label(asked: Asked) -> Said:
    name = asked.text("name", "Label")
    if len(name) > NAME_MAX:
        raise invalid("Label", "name", "invalid")
    labels = asked.hub.repository.labels
    if name.lower() in labels:
        raise invalid("Label", "name", "already_exists")
    made = Label(name, str(asked.fields.get("color") or "ededed").removeprefix("#"), asked.fields.get("description"))
    labels[name.lower()] = made
    return Said(asked.hub.shapes.label(made), 201)


def create_issue(asked: Asked) -> Said:
    """Labels of somebody who may not push are left out in silence."""
    title, body = asked.title("Issue"), asked.body_text("Issue")
    labels = asked.names("labels", "Issue") if asked.hub.access.push else []
    made = asked.hub.desk.open_issue(asked.login, title, body, labels)
    return Said(asked.hub.shapes.issue(made), 201)


def edit_issue(asked: Asked) -> Said:
    issue = asked.hub.repository.thread(asked.ids["number"])
    _edit(asked, issue, "Issue")
    if "labels" in asked.fields and asked.hub.access.push:
        asked.hub.desk.label(issue, asked.names("labels", "Issue"))
    return Said(asked.hub.shapes.issue(issue))


def create_comment(asked: Asked) -> Said:
    about = asked.hub.repository.thread(asked.ids["number"])
    made = asked.hub.desk.comment(about, asked.login, asked.text("body", "IssueComment"))
    return Said(asked.hub.shapes.comment(about, made), 201)


def create_pull(asked: Asked) -> Said:
    there, title, body = asked.hub.repository, asked.title("PullRequest"), asked.body_text("PullRequest")
    head = asked.text("head", "PullRequest").removeprefix(f"{there.owner}:")
    base = asked.text("base", "PullRequest")
    _check_ends(there, head, base)
    made = asked.hub.desk.open_pull(asked.login, title, body, head, base)
    made.is_draft = bool(asked.fields.get("draft"))
    return Said(asked.hub.shapes.pull(made), 201)


def edit_pull(asked: Asked) -> Said:
    pull = asked.hub.repository.pull(asked.ids["number"])
    _edit(asked, pull, "PullRequest")
    return Said(asked.hub.shapes.pull(pull))


def merge(asked: Asked) -> Said:
    pull = asked.hub.repository.pull(asked.ids["number"])
    asked.hub.desk.merge(pull, asked.login)
    return Said({"sha": pull.merge_sha, "merged": True, "message": "Pull Request successfully merged"})


def _check_ends(there: Repository, head: str, base: str) -> None:
    for field, branch in (("head", head), ("base", base)):
        if branch not in there.git.branches:
            raise invalid("PullRequest", field, "invalid")
    if any(each.is_open and (each.head, each.base) == (head, base) for each in there.pulls):
        raise failed("PullRequest", f"A pull request already exists for {there.owner}:{head}.")
    ours, theirs = there.git.head(head), there.git.head(base)
    if ours.sha in there.git.behind(theirs.sha) or not changes(theirs.tree, ours.tree):
        raise failed("PullRequest", f"No commits between {base} and {head}")


def _edit(asked: Asked, issue: Issue, resource: str) -> None:
    fields, desk = asked.fields, asked.hub.desk
    state = fields.get("state") or issue.state
    if state not in STATES:
        raise invalid(resource, "state", "invalid")
    if "title" in fields or "body" in fields:
        desk.edit(issue, asked.title(resource, issue.title), asked.body_text(resource, issue.body))
    if state == "closed":
        desk.close(issue, asked.login, _reason(asked))
    else:
        desk.reopen(issue)


def _reason(asked: Asked) -> str | None:
    given = asked.fields.get("state_reason")
    if given not in (None, "completed", "not_planned", "duplicate", "reopened"):
        raise Refusal(422, f"Invalid request.\n\n{given} is not a possible value of state_reason.")
    return given
