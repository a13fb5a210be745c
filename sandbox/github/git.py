"""The repository's git, as far as the API shows it: branches, commits and the texts in them. Decides nothing."""

import hashlib
from dataclasses import dataclass, field

Tree = dict[str, bytes]


@dataclass(slots=True)
class Commit:
    """`parents`: none for the first commit, two for a merge."""

    sha: str
    parents: tuple[str, ...]
    tree: Tree
    message: str
    login: str
    at: float


@dataclass(slots=True)
class Git:
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def head(self, branch: str) -> Commit:
        return self.commits[self.branches[branch]]

    def commit(self, branch: str, tree: Tree, message: str, login: str, at: float, *merged: str) -> Commit:
        """A new commit on a branch, which begins with it if there is none. `merged` are further parents."""
        parents = tuple(filter(None, (self.branches.get(branch), *merged)))
        seed = repr((parents, sorted(tree.items()), message, login, at, len(self.commits)))
        made = Commit(hashlib.sha1(seed.encode()).hexdigest(), parents, tree, message, login, at)
        self.commits[made.sha] = made
        self.branches[branch] = made.sha
        return made

    def base(self, ours: str, theirs: str) -> Commit | None:
        """The newest commit that both have."""
        known = set(self.behind(ours))
        return next((self.commits[sha] for sha in self.behind(theirs) if sha in known), None)

    def behind(self, sha: str) -> list[str]:
        """A commit and all it builds on, the newest first."""
        found, waiting = [], [sha]
        while waiting:
            each = waiting.pop(0)
            if each not in found:
                found.append(each)
                waiting += self.commits[each].parents
        return found


def blob_sha(content: bytes) -> str:
    """What git calls this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def changes(before: Tree, after: Tree) -> dict[str, bytes | None]:
    """What is different, by path; None where a file is gone."""
    paths = sorted(before.keys() | after.keys())
    return {path: after.get(path) for path in paths if before.get(path) != after.get(path)}
