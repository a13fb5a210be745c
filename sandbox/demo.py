"""`make demo`: a local workspace, and the real bot as a process of its own, given only the environment contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from sandbox.slack.thread import SandboxServer

PORT = 8090
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LOG_LEVEL")


def main() -> int:
    """The exit code: 0 after Ctrl-C, 1 when the port is taken."""
    port = int(os.environ.get("DEMO_PORT", PORT))
    try:
        return _run(port)
    except OSError as error:
        print(f"Port {port} can't be used ({error.strerror}). Try another one: DEMO_PORT={port + 1} make demo")
        return 1


def _run(port: int) -> int:
    """Run until Ctrl-C; restart the bot when it ends by itself (kill it to see that nothing is lost)."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="aiops-demo-") as folder, SandboxServer(port=port) as server:
        environment = bot_environment(server.api_url, Path(folder))
        bot = _start(environment)
        print(f"\n  Open {server.url} and type /incident declare\n  Ctrl-C ends it.\n", flush=True)
        while not stop.wait(1.0):
            if bot.poll() is not None:
                print(f"The bot ended (exit code {bot.returncode}); starting it again.", flush=True)
                bot = _start(environment)
        bot.send_signal(signal.SIGTERM)
        bot.wait(timeout=15)
    return 0


def bot_environment(api_url: str, folder: Path) -> dict[str, str]:
    """The variables an operator would set, with the sandbox's values."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **kept,
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_APP_TOKEN": "xapp-sandbox",
        "SLACK_API_URL": api_url,
        "DATABASE_URL": f"sqlite:///{folder / 'aiops.db'}",
        "LOG_FORMAT": "text",
    }


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bot"], env=environment, cwd=Path(__file__).parent.parent)


if __name__ == "__main__":
    sys.exit(main())
