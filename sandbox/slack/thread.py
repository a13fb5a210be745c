"""The workspace in a thread of its own, for tests and the demo: `with SandboxServer() as server: …`"""

from pathlib import Path

from sandbox.serving.running import ServerThread
from sandbox.slack.server import create_app
from sandbox.slack.state import SLACK


class SandboxServer(ServerThread):
    """`world`: where the shop's AWS, PagerDuty and GitHub are, by name in small letters, for the page's panel."""

    def __init__(self, manifest: Path | None = None, port: int = 0, world: dict[str, str] | None = None) -> None:
        app = create_app(manifest)
        app[SLACK].world = dict(world or {})
        super().__init__(app, "sandbox", port)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"
