"""`python -m sandbox.aws [port]`: this AWS alone, its alarms evaluated every two seconds, until Ctrl-C."""

import signal
import sys
import threading

from sandbox.aws.server import AwsServer

PORT = 8092


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with AwsServer.lively(int(sys.argv[1]) if len(sys.argv) > 1 else PORT) as aws:
        print(f"AWS at {aws.url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
