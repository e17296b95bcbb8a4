"""The real ccxt classes with our settings, on a server of one's own that notes every request and answers as told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from core.instruments import ContractKind
from core.money import Price, Quantity
from core.orders import OrderType, Side, TimeInForce
from core.time import ManualClock
from execution.ports import PlainOrder
from execution.venues.exchange.adapter import ExchangeVenue
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys

NOW_NS = 1_795_280_960_000_000_000
SPOT, PERPETUAL = ContractKind.SPOT, ContractKind.PERPETUAL
OURS = "da8e4ad59b78481c93e589746b0cf91f"
COIN, SWAP = "BTC/USDT", "BTC/USDT:USDT"
# Base64, as Kraken and Coinbase want it.
SECRET = "bm90LWEtc2VjcmV0LW5vdC1hLXNlY3JldC1ub3QtYS1zZWNyZXQ="  # pragma: allowlist secret
MARKET_IDS = {"kraken": "XBTUSDT", "coinbase": "BTC-USDT", "okx": "BTC-USDT"}


@dataclass
class Request:
    method: str
    path: str
    sent: dict[str, Any]  # query and body together
    headers: dict[str, str]


@dataclass
class Told:
    """An answer: JSON unless it is a text."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # close the connection in the middle of it


class Loopback:
    """Answers each request with the next of `answers`, the last one for ever."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Told] = [Told({})]
        self.base_url = ""

    def tell(self, *answers: Any) -> None:
        self.requests.clear()
        self.answers = [answer if isinstance(answer, Told) else Told(answer) for answer in answers]

    @property
    def last(self) -> Request:
        return self.requests[-1]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        text = (await request.read()).decode()
        body = json.loads(text) if text.startswith(("{", "[")) else dict(parse_qsl(text, keep_blank_values=True))
        sent = dict(request.query) | (body if isinstance(body, dict) else {"batch": body})
        self.requests.append(Request(request.method, request.path, sent, dict(request.headers)))
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = told.body if isinstance(told.body, str) else json.dumps(told.body)
        kind = "text/html" if text.startswith("<") else "application/json"
        if not told.cut:
            return web.Response(text=text, status=told.status, headers=told.headers, content_type=kind)
        response = web.StreamResponse(headers={"Content-Length": str(len(text) + 100)})
        await response.prepare(request)
        await response.write(text.encode())
        assert request.transport is not None
        request.transport.close()
        return response


@asynccontextmanager
async def loopback() -> AsyncIterator[Loopback]:
    server = Loopback()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def market_row(client: Any, venue: str, kind: ContractKind) -> dict[str, Any]:
    """BTC against USDT as ccxt would have loaded it; an OKX contract is a hundredth of a bitcoin."""
    spot = kind is SPOT
    contract = "0.01" if venue == "okx" else "1"
    market: dict[str, Any] = client.safe_market_structure(
        {
            "id": MARKET_IDS.get(venue, "BTCUSDT") + ("-SWAP" if venue == "okx" and not spot else ""),
            "symbol": COIN if spot else SWAP,
            "base": "BTC",
            "quote": "USDT",
            "settle": None if spot else "USDT",
            "baseId": "BTC",
            "quoteId": "USDT",
            "settleId": None if spot else "USDT",
            "type": "spot" if spot else "swap",
            "spot": spot,
            "swap": not spot,
            "future": False,
            "option": False,
            "contract": not spot,
            "linear": None if spot else True,
            "inverse": None if spot else False,
            "contractSize": None if spot else contract,
            "active": True,
            "taker": "0.001",
            "maker": "0.001",
            "precision": {"amount": "0.00001", "price": "0.01"},
            "limits": {"amount": {"min": "0.00001", "max": "9000"}, "cost": {"min": "5"}, "price": {}, "leverage": {}},
            "info": {"orderTypes": ["LIMIT", "MARKET", "STOP_LOSS", "LIMIT_MAKER", "STOP_MARKET"]},
        }
    )
    return market


@asynccontextmanager
async def wired(
    venue: str, kind: ContractKind = SPOT, *, timeout_ms: int = 2_000, budget: RateBudget | None = None
) -> AsyncIterator[tuple[ExchangeVenue, Any, Loopback]]:
    """The adapter, its client and the server that they talk to. Markets and account are loaded."""
    async with loopback() as server:
        access = Access({"rest": server.base_url}, timeout_ms=timeout_ms, stream=False)
        keys = Keys("key", SECRET, "pass")
        adapter = ExchangeVenue.at(venue, kind, "acct", keys, budget or RateBudget(1e6), ManualClock(NOW_NS), access)
        client = adapter._client
        client.timeout_on_exit = 0  # a quarter of a second for connections that are encrypted
        client.set_markets([market_row(client, venue, kind)])
        client.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True}
        adapter._ready = frozenset({COIN if kind is SPOT else SWAP})
        try:
            yield adapter, client, server
        finally:
            await adapter.close()


def order(
    side: str = "buy",
    quantity: str = "0.01234",
    *,
    at: str | None = "54321.01",
    stop: str | None = None,
    kind: ContractKind = SPOT,
    times: TimeInForce = TimeInForce.GTC,
    reduce_only: bool = False,
    name: str = OURS,
) -> PlainOrder:
    sort = OrderType.STOP if stop else OrderType.LIMIT if at else OrderType.MARKET
    return PlainOrder(
        client_order_id=name,
        symbol=COIN if kind is SPOT else SWAP,
        side=Side(side),
        type=sort,
        quantity=Quantity(Decimal(quantity)),
        limit_price=None if at is None or stop else Price(Decimal(at)),
        trigger_price=None if stop is None else Price(Decimal(stop)),
        time_in_force=times,
        reduce_only=reduce_only,
        decided_ns=0,
    )
