"""python -m sandbox.slack --port 8090: the workspace on its own, without a bot."""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from sandbox.slack.server import create_app
from sandbox.slack.thread import start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.slack", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free port (default: %(default)s)")
    parser.add_argument("--manifest", type=Path, help="the app's manifest (default: manifest.yml of this project)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.host, options.port, options.manifest))


async def _serve(host: str, port: int, manifest: Path | None) -> None:
    runner, address = await start(create_app(manifest), host, port)
    print(f"workspace at {address}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
