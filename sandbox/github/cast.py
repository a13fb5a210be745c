"""What is there when the server starts: the people of the workspace, and a repository with two files."""

from sandbox.github.repository import Access, Label, Repository, User

OWNER, NAME = "shop", "operations"
ROBOT = "aiops-bot"
ANA, BOB, CY, DEE = "ana-duarte", "bob-okafor", "cy-lindqvist", "dee-rahman"
PASSER_BY = "passer-by"

USERS = (
    User(ROBOT, "AIOps Bot", 1, "COLLABORATOR"),
    User(ANA, "Ana Duarte", 2),
    User(BOB, "Bob Okafor", 3),
    User(CY, "Cy Lindqvist", 4),
    User(DEE, "Dee Rahman", 5, "OWNER"),
    User(PASSER_BY, "Somebody from outside", 6, "NONE"),
)
LABELS = (Label("bug", "d73a4a", "Something isn't working"), Label("documentation", "0075ca", "Improvements to docs"))
FILES = {
    "README.md": b"# operations\n\nPost-mortems and what follows from them.\n",
    "docs/post-mortems/README.md": b"# Post-mortems\n\nOne file for each incident.\n",
}
PERMISSIONS = {"metadata": "read", "issues": "write", "contents": "write", "pull_requests": "write"}


def open_repository(at: float) -> Repository:
    repository = Repository(4711, OWNER, NAME)
    repository.users = {user.login: user for user in USERS}
    repository.labels = {label.name: label for label in LABELS}
    repository.git.commit(repository.default_branch, dict(FILES), "First commit", DEE, at)
    return repository


def full_access() -> Access:
    return Access(permissions=dict(PERMISSIONS))
