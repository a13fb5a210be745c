"""The repository's things as the REST API shows them."""

import base64
from datetime import UTC, datetime

from sandbox.github.git import Commit, blob_sha
from sandbox.github.repository import Comment, Issue, Json, Label, Pull, Repository

SHOWN_BYTES = 1_000_000
"""Larger files come without their content."""


def time_of(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Shapes:
    def __init__(self, repository: Repository, base_url: str) -> None:
        self._repository = repository
        self.base_url = base_url

    @property
    def page(self) -> str:
        return f"{self.base_url}/{self._repository.full_name}"

    @property
    def api(self) -> str:
        return f"{self.base_url}/repos/{self._repository.full_name}"

    def repository(self) -> Json:
        there = self._repository
        return {
            "id": there.id,
            "name": there.name,
            "full_name": there.full_name,
            "owner": {"login": there.owner, "id": 1, "type": "Organization"},
            "private": True,
            "html_url": self.page,
            "url": self.api,
            "default_branch": there.default_branch,
            "archived": there.is_archived,
            "disabled": False,
            "has_issues": there.has_issues,
        }

    def user(self, login: str) -> Json:
        user = self._repository.users[login]
        return {"login": login, "id": user.id, "type": "User", "html_url": f"{self.base_url}/{login}"}

    def label(self, label: Label) -> Json:
        return {
            "name": label.name,
            "color": label.color,
            "description": label.description,
            "default": False,
            "url": f"{self.api}/labels/{label.name}",
        }

    def comment(self, issue: Issue, comment: Comment) -> Json:
        return {
            "id": comment.id,
            "body": comment.body,
            "user": self.user(comment.login),
            "created_at": time_of(comment.at),
            "updated_at": time_of(comment.at),
            "html_url": f"{self._address(issue)}#issuecomment-{comment.id}",
        }

    def issue(self, issue: Issue) -> Json:
        """A pull request is an issue too, and says so."""
        own: Json = {}
        if isinstance(issue, Pull):
            own = {"pull_request": {"html_url": self._address(issue), "merged_at": time_of(issue.merged)}}
        return self._thread(issue) | {
            "url": f"{self.api}/issues/{issue.number}",
            "comments": len(issue.comments),
            "state_reason": issue.reason,
            "closed_by": self.user(issue.closed_by) if issue.closed_by else None,
            **own,
        }

    def pull(self, pull: Pull) -> Json:
        return self._thread(pull) | {
            "url": f"{self.api}/pulls/{pull.number}",
            "draft": pull.is_draft,
            "merged": pull.merged is not None,
            "merged_at": time_of(pull.merged),
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "merge_commit_sha": pull.merge_sha,
            "head": self._end(pull.head, pull.head_sha),
            "base": self._end(pull.base, pull.base_sha),
        }

    def ref(self, branch: str) -> Json:
        sha = self._repository.git.branches[branch]
        return {
            "ref": f"refs/heads/{branch}",
            "url": f"{self.api}/git/refs/heads/{branch}",
            "object": {"sha": sha, "type": "commit", "url": f"{self.api}/git/commits/{sha}"},
        }

    def file(self, ref: str, path: str, content: bytes) -> Json:
        return {
            "type": "file",
            "name": path.rpartition("/")[2],
            "path": path,
            "size": len(content),
            "sha": blob_sha(content),
            "url": f"{self.api}/contents/{path}?ref={ref}",
            "html_url": f"{self.page}/blob/{ref}/{path}",
        }

    def whole_file(self, ref: str, path: str, content: bytes) -> Json:
        is_large = len(content) > SHOWN_BYTES
        return self.file(ref, path, content) | {
            "encoding": "none" if is_large else "base64",
            "content": "" if is_large else base64.encodebytes(content).decode(),
        }

    def folder(self, path: str) -> Json:
        return {"type": "dir", "name": path.rpartition("/")[2], "path": path, "size": 0}

    def commit(self, commit: Commit) -> Json:
        return {
            "sha": commit.sha,
            "message": commit.message,
            "html_url": f"{self.page}/commit/{commit.sha}",
            "author": {"name": commit.login, "date": time_of(commit.at)},
            "parents": [{"sha": sha} for sha in commit.parents],
        }

    def _thread(self, issue: Issue) -> Json:
        return {
            "id": 10_000 + issue.number,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": self.user(issue.login),
            "author_association": self._repository.users[issue.login].association,
            "labels": [self.label(self._repository.labels[name.lower()]) for name in issue.labels],
            "state": issue.state,
            "locked": False,
            "assignees": [],
            "created_at": time_of(issue.created),
            "updated_at": time_of(issue.updated),
            "closed_at": time_of(issue.closed),
            "html_url": self._address(issue),
        }

    def _address(self, issue: Issue) -> str:
        return f"{self.page}/{'pull' if isinstance(issue, Pull) else 'issues'}/{issue.number}"

    def _end(self, branch: str, sha: str) -> Json:
        return {"label": f"{self._repository.owner}:{branch}", "ref": branch, "sha": sha}
