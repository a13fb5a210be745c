"""python -m sandbox.pagerduty --port 8091: the account on its own, delivering its events nowhere."""

import argparse
import asyncio
import contextlib
import signal

from sandbox.pagerduty.state import PagerDuty
from sandbox.pagerduty.thread import start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.pagerduty", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8091, help="0 takes any free port (default: %(default)s)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.host, options.port))


async def _serve(host: str, port: int) -> None:
    duty = PagerDuty()
    runner, address = await start(duty, host, port)
    print(f"pagerduty at {address}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    duty.stop()
    duty.partner.stop()
    await runner.cleanup()


if __name__ == "__main__":
    main()
