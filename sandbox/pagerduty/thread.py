"""The account in a thread of its own, for tests and the demo: `with PagerDutyServer() as pagerduty: …`"""

import asyncio
import json
import threading
import urllib.request
from types import TracebackType

from aiohttp import web

from sandbox.pagerduty.account import Json
from sandbox.pagerduty.partner import Deliver
from sandbox.pagerduty.server import create_app
from sandbox.pagerduty.state import PagerDuty
from sandbox.slack.clock import Clock

SHUTDOWN_SECONDS = 1.0
PATIENCE_SECONDS = 10.0


async def start(duty: PagerDuty, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Starts listening (port 0: any free one); the runner to clean up, and the address."""
    runner = web.AppRunner(create_app(duty), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    address = f"http://{host}:{runner.addresses[0][1]}"
    duty.listens_at(address)
    return runner, address


class PagerDutyServer:
    """`deliver` gets every partner event, in order, in a thread of its own; `keys` are integration keys by service."""

    def __init__(
        self,
        port: int = 0,
        deliver: Deliver | None = None,
        *,
        clock: Clock | None = None,
        keys: dict[str, str] | None = None,
        auto_escalate_after: float | None = None,
    ) -> None:
        self.url = ""
        self._duty = PagerDuty(deliver, clock, keys)
        self._duty.auto_escalate_after = self._duty.desk.auto_escalate_after = auto_escalate_after
        self._port = port
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="pagerduty", daemon=True)

    def start(self) -> "PagerDutyServer":
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stops listening, and waits until every event has been handed over."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._duty.partner.stop()

    def settle(self) -> None:
        """Waits until what happened so far has been delivered."""
        self._duty.partner.settle()

    def show(self, path: str) -> Json:
        """GET /control/<path>."""
        with urllib.request.urlopen(f"{self.url}/control/{path}", timeout=PATIENCE_SECONDS) as answer:
            return dict(json.load(answer))

    def control(self, path: str, /, **body: object) -> Json:
        """POST /control/<path>."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/control/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return dict(json.load(answer))

    def __enter__(self) -> "PagerDutyServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            runner, self.url = await start(self._duty, "127.0.0.1", self._port)
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        self._duty.stop()
        await runner.cleanup()
