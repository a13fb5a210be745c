"""Pull requests with one file, one for each key: a branch of that name, the file on it, the pull request for it."""

from __future__ import annotations

import base64

from bot.errors import TrackerError
from bot.integrations.github import words
from bot.integrations.github.answers import File, Pull, Reference, Repository, Written
from bot.integrations.github.api import RestApi
from bot.integrations.github.refusals import Doing, archived

_SEE = Doing("see anything", "Metadata: read")
_READ = Doing("read files", "Contents: read")
_WRITE = Doing("write files", "Contents: write")
_LIST = Doing("list pull requests", "Pull requests: read")
_OPEN = Doing("open pull requests", "Pull requests: write")


class Proposals:
    """Every step looks before it changes anything: called again it goes on where the call before ended."""

    def __init__(self, api: RestApi) -> None:
        self._api = api

    def propose(self, key: str, path: str, text: str, title: str, body: str) -> str:
        """What people merged or closed stays as it is. A file that is there with this very text needs no request."""
        _check(path)
        there, branch, content = self._there(), words.branch(key), words.encoded(text)
        pull = self._of(there, branch)
        if pull is not None and not pull.is_open:
            return pull.html_url
        known = self._file(path, there.default_branch)
        if pull is None and known is not None and known.sha == words.blob_sha(content) and known.html_url:
            return known.html_url
        if not self._begin(branch, there.default_branch):
            known = self._file(path, branch)
        self._write(path, content, branch, known)
        opening = {"title": words.title(title), "body": words.body(body, key)}
        return (pull or self._open(there, branch, opening)).html_url

    def _there(self) -> Repository:
        """Its owner by the name of today, by which branches are asked for."""
        there = self._api.get(Repository, "", _SEE)
        if there.archived:
            raise archived(self._api.repository)
        return there

    def _of(self, there: Repository, branch: str) -> Pull | None:
        """The pull request of a branch, an open one first."""
        head = f"{there.owner.login}:{branch}"
        found = self._api.page(Pull, "/pulls", _LIST, head=head, state="all", sort="created", direction="desc")
        own = [each for each in found if each.head.ref == branch]
        return next((each for each in own if each.is_open), own[0] if own else None)

    def _file(self, path: str, branch: str) -> File | None:
        return self._api.find(File, f"/contents/{path}", _READ, ref=branch)

    def _begin(self, branch: str, default: str) -> bool:
        """Makes the branch; False where it was there before."""
        if self._has(branch):
            return False
        start = self._api.get(Reference, f"/git/ref/heads/{default}", _READ).object.sha
        try:
            self._api.post(Reference, "/git/refs", _WRITE, {"ref": f"refs/heads/{branch}", "sha": start})
        except TrackerError as error:
            if error.code != "invalid" or not self._has(branch):  # two at once: the other was first
                raise
            return False
        return True

    def _has(self, branch: str) -> bool:
        return self._api.find(Reference, f"/git/ref/heads/{branch}", _READ) is not None

    def _write(self, path: str, content: bytes, branch: str, known: File | None) -> None:
        """The message holds nothing that people typed: GitHub acts upon words in messages."""
        if known is not None and known.sha == words.blob_sha(content):
            return
        change = {
            "message": f"{'Update' if known else 'Add'} {path}",
            "content": base64.b64encode(content).decode(),
            "branch": branch,
        }
        self._api.put(Written, f"/contents/{path}", _WRITE, change | ({"sha": known.sha} if known else {}))

    def _open(self, there: Repository, branch: str, opening: dict[str, str]) -> Pull:
        try:
            return self._api.post(Pull, "/pulls", _OPEN, {**opening, "head": branch, "base": there.default_branch})
        except TrackerError as error:
            found = self._of(there, branch) if error.code == "invalid" else None
            if found is None:
                raise
            return found


def _check(path: str) -> None:
    """An address with `..` in it would be another address."""
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise TrackerError("invalid", detail=f"“{path}” is no path of a file")
