"""Makes a service misbehave on purpose: sends it requests until its alarms see errors, latency or load.

Only the host on the command line gets requests: no redirect is followed, no proxy is asked. Rate and time are bounded.

examples:
  python scripts/generate_anomaly.py $ALB_DNS
  python scripts/generate_anomaly.py $ALB_DNS --kind latency --rate 50 --seconds 120
  python scripts/generate_anomaly.py https://staging.example.com --kind errors --path /checkout?fail=1 --yes

Which address makes a service fail is the service's own matter: without --path it is /error, /slow or /cpu by --kind.
What the answers were is told at the end, also after Ctrl-C.

exit codes: 0 done · 1 nobody answers there, or none of the answers was of that kind · 2 wrong argument ·
130 stopped by Ctrl-C
"""

from __future__ import annotations

import argparse
import http.client
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

EXIT_NO_EFFECT, EXIT_USAGE, EXIT_STOPPED = 1, 2, 130
PATHS = {"errors": "/error", "latency": "/slow", "cpu": "/cpu"}
MAX_RATE, MAX_SECONDS = 100.0, 600.0
MAX_OPEN = 100
MAX_BODY = 64 * 1024
TIMEOUT = 10.0
SLOW = 1.0
"""Seconds: an answer that took longer counts as slow."""
GIVE_UP = 10
"""So many requests without any answer: there is nobody."""
_PLAIN = re.compile(r"[!-~]+")  # no blanks, nothing but ASCII: what can stand in a request's first line
AGENT = "aiops-bot-generate-anomaly"


class Target(NamedTuple):
    """The one host that gets requests."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        usual = {"http": 80, "https": 443}[self.scheme] == self.port
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown}{'' if usual else f':{self.port}'}{self.path}"


class Tally:
    """What came back; filled by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = self.skipped = 0
        self.statuses: Counter[str] = Counter()
        self.times: list[float] = []

    def add(self, status: str, seconds: float | None) -> None:
        with self._lock:
            self.statuses[status] += 1
            if seconds is not None:
                self.times.append(seconds)

    @property
    def is_in_vain(self) -> bool:
        return not self.times and sum(self.statuses.values()) >= GIVE_UP

    def made(self, kind: str) -> int:
        """How many answers were what an alarm of that kind looks for."""
        if kind == "errors":
            return sum(count for status, count in self.statuses.items() if status.startswith("5"))
        return sum(seconds > SLOW for seconds in self.times) if kind == "latency" else len(self.times)

    def __str__(self) -> str:
        answers = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items())) or "none"
        lines = [f"{self.sent} requests sent; answers: {answers}"]
        if self.times:
            ordered = sorted(self.times)
            p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
            lines.append(f"answered within {p50:.2f} s (half), {p99:.2f} s (99 %), {ordered[-1]:.2f} s (all)")
        if self.skipped:
            lines.append(f"{self.skipped} not sent: {MAX_OPEN} were still waiting for an answer")
        waiting = self.sent - sum(self.statuses.values())
        return "\n".join([*lines, *([f"{waiting} without an answer yet"] if waiting else [])])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.address is None:
        parser.error("no address: name the load balancer, python scripts/generate_anomaly.py $ALB_DNS (is it set?)")
    target: Target = given.address
    target = target._replace(path=given.path or target.path or PATHS[given.kind])
    try:
        addresses = sorted({str(found[4][0]) for found in socket.getaddrinfo(target.host, target.port)})
    except OSError as error:
        return _complain(f"{target.host}: there is no such host ({error}). Is it the load balancer's DNS name?")
    print(f"{given.rate:g} requests a second for {given.seconds:g} s to {target} ({', '.join(addresses)})", flush=True)
    if not given.yes and not _confirmed(target.host):
        return _complain("nothing was sent; to start without being asked, add --yes")
    tally = Tally()
    try:
        send(target, given.rate, given.seconds, tally)
    except KeyboardInterrupt:
        print(f"\nstopped by Ctrl-C\n{tally}")
        return EXIT_STOPPED
    print(tally)
    return _verdict(given.kind, target, tally)


