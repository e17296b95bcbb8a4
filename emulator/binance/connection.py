"""One client's WebSocket: what is sent to it, and the faults on the way."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import WSMsgType, web

from emulator.accounts import Account
from emulator.faults import Fault, Faults

_OUTBOX = 20_000  # messages waiting for one slow client before it is cut, as the real venue does


@dataclass(eq=False, slots=True)
class Connection:
    """One client's socket. Faults strike between its outbox and the wire."""

    socket: web.WebSocketResponse
    faults: Faults
    combined: bool = False  # messages come wrapped as {"stream": ..., "data": ...}
    streams: set[str] = field(default_factory=set)
    users: dict[int, Account] = field(default_factory=dict)  # subscription id -> account, of the WebSocket API
    outbox: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_OUTBOX))
    sent: int = 0
    _held: bytes | None = None
    _silent: bool = False

    def send(self, stream: str, payload: bytes, event: str = "", client_id: str = "") -> None:
        """Queue one message of a stream, as far as the faults let it. `event` and `client_id` say what it is about."""
        if self._silent:
            return
        if self.combined:
            payload = b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"
        armed = self.faults.on_message(stream, event, client_id)
        held, self._held = self._held, None
        match armed.fault if armed else None:
            case Fault.GAP:
                self._held, held = held, None  # what waits for the next message waits for one that is sent
            case Fault.DUPLICATE:
                self.queue(payload)
                self.queue(payload)
            case Fault.REORDER:
                self._held = payload
            case Fault.SILENCE:
                self._silent = True
            case Fault.CUT_STREAM:
                self.queue(None)
            case Fault.BROKEN_FRAME:
                self.queue(payload[: len(payload) // 2])
                self.queue(payload)
            case Fault.CROSSED:
                self.queue(_crossed(payload))
            case _:
                self.queue(payload)
        if held is not None:
            self.queue(held)

    def queue(self, payload: bytes | None) -> None:
        try:
            self.outbox.put_nowait(payload)
        except asyncio.QueueFull:
            while not self.outbox.empty():
                self.outbox.get_nowait()
            self.outbox.put_nowait(None)

    async def write(self) -> None:
        """Empty the outbox until the client leaves or None is found in it."""
        while (payload := await self.outbox.get()) is not None:
            await self.socket.send_str(payload.decode())
            self.sent += 1
        transport = self.socket._req.transport if self.socket._req else None
        if transport is not None:
            transport.abort()

    async def receive(self, on_text: Callable[["Connection", str], None]) -> None:
        """Talk with the client until it leaves."""
        writer = asyncio.ensure_future(self.write())
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    on_text(self, message.data)
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer


def _crossed(payload: bytes) -> bytes:
    """The same message with a bid far above every ask."""
    message = orjson.loads(payload)
    body = message.get("data", message)
    if body.get("b") or body.get("a"):
        level = (body["a"] or body["b"])[0]
        body["b"] = [[f"{float(level[0]) * 1.5:.8f}", "1.00000000"], *body["b"]]
    return orjson.dumps(message)
