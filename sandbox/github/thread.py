"""The repository in a thread of its own, for tests and the demo: `with GitHubServer() as github: …`"""

from sandbox.github.cast import NAME, OWNER
from sandbox.github.server import create_app
from sandbox.github.state import GitHub
from sandbox.serving.clock import Clock
from sandbox.serving.running import ServerThread


class GitHubServer(ServerThread):
    """`url` is the base of the API and the page's address."""

    repository = f"{OWNER}/{NAME}"

    def __init__(self, port: int = 0, *, clock: Clock | None = None) -> None:
        super().__init__(create_app(GitHub(clock)), "github", port)
