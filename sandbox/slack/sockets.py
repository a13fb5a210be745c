"""Socket Mode: tickets, connections, envelopes, acknowledgements.

Each envelope goes to one of the open connections in turn. What nobody acknowledges in three seconds has failed:
the person is told, or `delivery` tries again.
"""

import asyncio
import contextlib
import json
import secrets
import socket
import struct
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.serving.clock import Clock, Timer
from sandbox.slack.errors import NotDelivered
from sandbox.slack.workspace import APP_ID, Json

ACK_SECONDS = 3.0
MAX_OPEN = 10
CONNECTION_SECONDS = 18_060
DEBUG_CONNECTION_SECONDS = 360
REFRESH_GRACE = 2.0
WARNING_GRACE = 10.0
ACKS_KEPT = 20_000
CLOSE_SECONDS = 1.0
NETWORK_SECONDS = 0.02


@dataclass(slots=True)
class InFlight:
    kind: str
    sent: float
    done: asyncio.Future[Json | None]
    timer: Timer
    connection: "Connection"


@dataclass(slots=True, eq=False)
class Connection:
    id: str
    ws: web.WebSocketResponse
    transport: asyncio.Transport
    connected_at: float
    in_flight: set[str] = field(default_factory=set)
    leaving: bool = False
    deaf: bool = False

    async def send(self, message: Json) -> None:
        if not self.deaf and not self.ws.closed:
            await self.ws.send_str(json.dumps(message, separators=(",", ":")))


