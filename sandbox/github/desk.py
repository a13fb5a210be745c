"""What happens when somebody opens, comments, closes or merges, and who is told by it."""

import re
from collections.abc import Callable, Sequence
from itertools import count

from sandbox.github.errors import Refusal, invalid
from sandbox.github.git import Commit, Tree, changes
from sandbox.github.repository import Comment, Issue, Json, Label, Pull, Repository

MENTION = re.compile(r"(?<![\w`/])@([A-Za-z0-9][A-Za-z0-9-]*)")
CLOSING = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:#|GH-|[\w.-]+/[\w.-]+#|https?://\S+/issues/)(\d+)",
    re.IGNORECASE,
)
"""The words in a description or commit message that close an issue when they arrive on the default branch."""


class Desk:
    def __init__(self, repository: Repository, now: Callable[[], float]) -> None:
        self._repository = repository
        self._now = now
        self._ids = count(1001)
        self.notified: list[Json] = []
        """Who was mentioned where; GitHub sends each of them a mail."""

    def open_issue(self, login: str, title: str, body: str | None, labels: Sequence[str]) -> Issue:
        now = self._now()
        made = Issue(self._number(), title, body, login, now, now, labels=self._known(labels))
        return self._opened(made)

    def open_pull(self, login: str, title: str, body: str | None, head: str, base: str) -> Pull:
        now, git = self._now(), self._repository.git
        made = Pull(self._number(), title, body, login, now, now, head=head, base=base)
        made.head_sha, made.base_sha = git.branches[head], git.branches[base]
        self._opened(made)
        return made

    def comment(self, issue: Issue, login: str, body: str) -> Comment:
        made = Comment(next(self._ids), login, body, self._now())
        issue.comments.append(made)
        self._touched(issue, body)
        return made

    def edit(self, issue: Issue, title: str, body: str | None) -> None:
        issue.title, issue.body = title, body
        self._touched(issue, body)

    def label(self, issue: Issue, labels: Sequence[str]) -> None:
        issue.labels = self._known(labels)
        self._touched(issue)

    def close(self, issue: Issue, login: str, reason: str | None = None) -> None:
        if issue.is_open:
            issue.state, issue.closed, issue.closed_by = "closed", self._now(), login
            issue.reason = None if isinstance(issue, Pull) else reason or "completed"
            self._touched(issue)

    def reopen(self, issue: Issue) -> None:
        if isinstance(issue, Pull) and issue.merged:
            raise invalid("PullRequest", "state", "invalid")
        if not issue.is_open:
            issue.state, issue.closed, issue.closed_by = "open", None, None
            issue.reason = None if isinstance(issue, Pull) else "reopened"
            self._touched(issue)

    def push(self, branch: str, login: str, message: str, path: str, content: bytes) -> Commit:
        """A file that is added or replaced; pull requests of the branch show it."""
        git = self._repository.git
        made = git.commit(branch, git.head(branch).tree | {path: content}, message, login, self._now())
        self._moved(branch)
        return made

    def _moved(self, branch: str) -> None:
        for pull in self._repository.pulls:
            if pull.is_open and pull.head == branch:
                pull.head_sha = self._repository.git.branches[branch]
                self._touched(pull)

    def changed(self, pull: Pull) -> dict[str, bytes | None]:
        """What a pull request changes."""
        return changes(self._before(pull), self._repository.git.commits[pull.head_sha].tree)

    def merge(self, pull: Pull, login: str) -> None:
        if not pull.is_open or self._clashes(pull):
            raise Refusal(405, "Pull Request is not mergeable")
        git, repository = self._repository.git, self._repository
        tree = dict(git.head(pull.base).tree)
        for path, content in self.changed(pull).items():
            _put(tree, path, content)
        arrived = [git.commits[sha].message for sha in self._own_commits(pull)]
        message = f"Merge pull request #{pull.number} from {repository.owner}/{pull.head}\n\n{pull.title}"
        pull.base_sha = git.branches[pull.base]
        merge = git.commit(pull.base, tree, message, login, self._now(), pull.head_sha)
        pull.merged, pull.merged_by, pull.merge_sha = self._now(), login, merge.sha
        self.close(pull, login)
        if pull.base == repository.default_branch:
            self._close_named([pull.body or "", message, *arrived], login)

    def _close_named(self, texts: Sequence[str], login: str) -> None:
        for number in {int(found) for text in texts for found in CLOSING.findall(text)}:
            issue = self._repository.threads.get(number)
            if issue and not isinstance(issue, Pull):
                self.close(issue, login)

    def _clashes(self, pull: Pull) -> bool:
        """Whether the base changed one of its files in another way."""
        before, now = self._before(pull), self._repository.git.head(pull.base).tree
        return any(now.get(path) not in (before.get(path), content) for path, content in self.changed(pull).items())

    def _before(self, pull: Pull) -> Tree:
        base = self._repository.git.base(pull.base_sha, pull.head_sha)
        return base.tree if base else {}

    def _own_commits(self, pull: Pull) -> list[str]:
        known = set(self._repository.git.behind(self._repository.git.branches[pull.base]))
        return [sha for sha in self._repository.git.behind(pull.head_sha) if sha not in known]

    def _number(self) -> int:
        return max(self._repository.threads, default=0) + 1

    def _known(self, labels: Sequence[str]) -> list[str]:
        """The labels by the names they have; those that are missing are made, grey, as GitHub does."""
        found = [self._repository.labels.setdefault(name.lower(), Label(name)) for name in labels]
        return list(dict.fromkeys(label.name for label in found))

    def _opened(self, issue: Issue) -> Issue:
        self._repository.threads[issue.number] = issue
        self._touched(issue, issue.body)
        return issue

    def _touched(self, issue: Issue, text: str | None = None) -> None:
        issue.updated = self._now()
        self.notified += [{"login": login, "number": issue.number} for login in MENTION.findall(text or "")]


def _put(tree: Tree, path: str, content: bytes | None) -> None:
    if content is None:
        tree.pop(path, None)
    else:
        tree[path] = content
