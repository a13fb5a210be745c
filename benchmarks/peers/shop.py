"""The local AWS with the shop in it, as a process. `python -m benchmarks.peers.shop <config file>`

Writes the config file that the shop's operators would write, then prints its environment as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from sandbox.aws.server import AwsServer
from sandbox.shop import config
from sandbox.shop.shop import Shop

SPEED = 30.0


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with AwsServer(every=1.0, speed=SPEED) as aws, Shop(aws) as shop:
        shop.provision()
        config.write(shop.made, Path(sys.argv[1]), SPEED)
        print(json.dumps(shop.environment), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
