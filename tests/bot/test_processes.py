"""Names of processes, and which of them are certainly dead."""

from __future__ import annotations

import os
import subprocess
import sys

from bot.processes import is_dead, this_process


def test_a_process_gets_another_name_each_time_and_is_not_dead_to_itself() -> None:
    me, another = this_process(), this_process()
    assert me != another
    assert f":{os.getpid()}:" in me
    assert not is_dead(me, me)


def test_another_process_with_my_number_was_before_me() -> None:
    assert is_dead(this_process(), this_process())


def test_a_process_that_ended_on_this_host_is_dead_and_one_that_runs_is_not() -> None:
    me = this_process()
    host, _, _ = me.rsplit(":", 2)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        name = f"{host}:{other.pid}:0123abcd"
        assert not is_dead(name, me)
        other.communicate(b"\n")
    assert is_dead(name, me)


def test_of_a_process_on_another_host_nothing_is_known() -> None:
    me = this_process()
    _, pid, _ = me.rsplit(":", 2)
    assert not is_dead("elsewhere:1:0123abcd", me)
    assert not is_dead(f"elsewhere:{pid}:0123abcd", me)
    assert not is_dead("elsewhere:999999999:0123abcd", me)


def test_a_host_name_may_have_colons() -> None:
    assert not is_dead("fe80::1:77:0123abcd", "fe80::1:78:4567cdef") or is_dead(
        "fe80::1:999999:0123abcd", "fe80::1:78:4567cdef"
    )
    assert is_dead("fe80::1:78:0123abcd", "fe80::1:78:4567cdef"), "same host, same number, earlier"
    assert not is_dead("fe80::2:78:0123abcd", "fe80::1:78:4567cdef")
