"""A server in a thread of its own, for tests and the demo, or as a process of its own."""

import argparse
import asyncio
import contextlib
import json
import signal
import threading
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

LISTENS_AT: web.AppKey[Callable[[str], None]] = web.AppKey("listens_at")
"""Every application has one: it is told the address, which its answers may name."""

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1.0
PATIENCE_SECONDS = 10.0


class ServerThread:
    """`with ServerThread(app, "name") as server: …`; port 0: any free one. The application ends what it began."""

    def __init__(self, app: web.Application, name: str, port: int = 0) -> None:
        self.url = ""
        self._app = app
        self._port = port
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=name, daemon=True)

    def start(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def show(self, path: str) -> dict[str, Any]:
        """GET /control/<path>."""
        return _asked(urllib.request.Request(f"{self.url}/control/{path}"))

    def control(self, path: str, /, **body: object) -> dict[str, Any]:
        """POST /control/<path>."""
        headers = {"Content-Type": "application/json"}
        return _asked(urllib.request.Request(f"{self.url}/control/{path}", json.dumps(body).encode(), headers))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            runner, self.url = await listen(self._app, HOST, self._port)
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


def _asked(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return dict(json.load(answer))


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Starts listening; the runner to clean up, and the address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    address = f"http://{host}:{runner.addresses[0][1]}"
    app[LISTENS_AT](address)
    return runner, address


def options(package: str, description: str | None, port: int) -> argparse.ArgumentParser:
    """Those of `python -m <package>`."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=port, help="0 takes any free port (default: %(default)s)")
    return parser


def serve(app: web.Application, what: str, host: str, port: int) -> None:
    """Until Ctrl-C or a SIGTERM. Says where `what` is."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_until_stopped(app, what, host, port))


async def _until_stopped(app: web.Application, what: str, host: str, port: int) -> None:
    runner, address = await listen(app, host, port)
    print(f"{what} at {address}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()
