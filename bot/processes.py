"""Names for processes in claims, and whether the one behind a name is certainly dead."""

from __future__ import annotations

import os
import socket
import uuid


def this_process() -> str:
    """`host:pid:nonce`; the nonce tells a process from an earlier one with the same pid."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def is_dead(name: str, me: str) -> bool:
    """True only where it can be known: the same host, and its pid is free or is mine by now."""
    host, pid, _ = name.rsplit(":", 2)
    my_host, my_pid, _ = me.rsplit(":", 2)
    if name == me or host != my_host:
        return False
    return pid == my_pid or not _runs(int(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
