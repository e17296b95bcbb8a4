"""The web server around the venue: requests in, answers out, and the faults in between."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from core.ports import Clock
from emulator.acting import acting
from emulator.binance.budget import ORDERS_10S, WEIGHT
from emulator.binance.dialect import Binance
from emulator.bybit.dialect import Bybit
from emulator.calls import Answer, Call, Route
from emulator.clock import START_MS, VenueClock
from emulator.control import Control
from emulator.exchange import API_KEY, API_SECRET, Exchange
from emulator.faults import Armed, Fault, Faults, Rule, before
from emulator.kraken.dialect import Kraken
from emulator.listings import STANDARD, Listing
from emulator.market import STEP_MS

_PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
_DRIPS = 20
_FOREVER_S = 3_600.0
_REMEMBERED = 100_000  # requests


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came in."""

    method: str
    path: str
    params: dict[str, str]


class Emulator:
    """The venue as a server on 127.0.0.1.

    `async with Emulator() as venue`: `venue.base_url` and `venue.ws_url` say where it is, `venue.faults.add(...)`
    breaks things, `venue.requests` tells who asked for what. With a `core.time.ManualClock` time stands still but for
    `await venue.advance(ms)`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int = 7,
        clock: VenueClock | Clock | None = None,
        begins_ms: int | None = START_MS,
        listings: Iterable[Listing] = STANDARD,
        funds: dict[str, Decimal] | None = None,
        rules: Iterable[Rule] = (),
        weight_limit: int = WEIGHT,
        orders_limit: int = ORDERS_10S,
        control: bool = False,
    ) -> None:
        self.exchange = Exchange(seed=seed, clock=clock, begins_ms=begins_ms, listings=listings, funds=funds)
        self.faults = Faults()
        self.faults.set(rules)
        self.requests: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.binance = Binance(self.exchange, self.faults, weight_limit=weight_limit, orders_limit=orders_limit)
        self.kraken = Kraken(self.exchange, self.faults)
        self.bybit = Bybit(self.exchange, self.faults)
        self.api_key, self.api_secret = API_KEY, API_SECRET
        self._port = port
        self._runner: web.AppRunner | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._control = Control(self.exchange, self.faults, self.advance) if control else None
        self._released = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        app = web.Application(client_max_size=1 << 20)
        for route in [*self.binance.routes(), *self.kraken.routes(), *self.bybit.routes()]:
            app.router.add_route(route.method, route.path, self._served(route))
        app.router.add_get("/stream", self.binance.streams.serve)
        for path in ("/ws", "/ws/{tail}", "/stream/ws", "/stream/ws/{tail}"):
            app.router.add_get(path, self.binance.streams.serve)
        for path in ("/private/ws", "/private/ws/{tail}"):
            app.router.add_get(path, self.binance.contract_stream.serve)
        app.router.add_get("/ws-api/v3", self.binance.api.serve)
        if self._control is not None:
            app.router.add_routes(self._control.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        if not self.exchange.clock.manual:
            self._pulse = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        self._released.set()
        if self._pulse is not None:
            self._pulse.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pulse
        self._move_on()
        for connection in [*self.binance.streams.connections, *self.binance.contract_stream.connections]:
            connection.queue(None)
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def advance(self, ms: int) -> None:
        """Let time pass at a venue whose time is moved by hand, and let everything it caused be sent."""
        for _ in range(ms // STEP_MS):
            self.exchange.clock.advance(STEP_MS)
            self._step()
        self.exchange.clock.advance(ms % STEP_MS)
        self._move_on()
        await asyncio.sleep(0)

    def _move_on(self) -> None:
        """Wake who waits for a clock that is held by hand."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + STEP_MS / 1000, loop.time())
            await asyncio.sleep(due - loop.time())
            self._step()

    def _step(self) -> None:
        self._skew()
        self.exchange.advance()
        self.binance.streams.tick()

    def _skew(self) -> None:
        rule = self.faults.standing(Fault.SKEW)
        self.exchange.clock.skew_ms = int(rule.number("ms", 0)) if rule else 0

    # ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _served(self, route: Route) -> Any:
        async def serve(request: web.Request) -> web.StreamResponse:
            call = await _call(request)
            self.requests.append(Seen(call.method, call.path, call.params))
            armed = self.faults.on_request(call.method, call.path, call.client_id)
            if armed is not None and armed.fault is Fault.LATE:
                await self._later(armed.number("seconds", 1))
                armed = None
            if armed is not None and before(armed.fault):
                return await self._instead(request, armed)
            self._skew()
            with acting(self.exchange, self.faults, call.method, call.path, call.client_id):
                answer = route.handle(call)
            return _response(answer) if armed is None else await self._spoiled(request, armed, answer)

        return serve

    async def _instead(self, request: web.Request, armed: Armed) -> web.StreamResponse:
        """The fault is all that the client gets; the venue never saw the request."""
        retry = {"Retry-After": armed.text("retry_after", "")} if "retry_after" in armed.rule else {}
        match armed.fault:
            case Fault.HANG:
                await self._wait(armed.number("seconds", _FOREVER_S))
                return _cut(request)
            case Fault.TOO_MANY:
                return web.json_response({"code": -1003, "msg": "Too many requests."}, status=429, headers=retry)
            case Fault.BANNED:
                text = "Way too much request weight used; IP banned until 9999999999999."
                return web.json_response({"code": -1003, "msg": text}, status=418, headers=retry)
            case Fault.REDIRECT:
                return web.Response(status=302, headers={"Location": armed.text("location", "/elsewhere")})
            case Fault.STATUS:
                return _page(armed, 503)
            case _:
                return _cut(request)

    async def _spoiled(self, request: web.Request, armed: Armed, answer: Answer) -> web.StreamResponse:
        """The venue has acted; what comes back is not what it said."""
        match armed.fault:
            case Fault.SILENT:
                await self._wait(armed.number("seconds", _FOREVER_S))
                return _cut(request)
            case Fault.LATE_STATUS:
                return _page(armed, 504)
            case Fault.HTML:
                return web.Response(body=_PAGE, content_type="text/html")
            case Fault.EMPTY:
                return web.Response(text=armed.text("body", ""), content_type="application/json")
            case Fault.MALFORMED:
                return web.Response(body=b'{"code":' + answer.body[:40], content_type="application/json")
            case Fault.WRONG_TYPES:
                return web.Response(body=_wrong(answer.body), content_type="application/json")
            case Fault.TRUNCATED | Fault.DRIP:
                return await self._in_pieces(request, armed, answer)
            case _:
                return _cut(request)

    async def _in_pieces(self, request: web.Request, armed: Armed, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_type = "application/json"
        response.content_length = len(answer.body)
        await response.prepare(request)
        if armed.fault is Fault.TRUNCATED:
            await response.write(answer.body[: max(1, len(answer.body) // 2)])
            await asyncio.sleep(0)
            _cut(request)
            return response
        size = -(-len(answer.body) // _DRIPS)
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(answer.body), size):
                await response.write(answer.body[start : start + size])
                await self._wait(armed.number("seconds", 60) / _DRIPS)
            await response.write_eof()
        return response

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), seconds)

    async def _later(self, seconds: float) -> None:
        """Wait by the venue's clock."""
        if not self.exchange.clock.manual:
            await self._wait(seconds)
            return
        due = self.exchange.clock.now_ms() + int(seconds * 1000)
        while self.exchange.clock.now_ms() < due and not self._released.is_set():
            await self._moved.wait()


async def _call(request: web.Request) -> Call:
    body = (await request.read()).decode(errors="replace")
    query = request.rel_url.raw_query_string
    form = body if "json" not in request.headers.get("Content-Type", "") else ""
    params = dict(parse_qsl(query, keep_blank_values=True)) | dict(parse_qsl(form, keep_blank_values=True))
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(request.method, request.path, params, query, body, headers)


def _response(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers=answer.headers, content_type="application/json")


def _page(armed: Armed, status: int) -> web.Response:
    """A status with a page, or with the JSON that the rule has as its body."""
    body = armed.text("body", _PAGE.decode())
    kind = "application/json" if body.startswith("{") else "text/html"
    return web.Response(status=int(armed.number("status", status)), text=body, content_type=kind)


def _cut(request: web.Request) -> web.Response:
    """Drop the connection. What is returned is written to nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _wrong(body: bytes) -> bytes:
    """Valid JSON whose numbers are words and whose lists are objects."""

    def twisted(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: twisted(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return {str(n): twisted(inner) for n, inner in enumerate(value)} if len(value) < 3 else None
        return "NaN" if isinstance(value, str) else str(value)

    found = orjson.loads(body)
    return orjson.dumps([twisted(row) for row in found] if isinstance(found, list) else twisted(found))
