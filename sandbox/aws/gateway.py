"""The way in: faults, the log, the locks that moto needs, and the controls, before moto's own application."""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from sandbox.aws import control, own, queues
from sandbox.aws.calllog import CallLog
from sandbox.aws.clock import CLOCK
from sandbox.aws.cloudwatch import watch
from sandbox.aws.ecs import fleet
from sandbox.aws.faults import Fault, Faults
from sandbox.aws.refusals import Refusal, refusal, status_line, throttled
from sandbox.aws.request import Call, identify, read_body
from sandbox.aws.trail import TRAIL

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
ONE_AT_A_TIME = ("dynamodb", "sns", "events", "rds")  # moto's backends are not safe with threads


class _Moto(DomainDispatcherApplication):
    """moto lists its own folder for every call, to find out which service a host is."""

    def __init__(self) -> None:
        super().__init__(own.create_app)
        self._known: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._known:
            self._known[host] = own.service_of(host) or super().get_backend_for_host(host)
        return self._known[host]


class Gateway:
    """A WSGI application. SQS has its own locks: its calls may wait for twenty seconds."""

    def __init__(self, log: CallLog, faults: Faults, controls: control.Controls) -> None:
        self._moto = _Moto()
        self._log = log
        self._faults = faults
        self._controls = controls
        self._locks: dict[str, AbstractContextManager[Any]] = {name: threading.RLock() for name in ONE_AT_A_TIME}
        self._locks |= {"monitoring": watch.LOCK, "ecs": fleet.LOCK}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(control.PREFIX):
            return self._controls.answer(environ, start_response)
        body = read_body(environ)
        call = identify(environ, body)
        if call is None:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        return self._serve(call, environ, start_response)

    def _serve(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        at, started = CLOCK.now(), time.monotonic()
        fault = self._faults.take(call)
        kind = fault.kind if fault else None

        def note(status: int, error: str | None = None) -> None:
            self._log.add(call, at, time.monotonic() - started, status, error, kind)

        if fault:
            if fault.kind == "delay":
                time.sleep(fault.seconds)
            if fault.kind == "drop_before":
                note(0)
                raise _hung_up(environ)
            if refused := _refused(call, fault):
                status, headers, data = refused
                note(int(status[:3]), fault.error if fault.kind == "error" else throttled(call))
                start_response(status, headers)
                return [data]
        status, headers, chunks = self._ask(call, environ)
        TRAIL.record(call, _error(headers) if status[0] in "45" else None, b"".join(chunks))
        if kind == "drop_after":
            note(0)
            raise _hung_up(environ)
        note(int(status[:3]), _error(headers) if status[0] in "45" else None)
        start_response(status, headers)
        return chunks

    def _ask(self, call: Call, environ: Environ) -> tuple[str, list[tuple[str, str]], list[bytes]]:
        head: list[Any] = ["500 Internal Server Error", []]

        def remember(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            head[:] = [status, headers]

        queues.LISTENING.set(lambda: _is_there(environ["werkzeug.socket"]))
        with self._locks.get(call.service, nullcontext()):
            chunks = list(self._moto(environ, remember))
        return str(head[0]), list(head[1]), chunks


def _refused(call: Call, fault: Fault) -> Refusal | None:
    match fault.kind:
        case "error":
            return refusal(call, fault.error, fault.message, fault.status)
        case "throttle":
            return refusal(call, throttled(call), "Rate exceeded", fault.status)
        case "http":
            return status_line(fault.status or 500), [("Content-Length", "0")], b""
    return None


def _is_there(connection: socket.socket) -> bool:
    """An end that can be read without waiting has hung up: nobody sends a second request before the first's answer."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _hung_up(environ: Environ) -> ConnectionAbortedError:
    """The caller gets no answer: werkzeug takes this for a connection that was lost."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError("dropped on request")


def _error(headers: list[tuple[str, str]]) -> str | None:
    kind = next((v for k, v in headers if k.lower() == "x-amzn-errortype"), None)
    return kind.rsplit("#", 1)[-1] if kind else None
