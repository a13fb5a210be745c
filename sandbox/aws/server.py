"""AWS in a thread of its own, for tests, benchmarks and the demo: `with AwsServer() as aws: …`"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import MotoRequestHandler
from moto.sqs.models import sqs_backends
from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer

from sandbox.aws import bus, capacity, databases, edge, functions, identity, knobs, moves, queues, topics, trail
from sandbox.aws.automation import controls as automation_controls
from sandbox.aws.automation import operations as automation_operations
from sandbox.aws.automation.runner import EXECUTIONS
from sandbox.aws.calllog import CallLog
from sandbox.aws.clock import CLOCK
from sandbox.aws.cloudwatch import operations, watch
from sandbox.aws.cloudwatch.alarms import Alarm
from sandbox.aws.control import Controls, Json
from sandbox.aws.ecs import fleet
from sandbox.aws.ecs import operations as ecs_operations
from sandbox.aws.faults import Faults
from sandbox.aws.gateway import Gateway
from sandbox.aws.health import HEALTH
from sandbox.aws.logs import operations as logs_operations
from sandbox.aws.trail import TRAIL
from sandbox.aws.xray.traces import TRACES

ACCOUNT = "123456789012"
REGION = "us-east-1"
SHOP_KEY = identity.SHOP_KEY
BOT_KEY = identity.BOT_KEY
SECRET = "sandbox"
BACKLOG = 512
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # nobody here starts a machine, and they take long
POLL_SECONDS = 0.02  # how soon the server notices that it is to stop


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The call log tells more."""

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        if isinstance(self.server, _Server):
            self.server.connections.add(self.connection)

    def finish(self) -> None:
        if isinstance(self.server, _Server):
            self.server.connections.discard(self.connection)
        super().finish()


class _Server(ThreadedWSGIServer):
    request_queue_size = BACKLOG

    def __init__(self, host: str, port: int, app: Any) -> None:
        self.connections: set[socket.socket] = set()
        BaseWSGIServer.__init__(self, host, port, app, _Handler)

    def hang_up(self) -> None:
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it is gone already


