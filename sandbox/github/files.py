"""Branches, and files on them."""

import base64
import binascii

from sandbox.github.asked import Asked
from sandbox.github.errors import Refusal, not_found, unusable
from sandbox.github.gate import Said
from sandbox.github.git import Tree, blob_sha
from sandbox.github.reading import paged
from sandbox.github.repository import Json

HEADS = "heads/"


def ref(asked: Asked) -> Said:
    _must_have_commits(asked)
    branch = asked.ids["ref"].removeprefix(HEADS)
    if not asked.ids["ref"].startswith(HEADS) or branch not in asked.hub.repository.git.branches:
        raise not_found()
    return Said(asked.hub.shapes.ref(branch))


def branches(asked: Asked) -> Said:
    git = asked.hub.repository.git
    found = sorted(git.branches)
    return paged(asked, found, lambda name: {"name": name, "commit": {"sha": git.branches[name]}, "protected": False})


def create_ref(asked: Asked) -> Said:
    _must_have_commits(asked)
    git, given, sha = asked.hub.repository.git, asked.fields.get("ref"), asked.fields.get("sha")
    if not isinstance(given, str) or not given.startswith(f"refs/{HEADS}"):
        raise unusable("Reference name must start with 'refs/' and contain at least one more '/'.")
    branch = given.removeprefix(f"refs/{HEADS}")
    if branch in git.branches:
        raise unusable("Reference already exists")
    if not isinstance(sha, str) or sha not in git.commits:
        raise unusable("Object does not exist")
    if any(_is_in_the_way(branch, other) for other in git.branches):
        raise unusable("Reference update failed")
    git.branches[branch] = sha
    return Said(asked.hub.shapes.ref(branch), 201)


def contents(asked: Asked) -> Said:
    """A file with its content, or what is in a folder."""
    there, path = asked.hub.repository, asked.ids["path"].strip("/")
    name = asked.query.get("ref") or there.default_branch
    tree = _tree(asked, name)
    if path in tree:
        return Said(asked.hub.shapes.whole_file(name, path, tree[path]))
    found = _folder(asked, name, tree, path)
    if path and not found:
        raise not_found()
    return Said(found)


def put(asked: Asked) -> Said:
    """Adds a file, or replaces the one whose sha is given."""
    there, path = asked.hub.repository, _sound(asked.ids["path"])
    branch = asked.fields.get("branch") or there.default_branch
    message, content = _wanted(asked, "message"), _decoded(_wanted(asked, "content"))
    if there.git.branches and branch not in there.git.branches:
        raise Refusal(404, f"Branch {branch} not found")
    known = there.git.head(branch).tree.get(path) if there.git.branches else None
    _check_sha(asked, path, known)
    if not there.git.branches:
        there.git.commit(branch, {}, message, asked.login, asked.hub.clock.now())
    made = asked.hub.desk.push(branch, asked.login, message, path, content)
    shapes = asked.hub.shapes
    body = {"content": shapes.file(branch, path, content), "commit": shapes.commit(made)}
    return Said(body, 200 if known is not None else 201)


def _check_sha(asked: Asked, path: str, known: bytes | None) -> None:
    sha = asked.fields.get("sha")
    if known is not None and not sha:
        raise unusable('Invalid request.\n\n"sha" wasn\'t supplied.')
    if sha and (known is None or blob_sha(known) != sha):
        raise Refusal(409, f"{path} does not match {sha}")


def _wanted(asked: Asked, name: str) -> str:
    given = asked.fields.get(name)
    if not isinstance(given, str) or (name == "message" and not given):
        raise unusable(f'Invalid request.\n\n"{name}" wasn\'t supplied.')
    return given


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise unusable("content is not valid Base64") from None


def _sound(path: str) -> str:
    if any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise unusable("path contains a malformed path component")
    return path


def _tree(asked: Asked, name: str) -> Tree:
    git = asked.hub.repository.git
    if not git.branches:
        raise Refusal(404, "This repository is empty.")
    sha = git.branches.get(name.removeprefix(f"refs/{HEADS}"), name)
    if sha not in git.commits:
        raise Refusal(404, f"No commit found for the ref {name}")
    return git.commits[sha].tree


def _folder(asked: Asked, name: str, tree: Tree, path: str) -> list[Json]:
    before = f"{path}/" if path else ""
    inside = [each for each in sorted(tree) if each.startswith(before)]
    folders = {each.removeprefix(before).partition("/")[0] for each in inside if "/" in each.removeprefix(before)}
    files = [each for each in inside if "/" not in each.removeprefix(before)]
    shapes = asked.hub.shapes
    return [shapes.folder(before + each) for each in sorted(folders)] + [
        shapes.file(name, each, tree[each]) for each in files
    ]


def _must_have_commits(asked: Asked) -> None:
    if not asked.hub.repository.git.branches:
        raise Refusal(409, "Git Repository is empty.")


def _is_in_the_way(branch: str, other: str) -> bool:
    """Git keeps `a` and `a/b` in a file and a folder of the same name."""
    return branch.startswith(f"{other}/") or other.startswith(f"{branch}/")