class Sockets:
    """The app's open connections. `on_change` hears how many there are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tickets: set[str] = set()
        self._open: dict[str, Connection] = {}
        self._turn = 0
        self._in_flight: dict[str, InFlight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.acks: deque[Json] = deque(maxlen=ACKS_KEPT)
        self.on_change: Callable[[int], None] = lambda _: None

    @property
    def connected(self) -> bool:
        return bool(self._open)

    def ticket(self) -> str:
        ticket = str(uuid.uuid4())
        self._tickets.add(ticket)
        return ticket

    def shown(self) -> Json:
        connections = [
            {"id": c.id, "connected_at": c.connected_at, "in_flight": len(c.in_flight)} for c in self._open.values()
        ]
        return {"open": connections, "acks": list(self.acks)}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its ticket to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=403)
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse(compress=False, max_msg_size=0, timeout=CLOSE_SECONDS, autoclose=False)
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        connection = Connection(secrets.token_hex(4), ws, transport, self._clock.now())
        if len(self._open) >= MAX_OPEN:
            await connection.send(_disconnect("too_many_websockets"))
            await ws.close()
            return ws
        self._open[connection.id] = connection
        self.on_change(len(self._open))
        try:
            debug = request.query.get("debug_reconnects") == "true"
            await connection.send(self._hello(debug=debug))
            if debug:
                lifetime = DEBUG_CONNECTION_SECONDS - WARNING_GRACE
                self._clock.call_later(lifetime, lambda: self._say_goodbye(connection, "warning", WARNING_GRACE))
            await self._listen(connection)
        finally:
            self._open.pop(connection.id, None)
            self.on_change(len(self._open))
        return ws

    async def request(self, kind: str, payload: Json, *, answerable: bool, **extra: Any) -> Json | None:
        """Delivers an envelope and waits for its acknowledgement; the payload that came with it.

        Raises NotDelivered: `dispatch_failed` without a connection, `operation_timeout` after three seconds.
        """
        connection = self._next()
        if connection is None:
            raise NotDelivered("dispatch_failed", "The app did not respond: it is not connected.")
        envelope_id = str(uuid.uuid4())
        done: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(ACK_SECONDS, lambda: self._give_up(envelope_id))
        self._in_flight[envelope_id] = InFlight(kind, time.perf_counter(), done, timer, connection)
        connection.in_flight.add(envelope_id)
        envelope = {"envelope_id": envelope_id, "payload": payload, "type": kind}
        # On a connection that is just going away the envelope is lost; the timer will tell.
        with contextlib.suppress(ConnectionError):
            await connection.send(envelope | {"accepts_response_payload": answerable} | extra)
        return await done

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something in the background until it is done or the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._open.values()):
            self._hear(connection)
            await connection.ws.close(code=1001)

    # Faults

    def trouble(self, kind: str) -> bool:
        """Does `kind` to every open connection; False when there is no such kind."""
        act = {
            "refresh": lambda c: self._say_goodbye(c, "refresh_requested", REFRESH_GRACE),
            "warning": lambda c: self._say_goodbye(c, "warning", WARNING_GRACE),
            "too_many": lambda c: self._say_goodbye(c, "too_many_websockets", 0),
            "link_disabled": lambda c: self._say_goodbye(c, "link_disabled", 0),
            "close": lambda c: self.spawn(_closed(c)),
            "eof": lambda c: c.transport.close(),
            "rst": _reset,
            "half_open": self._deafen,
            "heal": self._hear,
        }.get(kind)
        if act is None:
            return False
        for connection in list(self._open.values()):
            act(connection)
        return True

    def _say_goodbye(self, connection: Connection, reason: str, grace: float) -> None:
        connection.leaving = True
        self.spawn(connection.send(_disconnect(reason)))
        self._clock.call_later(grace, lambda: self.spawn(self._part(connection, reason)))

    async def _part(self, connection: Connection, reason: str) -> None:
        if reason == "warning":
            await connection.send(_disconnect("refresh_requested"))
        await connection.ws.close()

    def _deafen(self, connection: Connection) -> None:
        connection.deaf = True
        connection.transport.pause_reading()

    def _hear(self, connection: Connection) -> None:
        if connection.deaf:
            connection.deaf = False
            connection.transport.resume_reading()

    # Envelopes

    def _next(self) -> Connection | None:
        """The connection whose turn it is; those in trouble only while there is no other."""
        connections = [c for c in self._open.values() if not (c.leaving or c.deaf)]
        connections = connections or list(self._open.values())
        if not connections:
            return None
        self._turn += 1
        return connections[self._turn % len(connections)]

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.ws:
            if message.type is WSMsgType.TEXT and not connection.deaf:
                self._acknowledge(message.data)
        # On a real network the answer to a CLOSE takes a moment; clients with two readers behave differently then.
        await asyncio.sleep(NETWORK_SECONDS)
        await connection.ws.close()

    def _acknowledge(self, text: str) -> None:
        try:
            ack = json.loads(text)
        except ValueError:
            return
        if not isinstance(ack, dict):
            return
        flight = self._in_flight.pop(str(ack.get("envelope_id")), None)
        if flight is None:
            return
        latency = (time.perf_counter() - flight.sent) * 1000
        flight.timer.cancel()
        flight.connection.in_flight.discard(ack["envelope_id"])
        payload = ack.get("payload")
        self.acks.append(
            {
                "envelope_id": ack["envelope_id"],
                "type": flight.kind,
                "at": self._clock.now(),
                "latency_ms": round(latency, 3),
                "payload": payload,
            }
        )
        if not flight.done.done():
            flight.done.set_result(payload if isinstance(payload, dict) else None)

    def _give_up(self, envelope_id: str) -> None:
        flight = self._in_flight.pop(envelope_id, None)
        if flight is None:
            return
        flight.connection.in_flight.discard(envelope_id)
        if not flight.done.done():
            flight.done.set_exception(NotDelivered("operation_timeout", "The app did not respond in time."))

    def _hello(self, *, debug: bool) -> Json:
        seconds = DEBUG_CONNECTION_SECONDS if debug else CONNECTION_SECONDS
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": {
                "host": "applink-sandbox",
                "build_number": 1,
                "approximate_connection_time": seconds,
            },
            "connection_info": {"app_id": APP_ID},
        }


async def _closed(connection: Connection) -> None:
    await connection.ws.close()


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-sandbox"}}


def _reset(connection: Connection) -> None:
    """Ends the TCP connection with RST instead of FIN."""
    raw = connection.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()