class AwsServer:
    """One at a time in a process: moto keeps its accounts in module globals, and starting one empties them.

    Alarms are evaluated by `tick()`; with `every` a thread ticks each so many seconds. `speed` says how much shorter
    than stated the periods of alarms are. What is given to `before_tick` runs first: that is where metrics come from.
    """

    def __init__(self, port: int = 0, every: float | None = None, speed: float = 1.0) -> None:
        self.url = ""
        self.controls = Controls()
        self.log = CallLog()
        self.trail, self.health, self.traces = TRAIL, HEALTH, TRACES
        self.faults = Faults(spared=identity.SHOPS)
        self._every, self._speed, self._port = every, speed, port
        self._before: list[Callable[[float], None]] = []
        self._on_reset: list[Callable[[], object]] = []
        self._ended = threading.Event()

    @classmethod
    def lively(cls, port: int = 0) -> "AwsServer":
        """For people to watch: a stated minute lasts two seconds."""
        return cls(port, every=2.0, speed=30.0)

    def start(self) -> "AwsServer":
        for extension in (
            operations,
            queues,
            moves,
            topics,
            bus,
            trail,
            logs_operations,
            ecs_operations,
            automation_operations,
        ):
            extension.install()
        for bounds in (capacity, functions, databases, edge, identity):
            bounds.install()
        self._fresh()
        self._add_controls()
        self._server = _Server("127.0.0.1", self._port, Gateway(self.log, self.faults, self.controls))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        EXECUTIONS.open(self.url)
        self._serving = _started("aws", partial(self._server.serve_forever, POLL_SECONDS))
        self._ticking = _started("aws-alarms", self._tick_on) if self._every else None
        return self

    def stop(self) -> None:
        """The alarms first: making metrics needs a server."""
        self._ended.set()
        if self._ticking:
            self._ticking.join()
        EXECUTIONS.close()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._serving.join()

    def __enter__(self) -> "AwsServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def credentials(self, key: str = BOT_KEY) -> dict[str, str]:
        """What boto3.client takes to come here."""
        return {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": key,
            "aws_secret_access_key": SECRET,
        }

    def before_tick(self, do: Callable[[float], None]) -> None:
        self._before.append(do)

    def after_reset(self, do: Callable[[], object]) -> None:
        self._on_reset.append(do)

    def tick(self, now: float | None = None) -> None:
        """Tasks start and stop, metrics are made, then every alarm is looked at."""
        at = CLOCK.now() if now is None else now
        fleet.tick(at)
        for do in self._before:
            do(at)
        watch.tick(at)

    def alarms(self) -> list[Alarm]:
        return [alarm for w in watch.watches() for alarm in w.alarms.values()]

    def alarm(self, name: str) -> Alarm | None:
        return next((w.alarms[name] for w in watch.watches() if name in w.alarms), None)

    def advance(self, seconds: float) -> None:
        """Moves the clock: visibility timeouts, delays, time stamps."""
        CLOCK.advance(seconds)

    def left(self, queue_url: str) -> int:
        """How many messages wait there or are hidden; cheaper than a call, for who asks again and again."""
        queue = sqs_backends[ACCOUNT][REGION].get_queue(queue_url.rpartition("/")[2])
        return int(queue.approximate_number_of_messages + queue.approximate_number_of_messages_not_visible)

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Meanwhile polls of queues are answered at once, those that wait already too."""
        queues.HASTE.set()
        CLOCK.advance(0)
        try:
            yield
        finally:
            queues.HASTE.clear()

    def reset(self) -> None:
        """A new AWS; who provisioned the old one is told to do it again."""
        EXECUTIONS.reset()
        self._fresh()
        for do in self._on_reset:
            do()

    def _fresh(self) -> None:
        with watch.LOCK, fleet.LOCK:
            BackendDict.reset()
            reset_model_data()
            CLOCK.reset(self._speed)
            self.faults.clear()
            self.log.clear()
            bus.UNDELIVERED.clear()
            knobs.reset()

    def _tick_on(self) -> None:
        """A tick that fails is reported and not the last one."""
        while not self._ended.wait(self._every):
            try:
                self.tick()
            except Exception:
                logging.getLogger(__name__).exception("the alarms could not be looked at")

    def _add_controls(self) -> None:
        add = self.controls.add
        add("GET", "log", self._show_log)
        add("POST", "fault", self._fault)
        add("POST", "faults/clear", self._clear_faults)
        add("POST", "clock", self._clock)
        add("POST", "tick", self._tick)
        add("POST", "reset", self._reset)
        for method, path, turn in knobs.controls():
            add(method, path, turn)
        add("GET", "alarms", lambda _: {"alarms": [a.shown() for a in self.alarms()]})
        add("GET", "automation", automation_controls.show)
        add("POST", "automation", automation_controls.turn)
        add("GET", "undelivered", lambda _: {"events": list(bus.UNDELIVERED)})

    def _show_log(self, given: Json) -> Json:
        wanted = {name: given[name] for name in ("service", "operation", "caller") if name in given}
        return {"calls": self.log.since(int(given.get("since", 0)), **wanted), "n": self.log.n}

    def _fault(self, given: Json) -> Json:
        self.faults.add(given)
        return {}

    def _clear_faults(self, _: Json) -> Json:
        self.faults.clear()
        EXECUTIONS.release()
        return {}

    def _clock(self, given: Json) -> Json:
        seconds = float(given.get("advance", 0))
        if seconds < 0:
            raise ValueError("The clock only moves forward.")
        self.advance(seconds)
        return {"now": CLOCK.now()}

    def _tick(self, given: Json) -> Json:
        self.tick(given.get("now"))
        return {}

    def _reset(self, _: Json) -> Json:
        self.reset()
        return {}


def _started(name: str, run: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