def send(target: Target, rate: float, seconds: float, tally: Tally) -> None:
    """A request each 1/rate s. One that is due while MAX_OPEN are open is left out: no burst follows a pause."""
    slots = threading.Semaphore(MAX_OPEN)
    started = time.monotonic()
    for number in range(max(round(rate * seconds), 1)):
        time.sleep(max(started + number / rate - time.monotonic(), 0))
        if time.monotonic() - started > seconds or tally.is_in_vain:
            break
        if not slots.acquire(blocking=False):
            tally.skipped += 1
            continue
        tally.sent += 1
        threading.Thread(target=_ask, args=(target, tally, slots), daemon=True).start()  # daemon: Ctrl-C need not wait
    last = time.monotonic() + TIMEOUT
    for _ in range(MAX_OPEN):  # all slots free: every answer is there
        slots.acquire(timeout=max(last - time.monotonic(), 0))


def _ask(target: Target, tally: Tally, slots: threading.Semaphore) -> None:
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.host, target.port, timeout=TIMEOUT)
    started = time.monotonic()
    try:
        connection.connect()
        tally.add(_answer(connection, target.path), time.monotonic() - started)
    except (OSError, http.client.HTTPException) as error:
        tally.add(f"no answer ({type(error).__name__})", None)
    finally:
        connection.close()
        slots.release()


def _answer(connection: http.client.HTTPConnection, path: str) -> str:
    """The status; somebody who takes the connection and says nothing is as slow as can be, but there."""
    try:
        connection.request("GET", path, headers={"User-Agent": AGENT})
        answer = connection.getresponse()
        answer.read(MAX_BODY)
    except TimeoutError:
        return f"timeout after {TIMEOUT:g} s"
    return str(answer.status)


def _verdict(kind: str, target: Target, tally: Tally) -> int:
    made = tally.made(kind)
    if made:
        print(f"{made} of them make the anomaly; its alarm needs a period or two")
        return 0
    if not tally.times:
        hint = f"nobody answers at {target.scheme}://{target.host}:{target.port}: is its listener on that port?"
    elif any(status.startswith("3") for status in tally.statuses):
        hint = "redirects are not followed: name the address that they lead to"
    else:
        missed = "was a 5xx" if kind == "errors" else f"took longer than {SLOW:g} s"
        hint = f"no answer {missed}: name an address of the service that does it, with --path"
    print(f"no anomaly: {hint}", file=sys.stderr)
    return EXIT_NO_EFFECT


def _confirmed(host: str) -> bool:
    """Somebody at the keyboard types the host; a script says --yes."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"It may really harm it. Type {host} to start: ").strip().lower() == host.lower()
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("address", nargs="?", type=_target, help="the load balancer's DNS name, or http(s)://host[:port][/path]")
    add("--kind", choices=tuple(PATHS), default="errors", help="what the answers should show (errors)")
    add("--rate", type=_up_to(MAX_RATE, "requests a second"), default=20.0, metavar="N", help="a second, to 100 (20)")
    add("--seconds", type=_up_to(MAX_SECONDS, "seconds"), default=60.0, metavar="N", help="how long, to 600 (60)")
    add("--path", type=_path, metavar="/PATH", help="what is asked for, in place of the kind's own")
    add("--yes", action="store_true", help="do not ask before it starts")
    return parser


def _target(text: str) -> Target:
    """What was named, checked; http where no scheme stands."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if not port or not parts.hostname or parts.username or parts.fragment or _PLAIN.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"“{text}”: a DNS name, or http(s)://host[:port][/path] without user and #")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path.removesuffix("/") and parts.path
    return Target(parts.scheme, parts.hostname, port, path)


def _path(text: str) -> str:
    if not text.startswith("/") or _PLAIN.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"“{text}”: begins with / and has no blanks, like /checkout?fail=1")
    return text


def _up_to(most: float, what: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"“{text}”: more than 0 and at most {most:g} {what}")
        return value

    return number


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
