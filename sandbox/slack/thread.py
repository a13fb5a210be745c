"""The server in a thread of its own, for tests and benchmarks: `with SandboxServer() as server: …`"""

import asyncio
import threading
from pathlib import Path
from types import TracebackType

from aiohttp import web

from sandbox.slack.server import create_app
from sandbox.slack.state import SLACK

SHUTDOWN_SECONDS = 1.0


async def start(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Starts listening (port 0: any free one); the runner to clean up, and the address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    port = runner.addresses[0][1]
    address = f"http://{host}:{port}"
    app[SLACK].base_url = address
    return runner, address


class SandboxServer:
    """`world`: where the shop's AWS and PagerDuty are (`{"aws": url, "pagerduty": url}`), for the page's panel."""

    def __init__(self, manifest: Path | None = None, port: int = 0, world: dict[str, str] | None = None) -> None:
        self.url = ""
        self._app = create_app(manifest)
        self._app[SLACK].world = dict(world or {})
        self._port = port
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="sandbox", daemon=True)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def start(self) -> "SandboxServer":
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> "SandboxServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            runner, self.url = await start(self._app, "127.0.0.1", self._port)
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
